/* Tables of regions: fibers by pc and by page, and their retirement. See region.h. */
#include "core/code/region_internal.h"
#include "core/host/host.h"
#include "core/memory/jump_cache.h"
#include "core/base/populate.h"
#include "core/base/stats.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKETS 64
/* So many are spread over all pages of the table that replaces them. */
#define POPULATED_BUCKETS 4096

struct region *region_new(bool own) {
    struct region *region = calloc(1, sizeof *region);
    if (!region) {
        return NULL;
    }
    region->buckets = FIRST_BUCKETS;
    region->bucket = calloc(region->buckets, sizeof *region->bucket);
    region->pages = own ? calloc(PAGE_BUCKETS, sizeof *region->pages) : NULL;
    if (!region->bucket || (own && !region->pages)) {
        free(region->bucket);
        free(region->pages);
        free(region);
        return NULL;
    }
    pthread_mutex_init(&region->lock, NULL);
    return region;
}

void region_free(struct region *region) {
    for (unsigned i = 0; region->pages && i < PAGE_BUCKETS; i++) {
        while (region->pages[i]) {
            struct code_page *next = region->pages[i]->next;
            free(region->pages[i]);
            region->pages[i] = next;
        }
    }
    chunks_free(&region->chunks);
    code_memory_free(&region->native);
    pthread_mutex_destroy(&region->lock);
    free(region->bucket);
    free(region->pages);
    free(region);
}

/* One place may have code of both modes (a space's `both`). No pc has bit 63. */
static uint64_t key_of(enum guest_mode mode, gaddr_t pc) {
    return pc | (uint64_t)(mode != GUEST_I386) << 63;
}

static uint64_t fiber_key(const struct fiber *fiber) {
    return key_of(fiber->mode, fiber->pc);
}

/* Code that runs together lies together: 256 bytes of it share 64 buckets in a row, so that a block
 * and the targets of its branches are mostly found in the same few lines. */
static unsigned hash_key(uint64_t key) {
    return (unsigned)(((key >> 8) * 0x9e3779b97f4a7c15u) >> 32) + ((unsigned)key >> 2 & 63);
}

static struct bucket *probe(const struct region *region, uint64_t key) {
    unsigned at = hash_key(key) & (region->buckets - 1);
    while (region->bucket[at].fiber && region->bucket[at].key != key) {
        at = (at + 1) & (region->buckets - 1);
    }
    return &region->bucket[at];
}

struct fiber *region_lookup(const struct region *region, enum guest_mode mode, gaddr_t pc) {
    return probe(region, key_of(mode, pc))->fiber;
}

/* False: out of memory. */
static bool region_grow(struct region *region) {
    struct bucket *old = region->bucket;
    unsigned buckets = region->buckets;
    struct bucket *grown = calloc(2 * (size_t)buckets, sizeof *grown);
    if (!grown) {
        return false;
    }
    if (buckets >= POPULATED_BUCKETS) {
        populate(grown, 2 * (size_t)buckets * sizeof *grown);
    }
    region->bucket = grown;
    region->buckets = 2 * buckets;
    for (unsigned i = 0; i < buckets; i++) {
        if (old[i].fiber) {
            *probe(region, old[i].key) = old[i];
        }
    }
    free(old);
    return true;
}

/* Take a key out and close the gap: what comes after it may have been pushed there by it. */
static void bucket_remove(struct region *region, uint64_t key) {
    unsigned mask = region->buckets - 1;
    unsigned gap = (unsigned)(probe(region, key) - region->bucket);
    for (unsigned at = (gap + 1) & mask; region->bucket[at].fiber; at = (at + 1) & mask) {
        unsigned home = hash_key(region->bucket[at].key) & mask;
        if (((at - home) & mask) >= ((at - gap) & mask)) {
            region->bucket[gap] = region->bucket[at];
            gap = at;
        }
    }
    region->bucket[gap] = (struct bucket){0};
}

