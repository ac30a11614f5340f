/* Scheduling: priorities, policies, affinity (sched(7), getpriority(2), ioprio_set(2)).
 *
 * Guest threads are ordinary host threads. Affinity is real: it is asked and set on the host
 * thread. Nice values are set there too, as far as the host allows, and remembered: the guest gets
 * back what it set. The policies that an ordinary user may have are remembered and all the same. */
#include "gen/syscall_protos.h"
#include "syscalls/task/capability.h"
#include "syscalls/task/process.h"

#include "syscalls/abi/abi.h"
#include "syscalls/abi/times.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_CPU_BYTES 128 /* 1024 CPUs */
#define NICE_MIN      (-20)
#define NICE_MAX      19

#define SCHED_FLAG_RESET_ON_FORK 1 /* of sched_setattr(2) */

/* --- nice values ----------------------------------------------------------------------- */

static bool may_change(const struct task *task, const struct process *process) {
    const struct process *self = task->process;
    return process_capable(self, CAP_SYS_NICE) || self->euid == process->uid ||
           self->euid == process->euid;
}

/* thread NULL: the process's first one, which has ended */
static int set_nice(struct task *task, struct process *process, struct task *thread, int nice) {
    int *now = task_nice(process, thread);
    nice = nice < NICE_MIN ? NICE_MIN : nice > NICE_MAX ? NICE_MAX : nice;
    if (!may_change(task, process)) {
        return -EPERM;
    }
    if (nice < *now && !task_capable(task, CAP_SYS_NICE)) {
        rlim_t limit = process->limits[RLIMIT_NICE].rlim_cur;
        if (limit != RLIM_INFINITY && (rlim_t)(20 - nice) > limit) {
            return -EACCES;
        }
    }
    *now = nice;
    int32_t host_tid = thread ? __atomic_load_n(&thread->host_tid, __ATOMIC_ACQUIRE) : 0;
    if (host_tid) {
        setpriority(PRIO_PROCESS, (id_t)host_tid, nice); /* as far as the host lets us */
    }
    return 0;
}

/* A group's or a user's process; a single thread is looked up by its number. */
static bool selected(const struct task *task, const struct process *process, int which,
                     int32_t who) {
    if (which == PRIO_PGRP) {
        return process->pgid == (who ? who : task->process->pgid);
    }
    return process->uid == (who ? (uint32_t)who : task->process->uid);
}

/* Calls visit for each thread that getpriority(2) and setpriority(2) mean. process_lock is held. */
typedef void (*visit_thread)(struct process *process, struct task *thread, void *arg);

static void each_selected(struct task *task, int which, int32_t who, visit_thread visit,
                          void *arg) {
    if (which == PRIO_PROCESS) {
        struct process *process = who ? process_find_thread(who) : task->process;
        if (process) {
            visit(process, who ? task_find(who) : task, arg);
        }
        return;
    }
    for (struct process *process = process_list; process; process = process->next) {
        if (!selected(task, process, which, who)) {
            continue;
        }
        if (!process->tasks) {
            visit(process, NULL, arg);
        }
        for (struct task *thread = process->tasks; thread; thread = thread->next) {
            visit(process, thread, arg);
        }
    }
}

static void visit_get(struct process *process, struct task *thread, void *arg) {
    long *best = arg, value = 20 - *task_nice(process, thread);
    *best = value > *best ? value : *best;
}

/* getpriority(2): 20 - nice, so that no value looks like an error */
long sys_getpriority(struct task *task, int32_t which, int32_t who) {
    if (which < PRIO_PROCESS || which > PRIO_USER) {
        return -EINVAL;
    }
    long best = -ESRCH;
    pthread_mutex_lock(&process_lock);
    each_selected(task, which, who, visit_get, &best);
    pthread_mutex_unlock(&process_lock);
    return best;
}

struct nice_change {
    struct task *by;
    int nice;
    long error;
};

static void visit_set(struct process *process, struct task *thread, void *arg) {
    struct nice_change *change = arg;
    int one = set_nice(change->by, process, thread, change->nice);
    change->error = change->error == -ESRCH || one ? one : change->error;
}

/* setpriority(2) */
long sys_setpriority(struct task *task, int32_t which, int32_t who, int32_t nice) {
    if (which < PRIO_PROCESS || which > PRIO_USER) {
        return -EINVAL;
    }
    struct nice_change change = {task, nice, -ESRCH};
    pthread_mutex_lock(&process_lock);
    each_selected(task, which, who, visit_set, &change);
    pthread_mutex_unlock(&process_lock);
    return change.error;
}

