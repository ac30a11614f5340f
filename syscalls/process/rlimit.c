/* Resource limits: getrlimit(2), setrlimit(2), prlimit(2), in the forms of all their system calls.
 *
 * Limits are the process's own; those that make sense here are looked at by the calls they limit
 * (RLIMIT_NOFILE, NPROC, SIGPENDING, STACK, FSIZE...), CPU by a timer. Nothing is set on the host.
 */
#include "gen/syscall_protos.h"
#include "syscalls/task/capability.h"
#include "syscalls/task/process.h"
#include "syscalls/time/time.h"

#include <errno.h>

#define LIMITS       ARRAY_LEN(((struct process *)0)->limits)
#define OLD_INFINITY 0x7fffffffu /* getrlimit(2) of old programs: a signed long */

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

static uint32_t narrow(rlim_t value, uint32_t infinity) {
    return value >= infinity ? infinity : (uint32_t)value;
}

static long get32(struct task *task, uint32_t resource, gaddr_t to, uint32_t infinity) {
    struct rlimit limit;
    pthread_mutex_lock(&process_lock);
    long error = exchange(task, task->process, resource, NULL, &limit);
    pthread_mutex_unlock(&process_lock);
    if (error) {
        return error;
    }
    const uint32_t word[2] = {narrow(limit.rlim_cur, infinity), narrow(limit.rlim_max, infinity)};
    return guest_write(task->cpu->space, to, word, sizeof word);
}

long sys_getrlimit_old(struct task *task, uint32_t resource, gaddr_t to) {
    return get32(task, resource, to, OLD_INFINITY);
}

long sys_ugetrlimit(struct task *task, uint32_t resource, gaddr_t to) {
    return get32(task, resource, to, UINT32_MAX);
}

static rlim_t widen(uint32_t value) {
    return value == UINT32_MAX ? RLIM_INFINITY : value;
}

long sys_setrlimit(struct task *task, uint32_t resource, gaddr_t from) {
    uint32_t word[2];
    if (guest_read(task->cpu->space, word, from, sizeof word)) {
        return -EFAULT;
    }
    struct rlimit limit = {widen(word[0]), widen(word[1])};
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
