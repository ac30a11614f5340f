/* fcntl(2): descriptor flags, status flags, duplicates, pipe sizes, owners, seals, leases; record
 * locks are handed to lock.c, the layout of struct flock is the ABI's. flock(2). */
#include "gen/syscall_protos.h"
#include "syscalls/abi/abi.h"
#include "syscalls/file/open_flags.h"
#include "syscalls/file/lock.h"
#include "syscalls/task/process.h"
#include "syscalls/fs/abi_fs.h"
#include "syscalls/fs/rw.h"
#include "syscalls/fs/fs.h"

#include <string.h>
#include <sys/syscall.h>

/* Numbers that are the same for all x86 ABIs, beside those of <fcntl.h>. */
#define GUEST_F_GETLK64  12
#define GUEST_F_SETLK64  13
#define GUEST_F_SETLKW64 14

static long set_status(struct task *task, struct file *file, uint32_t arg) {
    const int changes = O_APPEND | O_NONBLOCK | O_ASYNC | O_DIRECT | O_NOATIME;
    int want = open_flags_from_guest(arg) & changes;
    if (file->host_fd >= 0) {
        /* host flags: O_ASYNC stays off, its SIGIO would be ours */
        int host = want & ~O_ASYNC;
        int now = fcntl(file->host_fd, F_GETFL);
        if (now >= 0 && ((now ^ host) & (changes & ~O_ASYNC)) &&
            fcntl(file->host_fd, F_SETFL, (now & ~changes) | host)) {
            return -errno;
        }
    }
    file->flags = (file->flags & ~changes) | want;
    return 0;
}

/* --- locks ----------------------------------------------------------------------------- */

static long do_lock(struct task *task, struct file *file, uint32_t op, gaddr_t arg,
                    const struct abi_flock *layout) {
    bool ofd = op >= F_OFD_GETLK;
    bool get = op == F_GETLK || op == GUEST_F_GETLK64 || op == F_OFD_GETLK;
    bool wait = op == F_SETLKW || op == GUEST_F_SETLKW64 || op == F_OFD_SETLKW;
    struct lock_request lock;
    int error = layout->get(task, arg, &lock);
    if (error) {
        return error;
    }
    if (ofd && lock.pid) {
        return -EINVAL;
    }
    if (!get) {
        return lock_set(task, file, &lock, ofd, wait);
    }
    error = lock_get(task, file, &lock, ofd);
    return error ? error : layout->put(task, arg, &lock);
}

/* --- the rest -------------------------------------------------------------------------- */

struct owner_ex {
    int32_t type, pid;
};

int file_set_owner(struct file *file, int32_t who) {
    if (who == INT32_MIN) {
        return -EINVAL;
    }
    pthread_mutex_lock(&process_lock);
    bool there = !who || (who > 0 ? process_find(who) != NULL : process_group_find(-who) != NULL);
    pthread_mutex_unlock(&process_lock);
    if (!there) {
        return -ESRCH;
    }
    file->owner = who;
    return 0;
}

static long owner(struct task *task, struct file *file, uint32_t op, gaddr_t arg) {
    struct owner_ex ex;
    switch (op) {
    case F_SETOWN:
        return file_set_owner(file, (int32_t)arg);
    case F_GETOWN:
        return file->owner;
    case F_SETSIG:
        if (arg > 64) {
            return -EINVAL;
        }
        file->owner_signal = (int)arg;
        return 0;
    case F_GETSIG:
        return file->owner_signal;
    case F_SETOWN_EX:
        if (guest_read(task->cpu->space, &ex, arg, sizeof ex)) {
            return -EFAULT;
        }
        if (ex.type < 0 || ex.type > 2) {
            return -EINVAL;
        }
        return ex.pid < 0 ? -ESRCH : file_set_owner(file, ex.type == 2 ? -ex.pid : ex.pid);
    default: /* F_GETOWN_EX */
        ex.type = file->owner < 0 ? 2 : 1;
        ex.pid = file->owner < 0 ? -file->owner : file->owner;
        return guest_write(task->cpu->space, arg, &ex, sizeof ex);
    }
}

/* Operations whose argument is a number, done by the host on the host descriptor. */
static long by_host(struct file *file, int op, long arg) {
    if (file->host_fd < 0) {
        return -EINVAL;
    }
    int result = fcntl(file->host_fd, op, arg);
    return result < 0 ? -errno : result;
}

static long by_host_hint(struct task *task, struct file *file, int op, gaddr_t arg) {
    uint64_t hint;
    if (guest_read(task->cpu->space, &hint, arg, sizeof hint)) {
        return -EFAULT;
    }
    if (file->host_fd < 0) {
        return -EINVAL;
    }
    if (fcntl(file->host_fd, op, &hint)) {
        return -errno;
    }
    return guest_write(task->cpu->space, arg, &hint, sizeof hint);
}

