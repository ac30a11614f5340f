/* ucontext: what the handler sees and may edit; faults with their codes; alternate stacks; FP
 * state.
 * test: own */
#define _GNU_SOURCE
#include "test/syscalls/registers.h"
#pragma GCC target("sse2")
#include <errno.h>
#include <fenv.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

static volatile int seen_signal, seen_code, seen_trap, seen_err;
static void *volatile seen_addr;
static volatile uintptr_t seen_ip, skip_to;
static sigjmp_buf back;

static void on_fault(int signo, siginfo_t *info, void *context) {
    ucontext_t *uc = context;
    seen_signal = signo;
    seen_code = info->si_code;
    seen_addr = info->si_addr;
    seen_ip = (uintptr_t)uc->uc_mcontext.gregs[REG_IP];
    seen_trap = uc->uc_mcontext.gregs[REG_TRAPNO];
    seen_err = uc->uc_mcontext.gregs[REG_ERR];
    if (seen_trap == 14) {
        seen_err &= ~1; /* whether the page was ever touched is the kernel's affair */
    }
    if (skip_to) {
        uc->uc_mcontext.gregs[REG_IP] = (greg_t)skip_to;
        return;
    }
    siglongjmp(back, 1);
}

static void install(int signo, int flags) {
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | flags};
    sigemptyset(&action.sa_mask);
    sigaction(signo, &action, NULL);
}

#define TRY(name, ...)                                                                             \
    do {                                                                                           \
        skip_to = 0;                                                                               \
        seen_signal = seen_code = seen_trap = seen_err = 0;                                        \
        if (sigsetjmp(back, 1) == 0) {                                                             \
            __VA_ARGS__;                                                                           \
            printf("%s: nothing happened\n", name);                                                \
        } else {                                                                                   \
            printf("%s: signal %d code %d trap %d err %x\n", name, seen_signal, seen_code,         \
                   seen_trap, (unsigned)seen_err);                                                 \
        }                                                                                          \
    } while (0)

static void faults(void) {
    char *page = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *gap = page + 4096;
    munmap(gap, 4096);
    volatile int zero = 0, one = 1;
    volatile char sink;

    TRY("read unmapped", sink = *(volatile char *)gap);
    printf("  address right %d\n", seen_addr == gap);
    TRY("write read-only", *(volatile char *)(page + 17) = 1);
    printf("  address right %d\n", seen_addr == page + 17);
    TRY("jump to data", ((void (*)(void))page)());
    printf("  address right %d\n", seen_addr == page);
    TRY("null", sink = *(volatile char *)zero);
    TRY("divide", one /= zero);
    TRY("overflowing divide", asm volatile("mov $0x80000000,%%eax; cltd; mov $-1,%%ecx; idiv %%ecx"
                                           :
                                           :
                                           : "eax", "ecx", "edx"));
    TRY("ud2", asm volatile("ud2"));
    TRY("int3", asm volatile("int3"));
    TRY("hlt", asm volatile("hlt"));
    TRY("int 3 long", asm volatile(".byte 0xcd, 3"));
    TRY("int 0x21", asm volatile("int $0x21"));
#ifdef __i386__
    TRY("into", asm volatile("mov $0x7fffffff,%%eax; add $1,%%eax; into" : : : "eax"));
    TRY("bound", {
        int32_t limits[2] = {1, 5};
        asm volatile("bound %0,%1" : : "r"(7), "m"(limits));
    });
#endif
    TRY("bad selector", asm volatile("mov %0,%%gs" : : "r"(0x1234)));
    (void)sink;

    FILE *file = tmpfile();
    if (file && ftruncate(fileno(file), 100) == 0) {
        char *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
        TRY("behind end of file", sink = map[5000]);
        printf("  address right %d\n", seen_addr == map + 5000);
        munmap(map, 8192);
    }
    munmap(page, 4096);
}

/* The handler changes eip and a register, and the interrupted code sees it. */
static void on_edit(int signo, siginfo_t *info, void *context) {
    (void)signo;
    (void)info;
    ucontext_t *uc = context;
    uc->uc_mcontext.gregs[REG_IP] += 2; /* over ud2 */
    uc->uc_mcontext.gregs[REG_AX] = uc->uc_mcontext.gregs[REG_CX] + 1;
    uc->uc_mcontext.gregs[REG_EFL] |= 1; /* carry */
    uc->uc_mcontext.gregs[REG_EFL] &= ~0x40;
}

static void edit(void) {
    struct sigaction action = {.sa_sigaction = on_edit, .sa_flags = SA_SIGINFO};
    sigaction(SIGILL, &action, NULL);
    unsigned eax = 1, carry, zero;
    unsigned long flags;
    asm volatile("xor %%edx,%%edx; ud2; pushf; pop %1"
                 : "+a"(eax), "=&S"(flags)
                 : "c"(41)
                 : "edx", "cc");
    carry = flags & 1;
    zero = flags >> 6 & 1;
    printf("edited: eax %u carry %u zero %u\n", eax, carry, zero);
}

