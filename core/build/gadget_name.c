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
            if (gadget_tables[i].table[j]) {
                known[known_count++] = (struct known){gadget_tables[i].table[j], i, j};
            }
        }
    }
    qsort(known, known_count, sizeof *known, by_address);
}

static int part(char *to, size_t size, unsigned kind, unsigned n) {
    static const char *const r8[] = {"al", "cl", "dl", "bl", "ah", "ch", "dh", "bh"};
    static const char *const r16[] = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};
    static const char *const base[] = {"m_eax", "m_ecx", "m_edx", "m_ebx", "m_esp",
                                       "m_ebp", "m_esi", "m_edi", "m_abs", "m_ea"};
    static const char *const seg[] = {"es", "cs", "ss", "ds", "fs", "gs", "?", "?"};
    static const char *const cond[] = {"o", "no", "c", "nc", "z", "nz", "na", "a",
                                       "s", "ns", "p", "np", "l", "nl", "ng", "g"};
    switch (kind) {
    case NAME_REG8:
        return snprintf(to, size, "_%s", r8[n & 7]);
    case NAME_REG16:
        return snprintf(to, size, "_%s", r16[n & 7]);
    case NAME_REG32:
        return snprintf(to, size, "_e%s", r16[n & 7]);
    case NAME_BASE:
        return snprintf(to, size, "_%s", base[n % 10]);
    case NAME_XMM:
        return snprintf(to, size, "_xmm%u", n);
    case NAME_MMX:
        return snprintf(to, size, "_mm%u", n);
    case NAME_ST:
        return snprintf(to, size, "_st%u", n);
    case NAME_SREG:
        return snprintf(to, size, "_%s", seg[n & 7]);
    case NAME_COND:
        return snprintf(to, size, "_%s", cond[n & 15]);
    case NAME_NUMBER:
        return snprintf(to, size, "_%u", n);
    }
    return 0;
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
        if (table->dim[i].kind != NAME_NONE) {
            digit[i] = rest % table->dim[i].radix;
            rest /= table->dim[i].radix;
        }
    }
    size_t at = (size_t)snprintf(name, sizeof name, "%s", table->name);
    for (unsigned i = 0; i < ARRAY_LEN(table->dim) && at < sizeof name; i++) {
        at += (size_t)part(name + at, sizeof name - at, table->dim[i].kind, digit[i]);
    }
    return name;
}
