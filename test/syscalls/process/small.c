/* Small promises: titles in /proc/PID/cmdline, /proc/PID/mem and protection, RWF_NOWAIT and
 * SPLICE_F_NONBLOCK, a first thread that ended, descriptors of /proc passed on, flags that are
 * refused.
 *
 * Build: cc -O1 -static -pthread small.c
 * test: own */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static void result(const char *what, long value) {
    printf("%s: %ld %s\n", what, value, value < 0 ? strerror(errno) : "");
}

/* --- titles ---------------------------------------------------------------------------------- */

static void show_title(const char *what) {
    char text[8192];
    int fd = open("/proc/self/cmdline", O_RDONLY);
    ssize_t n = read(fd, text, sizeof text);
    close(fd);
    for (ssize_t i = 0; i < n; i++) {
        text[i] = text[i] ? text[i] : '|';
    }
    printf("%s: %d '%.*s'\n", what, (int)n, n > 200 ? 200 : (int)n, text);
}

static int titles(char **argv) {
    extern char **environ;
    char *end = argv[0] + strlen(argv[0]);
    for (char **at = argv; *at; at++) {
        end = *at + strlen(*at);
    }
    char *args_end = end;
    for (char **at = environ; *at; at++) {
        end = *at + strlen(*at);
    }
    size_t room = (size_t)(end - argv[0]);
    show_title("as started");
    memset(argv[0], 0, room);
    strcpy(argv[0], "a title that is longer than the arguments and needs the environment");
    show_title("long");
    memset(argv[0], 0, room);
    strcpy(argv[0], "short");
    show_title("short");
    memset(argv[0], ' ', room - 1);
    memcpy(argv[0], "padded", 6);
    show_title("padded");
    memset(argv[0], 'x', room + 1);
    show_title("to the end");
    memset(argv[0], 0, room);
    *args_end = 'n';
    show_title("no title, no end");
    return 0;
}

/* --- memory ---------------------------------------------------------------------------------- */

__attribute__((noinline)) static int answer(void) {
    return 41;
}

static void try_mem(int fd, const char *what, volatile void *at) {
    int value = 42, read_back = 0;
    long n = syscall(SYS_pwrite64, fd, &value, sizeof value, (uint32_t)(uintptr_t)at, 0);
    result(what, n);
    n = syscall(SYS_pread64, fd, &read_back, sizeof read_back, (uint32_t)(uintptr_t)at, 0);
    printf("  then %ld: %d\n", n, read_back);
}

static void memory(void) {
    int fd = open("/proc/self/mem", O_RDWR);
    int file = open("mapped", O_CREAT | O_RDWR, 0600);
    (void)!ftruncate(file, 8192);
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    int *read_only = mmap(NULL, 4096, PROT_READ, flags, -1, 0);
    int *none = mmap(NULL, 4096, PROT_NONE, flags, -1, 0);
    try_mem(fd, "read-only", read_only);
    printf("  seen %d\n", *read_only);
    try_mem(fd, "no access", none);
    try_mem(fd, "writable", mmap(NULL, 4096, PROT_READ | PROT_WRITE, flags, -1, 0));
    int *private = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file, 0);
    try_mem(fd, "private file", private);
    int in_file = 1;
    (void)!pread(file, &in_file, 4, 0);
    printf("  the file has %d\n", in_file);
    try_mem(fd, "shared file, read-only", mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0));
    try_mem(fd, "shared file", mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 4096));
    try_mem(fd, "nothing there", (void *)0x10);
    /* over two pages, the second of which is not there */
    char *two = mmap(NULL, 8192, PROT_READ, flags, -1, 0);
    munmap(two + 4096, 4096);
    result("half", syscall(SYS_pwrite64, fd, "abcdefgh", 8, (uint32_t)(uintptr_t)(two + 4092), 0));
    printf("  seen %.4s\n", two + 4092);
    /* code that has run: a moment of it is changed */
    int before = answer();
    uint8_t *code = (uint8_t *)(uintptr_t)answer;
    for (int i = 0; i < 32; i++) {
        if (code[i] == 41) {
            uint8_t value = 43;
            result("code", syscall(SYS_pwrite64, fd, &value, 1, (uint32_t)(uintptr_t)&code[i], 0));
            break;
        }
    }
    int (*volatile call)(void) = answer;
    printf("  %d and then %d\n", before, call());
    int fault = 0;
    pid_t pid = fork();
    if (pid == 0) {
        *(volatile int *)read_only = 1;
        _exit(0);
    }
    waitpid(pid, &fault, 0);
    printf("still protected: %d\n", WTERMSIG(fault));
    close(fd);
    close(file);
    unlink("mapped");
}

/* --- not to wait ----------------------------------------------------------------------------- */

