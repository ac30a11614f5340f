/* gadget_name(): the name of a gadget from its address, for dumps and traces. Nothing happens
 * before the first call; then all tables are sorted by address once. Locking: pthread_once. */
#include "core/build/gadget_name.h"
#include "core/build/ngram.h"
#include "core/decode/rows.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct known {
    const void *gadget;
    unsigned table, entry;
};

static struct known *known;
static size_t known_count;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int by_address(const void *a, const void *b) {
    const struct known *x = a, *y = b;
    return x->gadget < y->gadget ? -1 : x->gadget > y->gadget;
}

static void collect(void) {
    size_t total = 0;
    for (unsigned i = 0; i < gadget_table_count; i++) {
        total += gadget_tables[i].count;
    }
    known = calloc(total, sizeof *known);
    if (!known) {
        return;
    }
    for (unsigned i = 0; i < gadget_table_count; i++) {
        for (unsigned j = 0; j < gadget_tables[i].count; j++) {
            const void *gadget = gadget_at(gadget_tables[i].table, j);
            if (gadget) {
                known[known_count++] = (struct known){gadget, i, j};
            }
        }
    }
    qsort(known, known_count, sizeof *known, by_address);
}

bool gadget_find(const void *gadget, const struct gadget_table **table, unsigned *entry) {
    pthread_once(&once, collect);
    struct known key = {.gadget = gadget};
    struct known *hit = known ? bsearch(&key, known, known_count, sizeof *known, by_address) : NULL;
    if (hit) {
        *table = &gadget_tables[hit->table];
        *entry = hit->entry;
    }
    return hit;
}

const char *gadget_name(const void *gadget) {
    static _Thread_local char name[96];
    const struct gadget_table *table;
    unsigned rest;
    if (!gadget_find(gadget, &table, &rest)) {
        return ngram_name(gadget);
    }
    unsigned digit[ARRAY_LEN(table->dim)] = {0};
    for (unsigned i = ARRAY_LEN(table->dim); i-- > 0;) {
        if (table->dim[i].radix) {
            digit[i] = rest % table->dim[i].radix;
            rest /= table->dim[i].radix;
        }
    }
    size_t at = (size_t)snprintf(name, sizeof name, "%s", table->name);
    for (unsigned i = 0; i < ARRAY_LEN(table->dim) && table->dim[i].radix && at < sizeof name;
         i++) {
        const char *const *names = table->dim[i].names;
        at += (size_t)(names ? snprintf(name + at, sizeof name - at, "_%s", names[digit[i]])
                             : snprintf(name + at, sizeof name - at, "_%u", digit[i]));
    }
    return name;
}
