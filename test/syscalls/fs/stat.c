/* stat in all its forms agrees with itself; modes, owners, times; access; statfs.
 * test: own */
#include "fs_test.h"
#include "test/syscalls/numbers.h"

/* What SYS_lstat fills. */
#ifdef __x86_64__
struct plain_stat {
    uint64_t dev, ino, nlink;
    uint32_t mode, uid, gid, pad;
    uint64_t rdev, size, blksize, blocks, atime, atime_ns, mtime, mtime_ns, ctime, ctime_ns, x[3];
};
#define WHOLE(id) (id)
#else
struct plain_stat {
    uint32_t dev, ino;
    uint16_t mode, nlink, uid, gid;
    uint32_t rdev, size, blksize, blocks, atime, atime_ns, mtime, mtime_ns, ctime, ctime_ns, x[2];
};
#define WHOLE(id) (uint16_t)(id)
#endif

static void agree(const char *name) {
    struct stat64 st;
    struct plain_stat mid;
    struct statx sx;
    if (lstat64(name, &st) || syscall(SYS_lstat, name, &mid) ||
        statx(AT_FDCWD, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &sx)) {
        printf("%s: %s\n", name, strerrorname_np(errno));
        return;
    }
    int same = st.st_mode == mid.mode && st.st_mode == sx.stx_mode &&
               (uint64_t)st.st_size == mid.size && (uint64_t)st.st_size == sx.stx_size &&
               WHOLE(st.st_uid) == mid.uid && st.st_uid == sx.stx_uid &&
               (uint32_t)st.st_mtime == mid.mtime && st.st_mtime == sx.stx_mtime.tv_sec &&
               st.st_ino == sx.stx_ino && st.st_nlink == mid.nlink &&
               (uint32_t)st.st_mtim.tv_nsec == mid.mtime_ns &&
               makedev(sx.stx_dev_major, sx.stx_dev_minor) == st.st_dev &&
               makedev(sx.stx_rdev_major, sx.stx_rdev_minor) == st.st_rdev;
    printf("%s: %s %06o\n", name, same ? "agree" : "differ", st.st_mode);
}

static void show_times(const char *name) {
    struct stat st;
    if (lstat(name, &st)) {
        printf("%s: %s\n", name, strerrorname_np(errno));
    } else {
        printf("%s: %lld.%09ld %lld.%09ld\n", name, (long long)st.st_atim.tv_sec,
               st.st_atim.tv_nsec, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    }
}

int main(void) {
    umask(0);
    int fd = file_with("f", "hello");
    mkdir("d", 0750);
    symlink("f", "l");
    mkfifo("p", 0600);
    agree("f");
    agree("d");
    agree("l");
    agree("p");
    agree("/dev/null");
    agree("/dev/zero");
    agree("nothing");
    struct stat st;
    SHOW(stat("/dev/null", &st));
    SHOW(st.st_rdev == makedev(1, 3));
    SHOW(fstatat(fd, "", &st, AT_EMPTY_PATH));
    SHOW(st.st_size);
    SHOW(fstatat(fd, "", &st, 0));
    SHOW(fstatat(AT_FDCWD, "l", &st, AT_SYMLINK_NOFOLLOW));
    SHOW(st.st_size);
    SHOW(fstatat(AT_FDCWD, "l/", &st, AT_SYMLINK_NOFOLLOW));
    SHOW(fstatat(AT_FDCWD, "f", &st, 0x10));
    SHOW(fstat(99, &st));
    SHOW(syscall(SYS_stat64, "f", 8));
    struct statx sx;
    SHOW(statx(AT_FDCWD, "f", 0x6000, STATX_ALL, &sx));
    SHOW(statx(AT_FDCWD, "f", 0, 0x80000000u, &sx));
    SHOW(statx(fd, "", AT_EMPTY_PATH, STATX_ALL, &sx));
    SHOW(sx.stx_size);

    SHOW(chmod("f", 0123));
    show_stat("f");
    SHOW(chmod("l", 0640));
    show_stat("f");
    show_stat("l");
    SHOW(fchmod(fd, 07777));
    show_stat("f");
    SHOW(fchmodat(AT_FDCWD, "d", 0700, 0));
    show_stat("d");
    SHOW(chmod("nothing", 0));
    SHOW(chown("f", -1, -1));
    show_stat("f");
    SHOW(chown("f", getuid(), getgid()));
    show_stat("f");
    SHOW(lchown("l", getuid(), getgid()));
    SHOW(fchown(fd, getuid(), -1));
    SHOW(fchownat(AT_FDCWD, "f", -1, -1, 0x20));
    SHOW(fchownat(fd, "", -1, -1, AT_EMPTY_PATH));
    SHOW(fchown(99, 0, 0));
    SHOW(chmod("f", 0644));

    struct timespec times[2] = {{1000000001, 123456789}, {1000000002, 987654321}};
    SHOW(utimensat(AT_FDCWD, "f", times, 0));
    show_times("f");
    times[0].tv_nsec = UTIME_OMIT;
    times[1] = (struct timespec){5, 6};
    SHOW(utimensat(AT_FDCWD, "l", times, 0));
    show_times("f");
    SHOW(utimensat(AT_FDCWD, "l", (struct timespec[2]){{7, 8}, {9, 10}}, AT_SYMLINK_NOFOLLOW));
    show_times("l");
    show_times("f");
    SHOW(futimens(fd, (struct timespec[2]){{4000000000ll, 1}, {-5, 2}}));
    show_times("f");
    times[0].tv_nsec = 1000000000;
    SHOW(utimensat(AT_FDCWD, "f", times, 0));
    SHOW(utimensat(AT_FDCWD, "f", times, 0x1));
    SHOW(utimes("f", (struct timeval[2]){{11, 12}, {13, 14}}));
    show_times("f");
    SHOW(utimes("f", (struct timeval[2]){{11, 1000000}, {13, 14}}));
    SHOW(syscall(SYS_utime, "f", (long[2]){21, 22}));
    show_times("f");
    time_t before = time(NULL);
    SHOW(utimensat(AT_FDCWD, "f", NULL, 0));
    stat("f", &st);
    SHOW(st.st_mtime >= before - 1 && st.st_mtime <= before + 5);
    SHOW(utimensat(AT_FDCWD, "nothing", NULL, 0));

    SHOW(access("f", F_OK));
    SHOW(access("f", R_OK | W_OK));
    SHOW(access("f", X_OK));
    SHOW(access("d", X_OK));
    SHOW(access("nothing", F_OK));
    SHOW(access("f/x", F_OK));
    SHOW(access("f", 8));
    SHOW(faccessat(AT_FDCWD, "l", R_OK, AT_SYMLINK_NOFOLLOW));
    SHOW(faccessat(AT_FDCWD, "f", R_OK, AT_EACCESS));
    SHOW(syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, 0x1));

    struct statfs fs;
    SHOW(statfs(".", &fs));
    SHOW(fs.f_namelen);
    SHOW(statfs("nothing", &fs));
    SHOW(fstatfs(fd, &fs));
    SHOW(statfs("/proc", &fs));
    SHOW(fs.f_type == 0x9fa0);
#ifdef SYS_statfs64
    SHOW(syscall(SYS_statfs64, ".", 12, &fs));
#endif
    SHOW(syscall(SYS_umask, 0777));
    SHOW(syscall(SYS_umask, 01022));
    SHOW(syscall(SYS_umask, 0));
    return 0;
}
