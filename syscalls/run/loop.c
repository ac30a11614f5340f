/* The run loop of a guest task: guest code -> system call or exception -> signals -> guest code.
 * Last station of a block's way. The system calls themselves are called through the ABI's table;
 * what signals do is signal_deliver.c's. */
#include "syscalls/task/process.h"

#include "core/run/run.h"
#include "core/base/debug.h"
#include "core/base/stats.h"
#include "syscalls/abi/abi.h"
#include "syscalls/abi/registers.h"
#include "syscalls/fs/fs.h"
#include "syscalls/mm/mm.h"
#include "syscalls/fs/privilege.h"
#include "syscalls/signal/signal.h"
#include "syscalls/trace/strace.h"
#include "syscalls/run/loop.h"
#include "syscalls/process/life.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* --- system calls ---------------------------------------------------------------------- */

/* One line per missing call and run; calls that programs only try (note "silent: ...") get none. */
static void report_missing(const struct abi *abi, unsigned number, const struct syscall_row *row) {
    static _Atomic uint8_t seen[GUEST_MODES][1024];
    if (row && row->note && strncmp(row->note, "silent:", 7) == 0) {
        return;
    }
    if (atomic_exchange(&seen[abi->mode][number < ARRAY_LEN(seen[0]) ? number : 0], 1)) {
        return;
    }
    fprintf(stderr, "fiberglass: system call %d (%s, %s) is not implemented\n", (int)number,
            row ? row->name : "unknown", abi->name);
}

static long dispatch(struct task *task, unsigned number, const uint64_t *args) {
    const struct abi *abi = task->abi;
    const struct syscall_row *row = number < abi->calls->count && abi->calls->row[number].name
                                        ? &abi->calls->row[number]
                                        : NULL;
    long result = -ENOSYS;
    UNZEROED struct strace_line line; /* of no use but to strace */
    if (strace_on) {
        strace_enter(task, row, number, args, &line);
    }
    if (row && row->call) {
        result = row->call(task, args);
    } else {
        report_missing(abi, number, row);
    }
    if (strace_on) {
        strace_leave(task, result, &line);
    }
    return result;
}

/* int $0x80 and SYSENTER are calls of the i386 ABI in any program, from 64-bit code, too, with its
 * registers and its structures (syscall(2)). */
static const struct abi *abi_of_gate(uint32_t gate) {
    return abi_of_mode(gate == GATE_SYSCALL ? GUEST_X86_64 : GUEST_I386);
}

static void system_call(struct task *task) {
    const struct abi *own = task->abi;
    uint64_t args[SYSCALL_ARGUMENTS];
    int64_t number;
    task->abi = abi_of_gate(task->cpu->gate);
    long result = task->abi->registers->fetch_call(task, &number, args);
    STAT(syscalls);
    __atomic_store_n(&task->syscall_number, number, __ATOMIC_RELAXED); /* /proc shows it */
    task->no_restart = false;
    if (task->ids_seen != __atomic_load_n(&task->process->ids_changed, __ATOMIC_ACQUIRE)) {
        privilege_follow(task);
    }
    if (result == 0) {
        result = dispatch(task, (unsigned)number, args);
    }
    task->abi = abi_of_mode(task->cpu->space->mode); /* which execve may have changed */
    if (!task->no_restart) {
        own->registers->set_result(task, result);
    }
    signal_deliver(task, !task->no_restart, result);
    __atomic_store_n(&task->syscall_number, -1, __ATOMIC_RELAXED);
    if (fg_debug.check_memory) {
        mm_check(task->process->mm, number);
    }
}

/* --- exceptions ------------------------------------------------------------------------ */

/* The first unmasked exception among the flags, in the order of the x87 and MXCSR bits. */
static int fp_code(unsigned flags) {
    return flags & 0x01   ? FPE_FLTINV
           : flags & 0x04 ? FPE_FLTDIV
           : flags & 0x08 ? FPE_FLTOVF
           : flags & 0x12 ? FPE_FLTUND /* denormal operand, underflow */
           : flags & 0x20 ? FPE_FLTRES
                          : FPE_FLTINV;
}

static int x87_code(struct cpu *cpu) {
    uint16_t control, status;
    cpu_fpu_save(cpu);
    memcpy(&control, cpu->fx, sizeof control);
    memcpy(&status, cpu->fx + 2, sizeof status);
    return fp_code(status & ~control & 0x3f);
}

static int simd_code(const struct cpu *cpu) {
    return fp_code(cpu->mxcsr & ~(cpu->mxcsr >> 7) & 0x3f);
}

/* An address that no page can have: the bits above the 48th are not all as that one. */
static bool noncanonical(gaddr_t addr) {
    return (gaddr_t)((int64_t)(addr << 16) >> 16) != addr;
}

