/* FP state of x86-64 signal frames. Source: SDM Vol. 2A, FXSAVE (64-bit form). The bytes that
 * software may use say nothing here: there is no extended state after the image. */
#include "syscalls/abi/x86_64/fpu.h"

#include <string.h>

#define FX_MXCSR 24

void x86_64_fpstate_save(struct cpu *cpu, struct x86_64_fpstate *image) {
    cpu_fpu_save(cpu);
    memcpy(image->fx, cpu->fx, sizeof image->fx);
}

bool x86_64_fpstate_restore(struct cpu *cpu, const struct x86_64_fpstate *image) {
    uint32_t mxcsr;
    memcpy(&mxcsr, image->fx + FX_MXCSR, sizeof mxcsr);
    if (mxcsr >> 16) {
        return false;
    }
    memcpy(cpu->fx, image->fx, sizeof cpu->fx);
    cpu_fpu_dirty(cpu);
    return true;
}
