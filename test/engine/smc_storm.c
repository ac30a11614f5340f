/* Build: cc -static -pthread smc_storm.c
 * Many threads that write, run, protect, unmap and map code at once, each page under a lock of its
 * own, while a timer interrupts them: every run must give what was written last. */
#include "engine_test.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/time.h>

enum { THREADS = 6, SLOTS = 8, ROUNDS = 1500 };

static uint8_t *pages; /* SLOTS pages, then one that never changes */
static pthread_mutex_t locks[SLOTS];
static uint32_t last[SLOTS];
static _Atomic uint32_t wrong, alarms;

static void put_return(uint8_t *at, uint32_t value) {
    struct assembler a = {at};
    emit_mov(&a, 0, value);
    emit8(&a, 0xc3);
}

/* A function that calls into another page and adds: links between fibers of two pages. */
static void put_caller(uint8_t *at, const uint8_t *callee, uint32_t add) {
    struct assembler a = {at};
    emit8(&a, 0xe8);
    emit32(&a, (uint32_t)(callee - (a.at + 4)));
    emit8(&a, 0x05); /* add eax, imm32 */
    emit32(&a, add);
    emit8(&a, 0xc3);
}

static uint32_t next(uint32_t *state) {
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static void map_slot(uint8_t *page, int prot) {
    if (mmap(page, PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != page) {
        die("mmap");
    }
}

static void visit(uint32_t slot, uint32_t what, uint32_t value) {
    uint8_t *page = pages + slot * PAGE;
    const uint8_t *constant = pages + SLOTS * PAGE;
    switch (what % 6) {
    case 0: /* other code at the same place */
        put_return(page, value);
        break;
    case 1: /* the same page, mapped anew */
        map_slot(page, PROT_READ | PROT_WRITE | PROT_EXEC);
        put_return(page, value);
        break;
    case 2: /* write, then protect */
        mprotect(page, PAGE, PROT_READ | PROT_WRITE);
        put_return(page, value);
        mprotect(page, PAGE, PROT_READ | PROT_EXEC);
        if (run(page) != value) {
            atomic_fetch_add(&wrong, 1);
        }
        mprotect(page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
        break;
    case 3: /* calls the page that never changes */
        put_caller(page, constant, value - 0x1000);
        break;
    case 4: /* code that rewrites itself */ {
        struct assembler a = {page};
        emit_store32(&a, page + 11, value);
        emit_mov(&a, 0, 0);
        emit8(&a, 0xc3);
        break;
    }
    default: /* leave it */
        value = last[slot];
    }
    for (int i = 0; i < 3; i++) {
        if (run(page) != value) {
            atomic_fetch_add(&wrong, 1);
        }
    }
    last[slot] = value;
}

static void *storm(void *pointer) {
    uint32_t state = (uint32_t)(uintptr_t)pointer * 77 + 1;
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t slot = next(&state) % SLOTS;
        pthread_mutex_lock(&locks[slot]);
        visit(slot, next(&state), next(&state));
        pthread_mutex_unlock(&locks[slot]);
        if (run(pages + SLOTS * PAGE) != 0x1000) {
            atomic_fetch_add(&wrong, 1);
        }
    }
    return NULL;
}

static void on_alarm(int signal) {
    (void)signal;
    atomic_fetch_add(&alarms, 1);
    if (run(pages + SLOTS * PAGE) != 0x1000) {
        atomic_fetch_add(&wrong, 1);
    }
}

int main(void) {
    pthread_t threads[THREADS];
    pages = code_pages(SLOTS + 1);
    put_return(pages + SLOTS * PAGE, 0x1000);
    for (int i = 0; i < SLOTS; i++) {
        pthread_mutex_init(&locks[i], NULL);
        put_return(pages + i * PAGE, last[i] = (uint32_t)i);
    }
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval timer = {{0, 300}, {0, 300}};
    setitimer(ITIMER_REAL, &timer, NULL);
    for (int i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, storm, (void *)(uintptr_t)(i + 1));
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    printf("%u wrong\n", atomic_load(&wrong));
    return 0;
}
