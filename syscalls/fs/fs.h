/* Paths: the guest's root, mounts, current directory; resolution that cannot leave them. */
#ifndef FG_SYSCALLS_FS_H
#define FG_SYSCALLS_FS_H

#include "syscalls/file/file.h"

struct task;

/* Mounts (struct mount, fs_place.h): host directories (the root itself and --mount), and the
 * synthetic ones (proc, sys, dev, devpts), which implement the node operations of vfs_synthetic.h.
 */
struct fs_context {
    _Atomic int refs;
    pthread_mutex_t lock;
    char *cwd;              /* absolute guest path, normalised, relative to the real root */
    char *root;             /* chroot: absolute guest path, "/" normally */
    _Atomic uint32_t umask; /* read without the lock */
    struct file
        *cwd_file; /* the directory itself (O_PATH): stays right when it is renamed; or NULL */
};

struct fs_context *fs_context_create(void);
struct fs_context *fs_context_fork(struct fs_context *fs);
struct fs_context *fs_context_ref(struct fs_context *fs);
void fs_context_unref(struct fs_context *fs);
/* Gives a task that shares its directories and umask a copy of its own; 0 or -ENOMEM. Its own
 * thread alone calls it. */
int task_unshare_fs(struct task *task);

/* Set-up, before the first task runs. `host_root` is the host directory of "/". Return 0 or -errno;
 * fs_mount_host also FS_NO_MOUNT_POINT, when the guest has no directory that guest_path could be
 * in.
 */
#define FS_NO_MOUNT_POINT 1
int fs_init(const char *host_root, bool metadata);
int fs_mount_host(struct task *task, const char *host_dir, const char *guest_path, bool read_only);

/* Tells, once fs_init is through, which user the first task runs as: see fs_owner.c. */
void fs_owner_init(uint32_t uid, uint32_t gid);

/* Open a guest path as open(2) does; a new referenced file in *out. dirfd: guest descriptor or
 * AT_FDCWD. 0 or -errno. */
int fs_open(struct task *task, int dirfd, const char *path, int flags, uint32_t mode,
            struct file **out);
/* The same for execve: the program may be read, whether or not its user could, but is no more than
 * executed. Where the host decides (in its "/") reading is asked for. `flags`: 0 or O_NOFOLLOW. */
int fs_open_program(struct task *task, int dirfd, const char *path, int flags, struct file **out);

/* Ends what fs_init set up (temporary directories). Idempotent; call before the host process ends.
 */
void fs_shutdown(void);
/* chdir(2) for start-up and for the call; path is a host string. 0 or -errno. */
int fs_chdir(struct task *task, const char *path);
/* Guest path of the current directory into buf (PATH_MAX). 0 or -errno (-ENOENT: removed). */
int fs_getcwd(struct task *task, char *buf, size_t size);

/* F_SETOWN: a process, or with a minus sign a group. 0, -ESRCH or -EINVAL. */
int file_set_owner(struct file *file, int32_t who);

/* --- fs_file.c, fs_adopt.c: files over host descriptors -------------------------------- */

/* What fstat(2) shows: the host's data with the metadata attribute applied, or the kind's own. */
int file_stat(struct file *file, struct stat *st);
/* Guest path of an open file as /proc/self/fd shows it ("pipe:[7]", "/a/b (deleted)" too); moves of
 * the file are followed. Returns 0 or -errno; `size` at least PATH_MAX. */
int file_path(struct file *file, char *path, size_t size);
/* Kinds that have a host descriptor alone: "regular", "directory", "fifo", "device", ... */
struct file *file_create_host(int host_fd, int flags);
/* The kind for what stat(2) calls `mode`. */
const struct file_ops *file_ops_of_mode(mode_t mode);
/* A file over one of the host's descriptors 0, 1, 2 (duplicated), which is no terminal; for
 * start-up. 0 or -errno. */
int file_adopt_host(int fd, struct file **out);
extern const struct file_ops file_ops_regular, file_ops_directory, file_ops_path, file_ops_device;
/* The inode behind an open file: what ops->stat shows where the kind has none of its own. */
int file_stat_host(struct file *file, struct stat *st);

/* What kind of file a descriptor is that came from outside (SCM_RIGHTS, start-up): a new file over
 * host_fd (taken over). NULL with errno ENOMEM. */
struct file *file_from_host(struct task *task, int host_fd);

#endif
