/* Open file descriptions and descriptor tables.
 *
 * A struct file is an open file description: dup and fork share it. Most have one host
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

/* Kinds that lie nowhere and that a host descriptor alone tells (file_kind_add). */
enum file_class { FILE_SOMEWHERE, FILE_PIPE, FILE_SOCKET, FILE_EVENT };

/* Operations; a NULL one means what the comment says. All return bytes or -errno (or -ERESTARTSYS);
 * buffers are guest memory already turned into host iovecs (the host's EFAULT is the guest's). */
struct file_ops {
    const char *kind; /* "regular", "pipe", ... for /proc and dumps */
    enum file_class nowhere;
    ssize_t (*read)(struct file *file, struct task *task, const struct iovec *iov, int count,
                    int64_t offset); /* offset -1: at the position; NULL: host readv */
    ssize_t (*write)(struct file *file, struct task *task, const struct iovec *iov, int count,
                     int64_t offset); /* NULL: host writev */
    /* The same with RWF_NOWAIT; NULL, with a read or write of its own: EOPNOTSUPP. */
    ssize_t (*nowait)(struct file *file, struct task *task, const struct iovec *iov, int count,
                      int64_t offset, bool write);
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
                  struct file **out); /* open(2) of /proc/PID/fd/N without O_PATH: another
                    description of the same thing, with the checks of an open by name (fs_reopen.c);
                    NULL: ENXIO */
    struct file *(*adopt)(struct task *task, int host_fd,
                          int flags); /* a file over a host descriptor of this kind that came from
                      outside (taken over), or NULL; NULL: needs nothing but its owner */
    bool (*told_apart)(struct file *file, struct task *task); /* would data lose whose they are,
                                         were they not written by write? NULL: no */
    void (*release)(struct file *file); /* last reference dropped; NULL: close the host fd (one that
                    is not NULL closes it itself) */
};

/* Flags of struct file beside the O_* ones, which are the host's constants (open_flags.h
 * translates).
 */
#define FILE_LARGEFILE (1 << 29) /* the guest gave O_LARGEFILE */
#define FILE_EXECUTE   (1 << 28) /* for execve: it asks whether it may be executed, not read */
#define FILE_OWN_FLAGS (FILE_LARGEFILE | FILE_EXECUTE)

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
    int32_t flock_pid;              /* who took a lock with flock(2) last */
    bool observed;                  /* observers are told of its end; set by them */
    struct epoll_item *epoll_items; /* registrations: epoll.c */
    bool regular;                   /* host_fd is a regular file's; false: or not known to be */
    bool given; /* came open from outside of a private root (start, SCM_RIGHTS of host processes):
                   it may be used as it is, not changed, linked or opened with more */
    struct account *account; /* whose share of the host's descriptors it uses, see account.h */
    bool sent;               /* went through SCM_RIGHTS: socket_rights.c */
};

/* New description with one reference; takes over host_fd. NULL with errno ENOMEM, or ENFILE when
 * the user has their share of the host's descriptors (host_fd closed). */
struct file *file_create(const struct file_ops *ops, int host_fd, int flags);
struct file *file_ref(struct file *file);
void file_unref(struct file *file);

/* Told when an observed file goes away, before its release. Added at start (run/start.c). */
struct file_observer {
    void (*gone)(struct file *file);
    struct file_observer *next;
};
void file_observer_add(struct file_observer *observer);

/* Kinds that a host descriptor alone tells: what /proc/self/fd says of it begins with ops->kind.
 * Added at start, at most four. */
void file_kind_add(const struct file_ops *ops);
/* The kind of such a link, or NULL. */
const struct file_ops *file_kind_of_link(const char *link);

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

/* The file of a descriptor, referenced (file_unref it), or NULL (EBADF). */
struct file *fd_get(struct task *task, int fd);
/* Lowest free descriptor >= from for `file` (takes the reference over, also on failure). Returns it
 * or -EMFILE (RLIMIT_NOFILE). */
int fd_install(struct task *task, struct file *file, bool cloexec, int from);
int fd_close(struct task *task, int fd);
/* Writes two descriptors that a call made to guest memory (pipe2(2)): 0 or -errno, and then both
 * are closed. fd[1] may be an error of its own. */
int fd_give_pair(struct task *task, gaddr_t at, const int32_t fd[2]);
/* The same for the table of another process (pidfd_getfd, /proc): table->lock is taken here. */
struct file *fd_table_get(struct fd_table *table, int fd);

#endif
