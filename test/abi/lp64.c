/* The artificial ABI: every operation copies the host's own structure. Nothing is shared with
 * syscalls/abi/i386; this is also what an x86-64 ABI would begin with. */
#include "test/abi/lp64.h"
#include "core/space/space.h"
#include "syscalls/abi/registers.h"
#include "syscalls/abi/times.h"
#include "syscalls/file/lock.h"
#include "syscalls/fs/abi_fs.h"
#include "syscalls/ipc/ipc.h"
#include "syscalls/net/abi_net.h"
#include "syscalls/process/abi_process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>

/* --- times ----------------------------------------------------------------------------- */

static int get_timespec(struct task *task, gaddr_t from, struct timespec *ts) {
    return guest_read(task->cpu->space, ts, from, sizeof *ts);
}

static int put_timespec(struct task *task, gaddr_t to, const struct timespec *ts) {
    return guest_write(task->cpu->space, to, ts, sizeof *ts);
}

static int get_timeval(struct task *task, gaddr_t from, struct timeval *tv) {
    return guest_read(task->cpu->space, tv, from, sizeof *tv);
}

static int put_timeval(struct task *task, gaddr_t to, const struct timeval *tv) {
    return guest_write(task->cpu->space, to, tv, sizeof *tv);
}

static int put_timex(struct task *task, gaddr_t to, const struct timex *timex) {
    return guest_write(task->cpu->space, to, timex, sizeof *timex);
}

static void pack(void *to, int64_t seconds, int64_t fraction) {
    const struct timespec pair = {seconds, fraction};
    memcpy(to, &pair, sizeof pair);
}

static const struct abi_times times = {
    .pair_bytes = sizeof(struct timespec),
    .pack = pack,
    .get_timespec = get_timespec,
    .put_timespec = put_timespec,
    .get_timeval = get_timeval,
    .put_timeval = put_timeval,
    .put_timex = put_timex,
};

/* --- files ----------------------------------------------------------------------------- */

static int put_stat(struct task *task, gaddr_t to, const struct stat *st) {
    return guest_write(task->cpu->space, to, st, sizeof *st);
}

static int put_statfs(struct task *task, gaddr_t to, const struct statfs *fs) {
    return guest_write(task->cpu->space, to, fs, sizeof *fs);
}

static int get_flock(struct task *task, gaddr_t from, struct lock_request *lock) {
    struct flock in;
    if (guest_read(task->cpu->space, &in, from, sizeof in)) {
        return -EFAULT;
    }
    *lock = (struct lock_request){in.l_type, in.l_whence, in.l_start, in.l_len, in.l_pid};
    return 0;
}

static int put_flock(struct task *task, gaddr_t to, const struct lock_request *lock) {
    struct flock out = {lock->type, lock->whence, lock->start, lock->len, lock->pid};
    return guest_write(task->cpu->space, to, &out, sizeof out);
}

static const struct abi_flock flock_layout = {get_flock, put_flock};

/* struct linux_dirent: two longs, the length, the name, its NUL, the type as the last byte. */
static size_t put_dirent(uint8_t *to, size_t room, const struct dir_entry *entry) {
    const size_t head = 2 * sizeof(long) + sizeof(short);
    size_t bytes = (head + strlen(entry->name) + 2 + 7) & ~(size_t)7;
    if (bytes <= room) {
        memset(to, 0, bytes);
        memcpy(to, &entry->ino, sizeof(long));
        memcpy(to + sizeof(long), &entry->next, sizeof(long));
        memcpy(to + 2 * sizeof(long), &(short){(short)bytes}, sizeof(short));
        memcpy(to + head, entry->name, strlen(entry->name));
        to[bytes - 1] = entry->type;
    }
    return bytes;
}

static const struct abi_fs fs = {
    .offset_most = INT64_MAX,
    .put_stat = put_stat,
    .put_statfs = put_statfs,
    .flock = &flock_layout,
    .put_dirent = put_dirent,
};

/* --- sockets --------------------------------------------------------------------------- */

static int get_msg(struct task *task, gaddr_t from, struct guest_msg *msg) {
    struct msghdr in;
    if (guest_read(task->cpu->space, &in, from, sizeof in)) {
        return -EFAULT;
    }
    *msg = (struct guest_msg){.name = (gaddr_t)in.msg_name,
                              .name_len = (int32_t)in.msg_namelen,
                              .iov = (gaddr_t)in.msg_iov,
                              .iov_count = in.msg_iovlen,
                              .control = (gaddr_t)in.msg_control,
                              .control_len = in.msg_controllen,
                              .flags = (uint32_t)in.msg_flags};
    return 0;
}

static int put_msg(struct task *task, gaddr_t to, const struct guest_msg *msg) {
    struct msghdr out;
    if (guest_read(task->cpu->space, &out, to, sizeof out)) {
        return -EFAULT;
    }
    if (msg->name) {
        out.msg_namelen = (socklen_t)msg->name_len;
    }
    out.msg_controllen = msg->control_len;
    out.msg_flags = (int)msg->flags;
    return guest_write(task->cpu->space, to, &out, sizeof out);
}

