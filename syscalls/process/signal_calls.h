/* Inner functions of calls on signals, for those that an ABI has beside the common ones. */
#ifndef FG_SYSCALLS_SIGNAL_CALLS_H
#define FG_SYSCALLS_SIGNAL_CALLS_H

#include "syscalls/signal/signal.h"

/* sigaction(2), without the layouts. Either pointer may be NULL. 0 or -EINVAL. */
int signal_set_action(struct task *task, int signo, const struct sigaction_guest *set,
                      struct sigaction_guest *old);
/* sigprocmask(2): SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK. 0 or -EINVAL. */
int signal_change_mask(struct task *task, int how, sigset64 set);
/* Sleeps until a signal is taken (pause, sigsuspend); then -ERESTARTNOHAND. */
long signal_sleep(struct task *task);

#endif
