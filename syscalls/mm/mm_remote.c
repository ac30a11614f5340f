/* Memory calls that reach past the calling task: membarrier(2), process_vm_readv(2),
 * process_vm_writev(2). */
#include "gen/syscall_protos.h"
#include "syscalls/abi/abi.h"
#include "syscalls/mm/mm.h"
#include "syscalls/task/process.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/membarrier.h, not in every libc's headers in full */
enum {
    BARRIER_QUERY = 0,
    BARRIER_GLOBAL = 1,
    BARRIER_GLOBAL_EXPEDITED = 2,
    BARRIER_REGISTER_GLOBAL_EXPEDITED = 4,
    BARRIER_PRIVATE_EXPEDITED = 8,
    BARRIER_REGISTER_PRIVATE_EXPEDITED = 16,
    BARRIER_PRIVATE_SYNC_CORE = 32,
    BARRIER_REGISTER_PRIVATE_SYNC_CORE = 64,
};

static int host_barrier(int command) {
    return syscall(SYS_membarrier, command, 0, 0) < 0 ? -errno : 0;
}

/* Guest threads are threads of this host process, so that the host's private barrier reaches them
 * all; other guests' threads get one more than they need. Instruction fetch needs none: a write to
 * compiled code is seen by the engine itself. */
long sys_membarrier(struct task *task, int32_t command, uint32_t flags, int32_t cpu) {
    struct mm *mm = task->process->mm;
    const uint32_t all = BARRIER_GLOBAL | BARRIER_GLOBAL_EXPEDITED |
                         BARRIER_REGISTER_GLOBAL_EXPEDITED | BARRIER_PRIVATE_EXPEDITED |
                         BARRIER_REGISTER_PRIVATE_EXPEDITED | BARRIER_PRIVATE_SYNC_CORE |
                         BARRIER_REGISTER_PRIVATE_SYNC_CORE;
    if (flags) {
        return -EINVAL;
    }
    switch (command) {
    case BARRIER_QUERY: {
        long host = syscall(SYS_membarrier, BARRIER_QUERY, 0, 0);
        if (host < 0) {
            return -ENOSYS;
        }
        return (host & BARRIER_PRIVATE_EXPEDITED) ? (long)all : (long)(host & BARRIER_GLOBAL);
    }
    case BARRIER_GLOBAL:
        return host_barrier(BARRIER_GLOBAL);
    case BARRIER_GLOBAL_EXPEDITED:
        if (host_barrier(BARRIER_REGISTER_PRIVATE_EXPEDITED)) {
            return host_barrier(BARRIER_GLOBAL);
        }
        return host_barrier(BARRIER_PRIVATE_EXPEDITED);
    case BARRIER_REGISTER_GLOBAL_EXPEDITED:
        return 0;
    case BARRIER_REGISTER_PRIVATE_EXPEDITED:
    case BARRIER_REGISTER_PRIVATE_SYNC_CORE: {
        int err = host_barrier(BARRIER_REGISTER_PRIVATE_EXPEDITED);
        if (!err) {
            __atomic_fetch_or(&mm->membarrier, (uint32_t)command, __ATOMIC_SEQ_CST);
        }
        return err;
    }
    case BARRIER_PRIVATE_EXPEDITED:
    case BARRIER_PRIVATE_SYNC_CORE:
        if (!(__atomic_load_n(&mm->membarrier, __ATOMIC_SEQ_CST) & ((uint32_t)command << 1))) {
            return -EPERM;
        }
        return host_barrier(BARRIER_PRIVATE_EXPEDITED);
    default:
        return -EINVAL;
    }
}

int mm_force(struct mm *mm, gaddr_t addr, void *data, size_t len, bool write) {
    int error = -EIO;
    pthread_mutex_lock(&mm->lock);
    const struct vma *vma = mm_find(mm, addr);
    if (vma && addr >= vma->start && !(write && (vma->flags & MAP_SHARED))) {
        gaddr_t page = PAGE_BASE(addr);
        int prot = vma->prot | PROT_READ | (write ? PROT_WRITE : 0);
        if (!space_protect(mm->space, page, PAGE_BYTES, prot)) {
            bool failed = write ? guest_write(mm->space, addr, data, len)
                                : guest_read(mm->space, data, addr, len);
            error = failed ? -EIO : 0;
            space_protect(mm->space, page, PAGE_BYTES, vma->prot);
        }
    }
    pthread_mutex_unlock(&mm->lock);
    return error;
}

#define IOV_LIMIT 1024

