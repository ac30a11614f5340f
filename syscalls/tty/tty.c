/* Terminals as objects: the list of ttys, their files, sessions and foreground groups, job control.
 * The line discipline is the host's; what sits behind a tty is in pty.c and tty_host.c, its ioctls
 * in ioctl_tty.c. */
#include "core/space/space.h"
#include "syscalls/file/open_flags.h"
#include "syscalls/fs/fs_place.h"
#include "syscalls/file/io.h"
#include "syscalls/task/process.h"
#include "syscalls/signal/signal.h"
#include "syscalls/tty/tty_internal.h"
#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define PTS_MAJOR 136
#define TTY_GID   5 /* group "tty" */

dev_t tty_devpts_device;

static struct tty *ttys; /* in rising order of index; process_lock */

/* --- objects --------------------------------------------------------------------------- */

struct tty *tty_find_locked(int index) {
    struct tty *tty = ttys;
    while (tty && tty->index != index) {
        tty = tty->next;
    }
    return tty;
}

int tty_free_index_locked(int from) {
    while (tty_find_locked(from)) {
        from++;
    }
    return from;
}

struct tty *tty_new_locked(int index) {
    struct tty *tty = calloc(1, sizeof *tty);
    if (!tty) {
        return NULL;
    }
    tty->index = index;
    tty->master_fd = tty->host_fd = -1;
    tty->open_files = 1;
    tty->gid = TTY_GID;
    clock_gettime(CLOCK_REALTIME, &tty->opened);
    struct tty **at = &ttys;
    while (*at && (*at)->index < index) {
        at = &(*at)->next;
    }
    tty->next = *at;
    *at = tty;
    return tty;
}

static void forget_locked(struct tty *tty) {
    for (struct process *process = process_list; process; process = process->next) {
        if (process->tty == tty) {
            process->tty = NULL;
        }
    }
}

void tty_drop(struct tty *tty) {
    pthread_mutex_lock(&process_lock);
    if (--tty->open_files == 0) {
        struct tty **at = &ttys;
        while (*at != tty) {
            at = &(*at)->next;
        }
        *at = tty->next;
        forget_locked(tty);
        free(tty);
    }
    pthread_mutex_unlock(&process_lock);
}

static bool is_leader(const struct process *process) {
    return process->sid == process->pid;
}

static void take_locked(struct process *process, struct tty *tty) {
    tty->session = process->sid;
    tty->foreground = process->pgid;
    process->tty = tty;
}

int tty_file(struct task *task, struct tty *tty, const struct file_ops *ops, enum tty_node node,
             int host_fd, int flags, struct file **out) {
    struct file *file =
        file_create(ops, host_fd, flags & ~(O_CLOEXEC | O_NOCTTY | O_CREAT | O_EXCL));
    if (!file) {
        return -ENOMEM;
    }
    struct process *process = task ? task->process : NULL;
    pthread_mutex_lock(&process_lock);
    tty->open_files++;
    if (node == NODE_PTS && asprintf(&file->path, "/dev/pts/%d", tty->index) < 0) {
        file->path = NULL;
    }
    file->data = tty;
    file->data_word = node;
    if (process && node == NODE_PTS && !(flags & O_NOCTTY) && is_leader(process) && !process->tty &&
        !tty->session) {
        take_locked(process, tty);
    }
    pthread_mutex_unlock(&process_lock);
    *out = file;
    return 0;
}

uint32_t tty_device_number(const struct tty *tty) {
    return tty ? (uint32_t)makedev(PTS_MAJOR, (unsigned)tty->index) : 0;
}

/* --- what /dev/pts shows --------------------------------------------------------------- */

int pts_list(int *index, int room) {
    int count = 0;
    pthread_mutex_lock(&process_lock);
    for (struct tty *tty = ttys; tty && count < room; tty = tty->next) {
        if (tty->host || tty->master_fd >= 0) {
            index[count++] = tty->index;
        }
    }
    pthread_mutex_unlock(&process_lock);
    return count;
}

