/* Clocks and sleeping: 32-bit and 64-bit calls, remaining time, absolute sleeps, CPU clocks,
 * errors. */
#include "test/syscalls/io_test.h"
#include <sys/timex.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

struct time64 {
    int64_t sec, nsec;
};
#ifdef __x86_64__
enum {
    CLOCK_GETTIME64 = SYS_clock_gettime,
    CLOCK_GETRES64 = SYS_clock_getres,
    CLOCK_NANOSLEEP64 = SYS_clock_nanosleep
};
#else
enum { CLOCK_GETTIME64 = 403, CLOCK_GETRES64 = 406, CLOCK_NANOSLEEP64 = 407 };
#endif

static void reading(void) {
    struct timespec narrow;
    struct time64 wide;
    SHOW(syscall(SYS_clock_gettime, CLOCK_REALTIME, &narrow));
    SHOW(syscall(CLOCK_GETTIME64, CLOCK_REALTIME, &wide));
    printf("agree: %d\n", llabs((long long)wide.sec - narrow.tv_sec) <= 1);
    printf("time(2) agrees: %d\n", llabs((long long)wide.sec - syscall(SYS_time, NULL)) <= 1);
    struct timeval tv;
    struct timezone tz = {9, 9};
    SHOW(syscall(SYS_gettimeofday, &tv, &tz));
    printf("zone %d %d\n", tz.tz_minuteswest, tz.tz_dsttime);
    SHOW(syscall(CLOCK_GETRES64, CLOCK_MONOTONIC, &wide));
    printf("resolution %lld %lld\n", (long long)wide.sec, (long long)wide.nsec);
    SHOW(syscall(SYS_clock_getres, CLOCK_THREAD_CPUTIME_ID, NULL));
    SHOW(syscall(SYS_clock_gettime, 77, &narrow));
    SHOW(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, 16));
    SHOW(syscall(SYS_clock_gettime, CLOCK_BOOTTIME, &narrow));
    clockid_t clock;
    SHOW(clock_getcpuclockid(0, &clock));
    SHOW(clock_gettime(clock, &narrow));
    SHOW(clock_getcpuclockid(getppid() + 100000, &clock));
    SHOW(pthread_getcpuclockid(pthread_self(), &clock));
    SHOW(clock_gettime(clock, &narrow));
}

static void *burn(void *arg) {
    struct timespec ts;
    do {
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    } while (ts.tv_nsec < 100000000 && ts.tv_sec == 0);
    return arg;
}

static void cpu(void) {
    pthread_t thread[2];
    struct timespec own, all;
    for (int i = 0; i < 2; i++) {
        pthread_create(&thread[i], NULL, burn, NULL);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(thread[i], NULL);
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &own);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &all);
    long ms = all.tv_sec * 1000 + all.tv_nsec / 1000000;
    printf("thread little: %d, process at least 0.2 s: %d\n",
           own.tv_sec == 0 && own.tv_nsec < 100000000, ms >= 200 && ms < 2000);
}

static void sleeping(void) {
    struct timespec span = {0, 100000000}, left = {9, 9}, until;
    long start = now_ms();
    SHOW(nanosleep(&span, &left));
    took("nanosleep", start, 100);
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += 100000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    start = now_ms();
    SHOW(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL));
    took("until", start, 99);
    SHOW(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &span, NULL));
    SHOW(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &span, NULL));
    SHOW(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &span, NULL)); /* not libc's */
    SHOW(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC_RAW, 0, &span, NULL));
    SHOW(syscall(SYS_clock_nanosleep, 77, 0, &span, NULL));
    SHOW(syscall(SYS_clock_nanosleep, (~99999 << 3) | 2, 0, &span, NULL)); /* a process */
    SHOW(syscall(SYS_clock_nanosleep, (~99999 << 3) | 6, 0, &span, NULL)); /* a thread */
    SHOW(clock_nanosleep(55, 0, &span, NULL));
    span = (struct timespec){0, 1000000000};
    SHOW(nanosleep(&span, NULL));
    span = (struct timespec){-1, 0};
    SHOW(nanosleep(&span, NULL));
    SHOW(syscall(SYS_nanosleep, 8, NULL));
    catch (SIGUSR1, SA_RESTART);
    signal_later(SIGUSR1, 100);
    span = (struct timespec){5, 0};
    SHOW(nanosleep(&span, &left));
    printf("left %s\n", left.tv_sec == 4 && left.tv_nsec > 500000000 ? "4.9 s" : "?");
    wait(NULL);
    struct time64 wide = {3, 0}, wide_left = {0, 0};
    signal_later(SIGUSR1, 100);
    SHOW(syscall(CLOCK_NANOSLEEP64, CLOCK_MONOTONIC, 0, &wide, &wide_left));
    printf("left %lld s and some\n", (long long)wide_left.sec);
    wait(NULL);
    /* A stop in between: the sleep goes on to its end (restart_syscall). */
    pid_t child = fork();
    if (child == 0) {
        start = now_ms();
        span = (struct timespec){0, 300000000};
        int result = nanosleep(&span, NULL);
        long t = now_ms() - start;
        _exit(result == 0 && t >= 298 && t < 600 ? 0 : 1);
    }
    sleep_ms(50);
    kill(child, SIGSTOP);
    sleep_ms(100);
    kill(child, SIGCONT);
    int status;
    waitpid(child, &status, 0);
    printf("sleep over a stop: %d\n", status);
}

static void machine(void) {
    struct utsname name;
    SHOW(uname(&name));
    printf("%s\n", name.sysname);
    struct sysinfo info;
    SHOW(sysinfo(&info));
    printf("memory %d processes %d\n", info.totalram > 0 && info.mem_unit > 0, info.procs > 0);
    struct timex tx = {0};
    long state = adjtimex(&tx);
    printf("adjtimex %d tick %ld\n", state >= 0, (long)tx.tick);
    unsigned cpu_number = 12345;
    SHOW(syscall(SYS_getcpu, &cpu_number, NULL, NULL));
    printf("a cpu %d\n", cpu_number < 4096);
    unsigned char random[64] = {0};
    SHOW(syscall(SYS_getrandom, random, sizeof random, 0));
    int bits = 0;
    for (int i = 0; i < 64; i++) {
        bits += __builtin_popcount(random[i]);
    }
    printf("random %d\n", bits > 150 && bits < 362);
    SHOW(syscall(SYS_getrandom, random, 8, 0x80));
    SHOW(syscall(SYS_getrandom, 8, 8, 0));
}

int main(void) {
    reading();
    cpu();
    sleeping();
    machine();
    return 0;
}
