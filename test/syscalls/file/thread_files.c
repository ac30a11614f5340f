/* Descriptors and directories belong to a thread: unshare(2), close_range(2) and clone(2) without
 * CLONE_FILES or CLONE_FS concern the caller alone; the others go on with what they have.
 *
 * Build: cc -O2 -static -pthread thread_files.c */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { VM, FILES = 2, FS = 3 };

static pid_t leader;

static void show(const char *what, long result) {
    printf("%s: %s\n", what, result < 0 ? strerror(errno) : "ok");
}

static long same(int kind, pid_t other) {
    return syscall(SYS_kcmp, getpid(), other, kind, 0, 0) == 0;
}

static int is_open(int fd) {
    return fcntl(fd, F_GETFD) >= 0;
}

static int listed(pid_t tid, int fd) {
    char path[64];
    sprintf(path, "/proc/self/task/%d/fd/%d", tid, fd);
    return access(path, F_OK) == 0 || errno != ENOENT;
}

static int in_thread(void *(*run)(void *)) {
    pthread_t thread;
    void *result;
    pthread_create(&thread, NULL, run, NULL);
    pthread_join(thread, &result);
    return (int)(long)result;
}

static void *own_descriptors(void *arg) {
    pid_t tid = (pid_t)syscall(SYS_gettid);
    printf("shared at first %ld\n", same(FILES, tid));
    show("unshare files", unshare(CLONE_FILES));
    printf("shared %ld, memory %ld, directories %ld\n", same(FILES, tid), same(VM, tid),
           same(FS, tid));
    dup2(0, 100);
    close(50);
    printf("listed own %d, leader's %d %d\n", listed(tid, 100), listed(leader, 100),
           listed(leader, 50));
    return (void *)(long)is_open(100);
}

static void *own_directory(void *arg) {
    char cwd[64];
    show("unshare directories", unshare(CLONE_FS));
    umask(0);
    show("chdir", chdir("/proc"));
    printf("in %s\n", getcwd(cwd, sizeof cwd));
    return NULL;
}

static void *ranged(void *arg) {
    show("close_range", syscall(SYS_close_range, 50, 60, 2));
    return (void *)(long)is_open(50);
}

static void *refused(void *arg) {
    show("unshare memory", unshare(CLONE_VM));
    show("unshare handlers", unshare(CLONE_SIGHAND));
    show("unshare thread", unshare(CLONE_THREAD));
    show("unshare semaphores", unshare(CLONE_SYSVSEM));
    show("unshare nothing", unshare(0));
    return NULL;
}

static volatile int reached;

static int raw_thread(void *arg) {
    syscall(SYS_close, 50);
    syscall(SYS_dup2, 0, 101);
    syscall(SYS_umask, 0);
    reached = 1;
    syscall(SYS_exit, 0);
    return 0;
}

/* A thread made with copies of both. */
static void copied(void) {
    static char stack[65536];
    static volatile pid_t tid = 1;
    clone(raw_thread, stack + sizeof stack - 64,
          CLONE_VM | CLONE_THREAD | CLONE_SIGHAND | CLONE_CHILD_CLEARTID, NULL, NULL, NULL, &tid);
    while (!reached || tid) {
        sched_yield();
    }
    printf("after a thread with copies: %d %d umask %o\n", is_open(50), is_open(101), umask(022));
}

static void *leave_by_exec(void *arg) {
    unshare(CLONE_FILES);
    dup2(1, 77);
    char *argv[] = {"thread_files", "listing", NULL};
    execv("/proc/self/exe", argv);
    return NULL;
}

/* --- races: the table is swapped under threads that use it ------------------------------- */

static volatile int stop;

static void *use(void *arg) {
    struct stat st;
    while (!stop) {
        for (int i = 0; i < 200; i++) {
            fstat(1, &st);
            dup(1000);
            close(999);
        }
    }
    return NULL;
}

static void *swap(void *arg) {
    while (!stop) {
        syscall(SYS_close_range, 500, 501, 2);
        usleep(100);
    }
    return NULL;
}

static int share(void *arg) {
    syscall(SYS_exit, 0);
    return 0;
}

static void races(void) {
    static char stack[65536];
    pthread_t thread[3];
    for (int i = 0; i < 3; i++) {
        pthread_create(&thread[i], NULL, i < 2 ? use : swap, NULL);
    }
    time_t start = time(NULL);
    while (time(NULL) - start < 2) {
        pid_t pid = clone(share, stack + sizeof stack - 64, CLONE_VM | CLONE_FILES | SIGCHLD, NULL);
        syscall(SYS_close_range, 500, 501, 2);
        char path[32];
        sprintf(path, "/proc/%d/fd/1", (int)pid);
        readlink(path, path, sizeof path);
        waitpid(pid, NULL, 0);
    }
    stop = 1;
    for (int i = 0; i < 3; i++) {
        pthread_join(thread[i], NULL);
    }
    printf("raced, %d is open\n", is_open(1));
}

/* --- limits of the dead --------------------------------------------------------------------- */

/* What they are given ends with them: no timer goes on for one that is reaped. */
static void dead(void) {
    struct rlimit limit = {1, 2}, old;
    siginfo_t info;
    pid_t pid[16];
    for (int i = 0; i < 16; i++) {
        if ((pid[i] = fork()) == 0) {
            _exit(0);
        }
    }
    for (int i = 0; i < 16; i++) {
        waitid(P_PID, (id_t)pid[i], &info, WEXITED | WNOWAIT);
        long result = prlimit(pid[i], RLIMIT_CPU, &limit, NULL);
        if (i == 0) {
            show("limit of a zombie", result);
            prlimit(pid[i], RLIMIT_CPU, NULL, &old);
            printf("is %d %d\n", (int)old.rlim_cur, (int)old.rlim_max);
        }
    }
    for (int i = 0; i < 16; i++) {
        waitpid(pid[i], NULL, 0);
    }
    show("limit of nobody", prlimit(pid[0], RLIMIT_CPU, &limit, NULL));
    usleep(1600000);
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IONBF, 0);
    leader = getpid();
    if (argc > 1) {
        printf("after exec %d %d\n", is_open(77), is_open(50));
        return 0;
    }
    dup2(0, 50);
    dup2(0, 51);
    printf("own %d, here %d %d\n", in_thread(own_descriptors), is_open(100), is_open(50));
    in_thread(own_directory);
    char cwd[4096];
    printf("umask %o, elsewhere %d\n", umask(022), strcmp(getcwd(cwd, sizeof cwd), "/proc") != 0);
    printf("ranged %d, here %d\n", in_thread(ranged), is_open(50));
    in_thread(refused);
    copied();
    races();
    dead();
    in_thread(leave_by_exec);
    return 1;
}
