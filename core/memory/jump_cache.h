/* Memory of jump caches: 64 Ki words, entered by the low 16 bits of a pc (cpu_state.h), 0 where
 * nothing is cached. A program uses nearly all of one within its first few thousand blocks, so
 * their pages were half of the page faults of an exec: memory is asked for by parts, and the caches
 * of spaces that died are used again, emptied. A word leads to a fiber, which is gone with its
 * space: no cache is ever handed on that holds one. */
#ifndef FG_CORE_JUMP_CACHE_H
#define FG_CORE_JUMP_CACHE_H

#include "core/base/space_state.h"
#include <stdbool.h>

#define JUMP_CACHE_PART_WORDS (JUMP_CACHE_WORDS / JUMP_CACHE_PARTS)

/* An empty cache; false: no memory. Any thread. */
bool jump_cache_new(struct jump_cache *cache);
/* Nobody reads it any more. May be called for one that jump_cache_new() refused. Any thread. */
void jump_cache_free(struct jump_cache *cache);

/* Empty it, while gadgets of any thread read. */
void jump_cache_clear(struct jump_cache *cache);

/* The word of `pc`. Any thread. */
static inline uint64_t *jump_cache_word(const struct jump_cache *cache, gaddr_t pc) {
    return &cache->entry[pc & (JUMP_CACHE_WORDS - 1)];
}

/* A part is about to get its first word. */
void jump_cache_use(struct jump_cache *cache, unsigned part);

/* Enter a word, while gadgets of any thread read. Serialised by the caller (code_lock), as is
 * clearing. */
static inline void jump_cache_set(struct jump_cache *cache, gaddr_t pc, uint64_t word) {
    unsigned part = (unsigned)((pc & (JUMP_CACHE_WORDS - 1)) / JUMP_CACHE_PART_WORDS);
    if (!(cache->used >> part & 1)) {
        jump_cache_use(cache, part);
    }
    __atomic_store_n(jump_cache_word(cache, pc), word, __ATOMIC_RELEASE);
}

#endif
