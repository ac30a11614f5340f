/* Reading and writing: vectors, positions, limits, faults, sparse files, truncation, seals.
 * test: -D_FILE_OFFSET_BITS=64
 * test: own */
#include "fs_test.h"

static char buf[8192];
static int signals[65];

static void on_signal(int sig) {
    signals[sig]++;
}

int main(void) {
    int fd = file_with("f", "0123456789");
    SHOW(lseek(fd, 3, SEEK_SET));
    SHOW(read(fd, buf, 4));
    SHOW(buf[0]);
    SHOW(lseek(fd, -1, SEEK_END));
    SHOW(read(fd, buf, 4));
    SHOW(read(fd, buf, 4));
    SHOW(read(fd, buf, 0));
    SHOW(read(fd, NULL, 0));
    SHOW(lseek(fd, -100, SEEK_CUR));
    SHOW(lseek(fd, 0, 9));
    SHOW(pread(fd, buf, 4, 8));
    SHOW(pread(fd, buf, 4, -1));
    SHOW(pread(fd, buf, 4, 100));
    SHOW(pwrite(fd, "AB", 2, 20));
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(lseek(fd, 0, SEEK_END));
    SHOW(read(99, buf, 1));
    SHOW(write(99, buf, 1));
    SHOW(read(fd, (char *)8, 4));
    lseek(fd, 0, SEEK_SET);
    SHOW(read(fd, (char *)8, 4));
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(write(fd, (char *)8, 4));
    SHOW(write(fd, (char *)0xfffff000, 8192));

    /* a buffer whose end is not there gives what fits */
    char *edge = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(edge + 4096, 4096);
    int big = open("big", O_RDWR | O_CREAT, 0644);
    memset(buf, 'x', sizeof buf);
    SHOW(write(big, buf, sizeof buf));
    SHOW(pread(big, edge + 4090, 100, 0));
    SHOW(pwrite(big, edge + 4090, 100, 0));
    mprotect(edge, 4096, PROT_READ);
    SHOW(pread(big, edge, 10, 0));
    SHOW(pwrite(big, edge, 10, 0));

    lseek(big, 0, SEEK_SET); /* more than INT_MAX is cut, not refused */
    SHOW(syscall(SYS_read, big, buf, 0x80000000u));
    SHOW(syscall(SYS_write, open("/dev/null", O_WRONLY), buf, 0xf0000000u));

    struct iovec iov[4] = {{buf, 3}, {NULL, 0}, {buf + 100, 4}, {buf + 200, 100}};
    lseek(fd, 0, SEEK_SET);
    SHOW(readv(fd, iov, 4));
    SHOW(buf[0] == '0' && buf[100] == '3' && buf[200] == '7');
    SHOW(preadv(fd, iov, 3, 2));
    SHOW(buf[0]);
    SHOW(pwritev(fd, iov, 3, 5));
    SHOW(syscall(SYS_preadv2, fd, iov, 3, -1, -1, 0L));
    SHOW(syscall(SYS_preadv2, fd, iov, 3, 0, 0, 0x1000000));
    SHOW(preadv(fd, iov, 3, -5));
    SHOW(readv(fd, iov, 0));
    SHOW(readv(fd, iov, -1));
    SHOW(readv(fd, iov, 1025));
    SHOW(readv(fd, (struct iovec *)8, 1));
    iov[1].iov_len = 0x80000000u;
    SHOW(readv(fd, iov, 2));
    iov[0] = (struct iovec){buf, 1};
    iov[1] = (struct iovec){(char *)8, 1};
    lseek(fd, 0, SEEK_SET);
    SHOW(readv(fd, iov, 2));
    SHOW(writev(fd, iov, 2));

    SHOW(truncate("f", 5));
    show_stat("f");
    SHOW(ftruncate(fd, 100));
    show_stat("f");
    SHOW(truncate("f", -1));
    SHOW(truncate("nothing", 1));
    SHOW(truncate(".", 1));
    SHOW(ftruncate(0x7fff, 1));
    int ro = open("f", O_RDONLY);
    SHOW(ftruncate(ro, 1));
    SHOW(ftruncate64(fd, 5000000000ll));
    struct stat64 st;
    SHOW(fstat64(fd, &st));
    SHOW(st.st_size);
    SHOW(lseek64(fd, 4999999999ll, SEEK_SET));
    SHOW(write(fd, "zz", 2));
    SHOW(lseek64(fd, 0, SEEK_END));
    SHOW(lseek64(fd, 1000, SEEK_DATA) > 4000000000ll);
    SHOW(lseek64(fd, 200000, SEEK_HOLE));
    int small = (int)syscall(SYS_open, "f", O_RDONLY);
    SHOW(small == -1 && errno == EOVERFLOW);
    SHOW(syscall(SYS_stat, "f", buf));
    SHOW(ftruncate(fd, 0));

    SHOW(fallocate(fd, 0, 0, 10000));
    show_stat("f");
    SHOW(fallocate(fd, 1, 0, 20000));
    show_stat("f");
    SHOW(fallocate(fd, 0, -1, 10));
    SHOW(fallocate(fd, 0, 0, 0));
    SHOW(fallocate(ro, 0, 0, 10));
    SHOW(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
    SHOW(posix_fadvise(fd, 0, 0, 77));
    SHOW(readahead(fd, 0, 4096));
    SHOW(fsync(fd));
    SHOW(fdatasync(fd));
    SHOW(syncfs(fd));
    SHOW(fsync(99));
    SHOW(sync_file_range(fd, 0, 4096, 7));

    for (int i = 1; i < 32; i++) {
        signal(i, on_signal);
    }
    int pipes[2];
    pipe(pipes);
    close(pipes[0]);
    SHOW(write(pipes[1], "x", 1));
    SHOW(signals[SIGPIPE]);
    SHOW(lseek(pipes[1], 0, SEEK_SET));
    SHOW(pwrite(pipes[1], "x", 1, 0));
    struct rlimit limit = {1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
    ftruncate(fd, 0);
    lseek(fd, 990, SEEK_SET);
    SHOW(write(fd, buf, 20));
    SHOW(write(fd, buf, 20));
    SHOW(ftruncate(fd, 1001));
    SHOW(signals[SIGXFSZ]);

    int mem = memfd_create("name", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    SHOW(write(mem, "abc", 3));
    SHOW(fcntl(mem, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK));
    SHOW(ftruncate(mem, 1));
    SHOW(write(mem, "abc", 3));
    SHOW(fcntl(mem, F_GET_SEALS));
    SHOW(fcntl(mem, F_GETFD));
    SHOW(memfd_create("name", 0x1000));
    return 0;
}
