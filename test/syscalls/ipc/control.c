/* What the calls of System V objects and of message queues refuse, to whom, and what a change of
 * one value changes besides. */
#include "test/syscalls/io_test.h"
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

union semun {
    int val;
    struct semid_ds *buf;
    unsigned short *array;
    struct seminfo *info;
};

/* In a child, as another user where this one may become it. */
static void as_other(void (*tell)(int id), int id) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && (setgid(1234) || setuid(1234))) {
            _exit(1);
        }
        tell(id);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    SHOW(status);
}

static int value(int id, int number) {
    return semctl(id, number, GETVAL);
}

static void semaphores_of_others(int id) {
    struct sembuf down = {0, -1, IPC_NOWAIT}, zero = {1, 0, IPC_NOWAIT};
    unsigned short values[3] = {1, 1, 1};
    struct semid_ds ds;
    SHOW(semop(id, &down, 1));
    SHOW(semop(id, &zero, 1));
    SHOW(value(id, 0));
    SHOW(semctl(id, 0, SETVAL, (union semun){.val = 1}));
    SHOW(semctl(id, 0, GETALL, (union semun){.array = values}));
    SHOW(semctl(id, 0, SETALL, (union semun){.array = values}));
    SHOW(semctl(id, 0, IPC_STAT, (union semun){.buf = &ds}));
    SHOW(semctl(id, 0, IPC_SET, (union semun){.buf = &ds}));
    SHOW(semctl(id, 0, IPC_RMID));
}

