/* Opening: open(2), openat(2), openat2(2), creat(2), memfd_create(2), and for execve(2). */
#include "gen/syscall_protos.h"
#include "syscalls/abi/abi.h"
#include "syscalls/fs/abi_fs.h"
#include "syscalls/file/open_flags.h"
#include "syscalls/fs/fs_place.h"
#include "syscalls/fs/privilege.h"
#include "syscalls/fs/rw.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* O_TMPFILE holds O_DIRECTORY: this is the bit of its own. */
#define TMPFILE_BIT (O_TMPFILE & ~O_DIRECTORY)

const struct fs_terminals *fs_terminals;

int fs_open_device(struct task *task, const struct stat *st, int flags, struct file **out) {
    static const struct {
        unsigned major_number, minor_number;
        const char *host;
    } known[] = {
        {1, 3, "/dev/null"},   {1, 5, "/dev/zero"},    {1, 7, "/dev/full"},
        {1, 8, "/dev/random"}, {1, 9, "/dev/urandom"},
    };
    if (!S_ISCHR(st->st_mode)) {
        return -ENXIO;
    }
    if (st->st_rdev == makedev(5, 0)) {
        return fs_terminals->open_current(task, (int)open_flags_to_guest(flags), out);
    }
    if (st->st_rdev == makedev(5, 2)) {
        return fs_terminals->open_ptmx(task, (int)open_flags_to_guest(flags), out);
    }
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (makedev(known[i].major_number, known[i].minor_number) != st->st_rdev) {
            continue;
        }
        int fd = open(known[i].host, (flags & ~(O_CREAT | O_TRUNC)) | O_CLOEXEC);
        if (fd < 0) {
            return -errno;
        }
        *out = file_create(&file_ops_device, fd, flags);
        return *out ? 0 : -ENOMEM;
    }
    return -ENXIO;
}

/* The kind comes from what was seen at resolution: should another have taken the name meanwhile,
 * the host still says what its descriptor can do. */
static int finish_open(struct place *place, int fd, int flags, mode_t mode, struct file **out) {
    struct file *file =
        file_create(flags & O_PATH ? &file_ops_path : file_ops_of_mode(mode), fd, flags);
    if (!file) {
        return -ENOMEM;
    }
    file->mount = place->mount;
    file->regular = S_ISREG(mode); /* the host's is, where the guest's is */
    file->path = strdup(place->path);
    if (!file->path) {
        file_unref(file);
        return -ENOMEM;
    }
    *out = file;
    return 0;
}

/* What the guest sees of the directory in which a file is made; an unnamed one is made in the place
 * itself. 0 or -errno. */
static int directory_stat(const struct place *place, bool unnamed, struct stat *st) {
    if (!unnamed || !place->name[0]) {
        return fs_owner_fstat(place->mount, place->dir, st);
    }
    return place_stat(place, st);
}

/* Creates a regular file that resolution found missing (or an unnamed one). */
static int create(struct task *task, struct place *place, int flags, uint32_t mode,
                  struct file **out) {
    bool unnamed = flags & TMPFILE_BIT;
    int error = place_writable(place);
    if (error) {
        return error == -EACCES && place->is_synth ? (place->exists ? -EACCES : -ENOENT) : error;
    }
    if (place->slash && !unnamed) {
        return -EISDIR;
    }
    mode_t real = mode & 07777 & ~task->fs->umask;
    set_id_note(real);
    bool metadata = place->mount->metadata;
    struct stat dir;
    error = directory_stat(place, unnamed, &dir);
    if (!error) {
        error = permission_check(task, &dir, 3);
    }
    if (error) {
        return error;
    }
    /* a set-gid directory passes its group on */
    int64_t group = metadata && (dir.st_mode & S_ISGID) ? (int64_t)dir.st_gid : -1;
    int host_flags = (flags & ~(FILE_OWN_FLAGS | O_TRUNC)) | O_CLOEXEC | O_NOFOLLOW;
    if (!unnamed) {
        host_flags |= O_CREAT | O_EXCL;
    }
    mode_t host_mode = metadata ? (real & 01777) | 0600 : real;
    metadata_change_begin(place->mount);
    privilege_enter(task, place->mount);
    int fd = openat(place->dir, place->name[0] ? place->name : ".", host_flags, host_mode);
    privilege_leave();
    error = fd < 0 ? -errno : metadata ? metadata_created(task, fd, real, group) : 0;
    metadata_change_end(place->mount);
    if (error) {
        if (fd >= 0) {
            close(fd);
        }
        return error;
    }
    return finish_open(place, fd, flags, S_IFREG, out);
}

