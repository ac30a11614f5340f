/* Making tasks and processes: fork(2), vfork(2), clone3(2). One inner function takes the union of
 * what the calls can say; clone(2), whose arguments are in another order in each ABI, is in the
 * ABI's folder. */
#include "gen/syscall_protos.h"
#include "syscalls/task/process.h"

#include "syscalls/task/capability.h"
#include "syscalls/abi/abi.h"
#include "syscalls/abi/registers.h"
#include "syscalls/file/file.h"
#include "syscalls/fs/fs.h"
#include "syscalls/mm/mm.h"
#include "syscalls/file/pidfd.h"
#include "syscalls/signal/signal.h"
#include "syscalls/process/abi_process.h"
#include "syscalls/process/life.h"
#include "syscalls/process/stop.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ULL
#endif
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif
#define CLONE_DETACHED_OLD 0x00400000u
#define CLONE_NAMESPACES                                                                           \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |  \
     CLONE_NEWNET)

/* 0 or the errno that clone(2) gives for combinations that make no sense or that are not there. */
static int check_flags(const struct task *task, const struct clone_request *request) {
    uint64_t flags = request->flags;
    if ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM)) {
        return -EINVAL;
    }
    if ((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND)) {
        return -EINVAL;
    }
    if ((flags & CLONE_SIGHAND) && (flags & CLONE_CLEAR_SIGHAND)) {
        return -EINVAL;
    }
    if (flags & (CLONE_NAMESPACES | CLONE_INTO_CGROUP)) {
        return task_capable(task, CAP_SYS_ADMIN) ? -EINVAL
                                                 : -EPERM; /* a kernel built without them */
    }
    if ((flags & CLONE_PIDFD) && (flags & (CLONE_DETACHED_OLD | CLONE_THREAD))) {
        return -EINVAL;
    }
    if (request->exit_signal < 0 || request->exit_signal > GUEST_SIGNALS) {
        return -EINVAL;
    }
    return 0;
}

static int count_tasks(uint32_t uid) {
    int count = 0;
    for (struct process *process = process_list; process; process = process->next) {
        count += process->uid == uid ? process->task_count : 0;
    }
    return count;
}

/* A process that shares or copies what `flags` say; in no list. */
static struct process *copy_process(struct task *task, const struct clone_request *request) {
    struct process *from = task->process;
    struct process *child = process_alloc();
    if (!child) {
        return NULL;
    }
    child->mm = request->flags & CLONE_VM ? mm_ref(from->mm) : mm_fork(from->mm);
    child->exe = from->exe ? strdup(from->exe) : NULL;
    if (!child->mm || (from->exe && !child->exe)) {
        return child; /* the caller sees the hole and undoes it */
    }
    /* Of one moment: a thread beside this one may be changing them. */
    pthread_mutex_lock(&process_lock);
    child->uid = from->uid;
    child->euid = from->euid;
    child->suid = from->suid;
    child->fsuid = from->fsuid;
    child->gid = from->gid;
    child->egid = from->egid;
    child->sgid = from->sgid;
    child->fsgid = from->fsgid;
    memcpy(child->groups, from->groups, sizeof child->groups);
    child->group_count = from->group_count;
    child->ids_changed = from->ids_changed;
    child->login_uid = from->login_uid;
    child->login_session = from->login_session;
    memcpy(child->limits, from->limits, sizeof child->limits);
    child->exit_signal = request->exit_signal;
    child->dumpable = from->dumpable;
    child->no_new_privs = from->no_new_privs;
    child->caps = from->caps;
    child->huge_pages_off = from->huge_pages_off;
    child->personality = from->personality;
    child->coredump_filter = from->coredump_filter;
    child->oom_score_adj = from->oom_score_adj;
    child->nice = *task_nice(from, task);
    child->ioprio = from->ioprio;
    pthread_mutex_unlock(&process_lock);
    child->exe_file = from->exe_file ? file_ref(from->exe_file) : NULL;
    return child;
}

