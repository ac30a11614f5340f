/* Sending and delivering guest signals. */
#ifndef FG_SYSCALLS_SIGNAL_H
#define FG_SYSCALLS_SIGNAL_H

#include "syscalls/task/task.h"

/* To a process, or to one task of it: 0 or -EAGAIN (queue full). info->signo must be 1..64. The
 * _locked forms want process_lock held, the other takes it. */
int signal_send_process_locked(struct process *process, const struct sigqueue_info *info);
int signal_send_task(struct task *task, const struct sigqueue_info *info);
int signal_send_task_locked(struct task *task, const struct sigqueue_info *info);
/* A synchronous fault of the running task: cannot be blocked or ignored (then it kills). */
void signal_fault(struct task *task, const struct sigqueue_info *info);
/* Job control: true when `signo` (SIGTTIN, SIGTTOU) is blocked or ignored by the task. */
bool signal_is_ignored_or_blocked(struct task *task, int signo);
/* Replace the blocked mask for the duration of one call (sigsuspend, ppoll, epoll_pwait, ...): the
 * old mask comes back when the next signal was delivered, or by signal_mask_restore() when none
 * came. */
void signal_mask_set_temporary(struct task *task, sigset64 mask);
/* The same with a mask in guest memory, of `bytes` bytes as the guest says. -EINVAL, -EFAULT. */
int signal_mask_read_temporary(struct task *task, gaddr_t at, uint64_t bytes);
void signal_mask_restore(struct task *task);

/* Sets the task's blocked mask (SIGKILL and SIGSTOP never); wakes another task for what this one no
 * longer takes. */
void signal_set_blocked(struct task *task, sigset64 mask);
void signal_set_blocked_locked(struct task *task, sigset64 mask);
/* What a signal does without a handler (signal(7)). */
enum signal_default { SIGNAL_IGNORE, SIGNAL_KILL, SIGNAL_CORE, SIGNAL_STOP };
enum signal_default signal_default_action(int signo);
/* Drops what is pending of `mask` for the process and all its tasks. */
void signal_flush_locked(struct process *process, sigset64 mask);
/* SIGCONT's effect on a stopped process. */
void signal_continue_locked(struct process *process);
/* Registers what is dropped with a process; call once, before there is one. */
void signal_init(void);
/* A state change that wait4(2) shows: SIGCHLD (or the exit signal) to the parent, its waiters wake.
 * code is CLD_EXITED...; returns true when the parent does not care for zombies. */
bool process_notify_parent_locked(struct process *process, int code, int status);
/* fork, exec, exit of the signal state. */
void signal_process_fork_locked(struct process *child, const struct process *parent);
void signal_exec(struct task *task);
void signal_pending_free(struct process *process, struct sigpending *pending);
/* The set with one signal in it. */
static inline sigset64 signal_bit(int signo) {
    return (sigset64)1 << (signo - 1);
}

/* Take the first pending signal of `mask` from the task's or its process's queue (signalfd, and
 * sigtimedwait alike); caller holds process_lock. Returns its number with *info filled, or 0. */
int signal_dequeue_locked(struct task *task, sigset64 mask, struct sigqueue_info *info);
/* Signals pending for the task or its process, blocked or not; caller holds process_lock. */
sigset64 signal_pending_locked(struct task *task);
/* The signal that a process has stopped by, or 0. Who waits for a vfork child takes no signal
 * before that lets go, as on Linux; but where the child has stopped it counts as stopped, by what
 * it is about to take, for those who would wait in vain for more. Caller holds process_lock. */
int signal_stopped_locked(const struct process *process);
/* Called with process_lock held whenever a signal was queued for a process (or for a task of it),
 * so that its signalfds become readable; NULL until there is one. Under process_lock. */
extern void (*signal_queued_locked)(struct process *process);

#endif
