/* Terminals: the host's own terminal and guest ptys as guest ttys, with sessions, foreground groups
 * and the signals of ^C ^Z (tty_ioctl(4), pty(7), credentials(7)).
 *
 * Locking: session, foreground, the list of ttys and every process->tty are guarded by
 * process_lock. process->tty is a weak pointer: fork copies it, setsid sets it to NULL, and tty.c
 * clears it in all processes before a tty goes away; nobody else counts references. */
#ifndef FG_SYSCALLS_TTY_H
#define FG_SYSCALLS_TTY_H

#include "syscalls/file/file.h"
#include "syscalls/task/task.h"

struct tty {
    int index;          /* N of /dev/pts/N; the host's terminal is 0 when there is one */
    bool host;          /* the host's terminal; else a guest pty */
    bool locked;        /* TIOCSPTLCK */
    bool exclusive;     /* TIOCEXCL */
    bool packet;        /* TIOCPKT */
    bool literal_next;  /* master side: VLNEXT was written, the next character is data */
    int32_t session;    /* sid whose controlling terminal this is; 0: none */
    int32_t foreground; /* pgid; 0: none */
    int master_fd;      /* ptys: host master (owned by the master's file), -1 once it is closed */
    int host_fd;        /* host terminal: our own descriptor of it; -1 for ptys */
    int open_files;     /* files on it, both sides */
    uint32_t uid, gid;  /* owner of the device node */
    uint32_t mode;      /* its permissions; 0: the usual 0620 */
    struct timespec opened;
    struct tty *next;
};

/* --- start-up and end ------------------------------------------------------------------ */

/* Registers what terminals do at a session's end and for their nodes; call once at start. */
void tty_init(void);

/* A file for one of the host's descriptors 0, 1, 2 when it is a terminal: *out gets a new file over
 * a duplicate of `fd` and 1 is returned; 0 when `fd` is no terminal (the caller makes another kind
 * of file); or -errno. Call before tty_host_start(). */
int tty_adopt_host(int fd, struct file **out);

/* Call once in the host's main thread, before any other thread exists and after
 * process_create_first() (which looks at the inherited dispositions): blocks the host signals that
 * are forwarded (SIGINT SIGQUIT SIGTERM SIGHUP SIGTSTP SIGWINCH SIGCONT SIGUSR1 SIGUSR2) for all
 * threads and ignores SIGPIPE. */
void tty_block_host_signals(void);

/* Makes the adopted terminal the controlling terminal of the initial process (which shall be the
 * leader of its session and group), saves the host's terminal settings, and starts the thread that
 * forwards host signals to the guest. */
int tty_host_start(struct process *initial);

/* Gives the host its terminal settings back; idempotent. To be called before the host process
 * ends in any way (also by a signal); async-signal-safe. */
void tty_host_stop(void);

/* --- from the process layer ------------------------------------------------------------ */

/* Session leader exits: SIGHUP and SIGCONT to the foreground group, the session loses its terminal.
 * Caller holds process_lock; the process is still in the list. No-op for others. */
void tty_session_exit_locked(struct process *leader);
/* The same, taking process_lock. */
void tty_session_exit(struct process *leader);

/* The initial process was stopped by a signal and nobody in the guest could continue it: stops the
 * host process as well (so that the user's shell gets its terminal back); a SIGCONT to the host
 * process continues the guest's group. Any thread, with or without process_lock. */
void tty_initial_stopped(void);

/* Signal to all members of a group; caller holds process_lock. code: SI_KERNEL or SI_USER. Returns
 * 0 or -ESRCH. */
int tty_signal_group_locked(int32_t pgid, int signo, int code);

/* --- from the file layer --------------------------------------------------------------- */

/* open(2) of /dev/tty (-ENXIO when the process has none), of /dev/ptmx, of /dev/pts/N (-ENOENT,
 * -EIO while locked) and of the host's terminal as /dev/console (-ENXIO when there is none). flags:
 * the guest's O_* flags; O_NOCTTY counts. A new referenced file in *out; 0 or -errno. */
int tty_open_current(struct task *task, int flags, struct file **out);
int tty_open_console(struct task *task, int flags, struct file **out);
int ptmx_open(struct task *task, int flags, struct file **out);
int pts_open(struct task *task, int index, int flags, struct file **out);

/* Existing /dev/pts entries: fills at most `room` numbers in rising order, returns how many. */
int pts_list(int *index, int room);
/* What stat(2) says of /dev/pts/N (also of a file on it): 0 or -ENOENT. */
int pts_stat(int index, struct stat *st);
/* chown and chmod of /dev/pts/N are kept while it exists (mode: the low 9 bits). */
int pts_chown(int index, uint32_t uid, uint32_t gid);
int pts_chmod(int index, uint32_t mode);
/* st_dev of the devpts mount, set by the file layer: stat of an open terminal shows the same as
 * stat of its path, which is how ttyname(3) knows it. */
extern dev_t tty_devpts_device;

/* Device number of a terminal as /proc/PID/stat shows it (field tty_nr); 0 for NULL. */
uint32_t tty_device_number(const struct tty *tty);

#endif
