/* N-grams: gadgets made of several in a row, chosen by a recorded profile (gen/emit_ngrams.py).
 * Fewer dispatches, more distinct dispatch sites. Last step of lowering. */
#ifndef FG_CORE_NGRAM_H
#define FG_CORE_NGRAM_H

#include "core/block.h"

/* Replace runs of gadgets by n-grams, the longest that fits from left to right. The parameters of
 * an n-gram are those of its parts in a row; marks and exits are kept in step. Thread-safe. */
void ngram_merge(struct lowered *low);

/* Its name, for dumps: those of its parts in a row. "" when it is none. */
const char *ngram_name(const void *gadget);

/* Which part of the gadget at `gadget` the host instruction at `at` belongs to: 0 for the first
 * (and of plain gadgets). Safe in a signal handler. */
unsigned ngram_part(const void *gadget, const void *at);

#endif
