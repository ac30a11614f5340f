/* test: -msse2
 * Litmus tests: short sequences of loads and stores by two to four threads, over and over, and the
 * outcomes that the order of x86 forbids (SDM Vol. 3A, 9.2), with plain, locked, vector and
 * string accesses, aligned and across cache lines where that is atomic. None may be seen. That
 * threads met at all shows by an outcome that must come up: all in turn. */
#include "engine_test.h"
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdatomic.h>

/* Threads run through that many instances of a test in a row, and meet after them: meeting takes
 * much longer than a test where there are fewer processors than threads. */
#define INSTANCES 512
#define ROUNDS    40

/* Each place in a line of its own. */
static struct instance {
    _Atomic uint32_t x __attribute__((aligned(128))), y __attribute__((aligned(128)));
    uint8_t lines[256] __attribute__((aligned(128)));
    uint32_t seen[4][2];
} instances[INSTANCES];
#define X    (&in->x)
#define Y    (&in->y)
#define SEEN in->seen
static _Atomic uint32_t turn;

/* Plain accesses, one instruction each. */
static void store(_Atomic uint32_t *at, uint32_t value) {
    __asm__ volatile("movl %1, %0" : "=m"(*at) : "r"(value) : "memory");
}
static uint32_t load(_Atomic uint32_t *at) {
    uint32_t value;
    __asm__ volatile("movl %1, %0" : "=r"(value) : "m"(*at) : "memory");
    return value;
}
static void store_string(_Atomic uint32_t *at, uint32_t value) {
    void *to = at;
    __asm__ volatile("stosl" : "+D"(to) : "a"(value) : "memory");
}
static uint32_t load_string(_Atomic uint32_t *at) {
    uint32_t value;
    void *from = at;
    __asm__ volatile("lodsl" : "=a"(value), "+S"(from) : : "memory");
    return value;
}
static uint32_t exchange(_Atomic uint32_t *at, uint32_t value) {
    __asm__ volatile("xchgl %0, %1" : "+r"(value), "+m"(*at) : : "memory");
    return value;
}
static void fence(void) {
    __asm__ volatile("mfence" : : : "memory");
}
static void locked(void) {
#ifdef __x86_64__
    __asm__ volatile("lock orl $0, (%%rsp)" : : : "memory", "cc");
#else
    __asm__ volatile("lock orl $0, (%%esp)" : : : "memory", "cc");
#endif
}

/* A test: what thread `number` does, and whether what was seen is forbidden. */
struct test {
    const char *name;
    unsigned threads;
    void (*step)(struct instance *in, unsigned number);
    bool (*forbidden)(const struct instance *in);
};

/* Message passing: who sees the flag sees the message. */
static void message(struct instance *in, unsigned number) {
    if (number == 0) {
        store(X, 1);
        store(Y, 1);
    } else {
        SEEN[1][0] = load(Y);
        SEEN[1][1] = load(X);
    }
}
static void message_string(struct instance *in, unsigned number) {
    if (number == 0) {
        store_string(X, 1);
        store_string(Y, 1);
    } else {
        SEEN[1][0] = load_string(Y);
        SEEN[1][1] = load_string(X);
    }
}
static bool message_lost(const struct instance *in) {
    return SEEN[1][0] == 1 && SEEN[1][1] == 0;
}

/* Loads are not delayed after later stores. */
static void load_buffer(struct instance *in, unsigned number) {
    SEEN[number][0] = load(number ? Y : X);
    store(number ? X : Y, 1);
}
static bool both_one(const struct instance *in) {
    return SEEN[0][0] == 1 && SEEN[1][0] == 1;
}

/* A store may pass a later load, but no barrier. */
static void store_buffer_fence(struct instance *in, unsigned number) {
    store(number ? Y : X, 1);
    fence();
    SEEN[number][0] = load(number ? X : Y);
}
static void store_buffer_locked(struct instance *in, unsigned number) {
    store(number ? Y : X, 1);
    locked();
    SEEN[number][0] = load(number ? X : Y);
}
static void store_buffer_exchange(struct instance *in, unsigned number) {
    exchange(number ? Y : X, 1);
    SEEN[number][0] = load(number ? X : Y);
}
static bool both_zero(const struct instance *in) {
    return SEEN[0][0] == 0 && SEEN[1][0] == 0;
}

/* A thread sees its own store at once, also in the middle of it all. */
static void forwarding(struct instance *in, unsigned number) {
    store(number ? Y : X, 1);
    SEEN[number][0] = load(number ? Y : X);
    SEEN[number][1] = load(number ? X : Y);
}
static bool own_lost(const struct instance *in) {
    return SEEN[0][0] != 1 || SEEN[1][0] != 1;
}

/* Two readers see two stores in the same order. */
static void independent(struct instance *in, unsigned number) {
    switch (number) {
    case 0:
        store(X, 1);
        break;
    case 1:
        store(Y, 1);
        break;
    default:
        SEEN[number][0] = load(number == 2 ? X : Y);
        SEEN[number][1] = load(number == 2 ? Y : X);
    }
}
static bool orders_differ(const struct instance *in) {
    return SEEN[2][0] == 1 && SEEN[2][1] == 0 && SEEN[3][0] == 1 && SEEN[3][1] == 0;
}

