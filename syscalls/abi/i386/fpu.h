/* FP state in an i386 signal frame (struct _fpstate of <asm/sigcontext.h>, 32-bit form). */
#ifndef FG_SYSCALLS_ABI_I386_FPU_H
#define FG_SYSCALLS_ABI_I386_FPU_H

#include "core/cpu/cpu.h"

#define I386_FX_OFFSET 112

struct i386_fpstate {
    uint32_t cw, sw, tag, ip, cs, data, ds; /* FNSAVE, 32-bit protected mode */
    uint8_t st[8][10];
    uint16_t status, magic; /* magic 0: an FXSAVE image follows */
    uint8_t fx[512];
};
_Static_assert(sizeof(struct i386_fpstate) == I386_FX_OFFSET + 512, "struct _fpstate");
_Static_assert(offsetof(struct i386_fpstate, fx) == I386_FX_OFFSET, "struct _fpstate");

/* The cpu must not be running; save leaves its state as it is. Restore fails, and changes nothing,
 * when a reserved bit of MXCSR is set. */
void i386_fpstate_save(struct cpu *cpu, struct i386_fpstate *image);
bool i386_fpstate_restore(struct cpu *cpu, const struct i386_fpstate *image);

#endif
