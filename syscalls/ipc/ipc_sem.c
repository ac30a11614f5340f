/* Semaphore sets: semget(2), semop(2), semctl(2). A sleeper is woken at every change of its set and
 * tries its operations again as a whole. */
#include "core/space/space.h"
#include "syscalls/abi/times.h"
#include "syscalls/file/io.h"
#include "syscalls/ipc/ipc.h"
#include "syscalls/task/process.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gen/syscall_protos.h"
#include "syscalls/abi/abi.h"

/* Linux's limits. */
#define SEM_MOST       32000 /* in a set */
#define SEM_MOST_OPS   500
#define SEM_MOST_VALUE 32767
#define OP_UNDO        0x1000
enum {
    SEM_GETPID = 11,
    SEM_GETVAL,
    SEM_GETALL,
    SEM_GETNCNT,
    SEM_GETZCNT,
    SEM_SETVAL,
    SEM_SETALL,
    SEM_CMD_STAT,
    SEM_CMD_INFO,
    SEM_CMD_STAT_ANY,
};

struct sem_set {
    struct ipc_object perm;
    int64_t otime;
    uint32_t count;
    struct ipc_waiter *waiters;
    int32_t *pid; /* of the last change, by number */
    uint16_t *value;
};

/* What SEM_UNDO owes: added to the values when the process ends. */
struct sem_undo {
    struct process *process;
    struct sem_set *set;
    struct sem_undo *next;
    int16_t adjust[];
};

struct sem_op {
    uint16_t number;
    int16_t change;
    uint16_t flags;
};

static struct ipc_table sets;
static struct sem_undo *undos;

static void set_free(struct sem_set *set) {
    free(set->pid);
    free(set->value);
    free(set);
}

long sys_semget(struct task *task, int32_t key, int32_t count, uint32_t flags) {
    struct ipc_object *found;
    if (count < 0 || count > SEM_MOST) {
        return -EINVAL;
    }
    pthread_mutex_lock(&ipc_lock);
    int id = ipc_get(task, &sets, key, flags, &found);
    if (found && id >= 0 && (uint32_t)count > ((struct sem_set *)found)->count) {
        id = -EINVAL;
    }
    if (id == 0 && !found) {
        struct sem_set *set = count ? calloc(1, sizeof *set) : NULL;
        if (set) {
            set->count = (uint32_t)count;
            set->pid = calloc((size_t)count, sizeof *set->pid);
            set->value = calloc((size_t)count, sizeof *set->value);
        }
        id = !count                             ? -EINVAL
             : !set || !set->pid || !set->value ? -ENOMEM
                                                : ipc_add(task, &sets, &set->perm, key, flags);
        if (id < 0 && set) {
            set_free(set);
        }
    }
    pthread_mutex_unlock(&ipc_lock);
    return id;
}

/* --- operations ------------------------------------------------------------------------ */

/* The process's undo record of a set; made on demand. */
static struct sem_undo *undo_of(struct process *process, struct sem_set *set, bool make) {
    struct sem_undo *undo = undos;
    while (undo && (undo->process != process || undo->set != set)) {
        undo = undo->next;
    }
    if (!undo && make && (undo = calloc(1, sizeof *undo + set->count * sizeof undo->adjust[0]))) {
        undo->process = process;
        undo->set = set;
        undo->next = undos;
        undos = undo;
    }
    return undo;
}

static void undo_drop(struct sem_set *set, int number) {
    struct sem_undo **at = &undos;
    while (*at) {
        struct sem_undo *undo = *at;
        if (undo->set == set && number >= 0) {
            undo->adjust[number] = 0;
        }
        if (undo->set == set && number < 0) {
            *at = undo->next;
            free(undo);
        } else {
            at = &undo->next;
        }
    }
}

