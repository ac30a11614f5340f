/* User and group ids, supplementary groups (credentials(7)); who may look at whom. Capabilities are
 * capability.c. Ids belong to the process: in Linux they belong to threads, and C libraries change
 * them in all threads at once. */
#include "gen/syscall_protos.h"
#include "syscalls/process/life.h"
#include "syscalls/task/capability.h"
#include "syscalls/task/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NO_ID UINT32_MAX

/* The three ids of one kind and the file-system one, so that user and group share the rules. */
struct ids {
    _Atomic uint32_t *real, *effective, *saved, *fs;
};

static struct ids user_ids(struct process *process) {
    return (struct ids){&process->uid, &process->euid, &process->suid, &process->fsuid};
}

static struct ids group_ids(struct process *process) {
    return (struct ids){&process->gid, &process->egid, &process->sgid, &process->fsgid};
}

static bool is_one_of(const struct ids *ids, uint32_t id) {
    return id == *ids->real || id == *ids->effective || id == *ids->saved;
}

/* Who acts with other rights than before is nobody's to look into, and its parent's death sends it
 * no signal (prctl(2), PR_SET_DUMPABLE and PR_SET_PDEATHSIG). */
static void rights_set(struct process *process, struct ids ids, uint32_t effective, uint32_t fs) {
    if (effective != *ids.effective || fs != *ids.fs) {
        process->dumpable = false;
        process->pdeath_signal = 0;
    }
    *ids.effective = effective;
    *ids.fs = fs;
    __atomic_fetch_add(&process->ids_changed, 1, __ATOMIC_RELEASE);
}

/* What a call asks for; NO_ID: keep. `privilege`: the capability that lets it take any id. */
struct wish {
    uint32_t real, effective, saved;
    int privilege;
};
typedef long rule_fn(struct task *task, struct ids ids, const struct wish *wish);

/* setuid(2), setgid(2) */
static long set_id(struct task *task, struct ids ids, const struct wish *wish) {
    uint32_t id = wish->real;
    if (id == NO_ID) {
        return -EINVAL;
    }
    if (task_capable(task, wish->privilege)) {
        *ids.real = *ids.saved = id;
    } else if (id != *ids.real && id != *ids.saved) {
        return -EPERM;
    }
    rights_set(task->process, ids, id, id);
    return 0;
}

/* setreuid(2), setregid(2) */
static long set_re(struct task *task, struct ids ids, const struct wish *wish) {
    uint32_t real = wish->real, effective = wish->effective;
    bool allowed = task_capable(task, wish->privilege);
    uint32_t old_real = *ids.real;
    if (!allowed && ((real != NO_ID && real != *ids.real && real != *ids.effective) ||
                     (effective != NO_ID && !is_one_of(&ids, effective)))) {
        return -EPERM;
    }
    if (real != NO_ID) {
        *ids.real = real;
    }
    uint32_t acting = effective != NO_ID ? effective : *ids.effective;
    if (real != NO_ID || (effective != NO_ID && effective != old_real)) {
        *ids.saved = acting;
    }
    rights_set(task->process, ids, acting, acting);
    return 0;
}

/* setresuid(2), setresgid(2) */
static long set_res(struct task *task, struct ids ids, const struct wish *wish) {
    uint32_t real = wish->real, effective = wish->effective, saved = wish->saved;
    if (!task_capable(task, wish->privilege) &&
        ((real != NO_ID && !is_one_of(&ids, real)) ||
         (effective != NO_ID && !is_one_of(&ids, effective)) ||
         (saved != NO_ID && !is_one_of(&ids, saved)))) {
        return -EPERM;
    }
    if (real != NO_ID) {
        *ids.real = real;
    }
    if (saved != NO_ID) {
        *ids.saved = saved;
    }
    uint32_t acting = effective != NO_ID ? effective : *ids.effective;
    rights_set(task->process, ids, acting, acting);
    return 0;
}

/* setfsuid(2), setfsgid(2): the old id, whether it worked or not */
static long set_fs(struct task *task, struct ids ids, const struct wish *wish) {
    uint32_t old = *ids.fs, id = wish->real;
    if (id != NO_ID && (task_capable(task, wish->privilege) || is_one_of(&ids, id) || id == old)) {
        rights_set(task->process, ids, *ids.effective, id);
    }
    return old;
}

/* C libraries have all threads make the call at once. */
static long change(struct task *task, struct ids ids, rule_fn *rule, struct wish wish) {
    struct process *process = task->process;
    pthread_mutex_lock(&process_lock);
    const struct user_ids old = {process->uid, process->euid, process->suid, process->fsuid};
    wish.privilege = ids.real == &process->uid ? CAP_SETUID : CAP_SETGID;
    long result = rule(task, ids, &wish);
    if (wish.privilege == CAP_SETUID && rule == set_fs) {
        capability_fsuid_changed_locked(process, old.fs);
    } else if (wish.privilege == CAP_SETUID && result == 0) {
        capability_ids_changed_locked(process, &old);
    }
    pthread_mutex_unlock(&process_lock);
    return result;
}

