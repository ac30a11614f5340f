/* For the poll_*, epoll_*, socket_*, time_*, pty_*.c programs, which print the same natively and in
 * the guest. */
#ifndef IO_TEST_H
#define IO_TEST_H
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* "what: value" or "what: ENOENT". */
#define SHOW(what) show(#what, (long)(what))

static inline long show(const char *what, long result) {
    int err = errno;
    if (result == -1) {
        printf("%s: %s\n", what, strerrorname_np(err));
    } else {
        printf("%s: %ld\n", what, result);
    }
    fflush(stdout);
    return result;
}

static inline void say(const char *text) {
    puts(text);
    fflush(stdout);
}

static inline long now_ms(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000L + ts.tv_nsec / 1000000;
}

static inline void sleep_ms(long ms) {
    struct timespec ts = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&ts, &ts) && errno == EINTR) {
    }
}

/* "took about N" when it took at least `ms` and not a second longer. */
static inline void took(const char *what, long start, long ms) {
    long t = now_ms() - start;
    if (t >= ms - 2 && t < ms + 1000) {
        printf("%s: took about %ld ms\n", what, ms);
    } else {
        printf("%s: took %ld ms, not %ld\n", what, t, ms);
    }
    fflush(stdout);
}

static volatile sig_atomic_t signals_seen;
static inline void on_signal(int signo) {
    signals_seen++;
}

static inline void catch (int signo, int flags) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
    sigaction(signo, &action, NULL);
}

/* Sends `signo` to the calling process after `ms`; reap with wait(NULL). */
static inline pid_t signal_later(int signo, long ms) {
    pid_t self = getpid(), child = fork();
    if (child == 0) {
        sleep_ms(ms);
        kill(self, signo);
        _exit(0);
    }
    return child;
}

#endif
