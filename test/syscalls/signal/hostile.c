/* test: limit 60 */
/* Returns from signals with forged frames, handlers at bad places, bad stacks, single steps: the
 * process may die of it, nothing else may. */
#define _GNU_SOURCE
#include "test/syscalls/registers.h"
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static int in_child(void (*fn)(void)) {
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        alarm(3);
        fn();
        _exit(1);
    }
    waitpid(pid, &status, 0);
    return status & 0x7f ? 1000 + (status & 0x7f) : status >> 8;
}

static unsigned long frame[512];
static unsigned seed;

/* Ends in the call that returns from a signal whose frame is at frame[64]. */
#define RETURN_BY(number)                                                                          \
    asm volatile("mov %0," SP "; mov %1,%%eax; " KERNEL : : "r"(&frame[64]), "i"(number))

static unsigned long word(void) {
    unsigned long value = 0;
    for (unsigned i = 0; i < sizeof value / 4; i++) {
        value = value << 16 << 16 | ((unsigned)rand() * 2u + (rand() & 1));
    }
    return value;
}

static void forged_rt(void) {
    srand(seed);
    for (unsigned i = 0; i < 512; i++) {
        frame[i] = word();
        if (rand() % 3 == 0) {
            frame[i] = (uintptr_t)&frame[rand() % 512];
        }
    }
    RETURN_BY(SYS_rt_sigreturn);
}

static void forged(void) {
    srand(seed);
    for (unsigned i = 0; i < 512; i++) {
        frame[i] = word();
    }
#ifdef __x86_64__
    greg_t *regs = ((ucontext_t *)&frame[64])->uc_mcontext.gregs;
    if (seed & 1) { /* selectors that are right, the rest not */
        regs[REG_CSGSFS] = 0x2b000000000033;
        ((ucontext_t *)&frame[64])->uc_mcontext.fpregs =
            seed & 2 ? NULL : (fpregset_t)(uintptr_t)&frame[200];
    }
    RETURN_BY(SYS_rt_sigreturn);
#else
    if (seed & 1) {
        unsigned long *context = &frame[64];
        context[15] = 0x23;
        context[18] = 0x2b;
        context[19] = seed & 2 ? 0 : (uintptr_t)&frame[200];
    }
    RETURN_BY(SYS_sigreturn);
#endif
}

static void no_stack_frame(void) {
    asm volatile("mov $0x1000,%%esp; mov %0,%%eax; " KERNEL : : "i"(SYS_rt_sigreturn));
}

static void handler_nowhere(void) {
    signal(SIGUSR1, (void (*)(int))0x1234);
    raise(SIGUSR1);
}

static void handler_in_data(void) {
    static char data[16];
    signal(SIGUSR1, (void (*)(int))(uintptr_t)data);
    raise(SIGUSR1);
}

static void stack_nowhere(void) {
    signal(SIGUSR1, (void (*)(int))(uintptr_t)no_stack_frame);
#ifdef __x86_64__
    asm volatile("mov $0x100,%%esp; syscall" : : "a"(SYS_kill), "D"(getpid()), "S"(SIGUSR1));
#else
    asm volatile("mov $0x100,%%esp; int $0x80" : : "a"(SYS_kill), "b"(getpid()), "c"(SIGUSR1));
#endif
}

static void on_segv(int signo) {
    (void)signo;
    *(volatile int *)8 = 1; /* again, blocked now */
}

static void fault_in_handler(void) {
    signal(SIGSEGV, on_segv);
    *(volatile int *)4 = 1;
}

static void on_exit_segv(int signo) {
    _exit(40 + signo);
}

static void stack_nowhere_handled(void) {
    static char alternate[16384];
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    sigaltstack(&stack, NULL);
    struct sigaction action = {.sa_handler = on_exit_segv, .sa_flags = SA_ONSTACK};
    sigaction(SIGSEGV, &action, NULL);
    stack_nowhere();
}

static void ignored_fault(void) {
    signal(SIGSEGV, SIG_IGN);
    *(volatile int *)4 = 1;
}

static void blocked_fault(void) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    asm volatile("ud2");
}

static volatile int steps, last_code;
static void on_step(int signo, siginfo_t *info, void *context) {
    (void)signo;
    (void)context;
    steps++;
    last_code = info->si_code;
}

#ifdef __x86_64__
#define STEPPED "rax", "rcx", "r11", "cc", "memory"
#else
#define STEPPED "eax", "ecx", "cc", "memory"
#endif

static void single_steps(void) {
    struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
    sigaction(SIGTRAP, &action, NULL);
    asm volatile("pushf; orl $0x100,(" SP "); popf\n"
                 "nop; nop; mov $5,%%ecx; 1: dec %%ecx; jnz 1b\n"
                 "mov %0,%%eax; " KERNEL "; nop\n"
                 "pushf; andl $~0x100,(" SP "); popf; nop"
                 :
                 : "i"(SYS_getpid)
                 : STEPPED);
    printf("steps %d code %d\n", steps, last_code);
    fflush(stdout);
    _exit(0);
}

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    int odd = 0;
    for (seed = 1; seed <= 60; seed++) {
        int a = in_child(forged_rt), b = in_child(forged);
        if (a < 1000 || b < 1000) {
            odd++; /* they cannot end well */
        }
    }
    printf("forged frames: odd %d\n", odd);
    printf("no frame: %d\n", in_child(no_stack_frame));
    printf("handler nowhere: %d\n", in_child(handler_nowhere));
    printf("handler in data: %d\n", in_child(handler_in_data));
    printf("stack nowhere: %d\n", in_child(stack_nowhere));
    printf("stack nowhere, handled: %d\n", in_child(stack_nowhere_handled));
    printf("fault in its handler: %d\n", in_child(fault_in_handler));
    printf("ignored fault: %d\n", in_child(ignored_fault));
    printf("blocked fault: %d\n", in_child(blocked_fault));
    in_child(single_steps);
    return 0;
}
