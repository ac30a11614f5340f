/* Waiting for children: wait4(2), waitid(2); CPU time accounts getrusage(2),
 * times(2). */
#include "gen/syscall_protos.h"
#include "syscalls/task/process.h"

#include "syscalls/abi/abi.h"
#include "syscalls/file/file.h"
#include "syscalls/file/pidfd.h"
#include "syscalls/signal/signal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#define CLOCK_TICK_NS 10000000u /* USER_HZ is 100 */

/* --- accounts -------------------------------------------------------------------------- */

static uint64_t timeval_ns(const struct timeval *tv) {
    return (uint64_t)tv->tv_sec * 1000000000u + (uint64_t)tv->tv_usec * 1000u;
}

static struct timeval ns_timeval(uint64_t ns) {
    return (struct timeval){.tv_sec = (time_t)(ns / 1000000000u),
                            .tv_usec = (suseconds_t)(ns % 1000000000u / 1000u)};
}

static void add_usage(struct rusage *to, const struct rusage *from) {
    to->ru_utime = ns_timeval(timeval_ns(&to->ru_utime) + timeval_ns(&from->ru_utime));
    to->ru_stime = ns_timeval(timeval_ns(&to->ru_stime) + timeval_ns(&from->ru_stime));
    to->ru_maxrss = to->ru_maxrss > from->ru_maxrss ? to->ru_maxrss : from->ru_maxrss;
    usage_add_counts(to, from);
}

static void process_usage_locked(struct process *process, struct rusage *usage) {
    uint64_t user, system;
    memset(usage, 0, sizeof *usage);
    process_times_locked(process, &user, &system);
    usage->ru_utime = ns_timeval(user);
    usage->ru_stime = ns_timeval(system);
    usage_add_counts(usage, &process->ended);
    struct rusage host; /* one host process is the whole machine: an upper bound */
    if (getrusage(RUSAGE_SELF, &host) == 0) {
        usage->ru_maxrss = host.ru_maxrss;
    }
}

/* struct rusage is 18 longs. */
static int put_usage(struct task *task, gaddr_t to, const struct rusage *usage) {
    const int64_t word[18] = {usage->ru_utime.tv_sec,
                              usage->ru_utime.tv_usec,
                              usage->ru_stime.tv_sec,
                              usage->ru_stime.tv_usec,
                              usage->ru_maxrss,
                              0,
                              0,
                              0,
                              usage->ru_minflt,
                              usage->ru_majflt,
                              0,
                              0,
                              0,
                              0,
                              0,
                              0,
                              usage->ru_nvcsw,
                              usage->ru_nivcsw};
    return abi_write_longs(task, to, word, ARRAY_LEN(word));
}

/* getrusage(2) */
long sys_getrusage(struct task *task, int32_t who, gaddr_t to) {
    struct rusage usage, own;
    switch (who) {
    case RUSAGE_SELF:
        pthread_mutex_lock(&process_lock);
        process_usage_locked(task->process, &usage);
        if (getrusage(RUSAGE_THREAD, &own) == 0) { /* of other threads the host tells the times */
            usage_add_counts(&usage, &own);
        }
        pthread_mutex_unlock(&process_lock);
        break;
    case RUSAGE_CHILDREN:
        pthread_mutex_lock(&process_lock);
        usage = task->process->child_usage;
        pthread_mutex_unlock(&process_lock);
        break;
    case RUSAGE_THREAD:
        getrusage(RUSAGE_THREAD, &usage);
        break;
    default:
        return -EINVAL;
    }
    return put_usage(task, to, &usage);
}

