/* ustat(2): free blocks and inodes of the file system on a device. */
#include "gen/syscall_protos.h"
#include "syscalls/abi/abi.h"
#include "syscalls/fs/fs_place.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

/* struct ustat: a 32-bit count, an inode number as wide as a long, two names that Linux leaves
 * empty. */
struct ustat_32 {
    int32_t blocks;
    uint32_t inodes;
    char names[12];
};
struct ustat_64 {
    int32_t blocks, pad;
    uint64_t inodes;
    char names[16];
};

/* The first mount whose files are on the device, which is the lower half of st_dev; NULL: none. */
static struct mount *mount_on(uint32_t dev) {
    for (int i = 0; i < fs_mount_count; i++) {
        struct mount *mount = fs_mount_of(fs_mounts[i].guest, fs_mounts[i].guest_len);
        struct stat st = {.st_dev = mount->ref.dev};
        if (mount->dir >= 0 && fstat(mount->dir, &st)) {
            continue;
        }
        if ((uint32_t)st.st_dev == dev) {
            return mount;
        }
    }
    return NULL;
}

long sys_ustat(struct task *task, uint32_t dev, gaddr_t to) {
    struct statfs fs;
    struct mount *mount = mount_on(dev);
    int error = mount ? mount_statfs(mount, mount->dir, &fs) : -EINVAL;
    if (error) {
        return error;
    }
    if (abi_long_bytes(task) == 4) {
        struct ustat_32 out = {.blocks = (int32_t)fs.f_bfree, .inodes = (uint32_t)fs.f_ffree};
        return guest_write(task->cpu->space, to, &out, sizeof out);
    }
    struct ustat_64 out = {.blocks = (int32_t)fs.f_bfree, .inodes = fs.f_ffree};
    return guest_write(task->cpu->space, to, &out, sizeof out);
}
