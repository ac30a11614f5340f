/* System calls of timers that send signals: alarm(2), setitimer(2), timer_create(2) and its kin. */
#include "syscalls/abi/abi.h"
#include "syscalls/abi/times.h"
#include "syscalls/file/io.h"
#include "syscalls/signal/signal.h"
#include "syscalls/task/process.h"
#include "syscalls/time/time.h"
#include "syscalls/time/timer_internal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "gen/syscall_protos.h"

#define RLIMIT_SIGPENDING_GUEST 11

/* --- interval timers ------------------------------------------------------------------------- */

/* Inner setitimer: `new` NULL only reads. */
static int interval_timer(struct process *process, int which, const struct itimerspec *new,
                          struct itimerspec *old) {
    static const struct {
        int32_t id, clock, signo;
    } kind[] = {{ID_REAL, CLOCK_MONOTONIC, SIGALRM},
                {ID_VIRTUAL, CLOCK_PROCESS_CPUTIME_ID, SIGVTALRM},
                {ID_PROF, CLOCK_PROCESS_CPUTIME_ID, SIGPROF}};
    if (which < 0 || which >= (int)ARRAY_LEN(kind)) {
        return -EINVAL;
    }
    int error = 0;
    memset(old, 0, sizeof *old);
    pthread_mutex_lock(&process_lock);
    struct guest_timer *timer = timer_find(process, kind[which].id);
    if (timer) {
        error = timer_read(timer, old);
    }
    if (new && !timer) {
        timer = timer_add(process, kind[which].id, kind[which].clock);
        error = timer ? 0 : -ENOMEM;
        if (timer) {
            timer->signo = kind[which].signo;
        }
    }
    if (new && !error) {
        error = timer_set(timer, 0, new);
    }
    pthread_mutex_unlock(&process_lock);
    return error;
}

/* struct itimerval: two struct timeval. */
static int get_itimerval(struct task *task, gaddr_t at, struct itimerspec *its) {
    const struct abi_times *times = task->abi->times;
    struct timeval tv[2];
    for (int i = 0; i < 2; i++) {
        if (times->get_timeval(task, at + (gaddr_t)i * times->pair_bytes, &tv[i])) {
            return -EFAULT;
        }
        if (tv[i].tv_sec < 0 || tv[i].tv_usec < 0 || tv[i].tv_usec >= 1000000) {
            return -EINVAL;
        }
    }
    its->it_interval = (struct timespec){tv[0].tv_sec, tv[0].tv_usec * 1000};
    its->it_value = (struct timespec){tv[1].tv_sec, tv[1].tv_usec * 1000};
    return 0;
}

static int put_itimerval(struct task *task, gaddr_t at, const struct itimerspec *its) {
    const struct abi_times *times = task->abi->times;
    struct timeval interval = {its->it_interval.tv_sec, its->it_interval.tv_nsec / 1000};
    struct timeval value = {its->it_value.tv_sec, (its->it_value.tv_nsec + 999) / 1000};
    value.tv_sec += value.tv_usec / 1000000;
    value.tv_usec %= 1000000;
    int error = times->put_timeval(task, at, &interval);
    return error ? error : times->put_timeval(task, at + times->pair_bytes, &value);
}

/* setitimer(2) */
long sys_setitimer(struct task *task, int32_t which, gaddr_t new_at, gaddr_t old_at) {
    struct itimerspec new = {0}, old;
    int error = new_at ? get_itimerval(task, new_at, &new) : 0;
    if (!error) {
        error = interval_timer(task->process, which, &new, &old);
    }
    if (!error && old_at) {
        error = put_itimerval(task, old_at, &old);
    }
    return error;
}

long sys_getitimer(struct task *task, int32_t which, gaddr_t at) {
    struct itimerspec now;
    int error = interval_timer(task->process, which, NULL, &now);
    return error ? error : put_itimerval(task, at, &now);
}

/* alarm(2): seconds that were left, rounded, but never 0 for an armed one. */
long sys_alarm(struct task *task, uint32_t seconds) {
    struct itimerspec new = {.it_value = {seconds, 0}}, old;
    int error = interval_timer(task->process, 0, &new, &old);
    if (error) {
        return error;
    }
    long left = old.it_value.tv_sec;
    if ((left == 0 && old.it_value.tv_nsec) || old.it_value.tv_nsec >= 500000000) {
        left++;
    }
    return left;
}

/* --- POSIX timers ---------------------------------------------------------------------- */

static bool clock_has_timers(int32_t clock) {
    return clock_is_cpu(clock) || clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC ||
           clock == CLOCK_BOOTTIME || clock == CLOCK_TAI || clock == CLOCK_REALTIME_ALARM ||
           clock == CLOCK_BOOTTIME_ALARM;
}

static int check_sigevent(struct process *process, const struct guest_sigevent *event) {
    if (event->notify == NOTIFY_NONE) {
        return 0;
    }
    if (event->notify & ~(NOTIFY_THREAD_ID | NOTIFY_THREAD)) {
        return -EINVAL;
    }
    if (event->notify & NOTIFY_THREAD_ID) {
        struct task *task = task_find(event->tid);
        if (!task || task->process != process) {
            return -EINVAL;
        }
    }
    return event->signo >= 1 && event->signo <= GUEST_SIGNALS ? 0 : -EINVAL;
}

