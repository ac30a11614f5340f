/* Capabilities: what becomes of them when ids change, with and without PR_SET_KEEPCAPS, in execve;
 * capset, bounding and ambient sets, securebits; and the other options of prctl(2): each has its
 * effect or is refused. As an ordinary user there is less to see.
 *
 * Build: cc -O2 -static capabilities.c */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Those that are looked at: what else the superuser has depends on the machine. */
static const int watched[] = {CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_KILL, CAP_SETUID,
                              CAP_NET_BIND_SERVICE};

static struct __user_cap_header_struct header;
static struct __user_cap_data_struct data[2];

static void get(void) {
    header = (struct __user_cap_header_struct){_LINUX_CAPABILITY_VERSION_3, 0};
    memset(data, 0, sizeof data);
    syscall(SYS_capget, &header, data);
}

static unsigned pick(uint32_t set) {
    unsigned out = 0;
    for (size_t i = 0; i < sizeof watched / sizeof *watched; i++) {
        out |= (set >> watched[i] & 1) << i;
    }
    return out;
}

static void show(const char *what) {
    get();
    printf("%s: effective %x permitted %x inheritable %x keep %d bits %x dumpable %d\n", what,
           pick(data[0].effective), pick(data[0].permitted), pick(data[0].inheritable),
           prctl(PR_GET_KEEPCAPS), prctl(PR_GET_SECUREBITS), prctl(PR_GET_DUMPABLE));
    char line[200];
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status)) {
        unsigned long long set;
        if (sscanf(line, "CapAmb: %llx", &set) == 1) {
            printf("  ambient %x\n", pick((uint32_t)set));
        } else if (sscanf(line, "CapEff: %llx", &set) == 1) {
            printf("  in status %x\n", pick((uint32_t)set));
        }
    }
    fclose(status);
}

static void result(const char *what, long value) {
    printf("%s: %ld %s\n", what, value, value < 0 ? strerror(errno) : "");
}

static long set(uint32_t effective, uint32_t permitted, uint32_t inheritable) {
    header = (struct __user_cap_header_struct){_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct new[2] = {{effective, permitted, inheritable}};
    return syscall(SYS_capset, &header, new);
}

#define BIT(n) (1u << (n))

static void apart(const char *name, void (*run)(void)) {
    printf("--- %s\n", name);
    fflush(stdout);
    if (fork() == 0) {
        run();
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
}

static void plain_change(void) {
    show("first");
    result("setresuid", setresuid(1000, 1000, 1000));
    show("without keeping");
    result("setuid back", setuid(0));
    result("capset", set(BIT(CAP_KILL), BIT(CAP_KILL), 0));
}

static void kept(void) {
    result("keep", prctl(PR_SET_KEEPCAPS, 1));
    result("setresuid", setresuid(1000, 1000, 1000));
    show("kept");
    result("to another id without effect", setuid(5));
    result("capset", set(BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_SETUID),
                         BIT(CAP_NET_BIND_SERVICE) | BIT(CAP_SETUID), 0));
    show("taken");
    result("more than that", set(BIT(CAP_CHOWN), BIT(CAP_CHOWN), 0));
    result("to another id", setuid(5));
    show("another");
    result("signal to the parent", kill(getppid(), 0));
    result("as no group", setgid(7));
}

static void temporary(void) {
    result("seteuid", seteuid(1000));
    show("effective given up");
    result("chroot", chroot("/"));
    result("seteuid back", seteuid(0));
    show("back");
    result("setfsuid", setfsuid(1000));
    show("for files");
    setfsuid(0);
    show("again");
}

static void dropped(void) {
    result("drop", set(BIT(CAP_SETUID), BIT(CAP_SETUID) | BIT(CAP_KILL), 0));
    show("root with little");
    result("setuid", setresuid(-1, 1000, -1));
    result("and back", setresuid(-1, 0, -1));
    result("setgid", setgid(5));
    result("setgroups", setgroups(0, NULL));
    result("chroot", chroot("/"));
    show("dropped");
}

static void fixed(void) {
    result("no fixup", prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP));
    result("setresuid", setresuid(1000, 1000, 1000));
    show("nothing fixed");
    result("lock", prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP | SECBIT_KEEP_CAPS_LOCKED));
    result("keep", prctl(PR_SET_KEEPCAPS, 1));
    result("unlock", prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP));
    result("unknown", prctl(PR_SET_SECUREBITS, 0x10000));
}

