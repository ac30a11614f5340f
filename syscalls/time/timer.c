/* Timers that send signals, as objects; and RLIMIT_CPU of setrlimit(2). The calls are in
 * timer_calls.c.
 *
 * Every armed timer is a host timerfd in one host epoll, on which a helper thread waits. CPU-time
 * timers look at the clock when the time has passed that the process needs at least to use it up.
 * All state is guarded by process_lock. */
#include "syscalls/file/io.h"
#include "syscalls/task/process.h"
#include "syscalls/signal/signal.h"
#include "syscalls/time/time.h"
#include "syscalls/time/timer_internal.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define NSEC 1000000000ull

struct guest_timer *timers;
static uint64_t last_serial;
static int timer_epoll = -1;

static bool on_cpu(const struct guest_timer *timer) {
    return timer->id == ID_VIRTUAL || timer->id == ID_PROF || timer->id == ID_LIMIT ||
           clock_is_cpu(timer->clock);
}

/* What a CPU timer has counted so far; process_lock held. */
static uint64_t cpu_now(const struct guest_timer *timer) {
    if (timer->id == ID_VIRTUAL) {
        uint64_t user = 0, system = 0;
        process_times_locked(timer->process, &user, &system);
        return user;
    }
    if (timer->id >= 0 && (timer->clock == CLOCK_THREAD_CPUTIME_ID || timer->tid)) {
        struct task *task = task_find(timer->tid);
        clockid_t clock;
        struct timespec ts;
        if (task && task_cpu_clock(task, &clock) && !clock_gettime(clock, &ts)) {
            return (uint64_t)ts.tv_sec * NSEC + (uint64_t)ts.tv_nsec;
        }
    }
    return process_cpu_ns_locked(timer->process);
}

/* --- expiry ---------------------------------------------------------------------------- */

/* The entry of this timer that still waits in a queue: then the signal is not queued again. */
static struct sigqueue *queued_entry(struct sigpending *pending, const struct guest_timer *timer) {
    for (struct sigqueue *q = pending->first; q; q = q->next) {
        if (q->info.signo == timer->signo && q->info.code == SI_TIMER && q->info.pid == timer->id) {
            return q;
        }
    }
    return NULL;
}

/* RLIMIT_CPU: SIGXCPU at the soft limit and, as on Linux, every second from there on, which moves
 * the soft limit along; SIGKILL at the hard one. */
static void limit_expire_locked(struct guest_timer *timer) {
    struct rlimit *limit = &timer->process->limits[RLIMIT_CPU];
    bool hard = timer->cpu_end / NSEC >= limit->rlim_max;
    struct sigqueue_info info = {.signo = hard ? SIGKILL : SIGXCPU, .code = SI_KERNEL};
    signal_send_process_locked(timer->process, &info);
    if (hard) {
        return;
    }
    limit->rlim_cur = timer->cpu_end / NSEC + 1;
    timer->cpu_end = limit->rlim_cur * NSEC;
}

static void expire_locked(struct guest_timer *timer, uint64_t times) {
    struct process *process = timer->process;
    if (timer->notify == NOTIFY_NONE || process->zombie) {
        return;
    }
    struct sigqueue_info info = {.signo = timer->signo};
    if (timer->id < 0) {
        info.code = SI_KERNEL;
        signal_send_process_locked(process, &info);
        return;
    }
    struct task *task = timer->notify == NOTIFY_THREAD_ID ? task_find(timer->tid) : NULL;
    struct sigpending *pending = task ? &task->signals.pending : &process->signals.pending;
    if (timer->notify == NOTIFY_THREAD_ID && !task) {
        return;
    }
    struct sigqueue *old = queued_entry(pending, timer);
    if (old) {
        uint64_t sum = timer->overrun + times;
        timer->overrun = sum > INT32_MAX ? INT32_MAX : (uint32_t)sum;
        old->info.uid = timer->overrun;
        return;
    }
    timer->overrun = times - 1 > INT32_MAX ? INT32_MAX : (uint32_t)(times - 1);
    info.code = SI_TIMER;
    info.pid = timer->id;
    info.uid = timer->overrun;
    info.value = timer->value;
    if (task) {
        signal_send_task_locked(task, &info);
    } else {
        signal_send_process_locked(process, &info);
    }
}

