/* poll(2), ppoll(2), and the wait that select shares with them. Readiness is the host's; files that
 * know more (ops->poll) or that have no host descriptor are asked as well. */
#include "core/space/space.h"
#include "syscalls/abi/abi.h"
#include "syscalls/abi/times.h"
#include "syscalls/file/io.h"
#include "syscalls/signal/signal.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "gen/syscall_protos.h"
#include "syscalls/poll/poll.h"

#define ALWAYS_READY        (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM)
#define ALWAYS_SHOWN        (POLLERR | POLLHUP | POLLNVAL)
#define RLIMIT_NOFILE_GUEST 7

/* What is ready without asking the host. Returns the number of ready items. */
static int poll_own(struct poll_item *item, struct pollfd *host, unsigned count) {
    int ready = 0;
    for (unsigned i = 0; i < count; i++) {
        struct file *file = item[i].file;
        host[i] = (struct pollfd){.fd = -1, .events = item[i].events};
        if (!file) {
            ready += item[i].revents != 0; /* POLLNVAL set by the caller, or a slot to skip */
            continue;
        }
        item[i].revents = 0;
        if (file->ops->poll) {
            item[i].revents = file->ops->poll(file, item[i].events);
        }
        if (file->host_fd >= 0) {
            host[i].fd = file->host_fd;
        } else if (!file->ops->poll) {
            item[i].revents = ALWAYS_READY & item[i].events;
        }
        ready += item[i].revents != 0;
    }
    return ready;
}

int poll_wait(struct task *task, struct poll_item *item, unsigned count,
              const struct timespec *deadline) {
    struct pollfd few[64];
    struct pollfd *host = count > ARRAY_LEN(few) ? malloc(count * sizeof *host) : few;
    if (!host) {
        return -ENOMEM;
    }
    int result;
    for (;;) {
        int ready = poll_own(item, host, count);
        struct timespec left = {0}, *limit = NULL;
        if (deadline) {
            deadline_left(deadline, &left);
            limit = &left;
        }
        if (ready) {
            left = (struct timespec){0};
            limit = &left;
        }
        long got = host_call(task, SYS_ppoll, (long)host, count, (long)limit, 0, 8, 0);
        if (got == -EINTR && !ready) { /* what is ready goes before a signal that waits */
            got = poll(host, count, 0);
            got = got ? got : -EINTR;
        }
        if (got < 0 && !ready) {
            result = (int)got;
            break;
        }
        result = 0;
        for (unsigned i = 0; i < count; i++) {
            if (got > 0 && host[i].fd >= 0) {
                item[i].revents |= host[i].revents;
            }
            item[i].revents &= item[i].events | ALWAYS_SHOWN;
            result += item[i].revents != 0;
        }
        if (result) {
            break;
        }
        if (deadline) {
            deadline_left(deadline, &left);
            if (!left.tv_sec && !left.tv_nsec) {
                break;
            }
        }
        /* Something hid between the two looks (ready for somebody else's process): look again, but
         * only as long as the host does not say it without a pause. */
        if (got > 0 && task_interrupted(task)) {
            result = -EINTR;
            break;
        }
    }
    if (host != few) {
        free(host);
    }
    return result;
}

struct guest_pollfd {
    int32_t fd;
    int16_t events, revents;
};

/* One poll: copies the set in, waits, writes the results. Returns the count or -errno; -EINTR
 * plain. */
