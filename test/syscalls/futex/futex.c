/* test: -pthread */
/* futex(2) by itself: values returned, errors, bit sets, requeues, WAKE_OP, timeouts on both
 * clocks, shared futexes between processes, futex_time64, futex_waitv. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef SYS_futex_time64
#define FUTEX_TIME64 SYS_futex_time64
#else
#define FUTEX_TIME64 SYS_futex
#endif

static uint32_t word, word2, words[64];
static int waiting, woken;

static long futex(void *addr, int op, uint32_t value, const void *timeout, void *addr2,
                  uint32_t value3) {
    long result = syscall(SYS_futex, addr, op, value, timeout, addr2, value3);
    return result < 0 ? -errno : result;
}

static void show(const char *name, long result) {
    if (result < 0) {
        printf("%s: %s\n", name, strerror((int)-result));
    } else {
        printf("%s: %ld\n", name, result);
    }
}

struct wait_args {
    uint32_t *addr;
    uint32_t bits;
};

static void *waiter(void *arg) {
    struct wait_args *args = arg;
    __atomic_fetch_add(&waiting, 1, __ATOMIC_SEQ_CST);
    futex(args->addr, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, 0, NULL, NULL, args->bits);
    __atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static pthread_t thread[16];

static void start(int from, int count, struct wait_args *args) {
    int want = waiting + count;
    for (int i = 0; i < count; i++) {
        pthread_create(&thread[from + i], NULL, waiter, args);
    }
    while (__atomic_load_n(&waiting, __ATOMIC_SEQ_CST) < want) {
        usleep(1000);
    }
    usleep(30000); /* until they sleep */
}

static void join(int from, int count) {
    for (int i = 0; i < count; i++) {
        pthread_join(thread[from + i], NULL);
    }
}

