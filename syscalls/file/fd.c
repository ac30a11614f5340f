/* Descriptor tables: which number means which open file (dup(2), close(2), close_range(2)).
 * Open files themselves are file.c; fcntl(2) is fcntl.c. */
#include "gen/syscall_protos.h"
#include "syscalls/file/file.h"
#include "syscalls/file/lock.h"
#include "syscalls/task/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define FD_CEILING (1 << 20) /* as fs.nr_open */

static struct fd_table *table_with_room(int size) {
    struct fd_table *table = calloc(1, sizeof *table);
    if (!table) {
        return NULL;
    }
    table->slot = calloc((size_t)size, sizeof *table->slot);
    if (!table->slot) {
        free(table);
        errno = ENOMEM;
        return NULL;
    }
    pthread_mutex_init(&table->lock, NULL);
    table->size = size;
    table->refs = 1;
    return table;
}

/* Empty table with one reference, or NULL with errno ENOMEM. */
struct fd_table *fd_table_create(void) {
    return table_with_room(64);
}

/* Copy for fork: the files are shared, the numbers are not. NULL with errno ENOMEM. */
struct fd_table *fd_table_fork(struct fd_table *table) {
    pthread_mutex_lock(&table->lock);
    struct fd_table *copy = table_with_room(table->size);
    for (int i = 0; copy && i < table->size; i++) {
        copy->slot[i] = table->slot[i];
        if (copy->slot[i].file) {
            file_ref(copy->slot[i].file);
        }
    }
    pthread_mutex_unlock(&table->lock);
    return copy;
}

int task_unshare_fds(struct task *task) {
    struct fd_table *shared = task->fds;
    if (!shared || atomic_load(&shared->refs) == 1) {
        return 0;
    }
    struct fd_table *own = fd_table_fork(shared);
    if (!own) {
        return -ENOMEM;
    }
    pthread_mutex_lock(&process_lock);
    task->fds = own;
    pthread_mutex_unlock(&process_lock);
    fd_table_unref(shared);
    return 0;
}

struct fd_table *fd_table_ref(struct fd_table *table) {
    table->refs++;
    return table;
}

/* Drops a reference; the last one closes every descriptor (and its owner's record locks). */
void fd_table_unref(struct fd_table *table) {
    if (--table->refs) {
        return;
    }
    for (int i = 0; i < table->size; i++) {
        struct file *file = table->slot[i].file;
        if (!file) {
            continue;
        }
        lock_close(table, file);
        file_unref(file);
    }
    pthread_mutex_destroy(&table->lock);
    free(table->slot);
    free(table);
}

void fd_table_close_on_exec(struct fd_table *table) {
    for (int i = 0;; i++) {
        struct file *file = NULL;
        pthread_mutex_lock(&table->lock);
        if (i >= table->size) {
            pthread_mutex_unlock(&table->lock);
            return;
        }
        if (table->slot[i].cloexec) {
            file = table->slot[i].file;
            table->slot[i] = (struct fd_slot){0};
        }
        pthread_mutex_unlock(&table->lock);
        if (file) {
            lock_close(table, file);
            file_unref(file);
        }
    }
}

struct file *fd_table_get(struct fd_table *table, int fd) {
    struct file *file = NULL;
    pthread_mutex_lock(&table->lock);
    if (fd >= 0 && fd < table->size && table->slot[fd].file) {
        file = file_ref(table->slot[fd].file);
    }
    pthread_mutex_unlock(&table->lock);
    return file;
}

struct file *fd_get(struct task *task, int fd) {
    return fd_table_get(task->fds, fd);
}

/* Largest number of descriptors that the process may have (RLIMIT_NOFILE). */
static int64_t fd_limit(struct task *task) {
    uint64_t limit = task->process->limits[RLIMIT_NOFILE].rlim_cur;
    return limit < FD_CEILING ? (int64_t)limit : FD_CEILING;
}

/* Makes room for descriptor `fd`; table->lock is held. 0 or -ENOMEM. */
static int table_reserve(struct fd_table *table, int fd) {
    if (fd < table->size) {
        return 0;
    }
    int size = table->size;
    while (size <= fd) {
        size *= 2;
    }
    struct fd_slot *slot = realloc(table->slot, (size_t)size * sizeof *slot);
    if (!slot) {
        return -ENOMEM;
    }
    memset(slot + table->size, 0, (size_t)(size - table->size) * sizeof *slot);
    table->slot = slot;
    table->size = size;
    return 0;
}

