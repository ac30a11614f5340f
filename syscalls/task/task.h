/* Tasks and processes. A task is a guest thread and runs on a host thread of its own; a process is
 * a thread group. One host process holds them all.
 *
 * Locking, outermost first: process_lock (the process tree, groups, sessions, pending signals and
 * task lists: one global mutex) > fd_table.lock > mm.lock > space.code_lock. Nothing is held while
 * guest code runs or while a host call may block. */
#ifndef FG_SYSCALLS_TASK_H
#define FG_SYSCALLS_TASK_H

#include "core/cpu/cpu.h"
#include "core/space/space.h"
#include "core/base/types.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <time.h>

struct mm;
struct fd_table;
struct fs_context;
struct tty;
struct process;
struct abi;

/* Reasons to stop a task, bits of task->stops. */
#define STOP_GROUP 1u /* its whole process was stopped by a signal (process/stop.c) */

typedef uint64_t sigset64; /* bit n-1: signal n, 1..64 */

/* Task-private signal state and the process-wide one: syscalls/signal/signal.h. */
#include "syscalls/task/signal_types.h"

struct task {
    struct cpu *cpu; /* cpu->owner is this task */
    struct process *process;
    int32_t tid;
    pthread_t thread;
    const struct abi *abi; /* syscall ABI of the running program: i386 now */

    /* Counted by the tasks that use them. Replaced by their own task alone, under process_lock: it
     * may look without, others look under it. NULL: not set up yet, or the task is leaving. */
    struct fd_table *fds;  /* shared with CLONE_FILES */
    struct fs_context *fs; /* cwd, root, umask; shared with CLONE_FS */

    struct task_signals signals;
    gaddr_t clear_child_tid;
    _Atomic gaddr_t robust_list; /* get_robust_list(2) asks for that of others */
    int nice;                    /* the first thread's is its process's, see task_nice() */
    uint32_t robust_list_len;
    gaddr_t rseq;
    char comm[16];

    _Atomic uint32_t wake; /* task_block()'s host futex word */
    _Atomic bool exiting; /* must leave at the next chance (exit_group, execve of another thread) */
    _Atomic unsigned stops; /* why it may not run guest code, STOP_*; changed under process_lock */
    bool resting;           /* and does not, until it is told; under process_lock */
    struct task *next;      /* in process->tasks */
    struct task *vfork_parent; /* woken when this task execs or exits */
    struct task *vfork_child;  /* that it waits for; both under process_lock */
    struct timespec start_mono;
    /* restart_syscall(2): set by the call that returned -ERESTART_RESTARTBLOCK */
    long (*restart)(struct task *task);
    uint64_t restart_arg[4];

    int64_t
        syscall_number; /* of the call being made (orig_eax), -1 outside; for restarts and /proc */
    int policy;         /* of scheduling, perhaps with SCHED_RESET_ON_FORK */
    bool no_restart;    /* the call loaded a whole register set: leave the result register alone */
    unsigned ids_seen;  /* process->ids_changed when the host thread took the ids for its files */
    int32_t host_tid;   /* of the host thread, 0 before it runs; for CPU times */
    uint32_t last_trap, last_trap_error; /* of the last fault, as sigcontext shows them */
    gaddr_t last_trap_addr;
    uint16_t memory_policy; /* of set_mempolicy(2), see mm_policy.c */
    bool futexes_left;      /* it lets go of its locks: nobody may begin to wait for it */
    bool fork_restarted;    /* the last fork gave way to a signal */
};

/* Sets of capabilities, bit n: number n (capability.h). Changed under process_lock; the atomic ones
 * are asked for by other threads at any time. */
struct capabilities {
    _Atomic uint64_t effective, permitted;
    uint64_t inheritable, bounding, ambient;
    _Atomic uint32_t securebits;
};

/* /proc/PID/coredump_filter, core(5) */
#define COREDUMP_DEFAULT 0x33u
#define COREDUMP_ALL     0x1ffu

struct process {
    int32_t pid; /* tgid */
    struct process *parent;
    struct process *children, *sibling; /* singly linked */
    int32_t pgid, sid;
    struct tty *tty; /* controlling terminal of the session, or NULL */

    struct task *tasks;
    int task_count;
    struct mm *mm; /* replaced by execve */

