/* Condition variables with priority inheritance (futex(2), FUTEX_WAIT_REQUEUE_PI): their waiters
 * can be moved to the mutex that they named and to no other, and woken by nothing else. test:
 * -pthread */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint32_t condition, mutex, other;
static volatile int tid;

static int futex(uint32_t *at, int op, uint32_t value, void *timeout, uint32_t *at2,
                 uint32_t value3) {
    return (int)syscall(SYS_futex, at, op, value, timeout, at2, value3);
}

static void show(const char *what, int result) {
    printf("%s: %s\n", what, result < 0 ? strerrorname_np(errno) : result ? "1" : "0");
    fflush(stdout);
}

static int waited, error, mine, unlocked;

static void *wait_for_it(void *arg) {
    tid = (int)syscall(SYS_gettid);
    waited = futex(&condition, FUTEX_WAIT_REQUEUE_PI, 7, arg, &mutex, 0);
    error = errno;
    mine = (int)(mutex & FUTEX_TID_MASK) == tid;
    unlocked = waited ? 1 : futex(&mutex, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
    return NULL;
}

/* Until the waiter sleeps there is nobody to wake; then it must not be woken so. */
static void until_it_sleeps(void) {
    int result;
    while ((result = futex(&condition, FUTEX_WAKE, 1, NULL, NULL, 0)) == 0) {
        sched_yield();
    }
    show("wake", result);
}

static void round_of(int held, int late) {
    pthread_t thread;
    struct timespec deadline = {0};
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += late ? 1 : 1000;
    condition = 7;
    mutex = other = 0;
    if (held) {
        show("lock", futex(&mutex, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
    }
    pthread_create(&thread, NULL, wait_for_it, late ? &deadline : NULL);
    until_it_sleeps();
    if (!late) {
        show("requeue", futex(&condition, FUTEX_REQUEUE, 0, (void *)1, &other, 0));
        show("to another mutex", futex(&condition, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &other, 7));
        show("of another value", futex(&condition, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &mutex, 8));
        show("two at once", futex(&condition, FUTEX_CMP_REQUEUE_PI, 2, (void *)1, &mutex, 7));
        show("moved", futex(&condition, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &mutex, 7));
    }
    if (held && !late) {
        show("unlock", futex(&mutex, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
    }
    pthread_join(thread, NULL);
    printf("waited: %s, the mutex was mine: %d, unlocked: %d\n",
           waited ? strerrorname_np(error) : "0", mine, unlocked);
    printf("the mutex is free: %d\n", mutex == 0);
}

int main(void) {
    show("the same word", futex(&mutex, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &mutex, 0));
    show("no word", futex(&condition, FUTEX_WAIT_REQUEUE_PI, 0, NULL, (uint32_t *)8, 0));
    show("another value", futex(&condition, FUTEX_WAIT_REQUEUE_PI, 9, NULL, &mutex, 0));
    round_of(0, 0);
    round_of(1, 0);
    round_of(0, 1);
    return 0;
}
