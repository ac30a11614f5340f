/* Path resolution (path_resolution(7)), the directories on the way; the last component and the
 * interface are fs_path.c.
 *
 * The walk keeps a canonical guest path `cur` (no symlinks, no dots) and, in a host mount, an
 * O_PATH descriptor of it. Whole stretches of plain components go to openat2 with symlinks
 * forbidden; only where one is met does the walk go component by component and splice the link's
 * text into what is left. So nothing is ever followed by the host: ".." pops the text, an absolute
 * link starts at the guest's root, and whatever is renamed or replaced meanwhile, every descriptor
 * was reached from a mount's root by plain names. What a place names is used without following, too
 * (fs_place.h). */
#include "syscalls/fs/fs_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LINKS_MAX 40 /* MAXSYMLINKS of Linux */

static atomic_bool no_openat2;

/* Opens the plain relative path below dirfd component by component, following nothing. */
static int open_by_hand(int dirfd, const char *path, int flags) {
    char name[NAME_MAX + 1];
    int at = dirfd;
    for (;;) {
        size_t n = strcspn(path, "/");
        memcpy(name, path, n);
        name[n] = 0;
        bool last = !path[n];
        int fd = openat(at, name, (last ? flags : O_PATH | O_DIRECTORY) | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 && errno == ENOTDIR) {
            char probe;
            if (readlinkat(at, name, &probe, 1) >= 0) {
                errno = ELOOP;
            } else {
                errno = ENOTDIR;
            }
        }
        int error = errno;
        if (at != dirfd) {
            close(at);
        }
        errno = error;
        if (fd < 0 || last) {
            return fd;
        }
        at = fd;
        path += n + 1;
    }
}

/* Host descriptor of a plain path (names only) below dirfd; -1 with errno, ELOOP when a component
 * is a symlink. */
static int open_plain(int dirfd, const char *path, int flags) {
    if (!no_openat2) {
        struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC),
                               .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
        for (int tries = 0; tries < 100; tries++) {
            int fd = (int)syscall(SYS_openat2, dirfd, path, &how, sizeof how);
            if (fd >= 0 || (errno != EAGAIN && errno != ENOSYS && errno != EPERM)) {
                return fd;
            }
            if (errno != EAGAIN) {
                no_openat2 = true; /* an old kernel, or one that forbids the call */
                break;
            }
        }
    }
    return open_by_hand(dirfd, path, flags);
}

void walk_close(struct walk *walk) {
    if (walk->own) {
        close(walk->dir);
    }
    walk->dir = -1;
    walk->own = false;
}

static void walk_set_dir(struct walk *walk, int fd, bool own) {
    walk_close(walk);
    walk->dir = fd;
    walk->own = own;
}

void walk_restart(struct walk *walk) {
    walk_close(walk);
    walk->cur[walk->len] = 0;
    walk->stale = false;
    walk->mount = fs_mount_of(walk->cur, walk->len);
    walk->ref.entry = NULL;
}

void walk_to_root(struct walk *walk) {
    walk->len = strlen(walk->root);
    memcpy(walk->cur, walk->root, walk->len);
    walk_restart(walk);
}

int walk_need(struct walk *walk) {
    struct mount *mount = walk->mount;
    const char *below = walk->cur + mount->guest_len;
    if (mount->dir >= 0) {
        if (walk->dir >= 0) {
            return 0;
        }
        if (!*below) {
            walk->dir = mount->dir;
            walk->own = false;
            return 0;
        }
        int fd = open_plain(mount->dir, below + 1, O_PATH | O_DIRECTORY);
        if (fd < 0) {
            return errno == ELOOP ? -ENOENT : -errno; /* replaced by a link since it was walked */
        }
        walk->dir = fd;
        walk->own = true;
        return 0;
    }
    if (walk->ref.entry) {
        return 0;
    }
    walk->ref = mount->ref;
    while (*below) {
        char name[NAME_MAX + 1];
        size_t n = strcspn(++below, "/");
        snprintf(name, sizeof name, "%.*s", (int)n, below);
        struct synth_ref child;
        int error = synth_lookup(&walk->ref, name, &child);
        if (error) {
            return error;
        }
        walk->ref = child;
        below += n;
    }
    return 0;
}

/* Must directories be asked one by one? Only where the host does not know the guest's user. */
static bool walk_asks(const struct walk *walk) {
    return !task_is_root(walk->task) && walk->mount->dir >= 0 && fs_owner_asks(walk->task);
}

int walk_may_search(struct walk *walk) {
    struct stat st;
    if (!walk_asks(walk)) {
        return 0;
    }
    int error = fs_owner_fstat(walk->mount, walk->dir, &st);
    return error ? error : permission_check(walk->task, &st, 1);
}