/* O_TMPFILE in a directory that is an open file. */
static int create_below(struct task *task, struct place *place, int flags, uint32_t mode,
                        struct file **out) {
    if (place->file->given) {
        return -EACCES;
    }
    if (place->mount->dir < 0) {
        return -EOPNOTSUPP;
    }
    place->dir = place->file->host_fd;
    snprintf(place->path, sizeof place->path, "%s", place->file->path ? place->file->path : "/");
    return create(task, place, flags, mode, out);
}

/* --- what is there already ------------------------------------------------------------- */

bool open_overflows(const struct task *task, int flags, const struct stat *st) {
    return S_ISREG(st->st_mode) && !(flags & FILE_LARGEFILE) && task->abi &&
           st->st_size > task->abi->fs->offset_most;
}

/* Everything that an open asks of the thing itself, by a descriptor of it (`pin`: O_PATH). *st:
 * what the host says; becomes what the guest sees. 0 or -errno. */
static int check_existing(struct task *task, const struct place *place, int flags, int fd, bool pin,
                          struct stat *st) {
    const struct mount *mount = place->mount;
    int wants = open_wants(flags);
    if (S_ISLNK(st->st_mode) || (S_ISDIR(st->st_mode) && !S_ISDIR(place->st.st_mode))) {
        return -ESTALE;
    }
    if (!mount->metadata) {
        fs_owner_shown(st);
    } else if (!task_is_root(task) || !st->st_size) /* root's question is but: is it a device? */
    {
        metadata_apply_at(fd, pin ? "" : NULL, st);
    }
    if (S_ISDIR(st->st_mode) && (wants & 2)) {
        return -EISDIR;
    }
    if (S_ISSOCK(st->st_mode)) {
        return -ENXIO;
    }
    int error = permission_check(task, st, wants);
    if (error) {
        return error;
    }
    if (open_overflows(task, flags, st)) {
        return -EOVERFLOW;
    }
    bool special = S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode) || S_ISFIFO(st->st_mode);
    return (wants & 2) && mount->read_only && !special ? -EROFS : 0;
}

/* A device that is opened by its number, not as the host's node? */
static bool by_number(const struct place *place, const struct stat *st) {
    return (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) &&
           (fs_private_root || place->mount->read_only);
}

/* Opens at once and looks at what came. For files and directories, whose opening has no effect;
 * that another task gives the name to a device meanwhile is excluded: devices are seen on a mount
 * before a guest can move them. *fd: the host's; 0, 1 (a device of a private root, *st) or -errno.
 */
static int open_and_look(struct task *task, struct place *place, int flags, int *fd,
                         struct stat *st) {
    int host_flags = flags & ~(FILE_OWN_FLAGS | O_CREAT | O_EXCL | O_TRUNC);
    const char *name = place->name[0] ? place->name : ".";
    host_flags |= O_CLOEXEC | O_NOCTTY | (place->name[0] ? O_NOFOLLOW : 0);
    long got = host_call(task, SYS_openat, place->dir, (long)name, host_flags, 0, 0, 0);
    if (got < 0) {
        return (int)restartable(got);
    }
    *fd = (int)got;
    int error = fstat(*fd, st) ? -errno : (st->st_mode ^ place->st.st_mode) & S_IFMT ? -ESTALE : 0;
    if (!error) {
        error = check_existing(task, place, flags, *fd, false, st);
    }
    bool device = !error && by_number(place, st);
    if (!error && S_ISREG(st->st_mode) && (flags & O_TRUNC) && ftruncate(*fd, 0)) {
        error = -errno;
    }
    if (error || device) {
        close(*fd);
    }
    return error ? error : device;
}

