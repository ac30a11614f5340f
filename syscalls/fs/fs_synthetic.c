/* The machinery of synthetic file systems: lookup, stat, open and listing over the tables of
 * proc_*.c, dev_*.c and fs_sysfs.c (vfs_synthetic.h has the node's shape).
 *
 * A regular file's text is made at open and put into a host memory file, so that read, lseek,
 * pread, poll and sendfile need nothing of their own. */
#include "syscalls/fs/fs_place.h"
#include "syscalls/fs/rw.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* Inode number: of the entry and what tells its instances apart. Stable for a run. */
static ino_t ino_of(const struct synth_ref *ref) {
    uint64_t hash = (uint64_t)(uintptr_t)ref->entry * 0x9e3779b97f4a7c15u;
    hash ^= (uint64_t)(uint32_t)ref->pid * 0x85ebca6bu ^ (uint64_t)(uint32_t)ref->tid << 13;
    hash ^= (uint64_t)(uint32_t)ref->number * 0xc2b2ae35u;
    hash ^= hash >> 29;
    return (hash & 0x7fffffff) | 0x1000;
}

int synth_lookup(const struct synth_ref *dir, const char *name, struct synth_ref *out) {
    if (!S_ISDIR(dir->entry->mode)) {
        return -ENOTDIR;
    }
    for (const struct synth_entry *at = dir->entry->children; at && at->name; at++) {
        if (strcmp(at->name, name)) {
            continue;
        }
        *out = *dir;
        out->entry = at;
        return 0;
    }
    if (!dir->entry->lookup) {
        return -ENOENT;
    }
    *out = *dir;
    return dir->entry->lookup(dir, name, out);
}

int synth_stat(const struct synth_ref *ref, struct stat *st) {
    static struct timespec start;
    if (!start.tv_sec) {
        clock_gettime(CLOCK_REALTIME, &start);
    }
    memset(st, 0, sizeof *st);
    st->st_dev = ref->dev;
    st->st_ino = ino_of(ref);
    st->st_mode = ref->entry->mode;
    st->st_nlink = S_ISDIR(st->st_mode) ? 2 : 1;
    st->st_rdev = ref->entry->rdev;
    st->st_blksize = S_ISCHR(st->st_mode) ? 4096 : 1024;
    st->st_atim = st->st_mtim = st->st_ctim = start;
    return ref->entry->stat ? ref->entry->stat(ref, st) : 0;
}

ssize_t synth_readlink(const struct synth_ref *ref, char *text, size_t size) {
    struct strbuf buf = {0};
    if (!S_ISLNK(ref->entry->mode) || !ref->entry->text) {
        return -EINVAL;
    }
    ssize_t result = ref->entry->text(ref, &buf);
    if (!result && buf.failed) {
        result = -ENOMEM;
    }
    if (!result) {
        size_t n = buf.len < size ? buf.len : size;
        if (n) {
            memcpy(text, buf.data, n);
        }
        result = (ssize_t)n;
    }
    free(buf.data);
    return result;
}

/* --- open files ------------------------------------------------------------------------ */

/* data of a synthetic file */
struct synth_file {
    struct synth_ref ref;
};

static int file_synth_stat(struct file *file, struct stat *st) {
    struct synth_file *data = file->data;
    return synth_stat(&data->ref, st);
}

static ssize_t file_synth_write(struct file *file, struct task *task, const struct iovec *iov,
                                int count, int64_t offset) {
    struct synth_file *data = file->data;
    ssize_t done = 0;
    if (!data->ref.entry->write) /* opened all the same: the superuser may */
    {
        return -EIO;
    }
    for (int i = 0; i < count; i++) {
        /* a copy first: the guest may change or unmap it meanwhile */
        char text[4096];
        size_t n = iov[i].iov_len < sizeof text - 1 ? iov[i].iov_len : sizeof text - 1;
        gaddr_t from = guest_iov_address(task, &iov[i]);
        if (guest_read(task->cpu->space, text, from, n)) {
            return done ? done : -EFAULT;
        }
        text[n] = 0;
        ssize_t got = data->ref.entry->write(&data->ref, task, text, n);
        if (got < 0) {
            return done ? done : got;
        }
        done += got;
    }
    return done;
}