/* Undoes copy_process() and, when it got that far, process_link_locked(). Takes process_lock, but
 * not while files are closed: their release functions may want it. */
static void discard_process(struct process *child) {
    pthread_mutex_lock(&process_lock);
    struct process held = *child;
    process_reap_locked(child);
    pthread_mutex_unlock(&process_lock);
    if (held.mm) {
        mm_unref(held.mm);
    }
    if (held.exe_file) {
        file_unref(held.exe_file);
    }
}

static struct process *find_parent(struct process *process, uint64_t flags) {
    return flags & CLONE_PARENT ? process->parent : process;
}

/* Puts the new task (and process) where others see it. Numbers are given here. 0 or -errno. */
static int publish(struct task *task, struct task *child, const struct clone_request *request) {
    struct process *process = task->process;
    struct process *made = child->process;
    /* A signal that came during the copy, such as a ^C for the whole group, comes first: otherwise
     * it would miss the child (fork(2) is restarted by itself). But only once, unless it stops the
     * process: a timer that is faster than the copy must not keep the process from forking. */
    if (task_interrupted(task) && (task->exiting || task->stops || !task->fork_restarted)) {
        task->fork_restarted = true;
        return -ERESTARTNOINTR;
    }
    task->fork_restarted = false;
    int32_t tid = pid_allocate_locked();
    if (tid < 0) {
        return tid;
    }
    child->tid = tid;
    rlim_t limit = process->limits[RLIMIT_NPROC].rlim_cur;
    if (process->uid != 0 && !task_capable(task, CAP_SYS_RESOURCE) &&
        !task_capable(task, CAP_SYS_ADMIN) && limit != RLIM_INFINITY &&
        (rlim_t)count_tasks(process->uid) >= limit) {
        return -EAGAIN;
    }
    if (made != process) {
        made->pid = tid;
        made->parent_image = request->flags & CLONE_PARENT ? process->parent_image : process->image;
        made->pgid = process->pgid;
        made->sid = process->sid;
        made->tty = process->tty;
        signal_process_fork_locked(made, process);
        if (request->flags & CLONE_CLEAR_SIGHAND) {
            for (int signo = 1; signo <= GUEST_SIGNALS; signo++) {
                if (made->signals.action[signo].handler != 1) {
                    memset(&made->signals.action[signo], 0, sizeof made->signals.action[signo]);
                }
            }
        }
        if (request->flags & CLONE_PARENT) {
            made->exit_signal = process->exit_signal;
        }
        process_link_locked(made, find_parent(process, request->flags));
        process_run_fork_hooks_locked(process, made);
    }
    task_link_locked(child);
    return 0;
}

/* Until the child lets go of the memory. */
static void wait_for_vfork(struct task *task) {
    pthread_mutex_lock(&process_lock);
    while (task->vfork_child) {
        uint32_t sample = task_block_prepare(task);
        pthread_mutex_unlock(&process_lock);
        int error = task_block_killable(task, sample);
        pthread_mutex_lock(&process_lock);
        if (error && task->vfork_child) {
            task->vfork_child->vfork_parent = NULL;
            task->vfork_child = NULL;
        }
    }
    pthread_mutex_unlock(&process_lock);
}

/* The child's registers and thread state. 0 or -errno. */
static int set_up_child(struct task *task, struct task *child,
                        const struct clone_request *request) {
    struct cpu *cpu = child->cpu;
    task->abi->registers->set_result(child, 0);
    if (request->stack) {
        cpu->regs[REG_SP] = request->stack;
    }
    memcpy(child->comm, task->comm, sizeof child->comm);
    child->nice = *task_nice(task->process, task);
    child->memory_policy = task->memory_policy;
    child->last_trap = task->last_trap;
    child->last_trap_error = task->last_trap_error;
    child->last_trap_addr = task->last_trap_addr;
    child->signals.blocked =
        task->signals.restore_blocked ? task->signals.saved_blocked : task->signals.blocked;
    bool own_stack = (request->flags & CLONE_VM) && !(request->flags & CLONE_VFORK);
    if (!own_stack) {
        child->signals.altstack_base = task->signals.altstack_base;
        child->signals.altstack_size = task->signals.altstack_size;
        child->signals.altstack_flags = task->signals.altstack_flags;
    }
    if (!(request->flags & CLONE_VM)) {
        child->rseq = task->rseq;
    }
    if (request->flags & CLONE_CHILD_CLEARTID) {
        child->clear_child_tid = request->child_tid;
    }
    return request->flags & CLONE_SETTLS ? task->abi->process->set_tls(task, cpu, request->tls) : 0;
}

