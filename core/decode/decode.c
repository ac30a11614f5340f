/* The decoder: guest bytes to struct insn, by the generated opcode maps. First stage of a block's
 * way.
 *
 * Nothing here knows an instruction: prefixes, ModRM, SIB, displacement and immediate are fetched
 * as SDM Vol. 2A chapter 2 lays them out, the maps and the row say which of them there are. */
#include "core/cpu/cpu.h"
#include "core/decode/cpuid.h"
#include "core/decode/insn.h"

#include <string.h>

/* decode() is compiled once for each mode: 32-bit mode pays nothing for REX. */
#define PER_MODE static inline __attribute__((always_inline))

enum { REX_B = 1, REX_X = 2, REX_R = 4, REX_W = 8 };

struct cursor {
    const uint8_t *bytes;
    size_t size, at; /* at <= size */
    bool more;       /* wanted a byte after the end */
};

PER_MODE uint64_t fetch(struct cursor *c, unsigned count) {
    uint64_t value = 0;
    if (c->size - c->at < count) {
        c->at = c->size;
        c->more = true;
        return 0;
    }
    memcpy(&value, c->bytes + c->at, count);
    c->at += count;
    return value;
}

PER_MODE int64_t sign_extend(uint64_t value, unsigned bytes) {
    unsigned shift = 64 - 8 * bytes;
    return (int64_t)(value << shift) >> shift;
}

/* Displacement and registers of a memory operand with 16-bit addressing (SDM Table 2-1). */
PER_MODE void decode_mem16(struct insn *insn, struct cursor *c) {
    insn->index = -1;
    insn->base = (int8_t)insn->rm;
    if (insn->mod == 0 && insn->rm == 6) {
        insn->base = 8;
        insn->disp = (int64_t)fetch(c, 2);
    } else if (insn->mod == 1) {
        insn->disp = sign_extend(fetch(c, 1), 1);
    } else if (insn->mod == 2) {
        insn->disp = sign_extend(fetch(c, 2), 2);
    }
}

/* The same with 32- and 64-bit addressing (SDM Tables 2-2, 2-3 and 2-5). */
PER_MODE void decode_mem32(struct insn *insn, struct cursor *c) {
    unsigned base = insn->rm;
    insn->index = -1;
    if ((base & 7) == 4) {
        unsigned sib = (unsigned)fetch(c, 1);
        unsigned index = (sib >> 3 & 7) | (insn->rex & REX_X) << 2;
        base = (sib & 7) | (base & 8);
        insn->index = index == 4 ? -1 : (int8_t)index;
        insn->scale = (uint8_t)(sib >> 6);
    }
    insn->base = (int8_t)base;
    if (insn->mod == 0 && (base & 7) == 5) {
        insn->base = -1;
        insn->disp = sign_extend(fetch(c, 4), 4);
    } else if (insn->mod == 1) {
        insn->disp = sign_extend(fetch(c, 1), 1);
    } else if (insn->mod == 2) {
        insn->disp = sign_extend(fetch(c, 4), 4);
    }
}

/* Is `byte`, an opcode, the first of a VEX prefix? In 32-bit mode it is that of LES or LDS where
 * the next byte, as their ModRM, is a memory operand (SDM Vol. 2A, 2.3.5). */
static bool is_vex(const struct cursor *c, enum guest_mode mode, uint8_t byte) {
    return (byte == 0xc4 || byte == 0xc5) &&
           (mode != GUEST_I386 || (c->at < c->size && c->bytes[c->at] >= 0xc0));
}

/* The VEX prefix that begins with `byte`, and the opcode after it (SDM Vol. 2A, 2.3.5). In 32-bit
 * mode R, X and B are no register bits. Returns the opcode; false in *legal when the combination is
 * #UD whatever follows (LOCK is, as no row with VEX allows it). */
static uint8_t take_vex(struct insn *insn, struct cursor *c, enum guest_mode mode, uint8_t byte,
                        bool *legal) {
    unsigned map = 1, last = (unsigned)fetch(c, 1);
    unsigned registers = ~last >> 5 & REX_R; /* as REX has them */
    *legal = !insn->rep && !insn->opsize_prefix && !insn->rex;
    if (byte == 0xc4) {
        registers = ~last >> 5 & (REX_R | REX_X | REX_B);
        map = last & 31;
        last = (unsigned)fetch(c, 1);
        insn->vex_w = last >> 7;
    }
    if (map < 1 || map > 3) {
        *legal = false;
        map = 1;
    }
    static const uint8_t rep[4] = {0, 0, 0xf3, 0xf2};
    insn->vex = true;
    insn->map = (uint8_t)(MAP_VEX_0F + map - 1);
    insn->vvvv = ~last >> 3 & 15;
    insn->vex_l = last >> 2 & 1;
    insn->opsize_prefix = (last & 3) == 1;
    insn->rep = rep[last & 3];
    insn->opsize = 4;
    if (mode != GUEST_I386) {
        insn->opsize = insn->vex_w ? 8 : 4;
        insn->rex = (uint8_t)registers;
    }
    return (uint8_t)fetch(c, 1);
}

