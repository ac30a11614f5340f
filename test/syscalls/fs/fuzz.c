/* Random file calls with random and hostile arguments, in a private root: test/suites/fs.py runs it
 * with a seed and seconds. Nothing may crash or hang; what lies outside stays as it was. Without
 * arguments there is nothing to do. */
#include "fs_test.h"
#include "test/syscalls/numbers.h"
#include <stdbool.h>

static uint32_t state;

static uint32_t next(void) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

/* What is tried. */
static const int calls[] = {
    SYS_read,
    SYS_write,
    SYS_open,
    SYS_close,
    SYS_creat,
    SYS_link,
    SYS_unlink,
    SYS_chdir,
    SYS_mknod,
    SYS_chmod,
    SYS_lchown,
    SYS_lseek,
    SYS_utime,
    SYS_access,
    SYS_rename,
    SYS_mkdir,
    SYS_rmdir,
    SYS_dup,
    SYS_ioctl,
    SYS_fcntl,
    SYS_umask,
    SYS_chroot,
    SYS_dup2,
    SYS_symlink,
    SYS_readlink,
    SYS_truncate,
    SYS_ftruncate,
    SYS_fchmod,
    SYS_fchown,
    SYS_statfs,
    SYS_fstatfs,
    SYS_stat,
    SYS_lstat,
    SYS_fstat,
    SYS_fsync,
    SYS_fchdir,
    SYS__llseek,
    SYS_getdents,
    SYS_flock,
    SYS_readv,
    SYS_writev,
    SYS_fdatasync,
    SYS_pread64,
    SYS_pwrite64,
    SYS_chown,
    SYS_getcwd,
    SYS_sendfile,
    SYS_truncate64,
    SYS_ftruncate64,
    SYS_stat64,
    SYS_fstat64,
    SYS_fchown32,
    SYS_getdents64,
    SYS_fcntl64,
    SYS_readahead,
    SYS_setxattr,
    SYS_lsetxattr,
    SYS_fsetxattr,
    SYS_getxattr,
    SYS_lgetxattr,
    SYS_fgetxattr,
    SYS_listxattr,
    SYS_llistxattr,
    SYS_flistxattr,
    SYS_removexattr,
    SYS_lremovexattr,
    SYS_fremovexattr,
    SYS_sendfile64,
    SYS_fadvise64,
    SYS_fstatfs64,
    SYS_utimes,
    SYS_fadvise64_64,
    SYS_inotify_init,
    SYS_inotify_add_watch,
    SYS_inotify_rm_watch,
    SYS_openat,
    SYS_mkdirat,
    SYS_mknodat,
    SYS_fchownat,
    SYS_futimesat,
    SYS_fstatat64,
    SYS_unlinkat,
    SYS_renameat,
    SYS_linkat,
    SYS_symlinkat,
    SYS_readlinkat,
    SYS_fchmodat,
    SYS_faccessat,
    SYS_splice,
    SYS_sync_file_range,
    SYS_tee,
    SYS_vmsplice,
    SYS_utimensat,
    SYS_fallocate,
    SYS_dup3,
    SYS_inotify_init1,
    SYS_preadv,
    SYS_pwritev,
    SYS_syncfs,
    SYS_renameat2,
    SYS_memfd_create,
    SYS_copy_file_range,
    SYS_preadv2,
    SYS_pwritev2,
    SYS_statx,
    SYS_close_range,
    SYS_openat2,
    SYS_faccessat2,
#ifdef __i386__
    SYS_oldstat,
    SYS_oldfstat,
    SYS_oldlstat,
    SYS_readdir,
    SYS_lstat64,
    SYS_lchown32,
    SYS_chown32,
    SYS_statfs64,
    SYS_utimensat_time64,
#endif
};

static const char *const paths[] = {"a",
                                    "b",
                                    "c",
                                    "d",
                                    "d/e",
                                    "d/f",
                                    "l",
                                    "d/l2",
                                    "/proc/self",
                                    "/proc/self/fd/3",
                                    "/proc/self/fd",
                                    "/proc/self/cwd/a",
                                    "/proc/1/fd",
                                    "/proc/self/task",
                                    "/proc/self/mem",
                                    "/proc/self/maps",
                                    "/dev/null",
                                    "/dev/zero",
                                    "/dev/ptmx",
                                    "/dev/pts",
                                    "/dev/pts/0",
                                    "/dev/tty",
                                    "/dev/shm",
                                    "/dev/shm/x",
                                    "/dev/fd/4",
                                    "/dev",
                                    "/",
                                    "..",
                                    "../..",
                                    ".",
                                    "",
                                    "a/",
                                    "d/",
                                    "l/",
                                    "/sys/devices",
                                    "/proc/sys/kernel/random/uuid",
                                    "/dev/stdin",
                                    "user.x",
                                    "user.containers.override_stat",
                                    "/w/d/../a",
                                    "nothing/x",
                                    "loop",
                                    "../../canary",
                                    "/../canary"};

static char *memory; /* two writable pages, a read-only one, one that is missing */

static long argument(void) {
    switch (next() % 12) {
    case 0:
        return next() % 24;
    case 1:
        return -1;
    case 2:
        return AT_FDCWD;
    case 3 ... 6: {
        char *at = memory + next() % 64 * 64;
        if (next() % 4) {
            strcpy(at, paths[next() % (sizeof paths / sizeof *paths)]);
        }
        return (long)at;
    }
    case 7:
        return next() & 0777777;
    case 8:
        return 1 << next() % 31;
    case 9:
        return (long)next();
    case 10:
        return next() % 5000;
    default:
        return (long)(memory + 4096 * (1 + next() % 3) - next() % 40);
    }
}

static void on_alarm(int sig) {
    (void)sig;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        return 0;
    }
    state = (uint32_t)atoi(argv[1]) * 2654435761u + 1;
    time_t end = time(NULL) + atoi(argv[2]);
    memory = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(memory + 8192, 4096, PROT_READ);
    munmap(memory + 12288, 4096);
    for (int i = 1; i < 32; i++) {
        signal(i, SIG_IGN);
    }
    struct sigaction sa = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &sa, NULL); /* ends calls that wait */
    struct itimerval ticks = {{0, 50000}, {0, 50000}};
    setitimer(ITIMER_REAL, &ticks, NULL);
    mkdir("d", 0777);
    symlink("a", "l");
    symlink("loop", "loop");
    long count = 0;
    for (; time(NULL) < end; count++) {
        long a[6];
        for (int i = 0; i < 6; i++) {
            a[i] = argument();
        }
        int call = calls[next() % (sizeof calls / sizeof *calls)];
        bool sizes = call == SYS_truncate || call == SYS_ftruncate || call == SYS_truncate64 ||
                     call == SYS_ftruncate64 || call == SYS_fallocate;
        if (sizes) { /* no files that fill the disk */
            a[1] &= 0xffff;
            a[2] = a[3] = a[4] = a[5] = 0;
        }
        syscall(call, a[0], a[1], a[2], a[3], a[4], a[5]);
        if (next() % 200 == 0) {
            for (int i = 3; i < 24; i++) {
                close(i);
            }
        }
        if (next() % 500 == 0) {
            chdir("/w");
            mkdir("d", 0777);
        }
    }
    return count < 100;
}