static void errors(void) {
    struct timespec none = {0, 0}, bad = {0, 2000000000};
    show("wrong value", futex(&word, FUTEX_WAIT, 1, NULL, NULL, 0));
    show("unaligned", futex((char *)&word + 1, FUTEX_WAIT, 0, NULL, NULL, 0));
    show("no memory", futex((void *)16, FUTEX_WAIT, 0, NULL, NULL, 0));
    show("timeout at once", futex(&word, FUTEX_WAIT, 0, &none, NULL, 0));
    show("bad timeout", futex(&word, FUTEX_WAIT, 0, &bad, NULL, 0));
    show("no bits", futex(&word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0));
    show("wake no bits", futex(&word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0));
    show("wake unaligned", futex((char *)&word + 1, FUTEX_WAKE, 1, NULL, NULL, 0));
    show("wake no memory", futex((void *)16, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0));
    show("requeue unaligned", futex(&word, FUTEX_REQUEUE, 1, (void *)1, (char *)&word2 + 2, 0));
    show("wake op unaligned", futex(&word, FUTEX_WAKE_OP, 1, (void *)1, (char *)&word2 + 2, 0));
    show("wait pi, wrong value",
         futex(&word, FUTEX_WAIT_REQUEUE_PI | FUTEX_PRIVATE_FLAG, 7, NULL, &word2, ~0u));
    show("wait pi, no memory",
         futex((void *)16, FUTEX_WAIT_REQUEUE_PI | FUTEX_PRIVATE_FLAG, 0, NULL, &word2, ~0u));
    show("wake nobody", futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0));
    show("unknown op", futex(&word, 100, 0, NULL, NULL, 0));
    show("clock for wake", futex(&word, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1, NULL, NULL, 0));
    show("cmp requeue wrong", futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)1, &word2, 7));
    show("unlock other's", futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    word = (uint32_t)syscall(SYS_gettid);
    show("lock own", futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    show("trylock own", futex(&word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0));
    show("unlock own", futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    printf("word %u\n", word);
    show("lock free", futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    printf("word is tid %d\n", word == (uint32_t)syscall(SYS_gettid));
    word = 999999;
    show("lock of nobody", futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    word = 0;
}

static void wakes(void) {
    struct wait_args all = {&word, ~0u}, low = {&word, 1}, high = {&word, 0x80000000u};
    start(0, 3, &all);
    show("wake 2 of 3", futex(&word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 2, NULL, NULL, 0));
    show("wake 10", futex(&word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 10, NULL, NULL, 0));
    join(0, 3);
    start(0, 2, &low);
    start(2, 2, &high);
    show("high bit",
         futex(&word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG, 10, NULL, NULL, 0x80000000u));
    join(2, 2);
    show("bit 1", futex(&word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG, 10, NULL, NULL, 2));
    show("the rest", futex(&word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 10, NULL, NULL, 0));
    join(0, 2);
}

static void requeues(void) {
    struct wait_args args = {&word, ~0u};
    start(0, 5, &args);
    show("requeue 1 wake 2 move",
         futex(&word, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG, 1, (void *)2, &word2, 0));
    show("first", futex(&word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 10, NULL, NULL, 0));
    show("second", futex(&word2, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 10, NULL, NULL, 0));
    join(0, 5);
    start(0, 2, &args);
    show("old requeue", futex(&word, FUTEX_REQUEUE | FUTEX_PRIVATE_FLAG, 0, (void *)5, &word2, 0));
    show("second", futex(&word2, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 10, NULL, NULL, 0));
    join(0, 2);
}

static void wake_op(void) {
    struct wait_args one = {&word, ~0u}, two = {&word2, ~0u};
    static const struct {
        int op, arg, cmp, cmp_arg;
    } cases[] = {
        {FUTEX_OP_SET, 5, FUTEX_OP_CMP_EQ, 0},
        {FUTEX_OP_ADD, 3, FUTEX_OP_CMP_NE, 0},
        {FUTEX_OP_OR, 0x30, FUTEX_OP_CMP_LT, 6},
        {FUTEX_OP_ANDN, 1, FUTEX_OP_CMP_GE, 6},
        {FUTEX_OP_XOR, 0xff, FUTEX_OP_CMP_GT, 6},
        {FUTEX_OP_ADD, -1, FUTEX_OP_CMP_LE, -6},
        {FUTEX_OP_SET | FUTEX_OP_OPARG_SHIFT, 4, FUTEX_OP_CMP_EQ, 0},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        word = word2 = 0;
        waiting = 0;
        start(0, 1, &one);
        start(1, 1, &two);
        word2 = i == 5 ? (uint32_t)-6 : 6 * (i > 1 && i < 5);
        uint32_t code = (uint32_t)cases[i].op << 28 | (uint32_t)cases[i].cmp << 24 |
                        ((uint32_t)cases[i].arg & 0xfff) << 12 |
                        ((uint32_t)cases[i].cmp_arg & 0xfff);
        long result = futex(&word, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 1, (void *)1, &word2, code);
        printf("wake op %u: %ld, word %d\n", i, result, (int)word2);
        word = word2 = 0;
        futex(&word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
        futex(&word2, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
        join(0, 2);
    }
}

static long elapsed_ms(const struct timespec *from) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - from->tv_sec) * 1000 + (now.tv_nsec - from->tv_nsec) / 1000000;
}

static void on_alarm(int signo) {
    (void)signo;
}

static void timeouts(void) {
    struct timespec begin, at;
    struct timespec span = {0, 50000000};
    clock_gettime(CLOCK_MONOTONIC, &begin);
    show("relative", futex(&word, FUTEX_WAIT, 0, &span, NULL, 0));
    printf("  in time %d\n", elapsed_ms(&begin) >= 50 && elapsed_ms(&begin) < 1000);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    at = begin;
    at.tv_nsec += 50000000;
    at.tv_sec += at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    show("absolute", futex(&word, FUTEX_WAIT_BITSET, 0, &at, NULL, ~0u));
    printf("  in time %d\n", elapsed_ms(&begin) >= 49 && elapsed_ms(&begin) < 1000);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    clock_gettime(CLOCK_REALTIME, &at);
    at.tv_nsec += 50000000;
    at.tv_sec += at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    show("realtime", futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &at, NULL, ~0u));
    printf("  in time %d\n", elapsed_ms(&begin) >= 49 && elapsed_ms(&begin) < 1000);
    /* A signal without SA_RESTART and with it. */
    struct sigaction action = {.sa_handler = on_alarm};
    struct itimerval timer = {.it_value = {0, 20000}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
    show("interrupted", futex(&word, FUTEX_WAIT, 0, NULL, NULL, 0));
    span.tv_nsec = 100000000;
    setitimer(ITIMER_REAL, &timer, NULL);
    show("interrupted with timeout", futex(&word, FUTEX_WAIT, 0, &span, NULL, 0));
    action.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
    show("SA_RESTART with timeout", futex(&word, FUTEX_WAIT, 0, &span, NULL, 0));
    /* SIGCONT without a handler: goes on, and the time is not counted anew. */
    pid_t pid = fork();
    if (pid == 0) {
        pid_t parent = getppid();
        for (int i = 0; i < 5; i++) {
            usleep(20000);
            kill(parent, SIGCONT);
        }
        _exit(0);
    }
    clock_gettime(CLOCK_MONOTONIC, &begin);
    span.tv_nsec = 150000000;
    show("SIGCONT", futex(&word, FUTEX_WAIT, 0, &span, NULL, 0));
    printf("  in time %d\n", elapsed_ms(&begin) >= 149 && elapsed_ms(&begin) < 235);
    waitpid(pid, NULL, 0);
    int64_t span64[2] = {0, 10000000};
    long result = syscall(FUTEX_TIME64, &word, FUTEX_WAIT, 0, span64, NULL, 0L);
    show("time64", result < 0 ? -errno : result);
}

static void between(const char *name, uint32_t *place) {
    *place = 0;
    pid_t pid = fork();
    if (pid == 0) {
        long result;
        do {
            result = futex(place, FUTEX_WAIT, 0, NULL, NULL, 0);
        } while (result == 0 && *place == 0);
        _exit(result == 0 || result == -EAGAIN ? 0 : 1);
    }
    usleep(30000);
    *place = 1;
    long result = futex(place, FUTEX_WAKE, 1, NULL, NULL, 0);
    int status;
    waitpid(pid, &status, 0);
    printf("%s: woke %ld, status %x\n", name, result, status);
}

static void shared(void) {
    uint32_t *place = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    between("shared memory", place + 5);
    munmap(place, 4096);
    FILE *file = tmpfile();
    if (ftruncate(fileno(file), 8192)) {
        return;
    }
    place = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 4096);
    uint32_t *other = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
    between("file", place + 9);
    /* Two addresses of one place are one futex. */
    pid_t pid = fork();
    if (pid == 0) {
        usleep(30000);
        _exit((int)futex(other + 1024 + 20, FUTEX_WAKE, 1, NULL, NULL, 0));
    }
    show("other address", futex(place + 20, FUTEX_WAIT, 0, NULL, NULL, 0));
    int status;
    waitpid(pid, &status, 0);
    printf("woke %d\n", WEXITSTATUS(status));
}

struct waitv {
    uint64_t value, address;
    uint32_t flags, reserved;
};

static void *wake_third(void *arg) {
    (void)arg;
    usleep(30000);
    futex(&words[2], FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0);
    return NULL;
}

static void waitv(void) {
    struct waitv items[4];
    for (int i = 0; i < 4; i++) {
        items[i] = (struct waitv){0, (uintptr_t)&words[i], 2 | 128, 0};
    }
    pthread_create(&thread[0], NULL, wake_third, NULL);
    long result = syscall(449, items, 4, 0, NULL, 0);
    show("waitv", result < 0 ? -errno : result);
    join(0, 1);
    items[3].value = 1;
    result = syscall(449, items, 4, 0, NULL, 0);
    show("waitv wrong value", result < 0 ? -errno : result);
    items[3].value = 0;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t at[2] = {now.tv_sec, now.tv_nsec};
    result = syscall(449, items, 4, 0, at, CLOCK_MONOTONIC);
    show("waitv timeout", result < 0 ? -errno : result);
    result = syscall(449, items, 0, 0, NULL, 0);
    show("waitv none", result < 0 ? -errno : result);
    static const int clocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME};
    for (int i = 0; i < 2; i++) {
        struct timespec start, end;
        clock_gettime(clocks[i], &start);
        int64_t until[2] = {start.tv_sec, start.tv_nsec + 100000000};
        until[0] += until[1] / 1000000000;
        until[1] %= 1000000000;
        result = syscall(449, items, 4, 0, until, clocks[i]);
        show("waitv timeout", result < 0 ? -errno : result);
        clock_gettime(clocks[i], &end);
        long ms = (end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000;
        printf("after 100 ms: %d\n", ms >= 99 && ms < 2000);
    }
    struct waitv wrong[] = {{0, (uintptr_t)words, 2 | 128, 1},
                            {0, (uintptr_t)words, 3 | 128, 0},
                            {0, (uintptr_t)words, 2 | 1024, 0},
                            {0, 16, 2 | 128, 0},
                            {0, (uintptr_t)words + 1, 2 | 128, 0}};
    for (int i = 0; i < 5; i++) {
        items[1] = wrong[i];
        result = syscall(449, items, 2, 0, NULL, 0);
        show("waitv wrong item", result < 0 ? -errno : result);
    }
    int64_t odd[2] = {0, 1000000000};
    static const struct {
        long items, count, flags, timeout, clock;
    } refused[] = {{16, 1, 0, 0, 0}, {0, 1, 0, 0, 0}, {1, 129, 0, 0, 0}, {1, 1, 1, 0, 0},
                   {1, 1, 0, 16, 1}, {1, 1, 0, 1, 1}, {1, 1, 0, 2, 7}};
    for (int i = 0; i < 7; i++) {
        result = syscall(449, refused[i].items == 1 ? (long)(intptr_t)items : refused[i].items,
                         refused[i].count, refused[i].flags,
                         refused[i].timeout == 1   ? (long)(intptr_t)odd
                         : refused[i].timeout == 2 ? (long)(intptr_t)at
                                                   : refused[i].timeout,
                         refused[i].clock);
        show("waitv refused", result < 0 ? -errno : result);
    }
}

static void *lock_pi(void *arg) {
    (void)arg;
    show("locked", futex(&word, FUTEX_LOCK_PI | FUTEX_PRIVATE_FLAG, 0, NULL, NULL, 0));
    show("unlocked", futex(&word, FUTEX_UNLOCK_PI | FUTEX_PRIVATE_FLAG, 0, NULL, NULL, 0));
    return NULL;
}

/* Who waits for a lock is not woken or moved by calls for other futexes. */
static void pi_waiters(void) {
    word = (uint32_t)syscall(SYS_gettid);
    word2 = 0;
    pthread_create(&thread[0], NULL, lock_pi, NULL);
    while (!(__atomic_load_n(&word, __ATOMIC_SEQ_CST) & FUTEX_WAITERS)) {
        usleep(1000);
    }
    usleep(30000);
    show("wake", futex(&word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0));
    show("requeue", futex(&word, FUTEX_REQUEUE | FUTEX_PRIVATE_FLAG, 1, (void *)1, &word2, 0));
    show("requeue all",
         futex(&word, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG, 0, (void *)9, &word2, word));
    show("wake op", futex(&word, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 1, (void *)1, &word2, 0));
    long unlocked = futex(&word, FUTEX_UNLOCK_PI | FUTEX_PRIVATE_FLAG, 0, NULL, NULL, 0);
    join(0, 1);
    show("unlock", unlocked); /* the waiter's lines come before */
    word = word2 = 0;
}

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    errors();
    wakes();
    requeues();
    wake_op();
    timeouts();
    shared();
    waitv();
    pi_waiters();
    return 0;
}
