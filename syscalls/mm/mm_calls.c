/* The memory system calls: argument checks, then mm.c, mm_move.c, mm_advise.c.
 * Sources: mmap(2), munmap(2), mprotect(2), mremap(2), brk(2), madvise(2), msync(2), mincore(2),
 * mlock(2), remap_file_pages(2). Not here: membarrier and process_vm_* (mm_remote.c), the
 * ABI's forms of mmap (abi/i386/mm.c). */
#include "gen/syscall_protos.h"
#include "syscalls/task/capability.h"
#include "syscalls/mm/mm_calls.h"
#include "syscalls/mm/mm_internal.h"
#include "syscalls/task/process.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

long mmap_common(struct task *task, gaddr_t addr, uint64_t len, uint32_t prot, uint32_t flags,
                 int fd, uint64_t offset) {
    struct mm *mm = task->process->mm;
    struct file *file = NULL;
    if (!(flags & MAP_ANONYMOUS)) {
        file = fd_get(task, fd);
        if (!file) {
            return -EBADF;
        }
    } else if (flags & MAP_HUGETLB) {
        return -ENOMEM; /* as a machine says that has no huge pages set aside */
    }
    if ((prot & PROT_READ) && (task->process->personality & PERSONA_READ_IMPLIES_EXEC)) {
        prot |= PROT_EXEC;
    }
    int64_t result = mm_map(mm, addr, len, (int)prot, (int)flags, file, offset, NULL);
    if (file) {
        file_unref(file);
    }
    return result;
}

long sys_munmap(struct task *task, gaddr_t addr, uint64_t len) {
    return mm_unmap(task->process->mm, addr, len);
}

long sys_mprotect(struct task *task, gaddr_t addr, uint64_t len, uint32_t prot) {
    if ((prot & PROT_READ) && (task->process->personality & PERSONA_READ_IMPLIES_EXEC)) {
        prot |= PROT_EXEC;
    }
    return mm_protect(task->process->mm, addr, len, (int)prot);
}

/* Protection keys: the machine shown to guests has none. */
long sys_pkey_mprotect(struct task *task, gaddr_t addr, uint64_t len, uint32_t prot, int32_t key) {
    return key == -1 ? sys_mprotect(task, addr, len, prot) : -EINVAL;
}

/* pkeys(7): the error of a processor without them. */
long sys_pkey_alloc(struct task *task, uint32_t flags, uint32_t rights) {
    (void)task;
    return flags || rights & ~3u ? -EINVAL : -ENOSPC;
}

long sys_pkey_free(struct task *task, int32_t key) {
    (void)task;
    (void)key;
    return -EINVAL; /* nobody has one */
}

long sys_mremap(struct task *task, gaddr_t old, uint64_t old_len, uint64_t new_len, uint64_t flags,
                gaddr_t new_addr) {
    if (flags >> 32) {
        return -EINVAL;
    }
    return mm_remap(task->process->mm, old, old_len, new_len, (int)flags, new_addr);
}

long sys_brk(struct task *task, gaddr_t brk) {
    return (long)mm_brk(task->process->mm, brk);
}

long sys_madvise(struct task *task, gaddr_t addr, uint64_t len, int32_t advice) {
    return mm_advise(task->process->mm, addr, len, advice);
}

/* Calls fn for each mapped stretch of [addr, end), which is page-aligned. -ENOMEM when there were
 * holes (after all stretches), or fn's first error. */
static int each_stretch(struct mm *mm, gaddr_t addr, gaddr_t end,
                        int (*fn)(struct mm *mm, const struct vma *vma, gaddr_t start, gaddr_t stop,
                                  int arg),
                        int arg) {
    int err = 0, hole = 0;
    pthread_mutex_lock(&mm->lock);
    gaddr_t at = addr;
    for (size_t i = mm_index(mm, addr); !err && at < end; i++) {
        if (i == mm->vma_count || mm->vma[i].start >= end) {
            hole = -ENOMEM;
            break;
        }
        if (mm->vma[i].start > at) {
            hole = -ENOMEM;
            at = mm->vma[i].start;
        }
        gaddr_t stop = mm->vma[i].end < end ? mm->vma[i].end : end;
        err = fn(mm, &mm->vma[i], at, stop, arg);
        at = stop;
    }
    pthread_mutex_unlock(&mm->lock);
    return err ? err : hole;
}

static int sync_stretch(struct mm *mm, const struct vma *vma, gaddr_t start, gaddr_t stop,
                        int flags) {
    if ((flags & MS_INVALIDATE) && vma->locked) {
        return -EBUSY;
    }
    if (!vma->file || !vma_shared(vma)) {
        return 0;
    }
    for (gaddr_t at = start, now; at < stop; at += now) { /* in one piece each */
        now = space_room(mm->space, at);
        now = now < stop - at ? now : stop - at;
        if (msync(space_ptr(mm->space, at), now, flags) < 0) {
            return -errno;
        }
    }
    return 0;
}

