/* Names of gadgets for dumps, made from table names and indices: shape of the generated list. */
#ifndef FG_CORE_GADGET_NAME_H
#define FG_CORE_GADGET_NAME_H

#include "core/decode/rows.h"

/* One gadget table: its entries are numbered by up to four indices, the first most significant. */
struct gadget_table {
    const gadget_ref *table;
    unsigned count;
    const char *name;
    struct {
        const char *const *names; /* of the index's entries; NULL: they are numbers */
        unsigned radix;           /* 0: no index */
    } dim[4];
};

/* Table and entry of a gadget; false when it is in none (n-grams, parameters). */
bool gadget_find(const void *gadget, const struct gadget_table **table, unsigned *entry);

extern const struct gadget_table gadget_tables[];
extern const unsigned gadget_table_count;

#endif
