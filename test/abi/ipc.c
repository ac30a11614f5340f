/* System V IPC and message queues: status structures, and what is made of longs. */
#include "test/abi/abi_test.h"

#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <time.h>

static void check_semaphores(void) {
    int id = (int)sys_semget(task, IPC_PRIVATE, 3, 0640);
    struct semid_ds ds;
    struct seminfo info;
    unsigned short values[3] = {7, 8, 9};
    time_t now = time(NULL);
    RETURNS(0, sys_semctl(task, id, 0, SETALL, piece_put(0, values, sizeof values)));
    RETURNS(8, sys_semctl(task, id, 1, GETVAL, 0));
    RETURNS(0, sys_semctl(task, id, 0, IPC_STAT, piece_clear(0)));
    memcpy(&ds, piece_ptr(0), sizeof ds);
    CHECK(piece_holds(0, sizeof ds) && ds.sem_nsems == 3 && ds.sem_perm.mode == 0640 &&
              ds.sem_ctime - now <= 1,
          "%lu semaphores, mode %o", ds.sem_nsems, ds.sem_perm.mode);
    ds.sem_perm.mode = 0600;
    RETURNS(0, sys_semctl(task, id, 0, IPC_SET, piece_put(0, &ds, sizeof ds)));
    RETURNS(0, sys_semctl(task, id, 0, IPC_STAT, piece_clear(0)));
    memcpy(&ds, piece_ptr(0), sizeof ds);
    CHECK(ds.sem_perm.mode == 0600, "mode %o", ds.sem_perm.mode);
    CHECK(sys_semctl(task, 0, 0, IPC_INFO, piece_clear(0)) >= 0 && piece_holds(0, sizeof info),
          "struct seminfo has another size");
    RETURNS(0, sys_semctl(task, id, 0, IPC_RMID, 0));
}

/* A type that 32 bits do not hold. */
static void check_messages(void) {
    const long type = 0x123456789;
    struct {
        long type;
        char text[8];
    } message = {type, "message"}, got;
    struct msqid_ds ds;
    int id = (int)sys_msgget(task, IPC_PRIVATE, 0600);
    RETURNS(0, sys_msgsnd(task, id, piece_put(0, &message, sizeof message), 8, 0));
    RETURNS(0, sys_msgctl(task, id, IPC_STAT, piece_clear(0)));
    memcpy(&ds, piece_ptr(0), sizeof ds);
    CHECK(piece_holds(0, sizeof ds) && ds.msg_qnum == 1 && ds.msg_lspid == task->process->pid,
          "%lu messages", ds.msg_qnum);
    RETURNS(8, sys_msgrcv(task, id, piece_clear(0), 100, type, 0));
    memcpy(&got, piece_ptr(0), sizeof got);
    CHECK(piece_holds(0, sizeof got) && got.type == type && !strcmp(got.text, "message"), "%lx",
          got.type);
    RETURNS(0, sys_msgctl(task, id, IPC_RMID, 0));
}

static void check_memory(void) {
    int id = (int)sys_shmget(task, IPC_PRIVATE, 10000, 0600);
    struct shmid_ds ds;
    struct shminfo limits;
    struct shm_info usage;
    RETURNS(0, sys_shmctl(task, id, IPC_STAT, piece_clear(0)));
    memcpy(&ds, piece_ptr(0), sizeof ds);
    CHECK(piece_holds(0, sizeof ds) && ds.shm_segsz == 10000 && !ds.shm_nattch, "%zu bytes",
          ds.shm_segsz);
    CHECK(sys_shmctl(task, 0, IPC_INFO, piece_clear(0)) >= 0 && piece_holds(0, sizeof limits),
          "struct shminfo has another size");
    memcpy(&limits, piece_ptr(0), sizeof limits);
    CHECK(limits.shmmin == 1, "at least %lu bytes", limits.shmmin);
    CHECK(sys_shmctl(task, 0, SHM_INFO, piece_clear(0)) >= 0, "SHM_INFO is refused");
    memcpy(&usage, piece_ptr(0), sizeof usage);
    CHECK(usage.used_ids >= 1 && usage.shm_tot >= 3, "%lu pages", usage.shm_tot);
    RETURNS(0, sys_shmctl(task, id, IPC_RMID, 0));
    id = (int)sys_shmget(task, IPC_PRIVATE, 0x123456789, 0600);
    CHECK(id >= 0, "a segment of more than 32 bits: %d", id);
    RETURNS(0, sys_shmctl(task, id, IPC_STAT, piece_clear(0)));
    memcpy(&ds, piece_ptr(0), sizeof ds);
    CHECK(ds.shm_segsz == 0x123456789, "%zu bytes", ds.shm_segsz);
    RETURNS(0, sys_shmctl(task, id, IPC_RMID, 0));
}

void test_ipc(void) {
    check_semaphores();
    check_messages();
    check_memory();
}

/* The value of a notification is as wide as an address. */
void test_queues(void) {
    struct mq_attr attr = {.mq_maxmsg = 3, .mq_msgsize = 100}, got;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL,
                             .sigev_signo = SIGUSR1,
                             .sigev_value.sival_ptr = (void *)0x123456789abc};
    struct timespec second = {1, 0};
    sigset64 wanted = (sigset64)1 << (SIGUSR1 - 1);
    int fd = (int)sys_mq_open(task, piece_put(1, "queue", 6), O_RDWR | O_CREAT, 0600,
                              piece_put(0, &attr, sizeof attr));
    CHECK(fd >= 0, "mq_open is %d", fd);
    RETURNS(0, sys_mq_getsetattr(task, fd, 0, piece_clear(0)));
    memcpy(&got, piece_ptr(0), sizeof got);
    CHECK(piece_holds(0, sizeof got) && got.mq_maxmsg == 3 && got.mq_msgsize == 100, "%ld",
          got.mq_maxmsg);
    RETURNS(0, sys_rt_sigprocmask(task, SIG_BLOCK, piece_put(0, &wanted, sizeof wanted), 0, 8));
    RETURNS(0, sys_mq_notify(task, fd, piece_put(0, &event, sizeof event)));
    RETURNS(0, sys_mq_timedsend(task, fd, piece_put(0, "x", 1), 1, 0, 0));
    RETURNS(SIGUSR1, sys_rt_sigtimedwait(task, piece_put(0, &wanted, sizeof wanted), 0,
                                         piece_put(1, &second, sizeof second), 8));
    RETURNS(0, sys_mq_unlink(task, piece_put(1, "queue", 6)));
    sys_close(task, fd);
}
