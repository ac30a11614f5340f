/* What the pollable files, sockets, clocks and terminals share: host iovecs of guest memory, pipe
 * errors, owners of nameless files. Not here: the interfaces of one subject (tty.h, timer.h). */
#ifndef FG_SYSCALLS_IO_H
#define FG_SYSCALLS_IO_H

#include "syscalls/abi/times.h"
#include "syscalls/file/file.h"
#include "syscalls/task/task.h"

/* Host time that a guest timeout ends at; false when there is none (NULL given). Saturates. */
void deadline_after(struct timespec *deadline, const struct timespec *timeout);
/* The same of a guest's timeout, a struct timespec; nothing when `at` is 0. -EFAULT, -EINVAL. */
int deadline_read(struct task *task, const struct abi_times *times, gaddr_t at,
                  struct timespec *deadline);
/* What is left until `deadline` (CLOCK_MONOTONIC), zero when it is over. */
void deadline_left(const struct timespec *deadline, struct timespec *left);
/* Does a call tell the time that was left? Not with STICKY_TIMEOUTS (personality(2)); a call that a
 * signal broke is not restarted then, for it would wait for the whole time again: *result is
 * -EINTR. */
bool time_left_is_told(const struct task *task, long *result);
static inline bool timespec_valid(const struct timespec *ts) {
    return ts->tv_sec >= 0 && ts->tv_nsec >= 0 && ts->tv_nsec < 1000000000;
}

/* ops->read and ops->write of what has no position: host readv and writev, restarted after a
 * signal; EPIPE also sends SIGPIPE to the task. */
ssize_t stream_nowait(struct file *file, struct task *task, const struct iovec *iov, int count,
                      int64_t offset, bool write);
ssize_t stream_read(struct file *file, struct task *task, const struct iovec *iov, int count,
                    int64_t offset);
ssize_t stream_write(struct file *file, struct task *task, const struct iovec *iov, int count,
                     int64_t offset);
void task_send_sigpipe(struct task *task);

/* Files without a name (pipes, sockets, eventfds): remember the creator as owner, and the ops->stat
 * that shows it. Uses file->data_word. task NULL: user 0. */
void anon_set_owner(struct file *file, struct task *task);
int anon_stat(struct file *file, struct stat *st);

/* Creates a file over host_fd (closed on failure) and installs it. flags: as F_GETFL shows them,
 * and O_CLOEXEC. Returns the guest descriptor or -errno. A negative host_fd is returned as it is.
 */
int io_install(struct task *task, const struct file_ops *ops, int host_fd, int flags, void *data);

/* Copies between host memory and iovecs that may lie in guest memory; at most their room. iov_get
 * returns the bytes copied, iov_put 0; both -EFAULT. */
int iov_put(const struct iovec *iov, int count, const void *from, size_t len);
ssize_t iov_get(const struct iovec *iov, int count, void *to, size_t len);

#endif
