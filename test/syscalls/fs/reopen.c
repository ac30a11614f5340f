/* Opening /proc/PID/fd/N: every kind of file, with every way to open it, by the process itself and
 * by another one; what comes out is the same inode, or an error.
 * test: -D_FILE_OFFSET_BITS=64 */
#include "fs_test.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/un.h>

static const struct {
    const char *name;
    int flags;
} ways[] = {
    {"path", O_PATH},
    {"r", O_RDONLY},
    {"w", O_WRONLY},
    {"rw", O_RDWR},
    {"r-nonblock", O_RDONLY | O_NONBLOCK},
    {"w-append", O_WRONLY | O_APPEND},
    {"r-trunc", O_RDONLY | O_TRUNC},
    {"w-trunc", O_WRONLY | O_TRUNC},
    {"dir", O_RDONLY | O_DIRECTORY},
    {"path-dir", O_PATH | O_DIRECTORY},
    {"path-nofollow", O_PATH | O_NOFOLLOW},
    {"nofollow", O_RDONLY | O_NOFOLLOW},
    {"creat", O_RDWR | O_CREAT},
    {"excl", O_RDWR | O_CREAT | O_EXCL},
};
#define WAYS (sizeof ways / sizeof ways[0])

/* What one open gives: an error, or the access mode and whether it is the same file. */
static void outcome(char *text, size_t size, int fd, const struct stat *was) {
    struct stat st;
    if (fd < 0) {
        snprintf(text, size, "%s", strerrorname_np(errno));
        return;
    }
    int flags = fcntl(fd, F_GETFL);
    const char *mode = flags & O_PATH                    ? "p"
                       : (flags & O_ACCMODE) == O_RDONLY ? "r"
                       : (flags & O_ACCMODE) == O_WRONLY ? "w"
                                                         : "rw";
    if (fstat(fd, &st)) {
        snprintf(text, size, "%s/fstat %s", mode, strerrorname_np(errno));
    } else if (S_ISLNK(st.st_mode)) {
        snprintf(text, size, "%s/link", mode);
    } else {
        snprintf(text, size, "%s%s%s", mode, flags & O_NONBLOCK ? "n" : "",
                 st.st_ino == was->st_ino && (st.st_mode & S_IFMT) == (was->st_mode & S_IFMT)
                     ? ""
                     : "/other");
    }
    close(fd);
}

/* One line: each way, equal neighbours together. `skip`: not with ways that may differ. */
static void show_ways(const char *what, const char *who, const char *path, const struct stat *st) {
    char last[64] = "", now[64];
    printf("%s by %s:", what, who);
    for (size_t i = 0; i < WAYS; i++) {
        outcome(now, sizeof now, open(path, ways[i].flags | O_NOCTTY, 0600), st);
        if (strcmp(now, last)) {
            printf("%s%s %s", i ? "; " : " ", now, ways[i].name);
        } else {
            printf(",%s", ways[i].name);
        }
        strcpy(last, now);
    }
    printf("\n");
    fflush(stdout);
}

