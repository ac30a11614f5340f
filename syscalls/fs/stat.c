/* Reading what files are: stat(2), statfs(2), statx(2), readlink(2). The structures of the first
 * two are the ABI's; those that an ABI has beside its own (stat64), and their calls, are in its
 * folder. */
#include "gen/syscall_protos.h"
#include "syscalls/abi/abi.h"
#include "syscalls/fs/abi_fs.h"
#include "syscalls/fs/fs_attr.h"
#include "syscalls/fs/fs_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

int fs_stat(struct task *task, int dirfd, gaddr_t path, uint32_t flags, struct stat *st) {
    UNZEROED struct place place;
    if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT)) {
        return -EINVAL;
    }
    int how = place_how(flags);
    if ((flags & AT_EMPTY_PATH) && dirfd >= 0) { /* fstat(3) of a current libc: spare the walk */
        char first = 0;
        if (path && guest_read(task->cpu->space, &first, path, 1)) {
            return -EFAULT;
        }
        if (!first) {
            return fs_fstat(task, dirfd, st);
        }
    }
    int error = place_find_guest(task, dirfd, path, how, &place);
    if (error) {
        return error;
    }
    error = place_stat(&place, st);
    place_put(&place);
    return error;
}

int fs_fstat(struct task *task, int fd, struct stat *st) {
    struct file *file = fd_get(task, fd);
    if (!file) {
        return -EBADF;
    }
    int error = file_stat(file, st);
    file_unref(file);
    return error;
}

int fs_stat_to(struct task *task, int dirfd, gaddr_t path, uint32_t flags, gaddr_t to,
               stat_put *put) {
    struct stat st;
    int error = fs_stat(task, dirfd, path, flags, &st);
    return error ? error : put(task, to, &st);
}

int fs_fstat_to(struct task *task, int fd, gaddr_t to, stat_put *put) {
    struct stat st;
    int error = fs_fstat(task, fd, &st);
    return error ? error : put(task, to, &st);
}

/* stat(2) */
long sys_stat(struct task *task, gaddr_t path, gaddr_t to) {
    return fs_stat_to(task, AT_FDCWD, path, 0, to, task->abi->fs->put_stat);
}

long sys_lstat(struct task *task, gaddr_t path, gaddr_t to) {
    return fs_stat_to(task, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, to, task->abi->fs->put_stat);
}

long sys_newfstatat(struct task *task, int32_t dirfd, gaddr_t path, gaddr_t to, uint32_t flags) {
    return fs_stat_to(task, dirfd, path, flags, to, task->abi->fs->put_stat);
}

long sys_fstat(struct task *task, int32_t fd, gaddr_t to) {
    return fs_fstat_to(task, fd, to, task->abi->fs->put_stat);
}

/* --- statfs ---------------------------------------------------------------------------- */

#define PROC_MAGIC   0x9fa0
#define SYSFS_MAGIC  0x62656572
#define TMPFS_MAGIC  0x01021994
#define DEVPTS_MAGIC 0x1cd1

int mount_statfs(const struct mount *mount, int fd, struct statfs *fs) {
    if (fd >= 0) {
        if (fstatfs(fd, fs)) {
            return -errno;
        }
        if (mount->read_only) {
            fs->f_flags |= ST_RDONLY;
        }
        return 0;
    }
    memset(fs, 0, sizeof *fs);
    fs->f_type = !strcmp(mount->type, "proc")     ? PROC_MAGIC
                 : !strcmp(mount->type, "sysfs")  ? SYSFS_MAGIC
                 : !strcmp(mount->type, "devpts") ? DEVPTS_MAGIC
                                                  : TMPFS_MAGIC;
    fs->f_bsize = fs->f_frsize = (int)PAGE_BYTES;
    fs->f_namelen = NAME_MAX;
    fs->f_flags = 0x20; /* ST_VALID */
    return 0;
}

int fs_statfs(struct task *task, gaddr_t path, struct statfs *fs) {
    UNZEROED struct place place;
    int error = place_find_guest(task, AT_FDCWD, path, PLACE_FOLLOW, &place);
    if (error) {
        return error;
    }
    bool synth = place.is_synth || (place.file && synth_of_file(place.file));
    int fd = synth ? -1 : place.file ? place.file->host_fd : place.dir;
    error = mount_statfs(place.mount, fd, fs);
    place_put(&place);
    return error;
}

int fs_fstatfs(struct task *task, int fd, struct statfs *fs) {
    struct file *file = fd_get(task, fd);
    if (!file) {
        return -EBADF;
    }
    bool synth = synth_of_file(file) || file->host_fd < 0;
    int error =
        mount_statfs(file->mount ? file->mount : &fs_nowhere, synth ? -1 : file->host_fd, fs);
    file_unref(file);
    return error;
}

