/* Compares what struct insn says of operands with Zydis' decoded operands (see operands.h). Zydis
 * names where each operand is encoded; what is in ModRM, the opcode, VEX.vvvv or after them must be
 * the same there. Operands that an instruction has by itself are the spec's, and not compared here.
 */
#include "test/decoder/operands.h"
#include "core/decode/rows.h"

/* The register's number in its class, as an encoding has it: AH to BH are 4 to 7, as SPL to DIL
 * are, which *high tells apart. -1: none. */
static int number_of(ZydisRegister reg, bool *high) {
    *high = reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH;
    if (*high) {
        return 4 + (reg - ZYDIS_REGISTER_AH);
    }
    if (reg >= ZYDIS_REGISTER_AL && reg <= ZYDIS_REGISTER_BL) {
        return reg - ZYDIS_REGISTER_AL;
    }
    if (reg >= ZYDIS_REGISTER_SPL && reg <= ZYDIS_REGISTER_R15B) {
        return 4 + (reg - ZYDIS_REGISTER_SPL);
    }
    return reg == ZYDIS_REGISTER_NONE ? -1 : ZydisRegisterGetId(reg);
}

static bool is_class(ZydisRegister reg, ZydisRegisterClass class) {
    return ZydisRegisterGetClass(reg) == class;
}

static const char *register_differs(const struct insn *insn, enum guest_mode mode,
                                    const ZydisDecodedOperand *operand) {
    ZydisRegister reg = operand->reg.value;
    bool high, byte = is_class(reg, ZYDIS_REGCLASS_GPR8);
    int number = number_of(reg, &high), ours = -1;
    switch (operand->encoding) {
    case ZYDIS_OPERAND_ENCODING_MODRM_REG:
        ours = insn->reg;
        break;
    case ZYDIS_OPERAND_ENCODING_MODRM_RM:
        ours = insn->rm;
        break;
    case ZYDIS_OPERAND_ENCODING_OPCODE:
        ours = (insn->opcode & 7) | (insn->rex & 1) << 3;
        break;
    case ZYDIS_OPERAND_ENCODING_NDSNDD:
        ours = mode == GUEST_I386 ? insn->vvvv & 7 : insn->vvvv; /* the high bit is ignored */
        break;
    default:
        return NULL; /* the instruction's own */
    }
    if (is_class(reg, ZYDIS_REGCLASS_MMX) || is_class(reg, ZYDIS_REGCLASS_X87) ||
        is_class(reg, ZYDIS_REGCLASS_SEGMENT)) {
        ours &= 7; /* of these REX bits mean nothing */
    }
    if (number != ours) {
        return "register";
    }
    return byte && number > 3 && number < 8 && high != (insn->rex == 0) ? "byte register" : NULL;
}

/* 16-bit addressing: ModRM.rm for a pair of registers. */
static int form16(const ZydisDecodedOperand *operand) {
    ZydisRegister base = operand->mem.base, index = operand->mem.index;
    switch (base) {
    case ZYDIS_REGISTER_NONE:
        return 8;
    case ZYDIS_REGISTER_SI:
        return 4;
    case ZYDIS_REGISTER_DI:
        return 5;
    case ZYDIS_REGISTER_BX:
        return index == ZYDIS_REGISTER_NONE ? 7 : index == ZYDIS_REGISTER_SI ? 0 : 1;
    case ZYDIS_REGISTER_BP:
        return index == ZYDIS_REGISTER_NONE ? 6 : index == ZYDIS_REGISTER_SI ? 2 : 3;
    default:
        return -1;
    }
}

static const char *address_differs(const struct insn *insn, const ZydisDecodedInstruction *z,
                                   const ZydisDecodedOperand *operand) {
    bool high;
    int base = number_of(operand->mem.base, &high), index = number_of(operand->mem.index, &high);
    int64_t disp = operand->mem.disp.has_displacement ? operand->mem.disp.value : 0;
    int our_index = rows[insn->row].flags & ROW_VSIB ? insn->vector_index : insn->index;
    if (!insn->is_mem) {
        return "memory operand";
    }
    if (insn->addrsize == 2) {
        if (form16(operand) != insn->base || (uint16_t)disp != (uint16_t)insn->disp) {
            return "16-bit address";
        }
        return NULL;
    }
    if (is_class(operand->mem.base, ZYDIS_REGCLASS_IP)) {
        ZyanU64 absolute;
        ZydisCalcAbsoluteAddress(z, operand, insn->pc, &absolute);
        return insn->base != -1 || our_index != -1 || insn->disp != (int64_t)absolute
                   ? "RIP-relative address"
                   : NULL;
    }
    int64_t ours = insn->disp;
    if (insn->addrsize == 4) {
        ours = (int32_t)ours;
        disp = (int32_t)disp;
    }
    bool no_base = insn->mod == 0 && insn->base < 0; /* SDM Table 2-5: REX.B does not count */
    if (no_base && base == 13 && insn->addrsize == 4 && insn->rex & 1) {
        return index != our_index ? "index" : NULL; /* Zydis 4.0 takes it for R13D here */
    }
    if (base != insn->base || index != our_index || ours != disp) {
        return "address";
    }
    return index >= 0 && operand->mem.scale != 1 << insn->scale ? "scale" : NULL;
}

