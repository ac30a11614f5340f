/* The address space of a forked child: the same mappings, private pages copied, fibers shared.
 * Stands beside mm.c; who forks and when is fork.c's matter. Sources: fork(2), madvise(2)
 * (MADV_DONTFORK, MADV_WIPEONFORK), mlock(2) (locks are not inherited). */
#include "syscalls/mm/mm_internal.h"
#include <errno.h>

/* Pages as the parent's. Shared ones are a second mapping of what it has; private ones of a file
 * are made anew, which no file refuses that was mapped once, and get the parent's changes. They are
 * given no identity: code is shared as far as the parent shares it. */
static int copy_pages(struct mm *child, const struct mm *mm, const struct vma *vma) {
    gaddr_t len = vma->end - vma->start;
    if (vma_shared(vma)) {
        return vma_extend_pages(child, vma, vma->start, vma->end, mm, vma->start, 0);
    }
    int err = space_map(child->space, vma->start, len, vma->prot, false,
                        vma->file ? vma->file->host_fd : -1, (off_t)vma->offset, NULL);
    return err || vma->wipe_on_fork ? err
                                    : space_copy_private(child->space, mm->space, vma->start, len);
}

static int copy_vma(struct mm *child, const struct mm *mm, const struct vma *from) {
    struct vma vma = *from;
    int err = mm_reserve(child, 1);
    if (!err) {
        err = copy_pages(child, mm, &vma);
    }
    if (err) {
        return err;
    }
    vma.locked = false;
    if (vma.file) {
        file_ref(vma.file);
    }
    mm_insert(child, vma);
    return 0;
}

/* Where the last of the mappings ends that the child has, too; see space_create(). */
static gaddr_t last_address(const struct mm *mm) {
    const gaddr_t mixed = space_mixed(mm->space);
    if (mixed) {
        return mixed;
    }
    size_t i = mm->vma_count;
    while (i && mm->vma[i - 1].dont_fork) {
        i--;
    }
    return i ? mm->vma[i - 1].end : 0;
}

struct mm *mm_fork(struct mm *mm) {
    int err = 0;
    pthread_mutex_lock(&mm->lock);
    struct mm *child = mm_create(mm->space->mode, last_address(mm));
    if (!child) {
        pthread_mutex_unlock(&mm->lock);
        return NULL;
    }
    if (!mm_may_have_maps(child, mm->host_maps)) {
        err = -ENOMEM;
    }
    for (size_t i = 0; i < mm->vma_count && !err; i++) {
        if (!mm->vma[i].dont_fork) {
            err = copy_vma(child, mm, &mm->vma[i]);
        }
    }
    if (!err) {
        child->brk_start = mm->brk_start;
        child->brk = mm->brk;
        child->reserved_pages = mm->reserved_pages;
        child->mmap_top = child->place_from = mm->mmap_top;
        child->place_size = 0;
        child->task_top = mm->task_top;
        child->bottom_up = mm->bottom_up;
        child->stack_top = mm->stack_top;
        child->vdso = mm->vdso;
        child->arg_start = mm->arg_start;
        child->arg_end = mm->arg_end;
        child->env_start = mm->env_start;
        child->env_end = mm->env_end;
        child->auxv_start = mm->auxv_start;
        child->auxv_len = mm->auxv_len;
        child->membarrier = mm->membarrier;
        space_share_code(child->space, mm->space);
    }
    pthread_mutex_unlock(&mm->lock);
    if (err) {
        mm_unref(child);
        errno = -err;
        return NULL;
    }
    return child;
}
