/* Stops by job control: stop.c. All want process_lock held. */
#ifndef FG_SYSCALLS_STOP_H
#define FG_SYSCALLS_STOP_H

#include "syscalls/task/process.h"

/* The running task took a stop signal: all tasks of its process are to rest, itself included, which
 * does so at its next stop_rest_locked(). Nothing, where the process is ending. */
void stop_begin_locked(struct process *process, int signo);
/* For a task that has a reason to stop: rests until it has none, or is to end. Lets go of the lock
 * meanwhile. */
void stop_rest_locked(struct task *task);
/* A task left its process: the others may be all at rest now. */
void stop_check_locked(struct process *process);

#endif