static long poll_set(struct task *task, gaddr_t fds, uint32_t count,
                     const struct timespec *deadline) {
    if (count > task->process->limits[RLIMIT_NOFILE_GUEST].rlim_cur) {
        return -EINVAL;
    }
    struct space *space = task->cpu->space;
    struct guest_pollfd few[32];
    struct poll_item few_items[32];
    struct guest_pollfd *set = few;
    struct poll_item *item = few_items;
    if (count > ARRAY_LEN(few)) {
        set = malloc(count * sizeof *set);
        item = malloc(count * sizeof *item);
    }
    long result = -ENOMEM;
    if (set && item) {
        result = guest_read(space, set, fds, count * sizeof *set);
    }
    if (result == 0) {
        for (uint32_t i = 0; i < count; i++) {
            item[i] = (struct poll_item){.events = set[i].events};
            if (set[i].fd >= 0 && !(item[i].file = fd_get(task, set[i].fd))) {
                item[i].revents = POLLNVAL;
            }
        }
        result = poll_wait(task, item, count, deadline);
        for (uint32_t i = 0; i < count; i++) {
            set[i].revents = item[i].revents;
            if (item[i].file) {
                file_unref(item[i].file);
            }
            gaddr_t at = fds + i * sizeof *set + offsetof(struct guest_pollfd, revents);
            if (result >= 0 && guest_write(space, at, &set[i].revents, 2)) {
                result = -EFAULT;
            }
        }
    }
    if (set != few) {
        free(set);
    }
    if (item != few_items) {
        free(item);
    }
    return result;
}

static long poll_restart(struct task *task);

static long poll_until(struct task *task, gaddr_t fds, uint32_t count,
                       const struct timespec *deadline) {
    long result = poll_set(task, fds, count, deadline);
    if (result != -EINTR) {
        return result;
    }
    task->restart = poll_restart;
    task->restart_arg[0] = fds;
    task->restart_arg[1] = (uint64_t)count | (uint64_t)(deadline != NULL) << 32;
    task->restart_arg[2] = deadline ? deadline->tv_sec : 0;
    task->restart_arg[3] = deadline ? deadline->tv_nsec : 0;
    return -ERESTART_RESTARTBLOCK;
}

static long poll_restart(struct task *task) {
    struct timespec deadline = {(time_t)task->restart_arg[2], (long)task->restart_arg[3]};
    bool limited = task->restart_arg[1] >> 32;
    return poll_until(task, task->restart_arg[0], (uint32_t)task->restart_arg[1],
                      limited ? &deadline : NULL);
}

/* poll(2) */
long sys_poll(struct task *task, gaddr_t fds, uint32_t count, int32_t milliseconds) {
    struct timespec timeout = {milliseconds / 1000, milliseconds % 1000 * 1000000L}, deadline;
    if (milliseconds >= 0) {
        deadline_after(&deadline, &timeout);
    }
    return poll_until(task, fds, count, milliseconds >= 0 ? &deadline : NULL);
}

/* ppoll(2): the mask holds during the wait only; the rest of the timeout is written back. */
static long do_ppoll(struct task *task, const struct abi_times *times, gaddr_t fds, uint32_t count,
                     gaddr_t timeout_at, gaddr_t mask_at, uint64_t mask_bytes) {
    struct timespec left, deadline;
    int error = deadline_read(task, times, timeout_at, &deadline);
    if (error) {
        return error;
    }
    if (mask_at) {
        error = signal_mask_read_temporary(task, mask_at, mask_bytes);
        if (error) {
            return error;
        }
    }
    long result = poll_set(task, fds, count, timeout_at ? &deadline : NULL);
    if (result == -EINTR) {
        result = -ERESTARTNOHAND;
    } else if (mask_at) {
        signal_mask_restore(task);
    }
    if (timeout_at && time_left_is_told(task, &result)) {
        deadline_left(&deadline, &left);
        if (times->put_timespec(task, timeout_at, &left) && result == -ERESTARTNOHAND) {
            result = -EINTR; /* a restart would wait for the whole time again */
        }
    }
    return result;
}

long sys_ppoll(struct task *task, gaddr_t fds, uint32_t count, gaddr_t timeout, gaddr_t mask,
               uint64_t mask_bytes) {
    return do_ppoll(task, task->abi->times, fds, count, timeout, mask, mask_bytes);
}

long sys_ppoll_time64(struct task *task, gaddr_t fds, uint32_t count, gaddr_t timeout, gaddr_t mask,
                      uint64_t mask_bytes) {
    return do_ppoll(task, task->abi->times64, fds, count, timeout, mask, mask_bytes);
}
