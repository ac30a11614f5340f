/* What becomes of calls that sleep when the process is stopped and goes on, without a handler:
 * most go on as well, some end with EINTR (signal(7)). */
#include "test/syscalls/io_test.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static int pair[2], events, semaphore, queue;

static int on_select(void) {
    fd_set set;
    struct timeval soon = {1, 0};
    FD_ZERO(&set);
    FD_SET(pair[0], &set);
    return select(pair[0] + 1, &set, NULL, NULL, &soon);
}
static int on_pselect(void) {
    fd_set set;
    struct timespec soon = {1, 0};
    FD_ZERO(&set);
    FD_SET(pair[0], &set);
    return pselect(pair[0] + 1, &set, NULL, NULL, &soon, NULL);
}
static int on_poll(void) {
    struct pollfd one = {pair[0], POLLIN, 0};
    return poll(&one, 1, 1000);
}
static int on_ppoll(void) {
    struct pollfd one = {pair[0], POLLIN, 0};
    struct timespec soon = {1, 0};
    return ppoll(&one, 1, &soon, NULL);
}
static int on_epoll(void) {
    struct epoll_event one;
    return epoll_wait(events, &one, 1, 1000);
}
static int on_sleep(void) {
    return nanosleep(&(struct timespec){1, 0}, NULL);
}
static int on_futex(void) {
    int word = 3;
    return (int)syscall(SYS_futex, &word, FUTEX_WAIT, 3, &(struct timespec){1, 0}, NULL, 0);
}
static int on_sigwait(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    return sigtimedwait(&set, NULL, &(struct timespec){1, 0});
}
static int on_semop(void) {
    struct sembuf down = {0, -1, 0};
    return semtimedop(semaphore, &down, 1, &(struct timespec){1, 0});
}
static int on_recv(void) {
    struct timeval soon = {1, 0};
    char byte;
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
    return (int)recv(pair[0], &byte, 1, 0);
}

static const struct {
    const char *name;
    int (*call)(void);
} calls[] = {{"select", on_select}, {"pselect", on_pselect},      {"poll", on_poll},
             {"ppoll", on_ppoll},   {"epoll_wait", on_epoll},     {"nanosleep", on_sleep},
             {"futex", on_futex},   {"sigtimedwait", on_sigwait}, {"semtimedop", on_semop},
             {"recv", on_recv}};

static char state_of(pid_t pid) {
    char path[32], text[256], *end;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY);
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    text[got > 0 ? got : 0] = 0;
    end = strrchr(text, ')');
    return end ? end[2] : '?';
}

int main(void) {
    struct epoll_event readable = {.events = EPOLLIN};
    SHOW(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    events = epoll_create1(0);
    epoll_ctl(events, EPOLL_CTL_ADD, pair[0], &readable);
    semaphore = semget(IPC_PRIVATE, 1, 0600);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        fflush(stdout);
        pid_t child = fork();
        int status;
        if (child == 0) {
            errno = 0;
            int result = calls[i].call(), error = errno;
            printf("%s: %d %s\n", calls[i].name, result, error ? strerrorname_np(error) : "");
            exit(0);
        }
        while (state_of(child) != 'S') {
            usleep(1000);
        }
        usleep(20000); /* it may have slept for a lock */
        kill(child, SIGSTOP);
        waitpid(child, &status, WUNTRACED);
        kill(child, SIGCONT);
        waitpid(child, &status, 0);
        printf("ended %x\n", status);
    }
    semctl(semaphore, 0, IPC_RMID);
    return 0;
}
