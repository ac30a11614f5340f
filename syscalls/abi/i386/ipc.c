/* i386 layouts of System V IPC structures (the "64" ones: 32-bit ids, times in two words). */
#include "core/space/space.h"
#include "syscalls/abi/abi.h"
#include "syscalls/abi/i386/i386.h"
#include "syscalls/ipc/ipc.h"
#include <errno.h>
#include <string.h>

/* struct ipc64_perm: 9 words. */
struct perm32 {
    uint32_t key, uid, gid, cuid, cgid, mode, seq, unused[2];
};

static void pack_perm(struct perm32 *out, const struct ipc_object *perm) {
    *out = (struct perm32){.key = (uint32_t)perm->key,
                           .uid = perm->uid,
                           .gid = perm->gid,
                           .cuid = perm->cuid,
                           .cgid = perm->cgid,
                           .mode = perm->mode,
                           .seq = (uint32_t)perm->id >> 15};
}

static void pack_time(uint32_t out[2], int64_t time) {
    out[0] = (uint32_t)time;
    out[1] = (uint32_t)((uint64_t)time >> 32);
}

static int put_shm(struct task *task, gaddr_t at, const struct shm_status *status) {
    struct {
        struct perm32 perm;
        uint32_t bytes, atime[2], dtime[2], ctime[2];
        int32_t creator, last;
        uint32_t attached, unused[2];
    } out = {.bytes = (uint32_t)status->bytes,
             .creator = status->creator,
             .last = status->last,
             .attached = status->attached};
    _Static_assert(sizeof out == 84, "struct shmid64_ds");
    pack_perm(&out.perm, &status->perm);
    pack_time(out.atime, status->atime);
    pack_time(out.dtime, status->dtime);
    pack_time(out.ctime, status->perm.ctime);
    return guest_write(task->cpu->space, at, &out, sizeof out);
}

static int put_sem(struct task *task, gaddr_t at, const struct sem_status *status) {
    struct {
        struct perm32 perm;
        uint32_t otime[2], ctime[2], count, unused[2];
    } out = {.count = status->count};
    _Static_assert(sizeof out == 64, "struct semid64_ds");
    pack_perm(&out.perm, &status->perm);
    pack_time(out.otime, status->otime);
    pack_time(out.ctime, status->perm.ctime);
    return guest_write(task->cpu->space, at, &out, sizeof out);
}

struct msg32 {
    struct perm32 perm;
    uint32_t stime[2], rtime[2], ctime[2], bytes, count, most;
    int32_t sender, receiver;
    uint32_t unused[2];
};

static int put_msg(struct task *task, gaddr_t at, const struct msg_status *status) {
    struct msg32 out = {.bytes = status->bytes,
                        .count = status->count,
                        .most = status->most,
                        .sender = status->sender,
                        .receiver = status->receiver};
    _Static_assert(sizeof out == 88, "struct msqid64_ds");
    pack_perm(&out.perm, &status->perm);
    pack_time(out.stime, status->stime);
    pack_time(out.rtime, status->rtime);
    pack_time(out.ctime, status->perm.ctime);
    return guest_write(task->cpu->space, at, &out, sizeof out);
}

static int get_perm(struct task *task, gaddr_t at, struct ipc_object *perm, uint32_t *most) {
    struct msg32 in;
    size_t len = most ? sizeof in : sizeof in.perm;
    if (guest_read(task->cpu->space, &in, at, len)) {
        return -EFAULT;
    }
    perm->uid = in.perm.uid;
    perm->gid = in.perm.gid;
    perm->mode = in.perm.mode & 0777;
    if (most) {
        *most = in.most;
    }
    return 0;
}

const struct abi_ipc abi_i386_ipc = {
    .put_shm = put_shm,
    .put_sem = put_sem,
    .put_msg = put_msg,
    .get_perm = get_perm,
};
