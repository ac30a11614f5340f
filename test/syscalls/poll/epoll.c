/* epoll, eventfd, timerfd, signalfd.
 * test: own */
#include "test/syscalls/io_test.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

static void show_events(int ep, int timeout) {
    struct epoll_event ev[8];
    int n = epoll_wait(ep, ev, 8, timeout);
    printf("events %d:", n);
    for (int i = 0; i < n; i++) {
        printf(" %#x/%llx", ev[i].events, (unsigned long long)ev[i].data.u64);
    }
    puts("");
}

static void registration(void) {
    int ep = epoll_create1(EPOLL_CLOEXEC), p[2];
    pipe(p);
    struct epoll_event ev = {EPOLLIN, {.u64 = 0x1122334455667788ull}};
    SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev));
    SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev));
    show_events(ep, 0);
    write(p[1], "ab", 2);
    show_events(ep, -1);
    int dup_fd = dup(p[0]);
    ev.data.u64 = 2;
    SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, dup_fd, &ev));
    struct epoll_event list[4];
    SHOW(epoll_wait(ep, list, 4, 0));
    SHOW(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL));
    show_events(ep, 0);
    ev.events = EPOLLIN | EPOLLONESHOT;
    SHOW(epoll_ctl(ep, EPOLL_CTL_MOD, dup_fd, &ev));
    show_events(ep, 0);
    show_events(ep, 0);
    ev.events = EPOLLIN | EPOLLET;
    SHOW(epoll_ctl(ep, EPOLL_CTL_MOD, dup_fd, &ev));
    show_events(ep, 0);
    show_events(ep, 0);
    write(p[1], "c", 1);
    show_events(ep, 0);
    SHOW(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &ev));
    /* Closing one of two descriptors of the pipe keeps the registration, closing both ends it. */
    close(dup_fd);
    write(p[1], "d", 1);
    show_events(ep, 0);
    close(p[0]);
    show_events(ep, 0);
    pipe(p);
    SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &ev));
    SHOW(epoll_ctl(p[0], EPOLL_CTL_ADD, p[1], &ev));
    SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, 77, &ev));
    SHOW(epoll_ctl(ep, 9, p[0], &ev));
    int file = open("/proc/self/exe", O_RDONLY);
    SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, file, &ev));
    SHOW(epoll_wait(ep, list, 0, 0));
    SHOW(epoll_wait(ep, (struct epoll_event *)-64, 4, 0));
    SHOW(read(ep, list, 8));
    long start = now_ms();
    SHOW(epoll_wait(ep, list, 4, 150));
    took("epoll_wait", start, 150);
    /* An epoll in an epoll. */
    int outer = epoll_create(1);
    ev = (struct epoll_event){EPOLLIN, {.u32 = 5}};
    SHOW(epoll_ctl(outer, EPOLL_CTL_ADD, ep, &ev));
    SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev));
    show_events(outer, 0);
    write(p[1], "e", 1);
    show_events(outer, 1000);
    catch (SIGUSR1, SA_RESTART);
    int quiet = epoll_create(1);
    signal_later(SIGUSR1, 100);
    SHOW(epoll_wait(quiet, list, 4, -1));
    wait(NULL);
}

static void counters(void) {
    uint64_t v = 0;
    int e = eventfd(3, EFD_NONBLOCK);
    SHOW(read(e, &v, 8));
    printf("value %llu\n", (unsigned long long)v);
    SHOW(read(e, &v, 8));
    v = 5;
    SHOW(write(e, &v, 8));
    SHOW(write(e, &v, 4));
    v = ~0ull;
    SHOW(write(e, &v, 8));
    close(e);
    e = eventfd(2, EFD_SEMAPHORE);
    SHOW(read(e, &v, 8));
    printf("value %llu\n", (unsigned long long)v);
    close(e);
    SHOW(eventfd(0, 0x100));
    int t = timerfd_create(CLOCK_MONOTONIC, 0);
    struct itimerspec its = {{0, 50000000}, {0, 100000000}}, old;
    long start = now_ms();
    SHOW(timerfd_settime(t, 0, &its, NULL));
    SHOW(read(t, &v, 8));
    took("timerfd", start, 100);
    printf("ticks %llu\n", (unsigned long long)v);
    sleep_ms(120);
    SHOW(read(t, &v, 8));
    printf("ticks %s\n", v >= 2 ? "2 or more" : "few");
    its = (struct itimerspec){{0, 0}, {1000, 0}};
    SHOW(timerfd_settime(t, 0, &its, &old));
    printf("interval %ld\n", old.it_interval.tv_nsec);
    SHOW(timerfd_gettime(t, &old));
    printf("left %s\n", old.it_value.tv_sec >= 998 ? "nearly all" : "?");
    SHOW(timerfd_settime(0, 0, &its, NULL));
    SHOW(timerfd_create(99, 0));
    SHOW(timerfd_create(CLOCK_MONOTONIC, 1));
    SHOW(write(t, &v, 8));
    SHOW(epoll_create1(1));
    close(t);
}

static void signals(void) {
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    sigaddset(&mask, SIGRTMIN + 3);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    int s = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
    struct signalfd_siginfo info[4];
    SHOW(read(s, info, sizeof info));
    SHOW(read(s, info, 10));
    struct pollfd p = {s, POLLIN | POLLOUT, 0};
    SHOW(poll(&p, 1, 0));
    int ep = epoll_create(1);
    struct epoll_event ev = {EPOLLIN, {.u32 = 9}};
    SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, s, &ev));
    show_events(ep, 0);
    raise(SIGUSR1);
    sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_int = 77});
    SHOW(poll(&p, 1, 0));
    show_events(ep, 0);
    long n = SHOW(read(s, info, sizeof info));
    for (int i = 0; i < (int)(n / (long)sizeof info[0]); i++) {
        printf("signal %d code %d me %d int %d\n", info[i].ssi_signo, info[i].ssi_code,
               info[i].ssi_pid == (uint32_t)getpid(), info[i].ssi_int);
    }
    SHOW(poll(&p, 1, 0));
    show_events(ep, 0);
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    SHOW(signalfd(s, &mask, 0) == s);
    raise(SIGUSR1);
    SHOW(poll(&p, 1, 0));
    fcntl(s, F_SETFL, 0);
    signal_later(SIGUSR2, 100);
    SHOW(read(s, info, sizeof info));
    printf("signal %s\n", strsignal(info[0].ssi_signo));
    wait(NULL);
    signal(SIGUSR1, SIG_IGN);
    SHOW(signalfd(0, &mask, 0));
}

int main(void) {
    registration();
    counters();
    signals();
    return 0;
}