/* statfs(2) */
long sys_statfs(struct task *task, gaddr_t path, gaddr_t to) {
    struct statfs fs;
    int error = fs_statfs(task, path, &fs);
    return error ? error : task->abi->fs->put_statfs(task, to, &fs);
}

long sys_fstatfs(struct task *task, int32_t fd, gaddr_t to) {
    struct statfs fs;
    int error = fs_fstatfs(task, fd, &fs);
    return error ? error : task->abi->fs->put_statfs(task, to, &fs);
}

/* --- statx(2): one layout for all ABIs ------------------------------------------------- */

#define STATX_ALLOWED_FLAGS                                                                        \
    (AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE)

static struct statx_timestamp stamp(struct timespec time) {
    return (struct statx_timestamp){.tv_sec = time.tv_sec, .tv_nsec = (uint32_t)time.tv_nsec};
}

static void statx_from_stat(struct statx *out, const struct stat *st) {
    out->stx_mask |= STATX_BASIC_STATS;
    out->stx_blksize = (uint32_t)st->st_blksize;
    out->stx_nlink = (uint32_t)st->st_nlink;
    out->stx_uid = st->st_uid;
    out->stx_gid = st->st_gid;
    out->stx_mode = (uint16_t)st->st_mode;
    out->stx_ino = st->st_ino;
    out->stx_size = (uint64_t)st->st_size;
    out->stx_blocks = (uint64_t)st->st_blocks;
    out->stx_atime = stamp(st->st_atim);
    out->stx_mtime = stamp(st->st_mtim);
    out->stx_ctime = stamp(st->st_ctim);
    out->stx_rdev_major = major(st->st_rdev);
    out->stx_rdev_minor = minor(st->st_rdev);
    out->stx_dev_major = major(st->st_dev);
    out->stx_dev_minor = minor(st->st_dev);
}

long sys_statx(struct task *task, int32_t dirfd, gaddr_t path, uint32_t flags, uint32_t mask,
               gaddr_t to) {
    struct statx out = {0};
    UNZEROED struct place place;
    struct stat st;
    if ((mask & 0x80000000u) || (flags & ~(uint32_t)STATX_ALLOWED_FLAGS) ||
        (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE) {
        return -EINVAL;
    }
    int how = place_how(flags);
    int error = place_find_guest(task, dirfd, path, how, &place);
    if (error) {
        return error;
    }
    error = place_stat(&place, &st);
    if (!error && !place.is_synth) {
        /* birth time, attributes and mount number are the host's */
        int fd = place.file ? place.file->host_fd : place.dir;
        const char *name = place.file ? "" : place.name;
        if (fd >= 0 && statx(fd, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, mask, &out)) {
            out = (struct statx){0};
        }
        out.stx_mask &= ~(uint32_t)STATX_MNT_ID;
        out.stx_mnt_id = 0;
    }
    if (!error && (mask & STATX_MNT_ID)) {
        out.stx_mask |= STATX_MNT_ID;
        out.stx_mnt_id = (uint64_t)place.mount->id;
    }
    place_put(&place);
    if (error) {
        return error;
    }
    statx_from_stat(&out, &st);
    return guest_write(task->cpu->space, to, &out, sizeof out);
}

/* --- readlink(2) ----------------------------------------------------------------------- */

static long readlink_at(struct task *task, int dirfd, gaddr_t path, gaddr_t to, int32_t size) {
    UNZEROED char text[PATH_MAX], name[PATH_MAX];
    UNZEROED struct place place;
    if (size <= 0) {
        return -EINVAL;
    }
    int error = guest_path(task, path, name);
    if (error) {
        return error;
    }
    error = place_find(task, dirfd, name, PLACE_EMPTY, &place);
    if (error) {
        return !name[0] && dirfd == AT_FDCWD ? -ENOENT : error;
    }
    ssize_t len;
    if (!place.file || (place.is_synth && S_ISLNK(place.st.st_mode))) {
        len = place_readlink(&place, text, sizeof text);
    } else if (!S_ISLNK(place.st.st_mode)) {
        len = name[0] ? -EINVAL : -ENOENT;
    } else if ((len = readlinkat(place.file->host_fd, "", text, sizeof text)) < 0) {
        len = -errno;
    }
    place_put(&place);
    if (len < 0) {
        return len;
    }
    if (len > size) {
        len = size;
    }
    error = guest_write(task->cpu->space, to, text, (size_t)len);
    return error ? error : len;
}

/* readlink(2) */
long sys_readlink(struct task *task, gaddr_t path, gaddr_t to, int32_t size) {
    return readlink_at(task, AT_FDCWD, path, to, size);
}

/* readlinkat(2) */
long sys_readlinkat(struct task *task, int32_t dirfd, gaddr_t path, gaddr_t to, int32_t size) {
    return readlink_at(task, dirfd, path, to, size);
}
