/* The check of a space against the host's own list of mappings, for tests and fuzzers. */
#include "core/space/space.h"
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

/* A part of the list: host addresses [start, end) have `prot` and lie in window or guards. */
static int check_range(const struct space *space, uintptr_t start, uintptr_t end, const char *prot,
                       char *why, size_t size) {
    const uintptr_t window = (uintptr_t)space->window;
    const uintptr_t probe = space->bits > 32 ? window - WINDOW_PROBE : 0;
    for (uintptr_t at = start, next; at < end; at = next) {
        bool inside = at >= window && at - window < space->top;
        uintptr_t bound = inside ? window + space->top : at < window ? window : end;
        uint8_t flags = inside ? space_page(space, at - window) : 0;
        char want[4];
        if (at == probe) {
            bound = at + PAGE_BYTES;
        }
        bound = bound < end ? bound : end;
        next = inside ? window + page_flags_run(space, at - window, bound - window) : bound;
        wanted(at == probe ? PAGE_READ : flags, want);
        if (memcmp(prot, want, 3) != 0) {
            snprintf(why, size, "page %" PRIxPTR " is %.3s on the host, and should be %s",
                     at - window, prot, want);
            return -EFAULT;
        }
    }
    return 0;
}

int space_check(struct space *space, char *why, size_t size) {
    const uintptr_t first = (uintptr_t)space->window - window_guard(space->bits);
    const uintptr_t last = (uintptr_t)space->window + space->top + window_guard(space->bits);
    char line[4400], prot[5];
    uintptr_t at = first, start, end;
    int err = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    if (!maps) {
        snprintf(why, size, "/proc/self/maps cannot be read: %s", strerror(errno));
        return -EFAULT;
    }
    pthread_mutex_lock(&space->code_lock);
    while (!err && at < last && fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s", &start, &end, prot) != 3 || end <= at) {
            continue;
        }
        if (start > at) {
            break;
        }
        end = end < last ? end : last;
        err = check_range(space, at, end, prot, why, size);
        at = end;
    }
    pthread_mutex_unlock(&space->code_lock);
    (void)fclose(maps);
    if (!err && at < last) {
        snprintf(why, size, "nothing is mapped or reserved at page %" PRIxPTR,
                 at - (uintptr_t)space->window);
        err = -EFAULT;
    }
    return err;
}