/* Sets the host timer of a CPU timer to the earliest time at which it can be over. */
static void cpu_arm(struct guest_timer *timer) {
    struct itimerspec its = {0};
    if (timer->cpu_end) {
        uint64_t now = cpu_now(timer);
        uint64_t left = timer->cpu_end > now ? timer->cpu_end - now : 0;
        left /= timer->process->task_count > 1 ? (uint64_t)sysconf(_SC_NPROCESSORS_ONLN) : 1;
        if (left < 500000) {
            left = 500000;
        }
        its.it_value = (struct timespec){(time_t)(left / NSEC), (long)(left % NSEC)};
    }
    timerfd_settime(timer->fd, 0, &its, NULL);
}

static void cpu_expire_locked(struct guest_timer *timer) {
    uint64_t now = cpu_now(timer);
    if (timer->id == ID_LIMIT) {
        if (now >= timer->cpu_end && !timer->process->zombie) {
            limit_expire_locked(timer);
        }
    } else if (timer->cpu_end && now >= timer->cpu_end) {
        uint64_t times = 1;
        if (timer->cpu_interval) {
            times += (now - timer->cpu_end) / timer->cpu_interval;
            timer->cpu_end += times * timer->cpu_interval;
        } else {
            timer->cpu_end = 0;
        }
        expire_locked(timer, times);
    }
    cpu_arm(timer);
}

static void *timer_thread(void *arg) {
    for (;;) {
        struct epoll_event events[16];
        int count = epoll_wait(timer_epoll, events, ARRAY_LEN(events), -1);
        pthread_mutex_lock(&process_lock);
        for (int i = 0; i < count; i++) {
            struct guest_timer *timer = timers;
            while (timer && timer->serial != events[i].data.u64) {
                timer = timer->next;
            }
            uint64_t times;
            if (!timer || read(timer->fd, &times, sizeof times) != sizeof times) {
                continue; /* deleted or set anew since */
            }
            if (on_cpu(timer)) {
                cpu_expire_locked(timer);
            } else {
                expire_locked(timer, times);
            }
        }
        pthread_mutex_unlock(&process_lock);
    }
    return NULL;
}

/* Starts the helper thread at the first use; process_lock held. */
static int start_thread(void) {
    if (timer_epoll >= 0) {
        return 0;
    }
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0) {
        return -errno;
    }
    timer_epoll = epoll;
    sigset_t all, old;
    sigfillset(&all);
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 128 * 1024);
    pthread_t thread;
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int error = pthread_create(&thread, &attr, timer_thread, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    if (error) {
        close(epoll);
        timer_epoll = -1;
        return -error;
    }
    pthread_detach(thread);
    return 0;
}

/* --- one timer; process_lock held ------------------------------------------------------ */

struct guest_timer *timer_find(struct process *process, int32_t id) {
    struct guest_timer *timer = timers;
    while (timer && (timer->process != process || timer->id != id)) {
        timer = timer->next;
    }
    return timer;
}

struct guest_timer *timer_add(struct process *process, int32_t id, int32_t clock) {
    struct guest_timer *timer = calloc(1, sizeof *timer);
    if (!timer) {
        return NULL;
    }
    *timer = (struct guest_timer){.process = process,
                                  .id = id,
                                  .clock = clock,
                                  .fd = -1,
                                  .serial = ++last_serial,
                                  .next = timers};
    timers = timer;
    return timer;
}

void timer_remove(struct guest_timer *timer) {
    struct guest_timer **at = &timers;
    while (*at != timer) {
        at = &(*at)->next;
    }
    *at = timer->next;
    if (timer->fd >= 0) {
        close(timer->fd);
    }
    free(timer);
}

/* The host timer's descriptor, made at the first arming. */
static int timer_open(struct guest_timer *timer) {
    if (timer->fd >= 0) {
        return 0;
    }
    int error = start_thread();
    if (error) {
        return error;
    }
    int fd =
        timerfd_create(on_cpu(timer) ? CLOCK_MONOTONIC : timer->clock, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0) {
        return -errno;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = timer->serial};
    if (epoll_ctl(timer_epoll, EPOLL_CTL_ADD, fd, &event)) {
        error = -errno;
        close(fd);
        return error;
    }
    timer->fd = fd;
    return 0;
}

