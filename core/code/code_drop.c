/* Code of a space that dies or is shared: writes to code, mappings that change, regions of files.
 */
#include "core/host/host.h"
#include "core/code/region_internal.h"
#include "core/memory/jump_cache.h"
#include "core/memory/page_flags.h"
#include "core/memory/window.h"
#include "core/base/stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Fibers of files that nobody maps at the moment are kept up to this many bytes. */
#define FILE_REGIONS_BYTES (96u << 20)
/* Pages that are written and run in turn. Watched code costs nothing to run and much to drop (a
 * fault, two changes of protection, every block anew), checked code a compare each run. A page
 * whose code was dropped HOT_WRITES times becomes hot (checked); after 2^COOL_FIRST times
 * CHECK_RUNS runs it is watched again. If that was too early, HOT_AGAIN writes make it hot for
 * twice as many runs, up to 2^COOL_MOST: so what is wasted either way is bounded by what the other
 * would have cost. */
#define HOT_WRITES 32
#define HOT_AGAIN  4
#define COOL_FIRST 2
#define COOL_MOST  12

static pthread_mutex_t file_regions_lock = PTHREAD_MUTEX_INITIALIZER;
static struct region *file_regions; /* most recently attached first */
/* All spaces, outside of their own locks: who has no memory for code takes it from those who have.
 */
pthread_mutex_t code_spaces_lock = PTHREAD_MUTEX_INITIALIZER;
struct space *code_spaces;

/* --- invalidation ---------------------------------------------------------------------- */

void page_heat(struct space *space, gaddr_t addr) {
    struct code_page *page = region_page(space->own, addr, true);
    if (page) { /* else it stays hot */
        page->writes = 0;
        page->runs = 0;
        page->heats++;
    }
    atomic_fetch_or(page_flags_own(space, addr), PAGE_HOT);
    STAT(hot_pages);
}

static void retire_page(struct space *space, struct code_page *page) {
    while (page->first) {
        region_retire(space, space->own, page->first);
    }
}

bool code_cool(struct space *space, const struct fiber *fiber) {
    bool cooled = false;
    gaddr_t pages[2] = {PAGE_BASE(fiber->pc), PAGE_BASE(fiber->pc + fiber->guest_len - 1)};
    for (unsigned i = 0; i < (pages[0] == pages[1] ? 1u : 2u); i++) {
        _Atomic uint8_t *flags = page_flags_own(space, pages[i]);
        struct code_page *page = region_page(space->own, pages[i], false);
        if (!page || !(*flags & PAGE_HOT)) {
            continue;
        }
        unsigned shift = COOL_FIRST + page->heats - 1;
        if (++page->runs >> (shift < COOL_MOST ? shift : COOL_MOST)) {
            atomic_fetch_and(flags, (uint8_t)~PAGE_HOT);
            retire_page(space, page);
            STAT(cooled_pages);
            cooled = true;
        }
    }
    return cooled;
}

/* Retire what touches one page of the own region; both locks are held. */
static void drop_page(struct space *space, gaddr_t addr, bool written) {
    struct code_page *page = region_page(space->own, addr, false);
    if (!page) {
        return;
    }
    retire_page(space, page);
    if (!written) { /* another mapping: what the page was is over */
        page->writes = page->heats = 0;
    } else if (++page->writes >= (page->heats ? HOT_AGAIN : HOT_WRITES)) {
        page_heat(space, addr);
    }
}

static int host_prot(uint8_t flags) {
    int prot = flags & (PAGE_READ | PAGE_EXEC) ? PROT_READ : PROT_NONE;
    return flags & PAGE_WRITE ? PROT_READ | PROT_WRITE : prot;
}

static bool page_watched_by_host(const struct space *space, gaddr_t addr) {
    return (space_page(space, addr) & (PAGE_CODE | PAGE_WRITE)) == (PAGE_CODE | PAGE_WRITE);
}

/* Where the window or chunk of `addr` begins. */
static gaddr_t piece_start(const struct space *space, gaddr_t addr) {
    gaddr_t chunk = addr >> CHUNK_BITS << CHUNK_BITS;
    return addr < space->top ? 0 : chunk;
}

/* First the protection, then the flag: who sees it gone may write. Where the host has no room to
 * cut a mapping in pieces, the watched pages around go with it: together they are whole mappings.
 * False: not even that; the page stays as it is, without fibers. */
