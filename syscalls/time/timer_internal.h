/* Timers that send signals, between the objects (timer.c) and the calls (timer_calls.c). Everything
 * here wants process_lock held. */
#ifndef FG_SYSCALLS_TIMER_INTERNAL_H
#define FG_SYSCALLS_TIMER_INTERNAL_H

#include "core/base/types.h"
#include <time.h>

struct process;

enum { NOTIFY_SIGNAL = 0, NOTIFY_NONE = 1, NOTIFY_THREAD = 2, NOTIFY_THREAD_ID = 4 };
/* Ids of the interval timers and of the CPU limit, beside the guest's timer numbers from 0. */
enum { ID_REAL = -1, ID_VIRTUAL = -2, ID_PROF = -3, ID_LIMIT = -4 };

struct guest_timer {
    struct process *process;
    int32_t id, clock, notify, signo, tid;
    int64_t value;                  /* sigev_value */
    int fd;                         /* timerfd; -1 until armed first */
    uint64_t serial;                /* what epoll knows it by: never used twice */
    uint64_t cpu_end, cpu_interval; /* CPU clocks: absolute end (0: unarmed), interval, in ns */
    uint32_t overrun;
    struct guest_timer *next;
};

extern struct guest_timer *timers; /* of all processes */

/* The timer of a process by its number; NULL: none. */
struct guest_timer *timer_find(struct process *process, int32_t id);
/* A new one, not armed; NULL: out of memory. */
struct guest_timer *timer_add(struct process *process, int32_t id, int32_t clock);
void timer_remove(struct guest_timer *timer);
/* As timer_gettime(2) and timer_settime(2): 0 or -errno. */
int timer_read(struct guest_timer *timer, struct itimerspec *its);
int timer_set(struct guest_timer *timer, int flags, const struct itimerspec *its);

#endif