struct code_page *region_page(struct region *region, gaddr_t addr, bool make) {
    struct code_page **link = &region->pages[(addr >> PAGE_BITS) % PAGE_BUCKETS];
    while (*link && (*link)->page != PAGE_BASE(addr)) {
        link = &(*link)->next;
    }
    if (!*link && make && (*link = calloc(1, sizeof **link))) {
        (*link)->page = PAGE_BASE(addr);
    }
    return *link;
}

/* Which of a fiber's two page lists is the one of `page`. */
static unsigned list_of(const struct fiber *fiber, gaddr_t page) {
    return PAGE_BASE(fiber->pc) == page ? 0 : 1;
}

static gaddr_t last_page(const struct fiber *fiber) {
    return PAGE_BASE(fiber->pc + fiber->guest_len - 1);
}

bool region_insert(struct region *region, struct fiber *fiber) {
    if (region->count >= region->buckets / 2 && !region_grow(region)) {
        return false;
    }
    if (region->pages) {
        gaddr_t pages[2] = {PAGE_BASE(fiber->pc), last_page(fiber)};
        struct code_page *page[2] = {region_page(region, pages[0], true),
                                     region_page(region, pages[1], true)};
        if (!page[0] || !page[1]) {
            return false;
        }
        for (unsigned i = 0; i < (pages[0] == pages[1] ? 1u : 2u); i++) {
            fiber->page_next[i] = page[i]->first;
            page[i]->first = fiber;
        }
    }
    *probe(region, fiber_key(fiber)) = (struct bucket){fiber_key(fiber), fiber};
    fiber->region = region;
    region->count++;
    return true;
}

void region_give_back(struct region *region, struct fiber *fiber) {
    if (fiber->native) {
        native_free(fiber->native);
    }
    fiber_free(&region->chunks, fiber);
}

void region_collect(struct region *region) {
    if (!region->jetsam.first) {
        return;
    }
    uint64_t safe = epoch_oldest();
    struct fiber *fiber;
    while ((fiber = region->jetsam.first) && fiber->retire_epoch <= safe) {
        region->jetsam.first = fiber->jetsam_next;
        region_give_back(region, fiber);
    }
}

void region_retire_all(struct space *space, struct region *region) {
    for (unsigned i = 0; i < region->buckets;) {
        if (region->bucket[i].fiber) {
            region_retire(space, region, region->bucket[i].fiber); /* moves another one here */
        } else {
            i++;
        }
    }
}

void region_take_out(struct region *region, struct fiber *fiber) {
    bucket_remove(region, fiber_key(fiber));
    region->count--;
    gaddr_t pages[2] = {PAGE_BASE(fiber->pc), last_page(fiber)};
    for (unsigned i = 0; region->pages && i < (pages[0] == pages[1] ? 1u : 2u); i++) {
        struct fiber **at = &region_page(region, pages[i], false)->first;
        while (*at != fiber) {
            at = &(*at)->page_next[list_of(*at, pages[i])];
        }
        *at = fiber->page_next[i];
    }
    while (fiber->incoming) {
        exit_unlink(fiber->incoming);
    }
    for (unsigned i = 0; i < fiber->exits; i++) {
        exit_unlink(&fiber->exit[i]);
    }
    fiber->retired = true;
}

void region_uncache(struct space *space, const struct fiber *fiber) {
    uint64_t *cached = jump_cache_word(&space->jump_cache[fiber->mode], fiber->pc);
    uint64_t word = (uint64_t)(uintptr_t)fiber_slots(fiber) - space->anchor;
    if (__atomic_load_n(cached, __ATOMIC_RELAXED) == word) {
        __atomic_store_n(cached, 0, __ATOMIC_RELAXED);
    }
}

void region_jettison(struct region *region, struct fiber *fiber) {
    fiber->retire_epoch = epoch_advance();
    fiber->jetsam_next = NULL;
    *(region->jetsam.first ? &region->jetsam.last->jetsam_next : &region->jetsam.first) = fiber;
    region->jetsam.last = fiber;
}

void region_retire(struct space *space, struct region *region, struct fiber *fiber) {
    region_take_out(region, fiber);
    region_uncache(space, fiber);
    region_jettison(region, fiber);
    STAT(invalidations);
}
