/* Writing up to a limit in pieces: several buffers of which the last fits in part, appended, at a
 * position, with RWF flags; what the signal of a limit or a broken pipe says; vectors that add up
 * to more than a call moves; positions at the ends of off_t. test: -D_FILE_OFFSET_BITS=64
 * test: own */
#include "fs_test.h"

static char buf[256];
static int signo_seen, code_seen, from_me, mine;

static void on_info(int signo, siginfo_t *info, void *context) {
    signo_seen = signo;
    code_seen = info->si_code;
    from_me = info->si_pid == getpid();
    mine = info->si_uid == getuid();
}

static void show_signal(const char *what) {
    printf("%s: signal %d code %d from me %d, user %d\n", what, signo_seen, code_seen, from_me,
           mine);
    signo_seen = code_seen = from_me = mine = 0;
}

static void refill(int fd) {
    (void)!ftruncate(fd, 0);
    lseek(fd, 0, SEEK_SET);
}

static void limited(void) {
    int fd = open("f", O_RDWR | O_CREAT | O_TRUNC, 0644);
    int append = open("f", O_WRONLY | O_APPEND);
    struct iovec iov[4] = {{"aaaa", 4}, {"bbbb", 4}, {"", 0}, {"cccc", 4}};
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){10, RLIM_INFINITY});
    SHOW(writev(fd, iov, 4));
    show_text("f");
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(writev(fd, iov, 4));
    show_signal("at the limit");
    refill(fd);
    SHOW(writev(fd, iov, 1));
    SHOW(writev(append, iov, 4));
    show_text("f");
    SHOW(writev(append, iov, 4));
    show_signal("appended");
    refill(fd);
    SHOW(pwritev(fd, iov, 4, 5));
    SHOW(pwritev(fd, iov, 4, 10));
    show_signal("at a position");
    SHOW(pwritev(fd, iov, 4, 11));
    SHOW(lseek(fd, 0, SEEK_CUR));
    show_stat("f");
    refill(fd);
    SHOW(syscall(SYS_pwritev2, fd, iov, 4, 3, 0, 0));
    SHOW(syscall(SYS_pwritev2, fd, iov, 4, -1, -1, 2 /* RWF_DSYNC */));
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(syscall(SYS_pwritev2, fd, iov, 4, -1, -1, 0x10 /* RWF_APPEND */));
    show_stat("f");
    refill(fd);
    SHOW(pwrite(fd, "x", 1, 9));
    SHOW(write(fd, "0123456789", 10)); /* just to it */
    SHOW(write(fd, "", 0));
    signo_seen = 0;
    lseek(fd, 9, SEEK_SET);
    SHOW(write(fd, "xyz", 3));
    show_signal("the last byte");
    lseek(fd, 1000, SEEK_SET);
    SHOW(write(fd, "xyz", 3));
    show_signal("past it");
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
    SHOW(write(fd, "xyz", 3));
    show_stat("f");
    close(append);
    close(fd);
}

static void broken(void) {
    int pair[2], sockets[2];
    struct iovec iov[2] = {{"aa", 2}, {"bb", 2}};
    (void)!pipe(pair);
    close(pair[0]);
    SHOW(write(pair[1], "x", 1));
    show_signal("pipe");
    SHOW(writev(pair[1], iov, 2));
    show_signal("pipe, vectors");
    SHOW(write(pair[1], "", 0));
    show_signal("pipe, nothing");
    SHOW(syscall(SYS_pwritev2, pair[1], iov, 2, -1, -1, 0));
    show_signal("pipe, pwritev2");
    SHOW(pwritev(pair[1], iov, 2, 0));
    SHOW(preadv(pair[1], iov, 2, 0));
    (void)!socketpair(AF_UNIX, SOCK_STREAM, 0, sockets);
    close(sockets[0]);
    SHOW(writev(sockets[1], iov, 2));
    show_signal("socket");
    SHOW(preadv(sockets[1], iov, 2, 0));
    SHOW(pwritev(sockets[1], iov, 2, 0));
    close(sockets[1]);
    /* reading nothing takes no message away, writing nothing is one */
    (void)!socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets);
    iov[0].iov_len = iov[1].iov_len = 0;
    (void)!write(sockets[0], "message", 7);
    SHOW(read(sockets[1], buf, 0));
    SHOW(readv(sockets[1], iov, 0));
    SHOW(readv(sockets[1], iov, 2));
    SHOW(read(sockets[1], buf, 10));
    SHOW(write(sockets[0], buf, 0));
    SHOW(recv(sockets[1], buf, 10, MSG_DONTWAIT));
    SHOW(writev(sockets[0], iov, 0));
    SHOW(recv(sockets[1], buf, 10, MSG_DONTWAIT));
    SHOW(writev(sockets[0], iov, 2));
    SHOW(recv(sockets[1], buf, 10, MSG_DONTWAIT));
    close(sockets[0]);
    close(sockets[1]);
    close(pair[1]);
}