static void semaphores(void) {
    int id = semget(IPC_PRIVATE, 3, IPC_CREAT | 0600);
    unsigned short values[3] = {4, 5, 6};
    SHOW(semctl(id, 0, SETALL, (union semun){.array = values}));
    memset(values, 0, sizeof values);
    SHOW(semctl(id, 0, GETALL, (union semun){.array = values}));
    printf("%d %d %d\n", values[0], values[1], values[2]);
    int calls[] = {GETPID, GETVAL, GETNCNT, GETZCNT, SETVAL};
    for (int i = 0; i < 5; i++) {
        for (int number = -1; number < 4; number += 4) {
            printf("%d of %d ", calls[i], number);
            SHOW(semctl(id, number, calls[i], (union semun){.val = 1}));
        }
    }
    SHOW(semctl(id, 0, SETVAL, (union semun){.val = -1}));
    SHOW(semctl(id, 0, SETVAL, (union semun){.val = 32768}));
    SHOW(semctl(id, 0, SETVAL, (union semun){.val = 32767}));
    SHOW(semctl(id, 0, 99));
    SHOW(semctl(-1, 0, GETVAL));
    SHOW(semctl(id, 0, SETALL, (union semun){.array = (void *)16}));
    SHOW(semctl(id, 0, GETALL, (union semun){.array = (void *)16}));
    SHOW(syscall(SYS_semctl, id, 0, IPC_STAT, 16));
    SHOW(syscall(SYS_semctl, id, 0, IPC_SET, 16));
    /* What would come back at the end of a process is forgotten where a value is set. */
    for (int all = 0; all < 2; all++) {
        int go[2];
        (void)!pipe(go);
        unsigned short fresh[3] = {9, 9, 9};
        SHOW(semctl(id, 0, SETALL, (union semun){.array = fresh}));
        pid_t child = fork();
        if (child == 0) {
            struct sembuf undo[2] = {{0, -2, SEM_UNDO}, {2, -3, SEM_UNDO}};
            char byte;
            close(go[1]);
            if (semop(id, undo, 2) || read(go[0], &byte, 1)) {
                _exit(1);
            }
            _exit(0);
        }
        while (value(id, 2) == 9) {
            sleep_ms(5);
        }
        fresh[0] = fresh[2] = 20;
        if (all) {
            SHOW(semctl(id, 0, SETALL, (union semun){.array = fresh}));
        } else {
            SHOW(semctl(id, 0, SETVAL, (union semun){.val = 20}));
        }
        SHOW(semctl(id, 0, GETPID) == getpid());
        close(go[1]);
        close(go[0]);
        waitpid(child, NULL, 0);
        printf("after the child: %d %d\n", value(id, 0), value(id, 2));
        SHOW(semctl(id, 2, GETPID) == child);
    }
    /* What cannot be done takes back what was, and what it would give back. */
    if (fork() == 0) {
        struct sembuf op[3] = {{0, -1, SEM_UNDO}, {0, -2, SEM_UNDO}, {1, -30, IPC_NOWAIT}};
        int failed = semop(id, op, 3);
        printf("%d, now %d\n", failed, value(id, 0));
        struct sembuf far[3] = {{0, 5, SEM_UNDO}, {2, 32767, 0}, {0, -1, 0}};
        SHOW(semop(id, far, 3));
        struct sembuf wide = {1, 30000, SEM_UNDO}, back = {1, -30000, 0};
        SHOW(semop(id, &wide, 1));
        SHOW(semop(id, &back, 1));
        SHOW(semop(id, &wide, 1)); /* more than can be given back */
        SHOW(value(id, 1));
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
    printf("%d %d %d\n", value(id, 0), value(id, 1), value(id, 2));
    struct sembuf many[600] = {{0}};
    SHOW(semop(id, many, 501));
    SHOW(semop(id, (void *)16, 1));
    SHOW(semop(-1, many, 1));
    SHOW(semget(IPC_PRIVATE, 0, 0600));
    SHOW(semget(IPC_PRIVATE, -1, 0600));
    SHOW(semget(IPC_PRIVATE, 40000, 0600));
    struct seminfo before, after;
    SHOW(semctl(0, 0, SEM_INFO, (union semun){.info = &before}) >= 0);
    int more = semget(IPC_PRIVATE, 7, 0600);
    SHOW(semctl(0, 0, SEM_INFO, (union semun){.info = &after}) >= 0);
    printf("sets %d, semaphores %d more\n", after.semusz - before.semusz,
           after.semaem - before.semaem);
    SHOW(semctl(0, 0, IPC_INFO, (union semun){.info = &after}) >= 0);
    printf("%d %d %d %d\n", after.semmsl, after.semopm, after.semvmx, after.semaem);
    semctl(more, 0, IPC_RMID);
    as_other(semaphores_of_others, id);
    struct semid_ds ds;
    SHOW(semctl(id, 0, IPC_STAT, (union semun){.buf = &ds}));
    ds.sem_perm.mode = 0644;
    SHOW(semctl(id, 0, IPC_SET, (union semun){.buf = &ds}));
    as_other(semaphores_of_others, id);
    SHOW(semctl(id, 0, IPC_RMID));
}

struct text {
    long type;
    char text[32];
};

static void queue_of_others(int id) {
    struct text m = {1, "x"};
    struct msqid_ds ds;
    SHOW(msgsnd(id, &m, 1, IPC_NOWAIT));
    SHOW(msgrcv(id, &m, 32, 0, IPC_NOWAIT));
    SHOW(msgctl(id, IPC_STAT, &ds));
    SHOW(msgctl(id, IPC_SET, &ds));
    SHOW(msgctl(id, IPC_RMID, NULL));
}

static void queues(void) {
    int id = msgget(IPC_PRIVATE, 0600);
    struct text m = {1, "one"};
    struct msqid_ds ds;
    m.type = -3;
    SHOW(msgsnd(id, &m, 4, 0));
    m.type = 1;
    SHOW(msgsnd(id, &m, 8193, 0));
    SHOW(msgsnd(id, &m, -1, 0));
    SHOW(msgsnd(-1, &m, 4, 0));
    SHOW(msgsnd(id, (void *)16, 4, 0));
    SHOW(msgsnd(id, &m, 4, 0));
    SHOW(msgrcv(id, &m, -1, 0, 0));
    SHOW(msgrcv(-1, &m, 1, 0, 0));
    SHOW(msgrcv(id, &m, 32, 5, IPC_NOWAIT));
    SHOW(msgctl(id, 99, &ds));
    SHOW(msgctl(-1, IPC_STAT, &ds));
    SHOW(syscall(SYS_msgctl, id, IPC_STAT, 16));
    SHOW(syscall(SYS_msgctl, id, IPC_SET, 16));
    as_other(queue_of_others, id);
    SHOW(msgctl(id, IPC_STAT, &ds));
    printf("sent by me %d, received by %d\n", ds.msg_lspid == getpid(), ds.msg_lrpid);
    ds.msg_perm.mode = 0666;
    ds.msg_qbytes = 100;
    SHOW(msgctl(id, IPC_SET, &ds));
    SHOW(msgctl(id, IPC_STAT, &ds));
    printf("mode %o, most %lu\n", ds.msg_perm.mode, (unsigned long)ds.msg_qbytes);
    as_other(queue_of_others, id);
    SHOW(msgctl(id, IPC_RMID, NULL));
}

static void memory_of_others(int id) {
    struct shmid_ds ds;
    SHOW((long)shmat(id, NULL, 0) != -1 ? 1 : -1);
    SHOW((long)shmat(id, NULL, SHM_RDONLY) != -1 ? 1 : -1);
    SHOW(shmctl(id, IPC_STAT, &ds));
    SHOW(shmctl(id, IPC_SET, &ds));
    SHOW(shmctl(id, SHM_LOCK, NULL));
    SHOW(shmctl(id, IPC_RMID, NULL));
}

static void memory(void) {
    int id = shmget(IPC_PRIVATE, 8192, 0600);
    struct shmid_ds ds;
    SHOW((long)shmat(id, (void *)0x1001, 0));
    SHOW((long)shmat(-1, NULL, 0));
    SHOW((long)shmat(id, NULL, SHM_REMAP));
    SHOW(shmdt((void *)0x1001));
    SHOW(shmctl(id, 99, &ds));
    SHOW(shmctl(-1, IPC_STAT, &ds));
    SHOW(syscall(SYS_shmctl, id, IPC_STAT, 16));
    SHOW(syscall(SYS_shmctl, id, IPC_SET, 16));
    char *room = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    SHOW(shmat(id, room + 1, SHM_RND | SHM_REMAP) == room);
    SHOW(shmdt(room));
    as_other(memory_of_others, id);
    SHOW(shmctl(id, IPC_STAT, &ds));
    ds.shm_perm.mode = 0604;
    SHOW(shmctl(id, IPC_SET, &ds));
    SHOW(shmctl(id, IPC_STAT, &ds));
    printf("mode %o, bytes %lu\n", ds.shm_perm.mode & 0777, (unsigned long)ds.shm_segsz);
    as_other(memory_of_others, id);
    SHOW(shmctl(id, IPC_RMID, NULL));
    SHOW(shmget(0x46471234, 8192, 0600));
}

static char name[32];

static void message_queue_of_others(int id) {
    SHOW(mq_open(name, O_RDONLY));
    SHOW(mq_open(name, O_WRONLY));
    SHOW(mq_open(name, O_RDWR));
    SHOW(syscall(SYS_mq_unlink, name + 1)); /* the C library makes it EACCES by itself */
    SHOW(mq_send(id, "m", 1, 0));           /* what it has, it may use */
}

static void message_queues(void) {
    snprintf(name, sizeof name, "/fgcontrol%d", (int)getpid());
    struct {
        long most, bytes;
    } wrong[] = {{0, 10}, {-1, 10}, {2, 0}, {2, -1}, {70000, 10}, {2, 20000000}};
    for (int i = 0; i < 6; i++) {
        struct mq_attr attr = {.mq_maxmsg = wrong[i].most, .mq_msgsize = wrong[i].bytes};
        printf("%ld %ld ", wrong[i].most, wrong[i].bytes);
        SHOW(mq_open(name, O_RDWR | O_CREAT, 0600, &attr));
    }
    SHOW(mq_open("/", O_RDWR | O_CREAT, 0600, NULL));
    SHOW(mq_open("/a/b", O_RDWR | O_CREAT, 0600, NULL));
    SHOW(mq_open("/..", O_RDWR | O_CREAT, 0600, NULL));
    struct mq_attr attr = {.mq_maxmsg = 3, .mq_msgsize = 17}, old = {0};
    mqd_t q = mq_open(name, O_RDWR | O_CREAT, 0600, &attr);
    mqd_t reader = mq_open(name, O_RDONLY), writer = mq_open(name, O_WRONLY | O_NONBLOCK);
    char text[32];
    SHOW(mq_send(reader, "x", 1, 0));
    SHOW(mq_receive(writer, text, 32, NULL));
    SHOW(mq_send(q, "x", 1, 0));
    SHOW(mq_send(1, "x", 1, 0));
    attr = (struct mq_attr){.mq_flags = O_NONBLOCK, .mq_maxmsg = 9, .mq_msgsize = 9};
    SHOW(mq_setattr(q, &attr, &old));
    printf("flags %lx, most %ld, bytes %ld, now %ld\n", old.mq_flags, old.mq_maxmsg, old.mq_msgsize,
           old.mq_curmsgs);
    SHOW(mq_getattr(q, &old));
    printf("flags %lx, most %ld, bytes %ld, now %ld\n", old.mq_flags, old.mq_maxmsg, old.mq_msgsize,
           old.mq_curmsgs);
    SHOW(mq_getattr(writer, &old));
    printf("flags %lx\n", old.mq_flags);
    attr.mq_flags = O_APPEND;
    SHOW(mq_setattr(q, &attr, NULL));
    SHOW(mq_getattr(0, &old));
    struct timespec wrong_time = {0, 1000000000};
    SHOW(mq_timedreceive(reader, text, 32, NULL, &wrong_time));
    SHOW(mq_timedreceive(reader, text, 32, NULL, &wrong_time));
    SHOW(mq_timedreceive(reader, text, 32, NULL, &(struct timespec){1, 0}));
    struct sigevent event = {.sigev_notify = 77};
    SHOW(mq_notify(q, &event));
    event = (struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = 65};
    SHOW(mq_notify(q, &event));
    event.sigev_signo = -1;
    SHOW(mq_notify(q, &event));
    event = (struct sigevent){.sigev_notify = SIGEV_NONE};
    SHOW(mq_notify(q, &event));
    SHOW(mq_notify(q, &event));
    SHOW(mq_notify(q, NULL));
    SHOW(mq_notify(q, &event));
    SHOW(mq_notify(1, NULL));
    as_other(message_queue_of_others, q);
    SHOW(mq_unlink(name));
    SHOW(mq_open(name, O_RDWR));
    /* The queues behind it in the list are found. */
    char other[40];
    mqd_t open[3];
    for (int i = 0; i < 3; i++) {
        snprintf(other, sizeof other, "%s.%d", name, i);
        open[i] = mq_open(other, O_RDWR | O_CREAT, 0600, NULL);
        mq_send(open[i], &"abc"[i], 1, 0);
    }
    for (int i = 0; i < 3; i++) {
        snprintf(other, sizeof other, "%s.%d", name, i);
        mqd_t again = mq_open(other, O_RDONLY);
        char large[8192];
        SHOW(mq_receive(again, large, sizeof large, NULL));
        printf("%c\n", large[0]);
        SHOW(mq_unlink(other));
    }
}

int main(void) {
    semaphores();
    queues();
    memory();
    message_queues();
    return 0;
}
