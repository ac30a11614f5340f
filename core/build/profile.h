/* --profile: how often each fiber ran, as sequences of gadgets: what n-grams are trained on. */
#ifndef FG_CORE_PROFILE_H
#define FG_CORE_PROFILE_H

#include <stdint.h>

/* A counter for one fiber of these gadgets (copied); never freed. NULL: out of memory. */
uint64_t *profile_record(const void *const *gadgets, unsigned count);
/* Append all counters to a file, a line each: count, then its gadgets as TABLE:ENTRY. 0 or -errno.
 */
int profile_write(const char *path);

#endif