static void ambient_exec(void) {
    result("raise too early", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
    get();
    result("inheritable", set(data[0].effective, data[0].permitted, BIT(CAP_KILL)));
    result("raise", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
    result("is set", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0));
    result("is not set", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0));
    result("none", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 77, 0, 0));
    result("too much", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0));
    prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP);
    (void)!setresuid(1000, 1000, 1000);
    show("before exec");
    fflush(stdout);
    execl("/proc/self/exe", "capabilities", "shown", NULL);
}

static void bounding_exec(void) {
    result("read", prctl(PR_CAPBSET_READ, CAP_KILL));
    result("drop", prctl(PR_CAPBSET_DROP, CAP_KILL));
    result("read", prctl(PR_CAPBSET_READ, CAP_KILL));
    result("none", prctl(PR_CAPBSET_READ, 77));
    result("drop none", prctl(PR_CAPBSET_DROP, 77));
    show("still there");
    result("keep", prctl(PR_SET_KEEPCAPS, 1));
    fflush(stdout);
    execl("/proc/self/exe", "capabilities", "shown", NULL);
}

static void no_root_exec(void) {
    result("no root", prctl(PR_SET_SECUREBITS, SECBIT_NOROOT));
    fflush(stdout);
    execl("/proc/self/exe", "capabilities", "shown", NULL);
}

static void real_root_exec(void) {
    (void)!setresuid(0, 1000, 1000);
    show("real root");
    fflush(stdout);
    execl("/proc/self/exe", "capabilities", "shown", NULL);
}

static void others(void) {
    get();
    struct __user_cap_data_struct of[2];
    header.pid = getppid();
    result("of the parent", syscall(SYS_capget, &header, of));
    printf("the same %d\n", pick(of[0].effective) == pick(data[0].effective));
    result("set the parent's", syscall(SYS_capset, &header, of));
    header.pid = -1;
    result("of nobody", syscall(SYS_capget, &header, of));
    header.pid = 999999;
    result("of nobody", syscall(SYS_capget, &header, of));
}

static void options(void) {
    result("slack", prctl(PR_GET_TIMERSLACK));
    result("set slack", prctl(PR_SET_TIMERSLACK, 1000));
    result("slack", prctl(PR_GET_TIMERSLACK));
    fflush(stdout);
    if (fork() == 0) {
        result("slack of a child", prctl(PR_GET_TIMERSLACK));
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
    result("default slack", prctl(PR_SET_TIMERSLACK, 0));
    result("slack", prctl(PR_GET_TIMERSLACK));
    result("timing", prctl(PR_GET_TIMING));
    result("set timing", prctl(PR_SET_TIMING, PR_TIMING_STATISTICAL));
    result("set timing by stamps", prctl(PR_SET_TIMING, PR_TIMING_TIMESTAMP));
    int tsc = 0;
    result("tsc", prctl(PR_GET_TSC, &tsc));
    printf("is %d\n", tsc);
    result("set tsc", prctl(PR_SET_TSC, PR_TSC_ENABLE));
    result("set tsc 7", prctl(PR_SET_TSC, 7));
    result("perf off", prctl(PR_TASK_PERF_EVENTS_DISABLE));
    result("perf on", prctl(PR_TASK_PERF_EVENTS_ENABLE));
    result("huge pages", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
    result("no huge pages", prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
    result("huge pages", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
    result("huge pages with more", prctl(PR_GET_THP_DISABLE, 1, 0, 0, 0));
    result("unaligned", prctl(PR_GET_UNALIGN, &tsc));
    result("floats", prctl(PR_GET_FPEMU, &tsc));
    result("byte order", prctl(PR_GET_ENDIAN, &tsc));
    result("keep 2", prctl(PR_SET_KEEPCAPS, 2));
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1) {
        show("after exec");
        printf("secure %lu, bounding %d\n", getauxval(AT_SECURE), prctl(PR_CAPBSET_READ, CAP_KILL));
        return 0;
    }
    prctl(PR_SET_DUMPABLE, 1);
    apart("plain", plain_change);
    apart("kept", kept);
    apart("temporary", temporary);
    apart("dropped", dropped);
    apart("fixed", fixed);
    apart("ambient", ambient_exec);
    apart("bounding", bounding_exec);
    apart("no root", no_root_exec);
    apart("real root", real_root_exec);
    apart("others", others);
    apart("options", options);
    return 0;
}
