/* Clocks and sleeping (clock_gettime(2), clock_nanosleep(2), gettimeofday(2), adjtimex(2)). Wall
 * and monotonic clocks are the host's; CPU clocks are those of the guest's process or task. Setting
 * a clock is refused with EPERM. Timers that send signals are in timer.c. */
#include "syscalls/time/time.h"
#include "core/space/space.h"
#include "syscalls/abi/abi.h"
#include "syscalls/abi/times.h"
#include "syscalls/file/io.h"
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <unistd.h>

#include "gen/syscall_protos.h"

#define NSEC 1000000000ull

static uint64_t task_cpu_ns(struct task *task) {
    clockid_t clock;
    struct timespec ts;
    if (!task_cpu_clock(task, &clock) || clock_gettime(clock, &ts)) {
        return 0;
    }
    return (uint64_t)ts.tv_sec * NSEC + (uint64_t)ts.tv_nsec;
}

uint64_t process_cpu_ns_locked(struct process *process) {
    uint64_t total = process->user_ns + process->system_ns;
    for (struct task *task = process->tasks; task; task = task->next) {
        total += task_cpu_ns(task);
    }
    return total;
}

/* A CPU clock: of which process or task. clockid bits: ~pid << 3 | 4 for a task | clock (0 PROF, 1
 * VIRT, 2 SCHED, 3: a descriptor's clock, which the guest has none of). */
int cpu_clock_ns(struct task *task, int32_t clock, uint64_t *ns) {
    bool of_task = clock == CLOCK_THREAD_CPUTIME_ID;
    int32_t id = 0;
    if (clock < 0) {
        id = ~(clock >> 3);
        of_task = clock & 4;
        if ((clock & 3) == 3) {
            return -EINVAL;
        }
    }
    int error = 0;
    pthread_mutex_lock(&process_lock);
    if (of_task) {
        struct task *of = id == 0 ? task : task_find(id);
        if (of && of->process == task->process) {
            *ns = task_cpu_ns(of);
        } else {
            error = -EINVAL;
        }
    } else {
        struct process *of = id == 0 ? task->process : process_find(id);
        if (of) {
            *ns = process_cpu_ns_locked(of);
        } else {
            error = -EINVAL;
        }
    }
    pthread_mutex_unlock(&process_lock);
    return error;
}

bool clock_is_cpu(int32_t clock) {
    return clock < 0 || clock == CLOCK_PROCESS_CPUTIME_ID || clock == CLOCK_THREAD_CPUTIME_ID;
}

static int clock_now(struct task *task, int32_t clock, struct timespec *ts) {
    if (!clock_is_cpu(clock)) {
        return clock_gettime(clock, ts) ? -errno : 0;
    }
    uint64_t ns;
    int error = cpu_clock_ns(task, clock, &ns);
    *ts = (struct timespec){(time_t)(ns / NSEC), (long)(ns % NSEC)};
    return error;
}

static long gettime(struct task *task, const struct abi_times *times, int32_t clock, gaddr_t at) {
    struct timespec ts;
    int error = clock_now(task, clock, &ts);
    return error ? error : times->put_timespec(task, at, &ts);
}

long sys_clock_gettime(struct task *task, int32_t clock, gaddr_t at) {
    return gettime(task, task->abi->times, clock, at);
}

long sys_clock_gettime64(struct task *task, int32_t clock, gaddr_t at) {
    return gettime(task, task->abi->times64, clock, at);
}

static long getres(struct task *task, const struct abi_times *times, int32_t clock, gaddr_t at) {
    struct timespec ts = {0, 1};
    int error = 0;
    if (!clock_is_cpu(clock)) {
        error = clock_getres(clock, &ts) ? -errno : 0;
    } else {
        error = cpu_clock_ns(task, clock, &(uint64_t){0});
    }
    return error || !at ? error : times->put_timespec(task, at, &ts);
}

long sys_clock_getres(struct task *task, int32_t clock, gaddr_t at) {
    return getres(task, task->abi->times, clock, at);
}

long sys_clock_getres_time64(struct task *task, int32_t clock, gaddr_t at) {
    return getres(task, task->abi->times64, clock, at);
}

