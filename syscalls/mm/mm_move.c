/* mremap(2): grow, shrink, move and duplicate mappings. Stands beside mm.c, on mm_list.c and
 * core/space/space.h. */
#include "syscalls/mm/mm_internal.h"
#include "syscalls/task/task.h"
#include <errno.h>
#include <stdint.h>

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

/* The vma at `old` if [old, old+old_len) lies in it and may become new_len long; *err else. */
static struct vma *resizable(struct mm *mm, gaddr_t old, gaddr_t old_len, gaddr_t new_len,
                             int *err) {
    struct vma *vma = mm_find(mm, old);
    if (!vma || vma->start > old) {
        *err = -EFAULT;
        return NULL;
    }
    if (old_len == 0 && !vma_shared(vma)) {
        *err = -EINVAL;
        return NULL;
    }
    if (old_len > vma->end - old) {
        *err = -EFAULT;
        return NULL;
    }
    if (new_len > old_len && vma->file && vma->offset + (old - vma->start) + new_len < new_len) {
        *err = -EINVAL;
        return NULL;
    }
    if (new_len > old_len &&
        (*err = mm_may_expand(mm, new_len - old_len, vma->prot, vma->flags)) != 0) {
        return NULL;
    }
    return vma;
}

/* Move (or, with old_len 0, duplicate) to the free place `to`. The target was unmapped. */
static int64_t move_to(struct mm *mm, gaddr_t old, gaddr_t old_len, gaddr_t to, gaddr_t new_len,
                       bool keep_source) {
    int err = mm_may_have_maps(mm, 4) ? mm_reserve(mm, 6) : -ENOMEM;
    if (err) {
        return err;
    }
    struct vma *found = mm_find(mm, old);
    struct vma vma = *found, source = *found;
    gaddr_t moved = old_len < new_len ? old_len : new_len;
    if (vma.file) {
        vma.offset += old - vma.start;
    }
    vma.start = to;
    vma.end = to + new_len;
    if (moved) {
        err = space_move(mm->space, old, moved, to, moved);
        if (err) {
            return err;
        }
    }
    if (new_len > moved) {
        err = vma_extend_pages(mm, &vma, to + moved, vma.end, mm,
                               moved ? to + moved - PAGE_BYTES : old, moved ? PAGE_BYTES : 0);
        if (err) { /* the old place again, as if nothing had been asked */
            if (moved) {
                (void)space_move(mm->space, to, moved, old, moved);
            }
            return err;
        }
    }
    if (vma.file) {
        file_ref(vma.file);
    }
    if (moved && !keep_source) {
        mm_forget(mm, old, old + old_len);
    } else if (keep_source) {
        /* Linux leaves the source mapped, empty: it reads as zeros or as the file. */
        err = vma_shared(&vma)
                  ? space_map_again(mm->space, old, old_len, vma.prot, mm->space, to, 0)
                  : vma_map_pages(mm, &source, old, old + old_len);
        if (err) {
            mm_forget(mm, old, old + old_len);
        }
    }
    mm_insert(mm, vma);
    return (int64_t)to;
}

static int64_t move_fixed(struct mm *mm, gaddr_t old, gaddr_t old_len, gaddr_t new_len, int flags,
                          gaddr_t to) {
    int err = 0;
    if (to & (PAGE_BYTES - 1)) {
        return -EINVAL;
    }
    if (new_len > mm_task_size(mm) || to > mm_task_size(mm) - new_len) {
        return -EINVAL;
    }
    if (old + old_len > to && to + new_len > old) {
        return -EINVAL;
    }
    bool beyond = flags & MREMAP_FIXED && (new_len > mm_end(mm) || to > mm_end(mm) - new_len);
    if (mm->vma_count + 2 >= MM_MAX_VMAS || beyond) {
        return -ENOMEM;
    }
    if (flags & MREMAP_FIXED) {
        if (mm_too_low(to)) {
            return -EPERM;
        }
        err = mm_unmap_locked(mm, to, new_len);
        if (err) {
            return err;
        }
    }
    if (old_len > new_len) {
        err = mm_unmap_locked(mm, old + new_len, old_len - new_len);
        if (err) {
            return err;
        }
        old_len = new_len;
    }
    if (!resizable(mm, old, old_len, new_len, &err)) {
        return err;
    }
    if (!(flags & MREMAP_FIXED)) {
        int64_t place = mm_place(mm, to, new_len, 0);
        if (place < 0) {
            return place;
        }
        to = (gaddr_t)place;
    }
    return move_to(mm, old, old_len, to, new_len, flags & MREMAP_DONTUNMAP);
}

