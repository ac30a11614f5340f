/* Finding n-grams in lowered blocks, by the tables that the generator made. See ngram.h. */
#include "core/build/ngram.h"
#include "core/base/debug.h"
#include "core/build/gadget_name.h"
#include "core/decode/rows.h"

#include <stdio.h>
#include <string.h>

/* Where parts but the first begin, ascending: gadgets and parts are emitted in the same order. */
extern const gadget_ref __start_fg_parts[] __attribute__((weak));
extern const gadget_ref __stop_fg_parts[] __attribute__((weak));

extern const char __start_fg_gadgets[], __stop_fg_gadgets[];

static const struct ngram *next_ngram(const struct ngram *ngram) {
    return (const struct ngram *)&ngram->id[ngram->count];
}

/* The list of n-grams that begin with these two; NULL: none. */
static const struct ngram *find_list(const struct ngram_tables *tables, uint32_t first,
                                     uint32_t second) {
    uint32_t hash = ngram_hash(first, second);
    if (!(tables->filter[hash % NGRAM_FILTER_BITS / 64] >> hash % 64 & 1)) {
        return NULL;
    }
    const struct ngram_pair *pairs = tables->pairs;
    for (uint32_t at = hash & tables->pair_mask; pairs[at].first;
         at = (at + 1) & tables->pair_mask) {
        if (pairs[at].first == first && pairs[at].second == second) {
            return (const struct ngram *)&tables->lists[pairs[at].list];
        }
    }
    return NULL;
}

/* The longest n-gram that gadgets `number`, `number` + 1, ... make; NULL: none. */
static const struct ngram *find(const struct ngram_tables *tables, const struct lowered *low,
                                unsigned number) {
    if (number + 1 >= low->gadgets) {
        return NULL;
    }
    const uint32_t *id = &low->id[number];
    const struct ngram *ngram = find_list(tables, id[0], id[1]);
    for (; ngram && ngram->combined.distance; ngram = next_ngram(ngram)) {
        if (number + ngram->count > low->gadgets) {
            continue;
        }
        uint32_t same = 2;
        while (same < ngram->count && id[same] == ngram->id[same]) {
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

void ngram_merge(struct lowered *low) {
    const struct ngram_tables *tables = &ngram_tables[low->mode];
    if (fg_debug.plain || !tables->count) {
        return;
    }
    /* `out` is where the next slot goes; marks and exits are walked along, both ascending. */
    unsigned out = 0, mark = 0, exit = 0, gadgets = 0;
    const struct ngram *ngram = NULL;
    for (unsigned number = 0; number < low->gadgets; gadgets++) {
        ngram = find(tables, low, number);
        unsigned parts = ngram ? ngram->count : 1, start = out;
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
            for (unsigned slot = from + skip; slot < from + count; slot++) {
                low->slot[out++] = low->slot[slot];
            }
        }
        if (ngram) {
            low->slot[start] = (uint64_t)(uintptr_t)gadget_at(&ngram->combined, 0);
        }
    }
    low->slots = out;
    /* A fiber that is one n-gram and branches to itself: the form that keeps the fiber register. */
    if (gadgets == 1 && ngram && ngram->self.distance && low->exit[0].target == low->pc) {
        low->slot[0] = (uint64_t)(uintptr_t)gadget_at(&ngram->self, 0);
    }
}

const void *ngram_gadget(uint32_t id) {
    uint32_t first = 1;
    for (unsigned i = 0; i < gadget_table_count; i++) {
        if (id - first < gadget_tables[i].count) {
            return gadget_at(gadget_tables[i].table, id - first);
        }
        first += gadget_tables[i].count;
    }
    return NULL;
}

/* The one after it, be it of another list. */
static const struct ngram *follower(const struct ngram *ngram) {
    ngram = next_ngram(ngram);
    if (!ngram->combined.distance) { /* the end of a list */
        ngram = (const struct ngram *)(&ngram->combined + 1);
    }
    return ngram;
}

const struct ngram *ngram_get(enum guest_mode mode, uint32_t number) {
    const struct ngram *ngram = (const struct ngram *)ngram_tables[mode].lists;
    while (number--) {
        ngram = follower(ngram);
    }
    return ngram;
}

/* The n-gram of a gadget; NULL: it is none. */
static const struct ngram *ngram_of(const void *gadget) {
    const char *start = gadget;
    if (start < __start_fg_gadgets || start >= __stop_fg_gadgets) {
        return NULL; /* most words of a fiber are parameters */
    }
    for (unsigned mode = 0; mode < GUEST_MODES; mode++) {
        const struct ngram *ngram = (const struct ngram *)ngram_tables[mode].lists;
        for (uint32_t left = ngram_tables[mode].count; left; left--, ngram = follower(ngram)) {
            if (gadget_at(&ngram->combined, 0) == gadget || gadget_at(&ngram->self, 0) == gadget) {
                return ngram;
            }
        }
    }
    return NULL;
}

const char *ngram_name(const void *gadget) {
    static _Thread_local char name[512];
    const struct ngram *ngram = ngram_of(gadget);
    size_t at = 0;
    name[0] = 0;
    for (uint32_t i = 0; ngram && i < ngram->count && at < sizeof name; i++) {
        at += (size_t)snprintf(name + at, sizeof name - at, "%s%s", i ? " + " : "",
                               gadget_name(ngram_gadget(ngram->id[i])));
    }
    return name;
}

unsigned ngram_part(const void *gadget, const void *at) {
    const gadget_ref *low = __start_fg_parts, *high = __stop_fg_parts;
    while (low < high) { /* first part that begins after `at` */
        const gadget_ref *mid = low + (high - low) / 2;
        if (gadget_at(mid, 0) <= at) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    unsigned part = 0;
    /* Equal: the first part is empty, a NOP. */
    while (low > __start_fg_parts && gadget_at(--low, 0) >= gadget) {
        part++;
    }
    return part;
}