static void nowait(const char *what, int in, int out) {
    static char data[1 << 16];
    struct iovec iov = {data, 8};
    printf("--- %s\n", what);
    alarm(5);
    result("nothing there", preadv2(in, &iov, 1, -1, RWF_NOWAIT));
    data[0] = 1;
    result("written", pwritev2(out, &iov, 1, -1, RWF_NOWAIT));
    result("read", preadv2(in, &iov, 1, -1, RWF_NOWAIT));
    iov.iov_len = sizeof data;
    long n = 0;
    for (int i = 0; i < 100 && n >= 0; i++) {
        n = pwritev2(out, &iov, 1, -1, RWF_NOWAIT);
    }
    result("full", n);
    alarm(0);
}

static void not_waiting(void) {
    int ends[2];
    static char data[1 << 16];
    socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    nowait("socket", ends[0], ends[1]);
    (void)!pipe(ends);
    nowait("pipe", ends[0], ends[1]);
    (void)!pipe(ends);
    struct iovec iov = {data, 8};
    alarm(5);
    result("vmsplice of nothing", vmsplice(ends[0], &iov, 1, SPLICE_F_NONBLOCK));
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    while (write(ends[1], data, 4096) > 0) {
    }
    fcntl(ends[1], F_SETFL, 0);
    result("vmsplice into a full one", vmsplice(ends[1], &iov, 1, SPLICE_F_NONBLOCK));
    int event = eventfd(0, 0);
    result("event", preadv2(event, &iov, 1, -1, RWF_NOWAIT));
    result("terminal of none",
           preadv2(timerfd_create(CLOCK_MONOTONIC, 0), &iov, 1, -1, RWF_NOWAIT));
    iov.iov_len = 8;
    result("/proc", preadv2(open("/proc/self/status", O_RDONLY), &iov, 1, -1, RWF_NOWAIT));
    alarm(0);
    int null = open("/dev/null", O_WRONLY);
    off_t at = 0;
    alarm(5);
    result("sendfile from a pipe", sendfile(null, ends[0], NULL, 10));
    result("with an offset", sendfile(null, ends[0], &at, 10));
    int pair[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    (void)!write(pair[1], "data", 4);
    result("from a socket", sendfile(null, pair[0], NULL, 4));
    (void)!pipe(ends);
    result("from a socket into a pipe", sendfile(ends[1], pair[0], NULL, 4));
    alarm(0);
}

/* --- others ----------------------------------------------------------------------------------- */

static void *later(void *arg) {
    usleep(300000);
    _exit(0);
}

static char state_of(const char *path) {
    char text[512] = "";
    int fd = open(path, O_RDONLY);
    (void)!read(fd, text, sizeof text - 1);
    close(fd);
    char *at = strrchr(text, ')');
    return at ? at[2] : '-';
}

static void first_thread(void) {
    char path[64];
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t thread;
        pthread_create(&thread, NULL, later, NULL);
        syscall(SYS_exit, 0);
    }
    usleep(100000);
    sprintf(path, "/proc/%d/stat", (int)pid);
    printf("a first thread that ended: %c\n", state_of(path));
    waitpid(pid, NULL, 0);
}

static void passed(void) {
    int pair[2], fd = open("/proc/self/mem", O_RDONLY), got = -1, value = 77, seen = 0;
    socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    char control[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec iov = {"x", 1};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    *c = (struct cmsghdr){CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    result("memory passed on", sendmsg(pair[0], &msg, 0));
    char byte;
    iov.iov_base = &byte;
    recvmsg(pair[1], &msg, 0);
    memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof got);
    result("read through it",
           syscall(SYS_pread64, got, &seen, sizeof seen, (uint32_t)(uintptr_t)&value, 0));
    printf("  %d\n", seen);
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1) {
        return titles(argv);
    }
    fflush(stdout);
    if (fork() == 0) {
        execle(
            "/proc/self/exe", "title", "one", "two", NULL,
            (char *[]){"FIRST=an environment", "SECOND=with some room for a longer title", NULL});
    }
    wait(NULL);
    memory();
    not_waiting();
    first_thread();
    passed();
    char byte;
    result("read of a directory", read(open("/proc", O_RDONLY), &byte, 1));
    int word = 0;
    struct timespec soon = {0, 1000};
    result("futex", syscall(SYS_futex, &word, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 0, &soon, 0, 0L));
    uint32_t attr[16] = {0};
    result("sched_getattr", syscall(SYS_sched_getattr, 0, attr, sizeof attr, 0));
    printf("  size %u\n", attr[0]);
    result("sched_getattr, first", syscall(SYS_sched_getattr, 0, attr, 48, 0));
    printf("  size %u\n", attr[0]);
    int fd = open("/dev/null", O_RDONLY);
    struct f_owner_ex owner = {F_OWNER_PGRP, INT32_MIN};
    result("owner", fcntl(fd, F_SETOWN_EX, &owner));
    owner = (struct f_owner_ex){F_OWNER_PID, 999999};
    result("owner of nobody", fcntl(fd, F_SETOWN_EX, &owner));
    owner = (struct f_owner_ex){F_OWNER_PGRP, getpgrp()};
    result("own group", fcntl(fd, F_SETOWN_EX, &owner));
    result("set by number", fcntl(fd, F_SETOWN, INT32_MIN));
    return 0;
}
