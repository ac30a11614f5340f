/* Record locks towards others: host processes and other runs on the same files.
 *
 * To the host all guest processes are one, so lock.c decides among guests, and the union of what
 * they hold on a file is held on the host, as open file description locks (fcntl(2)) of one
 * descriptor of our own per file. Where the host or its file system has none, locks are among
 * guests alone. Everything but host_lock_wait() is called with lock.c's mutex held. */
#include "syscalls/file/lock_host.h"
#include "syscalls/task/account.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct flock range(int16_t type, int64_t start, int64_t end) {
    return (struct flock){.l_type = type,
                          .l_whence = SEEK_SET,
                          .l_start = start,
                          .l_len = end == INT64_MAX ? 0 : end - start + 1};
}

/* The descriptor; a lock for writing needs one that can write, whatever the guest's can. -1: none;
 * -ENOLCK: the share of the user who locks, or the host's, is used up. */
static int descriptor(struct host_lock *host, const struct file *file) {
    static const int modes[] = {O_RDWR, O_RDONLY, O_WRONLY};
    struct stat st;
    char path[40];
    if (host->fd >= 0 || host->missing) {
        return host->fd;
    }
    host->missing = fstat(file->host_fd, &st) || !S_ISREG(st.st_mode);
    if (host->missing) {
        return -1;
    }
    struct account *account = account_current();
    if (!account_allows(account, SHARE_FILES, 1)) {
        return -ENOLCK;
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", file->host_fd);
    for (size_t i = 0; host->fd < 0 && i < ARRAY_LEN(modes); i++) {
        host->fd = open(path, modes[i] | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    }
    if (host->fd >= 0) {
        host->account = account;
        account_add(account, SHARE_FILES, 1);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == EINTR) {
        return -ENOLCK;
    } else {
        host->missing = true;
    }
    return host->fd;
}

/* EINVAL, EBADF and the like say that there are no such locks, not that there is a conflict. */
static int outcome(int failed) {
    return failed && (errno == EAGAIN || errno == EACCES) ? -EAGAIN : 0;
}

int host_lock_set(struct host_lock *host, const struct file *file, int16_t type, int64_t start,
                  int64_t end) {
    struct flock lock = range(type, start, end);
    int fd = type == F_UNLCK ? host->fd : descriptor(host, file);
    if (fd == -ENOLCK) {
        return -ENOLCK;
    }
    return fd < 0 ? 0 : outcome(fcntl(fd, F_OFD_SETLK, &lock));
}

long host_lock_wait(struct task *task, int fd, int16_t type, int64_t start, int64_t end) {
    struct flock lock = range(type, start, end);
    long result = host_call(task, SYS_fcntl, fd, F_OFD_SETLKW, (long)&lock, 0, 0, 0);
    return result == -EINTR ? -ERESTARTSYS : result == -EDEADLK ? -EDEADLK : 0;
}

bool host_lock_get(const struct host_lock *host, const struct file *file,
                   struct lock_request *request, int64_t start, int64_t end) {
    struct flock lock = range(request->type, start, end);
    if (fcntl(host->fd >= 0 ? host->fd : file->host_fd, F_OFD_GETLK, &lock) ||
        lock.l_type == F_UNLCK) {
        return false;
    }
    request->type = lock.l_type;
    request->whence = SEEK_SET;
    request->start = lock.l_start;
    request->len = lock.l_len;
    request->pid = lock.l_pid == -1 ? -1 : 0; /* no process of the guest's */
    return true;
}

void host_lock_drop(struct host_lock *host) {
    if (host->fd >= 0) {
        close(host->fd);
        account_add(host->account, SHARE_FILES, -1);
    }
    host->fd = -1;
}
