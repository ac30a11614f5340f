/* Blocks: decoded guest instructions on their way to a fiber (block.c), and their lowering to slots
 * (lower.c). */
#ifndef FG_CORE_BLOCK_H
#define FG_CORE_BLOCK_H

#include "core/decode/insn.h"

/* Slot index -> guest pc, one per guest instruction, ascending. */
struct mark {
    uint16_t slot;
    uint16_t part;  /* of the gadget at `slot`: not 0 only within n-grams (ngram.h) */
    uint16_t delta; /* pc - fiber->pc */
};

#define FIBER_MAX_INSNS 64
#define FIBER_MAX_EXITS 2

struct space;

/* How a block's decoding ended. */
enum block_status {
    BLOCK_BUILT,
    BLOCK_FAULT,   /* the first instruction cannot be fetched: fault_addr, fault_error */
    BLOCK_OUTSIDE, /* the first instruction leaves [.., limit): build it elsewhere */
};

struct block {
    enum guest_mode mode; /* set by who asks for it */
    gaddr_t top;          /* where the window ends */
    uint64_t wide;        /* instructions, by bits, whose operands may be beyond it (wide.c) */
    bool no_stack;        /* nothing is known of the stack pointer where it begins */
    gaddr_t shift;   /* of checked code beyond it: what makes its address one from the window on */
    gaddr_t pc, end; /* guest bytes [pc, end) */
    unsigned count;
    bool checked;            /* ends after the first store, gets a check in front */
    bool native;             /* to be lowered for native code (core/native/) */
    helper_fn check;         /* of checked code: called when the bytes have changed */
    bool unwatched;          /* set by block_page_fn: must be decoded again as checked code */
    enum decode_status last; /* of the last instruction: DECODE_OK, or why it is a trap */
    gaddr_t fault_addr;
    uint32_t fault_error;
    struct insn insn[FIBER_MAX_INSNS];
    uint8_t bytes[FIBER_MAX_INSNS * INSN_MAX_BYTES]; /* the guest bytes, of checked code */
};

/* Where a block's bytes come from: makes sure that the page at `addr` may be executed and that
 * writes to it will be noticed (or says `unwatched`); returns false and fills error/addr when it
 * may not be fetched. */
typedef bool (*block_page_fn)(struct space *space, gaddr_t addr, struct block *block);

/* Decode from `pc` at most `max` instructions, ending at a branch, at the page's end, at `limit`
 * (the end of the code region), or at an undecodable instruction (which becomes a trap). */
enum block_status block_decode(struct block *block, struct space *space, gaddr_t pc, gaddr_t limit,
                               unsigned max, bool checked, block_page_fn page);

/* Gadgets in front of checked code. The first has a count that goes down with each run. */
#define CHECK_BYTES     16
#define CHECK_SLOTS     9
#define CHECK_RUNS      1024
#define CHECK_RUNS_SLOT 4
#define MAX_CHECKS      (1 + FIBER_MAX_INSNS * INSN_MAX_BYTES / (2 * CHECK_BYTES))

/* Slots of a lowered block, before they have an address. */
struct lowered {
    enum guest_mode mode;
    unsigned slots, marks, exits;
    unsigned gadgets;
    unsigned copies; /* replicated gadgets used so far */
    gaddr_t pc, end, top;
    bool stack; /* native code of it may rely on the stack pointer: that was in the window so far */
    uint64_t slot[FIBER_MAX_INSNS * 24 + MAX_CHECKS * CHECK_SLOTS];
    uint16_t gadget[FIBER_MAX_INSNS * 10 + MAX_CHECKS]; /* slot of each gadget */
    uint32_t id[FIBER_MAX_INSNS * 10 + MAX_CHECKS];     /* its number (rows.h); 0: in no n-gram */
    struct mark mark[FIBER_MAX_INSNS];
    struct {
        unsigned slot; /* which slot holds the link */
        gaddr_t target;
    } exit[FIBER_MAX_EXITS];
};

/* How an instruction reaches what is beyond the window. */
enum wide_way {
    WIDE_NOT,     /* it has no memory operand, or its C helper goes any way */
    WIDE_OPERAND, /* its gadgets access the operand at the address in the EA register, and no more
                   */
    WIDE_HELPER,  /* by ea_tables.wide_helper */
};
enum wide_way wide_way(enum guest_mode mode, const struct insn *insn);

/* Turn a block into slots. `step`: the block is one instruction that must leave to C after it. With
 * block.native each gadget is one of those that native code is made of: no n-grams, no branch fused
 * with what is before it. */
void lower_block(struct lowered *low, const struct block *block, bool step);

#endif
