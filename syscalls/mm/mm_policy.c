/* Memory policies of a machine with one node, as a kernel with NUMA takes them: get_mempolicy(2),
 * set_mempolicy(2), mbind(2), set_mempolicy_home_node(2), migrate_pages(2). They are kept and given
 * back; there is nothing to place. And advice about other processes, process_madvise(2). */
#include "gen/syscall_protos.h"
#include "syscalls/task/capability.h"
#include "syscalls/abi/abi.h"
#include "syscalls/mm/mm_internal.h"
#include "syscalls/file/pidfd.h"
#include "syscalls/task/process.h"
#include <errno.h>

/* linux/mempolicy.h */
enum {
    POLICY_DEFAULT,
    POLICY_PREFERRED,
    POLICY_BIND,
    POLICY_INTERLEAVE,
    POLICY_LOCAL,
    POLICY_PREFERRED_MANY,
    POLICY_WEIGHTED,
    POLICY_COUNT
};
#define MODE_STATIC    0x8000u
#define MODE_RELATIVE  0x4000u
#define MODE_BALANCING 0x2000u
#define MODE_FLAGS     (MODE_STATIC | MODE_RELATIVE | MODE_BALANCING)
#define GET_NODE       1u
#define GET_ADDR       2u
#define GET_ALLOWED    4u
#define BIND_STRICT    1u
#define BIND_MOVE      2u
#define BIND_MOVE_ALL  4u
#define MOST_NODES     1024u /* that a kernel is built for; all but node 0 are never there */
#define MOST_BITS      (PAGE_BYTES * 8)

/* The mask of nodes at `at`: *any says that there is a bit, *here that node 0 is among them. */
static int read_nodes(struct task *task, gaddr_t at, uint64_t bits, bool *any, bool *here) {
    *any = *here = false;
    bits--;
    if (bits == 0 || at == 0) {
        return 0;
    }
    if (bits > MOST_BITS) {
        return -EINVAL;
    }
    for (uint64_t bit = 0; bit < bits; bit += 32) {
        uint32_t word;
        if (guest_read(task->cpu->space, &word, at + bit / 8, sizeof word)) {
            return -EFAULT;
        }
        if (bits - bit < 32) {
            word &= (1u << (bits - bit)) - 1;
        }
        if (word && bit >= MOST_NODES) {
            return -EINVAL;
        }
        *any |= word != 0;
        *here |= bit == 0 && word & 1;
    }
    return 0;
}

/* mode and flags, and nodes in guest memory: the policy to keep, or -errno. */
static int read_policy(struct task *task, uint32_t mode, gaddr_t nodes, uint64_t bits) {
    bool any, here;
    uint32_t flags = mode & MODE_FLAGS;
    mode &= ~MODE_FLAGS;
    if (mode >= POLICY_COUNT ||
        (flags & (MODE_STATIC | MODE_RELATIVE)) == (MODE_STATIC | MODE_RELATIVE)) {
        return -EINVAL;
    }
    if ((flags & MODE_BALANCING) && mode != POLICY_BIND && mode != POLICY_PREFERRED_MANY) {
        return -EINVAL;
    }
    int err = read_nodes(task, nodes, bits, &any, &here);
    if (err) {
        return err;
    }
    if (mode == POLICY_DEFAULT) {
        return any ? -EINVAL : 0;
    }
    if (mode == POLICY_LOCAL || (mode == POLICY_PREFERRED && !any)) {
        return any || (flags & (MODE_STATIC | MODE_RELATIVE)) ? -EINVAL : POLICY_LOCAL;
    }
    /* Relative nodes are counted modulo those that are there. */
    return here || (any && flags & MODE_RELATIVE) ? (int)(mode | flags) : -EINVAL;
}

long sys_set_mempolicy(struct task *task, int32_t mode, gaddr_t nodes, uint64_t bits) {
    int policy = read_policy(task, (uint32_t)mode, nodes, bits);
    if (policy >= 0) {
        task->memory_policy = (uint16_t)policy;
    }
    return policy < 0 ? policy : 0;
}

