/* /dev and /dev/pts: device nodes over the host's harmless devices and over the terminals of tty.c.
 * The files of /dev/shm are a host mount of its own (fs_mount.c). */
#include "syscalls/file/open_flags.h"
#include "syscalls/fs/fs_place.h"
#include "syscalls/tty/tty.h"
#include "syscalls/proc/proc_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#define CHR(mode) (S_IFCHR | (mode))
/* makedev() as a constant expression, for numbers below 256 */
#define DEV(major_number, minor_number) ((dev_t)(major_number) << 8 | (minor_number))
#define PTS_MAX                         4096

static int open_host(const struct synth_ref *ref, struct task *task, int flags, struct file **out) {
    char host[32];
    snprintf(host, sizeof host, "/dev/%s", ref->entry->name);
    return synth_device_open(ref, host, flags, out);
}

static int open_tty(const struct synth_ref *ref, struct task *task, int flags, struct file **out) {
    return tty_open_current(task, (int)open_flags_to_guest(flags), out);
}

static int open_console(const struct synth_ref *ref, struct task *task, int flags,
                        struct file **out) {
    return tty_open_console(task, (int)open_flags_to_guest(flags), out);
}

static int open_ptmx(const struct synth_ref *ref, struct task *task, int flags, struct file **out) {
    return ptmx_open(task, (int)open_flags_to_guest(flags), out);
}

static int link_to(struct strbuf *out, const char *target) {
    strbuf_add(out, target, strlen(target));
    return 0;
}

static int fd_text(const struct synth_ref *ref, struct strbuf *out) {
    return link_to(out, "/proc/self/fd");
}

static int stdin_text(const struct synth_ref *ref, struct strbuf *out) {
    return link_to(out, "/proc/self/fd/0");
}

static int stdout_text(const struct synth_ref *ref, struct strbuf *out) {
    return link_to(out, "/proc/self/fd/1");
}

static int stderr_text(const struct synth_ref *ref, struct strbuf *out) {
    return link_to(out, "/proc/self/fd/2");
}

static int core_text(const struct synth_ref *ref, struct strbuf *out) {
    return link_to(out, "/proc/kcore");
}

/* --- /dev/pts -------------------------------------------------------------------------- */

static int pts_node_stat(const struct synth_ref *ref, struct stat *st) {
    struct stat tty;
    int error = pts_stat(ref->number, &tty);
    if (error) {
        return error;
    }
    st->st_mode = S_IFCHR | (tty.st_mode & 07777);
    st->st_uid = tty.st_uid;
    st->st_gid = tty.st_gid;
    st->st_rdev = tty.st_rdev;
    st->st_dev = tty.st_dev;
    st->st_ino = tty.st_ino;
    st->st_nlink = tty.st_nlink;
    st->st_blksize = tty.st_blksize;
    st->st_atim = tty.st_atim;
    st->st_mtim = tty.st_mtim;
    st->st_ctim = tty.st_ctim;
    return 0;
}

static int pts_node_open(const struct synth_ref *ref, struct task *task, int flags,
                         struct file **out) {
    return pts_open(task, ref->number, (int)open_flags_to_guest(flags), out);
}

static const struct synth_entry pts_node = {
    .name = "pts", .mode = CHR(0620), .open = pts_node_open, .stat = pts_node_stat};

static int pts_lookup(const struct synth_ref *dir, const char *name, struct synth_ref *out) {
    char *end;
    struct stat st;
    long number = strtol(name, &end, 10);
    if (*name < '0' || *name > '9' || *end || number >= PTS_MAX || (*name == '0' && name[1])) {
        return -ENOENT;
    }
    out->entry = &pts_node;
    out->number = (int32_t)number;
    return pts_stat(out->number, &st);
}

static int pts_list_nodes(const struct synth_ref *dir, int64_t from, synth_list_emit emit,
                          void *arg) {
    int *index = malloc(PTS_MAX * sizeof *index);
    if (!index) {
        return -ENOMEM;
    }
    int count = pts_list(index, PTS_MAX), stop = 0;
    for (int i = 0; i < count && !stop; i++) {
        if (index[i] < from) {
            continue;
        }
        char name[16];
        struct synth_ref child = *dir;
        child.entry = &pts_node;
        child.number = index[i];
        snprintf(name, sizeof name, "%d", index[i]);
        stop = emit(arg, name, &child, index[i]);
    }
    free(index);
    return 0;
}

static const struct synth_entry pts_children[] = {
    {.name = "ptmx", .mode = CHR(0666), .open = open_ptmx, .rdev = DEV(5, 2)},
    {0},
};

const struct synth_entry devpts_root = {
    .name = "pts",
    .mode = S_IFDIR | 0755,
    .children = pts_children,
    .lookup = pts_lookup,
    .list = pts_list_nodes,
};

/* --- /dev ------------------------------------------------------------------------------ */

/* Mount points below /dev need an entry to be listed; resolution goes to the mounts. */
static const struct synth_entry empty_directory_children[] = {{0}};

static const struct synth_entry dev_children[] = {
    {.name = "null", .mode = CHR(0666), .open = open_host, .rdev = DEV(1, 3)},
    {.name = "zero", .mode = CHR(0666), .open = open_host, .rdev = DEV(1, 5)},
    {.name = "full", .mode = CHR(0666), .open = open_host, .rdev = DEV(1, 7)},
    {.name = "random", .mode = CHR(0666), .open = open_host, .rdev = DEV(1, 8)},
    {.name = "urandom", .mode = CHR(0666), .open = open_host, .rdev = DEV(1, 9)},
    {.name = "tty", .mode = CHR(0666), .open = open_tty, .rdev = DEV(5, 0)},
    {.name = "console", .mode = CHR(0600), .open = open_console, .rdev = DEV(5, 1)},
    {.name = "ptmx", .mode = CHR(0666), .open = open_ptmx, .rdev = DEV(5, 2)},
    {.name = "pts", .mode = S_IFDIR | 0755, .children = empty_directory_children},
    {.name = "shm", .mode = S_IFDIR | 01777, .children = empty_directory_children},
    {.name = "fd", .mode = S_IFLNK | 0777, .text = fd_text},
    {.name = "stdin", .mode = S_IFLNK | 0777, .text = stdin_text},
    {.name = "stdout", .mode = S_IFLNK | 0777, .text = stdout_text},
    {.name = "stderr", .mode = S_IFLNK | 0777, .text = stderr_text},
    {.name = "core", .mode = S_IFLNK | 0777, .text = core_text},
    {0},
};

const struct synth_entry dev_shm = {
    .name = "shm", .mode = S_IFDIR | 01777, .children = empty_directory_children};

const struct synth_entry dev_root = {
    .name = "dev", .mode = S_IFDIR | 0755, .children = dev_children};

const struct synth_entry dev_tty = {
    .name = "tty", .mode = CHR(0666), .open = open_tty, .rdev = DEV(5, 0)};
const struct synth_entry dev_ptmx = {
    .name = "ptmx", .mode = CHR(0666), .open = open_ptmx, .rdev = DEV(5, 2)};
const struct synth_entry dev_console = {
    .name = "console", .mode = CHR(0600), .open = open_console, .rdev = DEV(5, 1)};
