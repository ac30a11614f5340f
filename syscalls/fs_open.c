/* Opening: open(2), openat(2), openat2(2), creat(2), memfd_create(2), and fs_open() for execve. */
#include "gen/syscall_protos.h"
#include "syscalls/abi.h"
#include "syscalls/abi_open.h"
#include "syscalls/fs_place.h"
#include "syscalls/privilege.h"
#include "syscalls/rw.h"
#include "syscalls/tty.h"

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

/* open(2) of a device node that stands in a private root: by number, never the host's node. */
static int open_device(struct task *task, const struct stat *st, int flags, struct file **out) {
    static const struct {
        unsigned major_number, minor_number;
        const char *host;
    } known[] = {
        {1, 3, "/dev/null"},   {1, 5, "/dev/zero"},    {1, 7, "/dev/full"},
        {1, 8, "/dev/random"}, {1, 9, "/dev/urandom"},
    };
    if (!S_ISCHR(st->st_mode))
        return -ENXIO;
    if (st->st_rdev == makedev(5, 0))
        return tty_open_current(task, (int)open_flags_to_guest(flags), out);
    if (st->st_rdev == makedev(5, 2))
        return ptmx_open(task, (int)open_flags_to_guest(flags), out);
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (makedev(known[i].major_number, known[i].minor_number) != st->st_rdev)
            continue;
        int fd = open(known[i].host, (flags & ~(O_CREAT | O_TRUNC)) | O_CLOEXEC);
        if (fd < 0)
            return -errno;
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
    if (!file)
        return -ENOMEM;
    file->mount = place->mount;
    file->path = strdup(place->path);
    if (!file->path) {
        file_unref(file);
        return -ENOMEM;
    }
    *out = file;
    return 0;
}

static int wanted_bits(int flags) {
    int mode = flags & O_ACCMODE;
    int want = mode == O_RDONLY ? 4 : mode == O_WRONLY ? 2 : 6;
    return want | (flags & O_TRUNC ? 2 : 0);
}

/* What the guest sees of the directory in which a file is made; an unnamed one is made in the place
 * itself. 0 or -errno. */
static int directory_stat(const struct place *place, bool unnamed, struct stat *st) {
    if (!unnamed || !place->name[0])
        return fs_owner_fstat(place->mount, place->dir, st);
    return place_stat(place, st);
}

/* Creates a regular file that resolution found missing (or an unnamed one). */
static int create(struct task *task, struct place *place, int flags, uint32_t mode,
                  struct file **out) {
    bool unnamed = flags & TMPFILE_BIT;
    int error = place_writable(place);
    if (error)
        return error == -EACCES && place->is_synth ? (place->exists ? -EACCES : -ENOENT) : error;
    if (place->slash && !unnamed)
        return -EISDIR;
    mode_t real = mode & 07777 & ~task->fs->umask;
    set_id_note(real);
    bool metadata = place->mount->metadata;
    struct stat dir;
    error = directory_stat(place, unnamed, &dir);
    if (!error)
        error = permission_check(task, &dir, 3);
    if (error)
        return error;
    /* a set-gid directory passes its group on */
    int64_t group = metadata && (dir.st_mode & S_ISGID) ? (int64_t)dir.st_gid : -1;
    int host_flags = (flags & ~(FILE_LARGEFILE | O_TRUNC)) | O_CLOEXEC | O_NOFOLLOW;
    if (!unnamed)
        host_flags |= O_CREAT | O_EXCL;
    mode_t host_mode = metadata ? (real & 01777) | 0600 : real;
    metadata_change_begin(place->mount);
    privilege_enter(task, place->mount);
    int fd = openat(place->dir, place->name[0] ? place->name : ".", host_flags, host_mode);
    privilege_leave();
    error = fd < 0 ? -errno : metadata ? metadata_created(task, fd, "", real, group) : 0;
    metadata_change_end(place->mount);
    if (error) {
        if (fd >= 0)
            close(fd);
        return error;
    }
    return finish_open(place, fd, flags, S_IFREG, out);
}

/* Host descriptor of an existing file or directory, for its data. */
static int open_existing(struct task *task, struct place *place, int flags) {
    const char *name = place->name[0] ? place->name : ".";
    int host_flags = flags & ~(FILE_LARGEFILE | O_CREAT | O_EXCL);
    if (place->name[0])
        host_flags |= O_NOFOLLOW;
    host_flags |= O_CLOEXEC | O_NOCTTY;
    if (S_ISFIFO(place->st.st_mode)) /* waits for the other side */
        return (int)restartable(
            host_call(task, SYS_openat, place->dir, (long)name, host_flags, 0, 0, 0));
    int fd = openat(place->dir, name, host_flags);
    return fd < 0 ? -errno : fd;
}