/* What is fetched from an address that cannot be is no page fault. */
static bool bad_jump(const struct cpu *cpu) {
    return cpu->trap == TRAP_PF && cpu->trap_error & FAULT_FETCH && noncanonical(cpu->trap_addr);
}

/* The error code that a signal's frame shows for a page fault (SDM Vol. 3A 4.7): from user mode,
 * and "present" where there is a page table entry. What is the kernel's is always there, or so it
 * says.
 */
static uint32_t page_fault_error(const struct cpu *cpu) {
    uint32_t error = (cpu->trap_error & 0x13) | 4;
    if (cpu->trap_addr >= ((gaddr_t)1 << 47) - PAGE_BYTES) {
        return error | 1;
    }
    bool mapped = space_page(cpu->space, cpu->trap_addr) & (PAGE_READ | PAGE_WRITE | PAGE_EXEC);
    return mapped && !(cpu->trap_error & FAULT_BUS) ? error : error & ~1u;
}

/* Page faults: si_code says whether anything is mapped there. False: the stack grew, try again. */
static bool page_fault(struct task *task, struct sigqueue_info *info) {
    struct cpu *cpu = task->cpu;
    info->signo = SIGSEGV;
    info->addr = cpu->trap_addr;
    if (cpu->trap_error & FAULT_BUS) {
        info->signo = SIGBUS;
        info->code = BUS_ADRERR;
        return true;
    }
    if (!(cpu->trap_error & 1) && mm_grow_stack(task->process->mm, cpu->trap_addr)) {
        return false;
    }
    info->code = cpu->trap_error & 1 ? SEGV_ACCERR : SEGV_MAPERR;
    return true;
}

/* What Linux makes of an exception (SDM Vol. 3 chapter 6; sigaction(2), si_code). */
static void exception(struct task *task) {
    struct cpu *cpu = task->cpu;
    struct sigqueue_info info = {.signo = SIGSEGV, .code = SI_KERNEL};
    if (cpu->trap == TRAP_PF && cpu->trap_error & FAULT_NO_MEMORY) {
        process_exit_group(task, SIGKILL); /* as Linux does where memory is short */
    }
    if (cpu->trap == TRAP_PF && cpu->trap_error & FAULT_FETCH && task->abi->jump_outside &&
        task->abi->jump_outside(task)) {
        return;
    }
    if (bad_jump(cpu)) {
        cpu->trap = TRAP_GP;
        cpu->trap_error = 0;
    }
    switch (cpu->trap) {
    case TRAP_DE:
        info.signo = SIGFPE;
        info.code = FPE_INTDIV;
        info.addr = cpu->pc;
        break;
    case TRAP_DB:
        info.signo = SIGTRAP;
        info.code = cpu->trap_error & DEBUG_STEP ? TRAP_TRACE : TRAP_BRKPT;
        info.addr = cpu->pc;
        break;
    case TRAP_BP:
        info.signo = SIGTRAP;
        break;
    case TRAP_UD:
        info.signo = SIGILL;
        info.code = ILL_ILLOPN;
        info.addr = cpu->pc;
        break;
    case TRAP_NP:
    case TRAP_SS:
        info.signo = SIGBUS;
        break;
    case TRAP_PF:
        if (!page_fault(task, &info)) {
            return;
        }
        break;
    case TRAP_MF:
        info.signo = SIGFPE;
        info.code = x87_code(cpu);
        info.addr = cpu->pc;
        break;
    case TRAP_XM:
        info.signo = SIGFPE;
        info.code = simd_code(cpu);
        info.addr = cpu->pc;
        break;
    case TRAP_AC:
        info.signo = SIGBUS;
        info.code = BUS_ADRALN;
        break;
    default: /* #GP, #OF, #BR: SIGSEGV, SI_KERNEL, no address */
        break;
    }
    task->last_trap = cpu->trap;
    task->last_trap_error = cpu->trap == TRAP_DB ? 0 : cpu->trap_error & 0xffff;
    if (cpu->trap == TRAP_PF) {
        task->last_trap_error = page_fault_error(cpu);
        task->last_trap_addr = cpu->trap_addr;
    }
    signal_fault(task, &info);
}

/* --- the loop -------------------------------------------------------------------------- */

_Noreturn void task_run(struct task *task) {
    signal_deliver(task, false, 0); /* it may have been told to end before it began */
    for (;;) {
        switch (cpu_run(task->cpu)) {
        case EXIT_SYSCALL:
            system_call(task);
            break;
        case EXIT_TRAP:
            exception(task);
            signal_deliver(task, false, 0);
            break;
        default:
            signal_deliver(task, false, 0);
            break;
        }
    }
}
