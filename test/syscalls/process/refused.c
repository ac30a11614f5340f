/* What calls about processes refuse: the scheduler's, clone, prctl, groups of signals; and the
 * times of children's children. */
#include "test/syscalls/io_test.h"
#include <linux/sched.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/times.h>

#define BAD ((void *)8)

static void scheduler(void) {
    struct sched_param none = {0}, some = {5}, out;
    struct timespec slice;
    int policies[] = {SCHED_OTHER, SCHED_BATCH, SCHED_IDLE, 77, -1};
    for (int i = 0; i < 5; i++) {
        printf("policy %d: ", policies[i]);
        SHOW(sched_setscheduler(0, policies[i], &some));
        SHOW(sched_setscheduler(0, policies[i], &none));
        SHOW(sched_getscheduler(0));
    }
    SHOW(sched_setscheduler(0, SCHED_FIFO, &none));
    SHOW(sched_setscheduler(0, SCHED_RR, &(struct sched_param){100}));
    SHOW(sched_setscheduler(0, SCHED_OTHER, NULL));
    SHOW(sched_setscheduler(0, SCHED_OTHER, BAD));
    SHOW(sched_setscheduler(-1, SCHED_OTHER, &none));
    SHOW(sched_setscheduler(0x3fffffff, SCHED_OTHER, &none));
    SHOW(sched_setparam(0, &none));
    SHOW(sched_setparam(0, &some));
    SHOW(sched_setparam(0, NULL));
    SHOW(sched_setparam(0, BAD));
    SHOW(sched_setparam(-1, &none));
    SHOW(sched_setparam(0x3fffffff, &none));
    SHOW(sched_getparam(0, &out));
    SHOW(sched_getparam(0, NULL));
    SHOW(sched_getparam(-1, &out));
    SHOW(sched_getparam(0x3fffffff, &out));
    SHOW(syscall(SYS_sched_getparam, 0, BAD));
    SHOW(sched_getscheduler(-1));
    SHOW(sched_getscheduler(0x3fffffff));
    SHOW(sched_rr_get_interval(-1, &slice));
    SHOW(sched_rr_get_interval(0x3fffffff, &slice));
    SHOW(syscall(SYS_sched_rr_get_interval, 0, BAD));
    for (int policy = 0; policy < 7; policy++) {
        SHOW(sched_get_priority_max(policy));
        SHOW(sched_get_priority_min(policy));
    }
    unsigned long mask[32] = {0};
    SHOW(syscall(SYS_sched_setaffinity, 0, sizeof mask, mask));
    SHOW(syscall(SYS_sched_setaffinity, 0x3fffffff, sizeof mask, mask));
    SHOW(syscall(SYS_sched_setaffinity, 0, sizeof mask, BAD));
    SHOW(syscall(SYS_sched_getaffinity, 0, 0, mask));
    SHOW(syscall(SYS_sched_getaffinity, 0, 3, mask));
    SHOW(syscall(SYS_sched_getaffinity, 0x3fffffff, sizeof mask, mask));
    SHOW(syscall(SYS_sched_getaffinity, 0, sizeof mask, BAD));
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } attr = {48, SCHED_BATCH, 0, 4, 0, 0, 0, 0};
    SHOW(syscall(SYS_sched_setattr, 0, &attr, 0));
    SHOW(sched_getscheduler(0));
    SHOW(getpriority(PRIO_PROCESS, 0));
    SHOW(syscall(SYS_sched_setattr, 0, &attr, 1));
    SHOW(syscall(SYS_sched_setattr, 0, NULL, 0));
    SHOW(syscall(SYS_sched_setattr, 0, BAD, 0));
    SHOW(syscall(SYS_sched_setattr, -1, &attr, 0));
    SHOW(syscall(SYS_sched_setattr, 0x3fffffff, &attr, 0));
    attr.policy = 77;
    SHOW(syscall(SYS_sched_setattr, 0, &attr, 0));
    attr.policy = SCHED_OTHER;
    attr.priority = 3;
    SHOW(syscall(SYS_sched_setattr, 0, &attr, 0));
    attr.priority = 0;
    attr.flags = 1ull << 40;
    SHOW(syscall(SYS_sched_setattr, 0, &attr, 0));
    SHOW(syscall(SYS_sched_getattr, 0, &attr, 48, 1));
    SHOW(syscall(SYS_sched_getattr, 0, &attr, 4, 0));
    SHOW(syscall(SYS_sched_getattr, 0, NULL, 48, 0));
    SHOW(syscall(SYS_sched_getattr, 0, BAD, 48, 0));
    SHOW(syscall(SYS_sched_getattr, -1, &attr, 48, 0));
    SHOW(syscall(SYS_sched_getattr, 0x3fffffff, &attr, 48, 0));
    SHOW(syscall(SYS_sched_getattr, 0, &attr, 48, 0));
    printf("policy %u nice %d\n", attr.policy, attr.nice);
    SHOW(setpriority(9, 0, 5));
    SHOW(setpriority(PRIO_PROCESS, 0x3fffffff, 5));
    SHOW(setpriority(PRIO_PGRP, 0x3fffffff, 5));
    SHOW(setpriority(PRIO_USER, 0x3fffffff, 5));
    SHOW(getpriority(9, 0));
    SHOW(getpriority(PRIO_PGRP, 0x3fffffff));
}

