/* Timers that send signals: alarm, setitimer, timer_create. */
#include "test/syscalls/io_test.h"
#include <sys/resource.h>

static volatile sig_atomic_t last_code, last_value, last_overrun;

static void on_info(int signo, siginfo_t *info, void *context) {
    signals_seen++;
    last_code = info->si_code;
    last_value = info->si_value.sival_int;
    last_overrun = info->si_overrun;
}

static void wait_signals(int count, long ms) {
    long start = now_ms();
    while (signals_seen < count && now_ms() - start < ms) {
        usleep(1000);
    }
}

static void interval(void) {
    struct itimerval it = {{0, 50000}, {0, 100000}}, old;
    catch (SIGALRM, SA_RESTART);
    long start = now_ms();
    SHOW(setitimer(ITIMER_REAL, &it, NULL));
    wait_signals(3, 2000);
    took("three alarms", start, 200);
    SHOW(getitimer(ITIMER_REAL, &old));
    printf("interval %ld, left within: %d\n", (long)old.it_interval.tv_usec,
           old.it_value.tv_sec == 0 && old.it_value.tv_usec <= 50000);
    it = (struct itimerval){{0, 0}, {0, 0}};
    SHOW(setitimer(ITIMER_REAL, &it, &old));
    SHOW(alarm(100));
    SHOW(alarm(50));
    SHOW(alarm(0));
    it.it_value.tv_usec = 1000000;
    SHOW(setitimer(ITIMER_REAL, &it, NULL));
    SHOW(setitimer(7, &it, NULL));
    SHOW(getitimer(ITIMER_VIRTUAL, &old));
    /* CPU time: burnt, not slept. */
    signals_seen = 0;
    catch (SIGVTALRM, 0);
    catch (SIGPROF, 0);
    it = (struct itimerval){{0, 0}, {0, 100000}};
    SHOW(setitimer(ITIMER_VIRTUAL, &it, NULL));
    sleep_ms(200);
    printf("asleep: %d\n", (int)signals_seen);
    start = now_ms();
    while (!signals_seen && now_ms() - start < 5000) {
        for (volatile int i = 0; i < 1000000; i++) {
        }
    }
    printf("after burning: %d\n", (int)signals_seen);
    SHOW(setitimer(ITIMER_PROF, &it, NULL));
    while (signals_seen < 2 && now_ms() - start < 5000) {
        for (volatile int i = 0; i < 1000000; i++) {
        }
    }
    printf("after burning: %d\n", (int)signals_seen);
    /* An alarm survives exec and is not inherited. */
    alarm(100);
    if (fork() == 0) {
        _exit(alarm(0));
    }
    int status;
    wait(&status);
    printf("child's alarm %d\n", WEXITSTATUS(status));
    alarm(0);
}

/* Burns CPU time until `count` signals came, or for three seconds of it. */
static void burn(int count) {
    clock_t end = clock() + 3 * CLOCKS_PER_SEC;
    while (signals_seen < count && clock() < end) {
        for (volatile int i = 0; i < 1000000; i++) {
        }
    }
}

/* RLIMIT_CPU of a child: its time starts at 0, though the parent's is over. */
static void cpu_limit(void) {
    struct rlimit limit = {1, 2}, now;
    int status;
    signals_seen = 0;
    fflush(stdout);
    if (fork() == 0) {
        catch (SIGXCPU, 0);
        SHOW(setrlimit(RLIMIT_CPU, &limit));
        sleep_ms(1100);
        printf("asleep: %d\n", (int)signals_seen);
        burn(1);
        getrlimit(RLIMIT_CPU, &now);
        printf("soft limit: %d signals, now %ld\n", (int)signals_seen, (long)now.rlim_cur);
        fflush(stdout);
        if (fork() == 0) {
            setrlimit(RLIMIT_CPU, &limit);
            burn(2);
            _exit(signals_seen);
        }
        wait(&status);
        printf("child: %d %d\n", WIFSIGNALED(status), WEXITSTATUS(status));
        fflush(stdout);
        execl("/proc/self/exe", "time_timer", "burn", NULL);
    }
    wait(&status);
    printf("hard limit: signal %d\n", WTERMSIG(status));
}

