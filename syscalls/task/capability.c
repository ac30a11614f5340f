/* Capabilities: capget(2), capset(2), their part of prctl(2), what becomes of them when ids change
 * and in execve(2) (capabilities(7)). File capabilities do not exist here. */
#include "syscalls/task/capability.h"
#include "gen/syscall_protos.h"

#include <errno.h>
#include <linux/prctl.h>
#include <linux/securebits.h>

#define BIT(capability) ((uint64_t)1 << (capability))

/* What the file-system user decides on: dropped with it (capabilities(7), "Effect of user ID
 * changes"). */
#define FILE_SET                                                                                   \
    (BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_FOWNER) |         \
     BIT(CAP_FSETID) | BIT(CAP_LINUX_IMMUTABLE) | BIT(CAP_MKNOD) | BIT(CAP_MAC_OVERRIDE))

bool process_capable(const struct process *process, int capability) {
    return process->caps.effective & BIT(capability);
}

bool task_capable(const struct task *task, int capability) {
    return process_capable(task->process, capability);
}

static bool secure(const struct process *process, int bit) {
    return process->caps.securebits & issecure_mask(bit);
}

void capability_start(struct process *process) {
    struct capabilities *caps = &process->caps;
    caps->bounding = CAPABILITY_ALL;
    caps->permitted = process->euid == 0 || process->uid == 0 ? CAPABILITY_ALL : 0;
    caps->effective = process->euid == 0 ? CAPABILITY_ALL : 0;
}

void capability_fsuid_changed_locked(struct process *process, uint32_t old) {
    struct capabilities *caps = &process->caps;
    if (secure(process, SECURE_NO_SETUID_FIXUP)) {
        return;
    }
    if (old == 0 && process->fsuid != 0) {
        caps->effective &= ~FILE_SET;
    } else if (old != 0 && process->fsuid == 0) {
        caps->effective |= caps->permitted & FILE_SET;
    }
}

void capability_ids_changed_locked(struct process *process, const struct user_ids *old) {
    struct capabilities *caps = &process->caps;
    if (secure(process, SECURE_NO_SETUID_FIXUP)) {
        return;
    }
    bool was_root = old->real == 0 || old->effective == 0 || old->saved == 0;
    if (was_root && process->uid != 0 && process->euid != 0 && process->suid != 0) {
        if (!secure(process, SECURE_KEEP_CAPS)) {
            caps->permitted = 0;
            caps->effective = 0;
        }
        caps->ambient = 0;
    }
    if (old->effective == 0 && process->euid != 0) {
        caps->effective = 0;
    } else if (old->effective != 0 && process->euid == 0) {
        caps->effective = caps->permitted;
    }
}

bool capability_exec_locked(struct process *process, bool set_id) {
    struct capabilities *caps = &process->caps;
    uint64_t permitted = 0;
    bool effective = false;
    if (set_id) {
        caps->ambient = 0;
    }
    if (!secure(process, SECURE_NOROOT) && (process->uid == 0 || process->euid == 0)) {
        permitted = caps->bounding | caps->inheritable;
        effective = process->euid == 0;
    }
    caps->permitted = permitted | caps->ambient;
    caps->effective = effective ? caps->permitted : caps->ambient;
    caps->securebits &= ~(uint32_t)issecure_mask(SECURE_KEEP_CAPS);
    return process->uid != 0 && (effective || (caps->permitted & ~caps->ambient));
}

/* --- capget, capset -------------------------------------------------------------------- */

struct cap_header {
    uint32_t version;
    int32_t pid;
};
struct cap_data {
    uint32_t effective, permitted, inheritable;
};

/* Checks the version, writing back the preferred one when it is unknown. Number of data words,
 * -errno. */
static int cap_words(struct task *task, gaddr_t header_addr, struct cap_header *header) {
    if (guest_read(task->cpu->space, header, header_addr, sizeof *header)) {
        return -EFAULT;
    }
    if (header->version == _LINUX_CAPABILITY_VERSION_1) {
        return 1;
    }
    if (header->version == _LINUX_CAPABILITY_VERSION_2 ||
        header->version == _LINUX_CAPABILITY_VERSION_3) {
        return 2;
    }
    uint32_t preferred = _LINUX_CAPABILITY_VERSION_3;
    return guest_write(task->cpu->space, header_addr, &preferred, sizeof preferred) ? -EFAULT
                                                                                    : -EINVAL;
}

/* capget(2) */
long sys_capget(struct task *task, gaddr_t header_addr, gaddr_t data_addr) {
    struct cap_header header;
    struct cap_data data[2] = {{0}};
    int words = cap_words(task, header_addr, &header);
    if (words < 0) {
        return words == -EINVAL && !data_addr ? 0 : words;
    }
    if (header.pid < 0) {
        return -EINVAL;
    }
    pthread_mutex_lock(&process_lock);
    struct process *process = header.pid == 0 ? task->process : process_find_thread(header.pid);
    for (int i = 0; process && i < 2; i++) {
        data[i].effective = (uint32_t)(process->caps.effective >> (32 * i));
        data[i].permitted = (uint32_t)(process->caps.permitted >> (32 * i));
        data[i].inheritable = (uint32_t)(process->caps.inheritable >> (32 * i));
    }
    pthread_mutex_unlock(&process_lock);
    if (!process) {
        return -ESRCH;
    }
    return guest_write(task->cpu->space, data_addr, data, (size_t)words * sizeof *data);
}

