/* signalfd(2): a file that reads pending signals. Its host descriptor is a timerfd (never writable
 * for poll, unlike an eventfd), which has run out while a signal of the mask is pending for the
 * process that used the file last: queueing a signal calls notify_locked(), reads and
 * polls bring it up to date. The mask and the list are guarded by process_lock. */
#include "core/space/space.h"
#include "syscalls/file/io.h"
#include "syscalls/signal/signal.h"
#include "syscalls/fs/vfs_synthetic.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "gen/syscall_protos.h"

#define UNMASKABLE (1ull << 8 | 1ull << 18) /* SIGKILL, SIGSTOP */

struct signalfd {
    struct file *file;
    sigset64 mask;
    int32_t pid;
    struct signalfd *next;
};

static struct signalfd *signalfds; /* under process_lock */

/* A timer that ran out long ago, or none. */
static void set_readable(struct signalfd *sfd, bool readable) {
    struct itimerspec its = {.it_value = {0, readable}};
    timerfd_settime(sfd->file->host_fd, TFD_TIMER_ABSTIME, &its, NULL);
}

/* Of signal_queued_locked. */
static void notify_locked(struct process *process) {
    sigset64 pending = process->signals.pending.set;
    for (struct task *task = process->tasks; task; task = task->next) {
        pending |= task->signals.pending.set;
    }
    for (struct signalfd *sfd = signalfds; sfd; sfd = sfd->next) {
        if (sfd->pid == process->pid && (pending & sfd->mask)) {
            set_readable(sfd, true);
        }
    }
}

/* Brings the timerfd in step with what the calling task would read. */
static bool refresh_locked(struct signalfd *sfd, struct task *task) {
    sfd->pid = task->process->pid;
    bool readable = signal_pending_locked(task) & sfd->mask;
    set_readable(sfd, readable);
    return readable;
}

static short signalfd_poll(struct file *file, short events) {
    if (!current) {
        return 0;
    }
    pthread_mutex_lock(&process_lock);
    bool readable = refresh_locked(file->data, current);
    pthread_mutex_unlock(&process_lock);
    return readable ? POLLIN : 0;
}

static void fill(struct signalfd_siginfo *out, const struct sigqueue_info *info) {
    *out = (struct signalfd_siginfo){
        .ssi_signo = (uint32_t)info->signo,
        .ssi_errno = info->err,
        .ssi_code = info->code,
        .ssi_pid = (uint32_t)info->pid,
        .ssi_uid = info->uid,
        .ssi_fd = info->fd,
        .ssi_status = info->status,
        .ssi_utime = (uint64_t)info->utime,
        .ssi_stime = (uint64_t)info->stime,
        .ssi_addr = info->addr,
        .ssi_int = (int32_t)info->value,
        .ssi_ptr = (uint64_t)info->value,
    };
    if (info->code == -2) { /* SI_TIMER */
        out->ssi_tid = (uint32_t)info->pid;
        out->ssi_overrun = info->uid;
    }
}

/* As many signals as fit; blocks for the first unless O_NONBLOCK. */
static ssize_t signalfd_read(struct file *file, struct task *task, const struct iovec *iov,
                             int count, int64_t offset) {
    struct signalfd *sfd = file->data;
    if (offset >= 0) {
        return -ESPIPE;
    }
    size_t room = 0;
    for (int i = 0; i < count; i++) {
        room += iov[i].iov_len;
    }
    if (room < sizeof(struct signalfd_siginfo)) {
        return -EINVAL;
    }
    struct signalfd_siginfo out[16];
    for (;;) {
        size_t got = 0;
        struct sigqueue_info info;
        pthread_mutex_lock(&process_lock);
        while (got < ARRAY_LEN(out) && (got + 1) * sizeof out[0] <= room &&
               signal_dequeue_locked(task, sfd->mask, &info)) {
            fill(&out[got++], &info);
        }
        refresh_locked(sfd, task);
        pthread_mutex_unlock(&process_lock);
        if (got) {
            size_t bytes = got * sizeof out[0];
            return iov_put(iov, count, out, bytes) ? -EFAULT : (ssize_t)bytes;
        }
        if (file->flags & O_NONBLOCK) {
            return -EAGAIN;
        }
        struct pollfd wait = {.fd = file->host_fd, .events = POLLIN};
        long ready = host_call(task, SYS_ppoll, (long)&wait, 1, 0, 0, 8, 0);
        if (ready < 0) {
            return ready == -EINTR ? -ERESTARTSYS : ready;
        }
    }
}

