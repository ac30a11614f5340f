/* Thread-local storage descriptors of the i386 ABI (set_thread_area(2)). */
#ifndef FG_SYSCALLS_THREAD_AREA_H
#define FG_SYSCALLS_THREAD_AREA_H

#include "syscalls/task/task.h"

/* CLONE_SETTLS: reads the struct user_desc at `desc` (in task's memory) and makes it the descriptor
 * of `cpu`, reloading the segment registers that use it. 0 or -errno. */
int thread_area_set_tls(struct task *task, struct cpu *cpu, gaddr_t desc);

#endif
