/* Structures of files and directories, their offsets, and record locks. */
#include "test/abi/abi_test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define KERNEL_LARGEFILE 0100000 /* a libc for 64 bits says that it is 0 */

static const off_t beyond = 5000000000; /* an offset that 32 bits do not hold */

/* The guest's user is not the host's: owners are left out. */
static void check_stat(const struct stat *want) {
    struct stat got;
    memcpy(&got, piece_ptr(0), sizeof got);
    CHECK(piece_holds(0, sizeof got), "more or less than a struct stat was written");
    got.st_uid = want->st_uid;
    got.st_gid = want->st_gid;
    CHECK(!memcmp(&got, want, sizeof got), "size %ld, inode %lu, mode %o, mtime %ld",
          (long)got.st_size, (unsigned long)got.st_ino, got.st_mode, (long)got.st_mtime);
}

static void check_stats(int fd) {
    struct stat st;
    struct statfs fs, got;
    stat(host_path("f"), &st);
    RETURNS(0, sys_stat(task, guest_path_of("f"), piece_clear(0)));
    check_stat(&st);
    RETURNS(0, sys_lstat(task, guest_path_of("f"), piece_clear(0)));
    check_stat(&st);
    RETURNS(0, sys_fstat(task, fd, piece_clear(0)));
    check_stat(&st);

    statfs(root_dir, &fs);
    RETURNS(0, sys_statfs(task, guest_path_of(""), piece_clear(0)));
    memcpy(&got, piece_ptr(0), sizeof got);
    CHECK(piece_holds(0, sizeof got) && got.f_type == fs.f_type && got.f_blocks == fs.f_blocks &&
              got.f_files == fs.f_files && got.f_namelen == fs.f_namelen &&
              got.f_flags == fs.f_flags,
          "type %lx", (long)got.f_type);
    RETURNS(0, sys_fstatfs(task, fd, piece_clear(0)));
    CHECK(piece_holds(0, sizeof got) &&
              !memcmp(piece_ptr(0), &got, offsetof(struct statfs, f_bfree)),
          "statfs and fstatfs differ");
}

/* Offsets are as wide as the ABI's long: nothing is too large. */
static void check_offsets(int fd) {
    RETURNS(0, sys_ftruncate(task, fd, beyond));
    RETURNS(beyond, sys_lseek(task, fd, 0, SEEK_END));
    RETURNS(4, sys_write(task, fd, piece_put(1, "tail", 4), 4));
    RETURNS(4, sys_pread64(task, fd, piece_clear(1), 100, beyond));
    int again = (int)sys_open(task, guest_path_of("f"), O_RDONLY, 0);
    CHECK(again >= 0, "a large file opens with %d", again);
    RETURNS(KERNEL_LARGEFILE, sys_fcntl(task, again, F_GETFL, 0));
    int out = (int)sys_open(task, guest_path_of("copy"), O_WRONLY | O_CREAT, 0644);
    off_t from = beyond + 1;
    RETURNS(3, sys_sendfile(task, out, again, piece_put(1, &from, sizeof from), 100));
    memcpy(&from, piece_ptr(1), sizeof from);
    CHECK(piece_holds(1, sizeof from) && from == beyond + 4, "%ld", (long)from);
    RETURNS(0, sys_close(task, again));
    RETURNS(0, sys_close(task, out));
    RETURNS(0, sys_ftruncate(task, fd, 5));
}

/* getdents(2) byte for byte as the host's own, but for positions. */
static void check_directory(void) {
    struct entry {
        unsigned long ino, next;
        unsigned short length;
        char name[];
    };
    static char want[ROOM];
    mkdir(host_path("d"), 0755);
    mkdir(host_path("d/directory"), 0755);
    close(open(host_path("d/a"), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    int host = open(host_path("d"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int fd = (int)sys_open(task, guest_path_of("d"), O_RDONLY | O_DIRECTORY, 0);
    long len = syscall(SYS_getdents, host, want, sizeof want);
    CHECK(len > 0, "%ld", len);
    RETURNS(len, sys_getdents(task, fd, piece_clear(0), ROOM));
    for (long at = 0; at < len; at += ((struct entry *)(want + at))->length) {
        struct entry *theirs = (struct entry *)(want + at);
        struct entry *ours = (struct entry *)((char *)piece_ptr(0) + at);
        bool same = theirs->length == ours->length && !strcmp(theirs->name, ours->name) &&
                    theirs->ino == ours->ino &&
                    want[at + theirs->length - 1] == ((char *)ours)[theirs->length - 1];
        CHECK(same, "%s is told as %.20s", theirs->name, ours->name);
        if (!same) {
            break;
        }
    }
    RETURNS(0, sys_close(task, fd));
    close(host);
}

void test_files(void) {
    int fd = (int)sys_open(task, guest_path_of("f"), O_RDWR | O_CREAT | O_TRUNC, 0644);
    RETURNS(5, sys_write(task, fd, piece_put(1, "hello", 5), 5));
    check_stats(fd);
    check_offsets(fd);
    check_directory();
    RETURNS(0, sys_close(task, fd));
}

/* A lock of the task, seen by another open file description and by nobody else. */
void test_locks(void) {
    struct flock want = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = beyond, .l_len = 77};
    struct flock got = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = (int)sys_open(task, guest_path_of("l"), O_RDWR | O_CREAT, 0644);
    int other = (int)sys_open(task, guest_path_of("l"), O_RDWR, 0);
    RETURNS(0, sys_fcntl(task, fd, F_SETLK, piece_put(0, &want, sizeof want)));
    RETURNS(0, sys_fcntl(task, other, F_OFD_GETLK, piece_put(0, &got, sizeof got)));
    memcpy(&got, piece_ptr(0), sizeof got);
    CHECK(piece_holds(0, sizeof got) && got.l_type == F_WRLCK && got.l_start == beyond &&
              got.l_len == 77 && got.l_pid == task->process->pid,
          "type %d, start %ld, length %ld, pid %d", got.l_type, (long)got.l_start, (long)got.l_len,
          got.l_pid);
    want.l_pid = 0;
    RETURNS(-EAGAIN, sys_fcntl(task, other, F_OFD_SETLK, piece_put(0, &want, sizeof want)));
    RETURNS(-EINVAL, sys_fcntl(task, fd, 12, piece(0))); /* F_GETLK64 is a 32-bit ABI's */
    RETURNS(0, sys_close(task, other));
    RETURNS(0, sys_close(task, fd));
}
