/* Files over host descriptors that come open from outside: 0, 1 and 2 at the start, and what the
 * host's processes send (SCM_RIGHTS). Which kind one is, the host's name for it tells. */
#include "syscalls/file/io.h"
#include "syscalls/fs/fs_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct file *file_from_host(struct task *task, int host_fd) {
    struct stat st;
    int flags = fcntl(host_fd, F_GETFL);
    if (flags < 0 || fstat(host_fd, &st)) {
        close(host_fd);
        return NULL;
    }
    if (flags & 0100000) /* O_LARGEFILE, which a 64-bit libc has as 0 */
    {
        flags |= FILE_LARGEFILE;
    }
    char name[64], path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", host_fd);
    ssize_t len = readlink(path, name, sizeof name - 1);
    name[len > 0 ? len : 0] = 0;
    const struct file_ops *ops = file_kind_of_link(name);
    if (!ops || (S_ISSOCK(st.st_mode) && (flags & O_PATH))) {
        return file_create_host(host_fd, flags);
    }
    if (ops->adopt) {
        return ops->adopt(task, host_fd, flags);
    }
    struct file *file = file_create(ops, host_fd, flags);
    if (file) {
        anon_set_owner(file, task);
    }
    return file;
}

int file_adopt_host(int fd, struct file **out) {
    int flags = fcntl(fd, F_GETFL);
    int copy = flags < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0) {
        return -errno;
    }
    *out = file_from_host(NULL, copy);
    if (!*out) {
        return -ENOMEM;
    }
    (*out)->given = fs_private_root;
    /* a name to show; the place itself may be outside of the root and is never opened by it */
    char link[40], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    if (len > 0 && path[0] == '/') {
        (*out)->path = strndup(path, (size_t)len);
    }
    return 0;
}
