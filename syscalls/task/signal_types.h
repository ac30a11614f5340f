/* Signal state inside struct task and struct process; the operations are in signal.h. */
#ifndef FG_SYSCALLS_SIGNAL_TYPES_H
#define FG_SYSCALLS_SIGNAL_TYPES_H

#include "core/base/types.h"
#include <stdint.h>

#define GUEST_SIGNALS 64

/* A siginfo in host-independent form; abi code lays it out for the guest (sigaction(2)). */
struct sigqueue_info {
    int32_t signo, code, err;
    int32_t pid;   /* si_pid, si_timerid */
    uint32_t uid;  /* si_uid, si_overrun */
    int64_t value; /* si_value, si_status, si_band */
    gaddr_t addr;  /* si_addr, si_call_addr */
    int32_t status, fd, syscall;
    int64_t utime, stime;
};

struct sigqueue {
    struct sigqueue *next;
    struct sigqueue_info info;
};

struct sigpending {
    uint64_t set;
    struct sigqueue *first, **last;
};

struct sigaction_guest {
    gaddr_t handler; /* 0 SIG_DFL, 1 SIG_IGN */
    uint64_t flags;  /* SA_* */
    gaddr_t restorer;
    uint64_t mask;
    const struct abi *abi; /* of the call that set it: its frames are the handler's */
};

struct task_signals {
    uint64_t blocked;
    uint64_t saved_blocked; /* sigsuspend, ppoll, ...: restored after delivery */
    bool restore_blocked;
    struct sigpending pending;
    gaddr_t altstack_base;
    uint64_t altstack_size;
    uint32_t altstack_flags;
    uint64_t waiting; /* sigtimedwait: set waited for, also when blocked */
    uint64_t offered; /* of what is pending for the process, what this task was chosen to take */
};

struct process_signals {
    struct sigaction_guest action[GUEST_SIGNALS + 1];
    struct sigpending pending;
    int queued; /* against RLIMIT_SIGPENDING */
};

#endif
