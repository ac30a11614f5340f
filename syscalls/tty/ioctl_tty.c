/* ioctl_tty(2) on both sides of ptys and on the host's terminal. Settings go to the host's line
 * discipline as they are (struct termios is the same for i386 and x86-64); what names sessions,
 * groups and devices is answered from struct tty. */
#include "core/space/space.h"
#include "syscalls/task/capability.h"
#include "syscalls/file/io.h"
#include "syscalls/task/process.h"
#include "syscalls/signal/signal.h"
#include "syscalls/tty/tty_internal.h"
#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif

/* How a request is passed to the host: size and direction of its structure, or an integer argument.
 */
enum { PASS_IN = 1, PASS_OUT = 2, PASS_INT = 4, CHECK_JOB = 8, SETTINGS = 16, MASTER_ONLY = 32 };
static const struct pass {
    uint32_t request;
    uint8_t bytes, how;
} passed[] = {
    {TCGETS, 36, PASS_OUT},
    {TCSETS, 36, PASS_IN | CHECK_JOB | SETTINGS},
    {TCSETSW, 36, PASS_IN | CHECK_JOB | SETTINGS},
    {TCSETSF, 36, PASS_IN | CHECK_JOB | SETTINGS},
    {TCGETA, 18, PASS_OUT},
    {TCSETA, 18, PASS_IN | CHECK_JOB | SETTINGS},
    {TCSETAW, 18, PASS_IN | CHECK_JOB | SETTINGS},
    {TCSETAF, 18, PASS_IN | CHECK_JOB | SETTINGS},
    {TCGETS2, 44, PASS_OUT},
    {TCSETS2, 44, PASS_IN | CHECK_JOB | SETTINGS},
    {TCSETSW2, 44, PASS_IN | CHECK_JOB | SETTINGS},
    {TCSETSF2, 44, PASS_IN | CHECK_JOB | SETTINGS},
    {TIOCGLCKTRMIOS, 36, PASS_OUT},
    {TCSBRK, 0, PASS_INT | CHECK_JOB},
    {TCSBRKP, 0, PASS_INT | CHECK_JOB},
    {TIOCSBRK, 0, PASS_INT | CHECK_JOB},
    {TIOCCBRK, 0, PASS_INT | CHECK_JOB},
    {TCXONC, 0, PASS_INT | CHECK_JOB},
    {TCFLSH, 0, PASS_INT | CHECK_JOB},
    {TIOCOUTQ, 4, PASS_OUT},
    {FIONREAD, 4, PASS_OUT},
    {TIOCGWINSZ, 8, PASS_OUT},
    {TIOCMGET, 4, PASS_OUT},
    {TIOCMBIS, 4, PASS_IN},
    {TIOCMBIC, 4, PASS_IN},
    {TIOCMSET, 4, PASS_IN},
    {TIOCGSOFTCAR, 4, PASS_OUT},
    {TIOCSSOFTCAR, 4, PASS_IN},
    {TIOCGETD, 4, PASS_OUT},
    {TIOCPKT, 4, PASS_IN | MASTER_ONLY},
    {TIOCGPKT, 4, PASS_OUT | MASTER_ONLY},
};

long tty_pass_ioctl(struct file *file, struct task *task, uint32_t request, gaddr_t arg,
                    unsigned bytes, bool in, bool out) {
    uint8_t data[64] = {0};
    if (in && guest_read(task->cpu->space, data, arg, bytes)) {
        return -EFAULT;
    }
    long result = host_call(task, SYS_ioctl, file->host_fd, request, (long)data, 0, 0, 0);
    if (result >= 0 && out && guest_write(task->cpu->space, arg, data, bytes)) {
        return -EFAULT;
    }
    return result == -EINTR ? -ERESTARTSYS : result;
}