/* The segment of an explicit memory operand: an override counts, in 64-bit mode FS and GS alone. */
static const char *segment_differs(const struct insn *insn, const ZydisDecodedOperand *operand) {
    static const ZydisRegister segments[] = {ZYDIS_REGISTER_ES, ZYDIS_REGISTER_CS,
                                             ZYDIS_REGISTER_SS, ZYDIS_REGISTER_DS,
                                             ZYDIS_REGISTER_FS, ZYDIS_REGISTER_GS};
    ZydisRegister theirs = operand->mem.segment;
    if (insn->seg != INSN_NO_SEG) {
        return segments[insn->seg] != theirs ? "segment" : NULL;
    }
    return theirs == ZYDIS_REGISTER_FS || theirs == ZYDIS_REGISTER_GS ? "segment" : NULL;
}

static const char *immediate_differs(const struct insn *insn, enum guest_mode mode,
                                     const ZydisDecodedInstruction *z,
                                     const ZydisDecodedOperand *operand, unsigned which) {
    if (operand->encoding == ZYDIS_OPERAND_ENCODING_NONE) {
        return NULL; /* the 1 of a shift */
    }
    uint64_t ours = which ? insn->imm2 : (uint64_t)insn->imm, theirs = operand->imm.value.u;
    if (operand->imm.is_relative) {
        ZydisCalcAbsoluteAddress(z, operand, insn->pc, &theirs);
        return (ours ^ theirs) & (mode == GUEST_I386 ? 0xffffffff : ~UINT64_C(0)) ? "branch target"
                                                                                  : NULL;
    }
    uint64_t mask = operand->size < 64 ? (UINT64_C(1) << operand->size) - 1 : ~UINT64_C(0);
    return (ours ^ theirs) & mask ? "immediate" : NULL;
}

/* Sizes by prefix, where Zydis has one: its operand width is 8 where the size is a byte.
 * MOVDIR64B's register is an address and as wide as one, whatever REX.W says. */
static const char *sizes_differ(const struct insn *insn, const ZydisDecodedInstruction *z,
                                const ZydisDecodedOperand *operand) {
    if (z->address_width != insn->addrsize * 8) {
        return "address size";
    }
    for (unsigned i = 0; i < z->operand_count_visible && z->mnemonic != ZYDIS_MNEMONIC_MOVDIR64B;
         i++) {
        bool general = operand[i].type == ZYDIS_OPERAND_TYPE_REGISTER &&
                       operand[i].encoding == ZYDIS_OPERAND_ENCODING_MODRM_REG &&
                       ZydisRegisterGetClass(operand[i].reg.value) == ZYDIS_REGCLASS_GPR64;
        if (general && insn->opsize != 8) {
            return "operand size";
        }
    }
    return NULL;
}

const char *operands_differ(const struct insn *insn, enum guest_mode mode,
                            const ZydisDecodedInstruction *z, const ZydisDecodedOperand *operand) {
    const char *why = sizes_differ(insn, z, operand);
    unsigned immediates = 0;
    if (!!(z->attributes & ZYDIS_ATTRIB_HAS_LOCK) != insn->lock) {
        why = "lock";
    }
    for (unsigned i = 0; i < z->operand_count_visible && !why; i++) {
        const ZydisDecodedOperand *o = &operand[i];
        switch (o->type) {
        case ZYDIS_OPERAND_TYPE_REGISTER:
            why = register_differs(insn, mode, o);
            break;
        case ZYDIS_OPERAND_TYPE_MEMORY:
            if (o->encoding == ZYDIS_OPERAND_ENCODING_MODRM_RM ||
                o->encoding == ZYDIS_OPERAND_ENCODING_DISP16_32_64) {
                why = address_differs(insn, z, o);
                why = why || o->mem.type == ZYDIS_MEMOP_TYPE_AGEN ? why : segment_differs(insn, o);
            }
            break;
        case ZYDIS_OPERAND_TYPE_IMMEDIATE:
            why = immediate_differs(insn, mode, z, o, immediates++);
            break;
        default:
            break;
        }
    }
    return why;
}
