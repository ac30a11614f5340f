/* Opening an open file anew: what /proc/PID/fd/N, exe and cwd lead to when they are opened
 * (proc_pid_fd(5)), and O_PATH descriptors of open files.
 *
 * What comes out is another description of the very thing, never found by its name again. Each kind
 * says in ops->reopen how (the inode, a fresh pty, a queue, ...); one that says nothing cannot be
 * opened (ENXIO), as sockets and the anonymous kinds on Linux. The checks are those of an open by
 * name: mode and owner of the inode, the file's own mount, device nodes by number. What the guest
 * was given open from outside of its root has no name there: no open gives more than it has. */
#include "syscalls/fs/fs_place.h"
#include "syscalls/file/io.h"
#include "syscalls/fs/rw.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int open_wants(int flags) {
    int mode = flags & O_ACCMODE;
    int want = flags & FILE_EXECUTE ? 1 : mode == O_RDONLY ? 4 : mode == O_WRONLY ? 2 : 6;
    return want | (flags & O_TRUNC ? 2 : 0);
}

int file_reopen_check(struct file *file, struct task *task, int flags) {
    struct stat st;
    int error = file_stat(file, &st);
    return error ? error : permission_bits(task, &st, open_wants(flags));
}

/* --- descriptors that stand for a file (O_PATH) ---------------------------------------- */

/* Two forms. Over a host O_PATH descriptor of the inode: `data` is the kind of the open file that
 * it was made from, NULL where it was made by name. Or, for kinds that are more than their host
 * inode: `data` is the open file itself, referenced. */

static int path_stat(struct file *file, struct stat *st) {
    const struct file_ops *kind = file->data;
    return kind && kind->stat ? kind->stat(file, st) : file_stat_host(file, st);
}

static void path_release(struct file *file) {
    if (file->host_fd >= 0) {
        close(file->host_fd);
    }
}

const struct file_ops file_ops_path = {
    .kind = "path",
    .stat = path_stat,
    .reopen = file_reopen_inode,
    .release = path_release,
};

static int held_stat(struct file *file, struct stat *st) {
    return file_stat(file->data, st);
}

static int held_reopen(struct file *file, struct task *task, int flags, struct file **out) {
    return file_reopen(task, file->data, flags, out);
}

static void held_release(struct file *file) {
    file_unref(file->data);
}

static const struct file_ops held_path_ops = {
    .kind = "path",
    .stat = held_stat,
    .reopen = held_reopen,
    .release = held_release,
};

/* The kind of a file that is a host inode and no more: nothing is lost when only that is kept. */
static bool is_inode(const struct file *file) {
    const struct file_ops *ops = file->ops;
    bool plain = !ops->reopen && (!ops->stat || ops->stat == anon_stat) && !ops->seek;
    return file->host_fd >= 0 && !file->given && (plain || ops->reopen == file_reopen_inode);
}

static int path_of_file(struct file *file, int flags, struct file **out) {
    int keep = O_PATH | (flags & O_DIRECTORY);
    struct file *path;
    if (is_inode(file)) {
        char host[40];
        snprintf(host, sizeof host, "/proc/self/fd/%d", file->host_fd);
        int fd = file->flags & O_PATH ? fcntl(file->host_fd, F_DUPFD_CLOEXEC, 3)
                                      : open(host, O_PATH | O_CLOEXEC);
        if (fd < 0) {
            return -errno;
        }
        path = file_create(&file_ops_path, fd, keep);
        if (path) {
            const struct file_ops *kind = file->ops == &file_ops_path ? file->data : file->ops;
            bool nameless = kind && (!kind->reopen || kind->stat);
            path->data = nameless ? (void *)kind : NULL;
            path->data_word = file->data_word;
        }
    } else {
        path = file_create(&held_path_ops, -1, keep);
        if (path) {
            path->data = file_ref(file);
        }
    }
    if (!path) {
        return -ENOMEM;
    }
    path->mount = file->mount;
    path->given = file->given;
    path->path = file->path ? strdup(file->path) : NULL;
    *out = path;
    return 0;
}

/* --- the inode ------------------------------------------------------------------------- */

int file_reopen_inode(struct file *file, struct task *task, int flags, struct file **out) {
    struct stat st;
    bool writes = open_wants(flags) & 2;
    const struct file_ops *kind = file->flags & O_PATH ? file->data : file->ops;
    if (kind && !kind->reopen) {
        return -ENXIO;
    }
    int error = file_stat(file, &st);
    if (error) {
        return error;
    }
    bool node = S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode);
    if (S_ISSOCK(st.st_mode)) {
        return -ENXIO;
    }
    if (file->mount && file->mount->read_only && writes && (S_ISREG(st.st_mode))) {
        return -EROFS;
    }
    if (!node || file->mount) {
        error = file->given ? 0 : permission_check(task, &st, open_wants(flags));
    }
    if (error) {
        return error;
    }
    if (node && fs_private_root) {
        return fs_open_device(task, &st, flags, out);
    }
    if (open_overflows(task, flags, &st)) {
        return -EOVERFLOW;
    }
    char host[40];
    snprintf(host, sizeof host, "/proc/self/fd/%d", file->host_fd);
    int host_flags =
        (flags & ~(FILE_OWN_FLAGS | O_CREAT | O_EXCL | O_NOFOLLOW)) | O_CLOEXEC | O_NOCTTY;
    long fd = host_call(task, SYS_openat, AT_FDCWD, (long)host, host_flags, 0, 0, 0);
    if (fd < 0) {
        return (int)restartable(fd);
    }
    struct file *copy = file_create(kind ? kind : file_ops_of_mode(st.st_mode), (int)fd, flags);
    if (!copy) {
        return -ENOMEM;
    }
    copy->mount = file->mount;
    copy->given = file->given;
    copy->data_word = file->data_word;
    copy->path = file->path ? strdup(file->path) : NULL;
    *out = copy;
    return 0;
}

/* What was given open: bits that its descriptor does not have are refused. */
static int check_given(const struct file *file, int flags) {
    int have = file->flags & O_PATH ? 0 : open_wants(file->flags & O_ACCMODE);
    if (file->ops == &held_path_ops) /* asks the file behind it */
    {
        return 0;
    }
    have |= have & 4 ? 1 : 0;
    return file->given && (open_wants(flags) & ~have) ? -EACCES : 0;
}

int file_reopen(struct task *task, struct file *file, int flags, struct file **out) {
    struct stat st;
    if (flags & O_PATH) {
        return path_of_file(file, flags, out);
    }
    int error = file_stat(file, &st);
    if (error) {
        return error;
    }
    if (S_ISLNK(st.st_mode)) {
        return -ELOOP;
    }
    if (S_ISDIR(st.st_mode) && ((open_wants(flags) & 2) || (flags & O_CREAT))) {
        return -EISDIR;
    }
    error = check_given(file, flags);
    if (error) {
        return error;
    }
    return file->ops->reopen ? file->ops->reopen(file, task, flags, out) : -ENXIO;
}
