/* Copying and patching stencils, links of native blocks, where a fault in one was. See native.h. */
#include "core/native/native.h"
#include "core/base/debug.h"
#include "core/base/stats.h"
#include "core/host/host.h"
#include "core/native/known.h"
#include "core/native/native_block.h"
#include "core/native/report.h"
#include "core/native/stencil.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#define CACHE_LINE   64u
#define CODE_ALIGN   16u
#define DISPLACEMENT 4u /* bytes of a branch's */

static int32_t gadget_offset(const void *gadget) {
    intptr_t offset = (intptr_t)gadget - (intptr_t)core_gadgets;
    assert(offset < 1 << 27 && offset >= -(1 << 27)); /* both are in the program */
    return (int32_t)offset;
}

/* What is being emitted. */
struct writer {
    const struct lowered *low;
    const struct stencil *stencil; /* of each gadget */
    uint64_t *slot;
    struct native_block *block;
    uint32_t at;         /* offset in the reservation */
    bool again;          /* the second copy */
    struct known *known; /* after the body that is emitted */
};

static bool fits(int64_t value) {
    return value == (int32_t)value;
}

static enum hole_kind kind_of(const struct hole *hole) {
    return hole->kind & HOLE_KINDS;
}

static uint64_t parameter(const uint64_t *gadget, const struct hole *hole) {
    uint64_t value;
    if (kind_of(hole) == HOLE_32S || kind_of(hole) == HOLE_64) {
        memcpy(&value, (const char *)gadget + hole->from, sizeof value);
        return value;
    }
    uint32_t narrow;
    memcpy(&narrow, (const char *)gadget + hole->from, sizeof narrow);
    return narrow;
}

/* Have all parameters of 8 bytes that are patched into 4 the room that they need? */
static bool parameters_fit(const struct stencil *stencil, const uint64_t *gadget) {
    for (unsigned i = 0; i < stencil->holes; i++) {
        const struct hole *hole = &stencil->hole[i];
        if (kind_of(hole) == HOLE_32S && !fits((int64_t)parameter(gadget, hole))) {
            return false;
        }
    }
    return true;
}

/* The branch that a body ends with is a jump. */
static bool is_jump(const struct stencil *stencil, const struct hole *hole) {
    return hole->at + DISPLACEMENT == stencil->bytes;
}

/* A branch displacement is noted as a site of its exit. */
static void note_branch(struct writer *w, const struct stencil *stencil, const struct hole *hole,
                        const uint64_t *gadget) {
    if (is_jump(stencil, hole)) {
        w->block->jump = (uint16_t)(w->at + hole->at - w->block->code);
    }
    unsigned link = (unsigned)(gadget - w->low->slot) + hole->from / 8;
    unsigned number = w->low->exit[0].slot == link ? 0 : 1;
    struct native_exit *exit = exit_in(w->block, number, w->again);
    assert(w->low->exit[number].slot == link && exit->sites < ARRAY_LEN(exit->site));
    exit->site[exit->sites++] = (uint16_t)(w->at + hole->at - w->block->code);
}

static const uint8_t hole_bytes[] = {[HOLE_ENTRY] = 1, [HOLE_8] = 1,  [HOLE_16] = 2,  [HOLE_32] = 4,
                                     [HOLE_32S] = 4,   [HOLE_64] = 8, [HOLE_SLOT] = 8};

/* Patches a hole of a copy, whose bytes there end at the result. */
static uint8_t *patch(uint8_t *at, const struct hole *hole, uint64_t value) {
    const enum hole_kind kind = kind_of(hole);
    if (kind == HOLE_32 || kind == HOLE_32S) {
        uint32_t there;
        memcpy(&there, at, sizeof there);
        const int32_t sum = (int32_t)(value + there - HOLE_BASE);
        if (hole->kind != kind && sum == (int8_t)sum && !fg_debug.native_plain) {
            host_short_displacement(at, hole->kind & HOLE_SHORT_SIB);
            *at = (uint8_t)sum;
            return at + 1;
        }
        value = (uint32_t)sum;
    }
    memcpy(at, &value, hole_bytes[kind]);
    return at + hole_bytes[kind];
}

/* Copies a body, piece by piece, and patches its parameters; `gadget`: where its slots are. (One
 * with a displacement that may become shorter has neither branches nor fixups.) */
