/* What the C functions for instructions that the host lacks share: fetching operands, writing
 * results, exceptions of SIMD floating point. Source: SDM Vol. 1, 11.5; Vol. 2, 2.3. */
#include "core/helpers/portable.h"
#include "core/host/host.h"

#include <string.h>

#define FX_ST    32             /* the x87 and MMX registers in an FXSAVE image, 16 bytes each */
#define PRE_MASK (1u | 2u | 4u) /* MXCSR: invalid, denormal, division by zero */

union vector *portable_register(struct cpu *cpu, unsigned number) {
    return (union vector *)cpu->ymm[number & (cpu_vectors(cpu) - 1)];
}

bool portable_stops(const struct vector_op *op) {
    return op->raised & ~(op->cpu->mxcsr >> 7) & 0x3f;
}

/* Notes the exceptions; 0 or that of the unmasked ones. What can be told before the operation comes
 * before what only its result tells. */
static int raise(struct vector_op *op) {
    struct cpu *cpu = op->cpu;
    bool stops = portable_stops(op);
    if (stops && op->raised & PRE_MASK & ~(cpu->mxcsr >> 7)) {
        op->raised &= PRE_MASK;
    }
    cpu->mxcsr |= op->raised;
    return stops ? helper_trap(cpu, TRAP_XM, 0) : 0;
}

static int read_memory(struct cpu *cpu, union vector *to, unsigned bytes, bool aligned) {
    if (aligned && cpu->ea % bytes) {
        return helper_trap(cpu, TRAP_GP, 0);
    }
    return helper_read(cpu, to, cpu->ea, bytes);
}

static int run_mmx(struct cpu *cpu, const uint64_t *params, vector_fn run) {
    uint64_t raw = params[0];
    unsigned reg = raw_reg(raw) & 7;
    union vector dst = {{0}}, src, src2 = {{0}};
    uint16_t control, status;
    cpu_fpu_save(cpu);
    memcpy(&control, cpu->fx, 2);
    memcpy(&status, cpu->fx + 2, 2);
    if (status & ~control & 0x3f) {
        return helper_trap(cpu, TRAP_MF, 0);
    }
    helper_read_mmx(cpu, reg, dst.b);
    helper_read_mmx(cpu, raw_rm(raw) & 7, src2.b);
    if (raw_memory(raw)) {
        int leave = read_memory(cpu, &src2, 8, false);
        if (leave) {
            return leave;
        }
    }
    src = dst;
    struct vector_op op = {
        .cpu = cpu, .bytes = 8, .imm = (uint8_t)params[1], .dst = &dst, .src = &src, .src2 = &src2};
    run(&op);
    helper_enter_mmx(cpu);
    memcpy(cpu->fx + FX_ST + (size_t)16 * reg, dst.b, 8);
    memset(cpu->fx + FX_ST + (size_t)16 * reg + 8, 0xff, 2);
    host_fpu_load(cpu->fx);
    return 0;
}

int portable_vector(struct cpu *cpu, const uint64_t *params, vector_fn run, unsigned size,
                    unsigned flags) {
    uint64_t raw = params[0];
    bool vex = raw_vex(raw);
    unsigned bytes = vex && raw_vex_l(raw) ? 32 : 16;
    if (flags & VECTOR_MMX && !vex && !raw_opsize_prefix(raw)) {
        return run_mmx(cpu, params, run);
    }
    union vector *to = portable_register(cpu, raw_reg(raw));
    union vector dst = *to, src = vex ? *portable_register(cpu, raw_vvvv(raw)) : dst, src2 = {{0}};
    if (raw_memory(raw)) {
        bool aligned = flags & VECTOR_ALIGNED && !vex && !size;
        int leave = read_memory(cpu, &src2, size ? size : bytes, aligned);
        if (leave) {
            return leave;
        }
    } else {
        src2 = *portable_register(cpu, raw_rm(raw));
    }
    struct vector_op op = {.cpu = cpu,
                           .bytes = bytes,
                           .imm = (uint8_t)params[1],
                           .dst = &dst,
                           .src = &src,
                           .src2 = &src2,
                           .xmm0 = portable_register(cpu, 0)};
    run(&op);
    int leave = op.raised ? raise(&op) : 0;
    if (!leave && !(flags & VECTOR_NO_RESULT)) {
        memcpy(to, &dst, bytes);
        if (vex) {
            memset(to->b + bytes, 0, sizeof *to - bytes);
            cpu->upper = 1;
        }
    }
    return leave;
}

/* The byte register that ModRM names without REX: 4 to 7 are AH to BH. */
static bool high_byte(uint64_t raw, unsigned number) {
    return !(raw >> 32 & 0xff) && number >= 4;
}

int portable_read_rm(struct cpu *cpu, uint64_t raw, unsigned size, uint64_t *value) {
    *value = 0;
    if (raw_memory(raw)) {
        return helper_read(cpu, value, cpu->ea, size);
    }
    unsigned number = raw_rm(raw);
    if (size == 1 && high_byte(raw, number)) {
        *value = cpu->regs[number - 4] >> 8 & 0xff;
    } else {
        memcpy(value, &cpu->regs[number], size);
    }
    return 0;
}

int portable_write_rm(struct cpu *cpu, uint64_t raw, unsigned size, unsigned register_size,
                      uint64_t value) {
    if (raw_memory(raw)) {
        return helper_write(cpu, cpu->ea, &value, size);
    }
    helper_set_register(cpu, raw_rm(raw), value, register_size);
    return 0;
}

void portable_flags(struct cpu *cpu, uint32_t mask, uint32_t flags) {
    cpu->flags = (cpu->flags & ~(uint64_t)mask) | flags;
}
