/* The check of a space against the host's own list of mappings, for tests and fuzzers. */
#include "core/space/space.h"
#include "core/memory/chunks.h"
#include "core/memory/page_flags.h"
#include "core/memory/window.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What the host must say of a page with these flags. */
static void wanted(uint8_t flags, char prot[4]) {
    bool write = flags & PAGE_WRITE && !(flags & PAGE_CODE);
    bool read = flags & (PAGE_READ | PAGE_WRITE | PAGE_EXEC);
    memcpy(prot, (const char[4]){read ? 'r' : '-', write ? 'w' : '-', '-', 0}, 4);
}

/* A piece of the space: the window or a chunk. */
struct place {
    uintptr_t host;
    gaddr_t start, bytes;
    unsigned bits;
};

/* A part of the list: host addresses [start, end) have `prot` and lie in the piece or its guards.
 */
static int check_range(const struct space *space, const struct place *place, uintptr_t start,
                       uintptr_t end, const char *prot, char *why, size_t size) {
    const uintptr_t host = place->host, probe = place->bits > 32 ? host - WINDOW_PROBE : 0;
    for (uintptr_t at = start, next; at < end; at = next) {
        bool inside = at >= host && at - host < place->bytes;
        uintptr_t bound = inside ? host + place->bytes : at < host ? host : end;
        gaddr_t addr = place->start + (at - host);
        uint8_t flags = inside ? space_page(space, addr) : 0;
        char want[4];
        if (at == probe) {
            bound = at + PAGE_BYTES;
        }
        bound = bound < end ? bound : end;
        next = inside ? at + (page_flags_run(space, addr, addr + (bound - at)) - addr) : bound;
        wanted(at == probe ? PAGE_READ : flags, want);
        if (memcmp(prot, want, 3) != 0) {
            snprintf(why, size, "page %" PRIx64 " is %.3s on the host, and should be %s", addr,
                     prot, want);
            return -EFAULT;
        }
    }
    return 0;
}

static int check_place(struct space *space, const struct place *place, char *why, size_t size) {
    const uintptr_t first = place->host - window_guard(place->bits);
    const uintptr_t last = place->host + ((uintptr_t)1 << place->bits) + window_guard(place->bits);
    char line[4400], prot[5];
    uintptr_t at = first, start, end;
    int err = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    if (!maps) {
        snprintf(why, size, "/proc/self/maps cannot be read: %s", strerror(errno));
        return -EFAULT;
    }
    while (!err && at < last && fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &start, &end, prot) != 3 || end <= at) {
            continue;
        }
        if (start > at) {
            break;
        }
        end = end < last ? end : last;
        err = check_range(space, place, at, end, prot, why, size);
        at = end;
    }
    (void)fclose(maps);
    if (!err && at < last) {
        snprintf(why, size, "nothing is mapped or reserved at page %" PRIx64,
                 place->start + (at - place->host));
        err = -EFAULT;
    }
    return err;
}

int space_check(struct space *space, char *why, size_t size) {
    struct place place = {(uintptr_t)space->window, 0, space->top, space->bits};
    pthread_mutex_lock(&space->code_lock);
    int err = check_place(space, &place, why, size);
    for (gaddr_t at = space->top; at < space->end && !err && space->chunks; at += CHUNK_WIDE) {
        if (chunk_made(space, at)) {
            place = (struct place){(uintptr_t)space_ptr(space, at), at, CHUNK_WIDE, CHUNK_BITS};
            err = check_place(space, &place, why, size);
        }
    }
    pthread_mutex_unlock(&space->code_lock);
    return err;
}
