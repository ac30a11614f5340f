/* What the signal frames of every ABI share (their layouts are the ABIs': abi/NAME/signal.c): which
 * form of siginfo a signal has, the stack it goes to, what becomes of a return that cannot be. */
#ifndef FG_SYSCALLS_SIGNAL_FRAME_H
#define FG_SYSCALLS_SIGNAL_FRAME_H

#include "syscalls/task/task.h"

#ifndef SA_RESTORER
#define SA_RESTORER 0x04000000
#endif
#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1u << 31)
#endif

/* Which members of siginfo's union are set (sigaction(2)). */
enum siginfo_form {
    INFO_KILL,
    INFO_TIMER,
    INFO_QUEUE,
    INFO_CHILD,
    INFO_FAULT,
    INFO_POLL,
    INFO_SYS
};
enum siginfo_form siginfo_form(int signo, int code);

/* Writes to the stack of the running task, which may have to grow for it. 0 or -EFAULT. */
int frame_write(struct task *task, gaddr_t to, const void *from, size_t len);

/* Does a stack pointer lie in the alternate stack? sigaltstack(2) */
bool altstack_has(const struct task_signals *signals, gaddr_t sp);
/* The same, but for stacks that are let go of when they are entered (SS_AUTODISARM). */
bool altstack_in_use(const struct task_signals *signals, gaddr_t sp);
/* After a frame was written: lets go of a stack with SS_AUTODISARM. */
void altstack_entered(struct task_signals *signals);
/* What rt_sigreturn(2) brings back of it; odd values are taken as they are and never entered. */
void altstack_restore(struct task_signals *signals, gaddr_t base, uint32_t flags, uint64_t size);

/* rt_sigreturn and its relatives, with a frame that cannot be read or loaded: SIGSEGV. */
void frame_bad(struct task *task);
/* The task returns with a code or stack segment that cannot be: the signal of the exception `trap`
 * (TRAP_*) that the return itself raises. */
void frame_return_fault(struct task *task, int trap, uint16_t selector);

#endif
