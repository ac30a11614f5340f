/* System V IPC: identifiers, permissions, sleeping. */
#include "syscalls/task/capability.h"
#include "syscalls/ipc/ipc.h"
#include "core/space/space.h"
#include "syscalls/task/process.h"
#include <errno.h>
#include <time.h>

#define INDEX_BITS 15
#define INDEX_MASK ((1 << INDEX_BITS) - 1)

pthread_mutex_t ipc_lock = PTHREAD_MUTEX_INITIALIZER;

struct ipc_object *ipc_at(struct ipc_table *table, int32_t index) {
    return index >= 0 && index < IPC_MOST_IDS ? table->object[index] : NULL;
}

struct ipc_object *ipc_find(struct ipc_table *table, int32_t id, int *error) {
    struct ipc_object *object = id < 0 ? NULL : ipc_at(table, id & INDEX_MASK);
    *error = -EINVAL;
    if (object && object->id != id) {
        *error = -EIDRM;
        object = NULL;
    }
    return object;
}

int ipc_highest(const struct ipc_table *table) {
    for (int i = IPC_MOST_IDS - 1; i > 0; i--) {
        if (table->object[i]) {
            return i;
        }
    }
    return 0;
}

int ipc_permission(struct task *task, const struct ipc_object *object, unsigned want) {
    const struct process *process = task->process;
    unsigned granted = object->mode;
    if (process_capable(process, CAP_IPC_OWNER)) {
        return 0;
    }
    bool in_group = process->egid == object->gid || process->egid == object->cgid;
    for (int i = 0; i < process->group_count; i++) {
        in_group |= process->groups[i] == object->gid || process->groups[i] == object->cgid;
    }
    if (process->euid == object->uid || process->euid == object->cuid) {
        granted >>= 6;
    } else if (in_group) {
        granted >>= 3;
    }
    return want & ~granted & 7 ? -EACCES : 0;
}

int ipc_owner(struct task *task, const struct ipc_object *object) {
    uint32_t euid = task->process->euid;
    return task_capable(task, CAP_SYS_ADMIN) || euid == object->uid || euid == object->cuid
               ? 0
               : -EPERM;
}

int ipc_get(struct task *task, struct ipc_table *table, int32_t key, uint32_t flags,
            struct ipc_object **found) {
    *found = NULL;
    if (key == 0) {
        return 0;
    }
    for (int i = 0; i < IPC_MOST_IDS; i++) {
        struct ipc_object *object = table->object[i];
        if (!object || object->key != key) {
            continue;
        }
        if ((flags & IPC_FLAG_CREAT) && (flags & IPC_FLAG_EXCL)) {
            return -EEXIST;
        }
        unsigned want = (flags >> 6 | flags >> 3 | flags) & 7;
        int error = ipc_permission(task, object, want);
        *found = object;
        return error ? error : object->id;
    }
    return flags & IPC_FLAG_CREAT ? 0 : -ENOENT;
}

int ipc_add(struct task *task, struct ipc_table *table, struct ipc_object *object, int32_t key,
            uint32_t mode) {
    int index = 0;
    while (index < IPC_MOST_IDS && table->object[index]) {
        index++;
    }
    if (index == IPC_MOST_IDS) {
        return -ENOSPC;
    }
    const struct process *process = task->process;
    object->key = key;
    object->uid = object->cuid = process->euid;
    object->gid = object->cgid = process->egid;
    object->mode = mode & 0777;
    object->ctime = time(NULL);
    object->id = (int32_t)((table->seq++ & 0xffff) << INDEX_BITS | (uint32_t)index);
    object->id &= INT32_MAX;
    table->object[index] = object;
    table->used++;
    return object->id;
}

void ipc_remove(struct ipc_table *table, struct ipc_object *object) {
    table->object[object->id & INDEX_MASK] = NULL;
    table->used--;
}

/* --- sleeping -------------------------------------------------------------------------- */

void ipc_wake_all(struct ipc_waiter *list) {
    for (; list; list = list->next) {
        task_unblock(list->task);
    }
}

void ipc_wake_removed(struct ipc_waiter **list) {
    struct ipc_waiter *waiter = *list, *next;
    *list = NULL;
    for (; waiter; waiter = next) {
        next = waiter->next;
        waiter->removed = true;
        task_unblock(waiter->task);
    }
}

int ipc_wait(struct task *task, struct ipc_waiter **list, struct ipc_waiter *self,
             const struct timespec *deadline) {
    self->task = task;
    self->removed = false;
    self->next = *list;
    *list = self;
    uint32_t sample = task_block_prepare(task);
    pthread_mutex_unlock(&ipc_lock);
    int result = task_block(task, sample, deadline);
    pthread_mutex_lock(&ipc_lock);
    if (self->removed) {
        return -EIDRM;
    }
    struct ipc_waiter **at = list;
    while (*at != self) {
        at = &(*at)->next;
    }
    *at = self->next;
    return result;
}
