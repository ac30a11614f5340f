/* CPU clocks of the guest, for clocks and timers. */
#ifndef FG_SYSCALLS_TIME_H
#define FG_SYSCALLS_TIME_H

#include "syscalls/file/file.h"
#include "syscalls/task/task.h"

/* CPU time that all tasks of a process have used, ended ones included; process_lock held. */
uint64_t process_cpu_ns_locked(struct process *process);
/* Clock ids that mean CPU time (clock_getcpuclockid(3)): the two constants and negative ones. */
bool clock_is_cpu(int32_t clock);
/* Time of a CPU clock; 0 or -EINVAL (no such process or task). Takes process_lock. */
int cpu_clock_ns(struct task *task, int32_t clock, uint64_t *ns);

/* Starts to watch over the process's RLIMIT_CPU, or stops to; process_lock held (timer.c). */
void timer_limit_changed_locked(struct process *process);

extern const struct file_ops timerfd_ops; /* timerfd.c */
/* Registers the timers' process hooks (timer.c). */
void timer_init(void);

#endif
