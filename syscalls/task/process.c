/* Who a process is: pid family, process groups and sessions (setpgid(2), setsid(2),
 * credentials(7)). */
#include "gen/syscall_protos.h"
#include "syscalls/task/process.h"

#include "syscalls/tty/tty.h"

#include <errno.h>

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
