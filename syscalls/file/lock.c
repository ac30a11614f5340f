/* Record locks of fcntl(2): process locks (owner: the descriptor table, as on Linux) and OFD locks
 * (owner: the open file description), on byte ranges of a file named by device and inode. The
 * host's record locks cannot serve among guests: to the host all guest processes are one. Towards
 * others their union is held on the host (lock_host.c); flock(2) is the host's (fcntl.c).
 *
 * One mutex guards everything and is innermost; a sleeper is woken by whoever gives something up on
 * the same file. */
#include "syscalls/file/lock_host.h"
#include "syscalls/task/account.h"
#include "syscalls/task/capability.h"
#include "syscalls/task/task.h"
#include "syscalls/file/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct range_lock {
    struct range_lock *next;
    int16_t type;       /* F_RDLCK, F_WRLCK */
    int64_t start, end; /* inclusive */
    const void *owner;
    bool ofd;
    int32_t pid;
    const struct file *file; /* that it was set through; for /proc alone */
    struct account *account;
};

struct waiter {
    struct waiter *next;
    struct task *task;
    const void *owner, *blocker; /* blocker: owner of the lock waited for */
    dev_t dev;
    ino_t ino;
};

struct locked_file {
    struct locked_file *next;
    dev_t dev;
    ino_t ino;
    struct range_lock *locks; /* sorted by start */
    struct host_lock host;    /* the union of them */
    int users;                /* waiting for other processes of the host */
};

#define BUCKETS 64

static pthread_mutex_t lock_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct locked_file *buckets[BUCKETS];
static struct waiter *waiters;
/* Files that have locks, or had and are still open: spares closes the look while nobody locks. */
static atomic_long file_count;

static struct locked_file **bucket_of(dev_t dev, ino_t ino) {
    return &buckets[(dev * 31 + ino) % BUCKETS];
}

/* The entry of a file; NULL when there is none and `make` is false, or no memory. */
static struct locked_file *find_file(dev_t dev, ino_t ino, bool make) {
    struct locked_file **bucket = bucket_of(dev, ino), *at;
    for (at = *bucket; at; at = at->next) {
        if (at->dev == dev && at->ino == ino) {
            return at;
        }
    }
    if (!make || !(at = calloc(1, sizeof *at))) {
        return NULL;
    }
    at->dev = dev;
    at->ino = ino;
    at->host.fd = -1;
    file_count++;
    at->next = *bucket;
    return *bucket = at;
}

static void drop_if_empty(struct locked_file *file) {
    if (file->locks || file->users) {
        return;
    }
    struct locked_file **link = bucket_of(file->dev, file->ino);
    while (*link != file) {
        link = &(*link)->next;
    }
    *link = file->next;
    host_lock_drop(&file->host);
    file_count--;
    free(file);
}

static struct range_lock *find_conflict(struct locked_file *file, const void *owner, int16_t type,
                                        int64_t start, int64_t end) {
    for (struct range_lock *lock = file ? file->locks : NULL; lock; lock = lock->next) {
        if (lock->owner != owner && lock->start <= end && lock->end >= start &&
            (type == F_WRLCK || lock->type == F_WRLCK)) {
            return lock;
        }
    }
    return NULL;
}

static void wake_waiters(dev_t dev, ino_t ino) {
    for (struct waiter *at = waiters; at; at = at->next) {
        if (at->dev == dev && at->ino == ino) {
            task_unblock(at->task);
        }
    }
}

/* Would waiting for `blocker` close a circle that leads back to `owner`? */
static bool is_deadlock(const void *owner, const void *blocker, int depth) {
    if (blocker == owner) {
        return true;
    }
    if (depth > 10) {
        return false;
    }
    for (struct waiter *at = waiters; at; at = at->next) {
        if (at->owner == blocker && is_deadlock(owner, at->blocker, depth + 1)) {
            return true;
        }
    }
    return false;
}

static void free_lock(struct range_lock *lock) {
    account_add(lock->account, SHARE_LOCKS, -1);
    free(lock);
}

static void insert_sorted(struct locked_file *entry, struct range_lock *lock) {
    struct range_lock **link = &entry->locks;
    while (*link && (*link)->start < lock->start) {
        link = &(*link)->next;
    }
    lock->next = *link;
    *link = lock;
}

/* Sets [start, end] of `owner` to `type` (F_UNLCK: none), splitting and merging its locks. spare:
 * two fresh locks; what is used becomes NULL. */
