/* Names in directories: mkdir(2), mknod(2), symlink(2), link(2), unlink(2), rmdir(2), rename(2) and
 * their *at forms. */
#include "gen/syscall_protos.h"
#include "syscalls/fs/fs_place.h"
#include "syscalls/fs/privilege.h"
#include "syscalls/task/capability.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE  2
#define RENAME_WHITEOUT  4
#endif

static pthread_rwlock_t names_lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

void fs_names_hold(void) {
    pthread_rwlock_wrlock(&names_lock);
}

void fs_names_let_go(void) {
    pthread_rwlock_unlock(&names_lock);
}

void fs_names_change_begin(void) {
    pthread_rwlock_rdlock(&names_lock);
}

void fs_names_change_end(void) {
    int error = errno; /* of the call in between */
    pthread_rwlock_unlock(&names_lock);
    errno = error;
}

int place_names_check(struct task *task, const struct place *place, bool victim) {
    struct stat dir, st;
    if (!fs_owner_asks(task) || (task_is_root(task) && task_capable(task, CAP_FOWNER))) {
        return 0;
    }
    int error = fs_owner_fstat(place->mount, place->dir, &dir);
    if (!error) {
        error = permission_check(task, &dir, 3);
    }
    if (error || !victim || !(dir.st_mode & S_ISVTX) || task_owns(task, &dir)) {
        return error;
    }
    error = place_stat(place, &st);
    return error ? error : task_owns(task, &st) ? 0 : -EPERM;
}

/* Names of /proc, /sys and /dev are nobody's to change: their directories are root's. */
static int synthetic_refusal(const struct task *task) {
    return task_is_root(task) ? -EPERM : -EACCES;
}

/* A place where a new name can be made. 0 or -errno (with nothing to put). */
static int find_new(struct task *task, int dirfd, gaddr_t path, bool may_slash,
                    struct place *place) {
    int error = place_find_guest(task, dirfd, path, PLACE_PARENT, place);
    if (error) {
        return error;
    }
    if (place->exists || !place->name[0]) {
        error = -EEXIST;
    } else if (place->slash && !may_slash) {
        error = -ENOENT;
    } else if (place->is_synth) {
        error = !strcmp(place->mount->type, "proc") ? -ENOENT : synthetic_refusal(task);
    } else {
        error = place_writable(place);
    }
    if (!error) {
        error = place_names_check(task, place, false);
    }
    if (error) {
        place_put(place);
    }
    return error;
}

/* Owner and mode of what was just made, while names are held; when they cannot be kept the caller
 * removes it. */
