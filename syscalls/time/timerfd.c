/* timerfd_create(2) and its settings: a host timerfd, whose clocks are the guest's as well. */
#include "syscalls/abi/abi.h"
#include "syscalls/abi/times.h"
#include "syscalls/file/fdinfo.h"
#include "syscalls/file/io.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/timerfd.h>

#include "gen/syscall_protos.h"
#include "syscalls/time/time.h"

static ssize_t timerfd_write(struct file *file, struct task *task, const struct iovec *iov,
                             int count, int64_t offset) {
    return -EINVAL;
}

const struct file_ops timerfd_ops = {
    .kind = "anon_inode:[timerfd]",
    .nowhere = FILE_EVENT,
    .read = stream_read,
    .nowait = stream_nowait,
    .write = timerfd_write,
    .stat = anon_stat,
    .info = fdinfo_of_host,
};

long sys_timerfd_create(struct task *task, int32_t clock, uint32_t flags) {
    if (flags & ~(TFD_CLOEXEC | TFD_NONBLOCK)) {
        return -EINVAL;
    }
    int fd = timerfd_create(clock, TFD_CLOEXEC | (int)flags);
    return io_install(task, &timerfd_ops, fd < 0 ? -errno : fd, O_RDWR | (int)flags, NULL);
}

/* A timerfd by descriptor: referenced, or NULL with *error EBADF or EINVAL. */
static struct file *timerfd_get(struct task *task, int fd, long *error) {
    struct file *file = fd_get(task, fd);
    *error = -EBADF;
    if (file && file->ops != &timerfd_ops) {
        file_unref(file);
        file = NULL;
        *error = -EINVAL;
    }
    return file;
}

static long settime(struct task *task, const struct abi_times *times, int fd, uint32_t flags,
                    gaddr_t new_at, gaddr_t old_at) {
    struct itimerspec new, old;
    if (times_get_itimerspec(task, times, new_at, &new)) {
        return -EFAULT;
    }
    long error;
    struct file *file = timerfd_get(task, fd, &error);
    if (!file) {
        return error;
    }
    error = timerfd_settime(file->host_fd, (int)flags, &new, &old) ? -errno : 0;
    file_unref(file);
    if (!error && old_at) {
        error = times_put_itimerspec(task, times, old_at, &old);
    }
    return error;
}

static long gettime(struct task *task, const struct abi_times *times, int fd, gaddr_t at) {
    struct itimerspec now;
    long error;
    struct file *file = timerfd_get(task, fd, &error);
    if (!file) {
        return error;
    }
    error = timerfd_gettime(file->host_fd, &now) ? -errno : 0;
    file_unref(file);
    return error ? error : times_put_itimerspec(task, times, at, &now);
}

long sys_timerfd_settime(struct task *task, int32_t fd, uint32_t flags, gaddr_t new, gaddr_t old) {
    return settime(task, task->abi->times, fd, flags, new, old);
}

long sys_timerfd_settime64(struct task *task, int32_t fd, uint32_t flags, gaddr_t new,
                           gaddr_t old) {
    return settime(task, task->abi->times64, fd, flags, new, old);
}

long sys_timerfd_gettime(struct task *task, int32_t fd, gaddr_t at) {
    return gettime(task, task->abi->times, fd, at);
}

long sys_timerfd_gettime64(struct task *task, int32_t fd, gaddr_t at) {
    return gettime(task, task->abi->times64, fd, at);
}
