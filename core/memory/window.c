/* Host memory of windows. See window.h for the rule that all of this keeps. */
#include "core/memory/window.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#define PAGE     ((size_t)4096)
#define RESERVED (MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE)

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

/* --- where windows are ------------------------------------------------------------------------
 *
 * Linux places mappings without a wish from the stack downwards, or (unlimited stack) from a third
 * of the address space upwards, and takes the first room that is large enough. Slots lie where no
 * such mapping comes while there is room elsewhere, which is terabytes: below the dynamic linker,
 * which was the first to be placed so. A window with its guards takes as many slots in a row as it
 * needs and begins WINDOW_ALIGN after the first. Large ones are looked for from above, so that the
 * others leave them room. */
#define SLOT_BYTES    ((uintptr_t)2 * WINDOW_ALIGN)
#define SLOT_FIRST    ((uintptr_t)0x110000000000) /* after the shadow memory of ASan */
#define SLOT_LOW      3200                        /* up to 0x2a0000000000, a third */
#define SLOT_COUNT    12160                       /* up to 0x700000000000 */
#define SLOT_TRIES    64
#define LARGE_EIGHTHS 5 /* of the slots may be used while windows are larger than they must be */
#define CHUNK_EIGHTHS 6 /* ... while chunks are made (chunks.h) */
#define ROOM_ABOVE    ((uintptr_t)8 << 40) /* for the host's mappings, above all slots */

enum slot_state {
    SLOT_FREE,
    SLOT_WINDOW, /* a window begins here */
    SLOT_INSIDE, /* ... and goes on here */
    SLOT_TAKEN   /* by something of the host's that stays */
};

static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic uint8_t slot_state[SLOT_COUNT]; /* changed under the lock */
static bool slots_refused;                     /* the host does not let us choose */
static size_t slots_used;

static size_t window_bytes(unsigned bits) {
    return (size_t)1 << bits;
}

size_t window_guard(unsigned bits) {
    return bits > 32 ? WINDOW_PROBE : WINDOW_GUARD;
}

/* Slots of a window. The guard after it may reach into the next one, which is unused there. */
static size_t slots_of(unsigned bits) {
    return (WINDOW_ALIGN + window_bytes(bits) + SLOT_BYTES - 1) / SLOT_BYTES;
}

/* How many slots there are in this run: where the linker is says how the host places mappings. */
static size_t slot_count(void) {
    const uintptr_t high = SLOT_FIRST + SLOT_COUNT * SLOT_BYTES;
    return getauxval(AT_BASE) > high + ROOM_ABOVE ? SLOT_COUNT : SLOT_LOW;
}

/* Where the search begins: another place in each run, so that nobody outside knows it. */
static size_t first_slot(size_t count, bool large) {
    uint16_t number = 0;
    const void *random = (const void *)getauxval(AT_RANDOM);
    if (random) {
        memcpy(&number, random, sizeof number);
    }
    return large ? count - 1 - number % (count / 8) : number % (count / 2);
}