/* nice(2) */
long sys_nice(struct task *task, int32_t increment) {
    increment = increment < -40 ? -40 : increment > 40 ? 40 : increment;
    pthread_mutex_lock(&process_lock);
    int nice = *task_nice(task->process, task) + increment;
    int error = set_nice(task, task->process, task, nice);
    pthread_mutex_unlock(&process_lock);
    return error == -EACCES ? -EPERM : error;
}

/* --- policies -------------------------------------------------------------------------- */

/* The process of a thread's number, 0 being the caller's. process_lock is held. */
static struct process *process_of(const struct task *task, int32_t tid) {
    return tid ? process_find_thread(tid) : task->process;
}

/* Is there such a thread, and may the caller change it? 0 or -ESRCH, -EINVAL. */
static int find(struct task *task, int32_t tid, bool *mine) {
    if (tid < 0) {
        return -EINVAL;
    }
    pthread_mutex_lock(&process_lock);
    const struct process *process = process_of(task, tid);
    *mine = process && may_change(task, process);
    pthread_mutex_unlock(&process_lock);
    return process ? 0 : -ESRCH;
}

/* Remembers the policy. Only the superuser takes SCHED_RESET_ON_FORK back. 0 or -errno. */
static int set_policy(struct task *task, int32_t tid, int policy) {
    pthread_mutex_lock(&process_lock);
    struct task *other = tid ? task_find(tid) : task;
    int error = 0;
    if (other) { /* a zombie has no thread to have it */
        bool takes_back = other->policy & ~policy & SCHED_RESET_ON_FORK;
        error = takes_back && !task_capable(task, CAP_SYS_NICE) ? -EPERM : 0;
        other->policy = error ? other->policy : policy;
    }
    pthread_mutex_unlock(&process_lock);
    return error;
}

static int get_policy(struct task *task, int32_t tid) {
    pthread_mutex_lock(&process_lock);
    const struct task *other = tid ? task_find(tid) : task;
    int policy = other ? other->policy : SCHED_OTHER;
    pthread_mutex_unlock(&process_lock);
    return policy;
}

/* Policies without real time are all the same here; real-time ones need a right that guests
 * lack. */
static int check_policy(int policy, int priority) {
    switch (policy & ~SCHED_RESET_ON_FORK) {
    case SCHED_OTHER:
    case SCHED_BATCH:
    case SCHED_IDLE:
        return priority ? -EINVAL : 0;
    case SCHED_FIFO:
    case SCHED_RR:
        return priority < 1 || priority > 99 ? -EINVAL : -EPERM;
    default:
        return -EINVAL;
    }
}

long sys_sched_setscheduler(struct task *task, int32_t tid, int32_t policy, gaddr_t param) {
    int32_t priority;
    bool mine;
    if (policy < 0 || !param) {
        return -EINVAL;
    }
    if (guest_read(task->cpu->space, &priority, param, sizeof priority)) {
        return -EFAULT;
    }
    int error = find(task, tid, &mine);
    error = error ? error : check_policy(policy, priority);
    error = error ? error : mine ? 0 : -EPERM;
    return error ? error : set_policy(task, tid, policy);
}

long sys_sched_getscheduler(struct task *task, int32_t tid) {
    bool mine;
    int error = find(task, tid, &mine);
    return error ? error : get_policy(task, tid);
}

long sys_sched_setparam(struct task *task, int32_t tid, gaddr_t param) {
    return sys_sched_setscheduler(task, tid, tid < 0 ? SCHED_OTHER : get_policy(task, tid), param);
}

long sys_sched_getparam(struct task *task, int32_t tid, gaddr_t param) {
    bool mine;
    const int32_t priority = 0;
    int error = param ? find(task, tid, &mine) : -EINVAL;
    return error ? error : guest_write(task->cpu->space, param, &priority, sizeof priority);
}

long sys_sched_get_priority_max(struct task *task, int32_t policy) {
    return policy == SCHED_FIFO || policy == SCHED_RR                                    ? 99
           : policy == 0 || policy == SCHED_BATCH || policy == SCHED_IDLE || policy == 6 ? 0
                                                                                         : -EINVAL;
}

long sys_sched_get_priority_min(struct task *task, int32_t policy) {
    long max = sys_sched_get_priority_max(task, policy);
    return max > 0 ? 1 : max;
}

static long rr_interval(struct task *task, const struct abi_times *times, int32_t tid, gaddr_t to) {
    bool mine;
    struct timespec slice = {0}; /* threads of SCHED_OTHER have no fixed slice */
    int error = find(task, tid, &mine);
    if (error == 0 && syscall(SYS_sched_rr_get_interval, 0, &slice) != 0) {
        slice = (struct timespec){0};
    }
    return error ? error : times->put_timespec(task, to, &slice);
}

