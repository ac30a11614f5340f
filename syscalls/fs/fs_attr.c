/* What a file says of itself: chmod(2), chown(2), utimensat(2) and access(2) with all their forms.
 */
#include "gen/syscall_protos.h"
#include "syscalls/abi/abi.h"
#include "syscalls/fs/fs_attr.h"
#include "syscalls/fs/fs_place.h"
#include "syscalls/file/io.h"
#include "syscalls/fs/privilege.h"
#include "syscalls/task/capability.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Does the task own the file, or act as root? 0 or -EPERM. */
static int owner_check(struct task *task, const struct stat *st) {
    return task_owns(task, st) ? 0 : -EPERM;
}

/* May the place be changed at all? What a guest in a root of its own was given open is outside: it
 * may be used, not changed. Pipes and sockets are nowhere. 0 or -errno. */
static int may_change(const struct place *place) {
    const struct file *file = place->file;
    struct stat host;
    int error = place_writable(place);
    if (error) {
        return error;
    }
    /* An open device of a private root, whatever node named it, is the host's own node. */
    if (file && fs_private_root && file->host_fd >= 0 && !fstat(file->host_fd, &host) &&
        (S_ISCHR(host.st_mode) || S_ISBLK(host.st_mode))) {
        return -EPERM;
    }
    bool nowhere = file && (file->ops->nowhere == FILE_PIPE || file->ops->nowhere == FILE_SOCKET);
    return file && file->given && !nowhere ? -EPERM : 0;
}

/* Number of the pty that the place is, or -1. */
static int pts_of_place(const struct place *place) {
    int number;
    const char *path = place->is_synth ? place->path : place->file ? place->file->path : NULL;
    if (place->file && strcmp(place->file->ops->kind, "tty")) {
        return -1;
    }
    return path && sscanf(path, "/dev/pts/%d", &number) == 1 ? number : -1;
}

/* Applies a change to a pinned place: `want` starts as what stat shows. */
static int change(struct task *task, struct place *place,
                  int (*edit)(struct task *task, struct stat *want, const uint32_t *arg),
                  const uint32_t *arg) {
    bool own;
    struct stat host, want;
    int fd = place_pin(place, &own);
    if (fd < 0) {
        return fd;
    }
    metadata_change_begin(place->mount);
    int error = fstat(fd, &host) ? -errno : 0;
    if (!error) {
        want = host;
        metadata_apply_at(fd, "", &want);
        error = edit(task, &want, arg);
    }
    if (!error) {
        error = metadata_set(fd, &host, &want);
    }
    metadata_change_end(place->mount);
    if (own) {
        close(fd);
    }
    return error;
}

/* --- mode ------------------------------------------------------------------------------ */

static int edit_mode(struct task *task, struct stat *want, const uint32_t *arg) {
    if (S_ISLNK(want->st_mode)) {
        return -EOPNOTSUPP;
    }
    int error = owner_check(task, want);
    mode_t mode = set_id_granted(task, want->st_gid, arg[0] & 07777);
    if (!error) {
        want->st_mode = (want->st_mode & S_IFMT) | mode;
    }
    return error;
}

static int change_mode(struct task *task, struct place *place, uint32_t mode) {
    int pts = pts_of_place(place);
    if (pts >= 0) {
        return owner_check(task, &place->st) ? -EPERM : fs_terminals->chmod(pts, mode & 0777);
    }
    if (place
            ->is_synth) /* /proc and /dev keep their modes; Linux has no such change of a process */
    {
        bool same = (place->st.st_mode & 07777) == (mode & 07777);
        return task_is_root(task) && same && !place->ref.pid ? 0 : -EPERM;
    }
    int error = may_change(place);
    if (error) {
        return error;
    }
    if (place->mount->metadata) {
        return change(task, place, edit_mode, &mode);
    }
    bool own;
    int fd = place_pin(place, &own);
    if (fd < 0) {
        return fd;
    }
    char host[40];
    snprintf(host, sizeof host, "/proc/self/fd/%d", fd);
    struct stat st;
    error = place_pinned_stat(place, fd, &st);
    if (!error) {
        error = S_ISLNK(st.st_mode) ? -EOPNOTSUPP : 0;
    }
    if (!error && fs_owner_asks(task)) {
        error = owner_check(task, &st);
    }
    if (!error && fs_owner_asks(task)) {
        mode = set_id_granted(task, st.st_gid, mode & 07777);
    }
    set_id_change_begin(mode);
    privilege_enter(task, place->mount);
    if (!error && chmod(host, mode & 07777)) {
        error = -errno;
    }
    privilege_leave();
    set_id_change_end();
    if (own) {
        close(fd);
    }
    return error;
}

