/* A task's registers as its ABI shows them: those of a system call, and the whole set in the
 * structures of <sys/user.h>, which signal frames, ptrace(2) and dumps are made of. Reached as
 * task->abi->registers. The task must not be running guest code; process_lock is not needed by the
 * task itself, others hold it so that the task does not go away. */
#ifndef FG_SYSCALLS_ABI_REGISTERS_H
#define FG_SYSCALLS_ABI_REGISTERS_H

#include "core/base/types.h"

struct cpu;
struct task;

#define SYSCALL_ARGUMENTS 6

struct abi_registers {
    /* The call that brought the running task here, as its gate passes it: 0, or -EFAULT when an
     * argument cannot be read (the number is there all the same). */
    int (*fetch_call)(struct task *task, int64_t *number, uint64_t argument[SYSCALL_ARGUMENTS]);
    /* The arguments that are in registers, of any task that is in a call. */
    void (*arguments)(const struct task *task, uint64_t argument[SYSCALL_ARGUMENTS]);
    void (*set_result)(struct task *task, int64_t result);
    /* The call is made again, as call `number`, when the task goes on. */
    void (*call_again)(struct task *task, int64_t number);
    int64_t restart_number; /* of restart_syscall(2) */

    /* Those of a new program that begins at `pc` with its stack at `sp`. */
    void (*begin)(struct cpu *cpu, gaddr_t pc, gaddr_t sp);

    /* struct user_regs_struct. Setting takes what a program could load by itself (of the flags,
     * those that POPF may change and RF); of a code or stack segment that cannot be, the task gets
     * the signal of the exception that the return to it raises. */
    size_t bytes;
    void (*get)(struct task *task, void *image);
    void (*set)(struct task *task, const void *image);
    /* Floating point and vector registers, as in a signal frame. False, with nothing changed: an
     * image that cannot be loaded. */
    size_t float_bytes;
    void (*get_float)(struct task *task, void *image);
    bool (*set_float)(struct task *task, const void *image);
};

#endif