static struct timespec of_ns(uint64_t ns) {
    return (struct timespec){(time_t)(ns / NSEC), (long)(ns % NSEC)};
}

static uint64_t to_ns(const struct timespec *ts) {
    uint64_t seconds = (uint64_t)ts->tv_sec;
    return seconds > INT64_MAX / NSEC - 1 ? INT64_MAX : seconds * NSEC + (uint64_t)ts->tv_nsec;
}

int timer_read(struct guest_timer *timer, struct itimerspec *its) {
    memset(its, 0, sizeof *its);
    if (on_cpu(timer)) {
        its->it_interval = of_ns(timer->cpu_interval);
        if (timer->cpu_end) {
            uint64_t now = cpu_now(timer);
            its->it_value = of_ns(timer->cpu_end > now ? timer->cpu_end - now : 1);
        }
        return 0;
    }
    return timer->fd >= 0 && timerfd_gettime(timer->fd, its) ? -errno : 0;
}

int timer_set(struct guest_timer *timer, int flags, const struct itimerspec *its) {
    bool arm = its->it_value.tv_sec || its->it_value.tv_nsec;
    if (!arm && timer->fd < 0) {
        return 0;
    }
    int error = timer_open(timer);
    if (error) {
        return error;
    }
    timer->overrun = 0;
    if (!on_cpu(timer)) {
        int host_flags = flags & TIMER_ABSTIME ? TFD_TIMER_ABSTIME : 0;
        return timerfd_settime(timer->fd, host_flags, its, NULL) ? -errno : 0;
    }
    timer->cpu_interval = to_ns(&its->it_interval);
    timer->cpu_end = arm ? to_ns(&its->it_value) : 0;
    if (arm && !(flags & TIMER_ABSTIME) &&
        __builtin_add_overflow(timer->cpu_end, cpu_now(timer), &timer->cpu_end)) {
        timer->cpu_end = UINT64_MAX;
    }
    cpu_arm(timer);
    return 0;
}

/* --- CPU limit ------------------------------------------------------------------------- */

void timer_limit_changed_locked(struct process *process) {
    const struct rlimit *limit = &process->limits[RLIMIT_CPU];
    struct guest_timer *timer = timer_find(process, ID_LIMIT);
    /* none, or none that can be reached */
    if (limit->rlim_cur > INT64_MAX / NSEC || process->zombie) {
        if (timer) {
            timer_remove(timer);
        }
        return;
    }
    if (!timer) {
        timer = timer_add(process, ID_LIMIT, CLOCK_PROCESS_CPUTIME_ID);
    }
    if (!timer) {
        return; /* out of memory: the process goes on without the limit */
    }
    /* Linux takes 0 as 1 second. */
    uint64_t seconds = limit->rlim_cur ? limit->rlim_cur : 1;
    struct itimerspec its = {.it_value.tv_sec = (time_t)seconds};
    timer_set(timer, TIMER_ABSTIME, &its);
}

/* --- process hooks --------------------------------------------------------------------- */

static void drop_timers_locked(struct process *process, bool interval_timers_too) {
    struct guest_timer *timer = timers, *next;
    for (; timer; timer = next) {
        next = timer->next;
        if (timer->process == process && (timer->id >= 0 || interval_timers_too)) {
            timer_remove(timer);
        }
    }
}

static void hook_exec(struct process *process) {
    pthread_mutex_lock(&process_lock);
    drop_timers_locked(process, false);
    pthread_mutex_unlock(&process_lock);
}

static void hook_exit(struct process *process) {
    pthread_mutex_lock(&process_lock);
    drop_timers_locked(process, true);
    pthread_mutex_unlock(&process_lock);
}

/* Between the exit hook and its reaping, others may have set a process a limit. */
static void hook_reap(struct process *process) {
    drop_timers_locked(process, true);
}

/* Limits are inherited, the time used is not. */
static void hook_fork(struct process *parent, struct process *child) {
    (void)parent;
    if (child->limits[RLIMIT_CPU].rlim_cur != RLIM_INFINITY) {
        timer_limit_changed_locked(child);
    }
}

void timer_init(void) {
    static struct process_hooks hooks = {
        .fork_locked = hook_fork, .exec = hook_exec, .exit = hook_exit, .reap_locked = hook_reap};
    process_hooks_add(&hooks);
}