/* Grow at its end, where the room after it is free. */
static bool grow_in_place(struct mm *mm, struct vma *vma, gaddr_t old, gaddr_t old_len,
                          gaddr_t new_len) {
    gaddr_t end = old + new_len;
    size_t next = (size_t)(vma - mm->vma) + 1;
    if (old + old_len != vma->end || new_len > mm_end(mm) || old > mm_end(mm) - new_len) {
        return false;
    }
    if (next < mm->vma_count && vma_start_gap(&mm->vma[next]) < end) {
        return false;
    }
    if (vma_extend_pages(mm, vma, vma->end, end, mm, vma->end - PAGE_BYTES, PAGE_BYTES)) {
        return false;
    }
    uint64_t pages = (end - vma->end) >> PAGE_BITS;
    mm->total_pages += pages;
    if (vma->locked) {
        mm->locked_pages += pages;
    }
    mm_set_bounds(mm, vma, vma->start, end);
    mm_merge(mm, vma->start, end);
    return true;
}

static int64_t remap_locked(struct mm *mm, gaddr_t old, gaddr_t old_len, gaddr_t new_len, int flags,
                            gaddr_t to) {
    int err = 0;
    struct vma *vma = mm_find(mm, old);
    if (!vma || vma->start > old) {
        return -EFAULT;
    }
    if (flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) {
        return move_fixed(mm, old, old_len, new_len, flags, to);
    }
    if (old_len >= new_len) {
        if (old_len > new_len) {
            err = mm_unmap_locked(mm, old + new_len, old_len - new_len);
            if (err) {
                return err;
            }
        }
        return (int64_t)old;
    }
    vma = resizable(mm, old, old_len, new_len, &err);
    if (!vma) {
        return err;
    }
    if (old_len && grow_in_place(mm, vma, old, old_len, new_len)) {
        return (int64_t)old;
    }
    if (!(flags & MREMAP_MAYMOVE)) {
        return -ENOMEM;
    }
    int64_t place = mm_place(mm, 0, new_len, 0);
    if (place < 0) {
        return place;
    }
    return move_to(mm, old, old_len, (gaddr_t)place, new_len, false);
}

int64_t mm_remap(struct mm *mm, gaddr_t old, gaddr_t old_len, gaddr_t new_len, int flags,
                 gaddr_t new_addr) {
    if (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP)) {
        return -EINVAL;
    }
    if ((flags & MREMAP_FIXED) && !(flags & MREMAP_MAYMOVE)) {
        return -EINVAL;
    }
    if ((flags & MREMAP_DONTUNMAP) && (!(flags & MREMAP_MAYMOVE) || old_len != new_len)) {
        return -EINVAL;
    }
    if (old & (PAGE_BYTES - 1)) {
        return -EINVAL;
    }
    old_len = PAGE_ALIGN(old_len);
    new_len = PAGE_ALIGN(new_len);
    if (new_len == 0) {
        return -EINVAL;
    }
    if (new_len > mm_end(mm) || old_len > mm_end(mm)) {
        return old_len > mm_end(mm) ? -EFAULT : -ENOMEM;
    }
    pthread_mutex_lock(&mm->lock);
    int64_t result = remap_locked(mm, old, old_len, new_len, flags, new_addr);
    pthread_mutex_unlock(&mm->lock);
    return result;
}
