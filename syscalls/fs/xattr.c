/* Extended attributes (xattr(7)). user.* and the rest go to the host's files; our own metadata
 * attribute is hidden from the guest. */
#include "gen/syscall_protos.h"
#include "syscalls/fs/fs_place.h"
#include "syscalls/file/io.h"
#include "syscalls/fs/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#define NAME_SIZE  256
#define VALUE_SIZE 65536

/* What an attribute call works on: a descriptor of the very inode, and a host path that leads to it
 * (of a symlink, too: to the link itself). */
struct target {
    struct place place;
    int pin;
    bool own; /* the pin is to be closed */
    char host[40];
};

static int target_of_place(struct target *target) {
    struct place *place = &target->place;
    target->own = false;
    if (place->is_synth) {
        return -EOPNOTSUPP;
    }
    if (place->file) {
        /* Sockets tell their protocol's name (system.sockprotoname). */
        bool has_some = !place->file->given || place->file->ops->nowhere == FILE_SOCKET;
        if (place->file->host_fd < 0 || !has_some) {
            return -EOPNOTSUPP;
        }
    }
    target->pin = place_pin(place, &target->own);
    if (target->pin < 0) {
        return target->pin;
    }
    snprintf(target->host, sizeof target->host, "/proc/self/fd/%d", target->pin);
    return 0;
}

static void target_put(struct target *target) {
    if (target->own) {
        close(target->pin);
    }
    place_put(&target->place);
}

/* By path (follow or not) when path is not 0, else by descriptor. */
static int target_get(struct task *task, gaddr_t path, int fd, bool follow, struct target *target) {
    int error;
    if (path) {
        error = place_find_guest(task, AT_FDCWD, path, follow ? PLACE_FOLLOW : 0, &target->place);
    } else if (fd < 0) {
        return -EFAULT;
    } else {
        struct file *file = fd_get(task, fd);
        if (!file) {
            return -EBADF;
        }
        error = file->flags & O_PATH ? -EBADF : place_of_file(file, &target->place);
        file_unref(file);
    }
    if (error) {
        return error;
    }
    error = target_of_place(target);
    if (error) {
        target_put(target);
    }
    return error;
}

/* The name, which must not be ours. 0 or -errno. */
static int attribute_name(struct task *task, gaddr_t from, char name[NAME_SIZE]) {
    ssize_t len = guest_read_string(task->cpu->space, name, from, NAME_SIZE);
    if (len < 0) {
        return len == -ENAMETOOLONG ? -ERANGE : (int)len;
    }
    return len == 0 ? -ERANGE : 0;
}

/* Both; the caller puts the target. 0 or -errno. */
static int named_target(struct task *task, gaddr_t path, int fd, bool follow, gaddr_t from,
                        char name[NAME_SIZE], struct target *target) {
    int error = attribute_name(task, from, name);
    return error ? error : target_get(task, path, fd, follow, target);
}

static bool is_hidden(const char *name) {
    return !strcmp(name, METADATA_NAME);
}

/* May the task read or write the attribute? Where the host does not know the guest's user this is
 * asked here; what would act on the host (capabilities, access lists) cannot be set in a private
 * root, and is for the file's owner to set on a mount. 0 or -errno. */
static int name_check(struct task *task, const struct target *target, const char *name,
                      bool writes) {
    const struct mount *mount = target->place.mount;
    bool by_user = !strncmp(name, "user.", 5);
    if (!fs_owner_asks(task)) {
        return 0;
    }
    if (!by_user && mount->metadata) {
        return writes ? -EOPNOTSUPP : 0;
    }
    struct stat st;
    int error = place_pinned_stat(&target->place, target->pin, &st);
    if (error) {
        return error;
    }
    if (!by_user) {
        return writes && !task_owns(task, &st) ? -EPERM : 0;
    }
    return permission_check(task, &st, writes ? 2 : 4);
}

static long set(struct task *task, gaddr_t path, int fd, bool follow, gaddr_t guest_name,
                gaddr_t from, uint64_t size, uint32_t flags) {
    char name[NAME_SIZE];
    struct target target;
    int error = attribute_name(task, guest_name, name);
    if (error) {
        return error;
    }
    if (flags & ~3u) {
        return -EINVAL;
    }
    if (size > VALUE_SIZE) {
        return -E2BIG;
    }
    if (is_hidden(name)) {
        return -EPERM;
    }
    char *value = malloc(size + 1);
    if (!value) {
        return -ENOMEM;
    }
    error = size ? guest_read(task->cpu->space, value, from, size) : 0;
    if (!error) {
        error = target_get(task, path, fd, follow, &target);
    }
    if (!error) {
        error = place_writable(&target.place);
        if (!error) {
            error = name_check(task, &target, name, true);
        }
        privilege_enter(task, target.place.mount);
        if (!error && setxattr(target.host, name, value, size, (int)flags)) {
            error = -errno;
        }
        privilege_leave();
        target_put(&target);
    }
    free(value);
    return error;
}