int fd_install(struct task *task, struct file *file, bool cloexec, int from) {
    struct fd_table *table = task->fds;
    int64_t limit = fd_limit(task);
    int error = -EMFILE;
    pthread_mutex_lock(&table->lock);
    int fd = from;
    while (fd < table->size && table->slot[fd].file) {
        fd++;
    }
    if (fd < limit) {
        error = table_reserve(table, fd);
    }
    if (!error) {
        table->slot[fd] = (struct fd_slot){file, cloexec};
    }
    pthread_mutex_unlock(&table->lock);
    if (error) {
        file_unref(file);
        return error;
    }
    return fd;
}

int fd_close(struct task *task, int fd) {
    struct fd_table *table = task->fds;
    struct file *file = NULL;
    pthread_mutex_lock(&table->lock);
    if (fd >= 0 && fd < table->size) {
        file = table->slot[fd].file;
        table->slot[fd] = (struct fd_slot){0};
    }
    pthread_mutex_unlock(&table->lock);
    if (!file) {
        return -EBADF;
    }
    lock_close(table, file);
    file_unref(file);
    return 0;
}

int fd_give_pair(struct task *task, gaddr_t at, const int32_t fd[2]) {
    int error = fd[1] < 0 ? fd[1] : guest_write(task->cpu->space, at, fd, 2 * sizeof fd[0]);
    if (error) {
        if (fd[1] >= 0) {
            fd_close(task, fd[1]);
        }
        fd_close(task, fd[0]);
    }
    return error;
}

/* dup2 and dup3 with fd != to: closes `to` first, silently. */
static int duplicate_to(struct task *task, int fd, int to, bool cloexec) {
    struct fd_table *table = task->fds;
    if (to < 0 || to >= fd_limit(task)) {
        return -EBADF;
    }
    struct file *file = fd_get(task, fd);
    if (!file) {
        return -EBADF;
    }
    pthread_mutex_lock(&table->lock);
    int error = table_reserve(table, to);
    struct file *old = NULL;
    if (!error) {
        old = table->slot[to].file;
        table->slot[to] = (struct fd_slot){file, cloexec};
    }
    pthread_mutex_unlock(&table->lock);
    if (error) {
        file_unref(file);
        return error;
    }
    if (old) {
        lock_close(table, old);
        file_unref(old);
    }
    return to;
}

/* close(2) */
long sys_close(struct task *task, int32_t fd) {
    return fd_close(task, fd);
}

/* dup(2) */
long sys_dup(struct task *task, int32_t fd) {
    struct file *file = fd_get(task, fd);
    return file ? fd_install(task, file, false, 0) : -EBADF;
}

/* dup2(2) */
long sys_dup2(struct task *task, int32_t fd, int32_t to) {
    if (fd == to) {
        struct file *file = fd_get(task, fd);
        if (!file) {
            return -EBADF;
        }
        file_unref(file);
        return to;
    }
    return duplicate_to(task, fd, to, false);
}

/* dup3(2) */
long sys_dup3(struct task *task, int32_t fd, int32_t to, uint32_t flags) {
    if ((flags & ~(uint32_t)O_CLOEXEC) || fd == to) {
        return -EINVAL;
    }
    return duplicate_to(task, fd, to, flags & O_CLOEXEC);
}

#define CLOSE_RANGE_UNSHARE 2
#define CLOSE_RANGE_CLOEXEC 4

/* close_range(2) */
long sys_close_range(struct task *task, uint32_t first, uint32_t last, uint32_t flags) {
    if ((flags & ~(uint32_t)(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) || first > last) {
        return -EINVAL;
    }
    int error = flags & CLOSE_RANGE_UNSHARE ? task_unshare_fds(task) : 0;
    if (error) {
        return error;
    }
    struct fd_table *table = task->fds;
    for (uint32_t fd = first; fd <= last; fd++) {
        pthread_mutex_lock(&table->lock);
        bool more = fd < (uint32_t)table->size;
        bool open = more && table->slot[fd].file;
        if (open && (flags & CLOSE_RANGE_CLOEXEC)) {
            table->slot[fd].cloexec = true;
        }
        pthread_mutex_unlock(&table->lock);
        if (!more) {
            break;
        }
        if (open && !(flags & CLOSE_RANGE_CLOEXEC)) {
            fd_close(task, (int)fd);
        }
    }
    return 0;
}
