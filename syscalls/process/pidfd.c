/* Descriptors for processes: pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2), poll on them. */
#include "gen/syscall_protos.h"
#include "syscalls/process/pidfd.h"

#include "syscalls/abi/abi.h"
#include "syscalls/file/file.h"
#include "syscalls/task/process.h"
#include "syscalls/signal/signal.h"
#include "syscalls/fs/vfs_synthetic.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIDFD_NONBLOCK O_NONBLOCK

/* With process_lock. */
static void handle_unref(struct pid_handle *handle) {
    if (--handle->refs == 0) {
        if (handle->process) {
            handle->process->handle = NULL;
        }
        close(handle->event_fd);
        close(handle->end_fd);
        free(handle);
    }
}

void pidfd_ended(struct pid_handle *handle) {
    char byte = 0;
    if (write(handle->end_fd, &byte, 1) < 0) {
        return; /* it was readable already */
    }
}

static struct pid_handle *handle_ref(struct process *process) {
    struct pid_handle *handle = process->handle;
    if (!handle) {
        handle = calloc(1, sizeof *handle);
        if (!handle) {
            return NULL;
        }
        int ends[2];
        if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
            free(handle);
            return NULL;
        }
        handle->event_fd = ends[0];
        handle->end_fd = ends[1];
        if (process->zombie) {
            pidfd_ended(handle);
        }
        handle->process = process;
        handle->pid = process->pid;
        process->handle = handle;
    }
    handle->refs++;
    return handle;
}

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
    handle_unref(file->data);
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
    struct pid_handle *handle = handle_ref(process);
    if (!handle) {
        return NULL;
    }
    int fd = fcntl(handle->event_fd, F_DUPFD_CLOEXEC, 0);
    struct file *file = fd < 0 ? NULL : file_create(&pidfd_ops, fd, O_RDWR | flags);
    if (!file) {
        handle_unref(handle);
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

/* pidfd_open(2) */
long sys_pidfd_open(struct task *task, int32_t pid, uint32_t flags) {
    if (pid <= 0 || (flags & ~(uint32_t)PIDFD_NONBLOCK)) {
        return -EINVAL;
    }
    pthread_mutex_lock(&process_lock);
    struct process *process = process_find(pid);
    long error = process ? -EMFILE : task_find(pid) ? -EINVAL : -ESRCH;
    struct file *file = process ? pidfd_create_locked(process, (int)flags) : NULL;
    pthread_mutex_unlock(&process_lock);
    return file ? fd_install(task, file, true, 0) : error;
}

/* The process that a descriptor names: a pidfd, or an opened /proc/PID. *process is NULL when it
 * has ended. False: neither. process_lock is held. */
static bool named_process(struct file *file, struct process **process) {
    const struct synth_ref *ref = synth_of_file(file);
    if (pidfd_is(file)) {
        *process = pidfd_process_locked(file);
        return true;
    }
    if (ref && ref->entry == &proc_pid_root) {
        *process = process_find(ref->pid);
        return true;
    }
    return false;
}

/* pidfd_send_signal(2) */
long sys_pidfd_send_signal(struct task *task, int32_t fd, int32_t signo, gaddr_t info,
                           uint32_t flags) {
    if (flags || signo < 0 || signo > GUEST_SIGNALS) {
        return -EINVAL;
    }
    struct sigqueue_info send = {
        .signo = signo, .code = SI_USER, .pid = task->process->pid, .uid = task->process->uid};
    if (info) {
        if (task->abi->read_siginfo(task, info, &send)) {
            return -EFAULT;
        }
        if (send.signo != signo) {
            return -EINVAL;
        }
    }
    struct file *file = fd_get(task, fd);
    if (!file) {
        return -EBADF;
    }
    long error = 0;
    struct process *process;
    pthread_mutex_lock(&process_lock);
    if (!named_process(file, &process)) {
        error = -EBADF;
    } else if (!process) {
        error = -ESRCH;
    } else if (!process_may_signal(task, process, signo) ||
               (info && send.code >= 0 && process != task->process)) {
        error = -EPERM;
    } else if (signo && !process->zombie) {
        error = signal_send_process_locked(process, &send);
    }
    pthread_mutex_unlock(&process_lock);
    file_unref(file);
    return error;
}

/* pidfd_getfd(2) */
long sys_pidfd_getfd(struct task *task, int32_t pidfd, int32_t target_fd, uint32_t flags) {
    if (flags) {
        return -EINVAL;
    }
    struct file *file = fd_get(task, pidfd);
    if (!file) {
        return -EBADF;
    }
    struct file *found = NULL;
    long error = -EBADF;
    if (pidfd_is(file)) {
        pthread_mutex_lock(&process_lock);
        struct process *process = pidfd_process_locked(file);
        struct task *target = process ? task_find(process->pid) : NULL;
        if (!target || !target->fds) {
            error = -ESRCH;
        } else if (!process_may_inspect(task->process, process, false)) {
            error = -EPERM;
        } else {
            found = fd_table_get(target->fds, target_fd);
        }
        pthread_mutex_unlock(&process_lock);
    }
    file_unref(file);
    return found ? fd_install(task, found, true, 0) : error;
}
