/* See signal_frame.h. Sources: sigaction(2), sigaltstack(2), SDM Vol. 3 chapter 6. */
#include "syscalls/process/signal_frame.h"

#include "syscalls/mm/mm.h"
#include "syscalls/signal/signal.h"

#include <errno.h>
#include <signal.h>

enum siginfo_form siginfo_form(int signo, int code) {
    if (code == SI_TIMER) {
        return INFO_TIMER;
    }
    if (code == SI_SIGIO) {
        return INFO_POLL;
    }
    if (code < 0) {
        return INFO_QUEUE;
    }
    if (code == SI_USER || code == SI_KERNEL) {
        return INFO_KILL;
    }
    switch (signo) {
    case SIGILL:
    case SIGFPE:
    case SIGSEGV:
    case SIGBUS:
    case SIGTRAP:
        return INFO_FAULT;
    case SIGCHLD:
        return INFO_CHILD;
    case SIGPOLL:
        return INFO_POLL;
    case SIGSYS:
        return INFO_SYS;
    default:
        /* Descriptors with F_SETSIG send POLL_* codes with any signal. */
        return code >= POLL_IN && code <= POLL_HUP ? INFO_POLL : INFO_KILL;
    }
}

int frame_write(struct task *task, gaddr_t to, const void *from, size_t len) {
    struct space *space = task->cpu->space;
    int error = guest_write(space, to, from, len);
    if (error && space_range_ok(space, to, len) && mm_grow_stack(task->process->mm, to)) {
        error = guest_write(space, to, from, len);
    }
    return error;
}

bool altstack_has(const struct task_signals *signals, gaddr_t sp) {
    return signals->altstack_size && sp > signals->altstack_base &&
           sp - signals->altstack_base <= signals->altstack_size;
}

bool altstack_in_use(const struct task_signals *signals, gaddr_t sp) {
    return !(signals->altstack_flags & SS_AUTODISARM) && altstack_has(signals, sp);
}

void altstack_entered(struct task_signals *signals) {
    if (signals->altstack_flags & SS_AUTODISARM) {
        signals->altstack_base = 0;
        signals->altstack_size = 0;
        signals->altstack_flags = SS_DISABLE;
    }
}

void altstack_restore(struct task_signals *signals, gaddr_t base, uint32_t flags, uint64_t size) {
    signals->altstack_base = base;
    signals->altstack_size = size;
    signals->altstack_flags = flags & (SS_AUTODISARM | SS_DISABLE);
}

void frame_bad(struct task *task) {
    signal_fault(task, &(struct sigqueue_info){.signo = SIGSEGV, .code = SI_KERNEL});
}

/* The exception that IRET raises finds all registers restored: the bad selectors are in the
 * signal's frame, and no instruction runs with them, since a handler starts with segments of its
 * own. */
void frame_return_fault(struct task *task, int trap, uint16_t selector) {
    struct sigqueue_info info = {.signo = trap == TRAP_GP ? SIGSEGV : SIGBUS, .code = SI_KERNEL};
    task->last_trap = (uint32_t)trap;
    /* Linux returns to an SS of the local table in another way, in which the number is lost. */
    task->last_trap_error = task->cpu->seg[SEG_SS].selector & 4 ? 0 : selector & 0xfffc;
    signal_fault(task, &info);
}
