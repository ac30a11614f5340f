/* Helpers that pollable files share: installing them, their owners, guest memory as host iovecs,
 * SIGPIPE, deadlines. */
#include "syscalls/file/io.h"
#include "syscalls/abi/abi.h"
#include "core/host/host.h"
#include "core/space/space.h"
#include "syscalls/task/process.h"
#include "syscalls/signal/signal.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

void deadline_after(struct timespec *deadline, const struct timespec *timeout) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (__builtin_add_overflow(now.tv_sec, timeout->tv_sec, &deadline->tv_sec)) {
        deadline->tv_sec = INT64_MAX / 2;
    }
    deadline->tv_nsec = now.tv_nsec + timeout->tv_nsec;
    if (deadline->tv_nsec >= 1000000000) {
        deadline->tv_nsec -= 1000000000;
        deadline->tv_sec++;
    }
    /* The host refuses what does not fit into its nanosecond counter. */
    if (deadline->tv_sec > INT64_MAX / 1000000000 - 1) {
        deadline->tv_sec = INT64_MAX / 1000000000 - 1;
    }
}

bool time_left_is_told(const struct task *task, long *result) {
    if (!(task->process->personality & 0x4000000 /* STICKY_TIMEOUTS */)) {
        return true;
    }
    if (*result == -ERESTARTNOHAND) {
        *result = -EINTR;
    }
    return false;
}

int deadline_read(struct task *task, const struct abi_times *times, gaddr_t at,
                  struct timespec *deadline) {
    struct timespec timeout;
    if (!at) {
        return 0;
    }
    if (times->get_timespec(task, at, &timeout)) {
        return -EFAULT;
    }
    if (!timespec_valid(&timeout)) {
        return -EINVAL;
    }
    deadline_after(deadline, &timeout);
    return 0;
}

void deadline_left(const struct timespec *deadline, struct timespec *left) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    left->tv_sec = deadline->tv_sec - now.tv_sec;
    left->tv_nsec = deadline->tv_nsec - now.tv_nsec;
    if (left->tv_nsec < 0) {
        left->tv_nsec += 1000000000;
        left->tv_sec--;
    }
    if (left->tv_sec < 0) {
        *left = (struct timespec){0};
    }
}

void task_send_sigpipe(struct task *task) {
    struct sigqueue_info info = {
        .signo = SIGPIPE, .code = SI_USER, .pid = task->process->pid, .uid = task->process->uid};
    signal_send_task(task, &info);
}

ssize_t stream_read(struct file *file, struct task *task, const struct iovec *iov, int count,
                    int64_t offset) {
    if (offset >= 0) {
        return -ESPIPE;
    }
    long done = host_call(task, SYS_readv, file->host_fd, (long)iov, count, 0, 0, 0);
    return done == -EINTR ? -ERESTARTSYS : done;
}

ssize_t stream_write(struct file *file, struct task *task, const struct iovec *iov, int count,
                     int64_t offset) {
    if (offset >= 0) {
        return -ESPIPE;
    }
    long done = host_call(task, SYS_writev, file->host_fd, (long)iov, count, 0, 0, 0);
    if (done == -EPIPE) {
        task_send_sigpipe(task);
    }
    return done == -EINTR ? -ERESTARTSYS : done;
}

ssize_t stream_nowait(struct file *file, struct task *task, const struct iovec *iov, int count,
                      int64_t offset, bool write) {
    if (offset >= 0) {
        return -ESPIPE;
    }
    long done = host_call(task, write ? SYS_pwritev2 : SYS_preadv2, file->host_fd, (long)iov, count,
                          -1, 0, RWF_NOWAIT);
    if (done == -EPIPE) {
        task_send_sigpipe(task);
    }
    return done == -EINTR ? -ERESTARTSYS : done;
}

void anon_set_owner(struct file *file, struct task *task) {
    uint32_t uid = task ? task->process->fsuid : 0, gid = task ? task->process->fsgid : 0;
    file->data_word = uid | (uint64_t)gid << 32;
}

int anon_stat(struct file *file, struct stat *st) {
    if (fstat(file->host_fd, st)) {
        return -errno;
    }
    st->st_uid = (uint32_t)file->data_word;
    st->st_gid = (uint32_t)(file->data_word >> 32);
    return 0;
}

int io_install(struct task *task, const struct file_ops *ops, int host_fd, int flags, void *data) {
    if (host_fd < 0) {
        return host_fd;
    }
    struct file *file = file_create(ops, host_fd, flags & ~O_CLOEXEC);
    if (!file) {
        return -ENOMEM;
    }
    file->data = data;
    anon_set_owner(file, task);
    return fd_install(task, file, flags & O_CLOEXEC, 0);
}

int iov_put(const struct iovec *iov, int count, const void *from, size_t len) {
    const char *at = from;
    for (int i = 0; i < count && len; i++) {
        size_t part = iov[i].iov_len < len ? iov[i].iov_len : len;
        if (host_copy(iov[i].iov_base, at, part)) {
            return -EFAULT;
        }
        at += part;
        len -= part;
    }
    return 0;
}

ssize_t iov_get(const struct iovec *iov, int count, void *to, size_t len) {
    size_t done = 0;
    for (int i = 0; i < count && done < len; i++) {
        size_t part = iov[i].iov_len < len - done ? iov[i].iov_len : len - done;
        if (host_copy((char *)to + done, iov[i].iov_base, part)) {
            return -EFAULT;
        }
        done += part;
    }
    return (ssize_t)done;
}
