/* Shared memory of System V: shmget(2), shmat(2), shmdt(2), shmctl(2). A segment is a memory file
 * that attaching maps; the mappings hold references on it, so that its reference count tells how
 * often it is attached, and a removed segment goes away with its last mapping. */
#include "core/space/space.h"
#include "syscalls/abi/abi.h"
#include "syscalls/file/io.h"
#include "syscalls/ipc/ipc.h"
#include "syscalls/mm/mm.h"
#include "syscalls/task/process.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "gen/syscall_protos.h"

#define FLAG_RDONLY 010000u
#define FLAG_RND    020000u
#define FLAG_REMAP  040000u
#define FLAG_EXEC   0100000u
#define MODE_DEST   01000u /* removed, goes with the last attachment */
#define MODE_LOCKED 02000u
enum {
    SHM_CMD_LOCK = 11,
    SHM_CMD_UNLOCK = 12,
    SHM_CMD_STAT = 13,
    SHM_CMD_INFO = 14,
    SHM_CMD_STAT_ANY = 15
};

struct shm_segment {
    struct ipc_object perm;
    struct file *file; /* one reference; the others are attachments */
    uint64_t bytes;
    int64_t atime, dtime;
    int32_t creator, last;
};

static struct ipc_table segments;

static const struct file_ops shm_ops = {.kind = "regular", .stat = anon_stat};

static uint32_t attached(const struct shm_segment *segment) {
    return (uint32_t)segment->file->refs - 1;
}

/* Frees removed segments whose last attachment went away. */
static void sweep(void) {
    for (int i = 0; i < IPC_MOST_IDS && segments.used; i++) {
        struct shm_segment *segment = (struct shm_segment *)segments.object[i];
        if (!segment || !(segment->perm.mode & MODE_DEST) || attached(segment)) {
            continue;
        }
        ipc_remove(&segments, &segment->perm);
        file_unref(segment->file);
        free(segment);
    }
}

static struct shm_segment *segment_new(struct task *task, int32_t key, uint64_t bytes) {
    struct shm_segment *segment = calloc(1, sizeof *segment);
    int fd = memfd_create("SYSV", MFD_CLOEXEC);
    if (!segment || fd < 0 || ftruncate(fd, (off_t)PAGE_ALIGN(bytes))) {
        if (fd >= 0) {
            close(fd);
        }
        free(segment);
        return NULL;
    }
    segment->file = file_create(&shm_ops, fd, O_RDWR); /* closes fd when it fails */
    if (!segment->file) {
        free(segment);
        return NULL;
    }
    anon_set_owner(segment->file, task);
    if (asprintf(&segment->file->path, "/SYSV%08x (deleted)", (uint32_t)key) < 0) {
        segment->file->path = NULL;
    }
    segment->bytes = bytes;
    segment->creator = task->process->pid;
    return segment;
}

/* SHMMAX of the ABI: what a segment may have at most. */
static uint64_t size_most(const struct task *task) {
    return abi_long_bytes(task) == 4 ? (uint64_t)1 << 31 : UINT64_MAX - (1 << 24);
}

long sys_shmget(struct task *task, int32_t key, uint64_t bytes, uint32_t flags) {
    struct ipc_object *found;
    pthread_mutex_lock(&ipc_lock);
    sweep();
    int id = ipc_get(task, &segments, key, flags, &found);
    if (found && id >= 0 && bytes > ((struct shm_segment *)found)->bytes) {
        id = -EINVAL;
    }
    if (id == 0 && !found) {
        struct shm_segment *segment = NULL;
        if (bytes < 1 || bytes > size_most(task)) {
            id = -EINVAL;
        } else if (!(segment = segment_new(task, key, bytes))) {
            id = -ENOMEM;
        } else {
            id = ipc_add(task, &segments, &segment->perm, key, flags);
        }
        if (id < 0 && segment) {
            file_unref(segment->file);
            free(segment);
        }
    }
    pthread_mutex_unlock(&ipc_lock);
    return id;
}

