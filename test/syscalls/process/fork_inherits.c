/* What a child of fork(2) has from its parent, and what it has not. Ids are changed where the test
 * is run as root; either way both runs print the same. */
#include "test/syscalls/io_test.h"
#include <grp.h>
#include <linux/ioprio.h>
#include <sys/fsuid.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/times.h>

static void ids(const char *who) {
    uid_t user[3], groups[40];
    gid_t group[3];
    getresuid(&user[0], &user[1], &user[2]);
    getresgid(&group[0], &group[1], &group[2]);
    int count = getgroups(40, groups);
    printf("%s: users %d %d %d %d, groups %d %d %d %d;", who, (int)user[0], (int)user[1],
           (int)user[2], setfsuid(-1), (int)group[0], (int)group[1], (int)group[2], setfsgid(-1));
    for (int i = 0; i < count; i++) {
        printf(" %d", (int)groups[i]);
    }
    puts("");
}

static void rest(const char *who) {
    char name[16] = "";
    struct rlimit files;
    struct itimerval timer;
    sigset_t blocked, pending;
    struct sigaction old;
    int death = -1;
    mode_t mask = umask(0);
    umask(mask);
    getrlimit(RLIMIT_NOFILE, &files);
    getitimer(ITIMER_REAL, &timer);
    sigprocmask(SIG_BLOCK, NULL, &blocked);
    sigpending(&pending);
    sigaction(SIGUSR2, NULL, &old);
    prctl(PR_GET_NAME, name);
    prctl(PR_GET_PDEATHSIG, &death);
    printf(
        "%s: umask %o, nice %d, io %d, files %d, personality %x, name %s, death %d, new rights %d, "
        "dumpable %d, timer %d, blocked %d, pending %d, ignored %d\n",
        who, mask, getpriority(PRIO_PROCESS, 0), (int)syscall(SYS_ioprio_get, 1, 0),
        (int)files.rlim_cur, personality(0xffffffff), name, death,
        prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), prctl(PR_GET_DUMPABLE), timer.it_value.tv_sec > 0,
        sigismember(&blocked, SIGUSR1), sigismember(&pending, SIGUSR1), old.sa_handler == SIG_IGN);
    fflush(stdout);
}

static void in_child(void (*tell)(const char *who)) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        tell("child");
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

int main(void) {
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    sigprocmask(SIG_BLOCK, &one, NULL);
    raise(SIGUSR1);
    signal(SIGUSR2, SIG_IGN);
    umask(026);
    nice(3);
    syscall(SYS_ioprio_set, 1, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 6));
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){77, 88});
    personality(ADDR_NO_RANDOMIZE | SHORT_INODE);
    prctl(PR_SET_NAME, "inherited");
    prctl(PR_SET_PDEATHSIG, SIGHUP);
    setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {1000, 0}}, NULL);
    rest("parent");
    in_child(rest);
    if (geteuid() == 0) {
        gid_t groups[] = {11, 12, 13};
        (void)!setgroups(3, groups);
        (void)!setresgid(21, 22, 23);
        (void)!setresuid(31, 0, 33);
        setfsgid(24);
        setfsuid(34);
        ids("parent");
        in_child(ids);
        (void)!setresuid(31, 32, 33);
        ids("parent");
        in_child(ids);
    }
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_DUMPABLE, 0);
    rest("parent");
    in_child(rest);
    return 0;
}
