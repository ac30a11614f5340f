/* N-gram tables: made by the linker from sections that the n-gram files fill. See ngram.h. */
#include "core/ngram.h"
#include "core/debug.h"
#include "core/rows.h"
#include "core/types.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Table words (addresses of entries of gadget tables), not gadgets: those have no symbols. */
struct ngram {
    void *const *first;
    void *const *second;
    const void *combined;
};
extern const struct ngram __start_fg_ngrams[] __attribute__((weak));
extern const struct ngram __stop_fg_ngrams[] __attribute__((weak));
/* Where a further part begins, ascending: gadgets and parts are emitted in the same order. */
extern const uint64_t __start_fg_parts[] __attribute__((weak));
extern const uint64_t __stop_fg_parts[] __attribute__((weak));

struct entry {
    const void *first, *second, *combined;
};
static struct entry *table; /* open addressing, a power of two, at most half full */
static size_t mask;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static size_t hash(const void *first, const void *second) {
    uint64_t a = (uint64_t)(uintptr_t)first, b = (uint64_t)(uintptr_t)second;
    return (size_t)(((a * 31 + b) * 0x9e3779b97f4a7c15u) >> 32);
}

static void build(void) {
    size_t count = (size_t)(__stop_fg_ngrams - __start_fg_ngrams), room = 2;
    if (count == 0 || fg_debug.profile) {
        return; /* profiles are of plain gadgets */
    }
    while (room < 2 * count) {
        room *= 2;
    }
    table = calloc(room, sizeof *table);
    if (!table) {
        return; /* slower, still right */
    }
    mask = room - 1;
    for (size_t i = 0; i < count; i++) {
        const struct ngram *ngram = &__start_fg_ngrams[i];
        size_t at = hash(*ngram->first, *ngram->second) & mask;
        while (table[at].combined) {
            at = (at + 1) & mask;
        }
        table[at] = (struct entry){*ngram->first, *ngram->second, ngram->combined};
    }
}

const void *ngram_find(const void *first, const void *second) {
    pthread_once(&once, build);
    if (!table) {
        return NULL;
    }
    for (size_t at = hash(first, second) & mask; table[at].combined; at = (at + 1) & mask) {
        if (table[at].first == first && table[at].second == second) {
            return table[at].combined;
        }
    }
    return NULL;
}

const char *ngram_name(const void *gadget) {
    static _Thread_local char name[256];
    pthread_once(&once, build);
    for (size_t i = 0; table && i <= mask; i++) {
        if (table[i].combined == gadget) {
            /* The first may be an n-gram itself: gadget_name() uses this buffer then. */
            const char *first = gadget_name(table[i].first);
            size_t len = strlen(first);
            len = len < sizeof name ? len : sizeof name - 1;
            memmove(name, first, len);
            snprintf(name + len, sizeof name - len, "+%s", gadget_name(table[i].second));
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
    while (low > __start_fg_parts && *--low > start) {
        part++;
    }
    return part;
}
