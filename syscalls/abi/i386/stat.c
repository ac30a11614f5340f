/* i386 layouts of stat and statfs, and the calls that only i386 has: oldstat, stat64 and statfs64.
 * Meaning is in fs/stat.c. */
#include "gen/syscall_protos.h"
#include "syscalls/abi/i386/i386.h"
#include "syscalls/fs/abi_fs.h"
#include "syscalls/fs/fs_attr.h"
#include "syscalls/fs/fs_place.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>

typedef uint64_t u64_packed __attribute__((aligned(4)));
typedef int64_t s64_packed __attribute__((aligned(4)));

struct i386_oldstat {
    uint16_t dev, ino, mode, nlink, uid, gid, rdev;
    uint32_t size, atime, mtime, ctime;
};

struct i386_stat {
    uint32_t dev, ino;
    uint16_t mode, nlink, uid, gid;
    uint32_t rdev, size, blksize, blocks;
    uint32_t atime, atime_ns, mtime, mtime_ns, ctime, ctime_ns;
    uint32_t unused[2];
};

struct i386_stat64 {
    u64_packed dev;
    uint32_t pad0, ino32, mode, nlink, uid, gid;
    u64_packed rdev;
    uint32_t pad3;
    s64_packed size;
    uint32_t blksize;
    u64_packed blocks;
    uint32_t atime, atime_ns, mtime, mtime_ns, ctime, ctime_ns;
    u64_packed ino;
};

struct i386_statfs {
    uint32_t type, bsize, blocks, bfree, bavail, files, ffree, fsid[2], namelen, frsize, flags,
        spare[4];
};

struct i386_statfs64 {
    uint32_t type, bsize;
    u64_packed blocks, bfree, bavail, files, ffree;
    uint32_t fsid[2], namelen, frsize, flags, spare[4];
};

_Static_assert(sizeof(struct i386_oldstat) == 32, "oldstat");
_Static_assert(sizeof(struct i386_stat) == 64, "stat");
_Static_assert(sizeof(struct i386_stat64) == 96, "stat64");
_Static_assert(sizeof(struct i386_statfs) == 64, "statfs");
_Static_assert(sizeof(struct i386_statfs64) == 84, "statfs64");

static uint32_t device(dev_t dev) {
    unsigned high = major(dev), low = minor(dev);
    return (low & 0xff) | high << 8 | (low & ~0xffu) << 12;
}

static uint16_t id16(uint32_t id) {
    return id > 0xffff ? 65534 : (uint16_t)id; /* overflowuid */
}

/* Inode numbers that do not fit: Linux says EOVERFLOW; folding keeps old programs going. */
static uint32_t ino32(uint64_t ino) {
    return (uint32_t)(ino ^ ino >> 32);
}

static int put_oldstat(struct task *task, gaddr_t to, const struct stat *st) {
    if (st->st_size > INT32_MAX) {
        return -EOVERFLOW;
    }
    struct i386_oldstat out = {
        .dev = (uint16_t)device(st->st_dev),
        .ino = (uint16_t)ino32(st->st_ino),
        .mode = (uint16_t)st->st_mode,
        .nlink = (uint16_t)st->st_nlink,
        .uid = id16(st->st_uid),
        .gid = id16(st->st_gid),
        .rdev = (uint16_t)device(st->st_rdev),
        .size = (uint32_t)st->st_size,
        .atime = (uint32_t)st->st_atim.tv_sec,
        .mtime = (uint32_t)st->st_mtim.tv_sec,
        .ctime = (uint32_t)st->st_ctim.tv_sec,
    };
    return guest_write(task->cpu->space, to, &out, sizeof out);
}

int abi_i386_put_stat(struct task *task, gaddr_t to, const struct stat *st) {
    if (st->st_size > INT32_MAX) {
        return -EOVERFLOW;
    }
    struct i386_stat out = {
        .dev = device(st->st_dev),
        .ino = ino32(st->st_ino),
        .mode = (uint16_t)st->st_mode,
        .nlink = (uint16_t)st->st_nlink,
        .uid = id16(st->st_uid),
        .gid = id16(st->st_gid),
        .rdev = device(st->st_rdev),
        .size = (uint32_t)st->st_size,
        .blksize = (uint32_t)st->st_blksize,
        .blocks = (uint32_t)st->st_blocks,
        .atime = (uint32_t)st->st_atim.tv_sec,
        .atime_ns = (uint32_t)st->st_atim.tv_nsec,
        .mtime = (uint32_t)st->st_mtim.tv_sec,
        .mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
        .ctime = (uint32_t)st->st_ctim.tv_sec,
        .ctime_ns = (uint32_t)st->st_ctim.tv_nsec,
    };
    return guest_write(task->cpu->space, to, &out, sizeof out);
}

