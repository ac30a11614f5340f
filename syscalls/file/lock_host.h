/* A file's record locks as other processes of the host see them: lock_host.c, for lock.c alone. */
#ifndef FG_SYSCALLS_LOCK_HOST_H
#define FG_SYSCALLS_LOCK_HOST_H

#include "syscalls/file/lock.h"
#include "syscalls/task/task.h"

struct host_lock {
    int fd;                  /* -1: none yet */
    bool missing;            /* no descriptor can be had */
    struct account *account; /* of whoever locked first: the descriptor is on it */
};

/* Makes [start, end] of the union `type`. 0; -EAGAIN: another process of the host holds something
 * that conflicts; -ENOLCK: no descriptor is left. `file`: any open file on the inode. */
int host_lock_set(struct host_lock *host, const struct file *file, int16_t type, int64_t start,
                  int64_t end);
/* Waits until the union could be made `type` there, and makes it; without locks held. 0,
 * -ERESTARTSYS or -EDEADLK. */
long host_lock_wait(struct task *task, int fd, int16_t type, int64_t start, int64_t end);
/* Would *request conflict with another process's? Then it becomes the answer of F_GETLK. */
bool host_lock_get(const struct host_lock *host, const struct file *file,
                   struct lock_request *request, int64_t start, int64_t end);
/* The last lock is gone and the file is closed. */
void host_lock_drop(struct host_lock *host);

#endif
