/* The host's side of the guest's terminal: the terminal that Fiberglass was started on becomes
 * guest terminal /dev/pts/0, its settings are saved and given back, and a helper thread turns the
 * host's signals into guest signals.
 *
 * On the host, Fiberglass is one job of the user's shell. The host's driver sends it SIGINT,
 * SIGQUIT, SIGTSTP and SIGWINCH; here they go on to the foreground group of the guest. When the
 * guest's first process stops, and nobody in the guest can continue it, the whole of Fiberglass
 * stops, so that the user's shell takes the terminal back; fg continues both. */
#include "core/host/host.h"
#include "syscalls/task/process.h"
#include "syscalls/signal/signal.h"
#include "syscalls/tty/tty_internal.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

static const int forwarded[] = {SIGINT,   SIGQUIT, SIGTERM, SIGHUP, SIGTSTP,
                                SIGWINCH, SIGCONT, SIGUSR1, SIGUSR2};
/* si_value of the SIGTSTP that tty_initial_stopped() sends to the helper thread. */
#define STOP_REQUEST 0x46474c53

static struct tty *host_tty;        /* set once, at start-up */
static struct termios saved, guest; /* the user's settings; the guest's last ones */
static int saved_flags;
static volatile sig_atomic_t saved_valid, changed;
static pthread_t signal_thread;
static volatile bool thread_runs;

struct tty *tty_host_get(void) {
    return host_tty;
}

/* --- the terminal ---------------------------------------------------------------------- */

/* Makes the terminal behind `fd` (taken over) the host terminal. */
static int adopt(int fd) {
    pthread_mutex_lock(&process_lock);
    host_tty = tty_new_locked(0); /* its first file never goes away */
    if (host_tty) {
        host_tty->host = true;
        host_tty->host_fd = fd;
    }
    pthread_mutex_unlock(&process_lock);
    if (!host_tty) {
        close(fd);
        return -ENOMEM;
    }
    saved_flags = fcntl(fd, F_GETFL);
    saved_valid = tcgetattr(fd, &saved) == 0;
    return 0;
}

int tty_adopt_host(int fd, struct file **out) {
    if (!isatty(fd)) {
        return 0;
    }
    int flags = fcntl(fd, F_GETFL);
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (copy < 0) {
        return -errno;
    }
    if (!host_tty) {
        int own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        int error = own < 0 ? -errno : adopt(own);
        if (error) {
            close(copy);
            return error;
        }
    }
    int error = tty_file(NULL, host_tty, &tty_ops, NODE_PTS, copy, flags, out);
    return error ? error : 1;
}

int tty_host_reopen(int flags) {
    char name[32];
    snprintf(name, sizeof name, "/proc/self/fd/%d", host_tty->host_fd);
    int fd = open(name, flags | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) /* no permission (after su), no /proc: share the description */
    {
        fd = fcntl(host_tty->host_fd, F_DUPFD_CLOEXEC, 0);
    }
    return fd < 0 ? -errno : fd;
}

int tty_open_console(struct task *task, int flags, struct file **out) {
    if (!host_tty) {
        return -ENXIO;
    }
    int fd = tty_host_reopen(flags & (O_ACCMODE | O_NONBLOCK));
    return fd < 0 ? fd : tty_file(task, host_tty, &tty_ops, NODE_CONSOLE, fd, flags, out);
}

void tty_host_changed(void) {
    struct termios now;
    if (tcgetattr(host_tty->host_fd, &now) == 0) {
        guest = now;
        changed = 1;
    }
}

/* On the host, is Fiberglass in the foreground? In the background, setting the terminal would stop
 * it. A terminal that is not the host's controlling one knows no background. */
static bool in_foreground(void) {
    pid_t foreground = tcgetpgrp(host_tty->host_fd);
    return foreground < 0 || foreground == getpgrp();
}

int tty_host_wait_foreground(struct task *task, int signo) {
    for (int tries = 0; tries < 50; tries++) {
        if (in_foreground()) {
            return 0;
        }
        if (task_interrupted(task)) {
            return -ERESTARTSYS;
        }
        /* The helper thread does not block it: the whole process stops here, until the user's fg.
         */
        kill(getpid(), signo);
        struct timespec pause = {0, 2000000};
        host_call(task, SYS_nanosleep, (long)&pause, 0, 0, 0, 0, 0);
    }
    return -EIO; /* it does not stop: the signal is ignored, or the group an orphan */
}