/* Puts the node's text of this moment into the memory file. 0 or -errno. */
static int fill(struct file *file) {
    struct synth_file *data = file->data;
    struct strbuf buf = {0};
    int error = data->ref.entry->text ? data->ref.entry->text(&data->ref, &buf) : 0;
    if (!error && buf.failed) {
        error = -ENOMEM;
    }
    if (!error && ftruncate(file->host_fd, 0)) {
        error = -errno;
    }
    for (size_t done = 0; !error && done < buf.len;) {
        ssize_t n = pwrite(file->host_fd, buf.data + done, buf.len - done, (off_t)done);
        if (n <= 0) {
            error = n < 0 ? -errno : -EIO;
        } else {
            done += (size_t)n;
        }
    }
    free(buf.data);
    return error;
}

/* As on Linux the text is made when it is read, and anew when it is read from its beginning:
 * programs keep /proc/stat open, and a shell opens files for the program that it will become. */
static ssize_t file_synth_read(struct file *file, struct task *task, const struct iovec *iov,
                               int count, int64_t offset) {
    pthread_mutex_lock(&file->lock);
    int64_t at = offset < 0 ? lseek(file->host_fd, 0, SEEK_CUR) : offset;
    ssize_t result = at == 0 ? fill(file) : 0;
    if (!result) {
        result = offset < 0 ? readv(file->host_fd, iov, count)
                            : preadv(file->host_fd, iov, count, offset);
        if (result < 0) {
            result = -errno;
        }
    }
    pthread_mutex_unlock(&file->lock);
    return result;
}

static ssize_t dir_read_synth(struct file *file, struct task *task, const struct iovec *iov,
                              int count, int64_t offset) {
    return -EISDIR;
}

static int64_t dir_seek_synth(struct file *file, int64_t offset, int whence) {
    int64_t at = -EINVAL;
    pthread_mutex_lock(&file->lock);
    if (whence == SEEK_CUR) {
        offset += file->position;
    }
    if ((whence == SEEK_SET || whence == SEEK_CUR) && offset >= 0) {
        at = file->position = offset;
    }
    pthread_mutex_unlock(&file->lock);
    return at;
}

struct list_state {
    struct file *file;
    synth_emit emit;
    void *arg;
    int64_t base; /* position of the first dynamic child */
};

static uint8_t type_of(mode_t mode) {
    return (uint8_t)((mode & S_IFMT) >> 12);
}

static int list_one(void *arg, const char *name, const struct synth_ref *child, int64_t key) {
    struct list_state *state = arg;
    int64_t next = state->base + key + 1;
    int stop = state->emit(state->arg, name, ino_of(child), type_of(child->entry->mode), next);
    if (!stop) {
        state->file->position = next;
    }
    return stop;
}

/* Positions: 0 ".", 1 "..", then the static children, then the dynamic ones by their keys. */
static int dir_getdents_synth(struct file *file, struct task *task, synth_emit emit, void *arg) {
    struct synth_file *data = file->data;
    const struct synth_entry *dir = data->ref.entry;
    int64_t fixed = 2;
    int result = 0;
    while (dir->children && dir->children[fixed - 2].name) {
        fixed++;
    }
    pthread_mutex_lock(&file->lock);
    while (file->position < fixed) {
        struct synth_ref child = data->ref;
        const char *name = file->position == 0 ? "." : "..";
        if (file->position >= 2) {
            child.entry = &dir->children[file->position - 2];
            name = child.entry->name;
        }
        struct list_state state = {file, emit, arg, 0};
        if (list_one(&state, name, &child, file->position)) {
            goto out;
        }
    }
    if (dir->list) {
        struct list_state state = {file, emit, arg, fixed};
        result = dir->list(&data->ref, file->position - fixed, list_one, &state);
        if (result > 0) {
            result = 0;
        }
    }
out:
    pthread_mutex_unlock(&file->lock);
    return result;
}

static void file_synth_release(struct file *file) {
    free(file->data);
    if (file->host_fd >= 0) {
        close(file->host_fd);
    }
}

