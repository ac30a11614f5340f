/* chmod, chown, utimensat and access by their edges: flags that do not exist, descriptors that only
 * name a file, links themselves, set-id bits of what changes its owner, nothing asked for, /proc
 * and /dev. test: -D_FILE_OFFSET_BITS=64 */
#include "fs_test.h"
#include <grp.h>
#include <sys/fsuid.h>

#define AT(x) ((long)(intptr_t)(x))

static void show_owner(const char *name) {
    struct stat st;
    if (lstat(name, &st)) {
        printf("%s: %s\n", name, strerrorname_np(errno));
    } else {
        printf("%s: %06o %u:%u\n", name, st.st_mode, st.st_uid, st.st_gid);
    }
    fflush(stdout);
}

static void show_times(const char *name) {
    struct stat st;
    if (lstat(name, &st)) {
        printf("%s: %s\n", name, strerrorname_np(errno));
    } else {
        printf("%s: %lld.%09ld %lld.%09ld\n", name, (long long)st.st_atim.tv_sec,
               st.st_atim.tv_nsec, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    }
    fflush(stdout);
}

/* Descriptors: O_PATH ones name a file and cannot change it; "/proc/self/fd" leads to it. */
static void by_descriptor(void) {
    char name[40];
    int file = file_with("f", "text"), path = open("f", O_PATH);
    int link = open("l", O_PATH | O_NOFOLLOW), pipes[2];
    SHOW(pipe(pipes));
    SHOW(fchmod(path, 0600));
    SHOW(fchown(path, -1, -1));
    SHOW(futimens(path, NULL));
    SHOW(fchmod(99, 0600));
    SHOW(futimens(99, NULL));
    SHOW(fchmod(file, 0606));
    show_owner("f");
    snprintf(name, sizeof name, "/proc/self/fd/%d", path);
    SHOW(chmod(name, 0640));
    SHOW(utimensat(AT_FDCWD, name, (struct timespec[2]){{1, 2}, {3, 4}}, 0));
    show_owner("f");
    show_times("f");
    snprintf(name, sizeof name, "/proc/self/fd/%d", link);
    SHOW(chmod(name, 0640));
    SHOW(fchownat(link, "", getuid(), getgid(), AT_EMPTY_PATH));
    SHOW(fchownat(link, "", -1, -1, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW));
    SHOW(fchownat(link, "", -1, -1, 0));
    SHOW(utimensat(link, "", (struct timespec[2]){{5, 6}, {7, 8}}, AT_EMPTY_PATH));
    show_times("l");
    SHOW(fchmod(pipes[0], 0640));
    SHOW(fchown(pipes[0], getuid(), getgid()));
    struct stat st;
    SHOW(fstat(pipes[0], &st));
    SHOW(st.st_mode);
    close(file);
    close(path);
    close(link);
}

/* Times: what is refused, and where the two mean nothing. */
static void times(void) {
    struct timespec omit[2] = {{1, UTIME_OMIT}, {1, UTIME_OMIT}};
    static const long wrong[] = {-1, 1000000000, UTIME_NOW + 2, UTIME_OMIT - 2};
    SHOW(utimensat(AT_FDCWD, "f", (struct timespec[2]){{100, 200}, {300, 400}}, 0));
    SHOW(utimensat(AT_FDCWD, "f", omit, 0));
    show_times("f");
    SHOW(utimensat(AT_FDCWD, "nothing", omit, 0));
    SHOW(utimensat(99, "nothing", omit, 0));
    SHOW(utimensat(AT_FDCWD, "nothing", omit, 1));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct timespec first[2] = {{1, wrong[i]}, {1, 1}}, second[2] = {{1, 1}, {1, wrong[i]}};
        SHOW(utimensat(AT_FDCWD, "f", first, 0));
        SHOW(utimensat(AT_FDCWD, "f", second, 0));
    }
    SHOW(utimensat(AT_FDCWD, "f", (struct timespec[2]){{1, 999999999}, {2, 0}}, 0));
    show_times("f");
    SHOW(utimensat(AT_FDCWD, "f", (struct timespec[2]){{9, UTIME_OMIT}, {44, 55}}, 0));
    show_times("f");
    SHOW(utimensat(AT_FDCWD, "f", (struct timespec[2]){{33, 44}, {9, UTIME_OMIT}}, 0));
    show_times("f");
    int fd = open("f", O_RDONLY);
    SHOW(syscall(SYS_utimensat, fd, 0, AT(omit), 0));
    SHOW(syscall(SYS_utimensat, fd, 0, 0, 0));
    SHOW(syscall(SYS_utimensat, fd, 0, 0, AT_SYMLINK_NOFOLLOW));
    SHOW(syscall(SYS_utimensat, fd, 0, 0, AT_EMPTY_PATH));
    SHOW(syscall(SYS_utimensat, AT_FDCWD, 0, 0, 0));
    SHOW(syscall(SYS_utimensat, fd, 8, 0, 0));
    SHOW(syscall(SYS_utimensat, fd, "", 0, AT_EMPTY_PATH));
    SHOW(syscall(SYS_utimensat, fd, "", 0, 0));
    SHOW(syscall(SYS_utimensat, AT_FDCWD, "f", 8, 0));
    SHOW(utimensat(AT_FDCWD, "f", NULL, 0x10000000));
    close(fd);
}

