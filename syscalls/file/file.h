/* Open file descriptions and descriptor tables.
 *
 * A struct file is an open file description: dup and fork share it. Most stand on one host
 * descriptor (regular files, directories, pipes, sockets, eventfd, timerfd, epoll, ptys), so that
 * the host's poll and epoll work on them all; what has no host object (proc files, signalfd, pidfd)
 * makes a pollable one (memfd, eventfd). All host descriptors are O_CLOEXEC. */
#ifndef FG_SYSCALLS_FILE_H
#define FG_SYSCALLS_FILE_H

#include "core/base/types.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

struct task;
struct file;
struct mm;
struct mount;
struct strbuf;

/* Operations; a NULL one means what the comment says. All return bytes or -errno (or -ERESTARTSYS);
 * buffers are guest memory already turned into host iovecs (the host's EFAULT is the guest's). */
struct file_ops {
    const char *kind; /* "regular", "pipe", ... for /proc and dumps */
    ssize_t (*read)(struct file *file, struct task *task, const struct iovec *iov, int count,
                    int64_t offset); /* offset -1: at the position; NULL: host readv */
    ssize_t (*write)(struct file *file, struct task *task, const struct iovec *iov, int count,
                     int64_t offset);                               /* NULL: host writev */
    int64_t (*seek)(struct file *file, int64_t offset, int whence); /* NULL: host lseek */
    long (*ioctl)(struct file *file, struct task *task, uint32_t request, gaddr_t arg); /* NULL:
                    ENOTTY, after the generic FIONREAD, FIONBIO, FIOCLEX, FIONCLEX */
    int (*stat)(struct file *file, struct stat *st); /* NULL: host fstat with metadata attribute */
    int (*getdents)(struct file *file, struct task *task,
                    int (*emit)(void *arg, const char *name, uint64_t ino, uint8_t type,
                                int64_t next_offset),
                    void *arg);                     /* NULL: ENOTDIR */
    short (*poll)(struct file *file, short events); /* readiness that the host fd does not show:
                    or'ed into (NULL: the host descriptor's alone) */
    void (*info)(struct file *file,
                 struct strbuf *out); /* the kind's own lines of /proc/PID/fdinfo; NULL: none */
    int (*reopen)(struct file *file, struct task *task, int flags,
                  struct file **out);   /* open(2) of /proc/PID/fd/N without O_PATH: another
                      description of the same thing, with the checks of an open by name (fs_reopen.c);
                      NULL: ENXIO */
    void (*release)(struct file *file); /* last reference dropped; NULL: close the host fd (one that
                    is not NULL closes it itself) */
};

/* Flags of struct file beside the O_* ones, which are the host's constants (open_flags.h
 * translates).
 */
#define FILE_LARGEFILE (1 << 29) /* the guest gave O_LARGEFILE */

struct file {
    const struct file_ops *ops;
    int host_fd; /* -1: none */
    _Atomic int refs;
    _Atomic int
        flags;  /* O_ACCMODE, O_APPEND, O_NONBLOCK, O_DIRECTORY, O_PATH, ... as F_GETFL shows */
    char *path; /* guest path at open, for /proc/self/fd; NULL: none ("pipe:[n]" made from stat) */
    struct mount *mount; /* of a file on a mount; NULL otherwise */
    void *data;          /* the kind's own */
    uint64_t data_word;
    pthread_mutex_t lock;  /* position of files without a host one, and the kind's own data */
    int64_t position;      /* regular files: see small_file_limit() in rw.c */
    atomic_uint no_set_id; /* fs_set_id.c: when the file was known to have no set-id bits */
    int32_t owner;         /* F_SETOWN */
    int owner_signal;
    int32_t flock_pid; /* who took a lock with flock(2) last */
    struct epoll_item
        *epoll_items; /* registrations; file_unref() calls epoll_file_gone() (io.h) first */
    bool given; /* came open from outside of a private root (start, SCM_RIGHTS of host processes):
                   it may be used as it is, not changed, linked or opened with more */
    struct account *account; /* whose share of the host's descriptors it uses, see account.h */
    bool sent; /* went through SCM_RIGHTS: file_unref() calls rights_file_gone() (io.h) first */
};

/* New description with one reference; takes over host_fd. NULL with errno ENOMEM, or ENFILE when
 * the user has their share of the host's descriptors (host_fd closed). */
struct file *file_create(const struct file_ops *ops, int host_fd, int flags);
struct file *file_ref(struct file *file);
void file_unref(struct file *file);

struct fd_slot {
    struct file *file;
    bool cloexec;
};

struct fd_table {
    pthread_mutex_t lock;
    struct fd_slot *slot;
    int size;         /* room */
    _Atomic int refs; /* the tasks that use it, and nobody else: who looks at another task's table
                       * holds process_lock meanwhile */
};

struct fd_table *fd_table_create(void);
struct fd_table *fd_table_fork(struct fd_table *table);
struct fd_table *fd_table_ref(struct fd_table *table);
void fd_table_unref(struct fd_table *table);
void fd_table_close_on_exec(struct fd_table *table);
/* Gives a task that shares its descriptors a table of its own; 0 or -ENOMEM. Its own thread alone
 * calls it. */
int task_unshare_fds(struct task *task);

/* What fstat(2) shows: the host's data with the metadata attribute applied, or the kind's own. */
int file_stat(struct file *file, struct stat *st);
/* Guest path of an open file as /proc/self/fd shows it ("pipe:[7]", "/a/b (deleted)" too); moves of
 * the file are followed. Returns 0 or -errno; `size` at least PATH_MAX. */
int file_path(struct file *file, char *path, size_t size);
/* Kinds that stand on a host descriptor alone: "regular", "directory", "fifo", "device", ... */
struct file *file_create_host(int host_fd, int flags);
/* The kind for what stat(2) calls `mode`. */
const struct file_ops *file_ops_of_mode(mode_t mode);
/* A file over one of the host's descriptors 0, 1, 2 (duplicated), terminals included; for start-up.
 */
int file_adopt_host(int fd, struct file **out);
extern const struct file_ops file_ops_regular, file_ops_directory, file_ops_path, file_ops_device;
/* The inode behind an open file: what ops->stat shows where the kind has none of its own. */
int file_stat_host(struct file *file, struct stat *st);

/* F_SETOWN: a process, or with a minus sign a group. 0, -ESRCH or -EINVAL. */
int file_set_owner(struct file *file, int32_t who);

/* The file of a descriptor, referenced (file_unref it), or NULL (EBADF). */
struct file *fd_get(struct task *task, int fd);
/* Lowest free descriptor >= from for `file` (takes the reference over, also on failure). Returns it
 * or -EMFILE (RLIMIT_NOFILE). */
int fd_install(struct task *task, struct file *file, bool cloexec, int from);
int fd_close(struct task *task, int fd);
/* The same for the table of another process (pidfd_getfd, /proc): table->lock is taken here. */
struct file *fd_table_get(struct fd_table *table, int fd);

#endif
