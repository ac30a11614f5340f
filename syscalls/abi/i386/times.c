/* Time structures of the i386 ABI: its own with 32-bit seconds (<asm/posix_types_32.h>), and those
 * of the *_time64 calls. */
#include "syscalls/abi/times.h"
#include "core/space/space.h"
#include "gen/syscall_protos.h"
#include "syscalls/abi/i386/i386.h"

#include <errno.h>
#include <string.h>

/* --- 32-bit seconds -------------------------------------------------------------------- */

static int get_pair(struct task *task, gaddr_t from, int32_t pair[2]) {
    return guest_read(task->cpu->space, pair, from, 2 * sizeof pair[0]);
}

static void pack(void *to, int64_t seconds, int64_t fraction) {
    const int32_t pair[2] = {(int32_t)seconds, (int32_t)fraction};
    memcpy(to, pair, sizeof pair);
}

static int put_pair(struct task *task, gaddr_t to, int64_t seconds, int64_t fraction) {
    int32_t pair[2];
    pack(pair, seconds, fraction);
    return guest_write(task->cpu->space, to, pair, sizeof pair);
}

static int get_timespec(struct task *task, gaddr_t from, struct timespec *ts) {
    int32_t pair[2];
    if (get_pair(task, from, pair)) {
        return -EFAULT;
    }
    *ts = (struct timespec){pair[0], pair[1]};
    return 0;
}

static int put_timespec(struct task *task, gaddr_t to, const struct timespec *ts) {
    return put_pair(task, to, ts->tv_sec, ts->tv_nsec);
}

static int get_timeval(struct task *task, gaddr_t from, struct timeval *tv) {
    int32_t pair[2];
    if (get_pair(task, from, pair)) {
        return -EFAULT;
    }
    *tv = (struct timeval){pair[0], pair[1]};
    return 0;
}

static int put_timeval(struct task *task, gaddr_t to, const struct timeval *tv) {
    return put_pair(task, to, tv->tv_sec, tv->tv_usec);
}

#define TIMEX_WORDS 32

/* struct timex: 32 words. */
static int put_timex(struct task *task, gaddr_t to, const struct timex *t) {
    const int64_t value[] = {
        t->modes,    t->offset,    t->freq,      t->maxerror,    t->esterror,     t->status,
        t->constant, t->precision, t->tolerance, t->time.tv_sec, t->time.tv_usec, t->tick,
        t->ppsfreq,  t->jitter,    t->shift,     t->stabil,      t->jitcnt,       t->calcnt,
        t->errcnt,   t->stbcnt,    t->tai};
    uint32_t word[TIMEX_WORDS] = {0};
    for (size_t i = 0; i < ARRAY_LEN(value); i++) {
        word[i] = (uint32_t)value[i];
    }
    return guest_write(task->cpu->space, to, word, sizeof word);
}

const struct abi_times abi_i386_times = {
    .pair_bytes = 8,
    .pack = pack,
    .get_timespec = get_timespec,
    .put_timespec = put_timespec,
    .get_timeval = get_timeval,
    .put_timeval = put_timeval,
    .put_timex = put_timex,
};

/* --- 64-bit seconds -------------------------------------------------------------------- */

/* The upper half of tv_nsec is padding in a 32-bit program (clock_gettime(2), "C library/kernel
 * differences"). */
static int get_timespec64(struct task *task, gaddr_t from, struct timespec *ts) {
    int error = times64_get_timespec(task, from, ts);
    ts->tv_nsec = (int32_t)ts->tv_nsec;
    return error;
}

const struct abi_times abi_i386_times64 = {
    .pair_bytes = TIMES64_PAIR_BYTES,
    .pack = times64_pack,
    .get_timespec = get_timespec64,
    .put_timespec = times64_put_timespec,
    .get_timeval = times64_get_timeval,
    .put_timeval = times64_put_timeval,
    .put_timex = times64_put_timex,
};

/* stime(2): nobody sets a clock */
long sys_stime(struct task *task, gaddr_t at) {
    int32_t seconds;
    return guest_read(task->cpu->space, &seconds, at, sizeof seconds) ? -EFAULT : -EPERM;
}
