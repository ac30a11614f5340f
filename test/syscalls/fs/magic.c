/* What may not come through /proc: for the suite fs.py, which says with the first word what to try.
 *   readonly DIR   changes of a read-only mount, each way in; prints those that were not refused
 *   given FD       changes of a file or directory that was given open, read-only
 *   receive SOCKET the same of two descriptors from a process outside, with 'f' and 'd'
 *   watch PATH     inotify of something that the user may not read
 *   own f|d TARGET a user makes fifos or directories while TARGET, another's, is moved to their
 * name race TARGET    a user opens a name that changes between a file of theirs and TARGET */
#include "fs_test.h"
#include <stdbool.h>
#include <sys/un.h>

static int wrong;

/* `wanted`: the errno that a refusal has; 0: any. */
static void refused(const char *what, long result, int wanted) {
    int err = errno;
    if (result >= 0) {
        printf("%s: done\n", what);
    } else if (wanted && err != wanted) {
        printf("%s: %s\n", what, strerrorname_np(err));
    }
    wrong += result >= 0 || (wanted && err != wanted);
    fflush(stdout);
}
#define REFUSED(call, wanted) (errno = 0, refused(#call, (long)(call), wanted))

static void attributes(const char *path, int wanted) {
    REFUSED(chmod(path, 0606), wanted);
    REFUSED(chown(path, 12, 12), wanted);
    REFUSED(utimensat(AT_FDCWD, path, NULL, 0), wanted);
    REFUSED(setxattr(path, "user.x", "1", 1, 0), wanted == EPERM ? EOPNOTSUPP : wanted);
    REFUSED(removexattr(path, "user.x"), wanted == EPERM ? EOPNOTSUPP : wanted);
}

static void descriptor_attributes(int fd, int wanted) {
    REFUSED(fchmod(fd, 0606), wanted);
    REFUSED(fchown(fd, 12, 12), wanted);
    REFUSED(futimens(fd, NULL), wanted);
    REFUSED(fsetxattr(fd, "user.x", "1", 1, 0), wanted == EPERM ? EOPNOTSUPP : wanted);
    REFUSED(fchownat(fd, "", 12, 12, AT_EMPTY_PATH), wanted);
}

static void writing(const char *path, int wanted) {
    REFUSED(open(path, O_RDWR), wanted);
    REFUSED(open(path, O_WRONLY | O_APPEND), wanted);
    REFUSED(open(path, O_RDONLY | O_TRUNC), wanted);
    REFUSED(truncate(path, 1), wanted);
}

static void below(const char *directory, int wanted) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/new", directory);
    REFUSED(open(path, O_CREAT | O_RDWR, 0644), wanted);
    REFUSED(mkdir(path, 0755), wanted);
    REFUSED(symlink("x", path), wanted);
    REFUSED(mkfifo(path, 0644), wanted);
    snprintf(path, sizeof path, "%s/file", directory);
    REFUSED(unlink(path), wanted);
    REFUSED(chmod(path, 0600), wanted);
}

static void readonly(const char *directory) {
    char file[PATH_MAX], magic[64];
    snprintf(file, sizeof file, "%s/file", directory);
    int fds[] = {open(file, O_RDONLY), open(file, O_PATH)};
    int dirs[] = {open(directory, O_RDONLY), open(directory, O_PATH)};
    for (int i = 0; i < 2; i++) {
        snprintf(magic, sizeof magic, "/proc/self/fd/%d", fds[i]);
        writing(magic, EROFS);
        attributes(magic, EROFS);
        REFUSED(access(magic, W_OK), EROFS);
        snprintf(magic, sizeof magic, "/proc/thread-self/fd/%d", dirs[i]);
        below(magic, EROFS);
        attributes(magic, EROFS);
        REFUSED(open(magic, O_TMPFILE | O_RDWR, 0600), EROFS);
    }
    descriptor_attributes(fds[0], EROFS);
    REFUSED(fchownat(fds[1], "", 1, 1, AT_EMPTY_PATH), EROFS);
    if (chdir(directory)) {
        exit(1);
    }
    below("/proc/self/cwd", EROFS);
    attributes("/proc/self/cwd", EROFS);
}

static void given_file(int fd) {
    char magic[64], held[64];
    snprintf(magic, sizeof magic, "/proc/self/fd/%d", fd);
    writing(magic, EACCES);
    attributes(magic, EPERM);
    descriptor_attributes(fd, EPERM);
    REFUSED(linkat(fd, "", AT_FDCWD, "stolen", AT_EMPTY_PATH), EXDEV);
    REFUSED(linkat(AT_FDCWD, magic, AT_FDCWD, "stolen", AT_SYMLINK_FOLLOW), EXDEV);
    snprintf(held, sizeof held, "/proc/self/fd/%d", open(magic, O_PATH));
    writing(held, EACCES);
    attributes(held, EPERM);
    SHOW_OPEN(open(magic, O_RDONLY));
    SHOW_OPEN(open(held, O_RDONLY));
}