/* Modes: who may read or write at all, even nothing. */
static void modes(void) {
    int r = open("f", O_RDONLY), w = open("f", O_WRONLY), path = open("f", O_PATH);
    int directory = open(".", O_RDONLY), directory_path = open(".", O_PATH);
    struct iovec none[1] = {{buf, 0}}, bad[1] = {{(char *)8, 1}};
    SHOW(write(r, buf, 0));
    SHOW(read(w, buf, 0));
    SHOW(writev(r, none, 0));
    SHOW(readv(w, none, 0));
    SHOW(readv(r, none, 0));
    SHOW(writev(w, none, 1));
    SHOW(writev(r, bad, 1));
    SHOW(readv(w, bad, 1));
    SHOW(read(path, buf, 1));
    SHOW(write(path, buf, 1));
    SHOW(lseek(path, 0, SEEK_SET));
    SHOW(read(directory, buf, 1));
    SHOW(readv(directory, none, 0));
    SHOW(writev(directory, none, 0));
    SHOW(readv(directory_path, none, 0));
    SHOW(pread(directory, buf, 1, 0));
    SHOW(write(directory, buf, 1));
    SHOW(readv(99, none, 1));
    SHOW(writev(99, none, 1));
    SHOW(syscall(SYS_preadv2, r, none, 0, 0, 0, 8 /* RWF_NOWAIT */));
    SHOW(syscall(SYS_preadv2, r, none, 1, 0, 0, 0x10 /* RWF_APPEND */));
    SHOW(syscall(SYS_pwritev2, w, none, 1, 0, 0, 8));
    SHOW(syscall(SYS_preadv2, r, none, 1, -2, -1, 0));
    SHOW(syscall(SYS_pwritev2, w, none, 1, -2, -1, 0));
    SHOW(syscall(SYS_preadv, r, none, 1, -1, -1));
    SHOW(syscall(SYS_pwritev, w, none, 1, -1, -1));
    SHOW(pwrite(w, "x", 1, -1));
    close(r);
    close(w);
    close(path);
    close(directory);
}

/* Sums of lengths, and how many. */
static void vectors(void) {
    static struct iovec many[1025];
    int null = open("/dev/null", O_WRONLY), zero = open("/dev/zero", O_RDONLY), pair[2];
    for (int i = 0; i < 1025; i++) {
        many[i] = (struct iovec){buf, 1};
    }
    SHOW(writev(null, many, 1024));
    SHOW(writev(null, many, 1025));
    SHOW(readv(zero, many, 9));
    SHOW(readv(zero, many, 8));
    (void)!pipe(pair);
    SHOW(writev(pair[1], many, 1024));
    SHOW(readv(pair[0], many, 1000));
    SHOW(readv(pair[0], many, 1000));
    many[0].iov_len = 0x7fffffff;
    many[1].iov_len = 0x7fffffff;
    SHOW(writev(null, many, 3) >= 0x7fffefff || errno == EINVAL || errno == EFAULT);
    many[1].iov_len = 0xffffffff;
    SHOW(writev(null, many, 2));
    many[0].iov_len = 0x80000000;
    SHOW(writev(null, many, 1));
    close(null);
    close(zero);
}

/* The ends of a position: 32-bit lseek, 64 bits, and what lies beyond. */
static void positions(void) {
    int fd = open("f", O_RDWR | O_CREAT | O_TRUNC, 0644);
    SHOW(lseek(fd, 0x7fffffffffffffffll, SEEK_SET) == -1 && errno == EINVAL);
    SHOW(syscall(SYS_lseek, fd, 0x7fffffff, SEEK_SET));
    SHOW(lseek(fd, 1, SEEK_CUR) == 0x80000000ll);
    SHOW(syscall(SYS_lseek, fd, -1, SEEK_CUR));
    SHOW(syscall(SYS_lseek, fd, -1, SEEK_SET));
    SHOW(syscall(SYS_lseek, fd, 0, 5));
    SHOW(syscall(SYS_lseek, fd, 0, -1));
    SHOW(syscall(SYS_lseek, 99, 0, SEEK_SET));
#ifdef __i386__
    long long at;
    SHOW(syscall(SYS__llseek, fd, 0, 7, 8, SEEK_SET));
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(syscall(SYS__llseek, fd, 1, 0, &at, SEEK_SET));
    SHOW(at == 0x100000000ll);
    SHOW(syscall(SYS__llseek, fd, 0, 0, &at, 5));
#endif
    close(fd);
}

int main(void) {
    struct sigaction action = {.sa_sigaction = on_info, .sa_flags = SA_SIGINFO};
    sigaction(SIGXFSZ, &action, NULL);
    sigaction(SIGPIPE, &action, NULL);
    make_file("f", "text");
    modes();
    limited();
    broken();
    vectors();
    positions();
    return 0;
}
