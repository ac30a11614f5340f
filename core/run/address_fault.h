/* What an access of 64-bit code to an address outside of the window is for the guest. */
#ifndef FG_CORE_ADDRESS_FAULT_H
#define FG_CORE_ADDRESS_FAULT_H

#include "core/cpu/cpu.h"

/* A gadget's probe found that cpu->trap_addr is not in the window, or a helper met an address that
 * is none: completes cpu->trap and trap_error, by the instruction at cpu->pc. A page fault says
 * whether it was a write; of an address that is not canonical it becomes #GP or #SS. */
void address_fault(struct cpu *cpu);

#endif
