/* Guest ptys (pty(7)): a host pty each, opened without becoming anyone's controlling terminal on
 * the host. The host's line discipline edits, echoes and buffers; its signals would go to a
 * foreground group that the host does not have, so a write to the master looks for VINTR, VQUIT and
 * VSUSP as the line discipline does and signals the guest's foreground group. */
#include "core/space/space.h"
#include "syscalls/task/capability.h"
#include "syscalls/file/open_flags.h"
#include "syscalls/fs/fs_place.h"
#include "syscalls/file/io.h"
#include "syscalls/signal/signal.h"
#include "syscalls/tty/tty_internal.h"
#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif
/* A pty's input buffer takes no more at a time. */
#define MASTER_CHUNK 4096

/* --- the master ------------------------------------------------------------------------ */

/* The first character of `text` that asks for a signal: returns how many bytes end with it (len
 * when there is none) and the signal (0). Follows n_tty's order: in an EXTPROC terminal nothing is
 * special; after VLNEXT (canonical and extended input) a character is data; a character of 0
 * (_POSIX_VDISABLE) is off. *flushes: the line discipline empties its queues at it. */
static size_t find_signal(struct tty *tty, int master, const uint8_t *text, size_t len, int *signo,
                          bool *flushes) {
    struct termios termios;
    *signo = 0;
    if (ioctl(master, TCGETS, &termios)) {
        return len;
    }
    const uint8_t *cc = termios.c_cc;
    bool literal = (termios.c_lflag & IEXTEN) && (termios.c_lflag & ICANON);
    *flushes = !(termios.c_lflag & NOFLSH);
    if ((termios.c_lflag & EXTPROC) || !(termios.c_lflag & ISIG)) {
        tty->literal_next = false;
        return len;
    }
    for (size_t i = 0; i < len; i++) {
        uint8_t c = termios.c_iflag & ISTRIP ? text[i] & 0x7f : text[i];
        if (tty->literal_next) {
            tty->literal_next = false;
            continue;
        }
        *signo = !c               ? 0
                 : c == cc[VINTR] ? SIGINT
                 : c == cc[VQUIT] ? SIGQUIT
                 : c == cc[VSUSP] ? SIGTSTP
                                  : 0;
        if (*signo) {
            return i + 1;
        }
        tty->literal_next = c && literal && c == cc[VLNEXT];
    }
    return len;
}

static int open_slave(int master, int flags);

/* The host handles what the master wrote a little later, in a worker. A signal must not overtake
 * that: what the signalled process then prints would be flushed with the old output. poll on the
 * slave waits for the worker, unless there is input; that goes away when the worker comes to the
 * signal. */
static void wait_for_discipline(int master) {
    int slave = open_slave(master, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0) {
        return;
    }
    struct pollfd p = {.fd = slave, .events = POLLIN};
    for (int tries = 0; tries < 20 && poll(&p, 1, 0) > 0 && (p.revents & POLLIN); tries++) {
        usleep(500);
    }
    close(slave);
}

static void raise_signal(struct tty *tty, int master, int signo, bool flushes) {
    pthread_mutex_lock(&process_lock);
    int32_t foreground = tty->foreground;
    pthread_mutex_unlock(&process_lock);
    if (!foreground) {
        return;
    }
    if (flushes) {
        wait_for_discipline(master);
    }
    pthread_mutex_lock(&process_lock);
    tty_signal_group_locked(tty->foreground, signo, SI_KERNEL);
    pthread_mutex_unlock(&process_lock);
}

static ssize_t ptmx_write(struct file *file, struct task *task, const struct iovec *iov, int count,
                          int64_t offset) {
    if (offset >= 0) {
        return -ESPIPE;
    }
    uint8_t text[MASTER_CHUNK];
    ssize_t done = 0;
    for (int i = 0; i < count; i++) {
        for (size_t at = 0; at < iov[i].iov_len;) {
            struct iovec part = {(char *)iov[i].iov_base + at, iov[i].iov_len - at};
            ssize_t len = iov_get(&part, 1, text, sizeof text);
            if (len < 0) {
                return done ? done : len;
            }
            int signo;
            bool flushes;
            bool literal = ((struct tty *)file->data)->literal_next;
            size_t want =
                find_signal(file->data, file->host_fd, text, (size_t)len, &signo, &flushes);
            long put = host_call(task, SYS_write, file->host_fd, (long)text, (long)want, 0, 0, 0);
            if (put < (long)want) /* nobody saw the characters after */
            {
                ((struct tty *)file->data)->literal_next = literal;
            }
            if (put < 0) {
                return done ? done : put == -EINTR ? -ERESTARTSYS : put;
            }
            done += put;
            at += (size_t)put;
            if (put < (long)want) {
                return done;
            }
            if (signo) {
                raise_signal(file->data, file->host_fd, signo, flushes);
            }
        }
    }
    return done;
}

