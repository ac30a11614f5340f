/* The mapping list behind mm.h, for the files of the memory calls only. Everything here wants
 * mm->lock held. */
#ifndef FG_SYSCALLS_MM_INTERNAL_H
#define FG_SYSCALLS_MM_INTERNAL_H

#include "syscalls/mm/mm.h"
#include <sys/mman.h>

/* First vma that ends above addr: its index, or vma_count. */
size_t mm_index(const struct mm *mm, gaddr_t addr);
/* Room for `extra` more vmas, so that the changes that follow cannot fail half-way. 0 or -ENOMEM.
 */
int mm_reserve(struct mm *mm, size_t extra);
/* Split the vma that straddles addr, if one does. Needs one reserved place. */
void mm_split(struct mm *mm, gaddr_t addr);
/* Drop what the list knows of [start, end); pages are not touched. Needs two reserved places. */
void mm_forget(struct mm *mm, gaddr_t start, gaddr_t end);
/* Change where a vma begins and ends, at the cost of free room beside it. */
void mm_set_bounds(struct mm *mm, struct vma *vma, gaddr_t start, gaddr_t end);
/* Add a vma (its file reference is taken over) and merge it with like neighbours. One place. */
void mm_insert(struct mm *mm, struct vma vma);
/* Merge like neighbours around and inside [start, end]. */
void mm_merge(struct mm *mm, gaddr_t start, gaddr_t end);
/* An address for len bytes, `hint` if it is free, or -ENOMEM. len is page-aligned; of mmap's flags
 * MAP_32BIT matters. */
int64_t mm_place(struct mm *mm, gaddr_t hint, gaddr_t len, int flags);
/* First address that `vma` keeps free below itself (stack guard gap). */
gaddr_t vma_start_gap(const struct vma *vma);

/* Make the pages of `vma` (or of its part [start, end)) in the space, asking its file. 0 or -errno:
 * what was there is still there then, unless space_mapped() says that it is lost. */
int vma_map_pages(struct mm *mm, const struct vma *vma, gaddr_t start, gaddr_t end);
/* The same for more of a vma of which the page at `of` (in `from`, perhaps mm) is mapped already,
 * `skip` bytes in front of what is wanted: of a shared one nobody is asked, since the file's seals
 * and modes may have changed. */
int vma_extend_pages(struct mm *mm, const struct vma *vma, gaddr_t start, gaddr_t end,
                     const struct mm *from, gaddr_t of, gaddr_t skip);
/* The identity under which code of the file's pages may be shared, see mm_identity.c. False: it may
 * not. */
bool mm_file_identity(int host_fd, const struct stat *st, struct file_id *id);
/* The file may from now on be written through a mapping: its code is not shared any more. */
void mm_file_written_unseen(const struct stat *st);
/* May the memory have `extra` more of the host's mappings? They are counted for the user that the
 * running process belongs to now. */
bool mm_may_have_maps(struct mm *mm, long extra);
/* 0 when RLIMIT_AS and RLIMIT_DATA of the running process allow `bytes` more, else -ENOMEM. */
int mm_may_expand(const struct mm *mm, gaddr_t bytes, int prot, int flags);
/* Would Linux refuse so much at once (vm.overcommit_memory is 0 in /proc), since this machine could
 * never fill it? `counted`: private and writable, or shared memory. */
bool mm_overcommits(gaddr_t bytes, bool counted, int flags);
/* RLIMIT_* of the running process; RLIM_INFINITY before there is one. */
uint64_t mm_limit(int resource);
/* First address that new mappings may not reach: the running process's personality says so, at any
 * time (where the stack is and where places are looked for is of the last exec). */
gaddr_t mm_end(const struct mm *mm);
/* ... and where they would end on Linux (TASK_SIZE): up to there nothing is mapped. */
gaddr_t mm_task_size(const struct mm *mm);
/* From where places are looked for that do not fit below the stack. */
gaddr_t mm_high_base(const struct mm *mm);
/* From where places are looked for beyond each window of the mode. */
gaddr_t mm_far_base(const struct mm *mm);
/* From where places are looked for upwards, a third of the address space. */
gaddr_t mm_low_base(const struct mm *mm);
/* Where position-independent programs go that have an interpreter, and the heap of those that have
 * none. */
gaddr_t mm_pie_base(const struct mm *mm);
/* Where places for MAP_32BIT are: the room [*low, *high); false: the flag means nothing. */
bool mm_room_32bit(const struct mm *mm, gaddr_t *low, gaddr_t *high);
/* Below vm.mmap_min_addr, where only the superuser may map. */
bool mm_too_low(gaddr_t addr);
/* mm_unmap without the lock and checks. */
int mm_unmap_locked(struct mm *mm, gaddr_t addr, gaddr_t len);
/* mm_map for a checked, page-aligned request. */
int64_t mm_map_locked(struct mm *mm, gaddr_t addr, gaddr_t len, int prot, int flags,
                      struct file *file, uint64_t offset, const char *name);

static inline bool vma_shared(const struct vma *vma) {
    return (vma->flags & MAP_TYPE) != MAP_PRIVATE;
}

#endif
