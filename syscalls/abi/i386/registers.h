/* Registers of an i386 task (struct user_regs_struct of <sys/user.h> for 32-bit programs). */
#ifndef FG_SYSCALLS_ABI_I386_REGISTERS_H
#define FG_SYSCALLS_ABI_I386_REGISTERS_H

#include "core/base/types.h"

struct task;

/* Selectors of programs. */
#define I386_USER_CS 0x23
#define I386_USER_DS 0x2b

struct i386_registers {
    uint32_t bx, cx, dx, si, di, bp, ax;
    uint32_t ds, es, fs, gs; /* selectors; the upper halves are padding */
    uint32_t original_ax;    /* number of the call that the task is in; -1: none */
    uint32_t ip, cs, flags, sp, ss;
};
_Static_assert(sizeof(struct i386_registers) == 17 * 4, "struct user_regs_struct");

void i386_registers_get(struct task *task, struct i386_registers *out);
/* Loads all but `original_ax`. Selectors get privilege 3; a data segment that cannot be loaded
 * becomes null. 0, or the exception that the return to the program with this code or stack segment
 * raises: then the selector is in place, the segment is the old one, and *bad is the selector. */
int i386_registers_set(struct task *task, const struct i386_registers *in, uint16_t *bad);

#endif
