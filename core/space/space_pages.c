/* Which pages of a space there are: copied for fork, counted for /proc. */
#include "core/space/space.h"
#include "core/host/host.h"
#include "core/memory/chunks.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* The host's page map, /proc/self/pagemap. Sources: proc(5), Documentation/admin-guide/mm/pagemap
 * of Linux. Its ioctl (Linux 6.7) passes over what is not there; reading it costs by the length of
 * the range. First the bits of what is read. */
#define PM_FILE    ((uint64_t)1 << 61)
#define PM_SWAP    ((uint64_t)1 << 62)
#define PM_PRESENT ((uint64_t)1 << 63)
#define PM_BATCH   512

/* linux/fs.h, not in every libc's headers */
struct scan_range {
    uint64_t start, end, categories;
};
struct scan {
    uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
    uint64_t inverted, mask, any, returned;
};
#define SCAN         _IOWR('f', 16, struct scan)
#define SCAN_FILE    ((uint64_t)1 << 2)
#define SCAN_PRESENT ((uint64_t)1 << 3)
#define SCAN_SWAPPED ((uint64_t)1 << 4)
#define SCAN_ZERO    ((uint64_t)1 << 5) /* the host's page of zeros */
#define SCAN_RANGES  64

static int pagemap_fd(void) {
    static _Atomic int fd = -1;
    if (atomic_load(&fd) < 0) {
        int opened = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC), none = -1;
        if (opened >= 0 && !atomic_compare_exchange_strong(&fd, &none, opened)) {
            close(opened);
        }
    }
    return atomic_load(&fd);
}

void space_open_pagemap(void) {
    pagemap_fd();
}

/* Copy pages [at, at+count) although either side may be protected. */
static int copy_pages(struct space *to, struct space *from, gaddr_t at, size_t count) {
    size_t len = count << PAGE_BITS;
    uint8_t *target = space_ptr(to, at);
    uint8_t *source = space_ptr(from, at);
    uint8_t flags = space_page(to, at);
    uint8_t from_flags = space_page(from, at);
    int prot = flags & (PAGE_READ | PAGE_EXEC) ? PROT_READ : PROT_NONE;
    if (!(flags & PAGE_WRITE) && mprotect(target, len, PROT_READ | PROT_WRITE)) {
        return -errno;
    }
    int err = 0;
    if (!(from_flags & (PAGE_READ | PAGE_WRITE | PAGE_EXEC))) {
        mprotect(source, len, PROT_READ);
        err = host_copy(target, source, len) ? -EFAULT : 0;
        mprotect(source, len, PROT_NONE);
    } else {
        err = host_copy(target, source, len) ? -EFAULT : 0;
    }
    if (!(flags & PAGE_WRITE) && mprotect(target, len, prot)) {
        err = -errno;
    }
    return err;
}

/* Copy what is there of [at, end) as the host's page map, read as a whole, says. */
static int copy_by_reading(struct space *to, struct space *from, gaddr_t addr, gaddr_t end) {
    uint64_t map[PM_BATCH];
    int fd = pagemap_fd();
    for (gaddr_t at = addr; at < end;) {
        size_t count = (size_t)((end - at) >> PAGE_BITS);
        count = count < PM_BATCH ? count : PM_BATCH;
        uintptr_t host = (uintptr_t)space_ptr(from, at);
        ssize_t got = fd < 0 ? -1
                             : pread(fd, map, count * sizeof *map,
                                     (off_t)((host >> PAGE_BITS) * sizeof *map));
        if (got != (ssize_t)(count * sizeof *map)) {
            /* No page map (a host that hides it): copy everything. */
            memset(map, 0xff, sizeof map);
            for (size_t i = 0; i < count; i++) {
                map[i] = PM_PRESENT;
            }
        }
        for (size_t i = 0; i < count;) {
            size_t run = 0;
            while (i + run < count && map[i + run] & (PM_PRESENT | PM_SWAP) &&
                   !(map[i + run] & PM_FILE)) {
                run++;
            }
            if (run) {
                int err = copy_pages(to, from, at + (i << PAGE_BITS), run);
                if (err) {
                    return err;
                }
            }
            i += run ? run : 1;
        }
        at += count << PAGE_BITS;
    }
    return 0;
}

