/* Copying and patching stencils, links of native blocks, where a fault in one was. See native.h. */
#include "core/native/native.h"
#include "core/base/stats.h"
#include "core/host/host.h"
#include "core/native/report.h"
#include "core/native/stencil.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define MOST_GADGETS ARRAY_LEN(((struct lowered *)0)->gadget)
#define CACHE_LINE   64u

/* What is known of each block is nearly as much as its code, so it is kept small: offsets are bytes
 * from the block's code. */
struct native_exit {
    uint16_t stub;    /* goes where the link slot leads */
    uint16_t site[2]; /* branch displacements that lead to the stub or to the linked block */
    uint8_t sites;
    bool polls;
};

/* A gadget's piece of the code. */
struct native_part {
    uint16_t at;
    uint16_t slot : 15;  /* of its gadget */
    uint16_t copied : 1; /* 0: the code, if any, leads to its slot */
    int32_t gadget;      /* bytes from core_gadgets */
};

/* In front of its code is its address, so that slot 0 leads to it. */
struct native_block {
    struct native_block *older; /* made before it in the same chunk */
    uint64_t *slot;             /* NULL: it is free */
    uint32_t code;              /* from the reservation's start (code_memory.h) */
    uint16_t bytes;
    uint16_t exits; /* to the stubs */
    uint16_t parts;
    struct native_exit exit[FIBER_MAX_EXITS];
    struct native_part part[];
};
_Static_assert(NATIVE_CHUNK_BYTES <= 1 << 16, "offsets of 16 bits");

static int32_t gadget_offset(const void *gadget) {
    intptr_t offset = (intptr_t)gadget - (intptr_t)core_gadgets;
    assert(offset == (int32_t)offset); /* both are in the program */
    return (int32_t)offset;
}

static const void *part_gadget(const struct native_part *part) {
    return (const void *)((intptr_t)core_gadgets + part->gadget);
}

/* Of the block that native_prepare() was called for: its stencils, and what its code takes at most.
 */
static __thread struct stencil stencils[MOST_GADGETS];
static __thread size_t most_bytes;

/* What is being emitted. */
struct writer {
    const struct lowered *low;
    uint64_t *slot;
    struct native_block *block;
    uint32_t at; /* offset in the reservation */
};

static bool fits(int64_t value) {
    return value == (int32_t)value;
}

static uint64_t parameter(const uint64_t *gadget, const struct hole *hole) {
    uint64_t value;
    if (hole->kind == HOLE_32S || hole->kind == HOLE_64 || hole->kind == HOLE_BRANCH) {
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
        if (hole->kind == HOLE_32S && !fits((int64_t)parameter(gadget, hole))) {
            return false;
        }
    }
    return true;
}

static void patch_value(uint8_t *at, const struct hole *hole, uint64_t value) {
    static const uint8_t bytes[] = {
        [HOLE_8] = 1, [HOLE_16] = 2, [HOLE_32] = 4, [HOLE_32S] = 4, [HOLE_64] = 8, [HOLE_SLOT] = 8};
    if (hole->kind == HOLE_32 || hole->kind == HOLE_32S) {
        uint32_t there;
        memcpy(&there, at, sizeof there);
        value += there - HOLE_BASE;
    }
    memcpy(at, &value, bytes[hole->kind]);
}

/* Copies a body and patches its parameters; branches are noted as sites of their exits. `gadget`:
 * where its slots are. */
static void copy_body(struct writer *w, const struct stencil *stencil, const uint64_t *gadget) {
    uint8_t *to = code_memory_write(w->at);
    memcpy(to, stencil->code, stencil->bytes);
    for (unsigned i = 0; i < stencil->holes; i++) {
        const struct hole *hole = &stencil->hole[i];
        if (hole->kind == HOLE_SLOT) {
            patch_value(to + hole->at, hole, (uint64_t)(uintptr_t)&w->slot[gadget - w->low->slot]);
        } else if (hole->kind < HOLE_BRANCH) {
            patch_value(to + hole->at, hole, parameter(gadget, hole));
        } else if (hole->kind == HOLE_BRANCH) {
            unsigned link = (unsigned)(gadget - w->low->slot) + hole->from / 8;
            unsigned number = w->low->exit[0].slot == link ? 0 : 1;
            struct native_exit *exit = &w->block->exit[number];
            assert(w->low->exit[number].slot == link && exit->sites < ARRAY_LEN(exit->site));
            exit->site[exit->sites++] = (uint16_t)(w->at + hole->at - w->block->code);
        }
    }
    w->at += stencil->bytes;
}

