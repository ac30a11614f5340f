/* read(2), write(2) and their vectored and positioned forms, lseek(2). Buffers are used where they
 * are in the guest's memory: host protection is guest protection, so the host's EFAULT is the
 * guest's. Copying between files is rw_copy.c, sizes and syncing rw_size.c. */
#include "syscalls/fs/rw.h"
#include "gen/syscall_protos.h"
#include "core/memory/chunks.h"
#include "syscalls/abi/abi.h"
#include "syscalls/fs/abi_fs.h"
#include "syscalls/fs/fs_place.h"
#include "syscalls/signal/signal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RW_MAX        0x7ffff000u /* MAX_RW_COUNT of Linux */
#define IOV_COUNT_MAX 1024

int guest_buffer(struct task *task, gaddr_t at, uint64_t len, bool writes, struct iovec *out) {
    struct space *space = task->cpu->space;
    uint64_t within = len;
    if (!space_range_ok(space, at, len)) {
        /* Above the space of a 64-bit program there are addresses where nothing is, as in Linux:
         * its guard, of RW_MAX bytes at least. */
        if (space->mode == GUEST_I386 || at >= space->end || len > RW_MAX) {
            return -EFAULT;
        }
        within = space->end - at;
    }
    (void)space_touch(space, at, within);
    if (writes && len) {
        space_prepare_write(task->cpu, at, within); /* not writable: the host call will say so */
    }
    *out = (struct iovec){space_ptr(space, at), len};
    return 0;
}

gaddr_t guest_iov_address(const struct task *task, const struct iovec *iov) {
    gaddr_t addr;
    bool over;
    return space_address_of(task->cpu->space, iov->iov_base, &addr, &over) ? addr : UINT64_MAX;
}

/* One more buffer; it may be in two places on the host, and there is room for both. */
static int add_buffer(struct task *task, const struct guest_span *span, bool writes,
                      struct guest_iov *out) {
    const struct space *space = task->cpu->space;
    uint64_t room = space_room(space, span->at), len = span->len;
    bool whole = len <= room || !space->chunks || out->count + 1 >= IOV_COUNT_MAX;
    uint64_t first = whole ? len : room;
    int error = guest_buffer(task, span->at, first, writes, &out->iov[out->count]);
    if (!error && first < len) {
        error = guest_buffer(task, span->at + first, len - first, writes, &out->iov[++out->count]);
    }
    out->count++;
    return error;
}

int guest_iov_get(struct task *task, gaddr_t vec, uint64_t count, bool writes,
                  struct guest_iov *out) {
    out->iov = out->fast;
    out->count = 0;
    out->total = 0;
    if (count > IOV_COUNT_MAX) {
        return -EINVAL;
    }
    uint64_t most = task->cpu->space->chunks ? 2 * count : count;
    if (most > IOV_FAST && !(out->iov = malloc(most * sizeof *out->iov))) {
        return -ENOMEM;
    }
    int error = 0;
    for (uint64_t i = 0; i < count && !error; i++) {
        struct guest_span span;
        error = abi_read_iovec(task, vec, i, &span);
        if (error) {
            break;
        }
        if (span.len > RW_MAX - out->total) {
            span.len = RW_MAX - out->total;
        }
        error = add_buffer(task, &span, writes, out);
        out->total += span.len;
    }
    if (error) {
        guest_iov_free(out);
    }
    return error;
}

void guest_iov_free(struct guest_iov *iov) {
    if (iov->iov != iov->fast) {
        free(iov->iov);
    }
    iov->iov = iov->fast;
}

/* SIGPIPE, SIGXFSZ of the calling task. */
static void raise_signal(struct task *task, int signo) {
    struct sigqueue_info info = {
        .signo = signo,
        .code = SI_USER,
        .pid = task->process->pid,
        .uid = task->process->uid,
    };
    signal_send_task(task, &info);
}

/* Regular files and directories never wait for anybody: no need of the interruptible way. */
static bool waits(const struct file *file) {
    return file->ops != &file_ops_regular && file->ops != &file_ops_directory;
}