/* The flush itself may take long; the lock is held, for the mapping may not go away meanwhile. */
long sys_msync(struct task *task, gaddr_t addr, uint64_t len, int32_t flags) {
    struct mm *mm = task->process->mm;
    if (flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) {
        return -EINVAL;
    }
    if ((addr & (PAGE_BYTES - 1)) || ((flags & MS_ASYNC) && (flags & MS_SYNC))) {
        return -EINVAL;
    }
    gaddr_t end = addr + PAGE_ALIGN(len);
    if (end < addr || end > mm->space->end) {
        return -ENOMEM;
    }
    if (end == addr) {
        return 0;
    }
    return each_stretch(mm, addr, end, sync_stretch, flags);
}

long sys_mincore(struct task *task, gaddr_t addr, uint64_t len, gaddr_t vec) {
    struct mm *mm = task->process->mm;
    unsigned char buf[1024];
    if (addr & (PAGE_BYTES - 1)) {
        return -EINVAL;
    }
    if (!space_range_ok(mm->space, addr, len)) {
        return -ENOMEM;
    }
    gaddr_t pages = PAGE_ALIGN(len) >> PAGE_BITS;
    if (!space_range_ok(mm->space, vec, pages)) {
        return -EFAULT;
    }
    while (pages) {
        gaddr_t count = pages < sizeof buf ? pages : sizeof buf, done = 0;
        int err = 0;
        pthread_mutex_lock(&mm->lock);
        while (done < count && !err) {
            gaddr_t at = addr + (done << PAGE_BITS);
            struct vma *vma = mm_find(mm, at);
            if (!vma || vma->start > at) {
                err = -ENOMEM;
                break;
            }
            gaddr_t here = (vma->end - at) >> PAGE_BITS;
            if (here > count - done) {
                here = count - done;
            }
            gaddr_t room = space_room(mm->space, at) >> PAGE_BITS;
            here = here < room ? here : room;
            (void)space_touch(mm->space, at, PAGE_BYTES);
            if (mincore(space_ptr(mm->space, at), here << PAGE_BITS, buf + done) < 0) {
                err = errno == ENOMEM ? -ENOMEM : -EAGAIN;
            }
            done += here;
        }
        pthread_mutex_unlock(&mm->lock);
        if (err) {
            return err;
        }
        if (guest_write(mm->space, vec, buf, count)) {
            return -EFAULT;
        }
        addr += count << PAGE_BITS;
        vec += count;
        pages -= count;
    }
    return 0;
}

long sys_mlock(struct task *task, gaddr_t addr, uint64_t len) {
    return mm_lock_range(task->process->mm, addr, len, true);
}

long sys_mlock2(struct task *task, gaddr_t addr, uint64_t len, int32_t flags) {
    if (flags & ~1 /* MLOCK_ONFAULT */) {
        return -EINVAL;
    }
    return mm_lock_range(task->process->mm, addr, len, true);
}

long sys_munlock(struct task *task, gaddr_t addr, uint64_t len) {
    return mm_lock_range(task->process->mm, addr, len, false);
}

static void lock_all(struct mm *mm, bool lock, bool future) {
    pthread_mutex_lock(&mm->lock);
    mm->lock_future = future;
    if (!lock && !future) {
        mm->locked_pages = 0;
    }
    for (size_t i = 0; i < mm->vma_count; i++) {
        if (lock && !mm->vma[i].locked) {
            mm->locked_pages += (mm->vma[i].end - mm->vma[i].start) >> PAGE_BITS;
        }
        if (lock || !future) {
            mm->vma[i].locked = lock;
        }
    }
    pthread_mutex_unlock(&mm->lock);
}

long sys_mlockall(struct task *task, int32_t flags) {
    struct mm *mm = task->process->mm;
    if (!flags || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) || flags == MCL_ONFAULT) {
        return -EINVAL;
    }
    uint64_t limit = mm_limit(RLIMIT_MEMLOCK);
    if (!task_capable(task, CAP_IPC_LOCK)) {
        pthread_mutex_lock(&mm->lock);
        uint64_t bytes = mm_counted_pages(mm) << PAGE_BITS;
        pthread_mutex_unlock(&mm->lock);
        if (limit == 0) {
            return -EPERM;
        }
        if ((flags & MCL_CURRENT) && limit != RLIM_INFINITY && bytes > limit) {
            return -ENOMEM;
        }
    }
    lock_all(mm, flags & MCL_CURRENT, flags & MCL_FUTURE);
    return 0;
}

long sys_munlockall(struct task *task) {
    lock_all(task->process->mm, false, false);
    return 0;
}
