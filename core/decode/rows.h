/* Shape of the generated tables: spec rows, their variants, the gadgets of a variant, opcode maps.
 *
 * The generator fills them (build/gen/rows.c, build/gen/opmap.c); decode.c reads the maps, lower.c
 * turns an instruction and its row into slots. Nothing in C knows a single instruction: what is
 * special about one is in its row.
 *
 * A slot is 8 bytes. A gadget's slots: slot 0 is its address, then its parameters in the order of
 * step.param, each at the next multiple of its own size (4 or 8; all of a helper's gadget have 8),
 * padded to 8 at the end. The fiber register points at slot 0, so that the first parameter is at
 * offset 8. */
#ifndef FG_CORE_ROWS_H
#define FG_CORE_ROWS_H

#include "core/base/types.h"

struct cpu;

/* An entry of a table of gadgets: how far the gadget is from the entry itself; 0: there is none.
 * Half as long as an address, and the same wherever the program is loaded. */
typedef struct {
    int32_t distance;
} gadget_ref;

/* The gadget of an entry; NULL: none. */
static inline const void *gadget_at(const gadget_ref *table, size_t entry) {
    const gadget_ref *ref = &table[entry];
    return ref->distance ? (const char *)ref + ref->distance : NULL;
}

/* What selects a gadget of a table; a table index is the mixed-radix number of its index kinds, the
 * first kind most significant. */
enum index_kind {
    IX_NONE,
    IX_REG,     /* ModRM.reg; byte operands: 4..7 are AH CH DH BH */
    IX_RM,      /* ModRM.rm when mod = 3 */
    IX_OPREG,   /* low 3 bits of the opcode */
    IX_BASE,    /* memory operand: by base register, none or EA register (struct guest_shape) */
    IX_COND,    /* low 4 bits of the opcode */
    IX_IMM,     /* the immediate, modulo the radix */
    IX_COPY,    /* one of several equal gadgets, in turn (templates/<host>/mapping: copies) */
    IX_IMM_SAT, /* the immediate, at most radix - 1 */
    IX_VVVV,    /* register in VEX.vvvv */
    IX_IS4,     /* register in the immediate's high four bits */
};
/* What the entries of an index are, of those that are numbers of registers. */
enum index_class {
    IX_OTHER,
    IX_GENERAL, /* general registers of 16 bits and more */
    IX_BYTE,    /* byte registers */
    IX_VECTOR,  /* XMM registers */
};

/* Registers of a guest mode, and how the indices by them are numbered. `resident` of the general
 * and of the XMM registers are host registers while gadgets run and have an entry each, the others
 * share the one after them. */
struct guest_shape {
    uint8_t registers, resident;
    uint8_t base_none; /* IX_BASE: an operand without base register, whose address is P_DISP */
    uint8_t base_ea;   /* IX_BASE: the address is in the EA register */
};
extern const struct guest_shape guest_shapes[GUEST_MODES];

/* Parameters of a gadget. 8 bytes: TARGET, FALL, HELPER, PC, NEXT; the others 4 bytes. */
enum param_kind {
    P_NONE,
    P_DISP,   /* displacement of the memory operand; 0 when its address is in the EA register */
    P_IMM,    /* first immediate, sign- or zero-extended to 32 bits as the row says */
    P_IMM2,   /* second immediate (ENTER, far pointers) */
    P_PC,     /* address of the instruction */
    P_NEXT,   /* address of the next instruction */
    P_RAW,    /* modrm | opcode << 8 | opsize << 16 | seg << 24 (0xff none), for helpers; without
                 ModRM the low byte is: 1 16-bit addressing, 2 F3 prefix, 4 F2 prefix */
    P_TARGET, /* link slot: entry of the taken branch's fiber (its exit stub until linked) */
    P_FALL,   /* link slot: entry of the fiber at the next instruction */
    P_HELPER, /* step.helper */
};

/* A C helper: called with the guest state saved in *cpu (cpu->ea: address of the memory operand)
 * and the gadget's parameters after P_HELPER and P_PC, sign-extended. cpu->pc is that of the
 * instruction. Returns 0 to go on with the next gadget, or an enum exit_reason to leave (with
 * cpu->trap... filled for EXIT_TRAP, and cpu->pc set as it shall be then). */
typedef int (*helper_fn)(struct cpu *cpu, const uint64_t *params);

struct index_spec {
    uint8_t kind;  /* enum index_kind */
    uint8_t class; /* enum index_class */
    uint16_t radix;
};

/* One gadget of an instruction's sequence. */
struct step {
    const gadget_ref *table;      /* no gadget: not generated (lower.c falls back to #UD) */
    const gadget_ref *table_dead; /* the same where no flag is read later; NULL: no difference */
    helper_fn helper;
    uint32_t id, id_dead; /* number of the tables' first entry, for n-grams (ngram.h) */
    struct index_spec index[3];
    uint8_t param[5];
    uint8_t size; /* bytes, slot 0 included */
};

