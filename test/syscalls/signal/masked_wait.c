/* ppoll, pselect, epoll_pwait, sigsuspend with a mask that lets a pending signal through: they end
 * at once, and the mask is the old one behind them. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

static void handler(int signo) {
    (void)signo;
    printf("handler, ");
}

static void show(const char *name, int result) {
    int error = errno;
    sigset_t now;
    sigprocmask(SIG_SETMASK, NULL, &now);
    printf("%s: %d %s, blocked again %d\n", name, result, strerror(error),
           sigismember(&now, SIGUSR1));
}

int main(void) {
    sigset_t block, empty;
    struct timespec span = {3, 0}, begin, end;
    struct epoll_event event;
    setvbuf(stdout, NULL, _IONBF, 0);
    sigemptyset(&empty);
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    sigprocmask(SIG_BLOCK, &block, NULL);
    signal(SIGUSR1, handler);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    raise(SIGUSR1);
    show("ppoll", ppoll(NULL, 0, &span, &empty));
    raise(SIGUSR1);
    show("pselect", pselect(0, NULL, NULL, NULL, &span, &empty));
    raise(SIGUSR1);
    show("epoll_pwait", epoll_pwait(epoll_create1(0), &event, 1, 3000, &empty));
    raise(SIGUSR1);
    show("sigsuspend", sigsuspend(&empty));
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("at once %d\n", end.tv_sec - begin.tv_sec < 2);
    return 0;
}
