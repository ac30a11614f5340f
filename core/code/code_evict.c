/* Native code gives way to newer: when little of its memory is spare, the blocks of the oldest
 * chunk are retired, as if they had been written to, and the chunk is used again when no cpu can
 * run them any more. Nobody is stopped for that: what is hot among them is made again. Which chunk
 * is the oldest, and which have left, is code_memory.c's subject.
 *
 * What is made again costs time, and all the more the less memory there is for what runs. So the
 * time for that has an allowance, a part of the processor time. When it is used up nothing is
 * evicted for a while, and new blocks are threaded (`refused`); then these are retired, too, so
 * that what is hot gets its chance. */
#include "core/base/stats.h"
#include "core/code/region_internal.h"

#include <string.h>
#include <time.h>

/* The way into C, decoding, copying, linking again: nanoseconds of a block. */
#define AGAIN_NS 4000
/* Time that making again may take: a part of all, and of making all that has room saved up. */
#define ALLOWED_PART  16
#define ALLOWED_SAVED 8
#define TYPICAL_BYTES 96 /* of a block's code */
#define RESTING_LOOKS 64 /* ways into C between two looks at the clock */
#define EVICTED_BITS  (1u << 21)
#define EVICTED_SHIFT 43

/* Which blocks were evicted and not made again, by hashes; emptied when half full. */
static _Atomic uint64_t evicted[EVICTED_BITS / 64];
static _Atomic uint32_t evicted_count;
static _Atomic uint32_t refused_count; /* since the last chance */
static _Atomic int64_t spent_ns;       /* for blocks made again, not yet taken from the allowance */

/* The rest is changed under code_spaces_lock. */
static int64_t allowance_ns, seen_ns;
static _Atomic bool resting; /* nothing is evicted */

static _Atomic uint64_t *evicted_word(const struct region *region, const struct fiber *fiber,
                                      uint64_t *bit) {
    uint64_t hash = (fiber->pc ^ (uintptr_t)region) * 0x9e3779b97f4a7c15u >> EVICTED_SHIFT;
    *bit = (uint64_t)1 << hash % 64;
    return &evicted[hash / 64];
}

static void note_evicted(const struct region *region, const struct fiber *fiber) {
    uint64_t bit;
    _Atomic uint64_t *word = evicted_word(region, fiber, &bit);
    if (!(atomic_fetch_or_explicit(word, bit, memory_order_relaxed) & bit) &&
        atomic_fetch_add_explicit(&evicted_count, 1, memory_order_relaxed) > EVICTED_BITS / 2) {
        for (size_t i = 0; i < ARRAY_LEN(evicted); i++) {
            atomic_store_explicit(&evicted[i], 0, memory_order_relaxed);
        }
        atomic_store_explicit(&evicted_count, 0, memory_order_relaxed);
    }
}

void evict_built(const struct fiber *fiber) {
    if (fiber->refused) {
        fiber->region->refused = true;
        atomic_fetch_add_explicit(&refused_count, 1, memory_order_relaxed);
        STAT(native_refused);
    }
    if (!atomic_load_explicit(&evicted_count, memory_order_relaxed)) {
        return;
    }
    uint64_t bit;
    _Atomic uint64_t *word = evicted_word(fiber->region, fiber, &bit);
    if (atomic_load_explicit(word, memory_order_relaxed) & bit) {
        atomic_fetch_and_explicit(word, ~bit, memory_order_relaxed);
        atomic_fetch_sub_explicit(&evicted_count, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&spent_ns, AGAIN_NS, memory_order_relaxed);
        STAT_ADD(native_again, !fiber->refused);
    }
}

/* --- the allowance --------------------------------------------------------------------- */

static int64_t processor_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* May more be evicted now? *rested: from now on again. What it may then cost to make refused blocks
 * again is to be saved up, too: half of it, for not all of them run again. */
static bool may_evict(bool *rested) {
    const int64_t blocks = (int64_t)code_memory_blocks(TYPICAL_BYTES) / ALLOWED_SAVED;
    const int64_t refused = atomic_load_explicit(&refused_count, memory_order_relaxed) / 2;
    const int64_t most = (blocks + refused) * AGAIN_NS;
    int64_t now = processor_ns();
    allowance_ns += seen_ns ? (now - seen_ns) / ALLOWED_PART : blocks * AGAIN_NS;
    seen_ns = now;
    allowance_ns -= atomic_exchange_explicit(&spent_ns, 0, memory_order_relaxed);
    if (allowance_ns > most) {
        allowance_ns = most;
    }
    bool rests = atomic_load_explicit(&resting, memory_order_relaxed);
    *rested = rests && allowance_ns == most;
    if (*rested || (!rests && allowance_ns < 0)) {
        rests = !rests;
        atomic_store_explicit(&resting, rests, memory_order_relaxed);
    }
    return !rests;
}

/* --- leaving --------------------------------------------------------------------------- */

/* The own region of a space, or (space NULL) a file region, which others may be using. Its lock and
 * in a space code_lock are held. */
static void leave(struct space *space, struct region *region, struct fiber *fiber) {
    note_evicted(region, fiber);
    region_take_out(region, fiber);
    if (space) {
        region_uncache(space, fiber);
        region_jettison(region, fiber);
    } else {
        fiber->jetsam_next = region->leaving;
        region->leaving = fiber;
    }
}