/* Owners: who leaves which set-id bit. */
static void owners(void) {
    static const int modes[] = {06777, 06767, 02700, 04711, 02070, 0755};
    struct stat st;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        for (int how = 0; how < 3; how++) {
            make_file("s", "");
            chmod("s", modes[i]);
            if (how == 0) {
                SHOW(chown("s", getuid(), -1));
            } else if (how == 1) {
                SHOW(chown("s", -1, getgid()));
            } else {
                SHOW(chown("s", -1, -1));
            }
            printf("%o by way %d: ", modes[i], how);
            show_owner("s");
            unlink("s");
        }
    }
    mkdir("sd", 0755);
    chmod("sd", 06775);
    SHOW(chown("sd", getuid(), getgid()));
    show_owner("sd");
    SHOW(fchownat(AT_FDCWD, "l", getuid(), getgid(), AT_SYMLINK_NOFOLLOW));
    SHOW(fchownat(AT_FDCWD, "dangling", getuid(), getgid(), 0));
    SHOW(fchownat(AT_FDCWD, "dangling", getuid(), getgid(), AT_SYMLINK_NOFOLLOW));
    SHOW(chown("dangling", -1, -1));
    SHOW(lchown("dangling", -1, -1));
    SHOW(fchownat(AT_FDCWD, "f", -1, -1, AT_SYMLINK_FOLLOW));
    SHOW(fchownat(AT_FDCWD, "", -1, -1, AT_EMPTY_PATH));
    SHOW(fchownat(99, "", -1, -1, AT_EMPTY_PATH));
    SHOW(fchownat(99, "f", -1, -1, 0));
    SHOW(chmod("dangling", 0700));
    SHOW(stat("sd", &st));
    rmdir("sd");
}

/* What is asked of access: bits, flags, the real user or the acting one. */
static void access_of(const char *who) {
    static const char *const names[] = {"own", "group", "nobody", "plain", "dir", "l", "dangling"};
    printf("-- %s\n", who);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        printf("%s:", names[i]);
        for (int mode = 0; mode < 8; mode++) {
            for (int flags = 0; flags <= AT_EACCESS; flags += AT_EACCESS) {
                long got = syscall(SYS_faccessat2, AT_FDCWD, names[i], mode, flags);
                printf(" %s", got ? strerrorname_np(errno) : "0");
            }
            long got = syscall(SYS_faccessat, AT_FDCWD, names[i], mode);
            printf("/%s", got ? strerrorname_np(errno) : "0");
        }
        printf("\n");
    }
    fflush(stdout);
}

