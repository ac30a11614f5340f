/* --dump=native: what native code is made of, and what it became. A block's guest instructions,
 * each with its gadgets, each with the host instructions that it was copied to. */
#include "core/code/dump.h"
#include "core/base/space_state.h"
#include "core/host/host.h"
#include "core/native/native.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define BYTES_COLUMN 30 /* of ten bytes; what is longer pushes the text to the right */
#define ROW_BYTES    16 /* of code that is not disassembled */

static void print_bytes(const uint8_t *at, size_t count, int column, FILE *out) {
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "%02x ", at[i]);
        column -= 3;
    }
    fprintf(out, "%*s ", column > 0 ? column : 0, "");
}

static void print_host(const uint8_t *code, size_t bytes, FILE *out) {
    for (size_t at = 0; at < bytes;) {
        char text[HOST_INSN_TEXT] = "";
        size_t len = host_disassemble(code + at, bytes - at, text);
        if (len == 0) {
            len = bytes - at < ROW_BYTES ? bytes - at : ROW_BYTES;
        }
        fprintf(out, "      %012" PRIxPTR "  ", (uintptr_t)code + at);
        print_bytes(code + at, len, BYTES_COLUMN, out);
        fprintf(out, "%s\n", text);
        at += len;
    }
}

static void print_insn(const struct space *space, const struct insn *insn, FILE *out) {
    uint8_t bytes[INSN_MAX_BYTES];
    char text[24];
    size_t len = insn->len;
    for (size_t i = 0; i < len; i++) { /* of an instruction over a page's end each page by itself */
        if (host_copy(&bytes[i], space_ptr(space, insn->pc + i), 1) != 0) {
            len = i;
        }
    }
    fprintf(out, "  %08" PRIx64 "  ", insn->pc);
    print_bytes(bytes, len, BYTES_COLUMN, out);
    fprintf(out, "%s\n", dump_mnemonic(insn, text));
}

/* The instructions from number `from` on that begin at a slot up to `slot`; the next one. */
static unsigned print_insns(const struct space *space, const struct fiber *fiber,
                            const struct block *block, unsigned from, unsigned slot, FILE *out) {
    const struct mark *mark = fiber_marks(fiber);
    while (from < fiber->marks && from < block->count && mark[from].slot <= slot) {
        print_insn(space, &block->insn[from++], out);
    }
    return from;
}

static void print_gadget(const void *gadget, bool copied, FILE *out) {
    const char *name = gadget_name(gadget);
    fprintf(out, "    %s%s\n", *name ? name : "?", copied ? "" : ": dispatched");
}

static void print_native(const struct space *space, const struct fiber *fiber,
                         const struct block *block, const struct native_block *native, FILE *out) {
    struct native_piece piece;
    unsigned insn = 0, slot = 0;
    for (unsigned i = 0; native_piece(native, i, &piece); i++) {
        if (piece.gadget) {
            if (i && piece.slot <= slot) {
                fprintf(out, "  once more, for branches back to its beginning\n");
                insn = 0;
            }
            slot = piece.slot;
            insn = print_insns(space, fiber, block, insn, piece.slot, out);
            print_gadget(piece.gadget, piece.copied, out);
        } else if (piece.bytes) {
            fprintf(out, "  exits\n");
        }
        print_host(piece.code, piece.bytes, out);
    }
}

static void print_threaded(const struct space *space, const struct fiber *fiber,
                           const struct block *block, FILE *out) {
    const uint64_t *slot = fiber_slots(fiber);
    unsigned insn = 0;
    for (unsigned i = 0; i < fiber->slots; i++) {
        const void *gadget = (const void *)(uintptr_t)slot[i];
        insn = print_insns(space, fiber, block, insn, i, out);
        if (*gadget_name(gadget)) {
            print_gadget(gadget, true, out);
        }
    }
}

void dump_native(const struct space *space, const struct fiber *fiber, const struct block *block) {
    static atomic_bool told;
    const struct native_block *native = fiber->native;
    flockfile(stderr);
    const char *why = host_no_disassembler();
    if (why && !atomic_exchange(&told, true)) {
        fprintf(stderr, "fiberglass: host code is shown as bytes alone: %s\n", why);
    }
    fprintf(stderr, "block %08" PRIx64 "..%08" PRIx64 ": %u instructions, %s\n", block->pc,
            block->end, block->count, native ? "native" : "threaded");
    if (native) {
        print_native(space, fiber, block, native, stderr);
    } else {
        print_threaded(space, fiber, block, stderr);
    }
    funlockfile(stderr);
}
