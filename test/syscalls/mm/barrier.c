/* membarrier: registration first, then barriers; errors. */
#include "mm_test.h"

static long barrier(int command, unsigned flags) {
    return syscall(SYS_membarrier, command, flags, 0);
}

int main(void) {
    long query = barrier(0, 0);
    SHOW(query & 0x7f); /* global, global and private expedited, sync core, their registrations */
    SHOW(barrier(0, 1));
    SHOW(barrier(1 << 20, 0));
    SHOW(barrier(3, 0));
    SHOW(barrier(8, 0));
    SHOW(barrier(16, 0));
    SHOW(barrier(8, 0));
    SHOW(barrier(32, 0));
    SHOW(barrier(64, 0));
    SHOW(barrier(32, 0));
    SHOW(barrier(1, 0));
    fflush(stdout);
    if (fork() == 0) {
        SHOW_AS("in the child", barrier(8, 0));
        return 0;
    }
    wait(NULL);
    return 0;
}
