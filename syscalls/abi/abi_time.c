/* Time structures of the guest ABIs. Nothing here knows what a time is for. */
#include "syscalls/abi/abi_time.h"
#include "core/space/space.h"
#include "syscalls/abi/abi.h"
#include "syscalls/task/task.h"
#include <errno.h>

static int get_pair(struct task *task, enum time_layout layout, gaddr_t from, int64_t pair[2]) {
    struct space *space = task->cpu->space;
    if (layout == TIME64)
        return guest_read(space, pair, from, 16);
    int32_t narrow[2];
    int error = guest_read(space, narrow, from, sizeof(narrow));
    pair[0] = narrow[0];
    pair[1] = narrow[1];
    return error;
}

static int put_pair(struct task *task, enum time_layout layout, gaddr_t to, int64_t a, int64_t b) {
    struct space *space = task->cpu->space;
    if (layout == TIME64) {
        int64_t pair[2] = {a, b};
        return guest_write(space, to, pair, sizeof(pair));
    }
    int32_t narrow[2] = {(int32_t)a, (int32_t)b};
    return guest_write(space, to, narrow, sizeof(narrow));
}

int time_get_timespec(struct task *task, enum time_layout layout, gaddr_t from,
                      struct timespec *ts) {
    int64_t pair[2];
    if (get_pair(task, layout, from, pair))
        return -EFAULT;
    ts->tv_sec = pair[0];
    /* The upper half is padding in a 32-bit program (get_timespec64(): in_compat_syscall). */
    ts->tv_nsec = task->abi && task->abi->pointer_bytes == 4 ? (int32_t)pair[1] : pair[1];
    return 0;
}

int time_put_timespec(struct task *task, enum time_layout layout, gaddr_t to,
                      const struct timespec *ts) {
    return put_pair(task, layout, to, ts->tv_sec, ts->tv_nsec);
}

int time_get_timeval(struct task *task, enum time_layout layout, gaddr_t from, struct timeval *tv) {
    int64_t pair[2];
    if (get_pair(task, layout, from, pair))
        return -EFAULT;
    tv->tv_sec = pair[0];
    tv->tv_usec = pair[1];
    return 0;
}

int time_put_timeval(struct task *task, enum time_layout layout, gaddr_t to,
                     const struct timeval *tv) {
    return put_pair(task, layout, to, tv->tv_sec, tv->tv_usec);
}

int time_get_itimerspec(struct task *task, enum time_layout layout, gaddr_t from,
                        struct itimerspec *its) {
    int error = time_get_timespec(task, layout, from, &its->it_interval);
    if (!error)
        error = time_get_timespec(task, layout, from + time_pair_bytes(layout), &its->it_value);
    return error;
}

int time_put_itimerspec(struct task *task, enum time_layout layout, gaddr_t to,
                        const struct itimerspec *its) {
    int error = time_put_timespec(task, layout, to, &its->it_interval);
    if (!error)
        error = time_put_timespec(task, layout, to + time_pair_bytes(layout), &its->it_value);
    return error;
}
