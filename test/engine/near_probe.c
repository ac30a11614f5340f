/* Accesses in one block by a register, or by a sum of two, that another access went by before, in
 * the block or the last time round in a loop of one block: native code of 64-bit guests does not
 * look a second time where they must end (core/native/known.h). Whatever changes the register in
 * between, the fault must be at the same address, in the same instruction.
 * test: own */
#include "engine_test.h"

#include <setjmp.h>
#include <stdbool.h>
#include <sys/time.h>

#ifdef __x86_64__

#define AREA  0x200000000 /* pages: none, written, none, written, none */
#define LOW_A 0x20000
#define WILD  0x7123456789abcdef

static sigjmp_buf back;
static uintptr_t start;

static void on_signal(int signal, siginfo_t *info, void *pointer) {
    greg_t *regs = ((ucontext_t *)pointer)->uc_mcontext.gregs;
    printf(" signal %d code %d at %lx ip +%lu rax %llx rbx %llx rsi %llx rsp %d r12 %llx\n", signal,
           info->si_code, (unsigned long)info->si_addr, (unsigned long)regs[REG_RIP] - start,
           regs[REG_RAX], regs[REG_RBX], regs[REG_RSI],
           regs[REG_RSP] - AREA < 8 * PAGE ? (int)(regs[REG_RSP] - AREA) : -1, regs[REG_R12]);
    siglongjmp(back, 1);
}

static void on_time(int signal, siginfo_t *info, void *pointer) {
    greg_t *regs = ((ucontext_t *)pointer)->uc_mcontext.gregs;
    (void)info;
    bool within = regs[REG_RIP] - start < 64;
    printf(" signal %d %s", signal, within ? "in the loop" : "elsewhere");
    if (within) {
        regs[REG_RBX] = WILD; /* where it goes on */
        return;
    }
    siglongjmp(back, 1);
}

/* rax, rbx, rsi and r12 are `place`; rcx is no address; the code follows label 1. */
#define CASE(name, place, ...)                                                                     \
    printf("%s:", name);                                                                           \
    fflush(stdout);                                                                                \
    if (!sigsetjmp(back, 1)) {                                                                     \
        register uintptr_t at12 __asm__("r12") = (place);                                          \
        __asm__ volatile("lea 1f(%%rip), %%rdx; mov %%rdx, %[start]; jmp 1f\n"                     \
                         "1: " __VA_ARGS__ "\n"                                                    \
                         : [start] "=m"(start), "+r"(at12)                                         \
                         : "a"(place), "b"(place), "c"(WILD), "S"(place)                           \
                         : "rdx", "rdi", "r8", "r13", "memory", "cc");                             \
        printf(" no fault\n");                                                                     \
    }

