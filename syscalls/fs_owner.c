/* Owners of what carries no metadata, and whom the host sees at work on such files: those of
 * mounted host directories, what the guest was given open, all of the host's own "/", and in a
 * private root symlinks, fifos and sockets.
 *
 * An ordinary host user who runs a guest in a root of its own sees their files as the guest's
 * first user's (root's, unless --user says otherwise), as rootless containers have it: else nothing
 * in a mounted directory would be the guest's own, and git or tar would refuse to work there. The
 * host's root, and a guest in the host's own "/", see the host's owners.
 *
 * Run by the host's root, other users of the guest are held to what the host allows them: their
 * threads get the guest's ids for files (setfsuid(2), setfsgid(2), setgroups(2)), for good in the
 * host's "/", around each change of names or attributes on a mount of a private root. There the
 * rest is checked by permission_check(), for the root itself must stay accessible. */
#include "syscalls/fs_place.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool mapped;    /* the host user's files are the guest's first user's */
static bool host_root; /* the host's superuser runs the guest */
static uint32_t guest_uid, guest_gid;
static gid_t host_group[64]; /* more do not matter to a superuser */
static int host_groups;

void fs_owner_init(uint32_t uid, uint32_t gid) {
    mapped = fs_private_root && geteuid() != 0;
    host_root = geteuid() == 0;
    guest_uid = uid;
    guest_gid = gid;
    host_groups = getgroups(ARRAY_LEN(host_group), host_group);
    if (host_groups < 0)
        host_groups = 0;
}

void fs_owner_shown(struct stat *st) {
    if (mapped && st->st_uid == geteuid())
        st->st_uid = guest_uid;
    if (mapped && st->st_gid == getegid())
        st->st_gid = guest_gid;
}

bool fs_owner_on_host(uint32_t *uid, uint32_t *gid) {
    if (!mapped)
        return true;
    bool known =
        (*uid == guest_uid || *uid == UINT32_MAX) && (*gid == guest_gid || *gid == UINT32_MAX);
    if (*uid == guest_uid)
        *uid = geteuid();
    if (*gid == guest_gid)
        *gid = getegid();
    return known;
}

/* --- ids of host threads ------------------------------------------------------------------------
 */

/* The C library's functions change all threads; these calls change the one that makes them. */
static void become_user(uint32_t uid, uint32_t gid, const gid_t *group, int groups) {
    syscall(SYS_setgroups, groups, group);
    syscall(SYS_setfsgid, gid);
    syscall(SYS_setfsuid, uid);
}

static void become(const struct process *process) {
    gid_t group[ARRAY_LEN(process->groups)];
    for (int i = 0; i < process->group_count; i++)
        group[i] = process->groups[i];
    become_user(process->fsuid, process->fsgid, group, process->group_count);
}

static void become_host(void) {
    become_user(0, getegid(), host_group, host_groups);
}

void fs_owner_follow(struct task *task) {
    task->ids_seen = __atomic_load_n(&task->process->ids_changed, __ATOMIC_ACQUIRE);
    if (host_root && !fs_private_root)
        become(task->process);
}

void fs_owner_unfollow(void) {
    if (host_root && !fs_private_root)
        become_host();
}

static bool switches(const struct task *task, const struct mount *mount) {
    return host_root && fs_private_root && mount && !mount->metadata &&
           (task->process->fsuid || task->process->fsgid);
}

void fs_owner_enter(const struct task *task, const struct mount *mount) {
    if (switches(task, mount))
        become(task->process);
}

void fs_owner_leave(const struct task *task, const struct mount *mount) {
    if (switches(task, mount)) {
        int error = errno; /* of the call in between */
        become_host();
        errno = error;
    }
}
