/* Random short pieces of x86-64 code whose accesses lead to a few pages, just beside them, or
 * anywhere: straight on, with a branch over an instruction, or round and round. What native code
 * knows of addresses (core/native/known.h) must neither let an access out of the window, which ends
 * the run, nor change anything: each line of output is a sum over registers, faults and memory, to
 * be compared with that of another tier.
 *
 *     fuzz_addresses SEED BATCHES */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdbool.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>

#ifdef __x86_64__

enum { PAGE = 4096, PIECES = 256, PIECE_BYTES = 256, TURNS = 60 };
#define CODE    0x10000000u
#define COUNTER 0x30000u /* of turns that are left; its page holds nothing else */
#define AREA    0x200000000u
#define WILD    0x7123456789abcdefu

static uint8_t *const pages[] = {
    (uint8_t *)(AREA + PAGE), (uint8_t *)(AREA + 3 * PAGE),
    (uint8_t *)0x20000,       (uint8_t *)0xfffffff000, /* the last page of 2^40 bytes */
    (uint8_t *)0x3000000000,
};
enum { PAGES = sizeof pages / sizeof *pages };

static uint64_t state;
static uint32_t random32(void) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33);
}
static uint32_t below(uint32_t n) {
    return random32() % n;
}

/* --- code ------------------------------------------------------------------------------------ */

enum operand { RM, MEMORY, REGISTER, PLUS, NONE }; /* PLUS: the register is in the opcode */
struct form {
    const char *prefix, *opcode; /* an opcode of 0 bytes is the byte 0 */
    enum operand operand;
    int extension; /* /0 to /7; -1: a register; -2: 4 bits of a condition are in the opcode */
    int imm;       /* bytes; 4: 2 with prefix 66 */
};
static const struct form forms[] = {
    {"", "\x8b", RM, -1, 0},
    {"", "\x8b", MEMORY, -1, 0},
    {"", "\x8b", MEMORY, -1, 0},
    {"", "\x8b", MEMORY, -1, 0},
    {"", "\x89", RM, -1, 0},
    {"", "\x89", MEMORY, -1, 0},
    {"", "\x8d", MEMORY, -1, 0},
    {"", "\x8d", MEMORY, -1, 0},
    {"", "\x01", RM, -1, 0},
    {"", "\x03", RM, -1, 0},
    {"", "\x2b", RM, -1, 0},
    {"", "\x29", RM, -1, 0},
    {"", "\x23", RM, -1, 0},
    {"", "\x33", RM, -1, 0},
    {"", "\x13", RM, -1, 0},
    {"", "\x39", RM, -1, 0},
    {"", "\x3b", RM, -1, 0},
    {"", "\x85", RM, -1, 0},
    {"", "\x83", RM, 0, 1},
    {"", "\x83", REGISTER, 0, 1},
    {"", "\x83", REGISTER, 5, 1},
    {"", "\x81", REGISTER, 0, 4},
    {"", "\x81", REGISTER, 5, 4},
    {"", "\x81", RM, 4, 4},
    {"", "\x83", RM, 7, 1},
    {"", "\xff", RM, 0, 0},
    {"", "\xff", REGISTER, 0, 0},
    {"", "\xff", REGISTER, 1, 0},
    {"", "\xff", MEMORY, 6, 0},
    {"", "\x8f", MEMORY, 0, 0},
    {"", "\xf7", RM, 2, 0},
    {"", "\xf7", RM, 3, 0},
    {"", "\xf7", RM, 4, 0},
    {"", "\xf7", RM, 5, 0},
    {"", "\xf7", RM, 6, 0},
    {"", "\xf6", RM, 4, 0},
    {"", "\xf6", RM, 5, 0},
    {"", "\x0f\xaf", RM, -1, 0},
    {"", "\x6b", RM, -1, 1},
    {"", "\x69", RM, -1, 4},
    {"", "\x87", RM, -1, 0},
    {"", "\x87", REGISTER, -1, 0},
    {"", "\x86", RM, -1, 0},
    {"", "\x0f\xc1", RM, -1, 0},
    {"", "\x0f\xb1", RM, -1, 0},
    {"", "\x0f\xb0", RM, -1, 0},
    {"", "\x0f\xc7", MEMORY, 1, 0},
    {"", "\x0f\x40", RM, -2, 0},
    {"", "\x0f\x40", RM, -2, 0},
    {"", "\x0f\x90", RM, -2, 0},
    {"", "\x0f\xb6", RM, -1, 0},
    {"", "\x0f\xb7", RM, -1, 0},
    {"", "\x0f\xbe", RM, -1, 0},
    {"", "\x63", RM, -1, 0},
    {"", "\x50", PLUS, -1, 0},
    {"", "\x58", PLUS, -1, 0},
    {"", "\x58", PLUS, -1, 0},
    {"", "\xb8", PLUS, -1, 4},
    {"", "\x0f\xc8", PLUS, -1, 0},
    {"", "\x90", PLUS, -1, 0},
    {"", "\xc1", RM, 4, 1},
    {"", "\xd3", RM, 5, 0},
    {"", "\x0f\xa5", RM, -1, 0},
    {"", "\x0f\xa3", RM, -1, 0},
    {"", "\x0f\xbb", RM, -1, 0},
    {"", "\x0f\xba", RM, 5, 1},
    {"", "\xa4", NONE, 0, 0},
    {"", "\xa5", NONE, 0, 0},
    {"", "\xab", NONE, 0, 0},
    {"", "\xad", NONE, 0, 0},
    {"", "\xa7", NONE, 0, 0},
    {"\xf3", "\xa4", NONE, 0, 0},
    {"\xf3", "\xab", NONE, 0, 0},
    {"", "\xc9", NONE, 0, 0},
    {"", "\xc8", NONE, 0, 3},
    {"", "\x0f\x03", RM, -1, 0}, /* as the one before in C: nothing is known after it */
    {"", "\x98", NONE, 0, 0},
    {"", "\x99", NONE, 0, 0},
    {"", "\x0f\x10", RM, -1, 0},
    {"", "\x0f\x11", MEMORY, -1, 0},
    {"\x66", "\x0f\x6e", RM, -1, 0},
    {"\x66", "\x0f\x7e", RM, -1, 0},
    {"\xf2", "\x0f\x10", MEMORY, -1, 0},
    {"\xf2", "\x0f\x2c", RM, -1, 0},
};
enum { FORMS = sizeof forms / sizeof *forms };

