/* Unix sockets as names in the file system: where bind(2) makes one, what connect(2) and sendto(2)
 * find (unix(7)). Addresses and what is behind them are socket_unix.c. */
#include "syscalls/fs/fs_place.h"
#include "syscalls/fs/privilege.h"
#include "syscalls/net/fs_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* rename without replacing, on file systems that cannot do that in one call too. 0 or -errno. */
static int rename_new(int dir, const char *from, const char *to) {
    if (!syscall(SYS_renameat2, dir, from, dir, to, 1 /* RENAME_NOREPLACE */)) {
        return 0;
    }
    if (errno != EINVAL && errno != ENOSYS) {
        return -errno;
    }
    if (linkat(dir, from, dir, to, 0)) {
        return -errno;
    }
    unlinkat(dir, from, 0);
    return 0;
}

/* Binds as `temporary`, sets owner and mode of that very thing, and gives it its name. No guest
 * changes names meanwhile. */
static int bind_at(struct task *task, const struct place *place, int host_fd, const char *temporary,
                   void (*made)(void *arg, const struct stat *st), void *arg) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct stat st;
    int dir = fcntl(place->dir, F_DUPFD_CLOEXEC, 3), pin = -1;
    if (dir < 0) {
        return -errno;
    }
    /* /proc/self leads a host path to the place, whatever its length */
    snprintf(un.sun_path, sizeof un.sun_path, "/proc/self/fd/%d/%s", dir, temporary);
    mode_t mode = 0777 & ~task->fs->umask;
    fchmod(host_fd, mode); /* becomes the mode of the name */
    privilege_enter(task, place->mount);
    int error = bind(host_fd, (struct sockaddr *)&un, sizeof un) ? -errno : 0;
    privilege_leave();
    if (!error) {
        pin = openat(dir, temporary, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        error = pin < 0 || fstat(pin, &st) ? -errno : 0;
        struct stat parent;
        bool inherits =
            !error && !fs_owner_fstat(place->mount, dir, &parent) && (parent.st_mode & S_ISGID);
        if (!error) {
            made(arg, &st);
        }
        if (!error) /* what the host refuses is kept beside it, or shown as it is */
        {
            metadata_created(task, pin, mode, inherits ? (int64_t)parent.st_gid : -1);
        }
        privilege_enter(task, place->mount);
        if (!error) {
            error = rename_new(dir, temporary, place->name);
        }
        if (error) {
            unlinkat(dir, temporary, 0);
        }
        privilege_leave();
    }
    if (pin >= 0) {
        close(pin);
    }
    close(dir);
    return error == -EEXIST ? -EADDRINUSE : error;
}

int fs_socket_bind(struct task *task, const char *path, int host_fd, const char *temporary,
                   const struct mount **mount, void (*made)(void *arg, const struct stat *st),
                   void *arg) {
    struct place place;
    int error = place_find(task, AT_FDCWD, path, PLACE_PARENT, &place);
    if (error) {
        return error;
    }
    if (place.is_synth || place.file || !place.name[0] || place.exists) {
        error = -EADDRINUSE;
    } else if (place.slash) {
        error = -ENOENT;
    } else if (!(error = place_writable(&place))) {
        error = place_names_check(task, &place, false);
    }
    if (!error) {
        fs_names_hold();
        error = bind_at(task, &place, host_fd, temporary, made, arg);
        fs_names_let_go();
    }
    *mount = place.mount;
    place_put(&place);
    return error;
}

bool fs_socket_name_taken(struct task *task, const char *path) {
    struct place place;
    if (place_find(task, AT_FDCWD, path, PLACE_PARENT, &place)) {
        return false;
    }
    place_put(&place);
    return place.exists;
}

int fs_socket_find(struct task *task, const char *path, const struct mount **mount) {
    struct place place;
    struct stat st;
    int fd = -ECONNREFUSED, error = place_find(task, AT_FDCWD, path, PLACE_FOLLOW, &place);
    if (error) {
        return error;
    }
    if (!place.is_synth && !place.file && place.name[0]) {
        fd = openat(place.dir, place.name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        fd = fd < 0 ? -errno : fd;
    }
    if (fd >= 0) { /* asked of the very thing that is connected to */
        error = fs_owner_fstat(place.mount, fd, &st);
        if (!error) {
            error = permission_check(task, &st, 2);
        }
    }
    if (error) {
        close(fd);
        fd = error;
    }
    *mount = place.mount;
    place_put(&place);
    return fd;
}