/* times(2): struct tms is four clock_t. */
long sys_times(struct task *task, gaddr_t to) {
    if (to) {
        uint64_t user, system;
        pthread_mutex_lock(&process_lock);
        process_times_locked(task->process, &user, &system);
        const struct rusage *child = &task->process->child_usage;
        const int64_t word[4] = {(int64_t)(user / CLOCK_TICK_NS), (int64_t)(system / CLOCK_TICK_NS),
                                 (int64_t)(timeval_ns(&child->ru_utime) / CLOCK_TICK_NS),
                                 (int64_t)(timeval_ns(&child->ru_stime) / CLOCK_TICK_NS)};
        pthread_mutex_unlock(&process_lock);
        if (abi_write_longs(task, to, word, ARRAY_LEN(word))) {
            return -EFAULT;
        }
    }
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t ticks = (uint64_t)now.tv_sec * 100 + (uint64_t)now.tv_nsec / CLOCK_TICK_NS;
    return (long)(ticks & abi_long_most(task)); /* a clock_t: none that looks like an error */
}

/* --- waiting --------------------------------------------------------------------------- */

struct wait_request {
    int id_type; /* P_* */
    int32_t id;
    uint32_t options; /* WEXITED, WSTOPPED, WCONTINUED, WNOHANG, WNOWAIT, __W* */
};

struct wait_result {
    int32_t pid; /* 0: none (WNOHANG) */
    int code;    /* CLD_* */
    int status;  /* exit code or signal */
    int wait_status;
    uint32_t uid;
    struct rusage usage;
};

static bool matches(const struct process *child, const struct wait_request *request) {
    switch (request->id_type) {
    case P_PID:
        if (child->pid != request->id) {
            return false;
        }
        break;
    case P_PGID:
        if (child->pgid != request->id) {
            return false;
        }
        break;
    }
    /* "Clone" children tell their parent by something else than SIGCHLD, or not at all. */
    bool is_clone = child->exit_signal != SIGCHLD;
    return (request->options & __WALL) || is_clone == !!(request->options & __WCLONE);
}

static bool take_zombie(struct process *child, const struct wait_request *request,
                        struct wait_result *result) {
    int status = child->exit_status;
    result->pid = child->pid;
    result->uid = child->uid;
    result->wait_status = status;
    if (status & 0x7f) {
        result->code = status & 0x80 ? CLD_DUMPED : CLD_KILLED;
        result->status = status & 0x7f;
    } else {
        result->code = CLD_EXITED;
        result->status = status >> 8 & 0xff;
    }
    process_usage_locked(child, &result->usage);
    if (!(request->options & WNOWAIT)) {
        struct rusage *account = &child->parent->child_usage;
        add_usage(account, &result->usage);
        add_usage(account, &child->child_usage);
        process_reap_locked(child);
    }
    return true;
}

/* A state of `child` that the request asks for: true with *result filled. */
static bool take_state(struct process *child, const struct wait_request *request,
                       struct wait_result *result) {
    bool consume = !(request->options & WNOWAIT);
    if (child->zombie) {
        return (request->options & WEXITED) && take_zombie(child, request, result);
    }
    if (child->stopped && !child->stop_reported && (request->options & WSTOPPED)) {
        child->stop_reported = consume;
        result->code = CLD_STOPPED;
        result->status = child->stop_signal;
        result->wait_status = child->stop_signal << 8 | 0x7f;
    } else if (child->continued && !child->continue_reported && (request->options & WCONTINUED)) {
        child->continue_reported = consume;
        result->code = CLD_CONTINUED;
        result->status = SIGCONT;
        result->wait_status = 0xffff;
    } else {
        return false;
    }
    result->pid = child->pid;
    result->uid = child->uid;
    process_usage_locked(child, &result->usage);
    return true;
}

/* 0 with *result (pid 0: WNOHANG and nothing there), or -ECHILD, -ERESTARTSYS. */
static int wait_for(struct task *task, const struct wait_request *request,
                    struct wait_result *result) {
    memset(result, 0, sizeof *result);
    pthread_mutex_lock(&process_lock);
    for (;;) {
        bool any = false;
        struct process *next;
        for (struct process *child = task->process->children; child; child = next) {
            next = child->sibling;
            if (!matches(child, request)) {
                continue;
            }
            any = true;
            if (take_state(child, request, result)) {
                pthread_mutex_unlock(&process_lock);
                return 0;
            }
        }
        if (!any || (request->options & WNOHANG)) {
            pthread_mutex_unlock(&process_lock);
            return any ? 0 : -ECHILD;
        }
        uint32_t sample = task_block_prepare(task);
        pthread_mutex_unlock(&process_lock);
        if (task_block(task, sample, NULL)) {
            return -ERESTARTSYS;
        }
        pthread_mutex_lock(&process_lock);
    }
}