static long host_rw(struct file *file, struct task *task, bool write, const struct iovec *iov,
                    int count, int64_t offset, int flags) {
    long number, fd = file->host_fd, a = (long)iov, b = count, c = 0;
    if (fd < 0) {
        return -EINVAL;
    }
    if (flags) {
        number = write ? SYS_pwritev2 : SYS_preadv2;
        c = offset;
        return host_call(task, number, fd, a, b, c, 0, flags);
    }
    if (count == 1) {
        a = (long)iov->iov_base;
        b = (long)iov->iov_len;
        number = offset < 0 ? (write ? SYS_write : SYS_read) : (write ? SYS_pwrite64 : SYS_pread64);
    } else {
        number = offset < 0 ? (write ? SYS_writev : SYS_readv) : (write ? SYS_pwritev : SYS_preadv);
    }
    if (offset >= 0) {
        c = offset;
    }
    if (waits(file)) {
        return host_call(task, number, fd, a, b, c, 0, 0);
    }
    long result = syscall(number, fd, a, b, c, 0);
    return result < 0 ? -errno : result;
}

/* A file that was opened without O_LARGEFILE, of a program whose offsets end somewhere: it does not
 * grow beyond abi->fs->offset_most. */
static bool is_small(const struct file *file, const struct task *task) {
    return !(file->flags & FILE_LARGEFILE) && file->ops == &file_ops_regular &&
           task->abi->fs->offset_most != INT64_MAX;
}

/* See small_file_limit(). Threads that seek and write at the same time bind themselves alone. */
static void forget_room(struct file *file) {
    __atomic_store_n(&file->position, 0, __ATOMIC_RELAXED);
}

/* preadv2 and pwritev2 with flags on kinds that have operations of their own: RWF_NOWAIT where the
 * kind knows it, nothing else. */
static ssize_t own_rw_flags(struct file *file, struct task *task, bool write,
                            const struct iovec *iov, int count, int64_t offset, int flags) {
    if (flags != RWF_NOWAIT || !file->ops->nowait) {
        return -EOPNOTSUPP;
    }
    return file->ops->nowait(file, task, iov, count, offset, write);
}

ssize_t file_readv(struct file *file, struct task *task, const struct iovec *iov, int count,
                   int64_t offset, int flags) {
    if ((file->flags & O_PATH) || (file->flags & O_ACCMODE) == O_WRONLY) {
        return -EBADF;
    }
    if (is_small(file, task) && offset < 0) {
        forget_room(file);
    }
    if (file->ops->read && flags) {
        return own_rw_flags(file, task, false, iov, count, offset, flags);
    }
    if (file->ops->read) /* an EINTR (socket with a time-out) is not restarted */
    {
        return file->ops->read(file, task, iov, count, offset);
    }
    return restartable(host_rw(file, task, false, iov, count, offset, flags));
}

/* Where a write begins; -1: it cannot be told. */
static int64_t write_position(struct file *file, int64_t offset) {
    struct stat st;
    if (offset >= 0) {
        return offset;
    }
    if (file->flags & O_APPEND) {
        return fstat(file->host_fd, &st) ? -1 : st.st_size;
    }
    return lseek(file->host_fd, 0, SEEK_CUR);
}

/* How much of `len` may be written: -EFBIG when nothing. file->position: how much more may be
 * without another look, since the last one; seeks and reads take it away. */
static int64_t small_file_limit(struct file *file, int64_t most, int64_t offset, int64_t len) {
    bool goes_on = offset < 0 && !(file->flags & O_APPEND);
    int64_t room = __atomic_load_n(&file->position, __ATOMIC_RELAXED);
    if (goes_on && room >= len &&
        __atomic_compare_exchange_n(&file->position, &room, room - len, false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED)) {
        return len;
    }
    int64_t at = write_position(file, offset);
    if (at < 0) {
        return len;
    }
    if (at >= most) {
        return -EFBIG;
    }
    if (len > most - at) {
        len = most - at;
    }
    if (goes_on) {
        __atomic_store_n(&file->position, most - at - len, __ATOMIC_RELAXED);
    }
    return len;
}

/* Limits of sizes: how much of `len` may be written at `offset`; -EFBIG when nothing, with SIGXFSZ
 * where it is RLIMIT_FSIZE that says so. */
