/* Time structures between guest memory and the host: the i386 layouts (32-bit seconds) and the
 * "time64" ones that all ABIs share (struct __kernel_timespec). */
#ifndef FG_SYSCALLS_ABI_TIME_H
#define FG_SYSCALLS_ABI_TIME_H

#include "core/base/types.h"
#include <sys/time.h>
#include <time.h>

struct task;

/* Which layout a call uses. */
enum time_layout { TIME32, TIME64 };

/* 0 or -EFAULT; putting a time that does not fit into 32 bits truncates, as Linux does. Getting a
 * 64-bit timespec of a 32-bit ABI ignores the upper half of tv_nsec. */
int time_get_timespec(struct task *task, enum time_layout layout, gaddr_t from,
                      struct timespec *ts);
int time_put_timespec(struct task *task, enum time_layout layout, gaddr_t to,
                      const struct timespec *ts);
int time_get_timeval(struct task *task, enum time_layout layout, gaddr_t from, struct timeval *tv);
int time_put_timeval(struct task *task, enum time_layout layout, gaddr_t to,
                     const struct timeval *tv);
/* struct itimerspec: it_interval, it_value. */
int time_get_itimerspec(struct task *task, enum time_layout layout, gaddr_t from,
                        struct itimerspec *its);
int time_put_itimerspec(struct task *task, enum time_layout layout, gaddr_t to,
                        const struct itimerspec *its);
/* Bytes of a timespec or timeval in this layout. */
static inline unsigned time_pair_bytes(enum time_layout layout) {
    return layout == TIME32 ? 8 : 16;
}

#endif
