/* Path resolution inside the guest's root and mounts: the last component and the interface of
 * fs_place.h. How the walk gets there, and why it cannot leave, is fs_walk.c. */
#include "syscalls/fs/fs_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WALK_ON 1 /* a symlink was spliced in: not at the end yet */

/* The place is cur itself. */
static int finish_self(struct walk *walk, int dots, struct place *place) {
    int error = walk_need(walk);
    if (error) {
        return error;
    }
    place->mount = walk->mount;
    place->dots = (uint8_t)dots;
    place->name[0] = 0; /* of a symlink that led here */
    place->exists = true;
    strcpy(place->path, walk->len ? walk->cur : "/");
    if (walk->mount->dir < 0) {
        place->is_synth = true;
        place->ref = walk->ref;
        return synth_stat(&place->ref, &place->st);
    }
    if (fstat(walk->dir, &place->st)) {
        return -errno;
    }
    place->dir = walk->dir;
    place->own_dir = walk->own;
    walk->own = false;
    return 0;
}

static int finish_synth(struct walk *walk, const char *name, size_t n, const char *behind,
                        struct place *place) {
    bool follow = (walk->flags & PLACE_FOLLOW) || (place->slash && !(walk->flags & PLACE_PARENT));
    struct synth_ref child;
    int error = synth_lookup(&walk->ref, name, &child);
    place->is_synth = true;
    if (error) {
        if (error == -ENOENT && (walk->flags & (PLACE_PARENT | PLACE_MISSING))) {
            place->ref = walk->ref;
            return 0;
        }
        return error;
    }
    if (S_ISLNK(child.entry->mode) && follow) {
        if (child.entry->follow) {
            if (walk->flags & (PLACE_NO_MAGIC | PLACE_NO_LINKS)) {
                return -ELOOP;
            }
            place->is_synth = false;
            error = child.entry->follow(&child, walk->task, &place->file);
            if (error) {
                return error;
            }
            place->exists = true;
            place->mount = place->file->mount ? place->file->mount : &fs_nowhere;
            error = file_stat(place->file, &place->st);
            if (!error && place->slash && !S_ISDIR(place->st.st_mode)) {
                error = -ENOTDIR;
            }
            if (error) {
                file_unref(place->file);
                place->file = NULL;
            }
            return error;
        }
        UNZEROED char target[PATH_MAX];
        ssize_t got = synth_readlink(&child, target, sizeof target);
        place->is_synth = false;
        error = walk_splice(walk, target, got, behind);
        return error ? error : WALK_ON;
    }
    place->ref = child;
    place->exists = true;
    error = synth_stat(&child, &place->st);
    if (!error && place->slash && !S_ISDIR(place->st.st_mode)) {
        error = -ENOTDIR;
    }
    return error;
}

/* The last component, not dots. 0, WALK_ON or -errno. */
static int finish(struct walk *walk, size_t n, struct place *place) {
    char *behind = walk->rest + n;
    if (n > NAME_MAX) {
        return -ENAMETOOLONG;
    }
    place->slash = *behind == '/';
    UNZEROED char name[NAME_MAX + 1];
    memcpy(name, walk->rest, n);
    name[n] = 0;
    size_t old = walk->len;
    int error = walk_append(walk, name, n);
    if (error) {
        return error;
    }
    if (fs_mount_at(walk->cur, walk->len)) {
        if (walk->flags & PLACE_NO_XDEV) {
            return -EXDEV;
        }
        walk_restart(walk);
        if (!walk->mount->node) {
            return finish_self(walk, 3, place);
        }
        place->mount = walk->mount;
        place->is_synth = place->exists = true;
        place->ref = walk->mount->ref;
        strcpy(place->path, walk->cur);
        return place->slash ? -ENOTDIR : synth_stat(&place->ref, &place->st);
    }
    strcpy(place->path, walk->cur);
    walk_truncate(walk, old);
    error = walk_need(walk);
    if (error) {
        return error;
    }
    place->mount = walk->mount;
    strcpy(place->name, name);
    if (walk->mount->dir < 0) {
        return finish_synth(walk, name, n, behind, place);
    }
    error = walk_may_search(walk);
    if (error) {
        return error;
    }
    if (fstatat(walk->dir, name, &place->st, AT_SYMLINK_NOFOLLOW)) {
        if (errno != ENOENT || !(walk->flags & (PLACE_PARENT | PLACE_MISSING))) {
            return -errno;
        }
    } else {
        place->exists = true;
        if (S_ISCHR(place->st.st_mode) || S_ISBLK(place->st.st_mode)) {
            walk->mount->devices = true;
        }
        bool follow =
            (walk->flags & PLACE_FOLLOW) || (place->slash && !(walk->flags & PLACE_PARENT));
        if (S_ISLNK(place->st.st_mode) && follow) {
            UNZEROED char target[PATH_MAX];
            ssize_t got = readlinkat(walk->dir, name, target, sizeof target);
            place->exists = false;
            error = walk_splice(walk, target, got < 0 ? -errno : got, behind);
            return error ? error : WALK_ON;
        }
        if (place->slash && !S_ISDIR(place->st.st_mode) && !(walk->flags & PLACE_PARENT)) {
            return -ENOTDIR;
        }
    }
    place->dir = walk->dir;
    place->own_dir = walk->own;
    walk->own = false;
    return 0;
}

