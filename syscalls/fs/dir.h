/* Directories as open files: dir.c. */
#ifndef FG_SYSCALLS_DIR_H
#define FG_SYSCALLS_DIR_H

#include "syscalls/file/file.h"
#include "syscalls/fs/abi_fs.h"

int64_t dir_seek(struct file *file, int64_t offset, int whence);
int dir_getdents(struct file *file, struct task *task,
                 int (*emit)(void *arg, const char *name, uint64_t ino, uint8_t type,
                             int64_t next_offset),
                 void *arg);
void dir_release(struct file *file);

/* The inner getdents(2): writes entries, laid out by `put`, to at most `size` bytes of the guest's
 * at `to`. `most` 1: one entry, and the number of entries is returned; -1: as many as there is room
 * for, and the bytes are. 0 at the end, or -errno; -EINVAL when not even the first has room. */
long dir_list(struct task *task, int fd, gaddr_t to, size_t size, dirent_put *put, int most);

#endif