static void fill_stat(const struct tty *tty, struct stat *st) {
    memset(st, 0, sizeof *st);
    st->st_ino = (ino_t)tty->index + 3;
    st->st_mode = S_IFCHR | (tty->mode ? tty->mode : 0620);
    st->st_nlink = 1;
    st->st_uid = tty->uid;
    st->st_gid = tty->gid;
    st->st_rdev = makedev(PTS_MAJOR, (unsigned)tty->index);
    st->st_dev = tty_devpts_device;
    st->st_blksize = 1024;
    st->st_atim = st->st_mtim = st->st_ctim = tty->opened;
}

struct tty *pts_find_locked(int index) {
    struct tty *tty = tty_find_locked(index);
    return tty && (tty->host || tty->master_fd >= 0) ? tty : NULL;
}

int pts_stat(int index, struct stat *st) {
    pthread_mutex_lock(&process_lock);
    struct tty *tty = pts_find_locked(index);
    if (tty) {
        fill_stat(tty, st);
    }
    pthread_mutex_unlock(&process_lock);
    return tty ? 0 : -ENOENT;
}

int pts_chown(int index, uint32_t uid, uint32_t gid) {
    pthread_mutex_lock(&process_lock);
    struct tty *tty = pts_find_locked(index);
    if (tty && uid != UINT32_MAX) {
        tty->uid = uid;
    }
    if (tty && gid != UINT32_MAX) {
        tty->gid = gid;
    }
    pthread_mutex_unlock(&process_lock);
    return tty ? 0 : -ENOENT;
}

int pts_chmod(int index, uint32_t mode) {
    pthread_mutex_lock(&process_lock);
    struct tty *tty = pts_find_locked(index);
    if (tty) {
        tty->mode = mode & 0777;
    }
    pthread_mutex_unlock(&process_lock);
    return tty ? 0 : -ENOENT;
}

int tty_file_stat(struct file *file, struct stat *st) {
    pthread_mutex_lock(&process_lock);
    fill_stat(file->data, st);
    pthread_mutex_unlock(&process_lock);
    if (file->data_word == NODE_TTY || file->data_word == NODE_CONSOLE) {
        st->st_rdev = makedev(5, file->data_word == NODE_TTY ? 0 : 1);
        st->st_mode = S_IFCHR | 0666;
    } else if (file->data_word == NODE_PTMX) {
        st->st_ino = 2;
        st->st_rdev = makedev(5, 2);
        st->st_mode = S_IFCHR | 0666;
    }
    return 0;
}

/* --- signals and sessions -------------------------------------------------------------- */

int tty_signal_group_locked(int32_t pgid, int signo, int code) {
    int result = -ESRCH;
    struct sigqueue_info info = {.signo = signo, .code = code};
    if (pgid <= 0) {
        return result;
    }
    for (struct process *process = process_list; process; process = process->next) {
        if (process->pgid != pgid || process->zombie) {
            continue;
        }
        signal_send_process_locked(process, &info);
        result = 0;
    }
    return result;
}

/* No process of the tty's session has it as terminal any more. */
static void release_session(struct tty *tty) {
    tty->session = tty->foreground = 0;
    forget_locked(tty);
}

void tty_hangup_locked(struct tty *tty) {
    if (!tty->session) {
        return;
    }
    struct process *leader = process_find(tty->session);
    release_session(tty);
    if (!leader || leader->zombie) {
        return;
    }
    struct sigqueue_info info = {.signo = SIGHUP, .code = SI_KERNEL};
    signal_send_process_locked(leader, &info);
    info.signo = SIGCONT;
    signal_send_process_locked(leader, &info);
}

void tty_disassociate_locked(struct process *leader) {
    struct tty *tty = leader->tty;
    if (!tty || tty->session != leader->sid) {
        return;
    }
    int32_t foreground = tty->foreground;
    release_session(tty);
    tty_signal_group_locked(foreground, SIGHUP, SI_KERNEL);
    tty_signal_group_locked(foreground, SIGCONT, SI_KERNEL);
}

