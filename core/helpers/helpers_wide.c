/* Instructions of a 64-bit guest that reach memory beyond its window otherwise than by one plain
 * operand (core/build/wide.c): the stack's, strings, XLAT, MASKMOV and VMASKMOV, bits of a string
 * of bits. The instruction is decoded again. Source: SDM Vol. 2. */
#include "core/build/block.h"
#include "core/helpers/helpers.h"
#include "core/space/space.h"

#include <string.h>

static int push(struct cpu *cpu, uint64_t value, unsigned size) {
    int leave = helper_write(cpu, cpu->regs[REG_SP] - size, &value, size);
    if (!leave) {
        cpu->regs[REG_SP] -= size;
    }
    return leave;
}

/* What is at the stack pointer; it stays. */
static int top(struct cpu *cpu, uint64_t *value, unsigned size) {
    *value = 0;
    return helper_read(cpu, value, cpu->regs[REG_SP], size);
}

static int go_to(struct cpu *cpu, uint64_t pc) {
    cpu->pc = pc;
    return EXIT_LOOKUP;
}

static gaddr_t after(const struct insn *insn) {
    return insn->pc + insn->len;
}

static unsigned opcode_register(const struct insn *insn) {
    return (insn->opcode & 7u) | (insn->rex & 1u) << 3;
}

/* The value of r/m. */
static int read_rm(struct cpu *cpu, const struct insn *insn, uint64_t *value, unsigned size) {
    *value = insn->is_mem ? 0 : cpu->regs[insn->rm];
    return insn->is_mem ? helper_read(cpu, value, helper_operand(cpu, insn), size) : 0;
}

/* FF: CALL, JMP, PUSH. */
static int group5(struct cpu *cpu, const struct insn *insn) {
    uint64_t value;
    bool pushes = (insn->reg & 7) == 6;
    int leave = read_rm(cpu, insn, &value, pushes ? insn->opsize : 8);
    if (!leave && pushes) {
        return push(cpu, value, insn->opsize);
    }
    if (!leave &&
        (insn->reg & 7) == 2) { /* the target comes after the stack, and before the store */
        leave = helper_write_probe(cpu, cpu->regs[REG_SP] - 8, 8);
        if (!leave && !address_canonical(value)) {
            leave = helper_trap(cpu, TRAP_GP, 0);
        }
        if (!leave) {
            leave = push(cpu, after(insn), 8);
        }
    }
    return leave ? leave : go_to(cpu, value);
}

/* POP into a register or memory. */
static int pop(struct cpu *cpu, const struct insn *insn, bool mem, unsigned reg) {
    uint64_t value;
    int leave = top(cpu, &value, insn->opsize);
    if (!leave && mem) {
        leave = helper_write(cpu, helper_operand(cpu, insn), &value, insn->opsize);
    }
    if (leave) {
        return leave;
    }
    cpu->regs[REG_SP] += insn->opsize;
    if (!mem) {
        helper_set_register(cpu, reg, value, insn->opsize);
    }
    return 0;
}

static int leave_frame(struct cpu *cpu, const struct insn *insn) {
    uint64_t value = 0;
    int leave = helper_read(cpu, &value, cpu->regs[REG_BP], insn->opsize);
    if (!leave) {
        cpu->regs[REG_SP] = cpu->regs[REG_BP] + insn->opsize;
        helper_set_register(cpu, REG_BP, value, insn->opsize);
    }
    return leave;
}

static int ret(struct cpu *cpu, const struct insn *insn) {
    uint64_t value;
    int leave = top(cpu, &value, 8);
    if (leave) {
        return leave;
    }
    cpu->regs[REG_SP] += 8 + (insn->opcode == 0xc2 ? (uint16_t)insn->imm : 0);
    return go_to(cpu, value);
}

/* BT, BTS, BTR, BTC with the number of the bit in a register. The doubleword with the bit is
 * changed in one step, with LOCK or without. */
