/* /proc about oneself, one's children and threads: what must be the same everywhere. */
#include "fs_test.h"
#include <pthread.h>
#include <sys/prctl.h>

static char text[65536];

static char *slurp(const char *name) {
    int fd = open(name, O_RDONLY);
    if (fd < 0) {
        return strcpy(text, strerrorname_np(errno));
    }
    ssize_t n, len = 0;
    while ((n = read(fd, text + len, sizeof text - 1 - (size_t)len)) > 0) {
        len += n;
    }
    text[len] = 0;
    close(fd);
    return text;
}

static long field(const char *file, const char *name) {
    char *at = strstr(slurp(file), name);
    return at ? strtol(at + strlen(name), NULL, 10) : -12345;
}

static const char *base(const char *link) {
    static char buf[PATH_MAX];
    ssize_t n = readlink(link, buf, sizeof buf - 1);
    if (n < 0) {
        return strerrorname_np(errno);
    }
    buf[n] = 0;
    return strrchr(buf, '/') && strrchr(buf, '/')[1] ? strrchr(buf, '/') + 1 : buf;
}

static void *thread(void *arg) {
    char name[64];
    snprintf(name, sizeof name, "/proc/self/task/%d/comm", gettid());
    prctl(PR_SET_NAME, "worker");
    printf("thread comm %s", slurp(name));
    snprintf(name, sizeof name, "/proc/%d/status", gettid());
    SHOW(field(name, "Tgid:") == getpid());
    SHOW(field(name, "\nPid:") == gettid());
    SHOW(field("/proc/thread-self/status", "\nPid:") == gettid());
    DIR *dir = opendir("/proc/self/task");
    int count = 0;
    while (readdir(dir)) {
        count++;
    }
    closedir(dir);
    printf("%d tasks\n", count - 2);
    return arg;
}

