/* Record locks between processes, OFD locks, flock: conflicts, splitting, waiting, deadlock,
 * release. */
#include "fs_test.h"

static int fd;

static int lock(int op, int type, off_t start, off_t len) {
    struct flock l = {.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
    return fcntl(fd, op, &l);
}

static void ask(int type, off_t start, off_t len) {
    struct flock l = {.l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
    if (fcntl(fd, F_GETLK, &l)) {
        printf("getlk: %s\n", strerrorname_np(errno));
    } else if (l.l_type == F_UNLCK) {
        printf("getlk %d %lld+%lld: free\n", type, (long long)start, (long long)len);
    } else {
        printf("getlk %d %lld+%lld: type %d %lld+%lld whence %d owner %s\n", type, (long long)start,
               (long long)len, l.l_type, (long long)l.l_start, (long long)l.l_len, l.l_whence,
               l.l_pid == getppid() ? "parent"
               : l.l_pid == -1      ? "ofd"
                                    : "other");
    }
    fflush(stdout);
}

#define IN_CHILD(...)                                                                              \
    do {                                                                                           \
        fflush(stdout);                                                                            \
        pid_t child_pid = fork();                                                                  \
        if (!child_pid) {                                                                          \
            __VA_ARGS__;                                                                           \
            fflush(stdout);                                                                        \
            _exit(0);                                                                              \
        }                                                                                          \
        int child_status;                                                                          \
        waitpid(child_pid, &child_status, 0);                                                      \
        if (child_status)                                                                          \
            printf("child %x\n", child_status);                                                    \
    } while (0)

static void on_alarm(int sig) {
    (void)sig;
}

int main(void) {
    fd = file_with("f", "0123456789");
    SHOW(lock(F_SETLK, F_WRLCK, 10, 20));
    SHOW(lock(F_SETLK, F_RDLCK, 15, 5));
    SHOW(lock(F_SETLK, F_UNLCK, 27, 1));
    SHOW(lock(F_SETLK, F_RDLCK, 100, 0));
    ask(F_WRLCK, 0, 0);
    IN_CHILD({
        ask(F_WRLCK, 0, 0);
        ask(F_RDLCK, 0, 0);
        ask(F_RDLCK, 15, 5);
        ask(F_WRLCK, 15, 5);
        ask(F_RDLCK, 20, 0);
        ask(F_RDLCK, 27, 1);
        ask(F_RDLCK, 28, 1);
        ask(F_WRLCK, 1000, 1);
        ask(F_RDLCK, 1000, 1);
        SHOW(lock(F_SETLK, F_WRLCK, 0, 10));
        SHOW(lock(F_SETLK, F_WRLCK, 0, 11));
        SHOW(lock(F_SETLK, F_RDLCK, 15, 5));
        SHOW(lock(F_SETLK, F_RDLCK, 14, 5));
        SHOW(lock(F_SETLK, F_RDLCK, 200, 5));
    });
    /* neighbours of one type are one lock */
    SHOW(lock(F_SETLK, F_UNLCK, 0, 0));
    SHOW(lock(F_SETLK, F_WRLCK, 0, 5));
    SHOW(lock(F_SETLK, F_WRLCK, 5, 5));
    IN_CHILD(ask(F_RDLCK, 0, 0); ask(F_RDLCK, 9, 1); ask(F_RDLCK, 10, 1));
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = -2, .l_len = 1};
    SHOW(fcntl(fd, F_SETLK, &l));
    l = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 50, .l_len = -10};
    SHOW(fcntl(fd, F_SETLK, &l));
    IN_CHILD(ask(F_RDLCK, 30, 100));
    l.l_start = 5;
    SHOW(fcntl(fd, F_SETLK, &l));
    l.l_whence = 7;
    SHOW(fcntl(fd, F_SETLK, &l));
    SHOW(lock(F_SETLK, 9, 0, 1));
    SHOW(lock(F_GETLK, F_UNLCK, 0, 1));
    int ro = open("f", O_RDONLY), wo = open("f", O_WRONLY);
    l = (struct flock){.l_type = F_WRLCK};
    SHOW(fcntl(ro, F_SETLK, &l));
    l.l_type = F_RDLCK;
    SHOW(fcntl(wo, F_SETLK, &l));
    SHOW(fcntl(99, F_SETLK, &l));
    SHOW(fcntl(fd, F_SETLK, 8));

    /* closing any descriptor of the file gives the locks up */
    SHOW(lock(F_SETLK, F_WRLCK, 0, 0));
    IN_CHILD(ask(F_RDLCK, 0, 0));
    close(ro);
    IN_CHILD(ask(F_RDLCK, 0, 0));

    /* waiting: the child gets it when the parent lets go */
    int pipes[2];
    pipe(pipes);
    SHOW(lock(F_SETLK, F_WRLCK, 0, 1));
    fflush(stdout);
    pid_t child = fork();
    if (!child) {
        write(pipes[1], "s", 1);
        int got = lock(F_SETLKW, F_WRLCK, 0, 1);
        write(pipes[1], got ? "e" : "g", 1);
        _exit(0);
    }
    char c;
    read(pipes[0], &c, 1);
    usleep(50000);
    SHOW(lock(F_SETLK, F_UNLCK, 0, 1));
    read(pipes[0], &c, 1);
    printf("waiter says %c\n", c);
    waitpid(child, NULL, 0);

    /* a signal ends the wait; the end of a process gives its locks up */
    child = fork();
    if (!child) {
        lock(F_SETLK, F_WRLCK, 0, 1);
        write(pipes[1], "l", 1);
        pause();
    }
    read(pipes[0], &c, 1);
    struct sigaction sa = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &sa, NULL);
    struct itimerval soon = {{0, 0}, {0, 50000}};
    setitimer(ITIMER_REAL, &soon, NULL);
    SHOW(lock(F_SETLKW, F_WRLCK, 0, 1));
    kill(child, SIGKILL);
    SHOW(lock(F_SETLKW, F_WRLCK, 0, 1));
    waitpid(child, NULL, 0);
    SHOW(lock(F_SETLK, F_UNLCK, 0, 0));

    /* deadlock: the child holds 1 and waits for 0, the parent holds 0 and asks for 1 */
    lock(F_SETLK, F_WRLCK, 0, 1);
    child = fork();
    if (!child) {
        lock(F_SETLK, F_WRLCK, 1, 1);
        write(pipes[1], "l", 1);
        _exit(lock(F_SETLKW, F_WRLCK, 0, 1) ? 1 : 0);
    }
    read(pipes[0], &c, 1);
    usleep(100000);
    SHOW(lock(F_SETLKW, F_WRLCK, 1, 1));
    lock(F_SETLK, F_UNLCK, 0, 0);
    int status;
    waitpid(child, &status, 0);
    SHOW(status);

    /* OFD locks belong to the open file, process locks to the process; they exclude each other */
    int other = open("f", O_RDWR);
    l = (struct flock){.l_type = F_WRLCK, .l_len = 4};
    SHOW(fcntl(fd, F_OFD_SETLK, &l));
    SHOW(fcntl(other, F_OFD_SETLK, &l));
    SHOW(fcntl(other, F_SETLK, &l));
    IN_CHILD(SHOW(fcntl(fd, F_OFD_SETLK, &l)); ask(F_RDLCK, 0, 0));
    int copy = dup(fd);
    close(fd);
    SHOW(fcntl(other, F_OFD_SETLK, &l));
    close(copy);
    SHOW(fcntl(other, F_OFD_SETLK, &l));
    l.l_pid = 1;
    SHOW(fcntl(other, F_OFD_SETLK, &l));
    close(other);

    /* flock */
    fd = open("f", O_RDWR);
    other = open("f", O_RDONLY);
    SHOW(flock(fd, LOCK_EX));
    SHOW(flock(other, LOCK_SH | LOCK_NB));
    SHOW(flock(fd, LOCK_SH));
    SHOW(flock(other, LOCK_SH | LOCK_NB));
    SHOW(flock(other, LOCK_EX | LOCK_NB));
    IN_CHILD(SHOW(flock(fd, LOCK_UN)));
    SHOW(flock(other, LOCK_EX | LOCK_NB));
    soon = (struct itimerval){{0, 0}, {0, 50000}};
    setitimer(ITIMER_REAL, &soon, NULL);
    SHOW(flock(fd, LOCK_SH));
    SHOW(flock(fd, 77));
    return 0;
}
