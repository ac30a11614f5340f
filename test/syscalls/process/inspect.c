/* Who may look at whom: files of /proc/PID, other processes' memory, descriptors and limits, asked
 * by the same user, about a process that is not dumpable, by another user, by root; and descriptors
 * of /proc that outlive the program they showed.
 *
 * Build: cc -O2 -static inspect.c */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static char secret[16] = "a secret";

static const char *said(long result) {
    return result < 0 ? strerror(errno) : "ok";
}

static void look(pid_t pid, int alive) {
    static const char *const file[] = {"environ", "auxv",    "maps", "smaps",  "smaps_rollup",
                                       "mem",     "cmdline", "comm", "limits", "personality"};
    char path[64], text[64];
    for (size_t i = 0; i < sizeof file / sizeof *file; i++) {
        sprintf(path, "/proc/%d/%s", (int)pid, file[i]);
        int fd = open(path, O_RDONLY);
        printf("  %s: %s", file[i], said(fd));
        if (fd >= 0 && strcmp(file[i], "mem")) {
            ssize_t n = read(fd, text, sizeof text);
            printf(", %s", n < 0 ? strerror(errno) : n ? "something" : "nothing");
        }
        printf("\n");
        close(fd);
    }
    static const char *const link[] = {"cwd", "root", "exe", "fd/0"};
    size_t links = alive ? sizeof link / sizeof *link : 3;
    for (size_t i = 0; i < links; i++) {
        sprintf(path, "/proc/%d/%s", (int)pid, link[i]);
        printf("  %s: %s", link[i], said(readlink(path, text, sizeof text)));
        struct stat st;
        printf(", behind it %s\n", said(stat(path, &st)));
    }
    static const char *const directory[] = {"fd", "fdinfo"};
    for (size_t i = 0; i < sizeof directory / sizeof *directory; i++) {
        sprintf(path, "/proc/%d/%s", (int)pid, directory[i]);
        DIR *dir = opendir(path);
        printf("  %s: %s\n", directory[i], dir ? "ok" : strerror(errno));
        if (dir) {
            closedir(dir);
        }
    }
    sprintf(path, "/proc/%d/stat", (int)pid);
    FILE *stat_file = fopen(path, "r");
    static char line[2000];
    fgets(line, sizeof line, stat_file);
    fclose(stat_file);
    char *at = strrchr(line, ')');
    for (int field = 2; field < 48; field++) {
        at = strchr(at + 1, ' ');
    }
    printf("  arguments' address shown: %d\n", atoll(at) != 0);
    struct stat st, dir_st;
    sprintf(path, "/proc/%d/environ", (int)pid);
    stat(path, &st);
    sprintf(path, "/proc/%d", (int)pid);
    stat(path, &dir_st);
    printf("  environ is root's %d, the directory %d\n", st.st_uid == 0, dir_st.st_uid == 0);
}

static void ask(pid_t pid) {
    char copy[16];
    struct iovec own = {copy, sizeof copy}, its = {secret, sizeof secret};
    printf("  read memory: %s\n", said(process_vm_readv(pid, &own, 1, &its, 1, 0)));
    printf("  write memory: %s\n", said(process_vm_writev(pid, &own, 1, &its, 1, 0)));
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    long got = syscall(SYS_pidfd_getfd, fd, 0, 0);
    printf("  descriptor: %s\n", said(got));
    close((int)got);
    close(fd);
    printf("  compare: %s\n", said(syscall(SYS_kcmp, getpid(), pid, 1, 0, 0)));
    void *head;
    size_t size;
    printf("  robust list: %s\n", said(syscall(SYS_get_robust_list, pid, &head, &size)));
    struct rlimit limit;
    const char *limits = said(prlimit(pid, RLIMIT_NOFILE, NULL, &limit));
    if (getuid()) { /* where root may not have the right to it */
        printf("  limits: %s\n", limits);
    }
}

static pid_t victim(uid_t uid, gid_t gid, int dumpable) {
    int ready[2];
    char byte;
    (void)!pipe(ready);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        if (getuid() == 0) {
            setgroups(0, NULL);
            (void)!setresgid(gid, gid, gid);
            (void)!setresuid(uid, uid, uid);
        }
        prctl(PR_SET_DUMPABLE, dumpable);
        (void)!write(ready[1], "", 1);
        for (;;) {
            pause();
        }
    }
    (void)!read(ready[0], &byte, 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static void attack(const char *name, uid_t uid, gid_t gid, pid_t pid) {
    printf("%s\n", name);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (getuid() == 0 && uid) {
            setgroups(0, NULL);
            (void)!setresgid(gid, gid, gid);
            (void)!setresuid(uid, uid, uid);
            prctl(PR_SET_DUMPABLE, 1);
        }
        look(pid, 1);
        ask(pid);
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

/* What was opened shows the program of that time, or nothing. */
static void next_program(void) {
    int pipes[2];
    char path[64], text[64];
    (void)!pipe2(pipes, O_CLOEXEC);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        (void)!read(pipes[0], &byte, 1);
        execl("/proc/self/exe", "process_inspect", "wait", NULL);
        _exit(1);
    }
    static const char *const file[] = {"environ", "maps"};
    int fd[2];
    for (int i = 0; i < 2; i++) {
        sprintf(path, "/proc/%d/%s", (int)pid, file[i]);
        fd[i] = open(path, O_RDONLY);
    }
    (void)!write(pipes[1], "", 1);
    for (;;) { /* until the next program runs */
        sprintf(path, "/proc/%d/cmdline", (int)pid);
        int line = open(path, O_RDONLY);
        memset(text, 0, sizeof text);
        (void)!read(line, text, sizeof text - 1);
        close(line);
        if (!strcmp(text + strlen(text) + 1, "wait")) {
            break;
        }
        usleep(1000);
    }
    for (int i = 0; i < 2; i++) {
        printf("%s of the program before: %d\n", file[i], (int)read(fd[i], text, sizeof text));
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void own(int dumpable) {
    prctl(PR_SET_DUMPABLE, dumpable);
    printf("itself, dumpable %d\n", dumpable);
    look(getpid(), 1);
    ask(getpid());
    prctl(PR_SET_DUMPABLE, 1);
}

int main(int argc, char **argv) {
    if (argc > 1) {
        for (;;) {
            pause();
        }
    }
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    prctl(PR_SET_DUMPABLE, 1);
    own(1);
    own(0);
    pid_t open_one = victim(1000, 1000, 1), closed = victim(1000, 1000, 0);
    attack("the same user", 1000, 1000, open_one);
    attack("the same user, not dumpable", 1000, 1000, closed);
    if (getuid() == 0) {
        attack("another user", 1001, 1000, open_one);
        attack("another group", 1000, 1001, open_one);
        attack("root", 0, 0, open_one);
        attack("root, not dumpable", 0, 0, closed);
        pid_t root = victim(0, 0, 1);
        attack("of root", 1000, 1000, root);
        kill(root, SIGKILL);
        waitpid(root, NULL, 0);
    }
    kill(open_one, SIGKILL);
    kill(closed, SIGKILL);
    siginfo_t info;
    waitid(P_PID, (id_t)open_one, &info, WEXITED | WNOWAIT);
    waitpid(closed, NULL, 0);
    printf("a zombie\n");
    look(open_one, 0);
    waitpid(open_one, NULL, 0);
    next_program();
    return 0;
}
