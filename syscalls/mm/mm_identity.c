/* Which code may be shared: the identity of a file under which fibers made from its pages are used
 * by every process that maps it. Stands between mm.c, which maps, and core's file regions.
 *
 * What a process runs must have been made from the bytes that it would read itself. A region of a
 * file is therefore joined at one moment only, when a fresh private mapping appears that may be
 * executed and not be written, and it is left (core/space/space.c, code_drop) before anything can
 * differ:
 *
 * - mprotect to writable, a store, mprotect back: left at the first, never joined again.
 * - A child of fork with pages that its parent changed: it joins nothing, it inherits the regions
 *   that the parent is still in (MADV_DONTFORK: only where it has all pages).
 * - munmap, MAP_FIXED over it, mremap, shmat, MADV_DONTNEED: left.
 * - read(2) into it, process_vm_writev, /proc/PID/mem, futexes, signal frames: refused, for the
 *   page is not writable. Who adds a write that passes protection by (ptrace) leaves the regions
 *   first, as space_protect() does.
 * - The file is written, cut or replaced after it was mapped: its change time, which nobody can
 *   set, is part of the identity. So soon after the last change that the time may be the same: not
 *   shared until the change is older than any file system's clock is slow.
 * - The file is written through a shared mapping, which moves no time on in memory file systems and
 *   not each time in others: files that a guest ever mapped so are never shared again.
 * - A memory file whose bytes somebody checks under a seal: both of the above. Once it is sealed
 *   it need not be old.
 * - Private pages of a fresh mapping: there are none, it was made under mm->lock like all else.
 *
 * Who changes a file under a process that mapped it before may be run by it, as on Linux, where
 * clean pages of a private mapping show the change. Writers outside of this run (the host's, other
 * runs) are seen by the times alone. */
#include "syscalls/mm/mm_internal.h"
#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>

/* Seconds after which a change of a file gets a change time of its own on every file system: FAT
 * and some network ones count in two seconds, the others in ticks of the kernel. */
#define SETTLED_SECONDS 3

/* Files that were mapped shared and writable, by a hash that nobody can aim at. A false hit costs
 * its file the sharing. */
#define TAINT_BITS (1u << 20)
static _Atomic uint8_t taint[TAINT_BITS / 8];

static uint32_t taint_bit(const struct stat *st) {
    uint64_t key = 0;
    const void *random = (const void *)getauxval(AT_RANDOM);
    if (random) {
        memcpy(&key, random, sizeof key);
    }
    uint64_t hash = (st->st_ino ^ key) * 0x9e3779b97f4a7c15u;
    hash = (hash ^ hash >> 29 ^ st->st_dev) * 0xbf58476d1ce4e5b9u;
    return (uint32_t)(hash >> 44) % TAINT_BITS;
}

void mm_file_written_unseen(const struct stat *st) {
    uint32_t bit = taint_bit(st);
    atomic_fetch_or(&taint[bit / 8], (uint8_t)(1u << bit % 8));
}

static bool settled(int host_fd, const struct stat *st) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec - st->st_ctim.tv_sec >= SETTLED_SECONDS) {
        return true;
    }
    int seals = fcntl(host_fd, F_GET_SEALS);
    const int all = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK;
    return seals >= 0 && (seals & all) == all;
}

bool mm_file_identity(int host_fd, const struct stat *st, struct file_id *id) {
    uint32_t bit = taint_bit(st);
    if (!S_ISREG(st->st_mode) || atomic_load(&taint[bit / 8]) >> bit % 8 & 1 ||
        !settled(host_fd, st)) {
        return false;
    }
    *id = (struct file_id){
        .dev = st->st_dev,
        .ino = st->st_ino,
        .size = (uint64_t)st->st_size,
        .mtime_sec = st->st_mtim.tv_sec,
        .mtime_nsec = st->st_mtim.tv_nsec,
        .ctime_sec = st->st_ctim.tv_sec,
        .ctime_nsec = st->st_ctim.tv_nsec,
    };
    return true;
}