static int get_cmsg(struct task *task, gaddr_t from, struct guest_cmsg *cmsg) {
    struct cmsghdr in;
    if (guest_read(task->cpu->space, &in, from, sizeof in)) {
        return -EFAULT;
    }
    *cmsg = (struct guest_cmsg){in.cmsg_len, in.cmsg_level, in.cmsg_type};
    return 0;
}

static int put_cmsg(struct task *task, gaddr_t to, const struct guest_cmsg *cmsg) {
    struct cmsghdr out = {cmsg->len, cmsg->level, cmsg->type};
    return guest_write(task->cpu->space, to, &out, sizeof out);
}

static int put_ifmap(struct task *task, gaddr_t to, const struct ifmap *map) {
    return guest_write(task->cpu->space, to, map, sizeof *map);
}

static const struct abi_net net = {
    .msg_bytes = sizeof(struct msghdr),
    .mmsg_bytes = sizeof(struct mmsghdr),
    .get_msg = get_msg,
    .put_msg = put_msg,
    .cmsg_bytes = sizeof(struct cmsghdr),
    .cmsg_align = sizeof(long),
    .get_cmsg = get_cmsg,
    .put_cmsg = put_cmsg,
    .ifreq_bytes = sizeof(struct ifreq),
    .put_ifmap = put_ifmap,
};

/* --- System V IPC ---------------------------------------------------------------------- */

static struct ipc_perm perm_out(const struct ipc_object *object) {
    return (struct ipc_perm){.__key = object->key,
                             .uid = object->uid,
                             .gid = object->gid,
                             .cuid = object->cuid,
                             .cgid = object->cgid,
                             .mode = (unsigned short)object->mode};
}

static int put_shm(struct task *task, gaddr_t to, const struct shm_status *status) {
    struct shmid_ds out = {.shm_perm = perm_out(&status->perm),
                           .shm_segsz = status->bytes,
                           .shm_atime = status->atime,
                           .shm_dtime = status->dtime,
                           .shm_ctime = status->perm.ctime,
                           .shm_cpid = status->creator,
                           .shm_lpid = status->last,
                           .shm_nattch = status->attached};
    return guest_write(task->cpu->space, to, &out, sizeof out);
}

static int put_sem(struct task *task, gaddr_t to, const struct sem_status *status) {
    struct semid_ds out = {.sem_perm = perm_out(&status->perm),
                           .sem_otime = status->otime,
                           .sem_ctime = status->perm.ctime,
                           .sem_nsems = status->count};
    return guest_write(task->cpu->space, to, &out, sizeof out);
}

static int put_msg_queue(struct task *task, gaddr_t to, const struct msg_status *status) {
    struct msqid_ds out = {.msg_perm = perm_out(&status->perm),
                           .msg_stime = status->stime,
                           .msg_rtime = status->rtime,
                           .msg_ctime = status->perm.ctime,
                           .__msg_cbytes = status->bytes,
                           .msg_qnum = status->count,
                           .msg_qbytes = status->most,
                           .msg_lspid = status->sender,
                           .msg_lrpid = status->receiver};
    return guest_write(task->cpu->space, to, &out, sizeof out);
}

static int get_perm(struct task *task, gaddr_t from, struct ipc_object *perm, uint32_t *most) {
    struct msqid_ds in;
    size_t len = most ? sizeof in : sizeof in.msg_perm;
    if (guest_read(task->cpu->space, &in, from, len)) {
        return -EFAULT;
    }
    perm->uid = in.msg_perm.uid;
    perm->gid = in.msg_perm.gid;
    perm->mode = in.msg_perm.mode & 0777;
    if (most) {
        *most = (uint32_t)in.msg_qbytes;
    }
    return 0;
}

static const struct abi_ipc ipc = {
    .put_shm = put_shm,
    .put_sem = put_sem,
    .put_msg = put_msg_queue,
    .get_perm = get_perm,
};

/* --- processes ------------------------------------------------------------------------- */

uint64_t lp64_tls;

static int get_rlimit(struct task *task, gaddr_t from, struct rlimit *limit) {
    return guest_read(task->cpu->space, limit, from, sizeof *limit);
}

static int put_rlimit(struct task *task, gaddr_t to, const struct rlimit *limit) {
    return guest_write(task->cpu->space, to, limit, sizeof *limit);
}

static int put_sysinfo(struct task *task, gaddr_t to, const struct sysinfo *info) {
    return guest_write(task->cpu->space, to, info, sizeof *info);
}

static int set_tls(struct task *task, struct cpu *cpu, uint64_t tls) {
    (void)task;
    (void)cpu;
    lp64_tls = tls;
    return 0;
}

static const struct abi_process process = {
    .machine = "lp64",
    .get_rlimit = get_rlimit,
    .put_rlimit = put_rlimit,
    .put_sysinfo = put_sysinfo,
    .set_tls = set_tls,
};

/* --- registers ------------------------------------------------------------------------- */

static void set_result(struct task *task, int64_t result) {
    task->cpu->regs[REG_AX] = (uint64_t)result;
}

static const struct abi_registers registers = {.set_result = set_result};

const struct abi lp64 = {
    .name = "lp64",
    .mode = GUEST_I386,
    .pointer_bytes = 8,
    .registers = &registers,
    .times = &times,
    .times64 = &times,
    .fs = &fs,
    .net = &net,
    .process = &process,
    .ipc = &ipc,
};