static long get_res(struct task *task, struct ids ids, gaddr_t real, gaddr_t effective,
                    gaddr_t saved) {
    struct space *space = task->cpu->space;
    pthread_mutex_lock(&process_lock); /* not half a change */
    const uint32_t now[3] = {*ids.real, *ids.effective, *ids.saved};
    pthread_mutex_unlock(&process_lock);
    return guest_write(space, real, &now[0], 4) || guest_write(space, effective, &now[1], 4) ||
                   guest_write(space, saved, &now[2], 4)
               ? -EFAULT
               : 0;
}

/* --- users ----------------------------------------------------------------------------- */

long sys_getuid(struct task *task) {
    return task->process->uid;
}

long sys_geteuid(struct task *task) {
    return task->process->euid;
}

long sys_setuid(struct task *task, uint32_t id) {
    return change(task, user_ids(task->process), set_id, (struct wish){.real = id});
}

long sys_setreuid(struct task *task, uint32_t real, uint32_t effective) {
    return change(task, user_ids(task->process), set_re, (struct wish){real, effective, NO_ID, 0});
}

long sys_setresuid(struct task *task, uint32_t real, uint32_t effective, uint32_t saved) {
    return change(task, user_ids(task->process), set_res, (struct wish){real, effective, saved, 0});
}

long sys_getresuid(struct task *task, gaddr_t real, gaddr_t effective, gaddr_t saved) {
    return get_res(task, user_ids(task->process), real, effective, saved);
}

long sys_setfsuid(struct task *task, uint32_t id) {
    return change(task, user_ids(task->process), set_fs, (struct wish){.real = id});
}

/* --- groups ---------------------------------------------------------------------------- */

long sys_getgid(struct task *task) {
    return task->process->gid;
}

long sys_getegid(struct task *task) {
    return task->process->egid;
}

long sys_setgid(struct task *task, uint32_t id) {
    return change(task, group_ids(task->process), set_id, (struct wish){.real = id});
}

long sys_setregid(struct task *task, uint32_t real, uint32_t effective) {
    return change(task, group_ids(task->process), set_re, (struct wish){real, effective, NO_ID, 0});
}

long sys_setresgid(struct task *task, uint32_t real, uint32_t effective, uint32_t saved) {
    return change(task, group_ids(task->process), set_res,
                  (struct wish){real, effective, saved, 0});
}

long sys_getresgid(struct task *task, gaddr_t real, gaddr_t effective, gaddr_t saved) {
    return get_res(task, group_ids(task->process), real, effective, saved);
}

long sys_setfsgid(struct task *task, uint32_t id) {
    return change(task, group_ids(task->process), set_fs, (struct wish){.real = id});
}

int groups_get(const struct process *process, uint32_t *group) {
    pthread_mutex_lock(&process_lock);
    int count = process->group_count;
    for (int i = 0; i < count; i++) {
        group[i] = process->groups[i];
    }
    pthread_mutex_unlock(&process_lock);
    return count;
}

/* getgroups(2) */
long sys_getgroups(struct task *task, int32_t size, gaddr_t list) {
    uint32_t group[ARRAY_LEN(task->process->groups)];
    int count = groups_get(task->process, group);
    if (size < 0 || (size > 0 && size < count)) {
        return -EINVAL;
    }
    if (size > 0 && guest_write(task->cpu->space, list, group, (size_t)count * 4)) {
        return -EFAULT;
    }
    return count;
}

int groups_check(const struct task *task, int32_t size) {
    if (!task_capable(task, CAP_SETGID)) {
        return -EPERM;
    }
    return size < 0 || size > (int32_t)ARRAY_LEN(task->process->groups) ? -EINVAL : 0;
}

void groups_set(struct process *process, const uint32_t *group, int count) {
    pthread_mutex_lock(&process_lock);
    for (int i = 0; i < count; i++) {
        process->groups[i] = group[i];
    }
    process->group_count = count;
    __atomic_fetch_add(&process->ids_changed, 1, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&process_lock);
}

/* setgroups(2): more groups than struct process holds are refused as beyond NGROUPS_MAX */
long sys_setgroups(struct task *task, int32_t size, gaddr_t list) {
    uint32_t group[ARRAY_LEN(task->process->groups)];
    int error = groups_check(task, size);
    if (error) {
        return error;
    }
    if (guest_read(task->cpu->space, group, list, (size_t)size * 4)) {
        return -EFAULT;
    }
    groups_set(task->process, group, size);
    return 0;
}