static void set_range(struct locked_file *entry, const void *owner, int16_t type, int64_t start,
                      int64_t end, const struct file *file, bool ofd, int32_t pid,
                      struct range_lock *spare[2]) {
    struct range_lock **link = &entry->locks;
    while (*link) {
        struct range_lock *lock = *link;
        bool touches = lock->owner == owner &&
                       (lock->type == type ? (lock->start <= end || lock->start - 1 == end) &&
                                                 (lock->end >= start || lock->end == start - 1)
                                           : lock->start <= end && lock->end >= start);
        if (!touches) {
            link = &lock->next;
            continue;
        }
        if (lock->type == type) { /* swallowed: the new one grows */
            if (lock->start < start) {
                start = lock->start;
            }
            if (lock->end > end) {
                end = lock->end;
            }
        } else if (lock->start < start && lock->end > end) { /* a hole in the middle */
            struct range_lock *tail = spare[1];
            spare[1] = NULL;
            *tail = *lock;
            tail->start = end + 1;
            lock->end = start - 1;
            account_add(tail->account, SHARE_LOCKS, 1);
            insert_sorted(entry, tail);
            link = &lock->next;
            continue;
        } else if (lock->start < start) {
            lock->end = start - 1;
            link = &lock->next;
            continue;
        } else if (lock->end > end) {
            *link = lock->next;
            lock->start = end + 1;
            insert_sorted(entry, lock);
            continue;
        }
        *link = lock->next;
        free_lock(lock);
    }
    if (type == F_UNLCK) {
        return;
    }
    struct range_lock *lock = spare[0];
    spare[0] = NULL;
    struct account *account = account_current();
    account_add(account, SHARE_LOCKS, 1);
    *lock = (struct range_lock){NULL, type, start, end, owner, ofd, pid, file, account};
    insert_sorted(entry, lock);
}

/* The guests' locks as they lie one after the other, while a position moves up: how far each type
 * reaches of those that begin in front of it. */
struct sweep {
    struct range_lock *next;
    int64_t read_end, write_end; /* -1: none */
};

/* Brings the host's locks of [start, end] to the union of the guests', after one of the type `gone`
 * was taken away there (F_UNLCK: after anything). For ranges that follow each other a sweep goes on
 * where it was. */
static void refresh_host(struct locked_file *entry, const struct file *file, int16_t gone,
                         int64_t start, int64_t end, struct sweep *sweep) {
    for (int64_t at = start;;) {
        for (; sweep->next && sweep->next->start <= at; sweep->next = sweep->next->next) {
            int64_t *reach = sweep->next->type == F_WRLCK ? &sweep->write_end : &sweep->read_end;
            if (*reach < sweep->next->end) {
                *reach = sweep->next->end;
            }
        }
        int16_t type = sweep->write_end >= at ? F_WRLCK : sweep->read_end >= at ? F_RDLCK : F_UNLCK;
        int64_t stop = end;
        if (type == F_WRLCK && sweep->write_end < stop) {
            stop = sweep->write_end;
        }
        if (type == F_RDLCK && sweep->read_end < stop) {
            stop = sweep->read_end;
        }
        if (type != F_WRLCK && sweep->next && sweep->next->start - 1 < stop) {
            stop = sweep->next->start - 1;
        }
        if (gone == F_UNLCK || (type != F_WRLCK && type != gone)) /* else it was so already */
        {
            host_lock_set(&entry->host, file, type, at, stop);
        }
        if (stop == end) {
            return;
        }
        at = stop + 1;
    }
}

static void refresh_range(struct locked_file *entry, const struct file *file, int64_t start,
                          int64_t end) {
    refresh_host(entry, file, F_UNLCK, start, end, &(struct sweep){entry->locks, -1, -1});
}

/* Turns whence, start and len into an inclusive range. 0, -EINVAL or -EOVERFLOW. */
static int range_of(struct file *file, const struct lock_request *request, const struct stat *st,
                    int64_t *start, int64_t *end) {
    int64_t base = 0;
    if (request->whence == SEEK_CUR) {
        base = lseek(file->host_fd, 0, SEEK_CUR);
    } else if (request->whence == SEEK_END) {
        base = st->st_size;
    } else if (request->whence != SEEK_SET) {
        return -EINVAL;
    }
    if (base < 0) {
        base = 0;
    }
    if (__builtin_add_overflow(base, request->start, start)) {
        return -EOVERFLOW;
    }
    if (*start < 0) {
        return -EINVAL;
    }
    *end = INT64_MAX;
    if (request->len > 0) {
        if (__builtin_add_overflow(*start, request->len - 1, end)) {
            return -EOVERFLOW;
        }
    } else if (request->len < 0) {
        *end = *start - 1;
        *start += request->len;
        if (*start < 0) {
            return -EINVAL;
        }
    }
    return 0;
}

