/* States of the processor that a program can bring about and hardly one does: stack pointers that
 * lead nowhere, selectors of every kind, frames for IRET, RETF and sigreturn(2) with anything in
 * them, FPU images. Runs natively and in the guest; each case ends in a signal, whose frame is
 * printed: the output must be the same.
 *
 *   cpu_states SEED COUNT [ONE]     cases 0 to COUNT-1 of a seed, or number ONE alone
 *
 * What NOTATION.md lists as a departure is left out: the alignment check, segment limits (accesses
 * that cross 4 GiB), bases in ES, CS, SS, DS, accesses through null selectors. So are 64-bit code,
 * which only a native run has, and where gen/spec/vendors says that processors differ. */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define CODE_AT  0x40000000u /* one page, int3 where nothing else is */
#define LAND_AT  0x40000800u
#define DATA_AT  0x41000000u /* two pages */
#define STACK_AT 0x42000000u /* two pages */
#define AREA     0x2000u
#define FLAGS    0x204dd5u /* seen and compared: not IF, IOPL, RF, AC */
#define FLAG_TF  0x100u
#define FLAG_NT  0x4000u

static uint8_t *const code = (uint8_t *)CODE_AT;
static uint8_t *const data = (uint8_t *)DATA_AT;
static uint32_t *const stack = (uint32_t *)(STACK_AT + 0x1000);

/* What enter() loads; named in the assembly. */
uint32_t enter_regs[8], enter_flags, saved_esp, saved_gs, saved_fs;
uint8_t enter_fx[512] __attribute__((aligned(16)));
void enter(void);
void on_trap(void);
__asm__("enter: pusha\n"
        "  mov %esp, saved_esp\n"
        "  fxrstor enter_fx\n"
        "  pushl enter_flags\n"
        "  mov enter_regs+0, %eax\n  mov enter_regs+4, %ecx\n"
        "  mov enter_regs+8, %edx\n  mov enter_regs+12, %ebx\n"
        "  mov enter_regs+20, %ebp\n  mov enter_regs+24, %esi\n"
        "  mov enter_regs+28, %edi\n"
        "  popf\n"
        "  mov enter_regs+16, %esp\n"
        "  jmp 0x40000000\n"
        "on_trap:\n" /* the C library lives behind %gs, and flags are the case's */
        "  mov saved_gs, %eax\n  mov %eax, %gs\n"
        "  mov saved_fs, %eax\n  mov %eax, %fs\n"
        "  pushl $0x202\n  popf\n"
        "  jmp on_trap_c\n");

static uint64_t seed;
static uint32_t random32(void) {
    uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)(z >> 32);
}
static uint32_t below(uint32_t limit) {
    return (uint32_t)((uint64_t)random32() * limit >> 32);
}

/* Selectors as Linux has them in a 32-bit program: null, flat, TLS (one with a base, for FS and GS,
 * one read-only), the kernel's, of no table. */
static uint16_t any_selector(bool fs_or_gs) {
    static const uint16_t known[] = {0,    1,    3,    0x2b, 0x2b, 0x2a,  0x28,   0x23, 0x20, 0x73,
                                     0x72, 0x10, 0x18, 0x40, 0x53, 0x104, 0xfff3, 7,    0x6b, 0x6a};
    return known[below(sizeof known / sizeof known[0] - (fs_or_gs ? 0 : 2))];
}

static uint16_t code_selector(void) {
    return below(3) ? 0x23 : any_selector(false);
}

static uint32_t any_flags(void) {
    uint32_t flags = random32() & 0x200cd5;
    if (!below(12)) {
        flags |= FLAG_NT;
    }
    if (!below(12)) {
        flags |= FLAG_TF;
    }
    return flags | 2;
}

/* An address that is one of ours, at an edge of it, or nothing in either world. */
static uint32_t any_address(void) {
    static const uint32_t areas[] = {CODE_AT, DATA_AT, STACK_AT};
    uint32_t area = areas[below(3)];
    switch (below(8)) {
    case 0:
        return below(0x1000);
    case 1:
        return 0x43000000 + below(0x1000000);
    case 2:
        return 0xfffff000 + below(0xe00);
    case 3:
        return area + below(8) - 4;
    case 4:
        return area + (area == CODE_AT ? 0x1000 : AREA) + below(8) - 4;
    default:
        return area + 0x200 + below(0xc00);
    }
}

