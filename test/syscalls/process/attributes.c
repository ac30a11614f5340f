/* Ids, limits, priorities, affinity, prctl, personality, TLS descriptors, accounts: what comes back
 * and which errors. Prints nothing that depends on who runs it.
 * test: own */
#define _GNU_SOURCE
#include "test/syscalls/numbers.h"
#include <asm/ldt.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* `result` was evaluated just before, so errno is its own. */
static void show(const char *name, long result) {
    if (result < 0) {
        printf("%s: %s\n", name, strerror(errno));
    } else {
        printf("%s: %ld\n", name, result);
    }
}

static void ids(void) {
    uid_t real, effective, saved;
    int result = getresuid(&real, &effective, &saved);
    printf("uid ok %d %d\n", result, real == getuid() && effective == geteuid());
    show("getresuid to nowhere", syscall(SYS_getresuid32, 16, 16, 16));
    show("setuid -1", syscall(SYS_setuid32, -1));
    show("setresuid keep", setresuid(-1, -1, -1));
    show("setreuid keep", setreuid(-1, -1));
    show("getgroups -1", getgroups(-1, NULL));
    printf("getgroups 0 ok %d\n", getgroups(0, NULL) >= 0);
    printf("16 bits ok %d\n", syscall(SYS_getuid) == (getuid() > 65535 ? 65534 : getuid()));
    show("setgroups too many",
         getuid() == 0 ? syscall(SYS_setgroups32, -1, 0) : (errno = EINVAL, -1));
    /* Root can become somebody and then not go back. */
    int status;
    if (fork() == 0) {
        if (getuid() == 0) {
            int ok = setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1001, 1002) == 0;
            ok &= getuid() == 1000 && geteuid() == 1001 && setresuid(1001, 1002, 1000) == 0;
            ok &= setresuid(5, -1, -1) == -1 && errno == EPERM;
            ok &= seteuid(1000) == 0 && setuid(0) == -1 && errno == EPERM;
            ok &= setreuid(-1, 1001) == 0;
            ok &= syscall(SYS_setfsuid32, 1002) == 1001 && syscall(SYS_setfsuid32, -1) == 1001;
            ok &= kill(getppid(), 0) == -1 && errno == EPERM;
            _exit(ok ? 0 : 1);
        }
        _exit(0);
    }
    wait(&status);
    printf("giving up rights: %x\n", status);
}

static void limits(void) {
    struct rlimit limit, old;
    show("getrlimit 99", getrlimit(99, &limit));
    getrlimit(RLIMIT_NOFILE, &old);
    limit = old;
    limit.rlim_cur = 64;
    show("set", setrlimit(RLIMIT_NOFILE, &limit));
    getrlimit(RLIMIT_NOFILE, &limit);
    printf("now %d\n", (int)limit.rlim_cur);
    limit.rlim_cur = old.rlim_max + 1;
    limit.rlim_max = old.rlim_max;
    if (old.rlim_max != RLIM_INFINITY) {
        show("over the maximum", setrlimit(RLIMIT_NOFILE, &limit));
    }
    show("dup beyond", dup2(0, 64));
    setrlimit(RLIMIT_NOFILE, &old);
    show("prlimit of nobody", prlimit(999999, RLIMIT_NOFILE, NULL, &limit));
    unsigned long words[2];
    syscall(SYS_getrlimit, RLIMIT_AS, words);
    printf("infinity %lx\n", words[0]);
#ifdef SYS_ugetrlimit
    syscall(SYS_ugetrlimit, RLIMIT_AS, words);
    printf("infinity %lx\n", words[0]);
#endif
}

/* Field 41 of /proc/PID/stat; -1: not there. */
static int stat_policy(pid_t pid) {
    char path[64], text[1024] = "";
    int policy = -1;
    sprintf(path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY);
    read(fd, text, sizeof text - 1);
    close(fd);
    char *at = strrchr(text, ')');
    for (int field = 2; at && field < 41; field++) {
        at = strchr(at + 1, ' ');
    }
    if (at) {
        sscanf(at, "%d", &policy);
    }
    return policy;
}

