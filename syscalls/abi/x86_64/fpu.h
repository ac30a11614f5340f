/* FP state in an x86-64 signal frame (struct _fpstate of <asm/sigcontext.h>) and of ptrace(2): an
 * FXSAVE image, as hardware without XSAVE gives it. */
#ifndef FG_SYSCALLS_ABI_X86_64_FPU_H
#define FG_SYSCALLS_ABI_X86_64_FPU_H

#include "core/cpu/cpu.h"

struct x86_64_fpstate {
    uint8_t fx[512];
};

/* The cpu must not be running; save leaves its state as it is. Restore fails, and changes nothing,
 * when a reserved bit of MXCSR is set. */
void x86_64_fpstate_save(struct cpu *cpu, struct x86_64_fpstate *image);
bool x86_64_fpstate_restore(struct cpu *cpu, const struct x86_64_fpstate *image);

#endif