/* The mask of a policy, or of what may be used, to the guest: as many words as asked for. */
static int write_nodes(struct task *task, gaddr_t to, uint64_t bits, uint32_t nodes) {
    uint64_t bytes = ((bits - 1 + 63) / 64) * 8;
    if (bytes > PAGE_BYTES) {
        return -EINVAL;
    }
    if (bytes && (guest_write(task->cpu->space, to, &nodes, sizeof nodes) ||
                  guest_zero(task->cpu->space, to + sizeof nodes, bytes - sizeof nodes))) {
        return -EFAULT;
    }
    return 0;
}

/* The policy of the mapping at `addr`, or -EFAULT. */
static int policy_at(struct mm *mm, gaddr_t addr) {
    pthread_mutex_lock(&mm->lock);
    const struct vma *vma = mm_find(mm, addr);
    int policy = vma && vma->start <= addr ? vma->policy : -EFAULT;
    pthread_mutex_unlock(&mm->lock);
    return policy;
}

long sys_get_mempolicy(struct task *task, gaddr_t mode, gaddr_t nodes, uint64_t bits, gaddr_t addr,
                       uint64_t flags) {
    int32_t value;
    if (flags & ~(uint64_t)(GET_NODE | GET_ADDR | GET_ALLOWED)) {
        return -EINVAL;
    }
    if (nodes && bits < 1) {
        return -EINVAL;
    }
    int policy = task->memory_policy;
    if (flags & GET_ALLOWED) {
        if (flags & (GET_NODE | GET_ADDR)) {
            return -EINVAL;
        }
        policy = 0;
    } else if (flags & GET_ADDR) {
        policy = policy_at(task->process->mm, addr);
        if (policy < 0) {
            return policy;
        }
    } else if (addr) {
        return -EINVAL;
    }
    unsigned kind = (unsigned)policy & ~MODE_FLAGS;
    value = policy;
    if (flags & GET_NODE) {
        if (!(flags & GET_ADDR) && kind != POLICY_INTERLEAVE && kind != POLICY_WEIGHTED) {
            return -EINVAL;
        }
        value = 0; /* the node */
    }
    if (mode && guest_write(task->cpu->space, mode, &value, sizeof value)) {
        return -EFAULT;
    }
    bool node0 = (flags & GET_ALLOWED) || (kind != POLICY_DEFAULT && kind != POLICY_LOCAL);
    return nodes ? write_nodes(task, nodes, bits, node0) : 0;
}

/* Where the pages of [addr, addr+len) end; false: the range is none. */
static bool range_end(gaddr_t addr, uint64_t len, gaddr_t *end) {
    *end = addr + PAGE_ALIGN(len);
    return !(addr & (PAGE_BYTES - 1)) && *end >= addr;
}

long sys_mbind(struct task *task, gaddr_t addr, uint64_t len, int32_t mode, gaddr_t nodes,
               uint64_t bits, uint32_t flags) {
    struct mm *mm = task->process->mm;
    if (flags & ~(BIND_STRICT | BIND_MOVE | BIND_MOVE_ALL)) {
        return -EINVAL;
    }
    if ((flags & BIND_MOVE_ALL) && !task_capable(task, CAP_SYS_NICE)) {
        return -EPERM;
    }
    gaddr_t end;
    if (!range_end(addr, len, &end)) {
        return -EINVAL;
    }
    if (end == addr) {
        return 0;
    }
    int policy = read_policy(task, (uint32_t)mode, nodes, bits);
    if (policy < 0) {
        return policy;
    }
    pthread_mutex_lock(&mm->lock);
    int err = mm_reserve(mm, 2);
    gaddr_t at = addr;
    size_t first = mm_index(mm, addr);
    for (size_t i = first; !err && at < end; i++) { /* no hole, before anything changes */
        if (i == mm->vma_count || mm->vma[i].start > at) {
            err = -EFAULT;
        } else {
            at = mm->vma[i].end;
        }
    }
    if (!err) {
        mm_split(mm, addr);
        mm_split(mm, end);
        for (size_t i = mm_index(mm, addr); i < mm->vma_count && mm->vma[i].start < end; i++) {
            mm->vma[i].policy = (uint16_t)policy;
        }
        mm_merge(mm, addr, end);
    }
    pthread_mutex_unlock(&mm->lock);
    return err;
}

