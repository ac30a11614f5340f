/* Random states of the CPU: whatever registers, selectors, flags, stack pointers and FPU images a
 * program returns to from a signal, and whatever it executes there, the engine goes on.
 *
 *     fuzz_cpu SEED SECONDS     as a program of i386 or of x86-64
 *
 * The handler of all faults makes up the next state and returns to it, to one of the instructions
 * below or to random bytes, which fault in turn or meet a breakpoint. Beside two such processes
 * there is one in which another thread takes pages away, and puts them back, meanwhile. */
#include "guest_only.h"
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define ARRAY(a) (sizeof(a) / sizeof *(a))
#ifdef SYS_mmap2
#define MMAP SYS_mmap2
#else
#define MMAP SYS_mmap
#endif
enum { PROCESSES = 3, CODE_BYTES = 4 << 12, PAGE = 4096 };
typedef unsigned long word;

static volatile uint32_t *states; /* shared: how many states were tried */
static uint32_t seed_state;

static uint32_t rnd(void) {
    seed_state ^= seed_state << 13;
    seed_state ^= seed_state >> 17;
    seed_state ^= seed_state << 5;
    return seed_state;
}
static uint32_t below(uint32_t n) {
    return rnd() % n;
}

static word new_code(void);

/* CODE, STACK (the middle one of three pages is there), snippets and new_state(). */
#ifdef __x86_64__
#include "fuzz_cpu_x86_64.h"
#else
#include "fuzz_cpu_i386.h"
#endif

/* Random code, but no system call in it. */
static word new_code(void) {
    uint8_t *to = (uint8_t *)(CODE + 32 * (word)below(CODE_BYTES / 32));
    if (below(3)) {
        const char *from = snippets[below(ARRAY(snippets))];
        memset(to, 0xcc, 32);
        memcpy(to, from, SNIPPET);
        to[SNIPPET] = 0xcc;
        return (word)to;
    }
    for (int i = 0; i < 24; i++) {
        to[i] = (uint8_t)rnd();
        if (i && ((to[i - 1] == 0xcd && to[i] == 0x80) ||
                  (to[i - 1] == 0x0f && (to[i] == 0x34 || to[i] == 0x05)))) {
            to[i] = 0x90;
        }
    }
    memset(to + 24, 0xcc, 8);
    return (word)to;
}

/* Uses neither the C library nor %fs and %gs, which may hold anything. */
static void on_fault(int signo, siginfo_t *info, void *context) {
    (void)signo, (void)info;
    __atomic_add_fetch(states, 1, __ATOMIC_RELAXED);
    new_state(context);
}

static int takes_pages(void *arg) {
    (void)arg;
    for (uint32_t n = 1;; n = n * 1664525 + 1013904223) {
        void *page = (void *)(n & 0x10000 ? CODE + (n >> 20) % 4 * PAGE : STACK + PAGE);
        syscall(SYS_mprotect, page, PAGE, (n >> 24) & 7);
        syscall(SYS_sched_yield);
        syscall(SYS_mprotect, page, PAGE, 7);
        if (n % 64 == 0) {
            syscall(MMAP, page, PAGE, 7, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        }
    }
    return 0;
}

static void life(uint32_t seed, int index) {
    static char handler_stack[65536], thread_stack[16384];
    seed_state = seed | 1;
    mmap((void *)CODE, CODE_BYTES, 7, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    mmap((void *)STACK, 3 * PAGE, 0, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    mprotect((void *)(STACK + PAGE), PAGE, 7);
    stack_t alternate = {.ss_sp = handler_stack, .ss_size = sizeof handler_stack};
    sigaltstack(&alternate, NULL);
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGALRM, SIGSYS};
    for (unsigned i = 0; i < ARRAY(signals); i++) {
        sigaction(signals[i], &action, NULL);
    }
    if (index == 2) {
        clone(takes_pages, thread_stack + sizeof thread_stack,
              CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
              NULL);
    }
    struct itimerval often = {{0, 3000}, {0, 3000}};
    setitimer(ITIMER_REAL, &often, NULL);
    raise(SIGTRAP);
    _exit(0);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
    in_guest_only();
    uint32_t seed = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 0) : 1, lives = 0;
    double end = now() + (argc > 2 ? atof(argv[2]) : 5);
    states = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    setrlimit(RLIMIT_AS, &(struct rlimit){256 << 20, 256 << 20});
    pid_t living[PROCESSES] = {0};
    while (now() < end) {
        for (int i = 0; i < PROCESSES; i++) {
            if (living[i] && waitpid(living[i], NULL, WNOHANG) == living[i]) {
                living[i] = 0;
            }
            if (!living[i]) {
                living[i] = fork();
                if (living[i] == 0) {
                    life(seed * 2654435761u + lives * 40503u, i);
                }
                lives++;
            }
        }
        usleep(2000);
    }
    printf("%u states in %u processes\n", *states, lives);
    return 0;
}