/* A VEX.vvvv that is no operand must be 1111b, in 32-bit mode too. */
static bool vex_fits(const struct insn *insn, const struct row *row) {
    return insn->vvvv == 0 || row->flags & ROW_VVVV;
}

/* Make the index of a memory operand a vector register. False: #UD, without SIB byte, or where two
 * of the three registers are the same (SDM Vol. 2A, 2.3.12). */
static bool take_vsib(struct insn *insn, enum guest_mode mode) {
    unsigned mask = mode == GUEST_I386 ? insn->vvvv & 7 : insn->vvvv;
    insn->vector_index = insn->index < 0 ? 4 : (uint8_t)insn->index;
    insn->index = -1;
    return insn->is_mem && (insn->modrm & 7) == 4 && insn->addrsize != 2 && insn->reg != mask &&
           insn->reg != insn->vector_index && mask != insn->vector_index;
}

/* True when `byte` was a prefix and was noted. */
PER_MODE bool take_prefix(struct insn *insn, uint8_t byte) {
    switch (byte) {
    case 0x26:
        insn->seg = SEG_ES;
        return true;
    case 0x2e:
        insn->seg = SEG_CS;
        return true;
    case 0x36:
        insn->seg = SEG_SS;
        return true;
    case 0x3e:
        insn->seg = SEG_DS;
        return true;
    case 0x64:
        insn->seg = SEG_FS;
        return true;
    case 0x65:
        insn->seg = SEG_GS;
        return true;
    case 0x66:
        insn->opsize_prefix = true;
        return true;
    case 0x67:
        insn->addrsize = 2; /* settled by the caller */
        return true;
    case 0xf0:
        insn->lock = true;
        return true;
    case 0xf2:
    case 0xf3:
        insn->rep = byte;
        return true;
    default:
        return false;
    }
}

/* 64-bit mode: prefixes, the last of them perhaps REX, up to the first byte after them. A REX
 * prefix counts directly in front of the opcode alone; ES, CS, SS and DS overrides do nothing (SDM
 * Vol. 2A, 2.2.1; Vol. 1, 3.3.7.1). */
static uint8_t take_prefixes64(struct insn *insn, struct cursor *c) {
    insn->addrsize = 8;
    for (;;) {
        uint8_t byte = (uint8_t)fetch(c, 1), seg = insn->seg;
        if (c->more) {
            return byte;
        }
        if ((byte & 0xf0) == 0x40) {
            insn->rex = byte;
        } else if (take_prefix(insn, byte)) {
            insn->rex = 0;
            insn->seg = insn->seg == SEG_FS || insn->seg == SEG_GS ? insn->seg : seg;
            insn->addrsize = insn->addrsize == 8 ? 8 : 4;
        } else {
            insn->opsize = insn->rex & REX_W ? 8 : insn->opsize;
            return byte;
        }
    }
}

/* 64-bit mode: the operand size of rows that have one of their own. */
static void settle_opsize64(struct insn *insn, const struct row *row) {
    if (row->flags & ROW_FORCE64 || (row->flags & ROW_DEF64 && insn->opsize == 4)) {
        insn->opsize = 8;
    }
}

/* 64-bit mode: make the displacement of mod 0, rm 5 an address (SDM Vol. 2A, 2.2.1.6). */
static void resolve_rip(struct insn *insn) {
    if (insn->has_modrm && insn->mod == 0 && (insn->modrm & 7) == 5) {
        uint64_t addr = insn->pc + insn->len + (uint64_t)insn->disp;
        insn->disp = insn->addrsize == 4 ? (int64_t)(uint32_t)addr : (int64_t)addr;
    }
}

