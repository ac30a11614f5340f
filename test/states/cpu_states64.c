/* States of the processor that x86-64 programs can bring about by a signal's frame: any registers,
 * selectors, flags, images of extended state, at instructions that lean on them (the attack
 * test/fuzz/fuzz_cpu.c has the same). Runs natively and in the guest; each case ends in a signal,
 * whose frame is printed: the output must be the same.
 *
 *   cpu_states64 SEED COUNT
 *
 * Left out is what NOTATION.md lists as a departure (alignment checks, where a jump to an address
 * that is not canonical faults, CS 0x23), and what varies by processor. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define ARRAY(a) (sizeof(a) / sizeof *(a))
#define COMPARED
#define UNWANTED_FLAGS 0x40100u /* AC, TF */
enum { CODE_BYTES = 4 << 12, PAGE = 4096, CS = 0x33, CS_32 = 0x23, MAGIC = 0x46505853 };
typedef unsigned long word;
static uint32_t seed, state, number, count;

static uint32_t rnd(void) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}
static uint32_t below(uint32_t n) {
    return rnd() % n;
}
static word new_code(void);
static void damage(uint8_t *image);
#include "../fuzz/fuzz_cpu_x86_64.h"

static const char *code = "";

static word new_code(void) {
    uint8_t *to = (uint8_t *)(CODE + 32 * (word)below(CODE_BYTES / 32));
    code = snippets[below(ARRAY(snippets))];
    memset(to, 0xcc, 32);
    memcpy(to, code, SNIPPET);
    to[SNIPPET] = 0xcc;
    return (word)to;
}

/* Fields of the image that mean the same whatever else the processor has; after it the second magic
 * number. */
static void damage(uint8_t *image) {
    static const uint16_t fields[] = {0,   2,   4,   24,  464, 472, 476,
                                      512, 516, 520, 524, 528, 536, 568};
    uint32_t *at = (uint32_t *)(image + fields[below(ARRAY(fields))]), bytes;
    if (*(uint32_t *)(image + 464) != MAGIC) {
        return; /* no frame's */
    }
    switch (below(3)) {
    case 0:
        *at ^= 1u << below(32);
        break;
    case 1:
        *at = below(8);
        break;
    default:
        *at = 0;
    }
    *(uint32_t *)(image + 24) &= ~0x20000u;   /* a bit that AMD's processors have */
    *(uint32_t *)(image + 512) &= 0xfff00007; /* others of these may be components here */
    memcpy(&bytes, image + 480, sizeof bytes);
    if (below(6) == 0) {
        image[bytes] ^= 1;
    }
}

/* --- output, without the C library, whose %fs may be anything ------------------------------- */

static char line[512];
static size_t used;