static void cases(void) {
    const uintptr_t p = AREA + PAGE, far = AREA + 3 * PAGE, low = LOW_A;
    CASE("next page", p, "mov (%%rbx), %%rdx; mov 4096(%%rbx), %%rdx");
    CASE("page before", p, "mov (%%rbx), %%rdx; mov -8(%%rbx), %%rdx");
    CASE("over the end", p, "mov (%%rbx), %%rdx; mov 4090(%%rbx), %%rdx");
    CASE("store", p, "mov (%%rbx), %%rdx; mov %%rdx, 4096(%%rbx)");
    CASE("added", p, "mov (%%rbx), %%rdx; add $4096, %%rbx; mov (%%rbx), %%rdx");
    CASE("subtracted", p, "mov 8(%%rbx), %%rdx; sub $8, %%rbx; mov (%%rbx), %%rdx");
    CASE("moved", p, "mov (%%rbx), %%rdx; lea 4096(%%rbx), %%rbx; mov (%%rbx), %%rdx");
    CASE("incremented", p + 4088, "mov (%%rbx), %%rdx; inc %%rbx; mov (%%rbx), %%rdx");
    CASE("often", p,
         "mov (%%rbx), %%rdx; add $0x40000000, %%rbx; add $0x40000000, %%rbx; add $0x40000000, "
         "%%rbx; add $0x40000000, %%rbx; mov (%%rbx), %%rdx");
    CASE("far", p, "mov (%%rbx), %%rdx; add $0x7fffffff, %%rbx; mov 0x7ffffff0(%%rbx), %%rdx");
    CASE("far back", p,
         "mov (%%rbx), %%rdx; sub $0x7fffffff, %%rbx; mov -0x7ffffff0(%%rbx), %%rdx");
    CASE("below 0", low, "mov (%%rbx), %%rdx; mov -0x30000(%%rbx), %%rdx");
    CASE("below 0, far", low, "mov (%%rbx), %%rdx; sub $0x7fff0000, %%rbx; mov (%%rbx), %%rdx");
    CASE("below 0, farther", low,
         "mov (%%rbx), %%rdx; sub $0x7fff0000, %%rbx; mov -0x2f800(%%rbx), %%rdx");
    CASE("copied", p, "mov (%%rbx), %%rdx; mov %%rcx, %%rbx; mov (%%rbx), %%rdx");
    CASE("loaded", p, "mov (%%rbx), %%rdx; mov 16(%%rbx), %%rbx; mov (%%rbx), %%rdx");
    CASE("exchanged", p, "mov (%%rbx), %%rdx; xchg %%rcx, %%rbx; mov (%%rbx), %%rdx");
    CASE("exchanged, rax", p, "mov (%%rax), %%rdx; xchg %%rcx, %%rax; mov (%%rax), %%rdx");
    CASE("xadd", p, "mov (%%rbx), %%rdx; xadd %%rbx, %%rcx; mov (%%rbx), %%rdx");
    CASE("32 bits", p, "mov (%%rbx), %%rdx; mov %%ebx, %%ebx; mov (%%rbx), %%rdx");
    CASE("32 bits added", p, "mov (%%rbx), %%rdx; add $8, %%ebx; mov (%%rbx), %%rdx");
    CASE("16 bits", p, "mov (%%rbx), %%rdx; mov $0xfff8, %%bx; mov (%%rbx), %%rdx");
    CASE("8 bits", p, "mov (%%rbx), %%rdx; mov $0xff, %%bh; mov (%%rbx), %%rdx");
    CASE("zero-extended", p, "mov (%%rbx), %%rdx; movzbl %%bl, %%ebx; mov (%%rbx), %%rdx");
    CASE("sign-extended", p, "mov (%%rax), %%rdx; cltq; mov (%%rax), %%rdx");
    CASE("swapped", p, "mov (%%rbx), %%rdx; bswap %%rbx; mov (%%rbx), %%rdx");
    CASE("conditional", p,
         "mov (%%rbx), %%rdx; cmp %%rbx, %%rsi; cmove %%rcx, %%rbx; "
         "mov (%%rbx), %%rdx");
    CASE("shifted", p, "mov (%%rbx), %%rdx; shl $20, %%rbx; mov (%%rbx), %%rdx");
    CASE("multiplied", p, "mov (%%rax), %%rdx; mul %%rcx; mov (%%rax), %%rdx");
    CASE("multiplied, signed", p, "mov (%%rax), %%rdx; imul %%rcx; mov (%%rax), %%rdx");
    CASE("multiplied, memory", p, "mov (%%rax), %%rdx; mulq 16(%%rbx); mov (%%rax), %%rdx");
    CASE("multiplied, signed, memory", p,
         "mov (%%rax), %%rdx; imulq 16(%%rbx); mov (%%rax), %%rdx");
    CASE("multiplied, signed, 32 bits, memory", p,
         "mov (%%rax), %%rdx; imull 16(%%rbx); mov (%%rax), %%rdx");
    CASE("multiplied, signed, 16 bits, memory", p,
         "mov (%%rax), %%rdx; imulw 16(%%rbx); mov (%%rax), %%rdx");
    CASE("multiplied, signed, high half", p,
         "mov %%rbx, %%rdx; mov (%%rdx), %%rdi; imulq 16(%%rbx); mov (%%rdx), %%rdi");
    CASE("multiplied, signed, at home", p,
         "mov (%%rax), %%rdx; mov %%rcx, %%r13; imul %%r13; mov (%%rax), %%rdx");
    CASE("multiplied, signed, by index", p,
         "mov (%%rax), %%rdx; xor %%edi, %%edi; imulq 16(%%rbx,%%rdi,8); mov (%%rax), %%rdx");
    CASE("multiplied, three", p, "mov (%%rbx), %%rdx; imul $77, %%rbx, %%rbx; mov (%%rbx), %%rdx");
    CASE("divided", p, "mov (%%rax), %%rdx; xor %%edx, %%edx; div %%rcx; mov (%%rax), %%rdx");
    CASE("compared", p, "mov (%%rax), %%rdx; cmpxchg %%rcx, 16(%%rbx); mov (%%rax), %%rdx");
    CASE("string", p + 4088, "mov (%%rsi), %%rdx; lodsq; mov (%%rsi), %%rdx");
    CASE("string, neither side", p, "mov $0x10080000000, %%rdi; mov $8, %%esi; movsq");
    CASE("string, repeated, neither side", p,
         "mov $0x10080000000, %%rdi; mov $8, %%esi; mov $3, %%ecx; rep movsb");
    CASE("string, one side", p, "mov $0x10080000000, %%rdi; movsq");
    CASE("string, one side and a half", p + 4092, "mov $0x10080000000, %%rdi; movsq");
    CASE("string, a byte", p + 4095, "mov $0x10080000000, %%rdi; movsb");
    CASE("string, other segment", p,
         "mov $0x10080000000, %%rdi; mov $8, %%esi; movsl %%gs:(%%rsi), (%%rdi)");
    CASE("at home", p, "mov (%%r12), %%rdx; mov 4096(%%r12), %%rdx");
    CASE("at home, copied", p, "mov (%%r12), %%rdx; mov %%rcx, %%r12; mov (%%r12), %%rdx");
    CASE("at home, loaded", p, "mov (%%r12), %%rdx; mov 16(%%r12), %%r12; mov 8(%%r12), %%rdx");
    CASE("at home, added", p, "mov (%%r12), %%rdx; add $4096, %%r12; mov 8(%%r12), %%rdx");
    CASE("at home, exchanged", p, "mov (%%r12), %%rdx; xchg %%r12, %%rcx; mov (%%r12), %%rdx");
    CASE("another one", p, "mov (%%r12), %%rdx; mov %%rcx, %%r13; mov (%%r13), %%rdx");
    CASE("pushed", far + 16,
         "mov %%rsp, %%rdi; mov %%rbx, %%rsp; push %%rax; push %%rsi; "
         "push %%r12; push %%rcx; mov %%rdi, %%rsp");
    CASE("popped", p + 4080,
         "mov %%rsp, %%rdi; mov %%rbx, %%rsp; pop %%rax; pop %%rdx; pop %%rdx; "
         "mov %%rdi, %%rsp");
    CASE("stack pointer popped", p + 16,
         "mov %%rsp, %%rdi; mov %%rbx, %%rsp; pop %%rsp; pop %%rdx");
    CASE("frame", p + 4064,
         "mov %%rsp, %%rdi; mov %%rbx, %%rsp; pop %%rdx; add $24, %%rsp; "
         "push %%rdx; pop %%rdx; pop %%rdx");
    CASE("SSE", p, "movups (%%rbx), %%xmm0; movups 4088(%%rbx), %%xmm0");
    CASE("no fault", p,
         "mov (%%rbx), %%rdx; mov 8(%%rbx), %%rdx; add $8, %%rbx; mov %%rdx, (%%rbx)");
}