/* Not the code of the case itself: it would run for ever. */
static uint32_t any_target(void) {
    uint32_t to = below(3) ? LAND_AT + below(16) : any_address();
    return to - CODE_AT < 64 ? LAND_AT : to;
}

static uint32_t any_value(void) {
    return below(2) ? random32() : any_address();
}

/* An FXSAVE image; now and then with bits that must not be set. */
static void any_fpu(uint8_t *fx) {
    for (int i = 0; i < 288; i += 4) {
        uint32_t value = random32();
        memcpy(fx + i, &value, 4);
    }
    for (int i = 0; i < 8; i++) {
        memset(fx + 32 + 16 * i + 10, 0, 6);
        if (below(2)) {
            fx[32 + 16 * i + 7] |= 0x80;
        }
    }
    uint16_t control = (uint16_t)((random32() & 0xf00) | 0x7f);
    uint16_t status = (uint16_t)(random32() & 0x7f00); /* ES and B follow from the flags */
    if (!below(4)) {
        control = (uint16_t)(random32() & 0x1f3f) | 0x40;
        status |= random32() & 0x7f;
    }
    status |= status & ~control & 0x3f ? 0x8080 : 0;
    uint32_t mxcsr = 0x1f80 | (random32() & 0xe03f);
    if (!below(8)) {
        mxcsr = random32() & (below(2) ? 0xffbf : 0x8000ffbf);
    }
    memcpy(fx, &control, 2);
    memcpy(fx + 2, &status, 2);
    fx[5] = 0;
    memset(fx + 6, 0, 18);
    memcpy(fx + 24, &mxcsr, 4);
}

/* --- the end of a case -------------------------------------------------------------------- */

static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGUSR1};
static jmp_buf done;
static int number;
static void (*edit)(ucontext_t *context); /* what SIGUSR1 does to its frame */

static uint32_t hash(uint32_t h, const void *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        h = (h ^ ((const uint8_t *)bytes)[i]) * 0x01000193;
    }
    return h;
}

static void print_state(int signo, const siginfo_t *info, const ucontext_t *context) {
    const greg_t *r = context->uc_mcontext.gregs;
    const uint8_t *fp = (const uint8_t *)context->uc_mcontext.fpregs, *fx = fp + 112;
    printf("%d: signal %d code %d trap %d err %x at %08x", number, signo, info->si_code,
           r[REG_TRAPNO], (unsigned)r[REG_ERR], (unsigned)r[REG_EIP]);
    if (r[REG_TRAPNO] == 14) {
        printf(" cr2 %08lx", (unsigned long)context->uc_mcontext.cr2);
    }
    printf(" fl %x seg", (unsigned)r[REG_EFL] & FLAGS);
    static const int segments[] = {REG_ES, REG_CS, REG_SS, REG_DS, REG_FS, REG_GS};
    for (int i = 0; i < 6; i++) { /* null ones become 0 whenever the processor is interrupted */
        unsigned selector = (unsigned)r[segments[i]] & 0xffff;
        printf(" %x", selector < 4 && segments[i] != REG_SS ? 0 : selector);
    }
    for (int i = REG_EDI; i <= REG_EAX; i++) {
        if (i != REG_ESP) {
            printf(" %x", (unsigned)r[i]);
        }
    }
    printf(" esp %x", (unsigned)r[REG_UESP]);
    if (fp) {
        uint32_t st = hash(0, fp + 28, 80), xmm = hash(0, fx + 160, 128), mxcsr;
        memcpy(&mxcsr, fx + 24, 4);
        printf(" fpu %04x %04x %04x st %08x mxcsr %x xmm %08x", fp[0] | fp[1] << 8,
               fp[4] | fp[5] << 8, fp[8] | fp[9] << 8, st, mxcsr, xmm);
    }
    printf(" mem %08x\n", hash(hash(0, data, AREA), (void *)STACK_AT, AREA));
}

__attribute__((used)) void on_trap_c(int signo, siginfo_t *info, ucontext_t *context);
void on_trap_c(int signo, siginfo_t *info, ucontext_t *context) {
    if (signo == SIGUSR1) {
        edit(context);
        return;
    }
    print_state(signo, info, context);
    _longjmp(done, 1);
}

/* --- kinds of cases ----------------------------------------------------------------------- */

static uint8_t *put_at;
static void put(const void *bytes, unsigned count) {
    memcpy(put_at, bytes, count);
    put_at += count;
}
#define PUT(...) put((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void put32(uint32_t value) {
    put(&value, 4);
}