/* All registers survive a signal; x87, XMM and MXCSR too, while the handler uses them. */
static volatile double handler_sum;
static void on_use(int signo) {
    (void)signo;
    unsigned csr;
    unsigned short cw;
    asm volatile("stmxcsr %0; fnstcw %1" : "=m"(csr), "=m"(cw));
    asm volatile("fldz; fldz; fldz; fldz; fldz; fldz; fldz; fldz; pxor %%xmm0,%%xmm0; pxor "
                 "%%xmm7,%%xmm7" ::
                     : "memory");
    asm volatile("emms; fninit");
    printf("in handler: mxcsr %x cw %x\n", csr, cw);
    handler_sum += 1;
}

/* M: the register with the address of fp_state's m; between its lines kill(2) is called. */
#define FP_STATE                                                                                   \
    "fninit; fldcw 40(" M "); fldpi; fld1; ldmxcsr 32(" M "); movups (" M "),%%xmm7\n"             \
    "fnstsw 44(" M "); " KERNEL "\n"                                                               \
    "movups %%xmm7,16(" M "); stmxcsr 36(" M "); fnstcw 42(" M "); fnstsw 46(" M ")\n"             \
    "fxch; fstpl 48(" M "); fstp %%st(0)"

static void fp_state(void) {
    struct sigaction action = {.sa_handler = on_use};
    sigaction(SIGUSR1, &action, NULL);
    static struct {
        uint32_t in[4], out[4], csr, csr_out;  /* 0, 16, 32, 36 */
        unsigned short cw, cw_out, sw, sw_out; /* 40, 42, 44, 46 */
        double value;                          /* 48 */
    } m = {.in = {1, 2, 3, 4}, .csr = 0x3f80, .cw = 0x27f};
    unsigned csr;
#ifdef __x86_64__
#define M "%%rbx"
    asm volatile(FP_STATE
                 :
                 : "b"(&m), "D"(getpid()), "S"(SIGUSR1), "a"(62)
                 : "rcx", "r11", "memory");
#else
#define M "%%esi"
    asm volatile(FP_STATE : : "S"(&m), "b"(getpid()), "c"(SIGUSR1), "a"(37) : "memory");
#endif
    csr = 0x1f80;
    asm volatile("ldmxcsr %0; fninit" : : "m"(csr));
    printf("fp state: %u %u %u %u mxcsr %x cw %x sw %x %x pi %d\n", m.out[0], m.out[1], m.out[2],
           m.out[3], m.csr_out, m.cw_out, m.sw, m.sw_out, m.value > 3.14159 && m.value < 3.1416);
}

/* FP exceptions and their codes. */
static void fp_faults(void) {
    install(SIGFPE, 0);
    static const double zero = 0, one = 1;
    static unsigned csr = 0x1f80 & ~0x200u, normal = 0x1f80;
    TRY("x87 divide", {
        unsigned short cw = 0x37f & ~4;
        asm volatile("fldcw %0; fld1; fldz; fdivrp; fwait" : : "m"(cw));
    });
    asm volatile("fninit");
    TRY("x87 invalid", {
        unsigned short cw = 0x37f & ~1;
        asm volatile("fldcw %0; fldz; fldz; fdivrp; fwait" : : "m"(cw));
    });
    asm volatile("fninit");
    TRY("sse divide", {
        asm volatile("ldmxcsr %0; movsd %1,%%xmm0; divsd %2,%%xmm0"
                     :
                     : "m"(csr), "m"(one), "m"(zero));
    });
    asm volatile("ldmxcsr %0" : : "m"(normal));
}

static void on_stack(int signo, siginfo_t *info, void *context) {
    (void)info;
    (void)context;
    char here;
    stack_t now;
    sigaltstack(NULL, &now);
    printf("signal %d on alternate stack %d, flags %d\n", signo,
           &here >= (char *)now.ss_sp && &here < (char *)now.ss_sp + now.ss_size, now.ss_flags);
    if (signo == SIGSEGV) {
        siglongjmp(back, 1);
    }
}

static int deep(int n) {
    volatile char room[8192];
    room[0] = (char)n;
    return deep(n + 1) + room[0];
}

static void altstack(void) {
    static char memory[65536];
    stack_t stack = {.ss_sp = memory, .ss_size = sizeof memory}, old;
    printf("none yet: %d\n", sigaltstack(NULL, &old) == 0 && old.ss_flags == SS_DISABLE);
    stack.ss_size = 100;
    int result = sigaltstack(&stack, NULL);
    printf("too small: %d %s\n", result, strerror(errno));
    stack.ss_size = sizeof memory;
    sigaltstack(&stack, NULL);
    struct sigaction action = {.sa_sigaction = on_stack, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaction(SIGUSR2, &action, NULL);
    raise(SIGUSR2);
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGUSR2, &action, NULL);
    raise(SIGUSR2);
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGSEGV, &action, NULL);
    if (sigsetjmp(back, 1) == 0) {
        deep(0);
    }
    printf("stack overflow survived\n");
    stack.ss_flags = SS_DISABLE;
    printf("disable: %d\n", sigaltstack(&stack, NULL));
}

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    install(SIGSEGV, 0);
    install(SIGBUS, 0);
    install(SIGILL, 0);
    install(SIGFPE, 0);
    install(SIGTRAP, 0);
    faults();
    edit();
    fp_state();
    fp_faults();
    altstack();
    return 0;
}
