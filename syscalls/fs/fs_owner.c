/* Owners of what carries no metadata: files of mounted host directories, what the guest was given
 * open, all of the host's own "/", and in a private root symlinks, fifos and sockets. Who acts on
 * such files to the host is privilege.c.
 *
 * An ordinary host user who runs a guest in a root of its own sees their files as the guest's
 * first user's (root's, unless --user says otherwise), as rootless containers have it: else nothing
 * in a mounted directory would be the guest's own, and git or tar would refuse to work there. The
 * host's root, and a guest in the host's own "/", see the host's owners. */
#include "syscalls/fs/fs_place.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static bool mapped; /* the host user's files are the guest's first user's */
static uint32_t guest_uid, guest_gid;
static uid_t host_uid;

void fs_owner_init(uint32_t uid, uint32_t gid) {
    host_uid = geteuid();
    mapped = fs_private_root && host_uid != 0;
    guest_uid = uid;
    guest_gid = gid;
}

bool fs_owner_asks(const struct task *task) {
    if (fs_private_root) {
        return true;
    }
    return host_uid != 0 && task->process->fsuid != host_uid;
}

static void show_mapped(struct stat *st) {
    if (mapped && st->st_uid == geteuid()) {
        st->st_uid = guest_uid;
    }
    if (mapped && st->st_gid == getegid()) {
        st->st_gid = guest_gid;
    }
}

/* --- owners of links, fifos and sockets ------------------------------------------------ */

/* An ordinary host user can neither give them away nor write it down beside them, so it is kept
 * while Fiberglass runs: a server's socket is its own. Chains by inode; entries go with the last
 * name. */
#define OWNER_BUCKETS 1024
#define OWNERS_MOST   100000 /* names are cheap to a hostile guest */
static struct owner {
    struct owner *next;
    dev_t dev;
    ino_t ino;
    uint32_t uid, gid;
} * owners[OWNER_BUCKETS];
static atomic_uint owner_count;
static pthread_mutex_t owner_lock = PTHREAD_MUTEX_INITIALIZER;

/* Where the entry of an inode is, or would be; owner_lock is held. */
static struct owner **owner_link(const struct stat *host) {
    struct owner **link = &owners[host->st_ino % OWNER_BUCKETS];
    while (*link && ((*link)->ino != host->st_ino || (*link)->dev != host->st_dev)) {
        link = &(*link)->next;
    }
    return link;
}

static bool is_special(const struct stat *host) {
    return S_ISLNK(host->st_mode) || S_ISFIFO(host->st_mode) || S_ISSOCK(host->st_mode);
}

void fs_owner_shown(struct stat *st) {
    if (is_special(st) && atomic_load(&owner_count)) {
        pthread_mutex_lock(&owner_lock);
        const struct owner *owner = *owner_link(st);
        if (owner) {
            st->st_uid = owner->uid;
            st->st_gid = owner->gid;
        }
        pthread_mutex_unlock(&owner_lock);
        if (owner) {
            return;
        }
    }
    show_mapped(st);
}

int fs_owner_fstat(const struct mount *mount, int fd, struct stat *st) {
    if (fstat(fd, st)) {
        return -errno;
    }
    if (mount && mount->metadata) {
        return metadata_apply_at(fd, "", st);
    }
    fs_owner_shown(st);
    return 0;
}

void fs_owner_remember(const struct stat *host, uint32_t uid, uint32_t gid) {
    struct stat shown = *host;
    show_mapped(&shown);
    if (shown.st_uid == uid && shown.st_gid == gid) {
        fs_owner_forget(host);
        return;
    }
    pthread_mutex_lock(&owner_lock);
    struct owner **link = owner_link(host);
    if (!*link && owner_count < OWNERS_MOST && (*link = calloc(1, sizeof **link))) {
        (*link)->dev = host->st_dev;
        (*link)->ino = host->st_ino;
        owner_count++;
    }
    if (*link) {
        (*link)->uid = uid;
        (*link)->gid = gid;
    }
    pthread_mutex_unlock(&owner_lock);
}

void fs_owner_forget(const struct stat *host) {
    if (!is_special(host) || !atomic_load(&owner_count)) {
        return;
    }
    pthread_mutex_lock(&owner_lock);
    struct owner **link = owner_link(host), *gone = *link;
    if (gone) {
        *link = gone->next;
        owner_count--;
        free(gone);
    }
    pthread_mutex_unlock(&owner_lock);
}

bool fs_owner_on_host(uint32_t *uid, uint32_t *gid) {
    if (!mapped) {
        return true;
    }
    bool known =
        (*uid == guest_uid || *uid == UINT32_MAX) && (*gid == guest_gid || *gid == UINT32_MAX);
    if (*uid == guest_uid) {
        *uid = geteuid();
    }
    if (*gid == guest_gid) {
        *gid = getegid();
    }
    return known;
}
