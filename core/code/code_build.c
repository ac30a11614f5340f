/* Code of a space: found, built, linked. Stands between the run loop and block building.
 * Invalidation is code_drop.c's, tables are region.c's. */
#include "core/build/block.h"
#include "core/base/debug.h"
#include "core/code/dump.h"
#include "core/host/host.h"
#include "core/code/region_internal.h"
#include "core/memory/jump_cache.h"
#include "core/memory/page_flags.h"
#include "core/native/report.h"
#include "core/base/stats.h"

#include <string.h>
#include <sys/mman.h>

/* --- pages ----------------------------------------------------------------------------- */

/* May the page be executed? Fills the fault when not. */
static bool page_executable(struct space *space, gaddr_t addr, struct block *block) {
    bool reached = block->mode != GUEST_I386 || addr >> 32 == 0;
    uint8_t flags = reached ? space_page(space, addr) : 0;
    if (flags & PAGE_EXEC) {
        return true;
    }
    block->fault_addr = addr;
    block->fault_error = FAULT_FETCH | !!(flags & PAGE_MAPPED);
    return false;
}

/* The same for private code: from now on writes to the page are noticed, or the block is to be
 * checked. Both locks are held. */
static bool page_watched(struct space *space, gaddr_t addr, struct block *block) {
    if (!page_executable(space, addr, block)) {
        return false;
    }
    _Atomic uint8_t *flags = page_flags_own(space, addr);
    if (*flags & (PAGE_SHARED | PAGE_HOT)) {
        block->unwatched = true;
    } else if (!(*flags & PAGE_CODE)) {
        /* First the flag, then the question (space_prepare_write does both the other way round). */
        atomic_fetch_or(flags, PAGE_CODE);
        bool refused = *flags & PAGE_WRITE &&
                       (host_write_under_way(space, PAGE_BASE(addr), PAGE_BYTES) ||
                        mprotect(space_ptr(space, PAGE_BASE(addr)), PAGE_BYTES, PROT_READ) != 0);
        if (refused) {
            page_heat(space, addr);
            atomic_fetch_and(flags, (uint8_t)~PAGE_CODE);
            block->unwatched = true;
        }
    }
    return true;
}

/* --- building -------------------------------------------------------------------------- */

static void fill_fiber(struct fiber *fiber, const struct block *block, const struct lowered *low) {
    uint64_t *slot = fiber_slots(fiber);
    fiber->pc = block->pc;
    fiber->guest_len = (uint32_t)(block->end - block->pc);
    fiber->checked = block->checked;
    fiber->mode = (uint8_t)block->mode;
    const struct core_gadgets *core = &core_gadgets[block->mode];
    *entry_of(slot) = (struct entry){-(int64_t)block->pc, core->poll_stop};
    *native_entry_of(slot) = (struct native_entry){core->poll_stop, low->slot[0]};
    memcpy(slot, low->slot, low->slots * sizeof *low->slot);
    memcpy(fiber_marks(fiber), low->mark, low->marks * sizeof *low->mark);
    for (unsigned i = 0; i < low->exits; i++) {
        struct exit *exit = &fiber->exit[i];
        gaddr_t target = low->exit[i].target;
        *exit = (struct exit){
            .number = (uint16_t)i,
            .link_slot = (uint16_t)low->exit[i].slot,
            .stub = {-(int64_t)target, core->poll_stop},
            .stub_slot = {[STUB_GADGET] = (uint64_t)(uintptr_t)core->exit_link, [STUB_PC] = target},
        };
        slot[exit->link_slot] = (uint64_t)(uintptr_t)exit->stub_slot;
    }
}

static int helper_check(struct cpu *cpu, const uint64_t *params);

