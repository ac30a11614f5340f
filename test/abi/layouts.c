/* The x86-64 ABI's structures, field by field: each holds a value of its own and is found where the
 * host, which has the same structures, looks for it. */
#include "syscalls/abi/times.h"
#include "syscalls/file/lock.h"
#include "syscalls/fs/abi_fs.h"
#include "syscalls/ipc/ipc.h"
#include "syscalls/net/abi_net.h"
#include "syscalls/process/abi_process.h"
#include "test/abi/abi_test.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/timex.h>

#define SAME(got, want) CHECK((got) == (want), #got " is %llx", (unsigned long long)(got))
#define BIG(n)          (0x100000000 + (n)) /* what 32 bits do not hold */

/* The bytes of a structure that an operation of the ABI wrote to piece 0. */
static void written(void *to, size_t size) {
    CHECK(piece_holds(0, size), "more or less than %zu bytes were written", size);
    memcpy(to, piece_ptr(0), size);
}

static void check_files(void) {
    const struct abi_fs *fs = task->abi->fs;
    struct stat st = {.st_dev = 0x801,
                      .st_ino = BIG(2),
                      .st_nlink = BIG(3),
                      .st_mode = 4,
                      .st_uid = 5,
                      .st_gid = 6,
                      .st_rdev = 0x12345,
                      .st_size = BIG(8),
                      .st_blksize = 9,
                      .st_blocks = BIG(10),
                      .st_atim = {BIG(11), 12},
                      .st_mtim = {BIG(13), 14},
                      .st_ctim = {BIG(15), 16}};
    RETURNS(0, fs->put_stat(task, piece_clear(0), &st));
    CHECK(piece_holds(0, sizeof st) && !memcmp(piece_ptr(0), &st, sizeof st), "struct stat");
    struct statfs vfs = {.f_type = 1,
                         .f_bsize = 2,
                         .f_blocks = BIG(3),
                         .f_bfree = BIG(4),
                         .f_bavail = BIG(5),
                         .f_files = BIG(6),
                         .f_ffree = BIG(7),
                         .f_fsid = {{8, 9}},
                         .f_namelen = 10,
                         .f_frsize = 11,
                         .f_flags = 12};
    RETURNS(0, fs->put_statfs(task, piece_clear(0), &vfs));
    CHECK(piece_holds(0, sizeof vfs) && !memcmp(piece_ptr(0), &vfs, sizeof vfs), "struct statfs");

    struct flock in = {.l_type = 1, .l_whence = 2, .l_start = BIG(3), .l_len = -4, .l_pid = 5}, out;
    struct lock_request lock;
    RETURNS(0, fs->flock->get(task, piece_put(0, &in, sizeof in), &lock));
    RETURNS(0, fs->flock->put(task, piece_clear(0), &lock));
    written(&out, sizeof out);
    SAME(out.l_type, 1);
    SAME(out.l_whence, 2);
    SAME(out.l_start, in.l_start);
    SAME(out.l_len, -4);
    SAME(out.l_pid, 5);
    CHECK(!fs->flock64, "there is a second struct flock");
}

static void check_sockets(void) {
    const struct abi_net *net = task->abi->net;
    struct msghdr in = {.msg_name = (void *)BIG(1),
                        .msg_namelen = 2,
                        .msg_iov = (void *)BIG(3),
                        .msg_iovlen = BIG(4),
                        .msg_control = (void *)BIG(5),
                        .msg_controllen = BIG(6),
                        .msg_flags = 7},
                  out = {0};
    struct guest_msg msg;
    SAME(net->msg_bytes, sizeof in);
    SAME(net->mmsg_bytes, sizeof(struct mmsghdr));
    RETURNS(0, net->get_msg(task, piece_put(0, &in, sizeof in), &msg));
    SAME(msg.name, BIG(1));
    SAME(msg.name_len, 2);
    SAME(msg.iov, BIG(3));
    SAME(msg.iov_count, BIG(4));
    SAME(msg.control, BIG(5));
    SAME(msg.control_len, BIG(6));
    SAME(msg.flags, 7);
    RETURNS(0, net->put_msg(task, piece_put(0, &out, sizeof out), &msg));
    memcpy(&out, piece_ptr(0), sizeof out);
    SAME(out.msg_namelen, 2);
    SAME(out.msg_controllen, BIG(6));
    SAME(out.msg_flags, 7);
    CHECK(!out.msg_name && !out.msg_iov && !out.msg_iovlen && !out.msg_control,
          "more than that was written");

    struct cmsghdr cmsg = {BIG(1), 2, 3};
    struct guest_cmsg read;
    SAME(net->cmsg_bytes, sizeof cmsg);
    SAME(net->cmsg_align, sizeof(size_t));
    RETURNS(0, net->get_cmsg(task, piece_put(0, &cmsg, sizeof cmsg), &read));
    RETURNS(0, net->put_cmsg(task, piece_clear(0), &read));
    CHECK(piece_holds(0, sizeof cmsg) && !memcmp(piece_ptr(0), &cmsg, sizeof cmsg), "cmsghdr");

    struct ifmap map = {BIG(1), BIG(2), 3, 4, 5, 6};
    SAME(net->ifreq_bytes, sizeof(struct ifreq));
    RETURNS(0, net->put_ifmap(task, piece_clear(0), &map));
    CHECK(piece_holds(0, sizeof map) && !memcmp(piece_ptr(0), &map, offsetof(struct ifmap, port)),
          "struct ifmap");
}

/* Owner and mode: the first member of each of the three. */
static void check_perm(const struct ipc_perm *perm) {
    SAME(perm->__key, 1);
    SAME(perm->uid, 3);
    SAME(perm->gid, 4);
    SAME(perm->cuid, 5);
    SAME(perm->cgid, 6);
    SAME(perm->mode, 0740);
    SAME(perm->__seq, 9);
}

