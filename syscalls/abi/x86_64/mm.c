/* mmap(2) as x86-64 has it: the offset counts bytes. */
#include "gen/syscall_protos.h"
#include "syscalls/mm/mm_calls.h"

#include <errno.h>

long sys_mmap(struct task *task, gaddr_t addr, uint64_t len, uint32_t prot, uint32_t flags,
              int32_t fd, uint64_t offset) {
    if (offset & (PAGE_BYTES - 1)) {
        return -EINVAL;
    }
    return mmap_common(task, addr, len, prot, flags, fd, offset);
}
