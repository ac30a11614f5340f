/* Descriptors for processes: pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2), poll on them. */
#include "gen/syscall_protos.h"
#include "syscalls/file/pidfd.h"

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
    if (ref && ref->entry->is_process) {
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
