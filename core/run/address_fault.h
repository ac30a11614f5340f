/* What an access of 64-bit code to an address outside of the window is for the guest, or a branch
 * to an address that is none. */
#ifndef FG_CORE_ADDRESS_FAULT_H
#define FG_CORE_ADDRESS_FAULT_H

#include "core/cpu/cpu.h"

/* A gadget's probe found that cpu->trap_addr is not in the window, or a helper met an address that
 * is none: completes cpu->trap and trap_error, by the instruction at cpu->pc. A page fault says
 * whether it was a write; of an address that is not canonical it becomes #GP or #SS. */
void address_fault(struct cpu *cpu);

/* A branch at cpu->pc went to an address that is not canonical: the stack pointer as before it, and
 * cpu->trap is its #GP. What a CALL wrote below the stack pointer stays there. */
void branch_fault(struct cpu *cpu);

#endif