/* All or nothing. 1: must wait for op *blocked; 0: done; -errno. `value` is a copy to work on. */
static int try_ops(struct task *task, struct sem_set *set, const struct sem_op *op, uint32_t count,
                   uint32_t *blocked) {
    struct sem_undo *undo = NULL;
    for (uint32_t i = 0; i < count; i++) {
        if ((op[i].flags & OP_UNDO) && !(undo = undo_of(task->process, set, true))) {
            return -ENOMEM;
        }
    }
    uint32_t done = 0;
    int result = 0;
    for (; done < count; done++) {
        int value = set->value[op[done].number];
        int next = value + op[done].change;
        *blocked = done;
        if (op[done].change == 0 ? value != 0 : next < 0) {
            result = op[done].flags & IPC_FLAG_NOWAIT ? -EAGAIN : 1;
            break;
        }
        if (next > SEM_MOST_VALUE) {
            result = -ERANGE;
            break;
        }
        if ((op[done].flags & OP_UNDO) && op[done].change) {
            int adjust = undo->adjust[op[done].number] - op[done].change;
            if (adjust < -SEM_MOST_VALUE - 1 || adjust > SEM_MOST_VALUE) {
                result = -ERANGE;
                break;
            }
            undo->adjust[op[done].number] = (int16_t)adjust;
        }
        set->value[op[done].number] = (uint16_t)next;
    }
    if (result == 0) {
        set->otime = time(NULL);
        for (uint32_t i = 0; i < count; i++) {
            set->pid[op[i].number] = task->process->pid;
        }
        return 0;
    }
    while (done-- > 0) { /* back again */
        set->value[op[done].number] = (uint16_t)(set->value[op[done].number] - op[done].change);
        if (op[done].flags & OP_UNDO) {
            undo->adjust[op[done].number] =
                (int16_t)(undo->adjust[op[done].number] + op[done].change);
        }
    }
    return result;
}

static int run_ops(struct task *task, int32_t id, const struct sem_op *op, uint32_t count,
                   const struct timespec *deadline) {
    int error;
    bool alters = false;
    uint32_t highest = 0;
    for (uint32_t i = 0; i < count; i++) {
        alters |= op[i].change != 0;
        if (op[i].number > highest) {
            highest = op[i].number;
        }
    }
    struct sem_set *set = (struct sem_set *)ipc_find(&sets, id, &error);
    if (!set) {
        return error;
    }
    if (highest >= set->count) {
        return -EFBIG;
    }
    error = ipc_permission(task, &set->perm, alters ? 2 : 4);
    while (!error) {
        uint32_t blocked = 0;
        error = try_ops(task, set, op, count, &blocked);
        if (error == 0) {
            if (alters) {
                ipc_wake_all(set->waiters);
            }
            return 0;
        }
        if (error < 0) {
            return error;
        }
        struct ipc_waiter self = {.number = op[blocked].number, .for_zero = !op[blocked].change};
        error = ipc_wait(task, &set->waiters, &self, deadline);
        if (error == -ETIMEDOUT) {
            error = -EAGAIN;
        }
    }
    return error;
}

static long semaphore_operations(struct task *task, int32_t id, gaddr_t at, uint32_t count,
                                 const struct timespec *deadline) {
    struct sem_op op[SEM_MOST_OPS];
    if (count < 1 || id < 0) {
        return -EINVAL;
    }
    if (count > SEM_MOST_OPS) {
        return -E2BIG;
    }
    if (guest_read(task->cpu->space, op, at, count * sizeof op[0])) {
        return -EFAULT;
    }
    pthread_mutex_lock(&ipc_lock);
    int result = run_ops(task, id, op, count, deadline);
    pthread_mutex_unlock(&ipc_lock);
    return result;
}

static long timed_operations(struct task *task, const struct abi_times *times, int32_t id,
                             gaddr_t at, uint32_t count, gaddr_t timeout_at) {
    struct timespec deadline;
    int error = deadline_read(task, times, timeout_at, &deadline);
    if (error) {
        return error;
    }
    return semaphore_operations(task, id, at, count, timeout_at ? &deadline : NULL);
}

/* semop(2) */
long sys_semop(struct task *task, int32_t id, gaddr_t at, uint32_t count) {
    return semaphore_operations(task, id, at, count, NULL);
}

long sys_semtimedop(struct task *task, int32_t id, gaddr_t at, uint32_t count, gaddr_t timeout) {
    return timed_operations(task, task->abi->times, id, at, count, timeout);
}

long sys_semtimedop_time64(struct task *task, int32_t id, gaddr_t at, uint32_t count,
                           gaddr_t timeout) {
    return timed_operations(task, task->abi->times64, id, at, count, timeout);
}