/* Lowest free number, or -EAGAIN when the process has too many; process_lock held. */
static int32_t free_id(struct process *process) {
    uint64_t most = process->limits[RLIMIT_SIGPENDING_GUEST].rlim_cur;
    uint64_t count = 0;
    int32_t id = 0;
    for (struct guest_timer *timer = timers; timer; timer = timer->next) {
        if (timer->process == process && timer->id >= 0) {
            count++;
        }
    }
    if (count >= most || count >= 4096) {
        return -EAGAIN;
    }
    while (timer_find(process, id)) {
        id++;
    }
    return id;
}

long sys_timer_create(struct task *task, int32_t clock, gaddr_t event_at, gaddr_t id_at) {
    struct process *process = task->process;
    struct guest_sigevent event = {.signo = SIGALRM, .notify = NOTIFY_SIGNAL};
    if (event_at && abi_read_sigevent(task, event_at, &event)) {
        return -EFAULT;
    }
    uint64_t unused;
    if (!clock_has_timers(clock) || (clock_is_cpu(clock) && cpu_clock_ns(task, clock, &unused))) {
        return -EINVAL;
    }
    pthread_mutex_lock(&process_lock);
    int32_t id = check_sigevent(process, &event);
    if (!id) {
        id = free_id(process);
    }
    struct guest_timer *timer = NULL;
    if (id >= 0) {
        timer = timer_add(process, id, clock);
        if (timer) {
            timer->notify = event.notify & NOTIFY_THREAD_ID ? NOTIFY_THREAD_ID : event.notify;
            timer->signo = event.signo;
            timer->tid = event.notify & NOTIFY_THREAD_ID ? event.tid : 0;
            if (clock == CLOCK_THREAD_CPUTIME_ID && !timer->tid) {
                timer->tid = task->tid;
            }
            timer->value = event_at ? event.value : id;
        } else {
            id = -EAGAIN;
        }
    }
    pthread_mutex_unlock(&process_lock);
    if (id < 0) {
        return id;
    }
    if (!guest_write(task->cpu->space, id_at, &id, sizeof id)) {
        return 0;
    }
    sys_timer_delete(task, id);
    return -EFAULT;
}

long sys_timer_delete(struct task *task, int32_t id) {
    pthread_mutex_lock(&process_lock);
    struct guest_timer *timer = id < 0 ? NULL : timer_find(task->process, id);
    if (timer) {
        timer_remove(timer);
    }
    pthread_mutex_unlock(&process_lock);
    return timer ? 0 : -EINVAL;
}

long sys_timer_getoverrun(struct task *task, int32_t id) {
    pthread_mutex_lock(&process_lock);
    struct guest_timer *timer = id < 0 ? NULL : timer_find(task->process, id);
    long overrun = timer ? (long)timer->overrun : -EINVAL;
    pthread_mutex_unlock(&process_lock);
    return overrun;
}

static long settime(struct task *task, const struct abi_times *times, int32_t id, uint32_t flags,
                    gaddr_t new_at, gaddr_t old_at) {
    struct itimerspec new, old = {0};
    if (!new_at) {
        return -EINVAL;
    }
    if (times_get_itimerspec(task, times, new_at, &new)) {
        return -EFAULT;
    }
    if (!timespec_valid(&new.it_value) || !timespec_valid(&new.it_interval)) {
        return -EINVAL;
    }
    pthread_mutex_lock(&process_lock);
    struct guest_timer *timer = id < 0 ? NULL : timer_find(task->process, id);
    int error = timer ? timer_read(timer, &old) : -EINVAL;
    if (!error) {
        error = timer_set(timer, (int)flags, &new);
    }
    pthread_mutex_unlock(&process_lock);
    if (!error && old_at) {
        error = times_put_itimerspec(task, times, old_at, &old);
    }
    return error;
}

static long gettime(struct task *task, const struct abi_times *times, int32_t id, gaddr_t at) {
    struct itimerspec now;
    pthread_mutex_lock(&process_lock);
    struct guest_timer *timer = id < 0 ? NULL : timer_find(task->process, id);
    int error = timer ? timer_read(timer, &now) : -EINVAL;
    pthread_mutex_unlock(&process_lock);
    return error ? error : times_put_itimerspec(task, times, at, &now);
}

long sys_timer_settime(struct task *task, int32_t id, uint32_t flags, gaddr_t new, gaddr_t old) {
    return settime(task, task->abi->times, id, flags, new, old);
}

long sys_timer_settime64(struct task *task, int32_t id, uint32_t flags, gaddr_t new, gaddr_t old) {
    return settime(task, task->abi->times64, id, flags, new, old);
}

long sys_timer_gettime(struct task *task, int32_t id, gaddr_t at) {
    return gettime(task, task->abi->times, id, at);
}

long sys_timer_gettime64(struct task *task, int32_t id, gaddr_t at) {
    return gettime(task, task->abi->times64, id, at);
}
