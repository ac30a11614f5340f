/* inotify(7): the host's, on the inodes that guest paths resolve to. Events carry names, never
 * paths, so they can be read from the host's descriptor as they are. */
#include "gen/syscall_protos.h"
#include "syscalls/abi/abi_open.h"
#include "syscalls/proc/fdinfo.h"
#include "syscalls/fs/fs_place.h"

#include <errno.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

static const struct file_ops inotify_ops = {.kind = "inotify", .info = fdinfo_of_host};

/* inotify_init1(2) */
long sys_inotify_init1(struct task *task, uint32_t flags) {
    int host = open_flags_from_guest(flags);
    if (host & ~(O_NONBLOCK | O_CLOEXEC))
        return -EINVAL;
    int fd = inotify_init1((host & O_NONBLOCK ? IN_NONBLOCK : 0) | IN_CLOEXEC);
    if (fd < 0)
        return -errno;
    struct file *file = file_create(&inotify_ops, fd, O_RDONLY | (host & O_NONBLOCK));
    return file ? fd_install(task, file, host & O_CLOEXEC, 0) : -ENOMEM;
}

/* inotify_init(2) */
long sys_inotify_init(struct task *task) {
    return sys_inotify_init1(task, 0);
}

/* inotify_add_watch(2) */
long sys_inotify_add_watch(struct task *task, int32_t fd, gaddr_t path, uint32_t mask) {
    struct place place;
    struct file *file = fd_get(task, fd);
    if (!file)
        return -EBADF;
    long result = -EINVAL;
    if (file->ops == &inotify_ops)
        result = place_find_guest(task, AT_FDCWD, path, mask & IN_DONT_FOLLOW ? 0 : PLACE_FOLLOW,
                                  &place);
    if (result || file->ops != &inotify_ops) {
        file_unref(file);
        return result;
    }
    if (place.is_synth || place.file) {
        result = -EACCES; /* nothing ever happens there; better said than waited for in vain */
    } else {
        char host[NAME_MAX + 40];
        int pin = -1;
        if (place.name[0] && !S_ISLNK(place.st.st_mode)) {
            pin = openat(place.dir, place.name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
            snprintf(host, sizeof host, "/proc/self/fd/%d", pin);
            mask &= ~(uint32_t)IN_DONT_FOLLOW;
        } else {
            place_host_path(&place, host, sizeof host);
            if (place.name[0])
                mask |= IN_DONT_FOLLOW;
        }
        if (place.name[0] && !S_ISLNK(place.st.st_mode) && pin < 0)
            result = -errno;
        else if ((result = inotify_add_watch(file->host_fd, host, mask)) < 0)
            result = -errno;
        if (pin >= 0)
            close(pin);
    }
    place_put(&place);
    file_unref(file);
    return result;
}

/* inotify_rm_watch(2) */
long sys_inotify_rm_watch(struct task *task, int32_t fd, int32_t watch) {
    struct file *file = fd_get(task, fd);
    if (!file)
        return -EBADF;
    long result = -EINVAL;
    if (file->ops == &inotify_ops)
        result = inotify_rm_watch(file->host_fd, watch) ? -errno : 0;
    file_unref(file);
    return result;
}