long sys_shmat(struct task *task, int32_t id, gaddr_t at, uint32_t flags) {
    int error;
    if (at & (PAGE_BYTES - 1)) {
        if (!(flags & FLAG_RND)) {
            return -EINVAL;
        }
        at = PAGE_BASE(at);
    }
    if (!at && (flags & FLAG_REMAP)) {
        return -EINVAL;
    }
    pthread_mutex_lock(&ipc_lock);
    sweep();
    struct shm_segment *segment = (struct shm_segment *)ipc_find(&segments, id, &error);
    if (segment) {
        error = ipc_permission(task, &segment->perm,
                               (flags & FLAG_RDONLY ? 4 : 6) | (flags & FLAG_EXEC ? 1 : 0));
    }
    struct file *file = segment && !error ? file_ref(segment->file) : NULL;
    uint64_t bytes = segment ? segment->bytes : 0;
    if (file) {
        segment->atime = time(NULL);
        segment->last = task->process->pid;
    }
    pthread_mutex_unlock(&ipc_lock);
    if (!file) {
        return error;
    }
    int prot =
        PROT_READ | (flags & FLAG_RDONLY ? 0 : PROT_WRITE) | (flags & FLAG_EXEC ? PROT_EXEC : 0);
    if (task->process->personality & PERSONA_READ_IMPLIES_EXEC) {
        prot |= PROT_EXEC;
    }
    int how = MAP_SHARED | (!at ? 0 : flags & FLAG_REMAP ? MAP_FIXED : MAP_FIXED_NOREPLACE);
    int64_t address = mm_map(task->process->mm, at, PAGE_ALIGN(bytes), prot, how, file, 0, NULL);
    file_unref(file);
    return address == -EEXIST ? -EINVAL : address;
}

/* The first mapping of a segment that was attached at `at`: its file (referenced), or NULL. */
static struct file *attachment(struct mm *mm, gaddr_t at) {
    struct file *file = NULL;
    pthread_mutex_lock(&mm->lock);
    for (size_t i = 0; i < mm->vma_count && !file; i++) {
        struct vma *vma = &mm->vma[i];
        if (vma->file && vma->file->ops == &shm_ops && vma->start - vma->offset == at) {
            file = file_ref(vma->file);
        }
    }
    pthread_mutex_unlock(&mm->lock);
    return file;
}

/* Next piece of the attachment (it may have been cut by munmap or mprotect): false when there is
 * none. */
static bool next_piece(struct mm *mm, struct file *file, gaddr_t at, gaddr_t *start, gaddr_t *len) {
    bool found = false;
    pthread_mutex_lock(&mm->lock);
    for (size_t i = 0; i < mm->vma_count && !found; i++) {
        struct vma *vma = &mm->vma[i];
        if (vma->file != file || vma->start - vma->offset != at) {
            continue;
        }
        *start = vma->start;
        *len = vma->end - vma->start;
        found = true;
    }
    pthread_mutex_unlock(&mm->lock);
    return found;
}

long sys_shmdt(struct task *task, gaddr_t at) {
    struct mm *mm = task->process->mm;
    if (at & (PAGE_BYTES - 1)) {
        return -EINVAL;
    }
    struct file *file = attachment(mm, at);
    if (!file) {
        return -EINVAL;
    }
    gaddr_t start, len;
    while (next_piece(mm, file, at, &start, &len) && !mm_unmap(mm, start, len)) {
    }
    pthread_mutex_lock(&ipc_lock);
    for (int i = 0; i < IPC_MOST_IDS; i++) {
        struct shm_segment *segment = (struct shm_segment *)segments.object[i];
        if (segment && segment->file == file) {
            segment->dtime = time(NULL);
            segment->last = task->process->pid;
        }
    }
    pthread_mutex_unlock(&ipc_lock);
    file_unref(file);
    pthread_mutex_lock(&ipc_lock);
    sweep();
    pthread_mutex_unlock(&ipc_lock);
    return 0;
}

/* --- shmctl ---------------------------------------------------------------------------- */

