/* Small files of /proc and /proc/self: modes, what they say where that is the same everywhere, what
 * may be written to them and what is inherited. */
#include "test/syscalls/io_test.h"
#include <dirent.h>

static char text[65536];

static long get(const char *path) {
    int fd = open(path, O_RDONLY);
    if (fd < 0) {
        return -errno;
    }
    ssize_t got = read(fd, text, sizeof text - 1);
    int error = errno;
    close(fd);
    text[got > 0 ? got : 0] = 0;
    return got < 0 ? -error : got;
}

static void print(const char *path) {
    long got = get(path);
    if (got < 0) {
        printf("%s: %s\n", path, strerrorname_np((int)-got));
    } else {
        printf("%s: %s", path, got ? text : "nothing\n");
    }
}

static void put(const char *path, const char *value) {
    int fd = open(path, O_WRONLY);
    ssize_t put = fd < 0 ? -1 : write(fd, value, strlen(value));
    printf("%s > %s: %s\n", value, path, put < 0 ? strerrorname_np(errno) : "taken");
    close(fd);
}

static void mode(const char *path) {
    struct stat st;
    if (lstat(path, &st)) {
        printf("%s: %s\n", path, strerrorname_np(errno));
    } else {
        printf("%s: %o, ours: %d\n", path, st.st_mode, st.st_uid == geteuid());
    }
}

int main(void) {
    static const char *const files[] = {"oom_adj",
                                        "oom_score_adj",
                                        "coredump_filter",
                                        "clear_refs",
                                        "io",
                                        "syscall",
                                        "attr",
                                        "attr/current",
                                        "attr/prev",
                                        "ns",
                                        "ns/uts",
                                        "ns/pid_for_children"};
    char path[64];
    setvbuf(stdout, NULL, _IONBF, 0);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "/proc/self/%s", files[i]);
        mode(path);
    }
    mode("/proc/locks");
    mode("/proc/tty");
    mode("/proc/tty/drivers");

    put("/proc/self/oom_score_adj", "0");
    print("/proc/self/oom_score_adj");
    put("/proc/self/oom_score_adj", "500\n");
    print("/proc/self/oom_score_adj");
    print("/proc/self/oom_adj");
    put("/proc/self/oom_adj", "15");
    print("/proc/self/oom_score_adj");
    print("/proc/self/oom_adj");
    put("/proc/self/oom_score_adj", "1001");
    put("/proc/self/oom_score_adj", "x");
    put("/proc/self/oom_adj", "16");
    print("/proc/self/coredump_filter");
    put("/proc/self/coredump_filter", "0x7f");
    print("/proc/self/coredump_filter");
    put("/proc/self/coredump_filter", "ffff");
    put("/proc/self/coredump_filter", "0xffff");
    print("/proc/self/coredump_filter");
    pid_t child = fork();
    if (!child) {
        print("/proc/self/oom_score_adj");
        print("/proc/self/coredump_filter");
        _exit(0);
    }
    waitpid(child, NULL, 0);
    put("/proc/self/clear_refs", "1");
    put("/proc/self/clear_refs", "9");
    print("/proc/self/clear_refs");
    print("/proc/self/attr/prev");
    put("/proc/self/attr/current", "x");

    static const char *const spaces[] = {
        "cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts", "pid_for_children"};
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++) {
        char link[64] = {0};
        unsigned number = 0;
        snprintf(path, sizeof path, "/proc/self/ns/%s", spaces[i]);
        ssize_t got = readlink(path, link, sizeof link - 1);
        char *at = strchr(link, '[');
        if (at) {
            number = (unsigned)strtoul(at + 1, NULL, 10);
        }
        printf("%s: %d %.*s %d\n", spaces[i], got > 0, at ? (int)(at - link) : 0, link,
               number > 4026531830u);
    }

    get("/proc/self/io");
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        printf("io %.*s\n", (int)(strchr(line, ':') - line), line);
    }
    get("/proc/self/syscall");
    unsigned number, a, b, c, d, e, f, sp, pc;
    int fields =
        sscanf(text, "%u %x %x %x %x %x %x %x %x", &number, &a, &b, &c, &d, &e, &f, &sp, &pc);
    printf("syscall: %d fields, read %d, buffer %d, room %d, stack %d, code %d\n", fields,
           number == SYS_read, b == (unsigned)(uintptr_t)text, c == sizeof text - 1,
           sp > (unsigned)(uintptr_t)&fields - 65536, pc != 0);
    int pair[2];
    pipe(pair);
    child = fork();
    if (!child) {
        char byte;
        close(pair[1]);
        read(pair[0], &byte, 1);
        _exit(0);
    }
    sleep_ms(200);
    snprintf(path, sizeof path, "/proc/%d/syscall", child);
    get(path);
    fields = sscanf(text, "%u %x %x %x %x %x %x %x %x", &number, &a, &b, &c, &d, &e, &f, &sp, &pc);
    printf("of a reader: %d fields, read %d, descriptor %d, room %d\n", fields, number == SYS_read,
           a == (unsigned)pair[0], c == 1);
    char children[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    snprintf(children, sizeof children, "%d ", child);
    get(path);
    printf("children: %d\n", !strcmp(text, children));
    close(pair[1]);
    waitpid(child, NULL, 0);
    print("/proc/self/children");
    snprintf(path, sizeof path, "/proc/%d/io", child);
    print("/proc/self/task/1/children");
    printf("gone: %ld\n", get(path));

    int fd = open("locked", O_RDWR | O_CREAT, 0600);
    struct flock lock = {F_WRLCK, SEEK_SET, 4, 6, 0};
    struct stat st;
    fstat(fd, &st);
    fcntl(fd, F_SETLK, &lock);
    get("/proc/locks");
    snprintf(children, sizeof children, ":%llu 4 9\n", (unsigned long long)st.st_ino);
    char *line = strstr(text, children);
    printf("locked: %d\n", line != NULL);
    while (line && line > text && line[-1] != '\n') {
        line--;
    }
    printf("by us: %d\n", line && strstr(line, ": POSIX  ADVISORY  WRITE ") != NULL);
    close(fd);
    unlink("locked");
    printf("cache size: %d\n",
           get("/proc/cpuinfo") > 0 && strstr(text, "\ncache size\t: ") && strstr(text, " KB\n"));
    return 0;
}
