/* Block building: fetches guest bytes and decodes them up to the block's end. Second stage of a
 * block's way; lowering follows in lower.c. */
#include "core/build/block.h"
#include "core/cpu/cpu.h"
#include "core/host/host.h"
#include "core/base/space_state.h"
#include "core/memory/window.h"

#include <string.h>

#define FETCH_BYTES 128

/* Bytes of guest code around the place being decoded. */
struct fetcher {
    struct space *space;
    struct block *block;
    block_page_fn page;
    gaddr_t start; /* guest address of buffer[0] */
    size_t filled;
    gaddr_t pages_ok; /* end of the pages that may be fetched */
    uint8_t buffer[FETCH_BYTES + INSN_MAX_BYTES];
};

/* Make the bytes from `pc` on, up to `wanted`, available; fewer when a page may not be fetched. */
static size_t fetch_at(struct fetcher *f, gaddr_t pc, size_t wanted, const uint8_t **bytes) {
    if (pc >= f->start && pc + wanted <= f->start + f->filled) {
        *bytes = f->buffer + (pc - f->start);
        return wanted;
    }
    f->start = pc;
    f->filled = 0;
    *bytes = f->buffer;
    while (f->filled < wanted || (f->filled < FETCH_BYTES && pc + f->filled < f->pages_ok)) {
        gaddr_t at = pc + f->filled;
        if (at >= f->pages_ok) {
            if (!f->page(f->space, at, f->block)) {
                break;
            }
            f->pages_ok = PAGE_BASE(at) + PAGE_BYTES;
        }
        size_t len = (size_t)(f->pages_ok - at);
        size_t room = (f->filled < wanted ? wanted : FETCH_BYTES) - f->filled;
        if (at == pc && room < FETCH_BYTES) {
            room = FETCH_BYTES;
        }
        len = len < room ? len : room;
        if (host_copy(f->buffer + f->filled, space_ptr(f->space, at), len) != 0) {
            f->block->fault_addr = at;
            f->block->fault_error = 0x11 | FAULT_BUS;
            break;
        }
        f->filled += len;
    }
    return f->filled < wanted ? f->filled : wanted;
}

enum block_status block_decode(struct block *block, struct space *space, gaddr_t pc, gaddr_t limit,
                               unsigned max, bool checked, block_page_fn page) {
    struct fetcher f = {.space = space, .block = block, .page = page, .pages_ok = PAGE_BASE(pc)};
    const gaddr_t page_end = PAGE_BASE(pc) + PAGE_BYTES;
    gaddr_t at = pc;

    /* Another space may run it that has the page as well, and no more than the least window. */
    const gaddr_t least = (gaddr_t)1 << WINDOW_BITS_X86_64;
    block->top = pc < least && space->top > least ? least : space->top;
    block->wide = 0;
    block->no_stack = false;
    block->shift = 0;
    block->pc = pc;
    block->count = 0;
    block->checked = checked;
    block->unwatched = false;
    block->last = DECODE_OK;
    if (pc >= space->end) { /* the last page's end would be address 0 */
        page(space, pc, block);
        return BLOCK_FAULT;
    }
    while (block->count < max && at < page_end) {
        struct insn *insn = &block->insn[block->count];
        const uint8_t *bytes;
        /* Look no further than this page unless the instruction turns out to cross its end. */
        size_t room = (size_t)(page_end - at);
        size_t got = fetch_at(&f, at, room < INSN_MAX_BYTES ? room : INSN_MAX_BYTES, &bytes);
        enum decode_status status = got ? decode(insn, block->mode, at, bytes, got) : DECODE_MORE;
        if (status == DECODE_MORE && got) {
            got = fetch_at(&f, at, INSN_MAX_BYTES, &bytes);
            status = decode(insn, block->mode, at, bytes, got);
        }
        if (status == DECODE_MORE) {
            if (block->count == 0) {
                return BLOCK_FAULT;
            }
            break;
        }
        if (at + insn->len > limit) {
            if (block->count == 0) {
                return BLOCK_OUTSIDE;
            }
            break;
        }
        if (checked && at + insn->len - pc > space_room(space, pc)) { /* in two places */
            if (block->count == 0) {
                block->fault_addr = at;
                block->fault_error = 0x11;
                return BLOCK_FAULT;
            }
            break;
        }
        if (checked) {
            memcpy(block->bytes + (at - pc), bytes, insn->len);
        }
        block->count++;
        at += insn->len;
        if (status != DECODE_OK) {
            block->last = status;
            break;
        }
        const struct variant *variant = &variants[insn->variant];
        if (variant->end != BLOCK_GOES_ON || (checked && variant->stores)) {
            break;
        }
    }
    block->end = at;
    if (checked && pc >= space->top) {
        block->shift = (gaddr_t)((uint8_t *)space_ptr(space, pc) - space->window) - pc;
    }
    return BLOCK_BUILT;
}