int walk_up(struct walk *walk) {
    if (walk_asks(walk)) {
        int error = walk_need(walk);
        if (!error) {
            error = walk_may_search(walk);
        }
        if (error) {
            return error;
        }
    }
    if (walk->stale) {
        /* of a removed directory the parent is still known */
        int error = fs_path_of_host_fd(walk->mount, walk->dir, walk->cur, PATH_MAX, NULL);
        if (error) {
            return error;
        }
        if (!strcmp(walk->cur, "/")) {
            walk->cur[0] = 0;
        }
        walk->len = strlen(walk->cur);
        walk->stale = false;
    }
    if (!strcmp(walk->cur, walk->root)) {
        return walk->flags & PLACE_BENEATH ? -EXDEV : 0;
    }
    while (walk->len && walk->cur[walk->len - 1] != '/') {
        walk->len--;
    }
    if (walk->len) {
        walk->len--;
    }
    walk_restart(walk);
    return 0;
}

int walk_append(struct walk *walk, const char *name, size_t n) {
    if (walk->len + 1 + n >= PATH_MAX) {
        return -ENAMETOOLONG;
    }
    walk->cur[walk->len] = '/';
    memcpy(walk->cur + walk->len + 1, name, n);
    walk->len += 1 + n;
    walk->cur[walk->len] = 0;
    return 0;
}

void walk_truncate(struct walk *walk, size_t len) {
    walk->len = len;
    walk->cur[len] = 0;
}

int walk_splice(struct walk *walk, const char *target, ssize_t n, const char *behind) {
    if (walk->flags & PLACE_NO_LINKS) {
        return -ELOOP;
    }
    if (++walk->links > LINKS_MAX) {
        return -ELOOP;
    }
    if (n <= 0) {
        return n < 0 ? (int)n : -ENOENT;
    }
    size_t more = strlen(behind);
    if ((size_t)n + more + 1 > sizeof walk->text) {
        return -ENAMETOOLONG;
    }
    memmove(walk->text + n, behind, more + 1);
    memcpy(walk->text, target, (size_t)n);
    walk->rest = walk->text;
    if (target[0] == '/') {
        if (walk->flags & PLACE_BENEATH) {
            return -EXDEV;
        }
        walk_to_root(walk);
    }
    return 0;
}

/* Names that were links lately (/lib, /bin): a hint where to look for a link first. */
static atomic_bool *link_hint(const char *name, size_t n) {
    static atomic_bool hints[1024];
    uint32_t hash = 5381;
    for (size_t i = 0; i < n; i++) {
        hash = hash * 33 + (uint8_t)name[i];
    }
    return &hints[(hash ^ hash >> 10) % ARRAY_LEN(hints)];
}

/* When the hint says that rest begins with a link and it does: splices it in and returns 1; else 0,
 * or -errno. */
static int walk_hinted(struct walk *walk) {
    UNZEROED char name[NAME_MAX + 1], target[PATH_MAX];
    size_t n = strcspn(walk->rest, "/");
    atomic_bool *hint = link_hint(walk->rest, n);
    if (!*hint || n > NAME_MAX) {
        return 0;
    }
    memcpy(name, walk->rest, n);
    name[n] = 0;
    size_t old = walk->len;
    bool mounted = walk_append(walk, name, n) || fs_mount_at(walk->cur, walk->len);
    walk_truncate(walk, old);
    if (mounted) /* what is below a mount point does not show */
    {
        return 0;
    }
    ssize_t got = readlinkat(walk->dir, name, target, sizeof target);
    if (got < 0) {
        *hint = false;
        return 0;
    }
    int error = walk_splice(walk, target, got, walk->rest + n);
    return error ? error : 1;
}

/* One component at a time, until a symlink was spliced in or the stretch (ends at `end`) is done.
 */
static int walk_slowly(struct walk *walk, char *end) {
    UNZEROED char name[NAME_MAX + 1];
    while (walk->rest < end) {
        while (*walk->rest == '/') {
            walk->rest++;
        }
        size_t n = strcspn(walk->rest, "/");
        memcpy(name, walk->rest, n);
        name[n] = 0;
        int error = walk_may_search(walk);
        if (error) {
            return error;
        }
        UNZEROED char target[PATH_MAX];
        ssize_t got = readlinkat(walk->dir, name, target, sizeof target);
        if (got >= 0) {
            *link_hint(name, n) = true;
            return walk_splice(walk, target, got, walk->rest + n);
        }
        if (errno != EINVAL) /* what there is is no link */
        {
            return -errno;
        }
        int fd = openat(walk->dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0) {
            return -errno;
        }
        walk_set_dir(walk, fd, true);
        error = walk_append(walk, name, n);
        if (error) {
            return error;
        }
        walk->rest += n;
    }
    return 0;
}

