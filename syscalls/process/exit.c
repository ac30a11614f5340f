/* End of tasks and processes: exit(2), exit_group(2), what is left to the parent, orphans, the end
 * of the run; and what execve ends. Not here: waiting for the dead (wait.c). */
#include "gen/syscall_protos.h"
#include "syscalls/task/process.h"

#include "syscalls/task/capability.h"
#include "syscalls/abi/abi.h"
#include "syscalls/file/file.h"
#include "syscalls/fs/fs.h"
#include "syscalls/mm/mm.h"
#include "syscalls/file/pidfd.h"
#include "syscalls/signal/signal.h"
#include "syscalls/trace/strace.h"
#include "syscalls/futex/futex.h"
#include "syscalls/process/life.h"
#include "syscalls/process/stop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define END_SECONDS 2 /* for the last tasks to leave, at the end of a run */

static int first_status;
static bool first_ended;
static pthread_cond_t first_cond = PTHREAD_COND_INITIALIZER;

/* --- set-up ---------------------------------------------------------------------------- */

static void inherit_host(struct process *process) {
    for (int i = 0; i < 16; i++) {
        if (getrlimit((__rlimit_resource_t)i, &process->limits[i]) != 0) {
            process->limits[i] = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
        }
    }
    process->nice = getpriority(PRIO_PROCESS, 0);
    for (int signo = 1; signo < 32; signo++) {
        struct sigaction action;
        if (sigaction(signo, NULL, &action) == 0 && !(action.sa_flags & SA_SIGINFO) &&
            action.sa_handler == SIG_IGN) {
            process->signals.action[signo].handler = 1;
        }
    }
}

struct task *process_create_first(void) {
    struct process *init = process_alloc();
    struct process *first = process_alloc();
    struct cpu *cpu = init && first ? cpu_create(GUEST_I386) : NULL;
    struct task *task = cpu ? task_create(first, cpu, abi_of_mode(GUEST_I386)) : NULL;
    if (!task) {
        free(init);
        free(first);
        errno = ENOMEM;
        return NULL;
    }
    pthread_mutex_lock(&process_lock);
    init->pid = init->pgid = init->sid = INIT_PID;
    init->signal_exempt = true;
    capability_start(init);
    process_link_locked(init, NULL);
    first->pid = first->pgid = first->sid = task->tid = pid_allocate_locked();
    first->exit_signal = SIGCHLD;
    inherit_host(first);
    memcpy(init->limits, first->limits, sizeof init->limits); /* pam_limits takes those of pid 1 */
    process_link_locked(first, init);
    task_link_locked(task);
    process_first = first;
    pthread_mutex_unlock(&process_lock);
    return task;
}

void process_first_ended_locked(int status) {
    first_status = status;
    process_first = NULL;
    first_ended = true;
    pthread_cond_broadcast(&first_cond);
}

int process_wait_first(void) {
    pthread_mutex_lock(&process_lock);
    while (!first_ended) {
        pthread_cond_wait(&first_cond, &process_lock);
    }
    for (struct process *process = process_list; process; process = process->next) {
        process_kill_locked(process, SIGKILL);
    }
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += END_SECONDS;
    while (live_tasks > 0 &&
           pthread_cond_timedwait(&first_cond, &process_lock, &deadline) != ETIMEDOUT) {
    }
    pthread_mutex_unlock(&process_lock);
    return first_status;
}

/* The calling task's thread is about to end. */
static void thread_leaves(void) {
    if (atomic_fetch_sub(&live_tasks, 1) == 1) {
        pthread_mutex_lock(&process_lock);
        pthread_cond_broadcast(&first_cond);
        pthread_mutex_unlock(&process_lock);
    }
}

/* --- end of a process ------------------------------------------------------------------ */

static bool group_has_stopped(int32_t pgid) {
    for (struct process *process = process_list; process; process = process->next) {
        if (process->pgid == pgid && process->stopped && !process->zombie) {
            return true;
        }
    }
    return false;
}

static void hangup_group(int32_t pgid) {
    struct sigqueue_info hup = {.signo = SIGHUP, .code = SI_KERNEL};
    struct sigqueue_info cont = {.signo = SIGCONT, .code = SI_KERNEL};
    for (struct process *process = process_list; process; process = process->next) {
        if (process->pgid == pgid) {
            signal_send_process_locked(process, &hup);
            signal_send_process_locked(process, &cont);
        }
    }
}

