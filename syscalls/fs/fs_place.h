/* Where a guest path leads: the result of resolution, and the mount table behind it.
 *
 * A place is safe to use: its descriptor is inside the root or a mount, its name is one component,
 * and every use of it is without following symlinks, so that no race can lead elsewhere. */
#ifndef FG_SYSCALLS_FS_PLACE_H
#define FG_SYSCALLS_FS_PLACE_H

#include "syscalls/fs/fs.h"
#include "syscalls/task/task.h"
#include "syscalls/fs/vfs_synthetic.h"
#include <fcntl.h>
#include <limits.h>

/* Constant once the first task runs, but for the making of a lazy one. */
struct mount {
    atomic_bool lazy; /* its host directory is made when it is first met */
    char *guest;      /* "" for the root, "/proc", ... */
    size_t guest_len;
    int dir;    /* host directory (O_PATH), -1: synthetic */
    char *host; /* its host path, to map host paths back */
    bool read_only;
    bool metadata;        /* the override_stat attribute is used */
    atomic_bool devices;  /* device nodes of the host were seen on it */
    bool node;            /* a single synthetic node, not a tree */
    struct synth_ref ref; /* synthetic: its root */
    const char *type, *source;
    int id;
};
extern struct mount fs_mounts[];
extern int fs_mount_count;
/* The mount of files that are on none (pipes, sockets, memory files, what was given open). */
extern struct mount fs_nowhere;
/* True when the root is a directory of its own (--root), false for "/". */
extern bool fs_private_root;

/* Mounts a synthetic tree; before the first task runs. NULL: too many, or out of memory. */
struct mount *fs_mount_synthetic(const char *guest, const struct synth_entry *root,
                                 const char *type);
/* The mount that holds the canonical path (first `len` bytes); the mount whose point it is, or
 * NULL. */
struct mount *fs_mount_of(const char *path, size_t len);
struct mount *fs_mount_at(const char *path, size_t len);
/* Does a mount lie below the canonical path of a directory? It stays where it is, for mounts are
 * found by their paths: what they cover must not come to light. */
bool fs_mount_below(const char *path);

struct place {
    struct mount *mount; /* never NULL; that of `file`, where there is one */
    int dir;      /* host: directory that holds `name`, or the thing itself (O_PATH) with name "" */
    bool own_dir; /* place_put closes dir */
    bool exists;  /* `st` is valid */
    bool slash;   /* the path ended in a slash */
    uint8_t dots; /* the path ended in: 1 ".", 2 "..", 3 it is a root or mount point */
    bool is_synth;
    char name[NAME_MAX + 1];
    struct stat st;       /* host: the host's own data, not followed; no metadata applied */
    struct synth_ref ref; /* is_synth */
    struct file *file;    /* magic link or AT_EMPTY_PATH: the open file itself, referenced */
    struct file *base;    /* keeps `dir` open when it is an open file's, referenced */
    char path[PATH_MAX];  /* canonical guest path, "/" for the root */
};

#define PLACE_FOLLOW   1   /* follow a symlink in the last component */
#define PLACE_PARENT   2   /* the name in its directory is meant: not followed, may be missing */
#define PLACE_MISSING  4   /* with FOLLOW: the last component may be missing */
#define PLACE_EMPTY    8   /* "" means dirfd itself (AT_EMPTY_PATH) */
#define PLACE_BENEATH  16  /* openat2: RESOLVE_BENEATH */
#define PLACE_IN_ROOT  32  /* openat2: RESOLVE_IN_ROOT */
#define PLACE_NO_LINKS 64  /* openat2: RESOLVE_NO_SYMLINKS */
#define PLACE_NO_MAGIC 128 /* openat2: RESOLVE_NO_MAGICLINKS */
#define PLACE_NO_XDEV  256 /* openat2: RESOLVE_NO_XDEV */

/* What AT_SYMLINK_NOFOLLOW and AT_EMPTY_PATH among a call's flags ask for. */
static inline int place_how(uint32_t flags) {
    return (flags & AT_SYMLINK_NOFOLLOW ? 0 : PLACE_FOLLOW) |
           (flags & AT_EMPTY_PATH ? PLACE_EMPTY : 0);
}

/* Resolves a path; dirfd is a guest descriptor or AT_FDCWD. On success (0) the caller ends with
 * place_put(); on failure (-errno) there is nothing to put. No locks held. */
