/* Process attributes: prctl(2), personality(2); calls about isolation that this
 * kernel layer does not have (unshare(2), setns(2), seccomp(2)); kcmp(2). */
#include "gen/syscall_protos.h"
#include "syscalls/abi/abi.h"
#include "syscalls/task/capability.h"
#include "syscalls/task/process.h"

#include "syscalls/file/file.h"
#include "syscalls/fs/fs.h"
#include "syscalls/mm/mm.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>

/* --- prctl ----------------------------------------------------------------------------- */

static long set_name(struct task *task, gaddr_t from) {
    char name[sizeof task->comm] = {0};
    ssize_t len = guest_read_string(task->cpu->space, name, from, sizeof name - 1);
    if (len < 0 && len != -ENAMETOOLONG) {
        return -EFAULT;
    }
    name[sizeof name - 1] = 0;
    pthread_mutex_lock(&process_lock);
    memcpy(task->comm, name, sizeof name);
    pthread_mutex_unlock(&process_lock);
    return 0;
}

/* All addresses of /proc/self/cmdline and the like can be moved; only these are kept here. */
static long set_mm(struct task *task, uint32_t what, gaddr_t value) {
    struct mm *mm = task->process->mm;
    if (!task_capable(task, CAP_SYS_RESOURCE)) {
        return -EPERM;
    }
    long error = 0;
    pthread_mutex_lock(&mm->lock);
    switch (what) {
    case PR_SET_MM_ARG_START:
        mm->arg_start = value;
        break;
    case PR_SET_MM_ARG_END:
        mm->arg_end = value;
        break;
    case PR_SET_MM_ENV_START:
        mm->env_start = value;
        break;
    case PR_SET_MM_ENV_END:
        mm->env_end = value;
        break;
    default:
        error = -EINVAL;
    }
    pthread_mutex_unlock(&mm->lock);
    return error;
}

/* prctl(2) */
long sys_prctl(struct task *task, int32_t option, uint64_t arg2, uint64_t arg3, uint64_t arg4,
               uint64_t arg5) {
    struct process *process = task->process;
    struct space *space = task->cpu->space;
    int32_t word;
    switch (option) {
    case PR_SET_PDEATHSIG:
        if (arg2 > GUEST_SIGNALS) {
            return -EINVAL;
        }
        process->pdeath_signal = (int)arg2;
        return 0;
    case PR_GET_PDEATHSIG:
        word = process->pdeath_signal;
        return guest_write(space, arg2, &word, sizeof word);
    case PR_GET_DUMPABLE:
        return process->dumpable;
    case PR_SET_DUMPABLE:
        if (arg2 > 1) {
            return -EINVAL;
        }
        pthread_mutex_lock(&process_lock); /* others look at it */
        process->dumpable = arg2;
        pthread_mutex_unlock(&process_lock);
        return 0;
    case PR_SET_NAME:
        return set_name(task, arg2);
    case PR_GET_NAME:
        return guest_write(space, arg2, task->comm, sizeof task->comm);
    case PR_GET_SECCOMP:
        return 0;
    case PR_GET_KEEPCAPS:
    case PR_SET_KEEPCAPS:
    case PR_CAPBSET_READ:
    case PR_CAPBSET_DROP:
    case PR_GET_SECUREBITS:
    case PR_SET_SECUREBITS:
    case PR_CAP_AMBIENT:
        return capability_prctl(task, option, arg2, arg3, arg4, arg5);
    case PR_GET_TIMERSLACK: /* of the host thread that the task is: it sleeps and hands it on */
        return prctl(PR_GET_TIMERSLACK);
    case PR_SET_TIMERSLACK: /* 0: what it began with */
        return prctl(PR_SET_TIMERSLACK, arg2) < 0 ? -errno : 0;
    case PR_GET_TIMING:
        return PR_TIMING_STATISTICAL;
    case PR_SET_TIMING:
        return arg2 == PR_TIMING_STATISTICAL ? 0 : -EINVAL;
    case PR_TASK_PERF_EVENTS_DISABLE: /* there are none (perf_event_open is ENOSYS) */
    case PR_TASK_PERF_EVENTS_ENABLE:
        return 0;
    case PR_SET_CHILD_SUBREAPER:
        process->child_subreaper = arg2;
        return 0;
    case PR_GET_CHILD_SUBREAPER:
        word = process->child_subreaper;
        return guest_write(space, arg2, &word, sizeof word);
    case PR_SET_NO_NEW_PRIVS:
        if (arg2 != 1 || arg3 || arg4 || arg5) {
            return -EINVAL;
        }
        process->no_new_privs = true;
        return 0;
    case PR_GET_NO_NEW_PRIVS:
        return arg2 || arg3 || arg4 || arg5 ? -EINVAL : process->no_new_privs;
    case PR_GET_TID_ADDRESS: {
        int64_t address = (int64_t)task->clear_child_tid;
        return abi_write_longs(task, arg2, &address, 1);
    }
    case PR_SET_MM:
        return set_mm(task, (uint32_t)arg2, arg3);
    case PR_GET_THP_DISABLE:
        return arg2 || arg3 || arg4 || arg5 ? -EINVAL : process->huge_pages_off;
    case PR_SET_THP_DISABLE: /* which pages the host takes nobody sees: kept and inherited */
        if (arg3 || arg4 || arg5) {
            return -EINVAL;
        }
        process->huge_pages_off = arg2;
        return 0;
    case PR_GET_TSC:
        word = PR_TSC_ENABLE;
        return guest_write(space, arg2, &word, sizeof word);
    case PR_SET_TSC: /* RDTSC cannot be made to fault here */
        return arg2 == PR_TSC_ENABLE ? 0 : -EINVAL;
    case PR_SET_PTRACER: /* Yama; accepted so that crash handlers go on */
        return 0;
    case PR_SET_VMA:
        return -EINVAL; /* a kernel without CONFIG_ANON_VMA_NAME */
    default:
        return -EINVAL; /* PR_SET_SECCOMP too: a kernel without it */
    }
}

