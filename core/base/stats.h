/* Counters that --stats shows. Updated with relaxed atomics on slow paths only: gadgets count
 * nothing. */
#ifndef FG_CORE_STATS_H
#define FG_CORE_STATS_H

#include <stdatomic.h>
#include <stdint.h>

struct engine_stats {
    _Atomic uint64_t blocks, insns, links, lookups, lookup_hits, invalidations, leaves;
    _Atomic uint64_t checked_blocks, checked_changes, hot_pages, cooled_pages;
    _Atomic uint64_t native_blocks, native_bytes;
    _Atomic uint64_t native_evicted, native_again, native_refused;
    _Atomic uint64_t rooms_made;
    _Atomic uint64_t faults, smc_faults, steps, kicks, syscalls, regions_shared;
};
extern struct engine_stats engine_stats;

#define STAT_ADD(name, n) atomic_fetch_add_explicit(&engine_stats.name, (n), memory_order_relaxed)
#define STAT(name)        STAT_ADD(name, 1)

/* Prints the counters, one a line, to stderr. */
void engine_stats_print(void);

#endif
