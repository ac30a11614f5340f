/* Sending and delivering guest signals. */
#ifndef FG_SYSCALLS_SIGNAL_H
#define FG_SYSCALLS_SIGNAL_H

#include "syscalls/task.h"

/* All four take process_lock themselves; the _locked forms want it held. info->signo must be 1..64.
 * Return 0 or -EAGAIN (queue full). */
int signal_send_process(struct process *process, const struct sigqueue_info *info);
int signal_send_process_locked(struct process *process, const struct sigqueue_info *info);
int signal_send_task(struct task *task, const struct sigqueue_info *info);
int signal_send_task_locked(struct task *task, const struct sigqueue_info *info);
/* To every process of a group; code is SI_KERNEL (tty) or SI_USER. Returns 0 or -ESRCH. */
int signal_send_group(int32_t pgid, int signo, int code);
/* A synchronous fault of the running task: cannot be blocked or ignored (then it kills). */
void signal_fault(struct task *task, const struct sigqueue_info *info);
/* Job control: true when `signo` (SIGTTIN, SIGTTOU) is blocked or ignored by the task. */
bool signal_is_ignored_or_blocked(struct task *task, int signo);
/* Replace the blocked mask for the duration of one call (sigsuspend, ppoll, epoll_pwait, ...): the
 * old mask comes back when the next signal was delivered, or by signal_mask_restore() when none came. */
void signal_mask_set_temporary(struct task *task, sigset64 mask);
void signal_mask_restore(struct task *task);

/* Called by the run loop at every return to guest code: delivers at most one signal frame per
 * handler, handles default actions and stops, resolves -ERESTART* in the result register. Does not
 * return when the task dies. */
void signal_deliver(struct task *task, bool from_syscall, long result);

#endif
