/* Open files that are a host inode and nothing more: regular ones, directories, fifos, devices; and
 * what stat(2) and a path say of any file. Opening them by name is fs_open.c, files that come open
 * from outside fs_adopt.c. */
#include "syscalls/fs/dir.h"
#include "syscalls/fs/fs_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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
    if (flags & O_PATH) {
        ops = &file_ops_path;
    } else if (fstat(host_fd, &st) == 0) {
        ops = file_ops_of_mode(st.st_mode);
    }
    return file_create(ops, host_fd, flags);
}

int file_stat(struct file *file, struct stat *st) {
    return file->ops->stat ? file->ops->stat(file, st) : file_stat_host(file, st);
}

int file_stat_host(struct file *file, struct stat *st) {
    if (file->host_fd < 0) {
        return -EBADF;
    }
    if (fstat(file->host_fd, st)) {
        return -errno;
    }
    if (file->mount && file->mount->metadata) {
        if (file->flags & O_PATH) {
            metadata_apply_at(file->host_fd, "", st);
        } else {
            metadata_apply_at(file->host_fd, NULL, st);
        }
    } else {
        fs_owner_shown(st);
    }
    return 0;
}

int file_path(struct file *file, char *path, size_t size) {
    if (file->mount && file->mount->dir >= 0 && file->host_fd >= 0) {
        bool deleted;
        int error = fs_path_of_host_fd(file->mount, file->host_fd, path, size, &deleted);
        if (!error && deleted && strlen(path) + 11 <= size) {
            strcat(path, " (deleted)");
        }
        if (!error) {
            return 0;
        }
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