/* --- exit: SEM_UNDO -------------------------------------------------------------------- */

static void undo_all(struct process *process) {
    pthread_mutex_lock(&ipc_lock);
    struct sem_undo **at = &undos;
    while (*at) {
        struct sem_undo *undo = *at;
        if (undo->process != process) {
            at = &undo->next;
            continue;
        }
        *at = undo->next;
        struct sem_set *set = undo->set;
        for (uint32_t i = 0; i < set->count; i++) {
            int value = set->value[i] + undo->adjust[i];
            if (undo->adjust[i]) {
                set->pid[i] = process->pid;
            }
            set->value[i] = (uint16_t)(value < 0                ? 0
                                       : value > SEM_MOST_VALUE ? SEM_MOST_VALUE
                                                                : value);
        }
        ipc_wake_all(set->waiters);
        free(undo);
    }
    pthread_mutex_unlock(&ipc_lock);
}

void ipc_init(void) {
    static struct process_hooks hooks = {.exit = undo_all};
    process_hooks_add(&hooks);
}

/* --- semctl ---------------------------------------------------------------------------- */

static uint32_t count_waiters(const struct sem_set *set, int number, bool for_zero) {
    uint32_t count = 0;
    for (const struct ipc_waiter *waiter = set->waiters; waiter; waiter = waiter->next) {
        count += waiter->number == number && waiter->for_zero == for_zero;
    }
    return count;
}

static void remove_set(struct sem_set *set) {
    ipc_remove(&sets, &set->perm);
    undo_drop(set, -1);
    ipc_wake_removed(&set->waiters);
    set_free(set);
}

/* Commands on one value. */
static long control_one(struct task *task, struct sem_set *set, int32_t number, int32_t command,
                        int32_t arg) {
    int error = ipc_permission(task, &set->perm, command == SEM_SETVAL ? 2 : 4);
    if (error) {
        return error;
    }
    if (number < 0 || (uint32_t)number >= set->count) {
        return -EINVAL;
    }
    switch (command) {
    case SEM_GETPID:
        return set->pid[number];
    case SEM_GETVAL:
        return set->value[number];
    case SEM_GETNCNT:
        return count_waiters(set, number, false);
    case SEM_GETZCNT:
        return count_waiters(set, number, true);
    }
    if (arg < 0 || arg > SEM_MOST_VALUE) {
        return -ERANGE;
    }
    set->value[number] = (uint16_t)arg;
    set->pid[number] = task->process->pid;
    set->perm.ctime = time(NULL);
    undo_drop(set, number);
    ipc_wake_all(set->waiters);
    return 0;
}

/* GETALL and SETALL; `value` holds as many as the set has. */
static long control_all(struct task *task, struct sem_set *set, bool write, uint16_t *value) {
    int error = ipc_permission(task, &set->perm, write ? 2 : 4);
    if (error) {
        return error;
    }
    if (!write) {
        memcpy(value, set->value, set->count * sizeof *value);
        return 0;
    }
    for (uint32_t i = 0; i < set->count; i++) {
        if (value[i] > SEM_MOST_VALUE) {
            return -ERANGE;
        }
    }
    for (uint32_t i = 0; i < set->count; i++) {
        set->value[i] = value[i];
        set->pid[i] = task->process->pid;
        undo_drop(set, (int)i);
    }
    set->perm.ctime = time(NULL);
    ipc_wake_all(set->waiters);
    return 0;
}

static long transfer_all(struct task *task, int32_t id, bool write, gaddr_t at) {
    int error;
    uint16_t *value = malloc(SEM_MOST * sizeof *value);
    if (!value) {
        return -ENOMEM;
    }
    pthread_mutex_lock(&ipc_lock);
    struct sem_set *set = (struct sem_set *)ipc_find(&sets, id, &error);
    uint32_t count = set ? set->count : 0;
    long result = set ? 0 : error;
    if (set && !write) {
        result = control_all(task, set, false, value);
    }
    pthread_mutex_unlock(&ipc_lock);
    if (!result && write) {
        result = guest_read(task->cpu->space, value, at, count * sizeof *value);
        pthread_mutex_lock(&ipc_lock);
        set = (struct sem_set *)ipc_find(&sets, id, &error);
        if (!result) {
            result = set ? control_all(task, set, true, value) : -EIDRM;
        }
        pthread_mutex_unlock(&ipc_lock);
    } else if (!result) {
        result = guest_write(task->cpu->space, at, value, count * sizeof *value);
    }
    free(value);
    return result;
}

