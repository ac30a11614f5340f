/* Address spaces: their pages, piece by piece (the window, and chunks beyond it), protection,
 * copies. See space.h; code is region.c's. */
#include "core/space/space.h"
#include "core/cpu/cpu.h"
#include "core/host/host.h"
#include "core/code/region.h"
#include "core/memory/chunks.h"
#include "core/memory/jump_cache.h"
#include "core/memory/page_flags.h"
#include "core/memory/window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* A window, large where it may be had, or there is need of one up to `least`. What does not fit in
 * is beyond it. */
static bool make_window(struct space *space, gaddr_t least) {
    const bool i386 = space->mode == GUEST_I386;
    const unsigned bits = i386 ? WINDOW_BITS_I386 : WINDOW_BITS_X86_64;
    const unsigned more = i386 ? WINDOW_BITS_MIXED : WINDOW_BITS_LARGE;
    const bool needed = least > (gaddr_t)1 << bits && least <= (gaddr_t)1 << more;
    space->bits = more;
    space->window = window_new(more, needed);
    if (!space->window && !(i386 && needed)) {
        space->bits = bits;
        space->window = window_new(bits, true);
    }
    space->top = (gaddr_t)1 << (i386 ? bits : space->bits);
    space->end = space->mode == GUEST_I386 ? space->top : (gaddr_t)1 << ADDRESS_BITS;
    return space->window;
}

struct space *space_create(enum guest_mode mode, gaddr_t least) {
    if (host_lacks(mode)) {
        errno = ENOTSUP;
        return NULL;
    }
    struct space *space = calloc(1, sizeof *space);
    if (!space) {
        return NULL;
    }
    space->mode = mode;
    atomic_store(&space->refs, 1);
    pthread_mutex_init(&space->code_lock, NULL);
    if (!make_window(space, least) || !page_flags_new(space) ||
        !jump_cache_new(&space->jump_cache[mode]) || code_init(space) != 0) {
        space_unref(space);
        errno = ENOMEM;
        return NULL;
    }
    space->anchor = (uint64_t)(uintptr_t)host_null_entry(space->bits);
    return space;
}

bool space_may_mix(const struct space *space) {
    return space->bits > 32 && !host_lacks(GUEST_X86_64);
}

gaddr_t space_mixed(const struct space *space) {
    bool both = space->mode == GUEST_I386 && space->jump_cache[GUEST_X86_64].entry;
    return both ? (gaddr_t)1 << WINDOW_BITS_MIXED : 0;
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
    chunks_close(space);
    page_flags_free(space);
    for (unsigned mode = 0; mode < GUEST_MODES; mode++) {
        jump_cache_free(&space->jump_cache[mode]);
    }
    pthread_mutex_destroy(&space->code_lock);
    free(space);
}

/* --- pages ----------------------------------------------------------------------------- */

static bool range_bad(const struct space *space, gaddr_t addr, gaddr_t len) {
    return ((addr | len) & (PAGE_BYTES - 1)) || len == 0 || !space_range_ok(space, addr, len);
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
    return space_page(space, addr) == 0 && page_flags_run(space, addr, addr + len) == addr + len;
}

/* The part of [addr, end) in one piece: returns where it ends. *host: where it is; NULL: in a chunk
 * that was not made. */
static gaddr_t piece(const struct space *space, gaddr_t addr, gaddr_t end, uint8_t **host) {
    gaddr_t room = space_room(space, addr);
    bool there = addr < space->top || chunk_made(space, addr);
    *host = there ? space_ptr(space, addr) : NULL;
    return room < end - addr ? addr + room : end;
}

/* Before pages of the range are mapped: memory for their flags, and of what is beyond the window
 * the chunks, unless the pages are `plain` memory (chunks.h). */
static int reach(struct space *space, gaddr_t addr, gaddr_t len, bool plain) {
    int err = page_flags_reach(space, addr + len);
    if (!err && addr + len > space->top) {
        err = chunks_open(space);
        if (!err && !plain) {
            err = chunks_make(space, addr, len);
        }
    }
    return err;
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
        page_flags_set(space, addr, len, flags);
    } else if (lost) {
        page_flags_set(space, addr, len, 0);
    }
}

/* A change of several pieces stopped half-way: nothing is mapped in the range any more. */
static void give_up(struct space *space, gaddr_t addr, gaddr_t len) {
    uint8_t *host;
    bool lost;
    for (gaddr_t at = addr, end = addr + len, next; at < end; at = next) {
        next = piece(space, at, end, &host);
        if (host) {
            (void)window_reserve(host, next - at, &lost);
        }
    }
}

