/* Who may do what with a file: mode bits, owners, and the capabilities that pass them over
 * (inode(7), capabilities(7), path_resolution(7)). Asked where the host does not know the guest's
 * user (fs_owner_asks). User 0 is nothing here: what counts is what it has kept. */
#include "syscalls/fs/fs_place.h"
#include "syscalls/task/capability.h"

#include <errno.h>
#include <linux/securebits.h>
#include <sys/stat.h>

static bool has(uint64_t caps, int capability) {
    return caps >> capability & 1;
}

bool task_is_root(const struct task *task) {
    return task_capable(task, CAP_DAC_OVERRIDE);
}

bool task_owns(const struct task *task, const struct stat *st) {
    return st->st_uid == task->process->fsuid || task_capable(task, CAP_FOWNER);
}

/* Is it one of the supplementary groups? */
static bool in_list(const struct process *process, uint32_t gid) {
    for (int i = 0; i < process->group_count; i++) {
        if (process->groups[i] == gid) {
            return true;
        }
    }
    return false;
}

bool task_in_group(const struct task *task, uint32_t gid) {
    return task->process->fsgid == gid || in_list(task->process, gid);
}

/* `uid` and `gid`: the real ids or those for files, which the others do not count beside. */
static int check_bits(const struct task *task, uint32_t uid, uint32_t gid, uint64_t caps,
                      const struct stat *st, int want) {
    bool group = gid == st->st_gid || in_list(task->process, st->st_gid);
    mode_t bits = st->st_mode >> (uid == st->st_uid ? 6 : group ? 3 : 0);
    bool directory = S_ISDIR(st->st_mode), executable = directory || (st->st_mode & 0111);
    if (!((unsigned)want & ~bits & 7)) {
        return 0;
    }
    if (has(caps, CAP_DAC_OVERRIDE) && (executable || !(want & 1))) {
        return 0;
    }
    if (has(caps, CAP_DAC_READ_SEARCH) && (directory ? !(want & 2) : want == 4)) {
        return 0;
    }
    return -EACCES;
}

int permission_bits(const struct task *task, const struct stat *st, int want) {
    const struct process *process = task->process;
    return check_bits(task, process->fsuid, process->fsgid, process->caps.effective, st, want);
}

int permission_bits_real(const struct task *task, const struct stat *st, int want) {
    const struct process *process = task->process;
    const struct capabilities *caps = &process->caps;
    uint64_t own = caps->securebits & issecure_mask(SECURE_NO_SETUID_FIXUP) ? caps->effective
                   : process->uid                                           ? 0
                                                                            : caps->permitted;
    return check_bits(task, process->uid, process->gid, own, st, want);
}

int permission_check(const struct task *task, const struct stat *st, int want) {
    if (!fs_owner_asks(task)) {
        return 0; /* the host decides */
    }
    return permission_bits(task, st, want);
}
