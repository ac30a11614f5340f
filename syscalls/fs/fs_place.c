/* What can be asked of a place (fs_place.h) without changing it, the mapping of host paths back to
 * guest paths, and the current and root directories (chdir(2), fchdir(2), getcwd(2), chroot(2),
 * umask(2)). */
#include "syscalls/task/capability.h"
#include "syscalls/fs/fs_place.h"
#include "gen/syscall_protos.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int place_stat(const struct place *place, struct stat *st) {
    *st = place->st;
    if (!place->exists) {
        return -ENOENT;
    }
    if (place->is_synth || place->file) {
        return 0;
    }
    if (place->mount->metadata) {
        return metadata_apply_at(place->dir, place->name, st);
    }
    fs_owner_shown(st);
    return 0;
}

int place_pin(const struct place *place, bool *own) {
    *own = false;
    if (place->file) {
        return place->file->host_fd >= 0 ? place->file->host_fd : -EPERM;
    }
    if (!place->name[0]) {
        return place->dir;
    }
    int fd = openat(place->dir, place->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    *own = true;
    return fd;
}

int place_pinned_stat(const struct place *place, int fd, struct stat *st) {
    if (!place->file) {
        return fs_owner_fstat(place->mount, fd, st);
    }
    *st = place->st;
    return 0;
}

ssize_t place_readlink(const struct place *place, char *text, size_t size) {
    if (!S_ISLNK(place->st.st_mode)) {
        return -EINVAL;
    }
    if (place->is_synth) {
        return synth_readlink(&place->ref, text, size);
    }
    ssize_t len = readlinkat(place->dir, place->name, text, size);
    return len < 0 ? -errno : len;
}

int place_writable(const struct place *place) {
    if (place->is_synth) {
        return !strcmp(place->mount->type, "devpts") ? -EPERM : -EACCES;
    }
    return place->mount->read_only ? -EROFS : 0;
}

int fs_path_of_host_fd(struct mount *mount, int fd, char *path, size_t size, bool *deleted) {
    UNZEROED char link[40], host[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, host, sizeof host - 1);
    if (len < 0) {
        return -errno;
    }
    host[len] = 0;
    size_t base = strlen(mount->host);
    struct stat st;
    bool gone =
        len > 10 && !strcmp(host + len - 10, " (deleted)") && !fstat(fd, &st) && st.st_nlink == 0;
    if (gone) {
        host[len - 10] = 0;
    }
    if (deleted) {
        *deleted = gone;
    }
    if (strncmp(host, mount->host, base) || (host[base] && host[base] != '/')) {
        return -ENOENT;
    }
    int n = snprintf(path, size, "%s%s", mount->guest, strcmp(host + base, "/") ? host + base : "");
    if ((size_t)n >= size) {
        return -ENAMETOOLONG;
    }
    if (!path[0]) {
        strcpy(path, "/");
    }
    return 0;
}

/* --- current directory and root -------------------------------------------------------- */

struct fs_context *fs_context_create(void) {
    struct fs_context *fs = calloc(1, sizeof *fs);
    if (!fs) {
        return NULL;
    }
    fs->refs = 1;
    pthread_mutex_init(&fs->lock, NULL);
    fs->cwd = strdup("/");
    fs->root = strdup("/");
    fs->umask = 022;
    fs->cwd_file = file_create(&file_ops_path, fcntl(fs_mounts[0].dir, F_DUPFD_CLOEXEC, 3),
                               O_PATH | O_DIRECTORY);
    if (!fs->cwd || !fs->root || !fs->cwd_file || !(fs->cwd_file->path = strdup("/"))) {
        fs_context_unref(fs);
        return NULL;
    }
    fs->cwd_file->mount = &fs_mounts[0];
    return fs;
}

/* Copy for fork; NULL when memory runs out. */
struct fs_context *fs_context_fork(struct fs_context *fs) {
    struct fs_context *copy = calloc(1, sizeof *copy);
    if (!copy) {
        return NULL;
    }
    copy->refs = 1;
    pthread_mutex_init(&copy->lock, NULL);
    pthread_mutex_lock(&fs->lock);
    copy->cwd = strdup(fs->cwd);
    copy->root = strdup(fs->root);
    copy->umask = fs->umask;
    copy->cwd_file = fs->cwd_file ? file_ref(fs->cwd_file) : NULL;
    pthread_mutex_unlock(&fs->lock);
    if (!copy->cwd || !copy->root) {
        fs_context_unref(copy);
        return NULL;
    }
    return copy;
}

struct fs_context *fs_context_ref(struct fs_context *fs) {
    fs->refs++;
    return fs;
}

void fs_context_unref(struct fs_context *fs) {
    if (!fs || --fs->refs) {
        return;
    }
    file_unref(fs->cwd_file);
    pthread_mutex_destroy(&fs->lock);
    free(fs->cwd);
    free(fs->root);
    free(fs);
}

int task_unshare_fs(struct task *task) {
    struct fs_context *shared = task->fs;
    if (atomic_load(&shared->refs) == 1) {
        return 0;
    }
    struct fs_context *own = fs_context_fork(shared);
    if (!own) {
        return -ENOMEM;
    }
    pthread_mutex_lock(&process_lock);
    task->fs = own;
    pthread_mutex_unlock(&process_lock);
    fs_context_unref(shared);
    return 0;
}

/* An O_PATH file of a directory, for which the task has search permission. */
static int open_directory(struct task *task, int dirfd, const char *path, struct file **out) {
    struct place place;
    struct stat st;
    int error =
        place_find(task, dirfd, path, PLACE_FOLLOW | (dirfd == AT_FDCWD ? 0 : PLACE_EMPTY), &place);
    if (error) {
        return error;
    }
    if (!S_ISDIR(place.st.st_mode)) {
        error = -ENOTDIR;
    } else if (place.file && place.file->given) /* lies outside */
    {
        error = -EACCES;
    } else {
        error = place_open(task, &place, O_PATH | O_DIRECTORY, 0, out);
    }
    place_put(&place);
    if (error) {
        return error;
    }
    error = file_stat(*out, &st);
    if (!error) {
        error = permission_check(task, &st, 1);
    }
    if (!error && !fs_private_root && (*out)->host_fd >= 0 &&
        faccessat((*out)->host_fd, ".", X_OK, AT_EACCESS)) {
        error = -errno;
    }
    if (error) {
        file_unref(*out);
    }
    return error;
}

static int set_cwd(struct task *task, struct file *file) {
    struct fs_context *fs = task->fs;
    char path[PATH_MAX];
    int error = file_path(file, path, sizeof path);
    char *copy = error ? NULL : strdup(path);
    if (!copy) {
        file_unref(file);
        return error ? error : -ENOMEM;
    }
    pthread_mutex_lock(&fs->lock);
    struct file *old = fs->cwd_file;
    char *old_path = fs->cwd;
    fs->cwd_file = file;
    fs->cwd = copy;
    pthread_mutex_unlock(&fs->lock);
    file_unref(old);
    free(old_path);
    return 0;
}

int fs_chdir(struct task *task, const char *path) {
    struct file *file;
    int error = open_directory(task, AT_FDCWD, path, &file);
    return error ? error : set_cwd(task, file);
}

int fs_getcwd(struct task *task, char *buf, size_t size) {
    struct fs_context *fs = task->fs;
    char path[PATH_MAX], root[PATH_MAX];
    pthread_mutex_lock(&fs->lock);
    struct file *file = fs->cwd_file ? file_ref(fs->cwd_file) : NULL;
    snprintf(root, sizeof root, "%s", strcmp(fs->root, "/") ? fs->root : "");
    pthread_mutex_unlock(&fs->lock);
    if (!file) {
        return -ENOENT;
    }
    int error = 0;
    bool deleted = false;
    if (file->mount && file->mount->dir >= 0) {
        error = fs_path_of_host_fd(file->mount, file->host_fd, path, sizeof path, &deleted);
    } else {
        error = file_path(file, path, sizeof path);
    }
    file_unref(file);
    if (error || deleted) {
        return error ? error : -ENOENT;
    }
    size_t skip = strlen(root);
    bool inside = !strncmp(path, root, skip) && (!path[skip] || path[skip] == '/');
    int n = inside ? snprintf(buf, size, "%s", path[skip] ? path + skip : "/")
                   : snprintf(buf, size, "(unreachable)%s", path);
    return (size_t)n < size ? 0 : -ERANGE;
}

/* chdir(2) */
long sys_chdir(struct task *task, gaddr_t guest) {
    char path[PATH_MAX];
    int error = guest_path(task, guest, path);
    return error ? error : fs_chdir(task, path);
}

/* fchdir(2) */
long sys_fchdir(struct task *task, int32_t fd) {
    struct file *file;
    int error = open_directory(task, fd, "", &file);
    return error ? error : set_cwd(task, file);
}

/* getcwd(2): returns the length with the NUL */
long sys_getcwd(struct task *task, gaddr_t to, uint64_t size) {
    char path[PATH_MAX + 16];
    int error = fs_getcwd(task, path, sizeof path);
    if (error) {
        return error;
    }
    size_t len = strlen(path) + 1;
    if (len > size) {
        return -ERANGE;
    }
    error = guest_write(task->cpu->space, to, path, len);
    return error ? error : (long)len;
}

/* chroot(2) */
long sys_chroot(struct task *task, gaddr_t guest) {
    char path[PATH_MAX];
    struct file *file;
    int error = guest_path(task, guest, path);
    if (!error) {
        error = open_directory(task, AT_FDCWD, path, &file);
    }
    if (error) {
        return error;
    }
    error = task_capable(task, CAP_SYS_CHROOT) ? file_path(file, path, sizeof path) : -EPERM;
    file_unref(file);
    char *copy = error ? NULL : strdup(path);
    if (!copy) {
        return error ? error : -ENOMEM;
    }
    struct fs_context *fs = task->fs;
    pthread_mutex_lock(&fs->lock);
    free(fs->root);
    fs->root = copy;
    pthread_mutex_unlock(&fs->lock);
    return 0;
}

/* umask(2) */
long sys_umask(struct task *task, uint32_t mask) {
    struct fs_context *fs = task->fs;
    return atomic_exchange(&fs->umask, mask & 0777);
}
