/* The run loop of a cpu: finds fibers, enters gadgets, handles the exits that are the engine's own
 * (links, misses, writes to code, single steps) and hands the others to the caller. */
#include "core/run/run.h"
#include "core/run/address_fault.h"
#include "core/run/beyond.h"
#include "core/base/debug.h"
#include "core/build/ngram.h"
#include "core/code/dump.h"
#include "core/code/fiber.h"
#include "core/host/host.h"
#include "core/code/region.h"
#include "core/memory/chunks.h"
#include "core/native/code_memory.h"
#include "core/base/stats.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/* More faults of one instruction at one address than there are reasons for what is mapped. */
#define FAULT_TRIES 64

bool engine_has(enum guest_mode mode) {
    return ea_tables[mode].index;
}

/* A fetch that failed: a page fault of the guest. */
static enum exit_reason fetch_fault(struct cpu *cpu, gaddr_t addr, uint32_t error) {
    bool there = cpu->mode == GUEST_I386 || address_canonical(addr);
    cpu->trap = there ? TRAP_PF : TRAP_GP;
    cpu->trap_addr = there ? addr : 0;
    cpu->trap_error = there ? error | 4 : 0;
    return EXIT_TRAP;
}

/* A page fault of 64-bit code at an address that no window has, or where an operand may reach over
 * the end of all: which fault it is. */
static void complete_fault(struct cpu *cpu) {
    if (cpu->mode != GUEST_I386 && cpu->trap == TRAP_PF &&
        !(cpu->trap_error & (FAULT_BUS | FAULT_NO_MEMORY)) &&
        (cpu->fault_probe || cpu->trap_addr >= cpu->space->end - PAGE_BYTES)) {
        address_fault(cpu);
    }
}

/* An indirect branch of 64-bit code missed the jump cache: true when its target is no address. Its
 * gadget is where the cpu's fiber register is, and the last of its fiber. Far transfers look
 * themselves. */
static bool branch_refused(struct cpu *cpu) {
    if (cpu->mode == GUEST_I386 || address_canonical(cpu->pc)) {
        return false;
    }
    const uint64_t *slot = (const uint64_t *)(uintptr_t)cpu->fiber;
    fiber_acquire();
    cpu->pc = fiber_slot_pc(fiber_of_slot(slot), slot, UINT_MAX);
    branch_fault(cpu);
    return true;
}

/* A fetch failed: true when it may be tried again, after room was made for code. The other cpus of
 * the space must let go of theirs first; they do so at the next branch back. */
static bool fetch_again(struct cpu *cpu, uint32_t error, unsigned *tries) {
    if (!(error & FAULT_NO_MEMORY) || ++*tries > 100) {
        return false;
    }
    epoch_leave(cpu);
    code_make_room(cpu->space, *tries > 1); /* a single space must not have it all */
    if (*tries > 1) {
        usleep(1000);
    }
    epoch_enter(cpu);
    return true;
}

/* The host refused a gadget's access. True: it was the engine's own protection, run on. */
static bool fault_is_ours(struct cpu *cpu) {
    struct space *space = cpu->space;
    if (cpu->trap != TRAP_PF || cpu->trap_addr >= space->end) {
        return false;
    }
    uint8_t flags = space_page(space, cpu->trap_addr);
    if (flags & PAGE_MAPPED) {
        cpu->trap_error |= 1;
    }
    if (cpu->trap_error & FAULT_BUS) {
        return false;
    }
    if (cpu->trap_error & 2) {
        if (!(flags & PAGE_WRITE)) {
            return false;
        }
        /* The storing instruction runs alone, so that what follows it is decoded anew. */
        cpu->step_once = code_written(space, cpu->trap_addr, cpu);
        return cpu->step_once;
    }
    /* Readable by now: another thread changed the protection in between. */
    return flags & (PAGE_READ | PAGE_WRITE | PAGE_EXEC);
}

static bool want_step(const struct cpu *cpu) {
    return cpu->step_once || cpu->insn_budget || fg_debug.trace || cpu->flags_hidden & FLAG_TF;
}

/* Behind a single step: poll as it should be, the budget, the trap flag. 0: go on. */
static enum exit_reason step_done(struct cpu *cpu, bool trap_flag) {
    cpu->step_once = false;
    cpu_poll_set(cpu, POLL_RUN);
    if (atomic_load(&cpu->kicked)) {
        cpu_poll_set(cpu, POLL_STOP);
    }
    if (cpu->insn_budget && --cpu->insn_budget == 0) {
        return EXIT_KICKED;
    }
    if (trap_flag) {
        cpu->trap = TRAP_DB;
        cpu->trap_error = DEBUG_STEP;
        return EXIT_TRAP;
    }
    return 0;
}

static bool native_memory_short(void) {
    return atomic_load_explicit(&code_memory_short, memory_order_relaxed);
}