static ssize_t signalfd_write(struct file *file, struct task *task, const struct iovec *iov,
                              int count, int64_t offset) {
    return -EINVAL;
}

static void signalfd_release(struct file *file) {
    pthread_mutex_lock(&process_lock);
    for (struct signalfd **at = &signalfds; *at; at = &(*at)->next) {
        if (*at == file->data) {
            *at = (*at)->next;
            break;
        }
    }
    pthread_mutex_unlock(&process_lock);
    free(file->data);
    close(file->host_fd);
}

static void signalfd_info(struct file *file, struct strbuf *out) {
    pthread_mutex_lock(&process_lock);
    sigset64 mask = ((struct signalfd *)file->data)->mask;
    pthread_mutex_unlock(&process_lock);
    strbuf_printf(out, "sigmask:\t%016llx\n", (unsigned long long)mask);
}

static const struct file_ops signalfd_ops = {
    .kind = "anon_inode:[signalfd]",
    .read = signalfd_read,
    .write = signalfd_write,
    .stat = anon_stat,
    .poll = signalfd_poll,
    .info = signalfd_info,
    .release = signalfd_release,
};

static long create(struct task *task, sigset64 mask, uint32_t flags) {
    struct signalfd *sfd = malloc(sizeof *sfd);
    if (!sfd) {
        return -ENOMEM;
    }
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct file *file =
        fd < 0 ? NULL : file_create(&signalfd_ops, fd, O_RDWR | (int)(flags & SFD_NONBLOCK));
    if (!file) {
        free(sfd);
        return fd < 0 ? -errno : -ENOMEM;
    }
    file->data = sfd;
    file->path = strdup("anon_inode:[signalfd]");
    anon_set_owner(file, task);
    *sfd = (struct signalfd){.file = file, .mask = mask};
    pthread_mutex_lock(&process_lock);
    sfd->next = signalfds;
    signalfds = sfd;
    signal_queued_locked = notify_locked;
    refresh_locked(sfd, task);
    pthread_mutex_unlock(&process_lock);
    return fd_install(task, file, flags & SFD_CLOEXEC, 0);
}

long sys_signalfd4(struct task *task, int32_t fd, gaddr_t mask_at, uint64_t mask_bytes,
                   uint32_t flags) {
    sigset64 mask;
    if (flags & ~(SFD_CLOEXEC | SFD_NONBLOCK) || mask_bytes != sizeof mask) {
        return -EINVAL;
    }
    if (guest_read(task->cpu->space, &mask, mask_at, sizeof mask)) {
        return -EFAULT;
    }
    mask &= ~UNMASKABLE;
    if (fd == -1) {
        return create(task, mask, flags);
    }
    struct file *file = fd_get(task, fd);
    if (!file) {
        return -EBADF;
    }
    long result = -EINVAL;
    if (file->ops == &signalfd_ops) {
        struct signalfd *sfd = file->data;
        pthread_mutex_lock(&process_lock);
        sfd->mask = mask;
        refresh_locked(sfd, task);
        pthread_mutex_unlock(&process_lock);
        result = fd;
    }
    file_unref(file);
    return result;
}

long sys_signalfd(struct task *task, int32_t fd, gaddr_t mask, uint64_t mask_bytes) {
    return sys_signalfd4(task, fd, mask, mask_bytes, 0);
}