int space_map(struct space *space, gaddr_t addr, gaddr_t len, int prot, bool shared, int fd,
              off_t offset, const struct file_id *id) {
    if (range_bad(space, addr, len)) {
        return -EINVAL;
    }
    bool lost = false;
    bool dropped = change_begin(space, addr, len);
    int err = reach(space, addr, len, fd < 0 && !shared && !(prot & PROT_EXEC));
    uint8_t *host;
    for (gaddr_t at = addr, end = addr + len, next; at < end && !err; at = next) {
        next = piece(space, at, end, &host);
        if (host) {
            err = fd < 0 && range_empty(space, at, next - at)
                      ? window_fill(host, next - at, host_prot(prot))
                      : window_map(host, next - at, host_prot(prot), shared, fd,
                                   offset + (off_t)(at - addr), &lost);
        }
        if (err && at > addr) {
            give_up(space, addr, len);
            lost = true;
        }
    }
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
    int err = reach(space, addr, len, false);
    uint8_t *host;
    for (gaddr_t at = addr, end = addr + len, next; at < end && !err; at = next) {
        next = piece(space, at, end, &host);
        err = window_share(host, next - at, host_prot(prot), space_ptr(from, of),
                           skip + (at - addr), &lost);
        if (err && at > addr) {
            give_up(space, addr, len);
            lost = true;
        }
    }
    target_changed(space, addr, len, err, lost, prot_flags(prot) | PAGE_SHARED);
    change_end(space, dropped);
    return err;
}

int space_unmap(struct space *space, gaddr_t addr, gaddr_t len) {
    if (range_bad(space, addr, len)) {
        return -EINVAL;
    }
    if (addr + len > space->covered) { /* nothing was ever mapped there */
        len = addr < space->covered ? space->covered - addr : 0;
    }
    bool lost = false;
    bool dropped = change_begin(space, addr, len);
    int err = 0;
    uint8_t *host;
    for (gaddr_t at = addr, end = addr + len, next; at < end && !err; at = next) {
        next = piece(space, at, end, &host);
        err = host ? window_reserve(host, next - at, &lost) : 0;
        err = lost ? 0 : err;
        if (!err) {
            page_flags_set(space, at, next - at, 0);
        }
    }
    change_end(space, dropped);
    return err;
}

/* 0, or -1 with errno where the host refused a piece. */
static int protect_pieces(struct space *space, gaddr_t addr, gaddr_t end, int prot) {
    uint8_t *host;
    int result = 0;
    for (gaddr_t at = addr, next; at < end && !result; at = next) {
        next = piece(space, at, end, &host);
        result = host ? mprotect(host, next - at, prot) : 0;
    }
    return result;
}

/* Give the pages the protection that their flags say, after a change that failed half-way. That
 * needs no mapping of the host's that was not there before. */
