/* Finding n-grams in lowered blocks, by the tables that the generator made. See ngram.h. */
#include "core/ngram.h"
#include "core/debug.h"
#include "core/gadget_name.h"
#include "core/rows.h"

#include <stdio.h>
#include <string.h>

/* Where parts but the first begin, ascending: gadgets and parts are emitted in the same order. */
extern const uint64_t __start_fg_parts[] __attribute__((weak));
extern const uint64_t __stop_fg_parts[] __attribute__((weak));

/* A record of ngram_lists: its number of gadgets (0: the list ends), its number, the ids of its
 * gadgets but the first two. */
static const uint32_t *next_record(const uint32_t *record) {
    return record + *record;
}

/* The list of n-grams that begin with these two, the longest first; NULL: none. */
static const uint32_t *find_list(uint32_t first, uint32_t second) {
    uint32_t hash = ngram_hash(first, second);
    if (!(ngram_filter[hash % NGRAM_FILTER_BITS / 64] >> hash % 64 & 1)) {
        return NULL;
    }
    for (uint32_t at = hash & ngram_pair_mask; ngram_pairs[at].first;
         at = (at + 1) & ngram_pair_mask) {
        if (ngram_pairs[at].first == first && ngram_pairs[at].second == second) {
            return &ngram_lists[ngram_pairs[at].list];
        }
    }
    return NULL;
}

/* The record of the longest n-gram that gadgets `number`, `number` + 1, ... make; NULL: none. */
static const uint32_t *find(const struct lowered *low, unsigned number) {
    if (number + 1 >= low->gadgets) {
        return NULL;
    }
    const uint32_t *id = &low->id[number];
    const uint32_t *record = find_list(id[0], id[1]);
    for (; record && *record; record = next_record(record)) {
        if (number + *record > low->gadgets) {
            continue;
        }
        uint32_t same = 2;
        while (same < *record && id[same] == record[same]) {
            same++;
        }
        if (same == *record) {
            return record;
        }
    }
    return NULL;
}

static unsigned slots_of(const struct lowered *low, unsigned number) {
    unsigned end = number + 1 < low->gadgets ? low->gadget[number + 1] : low->slots;
    return end - low->gadget[number];
}

void ngram_merge(struct lowered *low) {
    if (fg_debug.plain) {
        return;
    }
    /* `out` is where the next slot goes; marks and exits are walked along, both ascending. */
    unsigned out = 0, mark = 0, exit = 0, gadgets = 0;
    const struct ngram_code *code = NULL;
    for (unsigned number = 0; number < low->gadgets; gadgets++) {
        const uint32_t *record = find(low, number);
        unsigned parts = record ? *record : 1, start = out;
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
        if (record) {
            code = &ngram_code[record[1]];
            low->slot[start] = (uint64_t)(uintptr_t)code->combined;
        }
    }
    low->slots = out;
    /* A fiber that is one n-gram and branches to itself: the form that keeps the fiber register. */
    if (gadgets == 1 && code && code->self && low->exit[0].target == low->pc) {
        low->slot[0] = (uint64_t)(uintptr_t)code->self;
    }
}

static const void *gadget_of(uint32_t id) {
    uint32_t first = 1;
    for (unsigned i = 0; i < gadget_table_count; i++) {
        if (id - first < gadget_tables[i].count) {
            return gadget_tables[i].table[id - first];
        }
        first += gadget_tables[i].count;
    }
    return NULL;
}

unsigned ngram_parts(uint32_t number, const void **parts, unsigned max) {
    for (uint32_t pair = 0; pair <= ngram_pair_mask; pair++) {
        if (!ngram_pairs[pair].first) {
            continue;
        }
        const uint32_t *record = &ngram_lists[ngram_pairs[pair].list];
        for (; *record; record = next_record(record)) {
            if (record[1] != number) {
                continue;
            }
            for (unsigned i = 0; i < *record && i < max; i++) {
                uint32_t id = i == 0   ? ngram_pairs[pair].first
                              : i == 1 ? ngram_pairs[pair].second
                                       : record[i];
                parts[i] = gadget_of(id);
            }
            return *record < max ? *record : max;
        }
    }
    return 0;
}

const char *ngram_name(const void *gadget) {
    static _Thread_local char name[512];
    for (uint32_t number = 0; number < ngram_count; number++) {
        if (ngram_code[number].combined != gadget && ngram_code[number].self != gadget) {
            continue;
        }
        const void *part[NGRAM_MAX_PARTS];
        unsigned parts = ngram_parts(number, part, NGRAM_MAX_PARTS);
        size_t at = 0;
        for (unsigned i = 0; i < parts && at < sizeof name; i++) {
            at += (size_t)snprintf(name + at, sizeof name - at, "%s%s", i ? " + " : "",
                                   gadget_name(part[i]));
        }
        return name;
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
