/* Resource limits: getrlimit(2), setrlimit(2), prlimit(2).
 *
 * Limits are the process's own; those that make sense here are looked at by the calls they limit
 * (RLIMIT_NOFILE, NPROC, SIGPENDING, STACK, FSIZE...), CPU by a timer. Nothing is set on the host.
 */
#include "gen/syscall_protos.h"
#include "syscalls/abi/abi.h"
#include "syscalls/process/abi_process.h"
#include "syscalls/process/life.h"
#include "syscalls/task/capability.h"
#include "syscalls/task/process.h"
#include "syscalls/time/time.h"

#include <errno.h>

#define LIMITS ARRAY_LEN(((struct process *)0)->limits)

/* Reads and sets at once, under the lock. Either may be NULL. 0 or -errno. */
static long exchange(struct task *task, struct process *process, uint32_t resource,
                     const struct rlimit *set, struct rlimit *old) {
    if (resource >= LIMITS) {
        return -EINVAL;
    }
    struct rlimit *limit = &process->limits[resource];
    if (old) {
        *old = *limit;
    }
    if (set) {
        if (set->rlim_cur > set->rlim_max) {
            return -EINVAL;
        }
        if (set->rlim_max > limit->rlim_max && !task_capable(task, CAP_SYS_RESOURCE)) {
            return -EPERM;
        }
        *limit = *set;
        if (resource == RLIMIT_CPU) {
            timer_limit_changed_locked(process);
        }
    }
    return 0;
}

long process_limit(struct task *task, uint32_t resource, struct rlimit *limit) {
    pthread_mutex_lock(&process_lock);
    long error = exchange(task, task->process, resource, NULL, limit);
    pthread_mutex_unlock(&process_lock);
    return error;
}

/* getrlimit(2) */
long sys_getrlimit(struct task *task, uint32_t resource, gaddr_t to) {
    struct rlimit limit;
    long error = process_limit(task, resource, &limit);
    return error ? error : task->abi->process->put_rlimit(task, to, &limit);
}

/* setrlimit(2) */
long sys_setrlimit(struct task *task, uint32_t resource, gaddr_t from) {
    struct rlimit limit;
    if (task->abi->process->get_rlimit(task, from, &limit)) {
        return -EFAULT;
    }
    pthread_mutex_lock(&process_lock);
    long error = exchange(task, task->process, resource, &limit, NULL);
    pthread_mutex_unlock(&process_lock);
    return error;
}

/* prlimit(2): 64-bit values in every ABI, with the host's infinity */
long sys_prlimit64(struct task *task, int32_t pid, uint32_t resource, gaddr_t from, gaddr_t to) {
    struct rlimit set, old;
    if (from && guest_read(task->cpu->space, &set, from, sizeof set)) {
        return -EFAULT;
    }
    pthread_mutex_lock(&process_lock);
    struct process *process = pid == 0 ? task->process : process_find(pid);
    long error = -ESRCH;
    if (process) {
        const struct process *self = task->process;
        bool same = self->uid == process->uid && self->uid == process->euid &&
                    self->uid == process->suid && self->gid == process->gid &&
                    self->gid == process->egid && self->gid == process->sgid;
        error = process == self || same || task_capable(task, CAP_SYS_RESOURCE)
                    ? exchange(task, process, resource, from ? &set : NULL, &old)
                    : -EPERM;
    }
    pthread_mutex_unlock(&process_lock);
    if (error == 0 && to && guest_write(task->cpu->space, to, &old, sizeof old)) {
        return -EFAULT;
    }
    return error;
}
