/* Calls with 16-bit ids (credentials(7), "C library/kernel differences"): -1 means "keep", and ids
 * that do not fit read as 65534 (overflowuid). The rules are creds.c's. */
#include "gen/syscall_protos.h"
#include "core/space/space.h"
#include "syscalls/process/life.h"

#include <errno.h>

#define NO_ID       UINT32_MAX
#define OVERFLOW_ID 65534u

static uint32_t widen(uint32_t id) {
    return (uint16_t)id == 0xffff ? NO_ID : (uint16_t)id;
}

static long narrow(uint32_t id) {
    return id > 0xffff ? OVERFLOW_ID : id;
}

static long put_three(struct task *task, uint32_t real, uint32_t effective, uint32_t saved,
                      gaddr_t real_at, gaddr_t effective_at, gaddr_t saved_at) {
    struct space *space = task->cpu->space;
    const uint16_t id[3] = {(uint16_t)narrow(real), (uint16_t)narrow(effective),
                            (uint16_t)narrow(saved)};
    return guest_write(space, real_at, &id[0], 2) || guest_write(space, effective_at, &id[1], 2) ||
                   guest_write(space, saved_at, &id[2], 2)
               ? -EFAULT
               : 0;
}

/* --- users ----------------------------------------------------------------------------- */

long sys_getuid16(struct task *task) {
    return narrow(task->process->uid);
}

long sys_geteuid16(struct task *task) {
    return narrow(task->process->euid);
}

long sys_setuid16(struct task *task, uint32_t id) {
    return sys_setuid(task, widen(id));
}

long sys_setreuid16(struct task *task, uint32_t real, uint32_t effective) {
    return sys_setreuid(task, widen(real), widen(effective));
}

long sys_setresuid16(struct task *task, uint32_t real, uint32_t effective, uint32_t saved) {
    return sys_setresuid(task, widen(real), widen(effective), widen(saved));
}

long sys_setfsuid16(struct task *task, uint32_t id) {
    return narrow((uint32_t)sys_setfsuid(task, widen(id)));
}

long sys_getresuid16(struct task *task, gaddr_t real, gaddr_t effective, gaddr_t saved) {
    const struct process *process = task->process;
    return put_three(task, process->uid, process->euid, process->suid, real, effective, saved);
}

/* --- groups ---------------------------------------------------------------------------- */

long sys_getgid16(struct task *task) {
    return narrow(task->process->gid);
}

long sys_getegid16(struct task *task) {
    return narrow(task->process->egid);
}

long sys_setgid16(struct task *task, uint32_t id) {
    return sys_setgid(task, widen(id));
}

long sys_setregid16(struct task *task, uint32_t real, uint32_t effective) {
    return sys_setregid(task, widen(real), widen(effective));
}

long sys_setresgid16(struct task *task, uint32_t real, uint32_t effective, uint32_t saved) {
    return sys_setresgid(task, widen(real), widen(effective), widen(saved));
}

long sys_setfsgid16(struct task *task, uint32_t id) {
    return narrow((uint32_t)sys_setfsgid(task, widen(id)));
}

long sys_getresgid16(struct task *task, gaddr_t real, gaddr_t effective, gaddr_t saved) {
    const struct process *process = task->process;
    return put_three(task, process->gid, process->egid, process->sgid, real, effective, saved);
}

long sys_getgroups16(struct task *task, int32_t size, gaddr_t list) {
    uint32_t wide[ARRAY_LEN(task->process->groups)];
    uint16_t group[ARRAY_LEN(wide)];
    int count = groups_get(task->process, wide);
    if (size < 0 || (size > 0 && size < count)) {
        return -EINVAL;
    }
    for (int i = 0; i < count; i++) {
        group[i] = (uint16_t)narrow(wide[i]);
    }
    if (size > 0 && guest_write(task->cpu->space, list, group, (size_t)count * 2)) {
        return -EFAULT;
    }
    return count;
}

long sys_setgroups16(struct task *task, int32_t size, gaddr_t list) {
    uint16_t id[ARRAY_LEN(task->process->groups)];
    uint32_t group[ARRAY_LEN(id)];
    int error = groups_check(task, size);
    if (error) {
        return error;
    }
    if (guest_read(task->cpu->space, id, list, (size_t)size * 2)) {
        return -EFAULT;
    }
    for (int i = 0; i < size; i++) {
        group[i] = id[i];
    }
    groups_set(task->process, group, size);
    return 0;
}

/* --- owners of files ------------------------------------------------------------------- */

long sys_chown16(struct task *task, gaddr_t path, uint32_t uid, uint32_t gid) {
    return sys_chown(task, path, widen(uid), widen(gid));
}

long sys_lchown16(struct task *task, gaddr_t path, uint32_t uid, uint32_t gid) {
    return sys_lchown(task, path, widen(uid), widen(gid));
}

long sys_fchown16(struct task *task, int32_t fd, uint32_t uid, uint32_t gid) {
    return sys_fchown(task, fd, widen(uid), widen(gid));
}
