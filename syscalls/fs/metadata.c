/* Owner, mode and device of files in a root, kept in the extended attribute
 * user.containers.override_stat (`uid:gid:0mode[:type]`, as containers/storage writes it), so that
 * an unprivileged host user can hold a whole distribution. Used on mounts with `metadata` (--root).
 *
 * The attribute is written when the host's own data do not say the same. Only regular files and
 * directories can carry user attributes; of symlinks, fifos and sockets fs_owner.c keeps the owner.
 * Device nodes are empty regular files whose attribute says char-M-m or block-M-m. Host files stay
 * readable and writable for the host user; the guest's mode is in the attribute. */
#include "syscalls/fs/fs_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

static const struct {
    const char *name;
    mode_t type;
} types[] = {
    {"file", S_IFREG},    {"dir", S_IFDIR},  {"symlink", S_IFLNK}, {"pipe", S_IFIFO},
    {"socket", S_IFSOCK}, {"char", S_IFCHR}, {"block", S_IFBLK},
};

bool metadata_parse(const char *text, size_t len, struct metadata *meta) {
    char copy[128], *end;
    if (len == 0 || len >= sizeof copy) {
        return false;
    }
    memcpy(copy, text, len);
    copy[len] = 0;
    *meta = (struct metadata){0};
    unsigned long value[3];
    char *at = copy;
    for (int i = 0; i < 3; i++) {
        if (*at < '0' || *at > '9') {
            return false;
        }
        value[i] = strtoul(at, &end, i == 2 ? 8 : 10);
        if (*end != (i == 2 && !*end ? 0 : ':') || value[i] > UINT32_MAX) {
            return false;
        }
        at = *end ? end + 1 : end;
    }
    meta->uid = (uint32_t)value[0];
    meta->gid = (uint32_t)value[1];
    meta->mode = value[2] & 07777;
    if (!*at) {
        return end[0] == 0; /* no type; "1:2:0644:" is malformed */
    }
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        size_t n = strlen(types[i].name);
        if (strncmp(at, types[i].name, n)) {
            continue;
        }
        unsigned major_number = 0, minor_number = 0;
        int used = 0;
        if (types[i].type == S_IFCHR || types[i].type == S_IFBLK) {
            if (sscanf(at + n, "-%u-%u%n", &major_number, &minor_number, &used) != 2) {
                return false;
            }
        }
        if (at[n + (size_t)used]) {
            return false;
        }
        meta->has_type = true;
        meta->mode |= types[i].type;
        meta->rdev = makedev(major_number, minor_number);
        return true;
    }
    return false;
}

int metadata_format(const struct metadata *meta, char *text, size_t size) {
    int n = snprintf(text, size, "%u:%u:0%o", meta->uid, meta->gid, meta->mode & 07777);
    for (size_t i = 0; meta->has_type && i < ARRAY_LEN(types); i++) {
        if (types[i].type != (meta->mode & S_IFMT)) {
            continue;
        }
        n += snprintf(text + n, size - (size_t)n, ":%s", types[i].name);
        if (S_ISCHR(meta->mode) || S_ISBLK(meta->mode)) {
            n += snprintf(text + n, size - (size_t)n, "-%u-%u", major(meta->rdev),
                          minor(meta->rdev));
        }
    }
    return n;
}

static void apply(const struct metadata *meta, struct stat *st) {
    st->st_uid = meta->uid;
    st->st_gid = meta->gid;
    st->st_mode = (st->st_mode & S_IFMT) | (meta->mode & 07777);
    /* a type is believed only where a placeholder is: an empty regular file */
    if (meta->has_type && S_ISREG(st->st_mode) && st->st_size == 0) {
        st->st_mode = (st->st_mode & 07777) | (meta->mode & S_IFMT);
        st->st_rdev = meta->rdev;
    }
}

/* --- what was read before -------------------------------------------------------------- */

/* Reading the attribute costs more than stat itself. Setting one changes the inode's change time,
 * so an answer stays right for the same (device, inode, change time); answers about an inode that
 * changed just now are not kept, since the clock of change times is coarse. */
#define CACHE_SIZE   4096
#define CACHE_AGE_NS 50000000

static struct cached {
    dev_t dev;
    ino_t ino;
    struct timespec ctime;
    bool has;
    struct metadata meta;
} cache[CACHE_SIZE];
static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;