static int made(struct task *task, struct place *place, mode_t mode) {
    if (!place->mount->metadata) {
        return 0;
    }
    struct stat dir, st;
    int64_t group = -1;
    if (!fstat(place->dir, &dir)) {
        metadata_apply_at(place->dir, "", &dir);
        if (dir.st_mode & S_ISGID) {
            group = dir.st_gid;
            if (S_ISDIR(mode)) {
                mode |= S_ISGID;
            }
        }
    }
    int fd = openat(place->dir, place->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    /* only another run on the same root can have put something else there: that is not ours */
    bool ours =
        !fstat(fd, &st) && !((st.st_mode ^ mode) & S_IFMT) && (S_ISDIR(mode) || st.st_nlink == 1);
    int error = ours ? metadata_created(task, fd, mode, group) : 0;
    close(fd);
    return error;
}

static long make_dir(struct task *task, int dirfd, gaddr_t path, uint32_t mode) {
    struct place place;
    int error = find_new(task, dirfd, path, true, &place);
    if (error) {
        return error;
    }
    mode = mode & 01777 & ~task->fs->umask;
    mode_t host_mode = place.mount->metadata ? mode | 0700 : mode;
    fs_names_hold();
    metadata_change_begin(place.mount);
    privilege_enter(task, place.mount);
    int failed = mkdirat(place.dir, place.name, host_mode);
    privilege_leave();
    if (failed) {
        error = -errno;
    } else if ((error = made(task, &place, S_IFDIR | mode))) {
        unlinkat(place.dir, place.name, AT_REMOVEDIR);
    }
    metadata_change_end(place.mount);
    fs_names_let_go();
    place_put(&place);
    return error;
}

/* mkdir(2) */
long sys_mkdir(struct task *task, gaddr_t path, uint32_t mode) {
    return make_dir(task, AT_FDCWD, path, mode);
}

/* mkdirat(2) */
long sys_mkdirat(struct task *task, int32_t dirfd, gaddr_t path, uint32_t mode) {
    return make_dir(task, dirfd, path, mode);
}

/* Device numbers as mknod gives them: 12 bits of major, 20 of minor (makedev(3) of Linux). */
static dev_t device_from_guest(uint32_t dev) {
    return makedev((dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & 0xfff00));
}

/* A device node as an empty file with the attribute. */
static int make_device(struct task *task, struct place *place, mode_t mode, dev_t dev) {
    if (!task_capable(task, CAP_MKNOD)) {
        return -EPERM;
    }
    if (!place->mount->metadata) /* the host's kernel would make the host's device */
    {
        return -EPERM;
    }
    int fd =
        openat(place->dir, place->name, O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_WRONLY, 0600);
    if (fd < 0) {
        return -errno;
    }
    struct stat host, want;
    int error = fstat(fd, &host) ? -errno : 0;
    if (!error) {
        want = host;
        want.st_uid = task->process->fsuid;
        want.st_gid = task->process->fsgid;
        want.st_mode = mode;
        want.st_rdev = dev;
        error = metadata_set(fd, &host, &want);
    }
    if (error) {
        unlinkat(place->dir, place->name, 0);
    }
    close(fd);
    return error;
}

static long make_node(struct task *task, int dirfd, gaddr_t path, uint32_t mode, uint32_t dev) {
    struct place place;
    if (!(mode & S_IFMT)) {
        mode |= S_IFREG;
    }
    if (!S_ISREG(mode) && !S_ISFIFO(mode) && !S_ISSOCK(mode) && !S_ISCHR(mode) && !S_ISBLK(mode)) {
        return S_ISDIR(mode) ? -EPERM : -EINVAL;
    }
    int error = find_new(task, dirfd, path, false, &place);
    if (error) {
        return error;
    }
    mode &= ~task->fs->umask;
    fs_names_hold();
    metadata_change_begin(place.mount);
    if (S_ISCHR(mode) || S_ISBLK(mode)) {
        error = make_device(task, &place, mode, device_from_guest(dev));
    } else {
        mode_t host_mode = mode & (S_IFMT | 01777);
        set_id_note(mode);
        if (!place.mount->metadata) {
            host_mode = mode;
        } else if (S_ISREG(mode)) {
            host_mode |= 0600;
        }
        privilege_enter(task, place.mount);
        int failed = mknodat(place.dir, place.name, host_mode, 0);
        privilege_leave();
        if (failed) {
            error = -errno;
        } else if ((error = made(task, &place, mode))) {
            unlinkat(place.dir, place.name, 0);
        }
    }
    metadata_change_end(place.mount);
    fs_names_let_go();
    place_put(&place);
    return error;
}

/* mknod(2) */
long sys_mknod(struct task *task, gaddr_t path, uint32_t mode, uint32_t dev) {
    return make_node(task, AT_FDCWD, path, mode, dev);
}

/* mknodat(2) */
long sys_mknodat(struct task *task, int32_t dirfd, gaddr_t path, uint32_t mode, uint32_t dev) {
    return make_node(task, dirfd, path, mode, dev);
}

static long make_symlink(struct task *task, gaddr_t target, int dirfd, gaddr_t path) {
    char text[PATH_MAX];
    struct place place;
    int error = guest_path(task, target, text);
    if (!error && !text[0]) {
        error = -ENOENT;
    }
    if (!error) {
        error = find_new(task, dirfd, path, false, &place);
    }
    if (error) {
        return error;
    }
    fs_names_hold();
    privilege_enter(task, place.mount);
    int failed = symlinkat(text, place.dir, place.name);
    privilege_leave();
    if (failed) {
        error = -errno;
    } else {
        made(task, &place, S_IFLNK | 0777); /* the owner where the host lets us, see metadata.c */
    }
    fs_names_let_go();
    place_put(&place);
    return error;
}

/* symlink(2) */
long sys_symlink(struct task *task, gaddr_t target, gaddr_t path) {
    return make_symlink(task, target, AT_FDCWD, path);
}

/* symlinkat(2) */
long sys_symlinkat(struct task *task, gaddr_t target, int32_t dirfd, gaddr_t path) {
    return make_symlink(task, target, dirfd, path);
}

static long make_link(struct task *task, int olddir, gaddr_t old, int newdir, gaddr_t new,
                      uint32_t flags) {
    struct place from, to;
    if (flags & ~(uint32_t)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH)) {
        return -EINVAL;
    }
    int how =
        (flags & AT_SYMLINK_FOLLOW ? PLACE_FOLLOW : 0) | (flags & AT_EMPTY_PATH ? PLACE_EMPTY : 0);
    int error = place_find_guest(task, olddir, old, how, &from);
    if (error) {
        return error;
    }
    error = find_new(task, newdir, new, false, &to);
    if (error) {
        place_put(&from);
        return error;
    }
    int host_from = from.file ? from.file->host_fd : from.dir;
    fs_names_change_begin();
    privilege_enter(task, to.mount);
    if (from.is_synth || (from.file && host_from < 0)) {
        error = -EXDEV;
    } else if (S_ISDIR(from.st.st_mode)) {
        error = -EPERM;
    } else if (from.mount != to.mount) {
        error = -EXDEV;
    } else if (from.file || !from.name[0]) {
        char host[40];
        snprintf(host, sizeof host, "/proc/self/fd/%d", host_from);
        if (linkat(AT_FDCWD, host, to.dir, to.name, AT_SYMLINK_FOLLOW)) {
            error = -errno;
        }
    } else if (linkat(from.dir, from.name, to.dir, to.name, 0)) {
        error = -errno;
    }
    privilege_leave();
    fs_names_change_end();
    place_put(&to);
    place_put(&from);
    return error;
}