static bool page_unwatch(struct space *space, gaddr_t addr) {
    gaddr_t start = PAGE_BASE(addr), end = start + PAGE_BYTES;
    int prot = host_prot(space_page(space, addr));
    if (mprotect(space_ptr(space, start), PAGE_BYTES, prot)) {
        const gaddr_t last = start + space_room(space, start), first = piece_start(space, start);
        while (start > first && page_watched_by_host(space, start - PAGE_BYTES)) {
            start -= PAGE_BYTES;
        }
        while (end < last && page_watched_by_host(space, end)) {
            end += PAGE_BYTES;
        }
        if (end - start == PAGE_BYTES || mprotect(space_ptr(space, start), end - start, prot)) {
            return false;
        }
    }
    for (gaddr_t at = start; at < end; at += PAGE_BYTES) {
        struct code_page *page = region_page(space->own, at, false);
        if (page) {
            retire_page(space, page); /* not more: its writes are still being counted */
        }
        atomic_fetch_and(page_flags_own(space, at), (uint8_t)~PAGE_CODE);
    }
    return true;
}

bool code_written(struct space *space, gaddr_t addr, struct cpu *self) {
    bool dropped = false;
    bool again = false;
    pthread_mutex_lock(&space->code_lock);
    uint8_t flags = space_page(space, addr);
    if (flags & PAGE_WRITE) {
        again = true;
        if (flags & PAGE_CODE) {
            pthread_mutex_lock(&space->own->lock);
            drop_page(space, addr, true);
            again = page_unwatch(space, addr);
            pthread_mutex_unlock(&space->own->lock);
            STAT(smc_faults);
            dropped = true;
        }
    }
    pthread_mutex_unlock(&space->code_lock);
    if (dropped) {
        space_kick(space, self); /* a fiber that loops on itself passes no link */
    }
    return again;
}

void code_release(struct region *region) {
    pthread_mutex_lock(&file_regions_lock);
    if (--region->refs == 0) {
        region->idle_epoch = epoch_advance();
    }
    pthread_mutex_unlock(&file_regions_lock);
}

struct region *code_hold(bool (*wanted)(const struct region *region, const void *of),
                         const void *of) {
    pthread_mutex_lock(&file_regions_lock);
    struct region *region = file_regions;
    while (region && !wanted(region, of)) {
        region = region->next;
    }
    if (region) {
        region->refs++;
    }
    pthread_mutex_unlock(&file_regions_lock);
    return region;
}

void leave_region(struct space *space, size_t index) {
    code_release(space->regions[index].region);
    memmove(&space->regions[index], &space->regions[index + 1],
            (space->region_count - index - 1) * sizeof *space->regions);
    space->region_count--;
    jump_cache_clear(&space->jump_cache[space->mode]);
    STAT(leaves);
}

bool code_drop(struct space *space, gaddr_t addr, gaddr_t len) {
    bool dropped = false;
    for (size_t i = space->region_count; i-- > 0;) {
        if (space->regions[i].start < addr + len && addr < space->regions[i].end) {
            leave_region(space, i);
            dropped = true;
        }
    }
    pthread_mutex_lock(&space->own->lock);
    const gaddr_t end = addr + len;
    for (gaddr_t at = addr, stop; (at = page_flags_mixed(space, at, &stop, end)) < end;) {
        for (; at < stop; at += PAGE_BYTES) {
            uint8_t flags = atomic_load(&space->page[at >> PAGE_BITS]);
            if (flags & (PAGE_CODE | PAGE_HOT | PAGE_SHARED)) {
                drop_page(space, at, false);
                if (flags & PAGE_CODE) {
                    page_unwatch(space, at);
                }
                dropped = true;
            }
        }
    }
    pthread_mutex_unlock(&space->own->lock);
    return dropped;
}

/* --- files ----------------------------------------------------------------------------- */

/* Of a region that others may be building in. */
static size_t region_bytes(struct region *region) {
    pthread_mutex_lock(&region->lock);
    size_t bytes = chunks_bytes(region->chunks);
    pthread_mutex_unlock(&region->lock);
    return bytes;
}

/* Forget idle file regions beyond `most` bytes, least recently attached first; file_regions_lock
 * held.
 */
static void evict_file_regions(size_t most) {
    uint64_t safe = epoch_oldest();
    size_t bytes = 0;
    for (struct region **link = &file_regions; *link;) {
        struct region *region = *link;
        size_t own = region_bytes(region);
        bytes += own;
        if (bytes > most && region->refs == 0 && region->idle_epoch <= safe) {
            *link = region->next;
            bytes -= own;
            region_free(region);
        } else {
            link = &region->next;
        }
    }
}

/* Code that is not in each window of its mode is shared by those whose windows are alike: what is
 * beyond a window is reached otherwise. */
static unsigned region_bits(const struct space *space, gaddr_t end) {
    return end > (gaddr_t)1 << WINDOW_BITS_X86_64 ? space->bits : 0;
}

