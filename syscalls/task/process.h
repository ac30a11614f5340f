/* Processes and tasks as objects: making and freeing them, host threads, lists and numbers, rights,
 * hooks of subsystems that keep state per process. What begins and ends them is process/life.h.
 *
 * Pid 1 is an internal process without tasks; it adopts and reaps orphans. The first program is
 * pid 2. When the first program ends, every other process is killed and the run ends with its
 * status.
 *
 * A zombie has no tasks, and its mm is NULL; pid 1 is always so. Whoever looks at another process
 * does it under process_lock and takes references (mm_ref, file_ref) before letting go; the rules
 * for all objects are in docs/lifetime.md. */
#ifndef FG_SYSCALLS_PROCESS_H
#define FG_SYSCALLS_PROCESS_H

#include "syscalls/task/task.h"

#define INIT_PID 1

/* --- set-up ------------------------------------------------- */

/* What the host threads of tasks do, which never returns: the run loop. Set before the first one
 * starts. */
extern void (*task_loop)(struct task *task);
/* Starts the host thread of a task whose cpu is ready; 0 or -errno (EAGAIN). */
int task_start(struct task *task);
/* May `me` look into `other` (memory, open files, ...): ptrace(2), "Ptrace access mode checking".
 * `files`: asked by way of /proc, with the ids for files. Of zombies too. process_lock held. */
bool process_may_inspect(const struct process *me, const struct process *other, bool files);
/* The first process, NULL once it ended. Under process_lock. */
extern struct process *process_first;

/* --- end ------------------------------------------------------------------ */

/* Ends another process: returns at once; its tasks leave at their next chance. Needs process_lock.
 */
void process_kill_locked(struct process *process, int status);

/* --- hooks ----------------------------------------------------------------------------- */

/* State that subsystems keep per process (timers, file locks, terminals). Register at set-up,
 * before the first task runs. None is called with process_lock held, but for those called so. */
struct process_hooks {
    /* `child` was just made by fork or clone and does not run yet. */
    void (*fork_locked)(struct process *parent, struct process *child);
    /* execve passed its point of no return. */
    void (*exec)(struct process *process);
    /* The last task is leaving; descriptors are closed already, mm is gone; not yet a zombie. A
     * session leader with a terminal: the tty code hangs up here (SIGHUP, SIGCONT to the foreground
     * group, no terminal for the session any more). */
    void (*exit)(struct process *process);
    /* A task (not necessarily the last) is leaving; its memory is still there. */
    void (*task_exit)(struct task *task);
    /* The object is about to be freed, by wait4 or as its run fails to begin: whatever still points
     * to it, such as a timer that somebody gave a zombie, goes now. */
    void (*reap_locked)(struct process *process);
    struct process_hooks *next;
};
void process_hooks_add(struct process_hooks *hooks);

/* --- tree (process_lock held) ---------------------------------------------------------- */

/* Wakes tasks of `process` that sleep in wait4/waitid. */
void process_wake_waiters_locked(struct process *process);
/* True when no member of the group has a parent in another group of the same session: such groups
 * do not stop for the terminal (credentials(7), termios(3)). `without`: a process that does not
 * count, NULL: none. */
bool process_group_is_orphaned_locked(int32_t pgid, const struct process *without);
/* Any process of the group `pgid`, or NULL. */
struct process *process_group_find(int32_t pgid);
/* Free number for a process or task. */
int32_t pid_allocate_locked(void);

/* CPU time of a process's live and ended tasks, user and system. */
void process_times_locked(struct process *process, uint64_t *user_ns, uint64_t *system_ns);
/* Faults and switches of `from` are added to those of `to`. */
void usage_add_counts(struct rusage *to, const struct rusage *from);

/* May `task` send a signal to `to` (kill(2), permissions)? */
bool process_may_signal(struct task *task, struct process *to, int signo);

/* A task of `process` that takes over `cpu`; in no list, without a number. NULL: out of memory (cpu
 * is destroyed). */
struct task *task_create(struct process *process, struct cpu *cpu, const struct abi *abi);
/* Frees a task that is in no list and has let go of its files, and its cpu. */
void task_free(struct task *task);
/* Into and out of the list of its process. */
void task_link_locked(struct task *task);
void task_unlink_locked(struct task *task);
/* A process in no list with everything zero but its image; NULL: out of memory. */
struct process *process_alloc(void);
/* The next process->image. */
uint64_t process_next_image(void);
/* Into the list of all processes and under `parent`. */
void process_link_locked(struct process *process, struct process *parent);
/* Makes it the last of a parent's children (NULL: nobody's); it is in no such list. */
void process_set_parent_locked(struct process *process, struct process *parent);
/* Takes a process without tasks out of the tree, if it is there, and frees it. */
void process_reap_locked(struct process *process);
/* Hooks, called by fork.c, exit.c and exec. */
void process_run_fork_hooks_locked(struct process *parent, struct process *child);
void process_run_exec_hooks(struct process *process);
void process_run_exit_hooks(struct process *process);
void process_run_task_exit_hooks(struct task *task);
/* Number of tasks that have a host thread, for the end of the run. */
extern _Atomic int live_tasks;
/* Unwinds the calling task's host thread to its start and ends it; nothing of the task is used. Not
 * pthread_exit(): that loads libgcc at its first use, a millisecond of every short run. */
_Noreturn void task_thread_end(void);
/* Sleep that no signal ends, only the end of the task; otherwise as task_block(). */
int task_block_killable(struct task *task, uint32_t sample);

/* --- pidfd (pidfd_open(2)) ------------------------------------------------------------- */

/* Outlives its process: `process` becomes NULL when that is reaped. Guarded by process_lock. */
struct pid_handle {
    struct process *process;
    int32_t pid;
    int event_fd; /* read end of a host pipe: readable once the process is a zombie */
    int end_fd;   /* its write end */
    int refs;
};
/* A reference to the process's handle, made at the first; NULL: out of memory or host descriptors.
 * process_lock held, as for the others. */
struct pid_handle *pid_handle_ref(struct process *process);
void pid_handle_unref(struct pid_handle *handle);
/* The process became a zombie: who polls sees it. */
void pid_handle_ended(struct pid_handle *handle);

#endif
