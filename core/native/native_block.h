/* Records of native blocks: for native.c, which makes and reads them. */
#ifndef FG_CORE_NATIVE_BLOCK_H
#define FG_CORE_NATIVE_BLOCK_H

#include "core/build/block.h"
#include "core/native/code_memory.h"

/* What is known of each block is nearly as much as its code, so it is kept small: offsets are bytes
 * from the block's code. */
struct native_exit {
    uint16_t site[2]; /* branch displacements that lead to the stub or to the linked block */
    uint8_t sites;
};

/* What faults in front of its last gadget, by bytes from the block's code, and the fixups then; 0:
 * nothing does. */
struct native_stop {
    uint16_t poll;  /* when the cpu is asked to stop */
    uint16_t stack; /* when the stack pointer leads out of the window */
    uint8_t poll_fixup, stack_fixup;
};

/* A gadget's piece of the code. */
struct native_part {
    uint64_t at : 16;
    uint64_t slot : 12;  /* of its gadget */
    uint64_t copied : 1; /* 0: the code, if any, leads to its slot */
    uint64_t before : 7; /* bytes in front of its body: a probe, what aligns branches */
    int64_t gadget : 28; /* bytes from core_gadgets */
};

/* A block's code, which the next one may follow without a gap; its stubs are elsewhere, for they
 * run once, mostly. */
struct native_block {
    struct native_block *older; /* made before it in the same chunk */
    uint64_t *slot;             /* NULL: it is free */
    uint32_t code;              /* from the reservation's start (code_memory.h) */
    uint32_t stubs;             /* as well; one for each exit, goes where its link slot leads */
    uint16_t bytes;
    uint16_t jump; /* the jump that its code ends with: a site; 0: none */
    struct native_stop stop;
    uint8_t stub_bytes; /* of one */
    uint8_t exits;
    bool loops; /* it is there twice: a struct native_loop follows the parts */
    bool leads; /* it relies on the stack pointer: who does not know it enters by ea_tables.lead */
    bool keeps; /* ... which is known where its branches lead to */
    uint16_t parts;
    struct native_exit exit[FIBER_MAX_EXITS];
    struct native_part part[];
};

/* The second copy of a block that branches back to its own beginning, which is where all such
 * branches lead to: it relies on what was accessed the time before (known_again()). */
struct native_loop {
    uint16_t at; /* where it is */
    struct native_stop stop;
    struct native_exit exit[FIBER_MAX_EXITS];
};
_Static_assert(NATIVE_CHUNK_BYTES <= 1 << 16, "offsets of 16 bits");

static inline struct native_loop *loop_of(const struct native_block *block) {
    return (struct native_loop *)(uintptr_t)&block->part[block->parts];
}

/* Where an exit's branches are, in one copy or the other. */
static inline struct native_exit *exit_in(struct native_block *block, unsigned number, bool again) {
    return again ? &loop_of(block)->exit[number] : &block->exit[number];
}

static inline const void *part_gadget(const struct native_part *part) {
    return (const void *)((intptr_t)core_gadgets + part->gadget);
}

#endif
