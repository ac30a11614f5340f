/* What a 64-bit guest has outside of its window, up to 2^47: chunks of 64 GiB, each a small window
 * (window.h) of its own, found by a table by the upper bits of an address. A chunk is made when its
 * memory is touched first, or something else is mapped in it than plain private memory that may not
 * be executed: until then such a mapping is page flags alone, so that a program may reserve
 * terabytes. Chunks live as long as the space.
 *
 * Gadgets reach chunks by the table (templates/x86_64/core/wide.j2): an address, plus its entry, is
 * one relative to WIDE_BASE, a window's base with which each probe passes. An entry without chunk
 * is WIDE_NONE, with which every sum faults; after the entries come 2 GiB where nothing is, for
 * addresses of more than 47 bits. The window has entries too. */
#ifndef FG_CORE_CHUNKS_H
#define FG_CORE_CHUNKS_H

#include "core/base/space_state.h"

#define CHUNK_WIDE ((gaddr_t)1 << CHUNK_BITS)

/* The table, when the space gets its first mapping beyond the window. 0 or -ENOMEM. code_lock is
 * held (as for all that follow, if nothing else is said). */
int chunks_open(struct space *space);
/* Was the chunk of `addr`, beyond the window, made? Any thread, without a lock. */
bool chunk_made(const struct space *space, gaddr_t addr);
/* Make those of [addr, addr+len) that are beyond the window, their pages as the flags say. 0 or
 * -ENOMEM (a space may have CHUNKS_MOST, and must leave the host room for other windows). */
int chunks_make(struct space *space, gaddr_t addr, gaddr_t len);
/* At the space's end. */
void chunks_close(struct space *space);

/* The guest address of a host pointer into the window, a chunk, or the guard that follows either
 * (*over: it is there; the address is then that of what follows in the guest). False: none of
 * these. Any thread, without a lock. */
bool space_address_of(const struct space *space, const void *host, gaddr_t *addr, bool *over);
/* What cpu->wide is while a cpu runs in the space. */
uint64_t space_wide_table(const struct space *space);

#endif
