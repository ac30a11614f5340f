/* madvise(2) and the accounting of mlock(2). Stands beside mm.c.
 *
 * Advice that changes what memory holds (DONTNEED, FREE, REMOVE) is carried out on the host's
 * pages; code that was made of them goes with them. */
#include "syscalls/task/capability.h"
#include "syscalls/mm/mm_internal.h"
#include "syscalls/task/task.h"
#include <errno.h>
#include <fcntl.h>

/* Newer than some libcs' headers. */
enum {
    ADVISE_COLD = 20,
    ADVISE_PAGEOUT = 21,
    ADVISE_POPULATE_READ = 22,
    ADVISE_POPULATE_WRITE = 23,
    ADVISE_DONTNEED_LOCKED = 24,
    ADVISE_COLLAPSE = 25,
};

static bool known(int advice) {
    switch (advice) {
    case MADV_NORMAL:
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
    case MADV_WILLNEED:
    case MADV_DONTNEED:
    case MADV_FREE:
    case MADV_REMOVE:
    case MADV_DONTFORK:
    case MADV_DOFORK:
    case MADV_MERGEABLE:
    case MADV_UNMERGEABLE:
    case MADV_HUGEPAGE:
    case MADV_NOHUGEPAGE:
    case MADV_DONTDUMP:
    case MADV_DODUMP:
    case MADV_WIPEONFORK:
    case MADV_KEEPONFORK:
    case ADVISE_COLD:
    case ADVISE_PAGEOUT:
    case ADVISE_POPULATE_READ:
    case ADVISE_POPULATE_WRITE:
    case ADVISE_DONTNEED_LOCKED:
    case ADVISE_COLLAPSE:
        return true;
    default:
        return false;
    }
}

/* Drop the contents of [start, end) of vma. */
static int drop(struct mm *mm, const struct vma *vma, gaddr_t start, gaddr_t end, int advice) {
    if (vma->locked && advice != ADVISE_DONTNEED_LOCKED) {
        return -EINVAL;
    }
    if (advice == MADV_FREE && (vma->file || vma_shared(vma))) {
        return -EINVAL;
    }
    if (advice == ADVISE_DONTNEED_LOCKED) {
        advice = MADV_DONTNEED;
    }
    return space_discard(mm->space, start, end - start, advice);
}

static int remove_backing(struct mm *mm, const struct vma *vma, gaddr_t start, gaddr_t end) {
    if (vma->locked || !vma->file) {
        return -EINVAL;
    }
    if (!vma_shared(vma) || (vma->file->flags & O_ACCMODE) != O_RDWR) {
        return -EACCES;
    }
    return space_discard(mm->space, start, end - start, MADV_REMOVE);
}

/* One vma's part of the range. The vma was split at both ends when the advice is kept in it. */
static int advise_vma(struct mm *mm, struct vma *vma, gaddr_t start, gaddr_t end, int advice) {
    int err;
    switch (advice) {
    case MADV_DONTNEED:
    case MADV_FREE:
    case ADVISE_DONTNEED_LOCKED:
        return drop(mm, vma, start, end, advice);
    case MADV_REMOVE:
        return remove_backing(mm, vma, start, end);
    case MADV_DONTFORK:
        vma->dont_fork = true;
        return 0;
    case MADV_DOFORK:
        vma->dont_fork = false;
        return 0;
    case MADV_WIPEONFORK:
        if (vma->file || vma_shared(vma)) {
            return -EINVAL;
        }
        vma->wipe_on_fork = true;
        return 0;
    case MADV_KEEPONFORK:
        vma->wipe_on_fork = false;
        return 0;
    case ADVISE_POPULATE_READ:
    case ADVISE_POPULATE_WRITE:
        if (!(vma->prot & (advice == ADVISE_POPULATE_WRITE ? PROT_WRITE : PROT_READ))) {
            return -EINVAL;
        }
        /* A page that holds compiled code is write-protected; it is populated, though. */
        (void)space_touch(mm->space, start, end - start);
        err = space_advise(mm->space, start, end - start, ADVISE_POPULATE_READ);
        return err == -EINVAL ? 0 : err;
    case ADVISE_COLLAPSE:
        return space_advise(mm->space, start, end - start, ADVISE_COLLAPSE);
    case MADV_WILLNEED:
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
    case MADV_NORMAL:
    case ADVISE_COLD:
    case ADVISE_PAGEOUT:
        (void)space_advise(mm->space, start, end - start, advice);
        return 0;
    default: /* huge pages, merging, core dumps: hints with nothing to see */
        return 0;
    }
}

