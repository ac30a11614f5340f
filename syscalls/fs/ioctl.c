/* ioctl(2): what every open file understands (close-on-exec, non-blocking, bytes to read), then
 * the file's own operation: files and directories ioctl_file.c, terminals ioctl_tty.c, sockets
 * socket_option.c. */
#include "gen/syscall_protos.h"
#include "syscalls/fs/fs_place.h"
#include "syscalls/fs/ioctl_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

static long set_cloexec(struct task *task, int fd, bool on) {
    struct fd_table *table = task->fds;
    long result = -EBADF;
    pthread_mutex_lock(&table->lock);
    if (fd >= 0 && fd < table->size && table->slot[fd].file) {
        table->slot[fd].cloexec = on;
        result = 0;
    }
    pthread_mutex_unlock(&table->lock);
    return result;
}

static long set_nonblocking(struct task *task, struct file *file, gaddr_t arg) {
    int32_t on;
    if (guest_read(task->cpu->space, &on, arg, sizeof on)) {
        return -EFAULT;
    }
    if (file->host_fd >= 0 && ioctl(file->host_fd, FIONBIO, &on)) {
        return -errno;
    }
    if (on) {
        file->flags |= O_NONBLOCK;
    } else {
        file->flags &= ~O_NONBLOCK;
    }
    return 0;
}

/* FIOASYNC: the flag alone, as with F_SETFL (fcntl.c); no SIGIO is sent (see syscalls/table). */
static long set_async(struct task *task, struct file *file, gaddr_t arg) {
    int32_t on;
    if (guest_read(task->cpu->space, &on, arg, sizeof on)) {
        return -EFAULT;
    }
    if (on) {
        file->flags |= O_ASYNC;
    } else {
        file->flags &= ~O_ASYNC;
    }
    return 0;
}

/* FIONREAD where the file has nothing of its own. */
static long bytes_to_read(struct task *task, struct file *file, gaddr_t arg) {
    int count = 0;
    if (file->host_fd < 0 || ioctl(file->host_fd, FIONREAD, &count)) {
        return file->host_fd < 0 ? -ENOTTY : -errno;
    }
    return guest_write(task->cpu->space, arg, &count, sizeof count) ? -EFAULT : 0;
}

/* ioctl(2) */
long sys_ioctl(struct task *task, int32_t fd, uint32_t request, uint64_t arg) {
    struct file *file = fd_get(task, fd);
    if (!file) {
        return -EBADF;
    }
    long result;
    if (file->flags & O_PATH) {
        result = -EBADF;
    } else if (request == FIOCLEX || request == FIONCLEX) {
        result = set_cloexec(task, fd, request == FIOCLEX);
    } else if (request == FIONBIO) {
        result = set_nonblocking(task, file, arg);
    } else if (request == FIOASYNC) {
        result = set_async(task, file, arg);
    } else if (file->ops->ioctl) {
        result = file->ops->ioctl(file, task, request, arg);
    } else if (request == FIONREAD) {
        result = bytes_to_read(task, file, arg);
    } else if (file->ops == &file_ops_regular || file->ops == &file_ops_directory) {
        result = file_ioctl(task, file, request, arg);
    } else {
        result = -ENOTTY;
    }
    file_unref(file);
    return result;
}
