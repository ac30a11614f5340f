/* Signal frames of x86-64: registers that i386 lacks, the red zone, what a handler edits, and
 * frames that cannot be returned by. test: only x86-64 segments */
#define _GNU_SOURCE
#include <setjmp.h>
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

static volatile unsigned long long seen[23];
static volatile unsigned long seen_flags, seen_link;
static siginfo_t seen_info;
static sigjmp_buf back;

static void install(int signo, void (*handler)(int, siginfo_t *, void *), int flags) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    sigaction(signo, &action, NULL);
}

/* --- what is in the frame -------------------------------------------------------------- */

static void on_look(int signo, siginfo_t *info, void *context) {
    ucontext_t *uc = context;
    (void)signo;
    for (int i = 0; i < 23; i++) {
        seen[i] = (unsigned long long)uc->uc_mcontext.gregs[i];
    }
    seen_flags = uc->uc_flags & 6;
    seen_link = (unsigned long)uc->uc_link;
    seen_info = *info;
    /* The registers that are the handler's own. */
    asm volatile("xor %%r8d,%%r8d; xor %%r9d,%%r9d; xor %%r10d,%%r10d; xor %%r11d,%%r11d\n"
                 "pxor %%xmm8,%%xmm8; pxor %%xmm15,%%xmm15"
                 :
                 :
                 : "r8", "r9", "r10", "r11", "xmm8", "xmm15", "memory");
}

/* ud2 is stepped over. */
static void on_step(int signo, siginfo_t *info, void *context) {
    ucontext_t *uc = context;
    on_look(signo, info, context);
    uc->uc_mcontext.gregs[REG_RIP] += 2;
}

static struct {
    uint64_t in[2], out[4];        /* 0, 16 */
    uint64_t general[8], zone[16]; /* 48, 112 */
} r = {.in = {0x1122334455667788, 0x99aabbccddeeff00}};

static void registers(void) {
    install(SIGILL, on_step, 0);
    for (int i = 0; i < 8; i++) {
        r.general[i] = 0x0808080808080808u + (unsigned)i;
    }
    asm volatile(
        "sub $256,%%rsp\n" /* the function's own red zone */
        "mov 48(%%rbx),%%r8; mov 56(%%rbx),%%r9; mov 64(%%rbx),%%r10; mov 72(%%rbx),%%r11\n"
        "mov 80(%%rbx),%%r12; mov 88(%%rbx),%%r13; mov 96(%%rbx),%%r14; mov 104(%%rbx),%%r15\n"
        "movups (%%rbx),%%xmm8; movups (%%rbx),%%xmm15\n"
        "mov $0x5a,%%eax; lea -128(%%rsp),%%rcx\n"
        "1: mov %%rax,(%%rcx); inc %%eax; add $8,%%rcx; cmp %%rsp,%%rcx; jb 1b\n"
        "ud2\n"
        "movups %%xmm8,16(%%rbx); movups %%xmm15,32(%%rbx)\n"
        "mov %%r8,48(%%rbx); mov %%r9,56(%%rbx); mov %%r10,64(%%rbx); mov %%r11,72(%%rbx)\n"
        "mov %%r12,80(%%rbx); mov %%r13,88(%%rbx); mov %%r14,96(%%rbx); mov %%r15,104(%%rbx)\n"
        "lea 112(%%rbx),%%rdi; lea -128(%%rsp),%%rsi; mov $16,%%ecx; rep movsq\n"
        "add $256,%%rsp\n"
        :
        : "b"(&r)
        : "rax", "rcx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm8",
          "xmm15", "cc", "memory");
    for (int i = 0; i < 8; i++) {
        printf("r%d %llx kept %llx\n", i + 8, seen[REG_R8 + i], (unsigned long long)r.general[i]);
    }
    printf("xmm %d %d\n", !memcmp(r.out, r.in, 16), !memcmp(r.out + 2, r.in, 16));
    for (int i = 0; i < 16; i++) {
        printf("%llx%c", (unsigned long long)r.zone[i], i == 15 ? '\n' : ' ');
    }
}

static void frame(void) {
    install(SIGILL, on_step, 0);
    uint64_t ip, sp;
    asm volatile("lea 1f(%%rip),%0; mov %%rsp,%1; xor %%edx,%%edx; stc; 1: ud2"
                 : "=&r"(ip), "=&r"(sp)
                 :
                 : "rdx", "cc", "memory");
    printf("rip %d rsp %d flags %llx segments %llx trap %llx err %llx uc_flags %lx link %lx\n",
           seen[REG_RIP] == ip, seen[REG_RSP] == sp, seen[REG_EFL] & 0xcd5, seen[REG_CSGSFS],
           seen[REG_TRAPNO], seen[REG_ERR], seen_flags, seen_link);
    printf("siginfo %d %d %d\n", seen_info.si_signo, seen_info.si_code,
           seen_info.si_addr == (void *)ip);
    union sigval value = {.sival_ptr = (void *)0x123456789abcdef0};
    install(SIGUSR1, on_look, 0);
    sigqueue(getpid(), SIGUSR1, value);
    printf("queued %d %d %d %p\n", seen_info.si_signo, seen_info.si_code,
           seen_info.si_pid == getpid(), seen_info.si_value.sival_ptr);
}

/* --- faults ---------------------------------------------------------------------------- */

static void on_fault(int signo, siginfo_t *info, void *context) {
    on_look(signo, info, context);
    siglongjmp(back, 1);
}

static volatile uint64_t sink;

