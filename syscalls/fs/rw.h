/* Reading and writing of open files: rw.c. */
#ifndef FG_SYSCALLS_RW_H
#define FG_SYSCALLS_RW_H

#include "syscalls/file/file.h"
#include "syscalls/task/task.h"
#include <errno.h>

#define IOV_FAST 8

/* Guest buffers as host iovecs, for readv, sendmsg and their like. */
struct guest_iov {
    struct iovec *iov; /* `fast` or allocated */
    int count;
    size_t total;
    struct iovec fast[IOV_FAST];
};

/* Fetches `count` iovecs of the task's ABI at `vec`. `writes`: the host will write to the buffers
 * (readv). Buffers lie in the space; whether they are mapped, the host call finds out. 0, -EFAULT,
 * -EINVAL (count over 1024, lengths that overflow), -ENOMEM. End with guest_iov_free(). */
int guest_iov_get(struct task *task, gaddr_t vec, uint64_t count, bool writes,
                  struct guest_iov *out);
void guest_iov_free(struct guest_iov *iov);

/* One buffer as host memory: 0 or -EFAULT when it leaves the space. Of one that reaches over the
 * end of a piece of the space (space_room()) the host finds the first part. */
int guest_buffer(struct task *task, gaddr_t at, uint64_t len, bool writes, struct iovec *out);

/* Where such a buffer is in the guest. */
gaddr_t guest_iov_address(const struct task *task, const struct iovec *iov);

/* read(2) and write(2) on a file: ops or the host descriptor; offset -1: at the position. `flags`
 * are RWF_*. Bytes or -errno; SIGPIPE and SIGXFSZ are sent. */
ssize_t file_readv(struct file *file, struct task *task, const struct iovec *iov, int count,
                   int64_t offset, int flags);
ssize_t file_writev(struct file *file, struct task *task, const struct iovec *iov, int count,
                    int64_t offset, int flags);
int64_t file_seek(struct file *file, int64_t offset, int whence);
/* The same by descriptor, as lseek(2): the new position or -errno. */
int64_t fd_seek(struct task *task, int fd, int64_t offset, uint32_t whence);

/* The result of a host call that a signal may have interrupted: EINTR asks for a restart. */
static inline long restartable(long result) {
    return result == -EINTR ? -ERESTARTSYS : result;
}

#endif
