/* fork, exit, wait4, waitid, stop and continue, orphans, process groups and sessions, SIGCHLD. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int chld, chld_code, chld_status;

static void on_chld(int signo, siginfo_t *info, void *context) {
    (void)signo;
    (void)context;
    chld++;
    chld_code = info->si_code;
    chld_status = info->si_status;
}

static void show(const char *name, pid_t want, pid_t got, int status) {
    printf("%s: right %d", name, want == got);
    if (WIFEXITED(status)) {
        printf(" exited %d", WEXITSTATUS(status));
    } else if (WIFSIGNALED(status)) {
        printf(" killed %d", WTERMSIG(status));
    } else if (WIFSTOPPED(status)) {
        printf(" stopped %d", WSTOPSIG(status));
    } else if (WIFCONTINUED(status)) {
        printf(" continued");
    }
    printf("\n");
}

static void simple(void) {
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(300);
    }
    pid_t got = waitpid(pid, &status, 0);
    show("exit 300", pid, got, status);
    got = waitpid(pid, &status, 0);
    printf("again: %d %s\n", got, strerror(errno));
    got = waitpid(-1, &status, WNOHANG);
    printf("none: %d %s\n", got, strerror(errno));
    pid = fork();
    if (pid == 0) {
        raise(SIGTERM);
    }
    got = wait(&status);
    show("term", pid, got, status);
    pid = fork();
    if (pid == 0) {
        abort();
    }
    struct rusage usage;
    got = wait4(pid, &status, 0, &usage);
    show("abort", pid, got, status & ~0x80);
    pid = fork();
    if (pid == 0) {
        pause();
        _exit(1);
    }
    got = waitpid(pid, &status, WNOHANG);
    printf("nohang: %d\n", got);
    kill(pid, SIGKILL);
    siginfo_t info;
    memset(&info, 0, sizeof info);
    int result = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    printf("waitid: %d signo %d code %d status %d pid %d\n", result, info.si_signo, info.si_code,
           info.si_status, info.si_pid == pid);
    got = waitpid(pid, &status, 0);
    show("killed", pid, got, status);
    result = waitid(P_PID, 0, &info, WEXITED);
    printf("waitid 0: %d %s\n", result, strerror(errno));
    result = waitid(P_ALL, 0, &info, 0);
    printf("waitid no events: %d %s\n", result, strerror(errno));
}

static void stops(void) {
    int status;
    struct sigaction action = {.sa_sigaction = on_chld, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigaction(SIGCHLD, &action, NULL);
    pid_t pid = fork();
    if (pid == 0) {
        for (;;) {
            pause();
        }
    }
    kill(pid, SIGSTOP);
    pid_t got = waitpid(pid, &status, WUNTRACED);
    show("stop", pid, got, status);
    printf("  SIGCHLD %d code %d status %d\n", chld, chld_code, chld_status);
    got = waitpid(pid, &status, WUNTRACED | WNOHANG);
    printf("  once only: %d\n", got);
    kill(pid, SIGCONT);
    got = waitpid(pid, &status, WCONTINUED);
    show("continue", pid, got, status);
    usleep(30000); /* Linux tells the parent when the child runs again */
    printf("  SIGCHLD %d code %d status %d\n", chld, chld_code, chld_status);
    kill(pid, SIGSTOP);
    waitpid(pid, &status, WUNTRACED);
    kill(pid, SIGTERM); /* stays pending until it continues */
    got = waitpid(pid, &status, WNOHANG);
    printf("stopped with SIGTERM: %d\n", got);
    kill(pid, SIGCONT);
    got = waitpid(pid, &status, 0);
    show("then", pid, got, status); /* two SIGCHLD in a row may be one */
    action.sa_flags |= SA_NOCLDSTOP;
    sigaction(SIGCHLD, &action, NULL);
    chld = 0;
    pid = fork();
    if (pid == 0) {
        for (;;) {
            pause();
        }
    }
    kill(pid, SIGSTOP);
    waitpid(pid, &status, WUNTRACED);
    printf("nocldstop: %d\n", chld);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    printf("after kill: %d code %d\n", chld, chld_code);
    action.sa_flags = SA_SIGINFO | SA_NOCLDWAIT;
    sigaction(SIGCHLD, &action, NULL);
    pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    got = waitpid(pid, &status, 0);
    printf("nocldwait: %d %s\n", got, strerror(errno));
    signal(SIGCHLD, SIG_DFL);
}

