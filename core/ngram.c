/* Finding n-grams in lowered blocks. The n-grams stand in a section that their generated files
 * fill; an index by the first two gadgets is made at first use. See ngram.h. */
#include "core/ngram.h"
#include "core/debug.h"
#include "core/rows.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One n-gram as its file writes it. Parts are named by their table words, for gadgets have no
 * symbols. */
struct ngram {
    const void *combined;
    uint64_t count;
    void *const *part[];
};
extern const uint64_t __start_fg_ngrams[] __attribute__((weak));
extern const uint64_t __stop_fg_ngrams[] __attribute__((weak));
/* N-grams that end in a conditional branch, and the same for when that branch leads to their own
 * start and they are all of the fiber; ascending. */
struct loop {
    const void *combined, *self;
};
extern const struct loop __start_fg_ngram_loops[] __attribute__((weak));
extern const struct loop __stop_fg_ngram_loops[] __attribute__((weak));
/* Where parts but the first begin, ascending: gadgets and parts are emitted in the same order. */
extern const uint64_t __start_fg_parts[] __attribute__((weak));
extern const uint64_t __stop_fg_parts[] __attribute__((weak));

/* N-grams with the same first two gadgets, the longest first. */
struct chain {
    const void *first, *second;
    struct link {
        const struct ngram *ngram;
        struct link *next;
    } * head;
};
static struct chain *table; /* open addressing, a power of two, at most half full */
static size_t mask;
/* Which hashes occur at all: most neighbours begin no n-gram, and this fits the first-level cache.
 */
#define FILTER_BITS 65536
static uint64_t filter[FILTER_BITS / 64];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static const struct ngram *next_ngram(const struct ngram *ngram) {
    return (const struct ngram *)&ngram->part[ngram->count];
}

#define FOR_EACH_NGRAM(n)                                                                          \
    for (const struct ngram *n = (const struct ngram *)__start_fg_ngrams;                          \
         n != (const struct ngram *)__stop_fg_ngrams; n = next_ngram(n))

static size_t hash(const void *first, const void *second) {
    uint64_t a = (uint64_t)(uintptr_t)first, b = (uint64_t)(uintptr_t)second;
    return (size_t)(((a * 31 + b) * 0x9e3779b97f4a7c15u) >> 32);
}

static struct chain *find_chain(const void *first, const void *second) {
    size_t at = hash(first, second) & mask;
    while (table[at].head && (table[at].first != first || table[at].second != second)) {
        at = (at + 1) & mask;
    }
    return &table[at];
}

static void build(void) {
    size_t count = 0, room = 2;
    FOR_EACH_NGRAM(ngram) {
        count++;
    }
    if (count == 0 || fg_debug.profile) {
        return; /* profiles are of plain gadgets */
    }
    while (room < 2 * count) {
        room *= 2;
    }
    struct link *links = calloc(count, sizeof *links);
    table = calloc(room, sizeof *table);
    if (!table || !links) {
        free(links);
        free(table);
        table = NULL;
        return; /* slower, still right */
    }
    mask = room - 1;
    FOR_EACH_NGRAM(ngram) {
        struct chain *chain = find_chain(*ngram->part[0], *ngram->part[1]);
        chain->first = *ngram->part[0];
        chain->second = *ngram->part[1];
        size_t bit = hash(chain->first, chain->second) % FILTER_BITS;
        filter[bit / 64] |= (uint64_t)1 << (bit % 64);
        struct link **at = &chain->head;
        while (*at && (*at)->ngram->count >= ngram->count) {
            at = &(*at)->next;
        }
        links->ngram = ngram;
        links->next = *at;
        *at = links++;
    }
}

static const void *gadget_at(const struct lowered *low, unsigned number) {
    return (const void *)(uintptr_t)low->slot[low->gadget[number]];
}