int place_find(struct task *task, int dirfd, const char *path, int flags, struct place *place);
/* The same with the path in guest memory. */
int place_find_guest(struct task *task, int dirfd, gaddr_t path, int flags, struct place *place);
void place_put(struct place *place);
/* place of an open file (fchmod, AT_EMPTY_PATH, ...). */
int place_of_file(struct file *file, struct place *place);

/* stat with metadata applied. */
int place_stat(const struct place *place, struct stat *st);
/* Text of the symlink; bytes or -errno. */
ssize_t place_readlink(const struct place *place, char *text, size_t size);
/* An O_PATH (or the file's own) descriptor of the very thing, to ask and to change it by;
 * *own: the caller closes it. -errno. */
int place_pin(const struct place *place, bool *own);
/* What the guest sees of a pinned place. 0 or -errno. */
int place_pinned_stat(const struct place *place, int fd, struct stat *st);
/* -EROFS when the place's mount is read-only, -EACCES/-EPERM for synthetic ones; else 0. */
int place_writable(const struct place *place);

/* May the task change names in the directory of the place? 0 or -errno. With `victim`, the sticky
 * bit counts too. */
int place_names_check(struct task *task, const struct place *place, bool victim);

/* While held no guest renames, links or removes a name: what a maker made is still there by its
 * name. Nothing else is locked by the holder but the metadata. fs_names_change_begin and _end come
 * around such a change. */
void fs_names_hold(void);
void fs_names_let_go(void);
void fs_names_change_begin(void);
void fs_names_change_end(void);

/* Guest path of a host descriptor on a mount, from the host's /proc: 0 or -ENOENT. *deleted says
 * that the path is where it was; with `deleted` NULL that is not told. */
int fs_path_of_host_fd(struct mount *mount, int fd, char *path, size_t size, bool *deleted);
/* Opens what a place names (not a symlink): the inner part of open(2). -ESTALE: another file took
 * the name meanwhile, look again. */
int place_open(struct task *task, struct place *place, int flags, uint32_t mode, struct file **out);
/* A path from guest memory into buf[PATH_MAX]: 0, -EFAULT, -ENAMETOOLONG. */
int guest_path(struct task *task, gaddr_t from, char *buf);
/* The open of a device node of a private root by what stat shows: by number, never the host's
 * node. 0, -ENXIO or -errno. */
int fs_open_device(struct task *task, const struct stat *st, int flags, struct file **out);
/* Is the file too large for a 32-bit program that does not say O_LARGEFILE? */
bool open_overflows(const struct task *task, int flags, const struct stat *st);
/* Permission bits that an open with these flags asks for. */
int open_wants(int flags);

/* What the room of terminals does for their device nodes (tty.h has the same functions); entered at
 * start. */
struct fs_terminals {
    int (*open_current)(struct task *task, int guest_flags, struct file **out);
    int (*open_ptmx)(struct task *task, int guest_flags, struct file **out);
    int (*chown)(int index, uint32_t uid, uint32_t gid);
    int (*chmod)(int index, uint32_t mode);
};
extern const struct fs_terminals *fs_terminals;

/* --- fs_shm.c --------------------------------------------------------------------------------- */

/* Makes the directory of /dev/shm and removes those of runs that were killed: an O_PATH descriptor,
 * or -1. Its end, idempotent. */
int fs_shm_make(void);
void fs_shm_remove(void);

/* --- fs_reopen.c: opening an open file anew (/proc/PID/fd/N, exe, cwd) ----------------- */

/* Another description of the file, or one that stands for it (O_PATH). 0 or -errno. */
int file_reopen(struct task *task, struct file *file, int flags, struct file **out);
/* Do mode and owner that stat shows let the task open the file so? For ops->reopen. */
int file_reopen_check(struct file *file, struct task *task, int flags);
/* ops->reopen of kinds that are a host inode and nothing more. */
int file_reopen_inode(struct file *file, struct task *task, int flags, struct file **out);

/* --- fs_owner.c: owners of files without metadata -------------------------------------- */

/* Must permission bits be asked here, because the host does not know the guest's user? In a private
 * root, and where an ordinary host user lets the guest have another than their own. */
