/* ioctls of regular files and directories: block sizes, extents, flags, clones; who may change
 * them, and through which descriptors. test: -D_FILE_OFFSET_BITS=64 */
#include "fs_test.h"
#include <linux/fiemap.h>
#include <linux/fs.h>

static void extents(const char *what, int fd, unsigned count) {
    struct {
        struct fiemap head;
        struct fiemap_extent extent[4];
    } map = {.head = {.fm_length = FIEMAP_MAX_OFFSET,
                      .fm_flags = FIEMAP_FLAG_SYNC,
                      .fm_extent_count = count}};
    int result = ioctl(fd, FS_IOC_FIEMAP, &map);
    printf("extents of %s: %s, %u", what, result ? strerrorname_np(errno) : "0",
           map.head.fm_mapped_extents);
    if (!result && count && map.head.fm_mapped_extents) {
        printf(", last %d, from %llu, %llu", !!(map.extent[0].fe_flags & FIEMAP_EXTENT_LAST),
               (unsigned long long)map.extent[0].fe_logical,
               (unsigned long long)map.extent[0].fe_length);
    }
    printf("\n");
    fflush(stdout);
}

int main(void) {
    char text[8192];
    memset(text, 'x', sizeof text);
    int fd = open("f", O_RDWR | O_CREAT, 0644), reader = open("f", O_RDONLY);
    int directory = open(".", O_RDONLY), path = open("f", O_PATH), size = 0, pipes[2];
    int empty = open("e", O_RDWR | O_CREAT, 0644), copy = open("c", O_RDWR | O_CREAT, 0644);
    if (write(fd, text, sizeof text) != sizeof text || fsync(fd) || pipe(pipes)) {
        return 1;
    }
    SHOW(ioctl(fd, FIGETBSZ, &size));
    SHOW(size);
    SHOW(ioctl(directory, FIGETBSZ, &size));
    SHOW(ioctl(path, FIGETBSZ, &size));
    SHOW(ioctl(fd, FIGETBSZ, NULL));
    long long bytes = 0;
    SHOW(ioctl(fd, 0x5460 /* FIOQSIZE */, &bytes));
    SHOW(bytes);
    extents("a file", fd, 4);
    extents("a file", reader, 0);
    extents("nothing", empty, 4);
    SHOW(ioctl(fd, FS_IOC_FIEMAP, NULL));
    int block = 0;
    SHOW(ioctl(directory, FIBMAP, &block));

    int flags = 0, now = 0;
    SHOW(ioctl(fd, FS_IOC_GETFLAGS, &flags));
    int wanted = flags | FS_NODUMP_FL;
    SHOW(ioctl(reader, FS_IOC_SETFLAGS, &wanted));
    SHOW(ioctl(fd, FS_IOC_GETFLAGS, &now));
    SHOW(now == wanted);
    SHOW(ioctl(fd, FS_IOC_SETFLAGS, &flags));
    SHOW(ioctl(fd, FS_IOC_SETFLAGS, NULL));
    SHOW(ioctl(path, FS_IOC_SETFLAGS, &flags));
    SHOW(ioctl(pipes[0], FS_IOC_GETFLAGS, &flags));
    unsigned version = 0;
    SHOW(ioctl(fd, FS_IOC_GETVERSION, &version));
    struct fsxattr extended;
    SHOW(ioctl(fd, FS_IOC_FSGETXATTR, &extended));
    SHOW(ioctl(fd, FS_IOC_FSSETXATTR, &extended));

    SHOW(ioctl(copy, FICLONE, 99));
    SHOW(ioctl(copy, FICLONE, path));
    SHOW(ioctl(reader, FICLONE, fd));
    int cloned = ioctl(copy, FICLONE, fd), error = errno;
    struct file_clone_range range = {.src_fd = fd, .src_length = 4096};
    int ranged = ioctl(copy, FICLONERANGE, &range);
    printf("clones: %s, %s\n", cloned ? strerrorname_np(error) : "0",
           ranged ? strerrorname_np(errno) : "0");
    range.src_fd = 99;
    SHOW(ioctl(copy, FICLONERANGE, &range));
    struct {
        struct file_dedupe_range head;
        struct file_dedupe_range_info info[2];
    } same = {.head = {.src_length = 4096, .dest_count = 2}, .info = {{.dest_fd = 99}}};
    same.info[1].dest_fd = copy;
    SHOW(ioctl(fd, FIDEDUPERANGE, &same));
    SHOW(same.info[0].status);

    /* another's file */
    if (!fork()) {
        if (geteuid() == 0 && !setgid(1000) && !setuid(1000)) {
            SHOW(ioctl(fd, FS_IOC_SETFLAGS, &wanted));
            SHOW(ioctl(fd, FS_IOC_FSSETXATTR, &extended));
            SHOW(ioctl(fd, FIBMAP, &block));
        }
        _exit(0);
    }
    wait(NULL);
    return 0;
}
