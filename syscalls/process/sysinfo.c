/* What the machine says of itself: uname(2), sysinfo(2), getcpu(2), and the calls that only a
 * machine's real administrator may make (names, reboot, kernel log), refused with EPERM. */
#include "core/space/space.h"
#include "syscalls/abi/abi.h"
#include "syscalls/file/io.h"
#include "syscalls/task/task.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "gen/syscall_protos.h"

#define PERSONA_UNAME26 0x0020000

/* UNAME26: 3.x is 2.6.(40+x), later ones 2.6.(60+x); what stands behind the numbers stays. */
static void old_release(char *release, size_t size) {
    unsigned major = 0, minor = 0;
    char rest[65];
    int dots = 0;
    const char *at = release;
    sscanf(release, "%u.%u", &major, &minor);
    for (; (*at >= '0' && *at <= '9') || (*at == '.' && dots < 2); at++)
        dots += *at == '.';
    snprintf(rest, sizeof rest, "%s", at);
    snprintf(release, size, "2.6.%u%.50s", minor + (major == 3 ? 40 : 60), rest);
}

/* The fields are the host's, but for the machine. */
static void machine_name(struct task *task, struct utsname *name) {
    uname(name);
    strcpy(name->sysname, "Linux");
    strcpy(name->machine, task->abi->mode == GUEST_I386 ? "i686" : "x86_64");
    if (task->process->personality & PERSONA_UNAME26)
        old_release(name->release, sizeof name->release);
}

/* new_utsname: six fields of 65 bytes. */
long sys_uname(struct task *task, gaddr_t at) {
    struct utsname name;
    _Static_assert(sizeof(name) == 390, "six fields of 65 bytes");
    machine_name(task, &name);
    return guest_write(task->cpu->space, at, &name, sizeof(name));
}

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
    for (int i = 0; i < 5; i++)
        memcpy(out[i], field + (size_t)i * 65, 8);
    return guest_write(task->cpu->space, at, out, sizeof(out));
}

static uint16_t count_tasks(void) {
    int count = 0;
    pthread_mutex_lock(&process_lock);
    for (struct process *process = process_list; process; process = process->next)
        count += process->task_count;
    pthread_mutex_unlock(&process_lock);
    return (uint16_t)count;
}

/* struct sysinfo with a 32-bit long; memory counts are scaled until they fit. */
static long sysinfo_i386(struct task *task, gaddr_t at, const struct sysinfo *host) {
    struct {
        int32_t uptime;
        uint32_t loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap;
        uint16_t procs, pad;
        uint32_t totalhigh, freehigh, mem_unit;
        char fill[8];
    } out = {.uptime = (int32_t)host->uptime, .procs = count_tasks()};
    unsigned shift = 0, unit = host->mem_unit;
    while (unit < 4096 &&
           ((host->totalram >> shift) > UINT32_MAX || (host->totalswap >> shift) > UINT32_MAX)) {
        unit <<= 1;
        shift++;
    }
    for (int i = 0; i < 3; i++)
        out.loads[i] = (uint32_t)host->loads[i];
    out.totalram = (uint32_t)(host->totalram >> shift);
    out.freeram = (uint32_t)(host->freeram >> shift);
    out.sharedram = (uint32_t)(host->sharedram >> shift);
    out.bufferram = (uint32_t)(host->bufferram >> shift);
    out.totalswap = (uint32_t)(host->totalswap >> shift);
    out.freeswap = (uint32_t)(host->freeswap >> shift);
    out.mem_unit = unit;
    return guest_write(task->cpu->space, at, &out, sizeof(out));
}

long sys_sysinfo(struct task *task, gaddr_t at) {
    struct sysinfo host;
    if (sysinfo(&host))
        return -errno;
    return sysinfo_i386(task, at, &host);
}

/* getcpu(2); the third argument is unused since Linux 2.6.24. */
long sys_getcpu(struct task *task, gaddr_t cpu_at, gaddr_t node_at, gaddr_t unused) {
    unsigned cpu = 0, node = 0;
    if (getcpu(&cpu, &node))
        return -errno;
    if (cpu_at && guest_write(task->cpu->space, cpu_at, &cpu, sizeof(cpu)))
        return -EFAULT;
    if (node_at && guest_write(task->cpu->space, node_at, &node, sizeof(node)))
        return -EFAULT;
    return 0;
}

long sys_syslog(struct task *task, int32_t type, gaddr_t buffer, int32_t len) {
    return -EPERM;
}

long sys_sethostname(struct task *task, gaddr_t name, int32_t len) {
    return -EPERM;
}

long sys_setdomainname(struct task *task, gaddr_t name, int32_t len) {
    return -EPERM;
}

long sys_reboot(struct task *task, uint32_t magic, uint32_t magic2, uint32_t command, gaddr_t arg) {
    return -EPERM;
}

long sys_vhangup(struct task *task) {
    return -EPERM;
}