static struct region *file_region(const struct space *space, gaddr_t start, gaddr_t end,
                                  off_t offset, const struct file_id *id) {
    const unsigned bits = region_bits(space, end);
    pthread_mutex_lock(&file_regions_lock);
    struct region **link = &file_regions;
    while (*link && !((*link)->start == start && (*link)->end == end && (*link)->offset == offset &&
                      (*link)->mode == space->mode && (*link)->bits == bits &&
                      memcmp(&(*link)->id, id, sizeof *id) == 0)) {
        link = &(*link)->next;
    }
    struct region *region = *link;
    if (region) {
        *link = region->next;
        STAT(regions_shared);
    } else {
        evict_file_regions(FILE_REGIONS_BYTES);
        region = region_new(false);
        if (region) {
            region->start = start;
            region->end = end;
            region->offset = offset;
            region->mode = space->mode;
            region->bits = bits;
            region->id = *id;
        }
    }
    if (region) {
        region->next = file_regions;
        file_regions = region;
        region->refs++;
    }
    pthread_mutex_unlock(&file_regions_lock);
    return region;
}

static bool add_region(struct space *space, gaddr_t start, gaddr_t end, struct region *region) {
    struct space_region *grown = realloc(space->regions, (space->region_count + 1) * sizeof *grown);
    if (!grown) {
        return false;
    }
    space->regions = grown;
    size_t at = space->region_count++;
    while (at > 0 && grown[at - 1].start > start) {
        grown[at] = grown[at - 1];
        at--;
    }
    grown[at] = (struct space_region){start, end, region};
    return true;
}

void code_attach_file(struct space *space, gaddr_t addr, gaddr_t len, off_t offset,
                      const struct file_id *id) {
    struct region *region = file_region(space, addr, addr + len, offset, id);
    if (!region) {
        return; /* own code then */
    }
    pthread_mutex_lock(&space->code_lock);
    bool added = add_region(space, addr, addr + len, region);
    pthread_mutex_unlock(&space->code_lock);
    if (!added) {
        code_release(region);
    }
}

/* All of it may be executed and not be written. */
static bool code_only(const struct space *space, gaddr_t start, gaddr_t end) {
    for (gaddr_t at = start; at < end; at += PAGE_BYTES) {
        if ((space_page(space, at) & (PAGE_EXEC | PAGE_WRITE | PAGE_SHARED)) != PAGE_EXEC) {
            return false;
        }
    }
    return true;
}

/* The parent is in no region of which it changed a page; the child has the same pages, or (after
 * MADV_DONTFORK) none. Nobody runs the child yet, but who evicts looks at its regions. */
void code_inherit(struct space *child, struct space *parent) {
    pthread_mutex_lock(&parent->code_lock);
    pthread_mutex_lock(&child->code_lock);
    for (size_t i = 0; i < parent->region_count; i++) {
        const struct space_region *at = &parent->regions[i];
        if (!code_only(child, at->start, at->end) ||
            region_bits(child, at->end) != at->region->bits) {
            continue;
        }
        if (add_region(child, at->start, at->end, at->region)) {
            pthread_mutex_lock(&file_regions_lock);
            at->region->refs++;
            pthread_mutex_unlock(&file_regions_lock);
        }
    }
    pthread_mutex_unlock(&child->code_lock);
    pthread_mutex_unlock(&parent->code_lock);
}

static void give_back(struct space *space) {
    pthread_mutex_lock(&space->code_lock);
    pthread_mutex_lock(&space->own->lock);
    region_retire_all(space, space->own);
    region_collect(space->own);
    chunks_trim(&space->own->chunks);
    code_memory_trim(&space->own->native);
    pthread_mutex_unlock(&space->own->lock);
    pthread_mutex_unlock(&space->code_lock);
    space_kick(space, NULL);
}

void code_make_room(struct space *space, bool everywhere) {
    if (everywhere) {
        pthread_mutex_lock(&code_spaces_lock);
        for (struct space *at = code_spaces; at; at = at->next) {
            give_back(at);
        }
        pthread_mutex_unlock(&code_spaces_lock);
    } else {
        give_back(space);
    }
    pthread_mutex_lock(&file_regions_lock);
    evict_file_regions(0);
    pthread_mutex_unlock(&file_regions_lock);
    STAT(rooms_made);
}

int code_init(struct space *space) {
    space->own = region_new(true);
    if (!space->own) {
        return -ENOMEM;
    }
    pthread_mutex_lock(&code_spaces_lock);
    space->next = code_spaces;
    code_spaces = space;
    pthread_mutex_unlock(&code_spaces_lock);
    return 0;
}

void code_fini(struct space *space) {
    pthread_mutex_lock(&code_spaces_lock);
    struct space **link = &code_spaces;
    while (*link != space) {
        link = &(*link)->next;
    }
    *link = space->next;
    pthread_mutex_unlock(&code_spaces_lock);
    for (size_t i = 0; i < space->region_count; i++) {
        code_release(space->regions[i].region);
    }
    free(space->regions);
    region_free(space->own);
    free(space->wide.pc);
    free(space->no_stack.pc);
}
