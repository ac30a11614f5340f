/* The window of an address space: pages, protection, copies. See space.h; code is region.c's. */
#include "core/space/space.h"
#include "core/cpu/cpu.h"
#include "core/host/host.h"
#include "core/code/region.h"
#include "core/memory/jump_cache.h"
#include "core/memory/window.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Address bits of windows. Those of 64-bit guests are as large as leaves room for some hundreds. */
#define BITS_I386   32
#define BITS_X86_64 36
#define OWN_MEMORY  (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

struct space *space_create(enum guest_mode mode) {
    if (host_lacks(mode)) {
        errno = ENOTSUP;
        return NULL;
    }
    struct space *space = calloc(1, sizeof *space);
    if (!space) {
        return NULL;
    }
    space->mode = mode;
    space->bits = mode == GUEST_I386 ? BITS_I386 : BITS_X86_64;
    space->top = (gaddr_t)1 << space->bits;
    space->anchor = (uint64_t)(uintptr_t)host_null_entry(space->bits);
    atomic_store(&space->refs, 1);
    pthread_mutex_init(&space->code_lock, NULL);
    space->window = window_new(space->bits);
    void *pages = mmap(NULL, space->top >> PAGE_BITS, PROT_READ | PROT_WRITE, OWN_MEMORY, -1, 0);
    bool cache = jump_cache_new(&space->jump_cache);
    space->page = pages == MAP_FAILED ? NULL : pages;
    if (!space->window || !space->page || !cache || code_init(space) != 0) {
        space_unref(space);
        errno = ENOMEM;
        return NULL;
    }
    return space;
}

struct space *space_ref(struct space *space) {
    atomic_fetch_add(&space->refs, 1);
    return space;
}

void space_unref(struct space *space) {
    if (!space || atomic_fetch_sub(&space->refs, 1) != 1) {
        return;
    }
    if (space->own) {
        code_fini(space);
    }
    if (space->window) {
        window_free(space->window, space->bits);
    }
    if (space->page) {
        munmap((void *)space->page, space->top >> PAGE_BITS);
    }
    jump_cache_free(&space->jump_cache);
    pthread_mutex_destroy(&space->code_lock);
    free(space);
}

/* --- pages ----------------------------------------------------------------------------- */

static bool range_bad(const struct space *space, gaddr_t addr, gaddr_t len) {
    return ((addr | len) & (PAGE_BYTES - 1)) || len == 0 || !space_range_ok(space, addr, len);
}

/* Flags of so many pages are given back to the host where nothing is mapped any more. */
#define MANY_PAGES ((size_t)64 << 10)

static void set_pages(struct space *space, gaddr_t addr, gaddr_t len, uint8_t flags) {
    uint8_t *first = (uint8_t *)space->page + (addr >> PAGE_BITS);
    uint8_t *end = first + (len >> PAGE_BITS);
    if (!flags && (size_t)(end - first) >= MANY_PAGES) {
        uint8_t *from = (uint8_t *)PAGE_ALIGN((uintptr_t)first);
        uint8_t *to = (uint8_t *)PAGE_BASE((uintptr_t)end);
        if (!madvise(from, (size_t)(to - from), MADV_DONTNEED)) {
            memset(first, 0, (size_t)(from - first));
            first = to;
        }
    }
    memset(first, flags, (size_t)(end - first));
}

static uint8_t prot_flags(int prot) {
    return (uint8_t)(PAGE_MAPPED | (prot & PROT_READ ? PAGE_READ : 0) |
                     (prot & PROT_WRITE ? PAGE_WRITE : 0) | (prot & PROT_EXEC ? PAGE_EXEC : 0));
}

static int host_prot(int prot) {
    return window_prot(prot & PROT_READ, prot & PROT_WRITE, prot & PROT_EXEC);
}

/* The host's protection of a page with these flags. */
static int flags_prot(uint8_t flags) {
    return window_prot(flags & PAGE_READ, flags & PAGE_WRITE && !(flags & PAGE_CODE),
                       flags & (PAGE_EXEC | PAGE_WRITE));
}

