/* i386 structures of the calls on files and directories but for stat and statfs (stat.c): both
 * forms of struct flock, struct linux_dirent, and the calls that only i386 has: readdir(2),
 * _llseek(2). */
#include "gen/syscall_protos.h"
#include "syscalls/abi/i386/i386.h"
#include "syscalls/file/lock.h"
#include "syscalls/fs/abi_fs.h"
#include "syscalls/fs/dir.h"
#include "syscalls/fs/rw.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* --- record locks ---------------------------------------------------------------------- */

struct i386_flock {
    int16_t type, whence;
    int32_t start, len, pid;
};

struct i386_flock64 {
    int16_t type, whence;
    int64_t start __attribute__((packed, aligned(4)));
    int64_t len __attribute__((packed, aligned(4)));
    int32_t pid;
};

_Static_assert(sizeof(struct i386_flock) == 16, "struct flock");
_Static_assert(sizeof(struct i386_flock64) == 24, "struct flock64");

static int get_flock(struct task *task, gaddr_t from, struct lock_request *lock) {
    struct i386_flock in;
    if (guest_read(task->cpu->space, &in, from, sizeof in)) {
        return -EFAULT;
    }
    *lock = (struct lock_request){in.type, in.whence, in.start, in.len, in.pid};
    return 0;
}

static int put_flock(struct task *task, gaddr_t to, const struct lock_request *lock) {
    if (lock->start > INT32_MAX || lock->len > INT32_MAX) {
        return -EOVERFLOW;
    }
    struct i386_flock out = {lock->type, lock->whence, (int32_t)lock->start, (int32_t)lock->len,
                             lock->pid};
    return guest_write(task->cpu->space, to, &out, sizeof out);
}

static int get_flock64(struct task *task, gaddr_t from, struct lock_request *lock) {
    struct i386_flock64 in;
    if (guest_read(task->cpu->space, &in, from, sizeof in)) {
        return -EFAULT;
    }
    *lock = (struct lock_request){in.type, in.whence, in.start, in.len, in.pid};
    return 0;
}

static int put_flock64(struct task *task, gaddr_t to, const struct lock_request *lock) {
    struct i386_flock64 out = {lock->type, lock->whence, lock->start, lock->len, lock->pid};
    return guest_write(task->cpu->space, to, &out, sizeof out);
}

static const struct abi_flock flock = {get_flock, put_flock};
static const struct abi_flock flock64 = {get_flock64, put_flock64};

/* --- directories ----------------------------------------------------------------------- */

struct i386_dirent {
    uint32_t ino, next;
    uint16_t length;
    char name[]; /* then its NUL, padding, and the type as the record's last byte */
};

#define DIRENT_HEAD offsetof(struct i386_dirent, name)

static size_t dirent_bytes(const struct dir_entry *entry) {
    return (DIRENT_HEAD + strlen(entry->name) + 2 + 3) & ~(size_t)3;
}

/* Inode numbers are folded, since programs compare them only among themselves. */
static void dirent_fill(uint8_t *to, size_t bytes, const struct dir_entry *entry, size_t length) {
    struct i386_dirent head = {.ino = (uint32_t)(entry->ino ^ entry->ino >> 32),
                               .next = (uint32_t)entry->next,
                               .length = (uint16_t)length};
    memset(to, 0, bytes);
    memcpy(to, &head, DIRENT_HEAD);
    memcpy(to + DIRENT_HEAD, entry->name, strlen(entry->name));
}

static size_t put_dirent(uint8_t *to, size_t room, const struct dir_entry *entry) {
    size_t bytes = dirent_bytes(entry);
    if (bytes <= room) {
        dirent_fill(to, bytes, entry, bytes);
        to[bytes - 1] = entry->type;
    }
    return bytes;
}

/* struct old_linux_dirent: the length is the name's, there is no type. */
static size_t put_old_dirent(uint8_t *to, size_t room, const struct dir_entry *entry) {
    size_t bytes = dirent_bytes(entry);
    if (bytes <= room) {
        dirent_fill(to, bytes, entry, strlen(entry->name));
    }
    return bytes;
}

/* readdir(2): one entry, whatever the count says */
long sys_readdir(struct task *task, int32_t fd, gaddr_t to, uint32_t count) {
    return dir_list(task, fd, to, 512, put_old_dirent, 1);
}

/* --- positions ------------------------------------------------------------------------- */

/* _llseek(2) */
long sys_llseek(struct task *task, int32_t fd, uint32_t high, uint32_t low, gaddr_t to,
                uint32_t whence) {
    int64_t at = fd_seek(task, fd, (int64_t)((uint64_t)high << 32 | low), whence);
    return at < 0 ? at : guest_write(task->cpu->space, to, &at, sizeof at);
}

const struct abi_fs abi_i386_fs = {
    .offset_most = INT32_MAX,
    .put_stat = abi_i386_put_stat,
    .put_statfs = abi_i386_put_statfs,
    .flock = &flock,
    .flock64 = &flock64,
    .put_dirent = put_dirent,
};