/* What was seen by one is seen by who hears of it from that one. */
static void causality(struct instance *in, unsigned number) {
    switch (number) {
    case 0:
        store(X, 1);
        break;
    case 1:
        SEEN[1][0] = load(X);
        store(Y, SEEN[1][0]);
        break;
    default:
        SEEN[2][0] = load(Y);
        SEEN[2][1] = load(X);
    }
}
static bool causality_broken(const struct instance *in) {
    return SEEN[2][0] == 1 && SEEN[2][1] == 0;
}

/* Stores of two threads to two places come in one order. */
static void two_stores(struct instance *in, unsigned number) {
    store(number ? Y : X, 1);
    store(number ? X : Y, 2);
}
static bool stores_crossed(const struct instance *in) {
    return in->x == 1 && in->y == 1;
}

/* One place never goes back. */
static void coherence(struct instance *in, unsigned number) {
    if (number == 0) {
        store(X, 1);
        store(X, 2);
    } else {
        SEEN[1][0] = load(X);
        SEEN[1][1] = load(X);
    }
}
static bool went_back(const struct instance *in) {
    return SEEN[1][0] > SEEN[1][1];
}

/* Eight bytes at once, by one instruction: whole, also within a line where they are not aligned. */
static void whole(struct instance *in, unsigned number) {
    uint64_t value = number == 0 ? ~(uint64_t)0 : 0;
    void *at = in->lines + 8;
    __asm__ volatile("movq %1, %%xmm1\n movq %%xmm1, (%0)"
                     :
                     : "r"(at), "m"(value)
                     : "xmm1", "memory");
    __asm__ volatile("movq (%0), %%xmm2\n movq %%xmm2, (%1)"
                     :
                     : "r"(at), "r"(SEEN[number])
                     : "xmm2", "memory");
}
static bool torn(const struct instance *in) {
    return SEEN[0][0] != SEEN[0][1] || SEEN[1][0] != SEEN[1][1];
}

/* Locked, over the end of a line. */
static void whole_locked(struct instance *in, unsigned number) {
    uint32_t value = number == 0 ? 0xffffffff : 0;
    __asm__ volatile("xchgl %0, (%1)" : "+r"(value) : "r"(in->lines + 126) : "memory");
    SEEN[number][0] = value;
}
static bool torn_locked(const struct instance *in) {
    return (SEEN[0][0] + 1) > 1 || (SEEN[1][0] + 1) > 1;
}

static const struct test tests[] = {
    {"message", 2, message, message_lost},
    {"message by strings", 2, message_string, message_lost},
    {"load buffer", 2, load_buffer, both_one},
    {"store buffer, mfence", 2, store_buffer_fence, both_zero},
    {"store buffer, locked", 2, store_buffer_locked, both_zero},
    {"store buffer, xchg", 2, store_buffer_exchange, both_zero},
    {"forwarding", 2, forwarding, own_lost},
    {"independent reads", 4, independent, orders_differ},
    {"causality", 3, causality, causality_broken},
    {"two stores", 2, two_stores, stores_crossed},
    {"coherence", 2, coherence, went_back},
    {"eight bytes", 2, whole, torn},
    {"across lines", 2, whole_locked, torn_locked},
};

static const struct test *test;
static uint32_t count, base;

/* Wait for word to become at least what is wanted; threads may be more than processors. */
static void until(uint32_t wanted) {
    for (unsigned spins = 0; (int32_t)(atomic_load(&turn) - wanted) < 0; spins++) {
        if (spins % 1024 == 1023) {
            sched_yield();
        }
    }
}

/* A round: everybody arrives, goes through the instances, arrives; number 0 looks and clears. */
static void *rounds(void *pointer) {
    unsigned number = (unsigned)(uintptr_t)pointer, threads = test->threads;
    uint32_t at = base;
    for (unsigned round = 0; round < ROUNDS; round++, at += 2 * threads) {
        if (number == 0) {
            memset(instances, 0, sizeof instances);
        }
        atomic_fetch_add(&turn, 1);
        until(at + threads);
        for (unsigned i = 0; i < INSTANCES; i++) {
            test->step(&instances[i], number);
        }
        atomic_fetch_add(&turn, 1);
        until(at + 2 * threads);
        for (unsigned i = 0; number == 0 && i < INSTANCES; i++) {
            count += test->forbidden(&instances[i]);
        }
    }
    return NULL;
}

int main(void) {
    for (unsigned i = 0; i < sizeof tests / sizeof *tests; i++) {
        pthread_t thread[4];
        test = &tests[i];
        count = 0;
        base = atomic_load(&turn);
        for (unsigned k = 1; k < test->threads; k++) {
            if (pthread_create(&thread[k], NULL, rounds, (void *)(uintptr_t)k)) {
                die("pthread_create");
            }
        }
        rounds(NULL);
        for (unsigned k = 1; k < test->threads; k++) {
            pthread_join(thread[k], NULL);
        }
        printf("%-22s forbidden: %u\n", test->name, count);
    }
    return 0;
}
