/* Build: cc -static -pthread atomics.c
 * Threads that hammer one place with each locked instruction: aligned, misaligned, across a cache
 * line and across a page. Nothing may get lost. */
#include "engine_test.h"
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

enum { THREADS = 4, ROUNDS = 20000 };

static uint8_t *pages;
static void *place;
static _Atomic uint32_t ready;

static void meet(void) {
    atomic_fetch_add(&ready, 1);
    while (atomic_load(&ready) % THREADS) {
        sched_yield();
    }
}

static void add32(void) {
    __asm__ volatile("lock addl $3, (%0)" : : "r"(place) : "memory", "cc");
}
static void inc16(void) {
    __asm__ volatile("lock incw (%0)" : : "r"(place) : "memory", "cc");
}
static void sub8(void) {
    __asm__ volatile("lock subb $1, (%0)" : : "r"(place) : "memory", "cc");
}
static void xadd32(void) {
    uint32_t one = 1;
    __asm__ volatile("lock xaddl %0, (%1)" : "+r"(one) : "r"(place) : "memory", "cc");
}
static void adc32(void) {
    __asm__ volatile("stc\n lock adcl $1, (%0)" : : "r"(place) : "memory", "cc");
}
static void neg_dec(void) {
    __asm__ volatile("lock decl (%0)" : : "r"(place) : "memory", "cc");
}
static void cmpxchg32(void) {
    uint32_t old, was;
    do {
        memcpy(&old, place, 4);
        was = old;
        __asm__ volatile("lock cmpxchgl %2, (%1)"
                         : "+a"(was)
                         : "r"(place), "r"(old + 5)
                         : "memory", "cc");
    } while (was != old);
}
static void cmpxchg64(void) {
    uint32_t low, high, got_low, got_high;
    uint8_t same;
    do {
        memcpy(&low, place, 4);
        memcpy(&high, (char *)place + 4, 4);
        got_low = low;
        got_high = high;
        uint64_t next = ((uint64_t)high << 32 | low) + 0x80000001u;
        __asm__ volatile("lock cmpxchg8b (%3)\n setz %2"
                         : "+a"(got_low), "+d"(got_high), "=q"(same)
                         : "D"(place), "b"((uint32_t)next), "c"((uint32_t)(next >> 32))
                         : "memory", "cc");
    } while (!same);
}
/* A lock made of xchg, guarding plain increments after it. */
static void xchg_lock(void) {
    uint32_t one;
    do {
        one = 1;
        __asm__ volatile("xchgl %0, (%1)" : "+r"(one) : "r"(place) : "memory");
    } while (one);
    ((volatile uint32_t *)pages)[1]++;
    one = 0;
    __asm__ volatile("xchgl %0, (%1)" : "+r"(one) : "r"(place) : "memory");
}
static void bts_lock(void) {
    uint8_t was;
    do {
        __asm__ volatile("lock btsl $5, (%1)\n setc %0" : "=q"(was) : "r"(place) : "memory", "cc");
    } while (was);
    ((volatile uint32_t *)pages)[1]++;
    __asm__ volatile("lock btrl $5, (%0)" : : "r"(place) : "memory", "cc");
}
static void xor_not(void) {
    __asm__ volatile("lock xorl $0x55, (%0)\n lock notl (%0)" : : "r"(place) : "memory", "cc");
}

static void (*operation)(void);
static uint32_t rounds;

static void *hammer(void *unused) {
    meet();
    for (uint32_t i = 0; i < rounds; i++) {
        operation();
    }
    return unused;
}

static void test(const char *name, void (*what)(void), uint32_t offset, uint32_t times) {
    pthread_t threads[THREADS];
    memset(pages, 0, 2 * PAGE);
    place = pages + offset;
    operation = what;
    rounds = times;
    for (int i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, hammer, NULL);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    uint64_t value;
    memcpy(&value, place, 8);
    printf("%s at %x: %llx, plain %x\n", name, offset, (unsigned long long)value,
           ((uint32_t *)pages)[1]);
}

/* Store buffering must be all the reordering there is: message passing always holds on x86. */
static volatile uint32_t message, flag;
static void *writer(void *unused) {
    for (uint32_t i = 1; i <= 200000; i++) {
        message = i;
        flag = i;
    }
    return unused;
}
static void message_passing(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, writer, NULL);
    uint32_t bad = 0, f;
    do {
        f = flag;
        bad += (int32_t)(message - f) < 0;
    } while (f < 200000);
    pthread_join(thread, NULL);
    printf("message passing: %u out of order\n", bad);
}

/* Ping-pong over a futex. */
static uint32_t word;
static void *pong(void *unused) {
    for (uint32_t i = 0; i < 2000; i++) {
        while (__atomic_load_n(&word, __ATOMIC_SEQ_CST) != 2 * i + 1) {
            syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 2 * i, NULL, NULL, 0);
        }
        __atomic_store_n(&word, 2 * i + 2, __ATOMIC_SEQ_CST);
        syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
    return unused;
}
static void futex_ping_pong(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, pong, NULL);
    for (uint32_t i = 0; i < 2000; i++) {
        __atomic_store_n(&word, 2 * i + 1, __ATOMIC_SEQ_CST);
        syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
        while (__atomic_load_n(&word, __ATOMIC_SEQ_CST) != 2 * i + 2) {
            syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 2 * i + 1, NULL, NULL, 0);
        }
    }
    pthread_join(thread, NULL);
    printf("futex: %u\n", word);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    static const uint32_t offsets[] = {64, 66, 64 + 61, PAGE - 2};
    for (unsigned i = 0; i < 4; i++) {
        uint32_t at = offsets[i], times = i < 2 ? ROUNDS : 200; /* split locks are slow */
        test("add", add32, at, times);
        test("adc", adc32, at, times);
        test("xadd", xadd32, at, times);
        test("dec", neg_dec, at, times);
        test("cmpxchg", cmpxchg32, at, times);
        test("cmpxchg8b", cmpxchg64, at, times);
        test("xor, not", xor_not, at, times);
        test("inc 16", inc16, at + 1, times);
        test("sub 8", sub8, at, times);
        test("xchg lock", xchg_lock, at, times / 4);
        test("bts lock", bts_lock, at, times / 4);
    }
    message_passing();
    futex_ping_pong();
    return 0;
}