static int bit_string(struct cpu *cpu, const struct insn *insn) {
    const unsigned size = insn->opsize, shift = size == 8 ? 6 : size == 4 ? 5 : 4;
    uint64_t offset = cpu->regs[insn->reg];
    int64_t bit = size == 8 ? (int64_t)offset : size == 4 ? (int32_t)offset : (int16_t)offset;
    gaddr_t unit = helper_operand(cpu, insn) + (gaddr_t)((bit >> shift) * (int64_t)size);
    gaddr_t byte = unit + (gaddr_t)((bit & (size * 8 - 1)) >> 3), word = byte & ~(gaddr_t)3;
    const uint32_t mask = 1u << ((byte & 3) * 8 + (bit & 7));
    uint64_t value = 0;
    uint32_t old;
    int leave = insn->opcode == 0xa3 ? 0 : helper_write_probe(cpu, unit, size);
    if (!leave) {
        leave = helper_read(cpu, &value, unit, size);
    }
    if (!leave) {
        leave = helper_read(cpu, &old, word, sizeof old);
    }
    for (bool done = insn->opcode == 0xa3; !leave && !done;) {
        uint32_t seen = old, changed = insn->opcode == 0xab   ? old | mask
                                       : insn->opcode == 0xb3 ? old & ~mask
                                                              : old ^ mask;
        if (guest_cmpxchg32(cpu->space, word, &seen, changed)) {
            leave = helper_write(cpu, word, &changed, sizeof changed);
            break;
        }
        done = seen == old;
        old = seen;
    }
    if (!leave) {
        cpu->flags = (cpu->flags & ~(uint64_t)FLAG_CF) | (old & mask ? FLAG_CF : 0);
    }
    return leave;
}

/* VMASKMOVPS and its like: of elements whose mask is 0 it does not matter where they would be. */
static int masked(struct cpu *cpu, const struct insn *insn, unsigned element) {
    const unsigned bytes = insn->vex_l ? 32 : 16;
    const uint8_t *mask = cpu->ymm[insn->vvvv];
    const bool store = variants[insn->variant].writes;
    gaddr_t at = helper_operand(cpu, insn);
    uint8_t *reg = cpu->ymm[insn->reg], value[32] = {0};
    int leave = 0;
    for (unsigned pass = store ? 0 : 1; pass < 2; pass++) { /* first: may all be written? */
        for (unsigned i = 0; i < bytes && !leave; i += element) {
            if (mask[i + element - 1] & 0x80) {
                leave = !store ? helper_read(cpu, value + i, at + i, element)
                        : pass ? helper_write(cpu, at + i, reg + i, element)
                               : helper_write_probe(cpu, at + i, element);
            }
        }
    }
    if (!leave && !store) {
        memcpy(reg, value, sizeof value);
        cpu->upper = 1;
    }
    return leave;
}

static int one_byte(struct cpu *cpu, const struct insn *insn) {
    const uint8_t op = insn->opcode;
    if (op < 0x58) {
        return push(cpu, cpu->regs[opcode_register(insn)], insn->opsize);
    }
    if (op < 0x60) {
        return pop(cpu, insn, false, opcode_register(insn));
    }
    switch (op) {
    case 0x68:
    case 0x6a:
        return push(cpu, (uint64_t)insn->imm, insn->opsize);
    case 0x8f:
        return pop(cpu, insn, insn->is_mem, insn->rm);
    case 0x9c:
        return push(cpu, cpu_eflags(cpu) & ~(FLAG_RF | 0x20000u), insn->opsize);
    case 0xc2:
    case 0xc3:
        return ret(cpu, insn);
    case 0xc9:
        return leave_frame(cpu, insn);
    case 0xe8: {
        int leave = push(cpu, after(insn), 8);
        return leave ? leave : go_to(cpu, (uint64_t)insn->imm);
    }
    case 0xff:
        return group5(cpu, insn);
    default:
        return helper_trap(cpu, TRAP_UD, 0);
    }
}

int helper_wide(struct cpu *cpu, const uint64_t *unused) {
    struct insn insn;
    if (!helper_insn(cpu, &insn)) {
        return EXIT_LOOKUP; /* it changed meanwhile */
    }
    const uint64_t params[] = {after(&insn), insn_raw(&insn), (uint64_t)insn.imm};
    const uint8_t op = insn.opcode;
    if (wide_way(cpu->mode, &insn) != WIDE_HELPER) {
        return EXIT_LOOKUP;
    }
    if (rows[insn.row].flags & ROW_STRING && !(insn.map == MAP_0F || insn.map == MAP_VEX_0F)) {
        return op == 0xd7 ? helper_xlat(cpu, params) : helper_string(cpu, params);
    }
    if (rows[insn.row].flags & (ROW_MASK4 | ROW_MASK8)) {
        return masked(cpu, &insn, rows[insn.row].flags & ROW_MASK4 ? 4 : 8);
    }
    if (insn.map == MAP_1BYTE) {
        return op == 0xd7 ? helper_xlat(cpu, params) : one_byte(cpu, &insn);
    }
    switch (op) {
    case 0xa0:
    case 0xa8:
        return push(cpu, cpu->seg[op == 0xa0 ? SEG_FS : SEG_GS].selector, insn.opsize);
    case 0xf7:
        return insn.vex || insn.opsize_prefix ? helper_maskmovdqu(cpu, params)
                                              : helper_maskmov(cpu, params);
    default:
        return bit_string(cpu, &insn);
    }
}