/* Closing the master hangs the slave up; the host does so for its readers and writers. */
static void ptmx_release(struct file *file) {
    struct tty *tty = file->data;
    pthread_mutex_lock(&process_lock);
    tty->master_fd = -1;
    pthread_mutex_unlock(&process_lock);
    close(file->host_fd);
    pthread_mutex_lock(&process_lock);
    tty_hangup_locked(tty);
    pthread_mutex_unlock(&process_lock);
    tty_drop(tty);
}

/* As for every open of the node, a pty of its own. */
static int ptmx_reopen(struct file *file, struct task *task, int flags, struct file **out) {
    int error = file_reopen_check(file, task, flags);
    return error ? error : ptmx_open(task, (int)open_flags_to_guest(flags), out);
}

const struct file_ops ptmx_ops = {
    .kind = "ptmx",
    .read = stream_read,
    .write = ptmx_write,
    .ioctl = tty_ioctl,
    .stat = tty_file_stat,
    .reopen = ptmx_reopen,
    .release = ptmx_release,
};

int ptmx_open(struct task *task, int flags, struct file **out) {
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | (flags & O_NONBLOCK));
    if (fd < 0) {
        return -errno;
    }
    if (unlockpt(fd)) { /* the guest's lock is ours */
        int error = -errno;
        close(fd);
        return error;
    }
    pthread_mutex_lock(&process_lock);
    struct tty *tty = tty_new_locked(tty_free_index_locked(tty_host_get() ? 1 : 0));
    if (tty) {
        tty->master_fd = fd;
        tty->locked = true;
        tty->uid = task->process->fsuid;
    }
    pthread_mutex_unlock(&process_lock);
    if (!tty) {
        close(fd);
        return -ENOMEM;
    }
    int error = tty_file(task, tty, &ptmx_ops, NODE_PTMX, fd, flags, out);
    tty_drop(tty); /* the reference that creation left */
    return error;
}

/* --- the slave ------------------------------------------------------------------------- */

static int open_slave(int master, int flags) {
    int fd = ioctl(master, TIOCGPTPEER, flags);
    if (fd >= 0 || (errno != EINVAL && errno != ENOTTY)) {
        return fd < 0 ? -errno : fd;
    }
    char name[64]; /* hosts before Linux 4.13 */
    if (ptsname_r(master, name, sizeof name)) {
        return -errno;
    }
    fd = open(name, flags);
    return fd < 0 ? -errno : fd;
}

int pts_open(struct task *task, int index, int flags, struct file **out) {
    int host_flags = (flags & (O_ACCMODE | O_NONBLOCK)) | O_NOCTTY | O_CLOEXEC;
    int fd = -ENOENT;
    pthread_mutex_lock(&process_lock);
    struct tty *tty = pts_find_locked(index);
    if (tty && tty->exclusive && !task_capable(task, CAP_SYS_ADMIN)) {
        fd = -EBUSY;
    } else if (tty && tty->host) {
        fd = tty_host_reopen(host_flags);
    } else if (tty) {
        fd = tty->locked ? -EIO : open_slave(tty->master_fd, host_flags);
    }
    if (fd >= 0) {
        tty->open_files++; /* holds it until the file does */
    }
    pthread_mutex_unlock(&process_lock);
    if (fd < 0) {
        return fd;
    }
    int error = tty_file(task, tty, &tty_ops, NODE_PTS, fd, flags, out);
    tty_drop(tty);
    return error;
}

int tty_open_current(struct task *task, int flags, struct file **out) {
    int host_flags = (flags & (O_ACCMODE | O_NONBLOCK)) | O_NOCTTY | O_CLOEXEC;
    int fd = -ENXIO;
    pthread_mutex_lock(&process_lock);
    struct tty *tty = task->process->tty;
    if (tty && tty->host) {
        fd = tty_host_reopen(host_flags);
    } else if (tty) {
        fd = tty->master_fd < 0 ? -EIO : open_slave(tty->master_fd, host_flags);
    }
    if (fd >= 0) {
        tty->open_files++;
    }
    pthread_mutex_unlock(&process_lock);
    if (fd < 0) {
        return fd;
    }
    int error = tty_file(task, tty, &tty_ops, NODE_TTY, fd, flags, out);
    tty_drop(tty);
    return error;
}
