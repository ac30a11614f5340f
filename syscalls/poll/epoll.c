/* epoll(7): one host epoll per guest epoll; event data passes through it unseen.
 *
 * The host knows a registration by (description, host descriptor), the guest by (description, guest
 * descriptor). All guest descriptors of a file share one host descriptor, so a second registration
 * of the same file gets a host duplicate. Registrations hang on the file as well, since they end
 * with the file, not with a descriptor, and the host's description may outlive ours. */
#include "core/space/space.h"
#include "syscalls/abi/abi.h"
#include "syscalls/abi/times.h"
#include "syscalls/file/fdinfo.h"
#include "syscalls/file/io.h"
#include "syscalls/signal/signal.h"
#include "syscalls/fs/vfs_synthetic.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gen/syscall_protos.h"
#include "syscalls/poll/poll.h"

#define MAX_EVENTS (INT32_MAX / (int)sizeof(struct epoll_event))
/* At most so many are fetched at a time; a caller that has room for more asks again. */
#define FETCH_EVENTS 256

struct epoll_item {
    struct file *epoll, *file;
    int guest_fd, host_fd;
    bool duplicate; /* host_fd is ours */
    struct epoll_item *next_in_epoll, *next_of_file;
};

/* Guards all lists; inner to everything else. */
static pthread_mutex_t epoll_lock = PTHREAD_MUTEX_INITIALIZER;

static void unlink_of_file(struct epoll_item *item) {
    struct epoll_item **at = &item->file->epoll_items;
    while (*at != item) {
        at = &(*at)->next_of_file;
    }
    *at = item->next_of_file;
}

static void unlink_in_epoll(struct epoll_item *item) {
    struct epoll_item **at = (struct epoll_item **)&item->epoll->data;
    while (*at != item) {
        at = &(*at)->next_in_epoll;
    }
    *at = item->next_in_epoll;
}

static void item_free(struct epoll_item *item) {
    if (item->duplicate) {
        close(item->host_fd);
    }
    free(item);
}

static void file_gone(struct file *file) {
    if (!file->epoll_items) {
        return;
    }
    pthread_mutex_lock(&epoll_lock);
    while (file->epoll_items) {
        struct epoll_item *item = file->epoll_items;
        file->epoll_items = item->next_of_file;
        unlink_in_epoll(item);
        epoll_ctl(item->epoll->host_fd, EPOLL_CTL_DEL, item->host_fd, NULL);
        item_free(item);
    }
    pthread_mutex_unlock(&epoll_lock);
}

void epoll_init(void) {
    static struct file_observer observer = {.gone = file_gone};
    file_observer_add(&observer);
}

static void epoll_release(struct file *file) {
    pthread_mutex_lock(&epoll_lock);
    struct epoll_item *item = file->data, *next;
    file->data = NULL;
    for (; item; item = next) {
        next = item->next_in_epoll;
        unlink_of_file(item);
        item_free(item);
    }
    pthread_mutex_unlock(&epoll_lock);
    close(file->host_fd);
}

static ssize_t epoll_no_io(struct file *file, struct task *task, const struct iovec *iov, int count,
                           int64_t offset) {
    return -EINVAL;
}

struct info_lines {
    struct file *epoll;
    struct strbuf *out;
};

/* The host's line has the host's descriptor. */
static void add_info_line(void *arg, const char *line) {
    struct info_lines *lines = arg;
    int fd, used = 0;
    if (sscanf(line, "tfd: %d%n", &fd, &used) != 1) {
        return;
    }
    pthread_mutex_lock(&epoll_lock);
    struct epoll_item *item = lines->epoll->data;
    while (item && item->host_fd != fd) {
        item = item->next_in_epoll;
    }
    int guest_fd = item ? item->guest_fd : -1;
    pthread_mutex_unlock(&epoll_lock);
    if (guest_fd >= 0) {
        strbuf_printf(lines->out, "tfd: %8d%s", guest_fd, line + used);
    }
}

static void epoll_info(struct file *file, struct strbuf *out) {
    struct info_lines lines = {file, out};
    fdinfo_host_lines(file, add_info_line, &lines);
}

