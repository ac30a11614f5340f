/* Shared by the programs about 32-bit code in 64-bit programs (modes_*.c): a way into it and back.
 * These are linked statically, below 4 GiB, and print what they see. */
#ifndef MODE_TEST_H
#define MODE_TEST_H

#include "engine_test.h"
#include <stdbool.h>
#include <stddef.h>

#define CS32        0x23
#define CS64        0x33
#define DATA        0x2b
#define STACK_BYTES 65536u

struct far32 {
    uint32_t offset;
    uint16_t selector, pad;
};

/* Registers on the way into 32-bit code, and as they are after it. */
struct regs32 {
    uint32_t ax, cx, dx, bx, si, di, bp, flags;
    uint64_t r8, r15, xmm9[2];
    uint64_t after_bx, after_si, after_sp; /* all 64 bits */
    struct far32 code;
    uint64_t stack; /* its top, below 4 GiB */
    uint64_t saved_sp;
};
_Static_assert(offsetof(struct regs32, after_bx) == 64 && offsetof(struct regs32, code) == 88 &&
                   offsetof(struct regs32, saved_sp) == 104,
               "as call32 has them");

/* Far call of 32-bit code that ends in LRET and may use all registers, with DS and ES flat. */
void call32(struct regs32 *regs);
__asm__(".text\n"
        "call32:\n"
        "push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
        "mov %rsp, 104(%rdi)\n"
        "mov %rdi, %r12\n"
        "mov $0x2b, %eax\n mov %eax, %ds\n mov %eax, %es\n"
        "mov 32(%r12), %r8\n mov 40(%r12), %r15\n movups 48(%r12), %xmm9\n"
        "mov 96(%r12), %rsp\n"
        "mov 28(%r12), %eax\n push %rax\n popf\n"
        "mov (%r12), %eax\n mov 4(%r12), %ecx\n mov 8(%r12), %edx\n mov 12(%r12), %ebx\n"
        "mov 16(%r12), %esi\n mov 20(%r12), %edi\n mov 24(%r12), %ebp\n"
        "lcall *88(%r12)\n"
        "mov %eax, (%r12)\n mov %ecx, 4(%r12)\n mov %edx, 8(%r12)\n mov %ebx, 12(%r12)\n"
        "mov %esi, 16(%r12)\n mov %edi, 20(%r12)\n mov %ebp, 24(%r12)\n"
        "pushf\n pop %rax\n mov %eax, 28(%r12)\n cld\n"
        "mov %r8, 32(%r12)\n mov %r15, 40(%r12)\n movups %xmm9, 48(%r12)\n"
        "mov %rbx, 64(%r12)\n mov %rsi, 72(%r12)\n mov %rsp, 80(%r12)\n"
        "mov 104(%r12), %rsp\n"
        "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n"
        "ret\n");

/* A stack for 32-bit code, number `which`, always at the same address: its top, with room above. */
static inline uint64_t low_stack(unsigned which) {
    char *at =
        mmap((void *)(0x20000000 + (uintptr_t)which * STACK_BYTES), STACK_BYTES,
             PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (at == MAP_FAILED) {
        die("mmap");
    }
    return (uintptr_t)at + STACK_BYTES - 256;
}

/* 32-bit code at an address, with registers that are to be seen again. */
static inline void set_regs(struct regs32 *regs, const void *code, uint64_t stack) {
    *regs = (struct regs32){.flags = 0x202,
                            .r8 = 0x8888888877777777,
                            .r15 = 0xffff0000eeee1111,
                            .xmm9 = {0x9999999900000001, 0x9999999900000002},
                            .code = {(uint32_t)(uintptr_t)code, CS32, 0},
                            .stack = stack};
}

static inline bool high_kept(const struct regs32 *regs) {
    return regs->r8 == 0x8888888877777777 && regs->r15 == 0xffff0000eeee1111 &&
           regs->xmm9[0] == 0x9999999900000001 && regs->xmm9[1] == 0x9999999900000002;
}

#endif
