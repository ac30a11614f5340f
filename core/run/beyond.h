/* Accesses of gadgets to what is mapped beyond the window of a 64-bit guest (core/memory/chunks.h):
 * the first of an instruction, the first in a chunk, and those that reach over the end of the
 * window or of a chunk. */
#ifndef FG_CORE_BEYOND_H
#define FG_CORE_BEYOND_H

#include "core/host/host.h"

/* A gadget's access faulted (cpu->trap..., cpu->pc; `slot`: its own, NULL in a single step). Makes
 * cpu->trap_addr a guest address where it is a host one. True: the instruction is to be run again.
 */
bool fault_beyond(struct cpu *cpu, const uint64_t *slot);

/* Around a single step with cpu->cross: what its operand reaches is brought together in one place,
 * and written back if the instruction (not its gadgets) was done. False: it may not be accessed,
 * cpu->trap... say why. No other cpu's access is kept out meanwhile, whatever LOCK says. */
bool cross_begin(struct cpu *cpu);
void cross_end(struct cpu *cpu, enum exit_reason reason);

#endif
