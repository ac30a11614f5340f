/* Helpers of the XSAVE family: state components 0 to 2 (x87, SSE, AVX) between the cpu and images
 * in guest memory, in standard and compacted form, which have AVX at the same place. x87's
 * instruction and operand pointers are 0, as in FXSAVE. Source: SDM Vol. 1, 13.7 to 13.10; Vol. 2,
 * XSAVE, XSAVEC, XRSTOR, XGETBV. */
#include "core/cpu/xstate.h"
#include "core/decode/cpuid.h"
#include "core/helpers/helpers.h"
#include "core/host/host.h"

#include <string.h>

#define IMAGE_ALIGN 64

/* The components that the instruction is for: EDX:EAX out of XCR0. */
static uint64_t wanted(const struct cpu *cpu) {
    return cpuid_xcr0() & ((uint32_t)cpu->regs[REG_AX] | cpu->regs[REG_DX] << 32);
}

/* A part of the image that an instruction accesses. */
struct part {
    unsigned at, bytes;
};

/* The parts of the components in `which`, without the header; returns how many. */
static unsigned parts_of(const struct cpu *cpu, uint64_t which, bool mxcsr, struct part part[5]) {
    unsigned registers = cpu_vectors(cpu), count = 0;
    if (which & XSTATE_X87) {
        part[count++] = (struct part){0, XSTATE_MXCSR};
        part[count++] = (struct part){XSTATE_ST, XSTATE_XMM - XSTATE_ST};
    }
    if (mxcsr) {
        part[count++] = (struct part){XSTATE_MXCSR, 8};
    }
    if (which & XSTATE_SSE) {
        part[count++] = (struct part){XSTATE_XMM, 16 * registers};
    }
    if (which & XSTATE_AVX) {
        part[count++] = (struct part){XSTATE_UPPER, 16 * registers};
    }
    return count;
}

/* Write parts of `image` and its header's first `header` bytes; nothing when something faults. */
static int write_parts(struct cpu *cpu, const uint8_t *image, const struct part *part,
                       unsigned count, unsigned header) {
    gaddr_t to = cpu->ea;
    int leave = helper_write_probe(cpu, to + XSTATE_HEADER, header);
    for (unsigned i = 0; i < count && !leave; i++) {
        leave = helper_write_probe(cpu, to + part[i].at, part[i].bytes);
    }
    for (unsigned i = 0; i < count && !leave; i++) {
        leave = helper_write(cpu, to + part[i].at, image + part[i].at, part[i].bytes);
    }
    return leave ? leave : helper_write(cpu, to + XSTATE_HEADER, image + XSTATE_HEADER, header);
}

int helper_xsave(struct cpu *cpu, const uint64_t *params) {
    uint8_t image[XSTATE_BYTES] __attribute__((aligned(64)));
    struct part part[5];
    uint64_t which = wanted(cpu), old;
    if (cpu->ea % IMAGE_ALIGN) {
        return helper_trap(cpu, TRAP_GP, 0);
    }
    int leave = helper_read(cpu, &old, cpu->ea + XSTATE_HEADER, sizeof old);
    if (leave) {
        return leave;
    }
    uint64_t used = xstate_save(cpu, image);
    uint64_t present = (old & ~which) | (used & which);
    memcpy(image + XSTATE_HEADER, &present, sizeof present);
    unsigned count = parts_of(cpu, which, which & (XSTATE_SSE | XSTATE_AVX), part);
    return write_parts(cpu, image, part, count, 8);
}

int helper_xsavec(struct cpu *cpu, const uint64_t *params) {
    uint8_t image[XSTATE_BYTES] __attribute__((aligned(64)));
    struct part part[5];
    uint64_t which = wanted(cpu);
    if (cpu->ea % IMAGE_ALIGN) {
        return helper_trap(cpu, TRAP_GP, 0);
    }
    uint64_t used = xstate_save(cpu, image);
    if (cpu->mxcsr != MXCSR_DEFAULT) {
        used |= XSTATE_SSE;
    }
    uint64_t header[2] = {used & which, which | XSTATE_COMPACTED};
    memcpy(image + XSTATE_HEADER, header, sizeof header);
    unsigned count = parts_of(cpu, used & which, used & which & XSTATE_SSE, part);
    return write_parts(cpu, image, part, count, 16);
}

int helper_xrstor(struct cpu *cpu, const uint64_t *params) {
    uint8_t image[XSTATE_BYTES] __attribute__((aligned(64))) = {0};
    struct part part[5];
    uint64_t header[8], which = wanted(cpu);
    if (cpu->ea % IMAGE_ALIGN) {
        return helper_trap(cpu, TRAP_GP, 0);
    }
    int leave = helper_read(cpu, header, cpu->ea + XSTATE_HEADER, sizeof header);
    if (leave) {
        return leave;
    }
    bool compacted = header[1] & XSTATE_COMPACTED;
    if (!xstate_header_fits(header, cpuid_xcr0())) {
        return helper_trap(cpu, TRAP_GP, 0);
    }
    uint64_t load = which & header[0];
    bool mxcsr = compacted ? load & XSTATE_SSE : which & (XSTATE_SSE | XSTATE_AVX);
    unsigned count = parts_of(cpu, load, mxcsr, part);
    for (unsigned i = 0; i < count && !leave; i++) {
        leave = helper_read(cpu, image + part[i].at, cpu->ea + part[i].at, part[i].bytes);
    }
    if (leave) {
        return leave;
    }
    uint32_t value;
    memcpy(&value, image + XSTATE_MXCSR, sizeof value);
    if (mxcsr && value >> 16) {
        return helper_trap(cpu, TRAP_GP, 0);
    }
    if (!mxcsr) {
        value = which & XSTATE_SSE ? MXCSR_DEFAULT : cpu->mxcsr;
        memcpy(image + XSTATE_MXCSR, &value, sizeof value);
    }
    xstate_load(cpu, image, which, load);
    if (which & XSTATE_X87) { /* gadgets go on after the helper: the unit must have it now */
        host_fpu_load(cpu->fx);
    }
    cpu->fx_valid = false; /* else the next way into guest code would load it again, as it is now */
    return 0;
}

int helper_xgetbv(struct cpu *cpu, const uint64_t *params) {
    uint32_t which = (uint32_t)cpu->regs[REG_CX];
    uint8_t image[XSTATE_BYTES] __attribute__((aligned(64)));
    uint64_t value = cpuid_xcr0();
    if (which > 1 || (which && !cpuid_has_named("xgetbv1"))) {
        return helper_trap(cpu, TRAP_GP, 0);
    }
    if (which) { /* those of them that are not in their initial state */
        value &= xstate_save(cpu, image);
    }
    cpu->regs[REG_AX] = (uint32_t)value;
    cpu->regs[REG_DX] = value >> 32;
    return 0;
}
