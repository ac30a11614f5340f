/* Synthetic file systems (/proc, /dev, /sys): a static tree of entries, some of which list or look
 * up their children at run time (one directory per process, one link per descriptor).
 *
 * An entry is static; what varies is in struct synth_ref. No reference is held on processes:
 * each function finds its process again under process_lock and says -ENOENT or -ESRCH when it is
 * gone. */
#ifndef FG_SYSCALLS_VFS_SYNTHETIC_H
#define FG_SYSCALLS_VFS_SYNTHETIC_H

#include "syscalls/file/file.h"
#include "syscalls/file/strbuf.h"
#include <sys/stat.h>

struct synth_ref;

/* What list() below calls for a child. */
typedef int (*synth_list_emit)(void *arg, const char *name, const struct synth_ref *child,
                               int64_t key);
typedef int (*synth_emit)(void *arg, const char *name, uint64_t ino, uint8_t type,
                          int64_t next_offset);

struct synth_entry {
    const char *name;
    mode_t mode; /* type and permissions */
    /* Content of a regular file, or text of a symlink. */
    int (*text)(const struct synth_ref *ref, struct strbuf *out);
    /* write(2) to a regular file: bytes or -errno. NULL: EIO. */
    ssize_t (*write)(const struct synth_ref *ref, struct task *task, const char *data, size_t len);
    /* open(2) of a special file. */
    int (*open)(const struct synth_ref *ref, struct task *task, int flags, struct file **out);
    /* A magic link: the file it stands for, referenced. */
    int (*follow)(const struct synth_ref *ref, struct task *task, struct file **out);
    /* Static children, ended by a NULL name; then the dynamic ones. */
    const struct synth_entry *children;
    int (*lookup)(const struct synth_ref *dir, const char *name, struct synth_ref *out);
    /* The dynamic children whose key is `from` or more, by ascending keys, until emit returns
     * nonzero. A key stays with its child (a descriptor, a pid), so that a listing in several calls
     * misses nothing when others come or go meanwhile. */
    int (*list)(const struct synth_ref *dir, int64_t from, synth_list_emit emit, void *arg);
    /* Says whether the task may open the node for reading or writing, after the mode bits said
     * `error`; 0 or -errno. May set ref->image. NULL: the mode bits decide. */
    int (*guard)(struct synth_ref *ref, struct task *task, int error);
    /* Corrects what stat shows (owner, times, device number). */
    int (*stat)(const struct synth_ref *ref, struct stat *st);
    dev_t rdev;
    bool is_process; /* /proc/PID: stands for the process where calls take a pidfd */
};

struct synth_ref {
    const struct synth_entry *entry;
    int32_t pid, tid; /* of /proc/PID and /proc/PID/task/TID; 0: not below one */
    int32_t number;   /* descriptor, pty */
    uint64_t image;   /* of a file that shows one program only: process->image; 0: whatever runs */
    dev_t dev;        /* of the mount */
};

/* Child `name` of a directory: 0 or -ENOENT, -ENOTDIR. */
int synth_lookup(const struct synth_ref *dir, const char *name, struct synth_ref *out);
int synth_stat(const struct synth_ref *ref, struct stat *st);
/* Text of a symlink, NUL-terminated; bytes or -errno. */
ssize_t synth_readlink(const struct synth_ref *ref, char *text, size_t size);
/* open(2) of a node that is no symlink. `path` is the guest path. */
int synth_open(const struct synth_ref *ref, struct task *task, int flags, struct mount *mount,
               const char *path, struct file **out);
/* For entry->open: the node as a host device, opened with the access mode of flags. */
int synth_device_open(const struct synth_ref *ref, const char *host, int flags, struct file **out);
/* The node behind a file that synth_open made, or NULL. */
const struct synth_ref *synth_of_file(const struct file *file);

#endif