/* How a memory operand reaches the gadgets. */
enum mem_mode {
    MEM_NONE, /* no memory operand, or implicit (string, stack) */
    MEM_BASE, /* first step takes IX_BASE and P_DISP; an EA prelude only where index/seg/addr16 */
    MEM_EA,   /* always an EA prelude; the steps read the EA register */
    MEM_LEA,  /* as MEM_BASE, without segment base (LEA) */
    MEM_POP,  /* as MEM_EA; an ESP base counts as after the increment by the operand size (POP m) */
};

enum block_end {
    BLOCK_GOES_ON,
    BLOCK_ENDS,      /* branch, trap: nothing follows */
    BLOCK_ENDS_NEXT, /* goes on at the next instruction in a new block (segment loads, popf with TF)
                      */
};

struct variant {
    const struct step *step;
    uint8_t steps;         /* 0: no gadgets were made for this guest mode */
    uint8_t mem;           /* enum mem_mode */
    uint8_t end;           /* enum block_end */
    bool stores;           /* may write guest memory (checked code ends its block after it) */
    bool writes;           /* writes its explicit memory operand: #GP with a CS override */
    uint8_t align;         /* bytes to which that must be aligned (#GP), 1: to none */
    uint16_t bytes;        /* its width; 0: none, or no access */
    uint16_t flags_read;   /* FLAG_* bits; all of them when it may fault: the frame shows them */
    uint16_t flags_killed; /* written, forced or undefined */
    /* Gadgets of this (single-step) variant fused with a following Jcc: indexed by the step's
     * index, then the condition; parameters: the step's, then P_TARGET, P_FALL (each at its next
     * multiple); NULL: none. */
    const gadget_ref *fuse_jcc;
    uint32_t fuse_id; /* number of that table's first entry */
    /* Number of the variant that takes its place, with a C helper, where the host lacks the row's
     * feature; 0: none. decode() has done so. */
    uint16_t portable;
};

enum imm_kind {
    IMM_NONE,
    IMM_B,     /* 8 bits, zero-extended */
    IMM_BS,    /* 8 bits, sign-extended to the operand size */
    IMM_W,     /* 16 bits */
    IMM_Z,     /* 16 or 32 bits by operand size (sign-extended for 64) */
    IMM_V,     /* 16, 32 or 64 bits by operand size */
    IMM_WB,    /* 16 bits, then 8 into imm2 (ENTER) */
    IMM_FAR,   /* offset of operand size, then 16-bit selector into imm2 */
    IMM_MOFFS, /* absolute address of address size: becomes the memory operand's displacement */
    IMM_JB,    /* branch offset, 8 bits */
    IMM_JZ,    /* branch offset, 16 or 32 bits by operand size */
};

enum {
    PFX_NONE,
    PFX_LOCK_REP,
    PFX_REPNE,
    PFX_COUNT
}; /* which variant of a row the prefixes choose */

#define ROW_MODRM   1   /* has a ModRM byte */
#define ROW_LOCK    2   /* LOCK allowed with a memory destination */
#define ROW_BYTE    4   /* operand size is 8 whatever the prefixes */
#define ROW_REP     8   /* string instruction: F2/F3 select a variant */
#define ROW_STRING  16  /* memory operands are implicit; a segment override applies to the source */
#define ROW_MEMONLY 32  /* mod = 3 is #UD */
#define ROW_REGONLY 64  /* mod != 3 is #UD */
#define ROW_DEF64   128 /* operand size defaults to 64 in 64-bit mode */
#define ROW_VVVV    256 /* VEX.vvvv is an operand; without it, it must be 1111b */
#define ROW_FORCE64 512 /* operand size is 64 in 64-bit mode, whatever the prefixes */
/* Only elements of the memory operand are accessed that have their sign in the register VEX.vvvv;
 * of 4 or 8 bytes. */
#define ROW_MASK4 1024
#define ROW_MASK8 2048
#define ROW_VSIB  4096 /* the memory operand's index is a vector register */

struct row {
    const char *mnemonic; /* "ADD" */
    const char *cite;     /* "alu.x86:12: 01 /r MR Ev Gv" */
    uint16_t flags;       /* ROW_* */
    uint8_t imm;          /* enum imm_kind */
    uint8_t seg;          /* default segment of an implicit operand, SEG_* */
    uint8_t feature;      /* number for cpuid_has(); 0: there without a bit */
    uint8_t feature2;     /* another one that must be there, too; 0: none */
};

/* The ways in which a row is encoded for a guest mode. */
struct row_forms {
    uint16_t variant[3][2][PFX_COUNT]; /* [operand size 2,4,8][memory operand?][prefix]; 0: #UD */
};

