/* Races of names: processes of one user change what names mean (rename, exchange, links, symlinks,
 * directories moved away) while others of the same user hand these names to every call that takes a
 * path. Whatever they meet, nothing of another user and nothing outside of the root is reached.
 *
 *     fuzz_races SEED SECONDS [UID]     UID of the racers, default 1000
 *
 * Started as root in a root of its own, next to which lies a file "canary" that the caller looks
 * at afterwards, as at /ro, a read-only mount. With UID 0 the canaries within the root are fair
 * game, and only those outside count. Prints "N calls, nothing reached", or what was. */
#include "guest_only.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define ARRAY(a) (sizeof(a) / sizeof *(a))
enum { RACERS = 3, CALLERS = 3, OTHER = 1001 };

static struct shared {
    volatile int over, bad;
    volatile uint32_t calls;
} * shared;
static uint32_t state;
static uid_t user = 1000;

static uint32_t below(uint32_t n) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state % n;
}

/* What must not change, and how it was. */
static const char *const kept[] = {"/secret",       "/secret/file", "/secret/dir", "/tmp/other",
                                   "/tmp/otherdir", "/rootfile",    "/tmp/public", "/tmp/listens"};
static struct stat was[ARRAY(kept)];

static void reached(const char *how, const char *name) {
    if (__atomic_add_fetch(&shared->bad, 1, __ATOMIC_RELAXED) <= 10) {
        dprintf(1, "reached by %s: %s\n", how, name);
    }
}

static const char *name(void) {
    static const char *const names[] = {"a",
                                        "b",
                                        "c",
                                        "d",
                                        "a/x",
                                        "b/x",
                                        "c/x",
                                        "d/x",
                                        "a/../b",
                                        "d/d/d",
                                        "a/../../own/b",
                                        "deep/e/f",
                                        "deep/e/../../canary",
                                        "e/../../../canary",
                                        "d/..",
                                        "a/canary",
                                        "b/file",
                                        "c/dir/new",
                                        "./a",
                                        "/tmp/own/b"};
    return names[below(ARRAY(names))];
}

/* Where the symlinks lead. */
static const char *target(void) {
    static const char *const targets[] = {"/secret/file",
                                          "/secret",
                                          "/tmp/other",
                                          "/tmp/otherdir",
                                          "/rootfile",
                                          "/tmp/public",
                                          "/tmp/listens",
                                          "/ro/file",
                                          "/ro",
                                          "../../../canary",
                                          "../../../../../../../../canary",
                                          "/../canary",
                                          "/proc/self/root/../canary",
                                          "/proc/self/cwd/../../../canary",
                                          "b",
                                          "c",
                                          "d",
                                          "/tmp/own/a",
                                          "/proc/self/fd/5",
                                          "/proc/self/fd/6",
                                          "/proc/self/exe",
                                          "/",
                                          "..",
                                          "."};
    return targets[below(ARRAY(targets))];
}

static void race(void) {
    static const char *const plain[] = {"a", "b", "c", "d", "e", "deep", "deep/e", "d/x", "d/d"};
    const char *one = plain[below(ARRAY(plain))], *two = plain[below(ARRAY(plain))];
    switch (below(10)) {
    case 0:
        unlink(one);
        (void)!symlink(target(), one);
        break;
    case 1: /* one step: the name always means something */
        unlink("new");
        (void)!symlink(target(), "new");
        rename("new", one);
        break;
    case 2:
        close(open(one, O_CREAT | O_RDWR | O_EXCL, 0666));
        break;
    case 3:
        unlink(one);
        mkdir(one, 0777);
        break;
    case 4:
        rmdir(one);
        break;
    case 5:
        (void)!link(one, two);
        break;
    case 6:
        rename(one, two);
        break;
    case 7:
        if (mkfifo(one, 0666)) {
            unlink(one);
        }
        break;
    default:
        syscall(SYS_renameat2, AT_FDCWD, one, AT_FDCWD, two, 2 /* RENAME_EXCHANGE */);
    }
}

