/* test: only i386 */
/* Files that were opened without O_LARGEFILE end at 2 GiB; sparse, so that no space is needed. */
#include "fs_test.h"

#define END   0x7fffffffLL
#define LARGE 0100000 /* O_LARGEFILE of the system call */

static int raw_open(const char *name, int flags) {
    return (int)syscall(SYS_open, name, flags, 0644);
}

static long raw_pwrite(int fd, const char *text, unsigned len, long long at) {
    return syscall(SYS_pwrite64, fd, text, len, (long)at, (long)(at >> 32));
}

static long long raw_seek(int fd, long long at) {
    long long result;
    return syscall(SYS__llseek, fd, (long)(at >> 32), (long)at, &result, SEEK_SET) ? -1 : result;
}

static void on_signal(int signo) {
    printf("signal %d\n", signo);
}

int main(void) {
    signal(SIGXFSZ, on_signal);
    int fd = raw_open("f", O_RDWR | O_CREAT);
    SHOW(raw_pwrite(fd, "abcdef", 6, END - 3));
    SHOW(raw_pwrite(fd, "abcdef", 6, END));
    SHOW(raw_pwrite(fd, "abcdef", 6, END + 100));
    SHOW(raw_seek(fd, 0));
    SHOW(write(fd, "abcdef", 6));
    SHOW(raw_seek(fd, END - 8));
    SHOW(write(fd, "abcdef", 6));
    SHOW(write(fd, "abcdef", 6));
    SHOW(write(fd, "abcdef", 6));
    SHOW(raw_seek(fd, END - 8));
    char text[8];
    SHOW(read(fd, text, 4));
    SHOW(write(fd, "abcdef", 6));
    SHOW(write(fd, "abcdef", 6));
    struct iovec iov[2] = {{"ab", 2}, {"cdef", 4}};
    SHOW(raw_seek(fd, END - 3));
    SHOW(writev(fd, iov, 2));
    int append = raw_open("f", O_WRONLY | O_APPEND);
    SHOW(write(append, "abcdef", 6));
    /* a program that knows of large files goes on */
    int large = raw_open("f", O_RDWR | LARGE);
    SHOW(raw_pwrite(large, "abcdef", 6, END));
    SHOW_OPEN(raw_open("f", O_RDONLY));
    SHOW_OPEN(raw_open("f", O_RDONLY | O_PATH));
    SHOW_OPEN(raw_open("/proc/self/fd/3", O_RDONLY));
    SHOW_OPEN(raw_open("/proc/self/fd/3", O_RDONLY | LARGE));
    SHOW(write(append, "abcdef", 6));
    SHOW(raw_seek(large, END));
    SHOW(write(large, "abcdef", 6));
    SHOW(syscall(SYS_truncate, "f", 10));
    SHOW_OPEN(raw_open("f", O_RDONLY));
    SHOW(write(append, "abcdef", 6));
    return 0;
}
