/* Compiled code of a space: tables, links, invalidation, sharing. See region.h; epochs and the list of
 * cpus are in epoch.c. */
#include "core/region.h"
#include "core/block.h"
#include "core/debug.h"
#include "core/dump.h"
#include "core/host.h"
#include "core/stats.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define JUMP_CACHE_BYTES (65536 * sizeof(uint64_t))
#define FIRST_BUCKETS    64
/* Fibers of files that nobody maps at the moment are kept up to this many bytes. */
#define FILE_REGIONS_BYTES (96u << 20)
/* A page whose code was dropped by writes so often is compiled as checked code from then on. */
#define HOT_WRITES 32

/* Fibers by guest page, of the own region only: those of a file region die with it. */
struct code_page {
    struct code_page *next;
    gaddr_t page;
    struct fiber *first;
    unsigned writes;
};
#define PAGE_BUCKETS 256

struct region {
    pthread_mutex_t lock;
    struct fiber **bucket;
    unsigned buckets, count;
    struct chunk *chunks;
    struct fiber *jetsam;
    struct code_page **pages; /* [PAGE_BUCKETS]; NULL for a file region */

    /* file regions, under file_regions_lock */
    struct region *next;
    unsigned refs;
    uint64_t idle_epoch; /* when the last user left */
    struct file_id id;
    off_t offset;
    gaddr_t start, end;
    enum guest_mode mode;
};

static pthread_mutex_t file_regions_lock = PTHREAD_MUTEX_INITIALIZER;
static struct region *file_regions; /* most recently attached first */

/* --- regions ------------------------------------------------------------------------------------ */

