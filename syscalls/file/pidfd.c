/* Descriptors for processes as files: pidfd_open(2), poll on them. */
#include "syscalls/file/pidfd.h"

#include "syscalls/file/file.h"
#include "syscalls/file/strbuf.h"
#include "syscalls/task/process.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* The pipe underneath is for poll only: never writable, readable once the process has ended. */
static ssize_t pidfd_read(struct file *file, struct task *task, const struct iovec *iov, int count,
                          int64_t offset) {
    return -EINVAL;
}

static ssize_t pidfd_write(struct file *file, struct task *task, const struct iovec *iov, int count,
                           int64_t offset) {
    return -EINVAL;
}

static int64_t pidfd_seek(struct file *file, int64_t offset, int whence) {
    return -ESPIPE;
}

static void pidfd_release(struct file *file) {
    close(file->host_fd);
    pthread_mutex_lock(&process_lock);
    pid_handle_unref(file->data);
    pthread_mutex_unlock(&process_lock);
}

/* -1 once the process is gone and waited for. */
static void pidfd_info(struct file *file, struct strbuf *out) {
    pthread_mutex_lock(&process_lock);
    struct process *process = pidfd_process_locked(file);
    int32_t pid = process ? process->pid : -1;
    pthread_mutex_unlock(&process_lock);
    strbuf_printf(out, "Pid:\t%d\nNSpid:\t%d\n", pid, pid);
}

static const struct file_ops pidfd_ops = {
    .kind = "pidfd",
    .read = pidfd_read,
    .write = pidfd_write,
    .seek = pidfd_seek,
    .info = pidfd_info,
    .release = pidfd_release,
};

bool pidfd_is(const struct file *file) {
    return file->ops == &pidfd_ops;
}

struct process *pidfd_process_locked(struct file *file) {
    return pidfd_is(file) ? ((struct pid_handle *)file->data)->process : NULL;
}

int32_t pidfd_pid(const struct file *file) {
    return ((struct pid_handle *)file->data)->pid;
}

struct file *pidfd_create_locked(struct process *process, int flags) {
    struct pid_handle *handle = pid_handle_ref(process);
    if (!handle) {
        return NULL;
    }
    int fd = fcntl(handle->event_fd, F_DUPFD_CLOEXEC, 0);
    struct file *file = fd < 0 ? NULL : file_create(&pidfd_ops, fd, O_RDWR | flags);
    if (!file) {
        pid_handle_unref(handle);
        return NULL;
    }
    file->data = handle;
    file->path = strdup("anon_inode:[pidfd]");
    return file;
}

int pidfd_install(struct task *task, struct process *process, int flags) {
    pthread_mutex_lock(&process_lock);
    struct file *file = pidfd_create_locked(process, flags);
    pthread_mutex_unlock(&process_lock);
    return file ? fd_install(task, file, true, 0) : -EMFILE;
}