/* Instructions that use a stack pointer, wherever it leads. */
static void wild_stack(void) {
    static const uint8_t plain[][4] = {
        {0x50},                   /* push eax */
        {0x58},                   /* pop eax */
        {0xc3},                   /* ret */
        {0x9c},                   /* pushf */
        {0xc9},                   /* leave */
        {0xff, 0x33},             /* push [ebx] */
        {0x8f, 0x03},             /* pop [ebx] */
        {0xff, 0xd0},             /* call eax */
        {0xff, 0x13},             /* call [ebx] */
        {0x6a, 0x05},             /* push 5 */
        {0x66, 0x50},             /* push ax */
        {0xc8, 0x10, 0x00, 0x00}, /* enter 16, 0 */
        {0x8b, 0x04, 0x24},       /* mov eax, [esp] */
        {0xc2, 0x08, 0x00},       /* ret 8 */
    };
    static const uint8_t length[] = {1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 4, 3, 3};
    unsigned which = below(sizeof length);
    put(plain[which], length[which]);
    enter_regs[4] = any_address();
    enter_regs[3] = any_address();
    enter_regs[5] = any_address();
    enter_regs[0] = any_target();
}

/* IRET, RETF and POPF of any frame. */
static void wild_return(void) {
    bool narrow = !below(6);
    uint32_t frame[5] = {any_target(), code_selector(), any_flags(), any_address(),
                         any_selector(false)};
    enter_regs[4] = (uint32_t)stack;
    if (narrow) {
        PUT(0x66);
    }
    switch (below(4)) {
    case 0:
        PUT(0xcb);
        break;
    case 1:
        PUT(0xca, 8, 0);
        break;
    case 2:
        PUT(0x9d);
        frame[0] = any_flags();
        break;
    default:
        PUT(0xcf);
    }
    for (int i = 0; i < 5; i++) {
        if (narrow) {
            ((uint16_t *)stack)[i] = (uint16_t)frame[i];
        } else {
            stack[i] = frame[i] | (i == 1 || i == 4 ? random32() << 16 : 0);
        }
    }
}

/* Far jumps and calls, direct and through memory. */
static void wild_jump(void) {
    uint32_t target = any_target(), selector = code_selector();
    if (selector == 0x23 &&
        !below(4)) /* else it is the processor's choice what it looks at first */
    {
        enter_regs[4] = any_address();
    }
    enter_regs[3] = below(4) ? DATA_AT + 0x100 : any_address();
    memcpy(data + 0x100, &target, 4);
    memcpy(data + 0x104, &selector, 4);
    switch (below(4)) {
    case 0:
    case 1:
        PUT((uint8_t)(below(2) ? 0xea : 0x9a));
        put32(target);
        put(&selector, 2);
        break;
    case 2:
        PUT(0xff, 0x2b);
        break;
    default:
        PUT(0xff, 0x1b);
    }
}

/* Loads of segment registers and questions about selectors; FS and GS are then used, if the
 * selector is not null. */
static void wild_selector(void) {
    uint8_t reg = (uint8_t)below(6), fsgs = (uint8_t)(4 + below(2));
    bool loads_fsgs = false, flat = !below(3);
    uint8_t *start = put_at;
    switch (below(5)) {
    case 0: /* mov sreg, ax */
        PUT(0x8e, (uint8_t)(0xc0 | reg << 3));
        loads_fsgs = reg == fsgs;
        break;
    case 1: /* pop fs, gs, es, ds */
        loads_fsgs = below(2);
        if (loads_fsgs) {
            PUT(0x0f, (uint8_t)(fsgs == 4 ? 0xa1 : 0xa9));
        } else {
            PUT((uint8_t)(below(2) ? 0x07 : 0x1f));
        }
        break;
    case 2: /* lss, lfs, lgs edx, [ebx] */
        loads_fsgs = below(3);
        PUT(0x0f, (uint8_t)(!loads_fsgs ? 0xb2 : fsgs == 4 ? 0xb4 : 0xb5), 0x13);
        break;
    case 3: /* lar, lsl edx, eax; of LAR bits 19 to 16 are undefined */
        PUT(0x0f, (uint8_t)(2 + below(2)), 0xd0);
        if (start[1] == 2) {
            PUT(0x81, 0xe2);
            put32(0xfff0ffff);
        }
        break;
    default: /* verr, verw ax */
        PUT(0x0f, 0x00, (uint8_t)(0xe0 | below(2) << 3));
    }
    PUT(0x8c, 0xe5, 0x8c, 0xee); /* mov ebp, fs; mov esi, gs */
    uint16_t selector = any_selector(loads_fsgs);
    if (loads_fsgs && flat) {
        selector = 0x6b;
    } else if (!below(12)) {
        selector = 0x33; /* as data it can be had */
    }
    if (loads_fsgs && selector > 3) {
        PUT((uint8_t)(fsgs == 4 ? 0x64 : 0x65), 0x8b, 0x39); /* mov edi, fs:[ecx] */
    }
    enter_regs[3] = DATA_AT + 0x100;
    enter_regs[0] = selector | random32() << 16;
    enter_regs[1] = below(0x800);
    memcpy(data + 0x104, &selector, 2);
    stack[0] = selector | random32() << 16;
}

