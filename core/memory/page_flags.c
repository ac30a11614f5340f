/* Flags of pages, in two levels. See page_flags.h. */
#include "core/memory/page_flags.h"
#include "core/memory/window.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#define OWN_MEMORY    (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)
#define STRETCH_BYTES ((gaddr_t)1 << STRETCH_BITS)
#define STRETCH_PAGES ((size_t)1 << (STRETCH_BITS - PAGE_BITS))
/* So much of page[] is given back to the host where nothing is mapped any more. */
#define MANY_STRETCHES 16

/* The first level, and the second after it, for addresses below `all`; the latter up to `end`. */
static size_t flags_bytes(gaddr_t all, gaddr_t end) {
    return (size_t)((all >> STRETCH_BITS) + (end >> PAGE_BITS));
}

bool page_flags_new(struct space *space) {
    gaddr_t usual = (gaddr_t)1 << WINDOW_BITS_X86_64, end = space->top < usual ? space->top : usual;
    const int prot = PROT_READ | PROT_WRITE;
    bool part = end < space->top;
    uint8_t *made =
        mmap(NULL, flags_bytes(space->top, space->top), part ? PROT_NONE : prot, OWN_MEMORY, -1, 0);
    if (made == MAP_FAILED) {
        return false;
    }
    space->window_flags = made;
    space->stretch = (_Atomic uint8_t *)made;
    space->page = space->stretch + (space->top >> STRETCH_BITS);
    space->flagged = end;
    space->covered = space->top;
    return !part || !mprotect(made, flags_bytes(space->top, end), prot);
}

/* Flags of all addresses: the present ones are copied, and stay for who reads them just now. */
static int cover_all(struct space *space) {
    const gaddr_t top = space->top;
    uint8_t *made =
        mmap(NULL, flags_bytes(space->end, space->end), PROT_READ | PROT_WRITE, OWN_MEMORY, -1, 0);
    if (made == MAP_FAILED) {
        return -ENOMEM;
    }
    uint8_t *page = made + (space->end >> STRETCH_BITS);
    memcpy(made, (const uint8_t *)space->stretch, top >> STRETCH_BITS);
    for (gaddr_t at = 0; at < top; at += STRETCH_BYTES) {
        if (made[at >> STRETCH_BITS] == PAGE_MIXED) {
            memcpy(page + (at >> PAGE_BITS), (const uint8_t *)space->page + (at >> PAGE_BITS),
                   STRETCH_PAGES);
        }
    }
    space->page = (_Atomic uint8_t *)page;
    space->stretch = (_Atomic uint8_t *)made;
    space->covered = space->flagged = space->end;
    return 0;
}

int page_flags_reach(struct space *space, gaddr_t end) {
    if (end > space->covered) {
        return cover_all(space);
    }
    if (end > space->flagged) {
        size_t had = flags_bytes(space->top, space->flagged);
        size_t all = flags_bytes(space->top, space->top);
        if (mprotect(space->window_flags + had, all - had, PROT_READ | PROT_WRITE)) {
            return -ENOMEM;
        }
        space->flagged = space->top;
    }
    return 0;
}

void page_flags_free(struct space *space) {
    if (space->window_flags) {
        munmap(space->window_flags, flags_bytes(space->top, space->top));
    }
    if (space->covered > space->top) {
        munmap((void *)space->stretch, flags_bytes(space->end, space->end));
    }
}

static uint8_t *pages_of(const struct space *space, gaddr_t addr) {
    return (uint8_t *)space->page + (addr >> PAGE_BITS);
}

static uint8_t stretch_of(const struct space *space, gaddr_t addr) {
    return atomic_load_explicit(&space->stretch[addr >> STRETCH_BITS], memory_order_relaxed);
}

/* What memset does, by words that are each stored at once: others read meanwhile (space_page()). */
static void fill(uint8_t *at, uint8_t flags, size_t count) {
    const uint64_t eight = UINT64_C(0x0101010101010101) * flags;
    uint8_t *const end = at + count;
    for (; at < end && (uintptr_t)at % sizeof eight; at++) {
        __atomic_store_n(at, flags, __ATOMIC_RELAXED);
    }
    for (; end - at >= (ptrdiff_t)sizeof eight; at += sizeof eight) {
        __atomic_store_n((uint64_t *)(void *)at, eight, __ATOMIC_RELAXED);
    }
    for (; at < end; at++) {
        __atomic_store_n(at, flags, __ATOMIC_RELAXED);
    }
}

/* First the pages' bytes, then the word that they count. */
static void mix(struct space *space, gaddr_t addr) {
    uint8_t flags = stretch_of(space, addr);
    if (flags != PAGE_MIXED) {
        fill(pages_of(space, addr & ~(STRETCH_BYTES - 1)), flags, STRETCH_PAGES);
        atomic_store(&space->stretch[addr >> STRETCH_BITS], PAGE_MIXED);
    }
}

