/* What this room asks of an ABI: structures about processes and the machine, and the thread
 * pointer. Reached as task->abi->process. Operations return 0 or -EFAULT. */
#ifndef FG_SYSCALLS_ABI_PROCESS_H
#define FG_SYSCALLS_ABI_PROCESS_H

#include "core/base/types.h"
#include <sys/resource.h>
#include <sys/sysinfo.h>

struct cpu;
struct task;

struct abi_process {
    /* What uname(2) and the auxiliary vector call it ("i686"), and uname(2) with PER_LINUX32. */
    const char *machine, *machine32;
    /* struct rlimit of getrlimit(2), where the largest value means no limit (RLIM_INFINITY); what
     * is larger than that is told as it. prlimit64(2) has 64-bit values everywhere. */
    int (*get_rlimit)(struct task *task, gaddr_t from, struct rlimit *limit);
    int (*put_rlimit)(struct task *task, gaddr_t to, const struct rlimit *limit);
    int (*put_sysinfo)(struct task *task, gaddr_t to, const struct sysinfo *info);
    /* CLONE_SETTLS: makes `tls`, as clone(2) was given it by `task`, the thread pointer of `cpu`,
     * which does not run. 0 or -errno. */
    int (*set_tls)(struct task *task, struct cpu *cpu, uint64_t tls);
};

#endif
