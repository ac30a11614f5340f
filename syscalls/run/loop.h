/* The run loop of tasks: loop.c. */
#ifndef FG_SYSCALLS_LOOP_H
#define FG_SYSCALLS_LOOP_H

#include "syscalls/task/task.h"

/* Runs the task until it ends, on its host thread. */
_Noreturn void task_run(struct task *task);

#endif