static uint8_t *at;
static unsigned favourite; /* a register that most accesses of a piece go by */

static void emit(const void *bytes, size_t count) {
    memcpy(at, bytes, count);
    at += count;
}

static unsigned any_register(void) {
    return below(3) ? favourite : below(16);
}

static int32_t displacement(void) {
    static const int32_t far[] = {4096,        -4096,      4088,      0x1fffffff, 0x20000000,
                                  -0x20000000, 0x7fffffff, INT32_MIN, 0x40000000, -0x30000};
    return below(8) ? (int32_t)below(64) * 8 - 64 : far[below(sizeof far / sizeof *far)];
}

/* ModRM and what follows it; *rex gets X and B. */
static size_t address(uint8_t *out, unsigned reg, unsigned *rex) {
    const unsigned base = any_register(), index = below(16);
    const bool sib = (base & 7) == 4 || below(3) == 0, indexed = sib && index != 4 && below(4);
    const int32_t disp = displacement();
    const unsigned mod = disp == (int8_t)disp ? 1 : 2;
    size_t n = 0;
    *rex |= base >> 3 | (indexed ? index >> 3 << 1 : 0);
    out[n++] = (uint8_t)(mod << 6 | (reg & 7) << 3 | (sib ? 4 : base & 7));
    if (sib) {
        out[n++] = (uint8_t)(below(4) << 6 | (indexed ? index & 7 : 4) << 3 | (base & 7));
    }
    memcpy(out + n, &disp, mod == 1 ? 1 : 4);
    return n + (mod == 1 ? 1 : 4);
}