    struct process_signals signals;
    /* Changed under process_lock; other threads ask for one of them at any time. */
    _Atomic uint32_t uid, euid, suid, fsuid, gid, egid, sgid, fsgid;
    _Atomic uint32_t groups[32]; /* the whole list of one moment: groups_get() */
    _Atomic int group_count;
    struct capabilities caps;
    uint32_t login_uid, login_session; /* of /proc/PID/loginuid and sessionid; UINT32_MAX: none */
    unsigned ids_changed;              /* atomic: counts changes of those that matter to files */
    struct rlimit limits[16];          /* by guest resource number */

    bool zombie, group_exit;
    /* Of job control (process/stop.c): all its tasks have been told to stop; all of them rest,
     * which is when the parent hears of it; it goes on after that. What wait4 has told already. */
    bool stopping, stopped, continued, stop_reported, continue_reported;
    int exit_status; /* as wait4 gives it */
    int stop_signal;
    int exit_signal;       /* sent to the parent, normally SIGCHLD */
    uint64_t parent_image; /* the parent's when it made this one: another program gets SIGCHLD */
    bool execed;
    uint64_t image;   /* number of the program, of all that any process of the run ever began */
    bool secure_exec; /* the program got rights that its starter lacks (AT_SECURE) */
    bool dumpable, no_new_privs, child_subreaper, huge_pages_off;
    int pdeath_signal;
    _Atomic uint32_t personality;
    uint32_t coredump_filter; /* kept for /proc alone, as its difference from COREDUMP_DEFAULT */
    int16_t oom_score_adj;    /* kept for /proc alone; both under process_lock */
    struct timespec start_mono;
    struct rusage child_usage;   /* of waited-for children */
    uint64_t user_ns, system_ns; /* of exited threads */
    struct rusage ended;         /* their faults and switches */
    char *exe;                   /* guest path of the executable */
    struct file *exe_file;
    struct process *next;      /* list of all processes, zombies included */
    struct pid_handle *handle; /* what pidfds refer to; NULL until the first one */
    int nice, ioprio;
    bool signal_exempt;       /* pid 1: nothing may be sent to it */
    struct task *exec_waiter; /* sleeps in execve until the other tasks are gone */
};

extern pthread_mutex_t process_lock;
extern struct process *process_list; /* under process_lock */

/* The calling host thread's task, NULL in helper threads. */
extern __thread struct task *current;

/* The clock of a task's host thread; false before that runs. Caller holds process_lock, under which
 * a thread leaves its process before it ends. */
bool task_cpu_clock(struct task *task, clockid_t *clock);

/* Lookups; caller holds process_lock. NULL when there is none. */
struct process *process_find(int32_t pid);
struct task *task_find(int32_t tid);
/* The process that has or had this thread; of a zombie, of pid 1 and of a process that outlives its
 * first thread the number stays although no task bears it. */
struct process *process_find_thread(int32_t tid);

/* Where the nice value of a thread is; NULL: that of the first one, which may have ended. */
int *task_nice(struct process *process, struct task *thread);

/* Sleep until task_unblock(), a deadline on CLOCK_MONOTONIC (NULL: none) or an unmasked pending
 * signal. Returns 0, -ETIMEDOUT or -EINTR. Spurious 0 is possible: callers recheck their condition.
 * Use: task->wake is sampled by task_block_prepare() under the lock that guards the condition, then
 * the lock is dropped, then task_block() is called with that sample. */
uint32_t task_block_prepare(struct task *task);
int task_block(struct task *task, uint32_t sample, const struct timespec *deadline);
void task_unblock(struct task *task);

/* Host system call that may block, interruptible by task signals: returns the host's result or
 * -errno; -EINTR when a guest signal (or exit request) is pending, also when it came between the
 * check and the call. In core/host/<arch>/. */
long host_call(struct task *task, long number, long a, long b, long c, long d, long e, long f);

/* True when a signal that is not blocked, or an exit request, waits for the task. */
bool task_interrupted(struct task *task);

/* Sends the task out of guest code or of a blocking call so that it looks at its signals. */
void task_notify(struct task *task);

/* Codes beside errno that a syscall may return; signal delivery turns them into a restart or EINTR
 * (signal(7), "Interruption of system calls"). */
#define ERESTARTSYS           512
#define ERESTARTNOINTR        513
#define ERESTARTNOHAND        514
#define ERESTART_RESTARTBLOCK 516

#endif