/* Reads a guest's array of iovecs, whose lengths may not add up to a negative number. */
static int read_spans(struct task *task, gaddr_t iov, uint64_t count, struct guest_span *out) {
    uint64_t most = abi_long_most(task);
    for (uint64_t i = 0; i < count; i++) {
        int error = abi_read_iovec(task, iov, i, &out[i]);
        if (error) {
            return error;
        }
        if (out[i].len > most) {
            return -EINVAL;
        }
        most -= out[i].len;
    }
    return 0;
}

/* The memory of another process, referenced; NULL with *err (ptrace(2), access mode checks). */
static struct mm *remote_mm(struct task *task, int32_t pid, int *err) {
    struct mm *mm = NULL;
    const struct process *me = task->process;
    pthread_mutex_lock(&process_lock);
    struct process *process = process_find_thread(pid);
    *err = -ESRCH;
    if (process && process->mm) {
        *err = -EPERM;
        if (process_may_inspect(me, process, false)) {
            mm = mm_ref(process->mm);
            *err = 0;
        }
    }
    pthread_mutex_unlock(&process_lock);
    return mm;
}

/* Copies between the two lists until one ends or faults; bytes, or -EFAULT when there were none. */
static long copy_spans(struct space *to, const struct guest_span *to_span, uint64_t to_count,
                       struct space *from, const struct guest_span *from_span,
                       uint64_t from_count) {
    uint8_t buf[4096];
    uint64_t done = 0, t = 0, f = 0, t_at = 0, f_at = 0;
    while (t < to_count && f < from_count) {
        uint64_t t_left = to_span[t].len - t_at, f_left = from_span[f].len - f_at;
        if (t_left == 0) {
            t++, t_at = 0;
            continue;
        }
        if (f_left == 0) {
            f++, f_at = 0;
            continue;
        }
        gaddr_t t_addr = to_span[t].at + t_at, f_addr = from_span[f].at + f_at;
        uint64_t len = t_left < f_left ? t_left : f_left;
        uint64_t page_left = PAGE_BYTES - (f_addr & (PAGE_BYTES - 1));
        uint64_t t_page_left = PAGE_BYTES - (t_addr & (PAGE_BYTES - 1));
        if (len > page_left) {
            len = page_left;
        }
        if (len > t_page_left) {
            len = t_page_left;
        }
        if (guest_read(from, buf, f_addr, len) || guest_write(to, t_addr, buf, len)) {
            return done ? (long)done : -EFAULT;
        }
        done += len;
        t_at += len;
        f_at += len;
    }
    return (long)done;
}

static bool no_bytes(const struct guest_span *span, uint64_t count) {
    while (count && span[count - 1].len == 0) {
        count--;
    }
    return count == 0;
}

/* An empty list ends the call before anything after it is looked at, also the process. */
static long process_vm(struct task *task, int32_t pid, gaddr_t local, uint64_t local_count,
                       gaddr_t remote, uint64_t remote_count, uint64_t flags, bool write) {
    int err;
    long result;
    if (flags || local_count > IOV_LIMIT || remote_count > IOV_LIMIT) {
        return -EINVAL;
    }
    struct guest_span *span = calloc(local_count + remote_count + 1, sizeof *span);
    if (!span) {
        return -ENOMEM;
    }
    result = read_spans(task, local, local_count, span);
    bool nothing = !result && no_bytes(span, local_count);
    if (!result && !nothing) {
        result = read_spans(task, remote, remote_count, span + local_count);
    }
    if (!result && !nothing && !no_bytes(span + local_count, remote_count)) {
        struct mm *mm = remote_mm(task, pid, &err);
        struct space *own = task->process->mm->space;
        if (!mm) {
            result = err;
        } else if (write) {
            result =
                copy_spans(mm->space, span + local_count, remote_count, own, span, local_count);
        } else {
            result =
                copy_spans(own, span, local_count, mm->space, span + local_count, remote_count);
        }
        mm_unref(mm);
    }
    free(span);
    return result;
}

long sys_process_vm_readv(struct task *task, int32_t pid, gaddr_t local, uint64_t local_count,
                          gaddr_t remote, uint64_t remote_count, uint64_t flags) {
    return process_vm(task, pid, local, local_count, remote, remote_count, flags, false);
}

long sys_process_vm_writev(struct task *task, int32_t pid, gaddr_t local, uint64_t local_count,
                           gaddr_t remote, uint64_t remote_count, uint64_t flags) {
    return process_vm(task, pid, local, local_count, remote, remote_count, flags, true);
}
