/* test: unfiltered */
/* Calls that containers refuse by a filter (seccomp(2)): clone3, kcmp, unshare, setns. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define KCMP_VM    1
#define KCMP_FILES 2

static void show(const char *what, long result) {
    if (result < 0) {
        printf("%s: %s\n", what, strerror(errno));
    } else {
        printf("%s: %ld\n", what, result);
    }
}

static void clone_by_struct(void) {
    uint64_t args[11] = {[4] = SIGCHLD};
    int status = 0;
    long child = syscall(SYS_clone3, args, 64);
    if (child == 0) {
        _exit(8);
    }
    waitpid((pid_t)child, &status, 0);
    printf("clone3: %x\n", status);
    show("clone3 size", syscall(SYS_clone3, args, 10));
}

static void compare(const char *whose, pid_t one, pid_t two) {
    printf("%s\n", whose); /* the order of two different ones is the kernel's secret */
    show("  vm is the same", syscall(SYS_kcmp, one, two, KCMP_VM, 0, 0) == 0);
    show("  files are the same", syscall(SYS_kcmp, one, two, KCMP_FILES, 0, 0) == 0);
    show("  kind", syscall(SYS_kcmp, one, two, 99, 0, 0));
}

static void *other_thread(void *arg) {
    *(pid_t *)arg = (pid_t)syscall(SYS_gettid);
    compare("thread", getpid(), *(pid_t *)arg);
    return NULL;
}

static void comparisons(void) {
    pthread_t thread;
    pid_t tid = 0;
    siginfo_t info;
    pthread_create(&thread, NULL, other_thread, &tid);
    pthread_join(thread, NULL);
    int ready[2];
    pipe(ready);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        close(ready[1]);
        read(ready[0], &byte, 1);
        _exit(0);
    }
    compare("child", getpid(), pid);
    close(ready[1]);
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    show("ended, vm", syscall(SYS_kcmp, pid, pid, KCMP_VM, 0, 0));
    show("ended, files", syscall(SYS_kcmp, pid, pid, KCMP_FILES, 0, 0));
    waitpid(pid, NULL, 0);
    show("gone", syscall(SYS_kcmp, pid, pid, KCMP_VM, 0, 0));
}

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    clone_by_struct();
    comparisons();
    show("unshare nothing", unshare(0));
    show("unshare unknown", unshare(0x1));
    show("setns", syscall(SYS_setns, 999, 0));
    return 0;
}
