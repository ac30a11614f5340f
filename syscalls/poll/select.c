/* select(2), pselect(2): sets of bits over the wait of poll.c. */
#include "core/space/space.h"
#include "syscalls/abi/abi.h"
#include "syscalls/abi/times.h"
#include "syscalls/file/io.h"
#include "syscalls/signal/signal.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "gen/syscall_protos.h"
#include "syscalls/poll/poll.h"

/* What makes a descriptor ready in each of the three sets (select(2), "Correspondence between
 * select() and poll() notifications"). */
#define READY_READ   (POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR)
#define READY_WRITE  (POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR)
#define READY_EXCEPT POLLPRI

enum { SET_READ, SET_WRITE, SET_EXCEPT, SETS };
static const short set_mask[SETS] = {READY_READ, READY_WRITE, READY_EXCEPT};

struct select_call {
    uint32_t bytes; /* of each set */
    gaddr_t guest[SETS];
    uint8_t *in[SETS], *out[SETS]; /* within `memory` */
    uint8_t *memory;
    struct poll_item *item;
    int *fd;
    unsigned count;
};

static bool bit(const uint8_t *set, int fd) {
    return set[fd / 8] >> (fd % 8) & 1;
}

/* The events of the sets that `fd` is in. */
static short wanted(const struct select_call *call, int fd) {
    short events = 0;
    for (int set = 0; set < SETS; set++) {
        if (bit(call->in[set], fd)) {
            events |= set_mask[set];
        }
    }
    return events;
}

static int collect(struct task *task, struct select_call *call, int n) {
    for (int fd = 0; fd < n; fd++) {
        short events = wanted(call, fd);
        if (!events) {
            continue;
        }
        struct file *file = fd_get(task, fd);
        if (!file) {
            return -EBADF;
        }
        call->fd[call->count] = fd;
        call->item[call->count++] =
            (struct poll_item){.file = file, .events = events & ~(POLLERR | POLLHUP)};
    }
    return 0;
}

static int wait_sets(struct task *task, struct select_call *call, const struct timespec *deadline) {
    /* An item that is ready only with what its sets do not ask for (a hang-up, watched for writing)
     * must not end the wait nor make it spin: it leaves the poll, as its file keeps that state. */
    struct file **dropped = calloc(call->count + 1, sizeof *dropped);
    if (!dropped) {
        return -ENOMEM;
    }
    int ready;
    for (;;) {
        ready = poll_wait(task, call->item, call->count, deadline);
        if (ready <= 0) {
            break;
        }
        int counted = 0, useless = 0;
        for (unsigned i = 0; i < call->count; i++) {
            short events = wanted(call, call->fd[i]);
            if (call->item[i].revents & events) {
                counted++;
            } else if (call->item[i].revents && call->item[i].file) {
                dropped[i] = call->item[i].file;
                call->item[i].file = NULL;
                call->item[i].revents = 0;
                useless++;
            }
        }
        if (counted || !useless) {
            break;
        }
    }
    for (unsigned i = 0; i < call->count; i++) {
        if (dropped[i]) {
            call->item[i].file = dropped[i];
        }
    }
    free(dropped);
    if (ready < 0) {
        return ready;
    }
    int bits = 0;
    for (unsigned i = 0; i < call->count; i++) {
        int fd = call->fd[i];
        for (int set = 0; set < SETS; set++) {
            if (bit(call->in[set], fd) && (call->item[i].revents & set_mask[set])) {
                call->out[set][fd / 8] |= 1u << (fd % 8);
                bits++;
            }
        }
    }
    return bits;
}

