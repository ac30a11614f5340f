/* Fibers: what gadgets run over. Layout, allocation, links, the side table.
 *
 * Last stage of a block's way (decode -> block -> lower -> fiber -> link). Which fibers exist for
 * which code, and when they die, is region.c's subject; lowering is lower.c's. */
#ifndef FG_CORE_FIBER_H
#define FG_CORE_FIBER_H

#include "core/types.h"

#include <stdatomic.h>

struct region;
struct space;
struct cpu;

/* What a link slot, a jump-cache entry and the dispatch of a back edge point at: the first slot. In
 * front of it stand minus the guest pc (compared by indirect branches) and the poll_stop gadget. */
struct entry {
    int64_t minus_pc;
    void *poll_stop;
    uint64_t slot[];
};
static inline struct entry *entry_of(const uint64_t *slot0) {
    return (struct entry *)((char *)slot0 - offsetof(struct entry, slot));
}
static inline gaddr_t entry_pc(const uint64_t *slot0, enum guest_mode mode) {
    uint64_t pc = (uint64_t)-entry_of(slot0)->minus_pc;
    return mode == GUEST_I386 ? (uint32_t)pc : pc;
}

/* The exit stub behind a link slot: an entry whose slots are: gadget (exit_link, or exit_lookup
 * once the target is known to lie in another region), target pc (the gadget's P_PC), struct exit.
 */
enum { STUB_GADGET, STUB_PC, STUB_EXIT, STUB_SLOTS };

struct exit {
    struct fiber *from;
    struct fiber *to;     /* NULL: unlinked */
    struct exit *next_in; /* list to->incoming */
    struct exit **prev_in;
    uint64_t *link_slot; /* in from's slots */
    struct entry *stub;
};

/* Slot index -> guest pc, one per guest instruction, ascending. */
struct mark {
    uint16_t slot;
    uint16_t part;  /* of the gadget at `slot`: not 0 only within n-grams (ngram.h) */
    uint16_t delta; /* pc - fiber->pc */
};

#define FIBER_MAX_INSNS 64
#define FIBER_MAX_EXITS 2

struct fiber {
    uint32_t size; /* bytes of the whole, a multiple of 16; next fiber of the chunk follows */
    uint16_t slots, marks;
    uint32_t guest_len; /* bytes of guest code */
    uint8_t exits;
    bool retired, checked;
    gaddr_t pc;
    struct region *region;
    struct fiber *jetsam_next;
    struct fiber *page_next[2]; /* lists of the first and the last page it touches */
    struct exit *incoming;      /* exits of other fibers (or its own) linked to it */
    uint64_t retire_epoch;
    struct exit *exit; /* [exits] */
    struct mark *mark; /* [marks] */
    uint8_t *bytes;    /* checked code: copy of the guest bytes, else NULL */
    struct entry *entry;
};

/* Memory of fibers: 64 KiB chunks, aligned to their size, so that a slot address leads to its
 * chunk. */
#define CHUNK_BYTES 65536
struct chunk {
    struct chunk *next;
    _Atomic uint32_t used; /* bytes handed out; fiber_of_slot() looks without a lock */
    uint32_t live;         /* fibers not yet freed */
    uint64_t first[] __attribute__((aligned(16)));
};

/* A fiber with room for the given parts, from `*chunks` (a list; new chunks are put in front). All
 * pointers inside are set, contents are not. NULL: out of memory or too large. */
struct fiber *fiber_alloc(struct chunk **chunks, unsigned slots, unsigned marks, unsigned exits,
                          unsigned bytes);
/* Give one back; its chunk's memory is reused once all fibers of the chunk were given back. */
void fiber_free(struct chunk **chunks, struct fiber *fiber);
void chunks_free(struct chunk **chunks);
size_t chunks_bytes(const struct chunk *chunks);

/* Gadgets find fibers through link slots and the jump cache, which C fills with release stores; the
 * loads are plain host loads, ordered by the host (templates/<host>: acquire). For C that gets a
 * fiber's address from a gadget the same is said in C's own terms by these two. */
void fiber_published(void);
void fiber_acquire(void);

/* The fiber that contains a slot address (any slot of a live or retired fiber), NULL: none. Walks
 * one chunk: for faults and links, not for hot paths. */
struct fiber *fiber_of_slot(const void *slot);
/* Guest pc of the instruction to which a part of the gadget at `slot` belongs. */
gaddr_t fiber_slot_pc(const struct fiber *fiber, const void *slot, unsigned part);

/* Link and unlink an exit; the region's lock is held. */
void exit_link_to(struct exit *exit, struct fiber *to);
void exit_unlink(struct exit *exit);

#endif
