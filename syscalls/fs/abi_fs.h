/* What this room asks of an ABI: structures of files and directories, and how far its offsets go.
 * Reached as task->abi->fs. */
#ifndef FG_SYSCALLS_FS_ABI_H
#define FG_SYSCALLS_FS_ABI_H

#include "core/base/types.h"
#include <sys/stat.h>
#include <sys/statfs.h>

struct task;
struct lock_request;

/* One layout of struct flock (fcntl_locking(2)). 0 or -EFAULT; put: -EOVERFLOW where a value does
 * not fit. */
struct abi_flock {
    int (*get)(struct task *task, gaddr_t from, struct lock_request *lock);
    int (*put)(struct task *task, gaddr_t to, const struct lock_request *lock);
};

/* An entry of a directory as getdents(2) tells it; `next`: the position after it. */
struct dir_entry {
    const char *name;
    uint64_t ino;
    int64_t next;
    uint8_t type; /* DT_* */
};
/* Lays an entry out in host memory of `room` bytes: the length of the record with its padding. One
 * that is longer than `room` was not written. */
typedef size_t dirent_put(uint8_t *to, size_t room, const struct dir_entry *entry);

struct abi_fs {
    /* The largest offset that its off_t holds: what opens without O_LARGEFILE, lseek(2) and the
     * writes to such files end at. INT64_MAX: no file is too large. */
    int64_t offset_most;
    /* struct stat, struct statfs. 0, -EFAULT, or -EOVERFLOW where a value does not fit. */
    int (*put_stat)(struct task *task, gaddr_t to, const struct stat *st);
    int (*put_statfs)(struct task *task, gaddr_t to, const struct statfs *fs);
    /* The struct flock of fcntl(2); that of fcntl64(2) and its F_GETLK64, NULL where there is no
     * such call. Locks of open file descriptions come with the larger of the two. */
    const struct abi_flock *flock, *flock64;
    dirent_put *put_dirent; /* struct linux_dirent of getdents(2); that of getdents64(2) is one */
};

#endif
