/* Descriptors: dup in its forms, fcntl, limits, close_range, sharing over fork and exec, ioctls. */
#include "fs_test.h"

static void which(void) {
    for (int i = 0; i < 40; i++) {
        if (fcntl(i, F_GETFD) >= 0) {
            printf("%d%s ", i, fcntl(i, F_GETFD) ? "c" : "");
        }
    }
    printf("\n");
    fflush(stdout);
}

int main(int argc, char **argv) {
    if (argc > 1) {
        which();
        return 0;
    }
    for (int i = 3; i < 100; i++) {
        close(i);
    }
    int fd = file_with("f", "0123456789");
    SHOW(fd);
    SHOW(dup(fd));
    SHOW(dup2(fd, 10));
    SHOW(dup2(fd, fd));
    SHOW(dup2(99, 99));
    SHOW(dup2(99, 10));
    SHOW(dup2(fd, -1));
    SHOW(dup2(fd, 10000000));
    SHOW(dup3(fd, 11, O_CLOEXEC));
    SHOW(dup3(fd, fd, 0));
    SHOW(dup3(fd, 12, 1));
    SHOW(dup(-1));
    SHOW(fcntl(fd, F_DUPFD, 10));
    SHOW(fcntl(fd, F_DUPFD_CLOEXEC, 20));
    SHOW(fcntl(fd, F_DUPFD, -1));
    SHOW(fcntl(fd, F_DUPFD, 100000000));
    SHOW(fcntl(fd, F_GETFD));
    SHOW(fcntl(fd, F_SETFD, FD_CLOEXEC));
    SHOW(fcntl(fd, F_GETFD));
    SHOW(fcntl(4, F_GETFD));
    SHOW(fcntl(fd, 12345));
    SHOW(fcntl(99, F_GETFL));
    which();
    /* the position is shared */
    SHOW(lseek(fd, 7, SEEK_SET));
    SHOW(lseek(4, 0, SEEK_CUR));
    if (!fork()) {
        lseek(10, 2, SEEK_SET);
        close(3);
        _exit(0);
    }
    wait(NULL);
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(close(4));
    SHOW(close(4));
    SHOW(close(-1));

    SHOW(syscall(SYS_close_range, 20, 20, 0));
    SHOW(syscall(SYS_close_range, 11, 10, 0));
    SHOW(syscall(SYS_close_range, 5, 100, 8));
    SHOW(syscall(SYS_close_range, 12, ~0u, 4));
    which();
    SHOW(syscall(SYS_close_range, 12, ~0u, 2));
    which();
    fflush(stdout);
    if (!fork()) {
        execv("/proc/self/exe", (char *[]){argv[0], "x", NULL});
        perror("exec");
        _exit(1);
    }
    wait(NULL);

    int on = 1, n;
    int pipes[2];
    pipe(pipes);
    SHOW(ioctl(pipes[0], FIONBIO, &on));
    char c;
    SHOW(read(pipes[0], &c, 1));
    SHOW(fcntl(pipes[0], F_GETFL));
    SHOW(fcntl(pipes[1], F_GETFL));
    write(pipes[1], "abc", 3);
    SHOW(ioctl(pipes[0], FIONREAD, &n));
    SHOW(n);
    SHOW(ioctl(pipes[0], FIOCLEX));
    SHOW(fcntl(pipes[0], F_GETFD));
    SHOW(ioctl(pipes[0], FIONCLEX));
    SHOW(fcntl(pipes[0], F_GETFD));
    SHOW(fcntl(pipes[1], F_SETPIPE_SZ, 8192));
    SHOW(fcntl(pipes[1], F_GETPIPE_SZ));
    SHOW(fcntl(fd, F_GETPIPE_SZ));
    SHOW(ioctl(fd, TIOCGWINSZ, &(int[2]){0}));
    SHOW(ioctl(fd, FIONREAD, &n));
    SHOW(n);
    SHOW(fcntl(pipes[0], F_SETOWN, getpid()));
    SHOW(fcntl(pipes[0], F_GETOWN) == getpid());
    SHOW(fcntl(pipes[0], F_SETSIG, 70));
    SHOW(fcntl(pipes[0], F_SETSIG, 10));
    SHOW(fcntl(pipes[0], F_GETSIG));

    struct rlimit limit = {16, 16};
    setrlimit(RLIMIT_NOFILE, &limit);
    int last = -1, made;
    while ((made = dup(fd)) >= 0) {
        last = made;
    }
    SHOW(made);
    SHOW(last);
    SHOW(open("f", O_RDONLY));
    SHOW(dup2(fd, 16));
    SHOW(dup2(fd, 15));
    SHOW(fcntl(fd, F_DUPFD, 16));
    SHOW(close(15));
    SHOW(open("f", O_RDONLY));
    return 0;
}
