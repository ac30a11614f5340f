/* test: only x86-64 segments
 * 32-bit code in a 64-bit program: every far transfer between CS 0x33 and 0x23, arithmetic and the
 * instructions that only one mode has, the same bytes run by both, code that either mode rewrites,
 * faults, segment registers, single steps. */
#include "mode_test.h"

#include <asm/prctl.h>
#include <sys/syscall.h>

static struct regs32 regs;
static uint64_t stack;

static void show(const char *name) {
    printf("%-16s %x %x %x %x %x %x %x flags %x sp %ld%s%s\n", name, regs.ax, regs.cx, regs.dx,
           regs.bx, regs.si, regs.di, regs.bp, regs.flags & 0xcd5, (long)(regs.after_sp - stack),
           regs.after_bx >> 32 || regs.after_si >> 32 ? " upper halves" : "",
           high_kept(&regs) ? "" : " high registers changed");
}

static void call(const char *name, const void *code) {
    set_regs(&regs, code, stack);
    regs.ax = 0x80000001;
    regs.cx = 5;
    regs.dx = 7;
    regs.bx = 0x12345678;
    regs.si = (uint32_t)(uintptr_t)stack - 4096;
    regs.di = (uint32_t)(uintptr_t)stack - 2048;
    regs.bp = 0x55;
    call32(&regs);
    regs.si -= (uint32_t)stack;
    regs.di -= (uint32_t)stack;
    show(name);
}

/* --- code of 32 bits, linked with the program -------------------------------------------- */

extern const char sums32[], only32[], calls32[], jumps32[], memory32[], wide32[], vectors32[];
__asm__(
    ".text\n.code32\n"
    "sums32:\n" /* inc and dec have one byte, which is REX in 64-bit code */
    "inc %ecx\n dec %edx\n add %eax, %eax\n adc %ecx, %ebx\n mul %edx\n imul $-3, %ecx, %ebp\n"
    "shld $5, %ebx, %eax\n rcl %edx\n lret\n"
    "only32:\n"
    "pusha\n popa\n push %es\n pop %es\n push %ds\n pop %ds\n mov $0x79, %al\n add $0x35, %al\n"
    "daa\n mov $7, %bl\n aam\n .byte 0xd6\n lahf\n push %ss\n pop %ecx\n sub %edx, %edx\n lret\n"
    "calls32:\n"
    "mov $4, %ecx\n mov $1, %eax\n call 1f\n lret\n"
    "1: imul %ecx, %eax\n dec %ecx\n jz 2f\n call 1b\n 2: ret\n"
    "jumps32:\n"
    "mov $1000, %ecx\n xor %eax, %eax\n 1: mov %ecx, %edx\n and $3, %edx\n"
    "call *2f(,%edx,4)\n loop 1b\n lret\n"
    "2: .long 3f, 4f, 5f, 6f\n"
    "3: add $1, %eax\n ret\n 4: add $16, %eax\n ret\n 5: add %ecx, %eax\n ret\n"
    "6: xor $0x100, %eax\n ret $0\n"
    "memory32:\n"
    "mov $64, %ecx\n mov $0xabcd, %eax\n push %edi\n rep stosl\n pop %edi\n"
    "xchg %esi, %edi\n mov $50, %ecx\n rep movsb\n"
    "mov -4(%edi), %eax\n mov $-1, %ecx\n mov $0, %dx\n movw %cx, -8(%esp)\n"
    "movzbl -7(%esp), %ebx\n addl $1, -4(%edi,%ecx,1)\n lret\n"
    "wide32:\n" /* addresses wrap at 4 GiB */
    "mov $-16, %ecx\n mov %esi, %eax\n movl $0x77, (%esi)\n lea 16(%esi), %ebx\n"
    "mov (%ebx,%ecx), %edx\n mov %bx, %cx\n lret\n"
    "vectors32:\n"
    "movd %eax, %xmm0\n pshufd $0, %xmm0, %xmm1\n paddd %xmm1, %xmm1\n movups %xmm1, (%esi)\n"
    "mov 12(%esi), %ecx\n fldpi\n fistpl (%esi)\n mov (%esi), %edx\n"
    "mov %esi, %ebx\n and $-16, %ebx\n movl $0x1234, 416(%ebx)\n fxsave (%ebx)\n"
    "mov 304(%ebx), %ebp\n mov 416(%ebx), %ebx\n lret\n"
    ".code64\n");

