/* Helpers of MMX and SSE instructions whose forms are too rare for gadgets; the generated tables
 * name them (core/decode/rows.h, helper_fn). Everything common about floating point is in
 * templates/<host>/, integer instructions are in the other helpers_*.c. */
#include "core/cpu/cpu.h"
#include "core/helpers/helpers.h"
#include "core/host/host.h"
#include "core/space/space.h"

#include <string.h>

#define FX_ST 32 /* the x87 and MMX registers in an FXSAVE image, 16 bytes each */

/* MMX register from the x87 image, which holds ST(i): registers counted from TOP. */
void helper_read_mmx(const struct cpu *cpu, unsigned number, uint8_t *to) {
    unsigned top = cpu->fx[3] >> 3 & 7;
    memcpy(to, cpu->fx + FX_ST + 16 * ((number - top) & 7), 8);
}

void helper_enter_mmx(struct cpu *cpu) {
    uint8_t st[8][16];
    unsigned top = cpu->fx[3] >> 3 & 7;
    for (unsigned i = 0; i < 8; i++) {
        memcpy(st[i], cpu->fx + FX_ST + 16 * ((i - top) & 7), 16);
    }
    memcpy(cpu->fx + FX_ST, st, sizeof st);
    cpu->fx[3] &= (uint8_t)~0x38;
    cpu->fx[4] = 0xff;
    host_fpu_load(cpu->fx); /* gadgets go on after the helper: the unit must have it now */
}

/* MASKMOVQ and MASKMOVDQU with short addresses or an FS or GS override. Parameters: next pc, raw,
 * immediate (none). The whole operand must be writable, as on processors that test it before they
 * look at the mask. SDM Vol. 2B, MASKMOVQ. */
static int store_masked(struct cpu *cpu, uint64_t raw, bool wide) {
    unsigned reg = raw_reg(raw), rm = raw_rm(raw), seg = raw_seg(raw);
    unsigned count = wide ? 16 : 8;
    uint8_t value[16], mask[16];
    if (wide) {
        memcpy(value, cpu->ymm[reg], 16);
        memcpy(mask, cpu->ymm[rm], 16);
    } else {
        cpu_fpu_save(cpu);
        uint16_t control, status;
        memcpy(&control, cpu->fx, 2);
        memcpy(&status, cpu->fx + 2, 2);
        if (status & ~control & 0x3f) {
            return helper_trap(cpu, TRAP_MF, 0);
        }
        helper_read_mmx(cpu, reg & 7, value);
        helper_read_mmx(cpu, rm & 7, mask);
    }
    gaddr_t addr = helper_cut(cpu->regs[REG_DI], raw_addrsize(raw));
    if (seg < SEG_COUNT) {
        addr = helper_address(cpu, addr + cpu->seg[seg].base);
    }
    if (!wide) {
        helper_enter_mmx(cpu); /* processors have done so when the store faults */
    }
    for (unsigned i = 0; i < count; i++) {
        int leave = helper_write_probe(cpu, helper_address(cpu, addr + i), 1);
        if (leave) {
            return leave;
        }
    }
    for (unsigned i = 0; i < count; i++) {
        gaddr_t at = helper_address(cpu, addr + i);
        int leave = mask[i] & 0x80 ? helper_write(cpu, at, &value[i], 1) : 0;
        if (leave) {
            return leave;
        }
    }
    return 0;
}

int helper_maskmov(struct cpu *cpu, const uint64_t *params) {
    return store_masked(cpu, params[1], false);
}

int helper_maskmovdqu(struct cpu *cpu, const uint64_t *params) {
    return store_masked(cpu, params[1], true);
}
