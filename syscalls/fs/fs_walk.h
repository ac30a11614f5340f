/* The walk of path resolution, between fs_walk.c (directories on the way) and fs_path.c (the last
 * component and the interface). */
#ifndef FG_SYSCALLS_FS_WALK_H
#define FG_SYSCALLS_FS_WALK_H

#include "syscalls/fs/fs_place.h"

struct walk {
    struct task *task;
    char root[PATH_MAX];     /* of chroot, canonical: "" or "/a/b" */
    char cur[PATH_MAX + 16]; /* canonical; "" is the root */
    size_t len;
    bool stale; /* cur is an open file's path, which may have been moved */
    struct mount *mount;
    int dir; /* host directory of cur, -1: not open */
    bool own;
    struct synth_ref ref; /* synthetic directory of cur */
    int links, flags;
    char *rest;
    char text[2 * PATH_MAX];
};

/* Lets go of the descriptor. */
void walk_close(struct walk *walk);
/* Goes to the canonical path cur[0..len) anew: finds its mount; descriptors are opened when needed.
 */
void walk_restart(struct walk *walk);
/* Goes to the task's root. */
void walk_to_root(struct walk *walk);
/* Makes walk->dir or walk->ref valid. 0 or -errno. */
int walk_need(struct walk *walk);
/* May the task look names up in walk->dir (which is open)? 0 or -EACCES. */
int walk_may_search(struct walk *walk);
/* "..": 0 or -errno. */
int walk_up(struct walk *walk);
/* Appends a component to cur (text only): 0 or -ENAMETOOLONG; shortens it again. */
int walk_append(struct walk *walk, const char *name, size_t n);
void walk_truncate(struct walk *walk, size_t len);
/* Puts a symlink's target (n bytes, or -errno) in front of what is left of the path after it. */
int walk_splice(struct walk *walk, const char *target, ssize_t n, const char *behind);
/* Walks plain components up to the last one, dots or a mount point. rest is at a plain one that
 * is not the last. 0 or -errno. */
int walk_stretch(struct walk *walk);
/* "." or ".."? */
static inline bool walk_is_dots(const char *name, size_t n) {
    return name[0] == '.' && (n == 1 || (n == 2 && name[1] == '.'));
}

#endif