/* Looks at it (O_PATH), then opens that very thing. The same results. */
static int look_and_open(struct task *task, struct place *place, int flags, int *fd,
                         struct stat *st) {
    char host[40];
    int pin = openat(place->dir, place->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (pin < 0) {
        return -errno;
    }
    int error = fstat(pin, st) ? -errno : check_existing(task, place, flags, pin, true, st);
    bool device = !error && by_number(place, st);
    if (!error && !device) {
        snprintf(host, sizeof host, "/proc/self/fd/%d", pin);
        int host_flags = flags & ~(FILE_OWN_FLAGS | O_CREAT | O_EXCL | O_NOFOLLOW);
        host_flags |= O_CLOEXEC | O_NOCTTY;
        long got = host_call(task, SYS_openat, AT_FDCWD, (long)host, host_flags, 0, 0, 0);
        *fd = (int)got;
        error = got < 0 ? (int)restartable(got) : 0;
    }
    close(pin);
    return error ? error : device;
}

static int open_existing(struct task *task, struct place *place, int flags, struct file **out) {
    struct stat st;
    mode_t type = place->st.st_mode & S_IFMT;
    bool truncates_unwritten = (flags & O_TRUNC) && (flags & O_ACCMODE) == O_RDONLY;
    bool host_decides = !fs_private_root && !place->mount->read_only;
    bool harmless = (type == S_IFREG || type == S_IFDIR) && !place->mount->devices;
    bool at_once = !place->name[0] || ((harmless || host_decides) && !truncates_unwritten);
    int fd = -1;
    int result = at_once ? open_and_look(task, place, flags, &fd, &st)
                         : look_and_open(task, place, flags, &fd, &st);
    if (result < 0) {
        return result;
    }
    if (!result) {
        return finish_open(place, fd, flags, st.st_mode, out);
    }
    int error = fs_open_device(task, &st, flags, out);
    if (!error && !(*out)->path) {
        (*out)->path = strdup(place->path);
    }
    return error;
}

/* Descriptor that stands for the place (O_PATH). */
static int open_path_only(struct place *place, int flags, struct file **out) {
    int keep = O_PATH | (flags & (O_DIRECTORY | O_NOFOLLOW));
    int fd = place->name[0] ? openat(place->dir, place->name, O_PATH | O_NOFOLLOW | O_CLOEXEC)
                            : fcntl(place->dir, F_DUPFD_CLOEXEC, 3);
    if (fd < 0) {
        return -errno;
    }
    return finish_open(place, fd, keep, 0, out);
}

int place_open(struct task *task, struct place *place, int flags, uint32_t mode,
               struct file **out) {
    if (flags & O_PATH) {
        flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    }
    if (!place->exists) {
        if (!(flags & O_CREAT) || (flags & O_PATH)) {
            return -ENOENT;
        }
        return create(task, place, flags, mode, out);
    }
    if ((flags & O_CREAT) && place->slash) {
        return -EISDIR;
    }
    if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)) {
        return -EEXIST;
    }
    bool is_dir = S_ISDIR(place->st.st_mode);
    if ((flags & O_DIRECTORY) && !is_dir) {
        return -ENOTDIR;
    }
    if (S_ISLNK(place->st.st_mode) && !(flags & O_PATH)) {
        return -ELOOP;
    }
    if (is_dir && (flags & O_CREAT)) {
        return -EISDIR;
    }
    if (place->file && (flags & TMPFILE_BIT)) {
        return create_below(task, place, flags, mode, out);
    }
    if (place->file) {
        return file_reopen(task, place->file, flags, out);
    }
    if (place->is_synth) {
        return synth_open(&place->ref, task, flags, place->mount, place->path, out);
    }
    if (flags & O_PATH) {
        return open_path_only(place, flags, out);
    }
    if (flags & TMPFILE_BIT) {
        return create(task, place, flags, mode, out);
    }
    if (is_dir && (open_wants(flags) & 2)) {
        return -EISDIR;
    }
    if (S_ISSOCK(place->st.st_mode)) {
        return -ENXIO;
    }
    return open_existing(task, place, flags, out);
}

/* flags: the host's O_* and FILE_LARGEFILE; resolve: PLACE_* restrictions of openat2. */
static int open_path(struct task *task, int dirfd, const char *path, int flags, uint32_t mode,
                     int resolve, struct file **out) {
    UNZEROED struct place place;
    bool exclusive = (flags & O_CREAT) && (flags & O_EXCL);
    int how = resolve;
    if (flags & TMPFILE_BIT) {
        if ((flags & O_TMPFILE) != O_TMPFILE || (flags & O_ACCMODE) == O_RDONLY) {
            return -EINVAL;
        }
        if (flags & O_CREAT) {
            return -EINVAL;
        }
    }
    if (!(flags & O_NOFOLLOW) && !exclusive) {
        how |= PLACE_FOLLOW;
    }
    if (flags & O_CREAT) {
        how |= exclusive ? PLACE_PARENT : PLACE_MISSING;
    }
    /* a name that another task makes or removes between the look and the open: look again */
    for (int tries = 0;; tries++) {
        int error = place_find(task, dirfd, path, how, &place);
        if (error) {
            return error;
        }
        bool existed = place.exists;
        error = place_open(task, &place, flags, mode, out);
        if (!error && existed && (flags & O_TRUNC) && (*out)->ops == &file_ops_regular) {
            set_id_drop(task, (*out)->mount, (*out)->host_fd);
        }
        place_put(&place);
        bool again = !existed ? error == -EEXIST && !exclusive
                              : (error == -ENOENT && (flags & O_CREAT)) || error == -ESTALE ||
                                    (error == -ELOOP && (how & PLACE_FOLLOW));
        if (!again || tries == 100) {
            return error;
        }
    }
}