/* `native`: chunks for native code, when it is wanted. */
static struct fiber *make_fiber(struct chunk **chunks, struct block *block, bool step,
                                struct native_list *native) {
    struct lowered low; /* of which most blocks touch a page: not for the thread to keep */
    struct native_plan plan;
    block->check = helper_check;
    block->native = native != NULL;
    lower_block(&low, block, step);
    enum native_answer answer = native ? native_prepare(native, &low, &plan) : NATIVE_NO;
    if (block->native && answer != NATIVE_YES) {
        block->native = false; /* threaded then, with n-grams */
        lower_block(&low, block, step);
    }
    struct fiber *fiber = fiber_alloc(chunks, low.slots, low.marks, low.exits);
    if (fiber) {
        fill_fiber(fiber, block, &low);
        fiber->refused = answer == NATIVE_LATER;
        STAT(blocks);
        STAT_ADD(checked_blocks, block->checked);
        STAT_ADD(insns, block->count);
        if (fg_debug.dump_fibers || fg_debug.dump_blocks || fg_debug.dump_gadgets) {
            dump_fiber(fiber, block);
        }
        if (block->native) {
            uint64_t *slot = fiber_slots(fiber);
            fiber->native = native_make(native, &low, &plan, slot);
            native_entry_of(slot)->native = (uint64_t)(uintptr_t)native_code(fiber->native, NULL);
        }
    }
    return fiber;
}

/* The native fiber that this thread made last, until those who watch are told of it: that is done
 * without locks, for names are found by the kernel layer. */
static __thread const struct fiber *unreported;

static void report(void) {
    if (unreported) {
        native_report(unreported->pc, unreported->native);
        unreported = NULL;
    }
}

/* Build `pc` in `region`. NULL with *error 0: the block does not fit in (its first instruction
 * leaves a file region); else the fetch fault. Both locks are held. */
static struct fiber *build(struct space *space, struct region *region, enum guest_mode mode,
                           gaddr_t pc, gaddr_t *addr, uint32_t *error) {
    struct block decoded, *block = &decoded;
    bool own = region->pages != NULL;
    gaddr_t limit = own ? space->end : region->end;
    block_page_fn page = own ? page_watched : page_executable;
    block->mode = mode;
    enum block_status status = block_decode(block, space, pc, limit, FIBER_MAX_INSNS, false, page);
    if (block->unwatched) {
        status = block_decode(block, space, pc, limit, FIBER_MAX_INSNS, true, page);
    }
    *error = 0;
    if (status == BLOCK_FAULT) {
        *addr = block->fault_addr;
        *error = block->fault_error;
        return NULL;
    }
    if (status == BLOCK_OUTSIDE) {
        return NULL;
    }
    if (own) {
        wide_mark(space, block);
    }
    region_collect(region);
    /* Checked code is not made native: its checks are gadgets. */
    bool native = fg_debug.native && !block->checked;
    struct fiber *fiber =
        make_fiber(&region->chunks, block, false, native ? &region->native : NULL);
    if (!fiber || !region_insert(region, fiber)) {
        if (fiber) {
            region_give_back(region, fiber);
        }
        *addr = pc;
        *error = FAULT_NO_MEMORY;
        return NULL;
    }
    if (fg_debug.dump_native) {
        dump_native(space, fiber, block); /* before it is linked: all branches lead to the stubs */
    }
    evict_built(fiber);
    if (native_reports && fiber->native) {
        unreported = fiber;
    }
    /* Links to what is there already, such as a loop's head, need no trip through the exit stub. */
    for (unsigned i = 0; i < fiber->exits; i++) {
        struct fiber *to = region_lookup(region, mode, fiber->exit[i].stub_slot[STUB_PC]);
        if (to) {
            exit_link_to(&fiber->exit[i], to);
            STAT(links);
        }
    }
    return fiber;
}

static struct region *region_at(struct space *space, gaddr_t pc) {
    size_t low = 0, high = space->region_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        const struct space_region *at = &space->regions[mid];
        if (pc < at->start) {
            high = mid;
        } else if (pc >= at->end) {
            low = mid + 1;
        } else {
            return at->region;
        }
    }
    return NULL;
}

