/* Calls by path, each many times, done and refused: none may leave a descriptor of the host's
 * behind. The suite runs it where there are few of them. */
#include "fs_test.h"
#include <stdbool.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

enum { TIMES = 20 };

static const char *const paths[] = {
    "d/e/f",
    "d/e/missing",
    "d/e/f/x",
    "d/l/f",
    "d/e/../e/f",
    "d/dangling",
    "d/loop",
    "d/e/",
    "d/e/f/",
    "/proc/self/fd",
    "/proc/self/status",
    "/proc/nothing",
    "/dev/null",
    "d/fifo",
    "/proc/1/x/y",
    "d/closed/f",
    "/proc/self/cwd/d",
    "d/e/f2",
};

static int dir = -1;

static long open_(const char *p, int flags) {
    int fd = open(p, flags | O_NONBLOCK, 0600);
    if (fd >= 0)
        close(fd);
    return fd < 0 ? -1 : 0;
}

static long bind_(const char *p) {
    struct sockaddr_un un = {AF_UNIX, ""};
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    strcpy(un.sun_path, p);
    long result = bind(fd, (struct sockaddr *)&un, sizeof(un));
    int error = errno;
    if (!result)
        unlink(p);
    close(fd);
    errno = error;
    return result;
}

static long connect_(const char *p) {
    struct sockaddr_un un = {AF_UNIX, ""};
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    strcpy(un.sun_path, p);
    long result = connect(fd, (struct sockaddr *)&un, sizeof(un));
    int error = errno;
    close(fd);
    errno = error;
    return result;
}

static long watch(const char *p) {
    int fd = inotify_init();
    long result = inotify_add_watch(fd, p, IN_CREATE) < 0 ? -1 : 0;
    int error = errno;
    close(fd);
    errno = error;
    return result;
}

static long make(const char *p, int what) {
    long result = what == 0   ? mkdir(p, 0700)
                  : what == 1 ? mkfifo(p, 0600)
                  : what == 2 ? symlink("x", p)
                  : what == 3 ? link("d/e/f", p)
                  : what == 4 ? mknod(p, S_IFREG | 0600, 0)
                              : open_(p, O_CREAT | O_EXCL | O_RDWR);
    int error = errno;
    if (!result)
        (void)!(what == 0 ? rmdir(p) : unlink(p));
    errno = error;
    return result;
}

static long rename_(const char *p) {
    long result = rename(p, "d/moved");
    int error = errno;
    if (!result)
        (void)!rename("d/moved", p);
    errno = error;
    return result;
}

static long execute(const char *p) {
    char *const none[] = {NULL};
    return strchr(p, 'f') ? execve(p, none, none) : 0; /* nothing of these is a program */
}

static char text[4096];

static long one(int call, const char *p) {
    struct stat st;
    struct statfs fs;
    bool synthetic = p[0] == '/'; /* where nothing is made or watched (files.md) */
    if (synthetic && (call == 15 || call == 17 || call == 18))
        return 0;
    switch (call) {
    case 0:
        return open_(p, O_RDONLY);
    case 1:
        return open_(p, O_WRONLY);
    case 2:
        return open_(p, O_PATH | O_NOFOLLOW);
    case 3:
        return open_(p, O_DIRECTORY);
    case 4:
        return stat(p, &st);
    case 5:
        return lstat(p, &st);
    case 6:
        return access(p, W_OK);
    case 7:
        return readlink(p, text, sizeof(text)) < 0 ? -1 : 0;
    case 8:
        return p[0] == '/' ? 0 : chmod(p, 0700);
    case 9:
        return p[0] == '/' ? 0 : chown(p, -1, -1);
    case 10:
        return p[0] == '/' ? 0 : utimensat(AT_FDCWD, p, NULL, 0);
    case 11:
        return p[0] == '/' ? 0 : truncate(p, 0);
    case 12:
        return statfs(p, &fs);
    case 13:
        return p[0] == '/' ? 0 : getxattr(p, "user.none", text, 10) < 0 ? -1 : 0;
    case 14:
        return p[0] == '/' ? 0 : lremovexattr(p, "user.none");
    case 15:
        return bind_(p);
    case 16:
        return connect_(p);
    case 17:
        return watch(p);
    case 18:
        return rmdir(p) == 0 ? mkdir(p, 0700) : -1;
    case 19:
        return p[0] == '/' ? 0 : rename_(p);
    case 20:
        return chdir(p) == 0 ? fchdir(dir) : -1;
    case 21:
        return execute(p);
    default:
        return make(p, call - 22);
    }
}

int main(void) {
    dir = open(".", O_RDONLY | O_DIRECTORY);
    mkdir("d", 0700);
    mkdir("d/e", 0700);
    mkdir("d/closed", 0);
    close(open("d/e/f", O_CREAT | O_RDWR, 0600));
    (void)!symlink("e", "d/l");
    (void)!symlink("nothing", "d/dangling");
    (void)!symlink("loop", "d/loop");
    mkfifo("d/fifo", 0600);
    for (int call = 0; call < 28; call++) {
        for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
            if (geteuid() == 0 && strstr(paths[i], "closed"))
                continue;
            long first = one(call, paths[i]);
            int error = errno, others = 0;
            for (int times = 1; times < TIMES; times++) {
                errno = 0;
                others += one(call, paths[i]) != first || (first && errno != error);
            }
            printf("%d %s: %s%s\n", call, paths[i], first ? strerrorname_np(error) : "done",
                   others ? ", later something else" : "");
        }
    }
    return 0;
}