static int put_stat64(struct task *task, gaddr_t to, const struct stat *st) {
    struct i386_stat64 out = {
        .dev = device(st->st_dev),
        .ino32 = (uint32_t)st->st_ino,
        .mode = st->st_mode,
        .nlink = (uint32_t)st->st_nlink,
        .uid = st->st_uid,
        .gid = st->st_gid,
        .rdev = device(st->st_rdev),
        .size = st->st_size,
        .blksize = (uint32_t)st->st_blksize,
        .blocks = (uint64_t)st->st_blocks,
        .atime = (uint32_t)st->st_atim.tv_sec,
        .atime_ns = (uint32_t)st->st_atim.tv_nsec,
        .mtime = (uint32_t)st->st_mtim.tv_sec,
        .mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
        .ctime = (uint32_t)st->st_ctim.tv_sec,
        .ctime_ns = (uint32_t)st->st_ctim.tv_nsec,
        .ino = st->st_ino,
    };
    return guest_write(task->cpu->space, to, &out, sizeof out);
}

/* stat(2) and its relatives */
long sys_oldstat(struct task *task, gaddr_t path, gaddr_t to) {
    return fs_stat_to(task, AT_FDCWD, path, 0, to, put_oldstat);
}

long sys_oldlstat(struct task *task, gaddr_t path, gaddr_t to) {
    return fs_stat_to(task, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, to, put_oldstat);
}

long sys_oldfstat(struct task *task, int32_t fd, gaddr_t to) {
    return fs_fstat_to(task, fd, to, put_oldstat);
}

long sys_stat64(struct task *task, gaddr_t path, gaddr_t to) {
    return fs_stat_to(task, AT_FDCWD, path, 0, to, put_stat64);
}

long sys_lstat64(struct task *task, gaddr_t path, gaddr_t to) {
    return fs_stat_to(task, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, to, put_stat64);
}

long sys_fstat64(struct task *task, int32_t fd, gaddr_t to) {
    return fs_fstat_to(task, fd, to, put_stat64);
}

long sys_fstatat64(struct task *task, int32_t dirfd, gaddr_t path, gaddr_t to, uint32_t flags) {
    return fs_stat_to(task, dirfd, path, flags, to, put_stat64);
}

/* --- statfs(2) ------------------------------------------------------------------------- */

int abi_i386_put_statfs(struct task *task, gaddr_t to, const struct statfs *fs) {
    if ((fs->f_blocks | fs->f_bfree | fs->f_bavail) > UINT32_MAX) {
        return -EOVERFLOW;
    }
    struct i386_statfs out = {
        .type = (uint32_t)fs->f_type,
        .bsize = (uint32_t)fs->f_bsize,
        .blocks = (uint32_t)fs->f_blocks,
        .bfree = (uint32_t)fs->f_bfree,
        .bavail = (uint32_t)fs->f_bavail,
        .files = (uint32_t)fs->f_files,
        .ffree = (uint32_t)fs->f_ffree,
        .namelen = (uint32_t)fs->f_namelen,
        .frsize = (uint32_t)fs->f_frsize,
        .flags = (uint32_t)fs->f_flags,
    };
    memcpy(out.fsid, &fs->f_fsid, sizeof out.fsid);
    return guest_write(task->cpu->space, to, &out, sizeof out);
}

static int put_statfs64(struct task *task, gaddr_t to, const struct statfs *fs) {
    struct i386_statfs64 out = {
        .type = (uint32_t)fs->f_type,
        .bsize = (uint32_t)fs->f_bsize,
        .blocks = fs->f_blocks,
        .bfree = fs->f_bfree,
        .bavail = fs->f_bavail,
        .files = fs->f_files,
        .ffree = fs->f_ffree,
        .namelen = (uint32_t)fs->f_namelen,
        .frsize = (uint32_t)fs->f_frsize,
        .flags = (uint32_t)fs->f_flags,
    };
    memcpy(out.fsid, &fs->f_fsid, sizeof out.fsid);
    return guest_write(task->cpu->space, to, &out, sizeof out);
}

static bool statfs64_size_ok(uint64_t size) {
    return size == sizeof(struct i386_statfs64) || size == 88; /* with the padding of x86-64 */
}

long sys_statfs64(struct task *task, gaddr_t path, uint64_t size, gaddr_t to) {
    struct statfs fs;
    if (!statfs64_size_ok(size)) {
        return -EINVAL;
    }
    int error = fs_statfs(task, path, &fs);
    return error ? error : put_statfs64(task, to, &fs);
}

long sys_fstatfs64(struct task *task, int32_t fd, uint64_t size, gaddr_t to) {
    struct statfs fs;
    if (!statfs64_size_ok(size)) {
        return -EINVAL;
    }
    int error = fs_fstatfs(task, fd, &fs);
    return error ? error : put_statfs64(task, to, &fs);
}
