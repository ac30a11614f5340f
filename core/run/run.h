/* Running guest code, and the end of a cpu. */
#ifndef FG_CORE_RUN_H
#define FG_CORE_RUN_H

#include "core/cpu/cpu.h"

/* Sets the engine up (fault handlers) at the first call of the process; any thread. */
void engine_init(void);

/* Were gadgets for a mode built (make GUESTS)? What the host lacks for them is host_lacks()'s. */
bool engine_has(enum guest_mode mode);

/* Run guest code on `space` from cpu->pc until an exit of the public kind; returns EXIT_SYSCALL,
 * EXIT_TRAP or EXIT_KICKED. The calling thread is the cpu's thread until it returns. Guest faults
 * are precise: the register file is that of the start of the instruction at cpu->pc. */
enum exit_reason cpu_run(struct cpu *cpu);

/* Frees a cpu that no thread runs any more; NULL: nothing. */
void cpu_destroy(struct cpu *cpu);

#endif