static int64_t size_limit(struct file *file, struct task *task, int64_t offset, int64_t len) {
    uint64_t limit = task->process->limits[RLIMIT_FSIZE].rlim_cur;
    if (file->ops != &file_ops_regular || len == 0) {
        return len;
    }
    if (limit != RLIM_INFINITY) {
        int64_t at = write_position(file, offset);
        if (at >= 0 && (uint64_t)at >= limit) {
            raise_signal(task, SIGXFSZ);
            return -EFBIG;
        }
        if (at >= 0 && (uint64_t)len > limit - (uint64_t)at) {
            len = (int64_t)(limit - (uint64_t)at);
        }
    }
    if (!is_small(file, task)) {
        return len;
    }
    return small_file_limit(file, task->abi->fs->offset_most, offset, len);
}

/* The first `len` bytes of the buffers; a short write is allowed. */
static ssize_t write_part(struct file *file, struct task *task, const struct iovec *iov, int count,
                          int64_t offset, int flags, int64_t len) {
    struct iovec *part = malloc((size_t)count * sizeof *part);
    if (!part) {
        return -ENOMEM;
    }
    for (int i = 0; i < count; i++) {
        part[i] = iov[i];
        if ((int64_t)part[i].iov_len > len) {
            part[i].iov_len = (size_t)len;
        }
        len -= (int64_t)part[i].iov_len;
    }
    ssize_t done = file_writev(file, task, part, count, offset, flags);
    free(part);
    return done;
}

ssize_t file_writev(struct file *file, struct task *task, const struct iovec *iov, int count,
                    int64_t offset, int flags) {
    if ((file->flags & O_PATH) || (file->flags & O_ACCMODE) == O_RDONLY) {
        return -EBADF;
    }
    int64_t len = 0;
    for (int i = 0; i < count; i++) {
        len += (int64_t)iov[i].iov_len;
    }
    int64_t may = size_limit(file, task, offset, len);
    if (may < 0) {
        return may;
    }
    if (may < len) {
        return write_part(file, task, iov, count, offset, flags, may);
    }
    set_id_on_write(task, file);
    if (file->ops->write && flags) {
        return own_rw_flags(file, task, true, iov, count, offset, flags);
    }
    if (file->ops->write) /* sends SIGPIPE itself */
    {
        return file->ops->write(file, task, iov, count, offset);
    }
    long result = host_rw(file, task, true, iov, count, offset, flags);
    set_id_on_write(task, file);
    if (result == -EPIPE) {
        raise_signal(task, SIGPIPE);
    }
    return restartable(result);
}

int64_t file_seek(struct file *file, int64_t offset, int whence) {
    if (file->flags & O_PATH) {
        return -EBADF;
    }
    if (file->ops->seek) {
        return file->ops->seek(file, offset, whence);
    }
    if (file->host_fd < 0) {
        return -ESPIPE;
    }
    if (file->ops == &file_ops_regular) {
        forget_room(file);
    }
    int64_t at = lseek(file->host_fd, offset, whence);
    return at < 0 ? -errno : at;
}

/* --- the calls ------------------------------------------------------------------------- */

static bool is_stream(const struct file *file) {
    return file->ops->nowhere == FILE_PIPE || file->ops->nowhere == FILE_SOCKET;
}

/* Moving no byte is done without asking the file: by vectors always, for sockets when it is read
 * (recv(2) would take a message away; writing nothing sends an empty one). */
static bool moves_nothing(const struct file *file, bool vectors, bool write) {
    bool socket = file->ops->nowhere == FILE_SOCKET;
    if (file->flags & O_PATH) {
        return false;
    }
    return vectors ? socket || (file->ops == &file_ops_directory && !write) : socket && !write;
}

static long rw_one(struct task *task, int fd, gaddr_t at, uint64_t len, int64_t offset,
                   bool write) {
    struct guest_iov iov = {.iov = iov.fast};
    struct file *file = fd_get(task, fd);
    if (!file) {
        return -EBADF;
    }
    long result;
    if (offset >= 0 && is_stream(file)) {
        result = -ESPIPE; /* whoever may read or write it */
    } else if ((int64_t)len < 0) {
        result = -EINVAL;
    } else {
        if (len > RW_MAX) {
            len = RW_MAX;
        }
        result = add_buffer(task, &(struct guest_span){at, len}, !write, &iov);
    }
    if (!result && (len || !moves_nothing(file, false, write))) {
        result = write ? file_writev(file, task, iov.iov, iov.count, offset, 0)
                       : file_readv(file, task, iov.iov, iov.count, offset, 0);
    }
    file_unref(file);
    return result;
}