/* Link an exit that was taken to its target. A target in another region is never linked: its stub
 * will look it up. The target's region is locked. */
static void link_exit(enum guest_mode mode, struct exit *exit, struct fiber *to) {
    const struct fiber *from = exit_fiber(exit);
    if (from->region != to->region) {
        uint64_t lookup = (uint64_t)(uintptr_t)core_gadgets[mode].exit_lookup;
        __atomic_store_n(&exit->stub_slot[STUB_GADGET], lookup, __ATOMIC_RELEASE);
    } else if (!from->retired && !exit->to) {
        exit_link_to(exit, to);
        STAT(links);
    }
}

/* The fiber of `pc`, to which `exit` (unless NULL) is linked; code_lock is held. */
static struct fiber *find_or_build(struct space *space, enum guest_mode mode, gaddr_t pc,
                                   struct exit *exit, gaddr_t *addr, uint32_t *error) {
    struct region *file = mode == space->mode ? region_at(space, pc) : NULL;
    struct region *order[2] = {file ? file : space->own, file ? space->own : NULL};
    struct fiber *fiber = NULL;
    *error = 0;
    for (unsigned i = 0; i < 2 && order[i] && !fiber && !*error; i++) {
        pthread_mutex_lock(&order[i]->lock);
        fiber = region_lookup(order[i], mode, pc);
        if (!fiber) {
            fiber = build(space, order[i], mode, pc, addr, error);
        }
        if (fiber && exit) {
            link_exit(mode, exit, fiber);
        }
        pthread_mutex_unlock(&order[i]->lock);
    }
    return fiber;
}

static void cache_entry(struct space *space, const struct fiber *fiber) {
    fiber_published();
    uint64_t word = (uint64_t)(uintptr_t)fiber_slots(fiber) - space->anchor;
    jump_cache_set(&space->jump_cache[fiber->mode], fiber->pc, word);
}

uint64_t *code_jump_cache(struct space *space, enum guest_mode mode) {
    struct jump_cache *cache = &space->jump_cache[mode];
    if (mode != space->mode) {
        pthread_mutex_lock(&space->code_lock);
        if (!cache->entry) {
            jump_cache_new(cache);
        }
        pthread_mutex_unlock(&space->code_lock);
    }
    return cache->entry;
}

const uint64_t *code_find(struct cpu *cpu, gaddr_t pc, gaddr_t *addr, uint32_t *error) {
    struct space *space = cpu->space;
    STAT(lookups);
    const struct jump_cache *cache = &space->jump_cache[cpu->mode];
    uint64_t word = __atomic_load_n(jump_cache_word(cache, pc), __ATOMIC_ACQUIRE);
    const uint64_t *slot0 = (const uint64_t *)(uintptr_t)(space->anchor + word);
    if (word && entry_pc(slot0, cpu->mode) == pc) {
        STAT(lookup_hits);
        return slot0;
    }
    pthread_mutex_lock(&space->code_lock);
    struct fiber *fiber = find_or_build(space, cpu->mode, pc, NULL, addr, error);
    if (fiber) {
        cache_entry(space, fiber);
    }
    pthread_mutex_unlock(&space->code_lock);
    report();
    return fiber ? fiber_slots(fiber) : NULL;
}

/* What code_step() made last in this thread. */
static __thread struct insn stepped;

