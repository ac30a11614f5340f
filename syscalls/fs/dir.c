/* Reading directories: getdents(2), getdents64(2), readdir(2), and the positions in them.
 *
 * Host file systems give 64-bit positions (hashes); a 32-bit guest's telldir and readdir want them
 * in 31 bits. So a guest sees the ordinal of an entry as its position, and the file keeps the
 * host's position of each entry passed (8 bytes per entry). Position 0 is always the beginning. */
#include "syscalls/fs/dir.h"
#include "gen/syscall_protos.h"
#include "syscalls/abi/abi.h"
#include "syscalls/fs/abi_fs.h"
#include "syscalls/fs/fs_place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HOST_BUFFER (32 * 1024)

struct host_dirent {
    uint64_t ino;
    int64_t off;
    uint16_t reclen;
    uint8_t type;
    char name[];
};

/* data of a directory's file; guarded by file->lock */
struct dir_positions {
    int64_t *host; /* host[n]: where the host continues for guest position n; host[0] = 0 */
    size_t known, room;
    size_t at;      /* guest position */
    int64_t beyond; /* how far behind it lseek(2) asked to be: nobody has read so far yet */
    bool ended;     /* the host has no more; what follows from position `end` on are mount points */
    size_t end;
};

static struct dir_positions *positions_of(struct file *file) {
    struct dir_positions *dir = file->data;
    if (dir) {
        return dir;
    }
    dir = calloc(1, sizeof *dir);
    if (!dir) {
        return NULL;
    }
    dir->host = calloc(64, sizeof *dir->host);
    if (!dir->host) {
        free(dir);
        return NULL;
    }
    dir->room = 64;
    dir->known = 1;
    return file->data = dir;
}

/* Remembers that guest position n continues at host position `off`. */
static bool positions_add(struct dir_positions *dir, size_t n, int64_t off) {
    if (n >= dir->room) {
        int64_t *grown = realloc(dir->host, 2 * dir->room * sizeof *grown);
        if (!grown) {
            return false;
        }
        dir->host = grown;
        dir->room *= 2;
    }
    dir->host[n] = off;
    if (n >= dir->known) {
        dir->known = n + 1;
    }
    return true;
}

void dir_release(struct file *file) {
    struct dir_positions *dir = file->data;
    if (dir) {
        free(dir->host);
    }
    free(dir);
    if (file->host_fd >= 0) {
        close(file->host_fd);
    }
}

int64_t dir_seek(struct file *file, int64_t offset, int whence) {
    int64_t result = -EINVAL;
    pthread_mutex_lock(&file->lock);
    struct dir_positions *dir = positions_of(file);
    if (!dir) {
        result = -ENOMEM;
    } else if (whence == SEEK_CUR && offset == 0) {
        result = (int64_t)dir->at + dir->beyond;
    } else if (whence == SEEK_SET && offset >= 0) {
        if (offset == 0) {
            dir->known = 1; /* rewound: entries may come in another order */
            dir->at = 0;
        } else {
            dir->at = (size_t)offset < dir->known ? (size_t)offset : dir->known - 1;
        }
        dir->beyond = offset - (int64_t)dir->at;
        dir->ended = dir->ended && dir->at >= dir->end;
        if (lseek(file->host_fd, dir->host[dir->at], SEEK_SET) < 0) {
            result = -errno;
        } else {
            result = offset;
        }
    }
    pthread_mutex_unlock(&file->lock);
    return result;
}

/* The name of a mount point that lies in this directory and that the host does not list, or NULL.
 */
static const char *unlisted(const struct file *file, const struct mount *mount) {
    const char *path = file->path && strcmp(file->path, "/") ? file->path : "";
    size_t len = strlen(path);
    if (!file->path || mount->node || mount->guest_len <= len + 1 || mount->guest[len] != '/' ||
        memcmp(mount->guest, path, len)) {
        return NULL;
    }
    const char *name = mount->guest + len + 1;
    struct stat st;
    return strchr(name, '/') || !fstatat(file->host_fd, name, &st, AT_SYMLINK_NOFOLLOW) ? NULL
                                                                                        : name;
}

/* At the end of the host's list. 0 or -errno. */
static int list_mount_points(struct file *file, struct dir_positions *dir,
                             int (*emit)(void *arg, const char *name, uint64_t ino, uint8_t type,
                                         int64_t next_offset),
                             void *arg) {
    if (!dir->ended) {
        dir->end = dir->at;
    }
    dir->ended = true;
    size_t passed = dir->at - dir->end;
    for (int i = 1; i < fs_mount_count; i++) {
        const char *name = unlisted(file, &fs_mounts[i]);
        if (!name || (passed && passed--)) {
            continue;
        }
        struct stat st = {.st_ino = 1};
        if (fs_mounts[i].dir >= 0) {
            fstat(fs_mounts[i].dir, &st);
        }
        if (!positions_add(dir, dir->at + 1, dir->host[dir->at])) {
            return -ENOMEM;
        }
        if (emit(arg, name, st.st_ino, DT_DIR, (int64_t)dir->at + 1)) {
            break;
        }
        dir->at++;
    }
    return 0;
}

