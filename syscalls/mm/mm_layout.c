/* Where things are in a program's memory, by its mode: where addresses end, where programs, heaps
 * and mappings go. All without randomisation: the same file is mapped at the same address in every
 * run, which is what lets fibers be shared.
 *
 * i386: as under a 64-bit kernel. x86-64: as there, in proportion to the least window: the stack is
 * one page below its end, where Linux has 2^47. What does not fit there goes above it, as far as
 * the window reaches: as long as nothing did, a forked child may have a small one. Beyond the
 * window, where each access costs more, goes what names an address there, and what fits nowhere
 * else. Programs with AddressSanitizer lie in the lowest 2 GiB: from there on the sanitizer has
 * its shadow memory (where that is of what, is compiled into the program), up to 16 TiB, and it
 * does not start where it finds anything else in between. Sources: mmap(2), personality(2), "Memory
 * management" of the kernel's x86 pages; "AddressSanitizerAlgorithm" of its authors. */
#include "core/memory/window.h"
#include "syscalls/mm/mm_internal.h"
#include "syscalls/task/task.h"

#define I386_TOP     0xffffe000u
#define I386_TOP_3GB 0xc0000000u
#define I386_PIE_GAP 0x1000000u
#define X86_64_TOP   0x7ffffffff000u
#define LOW_FIRST    0x40000000u /* of MAP_32BIT: the second of four GiB */
#define LOW_END      0x80000000u
#define X86_64_LOW   ((gaddr_t)1 << WINDOW_BITS_X86_64)
#define ASAN_TOP     ((gaddr_t)0x7fff7000)
#define HIGH_GAP     0x100000000u /* between the stack and what is placed above it */
#define LEAST_GAP    (128u << 20) /* kept for the stack */

gaddr_t mm_end(const struct mm *mm) {
    if (mm->space->mode == GUEST_I386) {
        bool less = current && current->process->personality & PERSONA_LIMIT_3GB;
        return less ? I386_TOP_3GB : I386_TOP;
    }
    return X86_64_TOP;
}

gaddr_t mm_task_size(const struct mm *mm) {
    return mm->space->mode == GUEST_I386 ? mm_end(mm) : X86_64_TOP;
}

gaddr_t mm_high_base(const struct mm *mm) {
    return mm->task_top + HIGH_GAP;
}

gaddr_t mm_low_base(const struct mm *mm) {
    return PAGE_ALIGN(mm->task_top / 3);
}

gaddr_t mm_pie_base(const struct mm *mm) {
    return mm->space->mode == GUEST_I386 ? mm_low_base(mm) + I386_PIE_GAP
                                         : PAGE_BASE(mm->task_top / 3 * 2);
}

bool mm_room_32bit(const struct mm *mm, gaddr_t *low, gaddr_t *high) {
    if (mm->space->mode == GUEST_I386) {
        return false;
    }
    *low = LOW_FIRST;
    *high = LOW_END;
    return true;
}

gaddr_t mm_far_base(const struct mm *mm) {
    const gaddr_t large = (gaddr_t)1 << WINDOW_BITS_LARGE;
    return mm->space->top > large ? mm->space->top : large;
}

void mm_set_layout(struct mm *mm, uint64_t stack_limit, bool low_programs) {
    gaddr_t end = mm_end(mm), low = low_programs ? ASAN_TOP : X86_64_LOW - PAGE_BYTES;
    mm->task_top = end > low ? low : end;
    mm->bottom_up = current && (current->process->personality & PERSONA_COMPAT_LAYOUT);
    gaddr_t gap = stack_limit > mm->task_top ? mm->task_top : stack_limit;
    gap += MM_STACK_GAP;
    if (gap < LEAST_GAP) {
        gap = LEAST_GAP;
    }
    if (gap > mm->task_top / 6 * 5) {
        gap = mm->task_top / 6 * 5;
    }
    mm->mmap_top = mm->place_from = PAGE_BASE(mm->task_top - gap);
    mm->place_size = 0;
}
