/* getrusage(2) of children: what each that is waited for adds is added, and taken from none. */
#include "test/syscalls/io_test.h"
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define GREW(field) printf(#field ": %d\n", after.field >= before.field && after.field < 1000000000)

static void work(void) {
    for (int i = 0; i < 5; i++) {
        usleep(1000);
    }
    for (volatile int i = 0; i < 1000000; i++) {
        if (i % 50000 == 0) {
            sched_yield();
        }
    }
}

int main(void) {
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    work();
    getrusage(RUSAGE_SELF, &after);
    printf("own waits: %d\n", after.ru_nvcsw >= before.ru_nvcsw + 5);
    for (int i = 0; i < 3; i++) {
        getrusage(RUSAGE_CHILDREN, &before);
        pid_t pid = fork();
        if (pid == 0) {
            work();
            _exit(0);
        }
        waitpid(pid, NULL, 0);
        getrusage(RUSAGE_CHILDREN, &after);
        GREW(ru_utime.tv_sec);
        GREW(ru_stime.tv_sec);
        GREW(ru_maxrss);
        GREW(ru_minflt);
        GREW(ru_majflt);
        GREW(ru_nvcsw);
        GREW(ru_nivcsw);
        printf("waits: %d\n", after.ru_nvcsw >= before.ru_nvcsw + 5);
        struct rusage one;
        pid = fork();
        if (pid == 0) {
            work();
            _exit(0);
        }
        wait4(pid, NULL, 0, &one);
        printf("of one: %d\n", one.ru_nvcsw >= 5 && one.ru_nvcsw < after.ru_nvcsw + 100000);
    }
    return 0;
}