/* Loops of one block, from label 1 on, until they fault; rcx is set by some. */
static void loops(void) {
    const uintptr_t p = AREA + PAGE, far = AREA + 3 * PAGE, low = LOW_A;
    CASE("loop", p, "mov (%%rbx), %%rdx; add $8, %%rbx; jmp 1b");
    CASE("loop down", p + 4088, "mov (%%rbx), %%rdx; sub $8, %%rbx; jmp 1b");
    CASE("loop that stores", p + 1024, "mov %%rsi, (%%rbx); lea 16(%%rbx), %%rbx; jmp 1b");
    CASE("loop, later part", p,
         "mov 8(%%rbx), %%rdx; mov -8(%%rbx), %%rdx; add $24, %%rbx; jmp 1b");
    CASE("loop, two registers", p,
         "mov (%%rbx), %%rdx; mov (%%rsi), %%rdx; dec %%rbx; inc %%rsi; jmp 1b");
    CASE("loop of large steps", p, "mov (%%rbx), %%rdx; add $0x1fff0000, %%rbx; jmp 1b");
    CASE("loop of larger steps", p, "mov (%%rbx), %%rdx; add $0x7fff0000, %%rbx; jmp 1b");
    CASE("loop, steps down", low, "mov (%%rbx), %%rdx; sub $0x1fff0000, %%rbx; jmp 1b");
    CASE("loop, steps in parts", low,
         "mov (%%rbx), %%rdx; sub $0x18000000, %%rbx; sub $0x18000000, %%rbx; jmp 1b");
    CASE("loop that copies", p, "mov (%%rbx), %%rdx; mov %%rcx, %%rbx; jmp 1b");
    CASE("loop that loads", p, "mov (%%rbx), %%rbx; jmp 1b");
    CASE("loop that changes it before", p, "shl $1, %%rbx; mov (%%rbx), %%rdx; jmp 1b");
    CASE("loop at home", p, "mov (%%r12), %%rdx; add $8, %%r12; jmp 1b");
    CASE("loop with a condition", p, "mov (%%rbx), %%rdx; add $8, %%rbx; cmp %%rcx, %%rbx; jne 1b");
    CASE("loop of pushes", far + 4096, "mov %%rsp, %%rdi; mov %%rbx, %%rsp; 2: push %%rax; jmp 2b");
    CASE("loop of pops", p, "mov %%rsp, %%rdi; mov %%rbx, %%rsp; 2: pop %%rax; jmp 2b");
    CASE("loop of conditional moves", p,
         "test %%rcx, %%rcx; cmove (%%rbx), %%rdx; add $8, %%rbx; jmp 1b");
    CASE("index", p, "xor %%ecx, %%ecx; 2: mov (%%rbx,%%rcx,8), %%rdx; inc %%rcx; jmp 2b");
    CASE("index down", p + 4088,
         "xor %%ecx, %%ecx; 2: mov (%%rbx,%%rcx,4), %%edx; dec %%rcx; jmp 2b");
    CASE("index, both", p,
         "xor %%ecx, %%ecx; 2: mov (%%rbx,%%rcx,2), %%rdx; add $4, %%rcx; add $8, %%rbx; jmp 2b");
    CASE("index, large steps", p,
         "xor %%ecx, %%ecx; 2: mov (%%rbx,%%rcx,8), %%rdx; add $0x4000000, %%rcx; jmp 2b");
    CASE("index, larger steps", p,
         "xor %%ecx, %%ecx; 2: mov (%%rbx,%%rcx,8), %%rdx; add $0x10000000, %%rcx; jmp 2b");
    CASE("index, doubled", p,
         "mov $1, %%ecx; 2: mov (%%rbx,%%rcx,8), %%rdx; add %%rcx, %%rcx; jmp 2b");
    CASE("index of itself", p / 2, "2: mov (%%rbx,%%rbx), %%rdx; add $4, %%rbx; jmp 2b");
    CASE("index, moved between", p,
         "xor %%ecx, %%ecx; mov (%%rbx,%%rcx), %%rdx; add $4096, %%rcx; mov (%%rbx,%%rcx), %%rdx");
    CASE(
        "index, copied between", p,
        "xor %%ecx, %%ecx; mov (%%rbx,%%rcx), %%rdx; mov (%%rbx), %%rcx; mov (%%rbx,%%rcx), %%rdx");
    CASE(
        "index, base copied", p,
        "xor %%ecx, %%ecx; mov (%%rbx,%%rcx), %%rdx; mov (%%rbx), %%rbx; mov (%%rbx,%%rcx), %%rdx");
    CASE("index, other scale", p,
         "mov $256, %%ecx; mov (%%rbx,%%rcx,8), %%rdx; mov (%%rbx,%%rcx), %%rdx; shl $40, %%rcx; "
         "mov (%%rbx,%%rcx,8), %%rdx");
    CASE(
        "index, other base", p,
        "xor %%ecx, %%ecx; mov (%%rbx), %%rdx; mov (%%rbx,%%rcx), %%rdi; mov (%%rdx,%%rcx), %%rdx");
    CASE("index at home", p,
         "mov %%rbx, %%r8; xor %%r13d, %%r13d; 2: mov (%%r8,%%r13), %%rdx; add $8, %%r13; jmp 2b");
    CASE("index at home, copied", p,
         "mov %%rbx, %%r8; xor %%r13d, %%r13d; mov (%%r8,%%r13), %%rdx; mov %%rdx, %%r13; mov "
         "(%%r8,%%r13), %%rdx");
    CASE("five sums", p,
         "xor %%ecx, %%ecx; 2: mov (%%rbx,%%rcx), %%rdx; mov (%%rsi,%%rcx), %%rdx; mov "
         "(%%r12,%%rcx), %%rdx; "
         "mov (%%rax,%%rcx), %%rdx; mov (%%rbx,%%rcx,2), %%rdx; add $8, %%rcx; jmp 2b");
    CASE("segment", p,
         "xor %%ecx, %%ecx; mov (%%rbx,%%rcx), %%rdx; mov %%gs:(%%rbx,%%rcx), %%rdx; mov "
         "4096(%%rbx,%%rcx), %%rdx");
    CASE("address of 32 bits", low,
         "xor %%ecx, %%ecx; 2: mov (%%ebx,%%ecx), %%rdx; add $8, %%rcx; jmp 2b");
    if (__builtin_cpu_supports("avx2")) { /* no access while rcx is not negative */
        CASE("loop of masked loads", p,
             "mov $100, %%ecx; 2: vmovd %%ecx, %%xmm0; vpmaskmovd (%%rbx), %%xmm0, %%xmm1; "
             "add $0x10000000, %%rbx; dec %%ecx; jmp 2b");
        CASE(
            "index, masked loads", p,
            "mov $100, %%ecx; xor %%edi, %%edi; 2: vmovd %%ecx, %%xmm0; "
            "vpmaskmovd (%%rbx,%%rdi,8), %%xmm0, %%xmm1; add $0x2000000, %%rdi; dec %%ecx; jmp 2b");
    }
    const struct itimerval soon = {.it_value = {.tv_usec = 20000}};
    setitimer(ITIMER_REAL, &soon, NULL);
    CASE("loop for ever", p, "mov (%%rbx), %%rdx; jmp 1b");
}

int main(void) {
    uint64_t *area = mmap((void *)AREA, 5 * PAGE, PROT_NONE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    void *low = mmap((void *)LOW_A, PAGE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (area != (void *)AREA || low != (void *)LOW_A ||
        mprotect((char *)area + PAGE, PAGE, PROT_READ | PROT_WRITE) ||
        mprotect((char *)area + 3 * PAGE, PAGE, PROT_READ | PROT_WRITE)) {
        die("mmap");
    }
    for (unsigned i = 0; i < PAGE / 8; i++) {
        area[PAGE / 8 + i] = WILD;
    }
    static uint8_t stack[65536];
    const stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    action.sa_sigaction = on_signal;
    sigaltstack(&other, NULL);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    action.sa_sigaction = on_time;
    sigaction(SIGALRM, &action, NULL);
    for (int i = 0; i < 2; i++) { /* the second time the code is there already */
        cases();
        loops();
    }
}

#else

int main(void) {
    puts("addresses of 32 bits need no look");
}

#endif
