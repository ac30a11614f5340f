/* Pages that are going to be written to anyway, all of them by one call: to be given them fault by
 * fault shows in the time of a short program. Source: madvise(2). */
#ifndef FG_CORE_POPULATE_H
#define FG_CORE_POPULATE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

/* Gives the whole pages (of 4 KiB) in [at, at + bytes) their memory. It is all the same, but for
 * time, whether the host does it: Linux before 5.14 does not know how, and it may be short of
 * memory. */
static inline void populate(void *at, size_t bytes) {
    uintptr_t first = ((uintptr_t)at + 4095) & ~(uintptr_t)4095;
    uintptr_t end = ((uintptr_t)at + bytes) & ~(uintptr_t)4095;
    if (first < end) {
        (void)madvise((void *)first, end - first, MADV_POPULATE_WRITE);
    }
}

/* The same of a second mapping of memory that has its pages: entries in the page tables. */
static inline void populate_again(const void *at, size_t bytes) {
    (void)madvise((void *)(uintptr_t)at, bytes, MADV_POPULATE_READ);
}

#endif