static long raw_clone(unsigned flags, void *pidfd) {
    fflush(stdout);
    long child = syscall(SYS_clone, flags, 0, pidfd, 0, 0);
    if (child == 0) {
        _exit(3);
    }
    return child;
}

static void clones(void) {
    int pidfd = -1, status;
    SHOW(raw_clone(CLONE_SIGHAND | SIGCHLD, NULL));
    SHOW(raw_clone(CLONE_THREAD | CLONE_SIGHAND | SIGCHLD, NULL));
    SHOW(raw_clone(CLONE_FS | CLONE_NEWNS | SIGCHLD, NULL));
    SHOW(raw_clone(CLONE_PIDFD | CLONE_DETACHED | SIGCHLD, &pidfd));
    SHOW(raw_clone(CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, &pidfd));
    SHOW(raw_clone(CLONE_PIDFD | SIGCHLD, BAD));
    SHOW(waitpid(-1, &status, WNOHANG)); /* nothing was left behind */
    struct rlimit old, few = {0, 0};
    getrlimit(RLIMIT_NOFILE, &old);
    few.rlim_max = old.rlim_max;
    setrlimit(RLIMIT_NOFILE, &few);
    SHOW(raw_clone(CLONE_PIDFD | SIGCHLD, &pidfd));
    setrlimit(RLIMIT_NOFILE, &old);
    SHOW(waitpid(-1, &status, WNOHANG));
    SHOW(raw_clone(CLONE_PIDFD | SIGCHLD, &pidfd) > 0);
    siginfo_t info = {0};
    SHOW(waitid(3 /* P_PIDFD */, (id_t)pidfd, &info, WEXITED));
    printf("%d %d\n", info.si_code, info.si_status);
    close(pidfd);
    static const uint64_t flags[] = {CLONE_THREAD, CLONE_PARENT, CLONE_SIGHAND, CLONE_DETACHED};
    for (int i = 0; i < 4; i++) {
        struct clone_args bare = {.flags = flags[i], .exit_signal = i < 2 ? SIGCHLD : 0};
        SHOW(syscall(SYS_clone3, &bare, sizeof(bare)));
    }
    struct clone_args args = {.exit_signal = 65};
    SHOW(syscall(SYS_clone3, &args, 10));
    SHOW(syscall(SYS_clone3, BAD, sizeof args));
    SHOW(syscall(SYS_clone3, &args, sizeof args));
    args = (struct clone_args){.exit_signal = SIGCHLD, .flags = CLONE_PARENT};
    SHOW(syscall(SYS_clone3, &args, sizeof args));
    args = (struct clone_args){.exit_signal = SIGCHLD, .stack = 4096};
    SHOW(syscall(SYS_clone3, &args, sizeof args));
    args = (struct clone_args){.exit_signal = SIGCHLD, .flags = 1ull << 40};
    SHOW(syscall(SYS_clone3, &args, sizeof args));
}