static void copy_body(struct writer *w, const struct stencil *stencil, const uint64_t *gadget) {
    uint8_t *const start = code_memory_write(w->at), *to = start;
    unsigned from = 0; /* the body's bytes before are copied */
    for (unsigned i = 0; i < stencil->holes; i++) {
        const struct hole *hole = &stencil->hole[i];
        const enum hole_kind kind = kind_of(hole);
        if (kind == HOLE_BRANCH) {
            note_branch(w, stencil, hole, gadget);
        }
        if (kind >= HOLE_BRANCH) {
            continue;
        }
        const unsigned width = hole_bytes[kind], before = hole->at - from;
        memcpy(to, stencil->code + from, before + width);
        uint64_t value = kind == HOLE_SLOT ? (uint64_t)(uintptr_t)&w->slot[gadget - w->low->slot]
                         : kind == HOLE_ENTRY
                             ? (uint64_t)(known_keeps_stack(w->known) ? ENTRY_NATIVE : 0)
                             : parameter(gadget, hole);
        to = patch(to + before, hole, value);
        from = hole->at + width;
    }
    memcpy(to, stencil->code + from, stencil->bytes - from);
    w->at += (uint32_t)(to - start) + stencil->bytes - from;
}

/* A branch is patched while others may run it, so its four bytes must lie in one cache line, and
 * all of a jump in 8 aligned bytes. */
static bool misplaced(const struct stencil *stencil, const struct hole *hole, uint32_t at) {
    uint32_t opcode = at + hole->at + DISPLACEMENT - JUMP_BYTES;
    return is_jump(stencil, hole) ? opcode % 8 > 8 - JUMP_BYTES
                                  : (at + hole->at) % CACHE_LINE > CACHE_LINE - DISPLACEMENT;
}

static void align_branches(struct writer *w, const struct stencil *stencil) {
    uint32_t from = w->at;
    for (unsigned i = 0; i < stencil->holes; i++) {
        const struct hole *hole = &stencil->hole[i];
        if (hole->kind == HOLE_BRANCH && misplaced(stencil, hole, w->at)) {
            w->at++;
            i = (unsigned)-1; /* all of them once more */
        }
    }
    host_write_nops(code_memory_write(from), w->at - from);
}

/* A stencil that is no guest instruction's, with the parameters in `slots`. */
static void copy_own(struct writer *w, const void *gadget, const uint64_t *slots) {
    struct stencil stencil;
    bool there = stencil_of(gadget, &stencil);
    assert(there);
    (void)there;
    copy_body(w, &stencil, slots);
}

/* Notes where a stencil that comes next faults. */
static void note_fault(const struct writer *w, const void *gadget, uint16_t *at, uint8_t *fixup) {
    struct stencil stencil;
    for (unsigned i = 0; stencil_of(gadget, &stencil) && i < stencil.holes; i++) {
        if (stencil.hole[i].kind == HOLE_FIXUP) {
            *at = (uint16_t)(w->at + stencil.hole[i].at - w->block->code);
            *fixup = stencil.hole[i].from;
        }
    }
}

/* One of core_gadgets, with one parameter of 8 bytes. */
static void copy_core(struct writer *w, const void *gadget, uint64_t value) {
    copy_own(w, gadget, (uint64_t[]){0, value});
}

/* One of ea_tables.probe, in front of a body. */
static void copy_probe(struct writer *w, const struct probe *probe) {
    const unsigned resident = guest_shapes[w->low->mode].resident;
    const unsigned home = 2 * resident; /* the table's entries for one at home; then the EA's */
    const unsigned entry = probe->ea               ? home + 2 + probe->reg
                           : probe->reg < resident ? 2 * probe->reg + !probe->slot[1]
                                                   : home + !probe->slot[1];
    copy_own(w, gadget_at(ea_tables[w->low->mode].probe, entry), probe->slot);
}

static struct native_stop *stop_of(const struct writer *w) {
    return w->again ? &loop_of(w->block)->stop : &w->block->stop;
}

/* Faults when the cpu is asked to stop. */
static void copy_poll(struct writer *w) {
    const void *gadget = core_gadgets[w->low->mode].native_poll;
    struct native_stop *stop = stop_of(w);
    note_fault(w, gadget, &stop->poll, &stop->poll_fixup);
    copy_core(w, gadget, 0);
}

/* Faults when the stack pointer leads out of the window. */
static void copy_stack_probe(struct writer *w) {
    const void *gadget = gadget_at(ea_tables[w->low->mode].lead, 0);
    struct native_stop *stop = stop_of(w);
    note_fault(w, gadget, &stop->stack, &stop->stack_fixup);
    copy_core(w, gadget, 0);
}

/* What a probe in front of a body takes at most. */
static size_t probe_bytes(const struct stencil *stencil) {
    const size_t most = 40;
    for (unsigned i = 0; i < stencil->holes; i++) {
        if (stencil->hole[i].kind == HOLE_PROBE) {
            return most;
        }
    }
    return 0;
}

