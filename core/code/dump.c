/* --dump and --trace: fibers, blocks, gadgets and registers as text on stderr. */
#include "core/code/dump.h"
#include "core/base/debug.h"
#include "core/base/space_state.h"
#include "core/base/stats.h"
#include "core/host/host.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* "ADD"; of a row that serves all conditions, such as JCC, the one meant: "JNE". */
const char *dump_mnemonic(const struct insn *insn, char text[24]) {
    static const char *const conditions[] = {"O", "NO", "B", "AE", "E", "NE", "BE", "A",
                                             "S", "NS", "P", "NP", "L", "GE", "LE", "G"};
    const char *name = insn->variant ? rows[insn->row].mnemonic : "(bad)";
    size_t len = strlen(name);
    if (len < 3 || strcmp(name + len - 2, "CC") != 0) {
        return name;
    }
    snprintf(text, 24, "%.*s%s", (int)(len - 2), name, conditions[insn->opcode & 15]);
    return text;
}

static void dump_block(const struct block *block, FILE *out) {
    for (unsigned i = 0; i < block->count; i++) {
        const struct insn *insn = &block->insn[i];
        char text[24];
        fprintf(out, "  %08" PRIx64 "  %2u bytes  %-10s %s\n", insn->pc, insn->len,
                dump_mnemonic(insn, text), insn->variant ? rows[insn->row].cite : "");
    }
}

/* Slots by instruction; a gadget is recognised by its name, all other words are parameters. */
static void dump_slots(const struct fiber *fiber, bool words, FILE *out) {
    const uint64_t *slot = fiber_slots(fiber);
    const struct mark *mark = fiber_marks(fiber);
    for (unsigned i = 0; i < fiber->slots; i++) {
        const char *name = gadget_name((const void *)(uintptr_t)slot[i]);
        for (unsigned m = 0; m < fiber->marks; m++) {
            if (mark[m].slot == i) {
                fprintf(out, "  %08" PRIx64 "\n", fiber->pc + mark[m].delta);
            }
        }
        if (*name) {
            fprintf(out, "    %3u  %s\n", i, name);
        } else if (words) {
            fprintf(out, "    %3u    %016" PRIx64 "\n", i, slot[i]);
        }
    }
}

void dump_fiber(const struct fiber *fiber, const struct block *block) {
    flockfile(stderr);
    fprintf(stderr, "block %08" PRIx64 "..%08" PRIx64 ": %u instructions, %u slots%s\n", block->pc,
            block->end, block->count, fiber->slots, fiber->checked ? ", checked" : "");
    if (fg_debug.dump_blocks) {
        dump_block(block, stderr);
    }
    if (fg_debug.dump_gadgets || fg_debug.dump_fibers) {
        dump_slots(fiber, fg_debug.dump_fibers, stderr);
    }
    funlockfile(stderr);
}

/* The instruction at pc: its bytes and mnemonic, "??" where they cannot be had. */
static void dump_insn(const struct cpu *cpu, FILE *out) {
    uint8_t bytes[INSN_MAX_BYTES];
    size_t got = 0;
    struct insn insn;
    char text[24];
    while (got < sizeof bytes && space_range_ok(cpu->space, cpu->pc + got, 1) &&
           host_copy(bytes + got, space_ptr(cpu->space, cpu->pc + got), 1) == 0) {
        got++;
    }
    enum decode_status status = decode(&insn, cpu->mode, cpu->pc, bytes, got);
    if (status != DECODE_OK && status != DECODE_UD) {
        fprintf(out, "??\n");
        return;
    }
    for (unsigned i = 0; i < insn.len; i++) {
        fprintf(out, "%02x", bytes[i]);
    }
    fprintf(out, " %s\n", dump_mnemonic(&insn, text));
}

/* The general registers in the order that people read them in. */
static void dump_general(const struct cpu *cpu, FILE *out) {
    static const struct {
        const char *name;
        uint8_t number;
    } order[] = {{"ax", REG_AX}, {"bx", REG_BX}, {"cx", REG_CX}, {"dx", REG_DX},
                 {"si", REG_SI}, {"di", REG_DI}, {"bp", REG_BP}, {"sp", REG_SP}};
    bool wide = cpu->mode != GUEST_I386;
    for (unsigned i = 0; i < ARRAY_LEN(order); i++) {
        fprintf(out, " %c%s=%08" PRIx64, wide ? 'r' : 'e', order[i].name,
                cpu->regs[order[i].number]);
    }
    for (unsigned i = 8; wide && i < ARRAY_LEN(cpu->regs); i++) {
        fprintf(out, " r%u=%08" PRIx64, i, cpu->regs[i]);
    }
}

void dump_registers(const struct cpu *cpu) {
    flockfile(stderr);
    fprintf(stderr, "%08" PRIx64, cpu->pc);
    dump_general(cpu, stderr);
    fprintf(stderr, " %cflags=%06x  ", cpu->mode == GUEST_I386 ? 'e' : 'r', cpu_eflags(cpu));
    dump_insn(cpu, stderr);
    funlockfile(stderr);
}

void engine_stats_print(void) {
    static const struct {
        const char *name;
        _Atomic uint64_t *value;
    } rows_[] = {
        {"blocks built", &engine_stats.blocks},
        {"of these checked code", &engine_stats.checked_blocks},
        {"guest instructions translated", &engine_stats.insns},
        {"direct branches linked", &engine_stats.links},
        {"lookups from C", &engine_stats.lookups},
        {"of these jump-cache hits", &engine_stats.lookup_hits},
        {"file regions found ready", &engine_stats.regions_shared},
        {"fibers invalidated", &engine_stats.invalidations},
        {"shared regions left", &engine_stats.leaves},
        {"writes to code", &engine_stats.smc_faults},
        {"pages turned to checked code", &engine_stats.hot_pages},
        {"blocks made native", &engine_stats.native_blocks},
        {"bytes of native code", &engine_stats.native_bytes},
        {"chunks of native code evicted", &engine_stats.native_evicted},
        {"blocks made native again after that", &engine_stats.native_again},
        {"blocks threaded for want of memory", &engine_stats.native_refused},
        {"times code was given up for want of memory", &engine_stats.rooms_made},
        {"pages turned back to unchecked code", &engine_stats.cooled_pages},
        {"checked code found changed", &engine_stats.checked_changes},
        {"faults in gadgets", &engine_stats.faults},
        {"single steps", &engine_stats.steps},
        {"kicks taken", &engine_stats.kicks},
        {"system calls", &engine_stats.syscalls},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows_); i++) {
        fprintf(stderr, "%12" PRIu64 "  %s\n", atomic_load(rows_[i].value), rows_[i].name);
    }
}
