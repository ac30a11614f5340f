/* Handlers, masks, flags of sigaction, pending signals, order of delivery, restarts. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile int count;
static volatile int order[64], orders;
static siginfo_t last;
static sigset_t mask_inside;

static void plain(int signo) {
    count++;
    order[orders++ & 63] = signo;
}

static void with_info(int signo, siginfo_t *info, void *context) {
    (void)context;
    count++;
    last = *info;
    order[orders++ & 63] = signo;
    sigprocmask(SIG_SETMASK, NULL, &mask_inside);
}

static void set(int signo, void (*handler)(int), int flags, int masked) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
    sigemptyset(&action.sa_mask);
    if (masked) {
        sigaddset(&action.sa_mask, masked);
    }
    if (sigaction(signo, &action, NULL) != 0) {
        printf("sigaction %d: %s\n", signo, strerror(errno));
    }
}

static void set_info(int signo, int flags) {
    struct sigaction action = {.sa_sigaction = with_info, .sa_flags = flags | SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    sigaction(signo, &action, NULL);
}

static void basics(void) {
    struct sigaction old;
    set(SIGUSR1, plain, 0, SIGUSR2);
    raise(SIGUSR1);
    raise(SIGUSR1);
    printf("handled %d\n", count);
    sigaction(SIGUSR1, NULL, &old);
    printf("action kept: %d flags %x mask usr2 %d usr1 %d\n", old.sa_handler == plain,
           (unsigned)old.sa_flags & ~0x04000000u, sigismember(&old.sa_mask, SIGUSR2),
           sigismember(&old.sa_mask, SIGUSR1));
    int result = sigaction(SIGKILL, &old, NULL);
    printf("SIGKILL: %d %s\n", result, strerror(errno));
    result = sigaction(65, NULL, &old);
    printf("signal 65: %d %s\n", result, strerror(errno));
    set(SIGUSR1, plain, SA_RESETHAND, 0);
    raise(SIGUSR1);
    sigaction(SIGUSR1, NULL, &old);
    printf("reset to default %d\n", old.sa_handler == SIG_DFL);
    set_info(SIGUSR2, SA_NODEFER);
    raise(SIGUSR2);
    printf("nodefer: own signal blocked inside %d, code %d, pid ok %d, uid ok %d\n",
           sigismember(&mask_inside, SIGUSR2), last.si_code, last.si_pid == getpid(),
           last.si_uid == getuid());
    set_info(SIGUSR2, 0);
    raise(SIGUSR2);
    printf("defer: blocked inside %d\n", sigismember(&mask_inside, SIGUSR2));
    sigprocmask(SIG_SETMASK, NULL, &mask_inside);
    printf("unblocked after %d\n", sigismember(&mask_inside, SIGUSR2));
}

static void pending(void) {
    sigset_t set_, got;
    sigemptyset(&set_);
    sigaddset(&set_, SIGUSR2);
    sigaddset(&set_, SIGRTMIN + 1);
    sigaddset(&set_, SIGRTMIN + 2);
    sigprocmask(SIG_BLOCK, &set_, NULL);
    set_info(SIGUSR2, 0);
    set_info(SIGRTMIN + 1, 0);
    set_info(SIGRTMIN + 2, 0);
    count = orders = 0;
    union sigval value = {.sival_int = 5};
    sigqueue(getpid(), SIGRTMIN + 2, value);
    value.sival_int = 6;
    sigqueue(getpid(), SIGRTMIN + 1, value);
    value.sival_int = 7;
    sigqueue(getpid(), SIGRTMIN + 1, value);
    raise(SIGUSR2);
    raise(SIGUSR2);
    sigpending(&got);
    printf("pending usr2 %d rt1 %d rt2 %d usr1 %d\n", sigismember(&got, SIGUSR2),
           sigismember(&got, SIGRTMIN + 1), sigismember(&got, SIGRTMIN + 2),
           sigismember(&got, SIGUSR1));
    siginfo_t info;
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, SIGRTMIN + 1);
    struct timespec none = {0, 0};
    int got_signal = sigtimedwait(&one, &info, &none);
    printf("sigtimedwait %d code %d value %d\n", got_signal - SIGRTMIN, info.si_code,
           info.si_value.sival_int);
    sigprocmask(SIG_UNBLOCK, &set_, NULL);
    printf("delivered %d\n", count);
    struct timespec little = {0, 1000000};
    got_signal = sigtimedwait(&one, &info, &little);
    printf("sigtimedwait none: %d %s\n", got_signal, strerror(errno));
}

static void restarts(void) {
    int fds[2];
    char byte;
    if (pipe(fds)) {
        return;
    }
    struct itimerval timer = {.it_value = {0, 20000}};
    set(SIGALRM, plain, 0, 0);
    setitimer(ITIMER_REAL, &timer, NULL);
    ssize_t n = read(fds[0], &byte, 1);
    printf("read without SA_RESTART: %zd %s\n", n, strerror(errno));
    set(SIGALRM, plain, SA_RESTART, 0);
    if (fork() == 0) {
        usleep(60000);
        _exit(write(fds[1], "x", 1) != 1);
    }
    setitimer(ITIMER_REAL, &timer, NULL);
    count = 0;
    n = read(fds[0], &byte, 1);
    printf("read with SA_RESTART: %zd %c, handlers %d\n", n, byte, count);
    wait(NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
    struct timespec span = {5, 0}, left;
    int result = nanosleep(&span, &left);
    printf("nanosleep: %d %s, left %d\n", result, strerror(errno), left.tv_sec == 4);
    setitimer(ITIMER_REAL, &timer, NULL);
    result = pause();
    printf("pause: %d %s\n", result, strerror(errno));
    setitimer(ITIMER_REAL, &timer, NULL);
    sigset_t empty;
    sigemptyset(&empty);
    result = sigsuspend(&empty);
    printf("sigsuspend: %d %s\n", result, strerror(errno));
}

static void suspend_order(void) {
    sigset_t block, old;
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    sigprocmask(SIG_BLOCK, &block, &old);
    set(SIGUSR1, plain, 0, 0);
    count = 0;
    raise(SIGUSR1);
    printf("blocked: handled %d\n", count);
    sigset_t open_ = old;
    sigdelset(&open_, SIGUSR1);
    sigsuspend(&open_);
    sigset_t now;
    sigprocmask(SIG_SETMASK, NULL, &now);
    printf("after sigsuspend: handled %d, blocked again %d\n", count, sigismember(&now, SIGUSR1));
    sigprocmask(SIG_SETMASK, &old, NULL);
}

static void ignored(void) {
    set(SIGUSR1, SIG_IGN, 0, 0);
    raise(SIGUSR1);
    set(SIGCHLD, SIG_DFL, 0, 0);
    raise(SIGCHLD);
    raise(SIGWINCH);
    raise(SIGCONT);
    printf("ignored ones did nothing\n");
}

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    basics();
    pending();
    restarts();
    suspend_order();
    ignored();
    return 0;
}
