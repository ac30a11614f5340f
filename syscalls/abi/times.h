/* Time structures between guest memory and the host's: a set of operations for each layout. An ABI
 * has two: `times`, its own, and `times64`, the one of the calls that came with 64-bit seconds
 * (*_time64, epoll_pwait2, futex_waitv; struct __kernel_timespec); where the own one has 64-bit
 * seconds they are the same. Reached as task->abi->times. Nothing here knows what a time is for.
 *
 * A time_t is the ABI's long in both, so that struct utimbuf and time(2) need no more than
 * abi_read_longs() and abi_write_longs(). */
#ifndef FG_SYSCALLS_ABI_TIMES_H
#define FG_SYSCALLS_ABI_TIMES_H

#include "core/base/types.h"
#include <sys/time.h>
#include <sys/timex.h>
#include <time.h>

struct task;

/* All return 0 or -EFAULT. Values are sign-extended on reading and cut on writing, as Linux does;
 * nothing is checked for its range. No locks are needed, none may be held that a page fault of the
 * guest takes. */
struct abi_times {
    unsigned pair_bytes; /* of a struct timespec and of a struct timeval */
    /* Lays a timespec or timeval out in host memory, for structures that hold one. */
    void (*pack)(void *to, int64_t seconds, int64_t fraction);
    int (*get_timespec)(struct task *task, gaddr_t from, struct timespec *ts);
    int (*put_timespec)(struct task *task, gaddr_t to, const struct timespec *ts);
    int (*get_timeval)(struct task *task, gaddr_t from, struct timeval *tv);
    int (*put_timeval)(struct task *task, gaddr_t to, const struct timeval *tv);
    /* adjtimex(2) writes the whole structure; its first word, `modes`, is 32 bits in every ABI. */
    int (*put_timex)(struct task *task, gaddr_t to, const struct timex *timex);
};

/* The layouts with 64-bit seconds, which every ABI has for some of its calls (times64.c). A 32-bit
 * program's tv_nsec is half of what is read here. */
#define TIMES64_PAIR_BYTES 16
void times64_pack(void *to, int64_t seconds, int64_t fraction);
int times64_get_timespec(struct task *task, gaddr_t from, struct timespec *ts);
int times64_put_timespec(struct task *task, gaddr_t to, const struct timespec *ts);
int times64_get_timeval(struct task *task, gaddr_t from, struct timeval *tv);
int times64_put_timeval(struct task *task, gaddr_t to, const struct timeval *tv);
int times64_put_timex(struct task *task, gaddr_t to, const struct timex *timex);

/* struct itimerspec: it_interval, it_value. */
static inline int times_get_itimerspec(struct task *task, const struct abi_times *times,
                                       gaddr_t from, struct itimerspec *its) {
    int error = times->get_timespec(task, from, &its->it_interval);
    return error ? error : times->get_timespec(task, from + times->pair_bytes, &its->it_value);
}

static inline int times_put_itimerspec(struct task *task, const struct abi_times *times, gaddr_t to,
                                       const struct itimerspec *its) {
    int error = times->put_timespec(task, to, &its->it_interval);
    return error ? error : times->put_timespec(task, to + times->pair_bytes, &its->it_value);
}

#endif