static long pass(struct file *file, struct task *task, const struct pass *row, gaddr_t arg) {
    struct tty *tty = file->data;
    bool master = file->ops == &ptmx_ops;
    if ((row->how & MASTER_ONLY) && !master) {
        return -ENOTTY;
    }
    if (row->how & CHECK_JOB) {
        long error = tty_job_check(task, tty, SIGTTOU);
        if (error) {
            return error;
        }
    }
    long result;
    if (row->how & PASS_INT) {
        result = host_call(task, SYS_ioctl, file->host_fd, row->request, (long)arg, 0, 0, 0);
        if (result == -EINTR) {
            result = -ERESTARTSYS;
        }
    } else {
        result = tty_pass_ioctl(file, task, row->request, arg, row->bytes, row->how & PASS_IN,
                                row->how & PASS_OUT);
    }
    if (result >= 0 && (row->how & SETTINGS) && tty->host) {
        tty_host_changed();
    }
    return result;
}

static long put_int(struct task *task, gaddr_t arg, int32_t value) {
    return guest_write(task->cpu->space, arg, &value, sizeof value);
}

static long get_int(struct task *task, gaddr_t arg, int32_t *value) {
    return guest_read(task->cpu->space, value, arg, sizeof *value);
}

/* --- sessions and groups --------------------------------------------------------------- */

static long set_controlling(struct task *task, struct tty *tty, bool steal) {
    struct process *process = task->process;
    long result = 0;
    pthread_mutex_lock(&process_lock);
    if (process->sid == process->pid && process->tty == tty) {
        /* is so already */
    } else if (process->sid != process->pid || process->tty) {
        result = -EPERM;
    } else if (tty->session && !(steal && process_capable(process, CAP_SYS_ADMIN))) {
        result = -EPERM;
    } else {
        for (struct process *p = tty->session ? process_list : NULL; p; p = p->next) {
            if (p->tty == tty) {
                p->tty = NULL;
            }
        }
        tty->session = process->sid;
        tty->foreground = process->pgid;
        process->tty = tty;
    }
    pthread_mutex_unlock(&process_lock);
    return result;
}

static long give_up_controlling(struct task *task, struct tty *tty) {
    struct process *process = task->process;
    long result = 0;
    pthread_mutex_lock(&process_lock);
    if (process->tty != tty) {
        result = -ENOTTY;
    } else if (process->sid == process->pid) {
        tty_disassociate_locked(process);
    } else {
        process->tty = NULL;
    }
    pthread_mutex_unlock(&process_lock);
    return result;
}

static long get_foreground(struct task *task, struct tty *tty, bool master, gaddr_t arg) {
    pthread_mutex_lock(&process_lock);
    bool mine = master || task->process->tty == tty;
    int32_t pgid = tty->foreground;
    pthread_mutex_unlock(&process_lock);
    return mine ? put_int(task, arg, pgid) : -ENOTTY;
}

static long set_foreground(struct task *task, struct tty *tty, gaddr_t arg) {
    struct process *process = task->process;
    long result = tty_job_check(task, tty, SIGTTOU);
    if (result) {
        return result == -EIO ? -ENOTTY : result;
    }
    pthread_mutex_lock(&process_lock);
    bool mine = process->tty == tty && tty->session == process->sid;
    pthread_mutex_unlock(&process_lock);
    int32_t pgid;
    if (!mine) {
        return -ENOTTY;
    }
    if (get_int(task, arg, &pgid)) {
        return -EFAULT;
    }
    if (pgid < 0) {
        return -EINVAL;
    }
    pthread_mutex_lock(&process_lock);
    struct process *member = process_group_find(pgid);
    if (!member) {
        result = -ESRCH;
    } else if (member->sid != process->sid) {
        result = -EPERM;
    } else if (process->tty == tty) {
        tty->foreground = pgid;
    }
    pthread_mutex_unlock(&process_lock);
    return result;
}

static long get_session(struct task *task, struct tty *tty, bool master, gaddr_t arg) {
    pthread_mutex_lock(&process_lock);
    bool mine = master || task->process->tty == tty;
    int32_t sid = tty->session;
    pthread_mutex_unlock(&process_lock);
    return mine && sid ? put_int(task, arg, sid) : -ENOTTY;
}

/* --- the rest -------------------------------------------------------------------------- */

/* A new size tells the foreground group. The host does so itself for its own terminal: its SIGWINCH
 * comes in through tty_host.c. */