void tty_session_exit_locked(struct process *leader) {
    if (is_leader(leader)) {
        tty_disassociate_locked(leader);
    }
}

void tty_session_exit(struct process *leader) {
    pthread_mutex_lock(&process_lock);
    tty_session_exit_locked(leader);
    pthread_mutex_unlock(&process_lock);
}

void tty_init(void) {
    static struct process_hooks hooks = {.exit = tty_session_exit};
    static const struct fs_terminals terminals = {
        .open_current = tty_open_current,
        .open_ptmx = ptmx_open,
        .chown = pts_chown,
        .chmod = pts_chmod,
    };
    process_hooks_add(&hooks);
    fs_terminals = &terminals;
}

int tty_job_check(struct task *task, struct tty *tty, int signo) {
    struct process *process = task->process;
    pthread_mutex_lock(&process_lock);
    bool background = process->tty == tty && tty->foreground && process->pgid != tty->foreground;
    int32_t pgid = process->pgid;
    pthread_mutex_unlock(&process_lock);
    if (!background) {
        return tty->host ? tty_host_wait_foreground(task, signo) : 0;
    }
    if (signal_is_ignored_or_blocked(task, signo)) {
        return signo == SIGTTIN ? -EIO : 0;
    }
    int result = -EIO;
    pthread_mutex_lock(&process_lock);
    if (!process_group_is_orphaned_locked(pgid, NULL)) {
        tty_signal_group_locked(pgid, signo, SI_KERNEL);
        result = -ERESTARTSYS;
    }
    pthread_mutex_unlock(&process_lock);
    return result;
}

/* --- the slave side's reads and writes ------------------------------------------------- */

static ssize_t tty_read(struct file *file, struct task *task, const struct iovec *iov, int count,
                        int64_t offset) {
    if (offset >= 0) {
        return -ESPIPE;
    }
    int error = tty_job_check(task, file->data, SIGTTIN);
    return error ? error : stream_read(file, task, iov, count, -1);
}

static ssize_t tty_write(struct file *file, struct task *task, const struct iovec *iov, int count,
                         int64_t offset) {
    struct tty *tty = file->data;
    if (offset >= 0) {
        return -ESPIPE;
    }
    /* An unlocked look first: in the foreground, a write costs nothing more. */
    int32_t pgid = __atomic_load_n(&task->process->pgid, __ATOMIC_RELAXED);
    if (task->process->tty == tty && pgid != tty->foreground) {
        struct termios termios;
        bool stops = !ioctl(file->host_fd, TCGETS, &termios) && (termios.c_lflag & TOSTOP);
        int error = stops ? tty_job_check(task, tty, SIGTTOU) : 0;
        if (error) {
            return error;
        }
    }
    return stream_write(file, task, iov, count, -1);
}

static void tty_release(struct file *file) {
    close(file->host_fd);
    tty_drop(file->data);
}

static int64_t tty_seek(struct file *file, int64_t offset, int whence) {
    return -ESPIPE;
}

/* By the node that was opened; /dev/tty is the opener's own. */
static int tty_reopen(struct file *file, struct task *task, int flags, struct file **out) {
    const struct tty *tty = file->data;
    int guest_flags = (int)open_flags_to_guest(flags);
    int error = file_reopen_check(file, task, flags);
    if (error) {
        return error;
    }
    switch (file->data_word) {
    case NODE_TTY:
        return tty_open_current(task, guest_flags, out);
    case NODE_CONSOLE:
        return tty_open_console(task, guest_flags, out);
    default:
        return pts_open(task, tty->index, guest_flags, out);
    }
}

const struct file_ops tty_ops = {
    .kind = "tty",
    .read = tty_read,
    .write = tty_write,
    .seek = tty_seek,
    .ioctl = tty_ioctl,
    .stat = tty_file_stat,
    .reopen = tty_reopen,
    .release = tty_release,
};