static long chmod_at(struct task *task, int dirfd, gaddr_t path, uint32_t mode) {
    struct place place;
    int error = place_find_guest(task, dirfd, path, PLACE_FOLLOW, &place);
    if (error) {
        return error;
    }
    error = change_mode(task, &place, mode);
    place_put(&place);
    return error;
}

/* chmod(2) */
long sys_chmod(struct task *task, gaddr_t path, uint32_t mode) {
    return chmod_at(task, AT_FDCWD, path, mode);
}

/* fchmodat(2): the call has no flags */
long sys_fchmodat(struct task *task, int32_t dirfd, gaddr_t path, uint32_t mode) {
    return chmod_at(task, dirfd, path, mode);
}

/* The place of a descriptor that is not O_PATH. */
static int descriptor_place(struct task *task, int fd, struct place *place) {
    struct file *file = fd_get(task, fd);
    if (!file) {
        return -EBADF;
    }
    int error = file->flags & O_PATH ? -EBADF : place_of_file(file, place);
    file_unref(file);
    return error;
}

/* fchmod(2) */
long sys_fchmod(struct task *task, int32_t fd, uint32_t mode) {
    struct place place;
    int error = descriptor_place(task, fd, &place);
    if (error) {
        return error;
    }
    error = change_mode(task, &place, mode);
    place_put(&place);
    return error;
}

/* --- owner ----------------------------------------------------------------------------- */

static int edit_owner(struct task *task, struct stat *want, const uint32_t *arg) {
    bool asks = arg[0] != UINT32_MAX || arg[1] != UINT32_MAX;
    if (!asks && owner_check(task, want)) {
        return 0; /* nothing is asked for: anybody may */
    }
    if (asks && !task_capable(task, CAP_CHOWN)) {
        bool keeps = arg[0] == UINT32_MAX || arg[0] == want->st_uid;
        bool group = arg[1] == UINT32_MAX || arg[1] == want->st_gid || task_in_group(task, arg[1]);
        if (want->st_uid != task->process->fsuid || !keeps || !group) {
            return -EPERM;
        }
    }
    if (arg[0] != UINT32_MAX) {
        want->st_uid = arg[0];
    }
    if (arg[1] != UINT32_MAX) {
        want->st_gid = arg[1];
    }
    if (S_ISREG(want->st_mode)) { /* set-id bits go, but for mandatory locking's */
        want->st_mode &= ~(mode_t)S_ISUID;
        if (want->st_mode & S_IXGRP) {
            want->st_mode &= ~(mode_t)S_ISGID;
        }
    }
    return 0;
}

static int change_owner(struct task *task, struct place *place, uint32_t uid, uint32_t gid) {
    uint32_t arg[2] = {uid, gid};
    int pts = pts_of_place(place);
    if (pts >= 0) {
        return task_capable(task, CAP_CHOWN) ? fs_terminals->chown(pts, uid, gid) : -EPERM;
    }
    if (place->is_synth) {
        return task_is_root(task) && (uid == UINT32_MAX || uid == place->st.st_uid) &&
                       (gid == UINT32_MAX || gid == place->st.st_gid)
                   ? 0
                   : -EPERM;
    }
    int error = may_change(place);
    if (error) {
        return error;
    }
    if (place->mount->metadata) {
        return change(task, place, edit_owner, arg);
    }
    bool own;
    int fd = place_pin(place, &own);
    if (fd < 0) {
        return fd;
    }
    struct stat st;
    error = place_pinned_stat(place, fd, &st);
    if (!error && fs_owner_asks(task)) {
        error = edit_owner(task, &st, arg);
    }
    privilege_enter(task, place->mount);
    if (!error && !fs_owner_on_host(&uid, &gid) && task_is_root(task)) {
        error = -EINVAL; /* as user_namespaces(7) has it */
    }
    if (!error && fchownat(fd, "", uid, gid, AT_EMPTY_PATH)) {
        error = -errno;
    }
    privilege_leave();
    if (own) {
        close(fd);
    }
    return error;
}

static long chown_at(struct task *task, int dirfd, gaddr_t path, uint32_t uid, uint32_t gid,
                     int how) {
    struct place place;
    int error = place_find_guest(task, dirfd, path, how, &place);
    if (error) {
        return error;
    }
    error = change_owner(task, &place, uid, gid);
    place_put(&place);
    return error;
}

/* chown(2) */
long sys_chown(struct task *task, gaddr_t path, uint32_t uid, uint32_t gid) {
    return chown_at(task, AT_FDCWD, path, uid, gid, PLACE_FOLLOW);
}

/* lchown(2) */
long sys_lchown(struct task *task, gaddr_t path, uint32_t uid, uint32_t gid) {
    return chown_at(task, AT_FDCWD, path, uid, gid, 0);
}

