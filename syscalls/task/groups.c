/* Who a process is: pid family, process groups and sessions (setpgid(2), setsid(2),
 * credentials(7)). */
#include "gen/syscall_protos.h"
#include "syscalls/task/process.h"

#include <errno.h>

struct process *process_first;

/* A member of the group that has a parent in the same session but in another group keeps the group
 * from being an orphan. The first process's parent is outside: the user's shell on the host, which
 * can continue it, counts as such a parent. */
static bool keeps_group_alive(const struct process *process) {
    const struct process *parent = process->parent;
    return process == process_first ||
           (parent && parent->pid != INIT_PID && parent->pgid != process->pgid &&
            parent->sid == process->sid);
}

bool process_group_is_orphaned_locked(int32_t pgid, const struct process *without) {
    for (struct process *process = process_list; process; process = process->next) {
        if (process->pgid == pgid && process != without && !process->zombie &&
            keeps_group_alive(process)) {
            return false;
        }
    }
    return true;
}

long sys_getpid(struct task *task) {
    return task->process->pid;
}

long sys_gettid(struct task *task) {
    return task->tid;
}

/* getppid(2): the internal process that adopts orphans is pid 1, and the first program's parent
 * too */
long sys_getppid(struct task *task) {
    pthread_mutex_lock(&process_lock);
    long pid = task->process->parent ? task->process->parent->pid : 0;
    pthread_mutex_unlock(&process_lock);
    return pid;
}

/* A process by number, 0 being the caller. process_lock held. */
static struct process *process_or_self(struct task *task, int32_t pid) {
    return pid == 0 ? task->process : process_find(pid);
}

long sys_getpgid(struct task *task, int32_t pid) {
    pthread_mutex_lock(&process_lock);
    struct process *process = process_or_self(task, pid);
    long result = process ? process->pgid : -ESRCH;
    pthread_mutex_unlock(&process_lock);
    return result;
}

long sys_getpgrp(struct task *task) {
    return sys_getpgid(task, 0);
}

long sys_getsid(struct task *task, int32_t pid) {
    pthread_mutex_lock(&process_lock);
    struct process *process = process_or_self(task, pid);
    long result = process ? process->sid : -ESRCH;
    pthread_mutex_unlock(&process_lock);
    return result;
}

static long set_group(struct task *task, int32_t pid, int32_t pgid) {
    struct process *self = task->process;
    struct process *process = process_or_self(task, pid);
    if (!process || (process != self && process->parent != self)) {
        return -ESRCH;
    }
    if (process != self) {
        if (process->sid != self->sid) {
            return -EPERM;
        }
        if (process->execed) {
            return -EACCES;
        }
    }
    if (process->sid == process->pid) {
        return -EPERM; /* a session leader */
    }
    pgid = pgid ? pgid : process->pid;
    if (pgid != process->pid) {
        struct process *member = process_group_find(pgid);
        if (!member || member->sid != self->sid) {
            return -EPERM;
        }
    }
    __atomic_store_n(&process->pgid, pgid, __ATOMIC_RELAXED); /* tty.c looks without the lock */
    return 0;
}

/* setpgid(2) */
long sys_setpgid(struct task *task, int32_t pid, int32_t pgid) {
    if (pid < 0 || pgid < 0) {
        return -EINVAL;
    }
    pthread_mutex_lock(&process_lock);
    long error = set_group(task, pid, pgid);
    pthread_mutex_unlock(&process_lock);
    return error;
}

/* setsid(2) */
long sys_setsid(struct task *task) {
    struct process *process = task->process;
    long result = -EPERM;
    pthread_mutex_lock(&process_lock);
    if (!process_group_find(process->pid)) { /* nobody, itself included, is in such a group */
        process->pgid = process->sid = process->pid;
        process->tty = NULL;
        result = process->sid;
    }
    pthread_mutex_unlock(&process_lock);
    return result;
}
