/* Capabilities of guest processes (capabilities(7)): what a call asks for instead of a user 0. They
 * say what a guest may do to guest objects; what the host lets Fiberglass do is privilege.h. */
#ifndef FG_SYSCALLS_CAPABILITY_H
#define FG_SYSCALLS_CAPABILITY_H

#include "syscalls/task/process.h"
#include <linux/capability.h>

#define CAPABILITY_COUNT 41 /* to CAP_CHECKPOINT_RESTORE */
#define CAPABILITY_ALL   (((uint64_t)1 << CAPABILITY_COUNT) - 1)

/* Is the capability in the effective set? Process_lock is not needed for one's own. */
bool process_capable(const struct process *process, int capability);
bool task_capable(const struct task *task, int capability);

/* The first process is there, with its ids. */
void capability_start(struct process *process);
/* All with process_lock. The user ids changed from what is given (a change of the file-system id
 * alone: only the last differs). */
struct user_ids {
    uint32_t real, effective, saved, fs;
};
void capability_ids_changed_locked(struct process *process, const struct user_ids *old);
void capability_fsuid_changed_locked(struct process *process, uint32_t old);
/* execve(2), when the ids are the new ones; `set_id`: the file changed them. Returns whether the
 * program gained rights (AT_SECURE), beside what the ids say. */
bool capability_exec_locked(struct process *process, bool set_id);

/* The options of prctl(2) about them: PR_CAPBSET_*, PR_CAP_AMBIENT, PR_*_KEEPCAPS,
 * PR_*_SECUREBITS. */
long capability_prctl(struct task *task, int32_t option, uint64_t arg2, uint64_t arg3,
                      uint64_t arg4, uint64_t arg5);

#endif
