/* Registers of an x86-64 task (struct user_regs_struct of <sys/user.h>). */
#ifndef FG_SYSCALLS_ABI_X86_64_REGISTERS_H
#define FG_SYSCALLS_ABI_X86_64_REGISTERS_H

#include "core/cpu/cpu.h"

struct task;

/* Selectors of programs. */
#define X86_64_USER_CS 0x33
#define X86_64_USER_DS 0x2b

/* First address that no program can have, and no segment base. */
#define X86_64_ADDRESS_TOP 0x7ffffffff000u

struct x86_64_registers {
    uint64_t r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
    uint64_t original_ax; /* number of the call that the task is in; -1: none */
    uint64_t ip, cs, flags, sp, ss, fs_base, gs_base, ds, es, fs, gs;
};
_Static_assert(sizeof(struct x86_64_registers) == 27 * 8, "struct user_regs_struct");

void x86_64_registers_get(struct task *task, struct x86_64_registers *out);
/* Loads all but `original_ax`. Selectors get privilege 3; a data segment that cannot be loaded
 * becomes null, a base that cannot be stays what the selector gives. 0, or the exception that the
 * return to the program with this code or stack segment raises: then the selector is in place, the
 * segment is the old one, and *bad is the selector. CS 0x23 is 32-bit code, with the lower halves
 * of the first eight registers. */
int x86_64_registers_set(struct task *task, const struct x86_64_registers *in, uint16_t *bad);
/* The same, but data segments and bases stay as they are: a return from a signal handler. */
int x86_64_registers_return(struct task *task, const struct x86_64_registers *in, uint16_t *bad);

/* The base of FS or GS, as arch_prctl(2) sets it: 0 or -EPERM. The selector becomes null. */
int x86_64_set_base(struct cpu *cpu, int segment, gaddr_t base);

#endif