long sys_set_mempolicy_home_node(struct task *task, gaddr_t addr, uint64_t len, uint64_t node,
                                 uint64_t flags) {
    struct mm *mm = task->process->mm;
    if ((addr & (PAGE_BYTES - 1)) || flags || node != 0) {
        return -EINVAL;
    }
    gaddr_t end;
    if (!range_end(addr, len, &end)) {
        return -EINVAL;
    }
    if (end == addr) {
        return 0;
    }
    int err = -ENOENT;
    pthread_mutex_lock(&mm->lock);
    for (size_t i = mm_index(mm, addr); i < mm->vma_count && mm->vma[i].start < end; i++) {
        unsigned kind = mm->vma[i].policy & ~MODE_FLAGS;
        err = kind == POLICY_DEFAULT || kind == POLICY_BIND || kind == POLICY_PREFERRED_MANY
                  ? 0
                  : -EOPNOTSUPP;
        if (err) {
            break;
        }
    }
    pthread_mutex_unlock(&mm->lock);
    return err;
}

/* All pages are on the one node and stay there. */
long sys_migrate_pages(struct task *task, int32_t pid, uint64_t bits, gaddr_t from, gaddr_t to) {
    bool any, here, to_any, to_here;
    int err = read_nodes(task, from, bits, &any, &here);
    if (!err) {
        err = read_nodes(task, to, bits, &to_any, &to_here);
    }
    if (err) {
        return err;
    }
    pthread_mutex_lock(&process_lock);
    struct process *process = pid ? process_find_thread(pid) : task->process;
    err = !process ? -ESRCH : process_may_inspect(task->process, process, false) ? 0 : -EPERM;
    pthread_mutex_unlock(&process_lock);
    return err || to_here ? err : -EINVAL;
}

/* --- process_madvise(2) ---------------------------------------------------------------- */

/* The memory behind a pidfd, referenced; NULL with *err. */
static struct mm *advised_mm(struct task *task, int32_t fd, int *err) {
    struct mm *mm = NULL;
    struct file *file = fd_get(task, fd);
    *err = -EBADF;
    if (file && pidfd_is(file)) {
        pthread_mutex_lock(&process_lock);
        struct process *process = process_find(pidfd_pid(file));
        *err = -ESRCH;
        if (process && process->mm) {
            *err = -EPERM;
            if (process_may_inspect(task->process, process, false)) {
                mm = mm_ref(process->mm);
                *err = 0;
            }
        }
        pthread_mutex_unlock(&process_lock);
    }
    if (file) {
        file_unref(file);
    }
    return mm;
}

long sys_process_madvise(struct task *task, int32_t fd, gaddr_t iov, uint64_t count, int32_t advice,
                         uint32_t flags) {
    enum { COLD = 20, PAGEOUT = 21, COLLAPSE = 25, IOV_LIMIT = 1024 };
    struct guest_span span;
    uint64_t done = 0;
    int err = 0;
    if (flags || count > IOV_LIMIT) {
        return -EINVAL;
    }
    for (uint64_t i = 0; i < count && !err; i++) {
        err = abi_read_iovec(task, iov, i, &span);
    }
    if (err) {
        return err;
    }
    struct mm *mm = advised_mm(task, fd, &err);
    if (!mm) {
        return err;
    }
    bool own = mm == task->process->mm;
    if (!own && advice != COLD && advice != PAGEOUT && advice != COLLAPSE &&
        advice != MADV_WILLNEED) {
        err = -EINVAL;
    } else if (!own && !task_capable(task, CAP_SYS_NICE)) {
        err = -EPERM;
    }
    for (uint64_t i = 0; i < count && !err; i++) {
        err = abi_read_iovec(task, iov, i, &span);
        if (!err) {
            err = mm_advise(mm, span.at, span.len, advice);
        }
        done += err ? 0 : span.len;
    }
    mm_unref(mm);
    return done ? (long)done : err;
}