/* Descriptors and directories of the child: the same ones or copies. 0 or -ENOMEM. */
static int share_files(struct task *task, struct task *child, uint64_t flags) {
    child->fds = flags & CLONE_FILES ? fd_table_ref(task->fds) : fd_table_fork(task->fds);
    child->fs = flags & CLONE_FS ? fs_context_ref(task->fs) : fs_context_fork(task->fs);
    return child->fds && child->fs ? 0 : -ENOMEM;
}

static struct task *make_child(struct task *task, const struct clone_request *request, int *error) {
    struct process *process = task->process;
    *error = -ENOMEM;
    if (!(request->flags & CLONE_THREAD)) {
        process = copy_process(task, request);
        if (!process) {
            return NULL;
        }
        if (!process->mm) {
            discard_process(process);
            return NULL;
        }
    }
    struct cpu *cpu = cpu_clone(task->cpu);
    struct task *child = cpu ? task_create(process, cpu, abi_of_mode(cpu->space->mode)) : NULL;
    if (child) {
        __atomic_store_n(&child->cpu->space, process->mm->space, __ATOMIC_RELAXED);
        child->policy = task->policy & ~SCHED_RESET_ON_FORK; /* which resets only real time */
        *error = share_files(task, child, request->flags);
        if (*error == 0) {
            *error = set_up_child(task, child, request);
        }
        if (*error == 0) {
            return child;
        }
        task_release_files(child);
        task_free(child);
    }
    if (process != task->process) {
        discard_process(process);
    }
    return NULL;
}

static void undo(struct task *task, struct task *child) {
    struct process *process = child->process;
    task_release_files(child);
    task_free(child);
    if (process != task->process) {
        discard_process(process);
    }
}

long task_clone(struct task *task, const struct clone_request *request) {
    int error = check_flags(task, request);
    if (error) {
        return error;
    }
    if (task_interrupted(task)) {
        return -ERESTARTNOINTR; /* before the work of copying */
    }
    struct task *child = make_child(task, request, &error);
    if (!child) {
        return error;
    }
    bool vfork = request->flags & CLONE_VFORK;
    pthread_mutex_lock(&process_lock);
    error = publish(task, child, request);
    int32_t tid = child->tid;
    if (error == 0 && vfork) {
        task->vfork_child = child;
        child->vfork_parent = task;
    }
    pthread_mutex_unlock(&process_lock);
    if (error) {
        undo(task, child);
        return error;
    }
    /* It is visible but does not run: nobody can reap or free it. A failing write is no failure of
     * the call (clone(2) ignores it as well), but a descriptor that cannot be told is. */
    if (request->flags & CLONE_PIDFD) {
        int fd = pidfd_install(task, child->process, 0);
        int32_t value = fd;
        if (fd < 0 || guest_write(task->cpu->space, request->pidfd, &value, sizeof value)) {
            error = fd < 0 ? fd : -EFAULT;
        }
    }
    if (error == 0) {
        if (request->flags & CLONE_PARENT_SETTID) {
            guest_write(task->cpu->space, request->parent_tid, &tid, sizeof tid);
        }
        if (request->flags & CLONE_CHILD_SETTID) {
            guest_write(child->cpu->space, request->child_tid, &tid, sizeof tid);
        }
        error = task_start(child);
    }
    if (error) {
        pthread_mutex_lock(&process_lock);
        task_unlink_locked(child);
        if (vfork) {
            task->vfork_child = NULL;
        }
        if (child->process->exec_waiter) {
            task_unblock(child->process->exec_waiter);
        }
        stop_check_locked(child->process);
        pthread_mutex_unlock(&process_lock);
        if (child->process != task->process) {
            process_run_exit_hooks(child->process); /* the fork hooks were run */
        }
        undo(task, child);
        return error;
    }
    if (vfork) {
        wait_for_vfork(task);
    }
    return tid;
}

