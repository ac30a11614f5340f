/* Chunks of guest memory beyond the window. See chunks.h. */
#include "core/memory/chunks.h"
#include "core/base/cpu_state.h"
#include "core/host/host.h"
#include "core/memory/page_flags.h"
#include "core/memory/window.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#define ENTRIES     ((size_t)1 << (ADDRESS_BITS - CHUNK_BITS))
#define TABLE_BYTES (ENTRIES * sizeof(uint64_t))
/* An address of 64 bits, shifted right, is 2^28 entries from the table's start at most. */
#define ALL_BYTES   (((size_t)1 << (64 - CHUNK_BITS)) * sizeof(uint64_t))
#define CHUNKS_MOST 512

struct chunks {
    _Atomic uint64_t *delta;          /* the table */
    _Atomic(uint8_t *) host[ENTRIES]; /* where a chunk is; NULL: not made, or of the window */
    unsigned count;
};

static uint64_t delta_of(const uint8_t *host, gaddr_t guest) {
    return (uint64_t)(uintptr_t)host - guest - host_wide_base();
}

int chunks_open(struct space *space) {
    if (space->chunks) {
        return 0;
    }
    struct chunks *chunks = calloc(1, sizeof *chunks);
    void *table =
        mmap(NULL, ALL_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!chunks || table == MAP_FAILED || mprotect(table, TABLE_BYTES, PROT_READ | PROT_WRITE)) {
        if (table != MAP_FAILED) {
            munmap(table, ALL_BYTES);
        }
        free(chunks);
        return -ENOMEM;
    }
    chunks->delta = table;
    for (size_t i = 0; i < ENTRIES; i++) {
        bool window = i < space->top >> CHUNK_BITS;
        chunks->delta[i] = window ? delta_of(space->window, 0) : WIDE_NONE;
    }
    __atomic_store_n(&space->chunks, chunks, __ATOMIC_RELEASE);
    return 0;
}

void chunks_close(struct space *space) {
    struct chunks *chunks = space->chunks;
    if (!chunks) {
        return;
    }
    for (size_t i = 0; i < ENTRIES && chunks->count; i++) {
        if (chunks->host[i]) {
            window_free(chunks->host[i], CHUNK_BITS);
            chunks->count--;
        }
    }
    munmap((void *)chunks->delta, ALL_BYTES);
    free(chunks);
}

static uint8_t *chunk_host(const struct space *space, gaddr_t addr) {
    const struct chunks *chunks = __atomic_load_n(&space->chunks, __ATOMIC_ACQUIRE);
    return chunks && addr >> ADDRESS_BITS == 0 ? atomic_load(&chunks->host[addr >> CHUNK_BITS])
                                               : NULL;
}

bool chunk_made(const struct space *space, gaddr_t addr) {
    return chunk_host(space, addr) != NULL;
}

void *space_ptr_beyond(const struct space *space, gaddr_t addr) {
    uint8_t *host = chunk_host(space, addr);
    return host ? host + (addr & (CHUNK_WIDE - 1))
                : space->window + space->top + (addr & (PAGE_BYTES - 1));
}

/* Pages of a new chunk that are mapped already: plain memory. */
static int fill_chunk(const struct space *space, uint8_t *host, gaddr_t start) {
    for (gaddr_t at = start, end = start + CHUNK_WIDE, next; at < end; at = next) {
        uint8_t flags = space_page(space, at);
        next = page_flags_run(space, at, end);
        int err =
            window_fill(host + (at - start), next - at,
                        window_prot(flags & PAGE_READ, flags & PAGE_WRITE, flags & PAGE_EXEC));
        if (err) {
            return err;
        }
    }
    return 0;
}

static int make_chunk(struct space *space, gaddr_t start) {
    struct chunks *chunks = space->chunks;
    uint8_t *host = NULL;
    if (chunks->count < CHUNKS_MOST && window_plenty()) {
        host = window_new(CHUNK_BITS, true);
    }
    if (!host) {
        return -ENOMEM;
    }
    int err = fill_chunk(space, host, start);
    if (err) {
        window_free(host, CHUNK_BITS);
        return err;
    }
    chunks->count++;
    atomic_store(&chunks->host[start >> CHUNK_BITS], host);
    atomic_store(&chunks->delta[start >> CHUNK_BITS], delta_of(host, start));
    return 0;
}

int chunks_make(struct space *space, gaddr_t addr, gaddr_t len) {
    gaddr_t at = addr > space->top ? addr : space->top, end = addr + len;
    for (at &= ~(CHUNK_WIDE - 1); at < end; at += CHUNK_WIDE) {
        int err = chunk_made(space, at) ? 0 : make_chunk(space, at);
        if (err) {
            return err;
        }
    }
    return 0;
}

/* Is the pointer in [base, base + bytes), or (*over) in the guard after it? */
static bool within(const uint8_t *base, gaddr_t bytes, const void *host, gaddr_t *offset,
                   bool *over) {
    *offset = (uint64_t)(uintptr_t)host - (uint64_t)(uintptr_t)base;
    *over = *offset >= bytes;
    return base && *offset < bytes + WINDOW_PROBE;
}

bool space_address_of(const struct space *space, const void *host, gaddr_t *addr, bool *over) {
    const struct chunks *chunks = __atomic_load_n(&space->chunks, __ATOMIC_ACQUIRE);
    if (within(space->window, space->top, host, addr, over)) {
        return true;
    }
    for (size_t i = 0; chunks && i < ENTRIES; i++) {
        gaddr_t offset;
        if (within(atomic_load(&chunks->host[i]), CHUNK_WIDE, host, &offset, over)) {
            *addr = ((gaddr_t)i << CHUNK_BITS) + offset;
            return true;
        }
    }
    return false;
}

uint64_t space_wide_table(const struct space *space) {
    const struct chunks *chunks = __atomic_load_n(&space->chunks, __ATOMIC_ACQUIRE);
    return chunks ? (uint64_t)(uintptr_t)chunks->delta : WIDE_NONE;
}