long sys_sched_rr_get_interval(struct task *task, int32_t tid, gaddr_t to) {
    return rr_interval(task, task->abi->times, tid, to);
}

long sys_sched_rr_get_interval_time64(struct task *task, int32_t tid, gaddr_t to) {
    return rr_interval(task, task->abi->times64, tid, to);
}

long sys_sched_yield(struct task *task) {
    sched_yield();
    return 0;
}

/* struct sched_attr: the first version has 48 bytes, without the clamps. */
#define SCHED_ATTR_FIRST  48
#define SCHED_FLAGS_KNOWN 0x7fu /* sched_setattr(2), and the clamps' */
struct sched_attr56 {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t clamp_min, clamp_max;
};

/* Idle threads keep their nice value. */
static int set_attr_nice(struct task *task, int32_t tid, const struct sched_attr56 *attr) {
    if (attr->policy == SCHED_IDLE) {
        return 0;
    }
    pthread_mutex_lock(&process_lock);
    struct process *process = process_of(task, tid);
    struct task *thread = tid ? task_find(tid) : task;
    int error = process ? set_nice(task, process, thread, attr->nice) : -ESRCH;
    pthread_mutex_unlock(&process_lock);
    return error == -EACCES ? -EPERM : error;
}

/* sched_setattr(2) */
long sys_sched_setattr(struct task *task, int32_t tid, gaddr_t addr, uint32_t flags) {
    struct sched_attr56 attr = {0};
    bool mine;
    uint32_t size;
    if (!addr || flags) {
        return -EINVAL;
    }
    if (guest_read(task->cpu->space, &size, addr, sizeof size)) {
        return -EFAULT;
    }
    if (size != 0 && size < SCHED_ATTR_FIRST) {
        const uint32_t known = sizeof attr;
        return guest_write(task->cpu->space, addr, &known, sizeof known) ? -EFAULT : -E2BIG;
    }
    if (guest_read(task->cpu->space, &attr, addr, SCHED_ATTR_FIRST)) {
        return -EFAULT;
    }
    int error = find(task, tid, &mine);
    error = error ? error : check_policy((int)attr.policy, (int)attr.priority);
    if (!error && (attr.flags & ~(uint64_t)SCHED_FLAGS_KNOWN)) {
        error = -EINVAL;
    }
    if (error) {
        return error;
    }
    if (!mine) {
        return -EPERM;
    }
    error = set_attr_nice(task, tid, &attr);
    bool reset = attr.flags & SCHED_FLAG_RESET_ON_FORK;
    int policy = (int)attr.policy | (reset ? SCHED_RESET_ON_FORK : 0);
    return error ? error : set_policy(task, tid, policy);
}

/* sched_getattr(2) */
long sys_sched_getattr(struct task *task, int32_t tid, gaddr_t addr, uint32_t size,
                       uint32_t flags) {
    struct sched_attr56 attr = {0};
    if (!addr || flags || tid < 0 || size < SCHED_ATTR_FIRST || size > PAGE_BYTES) {
        return -EINVAL;
    }
    pthread_mutex_lock(&process_lock);
    struct process *process = process_of(task, tid);
    attr.nice = process ? *task_nice(process, tid ? task_find(tid) : task) : 0;
    pthread_mutex_unlock(&process_lock);
    int policy = get_policy(task, tid);
    attr.policy = (uint32_t)(policy & ~SCHED_RESET_ON_FORK);
    attr.flags = policy & SCHED_RESET_ON_FORK ? SCHED_FLAG_RESET_ON_FORK : 0;
    attr.clamp_max = 1024; /* none */
    attr.size = size < sizeof attr ? size : sizeof attr;
    return process ? guest_write(task->cpu->space, addr, &attr, attr.size) : -ESRCH;
}

/* --- affinity -------------------------------------------------------------------------- */

/* The host's number of a guest thread, 0 where that has ended and only its number is left. 0 or
 * -ESRCH. */
static int host_thread(struct task *task, int32_t tid, int32_t *host_tid, bool *mine) {
    struct process *process;
    for (;;) {
        pthread_mutex_lock(&process_lock);
        struct task *other = tid ? task_find(tid) : task;
        process = process_of(task, tid);
        *host_tid = other ? __atomic_load_n(&other->host_tid, __ATOMIC_ACQUIRE) : 0;
        *mine = process && may_change(task, process);
        pthread_mutex_unlock(&process_lock);
        if (!other || *host_tid) {
            return process ? 0 : -ESRCH;
        }
        sched_yield(); /* its host thread is just starting */
    }
}