/* Nothing is mapped in the range: it holds reserved, untouched pages alone. */
static bool range_empty(const struct space *space, gaddr_t addr, gaddr_t len) {
    const uint8_t *flags = (const uint8_t *)space->page + (addr >> PAGE_BITS);
    size_t pages = len >> PAGE_BITS;
    return flags[0] == 0 && memcmp(flags, flags + 1, pages - 1) == 0;
}

/* Drop the code of a range whose mapping is about to change, and let nobody build from it
 * meanwhile. */
static bool change_begin(struct space *space, gaddr_t addr, gaddr_t len) {
    pthread_mutex_lock(&space->code_lock);
    return code_drop(space, addr, len);
}

static void change_end(struct space *space, bool dropped) {
    pthread_mutex_unlock(&space->code_lock);
    if (dropped) {
        space_kick(space, NULL);
    }
}

/* Behind a change that put [addr, addr+len) in place, or failed. */
static void target_changed(struct space *space, gaddr_t addr, gaddr_t len, int err, bool lost,
                           uint8_t flags) {
    if (!err) {
        set_pages(space, addr, len, flags);
    } else if (lost) {
        set_pages(space, addr, len, 0);
    }
}

int space_map(struct space *space, gaddr_t addr, gaddr_t len, int prot, bool shared, int fd,
              off_t offset, const struct file_id *id) {
    if (range_bad(space, addr, len)) {
        return -EINVAL;
    }
    bool lost = false;
    bool dropped = change_begin(space, addr, len);
    void *at = space_ptr(space, addr);
    int err = fd < 0 && range_empty(space, addr, len)
                  ? window_fill(at, len, host_prot(prot))
                  : window_map(at, len, host_prot(prot), shared, fd, offset, &lost);
    target_changed(space, addr, len, err, lost,
                   (uint8_t)(prot_flags(prot) | (shared ? PAGE_SHARED : 0)));
    change_end(space, dropped);
    if (err) {
        return err;
    }
    if (id && fd >= 0 && !shared && prot & PROT_EXEC && !(prot & PROT_WRITE)) {
        code_attach_file(space, addr, len, offset, id);
    }
    return 0;
}

int space_map_again(struct space *space, gaddr_t addr, gaddr_t len, int prot,
                    const struct space *from, gaddr_t of, gaddr_t skip) {
    if (range_bad(space, addr, len) || range_bad(from, of, PAGE_BYTES)) {
        return -EINVAL;
    }
    bool lost = false;
    bool dropped = change_begin(space, addr, len);
    int err = window_share(space_ptr(space, addr), len, host_prot(prot), space_ptr(from, of), skip,
                           &lost);
    target_changed(space, addr, len, err, lost, prot_flags(prot) | PAGE_SHARED);
    change_end(space, dropped);
    return err;
}

int space_unmap(struct space *space, gaddr_t addr, gaddr_t len) {
    if (range_bad(space, addr, len)) {
        return -EINVAL;
    }
    bool lost = false;
    bool dropped = change_begin(space, addr, len);
    int err = window_reserve(space_ptr(space, addr), len, &lost);
    target_changed(space, addr, len, err, lost, 0);
    change_end(space, dropped);
    return lost ? 0 : err;
}

/* Give the pages the protection that their flags say, after a change that failed half-way. That
 * needs no mapping of the host's that was not there before. */
static int restore_protection(struct space *space, gaddr_t addr, gaddr_t len) {
    for (gaddr_t at = addr, end = addr + len, next; at < end; at = next) {
        int prot = flags_prot(space->page[at >> PAGE_BITS]);
        next = at + PAGE_BYTES;
        while (next < end && flags_prot(space->page[next >> PAGE_BITS]) == prot) {
            next += PAGE_BYTES;
        }
        if (mprotect(space_ptr(space, at), next - at, prot)) {
            return -errno;
        }
    }
    return 0;
}

