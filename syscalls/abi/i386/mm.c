/* Memory calls whose arguments have an i386 layout: the old mmap with its six words in memory
 * (mmap(2), "C library/kernel differences"). The rest is in mm_calls.c. */
#include "gen/syscall_protos.h"
#include "syscalls/mm/mm.h"
#include "syscalls/mm/mm_calls.h"
#include "syscalls/task/process.h"
#include <errno.h>

long sys_mmap(struct task *task, gaddr_t args) {
    uint32_t word[6]; /* addr, len, prot, flags, fd, offset */
    if (guest_read(task->process->mm->space, word, args, sizeof(word)))
        return -EFAULT;
    if (word[5] & (PAGE_BYTES - 1))
        return -EINVAL;
    return mmap_common(task, word[0], word[1], word[2], word[3], (int32_t)word[4], word[5]);
}