static void put(word value) {
    char digits[17];
    int n = 0;
    do {
        digits[n++] = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (value);
    while (n) {
        line[used++] = digits[--n];
    }
    line[used++] = ' ';
}

static word call(word nr, word a, word b, word c) {
    asm volatile("syscall" : "+a"(nr) : "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return nr;
}

/* Is there a jump at `pc`, or does it not exist, so that one has led there? */
static int jumps(word pc) {
    const uint8_t *at = (const uint8_t *)pc;
    if (pc >> 47 || pc < CODE || pc > CODE + CODE_BYTES - 2) {
        return pc >> 47 != 0;
    }
    return at[0] == 0xc3 || at[0] == 0xc2 || at[0] == 0xff;
}

static word vectors(const uint8_t *image) {
    const word *low = (const word *)(image + 160), *upper = (const word *)(image + 576);
    uint32_t magic, present;
    word sum = 0;
    memcpy(&magic, image + 464, sizeof magic);
    memcpy(&present, image + 512, sizeof present);
    for (int i = 0; i < 32; i++) {
        sum = sum * 31 + low[i];
    }
    for (int i = 0; i < 32 && magic == MAGIC; i++) { /* what is not present is 0 */
        sum = sum * 31 + (present & 4 ? upper[i] : 0);
    }
    return sum;
}

static void show(const siginfo_t *info, const ucontext_t *uc) {
    const greg_t *reg = uc->uc_mcontext.gregs;
    word address = (word)info->si_addr, error = (word)reg[REG_ERR];
    if (reg[REG_TRAPNO] == 13 && reg[REG_RIP] >> 47) {
        error = 0; /* of two faults of IRET processors name one */
    }
    int far = reg[REG_TRAPNO] == 13 && error == 0 && jumps((word)reg[REG_RIP]);
    put(number);
    put((uint8_t)code[0]);
    put((word)info->si_signo);
    put((word)info->si_code);
    put(info->si_signo == SIGTRAP ? 0 : address);
    put(far ? 0 : (word)reg[REG_RIP]);
    put(far ? 0 : (word)reg[REG_RSP]);
    put(error);
    put((word)reg[REG_TRAPNO]);
    put((word)reg[REG_EFL] & 0x400);
    put((word)reg[REG_CSGSFS] & 0xffff00000000ffff);
    put(uc->uc_flags & 2);
    if (uc->uc_mcontext.fpregs) {
        uint8_t *image = (uint8_t *)uc->uc_mcontext.fpregs;
        put(*(uint32_t *)(image + 24));
        put(vectors(image));
    }
    line[used++] = '\n';
    call(SYS_write, 1, (word)line, used);
    used = 0;
}

/* A frame whose every part is known before it is changed. */
static void fresh(ucontext_t *uc) {
    uint8_t *image = (uint8_t *)uc->uc_mcontext.fpregs;
    word *stack = (word *)(STACK + PAGE);
    enum { SET_GS = 0x1001, SET_FS };
    call(SYS_arch_prctl, SET_GS, 0, 0);
    call(SYS_arch_prctl, SET_FS, 0, 0);
    call(SYS_mprotect, STACK + PAGE, PAGE, PROT_READ | PROT_WRITE);
    for (int i = 0; i < PAGE / 8; i++) {
        stack[i] = 0x1111111111111111 * (word)(i & 7) + (i & 1 ? 0 : rnd());
    }
    if (image) {
        *(uint16_t *)image = 0x37f;
        *(uint32_t *)(image + 24) = 0x1f80;
        *(word *)(image + 512) = 7;
        for (int i = 0; i < 256; i++) {
            image[160 + i] = (uint8_t)(i * 7 + below(4));
            image[576 + i] = (uint8_t)(i * 5 + below(2));
        }
    }
}

static void on_signal(int signo, siginfo_t *info, void *context) {
    ucontext_t *uc = context;
    greg_t *reg = uc->uc_mcontext.gregs;
    (void)signo;
    if (number) {
        show(info, uc);
    }
    if (number++ >= count) {
        call(SYS_exit_group, 0, 0, 0);
    }
    state = (seed * 2654435761u + number * 40503u) | 1;
    fresh(uc);
    new_state(uc);
    if ((reg[REG_CSGSFS] & 0xffff) == CS_32) {
        reg[REG_CSGSFS] ^= CS_32 ^ CS;
    }
}

int main(int argc, char **argv) {
    static char handlers[65536];
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS};
    seed = argc > 1 ? (uint32_t)atoi(argv[1]) : 1;
    count = argc > 2 ? (uint32_t)atoi(argv[2]) : 100;
    mmap((void *)CODE, CODE_BYTES, 7, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    mmap((void *)STACK, 3 * PAGE, 0, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    stack_t alternate = {.ss_sp = handlers, .ss_size = sizeof handlers};
    sigaltstack(&alternate, NULL);
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    for (unsigned i = 0; i < ARRAY(signals); i++) {
        sigaction(signals[i], &action, NULL);
    }
    raise(SIGTRAP);
    return 1;
}