/* personality(2). What has an effect: ADDR_LIMIT_3GB, ADDR_COMPAT_LAYOUT, MMAP_PAGE_ZERO and
 * READ_IMPLIES_EXEC (mm.c, elf.c), UNAME26 and PER_LINUX32 (sysinfo.c), STICKY_TIMEOUTS (select.c,
 * poll.c); addresses are never random. WHOLE_SECONDS, SHORT_INODE, ADDR_LIMIT_32BIT, FDPIC_FUNCPTRS
 * and the numbers of other systems are kept and do nothing, as under Linux. */
long sys_personality(struct task *task, uint32_t persona) {
    uint32_t old = task->process->personality;
    if (persona != UINT32_MAX) {
        task->process->personality = persona;
    }
    return old;
}

/* --- isolation ------------------------------------------------------------------------- */

#define NAMESPACES                                                                                 \
    ((uint32_t)(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |      \
                CLONE_NEWPID | CLONE_NEWNET) |                                                     \
     0x80u /* CLONE_NEWTIME */)

/* unshare(2): no namespaces; descriptors and directories become the calling thread's alone. */
long sys_unshare(struct task *task, uint32_t flags) {
    const uint32_t known =
        CLONE_FILES | CLONE_FS | CLONE_SYSVSEM | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM;
    struct process *process = task->process;
    if (flags & NAMESPACES) {
        return task_capable(task, CAP_SYS_ADMIN) ? -EINVAL : -EPERM;
    }
    if (flags & ~known) {
        return -EINVAL;
    }
    if ((flags & (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)) && process->task_count > 1) {
        return -EINVAL;
    }
    if ((flags & CLONE_VM) && process->mm->refs > 1) {
        return -EINVAL;
    }
    int error = flags & CLONE_FILES ? task_unshare_fds(task) : 0;
    return !error && (flags & CLONE_FS) ? task_unshare_fs(task) : error;
}

/* setns(2): there is no descriptor for a namespace */
long sys_setns(struct task *task, int32_t fd, uint32_t flags) {
    struct file *file = fd_get(task, fd);
    if (!file) {
        return -EBADF;
    }
    file_unref(file);
    return -EINVAL;
}

/* seccomp(2): a kernel that knows the call but no filters */
long sys_seccomp(struct task *task, uint32_t operation, uint32_t flags, gaddr_t args) {
    return -EINVAL;
}

/* --- kcmp(2) --------------------------------------------------------------------------- */

static int order(const void *a, const void *b) {
    return a == b ? 0 : (uintptr_t)a < (uintptr_t)b ? 1 : 2;
}

static struct file *file_of(const struct task *task, uint32_t fd) {
    struct fd_table *table = task ? task->fds : NULL;
    struct file *file = NULL;
    if (table) {
        pthread_mutex_lock(&table->lock);
        file = fd < (uint32_t)table->size ? table->slot[fd].file : NULL;
        pthread_mutex_unlock(&table->lock);
    }
    return file; /* only its address is used */
}

/* Two threads and their processes; a thread that has ended is NULL. */
struct compared {
    struct process *process;
    struct task *task;
};

static long compare(const struct compared *a, const struct compared *b, int32_t type, uint32_t arg1,
                    uint32_t arg2) {
    enum { KCMP_FILE, KCMP_VM, KCMP_FILES, KCMP_FS, KCMP_SIGHAND };
    switch (type) {
    case KCMP_FILE: {
        const struct file *first = file_of(a->task, arg1), *second = file_of(b->task, arg2);
        return first && second ? order(first, second) : -EBADF;
    }
    case KCMP_VM:
        return order(a->process->mm, b->process->mm);
    case KCMP_FILES:
        return order(a->task ? a->task->fds : NULL, b->task ? b->task->fds : NULL);
    case KCMP_FS:
        return order(a->task ? a->task->fs : NULL, b->task ? b->task->fs : NULL);
    case KCMP_SIGHAND:
        return order(a->process, b->process);
    default:
        return type > KCMP_SIGHAND && type <= 7 ? -EOPNOTSUPP : -EINVAL;
    }
}

long sys_kcmp(struct task *task, int32_t pid1, int32_t pid2, int32_t type, uint32_t arg1,
              uint32_t arg2) {
    pthread_mutex_lock(&process_lock);
    const struct compared a = {process_find_thread(pid1), task_find(pid1)};
    const struct compared b = {process_find_thread(pid2), task_find(pid2)};
    long result = -ESRCH;
    if (a.process && b.process) {
        bool allowed = process_may_inspect(task->process, a.process, false) &&
                       process_may_inspect(task->process, b.process, false);
        result = allowed ? compare(&a, &b, type, arg1, arg2) : -EPERM;
    }
    pthread_mutex_unlock(&process_lock);
    return result;
}
