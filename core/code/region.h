/* Compiled code of a space: which fibers exist, their sharing, linking, invalidation and death.
 *
 * A region is a set of fibers whose guest bytes are the same for all who use it: the private code
 * of one space (`own`), or one mapping of a file (same file, offset, address), shared by every
 * space that has it and kept for the next one. Fibers are linked within a region only. Code of
 * another mode than the space's own is in its `own` region, whatever it is made of.
 *
 * Locks: space.code_lock, then region.lock. Readers (running gadgets, the jump cache) take none:
 * fibers that leave the table live on as jetsam until every cpu has been outside since (epochs). */
#ifndef FG_CORE_REGION_H
#define FG_CORE_REGION_H

#include "core/base/space_state.h"
#include "core/code/fiber.h"
#include "core/cpu/epoch.h"

struct space_region {
    gaddr_t start, end;
    struct region *region; /* holds a reference */
};

/* The slots to run for `pc`, built if need be and entered in the jump cache. NULL: cannot be
 * fetched; *addr and *error describe the page fault (FAULT_NO_MEMORY: code_make_room() and try
 * again). The cpu's epoch must be published. */
const uint64_t *code_find(struct cpu *cpu, gaddr_t pc, gaddr_t *addr, uint32_t *error);
/* The jump cache of code of a mode in a space, made when there is none yet: its words; NULL: no
 * memory. Any thread. */
uint64_t *code_jump_cache(struct space *space, enum guest_mode mode);
/* A fiber of one instruction that leaves behind it; lives until the cpu's next call of this. */
const uint64_t *code_step(struct cpu *cpu, gaddr_t pc, gaddr_t *addr, uint32_t *error);
/* Its instruction, until this thread builds other code. */
const struct insn *code_step_insn(void);
/* A cpu left by an exit stub: find the target and link, when both lie in one region. Returns as
 * code_find; *pc is the target. */
const uint64_t *code_link(struct cpu *cpu, const uint64_t *stub, gaddr_t *pc, gaddr_t *addr,
                          uint32_t *error);

/* An access of the instruction at cpu->pc, in the gadget at `slot`, is not in the window but in
 * what is mapped beyond it: it is noted, and its fiber made anew. False: there is no memory for
 * that. */
bool code_widen(struct cpu *cpu, const uint64_t *slot);

/* The block whose fiber has `slot` was entered, or is left, with a stack pointer out of the window:
 * it is noted, and made anew without reliance on that. False: there is no memory for it. */
bool code_mistrust_stack(struct cpu *cpu, const uint64_t *slot);

/* Give memory of code back: all of the space's own code (or of each space's), and of files that
 * nobody maps. What is run at the moment goes when every cpu was in C, at a later call; the
 * caller's cpu must hold no fiber. */
void code_make_room(struct space *space, bool everywhere);

/* Memory for native code is short (code_memory_short): the oldest of it is retired, and what nobody
 * runs any more is given back. `self` holds no fiber (it has just entered an epoch); no lock is
 * held. */
void code_evict(struct cpu *self);

/* A write to a page with PAGE_CODE was refused by the host: drop its fibers and let writes through;
 * other cpus than `self` (NULL: all) leave what they run. True when the page may be written now
 * (try again), false when the guest may not write it at all, or the host
 * cannot change the protection for want of room. */
bool code_written(struct space *space, gaddr_t addr, struct cpu *self);
/* A gadget faulted, cpu->pc is set. True: it was a check gadget, whose fiber is gone now; what its
 * page has become shows when pc is looked up. */
bool code_check_failed(struct cpu *cpu);
/* The mapping of [addr, addr+len) changes: fibers there die, shared regions there are left.
 * code_lock is held, and stays so until the change is done: else another thread that runs there
 * makes fibers of the old bytes in between. True: space_kick() is due when the lock is released. */
bool code_drop(struct space *space, gaddr_t addr, gaddr_t len);
/* A private file mapping that may be executed appeared: use or make its region. */
void code_attach_file(struct space *space, gaddr_t addr, gaddr_t len, off_t offset,
                      const struct file_id *id);
/* All of `parent`'s file regions, for a forked child. */
void code_inherit(struct space *child, struct space *parent);
/* At the birth and death of a space. */
int code_init(struct space *space);
void code_fini(struct space *space);

#endif
