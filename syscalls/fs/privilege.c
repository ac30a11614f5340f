/* Whom the host sees at work, and what it lets them do.
 *
 * Run by an ordinary host user there is nothing to guard here: every thread is that user. The
 * host's root (or whoever has capabilities) gives up at the start what no guest may need; the
 * tables below say what is left. no_new_privs is set as well: nothing is ever executed on the
 * host, and nothing could gain by it.
 *
 * In the host's "/" the guest's users are the host's: each host thread has exactly the ids of its
 * guest process, real ones included, for files, sockets and all else. The host's own rules then
 * take the capabilities away, for good when no id is root's. A run with --user does this at the
 * start for the whole host process.
 *
 * In a private root the guest's users are its own, and the root's files have to stay accessible
 * whoever acts: threads stay root's, with the rights over files alone, and permission_check() asks.
 * On mounts the host is asked as well: around such calls the thread acts as the guest's user and
 * has no capability (privilege_enter).
 *
 * Sources: capabilities(7), credentials(7), setresuid(2), setfsuid(2), prctl(2). */
#include "syscalls/task/capability.h"
#include "syscalls/fs/privilege.h"
#include "core/space/space.h"
#include "syscalls/fs/fs_place.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(cap) ((uint64_t)1 << (cap))

/* Files of all owners, and changing ids (privilege_enter, privilege_follow). */
#define FILES                                                                                      \
    (BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FOWNER) | BIT(CAP_FSETID) |                  \
     BIT(CAP_SETUID) | BIT(CAP_SETGID))
/* What a private root's threads may raise around one call. */
#define ON_DEMAND BIT(CAP_NET_BIND_SERVICE)
/* Root in the host's "/" also has the rights over its own things that programs run as root count
 * on. Nobody administers the network, mounts or other processes through Fiberglass. */
#define HOST_ROOT                                                                                  \
    (FILES | ON_DEMAND | BIT(CAP_SETFCAP) | BIT(CAP_LINUX_IMMUTABLE) | BIT(CAP_LEASE) |            \
     BIT(CAP_NET_RAW) | BIT(CAP_SYS_NICE) | BIT(CAP_SYS_RESOURCE))

static bool host_root; /* the host's superuser runs the guest */
static uint64_t kept;  /* permitted to threads of root */
static uint64_t usual; /* in effect for them */
static gid_t host_gid;
static gid_t host_group[64]; /* more do not matter to a superuser */
static int host_groups;

static bool caps_get(struct __user_cap_data_struct data[2]) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    return syscall(SYS_capget, &header, data) == 0;
}

/* The calling thread's sets; the inheritable one becomes empty. */
static int caps_set(uint64_t permitted, uint64_t effective) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    for (int i = 0; i < 2; i++) {
        data[i].permitted = (uint32_t)(permitted >> (32 * i));
        data[i].effective = (uint32_t)(effective >> (32 * i));
        data[i].inheritable = 0;
    }
    return (int)syscall(SYS_capset, &header, data);
}

void privilege_start(bool private_root) {
    struct __user_cap_data_struct data[2];
    host_root = geteuid() == 0;
    host_gid = getegid();
    host_groups = getgroups(ARRAY_LEN(host_group), host_group);
    if (host_groups < 0) {
        host_groups = 0;
    }
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!caps_get(data) || !(data[0].permitted | data[1].permitted)) {
        return;
    }
    uint64_t have = data[0].permitted | (uint64_t)data[1].permitted << 32;
    kept = have & (private_root ? FILES | ON_DEMAND : HOST_ROOT);
    usual = private_root ? kept & ~ON_DEMAND : kept;
    if (host_root && !private_root) {
        space_open_pagemap(); /* threads of other users could not */
    }
    caps_set(kept, usual); /* fewer than before: cannot fail */
}

/* --- ids ----------------------------------------------------------------------------------------
 * The C library's functions change all threads; these calls change the one that makes them. */

