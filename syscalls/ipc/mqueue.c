/* POSIX message queues (mq_overview(7)), in memory. All descriptors of a queue have one host
 * eventfd, whose value shows the queue's state to poll: 0 empty, 1 neither empty nor full, its
 * maximum full. Guarded by ipc_lock. */
#include "core/space/space.h"
#include "syscalls/task/capability.h"
#include "syscalls/abi/abi.h"
#include "syscalls/abi/times.h"
#include "syscalls/fs/fs.h"
#include "syscalls/file/io.h"
#include "syscalls/ipc/ipc.h"
#include "syscalls/task/process.h"
#include "syscalls/signal/signal.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "gen/syscall_protos.h"

/* Linux's defaults (msg_default, msgsize_default), limits for users and hard ones. */
#define DEFAULT_COUNT 10
#define DEFAULT_BYTES 8192
#define HARD_COUNT    65536
#define HARD_BYTES    (16 * 1024 * 1024)
#define PRIORITY_MOST 32768
#define QUEUES_MOST   256
#define EVENT_FULL    0xfffffffffffffffeull
enum { NOTIFY_SIGNAL = 0, NOTIFY_NONE = 1 };

struct mq_message {
    struct mq_message *next;
    uint32_t priority, len;
    uint8_t text[];
};

struct mqueue {
    struct ipc_object perm; /* owner and mode */
    char name[NAME_MAX + 1];
    bool unlinked;
    int files, event_fd;
    int32_t count_most, bytes_most, count;
    struct mq_message *first; /* by falling priority, then age */
    struct ipc_waiter *waiters;
    int receivers; /* of the waiters */
    /* mq_notify */
    struct process *notify; /* NULL: none */
    int32_t notify_how, notify_signo;
    int64_t notify_value;
    struct mqueue *next;
};

static struct mqueue *queues;
static int queue_count;

static ssize_t mq_no_io(struct file *file, struct task *task, const struct iovec *iov, int count,
                        int64_t offset) {
    return -EINVAL;
}

static void queue_free(struct mqueue *queue) {
    for (struct mqueue **at = &queues; *at; at = &(*at)->next) {
        if (*at == queue) {
            *at = queue->next;
            break;
        }
    }
    for (struct mq_message *message = queue->first, *next; message; message = next) {
        next = message->next;
        free(message);
    }
    queue_count--;
    close(queue->event_fd);
    free(queue);
}

/* One file less on the queue. */
static void queue_put(struct mqueue *queue) {
    pthread_mutex_lock(&ipc_lock);
    if (--queue->files == 0 && queue->unlinked) {
        queue_free(queue);
    }
    pthread_mutex_unlock(&ipc_lock);
}

static void mq_release(struct file *file) {
    close(file->host_fd);
    queue_put(file->data);
}

/* A file of mqueuefs: the host's eventfd under it does not show. */
static int mq_stat(struct file *file, struct stat *st) {
    const struct mqueue *queue = file->data;
    int error = anon_stat(file, st);
    if (error) {
        return error;
    }
    pthread_mutex_lock(&ipc_lock);
    st->st_mode = S_IFREG | queue->perm.mode;
    st->st_uid = queue->perm.uid;
    st->st_gid = queue->perm.gid;
    pthread_mutex_unlock(&ipc_lock);
    st->st_ino = ((uintptr_t)queue >> 4 & 0x7fffffff) | 1;
    return 0;
}

static int mq_reopen(struct file *file, struct task *task, int flags, struct file **out);

static const struct file_ops mq_ops = {
    .kind = "mqueue",
    .read = mq_no_io,
    .write = mq_no_io,
    .stat = mq_stat,
    .reopen = mq_reopen,
    .release = mq_release,
};

/* Makes the eventfd show the state. */
static void show_state(struct mqueue *queue) {
    /* Looked at first: the guest may have made the descriptor a blocking one. */
    struct pollfd now = {.fd = queue->event_fd, .events = POLLIN};
    uint64_t value;
    if (poll(&now, 1, 0) > 0 && read(queue->event_fd, &value, sizeof value) < 0) {
        return;
    }
    value = queue->count == 0 ? 0 : queue->count < queue->count_most ? 1 : EVENT_FULL;
    if (value && write(queue->event_fd, &value, sizeof value) < 0) {
        return;
    }
}