/* wait4(2) */
long sys_wait4(struct task *task, int32_t pid, gaddr_t status, uint32_t options, gaddr_t usage) {
    if (options & ~(uint32_t)(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL)) {
        return -EINVAL;
    }
    if (pid == INT32_MIN) {
        return -ESRCH;
    }
    struct wait_request request = {.id_type = P_ALL, .options = options | WEXITED};
    if (pid > 0) {
        request.id_type = P_PID;
        request.id = pid;
    } else if (pid != -1) {
        request.id_type = P_PGID;
        request.id = pid ? -pid : task->process->pgid;
    }
    struct wait_result result;
    int error = wait_for(task, &request, &result);
    if (error || result.pid == 0) {
        return error;
    }
    int32_t word = result.wait_status;
    if ((status && guest_write(task->cpu->space, status, &word, sizeof word)) ||
        (usage && put_usage(task, usage, &result.usage))) {
        return -EFAULT;
    }
    return result.pid;
}

/* Turns P_PIDFD into P_PID; a pidfd with O_NONBLOCK waits as with WNOHANG and gives EAGAIN. */
static int resolve_pidfd(struct task *task, struct wait_request *request, bool *nonblock) {
    struct file *file = fd_get(task, request->id);
    if (!file) {
        return -EBADF;
    }
    pthread_mutex_lock(&process_lock);
    struct process *process = pidfd_process_locked(file);
    int error = process ? 0 : pidfd_is(file) ? -ECHILD : -EBADF;
    if (process) {
        request->id_type = P_PID;
        request->id = process->pid;
        *nonblock = file->flags & O_NONBLOCK;
    }
    pthread_mutex_unlock(&process_lock);
    file_unref(file);
    return error;
}

/* waitid(2); the fifth argument of the system call is a struct rusage. */
long sys_waitid(struct task *task, int32_t id_type, int32_t id, gaddr_t info, uint32_t options,
                gaddr_t usage) {
    const uint32_t events = WEXITED | WSTOPPED | WCONTINUED;
    if ((options & ~(uint32_t)(events | WNOHANG | WNOWAIT | __WNOTHREAD | __WCLONE | __WALL)) ||
        !(options & events)) {
        return -EINVAL;
    }
    struct wait_request request = {.id_type = id_type, .id = id, .options = options};
    bool nonblock = false;
    switch (id_type) {
    case P_ALL:
        break;
    case P_PID:
        if (id <= 0) {
            return -EINVAL;
        }
        break;
    case P_PGID:
        if (id < 0) {
            return -EINVAL;
        }
        request.id = id ? id : task->process->pgid;
        break;
    case P_PIDFD: {
        if (id < 0) {
            return -EINVAL;
        }
        int error = resolve_pidfd(task, &request, &nonblock);
        if (error) {
            return error;
        }
        break;
    }
    default:
        return -EINVAL;
    }
    if (nonblock) {
        request.options |= WNOHANG;
    }
    struct wait_result result;
    int error = wait_for(task, &request, &result);
    if (error) {
        return error;
    }
    if (nonblock && result.pid == 0 && !(options & WNOHANG)) {
        return -EAGAIN;
    }
    struct sigqueue_info out = {0};
    if (result.pid) {
        out.signo = SIGCHLD;
        out.code = result.code;
        out.pid = result.pid;
        out.uid = result.uid;
        out.status = result.status;
    }
    if (result.pid && usage && put_usage(task, usage, &result.usage)) {
        return -EFAULT;
    }
    /* Only the fields that waitid defines are written. */
    return info ? task->abi->write_siginfo(task, info, &out) : 0;
}