static struct fiber *fiber_of_block(const struct region *region, const uint64_t *slot) {
    for (unsigned mode = 0; mode < GUEST_MODES; mode++) {
        struct fiber *fiber = region_lookup(region, mode, entry_pc(slot, mode));
        if (fiber && fiber_slots(fiber) == slot) {
            return fiber;
        }
    }
    return NULL; /* retired before */
}

static void leave_chunk(struct space *space, struct region *region,
                        const struct native_chunk *chunk) {
    struct native_block *at = NULL;
    const uint64_t *slot;
    while ((slot = native_each(chunk, &at))) {
        struct fiber *fiber = fiber_of_block(region, slot);
        if (fiber) {
            leave(space, region, fiber);
        }
    }
}

static void leave_refused(struct space *space, struct region *region) {
    for (unsigned i = 0; i < region->buckets;) {
        struct fiber *fiber = region->bucket[i].fiber;
        if (fiber && fiber->refused) {
            leave(space, region, fiber); /* moves another one here */
        } else {
            i++;
        }
    }
    region->refused = false;
}

static bool uses(const struct space *space, const struct region *region) {
    for (size_t i = 0; i < space->region_count; i++) {
        if (space->regions[i].region == region) {
            return true;
        }
    }
    return false;
}

/* What left a file region: out of the jump caches of all spaces that are in it, and then it is
 * jetsam. A space that gets there meanwhile finds it in no table. */
static void leave_caches(struct region *region, struct cpu *self) {
    for (struct space *space = code_spaces; space; space = space->next) {
        pthread_mutex_lock(&space->code_lock);
        bool is_user = uses(space, region);
        for (struct fiber *at = region->leaving; at && is_user; at = at->jetsam_next) {
            region_uncache(space, at);
        }
        pthread_mutex_unlock(&space->code_lock);
        if (is_user) {
            space_kick(space, self); /* who loops there passes no link */
        }
    }
    pthread_mutex_lock(&region->lock);
    while (region->leaving) {
        struct fiber *fiber = region->leaving;
        region->leaving = fiber->jetsam_next;
        region_jettison(region, fiber);
    }
    pthread_mutex_unlock(&region->lock);
}

/* The blocks of a chunk leave, or (NULL) what was refused; space as in leave(). */
static void leave_region_part(struct space *space, struct region *region,
                              struct native_chunk *chunk, struct cpu *self) {
    if (space) {
        pthread_mutex_lock(&space->code_lock);
    }
    pthread_mutex_lock(&region->lock);
    if (!chunk) {
        leave_refused(space, region);
    } else if (code_memory_leaving(chunk, &region->native)) {
        leave_chunk(space, region, chunk);
    }
    pthread_mutex_unlock(&region->lock);
    if (space) {
        pthread_mutex_unlock(&space->code_lock);
        space_kick(space, self);
    } else {
        leave_caches(region, self);
    }
    if (chunk) {
        code_memory_left(chunk, &region->native, epoch_advance());
    }
}

/* --- whose it is ----------------------------------------------------------------------- */

static bool is_of_list(const struct region *region, const void *list) {
    return &region->native == list;
}

static bool has_refused(const struct region *region, const void *none) {
    (void)none;
    return region->refused;
}

/* The region of a list: some space's own (*space), or of a file, then held (*space is NULL). NULL:
 * it is just being freed, and its chunks with it. */
static struct region *region_of(const struct native_list *list, struct space **space) {
    for (*space = code_spaces; *space; *space = (*space)->next) {
        if (is_of_list((*space)->own, list)) {
            return (*space)->own;
        }
    }
    return code_hold(is_of_list, list);
}

static bool evict_oldest(struct cpu *self) {
    struct native_list *list;
    struct space *space;
    struct native_chunk *chunk = code_memory_leave(&list);
    struct region *region = chunk ? region_of(list, &space) : NULL;
    if (region) {
        leave_region_part(space, region, chunk, self);
        if (!space) {
            code_release(region);
        }
        STAT(native_evicted);
    }
    return chunk;
}

/* What has left and is run by nobody any more is spare. */
static void collect(void) {
    uint64_t safe = epoch_oldest();
    struct native_list *list;
    struct space *space;
    while ((list = code_memory_collect(safe))) {
        struct region *region = region_of(list, &space);
        if (!region) {
            continue;
        }
        pthread_mutex_lock(&region->lock);
        region_collect(region);
        code_memory_trim(&region->native);
        pthread_mutex_unlock(&region->lock);
        if (!space) {
            code_release(region);
        }
    }
}

static void another_chance(struct cpu *self) {
    atomic_store_explicit(&refused_count, 0, memory_order_relaxed);
    for (struct space *space = code_spaces; space; space = space->next) {
        leave_region_part(space, space->own, NULL, self);
    }
    struct region *region;
    while ((region = code_hold(has_refused, NULL))) {
        leave_region_part(NULL, region, NULL, self);
        code_release(region);
    }
}

void code_evict(struct cpu *self) {
    static _Atomic unsigned looks;
    if (atomic_load_explicit(&resting, memory_order_relaxed) &&
        atomic_fetch_add_explicit(&looks, 1, memory_order_relaxed) % RESTING_LOOKS) {
        return;
    }
    if (pthread_mutex_trylock(&code_spaces_lock)) {
        return; /* another thread is at it */
    }
    collect();
    bool rested = false;
    if (code_memory_wanted() && may_evict(&rested)) {
        if (rested) {
            another_chance(self);
        }
        while (code_memory_wanted() && evict_oldest(self)) {
        }
    }
    pthread_mutex_unlock(&code_spaces_lock);
}
