/* Descriptors for processes (pidfd_open(2)). */
#ifndef FG_SYSCALLS_PIDFD_H
#define FG_SYSCALLS_PIDFD_H

#include "syscalls/task/task.h"

struct file;

/* A new descriptor for `process`, which must not go away meanwhile (a child that does not run yet,
 * or looked up by pidfd_open). flags: O_NONBLOCK. Takes process_lock. The descriptor or -errno. */
int pidfd_install(struct task *task, struct process *process, int flags);
/* The file alone, NULL on a lack of memory or host descriptors; caller holds process_lock. */
struct file *pidfd_create_locked(struct process *process, int flags);
/* The process of a pidfd, or NULL when `file` is none or the process is gone. process_lock held. */
struct process *pidfd_process_locked(struct file *file);
bool pidfd_is(const struct file *file);
/* Number of the process, also after its end; `file` is a pidfd. */
int32_t pidfd_pid(const struct file *file);

#endif
