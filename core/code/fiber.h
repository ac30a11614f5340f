/* Fibers: what gadgets run over. Layout, allocation, links, the side table.
 *
 * Last stage of a block's way (decode -> block -> lower -> fiber -> link). Which fibers exist for
 * which code, and when they die, is region.c's subject; lowering is lower.c's. */
#ifndef FG_CORE_FIBER_H
#define FG_CORE_FIBER_H

#include "core/base/cpu_state.h"
#include "core/build/block.h"

#include <stdatomic.h>

struct native_block;
struct region;
struct space;
struct cpu;

/* What a link slot, a jump-cache entry and the dispatch of a back edge point at is a slot 0; in
 * front of it are minus the guest pc (compared by indirect branches) and the poll_stop gadget. */
struct entry {
    int64_t minus_pc;
    void *poll_stop;
};
static inline struct entry *entry_of(const uint64_t *slot0) {
    return (struct entry *)(uintptr_t)slot0 - 1;
}
static inline struct native_entry *native_entry_of(const uint64_t *slot0) {
    return (struct native_entry *)entry_of(slot0) - 1;
}
#define ENTRY_BYTES (sizeof(struct native_entry) + sizeof(struct entry))
_Static_assert(ENTRY_NATIVE + ENTRY_BYTES == offsetof(struct native_entry, native),
               "in front of it");
_Static_assert(ENTRY_NATIVE + ENTRY_BYTES + POLL_STOP == 0, "as entry.poll_stop of slot 0");
static inline gaddr_t entry_pc(const uint64_t *slot0, enum guest_mode mode) {
    uint64_t pc = (uint64_t)-entry_of(slot0)->minus_pc;
    return mode == GUEST_I386 ? (uint32_t)pc : pc;
}

/* A direct branch out of a fiber, and the stub that its link slot leads to until it is linked. The
 * stub's slots: gadget (exit_link, or exit_lookup once the target is known to lie in another
 * region), target pc (the gadget's P_PC). */
enum { STUB_GADGET, STUB_PC, STUB_SLOTS };

struct exit {
    struct fiber *to;     /* NULL: unlinked */
    struct exit *next_in; /* list to->incoming */
    struct exit **prev_in;
    uint16_t number;    /* in the fiber's exit[] */
    uint16_t link_slot; /* which of the fiber's slots */
    struct entry stub;
    uint64_t stub_slot[STUB_SLOTS];
};
_Static_assert(offsetof(struct exit, stub_slot) ==
                   offsetof(struct exit, stub) + sizeof(struct entry),
               "a stub looks like a fiber's entry");
static inline struct exit *exit_of_stub(const uint64_t *slot0) {
    return (struct exit *)((uintptr_t)slot0 - offsetof(struct exit, stub_slot));
}

/* A fiber is in two parts of one chunk: what gadgets read (entry and slots) lies with the same of
 * other fibers, so that caches hold nothing else; the record has the rest, one after the other:
 * this, exits, marks. A start of python3 makes 34,000 of them and is bound by memory,
 * so nothing that can be computed is stored. */
struct fiber {
    uint16_t size;    /* bytes of the record, a multiple of 8; next record of the chunk follows */
    uint16_t slot_at; /* slot 0: bytes from the chunk's start */
    uint16_t slots, marks;
    uint32_t guest_len; /* bytes of guest code */
    uint8_t exits;
    bool retired;
    bool checked;
    uint8_t mode : 4; /* enum guest_mode */
    bool refused : 1; /* there was no memory for native code of it */
    gaddr_t pc;
    struct region *region;
    struct native_block *native; /* its native code; NULL: threaded */
    union {
        struct {
            struct exit *incoming;      /* exits of other fibers (or its own) linked to it */
            struct fiber *page_next[2]; /* own region: lists of its first and its last page */
        };
        struct { /* retired */
            struct fiber *jetsam_next;
            uint64_t retire_epoch;
        };
    };
    struct exit exit[]; /* [exits] */
};

/* Memory of fibers: 64 KiB chunks, aligned to their size, so that the address of a slot or record
 * leads to its chunk. Entries and slots fill it from its beginning, records from its end. */
#define CHUNK_BYTES 65536
struct chunk {
    struct chunk *next;
    uint32_t used;            /* where the next entry goes */
    _Atomic uint32_t records; /* where the last record is; fiber_of_slot() looks without a lock */
    uint32_t live;            /* fibers not yet freed */
    uint64_t first[];
};
static inline struct chunk *chunk_of(const void *at) {
    return (struct chunk *)((uintptr_t)at & ~(uintptr_t)(CHUNK_BYTES - 1));
}

static inline uint64_t *fiber_slots(const struct fiber *fiber) {
    return (uint64_t *)((uintptr_t)chunk_of(fiber) + fiber->slot_at);
}
static inline struct mark *fiber_marks(const struct fiber *fiber) {
    return (struct mark *)&fiber->exit[fiber->exits];
}
static inline struct fiber *exit_fiber(const struct exit *exit) {
    return (struct fiber *)((uintptr_t)(exit - exit->number) - offsetof(struct fiber, exit));
}
static inline uint64_t *exit_link_slot(const struct exit *exit) {
    return fiber_slots(exit_fiber(exit)) + exit->link_slot;
}

/* A fiber with room for the given parts, from `*chunks` (a list; new chunks are put in front). The
 * counts are set, all else of the header is 0, the rest is not set. NULL: out of memory or too
 * large. */
struct fiber *fiber_alloc(struct chunk **chunks, unsigned slots, unsigned marks, unsigned exits);
/* Give one back; its chunk's memory is reused once all fibers of the chunk were given back. */
void fiber_free(struct chunk **chunks, struct fiber *fiber);
void chunks_free(struct chunk **chunks);
/* Give chunks without live fibers to whoever asks next. */
void chunks_trim(struct chunk **chunks);
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