/* --- ways there and back ------------------------------------------------------------------ */

/* Each goes to 32-bit code, which notes CS and the stack pointer and comes back. */
uint32_t seen_cs, seen_sp;
uint64_t back_sp;
extern const char note_ljmp[], note_lret[], note_lret_imm[], note_iret[], note_ljmp_mem[];
struct far32 back_far;
__asm__(
    ".text\n.code32\n"
    ".macro NOTE\n mov %cs, %eax\n mov %eax, seen_cs\n mov %esp, seen_sp\n.endm\n"
    "note_ljmp: NOTE\n ljmp $0x33, $note_back\n"
    "note_ljmp_mem: NOTE\n movl $note_back, back_far\n movw $0x33, back_far+4\n ljmp *back_far\n"
    "note_lret: NOTE\n push $0x33\n push $note_back\n lret\n"
    "note_lret_imm: NOTE\n sub $24, %esp\n push $0x33\n push $note_back\n lret $24\n"
    "note_iret: NOTE\n pushf\n push $0x33\n push $note_back\n iret\n"
    ".code64\n"
    "note_back: mov %rsp, back_sp(%rip)\n mov %r14, %rsp\n jmp *%r13\n");

#define GO(name, there, instructions)                                                              \
    do {                                                                                           \
        seen_cs = seen_sp = 0;                                                                     \
        struct far32 far = {(uint32_t)(uintptr_t)(there), CS32, 0};                                \
        struct far32 own = {(uint32_t)(uintptr_t)(there), CS32 & ~3, 0};                           \
        __asm__ volatile("mov %%rsp, %%r14\n lea 9f(%%rip), %%r13\n mov $0x2b, %%eax\n"            \
                         "mov %%eax, %%ds\n mov %[stack], %%rsp\n" instructions "\n9:"             \
                         :                                                                         \
                         : [stack] "r"(stack), [far] "r"(&far), [own] "r"(&own),                   \
                           [to] "r"((uint64_t)(uintptr_t)(there))                                  \
                         : "rax", "rcx", "r13", "r14", "memory", "cc");                            \
        printf("%-24s cs %x sp %d back %ld\n", name, seen_cs, (int)(seen_sp - (uint32_t)stack),    \
               (long)(back_sp - stack));                                                           \
    } while (0)

static void ways(void) {
    GO("ljmp, ljmp", note_ljmp, "ljmp *(%[far])");
    GO("ljmp of RPL 0", note_ljmp, "ljmp *(%[own])");
    GO("ljmp, ljmp mem", note_ljmp_mem, "ljmp *(%[far])");
    GO("lcall, lret", note_lret, "lcall *(%[far])");
    GO("lret, lret imm", note_lret_imm, "push $0x23\n push %[to]\n lretq");
    GO("lret of 32, iret", note_iret,
       "sub $8, %%rsp\n mov %k[to], (%%rsp)\n movl $0x23, 4(%%rsp)\n lretl");
    GO("iretq, iret", note_iret,
       "mov %%rsp, %%rcx\n push $0x2b\n push %%rcx\n pushf\n push $0x23\n push %[to]\n iretq");
    GO("iretl, ljmp", note_ljmp,
       "mov %%rsp, %%rcx\n sub $20, %%rsp\n mov %k[to], (%%rsp)\n movl $0x23, 4(%%rsp)\n"
       "movl $0x202, 8(%%rsp)\n mov %%ecx, 12(%%rsp)\n movl $0x2b, 16(%%rsp)\n iretl");
}

/* --- the same place in both modes ---------------------------------------------------------- */

