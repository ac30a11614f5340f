/* A decoded guest instruction, and the decoder's interface. First stage of a block's way:
 * guest bytes -> decode -> block -> lower -> link -> fiber. */
#ifndef FG_CORE_INSN_H
#define FG_CORE_INSN_H

#include "core/decode/rows.h"
#include "core/base/types.h"

#define INSN_MAX_BYTES 15
#define INSN_NO_SEG    0xff

struct insn {
    gaddr_t pc;
    uint16_t row;     /* into rows[]; 0 when undecodable (#UD) */
    uint16_t variant; /* into variants[]; 0: #UD */
    uint8_t len;      /* bytes, 1..15; of an undecodable one: how far decoding came */
    uint8_t opsize;   /* 2, 4, 8 */
    uint8_t addrsize; /* 2, 4, 8 */
    uint8_t seg;      /* override prefix SEG_*, or INSN_NO_SEG; x86-64: FS or GS */
    uint8_t rep;      /* 0, 0xf2, 0xf3: the last one given */
    bool lock, opsize_prefix;
    uint8_t opcode;              /* last opcode byte */
    uint8_t map;                 /* MAP_* */
    uint8_t rex;                 /* REX prefix, 0: none (byte registers 4..7 are then AH..BH) */
    uint8_t modrm, mod, reg, rm; /* raw fields; REX bits included in reg and rm */
    bool has_modrm, is_mem;
    int8_t base, index;   /* registers, -1: none; with addrsize 2: base is ModRM.rm, 8: absolute */
    uint8_t scale;        /* 0..3 */
    uint8_t vector_index; /* of rows with a vector of addresses; index is -1 then */
    int64_t disp;         /* RIP-relative operands: the absolute address, base -1 */
    int64_t imm;          /* extended as the row says; branch offsets: the absolute target */
    uint32_t imm2;

    bool vex; /* has a VEX prefix; rep and opsize_prefix are then what its pp stands for */
    bool vex_l, vex_w;
    uint8_t vvvv; /* register in VEX.vvvv; its high bit is ignored in 32-bit mode */
};

enum decode_status {
    DECODE_OK,
    DECODE_UD,       /* no such instruction: #UD */
    DECODE_TOO_LONG, /* over 15 bytes: #GP */
    DECODE_MORE,     /* the bytes end within the instruction (page end: the fetch may fault) */
};

/* Decode one instruction from `bytes` (at most `size` of them are looked at). Pure: no locks, no
 * state. Source: SDM Vol. 2A chapter 2. */
enum decode_status decode(struct insn *insn, enum guest_mode mode, gaddr_t pc, const uint8_t *bytes,
                          size_t size);

/* The instruction as P_RAW has it. */
uint64_t insn_raw(const struct insn *insn);

#endif
