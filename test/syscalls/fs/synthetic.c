/* Files of /proc, /sys and /dev as files: positions, parts, vectors, what is written in pieces,
 * what cannot be opened so, directories that are listed in portions and from the middle. test:
 * -D_FILE_OFFSET_BITS=64 */
#include "fs_test.h"

/* Positions in a text: what is read twice is the same. */
static void positions(void) {
    char a[64] = "", b[64] = "", c[64] = "", all[4096];
    int fd = open("/proc/self/comm", O_RDONLY);
    struct iovec iov[3] = {{a, 3}, {b, 0}, {c, 60}};
    SHOW(readv(fd, iov, 3));
    printf("%s|%s|%s", a, b, c);
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(read(fd, a, 10));
    SHOW(pread(fd, a, 4, 5));
    printf("%.4s\n", a);
    SHOW(pread(fd, a, 10, 100));
    SHOW(pread(fd, a, 4, 0));
    printf("%.4s\n", a);
    SHOW(lseek(fd, 0, SEEK_CUR));
    SHOW(lseek(fd, 4, SEEK_SET));
    SHOW(read(fd, a, 3));
    printf("%.3s\n", a);
    SHOW(lseek(fd, -1, SEEK_SET));
    SHOW(lseek(fd, -2, SEEK_CUR));
    SHOW(read(fd, a, 2));
    printf("%.2s\n", a);
    SHOW(read(fd, (char *)8, 2));
    SHOW(write(fd, "x", 1));
    struct stat st;
    SHOW(fstat(fd, &st));
    SHOW(st.st_size);
    SHOW(st.st_nlink);
    SHOW(st.st_blksize);
    close(fd);
    /* a piece at a time is the whole; from the beginning it is told anew */
    fd = open("/proc/self/limits", O_RDONLY);
    ssize_t whole = read(fd, all, sizeof all), pieces = 0, n;
    lseek(fd, 0, SEEK_SET);
    int same = 1;
    while ((n = read(fd, a, 7)) > 0) {
        same &= !memcmp(a, all + pieces, (size_t)n);
        pieces += n;
    }
    SHOW(same && pieces == whole && whole > 100);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = 123;
    setrlimit(RLIMIT_NOFILE, &files);
    SHOW(read(fd, a, 7));
    lseek(fd, 0, SEEK_SET);
    n = read(fd, all, sizeof all - 1);
    all[n > 0 ? n : 0] = 0;
    SHOW(strstr(all, " 123 ") != NULL);
    close(fd);
}

/* Written in pieces and vectors. */
static void writing(void) {
    struct iovec iov[2] = {{"new", 3}, {"er", 2}}, bad[2] = {{"ok", 2}, {(char *)8, 2}};
    char long_name[5000];
    int fd = open("/proc/self/comm", O_RDWR);
    memset(long_name, 'n', sizeof long_name);
    SHOW(write(fd, "short", 5));
    show_text("/proc/self/comm");
    SHOW(writev(fd, iov, 2));
    show_text("/proc/self/comm");
    SHOW(write(fd, (char *)8, 3));
    SHOW(writev(fd, bad, 2) >= 0 || errno == EFAULT);
    SHOW(write(fd, long_name, 100));
    show_text("/proc/self/comm");
    close(fd);
    fd = open("/proc/self/status", O_RDWR);
    SHOW(fd);
    SHOW(truncate("/proc/self/status", 0) == 0 || errno == EACCES || errno == EPERM);
    fd = open("/proc/self/oom_score_adj", O_RDWR);
    SHOW(write(fd, "17", 2));
    show_text("/proc/self/oom_score_adj");
    SHOW(write(fd, "x", 1));
    SHOW(write(fd, "1001", 4));
    SHOW(write(fd, "", 0));
    show_text("/proc/self/oom_score_adj");
    close(fd);
}