static void orphans(void) {
    pid_t reaper = getpid();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t pid = fork();
    if (pid == 0) {
        if (fork() == 0) {
            usleep(30000);
            _exit(getppid() == reaper ? 5 : 1);
        }
        _exit(4);
    }
    int status;
    pid_t got = waitpid(pid, &status, 0);
    show("middle", pid, got, status);
    got = wait(&status);
    printf("adopted: other %d exit %d\n", got > 0 && got != pid, WEXITSTATUS(status));
    prctl(PR_SET_CHILD_SUBREAPER, 0);
}

static void groups(void) {
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        int ok = setpgid(0, 0) == 0 && getpgrp() == getpid();
        pid_t inner = fork();
        if (inner == 0) {
            ok &= getpgrp() == getppid();
            pause();
            _exit(0);
        }
        usleep(20000);
        signal(SIGTERM, SIG_IGN);
        kill(0, SIGTERM); /* the group: the inner one dies */
        waitpid(inner, &status, 0);
        ok &= WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM;
        int sid = setsid();
        printf("group: ok %d, setsid of a group leader %d %s\n", ok, sid, strerror(errno));
        fflush(stdout);
        if (fork() == 0) {
            pid_t self = getpid();
            ok = setsid() == self && getsid(0) == self && getpgid(0) == self;
            int moved = setpgid(0, 0);
            printf("session: ok %d, setpgid of a session leader %d %s\n", ok, moved,
                   strerror(errno));
            fflush(stdout);
            _exit(0);
        }
        wait(&status);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    int result = setpgid(0, 999999);
    printf("setpgid 999999: %d %s\n", result, strerror(errno));
    result = kill(999999, 0);
    printf("kill: %d %s\n", result, strerror(errno));
    result = kill(getpid(), 65);
    printf("kill 65: %d %s\n", result, strerror(errno));
}

static void pidfd(void) {
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    int fd = (int)syscall(434, pid, 0);
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN | POLLOUT};
    printf("pidfd %d poll %d\n", fd >= 0, poll(&poll_fd, 1, 0));
    printf("send %ld\n", syscall(424, fd, SIGTERM, NULL, 0));
    int result = poll(&poll_fd, 1, 5000);
    printf("poll %d revents %d\n", result, poll_fd.revents);
    siginfo_t info;
    memset(&info, 0, sizeof info);
    result = waitid(3 /* P_PIDFD */, (id_t)fd, &info, WEXITED);
    printf("waitid %d code %d status %d\n", result, info.si_code, info.si_status);
    long sent = syscall(424, fd, 0, NULL, 0);
    printf("send %ld %s\n", sent, strerror(errno));
    close(fd);
    sent = syscall(434, 999999, 0);
    printf("none: %ld %s\n", sent, strerror(errno));
    char name[32];
    snprintf(name, sizeof name, "/proc/%d", getpid());
    fd = open(name, O_RDONLY | O_DIRECTORY);
    printf("send to /proc/PID %ld\n", syscall(424, fd, SIGCONT, NULL, 0));
    close(fd);
    fd = open("/", O_RDONLY | O_DIRECTORY);
    sent = syscall(424, fd, SIGCONT, NULL, 0);
    printf("send to / %ld %s\n", sent, strerror(errno));
    close(fd);
}

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    simple();
    stops();
    orphans();
    groups();
    pidfd();
    return 0;
}
