/* Limits, the machine, and the thread pointer. */
#include "test/abi/abi_test.h"

#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

static void check_limits(void) {
    struct rlimit set = {0x123456789, RLIM_INFINITY}, got;
    RETURNS(0, sys_setrlimit(task, RLIMIT_FSIZE, piece_put(0, &set, sizeof set)));
    RETURNS(0, sys_getrlimit(task, RLIMIT_FSIZE, piece_clear(0)));
    memcpy(&got, piece_ptr(0), sizeof got);
    CHECK(piece_holds(0, sizeof got) && got.rlim_cur == set.rlim_cur &&
              got.rlim_max == set.rlim_max,
          "%lx of %lx", (unsigned long)got.rlim_cur, (unsigned long)got.rlim_max);
    set.rlim_cur = RLIM_INFINITY;
    RETURNS(0, sys_setrlimit(task, RLIMIT_FSIZE, piece_put(0, &set, sizeof set)));
}

static void check_machine(void) {
    struct sysinfo host, got;
    struct utsname name;
    sysinfo(&host);
    RETURNS(0, sys_sysinfo(task, piece_clear(0)));
    memcpy(&got, piece_ptr(0), sizeof got);
    CHECK(piece_holds(0, sizeof got) && got.totalram == host.totalram &&
              got.totalswap == host.totalswap && got.mem_unit == host.mem_unit &&
              got.uptime - host.uptime <= 1,
          "%lu bytes of memory", got.totalram);
    RETURNS(0, sys_uname(task, piece_clear(0)));
    memcpy(&name, piece_ptr(0), sizeof name);
    CHECK(!strcmp(name.machine, "x86_64"), "the machine is %s", name.machine);
    sys_personality(task, 8); /* PER_LINUX32, what setarch(8) i686 sets */
    RETURNS(0, sys_uname(task, piece_clear(0)));
    memcpy(&name, piece_ptr(0), sizeof name);
    CHECK(!strcmp(name.machine, "i686"), "the machine is then %s", name.machine);
    sys_personality(task, 0);
}

static void check_thread(void) {
    struct clone_args args = {.flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
                                       CLONE_THREAD | CLONE_SETTLS,
                              .tls = 0x123456789000};
    long tid = sys_clone3(task, piece_put(0, &args, sizeof args), sizeof args);
    CHECK(tid > 0, "clone3 is %ld", tid);
    for (int i = 0; i < 1000 && !thread_pointer; i++) {
        usleep(1000);
    }
    CHECK(thread_pointer == args.tls, "the thread pointer is %lx", (unsigned long)thread_pointer);
    args.tls = 0x7ffffffff000; /* not a program's */
    RETURNS(-EPERM, sys_clone3(task, piece_put(0, &args, sizeof args), sizeof args));
}

void test_process(void) {
    check_limits();
    check_machine();
    check_thread();
}