static long limits(struct task *task, gaddr_t at) {
    /* struct shminfo64, of longs: max, min, mni, seg, all; four spare */
    int64_t all = abi_long_bytes(task) == 4 ? INT32_MAX : (int64_t)size_most(task);
    int64_t info[9] = {(int64_t)size_most(task), 1, IPC_MOST_IDS, IPC_MOST_IDS, all};
    pthread_mutex_lock(&ipc_lock);
    int highest = ipc_highest(&segments);
    pthread_mutex_unlock(&ipc_lock);
    return abi_write_longs(task, at, info, ARRAY_LEN(info)) ? -EFAULT : highest;
}

static long usage(struct task *task, gaddr_t at) {
    /* struct shm_info: used_ids (an int, then padding where longs are wider), tot, rss, swp,
     * swap_attempts, swap_successes */
    int64_t info[6] = {0};
    pthread_mutex_lock(&ipc_lock);
    sweep();
    info[0] = segments.used;
    for (int i = 0; i < IPC_MOST_IDS; i++) {
        if (segments.object[i]) {
            info[1] += (int64_t)(PAGE_ALIGN(((struct shm_segment *)segments.object[i])->bytes) /
                                 PAGE_BYTES);
        }
    }
    info[2] = info[1];
    int highest = ipc_highest(&segments);
    pthread_mutex_unlock(&ipc_lock);
    return abi_write_longs(task, at, info, ARRAY_LEN(info)) ? -EFAULT : highest;
}

static long segment_status(struct task *task, int32_t id, int32_t command, gaddr_t at) {
    int error = -EINVAL;
    struct shm_status status;
    pthread_mutex_lock(&ipc_lock);
    sweep();
    struct ipc_object *object =
        command == IPC_CMD_STAT ? ipc_find(&segments, id, &error) : ipc_at(&segments, id);
    long result = !object                       ? error
                  : command == SHM_CMD_STAT_ANY ? 0
                                                : ipc_permission(task, object, 4);
    if (!result) {
        struct shm_segment *s = (struct shm_segment *)object;
        status = (struct shm_status){s->perm,    s->bytes, s->atime,   s->dtime,
                                     s->creator, s->last,  attached(s)};
        result = command == IPC_CMD_STAT ? 0 : object->id;
    }
    pthread_mutex_unlock(&ipc_lock);
    return result >= 0 && task->abi->ipc->put_shm(task, at, &status) ? -EFAULT : result;
}

static long change_segment(struct task *task, int32_t id, int32_t command, gaddr_t at) {
    struct ipc_object perm;
    int error;
    if (command == IPC_CMD_SET && task->abi->ipc->get_perm(task, at, &perm, NULL)) {
        return -EFAULT;
    }
    pthread_mutex_lock(&ipc_lock);
    struct shm_segment *segment = (struct shm_segment *)ipc_find(&segments, id, &error);
    long result = segment ? ipc_owner(task, &segment->perm) : error;
    if (!result && command == IPC_CMD_RMID) {
        segment->perm.key = 0; /* nobody finds it any more */
        segment->perm.mode |= MODE_DEST;
        sweep();
    } else if (!result && command == IPC_CMD_SET) {
        segment->perm.uid = perm.uid;
        segment->perm.gid = perm.gid;
        segment->perm.mode = (segment->perm.mode & ~0777u) | perm.mode;
        segment->perm.ctime = time(NULL);
    } else if (!result && command == SHM_CMD_LOCK) {
        segment->perm.mode |= MODE_LOCKED;
    } else if (!result) {
        segment->perm.mode &= ~MODE_LOCKED;
    }
    pthread_mutex_unlock(&ipc_lock);
    return result;
}

long sys_shmctl(struct task *task, int32_t id, int32_t command, gaddr_t at) {
    command &= ~IPC_FLAG_64;
    if (id < 0 || command < 0) {
        return -EINVAL;
    }
    switch (command) {
    case IPC_CMD_INFO:
        return limits(task, at);
    case SHM_CMD_INFO:
        return usage(task, at);
    case IPC_CMD_STAT:
    case SHM_CMD_STAT:
    case SHM_CMD_STAT_ANY:
        return segment_status(task, id, command, at);
    case IPC_CMD_SET:
    case IPC_CMD_RMID:
    case SHM_CMD_LOCK:
    case SHM_CMD_UNLOCK:
        return change_segment(task, id, command, at);
    }
    return -EINVAL;
}
