/* For the fs_*.c programs, which print the same natively and in the guest. They work in an empty
 * current directory. */
#ifndef FS_TEST_H
#define FS_TEST_H
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

/* "what: value" or "what: ENOENT". */
#define SHOW(what) show(#what, (long long)(what))
/* For descriptors: "what: fd" and it stays open; the number is not shown. */
#define SHOW_FD(what) show_fd(#what, (what))
/* The same, and it is closed at once. */
#define SHOW_OPEN(what) show_open(#what, (what))

static inline void show(const char *what, long long result) {
    int err = errno;
    if (result == -1) {
        printf("%s: %s\n", what, strerrorname_np(err));
    } else {
        printf("%s: %lld\n", what, result);
    }
    fflush(stdout);
}

static inline int show_fd(const char *what, int fd) {
    int err = errno;
    printf("%s: %s\n", what, fd < 0 ? strerrorname_np(err) : "fd");
    fflush(stdout);
    return fd;
}

static inline void show_open(const char *what, int fd) {
    show_fd(what, fd);
    if (fd >= 0) {
        close(fd);
    }
}

static inline int file_with(const char *name, const char *text) {
    int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
        perror(name);
        exit(1);
    }
    return fd;
}

static inline void make_file(const char *name, const char *text) {
    close(file_with(name, text));
}

static inline void show_text(const char *name) {
    char buf[256];
    int fd = open(name, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof buf - 1);
    if (n < 0) {
        printf("%s: %s\n", name, strerrorname_np(errno));
    } else {
        printf("%s: \"%.*s\"\n", name, (int)n, buf);
    }
    fflush(stdout);
    if (fd >= 0) {
        close(fd);
    }
}

static inline void show_link(const char *name) {
    char buf[256];
    ssize_t n = readlink(name, buf, sizeof buf);
    if (n < 0) {
        printf("%s -> %s\n", name, strerrorname_np(errno));
    } else {
        printf("%s -> %.*s\n", name, (int)n, buf);
    }
    fflush(stdout);
}

/* Type and mode as ls writes them, size and links (of what lstat sees). */
static inline void show_stat(const char *name) {
    struct stat st;
    if (lstat(name, &st)) {
        printf("%s: %s\n", name, strerrorname_np(errno));
    } else {
        printf("%s: %06o links %lu", name, (unsigned)st.st_mode,
               S_ISDIR(st.st_mode) ? 0ul : (unsigned long)st.st_nlink);
        if (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode)) {
            printf(" size %lld", (long long)st.st_size);
        }
        printf("\n");
    }
    fflush(stdout);
}

#endif
