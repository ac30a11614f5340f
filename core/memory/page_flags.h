/* What each page of a space allows (PAGE_* of space_state.h). A program may reserve a terabyte and
 * use three pages of it, so flags are kept in two levels: those of a stretch (16 MiB) whose pages
 * are all alike are one byte, `stretch[]`; only where that is PAGE_MIXED does `page[]` have them,
 * a byte each. In a stretch that is not mixed no page has code, nor was any of it run checked.
 *
 * Reading (space_page()) takes no lock. Everything here that changes is called with code_lock held;
 * a reader sees a page as it was before or as it is after. */
#ifndef FG_CORE_PAGE_FLAGS_H
#define FG_CORE_PAGE_FLAGS_H

#include "core/base/space_state.h"

/* Flags of an empty space, by its `top`; false: no memory. */
bool page_flags_new(struct space *space);
/* Before pages below `end` are mapped for the first time: memory for their flags (those of what is
 * beyond the window are 8 MiB and 32 GiB of address space, sparse). 0 or -ENOMEM. */
int page_flags_reach(struct space *space, gaddr_t end);
/* May be called where page_flags_new() refused. */
void page_flags_free(struct space *space);

/* The flags of one page, to change its PAGE_CODE and PAGE_HOT: its stretch is mixed from now on. */
_Atomic uint8_t *page_flags_own(struct space *space, gaddr_t addr);

/* addr and len of the following are page-aligned, len is not 0, all of it in the space. */

/* All pages of the range get these flags. */
void page_flags_set(struct space *space, gaddr_t addr, gaddr_t len, uint8_t flags);
/* ... keep the bits `kept` of theirs and get `flags`. */
void page_flags_change(struct space *space, gaddr_t addr, gaddr_t len, uint8_t kept, uint8_t flags);
/* Where the pages end, from addr on and before `end`, that all have the flags of the first. */
gaddr_t page_flags_run(const struct space *space, gaddr_t addr, gaddr_t end);
/* The first page of [addr, end) that lies in a mixed stretch, and (*stop) where that or the range
 * ends; `end` when there is none, or addr is there. */
gaddr_t page_flags_mixed(const struct space *space, gaddr_t addr, gaddr_t *stop, gaddr_t end);
/* The pages at `to` get the flags of those at `from`; the two do not overlap. */
void page_flags_copy(struct space *space, gaddr_t from, gaddr_t to, gaddr_t len);

#endif
