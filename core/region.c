/* Tables of regions: fibers by pc and by page, and their retirement. See region.h. */
#include "core/region_internal.h"
#include "core/host.h"
#include "core/stats.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BUCKETS 64

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
    pthread_mutex_destroy(&region->lock);
    free(region->bucket);
    free(region->pages);
    free(region);
}

static unsigned hash_pc(gaddr_t pc) {
    return (unsigned)((pc * 0x9e3779b97f4a7c15u) >> 32);
}

struct fiber *region_lookup(const struct region *region, gaddr_t pc) {
    struct fiber *fiber = region->bucket[hash_pc(pc) & (region->buckets - 1)];
    while (fiber && fiber->pc != pc) {
        fiber = fiber->hash_next;
    }
    return fiber;
}

static void region_grow(struct region *region) {
    unsigned buckets = region->buckets * 2;
    struct fiber **bucket = calloc(buckets, sizeof *bucket);
    if (!bucket) {
        return; /* longer chains, still right */
    }
    for (unsigned i = 0; i < region->buckets; i++) {
        while (region->bucket[i]) {
            struct fiber *fiber = region->bucket[i];
            region->bucket[i] = fiber->hash_next;
            struct fiber **head = &bucket[hash_pc(fiber->pc) & (buckets - 1)];
            fiber->hash_next = *head;
            *head = fiber;
        }
    }
    free(region->bucket);
    region->bucket = bucket;
    region->buckets = buckets;
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
    if (region->count >= region->buckets * 2) {
        region_grow(region);
    }
    struct fiber **head = &region->bucket[hash_pc(fiber->pc) & (region->buckets - 1)];
    fiber->hash_next = *head;
    *head = fiber;
    fiber->region = region;
    region->count++;
    return true;
}

void region_collect(struct region *region) {
    uint64_t safe = epoch_oldest();
    struct fiber **link = &region->jetsam;
    while (*link) {
        struct fiber *fiber = *link;
        if (fiber->retire_epoch <= safe) {
            *link = fiber->hash_next;
            fiber_free(&region->chunks, fiber);
        } else {
            link = &fiber->hash_next;
        }
    }
}

void region_retire(struct space *space, struct region *region, struct fiber *fiber) {
    struct fiber **link = &region->bucket[hash_pc(fiber->pc) & (region->buckets - 1)];
    while (*link != fiber) {
        link = &(*link)->hash_next;
    }
    *link = fiber->hash_next;
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
    uint64_t *cached = &space->jump_cache[fiber->pc & 0xffff];
    uint64_t word = (uint64_t)(uintptr_t)fiber->entry->slot - (uint64_t)(uintptr_t)host_null_entry;
    if (__atomic_load_n(cached, __ATOMIC_RELAXED) == word) {
        __atomic_store_n(cached, 0, __ATOMIC_RELAXED);
    }
    fiber->retired = true;
    fiber->retire_epoch = epoch_advance();
    fiber->hash_next = region->jetsam;
    region->jetsam = fiber;
    STAT(invalidations);
}