/* Terminals keep state beside the host's descriptor: they are opened again by name. */
static bool is_terminal(const struct file *file) {
    return !strcmp(file->ops->kind, "tty") || !strcmp(file->ops->kind, "ptmx");
}

/* What an open by name would refuse must not come in through /proc/self/fd either. */
static int reopen_check(struct task *task, struct file *file, int flags, struct stat *st) {
    bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);
    int error = file_stat(file, st);
    if (error || !file->mount)
        return error;
    if (writes && file->mount->read_only && (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode)))
        return -EROFS;
    return permission_check(task, st, wanted_bits(flags));
}

int file_reopen(struct task *task, struct file *file, int flags, struct file **out) {
    char host[40];
    struct stat st;
    const struct synth_ref *ref = synth_of_file(file);
    if (ref && !S_ISLNK(ref->entry->mode))
        return synth_open(ref, task, flags, file->mount, file->path, out);
    if (file->host_fd < 0 || is_terminal(file)) {
        if (!file->path || !strcmp(file->path, "/dev/ptmx")) {
            *out = file_ref(file);
            return 0;
        }
        return fs_open(task, AT_FDCWD, file->path, (int)open_flags_to_guest(flags), 0, out);
    }
    int error = reopen_check(task, file, flags, &st);
    if (error)
        return error;
    if ((S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) && file->mount && fs_private_root)
        return open_device(task, &st, flags, out);
    snprintf(host, sizeof host, "/proc/self/fd/%d", file->host_fd);
    int host_flags =
        (flags & ~(FILE_LARGEFILE | O_CREAT | O_EXCL | O_NOFOLLOW)) | O_CLOEXEC | O_NOCTTY;
    long fd = host_call(task, SYS_openat, AT_FDCWD, (long)host, host_flags, 0, 0, 0);
    if (fd < 0)
        return (int)restartable(fd);
    bool same_kind = !(file->flags & O_PATH) && !(flags & O_PATH);
    struct file *copy =
        same_kind ? file_create(file->ops, (int)fd, flags) : file_create_host((int)fd, flags);
    if (!copy)
        return -ENOMEM;
    copy->mount = file->mount;
    copy->path = file->path ? strdup(file->path) : NULL;
    *out = copy;
    return 0;
}

/* Descriptor that stands for the place (O_PATH). */
static int open_path_only(struct place *place, int flags, struct file **out) {
    int keep = O_PATH | (flags & (O_DIRECTORY | O_NOFOLLOW));
    int fd = place->name[0] ? openat(place->dir, place->name, O_PATH | O_NOFOLLOW | O_CLOEXEC)
                            : fcntl(place->dir, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
        return -errno;
    return finish_open(place, fd, keep, 0, out);
}

int place_open(struct task *task, struct place *place, int flags, uint32_t mode,
               struct file **out) {
    struct stat st;
    int error;
    if (flags & O_PATH)
        flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    if (!place->exists) {
        if (!(flags & O_CREAT) || (flags & O_PATH))
            return -ENOENT;
        return create(task, place, flags, mode, out);
    }
    if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        return -EEXIST;
    bool is_dir = S_ISDIR(place->st.st_mode);
    if ((flags & O_DIRECTORY) && !is_dir)
        return -ENOTDIR;
    if (S_ISLNK(place->st.st_mode) && !(flags & O_PATH))
        return -ELOOP;
    if (is_dir && (flags & O_CREAT))
        return -EISDIR;
    if (place->file) {
        if (!(flags & O_PATH))
            return file_reopen(task, place->file, flags, out);
        if (place->file->flags & O_PATH) {
            *out = file_ref(place->file);
            return 0;
        }
        if (place->file->host_fd < 0)
            return -ENXIO;
        place->dir = place->file->host_fd;
        if (place->file->path)
            snprintf(place->path, sizeof place->path, "%s", place->file->path);
        if (!place->file->mount && !place->file->path)
            return file_reopen(task, place->file, flags, out);
        place->mount = place->file->mount;
        return open_path_only(place, flags, out);
    }
    if (place->is_synth)
        return synth_open(&place->ref, task, flags, place->mount, place->path, out);
    if (flags & O_PATH)
        return open_path_only(place, flags, out);
    if (flags & TMPFILE_BIT)
        return create(task, place, flags, mode, out);
    bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);
    if (is_dir && writes)
        return -EISDIR;
    if (S_ISSOCK(place->st.st_mode))
        return -ENXIO;
    error = place_stat(place, &st);
    if (error)
        return error;
    error = permission_check(task, &st, wanted_bits(flags));
    if (error)
        return error;
    if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
        if (place->mount->metadata || place->mount->read_only || fs_private_root) {
            error = open_device(task, &st, flags, out);
            if (!error && !(*out)->path)
                (*out)->path = strdup(place->path);
            return error;
        }
    } else if (writes && place->mount->read_only) {
        return -EROFS;
    }
    if (S_ISREG(st.st_mode) && !(flags & FILE_LARGEFILE) && task->abi &&
        task->abi->pointer_bytes == 4 && st.st_size > INT32_MAX)
        return -EOVERFLOW;
    int fd = open_existing(task, place, flags);
    if (fd < 0)
        return fd;
    return finish_open(place, fd, flags, place->st.st_mode, out);
}

