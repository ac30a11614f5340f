/* The artificial ABI: every operation copies the host's own structure. Nothing is shared with
 * syscalls/abi/i386; this is also what an x86-64 ABI would begin with. */
#include "test/abi/lp64.h"
#include "core/space/space.h"
#include "syscalls/abi/times.h"

/* --- times ----------------------------------------------------------------------------- */

static int get_timespec(struct task *task, gaddr_t from, struct timespec *ts) {
    return guest_read(task->cpu->space, ts, from, sizeof *ts);
}

static int put_timespec(struct task *task, gaddr_t to, const struct timespec *ts) {
    return guest_write(task->cpu->space, to, ts, sizeof *ts);
}

static int get_timeval(struct task *task, gaddr_t from, struct timeval *tv) {
    return guest_read(task->cpu->space, tv, from, sizeof *tv);
}

static int put_timeval(struct task *task, gaddr_t to, const struct timeval *tv) {
    return guest_write(task->cpu->space, to, tv, sizeof *tv);
}

static int put_timex(struct task *task, gaddr_t to, const struct timex *timex) {
    return guest_write(task->cpu->space, to, timex, sizeof *timex);
}

static const struct abi_times times = {
    .pair_bytes = sizeof(struct timespec),
    .get_timespec = get_timespec,
    .put_timespec = put_timespec,
    .get_timeval = get_timeval,
    .put_timeval = put_timeval,
    .put_timex = put_timex,
};

const struct abi lp64 = {
    .name = "lp64",
    .mode = GUEST_I386,
    .pointer_bytes = 8,
    .times = &times,
    .times64 = &times,
};