/* --- open and unlink ------------------------------------------------------------------- */

static struct mqueue *queue_find(const char *name) {
    struct mqueue *queue = queues;
    while (queue && (queue->unlinked || strcmp(queue->name, name))) {
        queue = queue->next;
    }
    return queue;
}

/* A name from the guest: one component. 0 or -errno. */
static int get_name(struct task *task, gaddr_t at, char name[NAME_MAX + 1]) {
    ssize_t len = guest_read_string(task->cpu->space, name, at, NAME_MAX + 1);
    if (len < 0) {
        return (int)len;
    }
    return len == 0                                                         ? -ENOENT
           : strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, "..") ? -EACCES
                                                                            : 0;
}

/* struct mq_attr: flags, maxmsg, msgsize, curmsgs, four spare; each a long of the ABI. */
static int get_attr(struct task *task, gaddr_t at, int64_t attr[4]) {
    return abi_read_longs(task, at, attr, 4);
}

static int put_attr(struct task *task, gaddr_t at, const int64_t attr[4]) {
    const int64_t out[8] = {attr[0], attr[1], attr[2], attr[3]};
    return abi_write_longs(task, at, out, 8);
}

static int queue_new(struct task *task, const char *name, uint32_t mode, const int64_t *attr,
                     struct mqueue **out) {
    bool root = task_capable(task, CAP_SYS_RESOURCE);
    int64_t count = attr ? attr[1] : DEFAULT_COUNT, bytes = attr ? attr[2] : DEFAULT_BYTES;
    if (count <= 0 || bytes <= 0 || count > (root ? HARD_COUNT : DEFAULT_COUNT) ||
        bytes > (root ? HARD_BYTES : DEFAULT_BYTES)) {
        return -EINVAL;
    }
    if (queue_count >= QUEUES_MOST) {
        return -ENOSPC;
    }
    struct mqueue *queue = calloc(1, sizeof *queue);
    if (!queue) {
        return -ENOMEM;
    }
    queue->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (queue->event_fd < 0) {
        free(queue);
        return -EMFILE;
    }
    snprintf(queue->name, sizeof queue->name, "%s", name);
    queue->perm.uid = queue->perm.cuid = task->process->fsuid;
    queue->perm.gid = queue->perm.cgid = task->process->fsgid;
    queue->perm.mode = mode & 0777;
    queue->count_most = (int32_t)count;
    queue->bytes_most = (int32_t)bytes;
    queue->next = queues;
    queues = queue;
    queue_count++;
    *out = queue;
    return 0;
}

static int may_open(struct task *task, const struct mqueue *queue, int flags) {
    int mode = flags & O_ACCMODE;
    return ipc_permission(task, &queue->perm, mode == O_RDONLY ? 4 : mode == O_WRONLY ? 2 : 6);
}

/* The queue to open, with one file more on it. */
static int queue_open(struct task *task, const char *name, uint32_t flags, uint32_t mode,
                      const int64_t *attr, struct mqueue **out) {
    int error = 0;
    struct mqueue *queue = queue_find(name);
    if (!queue) {
        error = flags & O_CREAT ? queue_new(task, name, mode, attr, &queue) : -ENOENT;
    } else if ((flags & O_CREAT) && (flags & O_EXCL)) {
        error = -EEXIST;
    } else {
        error = may_open(task, queue, (int)flags);
    }
    if (error) {
        return error;
    }
    queue->files++;
    *out = queue;
    return 0;
}

/* A file on the queue, which gave it one already (taken back when it fails). 0 or -errno. */
static int queue_file(struct task *task, struct mqueue *queue, int flags, struct file **out) {
    int fd = fcntl(queue->event_fd, F_DUPFD_CLOEXEC, 0);
    struct file *file = fd < 0 ? NULL : file_create(&mq_ops, fd, flags & (O_ACCMODE | O_NONBLOCK));
    if (!file) {
        queue_put(queue);
        return fd < 0 ? -EMFILE : -ENOMEM;
    }
    file->data = queue;
    anon_set_owner(file, task);
    if (asprintf(&file->path, "/%s", queue->name) < 0) {
        file->path = NULL;
    }
    *out = file;
    return 0;
}