static void instruction(void) {
    const struct form *form = &forms[below(FORMS)];
    const bool wide = below(3), narrow = !wide && !*form->prefix && below(4) == 0;
    const unsigned reg = form->extension >= 0 ? (unsigned)form->extension : any_register();
    const unsigned rm = any_register();
    unsigned rex = wide << 3 | (form->extension == -1 ? reg >> 3 << 2 : 0);
    uint8_t modrm[8], opcode[2];
    size_t length = 0, count = strlen(form->opcode);
    memcpy(opcode, form->opcode, count);
    if (form->operand == PLUS) {
        opcode[count - 1] |= rm & 7;
        rex |= rm >> 3;
    } else if (form->operand != NONE) {
        if (form->operand == MEMORY || (form->operand == RM && below(3))) {
            length = address(modrm, reg, &rex);
        } else {
            modrm[length++] = (uint8_t)(0xc0 | (reg & 7) << 3 | (rm & 7));
            rex |= rm >> 3;
        }
    }
    if (form->extension == -2) {
        opcode[count - 1] |= below(16);
    }
    if (narrow) {
        emit("\x66", 1);
    }
    emit(form->prefix, strlen(form->prefix));
    emit(&(uint8_t){(uint8_t)(0x40 | rex)}, 1);
    emit(opcode, count);
    emit(modrm, length);
    static const uint32_t imms[] = {8, 0x1000, 0x40000000, 0x7fffffff, 0xfffffff8, 0xe0000000};
    const uint32_t imm = imms[below(6)];
    emit(&imm, form->imm == 4 && narrow ? 2 : (size_t)form->imm);
}

/* To the next instruction, in a block of its own: by a jump, a call, a jump to what is in rax, a
 * return. */
static void next_block(void) {
    static const struct {
        uint8_t bytes;
        char code[16];
    } ways[] = {{2, "\xeb\0"},
                {5, "\xe8\0\0\0"},
                {9, "\x48\x8d\x05\x02\0\0\0\xff\xe0"},
                {9, "\x48\x8d\x05\x02\0\0\0\x50\xc3"},
                {6, "\xe8\x01\0\0\0\xc3"}};
    const unsigned way = below(sizeof ways / sizeof *ways);
    emit(ways[way].code, ways[way].bytes);
}

static void piece(uint8_t *start) {
    const unsigned sp = 4;
    at = start;
    favourite = below(3) ? below(16) : sp;
    for (unsigned i = 1 + below(8); i > 0; i--) {
        uint8_t *branch = at;
        const bool over = below(12) == 0;
        if (over) {
            emit((uint8_t[]){(uint8_t)(0x70 | below(16)), 0}, 2);
        }
        instruction();
        if (over) {
            branch[1] = (uint8_t)(at - branch - 2);
        } else if (below(5) == 0) {
            next_block();
        }
    }
    if (below(3)) { /* sub dword [COUNTER], 1; jnz start */
        const uint32_t counter = COUNTER;
        emit("\x83\x2c\x25", 3);
        emit(&counter, 4);
        emit("\x01\x0f\x85", 3);
        const int32_t back = (int32_t)(start - (at + 4));
        emit(&back, 4);
    }
    emit("\x0f\x0b", 2); /* ud2 */
}

/* --- runs ------------------------------------------------------------------------------------ */

static sigjmp_buf back;
static struct {
    greg_t regs[17];
    uint64_t signal, code, address;
} end;
uint64_t in[16], target; /* registers by number, and where to go */
void enter(void);
__asm__("enter:\n"
        "vzeroall\n fninit\n cld\n"
        "mov in+8(%rip), %rcx\n mov in+16(%rip), %rdx\n mov in+24(%rip), %rbx\n"
        "mov in+40(%rip), %rbp\n mov in+48(%rip), %rsi\n mov in+56(%rip), %rdi\n"
        "mov in+64(%rip), %r8\n mov in+72(%rip), %r9\n mov in+80(%rip), %r10\n"
        "mov in+88(%rip), %r11\n mov in+96(%rip), %r12\n mov in+104(%rip), %r13\n"
        "mov in+112(%rip), %r14\n mov in+120(%rip), %r15\n"
        "xor %eax, %eax\n mov in(%rip), %rax\n mov in+32(%rip), %rsp\n jmp *target(%rip)\n");

