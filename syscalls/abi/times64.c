/* Time structures with 64-bit seconds (struct __kernel_timespec, __kernel_timex): those of x86-64,
 * and of the *_time64 calls elsewhere. */
#include "core/space/space.h"
#include "syscalls/abi/times.h"
#include "syscalls/task/task.h"

#include <errno.h>
#include <string.h>

void times64_pack(void *to, int64_t seconds, int64_t fraction) {
    const int64_t pair[2] = {seconds, fraction};
    memcpy(to, pair, sizeof pair);
}

static int get_pair(struct task *task, gaddr_t from, int64_t pair[2]) {
    return guest_read(task->cpu->space, pair, from, TIMES64_PAIR_BYTES);
}

static int put_pair(struct task *task, gaddr_t to, int64_t seconds, int64_t fraction) {
    int64_t pair[2];
    times64_pack(pair, seconds, fraction);
    return guest_write(task->cpu->space, to, pair, sizeof pair);
}

int times64_get_timespec(struct task *task, gaddr_t from, struct timespec *ts) {
    int64_t pair[2];
    if (get_pair(task, from, pair)) {
        return -EFAULT;
    }
    *ts = (struct timespec){pair[0], pair[1]};
    return 0;
}

int times64_put_timespec(struct task *task, gaddr_t to, const struct timespec *ts) {
    return put_pair(task, to, ts->tv_sec, ts->tv_nsec);
}

int times64_get_timeval(struct task *task, gaddr_t from, struct timeval *tv) {
    int64_t pair[2];
    if (get_pair(task, from, pair)) {
        return -EFAULT;
    }
    *tv = (struct timeval){pair[0], pair[1]};
    return 0;
}

int times64_put_timeval(struct task *task, gaddr_t to, const struct timeval *tv) {
    return put_pair(task, to, tv->tv_sec, tv->tv_usec);
}

/* The structure is a 64-bit host's; what is in no field of it stays as the program left it. */
int times64_put_timex(struct task *task, gaddr_t to, const struct timex *timex) {
    struct timex out;
    _Static_assert(sizeof out == 208, "struct __kernel_timex");
    if (guest_read(task->cpu->space, &out, to, sizeof out)) {
        return -EFAULT;
    }
    out.modes = timex->modes;
    out.offset = timex->offset;
    out.freq = timex->freq;
    out.maxerror = timex->maxerror;
    out.esterror = timex->esterror;
    out.status = timex->status;
    out.constant = timex->constant;
    out.precision = timex->precision;
    out.tolerance = timex->tolerance;
    out.time = timex->time;
    out.tick = timex->tick;
    out.ppsfreq = timex->ppsfreq;
    out.jitter = timex->jitter;
    out.shift = timex->shift;
    out.stabil = timex->stabil;
    out.jitcnt = timex->jitcnt;
    out.calcnt = timex->calcnt;
    out.errcnt = timex->errcnt;
    out.stbcnt = timex->stbcnt;
    out.tai = timex->tai;
    return guest_write(task->cpu->space, to, &out, sizeof out);
}
