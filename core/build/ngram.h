/* N-grams: gadgets made of several in a row, chosen by a recorded profile (gen/emit/ngrams.py).
 * Fewer dispatches, more distinct dispatch sites. Last step of lowering. */
#ifndef FG_CORE_NGRAM_H
#define FG_CORE_NGRAM_H

#include "core/build/block.h"
#include "core/decode/rows.h"

/* The generated tables (build/gen/ngrams.S). A gadget has a number, its id: that of its table plus
 * its entry (rows.h). N-grams are found by the ids of their first two gadgets: open addressing,
 * first 0: free; in front of it a filter that fits the first-level cache, for most neighbours begin
 * no n-gram. `list` is where the n-grams with these two begin in lists, in words. */
struct ngram_pair {
    uint32_t first, second, list;
};
/* The longest come first; after the last of a list comes a 0. */
struct ngram {
    gadget_ref combined;
    gadget_ref self; /* for a fiber that is this n-gram alone and branches to itself; or none */
    uint32_t count;
    uint32_t id[];
};
#define NGRAM_FILTER_BITS 65536
struct ngram_tables {
    const uint64_t *filter; /* NGRAM_FILTER_BITS */
    const struct ngram_pair *pairs;
    const gadget_ref *lists;
    uint32_t pair_mask, count; /* count 0: the guest has no n-grams */
};
extern const struct ngram_tables ngram_tables[GUEST_MODES];

static inline uint32_t ngram_hash(uint32_t first, uint32_t second) {
    return (uint32_t)((((uint64_t)first * 31 + second) * 0x9e3779b97f4a7c15u) >> 32);
}

/* Replace runs of gadgets by n-grams, the longest that fits from left to right. The parameters of
 * an n-gram are those of its parts in a row; marks and exits are kept in step. Thread-safe. */
void ngram_merge(struct lowered *low);

/* N-gram `number` of a guest mode, below the count of its tables. Slow: for dumps and tests. */
const struct ngram *ngram_get(enum guest_mode mode, uint32_t number);
/* The gadget of an id. Slow too. */
const void *ngram_gadget(uint32_t id);

/* Its name, for dumps: those of its parts in a row. "" when it is none. */
const char *ngram_name(const void *gadget);

/* Which part of the gadget at `gadget` the host instruction at `at` belongs to: 0 for the first
 * (and of plain gadgets). Safe in a signal handler. */
unsigned ngram_part(const void *gadget, const void *at);

#endif
