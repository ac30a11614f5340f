/* Build: cc -static -pthread smc_threads.c
 * Code that another thread patches: with a handshake (the new code must run), and without one (old
 * or new, nothing else); a thread that runs code which another one unmaps page by page. */
#include "engine_test.h"
#include <pthread.h>
#include <stdatomic.h>

enum { ROUNDS = 400 };

static uint8_t *page;
static _Atomic uint32_t turn, stop, mixed, runs;

static void put_return(uint8_t *at, uint32_t value) {
    struct assembler a = {at};
    emit_mov(&a, 0, value);
    emit8(&a, 0xc3);
}

/* Waits until turn becomes `wanted`; spins in the guest, yields now and then. */
static void wait_turn(uint32_t wanted) {
    for (uint32_t i = 1; atomic_load(&turn) != wanted; i++) {
        if (i % 256 == 0) {
            usleep(1);
        }
    }
}

static void *handshake_runner(void *unused) {
    uint32_t bad = 0;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        wait_turn(2 * i + 1);
        bad += run(page) != i;
        atomic_store(&turn, 2 * i + 2);
    }
    printf("handshake: %u wrong\n", bad);
    return unused;
}

static void handshake(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, handshake_runner, NULL);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        put_return(page, i);
        atomic_store(&turn, 2 * i + 1);
        wait_turn(2 * i + 2);
    }
    pthread_join(thread, NULL);
}

/* Runs without a word to the writer: an aligned 4-byte immediate is old or new. */
static void *free_runner(void *unused) {
    while (!atomic_load(&stop)) {
        uint32_t got = run(page + 3);
        if (got != 0x11111111 && got != 0x22222222) {
            atomic_fetch_add(&mixed, 1);
        }
        atomic_fetch_add(&runs, 1);
    }
    return unused;
}

static void cross_modifying(void) {
    pthread_t threads[2];
    put_return(page + 3, 0x11111111);
    for (int i = 0; i < 2; i++) {
        pthread_create(&threads[i], NULL, free_runner, NULL);
    }
    _Atomic uint32_t *immediate = (_Atomic uint32_t *)(page + 4);
    for (uint32_t i = 0; i < 3000; i++) {
        atomic_store(immediate, i % 2 ? 0x11111111 : 0x22222222);
        if (i % 64 == 0) {
            usleep(100);
        }
    }
    usleep(20000);
    atomic_store(&stop, 1);
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    printf("free: %u mixed, ran %d\n", atomic_load(&mixed), atomic_load(&runs) > 0);
}

/* An endless loop in generated code, ended by a patch of its jump by another thread. */
static void *endless(void *unused) {
    printf("left the loop with %x\n", run(page + 512));
    return unused;
}

static void patched_loop(void) {
    pthread_t thread;
    struct assembler a = {page + 512};
    emit_mov(&a, 0, 0x1234);
    uint8_t *top = a.at;
    EMIT(&a, "\x90\x90\xeb\xfc\x90\x90\xc3"); /* nop, nop, jmp -4 */
    pthread_create(&thread, NULL, endless, NULL);
    usleep(20000);
    atomic_store((_Atomic uint8_t *)(top + 3), 0); /* jmp +0 */
    pthread_join(thread, NULL);
}

/* A runner in one page while its neighbours come and go. */
static void *neighbour_runner(void *unused) {
    uint32_t bad = 0;
    while (!atomic_load(&stop)) {
        bad += run(page + 1024) != 0xabcd;
    }
    printf("neighbour: %u wrong\n", bad);
    return unused;
}

static void neighbours(void) {
    pthread_t thread;
    atomic_store(&stop, 0);
    put_return(page + 1024, 0xabcd);
    pthread_create(&thread, NULL, neighbour_runner, NULL);
    uint32_t bad = 0;
    for (uint32_t i = 0; i < 500; i++) {
        uint8_t *other = code_pages(1);
        put_return(other, i);
        bad += run(other) != i;
        munmap(other, PAGE);
    }
    atomic_store(&stop, 1);
    pthread_join(thread, NULL);
    printf("mapped and unmapped: %u wrong\n", bad);
}

/* Pages made writable while another thread runs in them: what is written then must run. */
static void *protected_runner(void *unused) {
    while (!atomic_load(&stop)) {
        run(page + 2048 + 7);
    }
    return unused;
}

static void protecting(void) {
    pthread_t thread;
    uint32_t bad = 0;
    atomic_store(&stop, 0);
    put_return(page + 2048 + 7, 0);
    pthread_create(&thread, NULL, protected_runner, NULL);
    for (uint32_t i = 0; i < 4000; i++) {
        mprotect(page, PAGE, PROT_READ | PROT_EXEC);
        mprotect(page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
        atomic_store((_Atomic uint32_t *)(page + 2048 + 8), i);
        bad += run(page + 2048 + 7) != i;
    }
    atomic_store(&stop, 1);
    pthread_join(thread, NULL);
    printf("protected: %u wrong\n", bad);
}

/* read(2) into a page in which another thread runs. */
static void reading(void) {
    pthread_t thread;
    int pipes[2];
    uint32_t bad = 0;
    uint8_t bytes[8] = {0};
    if (pipe(pipes)) {
        die("pipe");
    }
    atomic_store(&stop, 0);
    pthread_create(&thread, NULL, protected_runner, NULL);
    for (uint32_t i = 0; i < 5000; i++) {
        if (write(pipes[1], bytes, 8) != 8 || read(pipes[0], page + 3072, 8) != 8) {
            bad++;
        }
        put_return(page + 3328, i);
        bad += run(page + 3328) != i;
    }
    atomic_store(&stop, 1);
    pthread_join(thread, NULL);
    printf("reading: %u wrong\n", bad);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    page = code_pages(2);
    handshake();
    cross_modifying();
    patched_loop();
    neighbours();
    protecting();
    reading();
    return 0;
}