static struct cached *cache_slot(const struct stat *st) {
    return &cache[(st->st_ino * 0x9e3779b97f4a7c15u ^ st->st_dev) >> 20 & (CACHE_SIZE - 1)];
}

static bool cache_get(const struct stat *st, bool *has, struct metadata *meta) {
    struct cached *slot = cache_slot(st);
    pthread_mutex_lock(&cache_lock);
    bool hit = slot->ino == st->st_ino && slot->dev == st->st_dev &&
               slot->ctime.tv_sec == st->st_ctim.tv_sec &&
               slot->ctime.tv_nsec == st->st_ctim.tv_nsec;
    *has = slot->has;
    *meta = slot->meta;
    pthread_mutex_unlock(&cache_lock);
    return hit;
}

static void cache_put(const struct stat *st, bool has, const struct metadata *meta) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    int64_t age =
        (now.tv_sec - st->st_ctim.tv_sec) * 1000000000 + now.tv_nsec - st->st_ctim.tv_nsec;
    if (age < CACHE_AGE_NS) {
        return;
    }
    struct cached *slot = cache_slot(st);
    pthread_mutex_lock(&cache_lock);
    *slot = (struct cached){st->st_dev, st->st_ino, st->st_ctim, has, *meta};
    pthread_mutex_unlock(&cache_lock);
}

#ifndef SYS_getxattrat
#define SYS_getxattrat 464 /* Linux 6.13; the number is the same on all hosts */
#endif

/* getxattr by a descriptor that may be O_PATH. */
static ssize_t read_pinned(int fd, char *text, size_t size) {
    static atomic_bool missing;
    char host_path[40];
    if (!missing) {
        struct {
            uint64_t value;
            uint32_t size, flags;
        } args = {(uintptr_t)text, (uint32_t)size, 0};
        ssize_t len =
            syscall(SYS_getxattrat, fd, "", AT_EMPTY_PATH, METADATA_NAME, &args, sizeof args);
        if (len >= 0 || (errno != ENOSYS && errno != EPERM && errno != EBADF)) {
            return len;
        }
        missing = true;
    }
    snprintf(host_path, sizeof host_path, "/proc/self/fd/%d", fd);
    return getxattr(host_path, METADATA_NAME, text, size);
}

/* Reads the attribute of a descriptor (`pin`: it may be O_PATH), and whether there is one. */
static void read_metadata(int fd, bool pin, const struct stat *st, struct metadata *meta,
                          bool *has) {
    char text[128];
    ssize_t len =
        pin ? read_pinned(fd, text, sizeof text) : fgetxattr(fd, METADATA_NAME, text, sizeof text);
    int error = len < 0 ? errno : 0;
    *has = len > 0 && metadata_parse(text, (size_t)len, meta);
    if (!error || error == ENODATA || error == ENOTSUP) {
        cache_put(st, *has, meta);
    }
}

/* --- changes --------------------------------------------------------------------------- */

/* Between begin and end a file may be there without its attribute: who finds none looks again when
 * the change is over. Readers that find one, or that no change ran beside, take no lock. */
static pthread_mutex_t change_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_uint changes_begun, changes_ended;
static __thread bool changing; /* this thread is between the two */

void metadata_change_begin(const struct mount *mount) {
    if (!mount->metadata) {
        return;
    }
    pthread_mutex_lock(&change_lock);
    atomic_fetch_add(&changes_begun, 1);
    changing = true;
}

void metadata_change_end(const struct mount *mount) {
    if (!mount->metadata) {
        return;
    }
    changing = false;
    atomic_fetch_add(&changes_ended, 1);
    pthread_mutex_unlock(&change_lock);
}

/* What the host says and the attribute, of one descriptor. */
static int apply_by_fd(int fd, bool pin, struct stat *st) {
    struct metadata meta = {0};
    bool has;
    if (!cache_get(st, &has, &meta)) {
        unsigned ended = atomic_load(&changes_ended);
        read_metadata(fd, pin, st, &meta, &has);
        if (!has && !changing && atomic_load(&changes_begun) != ended) {
            pthread_mutex_lock(&change_lock);
            int error = fstat(fd, st) ? -errno : 0;
            if (!error) {
                read_metadata(fd, pin, st, &meta, &has);
            }
            pthread_mutex_unlock(&change_lock);
            if (error) {
                return error;
            }
        }
    }
    if (has) {
        apply(&meta, st);
    }
    return 0;
}