int space_protect(struct space *space, gaddr_t addr, gaddr_t len, int prot) {
    if (range_bad(space, addr, len)) {
        return -EINVAL;
    }
    /* Code that stays executable and unwritable keeps its fibers; all else is decoded anew. */
    uint8_t kept = PAGE_SHARED;
    bool dropped = false;
    pthread_mutex_lock(&space->code_lock);
    if ((prot & (PROT_EXEC | PROT_WRITE)) != PROT_EXEC) {
        dropped = code_drop(space, addr, len);
    } else {
        kept |= PAGE_CODE | PAGE_HOT;
    }
    int err = mprotect(space_ptr(space, addr), len, host_prot(prot)) ? -errno : 0;
    if (err && restore_protection(space, addr, len)) {
        /* Neither forth nor back: somebody else took the host's last mappings.
         * Nothing in the range may be used any more; the guest's next access is its SIGSEGV. */
        (void)mprotect(space_ptr(space, addr), len, PROT_NONE);
        set_pages(space, addr, len, PAGE_MAPPED);
    }
    if (!err) {
        for (gaddr_t at = addr; at < addr + len; at += PAGE_BYTES) {
            _Atomic uint8_t *flags = &space->page[at >> PAGE_BITS];
            atomic_store(flags, (uint8_t)((*flags & kept) | prot_flags(prot)));
        }
    }
    change_end(space, dropped);
    return err;
}

int space_move(struct space *space, gaddr_t from, gaddr_t from_len, gaddr_t to, gaddr_t to_len) {
    gaddr_t len = from_len < to_len ? from_len : to_len;
    if (range_bad(space, from, from_len) || range_bad(space, to, to_len)) {
        return -EINVAL;
    }
    bool lost = false;
    bool dropped = change_begin(space, from, from_len);
    dropped |= code_drop(space, to, to_len);
    int err = window_move(space_ptr(space, from), space_ptr(space, to), len, &lost);
    if (!err) {
        memcpy((void *)(space->page + (to >> PAGE_BITS)),
               (const void *)(space->page + (from >> PAGE_BITS)), len >> PAGE_BITS);
        set_pages(space, from, len, 0);
    } else if (lost) {
        set_pages(space, to, len, 0);
    }
    change_end(space, dropped);
    return err || from_len == len ? err : space_unmap(space, from + len, from_len - len);
}

int space_discard(struct space *space, gaddr_t addr, gaddr_t len, int advice) {
    if (range_bad(space, addr, len)) {
        return -EINVAL;
    }
    bool dropped = change_begin(space, addr, len);
    int err = madvise(space_ptr(space, addr), len, advice) ? -errno : 0;
    change_end(space, dropped);
    return err;
}

/* --- fork ------------------------------------------------------------------------------ */

/* Bits of /proc/self/pagemap (proc(5), Documentation/admin-guide/mm/pagemap). */
#define PM_FILE    ((uint64_t)1 << 61)
#define PM_SWAP    ((uint64_t)1 << 62)
#define PM_PRESENT ((uint64_t)1 << 63)
#define PM_BATCH   512

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
    uint8_t flags = atomic_load(&to->page[at >> PAGE_BITS]);
    uint8_t from_flags = atomic_load(&from->page[at >> PAGE_BITS]);
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