/* The inner select: deadline NULL waits for ever. Returns the number of bits, -EINTR or -errno. */
static long select_sets(struct task *task, int n, const gaddr_t guest[SETS],
                        const struct timespec *deadline) {
    if (n < 0) {
        return -EINVAL;
    }
    struct fd_table *fds = task->fds;
    pthread_mutex_lock(&fds->lock);
    if (n > fds->size) /* Linux's smallest table has 64 */
    {
        n = fds->size > 64 ? fds->size : n > 64 ? 64 : n;
    }
    pthread_mutex_unlock(&fds->lock);
    unsigned word = abi_long_bytes(task);
    struct select_call call = {.bytes = (n + word * 8 - 1) / (word * 8) * word};
    call.memory = calloc(1, call.bytes * 2 * SETS + 1);
    call.item = calloc(n + 1, sizeof *call.item);
    call.fd = calloc(n + 1, sizeof *call.fd);
    long result = call.memory && call.item && call.fd ? 0 : -ENOMEM;
    for (int set = 0; set < SETS && result == 0; set++) {
        call.in[set] = call.memory + call.bytes * set;
        call.out[set] = call.memory + call.bytes * (SETS + set);
        if (guest[set]) {
            result = guest_read(task->cpu->space, call.in[set], guest[set], call.bytes);
        }
    }
    if (result == 0) {
        result = collect(task, &call, n);
    }
    if (result == 0) {
        result = wait_sets(task, &call, deadline);
    }
    for (unsigned i = 0; i < call.count; i++) {
        file_unref(call.item[i].file);
    }
    for (int set = 0; set < SETS && result >= 0; set++) {
        if (guest[set] && guest_write(task->cpu->space, guest[set], call.out[set], call.bytes)) {
            result = -EFAULT;
        }
    }
    free(call.memory);
    free(call.item);
    free(call.fd);
    return result;
}

/* select with a timeval that gets the time that is left. */
long sys_select(struct task *task, int32_t n, gaddr_t in, gaddr_t out, gaddr_t except,
                gaddr_t timeout_at) {
    struct timespec deadline, left;
    if (timeout_at) {
        struct timeval tv;
        if (task->abi->times->get_timeval(task, timeout_at, &tv)) {
            return -EFAULT;
        }
        struct timespec timeout = {.tv_nsec = tv.tv_usec % 1000000 * 1000};
        if (tv.tv_sec < 0 || tv.tv_usec < 0 ||
            __builtin_add_overflow(tv.tv_sec, tv.tv_usec / 1000000, &timeout.tv_sec)) {
            return -EINVAL;
        }
        deadline_after(&deadline, &timeout);
    }
    long result = select_sets(task, n, (gaddr_t[]){in, out, except}, timeout_at ? &deadline : NULL);
    if (result == -EINTR) {
        result = -ERESTARTNOHAND;
    }
    if (timeout_at && time_left_is_told(task, &result)) {
        deadline_left(&deadline, &left);
        struct timeval tv = {left.tv_sec, left.tv_nsec / 1000};
        if (task->abi->times->put_timeval(task, timeout_at, &tv) && result == -ERESTARTNOHAND) {
            result = -EINTR;
        }
    }
    return result;
}

static long pselect6(struct task *task, const struct abi_times *times, int32_t n,
                     const gaddr_t set[SETS], gaddr_t timeout_at, gaddr_t mask_arg) {
    struct timespec left, deadline;
    int error = deadline_read(task, times, timeout_at, &deadline);
    if (error) {
        return error;
    }
    uint64_t pair[2] = {0}; /* sigset_t *, size_t */
    if (mask_arg) {
        if (abi_read_pointers(task, mask_arg, pair, 2)) {
            return -EFAULT;
        }
    }
    if (pair[0]) {
        error = signal_mask_read_temporary(task, pair[0], pair[1]);
        if (error) {
            return error;
        }
    }
    long result = select_sets(task, n, set, timeout_at ? &deadline : NULL);
    if (result == -EINTR) {
        result = -ERESTARTNOHAND;
    } else if (pair[0]) {
        signal_mask_restore(task);
    }
    if (timeout_at && time_left_is_told(task, &result)) {
        deadline_left(&deadline, &left);
        if (times->put_timespec(task, timeout_at, &left) && result == -ERESTARTNOHAND) {
            result = -EINTR;
        }
    }
    return result;
}

long sys_pselect6(struct task *task, int32_t n, gaddr_t in, gaddr_t out, gaddr_t except,
                  gaddr_t timeout, gaddr_t mask) {
    return pselect6(task, task->abi->times, n, (gaddr_t[]){in, out, except}, timeout, mask);
}

long sys_pselect6_time64(struct task *task, int32_t n, gaddr_t in, gaddr_t out, gaddr_t except,
                         gaddr_t timeout, gaddr_t mask) {
    return pselect6(task, task->abi->times64, n, (gaddr_t[]){in, out, except}, timeout, mask);
}
