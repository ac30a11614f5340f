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

/* Counts, flags and addresses that are refused, and requests that nobody knows. */
static void edges(int fd, int pipe_end) {
    struct fiemap map = {.fm_length = FIEMAP_MAX_OFFSET, .fm_extent_count = 0xffffffff};
    char *edge = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int value = 0;
    SHOW(ioctl(fd, FS_IOC_FIEMAP, &map));
    map.fm_extent_count = 0xffffffff / sizeof(struct fiemap_extent) + 1;
    SHOW(ioctl(fd, FS_IOC_FIEMAP, &map));
    map = (struct fiemap){.fm_length = FIEMAP_MAX_OFFSET, .fm_flags = 0x80000000 | 1};
    SHOW(ioctl(fd, FS_IOC_FIEMAP, &map));
    printf("flags that are not known: %x\n", map.fm_flags);
    map = (struct fiemap){.fm_length = 0};
    SHOW(ioctl(fd, FS_IOC_FIEMAP, &map));
    munmap(edge + 4096, 4096);
    struct fiemap *last = (void *)(edge + 4096 - sizeof map);
    *last = (struct fiemap){.fm_length = FIEMAP_MAX_OFFSET};
    SHOW(ioctl(fd, FS_IOC_FIEMAP, last));
    SHOW(last->fm_mapped_extents > 0);
    *last = (struct fiemap){.fm_length = FIEMAP_MAX_OFFSET, .fm_extent_count = 1};
    SHOW(ioctl(fd, FS_IOC_FIEMAP, last));
    SHOW(ioctl(pipe_end, FIGETBSZ, &value) == -1 && errno == EBADF); /* never */
    SHOW(ioctl(pipe_end, FIBMAP, &value));
    SHOW(ioctl(fd, FIBMAP, NULL));
    SHOW(ioctl(fd, 0x4660, &value));
    SHOW(ioctl(fd, _IOR('f', 99, int), &value));
    struct fsxattr extended;
    SHOW(ioctl(fd, FS_IOC_FSGETXATTR, NULL));
    SHOW(ioctl(fd, FS_IOC_FSSETXATTR, NULL));
    SHOW(ioctl(fd, FS_IOC_FSGETXATTR, &extended));
    extended.fsx_xflags |= FS_XFLAG_NOATIME;
    SHOW(ioctl(fd, FS_IOC_FSSETXATTR, &extended));
    SHOW(ioctl(fd, FS_IOC_FSGETXATTR, &extended));
    SHOW(!!(extended.fsx_xflags & FS_XFLAG_NOATIME));
    SHOW(ioctl(fd, FS_IOC_GETFLAGS, &value));
    SHOW(!!(value & FS_NOATIME_FL));
    SHOW(ioctl(fd, FICLONERANGE, NULL));
    SHOW(ioctl(fd, FIDEDUPERANGE, NULL));
    struct file_dedupe_range same = {.src_length = 4096, .dest_count = 0};
    int got = ioctl(fd, FIDEDUPERANGE, &same);
    printf("nothing to compare with: %s\n", got ? strerrorname_np(errno) : "0");
    same.dest_count = 0xffff;
    got = ioctl(fd, FIDEDUPERANGE, &same);
    printf("too much: %s\n", got ? strerrorname_np(errno) : "0");
}

/* A file of many pieces, asked for in portions. */
static void many_extents(void) {
    static struct {
        struct fiemap head;
        struct fiemap_extent extent[1500];
    } map;
    int fd = open("pieces", O_RDWR | O_CREAT, 0644), found = 0, asked = 0, ordered = 1, ended = 0;
    uint64_t at = 0;
    for (int i = 0; i < 1200; i++) {
        (void)!pwrite(fd, "x", 1, (off_t)i * 8192);
    }
    fsync(fd);
    while (!ended && asked++ < 10) {
        map.head = (struct fiemap){.fm_start = at,
                                   .fm_length = FIEMAP_MAX_OFFSET - at,
                                   .fm_flags = FIEMAP_FLAG_SYNC,
                                   .fm_extent_count = 1500};
        if (ioctl(fd, FS_IOC_FIEMAP, &map) || !map.head.fm_mapped_extents) {
            break;
        }
        for (unsigned i = 0; i < map.head.fm_mapped_extents; i++) {
            ordered &= map.extent[i].fe_logical == (uint64_t)found * 8192;
            at = map.extent[i].fe_logical + map.extent[i].fe_length;
            ended |= !!(map.extent[i].fe_flags & FIEMAP_EXTENT_LAST);
            found++;
        }
    }
    printf("pieces: %s\n", found == 1200 && ordered && ended && asked < 3 ? "all"
                           : found                                        ? "other"
                                                                          : "none");
    close(fd);
    unlink("pieces");
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

    edges(fd, pipes[0]);
    many_extents();

    /* another's file, and what no user may do to the own */
    int own = open("own", O_RDWR | O_CREAT, 0600);
    (void)!fchown(own, 1000, 1000);
    if (!fork()) {
        if (geteuid() == 0 && !setgid(1000) && !setuid(1000)) {
            SHOW(ioctl(fd, FS_IOC_SETFLAGS, &wanted));
            SHOW(ioctl(fd, FS_IOC_FSSETXATTR, &extended));
            SHOW(ioctl(fd, FIBMAP, &block));
            SHOW(ioctl(fd, FITRIM, &range));
            SHOW(ioctl(directory, FIFREEZE, 0));
            SHOW(ioctl(directory, FITHAW, 0));
            unsigned bound = FS_APPEND_FL;
            SHOW(ioctl(own, FS_IOC_SETFLAGS, &bound) == -1 && (errno == EPERM || errno == EACCES));
        }
        _exit(0);
    }
    wait(NULL);
    return 0;
}