static long rw_vector(struct task *task, int fd, gaddr_t vec, uint64_t count, int64_t offset,
                      int flags, bool write) {
    struct guest_iov iov;
    struct file *file = fd_get(task, fd);
    if (!file) {
        return -EBADF;
    }
    long result =
        offset >= 0 && is_stream(file) ? -ESPIPE : guest_iov_get(task, vec, count, !write, &iov);
    if (!result && !iov.total && moves_nothing(file, true, write)) {
        guest_iov_free(&iov);
    } else if (!result) {
        if (!iov.count && !flags) /* nothing to move, but the mode counts */
        {
            iov.fast[0] = (struct iovec){NULL, 0}, iov.count = 1;
        }
        result = write ? file_writev(file, task, iov.iov, iov.count, offset, flags)
                       : file_readv(file, task, iov.iov, iov.count, offset, flags);
        guest_iov_free(&iov);
    }
    file_unref(file);
    return result;
}

/* read(2) */
long sys_read(struct task *task, int32_t fd, gaddr_t at, uint64_t len) {
    return rw_one(task, fd, at, len, -1, false);
}

/* write(2) */
long sys_write(struct task *task, int32_t fd, gaddr_t at, uint64_t len) {
    return rw_one(task, fd, at, len, -1, true);
}

/* pread(2) */
long sys_pread64(struct task *task, int32_t fd, gaddr_t at, uint64_t len, int64_t offset) {
    return offset < 0 ? -EINVAL : rw_one(task, fd, at, len, offset, false);
}

/* pwrite(2) */
long sys_pwrite64(struct task *task, int32_t fd, gaddr_t at, uint64_t len, int64_t offset) {
    return offset < 0 ? -EINVAL : rw_one(task, fd, at, len, offset, true);
}

/* readv(2) */
long sys_readv(struct task *task, int32_t fd, gaddr_t vec, uint64_t count) {
    return rw_vector(task, fd, vec, count, -1, 0, false);
}

/* writev(2) */
long sys_writev(struct task *task, int32_t fd, gaddr_t vec, uint64_t count) {
    return rw_vector(task, fd, vec, count, -1, 0, true);
}

/* preadv(2) */
long sys_preadv(struct task *task, int32_t fd, gaddr_t vec, uint64_t count, int64_t offset) {
    return offset < 0 ? -EINVAL : rw_vector(task, fd, vec, count, offset, 0, false);
}

/* pwritev(2) */
long sys_pwritev(struct task *task, int32_t fd, gaddr_t vec, uint64_t count, int64_t offset) {
    return offset < 0 ? -EINVAL : rw_vector(task, fd, vec, count, offset, 0, true);
}

/* preadv2(2): offset -1 is the position; the flags are the host's */
long sys_preadv2(struct task *task, int32_t fd, gaddr_t vec, uint64_t count, int64_t offset,
                 uint32_t flags) {
    if (offset < -1) {
        return -EINVAL;
    }
    return rw_vector(task, fd, vec, count, offset, (int)flags, false);
}

/* pwritev2(2) */
long sys_pwritev2(struct task *task, int32_t fd, gaddr_t vec, uint64_t count, int64_t offset,
                  uint32_t flags) {
    if (offset < -1) {
        return -EINVAL;
    }
    return rw_vector(task, fd, vec, count, offset, (int)flags, true);
}

int64_t fd_seek(struct task *task, int fd, int64_t offset, uint32_t whence) {
    struct file *file = fd_get(task, fd);
    if (!file) {
        return -EBADF;
    }
    int64_t at = whence > SEEK_HOLE ? -EINVAL : file_seek(file, offset, (int)whence);
    file_unref(file);
    return at;
}

/* lseek(2): a position that an off_t does not hold is EOVERFLOW (and the seek has happened, as on
 * Linux) */
long sys_lseek(struct task *task, int32_t fd, int64_t offset, uint32_t whence) {
    int64_t at = fd_seek(task, fd, offset, whence);
    return at > task->abi->fs->offset_most ? -EOVERFLOW : at;
}
