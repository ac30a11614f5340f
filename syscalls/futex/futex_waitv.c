/* Waiting on several futexes: futex_waitv(2). */
#include "gen/syscall_protos.h"
#include "syscalls/futex/futex.h"

#include "syscalls/abi/abi.h"
#include "syscalls/abi/times.h"
#include "syscalls/file/io.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>

#define WAITV_MAX 128
struct waitv_item {
    uint64_t value, address;
    uint32_t flags, reserved;
};
#define WAITV_32      2u /* FUTEX2_SIZE_U32 */
#define WAITV_PRIVATE 128u

/* Takes all waiters out again; index of one that was woken, or -1. */
static int waitv_leave(struct futex_waiter *waiter, unsigned count) {
    int woken = -1;
    for (unsigned i = 0; i < count; i++) {
        struct futex_bucket *bucket = futex_lock_waiter(&waiter[i]);
        if (waiter[i].woken) {
            woken = (int)i;
        } else {
            futex_unqueue(&waiter[i]);
        }
        pthread_mutex_unlock(&bucket->lock);
    }
    return woken;
}

static long waitv(struct task *task, const struct waitv_item *item, struct futex_waiter *waiter,
                  unsigned count, const struct timespec *deadline) {
    for (;;) {
        uint32_t sample = task_block_prepare(task);
        int error = 0;
        unsigned queued = 0;
        for (; queued < count && error == 0; queued++) {
            struct futex_waiter *one = &waiter[queued];
            *one = (struct futex_waiter){.task = task, .bitset = FUTEX_BITSET_MATCH_ANY};
            error = futex_key(task, item[queued].address, !(item[queued].flags & WAITV_PRIVATE),
                              &one->key);
            if (error) {
                break;
            }
            struct futex_bucket *bucket = futex_bucket(&one->key);
            pthread_mutex_lock(&bucket->lock);
            error = futex_expect(task, item[queued].address, (uint32_t)item[queued].value);
            if (error == 0) {
                futex_queue(bucket, one);
            }
            pthread_mutex_unlock(&bucket->lock);
            if (error) {
                break;
            }
        }
        if (error == 0) {
            error = task_block(task, sample, deadline);
        }
        int woken = waitv_leave(waiter, queued);
        if (woken >= 0) {
            return woken;
        }
        if (error) {
            return error == -EINTR ? -ERESTARTSYS : error;
        }
    }
}

/* futex_waitv(2) */
long sys_futex_waitv(struct task *task, gaddr_t items, uint32_t count, uint32_t flags,
                     gaddr_t timeout, int32_t clock) {
    struct timespec at, deadline;
    if (flags || count == 0 || count > WAITV_MAX || !items) {
        return -EINVAL;
    }
    if (timeout) {
        if (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME) {
            return -EINVAL;
        }
        if (task->abi->times64->get_timespec(task, timeout, &at)) {
            return -EFAULT;
        }
        if (!timespec_valid(&at)) {
            return -EINVAL;
        }
        futex_deadline(&deadline, &at, clock == CLOCK_REALTIME);
    }
    struct waitv_item *item = malloc(count * sizeof *item);
    struct futex_waiter *waiter = malloc(count * sizeof *waiter);
    long result = item && waiter ? 0 : -ENOMEM;
    if (result == 0 && guest_read(task->cpu->space, item, items, count * sizeof *item)) {
        result = -EFAULT;
    }
    for (unsigned i = 0; result == 0 && i < count; i++) {
        if ((item[i].flags & ~WAITV_PRIVATE) != WAITV_32 || item[i].reserved) {
            result = -EINVAL;
        }
    }
    if (result == 0) {
        result = waitv(task, item, waiter, count, timeout ? &deadline : NULL);
    }
    free(item);
    free(waiter);
    return result;
}
