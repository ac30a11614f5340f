/* The mount table and its set-up: the root directory, host directories (--mount), and the synthetic
 * file systems. Fixed before the first task runs, so reading it needs no lock. Resolution is
 * fs_path.c. */
#include "syscalls/fs/fs_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MOUNTS_MAX 64

struct mount fs_mounts[MOUNTS_MAX];
int fs_mount_count;
struct mount fs_nowhere = {.guest = "", .dir = -1, .host = "", .type = "none", .source = "none"};
bool fs_private_root;

static void make_shm(struct mount *mount);

/* Is path[0..len) the mount point or below it? */
static bool below(const struct mount *mount, const char *path, size_t len) {
    return len >= mount->guest_len && !memcmp(path, mount->guest, mount->guest_len) &&
           (len == mount->guest_len || path[mount->guest_len] == '/');
}

struct mount *fs_mount_of(const char *path, size_t len) {
    struct mount *best = &fs_mounts[0];
    for (int i = 1; i < fs_mount_count; i++) {
        struct mount *mount = &fs_mounts[i];
        if (below(mount, path, len) && mount->guest_len >= best->guest_len) {
            best = mount;
        }
    }
    if (best->lazy) {
        make_shm(best);
    }
    return best;
}

struct mount *fs_mount_at(const char *path, size_t len) {
    for (int i = fs_mount_count - 1; i > 0; i--) {
        if (fs_mounts[i].guest_len == len && !memcmp(path, fs_mounts[i].guest, len)) {
            return fs_mount_of(path, len);
        }
    }
    return len == 0 ? &fs_mounts[0] : NULL;
}

bool fs_mount_below(const char *path) {
    size_t len = strlen(path);
    for (int i = 1; i < fs_mount_count; i++) {
        if (fs_mounts[i].guest_len > len && fs_mounts[i].guest[len] == '/' &&
            !memcmp(fs_mounts[i].guest, path, len)) {
            return true;
        }
    }
    return false;
}

static struct mount *mount_add(const char *guest) {
    if (fs_mount_count == MOUNTS_MAX) {
        return NULL;
    }
    char *copy = strdup(guest);
    if (!copy) {
        return NULL;
    }
    size_t len = strlen(copy);
    while (len && copy[len - 1] == '/') {
        copy[--len] = 0;
    }
    struct mount *mount = &fs_mounts[fs_mount_count];
    *mount = (struct mount){.guest = copy, .guest_len = len, .dir = -1, .id = fs_mount_count + 20};
    fs_mount_count++;
    return mount;
}

/* The host directory of a mount, a descriptor (taken over); `path` where the host has no /proc. 0
 * or -errno. */
static int mount_take(struct mount *mount, int fd, const char *path) {
    char real[PATH_MAX], link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, real, sizeof real - 1);
    if (len > 0) {
        real[len] = 0;
    } else if (!realpath(path, real)) {
        real[0] = 0;
    }
    mount->host = strdup(strcmp(real, "/") ? real : "");
    if (!mount->host) {
        close(fd);
        return -ENOMEM;
    }
    mount->dir = fd;
    return 0;
}

static int mount_open(struct mount *mount, const char *host_dir) {
    int fd = open(host_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : mount_take(mount, fd, host_dir);
}

static int mount_host(const char *host_dir, const char *guest, bool read_only, bool metadata) {
    struct mount *mount = mount_add(guest);
    if (!mount) {
        return fs_mount_count == MOUNTS_MAX ? -ENOSPC : -ENOMEM;
    }
    mount->read_only = read_only;
    mount->metadata = metadata;
    mount->type = "ext4";
    mount->source = "/dev/root";
    int error = mount_open(mount, host_dir);
    if (error) {
        fs_mount_count--;
    }
    return error;
}

struct mount *fs_mount_synthetic(const char *guest, const struct synth_entry *root,
                                 const char *type) {
    struct mount *mount = mount_add(guest);
    if (!mount) {
        return NULL;
    }
    mount->ref = (struct synth_ref){.entry = root, .dev = makedev(0, (unsigned)mount->id)};
    mount->type = mount->source = type;
    return mount;
}

void fs_shutdown(void) {
    fs_shm_remove();
}

/* /dev/shm is made when it is first met; without a place for it the mount stays an empty synthetic
 * directory. */
static void make_shm(struct mount *mount) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    if (mount->lazy) {
        int fd = fs_shm_make();
        if (fd >= 0) {
            mount_take(mount, fd, "");
            atexit(fs_shutdown);
        }
        mount->lazy = false;
    }
    pthread_mutex_unlock(&lock);
}

int fs_init(const char *host_root, bool metadata) {
    /* One host process holds the descriptors of all guest processes. */
    struct rlimit limit;
    if (!getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    umask(0); /* the guest's umask is applied by hand: it is per guest process */
    int error = mount_host(host_root, "", false, metadata);
    if (error) {
        return error;
    }
    fs_private_root = metadata;
    return 0;
}

int fs_mount_host(struct task *task, const char *host_dir, const char *guest_path, bool read_only) {
    if (guest_path[0] != '/') {
        return -EINVAL;
    }
    /* Walks come by canonical paths alone: links on the way are followed now. What the last
     * component is, or whether it is there, does not matter: the mount hides it. */
    struct place place;
    int error = place_find(task, AT_FDCWD, guest_path, PLACE_PARENT, &place);
    if (error) {
        return error == -ENOENT || error == -ENOTDIR ? FS_NO_MOUNT_POINT : error;
    }
    error = strcmp(place.path, "/") ? mount_host(host_dir, place.path, read_only, false) : -EBUSY;
    place_put(&place);
    if (!error) {
        fs_mounts[fs_mount_count - 1].source = fs_mounts[fs_mount_count - 1].host;
    }
    return error;
}
