/* The directory behind the guest's /dev/shm: one of the host's that lasts as long as the run, in
 * memory where the host has such (shm_overview(7)).
 *
 * Its parent is a place where every host user may make and move names, so nothing in it is ever
 * reached by a path: the directory is made by mkdtemp(3) and stays closed to others (0700), what
 * the guest sees is one below it. A lock on it says that its run lives. Removing goes by
 * descriptors, without following links, and needs no more of them for a deep tree. */
#include "syscalls/fs/fs_place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define NAME_START "fiberglass-"

/* Ours: the parent, the directory in it (locked), and its name. */
static int parent_fd = -1, own_fd = -1;
static char own_name[32];
static pid_t owner;

/* Calls back with each name in dir but the dots; true when one call was. */
static bool each_name(int dir, void (*use)(int dir, const char *name, int top), int top) {
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    bool any = false;
    if (!list) {
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    while ((entry = readdir(list))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) {
            continue;
        }
        use(dir, entry->d_name, top);
        any = true;
    }
    closedir(list);
    return any;
}

/* A file or empty directory goes; another directory is moved up into `top`. */
static void remove_or_raise(int dir, const char *name, int top) {
    static unsigned count;
    char raised[32];
    if (!unlinkat(dir, name, 0) || !unlinkat(dir, name, AT_REMOVEDIR)) {
        return;
    }
    for (int tries = 0; tries < 100; tries++) {
        snprintf(raised, sizeof raised, ".raised-%u", count++);
        if (!renameat(dir, name, top, raised) || errno != ENOTEMPTY) {
            return;
        }
    }
}

/* The same for a name in the top: a directory gives its own directories to it first. */
static void remove_in_top(int top, const char *name, int unused) {
    (void)unused;
    if (!unlinkat(top, name, 0) || !unlinkat(top, name, AT_REMOVEDIR)) {
        return;
    }
    int dir = openat(top, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0) {
        return;
    }
    each_name(dir, remove_or_raise, top);
    close(dir);
    unlinkat(top, name, AT_REMOVEDIR);
}

static void empty(int dir) {
    /* each round takes a level of the tree away; the bound is for what resists */
    for (int round = 0; round < 1 << 20 && each_name(dir, remove_in_top, 0); round++) {
        if (round > 4096 && errno == EPERM) {
            break;
        }
    }
}

/* One of ours in `parent`, locked: its descriptor; or -1. */
static int open_locked(int parent, const char *name) {
    struct stat st;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && (fstat(fd, &st) || st.st_uid != geteuid() || (st.st_mode & 07777) != 0700 ||
                    flock(fd, LOCK_EX | LOCK_NB))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* The directory of a run that was killed: nobody has it locked. */
static void remove_stale(int parent, const char *name, int unused) {
    (void)unused;
    if (strncmp(name, NAME_START, strlen(NAME_START))) {
        return;
    }
    int fd = open_locked(parent, name);
    if (fd < 0) {
        return;
    }
    empty(fd);
    unlinkat(parent, name, AT_REMOVEDIR);
    close(fd);
}

void fs_shm_remove(void) {
    if (own_fd < 0 || owner != getpid()) {
        return;
    }
    empty(own_fd);
    unlinkat(parent_fd, own_name, AT_REMOVEDIR);
    close(own_fd);
    own_fd = -1;
}

int fs_shm_make(void) {
    static const char *const parents[] = {"/dev/shm", "/tmp"};
    for (size_t i = 0; i < ARRAY_LEN(parents); i++) {
        char path[64];
        int parent = open(parents[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (parent < 0) {
            continue;
        }
        each_name(parent, remove_stale, 0);
        /* another run's cleaning may come before the lock */
        for (int tries = 0; tries < 10; tries++) {
            snprintf(path, sizeof path, "%s/" NAME_START "XXXXXX", parents[i]);
            if (!mkdtemp(path)) {
                break;
            }
            snprintf(own_name, sizeof own_name, "%s", strrchr(path, '/') + 1);
            own_fd = open_locked(parent, own_name);
            int fd = own_fd < 0 || mkdirat(own_fd, "shm", 01777)
                         ? -1
                         : openat(own_fd, "shm", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            if (fd >= 0) {
                parent_fd = parent;
                owner = getpid();
                return fd;
            }
            if (own_fd >= 0) {
                close(own_fd);
            }
            own_fd = -1;
            unlinkat(parent, own_name, AT_REMOVEDIR);
        }
        close(parent);
    }
    return -1;
}