/* 41 ff c0: inc ecx; inc eax, or inc r8d. */
static uint64_t call64(const void *code) {
    uint64_t ax = 1, r8 = 1;
    __asm__ volatile("mov %2, %%r8\n call *%3\n mov %%r8, %1"
                     : "+a"(ax), "=r"(r8)
                     : "r"(r8), "r"(code)
                     : "rcx", "r8", "memory", "cc");
    return ax * 100 + r8;
}

static void both_modes(void) {
    uint8_t *page = code_pages(1);
    memcpy(page, "\x41\xff\xc0\x3c\x00\x75\x01\xcb\xc3", 9); /* cmp al, 0; jne 1f; lret; 1: ret */
    struct assembler a = {page + 64, 0};
    EMIT(&a, "\xe8");
    emit32(&a, (uint32_t)(page - (a.at + 4)));
    EMIT(&a, "\xcb"); /* lret */
    uint64_t sum = 0;
    for (int i = 0; i < 200; i++) {
        sum += call64(page);
        set_regs(&regs, page + 64, stack);
        regs.ax = (uint32_t)i + 1;
        call32(&regs);
        sum = sum * 3 + regs.ax * 7 + regs.cx;
        if (i % 25 == 24) {
            page[2] ^= 0x02; /* by 64-bit code: inc edx or eax */
        }
    }
    printf("both modes: %llx\n", (unsigned long long)sum);

    /* 32-bit code that changes what 64-bit code runs, and itself. */
    uint8_t *other = code_pages(1);
    memcpy(other, "\x41\xff\xc0\xc3", 4);
    struct assembler b = {page + 256, 0};
    EMIT(&b, "\x80\x35"); /* xor byte [other + 2], 2 */
    emit32(&b, (uint32_t)(uintptr_t)other + 2);
    EMIT(&b, "\x02\x83\x05"); /* add dword [the imm below], 1 */
    emit32(&b, (uint32_t)(uintptr_t)(b.at + 6));
    EMIT(&b, "\x01\xb8\x00\x00\x00\x00\xcb"); /* mov eax, imm; lret */
    sum = 0;
    for (int i = 0; i < 200; i++) {
        set_regs(&regs, page + 256, stack);
        call32(&regs);
        sum = sum * 5 + regs.ax + call64(other);
    }
    printf("rewritten: %llx\n", (unsigned long long)sum);
    mprotect(other, PAGE, PROT_READ | PROT_WRITE);
    munmap(page, PAGE);
}

/* --- faults -------------------------------------------------------------------------------- */

static int steps;
static bool stepping;

static void on_signal(int signal, siginfo_t *info, void *pointer) {
    ucontext_t *context = pointer;
    greg_t *g = context->uc_mcontext.gregs;
    if (stepping && signal == SIGTRAP && info->si_code == TRAP_TRACE) {
        steps++;
        return;
    }
    uint32_t base = (uint32_t)(uintptr_t)sums32 & ~0xfffu;
    bool near = (uint64_t)g[REG_RIP] - base < 0x4000;
    printf("    signal %d code %d trap %d err %d cs %x ss %x uc %lx %s addr %lx sp %ld r15 %llx\n",
           signal, info->si_code, (int)g[REG_TRAPNO], (int)g[REG_ERR] & ~1,
           (unsigned)g[REG_CSGSFS] & 0xffff, (unsigned)((uint64_t)g[REG_CSGSFS] >> 48),
           context->uc_flags, near ? "in code" : "elsewhere",
           (unsigned long)(signal == SIGSEGV ? (uintptr_t)info->si_addr : 0),
           (long)((uint64_t)g[REG_RSP] - stack), (unsigned long long)g[REG_R15]);
    if (signal != SIGTRAP) {
        g[REG_RIP] = g[REG_RBP]; /* where the code wants to go on, in its own mode */
    }
    g[REG_RAX] = 0x600d;
    static int count;
    if (++count > 100) {
        _exit(3);
    }
}

