/* Epochs, and what else is asked of all cpus. */
#ifndef FG_CORE_EPOCH_H
#define FG_CORE_EPOCH_H

#include "core/cpu/cpu.h"

struct space;

/* Epochs: a cpu publishes that it may hold pointers to fibers, or that it holds none. */
void epoch_enter(struct cpu *cpu);
void epoch_leave(struct cpu *cpu);
/* Start a new epoch, and return it: what left the tables before it is free once epoch_oldest() is
 * as new. */
uint64_t epoch_advance(void);
uint64_t epoch_oldest(void);
void cpu_list_add(struct cpu *cpu);
void cpu_list_remove(struct cpu *cpu);
/* Is a host call about to write to a part of the range (space_prepare_write)? */
bool host_write_under_way(const struct space *space, gaddr_t addr, gaddr_t len);
/* Stop all cpus on `space` but `self` at their next back edge. */
void space_kick(struct space *space, struct cpu *self);

#endif
