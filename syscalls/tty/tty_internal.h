/* What the parts of the terminal code share: tty.c (objects, sessions, job control), ioctl_tty.c,
 * pty.c (guest ptys), tty_host.c (the host's terminal). */
#ifndef FG_SYSCALLS_TTY_INTERNAL_H
#define FG_SYSCALLS_TTY_INTERNAL_H

#include "syscalls/tty/tty.h"

/* A file on a terminal: file->data is the struct tty, file->data_word the node that was opened. */
enum tty_node { NODE_PTS, NODE_TTY, NODE_CONSOLE, NODE_PTMX };
extern const struct file_ops tty_ops;  /* the slave side, and the host's terminal */
extern const struct file_ops ptmx_ops; /* master of a guest pty */

/* New tty in the list with one file on it; process_lock held. NULL: out of memory. */
struct tty *tty_new_locked(int index);
struct tty *tty_find_locked(int index);
/* The same for what has a name in /dev/pts: no longer once the master is closed. */
struct tty *pts_find_locked(int index);
/* Lowest number that no tty has, from `from` on. */
int tty_free_index_locked(int from);
/* One file less; the last one's tty goes away. Takes process_lock. */
void tty_drop(struct tty *tty);
/* New file on a tty (which gets one file more) over host_fd (taken over, also on failure); becomes
 * the caller's controlling terminal where open(2) says so. 0 or -errno. */
int tty_file(struct task *task, struct tty *tty, const struct file_ops *ops, enum tty_node node,
             int host_fd, int flags, struct file **out);

/* Hang-up of a session's terminal, when its other side closed: SIGHUP and SIGCONT to the leader. */
void tty_hangup_locked(struct tty *tty);
/* The session of `leader` loses its terminal; the foreground group gets SIGHUP (and SIGCONT). */
void tty_disassociate_locked(struct process *leader);
/* May a process use its terminal now? 0 (go on), -EIO, or -ERESTARTSYS after `signo` (SIGTTIN,
 * SIGTTOU) was sent to its group (termios(3), "job control"). */
int tty_job_check(struct task *task, struct tty *tty, int signo);

/* ioctl of both sides. */
long tty_ioctl(struct file *file, struct task *task, uint32_t request, gaddr_t arg);
int tty_file_stat(struct file *file, struct stat *st);

/* The host's terminal or NULL. */
struct tty *tty_host_get(void);
/* Opens the host terminal once more with O_ACCMODE and O_NONBLOCK of `flags`: descriptor or -errno.
 */
int tty_host_reopen(int flags);
/* When Fiberglass is a background job of the user's shell it stops (signo: SIGTTIN or SIGTTOU)
 * until it is in the foreground: 0, or -EIO when it cannot be stopped, -ERESTARTSYS. */
int tty_host_wait_foreground(struct task *task, int signo);
/* The guest changed the settings of the host's terminal: they are put back at the end and after
 * stops. */
void tty_host_changed(void);

/* Host call on a terminal with a fixed-size structure in guest memory. */
long tty_pass_ioctl(struct file *file, struct task *task, uint32_t request, gaddr_t arg,
                    unsigned bytes, bool in, bool out);

#endif