static void look(int fd, const char *how, const char *path) {
    char text[16] = "";
    struct stat st;
    if (fd < 0) {
        return;
    }
    if (user && pread(fd, text, 6, 0) == 6 && !memcmp(text, "SECRET", 6)) {
        reached(how, path);
    }
    if (pread(fd, text, 6, 0) == 6 && !memcmp(text, "CANARY", 6)) {
        reached(how, path);
    }
    if (user && fstat(fd, &st) == 0 && st.st_ino == was[1].st_ino) {
        reached(how, path);
    }
    close(fd);
}

static void try_socket(const char *path) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    strncpy(to.sun_path, path, sizeof to.sun_path - 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (below(2)) {
        bind(fd, (struct sockaddr *)&to, sizeof to);
    } else if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0 && user) {
        reached("connect", path);
    }
    close(fd);
}

static void call(void) {
    const char *path = name(), *second = name();
    struct stat st;
    char text[256];
    struct timeval times[2] = {{1, 1}, {2, 2}};
    struct statfs fs;
    int fd;
    switch (below(30)) {
    case 0:
        look(open(path, O_RDONLY | O_NONBLOCK), "open", path);
        break;
    case 1:
        look(open(path, O_RDWR | O_NONBLOCK), "open to write", path);
        break;
    case 2:
        look(open(path, O_RDWR | O_CREAT | O_TRUNC | O_NONBLOCK, 0666), "open O_TRUNC", path);
        break;
    case 3:
        look(open(path, O_WRONLY | O_CREAT | O_EXCL | O_NONBLOCK, 0666), "open O_EXCL", path);
        break;
    case 4:
        fd = open(path, O_WRONLY | O_APPEND | O_NONBLOCK);
        (void)!write(fd, "WRITTEN", 7);
        close(fd);
        break;
    case 5: /* a descriptor that names alone, opened anew */
        fd = open(path, O_PATH);
        snprintf(text, sizeof text, "/proc/self/fd/%d", fd);
        look(fd < 0 ? -1 : open(text, O_RDONLY | O_NONBLOCK), "open of O_PATH", path);
        chmod(text, 0777);
        (void)!chown(text, user, user);
        (void)!truncate(text, 3);
        close(fd);
        break;
    case 6:
        if (stat(path, &st) == 0 && user && st.st_ino == was[1].st_ino) {
            reached("stat", path);
        }
        break;
    case 7:
        chmod(path, 0777);
        break;
    case 8:
        (void)!chown(path, user, user);
        break;
    case 9:
        (void)!lchown(path, user, user);
        break;
    case 10:
        (void)!truncate(path, 2);
        break;
    case 11:
        utimes(path, times);
        break;
    case 12:
        utimensat(AT_FDCWD, path, NULL, below(2) ? AT_SYMLINK_NOFOLLOW : 0);
        break;
    case 13:
        (void)!link(path, second);
        break;
    case 14:
        linkat(AT_FDCWD, path, AT_FDCWD, second, AT_SYMLINK_FOLLOW);
        break;
    case 15:
        rename(path, second);
        break;
    case 16:
        unlink(path);
        break;
    case 17:
        mkdir(path, 0777);
        break;
    case 18:
        rmdir(path);
        break;
    case 19:
        (void)!symlink("/", path);
        break;
    case 20:
        mknod(path, S_IFREG | 0666, 0);
        break;
    case 21:
        mkfifo(path, 0666);
        break;
    case 22:
        setxattr(path, "user.x", "x", 1, 0);
        break;
    case 23:
        lsetxattr(path, "user.containers.override_stat", "0:0:0777", 8, 0);
        break;
    case 24:
        removexattr(path, "user.x");
        break;
    case 25:
        try_socket(path);
        break;
    case 26:
        fd = inotify_init1(IN_NONBLOCK);
        inotify_add_watch(fd, path, IN_ALL_EVENTS);
        close(fd);
        break;
    case 27:
        if (chdir(path) == 0) {
            look(open("canary", O_RDWR), "chdir and open", path);
            look(open("../canary", O_RDWR), "chdir and open ..", path);
            look(open("file", O_RDONLY), "chdir and open", path);
        }
        if (chdir("/tmp/own")) {
            _exit(3);
        }
        break;
    case 28:
        fd = open(path, O_RDONLY | O_DIRECTORY);
        look(openat(fd, "../canary", O_RDONLY), "openat ..", path);
        look(openat(fd, "../../canary", O_RDONLY), "openat ../..", path);
        look(openat(fd, "file", O_RDONLY), "openat", path);
        unlinkat(fd, "canary", 0);
        renameat(AT_FDCWD, second, fd, "made");
        close(fd);
        break;
    default:
        (void)!access(path, R_OK);
        (void)!readlink(path, text, sizeof text);
        statfs(path, &fs);
    }
}

