/* Beginning and end of processes and tasks, and what a return to guest code brings: for run/ and
 * exec/. */
#ifndef FG_SYSCALLS_LIFE_H
#define FG_SYSCALLS_LIFE_H

#include "syscalls/task/process.h"

/* --- set-up and end of a run (start.c) ------------------------------------------------- */

/* Creates pid 1 and the first process (pid 2, its own group and session, user 0, host's rlimits, no
 * mm) with one task that is not running and has no fds or fs: the caller fills those in. Call once,
 * from the main thread, with signals as they were inherited: ignored ones stay ignored for the
 * guest. NULL with errno. The caller runs the execve code on the task, then task_start(). */
struct task *process_create_first(void);
/* Main thread: sleeps until the first process has ended, kills all others, waits (for at most two
 * seconds) until their tasks are gone. Returns the first process's wait status. */
int process_wait_first(void);
/* The first process became a zombie: process_wait_first() goes on. */
void process_first_ended_locked(int status);

/* --- for task threads ------------------------------------------------------------------ */

/* Ends the calling task (exit(2)) or its process (exit_group(2)); `status` is a wait status (code
 * << 8, or a signal number, with 0x80 for a core dump). No locks may be held. */
_Noreturn void task_exit(struct task *task, int status);
_Noreturn void process_exit_group(struct task *task, int status);
/* Called by the run loop at every return to guest code: delivers at most one signal frame per
 * handler, handles default actions and stops, resolves -ERESTART* in the result register. Does not
 * return when the task dies. */
void signal_deliver(struct task *task, bool from_syscall, long result);
/* Ends the parent's wait in vfork. */
void vfork_release(struct task *child);
/* Lets go of descriptors and directories, for good. No lock may be held: files are closed. */
void task_release_files(struct task *task);

/* --- inner functions of calls, for those that an ABI has of its own -------------------- */

/* The fields of uname(2): the host's, but for the machine (sysinfo.c). */
struct utsname;
void machine_name(struct task *task, struct utsname *name);
/* setgroups(2), creds.c: may the task set so many groups (0, -EPERM, -EINVAL)? And the doing. */
int groups_check(const struct task *task, int32_t size);
void groups_set(struct process *process, const uint32_t *group, int count);
/* The process's groups of one moment into an array as long as process->groups; how many. Takes
 * process_lock. */
int groups_get(const struct process *process, uint32_t *group);
/* One of the caller's limits (rlimit.c): 0 or -EINVAL. */
long process_limit(struct task *task, uint32_t resource, struct rlimit *limit);
/* What fork, clone and clone3 can ask for. */
struct clone_request {
    uint64_t flags; /* CLONE_*, without the exit signal */
    int exit_signal;
    gaddr_t stack; /* stack pointer of the child; 0: the parent's */
    gaddr_t parent_tid, child_tid, pidfd;
    uint64_t tls; /* as abi->process->set_tls takes it */
};
/* Makes a task, and unless CLONE_THREAD says so a process for it, and starts it (fork.c): its
 * number, or -errno. */
long task_clone(struct task *task, const struct clone_request *request);
/* clone(2); each ABI has the order of its arguments. */
long task_clone_plain(struct task *task, uint32_t flags, gaddr_t stack, gaddr_t parent_tid,
                      gaddr_t child_tid, uint64_t tls);

/* --- execve(2), in this order ---------------------------------------------------------- */

/* Ends every other task of the process and waits for them; the caller becomes the leader (tid =
 * pid). Returns 0, or -EINTR when the process is being killed (then return to the guest, which will
 * die). */
int process_kill_other_threads(struct task *task);
/* The point of no return: takes over the reference `mm` as the process's memory (cpu->space too),
 * whose mode becomes the task's (its ABI and its cpu's mode), lets go of the old one (robust list,
 * clear_child_tid, vfork parent), resets signal handlers,
 * alternate stack, rseq, restart state, parent-death signal, TLS descriptors; closes close-on-exec
 * descriptors; runs the exec hooks; sets comm to the base name of `path`. Registers are the
 * caller's business. `dumpable`: of the new program, as process->dumpable. */
void process_exec_image(struct task *task, struct mm *mm, const char *path, bool dumpable);

#endif