/* The stencils of a lowered block; NULL code: none, or a parameter does not fit. Returns an upper
 * bound for its code, 0 when native code is not worth while. */
static size_t find_stencils(const struct lowered *low, struct stencil *found) {
    const size_t core_bytes = 32, around = 2 * CACHE_LINE; /* what aligns it and its branches */
    size_t bytes = around + (FIBER_MAX_EXITS + 2) * core_bytes; /* stubs, stops */
    for (unsigned i = 0; i < low->gadgets; i++) {
        const uint64_t *gadget = &low->slot[low->gadget[i]];
        if (stencil_of((const void *)(uintptr_t)gadget[0], &found[i]) &&
            parameters_fit(&found[i], gadget)) {
            bytes += found[i].bytes + probe_bytes(&found[i]);
        } else {
            found[i].code = NULL;
            bytes += core_bytes;
        }
    }
    return low->gadgets && found[0].code ? bytes : 0;
}

/* Before a branch back the cpu looks whether it is to stop, so that no loop runs without. */
static bool branches_back(const struct lowered *low) {
    bool back = false;
    for (unsigned i = 0; i < low->exits; i++) {
        back = back || low->exit[i].target < low->end;
    }
    return back;
}

static void set_branch(const struct native_block *block, uint32_t number, uint32_t to) {
    uint32_t site = block->code + number;
    if (number == block->jump) {
        site -= JUMP_BYTES - DISPLACEMENT;
        assert(site % 8 <= 8 - JUMP_BYTES);
        host_set_jump(code_memory_write(site), code_memory_run(site), code_memory_run(to));
    } else {
        host_set_branch(code_memory_write(site), code_memory_run(site), code_memory_run(to));
    }
}

/* All branches of an exit lead to a place in the reservation. */
static void set_exit(struct native_block *block, unsigned number, uint32_t to) {
    for (unsigned again = 0; again < 1u + block->loops; again++) {
        const struct native_exit *exit = exit_in(block, number, again);
        for (unsigned site = 0; site < exit->sites; site++) {
            set_branch(block, exit->site[site], to);
        }
    }
}

/* Their places are not the block's: they are below those of the blocks before it. */
static void emit_exits(struct writer *w, struct native_chunk *chunk) {
    struct native_block *block = w->block;
    struct stencil stencil;
    const void *gadget = core_gadgets[w->low->mode].native_exit;
    const bool there = stencil_of(gadget, &stencil);
    assert(there);
    (void)there;
    block->exits = (uint8_t)w->low->exits;
    block->stub_bytes = (uint8_t)stencil.bytes;
    chunk->stubs -= (uint32_t)block->exits * block->stub_bytes;
    w->at = block->stubs = chunk->start + chunk->stubs;
    for (unsigned i = 0; i < w->low->exits; i++) {
        const uint32_t stub = w->at;
        copy_core(w, gadget, (uint64_t)(uintptr_t)&w->slot[w->low->exit[i].slot]);
        set_exit(block, i, stub);
    }
}

/* May the block rely on the stack pointer, and has to see to it for those that it leads to? */
static bool relies(const struct lowered *low) {
    return low->stack && !fg_debug.native_plain;
}

/* Does it end in an instruction that branches? What just leads on belongs to none, so it cannot
 * fault. */
static bool branches(const struct lowered *low) {
    const uint64_t last = low->slot[low->gadget[low->gadgets - 1]];
    return low->exits && last != (uint64_t)(uintptr_t)core_gadgets[low->mode].jump_next;
}

/* What is known where a block begins. */
static struct known beginning(const struct lowered *low) {
    struct known known = {0};
    known_nothing(&known);
    if (relies(low)) {
        known_stack(&known);
    }
    return known;
}