const struct file_ops epoll_ops = {
    .kind = "anon_inode:[eventpoll]",
    .read = epoll_no_io,
    .write = epoll_no_io,
    .stat = anon_stat,
    .info = epoll_info,
    .release = epoll_release,
};

/* epoll_create(2) */
long sys_epoll_create1(struct task *task, uint32_t flags) {
    if (flags & ~EPOLL_CLOEXEC) {
        return -EINVAL;
    }
    int fd = epoll_create1(EPOLL_CLOEXEC);
    return io_install(task, &epoll_ops, fd < 0 ? -errno : fd, O_RDWR | (int)flags, NULL);
}

long sys_epoll_create(struct task *task, int32_t size) {
    return size <= 0 ? -EINVAL : sys_epoll_create1(task, 0);
}

static struct epoll_item *find_item(struct file *epoll, struct file *file, int fd) {
    struct epoll_item *item = epoll->data;
    while (item && (item->file != file || item->guest_fd != fd)) {
        item = item->next_in_epoll;
    }
    return item;
}

/* The host descriptor for a new registration of `file`: its own when that is free in this epoll. */
static int item_host_fd(struct file *epoll, struct file *file, bool *duplicate) {
    *duplicate = false;
    for (struct epoll_item *item = epoll->data; item; item = item->next_in_epoll) {
        if (item->file == file && !item->duplicate) {
            *duplicate = true;
        }
    }
    if (!*duplicate) {
        return file->host_fd;
    }
    int fd = fcntl(file->host_fd, F_DUPFD_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

static int add_item(struct file *epoll, struct file *file, int fd, struct epoll_event *event) {
    if (find_item(epoll, file, fd)) {
        return -EEXIST;
    }
    if (file->host_fd < 0) {
        return -EPERM;
    }
    struct epoll_item *item = malloc(sizeof *item);
    if (!item) {
        return -ENOMEM;
    }
    *item = (struct epoll_item){.epoll = epoll, .file = file, .guest_fd = fd};
    item->host_fd = item_host_fd(epoll, file, &item->duplicate);
    if (item->host_fd < 0) {
        int error = item->host_fd;
        free(item);
        return error;
    }
    if (epoll_ctl(epoll->host_fd, EPOLL_CTL_ADD, item->host_fd, event)) {
        int error = -errno;
        item_free(item);
        return error;
    }
    item->next_in_epoll = epoll->data;
    epoll->data = item;
    item->next_of_file = file->epoll_items;
    file->epoll_items = item;
    file->observed = true;
    return 0;
}

static int change_items(struct file *epoll, int op, struct file *file, int fd,
                        struct epoll_event *event) {
    if (epoll->ops != &epoll_ops || epoll == file) {
        return -EINVAL;
    }
    if (op == EPOLL_CTL_ADD) {
        return add_item(epoll, file, fd, event);
    }
    if (op != EPOLL_CTL_MOD && op != EPOLL_CTL_DEL) {
        return -EINVAL;
    }
    struct epoll_item *item = find_item(epoll, file, fd);
    if (!item) {
        return file->host_fd < 0 ? -EPERM : -ENOENT;
    }
    int error = epoll_ctl(epoll->host_fd, op, item->host_fd, event) ? -errno : 0;
    if (op == EPOLL_CTL_DEL) {
        unlink_in_epoll(item);
        unlink_of_file(item);
        item_free(item);
    }
    return error;
}

/* epoll_ctl(2); struct epoll_event has the same layout for i386 and x86-64. */
long sys_epoll_ctl(struct task *task, int32_t epfd, int32_t op, int32_t fd, gaddr_t event_at) {
    struct epoll_event event = {0};
    if (op != EPOLL_CTL_DEL && guest_read(task->cpu->space, &event, event_at, sizeof event)) {
        return -EFAULT;
    }
    struct file *epoll = fd_get(task, epfd);
    if (!epoll) {
        return -EBADF;
    }
    long result = -EBADF;
    struct file *file = fd_get(task, fd);
    if (file) {
        if (file->ops->poll) {
            file->ops->poll(file, POLLIN); /* brings a stand-in descriptor up to date */
        }
        pthread_mutex_lock(&epoll_lock);
        result = change_items(epoll, op, file, fd, &event);
        pthread_mutex_unlock(&epoll_lock);
        file_unref(file);
    }
    file_unref(epoll);
    return result;
}

/* The inner wait: timeout NULL waits for ever. -EINTR when a signal came. */
static long wait_events(struct task *task, int32_t epfd, gaddr_t events, int32_t room,
                        const struct timespec *timeout) {
    if (room <= 0 || room > MAX_EVENTS) {
        return -EINVAL;
    }
    if (!space_range_ok(task->cpu->space, events, (uint64_t)room * sizeof(struct epoll_event))) {
        return -EFAULT;
    }
    struct file *epoll = fd_get(task, epfd);
    if (!epoll) {
        return -EBADF;
    }
    long result = -EINVAL;
    if (epoll->ops == &epoll_ops) {
        struct epoll_event found[FETCH_EVENTS];
        if (room > FETCH_EVENTS) {
            room = FETCH_EVENTS;
        }
        int milliseconds = -1;
        struct timespec deadline, left;
        if (timeout) {
            deadline_after(&deadline, timeout);
        }
        result = -ENOSYS;
#ifdef SYS_epoll_pwait2
        result = host_call(task, SYS_epoll_pwait2, epoll->host_fd, (long)found, room, (long)timeout,
                           0, 8);
#endif
        while (result == -ENOSYS || (result == 0 && milliseconds == INT32_MAX)) {
            if (timeout) {
                deadline_left(&deadline, &left);
                bool far = left.tv_sec >= INT32_MAX / 1000;
                milliseconds =
                    far ? INT32_MAX : (int)(left.tv_sec * 1000 + (left.tv_nsec + 999999) / 1000000);
            }
            result = host_call(task, SYS_epoll_pwait, epoll->host_fd, (long)found, room,
                               milliseconds, 0, 8);
        }
        if (result == -EINTR) { /* what is ready goes before a signal that waits, as does the end */
            long got = epoll_wait(epoll->host_fd, found, room, 0);
            bool over = timeout && !timeout->tv_sec && !timeout->tv_nsec;
            result = got > 0 || (got == 0 && over) ? got : -EINTR;
        }
        if (result > 0 && guest_write(task->cpu->space, events, found, result * sizeof *found)) {
            result = -EFAULT;
        }
    }
    file_unref(epoll);
    return result;
}

static const struct timespec *timeout_of(int32_t milliseconds, struct timespec *timeout) {
    *timeout = (struct timespec){milliseconds / 1000, milliseconds % 1000 * 1000000L};
    return milliseconds < 0 ? NULL : timeout;
}

/* epoll_wait(2): never restarted after a signal (signal(7)). */
long sys_epoll_wait(struct task *task, int32_t epfd, gaddr_t events, int32_t room,
                    int32_t milliseconds) {
    struct timespec timeout;
    return wait_events(task, epfd, events, room, timeout_of(milliseconds, &timeout));
}

static long pwait(struct task *task, int32_t epfd, gaddr_t events, int32_t room,
                  const struct timespec *timeout, gaddr_t mask_at, uint64_t mask_bytes) {
    if (mask_at) {
        int error = signal_mask_read_temporary(task, mask_at, mask_bytes);
        if (error) {
            return error;
        }
    }
    long result = wait_events(task, epfd, events, room, timeout);
    if (mask_at && result != -EINTR) {
        signal_mask_restore(task);
    }
    return result;
}

long sys_epoll_pwait(struct task *task, int32_t epfd, gaddr_t events, int32_t room,
                     int32_t milliseconds, gaddr_t mask, uint64_t mask_bytes) {
    struct timespec timeout;
    return pwait(task, epfd, events, room, timeout_of(milliseconds, &timeout), mask, mask_bytes);
}

/* epoll_pwait2(2): struct __kernel_timespec in every ABI. */
long sys_epoll_pwait2(struct task *task, int32_t epfd, gaddr_t events, int32_t room,
                      gaddr_t timeout_at, gaddr_t mask, uint64_t mask_bytes) {
    struct timespec timeout;
    if (timeout_at) {
        if (task->abi->times64->get_timespec(task, timeout_at, &timeout)) {
            return -EFAULT;
        }
        if (!timespec_valid(&timeout)) {
            return -EINVAL;
        }
    }
    return pwait(task, epfd, events, room, timeout_at ? &timeout : NULL, mask, mask_bytes);
}