void tty_host_stop(void) {
    if (!host_tty || !saved_valid) {
        return;
    }
    if (changed && in_foreground()) {
        tcsetattr(host_tty->host_fd, TCSANOW, &saved);
    }
    if (saved_flags >= 0 && fcntl(host_tty->host_fd, F_GETFL) != saved_flags) {
        fcntl(host_tty->host_fd, F_SETFL, saved_flags);
    }
    changed = 0;
}

/* --- host signals ---------------------------------------------------------------------- */

/* Could some guest task still run and thus continue the first process? process_lock held. */
static bool others_run(const struct process *first) {
    for (struct process *process = process_list; process; process = process->next) {
        if (process != first && process->tasks && !process->zombie && !process->stopped) {
            return true;
        }
    }
    return false;
}

/* The first process stopped: stop as a whole, when that is what its user means. */
static void stop_host(void) {
    pthread_mutex_lock(&process_lock);
    struct process *first = process_first;
    int signo = first ? signal_stopped_locked(first) : 0;
    bool stop =
        signo && ((first->tty && first->tty->host && signo != SIGSTOP) || !others_run(first));
    pthread_mutex_unlock(&process_lock);
    if (!stop) {
        return;
    }
    if (host_tty && saved_valid && changed && in_foreground()) {
        tcsetattr(host_tty->host_fd, TCSADRAIN, &saved);
    }
    kill(getpid(), SIGSTOP);
}

/* After SIGCONT: the guest's settings again, and the guest's first group goes on. */
static void continue_guest(void) {
    if (host_tty && changed && in_foreground()) {
        struct termios now;
        if (tcgetattr(host_tty->host_fd, &now) == 0) {
            saved = now;
        }
        tcsetattr(host_tty->host_fd, TCSADRAIN, &guest);
    }
    pthread_mutex_lock(&process_lock);
    struct process *first = process_first;
    if (first && signal_stopped_locked(first)) {
        tty_signal_group_locked(first->pgid, SIGCONT, SI_KERNEL);
    }
    if (host_tty) {
        tty_signal_group_locked(host_tty->foreground, SIGWINCH, SI_KERNEL);
    }
    pthread_mutex_unlock(&process_lock);
}

static void forward(int signo, bool from_terminal) {
    pthread_mutex_lock(&process_lock);
    struct process *first = process_first;
    bool ours = host_tty && host_tty->session;
    if (from_terminal && signo == SIGHUP && ours) {
        tty_hangup_locked(host_tty);
    } else if (from_terminal && ours) {
        tty_signal_group_locked(host_tty->foreground, signo, SI_KERNEL);
    } else if (first && !first->zombie && signo != SIGWINCH) {
        if (from_terminal) {
            tty_signal_group_locked(first->pgid, signo, SI_KERNEL);
        } else {
            struct sigqueue_info info = {.signo = signo, .code = SI_USER};
            signal_send_process_locked(first, &info);
        }
    }
    pthread_mutex_unlock(&process_lock);
}

static void *wait_signals(void *arg) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTTIN);
    sigaddset(&set, SIGTTOU);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(forwarded); i++) {
        sigaddset(&set, forwarded[i]);
    }
    for (;;) {
        siginfo_t info;
        int signo = sigwaitinfo(&set, &info);
        if (signo < 0) {
            continue;
        }
        if (signo == SIGTSTP && info.si_code == SI_QUEUE &&
            info.si_value.sival_int == STOP_REQUEST) {
            stop_host();
        } else if (signo == SIGCONT) {
            continue_guest();
        } else {
            forward(signo, info.si_code > 0 || signo == SIGWINCH);
        }
    }
    return NULL;
}

void tty_initial_stopped(void) {
    if (thread_runs) {
        pthread_sigqueue(signal_thread, SIGTSTP, (union sigval){.sival_int = STOP_REQUEST});
    }
}

void tty_block_host_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(forwarded); i++) {
        sigaddset(&set, forwarded[i]);
    }
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int tty_host_start(struct process *initial) {
    if (!host_tty) { /* none of the standard descriptors: /dev/tty may work all the same */
        int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (fd >= 0) {
            adopt(fd);
        }
    }
    if (host_tty && tcgetsid(host_tty->host_fd) == getsid(0)) {
        pthread_mutex_lock(&process_lock);
        host_tty->uid = initial->uid;
        host_tty->session = initial->sid;
        host_tty->foreground = initial->pgid;
        initial->tty = host_tty;
        pthread_mutex_unlock(&process_lock);
    }
    atexit(tty_host_stop);
    host_fatal_hook = tty_host_stop;
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 128 * 1024);
    int error = pthread_create(&signal_thread, &attr, wait_signals, NULL);
    pthread_attr_destroy(&attr);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (error) {
        return -error;
    }
    thread_runs = true;
    return 0;
}
