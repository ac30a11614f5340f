/* From file to file without the guest's memory: sendfile(2), copy_file_range(2), splice(2), tee(2),
 * vmsplice(2). The host does it where both ends are plain host descriptors; else a buffer does. */
#include "gen/syscall_protos.h"
#include "syscalls/abi/abi.h"
#include "syscalls/fs/abi_fs.h"
#include "syscalls/fs/fs_place.h"
#include "syscalls/fs/rw.h"
#include "syscalls/signal/signal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define COPY_CHUNK (64 * 1024)

static bool plain(const struct file *file, bool write) {
    return file->host_fd >= 0 && !(file->flags & O_PATH) &&
           !(write ? (void *)file->ops->write : (void *)file->ops->read);
}

/* sendfile for ends that have operations of their own. */
static long copy_through_buffer(struct task *task, struct file *out, struct file *in,
                                int64_t *offset, uint64_t count) {
    char *buffer = malloc(COPY_CHUNK);
    if (!buffer) {
        return -ENOMEM;
    }
    long done = 0, result = 0;
    while ((uint64_t)done < count) {
        struct iovec iov = {buffer, COPY_CHUNK};
        if (iov.iov_len > count - (uint64_t)done) {
            iov.iov_len = count - (uint64_t)done;
        }
        result = file_readv(in, task, &iov, 1, offset ? *offset : -1, 0);
        if (result <= 0) {
            break;
        }
        iov.iov_len = (size_t)result;
        long written = file_writev(out, task, &iov, 1, -1, 0);
        if (written < result && !offset) /* give back what was read too much */
        {
            file_seek(in, written < 0 ? -result : written - result, SEEK_CUR);
        }
        if (written < 0) {
            result = written;
            break;
        }
        if (offset) {
            *offset += written;
        }
        done += written;
        if (written < result || result < COPY_CHUNK) {
            break;
        }
    }
    free(buffer);
    return done ? done : result;
}

/* sendfile(2) takes what can be sought, and sockets into pipes. */
static bool spliced(const struct file *in, const struct file *out) {
    struct stat from, to;
    return !fstat(in->host_fd, &from) && !fstat(out->host_fd, &to) && S_ISSOCK(from.st_mode) &&
           S_ISFIFO(to.st_mode);
}

static long send_file(struct task *task, int out_fd, int in_fd, int64_t *offset, uint64_t count) {
    struct file *in = fd_get(task, in_fd), *out = fd_get(task, out_fd);
    long result = -EBADF;
    if (count > 0x7ffff000) {
        count = 0x7ffff000;
    }
    if (in && out) {
        if ((in->flags & O_ACCMODE) == O_WRONLY || (out->flags & O_ACCMODE) == O_RDONLY) {
            result = -EBADF;
        } else if (file_seek(in, 0, SEEK_CUR) == -ESPIPE && (offset || !spliced(in, out))) {
            result = offset ? -ESPIPE : -EINVAL;
        } else if (offset && *offset < 0) {
            result = -EINVAL;
        } else if (plain(in, false) && plain(out, true)) {
            set_id_on_write(task, out);
            result = host_call(task, SYS_sendfile, out->host_fd, in->host_fd, (long)offset,
                               (long)count, 0, 0);
            set_id_on_write(task, out);
        } else {
            result = copy_through_buffer(task, out, in, offset, count);
        }
        if (result == -EPIPE && plain(out, true)) {
            struct sigqueue_info info = {.signo = SIGPIPE, .pid = task->process->pid};
            signal_send_task(task, &info);
        }
    }
    file_unref(in);
    file_unref(out);
    return restartable(result);
}

/* sendfile(2) with an offset of the ABI's own */
long sys_sendfile(struct task *task, int32_t out, int32_t in, gaddr_t at, uint64_t count) {
    int64_t offset;
    if (!at) {
        return send_file(task, out, in, NULL, count);
    }
    if (abi_read_longs(task, at, &offset, 1)) {
        return -EFAULT;
    }
    long result = send_file(task, out, in, &offset, count);
    return abi_write_longs(task, at, &offset, 1) ? -EFAULT : result;
}