/* The directory that a magic link (/proc/N/cwd, fd/N) stands for becomes cur. */
static int walk_into_file(struct walk *walk, struct file *file, char *behind) {
    struct stat st;
    if (walk->flags & (PLACE_NO_MAGIC | PLACE_NO_LINKS)) {
        return -ELOOP;
    }
    if (walk->flags & (PLACE_BENEATH | PLACE_IN_ROOT)) {
        return -EXDEV;
    }
    if (++walk->links > LINKS_MAX) {
        return -ELOOP;
    }
    int error = file_stat(file, &st);
    if (error) {
        return error;
    }
    if (file->given && S_ISDIR(st.st_mode)) /* lies outside */
    {
        return -EACCES;
    }
    if (!S_ISDIR(st.st_mode) || !file->path) {
        return -ENOTDIR;
    }
    walk->len =
        (size_t)snprintf(walk->cur, PATH_MAX, "%s", strcmp(file->path, "/") ? file->path : "");
    walk_restart(walk);
    if (file->mount && file->mount->dir >= 0 && file->host_fd >= 0) {
        int fd = fcntl(file->host_fd, F_DUPFD_CLOEXEC, 3);
        if (fd < 0) {
            return -errno;
        }
        walk->mount = file->mount;
        walk_set_dir(walk, fd, true);
        walk->stale = true;
    }
    walk->rest = behind;
    return 0;
}

/* Descends into a synthetic component that is not the last one. */
static int walk_synth(struct walk *walk, size_t n) {
    UNZEROED char name[NAME_MAX + 1];
    memcpy(name, walk->rest, n);
    name[n] = 0;
    int error = walk_need(walk);
    if (error) {
        return error;
    }
    struct synth_ref child;
    error = synth_lookup(&walk->ref, name, &child);
    if (error) {
        return error;
    }
    if (S_ISLNK(child.entry->mode)) {
        if (child.entry->follow) {
            struct file *file;
            error = child.entry->follow(&child, walk->task, &file);
            if (error) {
                return error;
            }
            error = walk_into_file(walk, file, walk->rest + n);
            file_unref(file);
            return error;
        }
        UNZEROED char target[PATH_MAX];
        ssize_t got = synth_readlink(&child, target, sizeof target);
        return walk_splice(walk, target, got, walk->rest + n);
    }
    if (!S_ISDIR(child.entry->mode)) {
        return -ENOTDIR;
    }
    error = walk_append(walk, name, n);
    walk->rest += n;
    walk->ref = child;
    return error;
}

int walk_stretch(struct walk *walk) {
    if (walk->mount->dir < 0) {
        size_t n = strcspn(walk->rest, "/");
        if (n > NAME_MAX) {
            return -ENAMETOOLONG;
        }
        size_t old = walk->len;
        int error = walk_append(walk, walk->rest, n);
        struct mount *crossed = error ? NULL : fs_mount_at(walk->cur, walk->len);
        if (crossed) {
            walk->rest += n;
            walk_restart(walk);
            return 0;
        }
        walk_truncate(walk, old);
        return error ? error : walk_synth(walk, n);
    }
    int error = walk_need(walk);
    if (error) {
        return error;
    }
    size_t start = walk->len;
    if (!walk_asks(walk) && (error = walk_hinted(walk))) {
        return error < 0 ? error : 0;
    }
    char *at = walk->rest, *end = at;
    struct mount *crossed = NULL;
    while (!crossed) {
        while (*at == '/') {
            at++;
        }
        size_t n = strcspn(at, "/");
        size_t more = strspn(at + n, "/");
        if (!n || !at[n + more] || walk_is_dots(at, n)) {
            break; /* the end, the last component (perhaps with slashes), or dots */
        }
        if (n > NAME_MAX || walk_append(walk, at, n)) {
            walk_truncate(walk, start);
            return -ENAMETOOLONG;
        }
        at += n;
        end = at;
        crossed = fs_mount_at(walk->cur, walk->len);
    }
    if (crossed) {
        if ((walk->flags & PLACE_NO_XDEV)) {
            return -EXDEV;
        }
        walk->rest = end;
        walk_restart(walk);
        return 0;
    }
    bool asks = walk_asks(walk);
    int fd = asks ? -1 : open_plain(walk->dir, walk->cur + start + 1, O_PATH | O_DIRECTORY);
    if (fd >= 0) {
        walk_set_dir(walk, fd, true);
        walk->rest = end;
        return 0;
    }
    error = asks ? -ELOOP : -errno;
    walk_truncate(walk, start);
    return error == -ELOOP ? walk_slowly(walk, end) : error;
}
