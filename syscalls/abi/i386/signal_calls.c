/* Calls on signals of old i386 programs: masks are one long, the first 32 signals. */
#include "gen/syscall_protos.h"
#include "syscalls/process/signal_calls.h"

#include <errno.h>
#include <signal.h>

struct i386_old_sigaction {
    uint32_t handler, mask, flags, restorer;
};

/* sigaction(2), the call of old programs */
long sys_sigaction(struct task *task, int32_t signo, gaddr_t set, gaddr_t old) {
    struct sigaction_guest in, out;
    struct i386_old_sigaction raw;
    struct space *space = task->cpu->space;
    if (set) {
        if (guest_read(space, &raw, set, sizeof raw)) {
            return -EFAULT;
        }
        in = (struct sigaction_guest){
            .handler = raw.handler, .flags = raw.flags, .restorer = raw.restorer, .mask = raw.mask};
    }
    int error = signal_set_action(task, signo, set ? &in : NULL, &out);
    if (error || !old) {
        return error;
    }
    raw = (struct i386_old_sigaction){(uint32_t)out.handler, (uint32_t)out.mask,
                                      (uint32_t)out.flags, (uint32_t)out.restorer};
    return guest_write(space, old, &raw, sizeof raw);
}

/* signal(2), System V semantics */
long sys_signal(struct task *task, int32_t signo, gaddr_t handler) {
    struct sigaction_guest in = {.handler = handler, .flags = SA_RESETHAND | SA_NODEFER};
    struct sigaction_guest out;
    int error = signal_set_action(task, signo, &in, &out);
    return error ? error : (long)out.handler;
}

/* sigprocmask(2): one long; the upper 32 signals stay as they are */
long sys_sigprocmask(struct task *task, int32_t how, gaddr_t set, gaddr_t old) {
    sigset64 before = task->signals.blocked;
    uint32_t word;
    if (set) {
        if (guest_read(task->cpu->space, &word, set, sizeof word)) {
            return -EFAULT;
        }
        sigset64 in = how == SIG_SETMASK ? (before & ~(sigset64)UINT32_MAX) | word : word;
        int error = signal_change_mask(task, how, in);
        if (error) {
            return error;
        }
    }
    word = (uint32_t)before;
    return old ? guest_write(task->cpu->space, old, &word, sizeof word) : 0;
}

/* sgetmask(2), ssetmask(2) */
long sys_sgetmask(struct task *task) {
    return (long)(uint32_t)task->signals.blocked;
}

long sys_ssetmask(struct task *task, uint32_t mask) {
    long before = sys_sgetmask(task);
    signal_set_blocked(task, (task->signals.blocked & ~(sigset64)UINT32_MAX) | mask);
    return before;
}

/* sigpending(2) */
long sys_sigpending(struct task *task, gaddr_t to) {
    return sys_rt_sigpending(task, to, 4);
}

/* sigsuspend(2): the first two arguments are history, the third is the mask itself */
long sys_sigsuspend(struct task *task, uint32_t unused1, uint32_t unused2, uint32_t mask) {
    signal_mask_set_temporary(task, mask);
    return signal_sleep(task);
}