int space_copy_private(struct space *to, struct space *from, gaddr_t addr, gaddr_t len) {
    uint64_t map[PM_BATCH];
    int fd = pagemap_fd();
    for (gaddr_t at = addr; at < addr + len;) {
        size_t count = (size_t)((addr + len - at) >> PAGE_BITS);
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

void space_share_code(struct space *child, struct space *parent) {
    code_inherit(child, parent);
}

/* --- copies ---------------------------------------------------------------------------- */

static uint8_t page_at(struct space *space, gaddr_t addr) {
    return atomic_load(&space->page[addr >> PAGE_BITS]);
}

/* Say that the host is going to write there, before looking whether code is in the way. */
static void host_write_begins(struct cpu *cpu, gaddr_t addr, gaddr_t len) {
    unsigned count = atomic_load_explicit(&cpu->host_writes, memory_order_relaxed);
    gaddr_t start = addr, end = addr + len;
    if (count == HOST_WRITES) {
        count--;
        gaddr_t old_start = atomic_load(&cpu->host_write[count].start);
        gaddr_t old_end = atomic_load(&cpu->host_write[count].end);
        start = start < old_start ? start : old_start;
        end = end > old_end ? end : old_end;
    }
    atomic_store_explicit(&cpu->host_write[count].start, start, memory_order_relaxed);
    atomic_store_explicit(&cpu->host_write[count].end, end, memory_order_relaxed);
    atomic_store(&cpu->host_writes, count + 1);
}

int space_prepare_write(struct cpu *cpu, gaddr_t addr, gaddr_t len) {
    struct space *space = cpu->space;
    if (!space_range_ok(space, addr, len)) {
        return -EFAULT;
    }
    if (len == 0) {
        return 0;
    }
    host_write_begins(cpu, addr, len);
    if (!(page_at(space, addr) & PAGE_WRITE)) {
        return -EFAULT;
    }
    for (gaddr_t at = PAGE_BASE(addr); at < addr + len; at += PAGE_BYTES) {
        uint8_t flags = page_at(space, at);
        if (!(flags & PAGE_WRITE)) {
            break;
        }
        if (flags & PAGE_CODE) {
            code_written(space, at, NULL);
        }
    }
    return 0;
}

int guest_read(struct space *space, void *to, gaddr_t from, size_t len) {
    if (!space_range_ok(space, from, len)) {
        return -EFAULT;
    }
    return host_copy(to, space_ptr(space, from), len) ? -EFAULT : 0;
}

/* A write to a page that the guest may write can be refused because of compiled code, or because of
 * what another thread just did about such; when it is refused so often in a row, for another reason
 * (a page past the end of its file). */
#define WRITE_TRIES 8

/* After nothing could be written to `at`: drop the code that was in the way, and try again? */
static bool write_again(struct space *space, gaddr_t at, unsigned *tries) {
    return (*tries)++ < WRITE_TRIES && code_written(space, at, NULL);
}

int guest_write(struct space *space, gaddr_t to, const void *from, size_t len) {
    if (!space_range_ok(space, to, len)) {
        return -EFAULT;
    }
    for (unsigned tries = 0;;) {
        size_t left = host_copy(space_ptr(space, to), from, len);
        if (!left) {
            return 0;
        }
        if (left < len) {
            tries = 0;
        }
        if (!write_again(space, to + (len - left), &tries)) {
            return -EFAULT;
        }
        from = (const char *)from + (len - left);
        to += len - left;
        len = left;
    }
}

int guest_zero(struct space *space, gaddr_t to, size_t len) {
    if (!space_range_ok(space, to, len)) {
        return -EFAULT;
    }
    for (unsigned tries = 0;;) {
        size_t left = host_fill_zero(space_ptr(space, to), len);
        if (!left) {
            return 0;
        }
        if (left < len) {
            tries = 0;
        }
        if (!write_again(space, to + (len - left), &tries)) {
            return -EFAULT;
        }
        to += len - left;
        len = left;
    }
}

ssize_t guest_read_string(struct space *space, char *to, gaddr_t from, size_t size) {
    size_t done = 0;
    while (done < size) {
        gaddr_t at = from + done;
        if (at >= space->top) {
            return -EFAULT;
        }
        size_t len = (size_t)(PAGE_BASE(at) + PAGE_BYTES - at);
        len = len < size - done ? len : size - done;
        /* Short pieces first: most strings are short, and a copy costs by its length. */
        len = len < 64 ? len : 64;
        if (host_copy(to + done, space_ptr(space, at), len)) {
            return -EFAULT;
        }
        const char *nul = memchr(to + done, 0, len);
        if (nul) {
            return nul - to;
        }
        done += len;
    }
    return -ENAMETOOLONG;
}

int guest_load32(struct space *space, gaddr_t addr, uint32_t *value) {
    if (addr & 3) {
        return -EINVAL;
    }
    if (!space_range_ok(space, addr, 4)) {
        return -EFAULT;
    }
    return host_load32(space_ptr(space, addr), value) ? -EFAULT : 0;
}

int guest_cmpxchg32(struct space *space, gaddr_t addr, uint32_t *old, uint32_t desired) {
    if (addr & 3) {
        return -EINVAL;
    }
    if (!space_range_ok(space, addr, 4)) {
        return -EFAULT;
    }
    for (unsigned tries = 0; host_cmpxchg32(space_ptr(space, addr), old, desired);) {
        if (!write_again(space, addr, &tries)) {
            return -EFAULT;
        }
    }
    return 0;
}
