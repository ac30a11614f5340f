/* Instructions with operands beyond the window of a 64-bit guest (core/memory/chunks.h): which way
 * they are lowered. Gadgets of a plain operand take it where a prelude led; with that, probes pass
 * whatever they look at, so nothing else may be accessed by such gadgets: the stack, strings, what
 * an instruction finds by a register of its own. */
#include "core/build/block.h"

/* Of those with an explicit operand: PUSH, CALL, JMP, POP; a bit in a register reaches further than
 * its operand. (CALL and JMP end their blocks, POP is MEM_POP.) */
static bool reaches_more(const struct insn *insn) {
    bool push = insn->map == MAP_1BYTE && insn->opcode == 0xff && (insn->reg & 7) == 6;
    bool bits = insn->map == MAP_0F && (insn->opcode == 0xa3 || insn->opcode == 0xab ||
                                        insn->opcode == 0xb3 || insn->opcode == 0xbb);
    bool masked = rows[insn->row].flags & (ROW_MASK4 | ROW_MASK8); /* reaches perhaps nothing */
    return push || bits || masked;
}

/* Of those without: which access memory. */
static bool reaches_unsaid(const struct insn *insn) {
    const uint8_t op = insn->opcode;
    if (rows[insn->row].flags & ROW_STRING) {
        return true;
    }
    if (insn->map == MAP_0F || insn->map == MAP_VEX_0F) { /* PUSH FS, PUSH GS; MASKMOVQ, ...DQU */
        return (!insn->vex && (op == 0xa0 || op == 0xa8)) || op == 0xf7;
    }
    if (insn->map != MAP_1BYTE) {
        return false;
    }
    bool push = (op >= 0x50 && op < 0x60) || op == 0x68 || op == 0x6a || op == 0x9c;
    bool call = op == 0xe8 || op == 0xc2 || op == 0xc3 || op == 0xc9;
    bool by_register = (op == 0xff && ((insn->reg & 7) == 2 || (insn->reg & 7) == 6)) || op == 0x8f;
    return push || call || by_register || op == 0xd7; /* XLAT */
}

enum wide_way wide_way(enum guest_mode mode, const struct insn *insn) {
    const struct variant *variant = &variants[insn->variant];
    if (mode != GUEST_X86_64 || !variant->steps || variant->mem == MEM_LEA) {
        return WIDE_NOT;
    }
    for (unsigned i = 0; i < variant->steps; i++) {
        if (variant->step[i].helper) {
            return WIDE_NOT;
        }
    }
    if (!insn->is_mem || variant->mem == MEM_NONE) {
        return reaches_unsaid(insn) ? WIDE_HELPER : WIDE_NOT;
    }
    bool plain = variant->end == BLOCK_GOES_ON && variant->mem != MEM_POP && !reaches_more(insn);
    return plain ? WIDE_OPERAND : WIDE_HELPER;
}