/* link(2) */
long sys_link(struct task *task, gaddr_t old, gaddr_t new) {
    return make_link(task, AT_FDCWD, old, AT_FDCWD, new, 0);
}

/* linkat(2) */
long sys_linkat(struct task *task, int32_t olddir, gaddr_t old, int32_t newdir, gaddr_t new,
                uint32_t flags) {
    return make_link(task, olddir, old, newdir, new, flags);
}

static long remove_name(struct task *task, int dirfd, gaddr_t path, bool dir) {
    struct place place;
    int error = place_find_guest(task, dirfd, path, PLACE_PARENT, &place);
    if (error) {
        return error;
    }
    if (!place.exists) {
        error = -ENOENT;
    } else if (!place.name[0]) {
        if (dir) {
            error = place.dots == 1 ? -EINVAL : place.dots == 2 ? -ENOTEMPTY : -EBUSY;
        } else {
            error = -EISDIR;
        }
    } else if (place.slash && !S_ISDIR(place.st.st_mode)) {
        error = -ENOTDIR;
    } else if (!dir && S_ISDIR(place.st.st_mode)) {
        error = -EISDIR;
    } else if (dir && !S_ISDIR(place.st.st_mode)) {
        error = -ENOTDIR;
    } else if (place.is_synth) {
        error = synthetic_refusal(task);
    } else {
        error = place_writable(&place);
    }
    if (!error) {
        error = place_names_check(task, &place, true);
    }
    if (!error) {
        fs_names_change_begin();
        privilege_enter(task, place.mount);
        if (unlinkat(place.dir, place.name, dir ? AT_REMOVEDIR : 0)) {
            error = -errno;
        } else if (place.st.st_nlink <= 1) {
            fs_owner_forget(&place.st);
        }
        privilege_leave();
        fs_names_change_end();
    }
    place_put(&place);
    return error;
}

/* unlink(2) */
long sys_unlink(struct task *task, gaddr_t path) {
    return remove_name(task, AT_FDCWD, path, false);
}

/* rmdir(2) */
long sys_rmdir(struct task *task, gaddr_t path) {
    return remove_name(task, AT_FDCWD, path, true);
}