/* POSIX _exit: a group that becomes an orphan by this exit and has stopped members gets SIGHUP and
 * SIGCONT. `process` is the one that leaves, `parent` the parent whose tie is cut. */
static void check_orphaned(struct process *process, const struct process *parent) {
    if (parent && parent->pgid != process->pgid && parent->sid == process->sid &&
        process_group_is_orphaned_locked(process->pgid, process->zombie ? process : NULL) &&
        group_has_stopped(process->pgid)) {
        hangup_group(process->pgid);
    }
}

static struct process *new_parent(const struct process *process) {
    for (struct process *up = process->parent; up; up = up->parent) {
        if (up->pid == INIT_PID || (up->child_subreaper && up->task_count > 0 && !up->group_exit)) {
            return up;
        }
    }
    return process_find(INIT_PID);
}

/* Tells the parent of a zombie how it ended; gone when it does not want to know. */
static void tell_end(struct process *process) {
    int status = process->exit_status, code = CLD_EXITED, shown = status >> 8 & 0xff;
    if (status & 0x7f) {
        code = status & 0x80 ? CLD_DUMPED : CLD_KILLED;
        shown = status & 0x7f;
    }
    if (process_notify_parent_locked(process, code, shown)) {
        process_reap_locked(process);
    }
}

static void reparent_children(struct process *process) {
    struct process *adopter = new_parent(process);
    struct process *next;
    for (struct process *child = process->children; child; child = next) {
        next = child->sibling;
        process_set_parent_locked(child, adopter);
        child->exit_signal = SIGCHLD;
        if (child->zombie) {
            tell_end(child);
            continue;
        }
        if (child->pdeath_signal) {
            struct sigqueue_info info = {
                .signo = child->pdeath_signal, .pid = process->pid, .uid = process->uid};
            signal_send_process_locked(child, &info);
        }
        check_orphaned(child, process);
    }
    process->children = NULL;
}

static void become_zombie(struct process *process) {
    int status = process->exit_status;
    process->zombie = true;
    process->stopping = process->stopped = false;
    reparent_children(process);
    check_orphaned(process, process->parent);
    if (process->handle) {
        pid_handle_ended(process->handle);
    }
    bool first = process == process_first;
    tell_end(process);
    if (first) {
        process_first_ended_locked(status);
    }
}

/* --- end of a task --------------------------------------------------------------------- */

void vfork_release(struct task *child) {
    pthread_mutex_lock(&process_lock);
    if (child->vfork_parent) {
        child->vfork_parent->vfork_child = NULL;
        task_unblock(child->vfork_parent);
        child->vfork_parent = NULL;
    }
    pthread_mutex_unlock(&process_lock);
}

/* What goes with the last task, while it still exists. */
static void release_resources(struct task *task) {
    struct process *process = task->process;
    pthread_mutex_lock(&process_lock);
    struct mm *mm = process->mm;
    struct file *exe_file = process->exe_file;
    process->mm = NULL;
    process->exe_file = NULL;
    struct cpu *cpu = task->cpu;
    pthread_mutex_unlock(&process_lock);
    __atomic_store_n(&cpu->space, NULL, __ATOMIC_RELAXED);
    if (exe_file) {
        file_unref(exe_file);
    }
    if (mm) {
        mm_unref(mm);
    }
    process_run_exit_hooks(process);
}

static void account(struct task *task) {
    struct rusage usage;
    if (getrusage(RUSAGE_THREAD, &usage) == 0) {
        task->process->user_ns += (uint64_t)usage.ru_utime.tv_sec * 1000000000u +
                                  (uint64_t)usage.ru_utime.tv_usec * 1000u;
        task->process->system_ns += (uint64_t)usage.ru_stime.tv_sec * 1000000000u +
                                    (uint64_t)usage.ru_stime.tv_usec * 1000u;
        usage_add_counts(&task->process->ended, &usage);
    }
}

void task_release_files(struct task *task) {
    pthread_mutex_lock(&process_lock);
    struct fd_table *fds = task->fds;
    struct fs_context *fs = task->fs;
    task->fds = NULL;
    task->fs = NULL;
    pthread_mutex_unlock(&process_lock);
    if (fds) {
        fd_table_unref(fds);
    }
    fs_context_unref(fs);
}