extern const char null32[], write32[], push32[], pop32[], divide32[], ud32[], int3_32[], hlt32[],
    far32_null[], far32_data[], far32_bad[], jump32[], into32[], bound32[], int32[], sse32[],
    rep32[], high32[];
__asm__(
    ".text\n.code32\n"
    "null32: mov $1f, %ebp\n mov 16, %eax\n 1: lret\n"
    "write32: mov $1f, %ebp\n mov $0xfffff000, %ebx\n incl (%ebx)\n 1: lret\n"
    "push32: mov %esp, %edx\n mov $1f, %ebp\n mov $0x800, %esp\n push %eax\n 1: mov %edx, %esp\n "
    "lret\n"
    "pop32: mov %esp, %edx\n mov $1f, %ebp\n mov $0x800, %esp\n ret\n 1: mov %edx, %esp\n lret\n"
    "divide32: mov $1f, %ebp\n xor %ecx, %ecx\n div %ecx\n 1: lret\n"
    "ud32: mov $1f, %ebp\n ud2\n 1: lret\n"
    "int3_32: mov $1f, %ebp\n int3\n 1: lret\n"
    "hlt32: mov $1f, %ebp\n hlt\n 1: lret\n"
    "far32_null: mov $1f, %ebp\n ljmp $0, $0x1234\n 1: lret\n"
    "far32_data: mov $1f, %ebp\n ljmp $0x2b, $0x1234\n 1: lret\n"
    "far32_bad: mov %esp, %edx\n mov $1f, %ebp\n push $0x7b\n push $0x1000\n lret\n 1: mov %edx, "
    "%esp\n lret\n"
    "jump32: mov %esp, %edx\n mov $1f, %ebp\n mov $0x10, %ebx\n jmp *%ebx\n 1: mov %edx, %esp\n "
    "lret\n"
    "into32: mov $1f, %ebp\n mov $0x7f, %al\n add $1, %al\n into\n 1: lret\n"
    "bound32: mov $1f, %ebp\n movl $1, (%esi)\n movl $4, 4(%esi)\n bound %ecx, (%esi)\n 1: lret\n"
    "int32: mov $1f, %ebp\n int $0x42\n 1: lret\n"
    "sse32: mov $1f, %ebp\n movaps 4(%esi), %xmm3\n 1: lret\n"
    "rep32: mov $1f, %ebp\n mov $0x40, %edi\n mov $3, %ecx\n rep stosl\n 1: lret\n"
    "high32: mov $1f, %ebp\n ljmp $0x33, $high_back\n 1: lret\n"
    ".code64\n"
    "high_back: mov $2f, %ebp\n mov 32, %eax\n 2: sub $8, %rsp\n movl $3f, (%rsp)\n"
    "movl $0x23, 4(%rsp)\n lretl\n"
    ".code32\n 3: lret\n.code64\n");

static void faults(void) {
    static const struct {
        const char *name, *code;
    } each[] = {
        {"read", null32},          {"write", write32},
        {"push", push32},          {"ret", pop32},
        {"divide", divide32},      {"ud2", ud32},
        {"int3", int3_32},         {"hlt", hlt32},
        {"ljmp null", far32_null}, {"ljmp data", far32_data},
        {"lret bad", far32_bad},   {"jmp", jump32},
        {"into", into32},          {"bound", bound32},
        {"int 42", int32},         {"movaps", sse32},
        {"rep stos", rep32},       {"64 from 32", high32},
    };
    for (unsigned i = 0; i < sizeof each / sizeof *each; i++) {
        call(each[i].name, each[i].code);
    }
}

/* --- segments ------------------------------------------------------------------------------ */