static const uint64_t wild[] = {/* beyond a window of 2^40 bytes, but not beyond the host's */
                                0x10080000000, 0x20000000000, 0x60000000000, 0xfffffe0000000000,
                                /* at its ends, and of no host */
                                0x10000000000, 0xffffffffffffff00, 8, 0x7fffffffe000,
                                0xffff800000000000, WILD};
enum { WILDS = sizeof wild / sizeof *wild };

static void fill_pages(void) {
    for (unsigned p = 0; p < PAGES; p++) {
        for (uint64_t i = 0; i < PAGE / 8; i++) {
            const uint64_t value = i % 3 == 0   ? wild[i / 3 % WILDS]
                                   : i % 3 == 1 ? (uintptr_t)pages[p] + i * 8
                                                : i * 0x9e3779b97f4a7c15 >> i % 5 * 12;
            memcpy(pages[p] + i * 8, &value, sizeof value);
        }
    }
}

static void on_signal(int signal, siginfo_t *info, void *context) {
    const greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
    if (signal == SIGVTALRM) { /* wherever it was: the counter was written to */
        memset(&end, 0, sizeof end);
        fill_pages();
    } else {
        memcpy(end.regs, regs, sizeof end.regs);
    }
    end.signal = (uint64_t)signal;
    end.code = (uint64_t)info->si_code;
    end.address = (uint64_t)(uintptr_t)info->si_addr;
    siglongjmp(back, 1);
}

static uint64_t place(void) {
    switch (below(20)) {
    case 0:
        return wild[below(WILDS)];
    case 1:
        return below(20);
    default:
        return (uintptr_t)pages[below(3) ? 0 : below(PAGES)] + below(PAGE / 8) * 8;
    }
}

static uint64_t sum;
static void count_in(const void *data, size_t bytes) {
    uint64_t word;
    for (size_t i = 0; i < bytes; i += sizeof word) {
        memcpy(&word, (const char *)data + i, sizeof word);
        sum = (sum ^ word) * 0x100000001b3;
    }
}

static void map(uintptr_t where, size_t bytes, int prot) {
    void *got =
        mmap((void *)where, bytes, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (got != (void *)where) {
        perror("mmap");
        exit(99);
    }
}

int main(int argc, char **argv) {
    const uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
    const int batches = argc > 2 ? atoi(argv[2]) : 1;
    static uint8_t stack[65536];
    const stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    action.sa_sigaction = on_signal;
    sigaltstack(&other, NULL);
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGVTALRM};
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) {
        sigaction(signals[i], &action, NULL);
    }
    map(CODE, PIECES * PIECE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC);
    map(COUNTER, PAGE, PROT_READ | PROT_WRITE);
    for (unsigned p = 0; p < PAGES; p++) {
        map((uintptr_t)pages[p], PAGE, PROT_READ | PROT_WRITE);
    }
    for (int batch = 0; batch < batches; batch++) {
        state = seed * 1000003 + (uint64_t)batch * 7919;
        uint8_t *const code = (uint8_t *)(uintptr_t)CODE;
        mprotect(code, PIECES * PIECE_BYTES, PROT_READ | PROT_WRITE);
        for (unsigned i = 0; i < PIECES; i++) {
            piece(code + i * PIECE_BYTES);
        }
        mprotect(code, PIECES * PIECE_BYTES, PROT_READ | PROT_EXEC);
        sum = 1;
        for (volatile unsigned run = 0; run < 2 * PIECES; run++) {
            for (unsigned i = 0; i < 16; i++) {
                in[i] = place();
            }
            fill_pages();
            *(volatile uint32_t *)(uintptr_t)COUNTER = TURNS;
            target = CODE + run / 2 * PIECE_BYTES;
            const struct itimerval long_enough = {.it_value = {.tv_sec = 1}};
            setitimer(ITIMER_VIRTUAL, &long_enough, NULL);
            if (!sigsetjmp(back, 0)) {
                enter();
            }
            count_in(&end, sizeof end);
            for (unsigned p = 0; p < PAGES; p++) {
                count_in(pages[p], PAGE);
            }
        }
        printf("%d %016llx\n", batch, (unsigned long long)sum);
        fflush(stdout);
    }
    return 0;
}

#else

int main(void) {
    puts("addresses of 32 bits are in the window");
    return 0;
}

#endif