/* Follow the splits of an opcode to its row; 0: no such instruction. */
PER_MODE uint16_t find_row(const struct insn *insn, opnode node) {
    while (node >= OPNODE_SPLIT) {
        const struct opsplit *split = &opsplits[node - OPNODE_SPLIT];
        unsigned next = 0;
        switch (split->kind) {
        case SPLIT_PREFIX:
            next = insn->rep == 0xf2 ? 3 : insn->rep == 0xf3 ? 2 : insn->opsize_prefix;
            break;
        case SPLIT_REG:
            next = insn->reg & 7;
            break;
        case SPLIT_MOD:
            next = insn->mod == 3;
            break;
        case SPLIT_RM:
            next = insn->rm & 7;
            break;
        case SPLIT_OPSIZE:
            next = insn->opsize == 2 ? 0 : insn->opsize == 4 ? 1 : 2;
            break;
        case SPLIT_ADDRSIZE:
            next = insn->addrsize == 2 ? 0 : insn->addrsize == 4 ? 1 : 2;
            break;
        case SPLIT_SEG:
            next = insn->seg == SEG_FS || insn->seg == SEG_GS;
            break;
        case SPLIT_VEX_L:
            next = insn->vex_l;
            break;
        case SPLIT_VEX_W:
            next = insn->vex_w;
            break;
        case SPLIT_REX_R:
            next = insn->rex >> 2 & 1;
            break;
        case SPLIT_REX_B:
            next = insn->rex & REX_B;
            break;
        case SPLIT_FEATURE:
            next = cpuid_has(rows[split->next[1]].feature);
            break;
        }
        node = split->next[next];
    }
    return node;
}

PER_MODE void fetch_immediate(struct insn *insn, struct cursor *c, unsigned imm_kind) {
    unsigned z = insn->opsize == 2 ? 2 : 4;
    switch (imm_kind) {
    case IMM_NONE:
        break;
    case IMM_B:
        insn->imm = (int64_t)fetch(c, 1);
        break;
    case IMM_BS:
        insn->imm = sign_extend(fetch(c, 1), 1);
        break;
    case IMM_W:
        insn->imm = (int64_t)fetch(c, 2);
        break;
    case IMM_Z:
        insn->imm = sign_extend(fetch(c, z), z);
        break;
    case IMM_V:
        insn->imm = sign_extend(fetch(c, insn->opsize), insn->opsize);
        break;
    case IMM_WB:
        insn->imm = (int64_t)fetch(c, 2);
        insn->imm2 = (uint32_t)fetch(c, 1);
        break;
    case IMM_FAR:
        insn->imm = (int64_t)fetch(c, z);
        insn->imm2 = (uint32_t)fetch(c, 2);
        break;
    case IMM_MOFFS:
        insn->is_mem = true;
        insn->base = -1;
        insn->index = -1;
        insn->disp = (int64_t)fetch(c, insn->addrsize);
        if (insn->addrsize == 2) {
            insn->base = 8;
        }
        break;
    case IMM_JB:
        insn->imm = sign_extend(fetch(c, 1), 1);
        break;
    case IMM_JZ:
        insn->imm = sign_extend(fetch(c, z), z);
        break;
    }
}

/* Make a branch offset an absolute target; 16-bit operand size truncates EIP (SDM, Jcc and JMP). */
PER_MODE void resolve_branch(struct insn *insn, enum guest_mode mode) {
    uint64_t target = insn->pc + insn->len + (uint64_t)insn->imm;
    if (mode == GUEST_I386) {
        target = insn->opsize == 2 ? (uint16_t)target : (uint32_t)target;
    }
    insn->imm = (int64_t)target;
}

PER_MODE uint16_t choose_variant(const struct insn *insn, enum guest_mode mode) {
    const struct row *row = &rows[insn->row];
    unsigned size = insn->opsize == 2 ? 0 : insn->opsize == 4 ? 1 : 2;
    unsigned prefix = PFX_NONE;
    if (row->flags & ROW_REP) {
        prefix = insn->rep == 0xf3 ? PFX_LOCK_REP : insn->rep == 0xf2 ? PFX_REPNE : PFX_NONE;
    }
    if (insn->lock) {
        if (!(row->flags & ROW_LOCK) || !insn->is_mem) {
            return 0;
        }
        prefix = PFX_LOCK_REP;
    }
    if (insn->has_modrm && (row->flags & (insn->is_mem ? ROW_REGONLY : ROW_MEMONLY))) {
        return 0;
    }
    uint16_t found = row_forms[mode][insn->row].variant[size][insn->is_mem][prefix];
    uint16_t portable = variants[found].portable;
    bool host = !portable || (cpuid_host_has(row->feature) && cpuid_host_has(row->feature2));
    return host ? found : portable;
}

