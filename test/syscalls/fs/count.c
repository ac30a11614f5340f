/* Record locks towards other runs and the host's processes, for the suite fs.py.
 *   count FILE N posix|ofd|flock   adds 1 to the number in FILE, N times, under a lock
 *   steps FILE                     takes and gives up locks; after each step waits for a line of
 *                                  input, so that the suite can look from outside
 *   held FILE                      while another process has it locked */
#include "fs_test.h"

static int set(int fd, int how, short type, long long start, long long len) {
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
    return fcntl(fd, how, &lock);
}

static void count(const char *file, int n, const char *style) {
    int fd = open(file, O_RDWR);
    int how = !strcmp(style, "ofd") ? F_OFD_SETLKW : F_SETLKW;
    for (int i = 0; i < n; i++) {
        char text[32] = "";
        if (*style == 'f' ? flock(fd, LOCK_EX) : set(fd, how, F_WRLCK, 0, 0)) {
            exit(1);
        }
        if (pread(fd, text, sizeof text - 1, 0) < 0) {
            exit(1);
        }
        int len = snprintf(text, sizeof text, "%d\n", atoi(text) + 1);
        if (pwrite(fd, text, (size_t)len, 0) != len) {
            exit(1);
        }
        if (*style == 'f' ? flock(fd, LOCK_UN) : set(fd, how, F_UNLCK, 0, 0)) {
            exit(1);
        }
    }
}

static void step(const char *what) {
    char line[16];
    printf("%s\n", what);
    fflush(stdout);
    if (read(0, line, sizeof line) <= 0) {
        exit(1);
    }
}

static void steps(const char *file) {
    int fd = open(file, O_RDWR), pipes[2];
    char byte;
    if (fd < 0 || pipe(pipes)) {
        exit(1);
    }
    set(fd, F_SETLK, F_RDLCK, 0, 10);
    int child = fork();
    if (!child) { /* a second reader, until it ends */
        set(fd, F_SETLK, F_RDLCK, 5, 10);
        if (write(pipes[1], "x", 1) == 1) {
            pause();
        }
        _exit(0);
    }
    if (read(pipes[0], &byte, 1) != 1) {
        exit(1);
    }
    step("two readers, 0-9 and 5-14");
    set(fd, F_SETLK, F_UNLCK, 0, 0);
    step("one reader, 5-14");
    kill(child, SIGKILL);
    wait(NULL);
    step("none");
    set(fd, F_SETLK, F_WRLCK, 0, 0);
    set(fd, F_SETLK, F_UNLCK, 20, 10);
    step("a writer, all but 20-29");
    set(fd, F_SETLK, F_RDLCK, 0, 20);
    step("0-19 for reading");
    close(open(file, O_RDONLY));
    step("none");
    set(fd, F_OFD_SETLK, F_WRLCK, 0, 10);
    close(open(file, O_RDONLY));
    step("an open file's writer, 0-9");
    close(fd);
    step("none");
}

static void on_alarm(int signo) {
    (void)signo;
}

static void held(const char *file) {
    struct flock lock = {.l_type = F_WRLCK};
    struct sigaction action = {.sa_handler = on_alarm};
    int fd = open(file, O_RDWR);
    SHOW(set(fd, F_SETLK, F_WRLCK, 0, 10));
    SHOW(set(fd, F_OFD_SETLK, F_RDLCK, 0, 10));
    SHOW(set(fd, F_SETLK, F_WRLCK, 10, 10));
    SHOW(fcntl(fd, F_GETLK, &lock));
    printf("type %d, %lld, %lld\n", lock.l_type, (long long)lock.l_start, (long long)lock.l_len);
    sigaction(SIGALRM, &action, NULL);
    alarm(1);
    SHOW(set(fd, F_SETLKW, F_WRLCK, 0, 10));
    step("held");
    SHOW(set(fd, F_SETLKW, F_WRLCK, 0, 10));
}

int main(int argc, char **argv) {
    if (argc < 3) {
        return 0;
    }
    if (!strcmp(argv[1], "count") && argc > 4) {
        count(argv[2], atoi(argv[3]), argv[4]);
    } else if (!strcmp(argv[1], "steps")) {
        steps(argv[2]);
    } else if (!strcmp(argv[1], "held")) {
        held(argv[2]);
    }
    return 0;
}