bool fs_owner_asks(const struct task *task);
struct statfs;
/* statfs(2) of a mount's file system; fd: a descriptor of it on the host, or -1. 0 or -errno. */
int mount_statfs(const struct mount *mount, int fd, struct statfs *fs);
/* The owner that the guest sees of a file that has no metadata. */
void fs_owner_shown(struct stat *st);
/* fstat as the guest sees it; fd may be O_PATH, mount NULL. 0 or -errno. */
int fs_owner_fstat(const struct mount *mount, int fd, struct stat *st);
/* In a private root: keeps the owner of a link, fifo or socket that the host would not take;
 * forgets it with the last name. `host`: what the host says of the file. */
void fs_owner_remember(const struct stat *host, uint32_t uid, uint32_t gid);
void fs_owner_forget(const struct stat *host);
/* Makes ids that a guest gives such a file the host's (-1, keep, stays); false when the host has
 * none for them. */
bool fs_owner_on_host(uint32_t *uid, uint32_t *gid);

/* --- fs_set_id.c: set-user-ID and set-group-ID bits ------------------------------------ */

/* A file was given this mode. */
void set_id_note(mode_t mode);
/* The mode of a file after the task changed its contents. */
mode_t set_id_kept(const struct task *task, const struct stat *st);
/* The mode that the task may give to a file of the group: set-group-ID is for its members. */
mode_t set_id_granted(const struct task *task, gid_t gid, mode_t mode);
/* The task changes the contents of a file (fd may be O_PATH): bits go where the host keeps them.
 * Takes the metadata lock; whether it can be done is not told. */
void set_id_drop(struct task *task, const struct mount *mount, int fd);
/* The same for an open file, before and after each change of its contents; at no cost where nothing
 * is to be done. */
void set_id_on_write(struct task *task, struct file *file);
/* Around the host's chmod(2) of a file on a mount without metadata. */
void set_id_change_begin(mode_t mode);
void set_id_change_end(void);

/* --- metadata.c: the user.containers.override_stat attribute --------------------------- */

struct metadata {
    uint32_t uid, gid;
    mode_t mode; /* permission bits, and the type when has_type */
    bool has_type;
    dev_t rdev;
};
#define METADATA_NAME "user.containers.override_stat"
/* Parses/prints the attribute's text. parse: false when it is malformed. */
bool metadata_parse(const char *text, size_t len, struct metadata *meta);
int metadata_format(const struct metadata *meta, char *text, size_t size);
/* Applies the attribute to st (which is the host's). `name` in dirfd, not followed: when it is
 * another file's by now, that one's st; "": dirfd itself, which may be O_PATH; NULL: dirfd itself,
 * which is not. 0; -ENOENT: the name is gone, or of another type. */
int metadata_apply_at(int dirfd, const char *name, struct stat *st);
/* Around the making of a file whose metadata follow, and around a reading of them for a change: no
 * other task sees what is between. Takes a lock of its own, but on mounts without metadata; nothing
 * between the two may wait. */
void metadata_change_begin(const struct mount *mount);
void metadata_change_end(const struct mount *mount);
/* Makes a file show `want` (uid, gid, st_mode, st_rdev); `host` is what the host says now, fd any
 * descriptor of it (O_PATH too). Writes the attribute when it must. 0 or -errno. */
int metadata_set(int fd, const struct stat *host, const struct stat *want);
/* After creation by the task: owner, and the mode that was asked for (with S_IFCHR and st_rdev: see
 * fs_make.c). fd may be O_PATH. inherit_gid: that of a set-gid parent, or -1. */
int metadata_created(struct task *task, int fd, mode_t mode, int64_t inherit_gid);

/* --- fs_permission.c ------------------------------------------------------------------- */

/* May the task pass over mode bits (CAP_DAC_OVERRIDE)? */
bool task_is_root(const struct task *task);
/* May it do what is for the file's owner (CAP_FOWNER)? */
bool task_owns(const struct task *task, const struct stat *st);
bool task_in_group(const struct task *task, uint32_t gid);
/* Do mode bits or capabilities grant `want` (4 r, 2 w, 1 x) to the task's fs ids? 0 or -EACCES.
 * permission_bits_real: to its real ids, as access(2) asks. permission_check asks only where
 * fs_owner_asks(): elsewhere the host decides. */
int permission_bits(const struct task *task, const struct stat *st, int want);
int permission_bits_real(const struct task *task, const struct stat *st, int want);
int permission_check(const struct task *task, const struct stat *st, int want);

#endif