static int file_synth_reopen(struct file *file, struct task *task, int flags, struct file **out) {
    const struct synth_ref *ref = synth_of_file(file);
    return S_ISLNK(ref->entry->mode) ? -ELOOP
                                     : synth_open(ref, task, flags, file->mount, file->path, out);
}

static const struct file_ops synth_file_ops = {
    .kind = "synthetic",
    .read = file_synth_read,
    .write = file_synth_write,
    .stat = file_synth_stat,
    .reopen = file_synth_reopen,
    .release = file_synth_release,
};

static const struct file_ops synth_device_ops = {
    .kind = "device",
    .stat = file_synth_stat,
    .reopen = file_synth_reopen,
    .release = file_synth_release,
};

static const struct file_ops synth_dir_ops = {
    .kind = "synthetic directory",
    .read = dir_read_synth,
    .seek = dir_seek_synth,
    .stat = file_synth_stat,
    .getdents = dir_getdents_synth,
    .reopen = file_synth_reopen,
    .release = file_synth_release,
};

const struct synth_ref *synth_of_file(const struct file *file) {
    if (file->ops == &synth_file_ops || file->ops == &synth_dir_ops ||
        file->ops == &synth_device_ops) {
        return &((struct synth_file *)file->data)->ref;
    }
    return NULL;
}

static int make_file(const struct synth_ref *ref, const struct file_ops *ops, int host_fd,
                     int flags, struct file **out) {
    struct file *file = file_create(ops, host_fd, flags);
    if (!file) {
        return -ENOMEM;
    }
    struct synth_file *data = malloc(sizeof *data);
    file->data = data;
    if (!data) {
        file->ops = &file_ops_regular;
        file_unref(file);
        return -ENOMEM;
    }
    data->ref = *ref;
    *out = file;
    return 0;
}

int synth_device_open(const struct synth_ref *ref, const char *host, int flags, struct file **out) {
    int fd = open(host, (flags & (O_ACCMODE | O_NONBLOCK)) | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return -errno;
    }
    return make_file(ref, &synth_device_ops, fd, flags, out);
}

/* An empty memory file; the text comes with the first read. */
static int open_text(const struct synth_ref *ref, int flags, struct file **out) {
    int fd = memfd_create("synthetic", MFD_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    return make_file(ref, &synth_file_ops, fd, flags, out);
}

/* Do the node's own mode bits let the task open it so? */
static int may_open(struct synth_ref *ref, struct task *task, int flags) {
    int mode = flags & O_ACCMODE;
    struct stat st;
    int error = synth_stat(ref, &st);
    if (error) {
        return error;
    }
    if (S_ISDIR(st.st_mode) && (mode != O_RDONLY || (flags & O_TRUNC))) {
        return -EISDIR;
    }
    int want = mode == O_RDONLY ? 4 : mode == O_WRONLY ? 2 : 6;
    error = permission_bits(task, &st, flags & O_TRUNC ? want | 2 : want);
    return ref->entry->guard ? ref->entry->guard(ref, task, error) : error;
}

int synth_open(const struct synth_ref *node, struct task *task, int flags, struct mount *mount,
               const char *path, struct file **out) {
    const struct synth_entry *entry = node->entry;
    struct synth_ref copy = *node, *ref = &copy;
    int error = flags & O_PATH ? 0 : may_open(ref, task, flags);
    if (error) {
        return error;
    }
    if (flags & O_PATH) {
        error =
            make_file(ref, S_ISDIR(entry->mode) ? &synth_dir_ops : &synth_file_ops, -1, flags, out);
    } else if (S_ISDIR(entry->mode)) /* a host descriptor, so that poll and the like have one */
    {
        error = make_file(ref, &synth_dir_ops, open("/dev/null", O_RDONLY | O_CLOEXEC), flags, out);
    } else if (entry->open) {
        error = entry->open(ref, task, flags, out);
    } else {
        error = S_ISREG(entry->mode) ? open_text(ref, flags, out) : -ENXIO;
    }
    if (error) {
        return error;
    }
    if (!(*out)->path) {
        (*out)->path = strdup(path);
        (*out)->mount = (*out)->path && synth_of_file(*out) ? mount : (*out)->mount;
    }
    return 0;
}