/* unlinkat(2) */
long sys_unlinkat(struct task *task, int32_t dirfd, gaddr_t path, uint32_t flags) {
    if (flags & ~(uint32_t)AT_REMOVEDIR) {
        return -EINVAL;
    }
    return remove_name(task, dirfd, path, flags & AT_REMOVEDIR);
}

/* What rename checks before the host is asked. */
static int rename_check(struct task *task, struct place *from, struct place *to, uint32_t flags) {
    if (!from->name[0] || !to->name[0]) /* dots, roots, mount points */
    {
        return -EBUSY;
    }
    if (from->mount != to->mount) {
        return -EXDEV;
    }
    if (!from->exists) {
        return -ENOENT;
    }
    if (from->is_synth) {
        return synthetic_refusal(task);
    }
    if (to->exists && (flags & RENAME_NOREPLACE)) {
        return -EEXIST;
    }
    if (fs_mount_below(from->path) || (to->exists && fs_mount_below(to->path))) {
        return -EBUSY;
    }
    if (!to->exists && (flags & RENAME_EXCHANGE)) {
        return -ENOENT;
    }
    if (!S_ISDIR(from->st.st_mode) && (from->slash || (to->slash && !(flags & RENAME_EXCHANGE)))) {
        return -ENOTDIR;
    }
    if (to->slash && to->exists && !S_ISDIR(to->st.st_mode)) {
        return -ENOTDIR;
    }
    int error = place_writable(from);
    if (!error) {
        error = place_names_check(task, from, true);
    }
    return error ? error : place_names_check(task, to, to->exists);
}

static long rename_name(struct task *task, int olddir, gaddr_t old, int newdir, gaddr_t new,
                        uint32_t flags) {
    struct place from, to;
    if (flags & ~(uint32_t)(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT)) {
        return -EINVAL;
    }
    if ((flags & RENAME_EXCHANGE) && (flags & (RENAME_NOREPLACE | RENAME_WHITEOUT))) {
        return -EINVAL;
    }
    if (flags & RENAME_WHITEOUT) /* makes a device node: nothing but overlayfs asks for it */
    {
        return -EINVAL;
    }
    int error = place_find_guest(task, olddir, old, PLACE_PARENT, &from);
    if (error) {
        return error;
    }
    error = place_find_guest(task, newdir, new, PLACE_PARENT, &to);
    if (error) {
        place_put(&from);
        return error;
    }
    error = rename_check(task, &from, &to, flags);
    if (!error) {
        fs_names_change_begin();
        privilege_enter(task, to.mount);
        int failed = flags
                         ? (int)syscall(SYS_renameat2, from.dir, from.name, to.dir, to.name, flags)
                         : renameat(from.dir, from.name, to.dir, to.name);
        if (failed) {
            error = -errno;
        } else if (to.exists && !flags && to.st.st_nlink <= 1 && to.st.st_ino != from.st.st_ino) {
            fs_owner_forget(&to.st);
        }
        privilege_leave();
        fs_names_change_end();
    }
    place_put(&to);
    place_put(&from);
    return error;
}

/* rename(2) */
long sys_rename(struct task *task, gaddr_t old, gaddr_t new) {
    return rename_name(task, AT_FDCWD, old, AT_FDCWD, new, 0);
}

/* renameat(2) */
long sys_renameat(struct task *task, int32_t olddir, gaddr_t old, int32_t newdir, gaddr_t new) {
    return rename_name(task, olddir, old, newdir, new, 0);
}

/* renameat2(2) */
long sys_renameat2(struct task *task, int32_t olddir, gaddr_t old, int32_t newdir, gaddr_t new,
                   uint32_t flags) {
    return rename_name(task, olddir, old, newdir, new, flags);
}

/* mount(2), umount(2): mounts are given on the command line and do not change */
long sys_mount(struct task *task, gaddr_t source, gaddr_t target, gaddr_t type, uint32_t flags,
               gaddr_t data) {
    return -EPERM;
}

long sys_oldumount(struct task *task, gaddr_t target) {
    return -EPERM;
}

long sys_umount(struct task *task, gaddr_t target, uint32_t flags) {
    return -EPERM;
}