/* Images for FXRSTOR, FRSTOR, FLDENV, FLDCW and LDMXCSR, then an instruction that waits. */
static void wild_fpu(void) {
    uint8_t *image = data + 0x100;
    any_fpu(image);
    enter_regs[3] = DATA_AT + 0x100 + (below(6) ? 0 : below(16));
    switch (below(5)) {
    case 0:
    case 1:
        PUT(0x0f, 0xae, 0x0b); /* fxrstor [ebx] */
        break;
    case 2:
        PUT(0xdd, 0x23); /* frstor [ebx] */
        break;
    case 3:
        PUT(0xd9, 0x23); /* fldenv [ebx] */
        break;
    default:
        memcpy(image, image + 24, 4);
        PUT(0x0f, 0xae, 0x13); /* ldmxcsr [ebx] */
    }
    static const uint8_t then[][2] = {{0xd9, 0xe8}, {0xd9, 0xc9}, {0xde, 0xc1}, {0xdf, 0xe0},
                                      {0x9b, 0x90}, {0x0f, 0x77}, {0xdb, 0xe3}, {0x90, 0x90}};
    put(then[below(8)], 2);
}

static void edit_frame(ucontext_t *context) {
    greg_t *r = context->uc_mcontext.gregs;
    for (int i = REG_EDI; i <= REG_EAX; i++) {
        r[i] = (greg_t)any_value();
    }
    r[REG_ESP] = (greg_t)any_address();
    r[REG_EIP] = (greg_t)any_target();
    r[REG_EFL] = (greg_t)(any_flags() | (random32() & 0x3202));
    if (!below(2)) {
        r[below(2) ? REG_DS : REG_ES] = any_selector(false);
    }
    if (!below(2)) {
        r[below(2) ? REG_GS : REG_FS] = any_selector(true);
    }
    if (!below(4)) {
        r[REG_CS] = any_selector(false);
    }
    if (!below(4)) {
        r[REG_SS] = any_selector(false);
    }
    uint8_t *fp = (uint8_t *)context->uc_mcontext.fpregs, *fx = fp + 112;
    if (below(2)) {
        uint8_t image[512] = {0};
        any_fpu(image);
        memcpy(fx, image, 288);
        uint32_t control = image[0] | (uint32_t)image[1] << 8;
        uint32_t status = image[2] | (uint32_t)image[3] << 8, tags = random32() & 0xffff;
        control |= 0xffff0000;
        status |= 0xffff0000;
        memcpy(fp, &control, 4);
        memcpy(fp + 4, &status, 4);
        memcpy(fp + 8, &tags, 4);
        for (int i = 0; i < 8; i++) {
            memcpy(fp + 28 + 10 * i, image + 32 + 16 * i, 10);
        }
    }
    if (!below(10)) {
        context->uc_mcontext.fpregs = NULL;
    } else if (!below(20)) {
        context->uc_mcontext.fpregs = (fpregset_t)(0x43000000 + below(0x1000));
    }
}

static void wild_sigreturn(void) {
    edit = edit_frame;
    raise(SIGUSR1);
    puts("not reached");
}