int metadata_apply_at(int dirfd, const char *name, struct stat *st) {
    struct metadata meta = {0};
    bool has;
    if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode)) {
        fs_owner_shown(st);
        return 0;
    }
    if (!name || !*name) {
        return apply_by_fd(dirfd, name, st);
    }
    if (cache_get(st, &has, &meta)) {
        if (has) {
            apply(&meta, st);
        }
        return 0;
    }
    /* the name may be another file's by now, and the attribute with it: both of one inode */
    struct stat now;
    int pin = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (pin < 0) {
        return -errno;
    }
    int error = fstat(pin, &now) || (now.st_mode & S_IFMT) != (st->st_mode & S_IFMT) ? -ENOENT : 0;
    if (!error) {
        *st = now;
        error = apply_by_fd(pin, true, st);
    }
    close(pin);
    return error;
}

int metadata_set(int fd, const struct stat *host, const struct stat *want) {
    set_id_note(want->st_mode);
    char host_path[40]; /* follows to the very inode, whatever its name is by now */
    snprintf(host_path, sizeof host_path, "/proc/self/fd/%d", fd);
    struct metadata meta = {want->st_uid, want->st_gid, want->st_mode & 07777, false, 0};
    mode_t keep = S_ISDIR(host->st_mode) ? 0700 : 0600; /* what the host user needs */
    mode_t host_mode = (want->st_mode & 07777) | keep;
    if (!S_ISREG(host->st_mode) && !S_ISDIR(host->st_mode)) {
        /* no attribute possible: ask the host; where that refuses, fs_owner.c keeps the owner */
        struct stat now;
        if (fchownat(fd, "", want->st_uid, want->st_gid, AT_EMPTY_PATH) && errno != EPERM) {
            return -errno;
        }
        if (!S_ISLNK(host->st_mode) && chmod(host_path, want->st_mode & 07777) && errno != EPERM) {
            return -errno;
        }
        if (fstat(fd, &now)) {
            return -errno;
        }
        fs_owner_remember(&now, want->st_uid, want->st_gid);
        return 0;
    }
    /* set-id bits and the like shall not act on the host */
    if (S_ISREG(host->st_mode)) {
        host_mode &= 01777;
    }
    if ((host->st_mode & 07777) != host_mode && chmod(host_path, host_mode)) {
        return -errno;
    }
    bool device = (S_ISREG(host->st_mode) && (want->st_mode & S_IFMT) != S_IFREG);
    if (device) {
        meta.has_type = true;
        meta.mode = want->st_mode;
        meta.rdev = want->st_rdev;
    }
    bool same = want->st_uid == host->st_uid && want->st_gid == host->st_gid &&
                (want->st_mode & 07777) == host_mode && !device;
    if (same) {
        if (removexattr(host_path, METADATA_NAME) && errno != ENODATA && errno != ENOTSUP) {
            return -errno;
        }
        return 0;
    }
    char text[128];
    int n = metadata_format(&meta, text, sizeof text);
    if (setxattr(host_path, METADATA_NAME, text, (size_t)n, 0)) {
        if (errno != ENOTSUP) {
            return -errno;
        }
        if (device) {
            return -EPERM;
        }
        if (chown(host_path, want->st_uid, want->st_gid)) {
            return -errno;
        }
        return chmod(host_path, want->st_mode & 07777) ? -errno : 0;
    }
    return 0;
}

int metadata_created(struct task *task, int fd, mode_t mode, int64_t inherit_gid) {
    struct stat host, want;
    int error = fstat(fd, &host) ? -errno : 0;
    if (!error) {
        want = host;
        want.st_uid = task->process->fsuid;
        want.st_gid = inherit_gid >= 0 ? (gid_t)inherit_gid : task->process->fsgid;
        want.st_mode = mode & S_IFMT ? mode : (host.st_mode & S_IFMT) | (mode & 07777);
        if (S_ISLNK(host.st_mode)) {
            want.st_mode = host.st_mode;
        } else if (!S_ISDIR(host.st_mode) && (want.st_mode & S_IXGRP)) {
            want.st_mode = set_id_granted(task, want.st_gid, want.st_mode);
        }
        if (want.st_uid != host.st_uid || want.st_gid != host.st_gid ||
            want.st_mode != host.st_mode) {
            error = metadata_set(fd, &host, &want);
        }
    }
    return error;
}