const uint64_t *code_step(struct cpu *cpu, gaddr_t pc, gaddr_t *addr, uint32_t *error) {
    struct space *space = cpu->space;
    struct block decoded, *block = &decoded;
    struct fiber *fiber = NULL;
    STAT(steps);
    block->mode = cpu->mode;
    pthread_mutex_lock(&space->code_lock);
    enum block_status status =
        block_decode(block, space, pc, space->end, 1, false, page_executable);
    pthread_mutex_unlock(&space->code_lock);
    if (status == BLOCK_FAULT) {
        *addr = block->fault_addr;
        *error = block->fault_error;
        return NULL;
    }
    stepped = block->insn[0];
    block->wide = space->chunks ? 1 : 0;
    if (cpu->step_chunks) {
        cpu->step_chunks->live = 0;
    }
    fiber = make_fiber(&cpu->step_chunks, block, true, NULL);
    if (!fiber) {
        *addr = pc;
        *error = FAULT_NO_MEMORY;
        return NULL;
    }
    return fiber_slots(fiber);
}

const struct insn *code_step_insn(void) {
    return &stepped;
}

const uint64_t *code_link(struct cpu *cpu, const uint64_t *stub, gaddr_t *pc, gaddr_t *addr,
                          uint32_t *error) {
    fiber_acquire();
    struct space *space = cpu->space;
    *pc = stub[STUB_PC];
    pthread_mutex_lock(&space->code_lock);
    struct fiber *to = find_or_build(space, cpu->mode, *pc, exit_of_stub(stub), addr, error);
    if (to) {
        cache_entry(space, to);
    }
    pthread_mutex_unlock(&space->code_lock);
    report();
    return to ? fiber_slots(to) : NULL;
}

/* The checked fiber of cpu->pc that runs at `slot`; NULL: it was retired. Both locks are held. */
static struct fiber *checked_fiber(const struct cpu *cpu, const uint64_t *slot) {
    struct fiber *fiber = region_lookup(cpu->space->own, cpu->mode, cpu->pc);
    if (fiber && (slot < fiber_slots(fiber) || slot >= fiber_slots(fiber) + fiber->slots)) {
        fiber = NULL;
    }
    return fiber;
}

/* A check gadget found other bytes than the fiber was made of, or its count is 0. The fiber is
 * retired, unless there are more runs to come on pages that stay hot. */
static int helper_check(struct cpu *cpu, const uint64_t *params) {
    (void)params;
    struct space *space = cpu->space;
    uint64_t *slot = (uint64_t *)(uintptr_t)cpu->fiber;
    uint64_t *runs = &slot[CHECK_RUNS_SLOT]; /* gadgets of all threads count it down */
    bool runs_out = slot[0] == (uint64_t)(uintptr_t)core_gadgets[cpu->mode].check &&
                    __atomic_load_n(runs, __ATOMIC_RELAXED) == 0;
    bool retired = true;
    pthread_mutex_lock(&space->code_lock);
    pthread_mutex_lock(&space->own->lock);
    struct fiber *fiber = checked_fiber(cpu, slot);
    if (runs_out) {
        __atomic_store_n(runs, CHECK_RUNS, __ATOMIC_RELAXED);
        retired = !fiber || code_cool(space, fiber);
    } else if (fiber) {
        STAT(checked_changes);
        region_retire(space, space->own, fiber);
    }
    pthread_mutex_unlock(&space->own->lock);
    pthread_mutex_unlock(&space->code_lock);
    return retired ? EXIT_LOOKUP : 0;
}

bool code_check_failed(struct cpu *cpu) {
    const uint64_t *slot = (const uint64_t *)(uintptr_t)cpu->fiber;
    const struct core_gadgets *core = &core_gadgets[cpu->mode];
    if (slot[0] != (uint64_t)(uintptr_t)core->check &&
        slot[0] != (uint64_t)(uintptr_t)core->check_more) {
        return false;
    }
    struct space *space = cpu->space;
    pthread_mutex_lock(&space->code_lock);
    pthread_mutex_lock(&space->own->lock);
    struct fiber *fiber = checked_fiber(cpu, slot);
    if (fiber) {
        region_retire(space, space->own, fiber);
    }
    pthread_mutex_unlock(&space->own->lock);
    pthread_mutex_unlock(&space->code_lock);
    return true;
}
