/* /proc/self/fdinfo of every kind of descriptor, and the links of the nameless kinds. What only the
 * kernel chooses (mounts, inodes, devices) is compared with stat, not printed.
 * test: own */
#include "test/syscalls/io_test.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/sysmacros.h>
#include <sys/timerfd.h>

static void show_info(const char *what, int fd) {
    char path[64], text[8192] = {0}, link[256] = {0};
    struct stat st;
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    int info = open(path, O_RDONLY);
    ssize_t got = read(info, text, sizeof text - 1);
    close(info);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    got = readlink(path, link, sizeof link - 1);
    if (link[0] == '/' || strchr(link, '[')) {
        *strchrnul(link, link[0] == '/' ? 0 : ':') = 0;
    }
    printf("%s (%s)\n", what, link[0] == '/' ? "a path" : got > 0 ? link : "no link");
    fstat(fd, &st);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        unsigned long long number;
        unsigned int major, minor, a, b;
        char kind[8], access[8], from[8], to[24];
        int pid, place;
        unsigned long long data;
        if (!strncmp(line, "mnt_id:", 7)) {
            printf("  mnt_id\n");
        } else if (sscanf(line, "ino:\t%llu", &number) == 1) {
            printf("  ino %s\n", number == st.st_ino ? "right" : "wrong");
        } else if (sscanf(line, "lock:\t%d: %7s ADVISORY %7s %d %x:%x:%llu %7s %23s", &place, kind,
                          access, &pid, &major, &minor, &number, from, to) == 9) {
            printf("  lock %d %s %s by %s on %s %s to %s\n", place, kind, access,
                   pid == getpid() ? "us"
                   : pid == -1     ? "-1"
                                   : "others",
                   number == st.st_ino ? "it" : "another file", from, to);
        } else if (sscanf(line, "tfd: %u events: %x data: %llx", &a, &b, &data) == 3) {
            printf("  tfd %d events %x data %llx%s\n", a > 2, b, data,
                   strstr(line, " pos:0 ino:") && strstr(line, " sdev:") ? "" : " and no more");
        } else if (sscanf(line, "inotify wd:%u ino:%llx sdev:%x mask:%x", &a, &number, &b,
                          &major) == 4) {
            struct stat watched;
            stat(".", &watched);
            printf("  watch %u %s mask %x\n", a, number == watched.st_ino ? "right" : "wrong",
                   major);
        } else if (sscanf(line, "Pid:\t%d", &pid) == 1 || sscanf(line, "NSpid:\t%d", &pid) == 1) {
            printf("  %.4s%s\n", line, pid == getpid() ? " we" : pid == -1 ? " none" : " other");
        } else if (sscanf(line, "it_value: (%u, %u)", &a, &b) == 2) {
            printf("  it_value %s\n", a == 99 || a == 100 ? "100 seconds" : a || b ? "more" : "0");
        } else if (strncmp(line, "eventfd-id:", 11)) {
            printf("  %s\n", line);
        }
    }
    fflush(stdout);
}

int main(void) {
    int fd = open("file", O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    write(fd, "0123456789", 10);
    show_info("regular file", fd);
    struct flock lock = {F_WRLCK, SEEK_SET, 2, 3, 0};
    SHOW(fcntl(fd, F_SETLK, &lock));
    lock = (struct flock){F_RDLCK, SEEK_SET, 8, 0, 0};
    SHOW(fcntl(fd, F_SETLK, &lock));
    SHOW(flock(fd, LOCK_EX));
    show_info("with locks", fd);
    int other = open("file", O_RDWR);
    show_info("the same file, another description", other);
    SHOW(flock(fd, LOCK_UN));
    lock = (struct flock){F_UNLCK, SEEK_SET, 0, 0, 0};
    SHOW(fcntl(fd, F_SETLK, &lock));
    lock = (struct flock){F_WRLCK, SEEK_SET, 20, 10, 0};
    SHOW(fcntl(other, F_OFD_SETLK, &lock));
    show_info("a lock of the description", other);
    show_info("not of this one", fd);
    close(other);
    close(fd);
    fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    SHOW(lseek(fd, 1, SEEK_SET));
    SHOW(lseek(fd, 0, SEEK_CUR));
    show_info("directory", fd);
    fcntl(fd, F_SETFD, 0);
    lseek(fd, 0, SEEK_SET);
    show_info("directory, kept over exec", fd);
    close(fd);
    show_info("path only", fd = open("file", O_PATH | O_NOFOLLOW));
    close(fd);
    show_info("null", fd = open("/dev/null", O_RDWR | O_NONBLOCK));
    close(fd);

    fd = eventfd(7, EFD_CLOEXEC);
    show_info("eventfd", fd);
    int epoll = epoll_create1(0), copy = dup(fd);
    struct epoll_event event = {EPOLLIN, {.u64 = 0x123456789abcull}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    event = (struct epoll_event){EPOLLOUT | EPOLLET, {.u32 = 5}};
    show_info("epoll", epoll);
    epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
    epoll_ctl(epoll, EPOLL_CTL_ADD, copy, &event);
    show_info("epoll of a duplicate", epoll);
    close(epoll);
    close(copy);
    close(fd);

    fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK);
    show_info("timerfd", fd);
    struct itimerspec when = {{3, 4}, {100, 0}};
    timerfd_settime(fd, 0, &when, NULL);
    show_info("timerfd, set", fd);
    close(fd);
    fd = timerfd_create(CLOCK_REALTIME, 0);
    when = (struct itimerspec){{0, 0}, {1, 0}};
    timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL);
    show_info("timerfd, run out", fd);
    close(fd);

    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR1);
    sigaddset(&mask, SIGKILL);
    sigaddset(&mask, SIGCHLD);
    show_info("signalfd", fd = signalfd(-1, &mask, SFD_CLOEXEC));
    close(fd);

    fd = inotify_init1(IN_NONBLOCK);
    inotify_add_watch(fd, ".", IN_CREATE | IN_ONLYDIR);
    show_info("inotify", fd);
    close(fd);

    show_info("pidfd", fd = (int)syscall(SYS_pidfd_open, getpid(), 0));
    close(fd);
    pid_t child = fork();
    if (!child) {
        _exit(0);
    }
    fd = (int)syscall(SYS_pidfd_open, child, 0);
    show_info("pidfd of a child", fd);
    waitpid(child, NULL, 0);
    show_info("pidfd of nobody", fd);
    close(fd);

    int pair[2];
    SHOW(pipe2(pair, O_CLOEXEC | O_NONBLOCK));
    show_info("pipe", pair[0]);
    show_info("pipe, for writing", pair[1]);
    unlink("file");
    SHOW(open("/proc/self/fdinfo/99", O_RDONLY));
    return 0;
}