static int restore_protection(struct space *space, gaddr_t addr, gaddr_t len) {
    for (gaddr_t at = addr, end = addr + len, next; at < end; at = next) {
        int prot = flags_prot(space_page(space, at));
        next = page_flags_run(space, at, end);
        while (next < end && flags_prot(space_page(space, next)) == prot) {
            next = page_flags_run(space, next, end);
        }
        if (protect_pieces(space, at, next, prot)) {
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
    int err = reach(space, addr, len, !(prot & PROT_EXEC));
    if (err) {
        change_end(space, dropped);
        return err;
    }
    err = protect_pieces(space, addr, addr + len, host_prot(prot)) ? -errno : 0;
    if (err && restore_protection(space, addr, len)) {
        /* Neither forth nor back: somebody else took the host's last mappings.
         * Nothing in the range may be used any more; the guest's next access is its SIGSEGV. */
        (void)protect_pieces(space, addr, addr + len, PROT_NONE);
        page_flags_set(space, addr, len, PAGE_MAPPED);
    }
    if (!err) {
        page_flags_change(space, addr, len, kept, prot_flags(prot));
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
    int err = reach(space, to, len, false);
    if (!err) {
        err = reach(space, from, len, false);
    }
    for (gaddr_t done = 0, now; done < len && !err; done += now) {
        gaddr_t room = space_room(space, from + done), target = space_room(space, to + done);
        now = room < target ? room : target;
        now = now < len - done ? now : len - done;
        err = window_move(space_ptr(space, from + done), space_ptr(space, to + done), now, &lost);
        if (!err) {
            page_flags_copy(space, from + done, to + done, now);
            page_flags_set(space, from + done, now, 0);
        } else if (done) {
            give_up(space, to, len);
            lost = true;
        }
    }
    if (err && lost) {
        page_flags_set(space, to, len, 0);
    }
    change_end(space, dropped);
    return err || from_len == len ? err : space_unmap(space, from + len, from_len - len);
}

int space_advise(struct space *space, gaddr_t addr, gaddr_t len, int advice) {
    uint8_t *host;
    int result = 0;
    for (gaddr_t at = addr, end = addr + len, next; at < end && !result; at = next) {
        next = piece(space, at, end, &host);
        result = host && madvise(host, next - at, advice) ? -errno : 0;
    }
    return result;
}

int space_discard(struct space *space, gaddr_t addr, gaddr_t len, int advice) {
    if (range_bad(space, addr, len)) {
        return -EINVAL;
    }
    bool dropped = change_begin(space, addr, len);
    int err = space_advise(space, addr, len, advice);
    change_end(space, dropped);
    return err;
}

bool space_touch(struct space *space, gaddr_t addr, gaddr_t len) {
    bool made = false;
    if (addr + len <= space->top || !space_range_ok(space, addr, len) || !space->chunks) {
        return false;
    }
    pthread_mutex_lock(&space->code_lock);
    for (gaddr_t at = addr, end = addr + len; at < end; at += space_room(space, at)) {
        if (at >= space->top && space_mapped(space, at) && !chunk_made(space, at)) {
            made |= chunks_make(space, at, 1) == 0;
        }
    }
    pthread_mutex_unlock(&space->code_lock);
    return made;
}

/* --- fork ------------------------------------------------------------------------------ */

void space_share_code(struct space *child, struct space *parent) {
    code_inherit(child, parent);
}

/* --- copies ---------------------------------------------------------------------------- */

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
    (void)space_touch(space, addr, len);
    if (!(space_page(space, addr) & PAGE_WRITE)) {
        return -EFAULT;
    }
    for (gaddr_t at = PAGE_BASE(addr); at < addr + len; at += PAGE_BYTES) {
        uint8_t flags = space_page(space, at);
        if (!(flags & PAGE_WRITE)) {
            break;
        }
        if (flags & PAGE_CODE) {
            code_written(space, at, NULL);
        }
    }
    return 0;
}

/* The part of a copy that is in one piece on the host. */
static size_t one_piece(const struct space *space, gaddr_t addr, size_t len) {
    gaddr_t room = space_room(space, addr);
    return len < room ? len : (size_t)room;
}

int guest_read(struct space *space, void *to, gaddr_t from, size_t len) {
    if (!space_range_ok(space, from, len)) {
        return -EFAULT;
    }
    while (len) {
        size_t now = one_piece(space, from, len);
        if (host_copy(to, space_ptr(space, from), now) &&
            (!space_touch(space, from, now) || host_copy(to, space_ptr(space, from), now))) {
            return -EFAULT;
        }
        to = (char *)to + now;
        from += now;
        len -= now;
    }
    return 0;
}

/* A write to a page that the guest may write can be refused because of compiled code, or because of
 * what another thread just did about such; when it is refused so often in a row, for another reason
 * (a page past the end of its file). */
#define WRITE_TRIES 8

/* After nothing could be written to `at`: drop the code that was in the way, and try again? */
static bool write_again(struct space *space, gaddr_t at, unsigned *tries) {
    return (*tries)++ < WRITE_TRIES && (space_touch(space, at, 1) || code_written(space, at, NULL));
}

int guest_write(struct space *space, gaddr_t to, const void *from, size_t len) {
    if (!space_range_ok(space, to, len)) {
        return -EFAULT;
    }
    for (unsigned tries = 0; len;) {
        size_t now = one_piece(space, to, len), left = host_copy(space_ptr(space, to), from, now);
        if (left < now) {
            tries = 0;
        }
        if (left && !write_again(space, to + (now - left), &tries)) {
            return -EFAULT;
        }
        from = (const char *)from + (now - left);
        to += now - left;
        len -= now - left;
    }
    return 0;
}

int guest_zero(struct space *space, gaddr_t to, size_t len) {
    if (!space_range_ok(space, to, len)) {
        return -EFAULT;
    }
    for (unsigned tries = 0; len;) {
        size_t now = one_piece(space, to, len), left = host_fill_zero(space_ptr(space, to), now);
        if (left < now) {
            tries = 0;
        }
        if (left && !write_again(space, to + (now - left), &tries)) {
            return -EFAULT;
        }
        to += now - left;
        len -= now - left;
    }
    return 0;
}

ssize_t guest_read_string(struct space *space, char *to, gaddr_t from, size_t size) {
    size_t done = 0;
    while (done < size) {
        gaddr_t at = from + done;
        if (at >= space->end) {
            return -EFAULT;
        }
        size_t len = (size_t)(PAGE_BASE(at) + PAGE_BYTES - at);
        len = len < size - done ? len : size - done;
        /* Short pieces first: most strings are short, and a copy costs by its length. */
        len = len < 64 ? len : 64;
        if (guest_read(space, to + done, at, len)) {
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
    bool failed = host_load32(space_ptr(space, addr), value) &&
                  (!space_touch(space, addr, 4) || host_load32(space_ptr(space, addr), value));
    return failed ? -EFAULT : 0;
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