static bool kept_in_vma(int advice) {
    return advice == MADV_DONTFORK || advice == MADV_DOFORK || advice == MADV_WIPEONFORK ||
           advice == MADV_KEEPONFORK;
}

int mm_advise(struct mm *mm, gaddr_t addr, gaddr_t len, int advice) {
    if (!known(advice)) {
        return -EINVAL;
    }
    if (addr & (PAGE_BYTES - 1)) {
        return -EINVAL;
    }
    gaddr_t end = addr + PAGE_ALIGN(len), top = mm->space->end;
    if (end < addr || (len && end == addr) ||
        (end > top && mm->space->mode == GUEST_I386)) { /* it wraps */
        return -EINVAL;
    }
    if (end == addr) {
        return 0;
    }
    int hole = end > top ? -ENOMEM : 0;
    end = end > top ? top : end;
    if (addr >= end) {
        return hole;
    }
    pthread_mutex_lock(&mm->lock);
    int err = mm_reserve(mm, 2);
    if (!err && kept_in_vma(advice)) {
        mm_split(mm, addr);
        mm_split(mm, end);
    }
    gaddr_t at = addr;
    for (size_t i = mm_index(mm, addr); !err && at < end; i++) {
        if (i == mm->vma_count || mm->vma[i].start >= end) {
            hole = -ENOMEM;
            break;
        }
        struct vma *vma = &mm->vma[i];
        if (vma->start > at) { /* holes are skipped, and told at the end */
            hole = -ENOMEM;
            at = vma->start;
        }
        gaddr_t stop = vma->end < end ? vma->end : end;
        err = advise_vma(mm, vma, at, stop, advice);
        at = stop;
    }
    if (kept_in_vma(advice)) {
        mm_merge(mm, addr, end);
    }
    pthread_mutex_unlock(&mm->lock);
    return err ? err : hole;
}

/* How much of a range is locked already. */
static gaddr_t locked_bytes(const struct mm *mm, gaddr_t start, gaddr_t end) {
    gaddr_t bytes = 0;
    for (size_t i = mm_index(mm, start); i < mm->vma_count && mm->vma[i].start < end; i++) {
        const struct vma *vma = &mm->vma[i];
        if (vma->locked) {
            bytes += (vma->end < end ? vma->end : end) - (vma->start > start ? vma->start : start);
        }
    }
    return bytes;
}

int mm_lock_range(struct mm *mm, gaddr_t addr, gaddr_t len, bool lock) {
    gaddr_t end = PAGE_ALIGN(addr + len);
    addr = PAGE_BASE(addr);
    if (end < addr) { /* what lies beyond all memory is a hole */
        return -EINVAL;
    }
    if (end == addr) {
        return 0;
    }
    pthread_mutex_lock(&mm->lock);
    uint64_t limit = mm_limit(RLIMIT_MEMLOCK);
    int err = mm_reserve(mm, 2);
    if (!err && lock && limit != RLIM_INFINITY && current && !task_capable(current, CAP_IPC_LOCK)) {
        gaddr_t wanted = (mm->locked_pages << PAGE_BITS) + (end - addr);
        if (wanted > limit) {
            wanted -= locked_bytes(mm, addr, end); /* they count once */
        }
        if (wanted > limit) {
            err = limit == 0 ? -EPERM : -ENOMEM;
        }
    }
    gaddr_t at = addr;
    if (!err) {
        mm_split(mm, addr);
        mm_split(mm, end);
    }
    for (size_t i = mm_index(mm, addr); !err && at < end; i++) {
        if (i == mm->vma_count || mm->vma[i].start > at) {
            err = -ENOMEM;
            break;
        }
        struct vma *vma = &mm->vma[i];
        uint64_t pages = (vma->end - vma->start) >> PAGE_BITS;
        if (lock && !vma->locked) {
            mm->locked_pages += pages;
        }
        if (!lock && vma->locked) {
            mm->locked_pages -= pages;
        }
        vma->locked = lock;
        at = vma->end;
    }
    mm_merge(mm, addr, end);
    pthread_mutex_unlock(&mm->lock);
    return err;
}