static struct region *region_new(bool own) {
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

/* No cpu may hold a pointer into the region any more. */
static void region_free(struct region *region) {
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

static struct fiber *region_lookup(const struct region *region, gaddr_t pc) {
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

static struct code_page *page_of(struct region *region, gaddr_t addr, bool make) {
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

static bool region_insert(struct region *region, struct fiber *fiber) {
    if (region->pages) {
        gaddr_t pages[2] = {PAGE_BASE(fiber->pc), last_page(fiber)};
        struct code_page *page[2] = {page_of(region, pages[0], true),
                                     page_of(region, pages[1], true)};
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

/* Give back jetsam that no cpu can run any more. */
static void region_collect(struct region *region) {
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

/* Take a fiber out of the table, out of all links and of the jump cache; onto the jetsam list. */
static void retire(struct space *space, struct region *region, struct fiber *fiber) {
    struct fiber **link = &region->bucket[hash_pc(fiber->pc) & (region->buckets - 1)];
    while (*link != fiber) {
        link = &(*link)->hash_next;
    }
    *link = fiber->hash_next;
    region->count--;
    gaddr_t pages[2] = {PAGE_BASE(fiber->pc), last_page(fiber)};
    for (unsigned i = 0; region->pages && i < (pages[0] == pages[1] ? 1u : 2u); i++) {
        struct fiber **at = &page_of(region, pages[i], false)->first;
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

/* --- pages -------------------------------------------------------------------------------------- */

static uint8_t page_flags(struct space *space, gaddr_t addr) {
    return atomic_load_explicit(&space->page[addr >> PAGE_BITS], memory_order_relaxed);
}

/* May the page be executed? Fills the fault when not. */
static bool page_executable(struct space *space, gaddr_t addr, struct block *block) {
    uint8_t flags = addr < space->top ? page_flags(space, addr) : 0;
    if (flags & PAGE_EXEC) {
        return true;
    }
    block->fault_addr = addr;
    block->fault_error = 0x10 | !!(flags & PAGE_MAPPED);
    return false;
}

/* The same for private code: from now on writes to the page are noticed. code_lock is held. */
static bool page_watched(struct space *space, gaddr_t addr, struct block *block) {
    if (!page_executable(space, addr, block)) {
        return false;
    }
    _Atomic uint8_t *flags = &space->page[addr >> PAGE_BITS];
    if (!(*flags & (PAGE_CODE | PAGE_SHARED | PAGE_HOT))) {
        if (*flags & PAGE_WRITE) {
            mprotect(space_ptr(space, PAGE_BASE(addr)), PAGE_BYTES, PROT_READ);
        }
        atomic_fetch_or(flags, PAGE_CODE);
    }
    return true;
}

/* Checked code where writes cannot be noticed. */
static bool page_unwatchable(struct space *space, gaddr_t pc) {
    uint8_t flags = page_flags(space, pc);
    gaddr_t next = PAGE_BASE(pc) + PAGE_BYTES;
    if (next < space->top) {
        flags |= page_flags(space, next);
    }
    return flags & (PAGE_SHARED | PAGE_HOT);
}

/* --- building ----------------------------------------------------------------------------------- */

static void fill_fiber(struct fiber *fiber, const struct block *block, const struct lowered *low) {
    fiber->pc = block->pc;
    fiber->guest_len = (uint32_t)(block->end - block->pc);
    fiber->checked = block->checked;
    fiber->entry->minus_pc = -(int64_t)block->pc;
    fiber->entry->poll_stop = core_gadgets.poll_stop;
    memcpy(fiber->entry->slot, low->slot, low->slots * sizeof *low->slot);
    memcpy(fiber->mark, low->mark, low->marks * sizeof *low->mark);
    if (block->checked) {
        memcpy(fiber->bytes, block->bytes, fiber->guest_len);
    }
    for (unsigned i = 0; i < low->exits; i++) {
        struct exit *exit = &fiber->exit[i];
        exit->link_slot = &fiber->entry->slot[low->exit[i].slot];
        exit->stub->minus_pc = -(int64_t)low->exit[i].target;
        exit->stub->poll_stop = core_gadgets.poll_stop;
        exit->stub->slot[STUB_GADGET] = (uint64_t)(uintptr_t)core_gadgets.exit_link;
        exit->stub->slot[STUB_PC] = low->exit[i].target;
        exit->stub->slot[STUB_EXIT] = (uint64_t)(uintptr_t)exit;
        *exit->link_slot = (uint64_t)(uintptr_t)exit->stub->slot;
    }
}

static __thread struct block scratch_block;
static __thread struct lowered scratch_low;

static struct fiber *make_fiber(struct chunk **chunks, struct block *block, bool step) {
    lower_block(&scratch_low, block, step);
    struct fiber *fiber =
        fiber_alloc(chunks, scratch_low.slots, scratch_low.marks, scratch_low.exits,
                    block->checked ? (unsigned)(block->end - block->pc) : 0);
    if (fiber) {
        fill_fiber(fiber, block, &scratch_low);
        STAT(blocks);
        STAT_ADD(insns, block->count);
        if (fg_debug.dump_fibers || fg_debug.dump_blocks || fg_debug.dump_gadgets) {
            dump_fiber(fiber, block);
        }
    }
    return fiber;
}

/* Build `pc` in `region`. NULL with *error 0: the block does not fit in (its first instruction leaves
 * a file region); else the fetch fault. Both locks are held. */
static struct fiber *build(struct space *space, struct region *region, gaddr_t pc, gaddr_t *addr,
                           uint32_t *error) {
    struct block *block = &scratch_block;
    bool own = region->pages != NULL;
    gaddr_t limit = own ? space->top : region->end;
    bool checked = own && page_unwatchable(space, pc);
    enum block_status status = block_decode(block, space, pc, limit, FIBER_MAX_INSNS, checked,
                                            own ? page_watched : page_executable);
    *error = 0;
    if (status == BLOCK_FAULT) {
        *addr = block->fault_addr;
        *error = block->fault_error;
        return NULL;
    }
    if (status == BLOCK_OUTSIDE) {
        return NULL;
    }
    region_collect(region);
    struct fiber *fiber = make_fiber(&region->chunks, block, false);
    if (!fiber || !region_insert(region, fiber)) {
        fputs("fiberglass: out of memory for translated code\n", stderr);
        abort();
    }
    return fiber;
}

static struct region *region_at(struct space *space, gaddr_t pc) {
    size_t low = 0, high = space->region_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        const struct space_region *at = &space->regions[mid];
        if (pc < at->start) {
            high = mid;
        } else if (pc >= at->end) {
            low = mid + 1;
        } else {
            return at->region;
        }
    }
    return NULL;
}

/* The fiber of `pc`; code_lock is held. */
static struct fiber *find_or_build(struct space *space, gaddr_t pc, gaddr_t *addr,
                                   uint32_t *error) {
    struct region *file = region_at(space, pc);
    struct region *order[2] = {file ? file : space->own, file ? space->own : NULL};
    struct fiber *fiber = NULL;
    *error = 0;
    for (unsigned i = 0; i < 2 && order[i] && !fiber && !*error; i++) {
        pthread_mutex_lock(&order[i]->lock);
        fiber = region_lookup(order[i], pc);
        if (!fiber) {
            fiber = build(space, order[i], pc, addr, error);
        }
        pthread_mutex_unlock(&order[i]->lock);
    }
    return fiber;
}

static void cache_entry(struct space *space, const struct fiber *fiber) {
    uint64_t word = (uint64_t)(uintptr_t)fiber->entry->slot - (uint64_t)(uintptr_t)host_null_entry;
    __atomic_store_n(&space->jump_cache[fiber->pc & 0xffff], word, __ATOMIC_RELEASE);
}

const uint64_t *code_find(struct cpu *cpu, gaddr_t pc, gaddr_t *addr, uint32_t *error) {
    struct space *space = cpu->space;
    STAT(lookups);
    uint64_t word = __atomic_load_n(&space->jump_cache[pc & 0xffff], __ATOMIC_ACQUIRE);
    const uint64_t *slot0 = (const uint64_t *)((uintptr_t)host_null_entry + word);
    if (word && entry_pc(slot0, space->mode) == pc) {
        STAT(lookup_hits);
        return slot0;
    }
    pthread_mutex_lock(&space->code_lock);
    struct fiber *fiber = find_or_build(space, pc, addr, error);
    if (fiber) {
        cache_entry(space, fiber);
    }
    pthread_mutex_unlock(&space->code_lock);
    return fiber ? fiber->entry->slot : NULL;
}

const uint64_t *code_step(struct cpu *cpu, gaddr_t pc, gaddr_t *addr, uint32_t *error) {
    struct space *space = cpu->space;
    struct block *block = &scratch_block;
    struct fiber *fiber = NULL;
    STAT(steps);
    pthread_mutex_lock(&space->code_lock);
    enum block_status status =
        block_decode(block, space, pc, space->top, 1, false, page_executable);
    pthread_mutex_unlock(&space->code_lock);
    if (status == BLOCK_FAULT) {
        *addr = block->fault_addr;
        *error = block->fault_error;
        return NULL;
    }
    if (cpu->step_chunks) {
        cpu->step_chunks->live = 0;
    }
    fiber = make_fiber(&cpu->step_chunks, block, true);
    if (!fiber) {
        fputs("fiberglass: out of memory for translated code\n", stderr);
        abort();
    }
    return fiber->entry->slot;
}

const uint64_t *code_link(struct cpu *cpu, const uint64_t *stub, gaddr_t *pc, gaddr_t *addr,
                          uint32_t *error) {
    struct space *space = cpu->space;
    struct exit *exit = (struct exit *)(uintptr_t)stub[STUB_EXIT];
    *pc = stub[STUB_PC];
    pthread_mutex_lock(&space->code_lock);
    struct fiber *to = find_or_build(space, *pc, addr, error);
    if (to) {
        cache_entry(space, to);
        struct region *region = to->region;
        pthread_mutex_lock(&region->lock);
        if (exit->from->region != region) {
            __atomic_store_n(&exit->stub->slot[STUB_GADGET],
                             (uint64_t)(uintptr_t)core_gadgets.exit_lookup, __ATOMIC_RELEASE);
        } else if (!exit->from->retired && !to->retired && !exit->to) {
            exit_link_to(exit, to);
            STAT(links);
        }
        pthread_mutex_unlock(&region->lock);
    }
    pthread_mutex_unlock(&space->code_lock);
    return to ? to->entry->slot : NULL;
}

int helper_check(struct cpu *cpu, const uint32_t *params) {
    (void)params;
    struct fiber *fiber = fiber_of_slot((const void *)(uintptr_t)cpu->fiber);
    struct space *space = cpu->space;
    uint8_t now[sizeof scratch_block.bytes];
    if (host_copy(now, space_ptr(space, fiber->pc), fiber->guest_len) == 0 &&
        memcmp(now, fiber->bytes, fiber->guest_len) == 0) {
        return 0;
    }
    pthread_mutex_lock(&space->code_lock);
    pthread_mutex_lock(&fiber->region->lock);
    if (!fiber->retired) {
        retire(space, fiber->region, fiber);
    }
    pthread_mutex_unlock(&fiber->region->lock);
    pthread_mutex_unlock(&space->code_lock);
    return EXIT_LOOKUP;
}

/* --- invalidation ------------------------------------------------------------------------------- */

/* Retire what touches one page of the own region; both locks are held. */
static void drop_page(struct space *space, gaddr_t addr, bool written) {
    struct code_page *page = page_of(space->own, addr, false);
    if (!page) {
        return;
    }
    while (page->first) {
        retire(space, space->own, page->first);
    }
    if (written && ++page->writes >= HOT_WRITES) {
        atomic_fetch_or(&space->page[addr >> PAGE_BITS], PAGE_HOT);
        STAT(hot_pages);
    }
}

static int host_prot(uint8_t flags) {
    int prot = flags & (PAGE_READ | PAGE_EXEC) ? PROT_READ : PROT_NONE;
    return flags & PAGE_WRITE ? PROT_READ | PROT_WRITE : prot;
}

bool code_written(struct space *space, gaddr_t addr) {
    bool again = false;
    pthread_mutex_lock(&space->code_lock);
    _Atomic uint8_t *flags = &space->page[addr >> PAGE_BITS];
    if (*flags & PAGE_WRITE) {
        again = true;
        if (*flags & PAGE_CODE) {
            pthread_mutex_lock(&space->own->lock);
            drop_page(space, addr, true);
            atomic_fetch_and(flags, (uint8_t)~PAGE_CODE);
            mprotect(space_ptr(space, PAGE_BASE(addr)), PAGE_BYTES, host_prot(*flags));
            pthread_mutex_unlock(&space->own->lock);
            STAT(smc_faults);
        }
    }
    pthread_mutex_unlock(&space->code_lock);
    return again;
}

static void region_release(struct region *region) {
    pthread_mutex_lock(&file_regions_lock);
    if (--region->refs == 0) {
        region->idle_epoch = epoch_advance();
    }
    pthread_mutex_unlock(&file_regions_lock);
}

static void clear_jump_cache(struct space *space) {
    madvise(space->jump_cache, JUMP_CACHE_BYTES, MADV_DONTNEED);
}

/* Leave region number `index` of the space; code_lock is held. */
static void leave_region(struct space *space, size_t index) {
    region_release(space->regions[index].region);
    memmove(&space->regions[index], &space->regions[index + 1],
            (space->region_count - index - 1) * sizeof *space->regions);
    space->region_count--;
    clear_jump_cache(space);
    STAT(leaves);
}

void code_drop(struct space *space, gaddr_t addr, gaddr_t len) {
    bool dropped = false;
    pthread_mutex_lock(&space->code_lock);
    for (size_t i = space->region_count; i-- > 0;) {
        if (space->regions[i].start < addr + len && addr < space->regions[i].end) {
            leave_region(space, i);
            dropped = true;
        }
    }
    pthread_mutex_lock(&space->own->lock);
    for (gaddr_t at = addr; at < addr + len; at += PAGE_BYTES) {
        _Atomic uint8_t *flags = &space->page[at >> PAGE_BITS];
        if (*flags & (PAGE_CODE | PAGE_HOT | PAGE_SHARED)) {
            drop_page(space, at, false);
            if (*flags & PAGE_CODE) {
                atomic_fetch_and(flags, (uint8_t)~PAGE_CODE);
                mprotect(space_ptr(space, at), PAGE_BYTES, host_prot(*flags));
            }
            dropped = true;
        }
    }
    pthread_mutex_unlock(&space->own->lock);
    pthread_mutex_unlock(&space->code_lock);
    if (dropped) {
        space_kick(space, NULL);
    }
}

/* --- files -------------------------------------------------------------------------------------- */

/* Forget idle file regions beyond the bound, least recently attached first; file_regions_lock held. */
static void evict_file_regions(void) {
    uint64_t safe = epoch_oldest();
    size_t bytes = 0;
    for (struct region **link = &file_regions; *link;) {
        struct region *region = *link;
        bytes += chunks_bytes(region->chunks);
        if (bytes > FILE_REGIONS_BYTES && region->refs == 0 && region->idle_epoch <= safe) {
            *link = region->next;
            bytes -= chunks_bytes(region->chunks);
            region_free(region);
        } else {
            link = &region->next;
        }
    }
}

static struct region *file_region(enum guest_mode mode, gaddr_t start, gaddr_t end, off_t offset,
                                  const struct file_id *id) {
    pthread_mutex_lock(&file_regions_lock);
    struct region **link = &file_regions;
    while (*link && !((*link)->start == start && (*link)->end == end &&
                      (*link)->offset == offset && (*link)->mode == mode &&
                      memcmp(&(*link)->id, id, sizeof *id) == 0)) {
        link = &(*link)->next;
    }
    struct region *region = *link;
    if (region) {
        *link = region->next;
        STAT(regions_shared);
    } else {
        evict_file_regions();
        region = region_new(false);
        if (region) {
            region->start = start;
            region->end = end;
            region->offset = offset;
            region->mode = mode;
            region->id = *id;
        }
    }
    if (region) {
        region->next = file_regions;
        file_regions = region;
        region->refs++;
    }
    pthread_mutex_unlock(&file_regions_lock);
    return region;
}

static bool add_region(struct space *space, gaddr_t start, gaddr_t end, struct region *region) {
    struct space_region *grown =
        realloc(space->regions, (space->region_count + 1) * sizeof *grown);
    if (!grown) {
        return false;
    }
    space->regions = grown;
    size_t at = space->region_count++;
    while (at > 0 && grown[at - 1].start > start) {
        grown[at] = grown[at - 1];
        at--;
    }
    grown[at] = (struct space_region){start, end, region};
    return true;
}

void code_attach_file(struct space *space, gaddr_t addr, gaddr_t len, off_t offset,
                      const struct file_id *id) {
    struct region *region = file_region(space->mode, addr, addr + len, offset, id);
    if (!region) {
        return; /* own code then */
    }
    pthread_mutex_lock(&space->code_lock);
    bool added = add_region(space, addr, addr + len, region);
    pthread_mutex_unlock(&space->code_lock);
    if (!added) {
        region_release(region);
    }
}

void code_inherit(struct space *child, struct space *parent) {
    pthread_mutex_lock(&parent->code_lock);
    for (size_t i = 0; i < parent->region_count; i++) {
        const struct space_region *at = &parent->regions[i];
        if (add_region(child, at->start, at->end, at->region)) {
            pthread_mutex_lock(&file_regions_lock);
            at->region->refs++;
            pthread_mutex_unlock(&file_regions_lock);
        }
    }
    pthread_mutex_unlock(&parent->code_lock);
}

int code_init(struct space *space) {
    space->own = region_new(true);
    return space->own ? 0 : -ENOMEM;
}

void code_fini(struct space *space) {
    for (size_t i = 0; i < space->region_count; i++) {
        region_release(space->regions[i].region);
    }
    free(space->regions);
    region_free(space->own);
}