static const void *owner_of(struct task *task, struct file *file, bool ofd) {
    return ofd ? (const void *)file : task->fds;
}

int lock_get(struct task *task, struct file *file, struct lock_request *request, bool ofd) {
    struct stat st;
    int64_t start, end;
    if (request->type != F_RDLCK && request->type != F_WRLCK) {
        return -EINVAL;
    }
    if (file->host_fd < 0 || fstat(file->host_fd, &st)) {
        return -EBADF;
    }
    int error = range_of(file, request, &st, &start, &end);
    if (error) {
        return error;
    }
    pthread_mutex_lock(&lock_mutex);
    static const struct host_lock none = {.fd = -1};
    struct locked_file *entry = find_file(st.st_dev, st.st_ino, false);
    struct range_lock *lock =
        find_conflict(entry, owner_of(task, file, ofd), request->type, start, end);
    if (!lock) {
        if (!host_lock_get(entry ? &entry->host : &none, file, request, start, end)) {
            request->type = F_UNLCK;
        }
    } else {
        request->type = lock->type;
        request->whence = SEEK_SET;
        request->start = lock->start;
        request->len = lock->end == INT64_MAX ? 0 : lock->end - lock->start + 1;
        request->pid = lock->ofd ? -1 : lock->pid;
    }
    pthread_mutex_unlock(&lock_mutex);
    return 0;
}

/* Sleeps until something changes on the file; lock_mutex is held and held again. 0 or -errno. */
static int wait_for(struct task *task, const struct stat *st, const void *owner,
                    const void *blocker, bool ofd) {
    if (!ofd && is_deadlock(owner, blocker, 0)) {
        return -EDEADLK;
    }
    struct waiter waiter = {waiters, task, owner, blocker, st->st_dev, st->st_ino};
    waiters = &waiter;
    uint32_t sample = task_block_prepare(task);
    pthread_mutex_unlock(&lock_mutex);
    int error = task_block(task, sample, NULL);
    pthread_mutex_lock(&lock_mutex);
    struct waiter **link = &waiters;
    while (*link != &waiter) {
        link = &(*link)->next;
    }
    *link = waiter.next;
    return error == -EINTR ? -ERESTARTSYS : 0;
}

/* The same for another process of the host, whose lock conflicts. */
static int wait_for_host(struct task *task, struct locked_file *entry, const void *owner,
                         const struct file *file, int16_t type, int64_t start, int64_t end) {
    entry->users++;
    pthread_mutex_unlock(&lock_mutex);
    long error = host_lock_wait(task, entry->host.fd, type, start, end);
    pthread_mutex_lock(&lock_mutex);
    entry->users--;
    /* another guest may have come first, and what was got is no guest's yet */
    if (find_conflict(entry, owner, type, start, end)) {
        refresh_range(entry, file, start, end);
    }
    return (int)error;
}

int lock_set(struct task *task, struct file *file, const struct lock_request *request, bool ofd,
             bool wait) {
    struct stat st;
    int64_t start, end;
    int mode = file->flags & O_ACCMODE;
    const void *owner = owner_of(task, file, ofd);
    if (request->type != F_RDLCK && request->type != F_WRLCK && request->type != F_UNLCK) {
        return -EINVAL;
    }
    if (file->host_fd < 0 || fstat(file->host_fd, &st)) {
        return -EBADF;
    }
    if ((request->type == F_RDLCK && mode == O_WRONLY) ||
        (request->type == F_WRLCK && mode == O_RDONLY)) {
        return -EBADF;
    }
    int error = range_of(file, request, &st, &start, &end);
    if (error) {
        return error;
    }
    struct range_lock *spare[2] = {malloc(sizeof **spare), malloc(sizeof **spare)};
    struct locked_file *entry = NULL;
    pthread_mutex_lock(&lock_mutex);
    if (!spare[0] || !spare[1] ||
        (request->type != F_UNLCK && !task_capable(task, CAP_SYS_RESOURCE) &&
         !account_allows(account_current(), SHARE_LOCKS, 2))) {
        error = -ENOLCK;
    }
    while (!error) {
        entry = find_file(st.st_dev, st.st_ino, true);
        if (!entry) {
            error = -ENOLCK;
            break;
        }
        struct range_lock *conflict = request->type == F_UNLCK
                                          ? NULL
                                          : find_conflict(entry, owner, request->type, start, end);
        if (conflict) {
            error = wait ? wait_for(task, &st, owner, conflict->owner, ofd) : -EAGAIN;
            continue;
        }
        int taken = request->type == F_UNLCK
                        ? 0
                        : host_lock_set(&entry->host, file, request->type, start, end);
        if (taken) {
            error = taken == -EAGAIN && wait
                        ? wait_for_host(task, entry, owner, file, request->type, start, end)
                        : taken;
            continue;
        }
        set_range(entry, owner, request->type, start, end, file, ofd, task->process->pid, spare);
        if (request->type == F_UNLCK) {
            refresh_range(entry, file, start, end);
        }
        wake_waiters(st.st_dev, st.st_ino); /* also a downgrade lets others in */
        break;
    }
    pthread_mutex_unlock(&lock_mutex);
    free(spare[0]);
    free(spare[1]);
    return error;
}