static void given_directory(int fd) {
    char magic[64];
    snprintf(magic, sizeof magic, "/proc/self/fd/%d", fd);
    below(magic, EACCES);
    attributes(magic, EPERM);
    descriptor_attributes(fd, EPERM);
    REFUSED(openat(fd, "file", O_RDONLY), EACCES);
    REFUSED(openat(fd, "..", O_RDONLY), EACCES);
    REFUSED(openat(fd, ".", O_TMPFILE | O_RDWR, 0600), EACCES);
    REFUSED(renameat(fd, "file", AT_FDCWD, "stolen"), EACCES);
    REFUSED(fchdir(fd), EACCES);
    REFUSED(chdir(magic), EACCES);
    REFUSED(chroot(magic), EACCES);
    SHOW_OPEN(open(magic, O_RDONLY | O_DIRECTORY));
}

static void given(int fd) {
    struct stat st;
    if (fstat(fd, &st)) {
        exit(1);
    }
    if (S_ISDIR(st.st_mode)) {
        given_directory(fd);
    } else {
        given_file(fd);
    }
}

static void receive(const char *path) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    char control[256], text;
    struct iovec iov = {&text, 1};
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), got[2];
    snprintf(un.sun_path, sizeof un.sun_path, "%s", path);
    if (connect(fd, (struct sockaddr *)&un, sizeof un) || recvmsg(fd, &message, 0) != 1) {
        perror("receive");
        exit(1);
    }
    memcpy(got, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof got);
    given(got[0]);
    given(got[1]);
}

/* A child exchanges two names all the time; ours is opened again and again. */
static void race(const char *target) {
    struct stat secret, st;
    struct timespec start, now;
    if (open(target, O_RDONLY) >= 0 || stat(target, &secret)) {
        printf("the target must be there and closed to us\n");
        exit(1);
    }
    make_file("a", "mine");
    if (link(target, "b")) {
        perror("link");
        exit(1);
    }
    int child = fork();
    while (!child) {
        syscall(SYS_renameat2, AT_FDCWD, "a", AT_FDCWD, "b", 2 /* RENAME_EXCHANGE */);
    }
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        int fd = open("a", O_RDONLY);
        if (fd >= 0 && !fstat(fd, &st) && st.st_ino == secret.st_ino) {
            wrong++;
            printf("the other user's file was opened\n");
            break;
        }
        close(fd);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - start.tv_sec < 3);
    kill(child, SIGKILL);
    wait(NULL);
    unlink("a");
    unlink("b");
}

/* A child moves the other user's thing over each new one of ours. */
static void own(const char *kind, const char *target) {
    struct stat was, st;
    struct timespec start, now;
    bool directory = *kind == 'd';
    if (lstat(target, &was) || was.st_uid == getuid()) {
        printf("the target must be there and another's\n");
        exit(1);
    }
    umask(0);
    int child = fork();
    while (!child) {
        if (directory) {
            syscall(SYS_renameat2, AT_FDCWD, target, AT_FDCWD, "x", 2 /* RENAME_EXCHANGE */);
        } else {
            if (link(target, "l") && errno != EEXIST) {
                exit(1);
            }
            rename("l", "x");
        }
    }
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        if (directory) {
            mkdir("x", 0777);
        } else {
            mkfifo("x", 0666);
        }
        const char *names[] = {"x", target};
        for (int i = 0; i < 2; i++) {
            if (!lstat(names[i], &st) && st.st_ino == was.st_ino && st.st_uid == getuid()) {
                wrong = 1;
            }
        }
        if (directory) {
            rmdir("x");
        } else {
            unlink("x");
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (!wrong && now.tv_sec - start.tv_sec < 3);
    kill(child, SIGKILL);
    wait(NULL);
}

int main(int argc, char **argv) {
    alarm(25);
    if (argc < 3) {
        return 0;
    }
    if (!strcmp(argv[1], "readonly")) {
        readonly(argv[2]);
    } else if (!strcmp(argv[1], "given")) {
        given(atoi(argv[2]));
    } else if (!strcmp(argv[1], "receive")) {
        receive(argv[2]);
    } else if (!strcmp(argv[1], "watch")) {
        REFUSED(inotify_add_watch(inotify_init(), argv[2], IN_ALL_EVENTS), EACCES);
    } else if (!strcmp(argv[1], "own") && argc > 3) {
        own(argv[2], argv[3]);
    } else if (!strcmp(argv[1], "race")) {
        race(argv[2]);
    }
    printf("%d not refused\n", wrong);
    return 0;
}