static void options(void) {
    SHOW(prctl(PR_SET_MM, 77, 0, 0, 0) == -1 && (errno == EINVAL || errno == EPERM));
    SHOW(prctl(PR_SET_PDEATHSIG, 65));
    SHOW(prctl(PR_GET_PDEATHSIG, BAD));
    SHOW(prctl(PR_SET_DUMPABLE, 2));
    SHOW(prctl(PR_SET_NAME, BAD));
    SHOW(prctl(PR_GET_NAME, BAD));
    SHOW(prctl(PR_SET_KEEPCAPS, 2));
    SHOW(prctl(PR_SET_TIMING, 1));
    SHOW(prctl(PR_SET_TSC, 77));
    SHOW(prctl(PR_GET_TSC, BAD));
    SHOW(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
    SHOW(prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0));
    SHOW(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 1, 0));
    SHOW(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 1));
    SHOW(prctl(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0));
    SHOW(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    SHOW(prctl(PR_SET_THP_DISABLE, 1, 1, 0, 0));
    SHOW(prctl(PR_GET_THP_DISABLE, 0, 0, 1, 0));
    SHOW(prctl(PR_GET_CHILD_SUBREAPER, BAD));
    SHOW(prctl(PR_CAPBSET_READ, 64));
    SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 0, 0, 0));
    SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 64, 0, 0));
    SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 0, 1, 0));
    SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 0, 0, 0));
    SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, 0, 0, 0));
    SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0));
    SHOW(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
    SHOW(prctl(PR_CAP_AMBIENT, 77, 0, 0, 0));
    SHOW(prctl(12345));
}

static volatile sig_atomic_t from, code, uid;
static void on_info(int signo, siginfo_t *info, void *context) {
    signals_seen++;
    from = info->si_pid;
    code = info->si_code;
    uid = (int)info->si_uid;
}

/* kill(2) of a group, of all, and what the receiver learns of the sender. */
static void groups(void) {
    struct sigaction action = {.sa_sigaction = on_info, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &action, NULL);
    setpgid(0, 0);
    static const char *const ways[] = {"own group", "group by number", "killpg", "process"};
    for (int i = 0; i < 4; i++) {
        from = code = uid = -1;
        pid_t parent = getpid(), child = fork();
        if (child == 0) {
            signal(SIGUSR1, SIG_IGN);
            _exit(kill(i == 0 ? 0 : i == 1 ? -parent : i == 2 ? -getpgrp() : parent, SIGUSR1));
        }
        while (waitpid(child, NULL, 0) == -1 && errno == EINTR) {
        }
        printf("%s: from the child %d, code %d, user %d\n", ways[i], from == child, code,
               uid == (int)getuid());
    }
    SHOW(kill(-0x3fffffff, 0));
    SHOW(kill(0x3fffffff, 0));
    SHOW(kill(0, 65));
    SHOW(kill(getpid(), -1));
    SHOW(kill(-getpgrp(), 0));
    SHOW(syscall(SYS_tgkill, getpid(), 0x3fffffff, 0));
    SHOW(syscall(SYS_tgkill, 0, getpid(), 0));
    SHOW(syscall(SYS_tgkill, getpid(), -1, 0));
    SHOW(syscall(SYS_tkill, 0, 0));
    SHOW(syscall(SYS_tkill, 0x3fffffff, 0));
}

static void burn(void) {
    struct rusage now;
    do {
        for (volatile int i = 0; i < 100000; i++) {
        }
        getrusage(RUSAGE_SELF, &now);
    } while (now.ru_utime.tv_sec == 0 && now.ru_utime.tv_usec + now.ru_stime.tv_usec < 120000);
}

/* A child that does nothing, whose child burns time. */
static void grandchildren(void) {
    pid_t child = fork();
    if (child == 0) {
        if (fork() == 0) {
            burn();
            _exit(0);
        }
        wait(NULL);
        _exit(0);
    }
    wait(NULL);
    struct rusage usage;
    struct tms tms;
    getrusage(RUSAGE_CHILDREN, &usage);
    times(&tms);
    long ms = usage.ru_utime.tv_sec * 1000 + usage.ru_utime.tv_usec / 1000 +
              usage.ru_stime.tv_sec * 1000 + usage.ru_stime.tv_usec / 1000;
    printf("rusage %d, times %d\n", ms >= 100, tms.tms_cutime + tms.tms_cstime >= 10);
}

int main(void) {
    grandchildren();
    scheduler();
    clones();
    options();
    groups();
    return 0;
}