long task_clone_plain(struct task *task, uint32_t flags, gaddr_t stack, gaddr_t parent_tid,
                      gaddr_t child_tid, uint64_t tls) {
    struct clone_request request = {
        .flags = flags & ~(uint32_t)CSIGNAL,
        .exit_signal = (int)(flags & CSIGNAL),
        .stack = stack,
        .parent_tid = parent_tid,
        .child_tid = child_tid,
        .tls = tls,
        .pidfd = parent_tid,
    };
    if ((flags & CLONE_PIDFD) && (flags & CLONE_PARENT_SETTID)) {
        return -EINVAL; /* both want the same argument */
    }
    return task_clone(task, &request);
}

/* fork(2) */
long sys_fork(struct task *task) {
    return task_clone(task, &(struct clone_request){.exit_signal = SIGCHLD});
}

/* vfork(2) */
long sys_vfork(struct task *task) {
    return task_clone(
        task, &(struct clone_request){.flags = CLONE_VM | CLONE_VFORK, .exit_signal = SIGCHLD});
}

/* clone3(2): struct clone_args, 64-bit fields in every ABI. */
enum {
    ARG_FLAGS,
    ARG_PIDFD,
    ARG_CHILD_TID,
    ARG_PARENT_TID,
    ARG_EXIT_SIGNAL,
    ARG_STACK,
    ARG_STACK_SIZE,
    ARG_TLS,
    ARG_SET_TID,
    ARG_SET_TID_SIZE,
    ARG_CGROUP,
    ARG_COUNT
};

long sys_clone3(struct task *task, gaddr_t args, uint64_t size) {
    uint64_t arg[ARG_COUNT] = {0};
    if (size < 64 || size > PAGE_BYTES) {
        return size > PAGE_BYTES ? -E2BIG : -EINVAL;
    }
    uint64_t known = size < sizeof arg ? size : sizeof arg;
    if (guest_read(task->cpu->space, arg, args, known)) {
        return -EFAULT;
    }
    for (uint64_t at = known; at < size; at++) {
        uint8_t byte;
        if (guest_read(task->cpu->space, &byte, args + at, 1)) {
            return -EFAULT;
        }
        if (byte) {
            return -E2BIG;
        }
    }
    uint64_t flags = arg[ARG_FLAGS];
    if ((flags & CSIGNAL) || (flags & CLONE_DETACHED_OLD) || flags >> 34 ||
        arg[ARG_EXIT_SIGNAL] > GUEST_SIGNALS ||
        ((flags & (CLONE_THREAD | CLONE_PARENT)) && arg[ARG_EXIT_SIGNAL]) ||
        (arg[ARG_STACK] == 0) != (arg[ARG_STACK_SIZE] == 0)) {
        return -EINVAL;
    }
    if (arg[ARG_SET_TID_SIZE] || arg[ARG_SET_TID]) {
        return arg[ARG_SET_TID] && arg[ARG_SET_TID_SIZE] ? -EPERM : -EINVAL;
    }
    struct clone_request request = {
        .flags = flags,
        .exit_signal = (int)arg[ARG_EXIT_SIGNAL],
        .stack = arg[ARG_STACK] ? arg[ARG_STACK] + arg[ARG_STACK_SIZE] : 0,
        .parent_tid = arg[ARG_PARENT_TID],
        .child_tid = arg[ARG_CHILD_TID],
        .tls = arg[ARG_TLS],
        .pidfd = arg[ARG_PIDFD],
    };
    return task_clone(task, &request);
}
