/* Finding stencils by their gadgets. See stencil.h. */
#include "core/native/stencil.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

/* One for each stencil, ascending by gadget: both sections are in the order of the gadgets. The
 * numbers are distances from themselves. */
struct mapped {
    int32_t gadget, record;
};
extern const struct mapped __start_fg_stencil_map[] __attribute__((weak));
extern const struct mapped __stop_fg_stencil_map[] __attribute__((weak));

/* A record is its body's length, its number of holes, what it changes, the holes, the body; or,
 * with this number of holes, what comes before them alone: the body is the gadget's. */
#define IN_GADGET 255

static const uint8_t *gadget_of(const struct mapped *at) {
    return (const uint8_t *)&at->gadget + at->gadget;
}

/* Found ones, by a hash of their gadgets: a program needs a few hundred, again and again. A word is
 * both offsets, of the gadget in its section and of the record in its own; 0: free. */
#define CACHE_BITS 14
static _Atomic uint64_t cache[1 << CACHE_BITS];

extern const uint8_t __start_fg_gadgets[], __start_fg_stencils[] __attribute__((weak));

/* Gadgets are about as long as each other, so a gadget's place among them is guessed from its
 * address: three looks or so at lines beside each other, where a binary search would take 17 all
 * over the map. After some guesses halves are taken: no map makes it slow. */
static const uint8_t *search(const void *gadget) {
    const uint8_t *wanted = gadget;
    const struct mapped *low = __start_fg_stencil_map, *high = __stop_fg_stencil_map;
    for (unsigned looks = 0; low < high; looks++) {
        const uint8_t *first = gadget_of(low), *last = gadget_of(high - 1);
        if (wanted < first || wanted > last) {
            return NULL;
        }
        size_t count = (size_t)(high - low);
        size_t at =
            looks > 6 ? count / 2
            : last == first
                ? 0
                : (size_t)((uint64_t)(wanted - first) * (count - 1) / (uint64_t)(last - first));
        const struct mapped *mid = low + at;
        const uint8_t *there = gadget_of(mid);
        if (there == wanted) {
            return (const uint8_t *)&mid->record + mid->record;
        }
        if (there < wanted) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return NULL;
}

static const uint8_t *find(const void *gadget) {
    const uint32_t offset = (uint32_t)((const uint8_t *)gadget - __start_fg_gadgets);
    _Atomic uint64_t *word = &cache[offset * 0x9e3779b1u >> (32 - CACHE_BITS)];
    uint64_t known = atomic_load_explicit(word, memory_order_relaxed);
    if (known && (uint32_t)known == offset) {
        return __start_fg_stencils + (known >> 32) - 1;
    }
    const uint8_t *record = search(gadget);
    if (record) {
        uint64_t place = (uint64_t)(record - __start_fg_stencils) + 1;
        atomic_store_explicit(word, place << 32 | offset, memory_order_relaxed);
    }
    return record;
}

bool stencil_of(const void *gadget, struct stencil *stencil) {
    const uint8_t *record = find(gadget);
    if (!record) {
        return false;
    }
    uint16_t bytes;
    memcpy(&bytes, record, sizeof bytes);
    stencil->bytes = bytes;
    stencil->changed = record[3];
    stencil->holes = record[2] == IN_GADGET ? 0 : record[2];
    stencil->hole = (const struct hole *)(record + 4);
    stencil->code =
        record[2] == IN_GADGET ? gadget : record + 4 + stencil->holes * sizeof(struct hole);
    return true;
}