struct {
    uint32_t number, base, limit, bits;
} descriptor;
uint32_t segment_out[8];
struct {
    uint32_t offset;
    uint16_t selector;
} __attribute__((packed)) pointer_es;
uint32_t tls_area[4] = {0x71500001, 0x71500002};
extern const char segments32[], base32[];
__asm__(
    ".text\n.code32\n"
    "segments32:\n"
    "mov %ds, %eax\n mov %eax, segment_out\n mov %es, %eax\n mov %eax, segment_out+4\n"
    "mov %ss, %eax\n mov %eax, segment_out+8\n"
    "mov $0x2b, %ecx\n mov %ecx, %ss\n mov %ecx, %fs\n mov %fs, %eax\n mov %eax, segment_out+12\n"
    "mov %fs:tls_area, %ecx\n xor %eax, %eax\n mov %eax, %fs\n"
    "movw $0x2b, pointer_es+4\n movl $0x4321, pointer_es\n les pointer_es, %edx\n"
    "lds pointer_es, %ebx\n push %ds\n pop %es\n mov $0x23, %eax\n mov %eax, %es\n"
    "mov %es:tls_area+4, %ebp\n push $0x2b\n pop %es\n lret\n"
    "base32:\n" /* set_thread_area of a new descriptor, into gs */
    "mov $243, %eax\n mov $descriptor, %ebx\n int $0x80\n mov %eax, %edx\n"
    "mov descriptor, %eax\n lea 3(,%eax,8), %eax\n mov %eax, %gs\n mov %gs:0, %ecx\n"
    "mov %gs:4, %ebx\n lret\n"
    ".code64\n");

static void segments(void) {
    uint64_t fs = 0, fs_after = 0, gs = 0;
    syscall(SYS_arch_prctl, ARCH_GET_FS, &fs);
    /* FS of the C library must survive: its base is put back at once. */
    set_regs(&regs, segments32, stack);
    regs.ax = regs.bx = regs.dx = 0;
    call32(&regs);
    __asm__ volatile("syscall" : : "a"(SYS_arch_prctl), "D"(ARCH_SET_FS), "S"(fs) : "rcx", "r11");
    printf("segments: %x %x %x %x, %x %x %x %x\n", segment_out[0], segment_out[1], segment_out[2],
           segment_out[3], regs.cx, regs.dx, regs.bx, regs.bp);
    descriptor.number = (uint32_t)-1;
    descriptor.base = (uint32_t)(uintptr_t)(tls_area + 1);
    descriptor.limit = 0xfffff;
    descriptor.bits = 0x51;
    set_regs(&regs, base32, stack);
    call32(&regs);
    syscall(SYS_arch_prctl, ARCH_GET_GS, &gs);
    syscall(SYS_arch_prctl, ARCH_GET_FS, &fs_after);
    printf("gs by a descriptor: %d, %x, base %s, fs %s\n", regs.dx, regs.cx,
           gs == descriptor.base ? "kept" : "lost", fs == fs_after ? "kept" : "lost");
}

/* --- single steps --------------------------------------------------------------------------- */

extern const char steps32[];
__asm__(".text\n.code32\n"
        "steps32: inc %ecx\n mov $3, %edx\n 1: dec %edx\n jnz 1b\n push %eax\n pop %ebx\n lret\n"
        ".code64\n");

static void single_steps(void) {
    set_regs(&regs, steps32, stack);
    stepping = true;
    regs.flags |= 0x100;
    regs.cx = 5;
    call32(&regs); /* the flag goes on in 64-bit code, up to the POPF below */
    __asm__ volatile("pushf\n andl $~0x100, (%%rsp)\n popf" ::: "cc", "memory");
    stepping = false;
    printf("stepped through %s, ecx %x edx %x\n", steps > 30 ? "both modes" : "too little", regs.cx,
           regs.dx);
}

int main(void) {
    stack = low_stack(0);
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    static uint8_t signal_stack[65536];
    const stack_t alternate = {.ss_sp = signal_stack, .ss_size = sizeof signal_stack};
    sigaltstack(&alternate, NULL);
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) {
        sigaction(signals[i], &action, NULL);
    }
    call("sums", sums32);
    call("only 32 bits", only32);
    call("calls", calls32);
    call("jumps", jumps32);
    call("memory", memory32);
    call("addresses", wide32);
    call("vectors", vectors32);
    ways();
    both_modes();
    faults();
    segments();
    single_steps();
    call("sums", sums32);
    return 0;
}