/* The type to show of an entry: a device is on the host an empty regular file. Only those
 * are looked up, since reading the attribute costs more than the listing. */
static uint8_t shown_type(const struct file *file, const struct host_dirent *entry) {
    struct stat st;
    if (entry->type != DT_REG || !file->mount || !file->mount->metadata ||
        fstatat(file->host_fd, entry->name, &st, AT_SYMLINK_NOFOLLOW) || st.st_size) {
        return entry->type;
    }
    metadata_apply_at(file->host_fd, entry->name, &st);
    return IFTODT(st.st_mode);
}

int dir_getdents(struct file *file, struct task *task,
                 int (*emit)(void *arg, const char *name, uint64_t ino, uint8_t type,
                             int64_t next_offset),
                 void *arg) {
    char *buffer = malloc(HOST_BUFFER);
    int result = 0;
    if (!buffer) {
        return -ENOMEM;
    }
    pthread_mutex_lock(&file->lock);
    struct dir_positions *dir = positions_of(file);
    if (!dir) {
        result = -ENOMEM;
    } else {
        dir->beyond = 0;
    }
    bool full = false;
    while (!result && !full) {
        long got = syscall(SYS_getdents64, file->host_fd, buffer, HOST_BUFFER);
        if (got <= 0) {
            result = got < 0 ? -errno : list_mount_points(file, dir, emit, arg);
            break;
        }
        for (long at = 0; at < got && !full;) {
            struct host_dirent *entry = (struct host_dirent *)(buffer + at);
            if (!positions_add(dir, dir->at + 1, entry->off)) {
                result = -ENOMEM;
                break;
            }
            uint8_t type = shown_type(file, entry);
            if (emit(arg, entry->name, entry->ino, type, (int64_t)dir->at + 1)) {
                full = true;
            } else {
                dir->at++;
            }
            at += entry->reclen;
        }
        if (full) /* back to the first entry that did not fit */
        {
            lseek(file->host_fd, dir->host[dir->at], SEEK_SET);
        }
    }
    pthread_mutex_unlock(&file->lock);
    free(buffer);
    return result;
}

/* --- the calls ------------------------------------------------------------------------- */

struct dirent_out {
    uint8_t *buffer; /* host copy of the guest's buffer */
    size_t used, size;
    dirent_put *put;
    int error;
    int count, most;
};

static int emit_dirent(void *arg, const char *name, uint64_t ino, uint8_t type, int64_t next) {
    struct dirent_out *out = arg;
    const struct dir_entry entry = {name, ino, next, type};
    if (out->count == out->most) {
        return 1;
    }
    size_t room = out->size - out->used;
    size_t length = out->put(out->buffer + out->used, room, &entry);
    if (length > room) {
        if (!out->count) {
            out->error = -EINVAL;
        }
        return 1;
    }
    out->used += length;
    out->count++;
    return 0;
}

long dir_list(struct task *task, int fd, gaddr_t to, size_t size, dirent_put *put, int most) {
    struct file *file = fd_get(task, fd);
    if (!file) {
        return -EBADF;
    }
    long result;
    if (size > 1 << 20) {
        size = 1 << 20;
    }
    struct dirent_out out = {.size = size, .put = put, .most = most};
    if (file->flags & O_PATH) {
        result = -EBADF;
    } else if (!file->ops->getdents) {
        result = -ENOTDIR;
    } else if (!(out.buffer = malloc(size + 1))) {
        result = -ENOMEM;
    } else {
        int64_t before = file->ops->seek ? file->ops->seek(file, 0, SEEK_CUR) : 0;
        result = file->ops->getdents(file, task, emit_dirent, &out);
        if (!result && !out.used) {
            result = out.error;
        }
        if (!result && (result = guest_write(task->cpu->space, to, out.buffer, out.used)) &&
            file->ops->seek) /* nothing was delivered */
        {
            file->ops->seek(file, before, SEEK_SET);
        }
        if (!result) {
            result = most == 1 ? out.count : (long)out.used;
        }
        free(out.buffer);
    }
    file_unref(file);
    return result;
}

/* struct linux_dirent64, the same in every ABI. */
static size_t put_dirent64(uint8_t *to, size_t room, const struct dir_entry *entry) {
    const size_t head = 19; /* d_ino, d_off, d_reclen, d_type */
    size_t name_len = strlen(entry->name);
    size_t bytes = (head + name_len + 1 + 7) & ~(size_t)7;
    uint16_t length = (uint16_t)bytes;
    if (bytes > room) {
        return bytes;
    }
    memset(to, 0, bytes);
    memcpy(to, &entry->ino, 8);
    memcpy(to + 8, &entry->next, 8);
    memcpy(to + 16, &length, 2);
    to[18] = entry->type;
    memcpy(to + head, entry->name, name_len);
    return bytes;
}

/* getdents(2) */
long sys_getdents(struct task *task, int32_t fd, gaddr_t to, uint32_t size) {
    return dir_list(task, fd, to, size, task->abi->fs->put_dirent, -1);
}

/* getdents64(2) */
long sys_getdents64(struct task *task, int32_t fd, gaddr_t to, uint32_t size) {
    return dir_list(task, fd, to, size, put_dirent64, -1);
}