static void scheduling(void) {
    struct sched_param param = {0};
    show("policy", sched_getscheduler(0));
    show("getparam", sched_getparam(0, &param));
    param.sched_priority = 5;
    show("other with priority", sched_setscheduler(0, SCHED_OTHER, &param));
    show("unknown policy", sched_setscheduler(0, 77, &param));
    show("max fifo", sched_get_priority_max(SCHED_FIFO));
    show("min rr", sched_get_priority_min(SCHED_RR));
    show("max unknown", sched_get_priority_max(77));
    show("nobody", sched_getscheduler(999999));
    /* whatever this machine's pid 1 asked for: it has a policy, and says the same everywhere */
    int first = sched_getscheduler(1);
    printf("pid 1: %d %d\n", first >= 0,
           first >= 0 && (first & ~SCHED_RESET_ON_FORK) == stat_policy(1));
    cpu_set_t set;
    printf("affinity %d\n", sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0);
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (CPU_ISSET(i, &set)) {
            CPU_SET(i, &one);
            break;
        }
    }
    show("set affinity", sched_setaffinity(0, sizeof one, &one));
    sched_getaffinity(0, sizeof set, &set);
    printf("one cpu %d, right %d\n", CPU_COUNT(&set), CPU_EQUAL(&one, &set));
    CPU_ZERO(&one);
    show("no cpu", sched_setaffinity(0, sizeof one, &one));
    errno = 0;
    show("nice 3", nice(3));
    show("getpriority", getpriority(PRIO_PROCESS, 0));
    show("getpriority raw", syscall(SYS_getpriority, PRIO_PROCESS, 0));
    show("getpriority of nobody", getpriority(PRIO_PROCESS, 999999));
    show("getpriority kind", getpriority(9, 0));
    show("yield", sched_yield());
}

