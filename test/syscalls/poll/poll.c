/* poll, ppoll, select, pselect: readiness, time-outs, signals, what is left of the time.
 * test: own */
#include "test/syscalls/io_test.h"
#include <sys/select.h>

static void basic(void) {
    int p[2], q[2];
    SHOW(pipe(p));
    SHOW(pipe2(q, O_NONBLOCK));
    struct pollfd fds[4] = {
        {p[0], POLLIN, 0}, {p[1], POLLOUT, 0}, {-1, POLLIN, 7}, {99, POLLIN, 0}};
    SHOW(poll(fds, 4, 0));
    for (int i = 0; i < 4; i++) {
        printf("  %d: %#x\n", i, fds[i].revents);
    }
    SHOW(write(p[1], "x", 1));
    SHOW(poll(fds, 3, -1));
    for (int i = 0; i < 3; i++) {
        printf("  %d: %#x\n", i, fds[i].revents);
    }
    close(p[1]);
    SHOW(poll(fds, 1, -1));
    printf("  hang-up: %#x\n", fds[0].revents);
    close(q[0]);
    struct pollfd broken = {q[1], POLLOUT, 0};
    SHOW(poll(&broken, 1, 0));
    printf("  broken: %#x\n", broken.revents);
    long start = now_ms();
    SHOW(poll(NULL, 0, 100));
    took("poll", start, 100);
    SHOW(poll(fds, 100000000, 0));
    SHOW(poll((struct pollfd *)8, 1, 0));
    int file = open("/proc/self/exe", O_RDONLY);
    struct pollfd regular = {file, POLLIN | POLLOUT, 0};
    SHOW(poll(&regular, 1, 1000));
    printf("  regular: %#x\n", regular.revents);
    close(file);
    close(p[0]);
    close(q[1]);
}

static void signals(void) {
    catch (SIGUSR1, SA_RESTART);
    signal_later(SIGUSR1, 100);
    SHOW(poll(NULL, 0, 2000));
    wait(NULL);
    printf("handler ran %d\n", (int)signals_seen);
    /* SIGCHLD is ignored by default: the wait goes on for its whole time. */
    long start = now_ms();
    if (fork() == 0) {
        _exit(0);
    }
    SHOW(poll(NULL, 0, 200));
    took("poll over an ignored signal", start, 200);
    wait(NULL);
    sigset_t mask, empty;
    sigemptyset(&empty);
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    signals_seen = 0;
    raise(SIGUSR1);
    printf("blocked: %d\n", (int)signals_seen);
    struct timespec second = {1, 0};
    SHOW(ppoll(NULL, 0, &second, &empty));
    printf("in ppoll: %d\n", (int)signals_seen);
    raise(SIGUSR1);
    SHOW(pselect(0, NULL, NULL, NULL, &second, &empty));
    printf("in pselect: %d\n", (int)signals_seen);
    sigprocmask(SIG_BLOCK, NULL, &empty);
    printf("mask is back: %d\n", sigismember(&empty, SIGUSR1));
    sigprocmask(SIG_UNBLOCK, &mask, NULL);
    struct timespec bad = {0, 1000000000};
    SHOW(ppoll(NULL, 0, &bad, NULL));
    /* Stop and continue do not end a poll. */
    pid_t child = fork();
    if (child == 0) {
        start = now_ms();
        _exit(poll(NULL, 0, 400) == 0 && now_ms() - start >= 395 ? 0 : 1);
    }
    sleep_ms(100);
    kill(child, SIGSTOP);
    sleep_ms(100);
    kill(child, SIGCONT);
    int status;
    waitpid(child, &status, 0);
    printf("poll over a stop: %d\n", status);
}

static void sets(void) {
    int p[2];
    pipe(p);
    fd_set in, out;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(p[0], &in);
    FD_SET(p[1], &out);
    struct timeval tv = {1, 0};
    SHOW(select(64, &in, &out, NULL, &tv));
    printf("  in %d out %d left %s\n", FD_ISSET(p[0], &in) != 0, FD_ISSET(p[1], &out) != 0,
           tv.tv_sec || tv.tv_usec > 900000 ? "most" : "little");
    FD_ZERO(&in);
    FD_SET(p[0], &in);
    tv = (struct timeval){0, 100000};
    SHOW(select(p[0] + 1, &in, NULL, NULL, &tv));
    printf("  in %d left %ld %ld\n", FD_ISSET(p[0], &in) != 0, (long)tv.tv_sec, (long)tv.tv_usec);
    close(p[1]);
    FD_SET(p[0], &in);
    SHOW(select(p[0] + 1, &in, NULL, NULL, NULL));
    FD_ZERO(&in);
    FD_SET(60, &in);
    SHOW(select(61, &in, NULL, NULL, NULL));
    SHOW(select(-1, NULL, NULL, NULL, NULL));
    tv = (struct timeval){-1, 0};
    SHOW(select(0, NULL, NULL, NULL, &tv));
    close(p[0]);
    /* The old call: one structure of arguments. */
    tv = (struct timeval){0, 50000};
#ifdef __i386__
    uint32_t old_tv[2] = {0, 50000};
    uint32_t args[5] = {0, 0, 0, 0, (uint32_t)(uintptr_t)old_tv};
    SHOW(syscall(82, args));
#endif
    signals_seen = 0;
    catch (SIGALRM, SA_RESTART);
    struct itimerval it = {{0, 0}, {0, 50000}};
    setitimer(ITIMER_REAL, &it, NULL);
    SHOW(select(0, NULL, NULL, NULL, NULL));
    printf("alarms %d\n", (int)signals_seen);
}

int main(void) {
    basic();
    signals();
    sets();
    return 0;
}
