/* Instructions whose operands turned out to be beyond the window (core/memory/chunks.h), and blocks
 * that were entered with a stack pointer that leads there: sets of their places, in the space's own
 * code. Code of a file is shared by spaces that never leave their
 * windows, so a space that does leaves the region first, as it does before it changes a page. */
#include "core/base/debug.h"
#include "core/code/region_internal.h"

#include <stdlib.h>

#define FIRST_ROOM 256

static gaddr_t *find(const struct place_set *set, gaddr_t pc) {
    size_t at = (size_t)((pc * 0x9e3779b97f4a7c15u) >> 20) & (set->room - 1);
    while (set->pc[at] && set->pc[at] != pc) {
        at = (at + 1) & (set->room - 1);
    }
    return &set->pc[at];
}

static bool grow(struct place_set *set) {
    struct place_set grown = {.room = set->room ? 2 * set->room : FIRST_ROOM, .count = set->count};
    grown.pc = calloc(grown.room, sizeof *grown.pc);
    if (!grown.pc) {
        return false;
    }
    for (size_t i = 0; i < set->room; i++) {
        if (set->pc[i]) {
            *find(&grown, set->pc[i]) = set->pc[i];
        }
    }
    free(set->pc);
    *set = grown;
    return true;
}

static bool add(struct place_set *set, gaddr_t pc) {
    if (set->count >= set->room / 2 && !grow(set)) {
        return false;
    }
    gaddr_t *at = find(set, pc);
    set->count += *at != pc;
    *at = pc;
    return true;
}

static bool has(const struct place_set *set, gaddr_t pc) {
    return set->count && *find(set, pc);
}

void wide_mark(const struct space *space, struct block *block) {
    const struct place_set *set = &space->wide;
    block->no_stack = has(&space->no_stack, block->pc);
    if (fg_debug.wide && space->chunks) {
        block->wide = ~UINT64_C(0);
        return;
    }
    for (unsigned i = 0; i < block->count && set->count; i++) {
        block->wide |= (uint64_t)has(set, block->insn[i].pc) << i;
    }
}

/* A place in the fiber of `slot` is added to a set, and the fiber made anew. */
static bool note(struct cpu *cpu, const uint64_t *slot, struct place_set *set, gaddr_t pc) {
    struct space *space = cpu->space;
    pthread_mutex_lock(&space->code_lock);
    for (size_t i = space->region_count; i-- > 0;) {
        if (space->regions[i].start <= pc && pc < space->regions[i].end) {
            leave_region(space, i);
        }
    }
    pthread_mutex_lock(&space->own->lock);
    bool added = add(set, pc);
    struct fiber *fiber = fiber_of_slot(slot); /* kept by this cpu's epoch */
    if (fiber->region == space->own && !fiber->retired) {
        region_retire(space, space->own, fiber);
    }
    pthread_mutex_unlock(&space->own->lock);
    pthread_mutex_unlock(&space->code_lock);
    return added;
}

bool code_widen(struct cpu *cpu, const uint64_t *slot) {
    return note(cpu, slot, &cpu->space->wide, cpu->pc);
}

bool code_mistrust_stack(struct cpu *cpu, const uint64_t *slot) {
    return note(cpu, slot, &cpu->space->no_stack, fiber_of_slot(slot)->pc);
}