static long set_information(struct task *task, int32_t command, gaddr_t at) {
    pthread_mutex_lock(&ipc_lock);
    int32_t total = 0;
    for (int i = 0; i < IPC_MOST_IDS; i++) {
        total += sets.object[i] ? (int32_t)((struct sem_set *)sets.object[i])->count : 0;
    }
    /* struct seminfo: map mni mns mnu msl opm ume usz vmx aem */
    int32_t info[10] = {1024000000,   IPC_MOST_IDS, 1024000000, 1024000000,     SEM_MOST,
                        SEM_MOST_OPS, SEM_MOST_OPS, 20,         SEM_MOST_VALUE, SEM_MOST_VALUE};
    if (command == SEM_CMD_INFO) {
        info[7] = sets.used;
        info[9] = total;
    }
    int highest = ipc_highest(&sets);
    pthread_mutex_unlock(&ipc_lock);
    return guest_write(task->cpu->space, at, info, sizeof info) ? -EFAULT : highest;
}

static long set_status(struct task *task, int32_t id, int32_t command, gaddr_t at) {
    int error = -EINVAL;
    struct sem_status status;
    pthread_mutex_lock(&ipc_lock);
    struct ipc_object *object =
        command == IPC_CMD_STAT ? ipc_find(&sets, id, &error) : ipc_at(&sets, id);
    long result = !object                       ? error
                  : command == SEM_CMD_STAT_ANY ? 0
                                                : ipc_permission(task, object, 4);
    if (!result) {
        struct sem_set *set = (struct sem_set *)object;
        status = (struct sem_status){set->perm, set->otime, set->count};
        result = command == IPC_CMD_STAT ? 0 : object->id;
    }
    pthread_mutex_unlock(&ipc_lock);
    return result >= 0 && task->abi->ipc->put_sem(task, at, &status) ? -EFAULT : result;
}

static long change_set(struct task *task, int32_t id, int32_t command, gaddr_t at) {
    struct ipc_object perm;
    int error;
    if (command == IPC_CMD_SET && task->abi->ipc->get_perm(task, at, &perm, NULL)) {
        return -EFAULT;
    }
    pthread_mutex_lock(&ipc_lock);
    struct sem_set *set = (struct sem_set *)ipc_find(&sets, id, &error);
    long result = set ? ipc_owner(task, &set->perm) : error;
    if (!result && command == IPC_CMD_RMID) {
        remove_set(set);
    } else if (!result) {
        set->perm.uid = perm.uid;
        set->perm.gid = perm.gid;
        set->perm.mode = perm.mode;
        set->perm.ctime = time(NULL);
    }
    pthread_mutex_unlock(&ipc_lock);
    return result;
}

long sys_semctl(struct task *task, int32_t id, int32_t number, int32_t command, uint64_t arg) {
    command &= ~IPC_FLAG_64;
    gaddr_t at = arg;
    int error;
    if (id < 0) {
        return -EINVAL;
    }
    switch (command) {
    case IPC_CMD_INFO:
    case SEM_CMD_INFO:
        return set_information(task, command, at);
    case IPC_CMD_STAT:
    case SEM_CMD_STAT:
    case SEM_CMD_STAT_ANY:
        return set_status(task, id, command, at);
    case IPC_CMD_SET:
    case IPC_CMD_RMID:
        return change_set(task, id, command, at);
    case SEM_GETALL:
    case SEM_SETALL:
        return transfer_all(task, id, command == SEM_SETALL, at);
    case SEM_GETPID:
    case SEM_GETVAL:
    case SEM_GETNCNT:
    case SEM_GETZCNT:
    case SEM_SETVAL:
        break;
    default:
        return -EINVAL;
    }
    pthread_mutex_lock(&ipc_lock);
    struct sem_set *set = (struct sem_set *)ipc_find(&sets, id, &error);
    long result = set ? control_one(task, set, number, command, (int32_t)arg) : error;
    pthread_mutex_unlock(&ipc_lock);
    return result;
}
