/* ioctl(2) of regular files and directories: block sizes and maps, clones, attribute flags
 * (ioctl_ficlone(2), ioctl_fideduperange(2), ioctl_iflags(2), linux/fs.h, linux/fiemap.h). Layouts
 * are the same for all ABIs; flags are a long by name and 32 bits in truth. */
#include "syscalls/fs/ioctl_file.h"
#include "syscalls/fs/fs_place.h"
#include "syscalls/fs/privilege.h"
#include "syscalls/task/capability.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define EXTENTS_MOST 1024 /* at a time; who wants more asks again */
#define CLONES_MOST  128

/* Numbers with a long in them, of the 32-bit ABI and of the 64-bit one. */
#define GET_FLAGS32   0x80046601u
#define GET_FLAGS64   0x80086601u
#define SET_FLAGS32   0x40046602u
#define SET_FLAGS64   0x40086602u
#define GET_VERSION32 0x80047601u
#define GET_VERSION64 0x80087601u
#define QUERY_SIZE    0x5460u /* FIOQSIZE of x86 */

/* May the task change the file's flags? As with chmod(2), whatever the descriptor can. */
static int flags_check(struct task *task, struct file *file) {
    struct stat st;
    int error = file_stat(file, &st);
    if (error) {
        return error;
    }
    if (file->given) {
        return -EPERM;
    }
    if (file->mount && file->mount->read_only) {
        return -EROFS;
    }
    return fs_owner_asks(task) && !task_owns(task, &st) ? -EPERM : 0;
}

/* In a private root nothing is made that its host user could not remove. */
static bool binds_host(uint32_t old, uint32_t new) {
    return fs_private_root && ((old ^ new) & (FS_IMMUTABLE_FL | FS_APPEND_FL));
}

static long set_flags(struct task *task, struct file *file, gaddr_t arg) {
    uint32_t want;
    int now = 0;
    int error = flags_check(task, file);
    if (!error) {
        error = guest_read(task->cpu->space, &want, arg, sizeof want);
    }
    if (error) {
        return error;
    }
    if (ioctl(file->host_fd, FS_IOC_GETFLAGS, &now)) {
        return -errno;
    }
    if (binds_host((uint32_t)now, want)) {
        return -EPERM;
    }
    long flags = (long)want;
    privilege_enter(task, file->mount);
    error = ioctl(file->host_fd, FS_IOC_SETFLAGS, &flags) ? -errno : 0;
    privilege_leave();
    return error;
}

static long set_extended(struct task *task, struct file *file, gaddr_t arg) {
    struct fsxattr want, now;
    int error = flags_check(task, file);
    if (!error) {
        error = guest_read(task->cpu->space, &want, arg, sizeof want);
    }
    if (error) {
        return error;
    }
    if (ioctl(file->host_fd, FS_IOC_FSGETXATTR, &now)) {
        return -errno;
    }
    uint32_t binding = FS_XFLAG_IMMUTABLE | FS_XFLAG_APPEND;
    if (fs_private_root && ((want.fsx_xflags ^ now.fsx_xflags) & binding)) {
        return -EPERM;
    }
    privilege_enter(task, file->mount);
    error = ioctl(file->host_fd, FS_IOC_FSSETXATTR, &want) ? -errno : 0;
    privilege_leave();
    return error;
}

/* A request whose argument is `size` bytes that the host fills in. */
static long get_fixed(struct task *task, struct file *file, unsigned long request, gaddr_t arg,
                      size_t size) {
    uint8_t value[64] = {0};
    if (ioctl(file->host_fd, request, value)) {
        return -errno;
    }
    return guest_write(task->cpu->space, arg, value, size);
}

/* FIBMAP: a block's number on the disk, for the superuser. */
static long map_block(struct task *task, struct file *file, gaddr_t arg) {
    int32_t block;
    if (!task_capable(task, CAP_SYS_RAWIO)) {
        return -EPERM;
    }
    int error = guest_read(task->cpu->space, &block, arg, sizeof block);
    if (error) {
        return error;
    }
    if (ioctl(file->host_fd, FIBMAP, &block)) {
        return -errno;
    }
    return guest_write(task->cpu->space, arg, &block, sizeof block);
}

static long map_extents(struct task *task, struct file *file, gaddr_t arg) {
    struct fiemap head;
    int error = guest_read(task->cpu->space, &head, arg, sizeof head);
    if (error) {
        return error;
    }
    if (head.fm_extent_count > UINT32_MAX / sizeof(struct fiemap_extent)) {
        return -EINVAL;
    }
    if (head.fm_extent_count > EXTENTS_MOST) {
        head.fm_extent_count = EXTENTS_MOST;
    }
    struct fiemap *map =
        calloc(1, sizeof head + head.fm_extent_count * sizeof(struct fiemap_extent));
    if (!map) {
        return -ENOMEM;
    }
    *map = head;
    error = ioctl(file->host_fd, FS_IOC_FIEMAP, map) ? -errno : 0;
    size_t filled = map->fm_mapped_extents < head.fm_extent_count ? map->fm_mapped_extents
                                                                  : head.fm_extent_count;
    if ((!error || error == -EBADR) &&
        guest_write(task->cpu->space, arg, map,
                    sizeof head + filled * sizeof(struct fiemap_extent))) {
        error = -EFAULT;
    }
    free(map);
    return error;
}

