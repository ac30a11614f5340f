/* Record locks (fcntl(2) F_SETLK, F_OFD_SETLK): lock.c. */
#ifndef FG_SYSCALLS_LOCK_H
#define FG_SYSCALLS_LOCK_H

#include "syscalls/file/file.h"

struct task;
struct fd_table;

/* struct flock in host-independent form. */
struct lock_request {
    int16_t type, whence;
    int64_t start, len;
    int32_t pid;
};

/* F_GETLK, F_SETLK, F_SETLKW (`ofd`: the F_OFD_ forms). `get` answers in *request. 0 or -errno. */
int lock_get(struct task *task, struct file *file, struct lock_request *request, bool ofd);
int lock_set(struct task *task, struct file *file, const struct lock_request *request, bool ofd,
             bool wait);
/* A descriptor of `table` that stood for `file` was closed: its process locks on that file go. */
void lock_close(struct fd_table *table, struct file *file);
/* The open file description goes: its OFD locks go. */
void lock_release(struct file *file);

/* The "lock:" lines of /proc/PID/fdinfo: the locks that `table` or the description itself has on
 * the file, numbered from after `count`. */
void lock_info(const struct fd_table *table, struct file *file, int count, struct strbuf *out);
/* The text of /proc/locks: all record locks. flock(2) is the host's and not in it. */
void lock_list(struct strbuf *out);

#endif
