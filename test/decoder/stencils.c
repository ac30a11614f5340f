/* What stencils of guests say of the registers that they change, against what Zydis knows of
 * the host's instructions. Native code leaves a probe out while nothing changed the register that
 * was probed (core/native/known.h), so one that is changed unsaid leads out of the guest's window.
 *
 *   stencils           all of the program's own; a line for each mistake, then ok or not ok */
#include "core/base/cpu_state.h"
#include "core/build/gadget_name.h"
#include "core/decode/rows.h"
#include "core/native/stencil.h"

#include <Zydis/Zydis.h>
#include <stdio.h>
#include <string.h>

#define HOST_CPU 13 /* the register with the cpu (templates/x86_64/registers.md) */
#define OTHERS   (-1)

static ZydisDecoder zydis;
static unsigned mistakes, stencils, changing;

static void mistake(const char *name, const char *what) {
    if (mistakes++ < 20) {
        printf("# %s: %s\n", name, what);
    }
}

/* A general register's number; OTHERS: another register. */
static int general(ZydisRegister reg) {
    ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
    return whole >= ZYDIS_REGISTER_RAX && whole <= ZYDIS_REGISTER_R15 ? whole - ZYDIS_REGISTER_RAX
                                                                      : OTHERS;
}

/* The guest's register that a host register holds. */
static int guest_register(int host) {
    return host == 8 ? 4 : host != 4 && host < 8 ? host : OTHERS;
}

/* Does a note say that the register is counted, and does the instruction do no more than that? */
static bool is_counted(const struct stencil *of, const ZydisDecodedInstruction *insn,
                       const ZydisDecodedOperand *operand, int reg) {
    const ZydisMnemonic does = insn->mnemonic;
    bool counts = operand->size == 64 && (does == ZYDIS_MNEMONIC_LEA ||
                                          does == ZYDIS_MNEMONIC_ADD || does == ZYDIS_MNEMONIC_SUB);
    for (unsigned i = 0; counts && i < of->holes; i++) {
        if (of->hole[i].kind == HOLE_MOVED && (of->hole[i].at & 7) == reg) {
            return true;
        }
    }
    return false;
}

/* Is a store into the cpu noted: what its displacement is patched with is a HOLE_STORED's? */
static bool is_noted(const struct stencil *of, unsigned disp_end) {
    for (unsigned i = 0; i < of->holes; i++) {
        if ((of->hole[i].kind & HOLE_KINDS) > HOLE_64 || of->hole[i].at != disp_end) {
            continue;
        }
        for (unsigned j = 0; j < of->holes; j++) {
            if (of->hole[j].kind == HOLE_STORED && of->hole[j].from == of->hole[i].from) {
                return true;
            }
        }
    }
    return false;
}

/* Is what the gadget stores into the cpu a vector register? Those need no note. Its name has the
 * destination first. */
static bool is_vector(const char *name) {
    const char *vector = strstr(name, "mmN"), *other = strstr(name, "_rN");
    return vector && (!other || vector < other);
}

static bool writes(const ZydisDecodedOperand *operand) {
    return operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
}

/* One operand of a stencil's instruction that ends at `end`. */
static void look_at(const char *name, const struct stencil *of, unsigned end,
                    const ZydisDecodedInstruction *insn, const ZydisDecodedOperand *operand) {
    if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER && writes(operand)) {
        int reg = guest_register(general(operand->reg.value));
        if (reg != OTHERS && !is_counted(of, insn, operand, reg)) {
            changing++;
            if (!(of->changed >> reg & 1)) {
                mistake(name, "a register is changed that it does not name");
            }
        }
    }
    /* The place of one at home is a parameter; constants are other fields of the cpu. */
    if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY && writes(operand) &&
        general(operand->mem.base) == HOST_CPU) {
        const unsigned disp_end = end - insn->length + insn->raw.disp.offset;
        const int64_t disp = operand->mem.disp.value;
        const bool hole = disp >= HOLE_BASE && disp < HOLE_BASE + (int64_t)sizeof(struct cpu);
        if (hole ? !is_vector(name) && !is_noted(of, disp_end)
                 : disp < (int64_t)sizeof((struct cpu *)0)->regs) {
            mistake(name, "a register at home is stored that it does not name");
        }
    }
}

static void check(const void *gadget) {
    struct stencil of;
    const char *name = gadget_name(gadget);
    if (!stencil_of(gadget, &of)) {
        return;
    }
    stencils++;
    for (unsigned at = 0; at < of.bytes;) {
        ZydisDecodedInstruction insn;
        ZydisDecodedOperand operand[ZYDIS_MAX_OPERAND_COUNT];
        if (!ZYAN_SUCCESS(
                ZydisDecoderDecodeFull(&zydis, of.code + at, of.bytes - at, &insn, operand))) {
            if (strncmp(name, "vpmadd52", 8) !=
                0) { /* younger than Zydis; vector registers alone */
                mistake(name, "no instruction");
            }
            return;
        }
        at += insn.length;
        for (unsigned i = 0; i < insn.operand_count; i++) {
            look_at(name, &of, at, &insn, &operand[i]);
        }
    }
}

int main(void) {
    ZydisDecoderInit(&zydis, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    for (unsigned t = 0; t < gadget_table_count; t++) {
        for (unsigned i = 0; i < gadget_tables[t].count; i++) {
            const void *gadget = gadget_at(gadget_tables[t].table, i);
            if (gadget) {
                check(gadget);
            }
        }
    }
    const bool good = mistakes == 0 && stencils > 100000 && changing > 10000;
    printf("# %u stencils, %u changes of registers, %u mistakes\n", stencils, changing, mistakes);
    printf("%s registers that stencils change\n", good ? "ok" : "not ok");
    return !good;
}
