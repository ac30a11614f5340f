/* Which thread takes a signal that was sent to the process: the first, unless it blocks it; when
 * that blocks it later, or stops to wait for it, another one. And what is ready goes before a
 * signal that a temporary mask lets through.
 *
 * Build: cc -O2 -static -pthread target.c */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile int handled, by_first;

static void handler(int signo) {
    (void)signo;
    by_first = syscall(SYS_gettid) == getpid();
    __atomic_add_fetch(&handled, 1, __ATOMIC_SEQ_CST);
}

static const char *who(void) {
    return !handled ? "nobody" : by_first ? "the first" : "another";
}

static void mask(int how, int signo) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signo);
    pthread_sigmask(how, &set, NULL);
}

static void *send_late(void *arg) {
    usleep(50000);
    kill(getpid(), SIGUSR1);
    usleep(100000);
    return NULL;
}

static void *idle(void *arg) {
    for (int i = 0; i < 40; i++) {
        usleep(10000);
    }
    return NULL;
}

static void asleep(const char *what) {
    pthread_t sender;
    handled = 0;
    pthread_create(&sender, NULL, send_late, NULL);
    errno = 0;
    int result = poll(NULL, 0, 250);
    printf("%s: %d %s, taken by %s\n", what, result, strerror(errno), who());
    pthread_join(sender, NULL);
}

static void busy(void) {
    pthread_t sender;
    handled = 0;
    pthread_create(&sender, NULL, send_late, NULL);
    for (time_t end = time(NULL) + 5; !handled && time(NULL) < end;) {
    }
    printf("busy: taken by %s\n", who());
    pthread_join(sender, NULL);
}

static volatile int sleeping;

static void *unblocked(void *arg) {
    mask(SIG_UNBLOCK, SIGUSR1);
    sleeping = 1;
    usleep(200000);
    return NULL;
}

/* The first one blocks it: the other takes it, also what it was too late to block. */
static void blocked(void) {
    pthread_t other;
    handled = 0;
    mask(SIG_BLOCK, SIGUSR1);
    pthread_create(&other, NULL, unblocked, NULL);
    while (!sleeping) {
        usleep(1000);
    }
    kill(getpid(), SIGUSR1);
    pthread_join(other, NULL);
    printf("blocked by the first: taken by %s\n", who());
    handled = 0;
    kill(getpid(), SIGUSR1);
    usleep(10000);
    printf("blocked by all: %d\n", handled);
    pthread_create(&other, NULL, unblocked, NULL);
    pthread_join(other, NULL);
    printf("let through by a thread: taken by %s\n", who());
    mask(SIG_UNBLOCK, SIGUSR1);
}

static void *wait_for_it(void *arg) {
    sigset_t set;
    struct timespec limit = {2, 0};
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sleeping = 2;
    int got = sigtimedwait(&set, NULL, &limit);
    printf("sigtimedwait %d\n", got == SIGUSR1);
    return NULL;
}

static void waiter(void) {
    pthread_t other;
    handled = 0;
    mask(SIG_BLOCK, SIGUSR1);
    pthread_create(&other, NULL, wait_for_it, NULL);
    while (sleeping != 2) {
        usleep(1000);
    }
    usleep(20000);
    kill(getpid(), SIGUSR1);
    pthread_join(other, NULL);
    printf("waited for: taken by %s\n", who());
    mask(SIG_UNBLOCK, SIGUSR1);
}

/* Many at once: none is lost, whoever blocks and unblocks meanwhile. */
static volatile int stop;

static void *flicker(void *arg) {
    while (!stop) {
        mask(SIG_BLOCK, SIGRTMIN);
        mask(SIG_UNBLOCK, SIGRTMIN);
    }
    return NULL;
}

static void storm(void) {
    pthread_t thread[3];
    handled = 0;
    signal(SIGRTMIN, handler);
    for (int i = 0; i < 3; i++) {
        pthread_create(&thread[i], NULL, flicker, NULL);
    }
    for (int i = 0; i < 500; i++) {
        while (kill(getpid(), SIGRTMIN) < 0) {
            usleep(100);
        }
        if (i % 3 == 0) {
            mask(i % 2 ? SIG_BLOCK : SIG_UNBLOCK, SIGRTMIN);
        }
    }
    mask(SIG_UNBLOCK, SIGRTMIN);
    stop = 1;
    for (int i = 0; i < 3; i++) {
        pthread_join(thread[i], NULL);
    }
    for (int i = 0; i < 300 && handled < 500; i++) {
        usleep(10000);
    }
    printf("of 500: %d\n", handled);
}

static void timer(void) {
    pthread_t other;
    handled = 0;
    signal(SIGALRM, handler);
    pthread_create(&other, NULL, idle, NULL);
    struct itimerval value = {{0, 0}, {0, 50000}};
    setitimer(ITIMER_REAL, &value, NULL);
    pause();
    printf("timer: taken by %s\n", who());
    pthread_join(other, NULL);
}

/* A stopped process takes it when it goes on. */
static void continued(void) {
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t other;
        handled = 0;
        pthread_create(&other, NULL, idle, NULL);
        raise(SIGSTOP);
        usleep(100000);
        printf("after a stop: %d\n", handled);
        fflush(stdout);
        _exit(0);
    }
    waitpid(pid, &status, WUNTRACED);
    kill(pid, SIGUSR1);
    kill(pid, SIGCONT);
    waitpid(pid, &status, 0);
}

/* --- readiness and a pending signal -------------------------------------------------------- */

static void pending(const char *what, long result) {
    sigset_t set;
    sigpending(&set);
    printf("%s: %ld, handled %d, pending %d\n", what, result, handled, sigismember(&set, SIGUSR1));
    sigset_t empty;
    sigemptyset(&empty);
    if (!handled) {
        sigsuspend(&empty);
    }
    handled = 0;
}

static void ready_first(int has_data) {
    int ends[2];
    sigset_t empty;
    struct timespec none = {0, 0}, some = {0, 50000000};
    sigemptyset(&empty);
    mask(SIG_BLOCK, SIGUSR1);
    (void)!pipe(ends);
    if (has_data) {
        (void)!write(ends[1], "x", 1);
    }
    printf("--- with data %d\n", has_data);
    handled = 0;
    struct pollfd item = {ends[0], POLLIN, 0};
    struct timespec *limit[] = {&none, &some};
    for (int i = 0; i < 2; i++) {
        raise(SIGUSR1);
        item.revents = 0;
        pending("ppoll", ppoll(&item, 1, limit[i], &empty));
        fd_set set;
        FD_ZERO(&set);
        FD_SET(ends[0], &set);
        raise(SIGUSR1);
        pending("pselect", pselect(ends[0] + 1, &set, NULL, NULL, limit[i], &empty));
        int epoll = epoll_create1(0);
        struct epoll_event event = {.events = EPOLLIN};
        epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event);
        raise(SIGUSR1);
        pending("epoll_pwait", epoll_pwait(epoll, &event, 1, i ? 50 : 0, &empty));
        close(epoll);
    }
    mask(SIG_UNBLOCK, SIGUSR1);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    struct sigaction action = {.sa_handler = handler};
    sigaction(SIGUSR1, &action, NULL);
    asleep("asleep");
    pthread_t other;
    pthread_create(&other, NULL, idle, NULL);
    asleep("beside another");
    pthread_join(other, NULL);
    busy();
    blocked();
    waiter();
    timer();
    storm();
    continued();
    ready_first(1);
    ready_first(0);
    return 0;
}