/* A signal for a program whose stack is nowhere and that has no other. */
static void wild_delivery(void) {
    uint32_t esp = any_address();
    if (esp - CODE_AT < 0x3000000 || esp > 0xfffff000) /* there is room for a frame, or may be */
    {
        esp = 0x43000000;
    }
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        struct sigaction action = {.sa_flags = SA_SIGINFO, .sa_sigaction = (void *)on_trap};
        sigaction(SIGUSR1, &action, NULL);
        for (unsigned i = 0; i + 1 < sizeof signals / sizeof signals[0]; i++) {
            signal(signals[i], SIG_DFL);
        }
        __asm__ volatile("mov %0, %%esp; int $0x80; hlt"
                         :
                         : "r"(esp), "a"(SYS_kill), "b"(getpid()), "c"(SIGUSR1));
    }
    int status = 0;
    waitpid(child, &status, 0);
    printf("%d: a signal on a wild stack: %x\n", number, status);
}

/* --- main --------------------------------------------------------------------------------- */

static void prepare(void) {
    memset(code, 0xcc, 0x1000);
    memset(data, 0x5a, AREA);
    memset((void *)STACK_AT, 0x3c, AREA);
    memset(enter_fx, 0, sizeof enter_fx);
    if (below(2)) {
        any_fpu(enter_fx);
        enter_fx[2] &= 0x00; /* nothing is pending */
        enter_fx[3] &= 0x7f;
        memcpy(enter_fx + 24, "\x80\x1f\0\0", 4);
    } else {
        memcpy(enter_fx, "\x7f\x03", 2);
        memcpy(enter_fx + 24, "\x80\x1f\0\0", 4);
    }
    for (int i = 0; i < 8; i++) {
        enter_regs[i] = any_value();
    }
    enter_regs[4] = (uint32_t)stack;
    enter_flags = (any_flags() & ~FLAG_TF) | 0x202;
    put_at = code;
}

static void one_case(uint64_t base) {
    static void (*const kinds[])(void) = {wild_stack,     wild_return,   wild_return,
                                          wild_jump,      wild_selector, wild_fpu,
                                          wild_sigreturn, wild_sigreturn};
    seed = base * UINT64_C(0xd1342543de82ef95) + (uint64_t)number * UINT64_C(0x632be59bd9b4e019);
    prepare();
    if (_setjmp(done)) {
        return;
    }
    if (!below(64)) {
        wild_delivery();
        return;
    }
    kinds[below(sizeof kinds / sizeof kinds[0])]();
    enter();
}

static void *area(uint32_t at, uint32_t bytes, int protection) {
    void *got = mmap((void *)at, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (got != (void *)at) {
        perror("mmap");
        exit(1);
    }
    return got;
}

int main(int argc, char **argv) {
    static uint8_t alternate[65536];
    uint64_t base = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
    int count = argc > 2 ? atoi(argv[2]) : 1000;
    __asm__ volatile("mov %%gs, %0" : "=r"(saved_gs));
    __asm__ volatile("mov %%fs, %0" : "=r"(saved_fs));
    area(CODE_AT, 0x1000, PROT_READ | PROT_WRITE | PROT_EXEC);
    area(DATA_AT, AREA, PROT_READ | PROT_WRITE);
    area(STACK_AT, AREA, PROT_READ | PROT_WRITE);
    stack_t other = {.ss_sp = alternate, .ss_size = sizeof alternate};
    sigaltstack(&other, NULL);
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER,
                               .sa_sigaction = (void *)on_trap};
    for (unsigned i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        sigaction(signals[i], &action, NULL);
    }
    struct user_desc tls = {.entry_number = 13,
                            .base_addr = DATA_AT,
                            .limit = 0xfffff,
                            .seg_32bit = 1,
                            .limit_in_pages = 1,
                            .useable = 1};
    printf("with a base: %ld\n", syscall(SYS_set_thread_area, &tls));
    tls.entry_number = 14;
    tls.base_addr = 0;
    tls.seg_not_present = 1;
    printf("not present: %ld\n", syscall(SYS_set_thread_area, &tls));
    tls.seg_not_present = 0;
    tls.contents = 2;
    printf("code: %ld\n", syscall(SYS_set_thread_area, &tls));
    tls.contents = 0;
    tls.seg_32bit = 0;
    printf("16 bits: %ld\n", syscall(SYS_set_thread_area, &tls));
    tls.seg_32bit = 1;
    tls.read_exec_only = 1;
    printf("read only: %ld\n", syscall(SYS_set_thread_area, &tls));
    number = argc > 3 ? atoi(argv[3]) : 0;
    for (int end = argc > 3 ? number + 1 : count; number < end; number++) {
        one_case(base);
    }
    return 0;
}