static int set_caps_locked(struct process *process, uint64_t effective, uint64_t permitted,
                           uint64_t inheritable) {
    struct capabilities *caps = &process->caps;
    bool may_add = process_capable(process, CAP_SETPCAP);
    if ((!may_add && (inheritable & ~(caps->inheritable | caps->permitted))) ||
        (inheritable & ~(caps->inheritable | caps->bounding)) || (permitted & ~caps->permitted) ||
        (effective & ~permitted)) {
        return -EPERM;
    }
    caps->permitted = permitted;
    caps->inheritable = inheritable;
    caps->ambient &= permitted & inheritable;
    caps->effective = effective;
    __atomic_fetch_add(&process->ids_changed, 1, __ATOMIC_RELEASE); /* the host's follow */
    return 0;
}

/* capset(2): of the caller alone. In Linux sets belong to threads, and C libraries set them in all
 * of them. */
long sys_capset(struct task *task, gaddr_t header_addr, gaddr_t data_addr) {
    struct cap_header header;
    struct cap_data data[2] = {{0}};
    int words = cap_words(task, header_addr, &header);
    if (words < 0) {
        return words;
    }
    if (header.pid != 0 && header.pid != task->tid) {
        return -EPERM;
    }
    if (guest_read(task->cpu->space, data, data_addr, (size_t)words * sizeof *data)) {
        return -EFAULT;
    }
    uint64_t set[3] = {data[0].effective | (uint64_t)data[1].effective << 32,
                       data[0].permitted | (uint64_t)data[1].permitted << 32,
                       data[0].inheritable | (uint64_t)data[1].inheritable << 32};
    pthread_mutex_lock(&process_lock);
    int error = set_caps_locked(task->process, set[0] & CAPABILITY_ALL, set[1] & CAPABILITY_ALL,
                                set[2] & CAPABILITY_ALL);
    pthread_mutex_unlock(&process_lock);
    return error;
}

/* --- prctl ----------------------------------------------------------------------------- */

static long ambient(struct process *process, uint64_t what, uint64_t capability, uint64_t more) {
    struct capabilities *caps = &process->caps;
    if (what == PR_CAP_AMBIENT_CLEAR_ALL) {
        if (capability | more) {
            return -EINVAL;
        }
        caps->ambient = 0;
        return 0;
    }
    if (more || capability >= CAPABILITY_COUNT) {
        return -EINVAL;
    }
    switch (what) {
    case PR_CAP_AMBIENT_IS_SET:
        return (caps->ambient & BIT(capability)) != 0;
    case PR_CAP_AMBIENT_RAISE:
        if (!(caps->permitted & caps->inheritable & BIT(capability)) ||
            secure(process, SECURE_NO_CAP_AMBIENT_RAISE)) {
            return -EPERM;
        }
        caps->ambient |= BIT(capability);
        return 0;
    case PR_CAP_AMBIENT_LOWER:
        caps->ambient &= ~BIT(capability);
        return 0;
    default:
        return -EINVAL;
    }
}

static long set_securebits(struct process *process, uint64_t bits) {
    uint32_t old = process->caps.securebits, locks = SECURE_ALL_LOCKS;
    if ((((old & locks) >> 1) & (old ^ bits)) || (old & locks & ~bits) ||
        (bits & ~(uint64_t)(SECURE_ALL_LOCKS | SECURE_ALL_BITS)) ||
        !process_capable(process, CAP_SETPCAP)) {
        return -EPERM;
    }
    process->caps.securebits = (uint32_t)bits;
    return 0;
}

static long set_keep(struct process *process, uint64_t on) {
    if (on > 1) {
        return -EINVAL;
    }
    if (secure(process, SECURE_KEEP_CAPS_LOCKED)) {
        return -EPERM;
    }
    process->caps.securebits &= ~(uint32_t)issecure_mask(SECURE_KEEP_CAPS);
    process->caps.securebits |= on ? (uint32_t)issecure_mask(SECURE_KEEP_CAPS) : 0;
    return 0;
}

static long drop_bounding(struct process *process, uint64_t capability) {
    if (!process_capable(process, CAP_SETPCAP)) {
        return -EPERM;
    }
    if (capability >= CAPABILITY_COUNT) {
        return -EINVAL;
    }
    process->caps.bounding &= ~BIT(capability);
    return 0;
}

static long option_locked(struct process *process, int32_t option, uint64_t arg2, uint64_t arg3,
                          uint64_t more) {
    switch (option) {
    case PR_CAPBSET_READ:
        return arg2 < CAPABILITY_COUNT ? (process->caps.bounding & BIT(arg2)) != 0 : -EINVAL;
    case PR_CAPBSET_DROP:
        return drop_bounding(process, arg2);
    case PR_GET_SECUREBITS:
        return process->caps.securebits;
    case PR_SET_SECUREBITS:
        return set_securebits(process, arg2);
    case PR_GET_KEEPCAPS:
        return secure(process, SECURE_KEEP_CAPS);
    case PR_SET_KEEPCAPS:
        return set_keep(process, arg2);
    default:
        return ambient(process, arg2, arg3, more);
    }
}

long capability_prctl(struct task *task, int32_t option, uint64_t arg2, uint64_t arg3,
                      uint64_t arg4, uint64_t arg5) {
    pthread_mutex_lock(&process_lock);
    long result = option_locked(task->process, option, arg2, arg3, arg4 | arg5);
    pthread_mutex_unlock(&process_lock);
    return result;
}
