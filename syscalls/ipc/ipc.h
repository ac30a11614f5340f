/* System V IPC (sysvipc(7)): what semaphores, message queues and shared memory share. ipc.c has
 * identifiers and permissions, the ABI (abi/i386/ipc.c) the layouts. One lock guards all of
 * it; it is inner to process_lock and outer to nothing (never held over mm calls or waits). */
#ifndef FG_SYSCALLS_IPC_H
#define FG_SYSCALLS_IPC_H

#include "syscalls/file/file.h"
#include "syscalls/task/task.h"

/* Commands of the *ctl calls that all three have, and flags. */
enum { IPC_CMD_RMID = 0, IPC_CMD_SET = 1, IPC_CMD_STAT = 2, IPC_CMD_INFO = 3 };
#define IPC_FLAG_CREAT  01000u
#define IPC_FLAG_EXCL   02000u
#define IPC_FLAG_NOWAIT 04000u
#define IPC_FLAG_64     0x100 /* in cmd: the structures with 32-bit ids, the only ones here */
#define IPC_MOST_IDS    4096

/* First member of every object. */
struct ipc_object {
    int32_t key, id;
    uint32_t uid, gid, cuid, cgid, mode;
    int64_t ctime;
};

/* One kind's identifiers. */
struct ipc_table {
    struct ipc_object *object[IPC_MOST_IDS];
    uint32_t seq;
    int used;
};

extern pthread_mutex_t ipc_lock; /* process_lock may be taken inside it, not the other way round */

/* All below with ipc_lock held. */

/* Finds or makes: >= 0 the id of an existing object in *found; 0 with *found NULL: make one and add
 * it; or -errno. flags: mode bits, IPC_FLAG_CREAT, IPC_FLAG_EXCL. */
int ipc_get(struct task *task, struct ipc_table *table, int32_t key, uint32_t flags,
            struct ipc_object **found);
/* Fills in owner, mode and times, gives an id: the id or -ENOSPC. */
int ipc_add(struct task *task, struct ipc_table *table, struct ipc_object *object, int32_t key,
            uint32_t mode);
void ipc_remove(struct ipc_table *table, struct ipc_object *object);
/* Object of an id; NULL with *error EINVAL or EIDRM. */
struct ipc_object *ipc_find(struct ipc_table *table, int32_t id, int *error);
/* Object by index (the *_STAT commands), NULL: none there. */
struct ipc_object *ipc_at(struct ipc_table *table, int32_t index);
/* Highest index in use, 0 when there is none. */
int ipc_highest(const struct ipc_table *table);
/* want: 4 read, 2 write, as in one octal digit. */
int ipc_permission(struct task *task, const struct ipc_object *object, unsigned want);
/* IPC_SET and IPC_RMID are the owner's and the creator's. */
int ipc_owner(struct task *task, const struct ipc_object *object);

/* A task that sleeps on an object: in a list of the object, on the sleeper's stack. */
struct ipc_waiter {
    struct task *task;
    struct ipc_waiter *next;
    int number;             /* semaphore waited for */
    bool for_zero, removed; /* removed: the object is gone (EIDRM) */
    bool for_room;          /* message queues: a sender */
};
void ipc_wake_all(struct ipc_waiter *list);
/* The object goes away: tell and wake everybody. */
void ipc_wake_removed(struct ipc_waiter **list);
/* Sleeps with ipc_lock dropped, as a member of the list. 0: look again, -EINTR, -ETIMEDOUT, -EIDRM.
 */
int ipc_wait(struct task *task, struct ipc_waiter **list, struct ipc_waiter *self,
             const struct timespec *deadline);

/* --- layouts; without the lock --------------------------------------------------------- */

struct shm_status {
    struct ipc_object perm;
    uint64_t bytes;
    int64_t atime, dtime;
    int32_t creator, last;
    uint32_t attached;
};
struct sem_status {
    struct ipc_object perm;
    int64_t otime;
    uint32_t count;
};
struct msg_status {
    struct ipc_object perm;
    int64_t stime, rtime;
    uint32_t bytes, count, most;
    int32_t sender, receiver;
};
/* How an ABI lays them out in guest memory; reached through task->abi->ipc. 0 or -EFAULT. */
struct abi_ipc {
    int (*put_shm)(struct task *task, gaddr_t at, const struct shm_status *status);
    int (*put_sem)(struct task *task, gaddr_t at, const struct sem_status *status);
    int (*put_msg)(struct task *task, gaddr_t at, const struct msg_status *status);
    /* Owner and mode of a structure given with IPC_SET; *most: msg_qbytes (message queues only, or
     * NULL). */
    int (*get_perm)(struct task *task, gaddr_t at, struct ipc_object *perm, uint32_t *most);
};

extern const struct file_ops pipe_ops; /* pipe.c */
/* Registers what process exits undo (SEM_UNDO). Call once at start. */
void ipc_init(void);
/* Registers that queues forget ended processes (mqueue.c). Call once at start. */
void mqueue_init(void);

#endif