/* The longest n-gram that gadgets `number`, `number` + 1, ... make; NULL: none. */
static const struct ngram *find(const struct lowered *low, unsigned number) {
    if (number + 1 >= low->gadgets) {
        return NULL;
    }
    size_t bit = hash(gadget_at(low, number), gadget_at(low, number + 1)) % FILTER_BITS;
    if (!(filter[bit / 64] >> (bit % 64) & 1)) {
        return NULL;
    }
    const struct chain *chain = find_chain(gadget_at(low, number), gadget_at(low, number + 1));
    for (const struct link *link = chain->head; link; link = link->next) {
        const struct ngram *ngram = link->ngram;
        if (number + ngram->count > low->gadgets) {
            continue;
        }
        unsigned same = 2;
        while (same < ngram->count && gadget_at(low, number + same) == *ngram->part[same]) {
            same++;
        }
        if (same == ngram->count) {
            return ngram;
        }
    }
    return NULL;
}

static unsigned slots_of(const struct lowered *low, unsigned number) {
    unsigned end = number + 1 < low->gadgets ? low->gadget[number + 1] : low->slots;
    return end - low->gadget[number];
}

/* A fiber that is one n-gram and branches to itself: the form that keeps the fiber register. */
static void use_loop(struct lowered *low) {
    if (low->exits == 0 || low->exit[0].target != low->pc) {
        return;
    }
    const void *gadget = (const void *)(uintptr_t)low->slot[0];
    const struct loop *first = __start_fg_ngram_loops, *end = __stop_fg_ngram_loops;
    while (first < end) {
        const struct loop *mid = first + (end - first) / 2;
        if (mid->combined == gadget) {
            low->slot[0] = (uint64_t)(uintptr_t)mid->self;
            return;
        }
        if ((uintptr_t)mid->combined < (uintptr_t)gadget) {
            first = mid + 1;
        } else {
            end = mid;
        }
    }
}

void ngram_merge(struct lowered *low) {
    pthread_once(&once, build);
    if (!table) {
        return;
    }
    /* `out` is where the next slot goes; marks and exits are walked along, both ascending. */
    unsigned out = 0, mark = 0, exit = 0, gadgets = 0;
    for (unsigned number = 0; number < low->gadgets;) {
        const struct ngram *ngram = find(low, number);
        unsigned parts = ngram ? (unsigned)ngram->count : 1, start = out;
        for (unsigned part = 0; part < parts; part++, number++) {
            unsigned from = low->gadget[number], count = slots_of(low, number);
            /* A further part has no gadget word of its own. */
            unsigned skip = part ? 1 : 0;
            for (; mark < low->marks && low->mark[mark].slot == from; mark++) {
                low->mark[mark].slot = (uint16_t)start;
                low->mark[mark].part = (uint16_t)part;
            }
            for (; exit < low->exits && low->exit[exit].slot < from + count; exit++) {
                low->exit[exit].slot = out + (low->exit[exit].slot - from - skip);
            }
            memmove(&low->slot[out], &low->slot[from + skip], (count - skip) * sizeof *low->slot);
            out += count - skip;
        }
        if (ngram) {
            low->slot[start] = (uint64_t)(uintptr_t)ngram->combined;
        }
        gadgets++;
    }
    low->slots = out;
    if (gadgets == 1) {
        use_loop(low);
    }
}

const char *ngram_name(const void *gadget) {
    static _Thread_local char name[512];
    for (const struct loop *loop = __start_fg_ngram_loops; loop < __stop_fg_ngram_loops; loop++) {
        gadget = loop->self == gadget ? loop->combined : gadget;
    }
    FOR_EACH_NGRAM(ngram) {
        if (ngram->combined == gadget) {
            size_t at = 0;
            for (uint64_t i = 0; i < ngram->count && at < sizeof name; i++) {
                at += (size_t)snprintf(name + at, sizeof name - at, "%s%s", i ? " + " : "",
                                       gadget_name(*ngram->part[i]));
            }
            return name;
        }
    }
    return "";
}

unsigned ngram_part(const void *gadget, const void *at) {
    const uint64_t start = (uint64_t)(uintptr_t)gadget, here = (uint64_t)(uintptr_t)at;
    const uint64_t *low = __start_fg_parts, *high = __stop_fg_parts;
    while (low < high) { /* first part that begins behind `here` */
        const uint64_t *mid = low + (high - low) / 2;
        if (*mid <= here) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    unsigned part = 0;
    while (low > __start_fg_parts && *--low >= start) { /* equal: the first part is empty, a NOP */
        part++;
    }
    return part;
}