static int mq_reopen(struct file *file, struct task *task, int flags, struct file **out) {
    struct mqueue *queue = file->data;
    pthread_mutex_lock(&ipc_lock);
    int error = may_open(task, queue, flags);
    if (!error) {
        queue->files++;
    }
    pthread_mutex_unlock(&ipc_lock);
    return error ? error : queue_file(task, queue, flags, out);
}

long sys_mq_open(struct task *task, gaddr_t name_at, uint32_t flags, uint32_t mode,
                 gaddr_t attr_at) {
    char name[NAME_MAX + 1];
    int64_t attr[4];
    struct mqueue *queue;
    int error = get_name(task, name_at, name);
    if (error) {
        return error;
    }
    if ((flags & O_ACCMODE) == O_ACCMODE) {
        return -EINVAL;
    }
    if (attr_at && (flags & O_CREAT) && get_attr(task, attr_at, attr)) {
        return -EFAULT;
    }
    mode &= ~task->fs->umask;
    pthread_mutex_lock(&ipc_lock);
    error = queue_open(task, name, flags, mode, attr_at ? attr : NULL, &queue);
    pthread_mutex_unlock(&ipc_lock);
    struct file *file;
    if (!error) {
        error = queue_file(task, queue, (int)flags, &file);
    }
    return error ? error : fd_install(task, file, true, 0); /* always close-on-exec */
}

long sys_mq_unlink(struct task *task, gaddr_t name_at) {
    char name[NAME_MAX + 1];
    int error = get_name(task, name_at, name);
    if (error) {
        return error;
    }
    pthread_mutex_lock(&ipc_lock);
    struct mqueue *queue = queue_find(name);
    error = queue ? ipc_owner(task, &queue->perm) : -ENOENT;
    if (!error) {
        queue->unlinked = true;
        if (queue->files == 0) {
            queue_free(queue);
        }
    }
    pthread_mutex_unlock(&ipc_lock);
    return error;
}

/* The queue behind a descriptor, its file referenced; NULL with *error EBADF. access: O_RDONLY,
 * O_WRONLY, or -1 for any. */
static struct file *mq_get(struct task *task, int fd, int access) {
    struct file *file = fd_get(task, fd);
    int mode = file ? file->flags & O_ACCMODE : 0;
    if (file && file->ops == &mq_ops && (access < 0 || mode == O_RDWR || mode == access)) {
        return file;
    }
    file_unref(file);
    return NULL;
}

/* --- messages -------------------------------------------------------------------------- */

/* The message arrived at an empty queue on which nobody waits: tell the registered process, once.
 * While ipc_lock is held the process cannot get past forget_process(), so that it still is one. */
static void notify(struct task *task, struct mqueue *queue) {
    if (!queue->notify || queue->count != 1 || queue->receivers) {
        return;
    }
    if (queue->notify_how == NOTIFY_SIGNAL) {
        struct sigqueue_info info = {.signo = queue->notify_signo,
                                     .code = SI_MESGQ,
                                     .pid = task->process->pid,
                                     .uid = task->process->uid,
                                     .value = queue->notify_value};
        pthread_mutex_lock(&process_lock);
        signal_send_process_locked(queue->notify, &info);
        pthread_mutex_unlock(&process_lock);
    }
    queue->notify = NULL;
}

static void insert(struct mqueue *queue, struct mq_message *message) {
    struct mq_message **at = &queue->first;
    while (*at && (*at)->priority >= message->priority) {
        at = &(*at)->next;
    }
    message->next = *at;
    *at = message;
    queue->count++;
}

