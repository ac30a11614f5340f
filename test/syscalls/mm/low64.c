/* MAP_32BIT, addresses beyond those of 32 bits and beyond all. test: only x86-64 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GIB 0x40000000ul

static void *map(uintptr_t at, size_t len, int flags) {
    return mmap((void *)at, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1,
                0);
}

static void show(const char *what, void *got) {
    uintptr_t at = (uintptr_t)got;
    if (got == MAP_FAILED) {
        printf("%s: %s\n", what, strerror(errno));
    } else {
        printf("%s: %s\n", what,
               at < GIB             ? "first GiB"
               : at < 2 * GIB       ? "second GiB"
               : at < 4 * GIB       ? "below 4 GiB"
               : at < 0x800000000ul ? "below 32 GiB"
                                    : "high");
    }
}

static void failed(const char *what, long result) {
    printf("%s: %ld %s\n", what, result, result < 0 ? strerror(errno) : "");
}

int main(void) {
    void *low = map(0, 0x10000, MAP_32BIT);
    show("low", low);
    void *next = map(0, 0x1000, MAP_32BIT);
    show("half a GiB", map(0, GIB / 2, MAP_32BIT));
    show("another half", map(0, GIB / 2, MAP_32BIT));
    show("hint in it", map(0x7fff0000, 0x1000, MAP_32BIT));
    printf("hint taken: %d\n", map(0x78000000, 0x1000, MAP_32BIT) == (void *)0x78000000);
    show("hint above", map(0x90000000, 0x1000, MAP_32BIT));
    show("more than there is", map(0, 2 * GIB, MAP_32BIT));
    show("without", map(0, 0x1000, 0));
    show("fixed", map(0x500000000, 0x1000, MAP_FIXED | MAP_32BIT));
    printf("hint without: %d\n", map(0x600000000, 0x1000, 0) == (void *)0x600000000);
    show("a hint beyond all", map(0x8000000000000000, 0x1000, 0));
    show("fixed beyond all", map(0x8000000000000000, 0x1000, MAP_FIXED));
    show("fixed at the end", map(0x7ffffffff000, 0x1000, MAP_FIXED));
    show("all", map(0, ~0xffful, 0));
    show("nothing", map(0, ~0ul, 0));
    failed("munmap", munmap((void *)0x8000000000000000, 0x1000));
    failed("munmap of much", munmap((void *)0x1000, ~0xffful));
    failed("mprotect", mprotect((void *)0xffffffffff600000, 0x1000, PROT_READ));
    failed("mprotect wraps", mprotect((void *)0xfffffffffffff000, 0x2000, PROT_READ));
    failed("mremap", (long)mremap((void *)0x8000000000000000, 4096, 8192, 0));
    failed("mremap wraps",
           (long)mremap(next, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, 0xfffffffffffff000));
    failed("madvise wraps", madvise((void *)0xfffffffffffff000, 0x2000, MADV_DONTNEED));
    failed("madvise beyond all", madvise((void *)0x8000000000000000, 0x2000, MADV_DONTNEED));
    failed("mlock beyond all", mlock((void *)0x8000000000000000, 0x2000));
    failed("mlock wraps", mlock((void *)0xfffffffffffff000, 0x2000));
    failed("msync wraps", msync((void *)0xfffffffffffff000, 0x2000, MS_ASYNC));
    unsigned char vec[2];
    failed("mincore wraps", mincore((void *)0xfffffffffffff000, 0x2000, vec));
    failed("mincore into nothing", mincore(next, 4096, (void *)0x8000000000000000));
    failed("write from nothing", write(1, (void *)0xffff800000000000, 5));
    failed("write that wraps", write(1, (void *)0xfffffffffffffffc, 8));
    printf("brk %d\n", syscall(SYS_brk, 0x8000000000000000) == (long)sbrk(0));
    return 0;
}