static void make(const char *path, const char *text, mode_t mode, uid_t owner) {
    int fd = open(path, O_CREAT | O_WRONLY, mode);
    if (fd < 0 || write(fd, text, strlen(text)) < 0 || fchown(fd, owner, owner) ||
        fchmod(fd, mode)) {
        perror(path);
        exit(2);
    }
    close(fd);
}

static void set_up(void) {
    umask(0);
    mkdir("/secret", 0700);
    mkdir("/secret/dir", 0777);
    make("/secret/file", "SECRET", 0666, 0); /* the directory alone keeps it */
    make("/tmp/other", "SECRET", 0600, OTHER);
    make("/tmp/public", "PUBLIC", 0644, 0);
    make("/rootfile", "ROOTFILE", 0644, 0);
    mkdir("/tmp/otherdir", 0755);
    mkdir("/tmp/own", 0755);
    if (chown("/tmp/otherdir", OTHER, OTHER) || chown("/tmp/own", user, user)) {
        perror("chown");
        exit(2);
    }
    struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = "/tmp/listens"};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) || chmod("/tmp/listens", 0600) ||
        listen(fd, 1)) {
        perror("/tmp/listens");
        exit(2);
    }
    if (chdir("/tmp/own")) {
        perror("/tmp/own");
        exit(2);
    }
    for (unsigned i = 0; i < ARRAY(kept); i++) {
        lstat(kept[i], &was[i]);
    }
}

/* More links to a file that others may not even read are no harm where the host allows them. */
static void compare(void) {
    for (unsigned i = 0; i < ARRAY(kept); i++) {
        struct stat is;
        if (lstat(kept[i], &is)) {
            reached("its end", kept[i]);
        } else if (is.st_mode != was[i].st_mode || is.st_uid != was[i].st_uid ||
                   is.st_gid != was[i].st_gid || is.st_size != was[i].st_size ||
                   is.st_ino != was[i].st_ino || is.st_mtim.tv_sec != was[i].st_mtim.tv_sec ||
                   is.st_mtim.tv_nsec != was[i].st_mtim.tv_nsec) {
            printf("mode %o %o, owner %d %d, size %ld %ld\n", was[i].st_mode, is.st_mode,
                   was[i].st_uid, is.st_uid, (long)was[i].st_size, (long)is.st_size);
            reached("a change", kept[i]);
        }
    }
}

int main(int argc, char **argv) {
    in_guest_only();
    uint32_t seed = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 0) : 1;
    int seconds = argc > 2 ? atoi(argv[2]) : 3;
    user = argc > 3 ? (uid_t)atoi(argv[3]) : user;
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    set_up();
    pid_t racer[RACERS + CALLERS];
    for (uint32_t i = 0; i < RACERS + CALLERS; i++) {
        racer[i] = fork();
        if (racer[i] == 0) {
            state = (seed * 2654435761u + i * 40503u) | 1;
            signal(SIGPIPE, SIG_IGN);
            if (user && (setgid(user) || setuid(user))) {
                _exit(2);
            }
            while (!shared->over) {
                if (i < RACERS) {
                    race();
                } else {
                    call();
                }
                __atomic_add_fetch(&shared->calls, 1, __ATOMIC_RELAXED);
            }
            _exit(0);
        }
    }
    for (int i = 0; i < seconds * 10 && shared->bad < 10; i++) {
        usleep(100000);
    }
    shared->over = 1;
    usleep(300000);
    for (uint32_t i = 0; i < RACERS + CALLERS; i++) {
        kill(racer[i], SIGKILL);
    }
    while (waitpid(-1, NULL, 0) > 0) {
    }
    if (user) {
        compare();
    }
    if (!shared->bad) {
        printf("%u calls, nothing reached\n", shared->calls);
    }
    return shared->bad != 0;
}
