/* Message queues of System V: msgget(2), msgsnd(2), msgrcv(2), msgctl(2). */
#include "core/space/space.h"
#include "syscalls/task/capability.h"
#include "syscalls/abi/abi.h"
#include "syscalls/ipc/ipc.h"
#include "syscalls/task/process.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gen/syscall_protos.h"

/* Linux's limits (msgmax, msgmnb). */
#define MESSAGE_MOST 8192
#define QUEUE_MOST   16384
#define FLAG_NOERROR 010000u
#define FLAG_EXCEPT  020000u
#define FLAG_COPY    040000u
enum { MSG_CMD_STAT = 11, MSG_CMD_INFO = 12, MSG_CMD_STAT_ANY = 13 };

struct message {
    struct message *next;
    int64_t type;
    uint32_t len;
    uint8_t text[];
};

struct msg_queue {
    struct ipc_object perm;
    int64_t stime, rtime;
    uint32_t bytes, count, most;
    int32_t sender, receiver;
    struct message *first;
    struct ipc_waiter *waiters;
};

static struct ipc_table queues;

long sys_msgget(struct task *task, int32_t key, uint32_t flags) {
    struct ipc_object *found;
    pthread_mutex_lock(&ipc_lock);
    int id = ipc_get(task, &queues, key, flags, &found);
    if (id == 0 && !found) {
        struct msg_queue *queue = calloc(1, sizeof *queue);
        if (queue) {
            queue->most = QUEUE_MOST;
        }
        id = queue ? ipc_add(task, &queues, &queue->perm, key, flags) : -ENOMEM;
        if (id < 0) {
            free(queue);
        }
    }
    pthread_mutex_unlock(&ipc_lock);
    return id;
}

/* --- sending --------------------------------------------------------------------------- */

static int put(struct task *task, int32_t id, struct message *message, uint32_t flags) {
    int error;
    struct msg_queue *queue = (struct msg_queue *)ipc_find(&queues, id, &error);
    if (!queue) {
        return error;
    }
    for (;;) {
        error = ipc_permission(task, &queue->perm, 2);
        if (error) {
            return error;
        }
        if (queue->bytes + message->len <= queue->most && queue->count < queue->most) {
            break;
        }
        if (flags & IPC_FLAG_NOWAIT) {
            return -EAGAIN;
        }
        struct ipc_waiter self = {.for_room = true};
        error = ipc_wait(task, &queue->waiters, &self, NULL);
        if (error) {
            return error;
        }
    }
    struct message **last = &queue->first;
    while (*last) {
        last = &(*last)->next;
    }
    *last = message;
    queue->bytes += message->len;
    queue->count++;
    queue->sender = task->process->pid;
    queue->stime = time(NULL);
    ipc_wake_all(queue->waiters);
    return 0;
}

long sys_msgsnd(struct task *task, int32_t id, gaddr_t at, uint64_t size, uint32_t flags) {
    int64_t type;
    if (size > MESSAGE_MOST || id < 0) {
        return -EINVAL;
    }
    if (abi_read_longs(task, at, &type, 1)) {
        return -EFAULT;
    }
    if (type < 1) {
        return -EINVAL;
    }
    struct message *message = malloc(sizeof *message + size);
    if (!message) {
        return -ENOMEM;
    }
    *message = (struct message){.type = type, .len = (uint32_t)size};
    int error = guest_read(task->cpu->space, message->text, at + abi_long_bytes(task), size);
    if (!error) {
        pthread_mutex_lock(&ipc_lock);
        error = put(task, id, message, flags);
        pthread_mutex_unlock(&ipc_lock);
    }
    if (error) {
        free(message);
    }
    return error == -EINTR ? -ERESTARTNOHAND : error;
}

/* --- receiving ------------------------------------------------------------------------- */

/* The message that msgrcv(2) means by `type`, unlinked by the caller through the pointer returned.
 */
static struct message **choose(struct msg_queue *queue, int64_t type, uint32_t flags) {
    struct message **best = NULL;
    for (struct message **at = &queue->first; *at; at = &(*at)->next) {
        int64_t t = (*at)->type;
        if (type == 0 || (type > 0 && (flags & FLAG_EXCEPT ? t != type : t == type))) {
            return at;
        }
        if (type < 0 && t <= -type && (!best || t < (*best)->type)) {
            best = at;
        }
    }
    return best;
}

static int take(struct task *task, int32_t id, uint64_t room, int64_t type, uint32_t flags,
                struct message **out) {
    int error;
    struct msg_queue *queue = (struct msg_queue *)ipc_find(&queues, id, &error);
    if (!queue) {
        return error;
    }
    struct message **found;
    for (;;) {
        error = ipc_permission(task, &queue->perm, 4);
        if (error) {
            return error;
        }
        found = choose(queue, type, flags);
        if (found) {
            break;
        }
        if (flags & IPC_FLAG_NOWAIT) {
            return -ENOMSG;
        }
        struct ipc_waiter self = {0};
        error = ipc_wait(task, &queue->waiters, &self, NULL);
        if (error) {
            return error;
        }
    }
    if ((*found)->len > room && !(flags & FLAG_NOERROR)) {
        return -E2BIG;
    }
    *out = *found;
    *found = (*out)->next;
    queue->bytes -= (*out)->len;
    queue->count--;
    queue->receiver = task->process->pid;
    queue->rtime = time(NULL);
    ipc_wake_all(queue->waiters);
    return 0;
}

