/* Open file descriptions: their life, the kinds that stand on a host descriptor alone, and what can
 * be asked of any of them. Reading and writing is rw.c, numbers are fd.c, opening is fs_open.c. */
#include "syscalls/file/file.h"
#include "syscalls/file/io.h"
#include "syscalls/fs/dir.h"
#include "syscalls/fs/fs_place.h"
#include "syscalls/file/lock.h"
#include "syscalls/task/account.h"
#include "syscalls/tty/tty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct file_ops file_ops_regular = {.kind = "regular", .reopen = file_reopen_inode};
const struct file_ops file_ops_fifo = {.kind = "fifo", .reopen = file_reopen_inode};
const struct file_ops file_ops_socket_path = {.kind = "socket"};
const struct file_ops file_ops_device = {.kind = "device", .reopen = file_reopen_inode};
const struct file_ops file_ops_directory = {
    .kind = "directory",
    .seek = dir_seek,
    .getdents = dir_getdents,
    .reopen = file_reopen_inode,
    .release = dir_release,
};

struct file *file_create(const struct file_ops *ops, int host_fd, int flags) {
    struct account *account = account_current();
    bool allowed = account_allows(account, SHARE_FILES, 1);
    struct file *file = allowed ? calloc(1, sizeof *file) : NULL;
    if (!file) {
        if (host_fd >= 0)
            close(host_fd);
        errno = allowed ? ENOMEM : ENFILE;
        return NULL;
    }
    file->account = account;
    account_add(account, SHARE_FILES, 1);
    file->ops = ops;
    file->host_fd = host_fd;
    file->refs = 1;
    file->flags = flags & ~(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC);
    pthread_mutex_init(&file->lock, NULL);
    return file;
}

struct file *file_ref(struct file *file) {
    file->refs++;
    return file;
}

void file_unref(struct file *file) {
    if (!file || --file->refs)
        return;
    lock_release(file);
    if (file->epoll_items)
        epoll_file_gone(file);
    if (file->sent)
        rights_file_gone(file);
    if (file->ops->release)
        file->ops->release(file);
    else if (file->host_fd >= 0)
        close(file->host_fd);
    account_add(file->account, SHARE_FILES, -1);
    pthread_mutex_destroy(&file->lock);
    free(file->path);
    free(file);
}

const struct file_ops *file_ops_of_mode(mode_t mode) {
    switch (mode & S_IFMT) {
    case S_IFREG:
        return &file_ops_regular;
    case S_IFDIR:
        return &file_ops_directory;
    case S_IFIFO:
        return &file_ops_fifo;
    case S_IFSOCK:
        return &file_ops_socket_path;
    default:
        return &file_ops_device;
    }
}

struct file *file_create_host(int host_fd, int flags) {
    struct stat st;
    const struct file_ops *ops = &file_ops_regular;
    if (flags & O_PATH)
        ops = &file_ops_path;
    else if (fstat(host_fd, &st) == 0)
        ops = file_ops_of_mode(st.st_mode);
    return file_create(ops, host_fd, flags);
}

int file_adopt_host(int fd, struct file **out) {
    int got = tty_adopt_host(fd, out);
    if (got)
        return got < 0 ? got : 0;
    int flags = fcntl(fd, F_GETFL);
    int copy = flags < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0)
        return -errno;
    *out = file_from_host(NULL, copy);
    if (!*out)
        return -ENOMEM;
    (*out)->given = fs_private_root;
    /* a name to show; the place itself may be outside of the root and is never opened by it */
    char link[40], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    if (len > 0 && path[0] == '/')
        (*out)->path = strndup(path, (size_t)len);
    return 0;
}

int file_stat(struct file *file, struct stat *st) {
    return file->ops->stat ? file->ops->stat(file, st) : file_stat_host(file, st);
}

int file_stat_host(struct file *file, struct stat *st) {
    if (file->host_fd < 0)
        return -EBADF;
    if (fstat(file->host_fd, st))
        return -errno;
    if (file->mount && file->mount->metadata) {
        if (file->flags & O_PATH)
            metadata_apply_at(file->host_fd, "", st);
        else
            metadata_apply_at(file->host_fd, NULL, st);
    } else {
        fs_owner_shown(st);
    }
    return 0;
}

int file_path(struct file *file, char *path, size_t size) {
    if (file->mount && file->mount->dir >= 0 && file->host_fd >= 0) {
        bool deleted;
        int error = fs_path_of_host_fd(file->mount, file->host_fd, path, size, &deleted);
        if (!error && deleted && strlen(path) + 11 <= size)
            strcat(path, " (deleted)");
        if (!error)
            return 0;
    }
    if (file->path) {
        snprintf(path, size, "%s", file->path);
        return 0;
    }
    char host[40];
    snprintf(host, sizeof host, "/proc/self/fd/%d", file->host_fd);
    ssize_t len = file->host_fd < 0 ? -1 : readlink(host, path, size - 1);
    if (len > 0 && path[0] != '/') { /* "pipe:[7]", "socket:[8]", "anon_inode:[eventfd]" */
        path[len] = 0;
        return 0;
    }
    snprintf(path, size, "anon_inode:[%s]", file->ops->kind);
    return 0;
}