static long settime(struct task *task, const struct abi_times *times, int32_t clock, gaddr_t at) {
    struct timespec ts;
    if (clock != CLOCK_REALTIME) {
        return -EINVAL;
    }
    if (times->get_timespec(task, at, &ts)) {
        return -EFAULT;
    }
    return timespec_valid(&ts) ? -EPERM : -EINVAL;
}

long sys_clock_settime(struct task *task, int32_t clock, gaddr_t at) {
    return settime(task, task->abi->times, clock, at);
}

long sys_clock_settime64(struct task *task, int32_t clock, gaddr_t at) {
    return settime(task, task->abi->times64, clock, at);
}

/* time(2) */
long sys_time(struct task *task, gaddr_t at) {
    int64_t now = time(NULL);
    if (at && abi_write_longs(task, at, &now, 1)) {
        return -EFAULT;
    }
    return now;
}

long sys_gettimeofday(struct task *task, gaddr_t tv_at, gaddr_t zone_at) {
    struct timeval tv;
    gettimeofday(&tv, NULL);
    if (tv_at && task->abi->times->put_timeval(task, tv_at, &tv)) {
        return -EFAULT;
    }
    int32_t zone[2] = {0, 0}; /* minutes west, DST kind: Linux keeps UTC */
    if (zone_at && guest_write(task->cpu->space, zone_at, zone, sizeof zone)) {
        return -EFAULT;
    }
    return 0;
}

long sys_settimeofday(struct task *task, gaddr_t tv, gaddr_t zone) {
    return -EPERM;
}

/* --- sleeping -------------------------------------------------------------------------- */

/* Sleeps until `until` of a guest CPU clock, by looking at it now and then: a process cannot use
 * more than (CPUs) seconds of it in a second. */
static long sleep_cpu_clock(struct task *task, int32_t clock, const struct timespec *until) {
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t end = (uint64_t)until->tv_sec * NSEC + (uint64_t)until->tv_nsec;
    for (;;) {
        uint64_t now;
        int error = cpu_clock_ns(task, clock, &now);
        if (error || now >= end) {
            return error;
        }
        uint64_t pause = (end - now) / (uint64_t)(cpus > 0 ? cpus : 1);
        if (pause < 1000000) {
            pause = 1000000;
        }
        struct timespec ts = {(time_t)(pause / NSEC), (long)(pause % NSEC)};
        long result = host_call(task, SYS_nanosleep, (long)&ts, 0, 0, 0, 0, 0);
        if (result < 0) {
            return result;
        }
    }
}

/* Sleeps to an absolute time; -EINTR when a signal came. */
static long sleep_until(struct task *task, int32_t clock, const struct timespec *until) {
    if (clock_is_cpu(clock)) {
        return clock == CLOCK_THREAD_CPUTIME_ID ? -EINVAL : sleep_cpu_clock(task, clock, until);
    }
    struct timespec ts = *until;
    return host_call(task, SYS_clock_nanosleep, clock, TIMER_ABSTIME, (long)&ts, 0, 0, 0);
}

static long sleep_restart(struct task *task);

/* The interruptible end of a relative sleep: writes what is left and asks for a restart. */
static long sleep_relative(struct task *task, const struct abi_times *times, int32_t clock,
                           const struct timespec *until, gaddr_t left_at) {
    long result = sleep_until(task, clock, until);
    if (result != -EINTR) {
        return result;
    }
    if (left_at) {
        struct timespec now, left = {0};
        clock_now(task, clock, &now);
        int64_t ns = (until->tv_sec - now.tv_sec) * (int64_t)NSEC + until->tv_nsec - now.tv_nsec;
        if (until->tv_sec - now.tv_sec > INT32_MAX) {
            left = (struct timespec){until->tv_sec - now.tv_sec, 0};
        } else if (ns > 0) {
            left = (struct timespec){ns / (int64_t)NSEC, ns % (int64_t)NSEC};
        } else {
            return 0;
        }
        if (times->put_timespec(task, left_at, &left)) {
            return -EFAULT;
        }
    }
    task->restart = sleep_restart;
    task->restart_arg[0] = (uint64_t)until->tv_sec;
    task->restart_arg[1] = (uint64_t)until->tv_nsec;
    task->restart_arg[2] = left_at;
    task->restart_arg[3] = (uint32_t)clock | (uint64_t)(times == task->abi->times) << 32;
    return -ERESTART_RESTARTBLOCK;
}