#define TRY(name, ...)                                                                             \
    do {                                                                                           \
        if (sigsetjmp(back, 1) == 0) {                                                             \
            __VA_ARGS__;                                                                           \
            printf("%s: nothing happened\n", name);                                                \
        } else {                                                                                   \
            printf("%s: signal %d code %d addr %p trap %llu err %llx\n", name, seen_info.si_signo, \
                   seen_info.si_code, seen_info.si_addr, seen[REG_TRAPNO], seen[REG_ERR]);         \
        }                                                                                          \
    } while (0)

static void faults(void) {
    install(SIGSEGV, on_fault, SA_ONSTACK);
    install(SIGBUS, on_fault, SA_ONSTACK);
    TRY("read at 0x10", sink = *(volatile uint64_t *)0x10);
    TRY("read non-canonical", sink = *(volatile uint64_t *)0x8000000000000000);
    TRY("write non-canonical", *(volatile uint64_t *)0x123456789abcdef0 = 1);
    TRY("read the kernel's", sink = *(volatile uint64_t *)0xffff800000000000);
    TRY("write the kernel's", *(volatile uint64_t *)0xffff888000000000 = 1);
    TRY("push non-canonical", asm volatile("mov %%rsp,%%rbx; movabs $0x8000000000000000,%%rsp; "
                                           "push %%rax; mov %%rbx,%%rsp"
                                           :
                                           :
                                           : "rbx", "memory"));
    TRY("jump to the kernel's", ((void (*)(void))0xffff800000000000)());
    TRY("jump to 0", ((void (*)(void))0)());
}

/* --- hostile returns ------------------------------------------------------------------- */

static int what;

static void on_edit(int signo, siginfo_t *info, void *context) {
    ucontext_t *uc = context;
    greg_t *gregs = uc->uc_mcontext.gregs;
    (void)signo, (void)info;
    gregs[REG_RIP] += 2;
    switch (what) {
    case 0:
        gregs[REG_RIP] = 0x8000000000000000;
        break;
    case 1:
        gregs[REG_CSGSFS] = (gregs[REG_CSGSFS] & ~0xffffll) | 0x10; /* the kernel's */
        break;
    case 2:
        gregs[REG_CSGSFS] = (gregs[REG_CSGSFS] & 0xffffffffffffll) | 0x33ll << 48;
        break;
    case 3:
        gregs[REG_CSGSFS] &= ~0xffffll;
        break;
    case 4:
        uc->uc_mcontext.fpregs = (void *)16;
        break;
    case 5:
        uc->uc_mcontext.fpregs = NULL;
        break;
    case 6:
        gregs[REG_EFL] = ~0x100ll; /* all but TF */
        break;
    case 7:
        uc->uc_mcontext.fpregs->mxcsr = 0xffffffff;
        break;
    case 8:
        uc->uc_flags &= ~6ul; /* the old way: SS is seen to */
        gregs[REG_CSGSFS] = 0x33;
        break;
    }
}

static void returns(void) {
    static char stack[65536];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    for (what = 0; what < 10; what++) {
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
            sigaltstack(&alternate, NULL);
            install(SIGILL, on_edit, 0);
            install(SIGSEGV, on_fault, SA_ONSTACK);
            if (sigsetjmp(back, 1)) {
                printf("return %d: signal %d code %d addr %p trap %llu err %llx cs %llx ss %llx\n",
                       what, seen_info.si_signo, seen_info.si_code, seen_info.si_addr,
                       seen[REG_TRAPNO], seen[REG_ERR], seen[REG_CSGSFS] & 0xffff,
                       seen[REG_CSGSFS] >> 48);
                fflush(stdout);
                _exit(0);
            }
            if (what == 9) { /* no frame at all */
                asm volatile(
                    "mov %%rsp,%%rbx; mov $8,%%esp; mov $15,%%eax; syscall; mov %%rbx,%%rsp"
                    :
                    :
                    : "rax", "rbx", "rcx", "r11", "memory");
            }
            unsigned long flags;
            unsigned short ss;
            asm volatile("ud2; pushf; pop %0; mov %%ss,%1"
                         : "=r"(flags), "=r"(ss)
                         :
                         : "memory", "cc");
            asm volatile("push $0x202; popf; cld" : : : "memory", "cc");
            printf("return %d: flags %lx ss %x\n", what, flags & ~0x200000ul, ss);
            fflush(stdout);
            _exit(0);
        }
        int status;
        waitpid(child, &status, 0);
        if (status) {
            printf("return %d: status %x\n", what, status);
        }
    }
}

/* --- without a way back, alternate stack ----------------------------------------------- */

struct kernel_action {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

static void on_nothing(int signo) {
    (void)signo;
}

static void no_restorer(void) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        struct kernel_action action = {.handler = on_nothing};
        syscall(SYS_rt_sigaction, SIGUSR2, &action, NULL, 8);
        signal(SIGSEGV, SIG_DFL);
        raise(SIGUSR2);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    printf("no restorer: killed by %d\n", WTERMSIG(status));
}

static void small_stack(void) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        static char stack[4096] __attribute__((aligned(4096)));
        mprotect(stack, sizeof stack, PROT_READ);
        stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
        sigaltstack(&alternate, NULL);
        install(SIGUSR2, on_look, SA_ONSTACK);
        signal(SIGSEGV, SIG_DFL);
        raise(SIGUSR2);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    printf("stack that cannot be written: killed by %d\n", WTERMSIG(status));
}

int main(void) {
    static char stack[65536];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&alternate, NULL);
    registers();
    frame();
    faults();
    returns();
    no_restorer();
    small_stack();
    return 0;
}
