/* Faults of accesses outside of the window: #PF, #GP or #SS; of branches: #GP. See address_fault.h.
 * The probe in front of an access (core/memory/window.h) knows the address alone, so the
 * instruction is decoded again. Source: SDM Vol. 3A, 6.15 (#SS, #GP, #PF). */
#include "core/run/address_fault.h"
#include "core/helpers/helpers.h"
#include "core/space/space.h"

#define STACK_REACH 4096 /* PUSHA and its like, and no more */

/* Bytes of the elements of a memory operand that is accessed by a mask; 0 of others. */
static unsigned mask_element(const struct insn *insn) {
    unsigned flags = rows[insn->row].flags;
    return flags & ROW_MASK4 ? 4 : flags & ROW_MASK8 ? 8 : 0;
}

/* Where the first element is that a mask selects. */
static unsigned first_selected(const uint8_t *mask, unsigned element, unsigned bytes) {
    unsigned at = 0;
    while (at + element < bytes && !(mask[at + element - 1] & 0x80)) {
        at += element;
    }
    return at;
}

/* MOVS, whose destination is not in the window: is there anything at its source, which comes first?
 * Else it is the source's fault. */
static void source_first(struct cpu *cpu, const struct insn *insn) {
    const bool moves = (insn->opcode | 1) == 0xa5;
    const unsigned bytes = insn->opcode & 1 ? insn->opsize : 1;
    gaddr_t from = cpu->regs[REG_SI] + (insn->seg < SEG_COUNT ? cpu->seg[insn->seg].base : 0);
    for (unsigned i = 0; i < bytes && moves; i++) {
        if (!(space_page(cpu->space, from + i) & (PAGE_READ | PAGE_WRITE | PAGE_EXEC))) {
            cpu->trap_addr = from + i;
            cpu->trap_error &= ~2u;
            return;
        }
    }
}

void address_fault(struct cpu *cpu) {
    struct insn insn;
    bool stack = false, write = cpu->trap_error & 2, odd = false;
    gaddr_t last = cpu->trap_addr; /* byte of the operand */
    if (!(cpu->trap_error & FAULT_FETCH) && helper_insn(cpu, &insn)) {
        const struct variant *variant = &variants[insn.variant];
        bool has_operand = insn.is_mem && variant->mem != MEM_NONE && variant->mem != MEM_LEA;
        if (has_operand && helper_operand(cpu, &insn) == cpu->trap_addr) {
            stack = insn.seg == INSN_NO_SEG && (insn.base == REG_SP || insn.base == REG_BP);
            write = write || variant->writes;
            unsigned element = mask_element(&insn);
            if (element) {
                cpu->trap_addr += first_selected(cpu->ymm[insn.vvvv], element, variant->bytes);
                last = cpu->trap_addr;
            }
            odd = cpu->trap_addr & (variant->align - 1u);
            if (variant->bytes > 32) { /* goes in pieces, the first of them first */
                odd = odd && address_canonical(cpu->trap_addr);
                last += 3;
            } else {
                last += element ? element - 1u : variant->bytes ? variant->bytes - 1u : 0;
            }
        } else {
            uint64_t reach = cpu->trap_addr - cpu->regs[REG_SP] + STACK_REACH;
            bool frame =
                !has_operand && cpu->regs[REG_BP] - cpu->trap_addr < 512; /* LEAVE, ENTER */
            bool string = rows[insn.row].flags & ROW_STRING;
            stack = !string && (reach < 2 * STACK_REACH || frame);
            write = write || variant->stores;
            if (string && cpu->trap_addr == cpu->regs[REG_DI]) {
                source_first(cpu, &insn);
            }
            if (string && cpu->trap_addr != cpu->regs[REG_DI]) {
                write = false; /* the source of MOVS */
            } else if (stack) {
                last += insn.opsize - 1u;
            } else if (has_operand) { /* a bit string: the unit that was meant */
                stack = insn.seg == INSN_NO_SEG && (insn.base == REG_SP || insn.base == REG_BP);
                if (insn.seg < SEG_COUNT) { /* #GP too where it is odd without the base (AMD) */
                    odd = !address_canonical(cpu->trap_addr - cpu->seg[insn.seg].base);
                }
            }
        }
    }
    if (!cpu->fault_probe) { /* of a helper, which knows */
        write = cpu->trap_error & 2;
    }
    if (!odd && address_canonical(cpu->trap_addr) && address_canonical(last)) {
        cpu->trap_error = (write ? 2 : 0) | space_mapped(cpu->space, cpu->trap_addr);
    } else { /* alignment comes before the rest */
        cpu->trap = stack && !odd ? TRAP_SS : TRAP_GP;
        cpu->trap_error = 0;
        cpu->trap_addr = 0;
    }
}

/* A near branch with an operand of 64 bits: others cannot name such an address. */
void branch_fault(struct cpu *cpu) {
    struct insn insn;
    uint64_t *sp = &cpu->regs[REG_SP];
    if (helper_insn(cpu, &insn)) {
        if (insn.opcode == 0xc3) { /* RET */
            *sp -= 8;
        } else if (insn.opcode == 0xc2) { /* RET imm16 */
            *sp -= 8 + (uint16_t)insn.imm;
        } else if (insn.opcode == 0xff && (insn.reg & 7) == 2) { /* CALL */
            *sp += 8;
        }
    }
    cpu->trap = TRAP_GP;
    cpu->trap_error = 0;
    cpu->trap_addr = 0;
}