static uint8_t *reserve(void *first, size_t len, int flags) {
    void *at = mmap(first, len, PROT_NONE, RESERVED | flags, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

/* Is this byte of a window where the host places nothing by itself? */
static bool in_slot(const uint8_t *at) {
    uintptr_t offset = (uintptr_t)at - SLOT_FIRST;
    if ((uintptr_t)at < SLOT_FIRST || offset / SLOT_BYTES >= SLOT_COUNT) {
        return false;
    }
    uint8_t state = atomic_load(&slot_state[offset / SLOT_BYTES]);
    return state == SLOT_INSIDE || (state == SLOT_WINDOW && offset % SLOT_BYTES >= WINDOW_ALIGN);
}

/* Move *slot, in one direction, to where so many slots in a row are free; false: nowhere. */
static bool find_free(size_t *slot, size_t slots, size_t count, bool down) {
    while (*slot + slots <= count) {
        size_t from = 0, to = slots; /* what is free at the beginning, at the end */
        while (from < slots && slot_state[*slot + from] == SLOT_FREE) {
            from++;
        }
        if (from == slots) {
            return true;
        }
        if (down && *slot + from < slots) {
            return false;
        }
        while (slot_state[*slot + to - 1] == SLOT_FREE) {
            to--;
        }
        *slot = down ? *slot + from - slots : *slot + to;
    }
    return false;
}

static void set_slots(size_t slot, size_t count, uint8_t first, uint8_t others) {
    for (size_t i = 0; i < count; i++) {
        atomic_store(&slot_state[slot + i], i ? others : first);
    }
}

/* Reserves window and guards at slot number `slot`, if the host has nothing there; NULL: with
 * errno. */
static uint8_t *window_at_slot(size_t slot, unsigned bits) {
    const size_t guard = window_guard(bits), len = window_bytes(bits) + 2 * guard;
    uint8_t *wanted = (uint8_t *)(SLOT_FIRST + slot * SLOT_BYTES + WINDOW_ALIGN);
    uint8_t *first = reserve(wanted - guard, len, MAP_FIXED_NOREPLACE);
    if (first && first != wanted - guard) {
        munmap(first, len);
        slots_refused = true;
        errno = ENOTSUP;
        return NULL;
    }
    return first ? wanted : NULL;
}

/* Try slots from `slot` on; as long as *tries last, and the host gives no other reason than that
 * something is there. */
static uint8_t *search_slots(size_t slot, size_t count, unsigned bits, unsigned *tries) {
    const bool large = bits == WINDOW_BITS_LARGE;
    const size_t slots = slots_of(bits);
    for (; *tries && !slots_refused && find_free(&slot, slots, count, large); --*tries) {
        uint8_t *window = window_at_slot(slot, bits);
        if (window) {
            set_slots(slot, slots, SLOT_WINDOW, SLOT_INSIDE);
            slots_used += slots;
            return window;
        }
        if (errno != EEXIST) {
            *tries = 1;
        } else if (slots == 1) {
            set_slots(slot, 1, SLOT_TAKEN, SLOT_TAKEN);
        } else if (large && slot < slots) {
            break;
        } else {
            slot = large ? slot - slots : slot + 1;
        }
    }
    return NULL;
}

static uint8_t *window_in_slot(unsigned bits, bool needed) {
    const bool large = bits == WINDOW_BITS_LARGE;
    const size_t count = slot_count(), last = count - slots_of(bits);
    const size_t first = first_slot(count, large);
    unsigned tries = SLOT_TRIES;
    uint8_t *window = NULL;
    pthread_mutex_lock(&slots_lock);
    if (needed || slots_used + slots_of(bits) <= count / 8 * LARGE_EIGHTHS) {
        window = search_slots(first < last ? first : last, count, bits, &tries);
        if (!window) { /* the other part */
            window = search_slots(large ? last : 0, count, bits, &tries);
        }
    }
    pthread_mutex_unlock(&slots_lock);
    return window;
}

/* Wherever there is room: ask for more than is needed and give back what lies around it. */
static uint8_t *window_anywhere(unsigned bits) {
    size_t guard = window_guard(bits), room = WINDOW_ALIGN + window_bytes(bits) + 2 * guard;
    uint8_t *raw = reserve(NULL, room, 0);
    if (!raw) {
        return NULL;
    }
    uintptr_t start = ((uintptr_t)raw + guard + WINDOW_ALIGN - 1) & ~(WINDOW_ALIGN - 1);
    uint8_t *window = (uint8_t *)start;
    uint8_t *first = window - guard, *end = window + window_bytes(bits) + guard;
    if (first > raw) {
        munmap(raw, (size_t)(first - raw));
    }
    if (end < raw + room) {
        munmap(end, (size_t)(raw + room - end));
    }
    return window;
}

uint8_t *window_new(unsigned bits, bool needed) {
    uint8_t *window = window_in_slot(bits, needed);
    if (!window && needed) {
        window = window_anywhere(bits);
    }
    if (window && bits > 32 && mprotect(window - WINDOW_PROBE, PAGE, PROT_READ)) {
        int err = errno;
        window_free(window, bits);
        errno = err;
        return NULL;
    }
    return window;
}

bool window_plenty(void) {
    pthread_mutex_lock(&slots_lock);
    bool plenty = slots_used <= slot_count() / 8 * CHUNK_EIGHTHS;
    pthread_mutex_unlock(&slots_lock);
    return plenty;
}

void window_free(uint8_t *window, unsigned bits) {
    munmap(window - window_guard(bits), window_bytes(bits) + 2 * window_guard(bits));
    if (in_slot(window)) {
        pthread_mutex_lock(&slots_lock);
        set_slots(((uintptr_t)window - SLOT_FIRST) / SLOT_BYTES, slots_of(bits), SLOT_FREE,
                  SLOT_FREE);
        slots_used -= slots_of(bits);
        pthread_mutex_unlock(&slots_lock);
    }
}

/* --- changes --------------------------------------------------------------------------- */

int window_prot(bool read, bool write, bool exec) {
    if (write) {
        return PROT_READ | PROT_WRITE;
    }
    return read || exec ? PROT_READ : PROT_NONE;
}

/* After a call that may have unmapped its target and failed: true when it had. */
static bool fill_hole(void *at, size_t len) {
    uint8_t *got = reserve(at, len, MAP_FIXED_NOREPLACE);
    if (got && got != at) {
        munmap(got, len);
    }
    return got == at;
}

/* The pages at `made`, all in one mapping and outside of windows, go to `at`. */
static int put_in_place(void *made, void *at, size_t len, bool *lost) {
    if (mremap(made, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, at) != MAP_FAILED) {
        return 0;
    }
    int err = -errno;
    munmap(made, len);
    *lost = fill_hole(at, len);
    return err;
}

int window_reserve(void *at, size_t len, bool *lost) {
    *lost = false;
    if (reserve(at, len, MAP_FIXED)) {
        return 0;
    }
    int err = -errno;
    *lost = fill_hole(at, len);
    return err;
}

int window_fill(void *at, size_t len, int prot) {
    if (prot == PROT_NONE || !mprotect(at, len, prot)) {
        return 0;
    }
    int err = -errno;
    (void)mprotect(at, len, PROT_NONE); /* a part may have been changed */
    return err;
}

int window_map(void *at, size_t len, int prot, bool shared, int fd, off_t offset, bool *lost) {
    int flags = MAP_NORESERVE | (shared ? MAP_SHARED : MAP_PRIVATE) | (fd < 0 ? MAP_ANONYMOUS : 0);
    *lost = false;
    if (!shared && in_slot(at)) {
        const void *made = mmap(at, len, prot, flags | MAP_FIXED, fd, offset);
        if (made != MAP_FAILED) {
            return 0;
        }
        int err = -errno;
        *lost = fill_hole(at, len);
        return err;
    }
    void *made = mmap(NULL, len, prot, flags, fd, offset);
    return made == MAP_FAILED ? -errno : put_in_place(made, at, len, lost);
}

int window_share(void *at, size_t len, int prot, void *of, size_t skip, bool *lost) {
    *lost = false;
    /* mremap(2): an old size of 0 makes a second mapping of the same pages. */
    uint8_t *made = mremap(of, 0, skip + len, MREMAP_MAYMOVE);
    if (made == MAP_FAILED) {
        return -errno;
    }
    if (skip) {
        munmap(made, skip);
    }
    if (mprotect(made + skip, len, prot)) {
        int err = -errno;
        munmap(made + skip, len);
        return err;
    }
    return put_in_place(made + skip, at, len, lost);
}

/* Leave nothing but a reservation where pages were moved away. The range is one whole mapping, or
 * nothing: it can always be unmapped. */
static void reserve_source(void *from, size_t len) {
    bool lost;
    if (window_reserve(from, len, &lost) && !lost) {
        munmap(from, len);
        (void)fill_hole(from, len);
    }
}

/* Move what the host may hold in several mappings (it does not merge all that the guest's view of
 * memory does): by halves where it does not go at once. *done: bytes that were moved. */
static int move_pieces(uint8_t *from, uint8_t *to, size_t len, size_t *done, bool *lost) {
    const int flags = MREMAP_MAYMOVE | MREMAP_FIXED;
    /* DONTUNMAP keeps the source reserved in the same call. Not every mapping can do it. */
    void *moved = mremap(from, len, len, flags | MREMAP_DONTUNMAP, to);
    if (moved == MAP_FAILED && errno == EINVAL) {
        moved = mremap(from, len, len, flags, to);
    }
    if (moved != MAP_FAILED) {
        *done += len;
        reserve_source(from, len);
        return 0;
    }
    int err = -errno;
    *lost |= fill_hole(to, len);
    if (err != -EFAULT || len == PAGE) {
        return err;
    }
    size_t half = len / 2 & ~(PAGE - 1);
    err = move_pieces(from, to, half, done, lost);
    return err ? err : move_pieces(from + half, to + half, len - half, done, lost);
}

int window_move(void *from, void *to, size_t len, bool *lost) {
    size_t done = 0, back = 0;
    bool ignored = false;
    *lost = false;
    int err = move_pieces(from, to, len, &done, lost);
    if (err && done) {
        (void)move_pieces(to, from, done, &back, &ignored);
    }
    *lost |= done;
    return err;
}
