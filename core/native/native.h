/* Native code of lowered blocks: the bodies of their gadgets one after the other, without dispatch,
 * parameters patched in (stencil.h). The second engine beside threaded code, of the same bodies.
 *
 * A block's slots are as in a threaded fiber, so that whatever has no stencil is dispatched where
 * it is; slot 0 and the slot after such a gadget hold addresses of native code instead of gadgets.
 * Who dispatches a fiber thus need not know which of the two it is, and native code leads to
 * threaded code and back at each branch. Branches between native blocks are patched to go directly.
 *
 * Locking: a block belongs to a region, whose lock is held by who makes, frees, links it. */
#ifndef FG_CORE_NATIVE_H
#define FG_CORE_NATIVE_H

#include "core/build/block.h"
#include "core/native/code_memory.h"
#include "core/native/stencil.h"

struct native_block;

/* Reserve memory for `bytes` of native code; makes faults in it known to the host's handler. False,
 * with errno: the host allows none. */
bool native_init(size_t bytes);

enum native_answer {
    NATIVE_NO,    /* its first gadget has no stencil */
    NATIVE_LATER, /* there is no memory now */
    NATIVE_YES,
};
/* The stencils of a lowered block's gadgets, and what its code takes at most. */
struct native_plan {
    struct stencil stencil[ARRAY_LEN(((struct lowered *)0)->gadget)];
    size_t most_bytes;
    bool loops; /* there are to be two copies of it */
};
/* Can `low`, lowered with block.native, be native code? Fills `plan`, and makes room in the first
 * chunk of `list`. */
enum native_answer native_prepare(struct native_list *list, const struct lowered *low,
                                  struct native_plan *plan);
/* Then, with the lock still held: its native code, by that plan. Its slots are at `slot`
 * for good, and some are written to; links lead through its link slots until native_link(). */
struct native_block *native_make(struct native_list *list, const struct lowered *low,
                                 const struct native_plan *plan, uint64_t *slot);
/* Where a block's code runs, and how much of it there is (unless `bytes` is NULL). */
const uint8_t *native_code(const struct native_block *block, size_t *bytes);
/* Piece number `number` of a block's code: of one gadget, or (the last one, `gadget` NULL) the ways
 * out. `code` is where it runs. False: there are not so many. */
struct native_piece {
    const void *gadget;
    unsigned slot; /* the gadget's first */
    bool copied;   /* false: it is dispatched where it is */
    const uint8_t *code;
    uint32_t bytes;
};
bool native_piece(const struct native_block *block, unsigned number, struct native_piece *piece);
/* No cpu runs it any more. */
void native_free(struct native_block *block);
/* All blocks of a chunk whose blocks are all free. */
void native_forget(struct native_chunk *chunk);
/* Slots 0 of a chunk's blocks that are not free, one a call, the newest first; *at is NULL at first
 * and then where it is. NULL: that was all. The lock is held. */
const uint64_t *native_each(const struct native_chunk *chunk, struct native_block **at);

/* Branches of exit number `exit` go directly to the block `to`; NULL: through the link slot again.
 * Other threads may be running both. */
void native_link(struct native_block *block, unsigned exit, const struct native_block *to);

#endif
