/* Faults of accesses outside of the window: #PF, #GP or #SS. See address_fault.h. The probe in
 * front of an access (core/memory/window.h) knows the address alone, so the instruction is decoded
 * again. Source: SDM Vol. 3A, 6.15 (#SS, #GP, #PF). */
#include "core/run/address_fault.h"
#include "core/decode/insn.h"
#include "core/space/space.h"

#define STACK_REACH 4096 /* how far from its pointers an instruction may reach, and more */

/* Is the address one of the stack's, by rSP or (ENTER, LEAVE) rBP? */
static bool on_stack(const struct cpu *cpu) {
    return cpu->trap_addr - cpu->regs[REG_SP] + STACK_REACH < 2 * STACK_REACH ||
           cpu->trap_addr - cpu->regs[REG_BP] + STACK_REACH < 2 * STACK_REACH;
}

/* The instruction at cpu->pc; false when it cannot be read any more. */
static bool fetch_insn(struct cpu *cpu, struct insn *insn) {
    uint8_t bytes[INSN_MAX_BYTES];
    size_t got = 0;
    while (got < sizeof bytes && guest_read(cpu->space, bytes + got, cpu->pc + got, 1) == 0) {
        got++;
    }
    return decode(insn, cpu->mode, cpu->pc, bytes, got) == DECODE_OK;
}

/* The address of the explicit memory operand. */
static gaddr_t operand_address(const struct cpu *cpu, const struct insn *insn, unsigned mem) {
    uint64_t at = (uint64_t)insn->disp;
    if (insn->base >= 0) {
        at += cpu->regs[insn->base];
        at += mem == MEM_POP && insn->base == REG_SP ? insn->opsize : 0;
    }
    if (insn->index >= 0) {
        at += cpu->regs[insn->index] << insn->scale;
    }
    if (insn->addrsize == 4) {
        at = (uint32_t)at;
    }
    return insn->seg < SEG_COUNT ? at + cpu->seg[insn->seg].base : at;
}

void address_fault(struct cpu *cpu) {
    struct insn insn;
    bool stack = false, write = cpu->trap_error & 2;
    if (fetch_insn(cpu, &insn)) {
        const struct variant *variant = &variants[insn.variant];
        bool has_operand = insn.is_mem && variant->mem != MEM_NONE && variant->mem != MEM_LEA;
        bool string = rows[insn.row].flags & ROW_STRING;
        /* Bit tests by a register reach further than their operand: whatever is not the stack's. */
        if (has_operand &&
            (operand_address(cpu, &insn, variant->mem) == cpu->trap_addr || !on_stack(cpu))) {
            stack = insn.seg == INSN_NO_SEG && (insn.base == REG_SP || insn.base == REG_BP);
            write = write || variant->writes;
        } else {
            stack = !string && on_stack(cpu);
            write = write || (variant->stores && !(string && cpu->trap_addr == cpu->regs[REG_SI]));
        }
    }
    if (address_canonical(cpu->trap_addr)) {
        cpu->trap_error = write ? 2 : 0;
    } else {
        cpu->trap = stack ? TRAP_SS : TRAP_GP;
        cpu->trap_error = 0;
        cpu->trap_addr = 0;
    }
}
