/* N-grams: gadgets made of several in a row, chosen by a recorded profile (gen/emit_ngrams.py). Fewer
 * dispatches, more distinct dispatch sites. */
#ifndef FG_CORE_NGRAM_H
#define FG_CORE_NGRAM_H

#include <stdbool.h>
#include <stdint.h>

/* The gadget that does `first` (which may be an n-gram itself) and then `second`; NULL: there is none.
 * Its parameters are those of `first`, then those of `second`. Thread-safe. */
const void *ngram_find(const void *first, const void *second);

/* Its name, for dumps: those of its parts in a row. "" when it is none. */
const char *ngram_name(const void *gadget);

/* Which part of the gadget at `gadget` the host instruction at `at` belongs to: 0 for the first (and
 * of plain gadgets). Safe in a signal handler. */
unsigned ngram_part(const void *gadget, const void *at);

#endif
