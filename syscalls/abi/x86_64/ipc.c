/* x86-64 layouts of System V IPC structures. */
#include "syscalls/ipc/ipc.h"
#include "core/space/space.h"
#include "syscalls/abi/x86_64/x86_64.h"

#include <errno.h>

/* struct ipc64_perm */
struct x86_64_perm {
    int32_t key;
    uint32_t uid, gid, cuid, cgid, mode;
    uint16_t seq, pad;
    uint64_t unused[2];
};

struct x86_64_shm {
    struct x86_64_perm perm;
    uint64_t bytes;
    int64_t atime, dtime, ctime;
    int32_t creator, last;
    uint64_t attached, unused[2];
};

struct x86_64_sem {
    struct x86_64_perm perm;
    int64_t otime, unused1, ctime, unused2;
    uint64_t count, unused3[2];
};

struct x86_64_msg {
    struct x86_64_perm perm;
    int64_t stime, rtime, ctime;
    uint64_t bytes, count, most;
    int32_t sender, receiver;
    uint64_t unused[2];
};

_Static_assert(sizeof(struct x86_64_perm) == 48, "struct ipc64_perm");
_Static_assert(sizeof(struct x86_64_shm) == 112, "struct shmid64_ds");
_Static_assert(sizeof(struct x86_64_sem) == 104, "struct semid64_ds");
_Static_assert(sizeof(struct x86_64_msg) == 120, "struct msqid64_ds");

static struct x86_64_perm perm_of(const struct ipc_object *object) {
    return (struct x86_64_perm){.key = object->key,
                                .uid = object->uid,
                                .gid = object->gid,
                                .cuid = object->cuid,
                                .cgid = object->cgid,
                                .mode = object->mode,
                                .seq = (uint16_t)((uint32_t)object->id >> 15)};
}

static int put_shm(struct task *task, gaddr_t at, const struct shm_status *status) {
    struct x86_64_shm out = {.perm = perm_of(&status->perm),
                             .bytes = status->bytes,
                             .atime = status->atime,
                             .dtime = status->dtime,
                             .ctime = status->perm.ctime,
                             .creator = status->creator,
                             .last = status->last,
                             .attached = status->attached};
    return guest_write(task->cpu->space, at, &out, sizeof out);
}

static int put_sem(struct task *task, gaddr_t at, const struct sem_status *status) {
    struct x86_64_sem out = {.perm = perm_of(&status->perm),
                             .otime = status->otime,
                             .ctime = status->perm.ctime,
                             .count = status->count};
    return guest_write(task->cpu->space, at, &out, sizeof out);
}

static int put_msg(struct task *task, gaddr_t at, const struct msg_status *status) {
    struct x86_64_msg out = {.perm = perm_of(&status->perm),
                             .stime = status->stime,
                             .rtime = status->rtime,
                             .ctime = status->perm.ctime,
                             .bytes = status->bytes,
                             .count = status->count,
                             .most = status->most,
                             .sender = status->sender,
                             .receiver = status->receiver};
    return guest_write(task->cpu->space, at, &out, sizeof out);
}

static int get_perm(struct task *task, gaddr_t at, struct ipc_object *perm, uint32_t *most) {
    struct x86_64_msg in;
    if (guest_read(task->cpu->space, &in, at, most ? sizeof in : sizeof in.perm)) {
        return -EFAULT;
    }
    perm->uid = in.perm.uid;
    perm->gid = in.perm.gid;
    perm->mode = in.perm.mode & 0777;
    if (most) {
        *most = in.most > UINT32_MAX ? UINT32_MAX : (uint32_t)in.most;
    }
    return 0;
}

const struct abi_ipc abi_x86_64_ipc = {
    .put_shm = put_shm,
    .put_sem = put_sem,
    .put_msg = put_msg,
    .get_perm = get_perm,
};
