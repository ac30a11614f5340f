/* What an address space is made of: the window and its page flags, the code compiled from it. What
 * is done with one: core/space/space.h, core/code/region.h. */
#ifndef FG_CORE_SPACE_STATE_H
#define FG_CORE_SPACE_STATE_H

#include "core/base/types.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

struct region;
struct chunks;

/* Flags of a page (space_page()): what the guest may do, and what the engine has done. */
enum {
    PAGE_READ = 1,
    PAGE_WRITE = 2,
    PAGE_EXEC = 4,
    PAGE_CODE = 8,    /* has fibers and is write-protected on the host */
    PAGE_SHARED = 16, /* MAP_SHARED: another mapping may change it unseen, code runs checked */
    PAGE_HOT = 32,    /* written and executed in turn too often, or both at once: runs checked */
    PAGE_MAPPED = 64, /* part of a mapping (also when PROT_NONE) */
    PAGE_MIXED = 128, /* of a stretch: its pages have flags of their own */
};

/* A stretch of pages, whose flags are one byte where they are alike (core/memory/page_flags.h). */
#define STRETCH_BITS 24

#define JUMP_CACHE_WORDS ((size_t)65536)
#define JUMP_CACHE_PARTS 32

/* See core/memory/jump_cache.h. */
struct jump_cache {
    uint64_t *entry;
    uint32_t present; /* parts, by bit, that have their pages */
    uint32_t used;    /* parts that may hold other words than 0 */
};

/* Places in code: open addressing, 0 is free. */
struct place_set {
    gaddr_t *pc;
    size_t room, count; /* room: a power of 2, or 0 */
};

struct space {
    enum guest_mode mode; /* of its program */
    /* Code of the other mode may run here, too, where the space's maker says so. 64-bit code wants
     * more than 32 bits of an i386 program's window (space_may_mix()). */
    bool both;
    unsigned bits;   /* the window has 2^bits bytes */
    uint8_t *window; /* host address of guest address 0 */
    gaddr_t top;     /* where the guest's part of it ends: 4 GiB of an i386 program, else all */
    gaddr_t end;     /* first address that does not exist: top, or 1 << ADDRESS_BITS */
    /* PAGE_* bits by the number of a stretch, or PAGE_MIXED: then by that of a page (sparse, never
     * walk all of it). Both change once, in this order: `page`, `stretch`, `covered`. */
    _Atomic(_Atomic uint8_t *) stretch, page;
    _Atomic gaddr_t covered; /* the addresses below have flags: top, or end */
    gaddr_t flagged;         /* page[] has memory for the addresses below; no other is mapped */
    uint8_t *window_flags;   /* memory of the flags that there were first */
    struct chunks *chunks;   /* NULL: nothing was ever mapped beyond the window */
    struct jump_cache jump_cache[GUEST_MODES]; /* the other mode's: none until code of it runs */
    uint64_t anchor;              /* what its entries are relative to: host_null_entry(bits) */
    pthread_mutex_t code_lock;    /* regions of this space, PAGE_CODE bits; taken after mm locks */
    struct space_region *regions; /* sorted by start; see region.c */
    size_t region_count;
    struct region *own; /* code of private memory */
    /* In it, under its lock: instructions whose operands were found beyond the window, beginnings
     * of blocks that the stack pointer was there at. */
    struct place_set wide, no_stack;
    _Atomic int refs;
    struct space *next; /* list of all spaces */
};

/* Identity of the file behind a mapping, so that its fibers can be shared between spaces. */
struct file_id {
    uint64_t dev, ino, size;
    int64_t mtime_sec, mtime_nsec, ctime_sec, ctime_nsec;
};

/* The flags of the page of `addr`; 0 outside of the space. Any thread. */
static inline uint8_t space_page(const struct space *space, gaddr_t addr) {
    if (addr >= atomic_load(&space->covered)) {
        return 0;
    }
    uint8_t flags = atomic_load(&space->stretch[addr >> STRETCH_BITS]);
    return flags != PAGE_MIXED ? flags : atomic_load(&space->page[addr >> PAGE_BITS]);
}

/* Is the page of `addr` part of a mapping? */
static inline bool space_mapped(const struct space *space, gaddr_t addr) {
    return space_page(space, addr) & PAGE_MAPPED;
}

/* True when [addr, addr+len) lies in the space (no wrap). Says nothing about mappings. */
static inline bool space_range_ok(const struct space *space, gaddr_t addr, gaddr_t len) {
    return addr <= space->end && len <= space->end - addr;
}

/* How many bytes from `addr` on, which is in the space, are in one piece on the host: up to the end
 * of the window, or of a chunk. */
static inline gaddr_t space_room(const struct space *space, gaddr_t addr) {
    const gaddr_t chunk = (gaddr_t)1 << CHUNK_BITS;
    return addr < space->top ? space->top - addr : chunk - (addr & (chunk - 1));
}

/* See space_ptr(): core/memory/chunks.c. */
void *space_ptr_beyond(const struct space *space, gaddr_t addr);

/* Host pointer of a guest address, for host calls that take EFAULT themselves. addr must be in
 * range; the space_room() bytes from it on are the guest's, those that follow (2 GiB of them in a
 * 64-bit space) a guard. Where no chunk was made yet: into a guard (space_touch() makes one). */
static inline void *space_ptr(const struct space *space, gaddr_t addr) {
    return addr < space->top ? space->window + addr : space_ptr_beyond(space, addr);
}

#endif
