/* Memory that holds native code: one reservation, mapped twice, once to be written and once to be
 * executed; no page is ever both. Cut into chunks, each of which belongs to one region, so that
 * guests share no page of code but what they share as a file.
 *
 * The second mapping also means that a copy of a chosen constant may be executable. It is not
 * blinded: guest code is only ever entered at bodies' starts (fiber entries, jump-cache entries,
 * link slots), none of which a guest can write. */
#ifndef FG_CORE_CODE_MEMORY_H
#define FG_CORE_CODE_MEMORY_H

#include "core/base/types.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Small, since each region has one that is half empty; no block needs as much. */
#define NATIVE_CHUNK_BYTES 16384u
/* What is known of a chunk's blocks, which is nearly as much, is elsewhere: a thread's own malloc()
 * would get its memory page by page. */
#define NATIVE_RECORD_BYTES 16384u

struct native_block;
struct native_chunk;

/* A region's chunks, under its lock. */
struct native_list {
    struct native_chunk *first; /* the one that is filled */
    uint32_t empty;             /* how many have no live block */
};

/* Chunks that no list has are spare. Of the others the oldest leaves when memory is short: its
 * blocks are retired, and none is made in it until the last of them is free. */
enum chunk_state { CHUNK_SPARE, CHUNK_TAKEN, CHUNK_LEAVING, CHUNK_LEFT };

struct native_chunk {
    struct native_chunk *next;
    struct native_block *_Atomic newest; /* leads to all others that were made in it */
    uint32_t start;                      /* bytes from the reservation's start */
    uint32_t used;                       /* bytes of blocks' code, from its beginning */
    uint32_t stubs;                      /* where the last stub is: they fill it from its end */
    uint32_t records;                    /* bytes of its records that are in use */
    bool open; /* the code of `newest` ends in a jump to guest address `follows` */
    gaddr_t follows;
    uint32_t live;                  /* blocks not yet freed */
    struct native_symbols *symbols; /* of them, for debuggers: gdb.c */

    /* under the memory's own lock; `list` does not change while the list's lock is held */
    enum chunk_state state;
    struct native_list *list;
    struct native_chunk *older, *newer; /* of those taken, or leaving */
    uint64_t left_epoch;                /* leaving: when its blocks had left; 0: they have not */
};

/* Reserve `bytes` (rounded up to chunks); once, before the first thread. False, with errno: the
 * host refuses executable memory. */
bool code_memory_init(size_t bytes);

/* A chunk with room for `bytes` of code and so many of records, out of the list's own or a new one,
 * and put in front of it; NULL: all is in use. The list's lock is held, as for the next three. */
struct native_chunk *code_memory_room(struct native_list *list, size_t bytes, size_t record_bytes);
/* The next `bytes` of a chunk's records, all 0, aligned for pointers; there is room. They last
 * until it is given back, or taken again by its list. */
void *code_memory_record(struct native_chunk *chunk, size_t bytes);
/* Give all chunks of a list back, or those without live blocks. */
void code_memory_free(struct native_list *list);
void code_memory_trim(struct native_list *list);

/* Is so little memory spare that some is to be evicted, or what was evicted to be collected? Any
 * thread, at every way from guest code: one load. */
extern _Atomic bool code_memory_short;
/* Has less left than is wanted to be spare? */
bool code_memory_wanted(void);
/* The oldest chunk is leaving from now on; *list: whose it is. NULL: there is none. One thread at a
 * time, and so the next three. */
struct native_chunk *code_memory_leave(struct native_list **list);
/* Is it still, and the list's? The list's lock is held. */
bool code_memory_leaving(const struct native_chunk *chunk, const struct native_list *list);
/* Its blocks have left the tables, in an epoch. */
void code_memory_left(struct native_chunk *chunk, const struct native_list *list, uint64_t epoch);
/* One of those that had left in the epoch `safe`, whose list is to be trimmed; each once. NULL:
 * none. */
struct native_list *code_memory_collect(uint64_t safe);
/* How many blocks of `bytes` all of it has room for. */
size_t code_memory_blocks(size_t bytes);

/* The chunk that an address lies in; NULL: it is no native code. Async-signal-safe. */
struct native_chunk *code_memory_chunk(const void *code);

/* Where an offset of the reservation is written and run. */
uint8_t *code_memory_write(uint32_t at);
const uint8_t *code_memory_run(uint32_t at);
/* The other way round, for an address in a chunk. */
uint32_t code_memory_offset(const void *code);

#endif