static void access_all(void) {
    int path = open("plain", O_PATH), link = open("l", O_PATH | O_NOFOLLOW);
    SHOW(syscall(SYS_faccessat2, path, "", R_OK, AT_EMPTY_PATH));
    SHOW(syscall(SYS_faccessat2, path, "", X_OK, AT_EMPTY_PATH));
    SHOW(syscall(SYS_faccessat2, path, "", R_OK, 0));
    SHOW(syscall(SYS_faccessat2, link, "", R_OK, AT_EMPTY_PATH));
    SHOW(syscall(SYS_faccessat2, link, "", X_OK, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW));
    SHOW(syscall(SYS_faccessat2, AT_FDCWD, "dangling", X_OK, AT_SYMLINK_NOFOLLOW));
    SHOW(syscall(SYS_faccessat2, AT_FDCWD, "plain", 8, 0));
    SHOW(syscall(SYS_faccessat2, AT_FDCWD, "plain", -1, 0));
    SHOW(syscall(SYS_faccessat2, AT_FDCWD, "plain", 0, AT_SYMLINK_FOLLOW));
    SHOW(syscall(SYS_faccessat2, 99, "plain", 0, 0));
    SHOW(syscall(SYS_faccessat2, AT_FDCWD, 8, 0, 0));
    SHOW(access("/proc/self/status", R_OK));
    SHOW(access("/proc/self/status", X_OK));
    SHOW(access("/proc/version", W_OK) == -1);
    SHOW(access("/dev/null", R_OK | W_OK));
    SHOW(access("/dev/null", X_OK));
    SHOW(access(".", R_OK | W_OK | X_OK));
    SHOW(access("/", X_OK));
    access_of("as we are");
    if (getuid()) {
        return;
    }
    fflush(stdout);
    if (fork() == 0) { /* acting as somebody, root by right */
        (void)!setgroups(0, NULL);
        (void)!setegid(2345);
        (void)!seteuid(1234);
        access_of("acting as a user");
        _exit(0);
    }
    wait(NULL);
    if (fork() == 0) { /* somebody by right, acting as root */
        (void)!setgroups(0, NULL);
        (void)!setresgid(2345, 0, 0);
        (void)!setresuid(1234, 0, 0);
        access_of("a user acting as root");
        _exit(0);
    }
    wait(NULL);
}

/* Whose they are: a user changes the own, nobody else's, and gives nothing away. */
static void as_user(void) {
    static const char *const names[] = {"own", "group", "nobody", "plain"};
    if (getuid()) {
        return;
    }
    fflush(stdout);
    if (fork() == 0) {
        gid_t more = 3456;
        (void)!setgroups(1, &more);
        (void)!setresgid(2345, 2345, 2345);
        (void)!setresuid(1234, 1234, 1234);
        for (size_t i = 0; i < 4; i++) {
            printf("-- %s\n", names[i]);
            SHOW(chmod(names[i], 06711));
            show_owner(names[i]);
            SHOW(chown(names[i], -1, -1));
            show_owner(names[i]);
            SHOW(chown(names[i], 1234, -1));
            SHOW(chown(names[i], -1, 2345));
            SHOW(chown(names[i], -1, 3456));
            SHOW(chmod(names[i], 02755)); /* of a group that we are in */
            show_owner(names[i]);
            SHOW(chown(names[i], -1, 4567));
            SHOW(chown(names[i], 0, -1));
            SHOW(chown(names[i], 1235, 3456));
            show_owner(names[i]);
            SHOW(utimensat(AT_FDCWD, names[i], NULL, 0));
            SHOW(utimensat(AT_FDCWD, names[i], (struct timespec[2]){{1, UTIME_NOW}, {1, UTIME_NOW}},
                           0));
            SHOW(utimensat(AT_FDCWD, names[i],
                           (struct timespec[2]){{1, UTIME_NOW}, {1, UTIME_OMIT}}, 0));
            SHOW(utimensat(AT_FDCWD, names[i], (struct timespec[2]){{1, 1}, {1, UTIME_NOW}}, 0));
            SHOW(utimensat(AT_FDCWD, names[i], (struct timespec[2]){{1, UTIME_NOW}, {1, 1}}, 0));
        }
        _exit(0);
    }
    wait(NULL);
}

/* What is made by the kernel keeps its owner and mode. */
static void made_by_kernel(void) {
    struct stat st;
    SHOW(chmod("/proc/self/status", 0444));
    SHOW(chmod("/proc/self/status", 0644));
    SHOW(fchownat(AT_FDCWD, "/proc/self/status", -1, -1, 0));
    int fd = open("/proc/self/status", O_RDONLY);
    SHOW(fchmod(fd, 0777));
    SHOW(fstat(fd, &st));
    SHOW(st.st_mode);
    SHOW(futimens(fd, (struct timespec[2]){{1, 1}, {1, 1}}) == 0 || errno == EPERM);
    close(fd);
}

int main(void) {
    umask(022);
    make_file("f", "text");
    make_file("plain", "x");
    make_file("own", "x");
    make_file("group", "x");
    make_file("nobody", "x");
    mkdir("dir", 0710);
    chmod("own", 0500);
    chmod("group", 0060);
    chmod("nobody", 0);
    (void)!chown("own", getuid() ? getuid() : 1234, getgid());
    (void)!chown("group", -1, getuid() ? getgid() : 2345);
    symlink("f", "l");
    symlink("nothing", "dangling");
    (void)!chmod(".", 0755);
    by_descriptor();
    times();
    owners();
    access_all();
    as_user();
    made_by_kernel();
    return 0;
}