int fs_open(struct task *task, int dirfd, const char *path, int flags, uint32_t mode,
            struct file **out) {
    return open_path(task, dirfd, path, open_flags_from_guest((uint32_t)flags) | FILE_LARGEFILE,
                     mode, 0, out);
}

int fs_open_program(struct task *task, int dirfd, const char *path, int flags, struct file **out) {
    const int how = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK; /* of a FIFO: not waited for */
    return open_path(task, dirfd, path, how | flags | FILE_OWN_FLAGS, 0, 0, out);
}

static long open_guest(struct task *task, int dirfd, gaddr_t guest, int flags, uint32_t mode,
                       int resolve) {
    UNZEROED char path[PATH_MAX];
    struct file *file;
    if (task->abi->fs->offset_most == INT64_MAX) { /* open(2): O_LARGEFILE goes without saying */
        flags |= FILE_LARGEFILE;
    }
    if (flags & O_PATH) {
        flags &= ~FILE_LARGEFILE;
    }
    int error = guest_path(task, guest, path);
    if (!error) {
        error = open_path(task, dirfd, path, flags, mode, resolve, &file);
    }
    return error ? error : fd_install(task, file, flags & O_CLOEXEC, 0);
}

/* open(2) */
long sys_open(struct task *task, gaddr_t path, uint32_t flags, uint32_t mode) {
    return open_guest(task, AT_FDCWD, path, open_flags_from_guest(flags), mode, 0);
}

/* creat(2) */
long sys_creat(struct task *task, gaddr_t path, uint32_t mode) {
    return open_guest(task, AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode, 0);
}

/* openat(2) */
long sys_openat(struct task *task, int32_t dirfd, gaddr_t path, uint32_t flags, uint32_t mode) {
    return open_guest(task, dirfd, path, open_flags_from_guest(flags), mode, 0);
}

/* openat2(2): struct open_how is the same for all ABIs */
long sys_openat2(struct task *task, int32_t dirfd, gaddr_t path, gaddr_t how, uint64_t size) {
    struct {
        uint64_t flags, mode, resolve;
    } value = {0};
    static const int resolve_bits[] = {PLACE_NO_XDEV, PLACE_NO_MAGIC, PLACE_NO_LINKS, PLACE_BENEATH,
                                       PLACE_IN_ROOT};
    if (size < sizeof value) {
        return -EINVAL;
    }
    if (size > PAGE_BYTES) {
        return -E2BIG;
    }
    int error = guest_read(task->cpu->space, &value, how, sizeof value);
    if (error) {
        return error;
    }
    for (uint64_t i = sizeof value; i < size; i++) {
        uint8_t extra;
        error = guest_read(task->cpu->space, &extra, how + i, 1);
        if (error || extra) {
            return error ? error : -E2BIG;
        }
    }
    int flags = open_flags_from_guest((uint32_t)value.flags);
    if (open_flags_to_guest(flags) != value.flags || value.mode > 07777 || value.resolve > 0x3f) {
        return -EINVAL;
    }
    if (!(flags & (O_CREAT | TMPFILE_BIT)) && value.mode) {
        return -EINVAL;
    }
    if ((flags & O_PATH) && (flags & ~(O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC))) {
        return -EINVAL;
    }
    if ((value.resolve & 0x18) == 0x18) {
        return -EINVAL;
    }
    if (value.resolve & 0x20) /* RESOLVE_CACHED: we cannot promise it */
    {
        return -EAGAIN;
    }
    int resolve = 0;
    for (size_t i = 0; i < ARRAY_LEN(resolve_bits); i++) {
        if (value.resolve & 1u << i) {
            resolve |= resolve_bits[i];
        }
    }
    return open_guest(task, dirfd, path, flags | FILE_LARGEFILE, (uint32_t)value.mode, resolve);
}

/* memfd_create(2) */
long sys_memfd_create(struct task *task, gaddr_t guest_name, uint32_t flags) {
    char name[250];
    ssize_t len = guest_read_string(task->cpu->space, name, guest_name, sizeof name);
    if (len < 0) {
        return len == -ENAMETOOLONG ? -EINVAL : len;
    }
    int fd = memfd_create(name, flags | MFD_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    if (geteuid() == 0 && fchown(fd, task->process->fsuid, task->process->fsgid)) {
        close(fd);
        return -EPERM;
    }
    struct file *file = file_create(&file_ops_regular, fd, O_RDWR | FILE_LARGEFILE);
    if (!file) {
        return -ENOMEM;
    }
    char path[280];
    snprintf(path, sizeof path, "/memfd:%s (deleted)", name);
    file->path = strdup(path);
    return fd_install(task, file, flags & MFD_CLOEXEC, 0);
}
