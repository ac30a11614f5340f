/* inotify(7): the host's, on the inodes that guest paths resolve to. Events carry names, never
 * paths, so they can be read from the host's descriptor as they are. */
#include "gen/syscall_protos.h"
#include "syscalls/file/open_flags.h"
#include "syscalls/file/fdinfo.h"
#include "syscalls/fs/fs_place.h"
#include "syscalls/fs/privilege.h"

#include <errno.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

static const struct file_ops inotify_ops = {.kind = "inotify", .info = fdinfo_of_host};

/* inotify_init1(2) */
long sys_inotify_init1(struct task *task, uint32_t flags) {
    int host = open_flags_from_guest(flags);
    if (host & ~(O_NONBLOCK | O_CLOEXEC)) {
        return -EINVAL;
    }
    int fd = inotify_init1((host & O_NONBLOCK ? IN_NONBLOCK : 0) | IN_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    struct file *file = file_create(&inotify_ops, fd, O_RDONLY | (host & O_NONBLOCK));
    return file ? fd_install(task, file, host & O_CLOEXEC, 0) : -ENOMEM;
}

/* inotify_init(2) */
long sys_inotify_init(struct task *task) {
    return sys_inotify_init1(task, 0);
}

/* A watch tells names and times of use: it asks for what reading the file would. */
static long add_watch(struct task *task, int notifier, const struct place *place, uint32_t mask) {
    struct stat st;
    char host[40];
    bool own;
    bool on_host = !place->is_synth && place->mount->dir >= 0;
    if (!on_host || (place->file && place->file->given)) {
        return -EACCES; /* nothing ever happens there; better said than waited for in vain */
    }
    int pin = place_pin(place, &own);
    if (pin < 0) {
        return pin;
    }
    long result = place_pinned_stat(place, pin, &st);
    if (!result) {
        result = permission_check(task, &st, 4);
    }
    if (!result) {
        snprintf(host, sizeof host, "/proc/self/fd/%d", pin);
        privilege_enter(task, place->mount);
        result = inotify_add_watch(notifier, host, mask & ~(uint32_t)IN_DONT_FOLLOW);
        result = result < 0 ? -errno : result;
        privilege_leave();
    }
    if (own) {
        close(pin);
    }
    return result;
}

/* inotify_add_watch(2) */
long sys_inotify_add_watch(struct task *task, int32_t fd, gaddr_t path, uint32_t mask) {
    struct place place;
    struct file *file = fd_get(task, fd);
    if (!file) {
        return -EBADF;
    }
    long result = -EINVAL;
    if (file->ops == &inotify_ops) {
        result = place_find_guest(task, AT_FDCWD, path, mask & IN_DONT_FOLLOW ? 0 : PLACE_FOLLOW,
                                  &place);
    }
    if (result || file->ops != &inotify_ops) {
        file_unref(file);
        return result;
    }
    result = add_watch(task, file->host_fd, &place, mask);
    place_put(&place);
    file_unref(file);
    return result;
}

/* inotify_rm_watch(2) */
long sys_inotify_rm_watch(struct task *task, int32_t fd, int32_t watch) {
    struct file *file = fd_get(task, fd);
    if (!file) {
        return -EBADF;
    }
    long result = -EINVAL;
    if (file->ops == &inotify_ops) {
        result = inotify_rm_watch(file->host_fd, watch) ? -errno : 0;
    }
    file_unref(file);
    return result;
}
