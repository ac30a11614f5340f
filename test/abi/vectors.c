/* Arrays of struct iovec: readv(2), writev(2), process_vm_readv(2). */
#include "test/abi/abi_test.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/uio.h>

static struct iovec part(unsigned n, size_t len) {
    return (struct iovec){(void *)(uintptr_t)piece(n), len};
}

void test_vectors(void) {
    const struct iovec from[2] = {part(1, 3), part(2, 4)}, to[2] = {part(3, 5), part(4, 100)};
    const struct iovec far = {(void *)0x123456789000, 1};
    const struct iovec long_one = {(void *)(uintptr_t)piece(1), 0x100000003};
    int fds[2];
    RETURNS(0, sys_pipe(task, piece_clear(0)));
    memcpy(fds, piece_ptr(0), sizeof fds);
    piece_put(1, "one", 3);
    piece_put(2, "two.", 4);
    RETURNS(7, sys_writev(task, fds[1], piece_put(0, from, sizeof from), 2));
    piece_clear(3);
    piece_clear(4);
    RETURNS(7, sys_readv(task, fds[0], piece_put(0, to, sizeof to), 2));
    CHECK(!memcmp(piece_ptr(3), "onetw", 5) && piece_holds(3, 5) &&
              !memcmp(piece_ptr(4), "o.", 2) && piece_holds(4, 2),
          "%.5s, %.2s", (char *)piece_ptr(3), (char *)piece_ptr(4));
    RETURNS(-EFAULT, sys_writev(task, fds[1], piece_put(0, &far, sizeof far), 1));
    CHECK(sys_writev(task, fds[1], piece_put(0, &long_one, sizeof long_one), 1) != 3,
          "a length is cut to 32 bits");

    gaddr_t local = piece_put(5, to, sizeof to), remote = piece_put(6, from, sizeof from);
    piece_clear(3);
    piece_clear(4);
    RETURNS(7, sys_process_vm_readv(task, task->process->pid, local, 2, remote, 2, 0));
    CHECK(!memcmp(piece_ptr(3), "onetw", 5) && piece_holds(4, 2), "%.5s", (char *)piece_ptr(3));
    sys_close(task, fds[0]);
    sys_close(task, fds[1]);

    int self = (int)sys_pidfd_open(task, task->process->pid, 0);
    const struct iovec pages[2] = {part(7, ROOM), part(8, ROOM)};
    local = piece_put(5, pages, sizeof pages);

    RETURNS(2 * ROOM, sys_process_madvise(task, self, local, 2, MADV_COLD, 0));
    sys_close(task, self);
    RETURNS(-EINVAL, sys_madvise(task, piece(8), UINT64_MAX, MADV_NORMAL)); /* rounds to nothing */
}
