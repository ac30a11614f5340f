/* mmap(2) as i386 has it: the old call with its six words in memory, and mmap2, whose offset counts
 * units of 4096 bytes (mmap(2), "C library/kernel differences"). */
#include "gen/syscall_protos.h"
#include "syscalls/mm/mm.h"
#include "syscalls/mm/mm_calls.h"
#include "syscalls/task/process.h"
#include <errno.h>
#include <sys/mman.h>

/* Called from a 64-bit program it finds a place that 32 bits can name. */
static long map(struct task *task, gaddr_t addr, uint64_t len, uint32_t prot, uint32_t flags,
                int32_t fd, uint64_t offset) {
    uint32_t low = task->cpu->space->mode == GUEST_I386 ? 0 : MAP_32BIT;
    return mmap_common(task, addr, len, prot, flags | low, fd, offset);
}

long sys_old_mmap(struct task *task, gaddr_t args) {
    uint32_t word[6]; /* addr, len, prot, flags, fd, offset */
    if (guest_read(task->process->mm->space, word, args, sizeof word)) {
        return -EFAULT;
    }
    if (word[5] & (PAGE_BYTES - 1)) {
        return -EINVAL;
    }
    return map(task, word[0], word[1], word[2], word[3], (int32_t)word[4], word[5]);
}

long sys_mmap2(struct task *task, gaddr_t addr, uint64_t len, uint32_t prot, uint32_t flags,
               int32_t fd, uint32_t pages) {
    return map(task, addr, len, prot, flags, fd, (uint64_t)pages << 12);
}