static void posix(void) {
    struct sigaction action = {.sa_sigaction = on_info, .sa_flags = SA_SIGINFO};
    sigaction(SIGRTMIN, &action, NULL);
    struct sigevent event = {
        .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 4711};
    timer_t timer, second;
    signals_seen = 0;
    SHOW(timer_create(CLOCK_MONOTONIC, &event, &timer));
    struct itimerspec its = {{0, 0}, {0, 100000000}}, old;
    long start = now_ms();
    SHOW(timer_settime(timer, 0, &its, NULL));
    wait_signals(1, 2000);
    took("timer", start, 100);
    printf("code %d value %d overrun %d\n", (int)last_code, (int)last_value, (int)last_overrun);
    SHOW(timer_gettime(timer, &old));
    printf("left %ld %ld\n", (long)old.it_value.tv_sec, (long)old.it_value.tv_nsec);
    /* Overruns while the signal is blocked. */
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    its = (struct itimerspec){{0, 10000000}, {0, 10000000}};
    SHOW(timer_settime(timer, 0, &its, NULL));
    sleep_ms(200);
    its = (struct itimerspec){{0, 0}, {0, 0}};
    signals_seen = 0;
    sigprocmask(SIG_UNBLOCK, &mask, NULL);
    SHOW(timer_settime(timer, 0, &its, NULL));
    printf("one signal: %d, many overruns: %d\n", signals_seen >= 1 && signals_seen <= 2,
           last_overrun > 5 || signals_seen == 2);
    event.sigev_notify = SIGEV_NONE;
    SHOW(timer_create(CLOCK_REALTIME, &event, &second));
    its = (struct itimerspec){{0, 0}, {100, 0}};
    SHOW(timer_settime(second, 0, &its, NULL));
    SHOW(timer_gettime(second, &old));
    printf("left %d\n", old.it_value.tv_sec >= 98);
    SHOW(timer_delete(second));
    SHOW(timer_delete(timer));
    event.sigev_notify = 99;
    SHOW(timer_create(CLOCK_REALTIME, &event, &second));
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = 65;
    SHOW(timer_create(CLOCK_REALTIME, &event, &second));
    SHOW(timer_create(55, NULL, &second));
    SHOW(syscall(SYS_timer_create, CLOCK_REALTIME, NULL, (void *)8));
    /* Time of a CPU clock. */
    event.sigev_signo = SIGRTMIN;
    SHOW(timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &second));
    its = (struct itimerspec){{0, 0}, {0, 50000000}};
    signals_seen = 0;
    SHOW(timer_settime(second, 0, &its, NULL));
    start = now_ms();
    while (!signals_seen && now_ms() - start < 5000) {
        for (volatile int i = 0; i < 1000000; i++) {
        }
    }
    printf("after burning: %d\n", (int)signals_seen);
    SHOW(timer_delete(second));
}

static void *to_thread(void *arg) {
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 1};
    event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    SHOW(timer_create(CLOCK_MONOTONIC, &event, &timer));
    struct itimerspec its = {{0, 0}, {0, 50000000}};
    SHOW(timer_settime(timer, 0, &its, NULL));
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGRTMIN + 1);
    struct timespec most = {2, 0};
    siginfo_t info;
    printf("thread got it: %d\n", sigtimedwait(&mask, &info, &most) == SIGRTMIN + 1);
    SHOW(timer_delete(timer));
    return arg;
}

int main(int argc, char **argv) {
    (void)argv;
    if (argc > 1) { /* cpu_limit's child after its exec */
        burn(1);
        return 0;
    }
    interval();
    posix();
    cpu_limit();
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGRTMIN + 1);
    pthread_sigmask(SIG_BLOCK, &mask, NULL);
    pthread_t thread;
    pthread_create(&thread, NULL, to_thread, NULL);
    pthread_join(thread, NULL);
    return 0;
}