/* Opcode maps: [guest mode][map][opcode byte] is an opnode. 0 is #UD; below OPNODE_SPLIT a row
 * number, else OPNODE_SPLIT + index into opsplits. */
enum {
    MAP_1BYTE,
    MAP_0F,
    MAP_0F38,
    MAP_0F3A,
    MAP_VEX_0F, /* after a VEX prefix with mmmmm = 1, 2, 3 */
    MAP_VEX_0F38,
    MAP_VEX_0F3A,
    MAP_COUNT
};
typedef uint16_t opnode;
#define OPNODE_SPLIT 0x8000

enum split_kind {
    SPLIT_PREFIX,   /* next[0..3]: no mandatory prefix, 66, F3, F2 (F2/F3 win over 66); VEX.pp */
    SPLIT_REG,      /* next[ModRM.reg], without REX.R */
    SPLIT_MOD,      /* next[0] memory, next[1] register */
    SPLIT_RM,       /* next[ModRM.rm], without REX.B */
    SPLIT_OPSIZE,   /* next[0] 16, next[1] 32, next[2] 64 */
    SPLIT_ADDRSIZE, /* next[0] 16, next[1] 32, next[2] 64 */
    SPLIT_SEG,      /* next[0] no override or ES CS SS DS (flat), next[1] FS or GS override */
    SPLIT_VEX_L,    /* next[VEX.L] */
    SPLIT_VEX_W,    /* next[VEX.W] */
    SPLIT_REX_R,    /* next[REX.R] */
    SPLIT_REX_B,    /* next[REX.B] */
    SPLIT_FEATURE,  /* next[1]: the row, next[0]: what it is where the row's feature is not there */
};
struct opsplit {
    uint8_t kind;
    opnode next[8];
};

extern const struct row rows[];
extern const uint16_t row_count;
extern const struct row_forms *const row_forms[GUEST_MODES]; /* by row number */
extern const struct variant variants[];
extern const uint16_t variant_count;
extern const opnode opmap[GUEST_MODES][MAP_COUNT][256];
extern const struct opsplit opsplits[];
/* Bit per [guest mode][map][opcode]: a ModRM byte follows (also for opcodes that are #UD after
 * it). */
extern const uint8_t opmap_modrm[GUEST_MODES][MAP_COUNT][32];

/* Prelude gadgets that compute an address into the EA register. 32-bit addressing:
 * ea_tables.index[base 0..8][index 0..7 (4: none)][scale 0..3], parameter P_DISP;
 * 16-bit: ea_tables.addr16[form 0..8] (ModRM.rm 0..7, 8: absolute), P_DISP;
 * add_seg[SEG_*]: adds the segment's base to the EA register; string source overrides use it too.
 */
enum wide_gadget { WIDE_IN, WIDE_OUT, WIDE_CALL };
struct ea_tables {
    const gadget_ref *index;
    const gadget_ref *addr16;
    const gadget_ref *add_seg;
    const gadget_ref *trunc32; /* x86-64: cuts the EA register to 32 bits (address size prefix) */
    /* x86-64: probes of native code, two for each resident register and for one at home: with a
     * displacement, and without; two for the EA register */
    const gadget_ref *probe;
    const gadget_ref *lead; /* x86-64: slot 0 of native code that relies on the stack pointer */
    const gadget_ref *wide; /* x86-64: what is beyond the window, by enum wide_gadget */
    helper_fn wide_helper;  /* what WIDE_CALL calls: decodes the instruction at cpu->pc again */
    uint32_t index_id;      /* number of index's first entry; the others are in no n-gram */
};
extern const struct ea_tables ea_tables[GUEST_MODES];

/* Gadgets that the fiber code itself needs. */
struct core_gadgets {
    void *poll_stop;   /* comes before every entry */
    void *exit_link;   /* exit stub of a direct branch */
    void *exit_lookup; /* exit stub that is never linked: jump cache, then C */
    void *exit_step;   /* after a one-instruction fiber: leave to C, pc = P_PC parameter */
    void *jump_next;   /* end of a block that just goes on: parameter P_FALL */
    void *trap;        /* parameters P_IMM (vector), P_PC: leave with EXIT_TRAP */
    void *count;       /* --profile: P_HELPER-sized address of a counter */
    void *native_slot; /* stencils of native code (core/native/native.c) */
    void *native_exit;
    void *native_poll;
    void *check;      /* checked code: compares up to 16 guest bytes and counts its runs */
    void *check_more; /* compares 32 (lower.c: emit_checks) */
};
extern const struct core_gadgets core_gadgets[GUEST_MODES];

/* Gadget names for dumps: sorted by address at first use. "" when unknown. */
const char *gadget_name(const void *gadget);

#endif