static void set_groups(const struct process *process) {
    gid_t group[ARRAY_LEN(process->groups)];
    for (int i = 0; i < process->group_count; i++) {
        group[i] = process->groups[i];
    }
    syscall(SYS_setgroups, process->group_count, group);
}

static uint64_t caps_permitted(void) {
    struct __user_cap_data_struct data[2];
    return caps_get(data) ? data[0].permitted | (uint64_t)data[1].permitted << 32 : 0;
}

static bool is_ordinary(const struct process *process) {
    return process->uid && process->euid && process->suid;
}

/* Ids, and of the capabilities what the guest has in effect: it may have given up some as root, or
 * kept some when its user changed (PR_SET_KEEPCAPS). Those of root stay permitted, for it gets
 * its own back by execve. A refusal means that the thread has lost the right to the change for
 * good; so has the guest. */
static void take_ids(const struct process *process) {
    uint64_t most = caps_permitted();
    bool keeps = is_ordinary(process) && process->caps.permitted;
    caps_set(most, most);
    syscall(SYS_setresuid, -1, 0, -1); /* while it may: the rest needs its capabilities */
    set_groups(process);
    syscall(SYS_setresgid, process->gid, process->egid, process->sgid);
    syscall(SYS_setfsgid, process->fsgid);
    prctl(PR_SET_KEEPCAPS, keeps, 0, 0, 0);
    syscall(SYS_setresuid, process->uid, process->euid, process->suid);
    prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
    syscall(SYS_setfsuid, process->fsuid);
    most = caps_permitted();
    if (is_ordinary(process)) {
        most &= process->caps.permitted;
    }
    caps_set(most, most & process->caps.effective);
}

int privilege_become(const struct process *process) {
    if (!host_root || fs_private_root) {
        return 0;
    }
    take_ids(process);
    if (!is_ordinary(process)) {
        return 0;
    }
    uid_t real, effective, saved;
    if (getresuid(&real, &effective, &saved) || real != process->uid ||
        effective != process->euid || saved != process->suid) {
        return -EPERM;
    }
    return caps_set(0, 0) ? -errno : 0; /* should the host have been told to keep them */
}

void privilege_follow(struct task *task) {
    task->ids_seen = __atomic_load_n(&task->process->ids_changed, __ATOMIC_ACQUIRE);
    if (!host_root || fs_private_root) {
        return;
    }
    pthread_mutex_lock(&process_lock); /* not half a change */
    take_ids(task->process);
    pthread_mutex_unlock(&process_lock);
}

/* Whether enter switched: the process's ids may be others by the time of leave. */
static __thread bool entered;

bool privilege_differs(const struct task *task, const struct mount *mount) {
    return host_root && fs_private_root && mount && mount != &fs_nowhere && !mount->metadata &&
           (task->process->fsuid || task->process->fsgid);
}

void privilege_enter(const struct task *task, const struct mount *mount) {
    const struct process *process = task->process;
    entered = privilege_differs(task, mount);
    if (!entered) {
        return;
    }
    set_groups(process);
    syscall(SYS_setresgid, -1, process->fsgid, -1);
    syscall(SYS_setresuid, -1, process->fsuid, -1);
}

void privilege_leave(void) {
    if (!entered) {
        return;
    }
    int error = errno; /* of the call in between */
    syscall(SYS_setresuid, -1, 0, -1);
    syscall(SYS_setresgid, -1, host_gid, -1);
    syscall(SYS_setgroups, host_groups, host_group);
    caps_set(kept, usual);
    entered = false;
    errno = error;
}

/* --- capabilities by name -------------------------------------------------------------- */

static __thread bool raised;

void privilege_bind_begin(const struct task *task) {
    raised = (kept & ~usual & ON_DEMAND) && task_capable(task, CAP_NET_BIND_SERVICE);
    if (raised) {
        caps_set(kept, usual | (kept & ON_DEMAND));
    }
}

void privilege_bind_end(void) {
    if (!raised) {
        return;
    }
    int error = errno;
    caps_set(kept, usual);
    raised = false;
    errno = error;
}
