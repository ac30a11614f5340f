/* Memory of jump caches, and the few that wait for the next space. See jump_cache.h. */
#include "core/memory/jump_cache.h"
#include "core/base/populate.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#define BYTES      (JUMP_CACHE_WORDS * sizeof(uint64_t))
#define PART_BYTES (BYTES / JUMP_CACHE_PARTS)
/* A fork and its exec have three at a time, one of them their parent's. */
#define SPARE 4

static pthread_mutex_t spare_lock = PTHREAD_MUTEX_INITIALIZER;
static struct jump_cache spare[SPARE]; /* with what the dead left in them */
static unsigned spares;

static void *part_of(const struct jump_cache *cache, unsigned part) {
    return cache->entry + (size_t)part * JUMP_CACHE_PART_WORDS;
}

static void empty(struct jump_cache *cache) {
    for (unsigned part = 0; part < JUMP_CACHE_PARTS; part++) {
        if (cache->used >> part & 1) {
            memset(part_of(cache, part), 0, PART_BYTES);
        }
    }
    cache->used = 0;
}

bool jump_cache_new(struct jump_cache *cache) {
    *cache = (struct jump_cache){0};
    pthread_mutex_lock(&spare_lock);
    if (spares) {
        *cache = spare[--spares];
    }
    pthread_mutex_unlock(&spare_lock);
    if (cache->entry) {
        empty(cache);
    } else {
        const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
        void *entry = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, flags, -1, 0);
        cache->entry = entry == MAP_FAILED ? NULL : entry;
    }
    return cache->entry;
}

void jump_cache_free(struct jump_cache *cache) {
    if (!cache->entry) {
        return;
    }
    pthread_mutex_lock(&spare_lock);
    bool kept = spares < SPARE;
    if (kept) {
        spare[spares++] = *cache;
    }
    pthread_mutex_unlock(&spare_lock);
    if (!kept) {
        munmap(cache->entry, BYTES);
    }
    cache->entry = NULL;
}

void jump_cache_use(struct jump_cache *cache, unsigned part) {
    uint32_t bit = (uint32_t)1 << part;
    if (!(cache->present & bit)) {
        populate(part_of(cache, part), PART_BYTES);
        cache->present |= bit;
    }
    cache->used |= bit;
}

void jump_cache_clear(struct jump_cache *cache) {
    madvise(cache->entry, BYTES, MADV_DONTNEED);
    cache->present = cache->used = 0;
}
