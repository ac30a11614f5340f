/* Regions from the inside: shared by region.c (tables), code_build.c (finding, building, linking)
 * and code_drop.c (invalidation, sharing). Nobody else includes this. */
#ifndef FG_CORE_REGION_INTERNAL_H
#define FG_CORE_REGION_INTERNAL_H

#include "core/code/region.h"
#include "core/native/native.h"

/* Fibers by guest page, of the own region only: those of a file region die with it. */
struct code_page {
    struct code_page *next;
    gaddr_t page;
    struct fiber *first;
    unsigned writes; /* that dropped its code since it was watched last */
    unsigned heats;  /* how often it was turned to checked code */
    unsigned runs;   /* of checked code since then, in units of CHECK_RUNS */
};
#define PAGE_BUCKETS 256

/* Open addressing with linear probing, at most half full: a miss touches one line and no fiber. */
struct bucket {
    uint64_t key;        /* pc and mode */
    struct fiber *fiber; /* NULL: free */
};

struct region {
    pthread_mutex_t lock;
    struct bucket *bucket;
    unsigned buckets, count;
    struct chunk *chunks;
    struct native_list native;
    struct jetsam {
        struct fiber *first, *last; /* oldest first */
    } jetsam;
    struct fiber *leaving;    /* evicted, not yet from all jump caches: code_evict.c */
    bool refused;             /* some of its fibers are */
    struct code_page **pages; /* [PAGE_BUCKETS]; NULL for a file region */

    /* file regions, under file_regions_lock */
    struct region *next;
    unsigned refs;
    uint64_t idle_epoch; /* when the last user left */
    struct file_id id;
    off_t offset;
    gaddr_t start, end;
    enum guest_mode mode;
    unsigned bits; /* of the windows of the spaces that may use it; 0: of any */
};

/* A new empty region; `own`: with lists by page, for invalidation. NULL: out of memory. */
struct region *region_new(bool own);
/* No cpu may hold a pointer into it any more. */
void region_free(struct region *region);

/* All of these: region.lock is held. */
struct fiber *region_lookup(const struct region *region, enum guest_mode mode, gaddr_t pc);
bool region_insert(struct region *region, struct fiber *fiber);
/* Memory of a fiber that is in no table and on no list. */
void region_give_back(struct region *region, struct fiber *fiber);
/* Give back jetsam that no cpu can run any more. */
void region_collect(struct region *region);
/* Take a fiber out of the table, out of all links and of the jump cache; onto the jetsam list. */
void region_retire(struct space *space, struct region *region, struct fiber *fiber);
/* The same in parts, for who is not the only user of a region: out of the table and all links; out
 * of a space's jump cache (its code_lock is held, the region's need not be); onto the list, once
 * nothing leads to it. */
void region_take_out(struct region *region, struct fiber *fiber);
void region_uncache(struct space *space, const struct fiber *fiber);
void region_jettison(struct region *region, struct fiber *fiber);
/* Retire all fibers. */
void region_retire_all(struct space *space, struct region *region);
/* The own region's record of a page, made if asked for. */
struct code_page *region_page(struct region *region, gaddr_t addr, bool make);

/* code_drop.c: leave region number `index` of the space; code_lock is held. */
void leave_region(struct space *space, size_t index);
/* All spaces, under a lock that is taken before their code_lock. */
extern pthread_mutex_t code_spaces_lock;
extern struct space *code_spaces;
/* A reference to a file region for whom `wanted` says true; NULL: none. code_release() ends it. No
 * lock of a region is held. */
struct region *code_hold(bool (*wanted)(const struct region *region, const void *of),
                         const void *of);
void code_release(struct region *region);

/* code_evict.c: a fiber was made, native or refused; the region's lock is held. */
void evict_built(const struct fiber *fiber);

/* code_wide.c: say in block->wide which of a block's instructions are noted; both locks are held.
 */
void wide_mark(const struct space *space, struct block *block);

/* code_drop.c, both locks held: code of the own region in this page runs checked from now on. */
void page_heat(struct space *space, gaddr_t addr);
/* CHECK_RUNS more runs of a checked fiber: its hot pages that have had enough go back to being
 * watched. True: their fibers were retired, this one with them. */
bool code_cool(struct space *space, const struct fiber *fiber);

#endif