long sys_msgrcv(struct task *task, int32_t id, gaddr_t at, uint64_t size, int64_t type,
                uint32_t flags) {
    struct message *message = NULL;
    if (id < 0 || size > abi_long_most(task)) {
        return -EINVAL;
    }
    if (flags & FLAG_COPY) {
        return -ENOSYS;
    }
    if (type == INT64_MIN) {
        type = -INT64_MAX;
    }
    pthread_mutex_lock(&ipc_lock);
    long result = take(task, id, size, type, flags, &message);
    pthread_mutex_unlock(&ipc_lock);
    if (message) {
        uint64_t len = message->len < size ? message->len : size;
        result = (long)len;
        if (abi_write_longs(task, at, &message->type, 1) ||
            guest_write(task->cpu->space, at + abi_long_bytes(task), message->text, len)) {
            result = -EFAULT;
        }
        free(message);
    }
    return result == -EINTR ? -ERESTARTNOHAND : result;
}

/* --- msgctl ---------------------------------------------------------------------------- */

static void remove_queue(struct msg_queue *queue) {
    ipc_remove(&queues, &queue->perm);
    ipc_wake_removed(&queue->waiters);
    for (struct message *message = queue->first, *next; message; message = next) {
        next = message->next;
        free(message);
    }
    free(queue);
}

static long queue_information(struct task *task, int32_t command, gaddr_t at) {
    /* struct msginfo: pool map max mnb mni ssz tql seg */
    int32_t info[8] = {QUEUE_MOST * IPC_MOST_IDS / 1024,
                       QUEUE_MOST,
                       MESSAGE_MOST,
                       QUEUE_MOST,
                       IPC_MOST_IDS,
                       16,
                       QUEUE_MOST,
                       0xffff};
    pthread_mutex_lock(&ipc_lock);
    if (command == MSG_CMD_INFO) {
        info[0] = queues.used;
        info[1] = info[6] = 0;
        for (int i = 0; i < IPC_MOST_IDS; i++) {
            struct msg_queue *queue = (struct msg_queue *)queues.object[i];
            info[1] += queue ? (int32_t)queue->count : 0;
            info[6] += queue ? (int32_t)queue->bytes : 0;
        }
    }
    int highest = ipc_highest(&queues);
    pthread_mutex_unlock(&ipc_lock);
    return guest_write(task->cpu->space, at, info, sizeof info) ? -EFAULT : highest;
}

static long queue_status(struct task *task, int32_t id, int32_t command, gaddr_t at) {
    int error = -EINVAL;
    struct msg_status status;
    pthread_mutex_lock(&ipc_lock);
    struct ipc_object *object =
        command == IPC_CMD_STAT ? ipc_find(&queues, id, &error) : ipc_at(&queues, id);
    long result = !object                       ? error
                  : command == MSG_CMD_STAT_ANY ? 0
                                                : ipc_permission(task, object, 4);
    if (!result) {
        struct msg_queue *q = (struct msg_queue *)object;
        status = (struct msg_status){q->perm,  q->stime, q->rtime,  q->bytes,
                                     q->count, q->most,  q->sender, q->receiver};
        result = command == IPC_CMD_STAT ? 0 : object->id;
    }
    pthread_mutex_unlock(&ipc_lock);
    return result >= 0 && task->abi->ipc->put_msg(task, at, &status) ? -EFAULT : result;
}

static long change_queue(struct task *task, int32_t id, int32_t command, gaddr_t at) {
    struct ipc_object perm;
    uint32_t most;
    int error;
    if (command == IPC_CMD_SET && task->abi->ipc->get_perm(task, at, &perm, &most)) {
        return -EFAULT;
    }
    pthread_mutex_lock(&ipc_lock);
    struct msg_queue *queue = (struct msg_queue *)ipc_find(&queues, id, &error);
    long result = queue ? ipc_owner(task, &queue->perm) : error;
    if (!result && command == IPC_CMD_SET && most > QUEUE_MOST &&
        !task_capable(task, CAP_SYS_RESOURCE)) {
        result = -EPERM;
    }
    if (!result && command == IPC_CMD_RMID) {
        remove_queue(queue);
    } else if (!result) {
        queue->perm.uid = perm.uid;
        queue->perm.gid = perm.gid;
        queue->perm.mode = perm.mode;
        queue->perm.ctime = time(NULL);
        queue->most = most;
        ipc_wake_all(queue->waiters);
    }
    pthread_mutex_unlock(&ipc_lock);
    return result;
}

long sys_msgctl(struct task *task, int32_t id, int32_t command, gaddr_t at) {
    command &= ~IPC_FLAG_64;
    if (id < 0) {
        return -EINVAL;
    }
    switch (command) {
    case IPC_CMD_INFO:
    case MSG_CMD_INFO:
        return queue_information(task, command, at);
    case IPC_CMD_STAT:
    case MSG_CMD_STAT:
    case MSG_CMD_STAT_ANY:
        return queue_status(task, id, command, at);
    case IPC_CMD_SET:
    case IPC_CMD_RMID:
        return change_queue(task, id, command, at);
    }
    return -EINVAL;
}
