/* What the machine says of itself: uname(2), sysinfo(2), getcpu(2), and the calls that only a
 * machine's real administrator may make (names, reboot, kernel log), refused with EPERM. */
#include "core/space/space.h"
#include "syscalls/abi/abi.h"
#include "syscalls/file/io.h"
#include "syscalls/process/abi_process.h"
#include "syscalls/process/life.h"
#include "syscalls/task/task.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "gen/syscall_protos.h"

#define PERSONA_SYSTEM  0xff /* whose behaviour a program has */
#define PERSONA_LINUX32 8
#define PERSONA_UNAME26 0x0020000

/* UNAME26: 3.x is 2.6.(40+x), later ones 2.6.(60+x); what comes after the numbers stays. */
static void old_release(char *release, size_t size) {
    unsigned major = 0, minor = 0;
    char rest[65];
    int dots = 0;
    const char *at = release;
    sscanf(release, "%u.%u", &major, &minor);
    for (; (*at >= '0' && *at <= '9') || (*at == '.' && dots < 2); at++) {
        dots += *at == '.';
    }
    snprintf(rest, sizeof rest, "%s", at);
    snprintf(release, size, "2.6.%u%.50s", minor + (major == 3 ? 40 : 60), rest);
}

void machine_name(struct task *task, struct utsname *name) {
    uname(name);
    strcpy(name->sysname, "Linux");
    uint32_t persona = task->process->personality;
    bool narrow = (persona & PERSONA_SYSTEM) == PERSONA_LINUX32;
    strcpy(name->machine, narrow ? task->abi->process->machine32 : task->abi->process->machine);
    if (persona & PERSONA_UNAME26) {
        old_release(name->release, sizeof name->release);
    }
}

/* new_utsname: six fields of 65 bytes. */
long sys_uname(struct task *task, gaddr_t at) {
    struct utsname name;
    _Static_assert(sizeof name == 390, "six fields of 65 bytes");
    machine_name(task, &name);
    return guest_write(task->cpu->space, at, &name, sizeof name);
}

static uint16_t count_tasks(void) {
    int count = 0;
    pthread_mutex_lock(&process_lock);
    for (struct process *process = process_list; process; process = process->next) {
        count += process->task_count;
    }
    pthread_mutex_unlock(&process_lock);
    return (uint16_t)count;
}

long sys_sysinfo(struct task *task, gaddr_t at) {
    struct sysinfo host;
    if (sysinfo(&host)) {
        return -errno;
    }
    /* what a guest may know, and nothing else of the structure */
    const struct sysinfo info = {.uptime = host.uptime,
                                 .loads = {host.loads[0], host.loads[1], host.loads[2]},
                                 .totalram = host.totalram,
                                 .freeram = host.freeram,
                                 .sharedram = host.sharedram,
                                 .bufferram = host.bufferram,
                                 .totalswap = host.totalswap,
                                 .freeswap = host.freeswap,
                                 .procs = count_tasks(),
                                 .mem_unit = host.mem_unit};
    return task->abi->process->put_sysinfo(task, at, &info);
}

/* getcpu(2); the third argument is unused since Linux 2.6.24. */
long sys_getcpu(struct task *task, gaddr_t cpu_at, gaddr_t node_at, gaddr_t unused) {
    unsigned cpu = 0, node = 0;
    if (getcpu(&cpu, &node)) {
        return -errno;
    }
    if (cpu_at && guest_write(task->cpu->space, cpu_at, &cpu, sizeof cpu)) {
        return -EFAULT;
    }
    if (node_at && guest_write(task->cpu->space, node_at, &node, sizeof node)) {
        return -EFAULT;
    }
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
