/* Each flag of personality(2) with what it does: the program starts itself anew under it.
 * test: own */
#include "test/syscalls/mm/mm_test.h"
#include <poll.h>
#include <sys/personality.h>
#include <sys/select.h>
#include <sys/shm.h>
#include <sys/utsname.h>

#define LIMIT_3GB 0x8000000
#define END       0x100000000ul /* an x86-64 program may have more */

static int executable(void *at) {
    char line[256];
    unsigned long start, end;
    int found = 0;
    char flags[5];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx %4s", &start, &end, flags) == 3 && start <= (uintptr_t)at &&
            (uintptr_t)at < end) {
            found = flags[2] == 'x';
        }
    }
    if (maps) {
        fclose(maps);
    }
    return found;
}

static const char *reach(uintptr_t at) {
    void *got = mmap((void *)at, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (got == MAP_FAILED) {
        return strerrorname_np(errno);
    }
    munmap(got, PAGE);
    return "mapped";
}

static void facts(void) {
    char local;
    int set = personality(0xffffffff);
    printf("personality %#x\n", set & ~0xff);
    printf("stack ends %s\n", (uintptr_t)&local < 0xc0000000 ? "below 3 GiB" : "above");
    printf("at 3 GiB: %s, below the end: %s\n", reach(0xc0000000), reach(END - 0x1000000));
    char *first = map_anon(PAGE, PROT_READ | PROT_WRITE);
    char *second = map_anon(16 * PAGE, PROT_READ);
    printf("places: %s", first < second ? "upwards" : "downwards");
#ifdef __i386__
    printf(" from %x", (unsigned)(uintptr_t)first >> 28);
#endif
    puts("");
    int fd = open("/proc/self/exe", O_RDONLY);
    char *file = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    int id = shmget(IPC_PRIVATE, PAGE, 0600);
    char *shared = shmat(id, NULL, 0);
    shmctl(id, IPC_RMID, NULL);
    printf("executable: %d %d %d %d\n", executable(first), executable(file), executable(shared),
           executable(sbrk(PAGE)));
    mprotect(first, PAGE, PROT_READ);
    printf("after mprotect: %d\n", executable(first));
    if (getuid() == 0) {
        printf("page 0: %s\n", msync(NULL, PAGE, MS_ASYNC) ? strerrorname_np(errno) : "mapped");
    }

    struct utsname name;
    unsigned major, minor;
    uname(&name);
    sscanf(name.release, "%u.%u", &major, &minor);
    printf("release is old: %d\n", major == 2 && minor == 6);
    if (set & UNAME26) {
        printf("%s\n", name.release);
    }

    int ends[2];
    fd_set in;
    if (pipe(ends)) {
        return;
    }
    struct timeval tv = {0, 20000};
    FD_ZERO(&in);
    FD_SET(ends[0], &in);
    printf("select %d", select(ends[0] + 1, &in, NULL, NULL, &tv));
    printf(" left %ld\n", tv.tv_usec);
    long ts[2] = {0, 20000000};
    struct pollfd item = {ends[0], POLLIN, 0};
    printf("ppoll %ld", syscall(SYS_ppoll, &item, 1, ts, NULL, 8));
    printf(" left %ld\n", ts[1]);
    ts[1] = 20000000;
    FD_SET(ends[0], &in);
    printf("pselect6 %ld", syscall(SYS_pselect6, ends[0] + 1, &in, NULL, NULL, ts, NULL));
    printf(" left %ld\n", ts[1]);
    /* Set while the program runs: where mappings may end, not where they are looked for. */
    personality(set | LIMIT_3GB);
    printf("now at 3 GiB: %s\n", reach(0xc0000000));
    personality(set & ~LIMIT_3GB);
    printf("now at 3 GiB: %s\n", reach(0xd0000000));
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        unsigned flag;
    } flags[] = {
        {"none", 0},
        {"ADDR_LIMIT_3GB", LIMIT_3GB},
        {"ADDR_COMPAT_LAYOUT", ADDR_COMPAT_LAYOUT},
        {"both", LIMIT_3GB | ADDR_COMPAT_LAYOUT},
        {"READ_IMPLIES_EXEC", READ_IMPLIES_EXEC},
        {"MMAP_PAGE_ZERO", MMAP_PAGE_ZERO},
        {"STICKY_TIMEOUTS", STICKY_TIMEOUTS},
        {"UNAME26", UNAME26},
        {"WHOLE_SECONDS", WHOLE_SECONDS},
        {"SHORT_INODE", SHORT_INODE},
        {"ADDR_LIMIT_32BIT", ADDR_LIMIT_32BIT},
        {"FDPIC_FUNCPTRS", 0x80000},
    };
    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc > 1) {
        facts();
        return 0;
    }
    for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++) {
        printf("--- %s\n", flags[i].name);
        pid_t pid = fork();
        if (pid == 0) {
            personality(flags[i].flag | ADDR_NO_RANDOMIZE);
            execl("/proc/self/exe", argv[0], "facts", NULL);
            _exit(9);
        }
        waitpid(pid, NULL, 0);
    }
    return 0;
}