static int walk_run(struct walk *walk, struct place *place) {
    for (;;) {
        while (*walk->rest == '/') {
            walk->rest++;
        }
        size_t n = strcspn(walk->rest, "/");
        if (!n) {
            return finish_self(walk, 3, place);
        }
        size_t slashes = strspn(walk->rest + n, "/");
        bool last = !walk->rest[n + slashes];
        int error;
        if (walk_is_dots(walk->rest, n)) {
            error = n == 2 ? walk_up(walk) : 0;
            if (!error && last) {
                return finish_self(walk, (int)n, place);
            }
            walk->rest += n;
        } else if (last) {
            error = finish(walk, n, place);
            if (error != WALK_ON) {
                return error;
            }
            error = 0;
        } else {
            error = walk_stretch(walk);
        }
        if (error) {
            return error;
        }
    }
}

/* Where relative paths start: the descriptor's directory, or the current one. 0 or -errno. */
static int walk_start(struct walk *walk, struct file *base) {
    struct stat st;
    int error = base->host_fd >= 0 && base->mount && base->mount->dir >= 0
                    ? (fstat(base->host_fd, &st) ? -errno : 0)
                    : file_stat(base, &st);
    if (error) {
        return error;
    }
    if (!S_ISDIR(st.st_mode)) {
        return -ENOTDIR;
    }
    if (base->given) /* lies outside */
    {
        return -EACCES;
    }
    if (!base->path) {
        return -ENOTDIR;
    }
    walk->len =
        (size_t)snprintf(walk->cur, PATH_MAX, "%s", strcmp(base->path, "/") ? base->path : "");
    walk_restart(walk);
    if (base->mount && base->mount->dir >= 0 && base->host_fd >= 0) {
        walk->mount = base->mount;
        walk->dir = base->host_fd;
        walk->own = false;
        walk->stale = true;
    }
    return 0;
}

int place_of_file(struct file *file, struct place *place) {
    memset(place, 0, offsetof(struct place, path));
    place->dir = -1;
    place->file = file_ref(file);
    place->exists = true;
    int error = file_stat(file, &place->st);
    if (error) {
        file_unref(file);
        return error;
    }
    place->mount = file->mount ? file->mount : &fs_nowhere;
    const struct synth_ref *ref = synth_of_file(file);
    if (ref) {
        place->is_synth = true;
        place->ref = *ref;
    } else {
        place->dir = file->host_fd;
    }
    snprintf(place->path, sizeof place->path, "%s", file->path ? file->path : "");
    return 0;
}

int place_find(struct task *task, int dirfd, const char *path, int flags, struct place *place) {
    struct file *base = NULL;
    struct fs_context *fs = task->fs;
    if (!*path && !(flags & PLACE_EMPTY)) {
        return -ENOENT;
    }
    size_t path_len = strlen(path);
    if (path_len >= PATH_MAX) {
        return -ENAMETOOLONG;
    }
    UNZEROED struct walk walk;
    walk.task = task;
    walk.mount = NULL;
    walk.ref = (struct synth_ref){0};
    walk.dir = -1;
    walk.own = walk.stale = false;
    walk.links = 0;
    walk.flags = flags;
    walk.rest = walk.text;
    walk.len = 0;
    memcpy(walk.text, path, path_len + 1);
    pthread_mutex_lock(&fs->lock);
    snprintf(walk.root, sizeof walk.root, "%s", strcmp(fs->root, "/") ? fs->root : "");
    bool from_root = path[0] == '/' && !(flags & PLACE_IN_ROOT);
    if (!from_root && dirfd == AT_FDCWD && fs->cwd_file) {
        base = file_ref(fs->cwd_file);
    }
    pthread_mutex_unlock(&fs->lock);
    if (path[0] == '/' && (flags & PLACE_BENEATH)) {
        return -EXDEV;
    }
    if (!from_root && dirfd != AT_FDCWD && !(base = fd_get(task, dirfd))) {
        return -EBADF;
    }
    int error = 0;
    if (!*path) { /* AT_EMPTY_PATH */
        error = base ? place_of_file(base, place) : -ENOENT;
        file_unref(base);
        return error;
    }
    memset(place, 0, offsetof(struct place, path));
    place->dir = -1;
    if (!base) {
        walk_to_root(&walk);
    } else {
        error = walk_start(&walk, base);
    }
    if (!error && (flags & (PLACE_IN_ROOT | PLACE_BENEATH))) {
        strcpy(walk.root, walk.cur); /* what may not be left */
    }
    if (!error) {
        error = walk_run(&walk, place);
    }
    walk_close(&walk);
    if (!error && base && place->dir == base->host_fd) {
        place->base = base; /* its descriptor is borrowed */
    } else {
        file_unref(base);
    }
    return error;
}

int guest_path(struct task *task, gaddr_t from, char *buf) {
    ssize_t len = guest_read_string(task->cpu->space, buf, from, PATH_MAX);
    return len < 0 ? (int)len : 0;
}

int place_find_guest(struct task *task, int dirfd, gaddr_t path, int flags, struct place *place) {
    UNZEROED char buf[PATH_MAX];
    int error = guest_path(task, path, buf);
    return error ? error : place_find(task, dirfd, buf, flags, place);
}

void place_put(struct place *place) {
    if (place->own_dir) {
        close(place->dir);
    }
    place->own_dir = false;
    file_unref(place->file);
    file_unref(place->base);
    place->file = place->base = NULL;
}
