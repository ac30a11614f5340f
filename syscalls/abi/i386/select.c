/* select(2) as the first i386 systems had it: all arguments in one structure. */
#include "gen/syscall_protos.h"

#include <errno.h>

long sys_old_select(struct task *task, gaddr_t args) {
    uint32_t a[5];
    if (guest_read(task->cpu->space, a, args, sizeof a)) {
        return -EFAULT;
    }
    return sys_select(task, (int32_t)a[0], a[1], a[2], a[3], a[4]);
}