/* One copy, of which `known` says what is known at its beginning, and then at its end. */
static void emit_parts(struct writer *w, struct known *known) {
    const struct lowered *low = w->low;
    struct native_part *parts = w->again ? &w->block->part[low->gadgets] : w->block->part;
    w->known = known;
    bool resumes = !w->again; /* the slot leads to native code: the first one, and after a gadget */
    for (unsigned i = 0; i < low->gadgets; i++) {
        unsigned slot = low->gadget[i];
        const struct stencil *stencil = &w->stencil[i];
        const uint32_t start = w->at;
        const bool last = i + 1 == low->gadgets;
        if (stencil->code && last && branches_back(low)) {
            copy_poll(w);
        }
        struct native_part *part = &parts[i];
        *part = (struct native_part){
            .at = (uint16_t)(w->at - w->block->code),
            .slot = slot & 0xfff,
            .copied = stencil->code != NULL,
            .gadget = gadget_offset((const void *)(uintptr_t)low->slot[slot]),
        };
        if (!stencil->code) {
            if (!resumes) {
                copy_core(w, core_gadgets[low->mode].native_slot,
                          (uint64_t)(uintptr_t)&w->slot[slot]);
            }
            resumes = true;
            known_nothing(known);
            continue;
        }
        if (resumes) {
            w->slot[slot] = (uint64_t)(uintptr_t)code_memory_run(start);
        }
        resumes = false;
        if (fg_debug.native_plain) {
            known_nothing(known);
        }
        struct probe probe;
        if (known_probe(known, stencil, &low->slot[slot], &probe)) {
            copy_probe(w, &probe);
        }
        if (last && branches(low) && relies(low) && !known_keeps_stack(known)) {
            copy_stack_probe(w);
            known_stack_probed(known);
        }
        align_branches(w, stencil);
        part->before = (w->at - w->block->code - part->at) & 0x7f;
        copy_body(w, stencil, &low->slot[slot]);
    }
}

/* Is a second copy of the block worth while, since it needs fewer probes than the first? What it
 * relies on must be so at its own end, too. */
static bool worth_loop(const struct lowered *low, const struct stencil *stencil) {
    struct known known = beginning(low), first;
    struct probe probe;
    unsigned due[2] = {0, 0};
    bool back = false;
    for (unsigned i = 0; i < low->exits; i++) {
        back = back || low->exit[i].target == low->pc;
    }
    if (!back || fg_debug.native_plain) {
        return false;
    }
    for (unsigned again = 0; again < 2; again++) {
        for (unsigned i = 0; i < low->gadgets; i++) {
            if (!stencil[i].code) {
                return false;
            }
            due[again] += known_probe(&known, &stencil[i], &low->slot[low->gadget[i]], &probe);
        }
        if (!again) {
            known_again(&known);
            first = known;
        }
    }
    return due[1] < due[0] && known_within(&first, &known);
}

static size_t record_bytes(const struct lowered *low, bool loops) {
    return sizeof(struct native_block) + (low->gadgets << loops) * sizeof(struct native_part) +
           (loops ? (sizeof(struct native_loop) + 7) & ~(size_t)7 : 0);
}

enum native_answer native_prepare(struct native_list *list, const struct lowered *low,
                                  struct native_plan *plan) {
    plan->most_bytes = find_stencils(low, plan->stencil);
    if (!plan->most_bytes) {
        return NATIVE_NO;
    }
    plan->loops = worth_loop(low, plan->stencil);
    if (plan->loops) {
        plan->most_bytes += plan->most_bytes;
    }
    return code_memory_room(list, plan->most_bytes, record_bytes(low, plan->loops)) ? NATIVE_YES
                                                                                    : NATIVE_LATER;
}

struct native_block *native_make(struct native_list *list, const struct lowered *low,
                                 const struct native_plan *plan, uint64_t *slot) {
    struct native_chunk *chunk = list->first;
    struct native_block *block = code_memory_record(chunk, record_bytes(low, plan->loops));
    if (chunk->follows != low->pc || !chunk->open) {
        chunk->used = (chunk->used + CODE_ALIGN - 1) & ~(CODE_ALIGN - 1);
    }
    struct writer w = {.low = low,
                       .stencil = plan->stencil,
                       .slot = slot,
                       .block = block,
                       .at = chunk->start + chunk->used};
    block->slot = slot;
    block->code = w.at;
    block->loops = plan->loops;
    block->parts = (uint16_t)(low->gadgets << plan->loops);
    struct known known = beginning(low);
    emit_parts(&w, &known);
    block->keeps = low->exits && known_keeps_stack(&known);
    if (block->loops) {
        const uint32_t end = w.at;
        w.at = (w.at + CODE_ALIGN - 1) & ~(CODE_ALIGN - 1);
        host_write_nops(code_memory_write(end), w.at - end); /* not run */
        loop_of(block)->at = (uint16_t)(w.at - block->code);
        w.again = true;
        known_again(&known);
        emit_parts(&w, &known);
        block->keeps = known_keeps_stack(&known) && block->keeps;
    }
    block->leads = known.relied;
    if (block->leads) {
        slot[0] = (uint64_t)(uintptr_t)gadget_at(ea_tables[low->mode].lead, 0);
    }
    assert(w.at - block->code <= UINT16_MAX);
    block->bytes = (uint16_t)(w.at - block->code);
    chunk->used += block->bytes;
    chunk->open = block->jump != 0;
    for (unsigned i = 0; i < low->exits && chunk->open; i++) {
        const struct native_exit *exit = exit_in(block, i, block->loops);
        if (exit->sites && exit->site[exit->sites - 1] == block->jump) {
            chunk->follows = low->exit[i].target;
        }
    }
    emit_exits(&w, chunk);
    assert(block->bytes + low->exits * block->stub_bytes <= plan->most_bytes);
    list->empty -= chunk->live++ == 0;
    block->older = atomic_load_explicit(&chunk->newest, memory_order_relaxed);
    atomic_store_explicit(&chunk->newest, block, memory_order_release);
    STAT(native_blocks);
    STAT_ADD(native_bytes, block->bytes + block->stub_bytes);
    return block;
}