_Noreturn void task_exit(struct task *task, int status) {
    struct process *process = task->process;
    if (strace_on) {
        strace_exit(task, status);
    }
    process_run_task_exit_hooks(task);
    futex_task_exit(task);
    vfork_release(task);
    task_release_files(task);

    pthread_mutex_lock(&process_lock);
    if (!process->group_exit) {
        process->exit_status = status; /* that of the last thread counts, as since Linux 5.17 */
    }
    task->exiting = true;
    if (process->task_count == 1) {
        pthread_mutex_unlock(&process_lock);
        release_resources(task); /* nobody can add a task but a task */
        pthread_mutex_lock(&process_lock);
    }
    account(task);
    task_unlink_locked(task);
    signal_pending_free(process, &task->signals.pending);
    if (process->task_count == 0) {
        become_zombie(process);
    } else {
        signal_set_blocked_locked(task,
                                  ~(sigset64)0); /* hands what it would have taken to others */
        stop_check_locked(process);
        if (process->exec_waiter) {
            task_unblock(process->exec_waiter);
        }
    }
    pthread_mutex_unlock(&process_lock);

    current = NULL;
    task_free(task);
    thread_leaves();
    task_thread_end();
}

_Noreturn void process_exit_group(struct task *task, int status) {
    pthread_mutex_lock(&process_lock);
    process_kill_locked(task->process, status);
    pthread_mutex_unlock(&process_lock);
    task_exit(task, status);
}

/* exit(2), the system call: ends the calling thread alone. */
long sys_exit(struct task *task, int32_t code) {
    task_exit(task, (code & 0xff) << 8);
}

/* exit_group(2) */
long sys_exit_group(struct task *task, int32_t code) {
    process_exit_group(task, (code & 0xff) << 8);
}

/* --- execve(2) ------------------------------------------------------------------------- */

int process_kill_other_threads(struct task *task) {
    struct process *process = task->process;
    pthread_mutex_lock(&process_lock);
    if (task->exiting || process->group_exit || process->exec_waiter) {
        pthread_mutex_unlock(&process_lock);
        return -EINTR;
    }
    process->exec_waiter = task;
    for (struct task *other = process->tasks; other; other = other->next) {
        if (other != task) {
            other->exiting = true;
            task_notify(other);
        }
    }
    int error = 0;
    while (process->task_count > 1 && error == 0) {
        uint32_t sample = task_block_prepare(task);
        pthread_mutex_unlock(&process_lock);
        error = task_block_killable(task, sample);
        pthread_mutex_lock(&process_lock);
    }
    process->exec_waiter = NULL;
    if (error == 0) {
        process->nice = *task_nice(process, task);
        task->tid = process->pid;
    }
    pthread_mutex_unlock(&process_lock);
    return error;
}

void process_exec_image(struct task *task, struct mm *mm, const char *path, bool dumpable) {
    struct process *process = task->process;
    if (process->mm) {
        futex_task_exit(task);
    }
    pthread_mutex_lock(&process_lock);
    struct mm *old = process->mm;
    process->mm = mm;
    task->abi = abi_of_mode(mm->space->mode);
    task->cpu->mode = mm->space->mode;
    __atomic_store_n(&task->cpu->space, mm->space, __ATOMIC_RELAXED);
    const char *slash = strrchr(path, '/');
    strncpy(task->comm, slash ? slash + 1 : path, sizeof task->comm - 1);
    process->execed = true;
    process->image = process_next_image();
    process->exit_signal = SIGCHLD;
    if (process->secure_exec) {
        process->pdeath_signal = 0;
    }
    process->dumpable = dumpable;
    task->clear_child_tid = 0;
    task->robust_list = 0;
    task->rseq = 0;
    task->futexes_left = false;
    task->restart = NULL;
    memset(task->cpu->tls_desc, 0, sizeof task->cpu->tls_desc);
    memset(task->cpu->before32, 0, sizeof task->cpu->before32);
    pthread_mutex_unlock(&process_lock);
    signal_exec(task);
    vfork_release(task);
    if (old) {
        mm_unref(old);
    }
    if (task->fds) {
        fd_table_close_on_exec(task->fds);
    }
    process_run_exec_hooks(process);
}
