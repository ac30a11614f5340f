/* Helpers of rare integer instructions: decimal adjust, ENTER, POPF, BOUND, ARPL. Source: SDM
 * Vol. 2. Each changes guest state only after its last access that can fault. */
#include "core/helpers/helpers.h"
#include "core/space/space.h"

#include <string.h>

static uint8_t get_al(const struct cpu *cpu) {
    return (uint8_t)cpu->regs[REG_AX];
}

static void set_ax(struct cpu *cpu, uint8_t al, uint8_t ah) {
    cpu->regs[REG_AX] = (cpu->regs[REG_AX] & 0xffff0000u) | al | (uint32_t)ah << 8;
}

static uint8_t get_ah(const struct cpu *cpu) {
    return (uint8_t)(cpu->regs[REG_AX] >> 8);
}

/* SF, ZF, PF of a byte. */
static uint32_t szp(uint8_t value) {
    return (value & 0x80 ? FLAG_SF : 0) | (value == 0 ? FLAG_ZF : 0) |
           (__builtin_parity(value) ? 0 : FLAG_PF);
}

static void put_flags(struct cpu *cpu, uint32_t mask, uint32_t flags) {
    cpu->flags = (cpu->flags & ~(uint64_t)mask) | flags;
}

#define FLAGS_NOT_OF (FLAG_SF | FLAG_ZF | FLAG_AF | FLAG_PF | FLAG_CF)

/* DAA and DAS differ in the sign of the correction. */
static void decimal_adjust(struct cpu *cpu, int sign) {
    uint8_t old = get_al(cpu), al = old;
    bool carry = cpu->flags & FLAG_CF;
    uint32_t flags = 0;
    if ((old & 15) > 9 || (cpu->flags & FLAG_AF)) {
        unsigned sum = sign > 0 ? old + 6u : old - 6u;
        al = (uint8_t)sum;
        flags |= FLAG_AF;
        if (sum & 0x100 || carry) {
            flags |= FLAG_CF;
        }
    }
    if (old > 0x99 || carry) {
        al = (uint8_t)(al + sign * 0x60);
        flags |= FLAG_CF;
    } else if (sign > 0) {
        flags &= ~FLAG_CF;
    }
    set_ax(cpu, al, get_ah(cpu));
    put_flags(cpu, FLAGS_NOT_OF, flags | szp(al));
}

int helper_daa(struct cpu *cpu, const uint64_t *params) {
    decimal_adjust(cpu, 1);
    return 0;
}

int helper_das(struct cpu *cpu, const uint64_t *params) {
    decimal_adjust(cpu, -1);
    return 0;
}

/* AAA and AAS: AX +- 0x106 as one 16-bit sum, as processors since the 386 do. */
static void ascii_adjust(struct cpu *cpu, int sign) {
    uint16_t ax = (uint16_t)cpu->regs[REG_AX];
    uint32_t flags = 0;
    if ((ax & 15) > 9 || (cpu->flags & FLAG_AF)) {
        ax = (uint16_t)(ax + sign * 0x106);
        flags = FLAG_AF | FLAG_CF;
    }
    ax &= 0xff0f;
    set_ax(cpu, (uint8_t)ax, (uint8_t)(ax >> 8));
    put_flags(cpu, FLAGS_NOT_OF, flags | szp((uint8_t)ax));
}

int helper_aaa(struct cpu *cpu, const uint64_t *params) {
    ascii_adjust(cpu, 1);
    return 0;
}

int helper_aas(struct cpu *cpu, const uint64_t *params) {
    ascii_adjust(cpu, -1);
    return 0;
}

int helper_aam(struct cpu *cpu, const uint64_t *params) {
    uint8_t base = (uint8_t)params[0], al = get_al(cpu);
    if (base == 0) {
        return helper_trap(cpu, TRAP_DE, 0);
    }
    set_ax(cpu, al % base, al / base);
    put_flags(cpu, FLAGS_STATUS, szp(al % base));
    return 0;
}

int helper_aad(struct cpu *cpu, const uint64_t *params) {
    uint8_t al = (uint8_t)(get_al(cpu) + get_ah(cpu) * params[0]);
    set_ax(cpu, al, 0);
    put_flags(cpu, FLAGS_STATUS, szp(al));
    return 0;
}

int helper_enter(struct cpu *cpu, const uint64_t *params) {
    unsigned size = raw_opsize(params[0]), level = params[2] & 31;
    uint64_t sp = cpu->regs[REG_SP], bp = cpu->regs[REG_BP];
    gaddr_t frame = helper_address(cpu, sp - size), top = frame;
    int leave = helper_write(cpu, frame, &bp, size);
    for (unsigned i = 1; !leave && i < level; i++) {
        uint64_t pointer = 0;
        leave = helper_read(cpu, &pointer, helper_address(cpu, bp - (uint64_t)i * size), size);
        top = helper_address(cpu, top - size);
        if (!leave) {
            leave = helper_write(cpu, top, &pointer, size);
        }
    }
    if (!leave && level > 0) {
        top = helper_address(cpu, top - size);
        leave = helper_write(cpu, top, &frame, size);
    }
    top = helper_address(cpu, top - (uint16_t)params[1]);
    if (!leave) { /* ENTER faults when its new stack top could not be written */
        uint8_t probe;
        leave = helper_read(cpu, &probe, top, 1);
        if (leave) {
            cpu->trap_error |= 2;
        }
    }
    if (leave) {
        return leave;
    }
    cpu->regs[REG_SP] = top;
    helper_set_register(cpu, REG_BP, frame, size);
    return 0;
}

