/* No call keeps a descriptor's file when it is refused, or when it is done: once the only writing
 * end of a pipe is closed, its reading end is at its end. Each call is given that end where it
 * wants another kind of file, and in every argument that takes a descriptor. */
#include "test/syscalls/io_test.h"
#include "test/syscalls/numbers.h"
#include <linux/futex.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

#define PIPE  (-1000) /* stands for the end in question */
#define OTHER (-1001) /* for a regular file */
#define WORDS ((long)(intptr_t)words)
#define TEXT  ((long)(intptr_t) "x")
#define CALL(name, ...)                                                                            \
    {                                                                                              \
#name, SYS_##name, {                                                                       \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

static uint32_t words[64];
static char empty[] = "";

static const struct {
    const char *name;
    int number;
    long arg[6];
} calls[] = {
    CALL(read, PIPE, 0, 0),
    CALL(pwrite64, PIPE, TEXT, 1, 0, 0),
    CALL(readv, PIPE, 0, 0),
    CALL(writev, PIPE, 8, 1),
    CALL(_llseek, PIPE, 0, 0, 0, 0),
    CALL(lseek, PIPE, 0, 0),
    CALL(fstat64, PIPE, 8),
    CALL(fstat64, PIPE, WORDS),
    CALL(statx, PIPE, (long)(intptr_t)empty, AT_EMPTY_PATH, 0, 8),
    CALL(fstatfs64, PIPE, 84, 8),
    CALL(ftruncate64, PIPE, 0, 0),
#ifdef __x86_64__
    CALL(fallocate, PIPE, 0, 0, 1),
#else
    CALL(fallocate, PIPE, 0, 0, 0, 1, 0),
#endif
    CALL(fadvise64_64, PIPE, 0, 0, 0, 0, 0),
    CALL(readahead, PIPE, 0, 0, 0),
    CALL(sync_file_range, PIPE, 0, 0, 0, 0, 0),
    CALL(fsync, PIPE),
    CALL(fdatasync, PIPE),
    CALL(syncfs, PIPE),
    CALL(fchmod, PIPE, 01000000),
    CALL(fchown32, PIPE, -1, -1),
    CALL(fchdir, PIPE),
    CALL(getdents64, PIPE, WORDS, 100),
    CALL(getdents, PIPE, WORDS, 100),
    CALL(flock, PIPE, 99),
    CALL(fcntl64, PIPE, 9999, 0),
    CALL(fcntl64, PIPE, F_SETPIPE_SZ, -1),
    CALL(fcntl64, PIPE, F_GETLK, 8),
    CALL(fcntl64, PIPE, F_SETLEASE, 99),
    CALL(ioctl, PIPE, 0x5401, WORDS),
    CALL(ioctl, PIPE, 0x1234, WORDS),
    CALL(ioctl, PIPE, 0x5421, 8),
    CALL(dup2, PIPE, 100000000),
    CALL(dup3, PIPE, PIPE, 0),
    CALL(openat, PIPE, TEXT, O_RDONLY, 0),
    CALL(mkdirat, PIPE, TEXT, 0),
    CALL(mknodat, PIPE, TEXT, S_IFREG, 0),
    CALL(unlinkat, PIPE, TEXT, 0),
    CALL(linkat, PIPE, TEXT, PIPE, TEXT, 0),
    CALL(linkat, AT_FDCWD, TEXT, PIPE, TEXT, 0),
    CALL(symlinkat, TEXT, PIPE, TEXT),
    CALL(readlinkat, PIPE, TEXT, WORDS, 10),
    CALL(renameat2, PIPE, TEXT, PIPE, TEXT, 0),
    CALL(faccessat, PIPE, TEXT, 0),
    CALL(fchmodat, PIPE, TEXT, 0),
    CALL(fchownat, PIPE, TEXT, 0, 0, 0),
    CALL(utimensat, PIPE, TEXT, 0, 0),
    CALL(utimensat, PIPE, 0, 8, 0),
    CALL(fstatat64, PIPE, TEXT, WORDS, 0),
    CALL(fgetxattr, PIPE, TEXT, 0, 0),
    CALL(fsetxattr, PIPE, TEXT, 0, 0, 0),
    CALL(flistxattr, PIPE, 0, 0),
    CALL(fremovexattr, PIPE, TEXT),
    CALL(sendfile, PIPE, PIPE, 0, 1),
    CALL(sendfile64, OTHER, PIPE, 0, 1),
    CALL(splice, PIPE, 0, PIPE, 0, 1, 0),
    CALL(splice, OTHER, 0, OTHER, 0, 1, 0),
    CALL(tee, PIPE, PIPE, 1, 0),
    CALL(vmsplice, PIPE, WORDS, 1, 0x100),
    CALL(copy_file_range, PIPE, 0, OTHER, 0, 1, 0),
    CALL(copy_file_range, OTHER, 0, PIPE, 0, 1, 0),
    CALL(mmap2, 0, 4096, PROT_READ, MAP_PRIVATE, PIPE, 0),
    CALL(epoll_ctl, PIPE, EPOLL_CTL_ADD, PIPE, WORDS),
    CALL(epoll_wait, PIPE, WORDS, 1, 0),
    CALL(epoll_pwait2, PIPE, WORDS, 1, 0, 0, 0),
    CALL(inotify_add_watch, PIPE, TEXT, 1),
    CALL(inotify_rm_watch, PIPE, 1),
    CALL(timerfd_settime, PIPE, 0, WORDS, 0),
    CALL(timerfd_settime64, PIPE, 0, WORDS, 0),
    CALL(timerfd_gettime, PIPE, WORDS),
    CALL(timerfd_gettime64, PIPE, WORDS),
    CALL(signalfd4, PIPE, WORDS, 8, 0),
    CALL(signalfd, PIPE, WORDS, 8),
    CALL(pidfd_send_signal, PIPE, 0, 0, 0),
    CALL(pidfd_getfd, PIPE, 0, 0),
    CALL(waitid, 3, PIPE, 0, WEXITED, 0),
    CALL(bind, PIPE, WORDS, 16),
    CALL(connect, PIPE, WORDS, 16),
    CALL(listen, PIPE, 1),
    CALL(accept4, PIPE, 0, 0, 0),
    CALL(getsockname, PIPE, WORDS, WORDS),
    CALL(getpeername, PIPE, WORDS, WORDS),
    CALL(getsockopt, PIPE, 1, 1, WORDS, WORDS),
    CALL(setsockopt, PIPE, 1, 1, WORDS, 4),
    CALL(sendto, PIPE, TEXT, 1, 0, 0, 0),
    CALL(recvfrom, PIPE, WORDS, 1, 0, 0, 0),
    CALL(sendmsg, PIPE, WORDS, 0),
    CALL(recvmsg, PIPE, WORDS, 0),
    CALL(sendmmsg, PIPE, WORDS, 1, 0),
    CALL(recvmmsg, PIPE, WORDS, 1, 0, 0),
    CALL(shutdown, PIPE, 0),
    CALL(mq_timedsend, PIPE, TEXT, 1, 0, 0),
    CALL(mq_timedreceive, PIPE, WORDS, 1, 0, 0),
    CALL(mq_getsetattr, PIPE, 0, WORDS),
    CALL(mq_notify, PIPE, 0),
    CALL(execveat, PIPE, TEXT, 0, 0, 0),
    CALL(execveat, PIPE, (long)(intptr_t)empty, 0, 0, AT_EMPTY_PATH),
    CALL(close_range, PIPE, PIPE, 0x100),
};

/* The calls that want a socket, a timer and the like are given one with arguments that are wrong.
 */
static void wrong_arguments(void) {
    int pair[2], event = eventfd(0, 0), timer = timerfd_create(CLOCK_MONOTONIC, 0);
    int notify = inotify_init(), epoll = epoll_create1(0);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    struct sockaddr far = {77};
    long bad = 8; /* nothing is there */
    SHOW(syscall(SYS_bind, pair[0], bad, 16));
    SHOW(syscall(SYS_bind, pair[0], &far, -1));
    SHOW(syscall(SYS_connect, pair[0], bad, 16));
    SHOW(syscall(SYS_getsockname, pair[0], bad, bad));
    SHOW(syscall(SYS_getpeername, pair[0], bad, bad));
    SHOW(syscall(SYS_getsockopt, pair[0], SOL_SOCKET, SO_TYPE, bad, bad));
    SHOW(syscall(SYS_setsockopt, pair[0], SOL_SOCKET, SO_SNDBUF, bad, 4));
    SHOW(syscall(SYS_sendto, pair[0], bad, 1, 0, 0, 0));
    SHOW(syscall(SYS_sendto, pair[0], "x", 1, 0, bad, 16));
    SHOW(syscall(SYS_sendmsg, pair[0], bad, 0));
    SHOW(syscall(SYS_recvmsg, pair[0], bad, 0));
    SHOW(syscall(SYS_sendmmsg, pair[0], bad, 1, 0));
    SHOW(syscall(SYS_recvmmsg, pair[0], bad, 1, MSG_DONTWAIT, 0));
    SHOW(syscall(SYS_accept4, pair[0], 0, 0, 0x7000));
    SHOW(syscall(SYS_shutdown, pair[0], 9));
    SHOW(syscall(SYS_timerfd_settime, timer, 0, bad, 0));
    SHOW(syscall(SYS_timerfd_settime, timer, 0x100, words, 0));
    SHOW(syscall(SYS_timerfd_gettime, timer, bad));
    SHOW(syscall(SYS_inotify_add_watch, notify, bad, 1));
    SHOW(syscall(SYS_inotify_add_watch, notify, ".", 0));
    SHOW(syscall(SYS_inotify_add_watch, notify, "missing", 1));
    SHOW(syscall(SYS_inotify_rm_watch, notify, 7));
    SHOW(syscall(SYS_epoll_ctl, epoll, 99, event, words));
    SHOW(syscall(SYS_epoll_ctl, epoll, EPOLL_CTL_ADD, event, bad));
    SHOW(syscall(SYS_epoll_ctl, epoll, EPOLL_CTL_MOD, event, words));
    SHOW(syscall(SYS_epoll_ctl, epoll, EPOLL_CTL_ADD, epoll, words));
    SHOW(syscall(SYS_epoll_wait, epoll, words, 0, 0));
    SHOW(syscall(SYS_epoll_wait, epoll, words, -1, 0));
    SHOW(syscall(SYS_write, event, "1234567", 7));
    SHOW(syscall(SYS_read, event, words, 7));
    SHOW(syscall(SYS_write, timer, "12345678", 8));
    SHOW(syscall(SYS_write, notify, "12345678", 8));
    SHOW(syscall(SYS_write, epoll, "12345678", 8));
    SHOW(syscall(SYS_read, epoll, words, 8));
    close(pair[0]);
    SHOW(read(pair[1], words, 1)); /* its end: nobody has the other one */
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    int other = open("file", O_RDWR | O_CREAT, 0600);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        int end[2];
        char byte;
        long arg[6];
        if (pipe2(end, O_NONBLOCK)) {
            return 1;
        }
        for (int a = 0; a < 6; a++) {
            arg[a] = calls[i].arg[a] == PIPE    ? end[1]
                     : calls[i].arg[a] == OTHER ? other
                                                : calls[i].arg[a];
        }
        long result = syscall(calls[i].number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
        printf("%s: %s; ", calls[i].name, result < 0 ? strerrorname_np(errno) : "done");
        while (read(end[0], &byte, 1) == 1) {
        }
        close(end[1]);
        SHOW(read(end[0], &byte, 1));
        close(end[0]);
    }
    wrong_arguments();
    unlink("file");
    return 0;
}