/* Waits until the queue is not full (sender) or not empty. */
static int wait_queue(struct task *task, struct file *file, bool sender,
                      const struct timespec *deadline) {
    struct mqueue *queue = file->data;
    while (sender ? queue->count >= queue->count_most : queue->count == 0) {
        if (file->flags & O_NONBLOCK) {
            return -EAGAIN;
        }
        struct ipc_waiter self = {.for_room = sender};
        queue->receivers += !sender;
        int error = ipc_wait(task, &queue->waiters, &self, deadline);
        queue->receivers -= !sender;
        if (error) {
            return error == -EINTR ? -ERESTARTSYS : error;
        }
    }
    return 0;
}

static long send_message(struct task *task, struct file *file, gaddr_t at, uint64_t len,
                         uint32_t priority, const struct timespec *deadline) {
    struct mqueue *queue = file->data;
    if (len > (uint64_t)queue->bytes_most) {
        return -EMSGSIZE;
    }
    struct mq_message *message = malloc(sizeof *message + len);
    if (!message) {
        return -ENOMEM;
    }
    *message = (struct mq_message){.priority = priority, .len = (uint32_t)len};
    int error = guest_read(task->cpu->space, message->text, at, len);
    if (!error) {
        pthread_mutex_lock(&ipc_lock);
        error = wait_queue(task, file, true, deadline);
        if (!error) {
            insert(queue, message);
            show_state(queue);
            ipc_wake_all(queue->waiters);
            notify(task, queue);
        }
        pthread_mutex_unlock(&ipc_lock);
    }
    if (error) {
        free(message);
    }
    return error;
}

static long receive_message(struct task *task, struct file *file, gaddr_t at, uint64_t room,
                            gaddr_t priority_at, const struct timespec *deadline) {
    struct mqueue *queue = file->data;
    struct mq_message *message = NULL;
    if (room < (uint64_t)queue->bytes_most) {
        return -EMSGSIZE;
    }
    pthread_mutex_lock(&ipc_lock);
    long result = wait_queue(task, file, false, deadline);
    if (!result) {
        message = queue->first;
        queue->first = message->next;
        queue->count--;
        show_state(queue);
        ipc_wake_all(queue->waiters);
    }
    pthread_mutex_unlock(&ipc_lock);
    if (message) {
        result = message->len;
        if (guest_write(task->cpu->space, at, message->text, message->len) ||
            (priority_at && guest_write(task->cpu->space, priority_at, &message->priority, 4))) {
            result = -EFAULT;
        }
        free(message);
    }
    return result;
}

