/* System V semaphores, message queues and shared memory. */
#include "test/syscalls/io_test.h"
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

union semun {
    int val;
    struct semid_ds *buf;
    unsigned short *array;
};

static void semaphores(void) {
    int id = semget(IPC_PRIVATE, 3, IPC_CREAT | 0600);
    printf("made %d\n", id >= 0);
    unsigned short values[3] = {1, 0, 5};
    SHOW(semctl(id, 0, SETALL, (union semun){.array = values}));
    SHOW(semctl(id, 2, GETVAL));
    for (int i = 0; i < 3; i++) { /* one value too large: none is set */
        unsigned short large[3] = {2, 3, 4};
        large[i] = 0x8000;
        SHOW(semctl(id, 0, SETALL, (union semun){.array = large}));
    }
    memset(values, 0, sizeof values);
    SHOW(semctl(id, 0, GETALL, (union semun){.array = values}));
    printf("values %d %d %d\n", values[0], values[1], values[2]);
    struct sembuf down = {0, -1, IPC_NOWAIT}, up = {0, 1, 0};
    SHOW(semop(id, &down, 1));
    SHOW(semop(id, &down, 1));
    SHOW(semctl(id, 0, GETPID) == getpid());
    struct sembuf both[2] = {{2, -2, 0}, {1, -1, IPC_NOWAIT}};
    SHOW(semop(id, both, 2)); /* all or nothing */
    SHOW(semctl(id, 2, GETVAL));
    down.sem_flg = 0;
    pid_t child = fork();
    if (child == 0) {
        _exit(semop(id, &down, 1) ? 1 : 0);
    }
    sleep_ms(100);
    SHOW(semctl(id, 0, GETNCNT));
    SHOW(semop(id, &up, 1));
    int status;
    waitpid(child, &status, 0);
    printf("child %d\n", status);
    struct timespec timeout = {0, 100000000};
    long start = now_ms();
    SHOW(semtimedop(id, &down, 1, &timeout));
    took("semtimedop", start, 100);
    /* What a process holds with SEM_UNDO comes back at its end. */
    struct sembuf undo = {2, -3, SEM_UNDO};
    if (fork() == 0) {
        _exit(semop(id, &undo, 1) ? 1 : semctl(id, 2, GETVAL));
    }
    wait(&status);
    printf("within %d, after %d\n", WEXITSTATUS(status), semctl(id, 2, GETVAL));
    struct sembuf zero = {2, 0, IPC_NOWAIT}, far = {7, 1, 0};
    SHOW(semop(id, &zero, 1));
    SHOW(semop(id, &far, 1));
    SHOW(semop(id, &up, 0));
    struct semid_ds ds;
    SHOW(semctl(id, 0, IPC_STAT, (union semun){.buf = &ds}));
    printf("count %lu mode %o mine %d\n", (unsigned long)ds.sem_nsems, ds.sem_perm.mode,
           ds.sem_perm.cuid == getuid());
    catch (SIGUSR1, SA_RESTART);
    signal_later(SIGUSR1, 100);
    SHOW(semop(id, &down, 1));
    wait(NULL);
    child = fork();
    if (child == 0) {
        _exit(semop(id, &down, 1) == -1 && errno == EIDRM ? 0 : 1);
    }
    sleep_ms(100);
    SHOW(semctl(id, 0, IPC_RMID));
    waitpid(child, &status, 0);
    printf("sleeper of the removed: %d\n", status);
    SHOW(semop(id, &up, 1) == -1 && (errno == EINVAL || errno == EIDRM));
}

struct text {
    long type;
    char text[32];
};

static void queues(void) {
    key_t key = 0x46470000 + (getpid() & 0xffff);
    SHOW(msgget(key, 0));
    int id = msgget(key, IPC_CREAT | IPC_EXCL | 0600);
    printf("made %d\n", id >= 0);
    SHOW(msgget(key, IPC_CREAT | IPC_EXCL | 0600));
    SHOW(msgget(key, 0) == id);
    struct text m = {3, "three"}, got = {0, ""};
    SHOW(msgsnd(id, &m, 6, 0));
    m = (struct text){1, "one"};
    SHOW(msgsnd(id, &m, 4, 0));
    m = (struct text){2, "two"};
    SHOW(msgsnd(id, &m, 4, 0));
    m.type = 0;
    SHOW(msgsnd(id, &m, 4, 0));
    SHOW(msgrcv(id, &got, 32, -2, 0));
    printf("%ld %s\n", got.type, got.text);
    SHOW(msgrcv(id, &got, 2, 0, 0));
    SHOW(msgrcv(id, &got, 2, 0, MSG_NOERROR));
    printf("%ld %.2s\n", got.type, got.text);
    SHOW(msgrcv(id, &got, 32, 2, MSG_EXCEPT | IPC_NOWAIT));
    struct msqid_ds ds;
    SHOW(msgctl(id, IPC_STAT, &ds));
    printf("messages %lu bytes %lu most %lu\n", (unsigned long)ds.msg_qnum,
           (unsigned long)ds.__msg_cbytes, (unsigned long)ds.msg_qbytes);
    SHOW(msgrcv(id, &got, 32, 2, 0));
    pid_t child = fork();
    if (child == 0) {
        _exit(msgrcv(id, &got, 32, 9, 0) == 5 && got.type == 9 ? 0 : 1);
    }
    sleep_ms(100);
    m = (struct text){9, "nine"};
    SHOW(msgsnd(id, &m, 5, 0));
    int status;
    waitpid(child, &status, 0);
    printf("child %d\n", status);
    int sent = 0;
    while (msgsnd(id, &m, 32, IPC_NOWAIT) == 0) {
        sent++;
    }
    printf("full after %d: %s\n", sent, strerrorname_np(errno));
    SHOW(msgctl(id, IPC_RMID, NULL));
    SHOW(msgsnd(id, &m, 4, 0) == -1 && (errno == EINVAL || errno == EIDRM));
}

static void memory(void) {
    int id = shmget(IPC_PRIVATE, 10000, IPC_CREAT | 0600);
    printf("made %d\n", id >= 0);
    char *a = shmat(id, NULL, 0), *b = shmat(id, NULL, SHM_RDONLY);
    printf("attached %d %d\n", a != (void *)-1, b != (void *)-1);
    strcpy(a, "shared");
    printf("%s\n", b);
    if (fork() == 0) {
        strcpy(a, "from the child");
        _exit(0);
    }
    wait(NULL);
    printf("%s\n", b);
    struct shmid_ds ds;
    SHOW(shmctl(id, IPC_STAT, &ds));
    printf("bytes %lu attached %lu mine %d\n", (unsigned long)ds.shm_segsz,
           (unsigned long)ds.shm_nattch, ds.shm_cpid == getpid());
    SHOW(shmdt(b));
    SHOW(shmdt(b));
    SHOW(shmctl(id, IPC_RMID, NULL));
    SHOW(shmctl(id, IPC_STAT, &ds));
    printf("removed but attached: mode %o attached %lu\n", ds.shm_perm.mode,
           (unsigned long)ds.shm_nattch);
    a[9999] = 'x';
    SHOW(shmdt(a));
    SHOW(shmctl(id, IPC_STAT, &ds) == -1 && (errno == EINVAL || errno == EIDRM));
    SHOW(shmget(IPC_PRIVATE, 0, IPC_CREAT | 0600));
    SHOW((long)shmat(12345678, NULL, 0));
}

int main(void) {
    semaphores();
    queues();
    memory();
    return 0;
}