/* sendfile(2) with a 64-bit offset */
long sys_sendfile64(struct task *task, int32_t out, int32_t in, gaddr_t at, uint64_t count) {
    int64_t offset;
    if (!at) {
        return send_file(task, out, in, NULL, count);
    }
    int error = guest_read(task->cpu->space, &offset, at, sizeof offset);
    if (error) {
        return error;
    }
    long result = send_file(task, out, in, &offset, count);
    if (guest_write(task->cpu->space, at, &offset, sizeof offset)) {
        return -EFAULT;
    }
    return result;
}

/* copy_file_range(2) and splice(2) have the same arguments but for the length's name */
static long range_call(struct task *task, long number, int in_fd, gaddr_t in_at, int out_fd,
                       gaddr_t out_at, uint64_t len, uint32_t flags) {
    int64_t in_offset = 0, out_offset = 0;
    struct space *space = task->cpu->space;
    struct file *in = fd_get(task, in_fd), *out = fd_get(task, out_fd);
    long result = -EBADF;
    if (in && out) {
        result = 0;
        if (in_at) {
            result = guest_read(space, &in_offset, in_at, sizeof in_offset);
        }
        if (!result && out_at) {
            result = guest_read(space, &out_offset, out_at, sizeof out_offset);
        }
        if (!result && (in->host_fd < 0 || out->host_fd < 0)) {
            result = -EINVAL;
        }
        if (!result && out->ops->told_apart && out->ops->told_apart(out, task)) {
            result = -EINVAL;
        }
        if (!result) {
            set_id_on_write(task, out);
            result =
                host_call(task, number, in->host_fd, in_at ? (long)&in_offset : 0, out->host_fd,
                          out_at ? (long)&out_offset : 0, (long)len, (long)flags);
            set_id_on_write(task, out);
            if (result > 0 && in_at && guest_write(space, in_at, &in_offset, sizeof in_offset)) {
                result = -EFAULT;
            }
            if (result > 0 && out_at &&
                guest_write(space, out_at, &out_offset, sizeof out_offset)) {
                result = -EFAULT;
            }
            if (result == -EPIPE) {
                struct sigqueue_info info = {.signo = SIGPIPE, .pid = task->process->pid};
                signal_send_task(task, &info);
            }
        }
    }
    file_unref(in);
    file_unref(out);
    return restartable(result);
}

long sys_copy_file_range(struct task *task, int32_t in, gaddr_t in_at, int32_t out, gaddr_t out_at,
                         uint64_t len, uint32_t flags) {
    return range_call(task, SYS_copy_file_range, in, in_at, out, out_at, len, flags);
}

long sys_splice(struct task *task, int32_t in, gaddr_t in_at, int32_t out, gaddr_t out_at,
                uint64_t len, uint32_t flags) {
    return range_call(task, SYS_splice, in, in_at, out, out_at, len, flags);
}

/* tee(2) */
long sys_tee(struct task *task, int32_t in_fd, int32_t out_fd, uint64_t len, uint32_t flags) {
    struct file *in = fd_get(task, in_fd), *out = fd_get(task, out_fd);
    long result = -EBADF;
    if (in && out) {
        result = host_call(task, SYS_tee, in->host_fd, out->host_fd, (long)len, (long)flags, 0, 0);
    }
    file_unref(in);
    file_unref(out);
    return restartable(result);
}

/* vmsplice(2): into a pipe it copies, so that later changes of the guest's pages do not matter */
long sys_vmsplice(struct task *task, int32_t fd, gaddr_t vec, uint64_t count, uint32_t flags) {
    struct guest_iov iov;
    struct file *file = fd_get(task, fd);
    if (!file) {
        return -EBADF;
    }
    bool write = (file->flags & O_ACCMODE) != O_RDONLY;
    long result = flags & ~15u ? -EINVAL : guest_iov_get(task, vec, count, !write, &iov);
    if (!result) {
        int rwf = flags & SPLICE_F_NONBLOCK ? RWF_NOWAIT : 0;
        if (rwf && file->flags & O_NONBLOCK) {
            rwf = 0;
        }
        result = write ? file_writev(file, task, iov.iov, iov.count, -1, rwf)
                       : file_readv(file, task, iov.iov, iov.count, -1, rwf);
        guest_iov_free(&iov);
    }
    file_unref(file);
    return result;
}
