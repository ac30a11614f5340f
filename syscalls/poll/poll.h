/* Polling: sets of files, epoll, eventfds. */
#ifndef FG_SYSCALLS_POLL_H
#define FG_SYSCALLS_POLL_H

#include "syscalls/file/file.h"

/* An entry of a poll set: ops->poll and files without a host descriptor are looked at, the rest is
 * the host's. revents set by the caller with a NULL file (POLLNVAL) counts as ready. */
struct poll_item {
    struct file *file; /* NULL: not a descriptor */
    short events, revents;
};
/* Waits until an item is ready, `deadline` (CLOCK_MONOTONIC, NULL: none) or a signal. Returns the
 * number of items with revents, or -EINTR, -ENOMEM. */
int poll_wait(struct task *task, struct poll_item *item, unsigned count,
              const struct timespec *deadline);

extern const struct file_ops epoll_ops, eventfd_ops;
/* Registers that files which go away leave their epolls; call once at start. */
void epoll_init(void);

#endif