/* The calls' deadlines are of CLOCK_REALTIME. */
static int get_deadline(struct task *task, const struct abi_times *times, gaddr_t at,
                        struct timespec *deadline) {
    struct timespec until, now;
    if (times->get_timespec(task, at, &until)) {
        return -EFAULT;
    }
    if (!timespec_valid(&until)) {
        return -EINVAL;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    struct timespec left = {until.tv_sec - now.tv_sec, until.tv_nsec - now.tv_nsec};
    if (left.tv_nsec < 0) {
        left.tv_sec--;
        left.tv_nsec += 1000000000;
    }
    if (left.tv_sec < 0) {
        left = (struct timespec){0};
    }
    deadline_after(deadline, &left);
    return 0;
}

static long timed_send(struct task *task, const struct abi_times *times, int32_t fd, gaddr_t at,
                       uint64_t len, uint32_t priority, gaddr_t timeout) {
    struct timespec deadline;
    int error = timeout ? get_deadline(task, times, timeout, &deadline) : 0;
    if (error) {
        return error;
    }
    if (priority >= PRIORITY_MOST) {
        return -EINVAL;
    }
    struct file *file = mq_get(task, fd, O_WRONLY);
    if (!file) {
        return -EBADF;
    }
    long result = send_message(task, file, at, len, priority, timeout ? &deadline : NULL);
    file_unref(file);
    return result;
}

static long timed_receive(struct task *task, const struct abi_times *times, int32_t fd, gaddr_t at,
                          uint64_t room, gaddr_t priority, gaddr_t timeout) {
    struct timespec deadline;
    int error = timeout ? get_deadline(task, times, timeout, &deadline) : 0;
    if (error) {
        return error;
    }
    struct file *file = mq_get(task, fd, O_RDONLY);
    if (!file) {
        return -EBADF;
    }
    long result = receive_message(task, file, at, room, priority, timeout ? &deadline : NULL);
    file_unref(file);
    return result;
}

long sys_mq_timedsend(struct task *task, int32_t fd, gaddr_t at, uint64_t len, uint32_t priority,
                      gaddr_t timeout) {
    return timed_send(task, task->abi->times, fd, at, len, priority, timeout);
}

long sys_mq_timedsend_time64(struct task *task, int32_t fd, gaddr_t at, uint64_t len,
                             uint32_t priority, gaddr_t timeout) {
    return timed_send(task, task->abi->times64, fd, at, len, priority, timeout);
}

long sys_mq_timedreceive(struct task *task, int32_t fd, gaddr_t at, uint64_t room, gaddr_t priority,
                         gaddr_t timeout) {
    return timed_receive(task, task->abi->times, fd, at, room, priority, timeout);
}

long sys_mq_timedreceive_time64(struct task *task, int32_t fd, gaddr_t at, uint64_t room,
                                gaddr_t priority, gaddr_t timeout) {
    return timed_receive(task, task->abi->times64, fd, at, room, priority, timeout);
}

/* --- attributes and notification ------------------------------------------------------- */

long sys_mq_getsetattr(struct task *task, int32_t fd, gaddr_t new_at, gaddr_t old_at) {
    int64_t new[4], old[4];
    if (new_at && get_attr(task, new_at, new)) {
        return -EFAULT;
    }
    if (new_at && (new[0] & ~(int64_t)O_NONBLOCK)) {
        return -EINVAL;
    }
    struct file *file = mq_get(task, fd, -1);
    if (!file) {
        return -EBADF;
    }
    struct mqueue *queue = file->data;
    pthread_mutex_lock(&ipc_lock);
    old[0] = file->flags & O_NONBLOCK;
    old[1] = queue->count_most;
    old[2] = queue->bytes_most;
    old[3] = queue->count;
    if (new_at) {
        file->flags = (file->flags & ~O_NONBLOCK) | (int)new[0];
    }
    pthread_mutex_unlock(&ipc_lock);
    file_unref(file);
    return old_at && put_attr(task, old_at, old) ? -EFAULT : 0;
}

/* Notification by a thread is done over a netlink socket by the C library, and is not there. */
long sys_mq_notify(struct task *task, int32_t fd, gaddr_t event_at) {
    struct guest_sigevent event = {0};
    if (event_at && abi_read_sigevent(task, event_at, &event)) {
        return -EFAULT;
    }
    int32_t signo = event.signo, how = event.notify;
    if (event_at && how != NOTIFY_NONE && how != NOTIFY_SIGNAL) {
        return how == 2 ? -ENOSYS : -EINVAL;
    }
    if (event_at && how == NOTIFY_SIGNAL && (signo < 1 || signo > GUEST_SIGNALS)) {
        return -EINVAL;
    }
    struct file *file = mq_get(task, fd, -1);
    if (!file) {
        return -EBADF;
    }
    struct mqueue *queue = file->data;
    long result = 0;
    pthread_mutex_lock(&ipc_lock);
    if (!event_at) {
        if (queue->notify == task->process) {
            queue->notify = NULL;
        }
    } else if (queue->notify) {
        result = -EBUSY;
    } else {
        queue->notify = task->process;
        queue->notify_how = how;
        queue->notify_signo = signo;
        queue->notify_value = event.value;
    }
    pthread_mutex_unlock(&ipc_lock);
    file_unref(file);
    return result;
}

static void forget_process(struct process *process) {
    pthread_mutex_lock(&ipc_lock);
    for (struct mqueue *queue = queues; queue; queue = queue->next) {
        if (queue->notify == process) {
            queue->notify = NULL;
        }
    }
    pthread_mutex_unlock(&ipc_lock);
}

void mqueue_init(void) {
    static struct process_hooks hooks = {.exit = forget_process};
    process_hooks_add(&hooks);
}
