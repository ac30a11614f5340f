/* Paths: the guest's root, mounts, current directory; resolution that cannot leave them. */
#ifndef FG_SYSCALLS_FS_H
#define FG_SYSCALLS_FS_H

#include "syscalls/file.h"

struct task;

/* A mounted file system. Kinds: host directory (the root itself and --mount), and the synthetic ones
 * (proc, sys, dev, devpts), which implement the node operations of vfs_synthetic.h. */
struct fs_context {
    _Atomic int refs;
    pthread_mutex_t lock;
    char *cwd;  /* absolute guest path, normalised, relative to the real root */
    char *root; /* chroot: absolute guest path, "/" normally */
    uint32_t umask;
};

struct fs_context *fs_context_create(void);
struct fs_context *fs_context_fork(struct fs_context *fs);
void fs_context_unref(struct fs_context *fs);

/* Set-up, before the first task runs. `host_root` is the host directory of "/". Return 0 or -errno. */
int fs_init(const char *host_root, bool metadata);
int fs_mount_host(const char *host_dir, const char *guest_path, bool read_only);

/* Open a guest path as open(2) does; a new referenced file in *out. dirfd: guest descriptor or
 * AT_FDCWD. Used by the open family, execve and the ELF loader. 0 or -errno. */
int fs_open(struct task *task, int dirfd, const char *path, int flags, uint32_t mode,
            struct file **out);

#endif