/* fchownat(2) */
long sys_fchownat(struct task *task, int32_t dirfd, gaddr_t path, uint32_t uid, uint32_t gid,
                  uint32_t flags) {
    if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) {
        return -EINVAL;
    }
    int how = place_how(flags);
    return chown_at(task, dirfd, path, uid, gid, how);
}

/* fchown(2) */
long sys_fchown(struct task *task, int32_t fd, uint32_t uid, uint32_t gid) {
    struct place place;
    int error = descriptor_place(task, fd, &place);
    if (error) {
        return error;
    }
    error = change_owner(task, &place, uid, gid);
    place_put(&place);
    return error;
}

/* --- times ----------------------------------------------------------------------------- */

static int set_times(struct task *task, struct place *place, const struct timespec times[2]) {
    struct stat st;
    bool own;
    bool now = !times || (times[0].tv_nsec == UTIME_NOW && times[1].tv_nsec == UTIME_NOW);
    int error = may_change(place);
    int fd = error ? error : place_pin(place, &own);
    if (fd < 0) {
        return fd;
    }
    error = place_pinned_stat(place, fd, &st);
    if (!error && fs_owner_asks(task) && owner_check(task, &st)) {
        error = now ? permission_check(task, &st, 2) : -EPERM;
    }
    /* not fd itself: utimensat on an O_PATH descriptor needs a new kernel */
    char host[40];
    snprintf(host, sizeof host, "/proc/self/fd/%d", fd);
    privilege_enter(task, place->mount);
    if (!error && utimensat(AT_FDCWD, host, times, 0)) {
        error = -errno;
    }
    privilege_leave();
    if (own) {
        close(fd);
    }
    return error;
}

int fs_set_times(struct task *task, int dirfd, gaddr_t path, const struct timespec times[2],
                 uint32_t flags) {
    struct place place;
    int error;
    for (int i = 0; times && i < 2; i++) {
        long ns = times[i].tv_nsec;
        if (ns != UTIME_NOW && ns != UTIME_OMIT && (ns < 0 || ns >= 1000000000)) {
            return -EINVAL;
        }
    }
    if (times && times[0].tv_nsec == UTIME_OMIT && times[1].tv_nsec == UTIME_OMIT) {
        return 0; /* whatever flags and path are */
    }
    if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) {
        return -EINVAL;
    }
    if (!path && dirfd != AT_FDCWD) { /* futimens(3) */
        if (flags) {
            return -EINVAL;
        }
        error = descriptor_place(task, dirfd, &place);
    } else {
        int how = place_how(flags);
        error = place_find_guest(task, dirfd, path, how, &place);
    }
    if (error) {
        return error;
    }
    error = place.is_synth ? (task_is_root(task) ? 0 : -EPERM) : set_times(task, &place, times);
    place_put(&place);
    return error;
}

/* --- access ---------------------------------------------------------------------------- */

static int access_place(struct task *task, struct place *place, int mode, uint32_t flags) {
    struct stat st;
    int error = place_stat(place, &st);
    if (error || mode == F_OK) {
        return error;
    }
    bool special = S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode) || S_ISFIFO(st.st_mode);
    if ((mode & W_OK) && !place->is_synth && place->mount->read_only && !special) {
        return -EROFS;
    }
    bool known = place->is_synth || place->file || place->mount->metadata;
    if (known || fs_owner_asks(task)) /* without the flag the call asks for the real user */
    {
        error = flags & AT_EACCESS ? permission_bits(task, &st, mode)
                                   : permission_bits_real(task, &st, mode);
    }
    if (error || known) {
        return error;
    }
    if (faccessat(place->dir, place->name[0] ? place->name : ".", mode,
                  (flags & AT_EACCESS) | (place->name[0] ? AT_SYMLINK_NOFOLLOW : 0))) {
        return -errno;
    }
    return 0;
}

static long access_at(struct task *task, int dirfd, gaddr_t path, uint32_t mode, uint32_t flags) {
    UNZEROED struct place place;
    if ((mode & ~7u) || (flags & ~(uint32_t)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))) {
        return -EINVAL;
    }
    int how = place_how(flags);
    int error = place_find_guest(task, dirfd, path, how, &place);
    if (error) {
        return error;
    }
    error = access_place(task, &place, (int)mode, flags);
    place_put(&place);
    return error;
}

/* access(2) */
long sys_access(struct task *task, gaddr_t path, uint32_t mode) {
    return access_at(task, AT_FDCWD, path, mode, 0);
}

/* faccessat(2): the call has no flags */
long sys_faccessat(struct task *task, int32_t dirfd, gaddr_t path, uint32_t mode) {
    return access_at(task, dirfd, path, mode, 0);
}

/* faccessat2(2) */
long sys_faccessat2(struct task *task, int32_t dirfd, gaddr_t path, uint32_t mode, uint32_t flags) {
    return access_at(task, dirfd, path, mode, flags);
}
