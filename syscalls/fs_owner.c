/* Owners of what carries no metadata: files of mounted host directories, what the guest was given
 * open, and in the root itself symlinks, fifos and sockets.
 *
 * An ordinary host user who runs a guest in a root of its own sees their files as the guest's
 * first user's (root's, unless --user says otherwise), as rootless containers have it: else nothing
 * in a mounted directory would be the guest's own, and git or tar would refuse to work there. The
 * host's root, and a guest in the host's own "/", see the host's owners. */
#include "syscalls/fs_place.h"

#include <unistd.h>

static bool mapped;
static uint32_t guest_uid, guest_gid;

void fs_owner_init(uint32_t uid, uint32_t gid) {
    mapped = fs_private_root && geteuid() != 0;
    guest_uid = uid;
    guest_gid = gid;
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
