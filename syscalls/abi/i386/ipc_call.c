/* ipc(2): the calls of System V IPC as one, with arguments of its own for some. */
#include "gen/syscall_protos.h"
#include "core/space/space.h"
#include "syscalls/ipc/ipc.h"

#include <errno.h>

enum {
    CALL_SEMOP = 1,
    CALL_SEMGET,
    CALL_SEMCTL,
    CALL_SEMTIMEDOP,
    CALL_MSGSND = 11,
    CALL_MSGRCV,
    CALL_MSGGET,
    CALL_MSGCTL,
    CALL_SHMAT = 21,
    CALL_SHMDT,
    CALL_SHMGET,
    CALL_SHMCTL,
};

/* The old structures, without IPC_64 in the command, are not supported. */
static bool has_64(int32_t command) {
    return command & IPC_FLAG_64;
}

static long receive(struct task *task, unsigned version, int32_t id, gaddr_t at, int32_t size,
                    int64_t type, int32_t flags) {
    uint32_t kludge[2]; /* msgp, msgtyp */
    if (version != 0) {
        return sys_msgrcv(task, id, at, (uint64_t)(int64_t)size, type, (uint32_t)flags);
    }
    if (!at) {
        return -EINVAL;
    }
    if (guest_read(task->cpu->space, kludge, at, sizeof kludge)) {
        return -EFAULT;
    }
    return sys_msgrcv(task, id, kludge[0], (uint64_t)(int64_t)size, (int32_t)kludge[1],
                      (uint32_t)flags);
}

static long attach(struct task *task, unsigned version, int32_t id, gaddr_t at, int32_t flags,
                   uint32_t result_at) {
    if (version == 1) {
        return -EINVAL;
    }
    long address = sys_shmat(task, id, at, (uint32_t)flags);
    if (address < 0 && address > -4096) {
        return address;
    }
    uint32_t word = (uint32_t)address;
    return guest_write(task->cpu->space, result_at, &word, sizeof word);
}

static long control_semaphores(struct task *task, int32_t id, int32_t number, int32_t command,
                               gaddr_t at) {
    uint32_t word;
    if (!at) {
        return -EINVAL;
    }
    if (guest_read(task->cpu->space, &word, at, sizeof word)) {
        return -EFAULT;
    }
    return sys_semctl(task, id, number, command, word);
}

long sys_ipc(struct task *task, uint32_t call, int32_t first, int32_t second, int32_t third,
             gaddr_t at, int64_t fifth) {
    unsigned version = call >> 16;
    switch (call & 0xffff) {
    case CALL_SEMOP:
        return sys_semop(task, first, at, (uint32_t)second);
    case CALL_SEMTIMEDOP:
        return sys_semtimedop(task, first, at, (uint32_t)second, (uint32_t)fifth);
    case CALL_SEMGET:
        return sys_semget(task, first, second, (uint32_t)third);
    case CALL_SEMCTL:
        return control_semaphores(task, first, second, third, at);
    case CALL_MSGSND:
        return sys_msgsnd(task, first, at, (uint64_t)(int64_t)second, (uint32_t)third);
    case CALL_MSGRCV:
        return receive(task, version, first, at, second, fifth, third);
    case CALL_MSGGET:
        return sys_msgget(task, first, (uint32_t)second);
    case CALL_MSGCTL:
        return has_64(second) ? sys_msgctl(task, first, second, at) : -EINVAL;
    case CALL_SHMAT:
        return attach(task, version, first, at, second, (uint32_t)third);
    case CALL_SHMDT:
        return sys_shmdt(task, at);
    case CALL_SHMGET:
        return sys_shmget(task, first, (uint32_t)second, (uint32_t)third);
    case CALL_SHMCTL:
        return has_64(second) ? sys_shmctl(task, first, second, at) : -EINVAL;
    }
    return -ENOSYS;
}