/* A branch is patched while others may run it, so its four bytes must lie in one cache line. */
static void align_branches(struct writer *w, const struct stencil *stencil) {
    uint32_t from = w->at;
    for (unsigned i = 0; i < stencil->holes; i++) {
        const struct hole *hole = &stencil->hole[i];
        if (hole->kind == HOLE_BRANCH && (w->at + hole->at) % CACHE_LINE > CACHE_LINE - 4) {
            w->at++;
            i = (unsigned)-1; /* all of them once more */
        }
    }
    host_write_nops(code_memory_write(from), w->at - from);
}

/* A stencil of core_gadgets with one parameter of 8 bytes. */
static void copy_core(struct writer *w, const void *gadget, uint64_t value) {
    struct stencil stencil;
    uint64_t slots[2] = {0, value};
    bool there = stencil_of(gadget, &stencil);
    assert(there);
    (void)there;
    uint8_t *to = code_memory_write(w->at);
    memcpy(to, stencil.code, stencil.bytes);
    for (unsigned i = 0; i < stencil.holes; i++) {
        patch_value(to + stencil.hole[i].at, &stencil.hole[i], parameter(slots, &stencil.hole[i]));
    }
    w->at += stencil.bytes;
}

/* The stencils of a lowered block; NULL code: none, or a parameter does not fit. Returns an upper
 * bound for its code, 0 when native code is not worth while. */
static size_t find_stencils(const struct lowered *low, struct stencil *found) {
    const size_t core_bytes = 32, around = 2 * CACHE_LINE; /* the header, rests of lines */
    size_t bytes = around + FIBER_MAX_EXITS * core_bytes;
    for (unsigned i = 0; i < low->gadgets; i++) {
        const uint64_t *gadget = &low->slot[low->gadget[i]];
        if (stencil_of((const void *)(uintptr_t)gadget[0], &found[i]) &&
            parameters_fit(&found[i], gadget)) {
            bytes += found[i].bytes;
        } else {
            found[i].code = NULL;
            bytes += core_bytes;
        }
    }
    return low->gadgets && found[0].code ? bytes : 0;
}

/* A branch back looks at the poll word, so that no loop runs without. */
static bool branches_back(const struct lowered *low, unsigned exit) {
    return low->exit[exit].target < low->end;
}

static void set_branch(uint32_t site, uint32_t to) {
    host_set_branch(code_memory_write(site), code_memory_run(site), code_memory_run(to));
}

static void emit_exits(struct writer *w) {
    const struct core_gadgets *core = &core_gadgets[w->low->mode];
    for (unsigned i = 0; i < w->low->exits; i++) {
        struct native_exit *exit = &w->block->exit[i];
        exit->polls = branches_back(w->low, i);
        const uint32_t stub = w->at;
        exit->stub = (uint16_t)(stub - w->block->code);
        copy_core(w, exit->polls ? core->native_poll : core->native_exit,
                  (uint64_t)(uintptr_t)&w->slot[w->low->exit[i].slot]);
        for (unsigned site = 0; site < exit->sites; site++) {
            set_branch(w->block->code + exit->site[site], stub);
        }
    }
}

