/* Memory that holds native code: one reservation, mapped twice, once to be written and once to be
 * executed; no page is ever both. Cut into chunks, each of which belongs to one region, so that
 * guests share no page of code but what they share as a file.
 *
 * The second mapping also means that a copy of a chosen constant may be executable. It is not
 * blinded: guest code is only ever entered at bodies' starts (fiber entries, jump-cache entries,
 * link slots), none of which a guest can write. */
#ifndef FG_CORE_CODE_MEMORY_H
#define FG_CORE_CODE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NATIVE_CHUNK_BYTES 65536u

struct native_block;

struct native_chunk {
    struct native_chunk *next;
    struct native_block *_Atomic newest; /* leads to all others that were made in it */
    uint32_t start;                      /* bytes from the reservation's start */
    uint32_t used;
    uint32_t live; /* blocks not yet freed */
};

/* Reserve `bytes` (rounded up to chunks); once, before the first thread. False, with errno: the
 * host refuses executable memory. */
bool code_memory_init(size_t bytes);

/* A chunk with room for `bytes`, taken from the list `*chunks`, out of its empty ones or new, and
 * put in front of it; NULL: all is in use. The list's lock is held. */
struct native_chunk *code_memory_room(struct native_chunk **chunks, size_t bytes);
/* Give all chunks of a list back, or those without live blocks. */
void code_memory_free(struct native_chunk **chunks);
void code_memory_trim(struct native_chunk **chunks);

/* The chunk that an address lies in; NULL: it is no native code. Async-signal-safe. */
struct native_chunk *code_memory_chunk(const void *code);

/* Where an offset of the reservation is written and run. */
uint8_t *code_memory_write(uint32_t at);
const uint8_t *code_memory_run(uint32_t at);
/* The other way round, for an address in a chunk. */
uint32_t code_memory_offset(const void *code);

#endif
