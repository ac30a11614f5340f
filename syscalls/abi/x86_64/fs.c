/* x86-64 structures of the calls on files and directories: stat, statfs, flock, linux_dirent. */
#include "syscalls/fs/abi_fs.h"
#include "core/space/space.h"
#include "syscalls/abi/x86_64/x86_64.h"
#include "syscalls/file/lock.h"

#include <errno.h>
#include <string.h>

/* --- stat(2), statfs(2) ---------------------------------------------------------------- */

struct x86_64_stat {
    uint64_t dev, ino, nlink;
    uint32_t mode, uid, gid, pad;
    uint64_t rdev;
    int64_t size, blksize, blocks;
    int64_t atime, atime_ns, mtime, mtime_ns, ctime, ctime_ns;
    int64_t unused[3];
};

struct x86_64_statfs {
    int64_t type, bsize;
    uint64_t blocks, bfree, bavail, files, ffree;
    int32_t fsid[2];
    int64_t namelen, frsize, flags, spare[4];
};

_Static_assert(sizeof(struct x86_64_stat) == 144, "struct stat");
_Static_assert(sizeof(struct x86_64_statfs) == 120, "struct statfs");

static int put_stat(struct task *task, gaddr_t to, const struct stat *st) {
    struct x86_64_stat out = {
        .dev = st->st_dev,
        .ino = st->st_ino,
        .nlink = st->st_nlink,
        .mode = st->st_mode,
        .uid = st->st_uid,
        .gid = st->st_gid,
        .rdev = st->st_rdev,
        .size = st->st_size,
        .blksize = st->st_blksize,
        .blocks = st->st_blocks,
        .atime = st->st_atim.tv_sec,
        .atime_ns = st->st_atim.tv_nsec,
        .mtime = st->st_mtim.tv_sec,
        .mtime_ns = st->st_mtim.tv_nsec,
        .ctime = st->st_ctim.tv_sec,
        .ctime_ns = st->st_ctim.tv_nsec,
    };
    return guest_write(task->cpu->space, to, &out, sizeof out);
}

static int put_statfs(struct task *task, gaddr_t to, const struct statfs *fs) {
    struct x86_64_statfs out = {
        .type = fs->f_type,
        .bsize = fs->f_bsize,
        .blocks = fs->f_blocks,
        .bfree = fs->f_bfree,
        .bavail = fs->f_bavail,
        .files = fs->f_files,
        .ffree = fs->f_ffree,
        .namelen = fs->f_namelen,
        .frsize = fs->f_frsize,
        .flags = fs->f_flags,
    };
    memcpy(out.fsid, &fs->f_fsid, sizeof out.fsid);
    return guest_write(task->cpu->space, to, &out, sizeof out);
}

/* --- record locks ---------------------------------------------------------------------- */

struct x86_64_flock {
    int16_t type, whence;
    int64_t start, len;
    int32_t pid;
};

_Static_assert(sizeof(struct x86_64_flock) == 32, "struct flock");

static int get_flock(struct task *task, gaddr_t from, struct lock_request *lock) {
    struct x86_64_flock in;
    if (guest_read(task->cpu->space, &in, from, sizeof in)) {
        return -EFAULT;
    }
    *lock = (struct lock_request){in.type, in.whence, in.start, in.len, in.pid};
    return 0;
}

static int put_flock(struct task *task, gaddr_t to, const struct lock_request *lock) {
    struct x86_64_flock out = {lock->type, lock->whence, lock->start, lock->len, lock->pid};
    return guest_write(task->cpu->space, to, &out, sizeof out);
}

static const struct abi_flock flock = {get_flock, put_flock};

/* --- directories ----------------------------------------------------------------------- */

struct x86_64_dirent {
    uint64_t ino;
    int64_t next;
    uint16_t length;
    char name[]; /* then its NUL, padding, and the type as the record's last byte */
};

#define DIRENT_HEAD offsetof(struct x86_64_dirent, name)

static size_t put_dirent(uint8_t *to, size_t room, const struct dir_entry *entry) {
    size_t name = strlen(entry->name);
    size_t bytes = (DIRENT_HEAD + name + 2 + 7) & ~(size_t)7;
    if (bytes <= room) {
        struct x86_64_dirent head = {entry->ino, entry->next, (uint16_t)bytes};
        memset(to, 0, bytes);
        memcpy(to, &head, DIRENT_HEAD);
        memcpy(to + DIRENT_HEAD, entry->name, name);
        to[bytes - 1] = entry->type;
    }
    return bytes;
}

const struct abi_fs abi_x86_64_fs = {
    .offset_most = INT64_MAX,
    .put_stat = put_stat,
    .put_statfs = put_statfs,
    .flock = &flock,
    .put_dirent = put_dirent,
};
