/* test: only x86-64 segments
 * Threads of a 64-bit program that go to 32-bit code and back all the time, while signals come and
 * one of them rewrites that code; forks meanwhile. Nothing of it may be lost. */
#include "mode_test.h"

#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>

#define THREADS 4
#define TURNS   2000

uint32_t shared_sum;
static _Atomic int signals_seen;
static uint8_t *patched;
static _Atomic bool patch_on = true;
extern const char add32[];
__asm__(".text\n.code32\n"
        "add32: mov %eax, %edx\n 1: lock incl shared_sum\n dec %edx\n jnz 1b\n"
        "mov %esp, %ebx\n push %eax\n pop %eax\n lea 1(%eax), %eax\n lret\n"
        ".code64\n");

static void on_signal(int signal) {
    (void)signal;
    signals_seen++;
}

static void *turns(void *pointer) {
    unsigned number = (unsigned)(uintptr_t)pointer;
    uint64_t stack = low_stack(number);
    uintptr_t wrong = 0;
    for (unsigned i = 0; i < TURNS; i++) {
        struct regs32 regs;
        set_regs(&regs, add32, stack);
        regs.ax = 3 + number;
        call32(&regs);
        wrong += regs.ax != 4 + number || regs.bx != (uint32_t)stack - 8 || !high_kept(&regs);
        set_regs(&regs, patched, stack);
        call32(&regs); /* mov eax, 1 or 2; lret */
        wrong += regs.ax != 1 && regs.ax != 2;
    }
    while (signals_seen == 0) { /* not over before main() has sent one */
        sched_yield();
    }
    return (void *)wrong;
}

static void *patch(void *unused) {
    while (patch_on) {
        patched[1] ^= 3;
    }
    return unused;
}

int main(void) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &action, NULL);
    patched = code_pages(1);
    memcpy(patched, "\xb8\x01\x00\x00\x00\xcb", 6);
    pthread_t thread[THREADS], patcher;
    pthread_create(&patcher, NULL, patch, NULL);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_create(&thread[i], NULL, turns, (void *)(uintptr_t)i);
    }
    int forked = 0;
    for (unsigned i = 0; i < 8; i++) {
        for (unsigned k = 0; k < THREADS; k++) {
            pthread_kill(thread[k], SIGUSR1);
        }
        pid_t child = fork();
        if (child == 0) {
            struct regs32 regs;
            set_regs(&regs, add32, low_stack(THREADS));
            regs.ax = 7;
            call32(&regs);
            _exit(regs.ax == 8 && high_kept(&regs) ? 42 : 1);
        }
        int status;
        waitpid(child, &status, 0);
        forked += WIFEXITED(status) && WEXITSTATUS(status) == 42;
    }
    uintptr_t wrong = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        void *result;
        pthread_join(thread[i], &result);
        wrong += (uintptr_t)result;
    }
    patch_on = false;
    pthread_join(patcher, NULL);
    printf("sum %u wrong %lu forks %d signals %s\n", shared_sum, (unsigned long)wrong, forked,
           signals_seen > 0 ? "seen" : "none");
    return 0;
}