/* By the process, by a child, and through an O_PATH descriptor of it. */
static void reopen(const char *what, int fd) {
    char path[64], held[64];
    struct stat st;
    if (fd < 0 || fstat(fd, &st)) {
        printf("%s: %s\n", what, strerrorname_np(errno));
        return;
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    show_ways(what, "itself", path, &st);
    snprintf(path, sizeof path, "/proc/%d/fd/%d", getpid(), fd);
    fflush(stdout);
    if (!fork()) {
        /* the child's own copies would keep pipes and terminals open */
        syscall(SYS_close_range, 3, ~0u, 0);
        show_ways(what, "another", path, &st);
        _exit(0);
    }
    wait(NULL);
    snprintf(path, sizeof path, "/dev/fd/%d", fd);
    int pin = open(path, O_PATH);
    if (pin >= 0) {
        snprintf(held, sizeof held, "/proc/self/fd/%d", pin);
        show_ways(what, "path", held, &st);
        close(pin);
    }
}

int main(void) {
    int pair[2], fds[2];
    alarm(20);
    signal(SIGPIPE, SIG_IGN);
    for (int i = 3; i < 100; i++) {
        close(i);
    }

    reopen("regular", file_with("f", "text"));
    reopen("read-only", open("f", O_RDONLY));
    int gone = file_with("gone", "text");
    unlink("gone");
    reopen("deleted", gone);
    reopen("memfd", memfd_create("m", 0));
    int sealed = memfd_create("m", MFD_ALLOW_SEALING);
    fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK);
    reopen("sealed", sealed);
    mkdir("d", 0755);
    reopen("directory", open("d", O_RDONLY));
    int removed = open("d", O_RDONLY);
    rmdir("d");
    reopen("removed directory", removed);
    reopen("unnamed", open(".", O_TMPFILE | O_RDWR, 0600));

    if (pipe(fds)) {
        return 1;
    }
    reopen("pipe's reader", fds[0]);
    reopen("pipe's writer", fds[1]);
    mkfifo("fifo", 0600);
    int fifo = open("fifo", O_RDWR);
    reopen("fifo", fifo);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) {
        return 1;
    }
    reopen("socket", pair[0]);
    reopen("udp", socket(AF_INET, SOCK_DGRAM, 0));
    struct sockaddr_un un = {AF_UNIX, "sock"};
    int bound = socket(AF_UNIX, SOCK_STREAM, 0);
    SHOW(bind(bound, (struct sockaddr *)&un, sizeof un));
    reopen("bound socket", bound);
    reopen("socket's name", open("sock", O_PATH));

    reopen("eventfd", eventfd(0, 0));
    reopen("timerfd", timerfd_create(CLOCK_MONOTONIC, 0));
    sigset_t set;
    sigemptyset(&set);
    reopen("signalfd", signalfd(-1, &set, 0));
    reopen("epoll", epoll_create1(0));
    reopen("inotify", inotify_init1(0));

    reopen("null", open("/dev/null", O_RDWR));
    reopen("zero", open("/dev/zero", O_RDONLY));
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY), unlock = 0, number = -1;
    ioctl(master, TIOCSPTLCK, &unlock);
    ioctl(master, TIOCGPTN, &number);
    char name[32];
    snprintf(name, sizeof name, "/dev/pts/%d", number);
    int slave = open(name, O_RDWR | O_NOCTTY);
    reopen("terminal", slave);
    /* the owner of the master keeps what was written for it */
    if (write(slave, "mine", 4) == 4) {
        char path[64], text[8] = "";
        snprintf(path, sizeof path, "/proc/self/fd/%d", master);
        int other = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK), new_number = -1;
        SHOW(ioctl(other, TIOCGPTN, &new_number));
        SHOW(number != new_number);
        SHOW(read(other, text, sizeof text));
        SHOW(read(master, text, sizeof text));
    }

    reopen("proc file", open("/proc/self/status", O_RDONLY));
    reopen("proc directory", open("/proc/self", O_RDONLY));
    int queue = (int)syscall(SYS_mq_open, "fg-reopen", O_RDWR | O_CREAT, 0600, NULL);
    syscall(SYS_mq_unlink, "fg-reopen");
    reopen("message queue", queue);
    reopen("path of a file", open("f", O_PATH));
    reopen("path of a directory", open(".", O_PATH));
    reopen("path of a fifo", open("fifo", O_PATH));
    reopen("path of a device", open("/dev/null", O_PATH));
    reopen("path of a proc file", open("/proc/self/status", O_PATH));
    symlink("f", "link");
    reopen("path of a link", open("link", O_PATH | O_NOFOLLOW));

    /* pidfds differ among kernels, but none may harm */
    char path[64];
    int pid = (int)syscall(SYS_pidfd_open, getpid(), 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", pid);
    int again = open(path, O_RDONLY);
    syscall(SYS_pidfd_send_signal, again, 0, NULL, 0);
    SHOW(syscall(SYS_pidfd_send_signal, pid, 0, NULL, 0));
    close(again);

    /* magic links of other kinds */
    SHOW_OPEN(open("/proc/self/exe", O_PATH));
    SHOW_OPEN(open("/proc/self/exe", O_RDONLY));
    SHOW_OPEN(open("/proc/self/cwd", O_PATH | O_DIRECTORY));
    SHOW_OPEN(open("/proc/self/root", O_PATH));
    SHOW_OPEN(open("/proc/self/cwd/f", O_PATH));

    /* the mode of the inode counts, not the descriptor's */
    int memory = memfd_create("m", 0);
    SHOW(fchmod(memory, 0400));
    snprintf(path, sizeof path, "/proc/self/fd/%d", memory);
    if (!fork()) {
        if (geteuid() == 0 && (setgid(1000) || setuid(1000))) {
            _exit(1);
        }
        int into = open(path, O_RDWR);
        printf("by a user: %s\n", into < 0 ? strerrorname_np(errno) : "fd");
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
    return 0;
}