int helper_popf(struct cpu *cpu, const uint64_t *params) {
    unsigned size = raw_opsize(params[0]);
    uint64_t flags = 0;
    int leave = helper_read(cpu, &flags, cpu->regs[REG_SP], size);
    if (leave) {
        return leave;
    }
    if (size == 2) {
        flags |= cpu_eflags(cpu) & 0xffff0000u;
    }
    cpu_set_eflags(cpu, (uint32_t)flags);
    cpu->regs[REG_SP] = helper_address(cpu, cpu->regs[REG_SP] + size);
    return 0;
}

int helper_bound(struct cpu *cpu, const uint64_t *params) {
    unsigned size = raw_opsize(params[0]);
    uint32_t reg = (uint32_t)cpu->regs[raw_reg(params[0])];
    int32_t index, low, high;
    uint8_t pair[8];
    int leave = helper_read(cpu, pair, cpu->ea, 2 * size);
    if (leave) {
        return leave;
    }
    if (size == 2) {
        int16_t half[2];
        memcpy(half, pair, sizeof half);
        index = (int16_t)reg;
        low = half[0];
        high = half[1];
    } else {
        memcpy(&low, pair, 4);
        memcpy(&high, pair + 4, 4);
        index = (int32_t)reg;
    }
    return index < low || index > high ? helper_trap(cpu, TRAP_BR, 0) : 0;
}

/* BT, BTS, BTR, BTC of memory by a register offset with the addressing of prefix 67: the address of
 * the word wraps at 64 KiB (64-bit mode: 4 GiB), which the host's instruction does not do. The bit
 * is changed atomically, so that LOCK is kept. */
int helper_bit_short(struct cpu *cpu, const uint64_t *params) {
    uint64_t raw = params[0];
    unsigned size = raw_opsize(raw), seg = raw_seg(raw), operation = raw_opcode(raw) >> 3 & 3;
    uint64_t base = seg == SEG_FS || seg == SEG_GS ? cpu->seg[seg].base : 0;
    uint64_t reg = cpu->regs[raw_reg(raw)], value = 0;
    int64_t bit = size == 2 ? (int16_t)reg : size == 4 ? (int32_t)reg : (int64_t)reg;
    int64_t word = bit >> (size == 2 ? 4 : size == 4 ? 5 : 6);
    uint64_t offset = cpu->ea - base + (uint64_t)word * size;
    gaddr_t addr = helper_address(cpu, base + helper_cut(offset, raw_addrsize(raw)));
    int leave = operation ? helper_write_probe(cpu, addr, size) : 0;
    if (!leave) {
        leave = helper_read(cpu, &value, addr, size);
    }
    if (leave) {
        return leave;
    }
    unsigned at = (unsigned)bit & (size * 8 - 1);
    bool old = value >> at & 1;
    if (operation) {
        gaddr_t byte = addr + at / 8, place = byte & ~(gaddr_t)3;
        uint32_t shift = (byte & 3) * 8 + at % 8, dword, wanted;
        if (guest_load32(cpu->space, place, &dword) < 0) {
            return helper_trap(cpu, TRAP_PF, 2);
        }
        do {
            old = dword >> shift & 1;
            wanted = operation == 1   ? dword | 1u << shift
                     : operation == 2 ? dword & ~(1u << shift)
                                      : dword ^ 1u << shift;
            value = dword;
            if (guest_cmpxchg32(cpu->space, place, &dword, wanted) < 0) {
                return helper_trap(cpu, TRAP_PF, 3);
            }
        } while (dword != value);
    }
    put_flags(cpu, FLAG_CF, old ? FLAG_CF : 0);
    return 0;
}

int helper_arpl(struct cpu *cpu, const uint64_t *params) {
    bool mem = raw_mod(params[0]) != 3;
    uint16_t selector = (uint16_t)cpu->regs[raw_rm(params[0])];
    uint16_t rpl = cpu->regs[raw_reg(params[0])] & 3;
    if (mem) {
        int leave = helper_read(cpu, &selector, cpu->ea, 2);
        if (leave) {
            return leave;
        }
    }
    bool lower = (selector & 3) < rpl;
    if (lower) {
        selector = (uint16_t)((selector & ~3u) | rpl);
        if (mem && raw_seg(params[0]) == SEG_CS) {
            return helper_trap(cpu, TRAP_GP, 0); /* code segments cannot be written */
        }
        if (mem) {
            int leave = helper_write(cpu, cpu->ea, &selector, 2);
            if (leave) {
                return leave;
            }
        } else {
            uint64_t *reg = &cpu->regs[raw_rm(params[0])];
            *reg = (*reg & 0xffff0000u) | selector;
        }
    }
    put_flags(cpu, FLAG_ZF, lower ? FLAG_ZF : 0);
    return 0;
}