static long set_window(struct file *file, struct task *task, gaddr_t arg) {
    struct tty *tty = file->data;
    struct winsize new, old;
    if (guest_read(task->cpu->space, &new, arg, sizeof new)) {
        return -EFAULT;
    }
    if (ioctl(file->host_fd, TIOCGWINSZ, &old) || ioctl(file->host_fd, TIOCSWINSZ, &new)) {
        return -errno;
    }
    if (!tty->host && memcmp(&new, &old, sizeof new)) {
        pthread_mutex_lock(&process_lock);
        tty_signal_group_locked(tty->foreground, SIGWINCH, SI_KERNEL);
        pthread_mutex_unlock(&process_lock);
    }
    return 0;
}

static long set_discipline(struct file *file, struct task *task, gaddr_t arg) {
    int32_t number;
    if (get_int(task, arg, &number)) {
        return -EFAULT;
    }
    return number == 0 ? 0 : number < 0 || number > 30 ? -EINVAL : -EPERM; /* N_TTY alone */
}

static long set_exclusive(struct tty *tty, bool on) {
    pthread_mutex_lock(&process_lock);
    tty->exclusive = on;
    pthread_mutex_unlock(&process_lock);
    return 0;
}

static long master_ioctl(struct file *file, struct task *task, uint32_t request, gaddr_t arg) {
    struct tty *tty = file->data;
    int32_t value;
    switch (request) {
    case TIOCGPTN:
        return put_int(task, arg, tty->index);
    case TIOCSPTLCK:
        if (get_int(task, arg, &value)) {
            return -EFAULT;
        }
        pthread_mutex_lock(&process_lock);
        tty->locked = value;
        pthread_mutex_unlock(&process_lock);
        return 0;
    case TIOCGPTLCK:
        return put_int(task, arg, tty->locked);
    case TIOCGPTPEER: {
        struct file *peer;
        long error = pts_open(task, tty->index, (int)arg, &peer);
        return error ? error : fd_install(task, peer, (int)arg & O_CLOEXEC, 0);
    }
    case TIOCSIG:
        if (arg < 1 || arg > 64 || (arg != SIGINT && arg != SIGQUIT && arg != SIGTSTP)) {
            return -EINVAL;
        }
        pthread_mutex_lock(&process_lock);
        tty_signal_group_locked(tty->foreground, (int)arg, SI_KERNEL);
        pthread_mutex_unlock(&process_lock);
        return 0;
    }
    return -ENOTTY;
}

/* Is the other side of a pty closed? */
static bool hung_up(struct tty *tty) {
    pthread_mutex_lock(&process_lock);
    bool gone = !tty->host && tty->master_fd < 0;
    pthread_mutex_unlock(&process_lock);
    return gone;
}

long tty_ioctl(struct file *file, struct task *task, uint32_t request, gaddr_t arg) {
    struct tty *tty = file->data;
    bool master = file->ops == &ptmx_ops;
    if (!master && hung_up(tty)) {
        return request == TIOCSPGRP ? -ENOTTY : -EIO;
    }
    for (size_t i = 0; i < ARRAY_LEN(passed); i++) {
        if (passed[i].request == request) {
            return pass(file, task, &passed[i], arg);
        }
    }
    switch (request) {
    case TIOCSCTTY:
        return set_controlling(task, tty, arg == 1);
    case TIOCNOTTY:
        return give_up_controlling(task, tty);
    case TIOCGPGRP:
        return get_foreground(task, tty, master, arg);
    case TIOCSPGRP:
        return set_foreground(task, tty, arg);
    case TIOCGSID:
        return get_session(task, tty, master, arg);
    case TIOCSWINSZ:
        return set_window(file, task, arg);
    case TIOCSETD:
        return set_discipline(file, task, arg);
    case TIOCEXCL:
        return set_exclusive(tty, true);
    case TIOCNXCL:
        return set_exclusive(tty, false);
    case TIOCGEXCL:
        return put_int(task, arg, tty->exclusive);
    case TIOCGDEV:
        return put_int(task, arg, (int32_t)tty_device_number(tty));
    case TIOCSTI:
    case TIOCCONS:
    case TIOCVHANGUP:
        return -EPERM;
    case TIOCLINUX:
        return -EINVAL;
    }
    return master ? master_ioctl(file, task, request, arg) : -ENOTTY;
}
