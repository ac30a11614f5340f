/* Memory calls about addresses where nothing is: near the end of what a program may have, and after
 * it. test: only x86-64 */
#include "mm_test.h"

#define LAST  0x7ffffffff000ul /* the first address that no program has */
#define HIGH  0x200000000000ul /* free, whatever is placed where */
#define MBIND 237

static void *at(unsigned long address) {
    return (void *)address;
}

static void calls(const char *where, unsigned long address, unsigned long len) {
    printf("%s:\n", where);
    SHOW(munmap(at(address), len));
    SHOW(mprotect(at(address), len, PROT_READ));
    SHOW(mprotect(at(address), len, 0x40));
    SHOW(madvise(at(address), len, MADV_DONTNEED));
    SHOW(madvise(at(address), len, MADV_WILLNEED));
    SHOW(madvise(at(address), len, MADV_DONTFORK));
    SHOW(msync(at(address), len, MS_SYNC));
    SHOW(mlock(at(address), len));
    SHOW(munlock(at(address), len));
    SHOW(syscall(MBIND, address, len, 0, NULL, 0, 0));
    if (len == PAGE) { /* which error comes first is a matter of Linux's version */
        SHOW(mremap(at(address), len, 2 * len, MREMAP_MAYMOVE));
    }
}

int main(void) {
    calls("free", HIGH, PAGE);
    calls("much", HIGH, HIGH);
    calls("the last page", LAST - PAGE, PAGE);
    calls("after it", LAST, PAGE);
    calls("after it by a page", LAST + PAGE, PAGE);
    calls("over it", LAST - PAGE, 2 * PAGE);
    calls("not canonical", 1ul << 60, PAGE);
    calls("the kernel's", 0ul - (1ul << 40), PAGE);
    calls("all", HIGH, 0ul - HIGH);
    calls("odd", HIGH + 1, PAGE);
    SHOW(munmap(at(HIGH), 0));

    char *page = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    SHOW(mprotect(page, 0ul - PAGE, PROT_READ));
    SHOW(mremap(page, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, LAST));
    SHOW(mremap(page, PAGE, LAST, MREMAP_MAYMOVE));
    SHOW(mmap(at(LAST), PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    SHOW(mmap(at(HIGH), LAST, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    SHOW(mmap(NULL, LAST + PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    return 0;
}
