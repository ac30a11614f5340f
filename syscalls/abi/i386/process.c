/* i386 forms of calls about processes and the machine: clone(2), getrlimit(2), sysinfo(2),
 * uname(2). */
#include "gen/syscall_protos.h"
#include "core/space/space.h"
#include "syscalls/abi/i386/i386.h"
#include "syscalls/process/abi_process.h"
#include "syscalls/process/life.h"

#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

/* --- clone(2), waitpid(2) --------------------------------------------------------------------- */

/* The order of the arguments is the one of CONFIG_CLONE_BACKWARDS. */
long sys_clone(struct task *task, uint32_t flags, gaddr_t stack, gaddr_t parent_tid, gaddr_t tls,
               gaddr_t child_tid) {
    return task_clone_plain(task, flags, stack, parent_tid, child_tid, tls);
}

/* waitpid(2) */
long sys_waitpid(struct task *task, int32_t pid, gaddr_t status, uint32_t options) {
    return sys_wait4(task, pid, status, options, 0);
}

/* --- limits ---------------------------------------------------------------------------- */

#define INFINITY_NOW UINT32_MAX
#define INFINITY_OLD INT32_MAX /* getrlimit(2) of old programs: a signed long */

static int get_rlimit(struct task *task, gaddr_t from, struct rlimit *limit) {
    uint32_t word[2];
    if (guest_read(task->cpu->space, word, from, sizeof word)) {
        return -EFAULT;
    }
    limit->rlim_cur = word[0] == INFINITY_NOW ? RLIM_INFINITY : word[0];
    limit->rlim_max = word[1] == INFINITY_NOW ? RLIM_INFINITY : word[1];
    return 0;
}

static int put_narrow(struct task *task, gaddr_t to, const struct rlimit *limit, uint32_t most) {
    const uint32_t word[2] = {
        limit->rlim_cur > most ? most : (uint32_t)limit->rlim_cur,
        limit->rlim_max > most ? most : (uint32_t)limit->rlim_max,
    };
    return guest_write(task->cpu->space, to, word, sizeof word);
}

static int put_rlimit(struct task *task, gaddr_t to, const struct rlimit *limit) {
    return put_narrow(task, to, limit, INFINITY_NOW);
}

/* The first getrlimit(2). */
long sys_old_getrlimit(struct task *task, uint32_t resource, gaddr_t to) {
    struct rlimit limit;
    long error = process_limit(task, resource, &limit);
    return error ? error : put_narrow(task, to, &limit, INFINITY_OLD);
}

/* --- sysinfo(2) ------------------------------------------------------------------------ */

struct i386_sysinfo {
    int32_t uptime;
    uint32_t loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap;
    uint16_t procs, pad;
    uint32_t totalhigh, freehigh, mem_unit;
    char fill[8];
};

_Static_assert(sizeof(struct i386_sysinfo) == 64, "struct sysinfo");

/* Memory counts are scaled until they fit. */
static int put_sysinfo(struct task *task, gaddr_t to, const struct sysinfo *info) {
    unsigned shift = 0, unit = info->mem_unit;
    while (unit < 4096 &&
           ((info->totalram >> shift) > UINT32_MAX || (info->totalswap >> shift) > UINT32_MAX)) {
        unit <<= 1;
        shift++;
    }
    struct i386_sysinfo out = {
        .uptime = (int32_t)info->uptime,
        .loads = {(uint32_t)info->loads[0], (uint32_t)info->loads[1], (uint32_t)info->loads[2]},
        .totalram = (uint32_t)(info->totalram >> shift),
        .freeram = (uint32_t)(info->freeram >> shift),
        .sharedram = (uint32_t)(info->sharedram >> shift),
        .bufferram = (uint32_t)(info->bufferram >> shift),
        .totalswap = (uint32_t)(info->totalswap >> shift),
        .freeswap = (uint32_t)(info->freeswap >> shift),
        .procs = info->procs,
        .mem_unit = unit};
    return guest_write(task->cpu->space, to, &out, sizeof out);
}

/* --- the first two forms of uname(2) --------------------------------------------------- */

/* old_utsname: five fields of 65 bytes. */
long sys_olduname(struct task *task, gaddr_t at) {
    struct utsname name;
    machine_name(task, &name);
    return guest_write(task->cpu->space, at, &name, 5 * 65);
}

/* oldold_utsname: five fields of 9 bytes, cut. */
long sys_oldolduname(struct task *task, gaddr_t at) {
    struct utsname name;
    machine_name(task, &name);
    char out[5][9] = {{0}};
    const char *field = (const char *)&name;
    for (int i = 0; i < 5; i++) {
        memcpy(out[i], field + (size_t)i * 65, 8);
    }
    return guest_write(task->cpu->space, at, out, sizeof out);
}

const struct abi_process abi_i386_process = {
    .machine = "i686",
    .machine32 = "i686",
    .get_rlimit = get_rlimit,
    .put_rlimit = put_rlimit,
    .put_sysinfo = put_sysinfo,
    .set_tls = abi_i386_set_tls,
};