/* --- clones ---------------------------------------------------------------------------- */

/* The file that is cloned from, or deduplicated into; NULL: no such descriptor. */
static struct file *other_file(struct task *task, int64_t fd) {
    struct file *file = fd < 0 || fd > INT32_MAX ? NULL : fd_get(task, (int)fd);
    if (file && (file->host_fd < 0 || (file->flags & O_PATH))) {
        file_unref(file);
        return NULL;
    }
    return file;
}

static long clone_from(struct task *task, struct file *file, struct file_clone_range *range) {
    struct file *from = other_file(task, range->src_fd);
    if (!from) {
        return -EBADF;
    }
    bool writes = (file->flags & O_ACCMODE) != O_RDONLY;
    if (writes) {
        set_id_on_write(task, file);
    }
    range->src_fd = from->host_fd;
    long result = ioctl(file->host_fd, FICLONERANGE, range) ? -errno : 0;
    if (writes) {
        set_id_on_write(task, file);
    }
    file_unref(from);
    return result;
}

/* One destination at a time. What the task could not write is refused there. */
static void deduplicate_one(struct task *task, struct file *file,
                            const struct file_dedupe_range *head,
                            struct file_dedupe_range_info *info) {
    struct {
        struct file_dedupe_range head;
        struct file_dedupe_range_info info;
    } call = {*head, *info};
    struct file *into = other_file(task, info->dest_fd);
    info->bytes_deduped = 0;
    info->status = !into ? -EBADF : (into->flags & O_ACCMODE) == O_RDONLY ? -EPERM : 0;
    if (!info->status) {
        call.head.dest_count = 1;
        call.info.dest_fd = into->host_fd;
        if (ioctl(file->host_fd, FIDEDUPERANGE, &call)) {
            info->status = -errno;
        } else {
            info->bytes_deduped = call.info.bytes_deduped;
            info->status = call.info.status;
        }
    }
    file_unref(into);
}

static long deduplicate(struct task *task, struct file *file, gaddr_t arg) {
    struct file_dedupe_range head;
    struct file_dedupe_range_info info;
    int error = guest_read(task->cpu->space, &head, arg, sizeof head);
    if (error) {
        return error;
    }
    if (head.dest_count > CLONES_MOST) {
        return -ENOMEM;
    }
    struct file_dedupe_range none = head; /* what the host says of the source alone */
    none.dest_count = 0;
    if (ioctl(file->host_fd, FIDEDUPERANGE, &none)) {
        return -errno;
    }
    for (uint32_t i = 0; i < head.dest_count; i++) {
        gaddr_t at = arg + sizeof head + i * sizeof info;
        error = guest_read(task->cpu->space, &info, at, sizeof info);
        if (error) {
            return error;
        }
        deduplicate_one(task, file, &head, &info);
        error = guest_write(task->cpu->space, at, &info, sizeof info);
        if (error) {
            return error;
        }
    }
    return 0;
}

long file_ioctl(struct task *task, struct file *file, uint32_t request, gaddr_t arg) {
    struct file_clone_range range = {0};
    int error;
    switch (request) {
    case FIGETBSZ:
        return get_fixed(task, file, FIGETBSZ, arg, sizeof(int32_t));
    case QUERY_SIZE:
        return get_fixed(task, file, QUERY_SIZE, arg, sizeof(int64_t));
    case FIBMAP:
        return file->ops == &file_ops_regular ? map_block(task, file, arg) : -ENOTTY;
    case FS_IOC_FIEMAP:
        return map_extents(task, file, arg);
    case GET_FLAGS32:
    case GET_FLAGS64:
        return get_fixed(task, file, FS_IOC_GETFLAGS, arg, sizeof(uint32_t));
    case SET_FLAGS32:
    case SET_FLAGS64:
        return set_flags(task, file, arg);
    case GET_VERSION32:
    case GET_VERSION64:
        return get_fixed(task, file, FS_IOC_GETVERSION, arg, sizeof(uint32_t));
    case FS_IOC_FSGETXATTR:
        return get_fixed(task, file, FS_IOC_FSGETXATTR, arg, sizeof(struct fsxattr));
    case FS_IOC_FSSETXATTR:
        return set_extended(task, file, arg);
    case FITRIM:
    case FIFREEZE:
    case FITHAW: /* of the host's whole file system */
        return -EPERM;
    case FICLONE:
        range.src_fd = (int32_t)arg;
        return clone_from(task, file, &range);
    case FICLONERANGE:
        error = guest_read(task->cpu->space, &range, arg, sizeof range);
        return error ? error : clone_from(task, file, &range);
    case FIDEDUPERANGE:
        return deduplicate(task, file, arg);
    default:
        return -ENOTTY;
    }
}
