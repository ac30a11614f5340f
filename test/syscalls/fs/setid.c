/* Set-user-ID and set-group-ID programs: the ids they run with, what they are told of it
 * (AT_SECURE), that their user may not look into them; no_new_privs. Only root can make them:
 * others see nothing. They have their effect in a private root alone (fs.py): elsewhere nothing is
 * shown.
 *
 * test: args elsewhere
 * Build: cc -O2 -static setid.c */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { USER = 1000, GROUP = 1000, OWNER = 2000, TEAM = 3000 };

static void say_who(void) {
    uid_t real, effective, saved;
    gid_t group, in_effect, kept;
    getresuid(&real, &effective, &saved);
    getresgid(&group, &in_effect, &kept);
    printf("  users %d %d %d groups %d %d %d secure %lu dumpable %d\n", (int)real, (int)effective,
           (int)saved, (int)group, (int)in_effect, (int)kept, getauxval(AT_SECURE),
           prctl(PR_GET_DUMPABLE));
    printf("  told %lu %lu %lu %lu\n", getauxval(AT_UID), getauxval(AT_EUID), getauxval(AT_GID),
           getauxval(AT_EGID));
    fflush(stdout);
}

static void become_user(void) {
    setgroups(0, NULL);
    (void)!setresgid(GROUP, GROUP, GROUP);
    (void)!setresuid(USER, USER, USER);
}

static void copy_self(const char *name, uid_t user, gid_t group, mode_t mode) {
    static char data[1 << 16];
    int in = open("/proc/self/exe", O_RDONLY), out = open(name, O_CREAT | O_WRONLY, 0700);
    for (ssize_t n; (n = read(in, data, sizeof data)) > 0;) {
        (void)!write(out, data, (size_t)n);
    }
    (void)!fchown(out, user, group);
    fchmod(out, mode);
    close(in);
    close(out);
}

static void run(const char *what, const char *name, int no_new_privs) {
    printf("%s\n", what);
    fflush(stdout);
    if (fork() == 0) {
        become_user();
        if (no_new_privs) {
            prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        }
        execl(name, name, "who", NULL);
        printf("  %s\n", strerror(errno));
        fflush(stdout);
        _exit(1);
    }
    wait(NULL);
}

/* The program runs; its user looks. */
static void look_into(const char *what, const char *name) {
    int ends[2];
    char byte, path[64];
    printf("%s, looked into\n", what);
    fflush(stdout);
    if (fork() == 0) {
        become_user();
        (void)!pipe(ends);
        pid_t pid = fork();
        if (pid == 0) {
            dup2(ends[1], 1);
            dup2(open("/dev/null", O_RDONLY), 0);
            execl(name, name, "wait", NULL);
            _exit(1);
        }
        (void)!read(ends[0], &byte, 1);
        static const char *const file[] = {"environ", "auxv", "maps", "mem", "fd/0"};
        for (size_t i = 0; i < sizeof file / sizeof *file; i++) {
            sprintf(path, "/proc/%d/%s", (int)pid, file[i]);
            printf("  %s: %s\n", file[i], open(path, O_RDONLY) < 0 ? strerror(errno) : "ok");
        }
        int fd = (int)syscall(SYS_pidfd_open, pid, 0);
        printf("  descriptor: %s\n",
               syscall(SYS_pidfd_getfd, fd, 0, 0) < 0 ? strerror(errno) : "ok");
        printf("  signal: %s\n", kill(pid, 0) ? strerror(errno) : "ok");
        fflush(stdout);
        kill(pid, SIGKILL);
        close(ends[0]); /* what could not be killed ends with its output */
        _exit(0);
    }
    wait(NULL);
}

static char stack[65536];

static int start(void *name) {
    execl(name, name, "who", NULL);
    _exit(1);
}

static int end(void *unused) {
    usleep(100000);
    _exit(0);
}

/* What an ordinary user prepares for a program with other rights. */
static void prepared(const char *name) {
    printf("%s, prepared\n", name);
    fflush(stdout);
    if (fork() == 0) {
        become_user();
        waitpid(clone(start, stack + sizeof stack, CLONE_FS | SIGCHLD, (void *)name), NULL, 0);
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGCHLD);
        sigaddset(&set, SIGUSR1);
        sigprocmask(SIG_BLOCK, &set, NULL);
        prctl(PR_SET_PDEATHSIG, SIGUSR2);
        clone(end, stack + sizeof stack, SIGUSR1, NULL);
        execl(name, name, "signals", NULL);
        _exit(1);
    }
    wait(NULL);
}

static void say_signals(void) {
    sigset_t set;
    int parent = 0;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGUSR1);
    prctl(PR_GET_PDEATHSIG, &parent);
    printf("  death of the parent %d, of the child %d\n", parent,
           sigtimedwait(&set, NULL, &(struct timespec){5, 0}));
}

int main(int argc, char **argv) {
    if (argc > 1 && !strcmp(argv[1], "signals")) {
        say_signals();
        return 0;
    }
    if (argc > 1 && !strcmp(argv[1], "elsewhere")) {
        return 0;
    }
    if (argc > 1 && !strcmp(argv[1], "who")) {
        say_who();
        return 0;
    }
    if (argc > 1) {
        signal(SIGALRM, SIG_DFL);
        alarm(5);
        for (;;) {
            if (write(1, "", 1) < 0) {
                return 0;
            }
            usleep(50000);
        }
    }
    if (getuid() != 0) {
        return 0;
    }
    chmod(".", 0755);
    copy_self("plain", OWNER, TEAM, 0755);
    copy_self("user", OWNER, TEAM, 04755);
    copy_self("group", OWNER, TEAM, 02755);
    copy_self("both", OWNER, TEAM, 06755);
    copy_self("root", 0, 0, 04755);
    copy_self("lock", OWNER, TEAM, 02745); /* no program of its group: the bit of mandatory locks */
    copy_self("own", USER, GROUP, 06755);
    static const char *const name[] = {"plain", "user", "group", "both", "root", "lock", "own"};
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        run(name[i], name[i], 0);
    }
    run("no new rights", "both", 1);
    prepared("plain");
    prepared("both");
    prepared("root");
    look_into("plain", "plain");
    look_into("set-user-ID", "user");
    look_into("set-group-ID", "group");
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        unlink(name[i]);
    }
    return 0;
}