/* decode() for a mode. */
PER_MODE enum decode_status decode_in(struct insn *insn, enum guest_mode mode, gaddr_t pc,
                                      const uint8_t *bytes, size_t size) {
    struct cursor c = {.bytes = bytes, .size = size < INSN_MAX_BYTES ? size : INSN_MAX_BYTES};
    *insn = (struct insn){
        .pc = pc, .seg = INSN_NO_SEG, .base = -1, .index = -1, .addrsize = 4, .opsize = 4};
    uint8_t byte;
    bool legal = true;

    if (mode == GUEST_I386) {
        do {
            byte = (uint8_t)fetch(&c, 1);
        } while (!c.more && take_prefix(insn, byte));
    } else {
        byte = take_prefixes64(insn, &c);
    }
    if (insn->opsize_prefix && insn->opsize == 4) {
        insn->opsize = 2;
    }
    if (!c.more && is_vex(&c, mode, byte)) {
        byte = take_vex(insn, &c, mode, byte, &legal);
    } else if (!c.more && byte == 0x0f) {
        byte = (uint8_t)fetch(&c, 1);
        insn->map = MAP_0F;
        if (!c.more && (byte == 0x38 || byte == 0x3a)) {
            insn->map = byte == 0x38 ? MAP_0F38 : MAP_0F3A;
            byte = (uint8_t)fetch(&c, 1);
        }
    }
    insn->opcode = byte;
    if (!c.more && opmap_modrm[mode][insn->map][byte / 8] >> (byte % 8) & 1) {
        insn->has_modrm = true;
        insn->modrm = (uint8_t)fetch(&c, 1);
        insn->mod = insn->modrm >> 6;
        insn->reg = insn->modrm >> 3 & 7;
        insn->rm = insn->modrm & 7;
        if (mode != GUEST_I386) {
            insn->reg |= (uint8_t)((insn->rex & REX_R) << 1);
            insn->rm |= (uint8_t)((insn->rex & REX_B) << 3);
        }
        insn->is_mem = insn->mod != 3;
        if (insn->is_mem && !c.more) {
            if (insn->addrsize == 2) {
                decode_mem16(insn, &c);
            } else {
                decode_mem32(insn, &c);
            }
        }
    }
    if (!c.more) {
        insn->row = find_row(insn, opmap[mode][insn->map][byte]);
        if (mode != GUEST_I386) {
            settle_opsize64(insn, &rows[insn->row]);
        }
        fetch_immediate(insn, &c, rows[insn->row].imm);
    }
    insn->len = (uint8_t)c.at;
    if (c.more) {
        return size >= INSN_MAX_BYTES ? DECODE_TOO_LONG : DECODE_MORE;
    }
    const struct row *row = &rows[insn->row];
    if (insn->row == 0 || !legal || !vex_fits(insn, row) || !cpuid_has(row->feature) ||
        !cpuid_has(row->feature2)) {
        return DECODE_UD;
    }
    if (row->flags & ROW_VSIB && !take_vsib(insn, mode)) {
        return DECODE_UD;
    }
    if (row->imm == IMM_JB || row->imm == IMM_JZ) {
        resolve_branch(insn, mode);
    }
    if (mode != GUEST_I386) {
        resolve_rip(insn);
    }
    insn->variant = choose_variant(insn, mode);
    return insn->variant ? DECODE_OK : DECODE_UD;
}

enum decode_status decode(struct insn *insn, enum guest_mode mode, gaddr_t pc, const uint8_t *bytes,
                          size_t size) {
    return mode == GUEST_I386 ? decode_in(insn, GUEST_I386, pc, bytes, size)
                              : decode_in(insn, GUEST_X86_64, pc, bytes, size);
}

uint64_t insn_raw(const struct insn *insn) {
    unsigned rep = insn->rep == 0xf3 ? 1 : insn->rep == 0xf2 ? 2 : 0;
    return insn->modrm | (uint64_t)insn->opcode << 8 | (uint64_t)insn->opsize << 16 |
           (uint64_t)insn->seg << 24 | (uint64_t)insn->rex << 32 | (uint64_t)insn->addrsize << 40 |
           (uint64_t)rep << 44 | (uint64_t)insn->vvvv << 48 | (uint64_t)insn->vector_index << 52 |
           (uint64_t)insn->scale << 56 | (uint64_t)insn->vex_l << 58 | (uint64_t)insn->vex_w << 59 |
           (uint64_t)insn->vex << 60 | (uint64_t)insn->opsize_prefix << 61 |
           (uint64_t)insn->is_mem << 62;
}