int main(int argc, char **argv) {
    char buf[256];
    SHOW(strtol(base("/proc/self"), NULL, 10) == getpid());
    printf("exe %s\n", base("/proc/self/exe"));
    SHOW(!strcmp(base("/proc/self/cwd"), strrchr(getcwd(buf, sizeof buf), '/') + 1));
    printf("root %s\n", base("/proc/self/root"));
    printf("comm %s", slurp("/proc/self/comm"));
    SHOW(strlen(slurp("/proc/self/cmdline")) == strlen(argv[0]));
    int fd = file_with("f", "hello");
    snprintf(buf, sizeof buf, "/proc/self/fd/%d", fd);
    printf("fd %s\n", base(buf));
    show_text(buf);
    SHOW_OPEN(open(buf, O_RDONLY | O_NOFOLLOW));
    struct stat st, st2;
    SHOW(stat(buf, &st));
    SHOW(fstat(fd, &st2));
    SHOW(st.st_ino == st2.st_ino);
    SHOW(lstat(buf, &st));
    printf("mode %o\n", st.st_mode);
    unlink("f");
    printf("fd %s\n", base(buf));
    show_text(buf);
    mkdir("d", 0755);
    make_file("d/in", "inside");
    int dir = open("d", O_RDONLY | O_DIRECTORY);
    snprintf(buf, sizeof buf, "/proc/self/fd/%d/in", dir);
    show_text(buf);
    snprintf(buf, sizeof buf, "/proc/self/fd/%d/../d/in", dir);
    show_text(buf);
    show_text("/proc/self/cwd/d/in");
    snprintf(buf, sizeof buf, "/proc/self/fd/%d/in/x", dir);
    show_text(buf);
    snprintf(buf, sizeof buf, "/proc/self/fdinfo/%d", fd);
    SHOW(lseek(fd, 3, SEEK_SET));
    SHOW(field(buf, "pos:"));
    SHOW(field("/proc/self/status", "PPid:") == getppid());
    SHOW(field("/proc/self/status", "Threads:"));
    SHOW(field("/proc/self/status", "VmRSS:") > 0);
    SHOW(field("/proc/self/stat", "") == getpid());
    SHOW(strstr(slurp("/proc/self/maps"), "[stack]") != NULL);
    SHOW(strstr(slurp("/proc/self/maps"), "fs_proc") != NULL);
    SHOW(field("/proc/meminfo", "MemTotal:") > 1000);
    SHOW(strstr(slurp("/proc/cpuinfo"), "flags") != NULL);
    SHOW(strncmp(slurp("/proc/version"), "Linux version", 13));
    SHOW(strtol(slurp("/proc/sys/kernel/pid_max"), NULL, 10) >= 32768);
    SHOW(strlen(slurp("/proc/sys/kernel/random/uuid")));
    SHOW(field("/proc/stat", "btime ") > 1000000000);
    SHOW(strtod(slurp("/proc/uptime"), NULL) > 1);
    SHOW(access("/sys/dev/block", R_OK | X_OK));
    SHOW(access("/sys/dev/char", R_OK | X_OK));
    show_text("/proc/self/nothing");
    show_text("/proc/999999999/stat");
    show_text("/proc/0/stat");
    show_text("/proc/self/fd/999");
    show_text("/proc/self/fd/-1");
    show_text("/proc/self/stat/x");
    int version = SHOW_FD(open("/proc/version", O_WRONLY | O_CREAT, 0644)); /* the superuser may */
    SHOW(write(version, "x", 1) > 0);
    SHOW_OPEN(open("/proc/new", O_WRONLY | O_CREAT, 0644));
    SHOW(mkdir("/proc/new", 0755));
    SHOW(unlink("/proc/version"));
    /* EACCES where the directory above may not be changed either */
    SHOW(rmdir("/proc") && (errno == EBUSY || errno == EROFS || (errno == EACCES && geteuid())));
    SHOW(rename("/proc/version", "x"));
    SHOW(link("/proc/version", "x"));

    /* The link of a descriptor shows what it was opened for. */
    static const int modes[] = {O_RDONLY, O_WRONLY, O_RDWR, O_ACCMODE, O_PATH};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        int opened = open("d/in", modes[i]);
        snprintf(buf, sizeof buf, "/proc/self/fd/%d", opened);
        lstat(buf, &st);
        printf("opened with %#o: %#o\n", modes[i], st.st_mode);
        close(opened);
    }

    /* A listing in several calls misses nothing that is still there when it gets to it. */
    for (int i = 0; i < 40; i++) {
        dup(0);
    }
    int fds = open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
    long got;
    while ((got = syscall(SYS_getdents64, fds, buf, sizeof buf)) > 0) {
        for (long at = 0; at < got; at += ((struct dirent64 *)(buf + at))->d_reclen) {
            int number = atoi(((struct dirent64 *)(buf + at))->d_name);
            if (number > 2 && number != fds) {
                close(number);
            }
        }
    }
    int left = 0;
    for (int i = 3; i < 100; i++) {
        left += fcntl(i, F_GETFD) >= 0;
    }
    printf("%d open behind it\n", left);
    close(fds);

    /* units of limits, and none */
    printf("%s", strstr(slurp("/proc/self/limits"), "Max nice priority"));

    /* memory through /proc/self/mem */
    static char word[] = "memory";
    int mem = open("/proc/self/mem", O_RDWR);
    SHOW(pread(mem, buf, 7, (off_t)(uintptr_t)word));
    puts(buf);
    SHOW(pwrite(mem, "M", 1, (off_t)(uintptr_t)word));
    puts(word);
    SHOW(pread(mem, buf, 7, 8));

    pthread_t t;
    fflush(stdout);
    pthread_create(&t, NULL, thread, NULL);
    pthread_join(t, NULL);

    /* a zombie, then nothing */
    fflush(stdout);
    pid_t child = fork();
    if (!child) {
        _exit(0);
    }
    siginfo_t info;
    waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
    snprintf(buf, sizeof buf, "/proc/%d/status", child);
    SHOW(strstr(slurp(buf), "State:\tZ") != NULL);
    snprintf(buf, sizeof buf, "/proc/%d/exe", child);
    printf("zombie exe %s\n", base(buf));
    snprintf(buf, sizeof buf, "/proc/%d/cmdline", child);
    SHOW(strlen(slurp(buf)));
    snprintf(buf, sizeof buf, "/proc/%d/status", child);
    int held = open(buf, O_RDONLY);
    waitpid(child, NULL, 0);
    SHOW(held >= 0);
    show_text("/proc/self/comm");
    SHOW(access(buf, F_OK));
    return argc - 1;
}
