/* brk and limits. */
#include "mm_test.h"

static long raw_brk(long at) {
    return syscall(SYS_brk, at);
}

int main(void) {
    catch_faults();
    long start = raw_brk(0);
    SHOW(raw_brk(1) == start);
    SHOW(raw_brk(start + 10 * PAGE) == start + 10 * PAGE);
    char *heap = (char *)start;
    heap[9 * PAGE] = 'x';
    SHOW(raw_brk(start + 5 * PAGE + 100) == start + 5 * PAGE + 100);
    char *edge = (char *)(((start + 5 * PAGE + 100) + PAGE - 1) & ~(PAGE - 1L));
    touch("last page", edge - 1, 1, edge);
    touch("behind", edge, 1, edge);
    SHOW(raw_brk(start + 10 * PAGE) == start + 10 * PAGE);
    SHOW(heap[9 * PAGE]); /* fresh again */
    /* Something in the way. */
    char *wall = mmap((void *)((start + 20 * PAGE) & ~(PAGE - 1L)), PAGE, PROT_READ,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    SHOW(wall == MAP_FAILED);
    SHOW(raw_brk(start + 30 * PAGE) == start + 10 * PAGE);
    SHOW(raw_brk(start + 12 * PAGE) == start + 12 * PAGE);
    SHOW(raw_brk(~0xfffl) == start + 12 * PAGE);
    munmap(wall, PAGE);

    struct rlimit limit = {(rlim_t)16 << 20, RLIM_INFINITY};
    SHOW(setrlimit(RLIMIT_DATA, &limit));
    SHOW(raw_brk(start + (32 << 20)) == start + (32 << 20));
    SHOW(mmap(NULL, 32 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    SHOW(mmap(NULL, 32 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
    limit.rlim_cur = RLIM_INFINITY;
    SHOW(setrlimit(RLIMIT_DATA, &limit));
    limit.rlim_cur = (rlim_t)100 << 20;
    SHOW(setrlimit(RLIMIT_AS, &limit));
    SHOW(mmap(NULL, 200 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    SHOW(mmap(NULL, 20 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
    limit.rlim_cur = RLIM_INFINITY;
    SHOW(setrlimit(RLIMIT_AS, &limit));
    return 0;
}