static long sleep_restart(struct task *task) {
    struct timespec until = {(time_t)task->restart_arg[0], (long)task->restart_arg[1]};
    const struct abi *abi = task->abi;
    return sleep_relative(task, task->restart_arg[3] >> 32 ? abi->times : abi->times64,
                          (int32_t)task->restart_arg[3], &until, task->restart_arg[2]);
}

/* clock_nanosleep(2) */
static long nanosleep_on(struct task *task, const struct abi_times *times, int32_t clock,
                         uint32_t flags, gaddr_t at, gaddr_t left_at) {
    struct timespec ts, until;
    if (clock == CLOCK_THREAD_CPUTIME_ID) {
        return -EOPNOTSUPP;
    }
    int error = clock_now(task, clock, &until);
    if (error) {
        return error;
    }
    if (times->get_timespec(task, at, &ts)) {
        return -EFAULT;
    }
    if (!timespec_valid(&ts)) {
        return -EINVAL;
    }
    if (flags & TIMER_ABSTIME) {
        long result = sleep_until(task, clock, &ts);
        return result == -EINTR ? -ERESTARTNOHAND : result;
    }
    /* A relative sleep is not moved by setting the clock. */
    if (clock == CLOCK_REALTIME || clock == CLOCK_TAI) {
        clock = CLOCK_MONOTONIC;
    }
    error = clock_now(task, clock, &until);
    if (error) {
        return error;
    }
    until.tv_nsec += ts.tv_nsec;
    until.tv_sec += until.tv_nsec / (long)NSEC;
    until.tv_nsec %= (long)NSEC;
    time_t longest = INT64_MAX / (int64_t)NSEC - 1;
    until.tv_sec = ts.tv_sec > longest - until.tv_sec ? longest : until.tv_sec + ts.tv_sec;
    return sleep_relative(task, times, clock, &until, left_at);
}

long sys_clock_nanosleep(struct task *task, int32_t clock, uint32_t flags, gaddr_t at,
                         gaddr_t left) {
    return nanosleep_on(task, task->abi->times, clock, flags, at, left);
}

long sys_clock_nanosleep_time64(struct task *task, int32_t clock, uint32_t flags, gaddr_t at,
                                gaddr_t left) {
    return nanosleep_on(task, task->abi->times64, clock, flags, at, left);
}

long sys_nanosleep(struct task *task, gaddr_t at, gaddr_t left) {
    return nanosleep_on(task, task->abi->times, CLOCK_MONOTONIC, 0, at, left);
}

/* --- adjtimex(2), reading only --------------------------------------------------------- */

static long read_timex(struct task *task, const struct abi_times *times, int32_t clock,
                       gaddr_t at) {
    uint32_t modes;
    if (guest_read(task->cpu->space, &modes, at, sizeof modes)) {
        return -EFAULT;
    }
    if (clock != CLOCK_REALTIME) {
        return clock_is_cpu(clock) || clock > CLOCK_TAI ? -EINVAL : -EOPNOTSUPP;
    }
    /* 0x8000 with the read bit of ADJ_OFFSET_SS_READ is a plain read too. */
    if (modes != 0 && modes != 0xa001) {
        return -EPERM;
    }
    struct timex t = {.modes = modes};
    int state = adjtimex(&t);
    if (state < 0) {
        return -errno;
    }
    return times->put_timex(task, at, &t) ? -EFAULT : state;
}

long sys_adjtimex(struct task *task, gaddr_t at) {
    return read_timex(task, task->abi->times, CLOCK_REALTIME, at);
}

long sys_clock_adjtime(struct task *task, int32_t clock, gaddr_t at) {
    return read_timex(task, task->abi->times, clock, at);
}

long sys_clock_adjtime64(struct task *task, int32_t clock, gaddr_t at) {
    return read_timex(task, task->abi->times64, clock, at);
}