_Atomic uint8_t *page_flags_own(struct space *space, gaddr_t addr) {
    mix(space, addr);
    return &space->page[addr >> PAGE_BITS];
}

/* Where the part of [at, end) ends that lies in one stretch; *whole: it is all of it. */
static gaddr_t part_end(gaddr_t at, gaddr_t end, bool *whole) {
    gaddr_t next = (at | (STRETCH_BYTES - 1)) + 1;
    *whole = !(at & (STRETCH_BYTES - 1)) && next <= end;
    return next < end ? next : end;
}

void page_flags_set(struct space *space, gaddr_t addr, gaddr_t len, uint8_t flags) {
    const gaddr_t end = addr + len;
    bool whole;
    for (gaddr_t at = addr, next; at < end; at = next) {
        next = part_end(at, end, &whole);
        if (whole) {
            gaddr_t all = (end - at) >> STRETCH_BITS;
            _Atomic uint8_t *first = &space->stretch[at >> STRETCH_BITS];
            bool mixed = all >= MANY_STRETCHES && !flags && memchr((void *)first, PAGE_MIXED, all);
            next = at + (all << STRETCH_BITS);
            fill((uint8_t *)first, flags, all);
            if (mixed) { /* else what is there stays, and counts for nothing */
                (void)madvise(pages_of(space, at), all * STRETCH_PAGES, MADV_DONTNEED);
            }
        } else if (stretch_of(space, at) != flags) {
            mix(space, at);
            fill(pages_of(space, at), flags, (size_t)((next - at) >> PAGE_BITS));
        }
    }
}

/* All pages of the stretch are alike. */
static bool alike(const uint8_t *pages) {
    return memcmp(pages, pages + 1, STRETCH_PAGES - 1) == 0;
}

void page_flags_change(struct space *space, gaddr_t addr, gaddr_t len, uint8_t kept,
                       uint8_t flags) {
    const gaddr_t end = addr + len;
    bool whole;
    for (gaddr_t at = addr, next; at < end; at = next) {
        next = part_end(at, end, &whole);
        uint8_t old = stretch_of(space, at), changed = (uint8_t)((old & kept) | flags);
        if (old == changed) {
            continue;
        }
        if (whole && old != PAGE_MIXED) {
            atomic_store(&space->stretch[at >> STRETCH_BITS], changed);
            continue;
        }
        mix(space, at);
        for (uint8_t *byte = pages_of(space, at), *last = pages_of(space, next); byte < last;
             byte++) {
            __atomic_store_n(byte, (uint8_t)((*byte & kept) | flags), __ATOMIC_RELAXED);
        }
        if (whole && !(kept & (PAGE_CODE | PAGE_HOT)) && alike(pages_of(space, at))) {
            atomic_store(&space->stretch[at >> STRETCH_BITS], *pages_of(space, at));
        }
    }
}

gaddr_t page_flags_run(const struct space *space, gaddr_t addr, gaddr_t end) {
    const uint8_t flags = space_page(space, addr);
    bool whole;
    for (gaddr_t at = addr, next; at < end; at = next) {
        next = part_end(at, end, &whole);
        uint8_t here = stretch_of(space, at);
        if (here == flags) {
            continue;
        }
        if (here != PAGE_MIXED) {
            return at;
        }
        const uint8_t *first = pages_of(space, at);
        size_t pages = (size_t)((next - at) >> PAGE_BITS), same = 0;
        if (*first == flags && memcmp(first, first + 1, pages - 1) == 0) {
            continue;
        }
        while (first[same] == flags) { /* another one comes */
            same++;
        }
        return at + ((gaddr_t)same << PAGE_BITS);
    }
    return end;
}

gaddr_t page_flags_mixed(const struct space *space, gaddr_t addr, gaddr_t *stop, gaddr_t end) {
    if (addr >= end) {
        return end;
    }
    gaddr_t first = addr >> STRETCH_BITS, last = (end - 1) >> STRETCH_BITS;
    const uint8_t *all = (const uint8_t *)space->stretch;
    const uint8_t *found = memchr(all + first, PAGE_MIXED, last - first + 1);
    if (!found) {
        return end;
    }
    gaddr_t at = (gaddr_t)(found - all) << STRETCH_BITS;
    *stop = at + STRETCH_BYTES < end ? at + STRETCH_BYTES : end;
    return at > addr ? at : addr;
}

void page_flags_copy(struct space *space, gaddr_t from, gaddr_t to, gaddr_t len) {
    for (gaddr_t done = 0, next; done < len; done = next) {
        next = page_flags_run(space, from + done, from + len) - from;
        page_flags_set(space, to + done, next - done, space_page(space, from + done));
    }
}
