/* mmap(2) as i386 has it: the old call with its six words in memory, and mmap2, whose offset counts
 * units of 4096 bytes (mmap(2), "C library/kernel differences"). */
#include "gen/syscall_protos.h"
#include "syscalls/mm/mm.h"
#include "syscalls/mm/mm_calls.h"
#include "syscalls/task/process.h"
#include <errno.h>

long sys_old_mmap(struct task *task, gaddr_t args) {
    uint32_t word[6]; /* addr, len, prot, flags, fd, offset */
    if (guest_read(task->process->mm->space, word, args, sizeof word)) {
        return -EFAULT;
    }
    if (word[5] & (PAGE_BYTES - 1)) {
        return -EINVAL;
    }
    return mmap_common(task, word[0], word[1], word[2], word[3], (int32_t)word[4], word[5]);
}

long sys_mmap2(struct task *task, gaddr_t addr, uint64_t len, uint32_t prot, uint32_t flags,
               int32_t fd, uint32_t pages) {
    return mmap_common(task, addr, len, prot, flags, fd, (uint64_t)pages << 12);
}
