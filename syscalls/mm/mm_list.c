/* The list of a process's mappings: a sorted array of disjoint vmas, its searches, splits and
 * merges, and the choice of addresses.
 *
 * Stands between the memory calls (mm.c, mm_move.c, mm_advise.c) and core/space/space.h, which
 * changes the pages. Nothing here touches a page. Callers reserve room first (mm_reserve), so that
 * no change stops half-way for want of memory. */
#include "syscalls/task/account.h"
#include "syscalls/mm/mm_internal.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

size_t mm_index(const struct mm *mm, gaddr_t addr) {
    size_t low = 0, high = mm->vma_count;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (mm->vma[mid].end <= addr) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

struct vma *mm_find(struct mm *mm, gaddr_t addr) {
    size_t i = mm_index(mm, addr);
    return i < mm->vma_count ? &mm->vma[i] : NULL;
}

int mm_reserve(struct mm *mm, size_t extra) {
    size_t need = mm->vma_count + extra;
    if (need > MM_MAX_VMAS + 8) {
        return -ENOMEM;
    }
    if (need <= mm->vma_room) {
        return 0;
    }
    size_t room = mm->vma_room ? mm->vma_room * 2 : 32;
    if (room < need) {
        room = need;
    }
    struct vma *vma = realloc(mm->vma, room * sizeof *vma);
    if (!vma) {
        return -ENOMEM;
    }
    mm->vma = vma;
    mm->vma_room = room;
    return 0;
}

/* Is there a gap in front of vma number i (of the end, when there is no such one)? */
static long gap_before(const struct mm *mm, size_t i) {
    return i == 0 || i == mm->vma_count || mm->vma[i - 1].end != mm->vma[i].start;
}

static void count_maps(struct mm *mm, long delta) {
    mm->host_maps += delta;
    account_add(mm->account, SHARE_MAPS, delta);
}

static void open_gap(struct mm *mm, size_t i) {
    assert(mm->vma_count < mm->vma_room);
    memmove(&mm->vma[i + 1], &mm->vma[i], (mm->vma_count - i) * sizeof mm->vma[0]);
    mm->vma_count++;
}

static void close_gap(struct mm *mm, size_t i, size_t count) {
    memmove(&mm->vma[i], &mm->vma[i + count], (mm->vma_count - i - count) * sizeof mm->vma[0]);
    mm->vma_count -= count;
}

void mm_split(struct mm *mm, gaddr_t addr) {
    size_t i = mm_index(mm, addr);
    if (i == mm->vma_count || mm->vma[i].start >= addr) {
        return;
    }
    open_gap(mm, i);
    count_maps(mm, 1);
    struct vma *low = &mm->vma[i], *high = &mm->vma[i + 1];
    *low = *high;
    low->end = addr;
    high->start = addr;
    if (high->file) {
        file_ref(high->file);
        high->offset += addr - low->start;
    }
}

void mm_forget(struct mm *mm, gaddr_t start, gaddr_t end) {
    mm_split(mm, start);
    mm_split(mm, end);
    size_t first = mm_index(mm, start), last = first;
    long before = gap_before(mm, first);
    for (; last < mm->vma_count && mm->vma[last].start < end; last++) {
        struct vma *vma = &mm->vma[last];
        uint64_t pages = (vma->end - vma->start) >> PAGE_BITS;
        mm->total_pages -= pages;
        if (vma->locked) {
            mm->locked_pages -= pages;
        }
        if (vma->file) {
            file_unref(vma->file);
        }
        before += 1 + gap_before(mm, last + 1);
    }
    close_gap(mm, first, last - first);
    count_maps(mm, gap_before(mm, first) - before);
    if (last > first && end > mm->place_from) { /* a gap up there has grown */
        mm->place_from = mm->mmap_top;
        mm->place_size = 0;
    }
}

/* Alike but for their place, and the second goes on where the first ends. */
static bool joins(const struct vma *a, const struct vma *b) {
    return a->end == b->start && a->prot == b->prot && a->flags == b->flags && a->file == b->file &&
           (!a->file || a->offset + (a->end - a->start) == b->offset) && a->name == b->name &&
           a->dont_fork == b->dont_fork && a->wipe_on_fork == b->wipe_on_fork &&
           a->locked == b->locked && a->policy == b->policy;
}

void mm_merge(struct mm *mm, gaddr_t start, gaddr_t end) {
    size_t i = mm_index(mm, start ? start - 1 : 0);
    while (i + 1 < mm->vma_count && mm->vma[i].end <= end) {
        struct vma *a = &mm->vma[i], *b = a + 1;
        if (!joins(a, b)) {
            i++;
            continue;
        }
        a->end = b->end;
        if (b->file) {
            file_unref(b->file);
        }
        close_gap(mm, i + 1, 1);
        count_maps(mm, -1);
    }
}

void mm_set_bounds(struct mm *mm, struct vma *vma, gaddr_t start, gaddr_t end) {
    size_t i = (size_t)(vma - mm->vma);
    long before = gap_before(mm, i) + gap_before(mm, i + 1);
    vma->start = start;
    vma->end = end;
    count_maps(mm, gap_before(mm, i) + gap_before(mm, i + 1) - before);
}

void mm_insert(struct mm *mm, struct vma vma) {
    size_t i = mm_index(mm, vma.start);
    assert(i == mm->vma_count || mm->vma[i].start >= vma.end);
    long before = gap_before(mm, i);
    open_gap(mm, i);
    mm->vma[i] = vma;
    count_maps(mm, 1 + gap_before(mm, i) + gap_before(mm, i + 1) - before);
    uint64_t pages = (vma.end - vma.start) >> PAGE_BITS;
    mm->total_pages += pages;
    if (vma.locked) {
        mm->locked_pages += pages;
    }
    mm_merge(mm, vma.start, vma.end);
}

gaddr_t vma_start_gap(const struct vma *vma) {
    if (!(vma->flags & MAP_GROWSDOWN)) {
        return vma->start;
    }
    return vma->start > MM_STACK_GAP ? vma->start - MM_STACK_GAP : 0;
}

/* The highest gap of len bytes below mmap_top, or 0. A program with thousands of mappings asks
 * often: the gaps that were found too small are not looked at again until one of them may have
 * grown. */
static gaddr_t place_below_top(struct mm *mm, gaddr_t len) {
    if (len < mm->place_size) {
        mm->place_from = mm->mmap_top;
        mm->place_size = 0;
    }
    gaddr_t limit = mm->place_from;
    bool remember = true;
    for (size_t i = mm_index(mm, limit) + 1; i-- > 0;) {
        gaddr_t high = i == mm->vma_count ? mm_end(mm) : mm->vma[i].start;
        gaddr_t low = i == 0 ? 0 : mm->vma[i - 1].end;
        if (high > limit) {
            high = limit;
        }
        if (low < MM_MIN_ADDR) {
            low = MM_MIN_ADDR;
        }
        if (high < low) {
            continue;
        }
        if (i < mm->vma_count && high > vma_start_gap(&mm->vma[i])) {
            remember = false; /* what it keeps free depends on len, as under Linux: */
            if (high - low >= len) {
                limit = vma_start_gap(&mm->vma[i]);
                high = limit > low ? limit : low;
            }
        }
        if (high - low >= len) {
            if (remember) {
                mm->place_from = high;
            }
            return high - len;
        }
        if (remember && high - low >= mm->place_size) {
            mm->place_size = high - low + 1;
        }
    }
    return 0;
}

/* The lowest gap of len bytes in [low, end), or -ENOMEM. */
static int64_t place_upwards(const struct mm *mm, gaddr_t low, gaddr_t end, gaddr_t len) {
    for (size_t i = mm_index(mm, low);; i++) {
        gaddr_t high = i == mm->vma_count ? end : vma_start_gap(&mm->vma[i]);
        if (high > end) {
            high = end;
        }
        if (high >= low && high - low >= len) {
            return (int64_t)low;
        }
        if (i == mm->vma_count || high == end) {
            return -ENOMEM;
        }
        if (mm->vma[i].end > low) {
            low = mm->vma[i].end;
        }
    }
}

/* Is a hint heeded? Of those beyond a small window, only what no large one has either: programs
 * whose hints are met by chance alone (Go's arenas) would pay with each access. What is larger than
 * all windows and wished for within one is refused altogether: who asks so, asks for less then. */
static bool hint_counts(const struct mm *mm, gaddr_t hint, gaddr_t len) {
    gaddr_t top = mm->space->top;
    return (hint < top && len <= top - hint) || hint >= mm_far_base(mm);
}

/* Linux's order (arch_get_unmapped_area_topdown): the hint, the highest gap below mmap_top, then
 * the lowest one above the low base; with MAP_32BIT the lowest one where such mappings are. In a
 * 64-bit space the lowest one above the stack comes next, the lowest one beyond the window last. */
int64_t mm_place(struct mm *mm, gaddr_t hint, gaddr_t len, int flags) {
    gaddr_t low = mm_low_base(mm), end = mm_end(mm), high = mm_high_base(mm);
    gaddr_t window = mm->space->top < end ? mm->space->top : end;
    bool upwards = mm->bottom_up, near = flags & MAP_32BIT && mm_room_32bit(mm, &low, &end);
    if (near) {
        upwards = true;
    }
    if (len > end) {
        return -ENOMEM;
    }
    hint = PAGE_BASE(hint);
    if (hint && hint < MM_MIN_ADDR) {
        hint = MM_MIN_ADDR;
    }
    if (hint && hint <= end - len && hint_counts(mm, hint, len)) {
        size_t i = mm_index(mm, hint);
        if (i == mm->vma_count || hint + len <= vma_start_gap(&mm->vma[i])) {
            return (int64_t)hint;
        }
    }
    gaddr_t below = upwards ? 0 : place_below_top(mm, len);
    if (below) {
        return below > end - len ? -ENOMEM : (int64_t)below;
    }
    int64_t place = place_upwards(mm, low, end < mm->task_top ? end : mm->task_top, len);
    if (near) {
        return place;
    }
    if (place < 0 && high < window) {
        place = place_upwards(mm, high, window, len);
    }
    if (place < 0 && window < end && !(hint && hint < window && len > window - hint)) {
        place = place_upwards(mm, mm_far_base(mm), end, len);
    }
    return place;
}