/* Policies without real time: set, asked, inherited, by process and by structure. */
static void policies(void) {
    struct sched_param param = {0};
    show("batch", sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &param));
    show("is batch", sched_getscheduler(getpid()));
    printf("shown %d\n", stat_policy(getpid()));
    show("setparam", sched_setparam(0, &param));
    show("still batch", sched_getscheduler(0));
    if (fork() == 0) {
        show("batch in a child", sched_getscheduler(0));
        uint32_t attr[12] = {sizeof attr, SCHED_IDLE};
        show("setattr", syscall(SYS_sched_setattr, 0, attr, 0));
        show("is idle", sched_getscheduler(0));
        memset(attr, 0, sizeof attr);
        show("getattr", syscall(SYS_sched_getattr, 0, attr, sizeof attr, 0));
        printf("policy %u, flags %u\n", attr[1], attr[2]);
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
    fflush(stdout);
    if (fork() == 0) {
        show("an ordinary user", getuid() ? 0 : setuid(1000));
        show("keeps the reset", sched_setscheduler(0, SCHED_OTHER, &param));
        show("nicer", nice(3) < 0);
        uint32_t attr[12] = {sizeof attr, SCHED_IDLE, 1};
        show("idle", syscall(SYS_sched_setattr, 0, attr, 0));
        show("nice as before", getpriority(PRIO_PROCESS, 0) > 0);
        attr[1] = SCHED_OTHER;
        show("less nice", syscall(SYS_sched_setattr, 0, attr, 0));
        show("still idle", sched_getscheduler(0) & ~SCHED_RESET_ON_FORK);
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
}

/* Real time asks for a right; the rest belongs to everybody. A child inherits it. */
static void io_priorities(void) {
    enum { PROCESS = 1, GROUP, USER };
    show("ioprio at first", syscall(SYS_ioprio_get, PROCESS, 0));
    show("ioprio set best effort 6", syscall(SYS_ioprio_set, PROCESS, 0, 2 << 13 | 6));
    show("ioprio get", syscall(SYS_ioprio_get, PROCESS, getpid()));
    if (fork() == 0) {
        show("ioprio of a child", syscall(SYS_ioprio_get, PROCESS, 0));
        show("ioprio set idle", syscall(SYS_ioprio_set, PROCESS, 0, 3 << 13));
        show("ioprio idle", syscall(SYS_ioprio_get, PROCESS, 0));
        setpgid(0, 0);
        show("ioprio of a group", syscall(SYS_ioprio_get, GROUP, 0));
        show("ioprio set a group", syscall(SYS_ioprio_set, GROUP, 0, 2 << 13 | 1));
        show("ioprio of the member", syscall(SYS_ioprio_get, PROCESS, 0));
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
    show("ioprio untouched", syscall(SYS_ioprio_get, PROCESS, 0));
    show("ioprio set none", syscall(SYS_ioprio_set, PROCESS, 0, 0));
    show("ioprio none with a level", syscall(SYS_ioprio_set, PROCESS, 0, 3));
    show("ioprio class 5", syscall(SYS_ioprio_set, PROCESS, 0, 5 << 13));
    show("ioprio of a kind", syscall(SYS_ioprio_get, 4, 0));
    show("ioprio set a kind", syscall(SYS_ioprio_set, 0, 0, 0));
    show("ioprio of nobody", syscall(SYS_ioprio_get, PROCESS, 999999));
    show("ioprio set nobody", syscall(SYS_ioprio_set, PROCESS, 999999, 0));
}

static void attributes(void) {
    char name[16] = "";
    show("set name", prctl(PR_SET_NAME, "a name that is too long"));
    prctl(PR_GET_NAME, name);
    printf("name '%s'\n", name);
    show("dumpable", prctl(PR_GET_DUMPABLE));
    show("dumpable 5", prctl(PR_SET_DUMPABLE, 5));
    show("set dumpable", prctl(PR_SET_DUMPABLE, 0));
    show("dumpable", prctl(PR_GET_DUMPABLE));
    show("keepcaps", prctl(PR_GET_KEEPCAPS));
    show("pdeathsig 99", prctl(PR_SET_PDEATHSIG, 99));
    show("pdeathsig", prctl(PR_SET_PDEATHSIG, SIGUSR2));
    int signo = 0;
    prctl(PR_GET_PDEATHSIG, &signo);
    printf("pdeathsig is %d\n", signo);
    prctl(PR_SET_PDEATHSIG, 0);
    show("no new privs", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    show("set", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    show("no new privs", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    show("unset", prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
    show("unknown", prctl(12345));
    show("personality", personality(0xffffffff) & 0xff);
    struct __user_cap_header_struct header = {0x12345, 0};
    show("capget version", syscall(SYS_capget, &header, NULL));
    printf("wants %x\n", header.version);
}

static void segments(void) {
    struct user_desc desc = {.entry_number = 5};
    show("set_thread_area 5", syscall(SYS_set_thread_area, &desc));
    show("get_thread_area 5", syscall(SYS_get_thread_area, &desc));
#ifdef __i386__
    memset(&desc, 0, sizeof desc);
    static uint32_t block[16] = {0x11223344};
    desc.entry_number = -1;
    desc.base_addr = (uintptr_t)block;
    desc.limit = 0xfffff;
    desc.seg_32bit = 1;
    desc.limit_in_pages = 1;
    desc.useable = 1;
    show("allocate", syscall(SYS_set_thread_area, &desc));
    unsigned entry = desc.entry_number;
    printf("entry in range %d\n", entry >= 12 && entry <= 14);
    uint32_t value;
    asm volatile("mov %1,%%fs; mov %%fs:0,%0; mov %2,%%fs"
                 : "=r"(value)
                 : "r"(entry * 8 + 3), "r"(0));
    printf("through fs %x\n", value);
    memset(&desc, 0, sizeof desc);
    desc.entry_number = entry;
    show("get", syscall(SYS_get_thread_area, &desc));
    printf("base %d limit %x bits %d%d%d%d%d\n", desc.base_addr == (uintptr_t)block, desc.limit,
           desc.seg_32bit, desc.read_exec_only, desc.limit_in_pages, desc.seg_not_present,
           desc.useable);
#endif
}

static void *nothing(void *arg) {
    return arg;
}

/* A thread that may just have been made is the one whose mask changes, never the caller. */
static void affinity_of_new(void) {
    cpu_set_t before, after, one;
    pthread_attr_t attr;
    pthread_t thread;
    int same = 1, made = 1;
    sched_getaffinity(0, sizeof before, &before);
    CPU_ZERO(&one);
    for (int i = CPU_SETSIZE - 1; i >= 0 && !CPU_COUNT(&one); i--) {
        if (CPU_ISSET(i, &before)) {
            CPU_SET(i, &one);
        }
    }
    pthread_attr_init(&attr);
    pthread_attr_setaffinity_np(&attr, sizeof one, &one);
    for (int i = 0; i < 50; i++) {
        made &= pthread_create(&thread, &attr, nothing, NULL) == 0;
        pthread_join(thread, NULL);
        sched_getaffinity(0, sizeof after, &after);
        same &= CPU_EQUAL(&before, &after);
    }
    printf("threads with a mask %d, own mask kept %d\n", made, same);
}

static void affinity_of(const char *whose, pid_t tid) {
    cpu_set_t set;
    show(whose, sched_getaffinity(tid, sizeof set, &set));
    show("set", sched_setaffinity(tid, sizeof set, &set));
}

static void signals_to(pid_t tid) {
    show("tkill 0", syscall(SYS_tkill, tid, 0));
    show("tgkill 0", syscall(SYS_tgkill, tid, tid, 0));
    show("tkill", syscall(SYS_tkill, tid, SIGTERM));
    show("tgkill", syscall(SYS_tgkill, tid, tid, SIGTERM));
    show("tgkill of another", syscall(SYS_tgkill, getpid(), tid, 0));
    show("tgkill no signal", syscall(SYS_tgkill, tid, tid, 99));
}

static void robust_list_of(pid_t tid) {
    void *head = &head;
    size_t size;
    show("robust list", syscall(SYS_get_robust_list, tid, &head, &size));
    printf("none %d\n", head == NULL);
}

static void task_files_of(pid_t tid) {
    static const char *const name[] = {"stat", "status", "comm", "limits", "statm"};
    char path[64], text[200];
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        sprintf(path, "/proc/%d/task/%d/%s", tid, tid, name[i]);
        int fd = open(path, O_RDONLY);
        printf("%s %d\n", name[i], (int)read(fd, text, sizeof text) > 0);
        close(fd);
    }
    memset(text, 0, sizeof text);
    sprintf(path, "/proc/%d/task/%d/stat", tid, tid);
    int fd = open(path, O_RDONLY);
    read(fd, text, sizeof text - 1);
    close(fd);
    char *state = strrchr(text, ')');
    printf("state %c\n", state ? state[2] : '-');
    int listed = 0;
    sprintf(path, "/proc/%d/task", tid);
    DIR *dir = opendir(path);
    for (struct dirent *entry; (entry = readdir(dir));) {
        listed += atoi(entry->d_name) == tid;
    }
    closedir(dir);
    printf("listed %d\n", listed);
}

static void number_without_thread(pid_t tid) {
    affinity_of("affinity", tid);
    signals_to(tid);
    robust_list_of(tid);
    task_files_of(tid);
}

static void *sleeper(void *arg) {
    for (;;) {
        pause();
    }
    return arg;
}

static void show_stat_nice(const char *whose, pid_t tid) {
    char path[64], text[512] = "";
    int priority = -1, value = -1;
    sprintf(path, "/proc/%d/task/%d/stat", getpid(), tid);
    int fd = open(path, O_RDONLY);
    read(fd, text, sizeof text - 1);
    close(fd);
    char *at = strrchr(text, ')');
    for (int field = 2; at && field < 18; field++) {
        at = strchr(at + 1, ' ');
    }
    if (at) {
        sscanf(at, "%d %d", &priority, &value);
    }
    printf("%s: priority %d nice %d\n", whose, priority, value);
}

static volatile pid_t other_tid;
static volatile int other_done;

static void *nice_thread(void *arg) {
    show("inherited", getpriority(PRIO_PROCESS, 0));
    show("set own", setpriority(PRIO_PROCESS, 0, 7));
    other_tid = (pid_t)syscall(SYS_gettid);
    while (!other_done) {
        usleep(1000);
    }
    show("as set", getpriority(PRIO_PROCESS, 0));
    return arg;
}

/* Each thread has its own nice value (setpriority(2), NOTES). */
static void thread_nice(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, nice_thread, NULL);
    while (!other_tid) {
        usleep(1000);
    }
    show("of the thread", getpriority(PRIO_PROCESS, other_tid));
    show("own", getpriority(PRIO_PROCESS, 0));
    show("set the thread's", setpriority(PRIO_PROCESS, other_tid, 9));
    show("nice 1", nice(1));
    show_stat_nice("own", getpid());
    show_stat_nice("of the thread", other_tid);
    other_done = 1;
    pthread_join(thread, NULL);
}

/* A zombie and a process that outlives its first thread: the number is there, the thread is not. */
static void ended_threads(void) {
    siginfo_t info;
    pthread_t thread;
    pid_t pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    number_without_thread(pid);
    waitpid(pid, NULL, 0);
    if ((pid = fork()) == 0) {
        pthread_create(&thread, NULL, sleeper, NULL);
        syscall(SYS_exit, 0);
    }
    usleep(300000);
    number_without_thread(pid);
    show("still there", waitpid(pid, NULL, WNOHANG));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    cpu_set_t set;
    show("pid 1", sched_getaffinity(1, sizeof set, &set));
}

static void accounts(void) {
    struct rusage usage;
    struct tms tms;
    int status;
    if (fork() == 0) {
        while (clock() < CLOCKS_PER_SEC / 20) {
        }
        _exit(0);
    }
    wait(&status);
    getrusage(RUSAGE_CHILDREN, &usage);
    long used = usage.ru_utime.tv_usec + usage.ru_stime.tv_usec; /* by ticks: either may have all */
    printf("child used time %d\n", usage.ru_utime.tv_sec + usage.ru_stime.tv_sec || used >= 40000);
    printf("times ok %d\n", times(&tms) != (clock_t)-1 && tms.tms_cutime >= 0);
    show("rusage kind", getrusage(77, &usage));
    show("tgkill", syscall(SYS_tgkill, 0, 1, 0));
    show("tgkill none", syscall(SYS_tgkill, 999999, 999999, 0));
}

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    ids();
    limits();
    affinity_of_new();
    scheduling();
    fflush(stdout);
    if (fork() == 0) {
        policies();
        _exit(0);
    }
    wait(NULL);
    io_priorities();
    attributes();
    thread_nice();
    segments();
    if (fork() == 0) {
        int signal = -1;
        prctl(PR_SET_DUMPABLE, 1);
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        (void)!setuid(12345);
        show("dumpable", prctl(PR_GET_DUMPABLE));
        prctl(PR_GET_PDEATHSIG, &signal);
        printf("sent at the parent's death: %d\n", signal);
        prctl(PR_SET_DUMPABLE, 1);
        ended_threads();
        _exit(0);
    }
    wait(NULL);
    accounts();
    return 0;
}