/* sched_setaffinity(2) */
long sys_sched_setaffinity(struct task *task, int32_t tid, uint32_t size, gaddr_t mask) {
    uint64_t set[MAX_CPU_BYTES / 8] = {0};
    int32_t host_tid = 0;
    bool mine = false;
    if (size > sizeof set) {
        size = sizeof set;
    }
    if (guest_read(task->cpu->space, set, mask, size)) {
        return -EFAULT;
    }
    int error = host_thread(task, tid, &host_tid, &mine);
    if (error || !mine) {
        return error ? error : -EPERM;
    }
    if (!host_tid) {
        return 0; /* what has ended runs nowhere */
    }
    return syscall(SYS_sched_setaffinity, host_tid, sizeof set, set) < 0 ? -errno : 0;
}

/* sched_getaffinity(2): bytes of the mask; of what has ended, the caller's */
long sys_sched_getaffinity(struct task *task, int32_t tid, uint32_t size, gaddr_t mask) {
    uint64_t set[MAX_CPU_BYTES / 8] = {0};
    int32_t host_tid = 0;
    bool mine;
    if (size & (abi_long_bytes(task) - 1)) {
        return -EINVAL;
    }
    int error = host_thread(task, tid, &host_tid, &mine);
    if (error) {
        return error;
    }
    long used = syscall(SYS_sched_getaffinity, host_tid, sizeof set, set);
    if (used < 0) {
        return -errno;
    }
    unsigned bytes = (unsigned)used;
    while (bytes > abi_long_bytes(task) && set[(bytes - 1) / 8] == 0) {
        bytes -= 8; /* the host's largest number of CPUs is not the guest's business */
    }
    if (bytes > size) {
        if (size < abi_long_bytes(task) || set[0] >> (8 * (size < 8 ? size : 7))) {
            return -EINVAL;
        }
        bytes = (unsigned)size;
    }
    return guest_write(task->cpu->space, mask, set, bytes) ? -EFAULT : (long)bytes;
}

/* --- priorities of input and output ---------------------------------------------------- */

enum { IO_NONE, IO_REAL_TIME, IO_BEST_EFFORT, IO_IDLE };
#define IO_CLASS(value) ((value) >> 13)
#define IO_LEVELS       8
#define IO_NORM         4

/* What `which` of ioprio_set(2) is to getpriority(2). -1: nothing. */
static int io_selection(int32_t which) {
    static const int kinds[] = {-1, PRIO_PROCESS, PRIO_PGRP, PRIO_USER};
    return which < 1 || which > 3 ? -1 : kinds[which];
}

/* Of several the best is told; "none" then counts as the middle of best effort. */
static int better_io(int a, int b) {
    const int normal = IO_BEST_EFFORT << 13 | IO_NORM;
    a = IO_CLASS(a) == IO_NONE ? normal : a;
    b = IO_CLASS(b) == IO_NONE ? normal : b;
    return a < b ? a : b;
}

static bool io_selected(const struct task *task, const struct process *process, int kind,
                        int32_t who) {
    if (kind == PRIO_PROCESS) {
        return process == process_of(task, who);
    }
    return selected(task, process, kind, who);
}

/* ioprio_get(2) */
long sys_ioprio_get(struct task *task, int32_t which, int32_t who) {
    int kind = io_selection(which);
    if (kind < 0) {
        return -EINVAL;
    }
    long best = -ESRCH;
    pthread_mutex_lock(&process_lock);
    for (struct process *process = process_list; process; process = process->next) {
        if (io_selected(task, process, kind, who)) {
            best = best < 0 ? process->ioprio : better_io((int)best, process->ioprio);
        }
    }
    pthread_mutex_unlock(&process_lock);
    return best;
}

static int check_io(const struct task *task, int32_t value) {
    int class = IO_CLASS(value), level = value & (IO_LEVELS - 1);
    if (class < IO_NONE || class > IO_IDLE || (class == IO_NONE && level)) {
        return -EINVAL;
    }
    return class == IO_REAL_TIME && !task_capable(task, CAP_SYS_NICE) ? -EPERM : 0;
}

/* ioprio_set(2): remembered for each process, the host's scheduler does not hear of it */
long sys_ioprio_set(struct task *task, int32_t which, int32_t who, int32_t value) {
    int kind = io_selection(which);
    long error = kind < 0 ? -EINVAL : check_io(task, value);
    if (error) {
        return error;
    }
    error = -ESRCH;
    pthread_mutex_lock(&process_lock);
    for (struct process *process = process_list; process; process = process->next) {
        if (io_selected(task, process, kind, who)) {
            bool may = may_change(task, process);
            process->ioprio = may ? value : process->ioprio;
            error = may && error != -EPERM ? 0 : -EPERM;
        }
    }
    pthread_mutex_unlock(&process_lock);
    return error;
}