/* flags: the host's O_* and FILE_LARGEFILE; resolve: PLACE_* restrictions of openat2. */
static int open_path(struct task *task, int dirfd, const char *path, int flags, uint32_t mode,
                     int resolve, struct file **out) {
    struct place place;
    bool exclusive = (flags & O_CREAT) && (flags & O_EXCL);
    int how = resolve;
    if (flags & TMPFILE_BIT) {
        if ((flags & O_TMPFILE) != O_TMPFILE || (flags & O_ACCMODE) == O_RDONLY)
            return -EINVAL;
        if (flags & O_CREAT)
            return -EINVAL;
    }
    if (!(flags & O_NOFOLLOW) && !exclusive)
        how |= PLACE_FOLLOW;
    if (flags & O_CREAT)
        how |= exclusive ? PLACE_PARENT : PLACE_MISSING;
    /* a name that another task makes or removes between the look and the open: look again */
    for (int tries = 0;; tries++) {
        int error = place_find(task, dirfd, path, how, &place);
        if (error)
            return error;
        bool existed = place.exists;
        error = place_open(task, &place, flags, mode, out);
        if (!error && existed && (flags & O_TRUNC) && (*out)->ops == &file_ops_regular)
            set_id_drop(task, (*out)->mount, (*out)->host_fd);
        place_put(&place);
        bool again = !existed ? error == -EEXIST && !exclusive
                              : (error == -ENOENT && (flags & O_CREAT)) ||
                                    (error == -ELOOP && (how & PLACE_FOLLOW));
        if (!again || tries == 100)
            return error;
    }
}

int fs_open(struct task *task, int dirfd, const char *path, int flags, uint32_t mode,
            struct file **out) {
    return open_path(task, dirfd, path, open_flags_from_guest((uint32_t)flags) | FILE_LARGEFILE,
                     mode, 0, out);
}

static long open_guest(struct task *task, int dirfd, gaddr_t guest, int flags, uint32_t mode,
                       int resolve) {
    char path[PATH_MAX];
    struct file *file;
    int error = guest_path(task, guest, path);
    if (!error)
        error = open_path(task, dirfd, path, flags, mode, resolve, &file);
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
    if (size < sizeof value)
        return -EINVAL;
    if (size > PAGE_BYTES)
        return -E2BIG;
    int error = guest_read(task->cpu->space, &value, how, sizeof value);
    if (error)
        return error;
    for (uint64_t i = sizeof value; i < size; i++) {
        uint8_t extra;
        error = guest_read(task->cpu->space, &extra, how + i, 1);
        if (error || extra)
            return error ? error : -E2BIG;
    }
    int flags = open_flags_from_guest((uint32_t)value.flags);
    if (open_flags_to_guest(flags) != value.flags || value.mode > 07777 || value.resolve > 0x3f)
        return -EINVAL;
    if (!(flags & (O_CREAT | TMPFILE_BIT)) && value.mode)
        return -EINVAL;
    if ((flags & O_PATH) && (flags & ~(O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)))
        return -EINVAL;
    if ((value.resolve & 0x18) == 0x18)
        return -EINVAL;
    if (value.resolve & 0x20) /* RESOLVE_CACHED: we cannot promise it */
        return -EAGAIN;
    int resolve = 0;
    for (size_t i = 0; i < ARRAY_LEN(resolve_bits); i++)
        if (value.resolve & 1u << i)
            resolve |= resolve_bits[i];
    return open_guest(task, dirfd, path, flags | FILE_LARGEFILE, (uint32_t)value.mode, resolve);
}

/* memfd_create(2) */
long sys_memfd_create(struct task *task, gaddr_t guest_name, uint32_t flags) {
    char name[250];
    ssize_t len = guest_read_string(task->cpu->space, name, guest_name, sizeof name);
    if (len < 0)
        return len == -ENAMETOOLONG ? -EINVAL : len;
    int fd = memfd_create(name, flags | MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    struct file *file = file_create(&file_ops_regular, fd, O_RDWR | FILE_LARGEFILE);
    if (!file)
        return -ENOMEM;
    char path[280];
    snprintf(path, sizeof path, "/memfd:%s (deleted)", name);
    file->path = strdup(path);
    return fd_install(task, file, flags & MFD_CLOEXEC, 0);
}
