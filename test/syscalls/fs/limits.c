/* test: -D_FILE_OFFSET_BITS=64
 * test: own */
/* How much one call moves, what RLIMIT_FSIZE binds, where reading /proc/self/mem goes on, and calls
 * by descriptor done many times. */
#include "fs_test.h"

static volatile sig_atomic_t exceeded;

static void on_signal(int signo) {
    exceeded++;
}

static void most(void) {
    size_t bytes = 0x50000000;
    char *at = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    int null = open("/dev/null", O_WRONLY);
    struct iovec iov[3] = {{at, bytes}, {at, bytes}, {at, 10}};
    SHOW(writev(null, iov, 1));
    SHOW(writev(null, iov, 2));
    SHOW(writev(null, iov, 3));
    iov[0].iov_len = 0x80000000;
    SHOW(writev(null, iov, 2));
    munmap(at, bytes);
    close(null);
}

static void file_size(void) {
    char text[100] = "";
    int pair[2], fd = open("f", O_RDWR | O_CREAT | O_TRUNC, 0600);
    (void)!pipe(pair);
    signal(SIGXFSZ, on_signal);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){10, RLIM_INFINITY});
    SHOW(write(pair[1], text, 100));
    SHOW(pwrite(fd, text, 0, 20));
    SHOW(write(fd, text, 100));
    SHOW(write(fd, text, 0));
    SHOW(exceeded);
    SHOW(write(fd, text, 1));
    SHOW(exceeded);
    SHOW(pwrite(fd, text, 5, 9));
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
    SHOW(write(fd, text, 1));
    close(fd);
    close(pair[0]);
    close(pair[1]);
}

static void memory(void) {
    static char text[16] = "0123456789abcde";
    char got[4] = "";
    int fd = open("/proc/self/mem", O_RDWR);
    off_t at = (off_t)(uintptr_t)text;
    SHOW(lseek(fd, at, SEEK_SET) == at);
    for (int i = 0; i < 3; i++) {
        SHOW(read(fd, got, 3));
        printf("%s\n", got);
    }
    SHOW(pread(fd, got, 3, at + 1));
    printf("%s\n", got);
    SHOW(read(fd, got, 3));
    printf("%s\n", got);
    SHOW(write(fd, "XY", 2));
    SHOW(pwrite(fd, "Z", 1, at));
    SHOW(lseek(fd, 0, SEEK_CUR) - at);
    printf("%.15s\n", text);
    SHOW(lseek(fd, 16, SEEK_SET));
    SHOW(read(fd, got, 3));
    SHOW(lseek(fd, 0, SEEK_CUR));
    close(fd);
}

static void many_times(void) {
    struct timespec now[2] = {{1, 0}, {1, 0}};
    struct stat st;
    int fd = open("f", O_RDWR), failed = 0;
    for (int i = 0; i < 500; i++) {
        failed += fchmod(fd, 0600) != 0;
        failed += fchown(fd, -1, -1) != 0;
        failed += futimens(fd, now) != 0;
        failed += fstat(fd, &st) != 0;
        failed += ftruncate(fd, 5) != 0;
        failed += fsync(fd) != 0;
        failed += lseek(fd, 0, SEEK_SET) != 0;
        int other = openat(AT_FDCWD, "f", O_RDONLY);
        failed += other < 0 || close(other);
        other = dup(fd);
        failed += other < 0 || close(other);
    }
    SHOW(failed);
    close(fd);
    unlink("f");
}

int main(void) {
    most();
    file_size();
    memory();
    many_times();
    return 0;
}