static long get(struct task *task, gaddr_t path, int fd, bool follow, gaddr_t guest_name,
                gaddr_t to, uint64_t size) {
    char name[NAME_SIZE];
    struct target target;
    int error = named_target(task, path, fd, follow, guest_name, name, &target);
    if (error) {
        return error;
    }
    if (size > VALUE_SIZE) {
        size = VALUE_SIZE;
    }
    char *value = malloc(size + 1);
    long result = -ENOMEM;
    error = name_check(task, &target, name, false);
    if (value && (error || is_hidden(name))) {
        result = error ? error : -ENODATA;
    } else if (value) {
        privilege_enter(task, target.place.mount);
        result = getxattr(target.host, name, value, size);
        privilege_leave();
        if (result < 0) {
            result = -errno;
        } else if (size && guest_write(task->cpu->space, to, value, (size_t)result)) {
            result = -EFAULT;
        }
    }
    free(value);
    target_put(&target);
    return result;
}

static long list(struct task *task, gaddr_t path, int fd, bool follow, gaddr_t to, uint64_t size) {
    struct target target;
    int error = target_get(task, path, fd, follow, &target);
    if (error) {
        return error;
    }
    char *names = malloc(VALUE_SIZE);
    long result = -ENOMEM;
    if (names) {
        result = listxattr(target.host, names, VALUE_SIZE);
        if (result < 0) {
            result = -errno;
        }
        size_t kept = 0;
        for (long at = 0; at < result;) {
            size_t n = strlen(names + at) + 1;
            if (!is_hidden(names + at)) {
                memmove(names + kept, names + at, n);
                kept += n;
            }
            at += (long)n;
        }
        if (result >= 0) {
            result = size && kept > size ? -ERANGE : (long)kept;
        }
        if (result > 0 && size && guest_write(task->cpu->space, to, names, kept)) {
            result = -EFAULT;
        }
    }
    free(names);
    target_put(&target);
    return result;
}

static long removal(struct task *task, gaddr_t path, int fd, bool follow, gaddr_t guest_name) {
    char name[NAME_SIZE];
    struct target target;
    int error = named_target(task, path, fd, follow, guest_name, name, &target);
    if (error) {
        return error;
    }
    error = is_hidden(name) ? -ENODATA : place_writable(&target.place);
    if (!error) {
        error = name_check(task, &target, name, true);
    }
    privilege_enter(task, target.place.mount);
    if (!error && removexattr(target.host, name)) {
        error = -errno;
    }
    privilege_leave();
    target_put(&target);
    return error;
}

/* setxattr(2) */
long sys_setxattr(struct task *task, gaddr_t path, gaddr_t name, gaddr_t from, uint64_t size,
                  uint32_t flags) {
    return set(task, path, -1, true, name, from, size, flags);
}

long sys_lsetxattr(struct task *task, gaddr_t path, gaddr_t name, gaddr_t from, uint64_t size,
                   uint32_t flags) {
    return set(task, path, -1, false, name, from, size, flags);
}

long sys_fsetxattr(struct task *task, int32_t fd, gaddr_t name, gaddr_t from, uint64_t size,
                   uint32_t flags) {
    return fd < 0 ? -EBADF : set(task, 0, fd, true, name, from, size, flags);
}

/* getxattr(2) */
long sys_getxattr(struct task *task, gaddr_t path, gaddr_t name, gaddr_t to, uint64_t size) {
    return get(task, path, -1, true, name, to, size);
}

long sys_lgetxattr(struct task *task, gaddr_t path, gaddr_t name, gaddr_t to, uint64_t size) {
    return get(task, path, -1, false, name, to, size);
}

long sys_fgetxattr(struct task *task, int32_t fd, gaddr_t name, gaddr_t to, uint64_t size) {
    return fd < 0 ? -EBADF : get(task, 0, fd, true, name, to, size);
}

/* listxattr(2) */
long sys_listxattr(struct task *task, gaddr_t path, gaddr_t to, uint64_t size) {
    return list(task, path, -1, true, to, size);
}

long sys_llistxattr(struct task *task, gaddr_t path, gaddr_t to, uint64_t size) {
    return list(task, path, -1, false, to, size);
}

long sys_flistxattr(struct task *task, int32_t fd, gaddr_t to, uint64_t size) {
    return fd < 0 ? -EBADF : list(task, 0, fd, true, to, size);
}

/* removexattr(2) */
long sys_removexattr(struct task *task, gaddr_t path, gaddr_t name) {
    return removal(task, path, -1, true, name);
}

long sys_lremovexattr(struct task *task, gaddr_t path, gaddr_t name) {
    return removal(task, path, -1, false, name);
}

long sys_fremovexattr(struct task *task, int32_t fd, gaddr_t name) {
    return fd < 0 ? -EBADF : removal(task, 0, fd, true, name);
}
