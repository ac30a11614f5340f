/* Owner, mode and device of files in a root, kept in the extended attribute
 * user.containers.override_stat (`uid:gid:0mode[:type]`, as containers/storage writes it), so that an
 * unprivileged host user can hold a whole distribution. Used on mounts with `metadata` (--root).
 *
 * The attribute is written when the host's own data do not say the same. Only regular files and
 * directories can carry user attributes: symlinks, fifos and sockets show the host's owner, or root
 * when that is the unprivileged user that we run as. Device nodes are empty regular files whose
 * attribute says char-M-m or block-M-m. Host files stay readable and writable for the host user; the
 * guest's mode is in the attribute. */
#include "syscalls/fs_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static const struct {
    const char *name;
    mode_t type;
} types[] = {
    {"file", S_IFREG},  {"dir", S_IFDIR},     {"symlink", S_IFLNK}, {"pipe", S_IFIFO},
    {"socket", S_IFSOCK}, {"char", S_IFCHR}, {"block", S_IFBLK},
};

bool metadata_parse(const char *text, size_t len, struct metadata *meta) {
    char copy[128], *end;
    if (len == 0 || len >= sizeof copy)
        return false;
    memcpy(copy, text, len);
    copy[len] = 0;
    *meta = (struct metadata){0};
    unsigned long value[3];
    char *at = copy;
    for (int i = 0; i < 3; i++) {
        if (*at < '0' || *at > '9')
            return false;
        value[i] = strtoul(at, &end, i == 2 ? 8 : 10);
        if (*end != (i == 2 && !*end ? 0 : ':') || value[i] > UINT32_MAX)
            return false;
        at = *end ? end + 1 : end;
    }
    meta->uid = (uint32_t)value[0];
    meta->gid = (uint32_t)value[1];
    meta->mode = value[2] & 07777;
    if (!*at)
        return end[0] == 0; /* no type; "1:2:0644:" is malformed */
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        size_t n = strlen(types[i].name);
        if (strncmp(at, types[i].name, n))
            continue;
        unsigned major_number = 0, minor_number = 0;
        int used = 0;
        if (types[i].type == S_IFCHR || types[i].type == S_IFBLK) {
            if (sscanf(at + n, "-%u-%u%n", &major_number, &minor_number, &used) != 2)
                return false;
        }
        if (at[n + (size_t)used])
            return false;
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
        if (types[i].type != (meta->mode & S_IFMT))
            continue;
        n += snprintf(text + n, size - (size_t)n, ":%s", types[i].name);
        if (S_ISCHR(meta->mode) || S_ISBLK(meta->mode))
            n += snprintf(text + n, size - (size_t)n, "-%u-%u", major(meta->rdev),
                          minor(meta->rdev));
    }
    return n;
}

static bool apply(const char *text, ssize_t len, struct stat *st) {
    struct metadata meta;
    if (len <= 0 || !metadata_parse(text, (size_t)len, &meta))
        return false;
    st->st_uid = meta.uid;
    st->st_gid = meta.gid;
    st->st_mode = (st->st_mode & S_IFMT) | (meta.mode & 07777);
    /* a type is believed only where a placeholder stands: an empty regular file */
    if (meta.has_type && S_ISREG(st->st_mode) && st->st_size == 0) {
        st->st_mode = (st->st_mode & 07777) | (meta.mode & S_IFMT);
        st->st_rdev = meta.rdev;
    }
    return true;
}

/* Symlinks, fifos and sockets: an unprivileged host user's are shown as root's, who made them. */
static bool apply_default(struct stat *st) {
    uid_t user = geteuid();
    if (user && st->st_uid == user) {
        st->st_uid = 0;
        st->st_gid = 0;
    }
    return false;
}

bool metadata_apply_path(const char *host_path, struct stat *st) {
    char text[128];
    if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
        return apply_default(st);
    return apply(text, lgetxattr(host_path, METADATA_NAME, text, sizeof text), st);
}

bool metadata_apply_pinned(int fd, struct stat *st) {
    char text[128], host_path[40];
    if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
        return apply_default(st);
    snprintf(host_path, sizeof host_path, "/proc/self/fd/%d", fd);
    return apply(text, getxattr(host_path, METADATA_NAME, text, sizeof text), st);
}

bool metadata_apply_fd(int fd, struct stat *st) {
    char text[128];
    if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
        return apply_default(st);
    return apply(text, fgetxattr(fd, METADATA_NAME, text, sizeof text), st);
}