/* Takes the owner's locks out: the list of them, sorted. */
static struct range_lock *take_out(struct locked_file *entry, const void *owner) {
    struct range_lock *taken = NULL, **end = &taken, **link = &entry->locks;
    while (*link) {
        struct range_lock *lock = *link;
        if (lock->owner != owner) {
            link = &lock->next;
            continue;
        }
        *link = lock->next;
        lock->next = NULL;
        *end = lock;
        end = &lock->next;
    }
    return taken;
}

/* All locks of `owner` on the file go. */
static void release(const void *owner, struct file *file) {
    struct stat st;
    if (!file_count || file->host_fd < 0 || fstat(file->host_fd, &st)) {
        return;
    }
    pthread_mutex_lock(&lock_mutex);
    struct locked_file *entry = find_file(st.st_dev, st.st_ino, false);
    struct range_lock *gone = entry ? take_out(entry, owner) : NULL, *next;
    if (gone) {
        struct sweep sweep = {entry->locks, -1, -1};
        if (!entry->locks) {
            refresh_range(entry, file, 0, INT64_MAX);
        }
        for (; gone; gone = next) {
            next = gone->next;
            if (entry->locks) {
                refresh_host(entry, file, gone->type, gone->start, gone->end, &sweep);
            }
            free_lock(gone);
        }
        wake_waiters(st.st_dev, st.st_ino);
    }
    if (entry) {
        drop_if_empty(entry);
    }
    pthread_mutex_unlock(&lock_mutex);
}

void lock_close(struct fd_table *table, struct file *file) {
    release(table, file);
}

void lock_release(struct file *file) {
    release(file, file);
}

static void add_line(struct strbuf *out, int number, const struct locked_file *file,
                     const struct range_lock *lock) {
    strbuf_printf(out, "%d: %s ADVISORY  %s %d %02x:%02x:%lu %lld ", number,
                  lock->ofd ? "OFDLCK" : "POSIX ", lock->type == F_RDLCK ? "READ" : "WRITE",
                  lock->ofd ? -1 : lock->pid, major(file->dev), minor(file->dev),
                  (unsigned long)file->ino, (long long)lock->start);
    if (lock->end == INT64_MAX) {
        strbuf_printf(out, "EOF\n");
    } else {
        strbuf_printf(out, "%lld\n", (long long)lock->end);
    }
}

void lock_list(struct strbuf *out) {
    int number = 0;
    pthread_mutex_lock(&lock_mutex);
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct locked_file *file = buckets[i]; file; file = file->next) {
            for (struct range_lock *lock = file->locks; lock; lock = lock->next) {
                add_line(out, ++number, file, lock);
            }
        }
    }
    pthread_mutex_unlock(&lock_mutex);
}

void lock_info(const struct fd_table *table, struct file *file, int count, struct strbuf *out) {
    struct stat st;
    if (!file_count || file->host_fd < 0 || fstat(file->host_fd, &st)) {
        return;
    }
    pthread_mutex_lock(&lock_mutex);
    struct locked_file *entry = find_file(st.st_dev, st.st_ino, false);
    for (struct range_lock *lock = entry ? entry->locks : NULL; lock; lock = lock->next) {
        if (lock->file != file || (lock->owner != table && lock->owner != file)) {
            continue;
        }
        strbuf_printf(out, "lock:\t");
        add_line(out, ++count, entry, lock);
    }
    pthread_mutex_unlock(&lock_mutex);
}
