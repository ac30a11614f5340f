/* The reservation of native code and its chunks. See code_memory.h. */
#include "core/native/code_memory.h"
#include "core/base/populate.h"
#include "core/native/native.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* In chunks. */
#define LEAST_RESERVE 4u
#define MOST_RESERVE  64u

static uint8_t *writable;
static const uint8_t *runnable;
static uint8_t *records;
static struct native_chunk *_Atomic *chunk_at; /* [chunk_count] */

/* In the order in which they were taken, or had to leave. */
struct queue {
    struct native_chunk *oldest, *newest;
    uint32_t count;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all below */
static struct native_chunk *spare;
static struct queue taken, leaving;
static uint32_t chunk_count, chunks_made, spares, left;
/* What is to be spare: who needs a chunk need not wait for an epoch. */
static uint32_t reserve;
_Atomic bool code_memory_short;

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
    const size_t record_bytes = (size_t)chunk_count * NATIVE_RECORD_BYTES;
    void *known = good ? mmap(NULL, record_bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
                       : MAP_FAILED;
    chunk_at = known != MAP_FAILED ? calloc(chunk_count, sizeof *chunk_at) : NULL;
    if (!chunk_at) {
        munmap(write, bytes);
        if (run != MAP_FAILED) {
            munmap(run, bytes);
        }
        if (known != MAP_FAILED) {
            munmap(known, record_bytes);
        }
        errno = good ? ENOMEM : error;
        return false;
    }
    writable = write;
    runnable = run;
    records = known;
    reserve = chunk_count / 16 < LEAST_RESERVE  ? LEAST_RESERVE
              : chunk_count / 16 > MOST_RESERVE ? MOST_RESERVE
                                                : chunk_count / 16;
    return true;
}

static uint8_t *records_of(const struct native_chunk *chunk) {
    return records + (size_t)(chunk->start / NATIVE_CHUNK_BYTES) * NATIVE_RECORD_BYTES;
}

/* All of a chunk's pages at once. */
static void get_pages(const struct native_chunk *chunk) {
    populate(writable + chunk->start, NATIVE_CHUNK_BYTES);
    populate_again(runnable + chunk->start, NATIVE_CHUNK_BYTES);
    populate(records_of(chunk), NATIVE_RECORD_BYTES);
}

static uint32_t free_chunks(void) {
    return spares + chunk_count - chunks_made;
}

static void note_shortage(void) {
    bool is_short = free_chunks() < reserve;
    if (is_short != atomic_load_explicit(&code_memory_short, memory_order_relaxed)) {
        atomic_store_explicit(&code_memory_short, is_short, memory_order_relaxed);
    }
}

static void put_last(struct queue *queue, struct native_chunk *chunk) {
    chunk->newer = NULL;
    chunk->older = queue->newest;
    *(queue->newest ? &queue->newest->newer : &queue->oldest) = chunk;
    queue->newest = chunk;
    queue->count++;
}

static void take_out(struct queue *queue, struct native_chunk *chunk) {
    *(chunk->older ? &chunk->older->newer : &queue->oldest) = chunk->newer;
    *(chunk->newer ? &chunk->newer->older : &queue->newest) = chunk->older;
    queue->count--;
}

static void set_state(struct native_chunk *chunk, enum chunk_state state) {
    if (chunk->state == CHUNK_TAKEN || chunk->state == CHUNK_LEAVING) {
        take_out(chunk->state == CHUNK_TAKEN ? &taken : &leaving, chunk);
    }
    left += (state == CHUNK_LEFT) - (uint32_t)(chunk->state == CHUNK_LEFT);
    if (state == CHUNK_TAKEN || state == CHUNK_LEAVING) {
        put_last(state == CHUNK_TAKEN ? &taken : &leaving, chunk);
    }
    chunk->state = state;
    chunk->left_epoch = 0;
}

static struct native_chunk *chunk_new(struct native_list *list) {
    pthread_mutex_lock(&lock);
    struct native_chunk *chunk = spare;
    if (chunk) {
        spare = chunk->next;
        spares--;
    } else if (chunks_made < chunk_count && (chunk = calloc(1, sizeof *chunk))) {
        chunk->stubs = NATIVE_CHUNK_BYTES;
        chunk->start = chunks_made * NATIVE_CHUNK_BYTES;
        get_pages(chunk);
        atomic_store_explicit(&chunk_at[chunks_made++], chunk, memory_order_release);
    }
    if (chunk) {
        chunk->list = list;
        set_state(chunk, CHUNK_TAKEN);
    }
    note_shortage();
    pthread_mutex_unlock(&lock);
    if (chunk) {
        list->empty++;
    }
    return chunk;
}

/* Forget the blocks of a chunk that has no live ones. */
static void chunk_clear(struct native_chunk *chunk) {
    native_forget(chunk);
    chunk->used = chunk->records = 0;
    chunk->open = false;
    chunk->stubs = NATIVE_CHUNK_BYTES;
}

/* One of the list's own that is empty, taken out of it. */
static struct native_chunk *chunk_again(struct native_list *list) {
    struct native_chunk **link = &list->first;
    while (*link && (*link)->live) {
        link = &(*link)->next;
    }
    struct native_chunk *chunk = list->empty ? *link : NULL;
    if (chunk) {
        *link = chunk->next;
        chunk_clear(chunk);
        pthread_mutex_lock(&lock);
        set_state(chunk, CHUNK_TAKEN); /* as if it were new */
        pthread_mutex_unlock(&lock);
    }
    return chunk;
}

/* May more blocks be made in it? */
static bool chunk_open(const struct native_chunk *chunk) {
    pthread_mutex_lock(&lock);
    bool open = chunk->state == CHUNK_TAKEN;
    pthread_mutex_unlock(&lock);
    return open;
}

struct native_chunk *code_memory_room(struct native_list *list, size_t bytes, size_t record_bytes) {
    struct native_chunk *chunk = list->first;
    if (bytes > NATIVE_CHUNK_BYTES || record_bytes > NATIVE_RECORD_BYTES || !runnable) {
        return NULL;
    }
    if (chunk && chunk->stubs - chunk->used >= bytes &&
        NATIVE_RECORD_BYTES - chunk->records >= record_bytes && chunk_open(chunk)) {
        return chunk;
    }
    chunk = list->empty ? chunk_again(list) : NULL;
    if (!chunk && !(chunk = chunk_new(list))) {
        return NULL;
    }
    chunk->next = list->first;
    list->first = chunk;
    return chunk;
}

void *code_memory_record(struct native_chunk *chunk, size_t bytes) {
    void *record = records_of(chunk) + chunk->records;
    chunk->records += (uint32_t)bytes;
    return memset(record, 0, bytes);
}

static void give_back(struct native_chunk *chunk) {
    chunk_clear(chunk);
    pthread_mutex_lock(&lock);
    set_state(chunk, CHUNK_SPARE);
    chunk->list = NULL;
    chunk->next = spare;
    spare = chunk;
    spares++;
    note_shortage();
    pthread_mutex_unlock(&lock);
}

void code_memory_free(struct native_list *list) {
    while (list->first) {
        struct native_chunk *chunk = list->first;
        list->first = chunk->next;
        chunk->live = 0;
        give_back(chunk);
    }
    list->empty = 0;
}

void code_memory_trim(struct native_list *list) {
    for (struct native_chunk **link = &list->first; *link;) {
        struct native_chunk *chunk = *link;
        if (chunk->live) {
            link = &chunk->next;
            continue;
        }
        *link = chunk->next;
        give_back(chunk);
    }
    list->empty = 0;
}

bool code_memory_wanted(void) {
    pthread_mutex_lock(&lock);
    bool wanted = free_chunks() + leaving.count + left < reserve;
    pthread_mutex_unlock(&lock);
    return wanted;
}

struct native_chunk *code_memory_leave(struct native_list **list) {
    pthread_mutex_lock(&lock);
    struct native_chunk *chunk = taken.oldest;
    if (chunk) {
        set_state(chunk, CHUNK_LEAVING);
        *list = chunk->list;
    }
    pthread_mutex_unlock(&lock);
    return chunk;
}

bool code_memory_leaving(const struct native_chunk *chunk, const struct native_list *list) {
    pthread_mutex_lock(&lock);
    bool is = chunk->state == CHUNK_LEAVING && chunk->list == list;
    pthread_mutex_unlock(&lock);
    return is;
}

void code_memory_left(struct native_chunk *chunk, const struct native_list *list, uint64_t epoch) {
    pthread_mutex_lock(&lock);
    if (chunk->state == CHUNK_LEAVING && chunk->list == list) {
        chunk->left_epoch = epoch;
    }
    pthread_mutex_unlock(&lock);
}

struct native_list *code_memory_collect(uint64_t safe) {
    struct native_list *list = NULL;
    pthread_mutex_lock(&lock);
    struct native_chunk *chunk = leaving.oldest;
    if (chunk && chunk->left_epoch && chunk->left_epoch <= safe) {
        set_state(chunk, CHUNK_LEFT);
        list = chunk->list;
    }
    pthread_mutex_unlock(&lock);
    return list;
}

size_t code_memory_blocks(size_t bytes) {
    return (size_t)chunk_count * NATIVE_CHUNK_BYTES / bytes;
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