/* The block that an address lies in. */
static struct native_block *find_block(const void *code) {
    struct native_chunk *chunk = code_memory_chunk(code);
    uint32_t at = chunk ? code_memory_offset(code) : 0;
    struct native_block *block =
        chunk ? atomic_load_explicit(&chunk->newest, memory_order_acquire) : NULL;
    while (block && (at < block->code || at - block->code >= block->bytes)) {
        block = block->older;
    }
    return block;
}

const uint8_t *native_code(const struct native_block *block, size_t *bytes) {
    if (bytes) {
        *bytes = block->bytes;
    }
    return code_memory_run(block->code);
}

bool native_piece(const struct native_block *block, unsigned number, struct native_piece *piece) {
    if (number > block->parts) {
        return false;
    }
    const bool exits = number == block->parts;
    const struct native_part *part = &block->part[number];
    if (exits) {
        *piece = (struct native_piece){.code = code_memory_run(block->stubs),
                                       .bytes = (uint32_t)block->exits * block->stub_bytes};
    } else {
        const uint32_t end = number + 1u < block->parts ? part[1].at : block->bytes;
        piece->code = code_memory_run(block->code + part->at);
        piece->bytes = end - part->at;
        piece->gadget = part_gadget(part);
        piece->slot = part->slot;
        piece->copied = part->copied;
    }
    return true;
}

void native_free(struct native_block *block) {
    struct native_chunk *chunk = code_memory_chunk(code_memory_run(block->code));
    assert(chunk->live > 0);
    block->slot = NULL;
    chunk->list->empty += --chunk->live == 0;
}

const uint64_t *native_each(const struct native_chunk *chunk, struct native_block **at) {
    do {
        *at = *at ? (*at)->older : atomic_load_explicit(&chunk->newest, memory_order_relaxed);
    } while (*at && !(*at)->slot);
    return *at ? (*at)->slot : NULL;
}

void native_forget(struct native_chunk *chunk) {
    atomic_store_explicit(&chunk->newest, NULL, memory_order_release);
    native_report_gone(chunk);
}

void native_link(struct native_block *block, unsigned number, const struct native_block *to) {
    const uint32_t stub = block->stubs + number * block->stub_bytes;
    const bool enters = to && (block->keeps || !to->leads); /* else by slot 0, as the stub does */
    const uint32_t start = to == block && block->loops ? block->code + loop_of(block)->at
                           : enters                    ? to->code
                                                       : stub;
    set_exit(block, number, start);
}

/* For the host's fault handler: the gadget whose copy `code` lies in. */
static bool locate(const void *code, struct host_native_place *place) {
    const struct native_block *block = find_block(code);
    if (!block) {
        return false;
    }
    uint32_t at = code_memory_offset(code) - block->code;
    unsigned part = 0;
    while (part + 1u < block->parts && block->part[part + 1].at <= at) {
        part++;
    }
    const unsigned body = block->part[part].at + block->part[part].before;
    struct stencil stencil;
    place->slot = &block->slot[block->part[part].slot];
    place->gadget = part_gadget(&block->part[part]);
    place->fixup = 0;
    const struct native_stop *stop =
        block->loops && at >= loop_of(block)->at ? &loop_of(block)->stop : &block->stop;
    if (at && (at == stop->poll || at == stop->stack)) {
        place->slot = &block->slot[block->part[block->parts - 1].slot];
        place->fixup = at == stop->poll ? stop->poll_fixup : stop->stack_fixup;
    } else if (stencil_of(place->gadget, &stencil)) {
        for (unsigned i = 0; i < stencil.holes; i++) {
            const struct hole *hole = &stencil.hole[i];
            if (hole->kind == HOLE_FIXUP && hole->at == at - body) {
                place->fixup = hole->from;
            }
        }
    }
    return true;
}

bool native_init(size_t bytes) {
    if (!code_memory_init(bytes)) {
        return false;
    }
    host_native_place = locate;
    return true;
}