static void check_ipc(void) {
    const struct abi_ipc *ipc = task->abi->ipc;
    const struct ipc_object perm = {.key = 1,
                                    .id = 9 << 15 | 2,
                                    .uid = 3,
                                    .gid = 4,
                                    .cuid = 5,
                                    .cgid = 6,
                                    .mode = 0740,
                                    .ctime = BIG(7)};
    const struct shm_status shm = {perm, BIG(10), BIG(11), BIG(12), 13, 14, 15};
    struct shmid_ds shm_out;
    RETURNS(0, ipc->put_shm(task, piece_clear(0), &shm));
    written(&shm_out, sizeof shm_out);
    check_perm(&shm_out.shm_perm);
    SAME(shm_out.shm_segsz, BIG(10));
    SAME(shm_out.shm_atime, BIG(11));
    SAME(shm_out.shm_dtime, BIG(12));
    SAME(shm_out.shm_ctime, BIG(7));
    SAME(shm_out.shm_cpid, 13);
    SAME(shm_out.shm_lpid, 14);
    SAME(shm_out.shm_nattch, 15);

    const struct sem_status sem = {perm, BIG(10), 11};
    struct semid_ds sem_out;
    RETURNS(0, ipc->put_sem(task, piece_clear(0), &sem));
    written(&sem_out, sizeof sem_out);
    check_perm(&sem_out.sem_perm);
    SAME(sem_out.sem_otime, BIG(10));
    SAME(sem_out.sem_ctime, BIG(7));
    SAME(sem_out.sem_nsems, 11);

    const struct msg_status msg = {perm, BIG(10), BIG(11), 12, 13, 14, 15, 16};
    struct msqid_ds msg_out;
    RETURNS(0, ipc->put_msg(task, piece_clear(0), &msg));
    written(&msg_out, sizeof msg_out);
    check_perm(&msg_out.msg_perm);
    SAME(msg_out.msg_stime, BIG(10));
    SAME(msg_out.msg_rtime, BIG(11));
    SAME(msg_out.msg_ctime, BIG(7));
    SAME(msg_out.__msg_cbytes, 12);
    SAME(msg_out.msg_qnum, 13);
    SAME(msg_out.msg_qbytes, 14);
    SAME(msg_out.msg_lspid, 15);
    SAME(msg_out.msg_lrpid, 16);

    struct ipc_object got = {0};
    uint32_t most = 0;
    RETURNS(0, ipc->get_perm(task, piece(0), &got, &most));
    CHECK(got.uid == 3 && got.gid == 4 && got.mode == 0740 && most == 14, "IPC_SET of a queue");
}

static void check_process(void) {
    const struct abi_process *process = task->abi->process;
    struct sysinfo info = {.uptime = BIG(1),
                           .loads = {BIG(2), BIG(3), BIG(4)},
                           .totalram = BIG(5),
                           .freeram = BIG(6),
                           .sharedram = BIG(7),
                           .bufferram = BIG(8),
                           .totalswap = BIG(9),
                           .freeswap = BIG(10),
                           .procs = 11,
                           .totalhigh = BIG(12),
                           .freehigh = BIG(13),
                           .mem_unit = 14};
    RETURNS(0, process->put_sysinfo(task, piece_clear(0), &info));
    CHECK(!memcmp(piece_ptr(0), &info, offsetof(struct sysinfo, mem_unit) + sizeof info.mem_unit),
          "struct sysinfo");
    struct rlimit limit = {BIG(1), RLIM_INFINITY}, got;
    RETURNS(0, process->get_rlimit(task, piece_put(0, &limit, sizeof limit), &got));
    RETURNS(0, process->put_rlimit(task, piece_clear(0), &got));
    CHECK(!memcmp(piece_ptr(0), &limit, sizeof limit), "struct rlimit");
}

static void check_times(void) {
    const struct abi_times *times = task->abi->times;
    struct timespec ts = {BIG(1), 2}, packed;
    struct timeval tv = {BIG(3), 4};
    struct timex timex;
    uint8_t value = 0;
    SAME(times->pair_bytes, sizeof ts);
    RETURNS(0, times->put_timespec(task, piece_clear(0), &ts));
    CHECK(piece_holds(0, sizeof ts) && !memcmp(piece_ptr(0), &ts, sizeof ts), "struct timespec");
    times->pack(&packed, BIG(1), 2);
    CHECK(!memcmp(&packed, &ts, sizeof ts), "a packed struct timespec");
    RETURNS(0, times->put_timeval(task, piece_clear(0), &tv));
    CHECK(piece_holds(0, sizeof tv) && !memcmp(piece_ptr(0), &tv, sizeof tv), "struct timeval");
    for (size_t i = 0; i < sizeof timex; i++) {
        ((uint8_t *)&timex)[i] = ++value;
    }
    struct timex got;
    RETURNS(0, times->put_timex(task, piece_clear(0), &timex));
    memcpy(&got, piece_ptr(0), sizeof got);
    CHECK(piece_holds(0, offsetof(struct timex, tai) + sizeof timex.tai), "spare words are gone");
    CHECK(got.modes == timex.modes && got.status == timex.status && got.shift == timex.shift &&
              !memcmp(&got.offset, &timex.offset, 4 * sizeof got.offset) &&
              !memcmp(&got.constant, &timex.constant, 8 * sizeof got.offset) &&
              !memcmp(&got.stabil, &timex.stabil, 5 * sizeof got.offset) && got.tai == timex.tai,
          "struct timex");
}

void test_layouts(void) {
    check_files();
    check_sockets();
    check_ipc();
    check_process();
    check_times();
}