static void emit_parts(struct writer *w) {
    const struct lowered *low = w->low;
    bool resumes = true; /* the slot leads to native code: the first one, and after a gadget */
    for (unsigned i = 0; i < low->gadgets; i++) {
        unsigned slot = low->gadget[i];
        const struct stencil *stencil = &stencils[i];
        const uint32_t start = w->at;
        if (stencil->code) {
            align_branches(w, stencil);
        }
        w->block->part[i] = (struct native_part){
            .at =
                (uint16_t)(w->at - w->block->code), /* after what aligns it: fixups count from it */
            .slot = slot & 0x7fff,
            .copied = stencil->code != NULL,
            .gadget = gadget_offset((const void *)(uintptr_t)low->slot[slot]),
        };
        if (!stencil->code) {
            if (!resumes) {
                copy_core(w, core_gadgets[low->mode].native_slot,
                          (uint64_t)(uintptr_t)&w->slot[slot]);
            }
            resumes = true;
            continue;
        }
        if (resumes) {
            w->slot[slot] = (uint64_t)(uintptr_t)code_memory_run(start);
        }
        resumes = false;
        copy_body(w, stencil, &low->slot[slot]);
    }
}

enum native_answer native_prepare(struct native_list *list, const struct lowered *low) {
    most_bytes = find_stencils(low, stencils);
    return !most_bytes ? NATIVE_NO : code_memory_room(list, most_bytes) ? NATIVE_YES : NATIVE_LATER;
}

struct native_block *native_make(struct native_list *list, const struct lowered *low,
                                 uint64_t *slot) {
    struct native_chunk *chunk = list->first;
    struct native_block *block = calloc(1, sizeof *block + low->gadgets * sizeof *block->part);
    if (!block) {
        return NULL;
    }
    uint32_t start = chunk->start + chunk->used;
    memcpy(code_memory_write(start), &block, sizeof block);
    struct writer w = {
        .low = low, .slot = slot, .block = block, .at = start + (uint32_t)sizeof block};
    block->slot = slot;
    block->code = w.at;
    block->parts = (uint16_t)low->gadgets;
    emit_parts(&w);
    block->exits = (uint16_t)(w.at - block->code);
    emit_exits(&w);
    assert(w.at - block->code <= most_bytes);
    block->bytes = (uint16_t)(w.at - block->code);
    chunk->used += ((uint32_t)sizeof block + block->bytes + 15) & ~15u;
    list->empty -= chunk->live++ == 0;
    block->older = atomic_load_explicit(&chunk->newest, memory_order_relaxed);
    atomic_store_explicit(&chunk->newest, block, memory_order_release);
    STAT(native_blocks);
    STAT_ADD(native_bytes, block->bytes);
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

struct native_block *native_of(const uint64_t *slot0) {
    const char *code = (const char *)(uintptr_t)slot0[0];
    struct native_block *block = NULL;
    if (code_memory_chunk(code)) {
        memcpy(&block, code - sizeof block, sizeof block);
    }
    return block;
}

const uint8_t *native_code(const struct native_block *block, size_t *bytes) {
    *bytes = block->bytes;
    return code_memory_run(block->code);
}

bool native_piece(const struct native_block *block, unsigned number, struct native_piece *piece) {
    if (number > block->parts) {
        return false;
    }
    const bool exits = number == block->parts;
    const struct native_part *part = &block->part[number];
    uint32_t start = exits ? block->exits : part->at;
    uint32_t end = number + 1u < block->parts ? part[1].at : exits ? block->bytes : block->exits;
    *piece =
        (struct native_piece){.code = code_memory_run(block->code + start), .bytes = end - start};
    if (!exits) {
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
    struct native_block *block = atomic_exchange(&chunk->newest, NULL);
    native_report_gone(chunk);
    while (block) {
        struct native_block *older = block->older;
        free(block);
        block = older;
    }
}

void native_link(struct native_block *block, unsigned number, const struct native_block *to) {
    struct native_exit *exit = &block->exit[number];
    for (unsigned i = 0; i < exit->sites && !exit->polls; i++) {
        set_branch(block->code + exit->site[i], to ? to->code : block->code + exit->stub);
    }
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
    struct stencil stencil;
    place->slot = &block->slot[block->part[part].slot];
    place->gadget = part_gadget(&block->part[part]);
    place->fixup = 0;
    if (stencil_of(place->gadget, &stencil)) {
        for (unsigned i = 0; i < stencil.holes; i++) {
            const struct hole *hole = &stencil.hole[i];
            if (hole->kind == HOLE_FIXUP && hole->at == at - block->part[part].at) {
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