static enum exit_reason run(struct cpu *cpu) {
    const uint64_t *slot0 = NULL; /* what to run; NULL: look pc up */
    unsigned tries = 0;           /* to find memory for code, in a row */
    unsigned again = 0;           /* faults of one instruction at one address, in a row */
    gaddr_t faulted = 0, accessed = 0;
    enum guest_mode ready = GUEST_MODES; /* whose jump cache the cpu has */
    for (;;) {
        gaddr_t addr = 0;
        uint32_t error = 0;
        if (atomic_load_explicit(&cpu->poll, memory_order_relaxed) != POLL_RUN) {
            STAT(kicks);
            return EXIT_KICKED;
        }
        if (cpu->mode != ready) { /* far transfers change it */
            ready = cpu->mode;
            cpu->jump_cache = code_jump_cache(cpu->space, ready);
            if (!cpu->jump_cache) {
                return fetch_fault(cpu, cpu->pc, FAULT_NO_MEMORY);
            }
        }
        bool step = want_step(cpu), trap_flag = step && cpu->flags_hidden & FLAG_TF;
        if (step) {
            if (fg_debug.trace) {
                dump_registers(cpu);
            }
            slot0 = code_step(cpu, cpu->pc, &addr, &error);
            /* Whatever branch it takes stops at its target. */
            cpu_poll_set(cpu, POLL_STOP);
        } else if (!slot0) {
            epoch_enter(cpu); /* what was held until here is no longer */
            if (native_memory_short()) {
                code_evict(cpu);
            }
            slot0 = code_find(cpu, cpu->pc, &addr, &error);
        }
        if (!slot0 && fetch_again(cpu, error, &tries)) {
            continue;
        }
        if (!slot0) {
            if (step) {
                step_done(cpu, false);
            }
            return fetch_fault(cpu, addr, error);
        }
        tries = 0;
        cpu->trap_error = 0;
        cpu->trap_addr = 0;
        cpu->fault_probe = false;
        if (cpu->cross && !cross_begin(cpu)) {
            step_done(cpu, false);
            complete_fault(cpu);
            return EXIT_TRAP;
        }
        enum exit_reason reason = host_enter(cpu, slot0);
        if (cpu->cross) {
            cross_end(cpu, reason);
        }
        if (cpu->mode == GUEST_I386) {
            cpu->pc = (uint32_t)cpu->pc;
        }
        slot0 = NULL;
        switch (reason) {
        case EXIT_LINK:
            if (step) {
                fiber_acquire();
                cpu->pc = ((const uint64_t *)(uintptr_t)cpu->fiber)[STUB_PC];
                break;
            }
            slot0 =
                code_link(cpu, (const uint64_t *)(uintptr_t)cpu->fiber, &cpu->pc, &addr, &error);
            if (!slot0 && !(error & FAULT_NO_MEMORY)) {
                return fetch_fault(cpu, addr, error);
            }
            if (native_memory_short()) {
                slot0 = NULL; /* by way of code_evict(); it is in the jump cache */
            }
            continue;
        case EXIT_POLL:
            cpu->pc = entry_pc((const uint64_t *)(uintptr_t)cpu->fiber, cpu->mode);
            break;
        case EXIT_FAULT: {
            const uint64_t *slot = (const uint64_t *)(uintptr_t)cpu->fiber;
            fiber_acquire();
            unsigned part = ngram_part((const void *)(uintptr_t)*slot, cpu->fault_at);
            cpu->pc = fiber_slot_pc(fiber_of_slot(slot), slot, part);
            if (cpu->trap == TRAP_POLL) {
                break;
            }
            STAT(faults);
            if (cpu->trap == TRAP_STACK) {
                cpu->step_once = true; /* this time; it is no better without memory */
                (void)code_mistrust_stack(cpu, slot);
                continue;
            }
            if (code_check_failed(cpu)) {
                continue;
            }
            again = cpu->pc == faulted && cpu->trap_addr == accessed ? again + 1 : 0;
            faulted = cpu->pc;
            accessed = cpu->trap_addr;
            bool ours = (again < FAULT_TRIES && fault_beyond(cpu, step ? NULL : slot)) ||
                        fault_is_ours(cpu);
            if (step) {
                cpu_poll_set(cpu, atomic_load(&cpu->kicked) ? POLL_STOP : POLL_RUN);
            }
            if (!ours) {
                cpu->step_once = false;
                complete_fault(cpu);
                return EXIT_TRAP;
            }
            continue;
        }
        case EXIT_TRAP:
            complete_fault(cpu);
            /* fall through */
        case EXIT_SYSCALL:
        case EXIT_KICKED:
            if (step) {
                enum exit_reason after = step_done(cpu, false);
                (void)after;
            }
            return reason;
        case EXIT_LOOKUP:
            if (!branch_refused(cpu)) {
                break;
            }
            if (step) {
                (void)step_done(cpu, false);
            }
            return EXIT_TRAP;
        case EXIT_STEP:
        case EXIT_PUBLIC:
            break;
        }
        if (step) {
            enum exit_reason after = step_done(cpu, trap_flag);
            if (after) {
                return after;
            }
        }
    }
}

enum exit_reason cpu_run(struct cpu *cpu) {
    if (cpu->thread != (uint64_t)pthread_self()) { /* cpu_kick() of other threads reads it */
        __atomic_store_n(&cpu->thread, (uint64_t)pthread_self(), __ATOMIC_RELEASE);
    }
    cpu->window = (uint64_t)(uintptr_t)cpu->space->window;
    cpu->wide = space_wide_table(cpu->space);
    cpu->anchor = cpu->space->anchor;
    cpu->exit_lookup = host_exit_lookup();
    host_use_window(cpu->window);
    atomic_store_explicit(&cpu->host_writes, 0, memory_order_release); /* the call is over */
    epoch_enter(cpu);
    if (cpu->fx_valid) {
        host_fpu_load(cpu->fx);
        cpu->fx_valid = false;
    }
    enum exit_reason reason = run(cpu);
    epoch_leave(cpu);
    return reason;
}

void cpu_destroy(struct cpu *cpu) {
    if (cpu) {
        cpu_list_remove(cpu);
        chunks_free(&cpu->step_chunks);
        free(cpu);
    }
}