int metadata_set(int fd, const struct stat *host, const struct stat *want) {
    char host_path[40]; /* follows to the very inode, whatever its name is by now */
    snprintf(host_path, sizeof host_path, "/proc/self/fd/%d", fd);
    struct metadata meta = {want->st_uid, want->st_gid, want->st_mode & 07777, false, 0};
    mode_t keep = S_ISDIR(host->st_mode) ? 0700 : 0600; /* what the host user needs */
    mode_t host_mode = (want->st_mode & 07777) | keep;
    if (!S_ISREG(host->st_mode) && !S_ISDIR(host->st_mode)) {
        /* no attribute possible: ask the host; an unprivileged one keeps its owner */
        if (fchownat(fd, "", want->st_uid, want->st_gid, AT_EMPTY_PATH) && errno != EPERM)
            return -errno;
        if (!S_ISLNK(host->st_mode) && chmod(host_path, want->st_mode & 07777) && errno != EPERM)
            return -errno;
        return 0;
    }
    /* set-id bits and the like shall not act on the host */
    if (S_ISREG(host->st_mode))
        host_mode &= 01777;
    if ((host->st_mode & 07777) != host_mode && chmod(host_path, host_mode))
        return -errno;
    bool device = (S_ISREG(host->st_mode) && (want->st_mode & S_IFMT) != S_IFREG);
    if (device) {
        meta.has_type = true;
        meta.mode = want->st_mode;
        meta.rdev = want->st_rdev;
    }
    bool same = want->st_uid == host->st_uid && want->st_gid == host->st_gid &&
                (want->st_mode & 07777) == host_mode && !device;
    if (same) {
        if (removexattr(host_path, METADATA_NAME) && errno != ENODATA && errno != ENOTSUP)
            return -errno;
        return 0;
    }
    char text[128];
    int n = metadata_format(&meta, text, sizeof text);
    if (setxattr(host_path, METADATA_NAME, text, (size_t)n, 0)) {
        if (errno != ENOTSUP)
            return -errno;
        if (device)
            return -EPERM;
        if (chown(host_path, want->st_uid, want->st_gid))
            return -errno;
        return chmod(host_path, want->st_mode & 07777) ? -errno : 0;
    }
    return 0;
}

int metadata_created(struct task *task, int dirfd, const char *name, mode_t mode,
                     int64_t inherit_gid) {
    struct stat host, want;
    int fd = *name ? openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC) : dirfd;
    if (fd < 0)
        return -errno;
    int error = fstat(fd, &host) ? -errno : 0;
    if (!error) {
        want = host;
        want.st_uid = task->process->fsuid;
        want.st_gid = inherit_gid >= 0 ? (gid_t)inherit_gid : task->process->fsgid;
        want.st_mode = mode & S_IFMT ? mode : (host.st_mode & S_IFMT) | (mode & 07777);
        if (S_ISLNK(host.st_mode))
            want.st_mode = host.st_mode;
        if (want.st_uid != host.st_uid || want.st_gid != host.st_gid ||
            want.st_mode != host.st_mode)
            error = metadata_set(fd, &host, &want);
    }
    if (fd != dirfd)
        close(fd);
    return error;
}

bool task_is_root(const struct task *task) {
    return task->process->fsuid == 0;
}

bool task_in_group(const struct task *task, uint32_t gid) {
    const struct process *process = task->process;
    if (process->fsgid == gid)
        return true;
    for (int i = 0; i < process->group_count; i++)
        if (process->groups[i] == gid)
            return true;
    return false;
}

int permission_bits(const struct task *task, uint32_t uid, uint32_t gid, const struct stat *st,
                    int want) {
    if (uid == 0) {
        bool executable = S_ISDIR(st->st_mode) || (st->st_mode & 0111);
        return (want & 1) && !executable ? -EACCES : 0;
    }
    bool group = gid == st->st_gid || task_in_group(task, st->st_gid);
    mode_t bits = st->st_mode >> (uid == st->st_uid ? 6 : group ? 3 : 0);
    return (unsigned)want & ~bits & 7 ? -EACCES : 0;
}

int permission_check(const struct task *task, const struct stat *st, int want) {
    if (!fs_private_root)
        return 0; /* the host decides */
    return permission_bits(task, task->process->fsuid, task->process->fsgid, st, want);
}
