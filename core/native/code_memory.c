/* The reservation of native code and its chunks. See code_memory.h. */
#include "core/native/code_memory.h"
#include "core/native/native.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif
/* So that blocks' code, after their addresses, is aligned to 16. */
#define CODE_FIRST 8

static uint8_t *writable;
static const uint8_t *runnable;
static uint32_t chunk_count, chunks_made;
static struct native_chunk *_Atomic *chunk_at; /* [chunk_count] */
static struct native_chunk *spare;             /* without blocks */
static pthread_mutex_t spare_lock = PTHREAD_MUTEX_INITIALIZER;

/* Shared memory, mapped once more where mremap() is given no old size (mremap(2)): no file, whose
 * size the host could limit. The second mapping is made executable when it can no longer be
 * written. */
bool code_memory_init(size_t bytes) {
    chunk_count = (uint32_t)((bytes + NATIVE_CHUNK_BYTES - 1) / NATIVE_CHUNK_BYTES);
    bytes = (size_t)chunk_count * NATIVE_CHUNK_BYTES;
    void *write = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (write == MAP_FAILED) {
        return false;
    }
    void *run = mremap(write, 0, bytes, MREMAP_MAYMOVE);
    bool good = run != MAP_FAILED && mprotect(run, bytes, PROT_READ | PROT_EXEC) == 0;
    int error = errno;
    chunk_at = good ? calloc(chunk_count, sizeof *chunk_at) : NULL;
    if (!chunk_at) {
        munmap(write, bytes);
        if (run != MAP_FAILED) {
            munmap(run, bytes);
        }
        errno = good ? ENOMEM : error;
        return false;
    }
    writable = write;
    runnable = run;
    return true;
}

static void chunk_clear(struct native_chunk *chunk) {
    native_forget(chunk);
    chunk->used = CODE_FIRST;
}

/* All of a chunk's pages at once: a fault for each of them, twice, shows in a short
 * program's time. Kernels before 5.14 cannot, and have the faults. */
static void populate(uint32_t start) {
    madvise(writable + start, NATIVE_CHUNK_BYTES, MADV_POPULATE_WRITE);
    madvise((void *)(uintptr_t)(runnable + start), NATIVE_CHUNK_BYTES, MADV_POPULATE_READ);
}

static struct native_chunk *chunk_new(void) {
    pthread_mutex_lock(&spare_lock);
    struct native_chunk *chunk = spare;
    if (chunk) {
        spare = chunk->next;
    } else if (chunks_made < chunk_count && (chunk = calloc(1, sizeof *chunk))) {
        chunk->used = CODE_FIRST;
        chunk->start = chunks_made * NATIVE_CHUNK_BYTES;
        populate(chunk->start);
        atomic_store_explicit(&chunk_at[chunks_made++], chunk, memory_order_release);
    }
    pthread_mutex_unlock(&spare_lock);
    return chunk;
}

struct native_chunk *code_memory_room(struct native_chunk **chunks, size_t bytes) {
    struct native_chunk *chunk = *chunks;
    if (bytes > NATIVE_CHUNK_BYTES || !runnable) {
        return NULL;
    }
    if (chunk && NATIVE_CHUNK_BYTES - chunk->used >= bytes) {
        return chunk;
    }
    struct native_chunk **link = chunks;
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
    return chunk;
}

static void give_back(struct native_chunk *chunk) {
    chunk_clear(chunk);
    pthread_mutex_lock(&spare_lock);
    chunk->next = spare;
    spare = chunk;
    pthread_mutex_unlock(&spare_lock);
}

void code_memory_free(struct native_chunk **chunks) {
    while (*chunks) {
        struct native_chunk *chunk = *chunks;
        *chunks = chunk->next;
        chunk->live = 0;
        give_back(chunk);
    }
}

void code_memory_trim(struct native_chunk **chunks) {
    for (struct native_chunk **link = chunks; *link;) {
        struct native_chunk *chunk = *link;
        if (chunk->live) {
            link = &chunk->next;
            continue;
        }
        *link = chunk->next;
        give_back(chunk);
    }
}

struct native_chunk *code_memory_chunk(const void *code) {
    uintptr_t at = (uintptr_t)code - (uintptr_t)runnable;
    if (!runnable || at >= (uintptr_t)chunk_count * NATIVE_CHUNK_BYTES) {
        return NULL;
    }
    return atomic_load_explicit(&chunk_at[at / NATIVE_CHUNK_BYTES], memory_order_acquire);
}

uint8_t *code_memory_write(uint32_t at) {
    return writable + at;
}

const uint8_t *code_memory_run(uint32_t at) {
    return runnable + at;
}

uint32_t code_memory_offset(const void *code) {
    return (uint32_t)((const uint8_t *)code - runnable);
}
