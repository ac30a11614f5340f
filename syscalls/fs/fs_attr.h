/* Attributes of files: inner functions of calls, some of which have their structures from the ABI.
 */
#ifndef FG_SYSCALLS_FS_ATTR_H
#define FG_SYSCALLS_FS_ATTR_H

#include "core/base/types.h"
#include "syscalls/file/file.h"
#include <sys/statfs.h>
#include <sys/stat.h>

struct task;

/* utimensat(2): times NULL means now; path 0 means the descriptor itself. 0 or -errno. */
int fs_set_times(struct task *task, int dirfd, gaddr_t path, const struct timespec times[2],
                 uint32_t flags);
/* fstatat(2) with its AT_ flags; fstat(2). 0 or -errno. */
int fs_stat(struct task *task, int dirfd, gaddr_t path, uint32_t flags, struct stat *st);
int fs_fstat(struct task *task, int fd, struct stat *st);
/* The same with the answer written to the guest, in the layout of `put` (abi_fs.h). */
typedef int stat_put(struct task *task, gaddr_t to, const struct stat *st);
int fs_stat_to(struct task *task, int dirfd, gaddr_t path, uint32_t flags, gaddr_t to,
               stat_put *put);
int fs_fstat_to(struct task *task, int fd, gaddr_t to, stat_put *put);
/* statfs(2), fstatfs(2). */
int fs_statfs(struct task *task, gaddr_t path, struct statfs *fs);
int fs_fstatfs(struct task *task, int fd, struct statfs *fs);

#endif
