/* Sizes of files and their way to the disk: truncate(2), fallocate(2), fsync(2), sync(2),
 * syncfs(2), sync_file_range(2), posix_fadvise(2), readahead(2). */
#include "gen/syscall_protos.h"
#include "syscalls/fs/fs_place.h"
#include "syscalls/fs/rw.h"
#include "syscalls/signal/signal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

/* RLIMIT_FSIZE for a new size: 0, or -EFBIG with SIGXFSZ. */
static int check_size(struct task *task, int64_t size) {
    uint64_t limit = task->process->limits[RLIMIT_FSIZE].rlim_cur;
    if (limit == RLIM_INFINITY || (uint64_t)size <= limit) {
        return 0;
    }
    struct sigqueue_info info = {.signo = SIGXFSZ, .code = SI_USER, .pid = task->process->pid};
    signal_send_task(task, &info);
    return -EFBIG;
}

/* As an open for writing: with its checks, and of the very file that they were made of. */
static long truncate_path(struct task *task, gaddr_t path, int64_t size) {
    struct place place;
    struct file *file;
    if (size < 0) {
        return -EINVAL;
    }
    int error = place_find_guest(task, AT_FDCWD, path, PLACE_FOLLOW, &place);
    if (error) {
        return error;
    }
    error = S_ISDIR(place.st.st_mode) ? -EISDIR : !S_ISREG(place.st.st_mode) ? -EINVAL : 0;
    if (!error) {
        error = place_writable(&place);
    }
    if (!error) {
        error =
            place_open(task, &place, O_WRONLY | O_NONBLOCK | O_CLOEXEC | FILE_LARGEFILE, 0, &file);
    }
    place_put(&place);
    if (error) {
        return error;
    }
    if (file->ops != &file_ops_regular) {
        error = -EINVAL;
    } else if (!(error = check_size(task, size))) {
        set_id_drop(task, file->mount, file->host_fd);
        if (ftruncate(file->host_fd, size)) {
            error = -errno;
        }
        set_id_drop(task, file->mount, file->host_fd);
    }
    file_unref(file);
    return error;
}

/* truncate(2) */
long sys_truncate(struct task *task, gaddr_t path, int64_t size) {
    return truncate_path(task, path, size);
}

long sys_truncate64(struct task *task, gaddr_t path, int64_t size) {
    return truncate_path(task, path, size);
}

/* Runs a host call on a descriptor that has a host one; `changes`: the contents. */
static long with_file(struct task *task, int fd, bool changes, long number, long a, long b,
                      long c) {
    struct file *file = fd_get(task, fd);
    if (!file) {
        return -EBADF;
    }
    changes = changes && (file->flags & O_ACCMODE) != O_RDONLY;
    if (changes) {
        set_id_on_write(task, file);
    }
    long result = -EINVAL;
    if (file->flags & O_PATH) {
        result = -EBADF;
    } else if (file->host_fd >= 0) {
        result = restartable(host_call(task, number, file->host_fd, a, b, c, 0, 0));
    }
    if (changes) {
        set_id_on_write(task, file);
    }
    file_unref(file);
    return result;
}

/* ftruncate(2) */
long sys_ftruncate64(struct task *task, int32_t fd, int64_t size) {
    int error = size < 0 ? -EINVAL : check_size(task, size);
    return error ? error : with_file(task, fd, true, SYS_ftruncate, size, 0, 0);
}

long sys_ftruncate(struct task *task, int32_t fd, int64_t size) {
    return sys_ftruncate64(task, fd, size);
}

/* fallocate(2) */
long sys_fallocate(struct task *task, int32_t fd, uint32_t mode, int64_t offset, int64_t len) {
    if (offset >= 0 && len > 0 && len <= INT64_MAX - offset && !(mode & 1)) {
        int error = check_size(task, offset + len);
        if (error) {
            return error;
        }
    }
    return with_file(task, fd, true, SYS_fallocate, (long)mode, offset, len);
}

/* fsync(2) */
long sys_fsync(struct task *task, int32_t fd) {
    return with_file(task, fd, false, SYS_fsync, 0, 0, 0);
}

/* fdatasync(2) */
long sys_fdatasync(struct task *task, int32_t fd) {
    return with_file(task, fd, false, SYS_fdatasync, 0, 0, 0);
}

/* sync(2): the file systems of the mounts, not all of the host's */
long sys_sync(struct task *task) {
    for (int i = 0; i < fs_mount_count; i++) {
        int fd = fs_mounts[i].dir < 0 ? -1 : openat(fs_mounts[i].dir, ".", O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
            syncfs(fd);
            close(fd);
        }
    }
    return 0;
}

/* syncfs(2) */
long sys_syncfs(struct task *task, int32_t fd) {
    return with_file(task, fd, false, SYS_syncfs, 0, 0, 0);
}

/* sync_file_range(2) */
long sys_sync_file_range(struct task *task, int32_t fd, int64_t offset, int64_t len,
                         uint32_t flags) {
    return with_file(task, fd, false, SYS_sync_file_range, offset, len, (long)flags);
}

/* posix_fadvise(2) */
long sys_fadvise64_64(struct task *task, int32_t fd, int64_t offset, int64_t len, int32_t advice) {
    return with_file(task, fd, false, SYS_fadvise64, offset, len, advice);
}

long sys_fadvise64(struct task *task, int32_t fd, int64_t offset, uint64_t len, int32_t advice) {
    return sys_fadvise64_64(task, fd, offset, (int64_t)len, advice);
}

/* readahead(2) */
long sys_readahead(struct task *task, int32_t fd, int64_t offset, uint64_t len) {
    return with_file(task, fd, false, SYS_readahead, offset, (long)len, 0);
}