static long descriptor_flags(struct task *task, int fd, uint32_t op, uint32_t arg) {
    struct fd_table *table = task->fds;
    long result = -EBADF;
    pthread_mutex_lock(&table->lock);
    if (fd >= 0 && fd < table->size && table->slot[fd].file) {
        result = op == F_GETFD && table->slot[fd].cloexec ? FD_CLOEXEC : 0;
        if (op == F_SETFD) {
            table->slot[fd].cloexec = arg & FD_CLOEXEC;
        }
    }
    pthread_mutex_unlock(&table->lock);
    return result;
}

static long duplicate(struct task *task, struct file *file, uint32_t op, uint32_t arg) {
    if (arg >= task->process->limits[RLIMIT_NOFILE].rlim_cur || arg > INT32_MAX) {
        return -EINVAL;
    }
    return fd_install(task, file_ref(file), op == F_DUPFD_CLOEXEC, (int)arg);
}

static long control(struct task *task, struct file *file, uint32_t op, gaddr_t arg,
                    const struct abi_flock *ofd, bool is_64) {
    switch (op) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        return duplicate(task, file, op, (uint32_t)arg);
    case F_GETFL:
        return open_flags_to_guest(file->flags);
    }
    if (file->flags & O_PATH) {
        return -EBADF;
    }
    switch (op) {
    case F_SETFL:
        return set_status(task, file, (uint32_t)arg);
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
        return do_lock(task, file, op, arg, task->abi->fs->flock);
    case GUEST_F_GETLK64:
    case GUEST_F_SETLK64:
    case GUEST_F_SETLKW64:
        return is_64 ? do_lock(task, file, op, arg, task->abi->fs->flock64) : -EINVAL;
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        return ofd ? do_lock(task, file, op, arg, ofd) : -EINVAL;
    case F_SETOWN:
    case F_GETOWN:
    case F_SETSIG:
    case F_GETSIG:
    case F_SETOWN_EX:
    case F_GETOWN_EX:
        return owner(task, file, op, arg);
    case F_SETPIPE_SZ:
    case F_GETPIPE_SZ:
    case F_ADD_SEALS:
    case F_GET_SEALS:
    case F_GETLEASE:
        return by_host(file, (int)op, (long)arg);
    case F_SETLEASE: /* the host would send its signal to us, not to the guest */
        return (int32_t)arg == F_UNLCK ? -EAGAIN : -EINVAL;
    case F_GET_RW_HINT:
    case F_SET_RW_HINT:
        return by_host_hint(task, file, (int)op, arg);
    default:
        return -EINVAL;
    }
}

/* `ofd`: the layout of locks of open file descriptions, NULL: the call has none of them. */
static long any_fcntl(struct task *task, int fd, uint32_t op, gaddr_t arg,
                      const struct abi_flock *ofd, bool is_64) {
    if (op == F_GETFD || op == F_SETFD) {
        return descriptor_flags(task, fd, op, (uint32_t)arg);
    }
    struct file *file = fd_get(task, fd);
    if (!file) {
        return -EBADF;
    }
    long result = control(task, file, op, arg, ofd, is_64);
    file_unref(file);
    return result;
}

/* fcntl(2) */
long sys_fcntl(struct task *task, int32_t fd, uint32_t op, uint64_t arg) {
    const struct abi_fs *fs = task->abi->fs;
    return any_fcntl(task, fd, op, arg, fs->flock64 ? NULL : fs->flock, false);
}

/* fcntl64(2): that of 32-bit ABIs with 64-bit locks */
long sys_fcntl64(struct task *task, int32_t fd, uint32_t op, uint64_t arg) {
    return any_fcntl(task, fd, op, arg, task->abi->fs->flock64, true);
}

/* flock(2): belongs to the open file description, as the host's belongs to our descriptor of it */
long sys_flock(struct task *task, int32_t fd, uint32_t op) {
    uint32_t kind = op & ~(uint32_t)LOCK_NB;
    if (op & 32) /* LOCK_MAND: no longer does anything, whatever the descriptor */
    {
        return 0;
    }
    if (kind != LOCK_SH && kind != LOCK_EX && kind != LOCK_UN) {
        return -EINVAL; /* before the descriptor, as Linux does */
    }
    struct file *file = fd_get(task, fd);
    if (!file) {
        return -EBADF;
    }
    long result = -EBADF;
    if (!(file->flags & O_PATH) && file->host_fd >= 0) {
        result = host_call(task, SYS_flock, file->host_fd, (long)op, 0, 0, 0, 0);
    }
    if (!result && kind != LOCK_UN) {
        file->flock_pid = task->process->pid;
    }
    file_unref(file);
    return restartable(result);
}
