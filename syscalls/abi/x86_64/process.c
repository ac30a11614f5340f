/* x86-64 forms of calls about processes and the machine: clone(2), getrlimit(2), sysinfo(2). */
#include "core/space/space.h"
#include "gen/syscall_protos.h"
#include "syscalls/abi/x86_64/registers.h"
#include "syscalls/abi/x86_64/x86_64.h"
#include "syscalls/process/abi_process.h"
#include "syscalls/process/life.h"

#include <errno.h>

/* The order of its arguments is x86-64's. */
long sys_clone_x86_64(struct task *task, uint32_t flags, gaddr_t stack, gaddr_t parent_tid,
                      gaddr_t child_tid, gaddr_t tls) {
    return task_clone_plain(task, flags, stack, parent_tid, child_tid, tls);
}

/* --- limits ---------------------------------------------------------------------------- */

struct x86_64_rlimit {
    uint64_t now, most;
};

#define NO_LIMIT UINT64_MAX

static int get_rlimit(struct task *task, gaddr_t from, struct rlimit *limit) {
    struct x86_64_rlimit in;
    if (guest_read(task->cpu->space, &in, from, sizeof in)) {
        return -EFAULT;
    }
    *limit = (struct rlimit){in.now, in.most};
    _Static_assert(RLIM_INFINITY == NO_LIMIT, "no limit is written in another way");
    return 0;
}

static int put_rlimit(struct task *task, gaddr_t to, const struct rlimit *limit) {
    struct x86_64_rlimit out = {limit->rlim_cur, limit->rlim_max};
    return guest_write(task->cpu->space, to, &out, sizeof out);
}

/* --- sysinfo(2) ------------------------------------------------------------------------ */

struct x86_64_sysinfo {
    int64_t uptime;
    uint64_t loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap;
    uint16_t procs, pad;
    uint64_t totalhigh, freehigh;
    uint32_t mem_unit;
};

_Static_assert(sizeof(struct x86_64_sysinfo) == 112, "struct sysinfo");

static int put_sysinfo(struct task *task, gaddr_t to, const struct sysinfo *info) {
    struct x86_64_sysinfo out = {.uptime = info->uptime,
                                 .loads = {info->loads[0], info->loads[1], info->loads[2]},
                                 .totalram = info->totalram,
                                 .freeram = info->freeram,
                                 .sharedram = info->sharedram,
                                 .bufferram = info->bufferram,
                                 .totalswap = info->totalswap,
                                 .freeswap = info->freeswap,
                                 .procs = info->procs,
                                 .totalhigh = info->totalhigh,
                                 .freehigh = info->freehigh,
                                 .mem_unit = info->mem_unit};
    return guest_write(task->cpu->space, to, &out, sizeof out);
}

/* --- the thread pointer ---------------------------------------------------------------- */

static int set_tls(struct task *task, struct cpu *cpu, uint64_t tls) {
    (void)task;
    return x86_64_set_base(cpu, SEG_FS, tls);
}

const struct abi_process abi_x86_64_process = {
    .machine = "x86_64",
    .machine32 = "i686",
    .get_rlimit = get_rlimit,
    .put_rlimit = put_rlimit,
    .put_sysinfo = put_sysinfo,
    .set_tls = set_tls,
};
