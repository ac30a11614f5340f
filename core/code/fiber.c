/* Memory of fibers, the side table, links. See fiber.h. */
#include "core/code/fiber.h"
#include "core/base/debug.h"
#include "core/base/populate.h"
#include "core/native/native.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static size_t align(size_t n, size_t to) {
    return (n + to - 1) & ~(to - 1);
}

/* Chunks are cut from slabs that ask for huge pages: start-up writes megabytes of fibers once and
 * runs all over them. Small programs need some more than one slab, so the second gets its pages by
 * the chunk. A chunk that is given back is kept for the next region. */
#define SLAB_BYTES ((size_t)2 << 20)

static pthread_mutex_t slab_lock = PTHREAD_MUTEX_INITIALIZER;
static struct chunk *spare; /* chunks that were given back */
static char *slab, *slab_end;
static size_t chunks_made;
static unsigned slabs; /* with the one that chunks are cut from now */

/* A slab aligned to its size: map twice as much and give back what lies around it. */
static bool slab_new(void) {
    char *raw = mmap(NULL, 2 * SLAB_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (raw == MAP_FAILED) {
        return false;
    }
    slab = (char *)align((size_t)raw, SLAB_BYTES);
    slab_end = slab + SLAB_BYTES;
    if (slab > raw) {
        munmap(raw, (size_t)(slab - raw));
    }
    munmap(slab_end, (size_t)(raw + SLAB_BYTES - slab));
    if (++slabs != 2) {
        madvise(slab, SLAB_BYTES, MADV_HUGEPAGE); /* a host without them: slower, else the same */
    }
    return true;
}

static void chunk_clear(struct chunk *chunk) {
    chunk->used = offsetof(struct chunk, first);
    chunk->records = CHUNK_BYTES;
}

static struct chunk *chunk_new(void) {
    struct chunk *chunk = NULL;
    pthread_mutex_lock(&slab_lock);
    if (spare) {
        chunk = spare;
        spare = chunk->next;
    } else if ((!fg_debug.most_chunks || chunks_made < fg_debug.most_chunks) &&
               (slab < slab_end || slab_new())) {
        chunk = (struct chunk *)slab;
        if (slabs == 2) {
            populate(slab, CHUNK_BYTES);
        }
        slab += CHUNK_BYTES;
        chunks_made++;
    }
    pthread_mutex_unlock(&slab_lock);
    if (chunk) {
        chunk->next = NULL;
        chunk->live = 0;
        chunk_clear(chunk);
    }
    return chunk;
}

struct fiber *fiber_alloc(struct chunk **chunks, unsigned slots, unsigned marks, unsigned exits) {
    size_t size =
        align(sizeof(struct fiber) + exits * sizeof(struct exit) + marks * sizeof(struct mark),
              sizeof(uint64_t));
    size_t run = ENTRY_BYTES + slots * sizeof(uint64_t);
    struct chunk *chunk = *chunks;

    if (run + size > CHUNK_BYTES - offsetof(struct chunk, first)) {
        return NULL;
    }
    if (chunk && chunk->live == 0) {
        chunk_clear(chunk);
    }
    if (!chunk || chunk->records - chunk->used < run + size) {
        /* Chunks whose fibers are all gone are taken again before new ones are made. */
        struct chunk **link = chunks;
        while (*link && (*link)->live) {
            link = &(*link)->next;
        }
        chunk = *link;
        if (chunk) {
            *link = chunk->next;
            chunk_clear(chunk);
        } else if (!(chunk = chunk_new())) {
            return NULL;
        }
        chunk->next = *chunks;
        *chunks = chunk;
    }
    uint32_t record = chunk->records - (uint32_t)size;
    struct fiber *fiber = (struct fiber *)((char *)chunk + record);
    memset(fiber, 0, sizeof *fiber);
    fiber->size = (uint16_t)size;
    fiber->slot_at = (uint16_t)(chunk->used + ENTRY_BYTES);
    chunk->used += (uint32_t)run;
    chunk->live++;
    fiber->slots = (uint16_t)slots;
    fiber->marks = (uint16_t)marks;
    fiber->exits = (uint8_t)exits;
    chunk->records = record; /* last: fiber_of_slot() meets the newest first */
    return fiber;
}

void fiber_free(struct chunk **chunks, struct fiber *fiber) {
    (void)chunks;
    assert(chunk_of(fiber)->live > 0);
    chunk_of(fiber)->live--;
}

void chunks_free(struct chunk **chunks) {
    while (*chunks) {
        struct chunk *chunk = *chunks;
        *chunks = chunk->next;
        pthread_mutex_lock(&slab_lock);
        chunk->next = spare;
        spare = chunk;
        pthread_mutex_unlock(&slab_lock);
    }
}

void chunks_trim(struct chunk **chunks) {
    for (struct chunk **link = chunks; *link;) {
        struct chunk *chunk = *link;
        if (chunk->live) {
            link = &chunk->next;
            continue;
        }
        *link = chunk->next;
        chunk->next = NULL;
        chunks_free(&chunk);
    }
}

size_t chunks_bytes(const struct chunk *chunks) {
    size_t bytes = 0;
    for (; chunks; chunks = chunks->next) {
        bytes += chunks->used + CHUNK_BYTES - chunks->records;
    }
    return bytes;
}

static _Atomic unsigned publications;

void fiber_published(void) {
    atomic_fetch_add_explicit(&publications, 1, memory_order_release);
}

void fiber_acquire(void) {
    (void)atomic_load_explicit(&publications, memory_order_acquire);
}

struct fiber *fiber_of_slot(const void *slot) {
    fiber_acquire();
    struct chunk *chunk = chunk_of(slot);
    uint32_t wanted = (uint32_t)((const char *)slot - (const char *)chunk);
    for (uint32_t at = chunk->records; at < CHUNK_BYTES;) {
        struct fiber *fiber = (struct fiber *)((char *)chunk + at);
        uint32_t end = fiber->slot_at + fiber->slots * (uint32_t)sizeof(uint64_t);
        bool is_slot = wanted >= fiber->slot_at && wanted < end;
        if (is_slot || (wanted >= at && wanted < at + fiber->size)) { /* else a stub's slot */
            return fiber;
        }
        at += fiber->size;
    }
    return NULL;
}

gaddr_t fiber_slot_pc(const struct fiber *fiber, const void *slot, unsigned part) {
    for (unsigned i = 0; i < fiber->exits; i++) {
        if (fiber->exit[i].stub_slot == slot) {
            return fiber->exit[i].stub_slot[STUB_PC];
        }
    }
    const struct mark *mark = fiber_marks(fiber);
    ptrdiff_t index = (const uint64_t *)slot - fiber_slots(fiber);
    unsigned found = 0;
    while (found + 1 < fiber->marks) {
        const struct mark *next = &mark[found + 1];
        if (next->slot > index || (next->slot == index && next->part > part)) {
            break;
        }
        found++;
    }
    return fiber->pc + mark[found].delta;
}

/* Native branches of an exit: to the code of the fiber that it is linked to, if that is native. */
static void link_native(const struct exit *exit) {
    struct native_block *from = exit_fiber(exit)->native;
    if (from) {
        native_link(from, exit->number, exit->to ? exit->to->native : NULL);
    }
}

void exit_link_to(struct exit *exit, struct fiber *to) {
    assert(!exit->to);
    exit->to = to;
    exit->next_in = to->incoming;
    exit->prev_in = &to->incoming;
    if (to->incoming) {
        to->incoming->prev_in = &exit->next_in;
    }
    to->incoming = exit;
    fiber_published();
    __atomic_store_n(exit_link_slot(exit), (uint64_t)(uintptr_t)fiber_slots(to), __ATOMIC_RELEASE);
    link_native(exit);
}

void exit_unlink(struct exit *exit) {
    if (!exit->to) {
        return;
    }
    *exit->prev_in = exit->next_in;
    if (exit->next_in) {
        exit->next_in->prev_in = exit->prev_in;
    }
    exit->to = NULL;
    __atomic_store_n(exit_link_slot(exit), (uint64_t)(uintptr_t)exit->stub_slot, __ATOMIC_RELEASE);
    link_native(exit);
}