/* For pages that are nobody's but the range's: no file's, not the host's page of zeros. */
static struct scan scan_of(uintptr_t start, size_t len, struct scan_range *found) {
    return (struct scan){
        .size = sizeof(struct scan),
        .start = start,
        .end = start + len,
        .vec = (uintptr_t)found,
        .vec_len = SCAN_RANGES,
        .inverted = SCAN_FILE | SCAN_ZERO,
        .mask = SCAN_FILE | SCAN_ZERO,
        .any = SCAN_PRESENT | SCAN_SWAPPED,
        .returned = SCAN_FILE, /* nothing that tells ranges apart */
    };
}

/* The same for a part that is in one piece in both spaces. */
static int copy_piece(struct space *to, struct space *from, gaddr_t addr, gaddr_t len) {
    const uintptr_t base = (uintptr_t)space_ptr(from, addr) - addr;
    struct scan_range found[SCAN_RANGES];
    struct scan scan = scan_of(base + addr, len, found);
    int fd = pagemap_fd();
    while (scan.start < scan.end) {
        int count = fd < 0 ? -1 : ioctl(fd, SCAN, &scan);
        if (count < 0) {
            return copy_by_reading(to, from, scan.start - base, addr + len);
        }
        for (int i = 0; i < count; i++) {
            size_t pages = (found[i].end - found[i].start) >> PAGE_BITS;
            int err = copy_pages(to, from, found[i].start - base, pages);
            if (err) {
                return err;
            }
        }
        scan.start = scan.walk_end;
    }
    return 0;
}

int space_copy_private(struct space *to, struct space *from, gaddr_t addr, gaddr_t len) {
    int err = 0;
    for (gaddr_t at = addr, end = addr + len, now; at < end && !err; at += now) {
        gaddr_t room = space_room(from, at), other = space_room(to, at);
        now = room < other ? room : other;
        now = now < end - at ? now : end - at;
        if (at >= from->top && !chunk_made(from, at)) {
            continue; /* untouched */
        }
        if (at >= to->top) {
            pthread_mutex_lock(&to->code_lock);
            err = chunks_make(to, at, now);
            pthread_mutex_unlock(&to->code_lock);
        }
        if (!err) {
            err = copy_piece(to, from, at, now);
        }
    }
    return err;
}

/* Counted page by page, as a host does it that has no ioctl: what of files is in its cache. */
static uint64_t count_by_page(const struct space *space, gaddr_t addr, gaddr_t end) {
    unsigned char vec[4096];
    uint64_t pages = 0;
    for (gaddr_t at = addr; at < end;) {
        gaddr_t count = (end - at) >> PAGE_BITS;
        count = count < sizeof vec ? count : sizeof vec;
        if (mincore(space_ptr(space, at), count << PAGE_BITS, vec)) {
            break;
        }
        for (gaddr_t i = 0; i < count; i++) {
            pages += vec[i] & 1;
        }
        at += count << PAGE_BITS;
    }
    return pages;
}

static uint64_t resident_piece(const struct space *space, gaddr_t addr, gaddr_t len) {
    const uintptr_t base = (uintptr_t)space_ptr(space, addr) - addr;
    struct scan_range found[SCAN_RANGES];
    struct scan scan = scan_of(base + addr, len, found);
    uint64_t pages = 0;
    scan.inverted = scan.mask = 0;
    scan.any = SCAN_PRESENT;
    int fd = pagemap_fd();
    while (scan.start < scan.end) {
        int count = fd < 0 ? -1 : ioctl(fd, SCAN, &scan);
        if (count < 0) {
            return pages + count_by_page(space, scan.start - base, addr + len);
        }
        for (int i = 0; i < count; i++) {
            pages += (found[i].end - found[i].start) >> PAGE_BITS;
        }
        scan.start = scan.walk_end;
    }
    return pages;
}

uint64_t space_resident(const struct space *space, gaddr_t addr, gaddr_t len) {
    uint64_t pages = 0;
    for (gaddr_t at = addr, end = addr + len, now; at < end; at += now) {
        now = space_room(space, at);
        now = now < end - at ? now : end - at;
        if (at < space->top || chunk_made(space, at)) {
            pages += resident_piece(space, at, now);
        }
    }
    return pages;
}