/* What can be opened how. */
static void opening(void) {
    static const char *const names[] = {"/proc",          "/proc/self",      "/proc/self/status",
                                        "/proc/self/exe", "/proc/self/task", "/proc/version",
                                        "/dev/null",      "/dev/pts",        "/proc/self/fd"};
    static const int flags[] = {O_RDONLY,
                                O_WRONLY,
                                O_RDWR,
                                O_RDONLY | O_TRUNC,
                                O_RDONLY | O_DIRECTORY,
                                O_PATH,
                                O_PATH | O_NOFOLLOW,
                                O_RDONLY | O_NOFOLLOW,
                                O_RDONLY | O_CREAT,
                                O_RDONLY | O_CREAT | O_EXCL};
    if (geteuid() == 0) { /* root may open what others may not, and then cannot write it */
        gid_t none = 1;
        fflush(stdout);
        if (fork()) {
            wait(NULL);
            return;
        }
        (void)!setgid(1234);
        (void)!setuid(1234);
        (void)none;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        printf("%s:", names[i]);
        for (size_t j = 0; j < sizeof flags / sizeof *flags; j++) {
            if (strstr(names[i], "exe") && !(flags[j] & (O_PATH | O_NOFOLLOW))) {
                continue; /* the file itself, which may be written to */
            }
            int fd = open(names[i], flags[j], 0600);
            printf(" %s", fd < 0 ? strerrorname_np(errno) : "fd");
            close(fd);
        }
        printf("\n");
    }
    fflush(stdout);
    if (getuid() == 1234) {
        _exit(0);
    }
}

/* Links: parts of their text, and what is no link. */
static void links(void) {
    char text[256];
    memset(text, '#', sizeof text);
    ssize_t whole = readlink("/proc/self/exe", text, sizeof text);
    SHOW(whole > 4 && text[whole] == '#');
    memset(text, '#', sizeof text);
    SHOW(readlink("/proc/self/exe", text, 3));
    SHOW(text[0] == '/' && text[3] == '#');
    SHOW(readlink("/proc/self/exe", text, 0));
    SHOW(readlink("/proc/self/status", text, 10));
    SHOW(readlink("/proc/self/task", text, 10));
    int link = open("/proc/self/exe", O_PATH | O_NOFOLLOW);
    SHOW(readlinkat(link, "", text, sizeof text) == whole);
    struct stat st;
    SHOW(fstat(link, &st));
    SHOW(S_ISLNK(st.st_mode));
    SHOW(read(link, text, 1));
    close(link);
}

/* A directory in portions; back to an entry; past the end; "." and ".." and types. */
static void listing(const char *name) {
    char buf[160];
    struct {
        long long ino, off;
        unsigned short len;
        unsigned char type;
        char name[];
    } __attribute__((packed)) * entry;
    int fd = open(name, O_RDONLY | O_DIRECTORY), entries = 0, types = 1, again = 1;
    long long second = 0, before_last = 0, last_off = 0;
    char second_name[64] = "", last[64] = "";
    long n;
    while ((n = syscall(SYS_getdents64, fd, buf, sizeof buf)) > 0) {
        for (long at = 0; at < n; at += entry->len) {
            struct stat st;
            entry = (void *)(buf + at);
            if (entries == 0) {
                printf("%s first: %s %d\n", name, entry->name, entry->type);
            }
            if (entries == 1) {
                second = entry->off;
                printf("%s second: %s %d\n", name, entry->name, entry->type);
            }
            if (entries == 2) {
                strncpy(second_name, entry->name, sizeof second_name - 1);
            }
            before_last = last_off;
            last_off = entry->off;
            strncpy(last, entry->name, sizeof last - 1);
            if (fstatat(fd, entry->name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
                types &= entry->type == IFTODT(st.st_mode);
            }
            entries++;
        }
    }
    SHOW(n);
    SHOW(types);
    SHOW(entries > 3);
    SHOW(syscall(SYS_getdents64, fd, buf, sizeof buf));
    SHOW(lseek(fd, second, SEEK_SET) == second);
    n = syscall(SYS_getdents64, fd, buf, sizeof buf);
    entry = (void *)buf;
    again &= n > 0 && !strcmp(entry->name, second_name);
    SHOW(lseek(fd, before_last, SEEK_SET) == before_last);
    n = syscall(SYS_getdents64, fd, buf, sizeof buf);
    again &= n > 0 && !strcmp(entry->name, last);
    SHOW(again);
    SHOW(lseek(fd, 0, SEEK_SET));
    n = syscall(SYS_getdents64, fd, buf, sizeof buf);
    SHOW(n > 0 && !strcmp(entry->name, "."));
    SHOW(lseek(fd, -1, SEEK_SET));
    SHOW(lseek(fd, 0, SEEK_CUR) >= 0);
    SHOW(read(fd, buf, 1));
    SHOW(syscall(SYS_getdents64, fd, buf, 10));
    SHOW(syscall(SYS_getdents64, fd, 8, sizeof buf));
    close(fd);
}

int main(void) {
    positions();
    writing();
    opening();
    links();
    listing("/proc/self");
    return 0;
}
