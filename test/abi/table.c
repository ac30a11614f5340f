/* The x86-64 table of calls: calls by their numbers, with arguments as registers hold them. */
#include "syscalls/abi/x86_64/x86_64.h"
#include "test/abi/abi_test.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdint.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define HIGH 0xabcdef0000000000 /* above what an int is of a register */

static const int64_t beyond = 5000000000; /* an offset that 32 bits do not hold */

#define CALL(number, ...) call(number, (const uint64_t[6]){__VA_ARGS__})

static long call(long number, const uint64_t args[6]) {
    const struct syscall_table *table = &abi_x86_64_calls;
    const struct syscall_row *row = number < table->count ? &table->row[number] : NULL;
    return row && row->call ? row->call(task, args) : -ENOSYS;
}

/* Offsets are in one register; preadv and pwritev pass over one more, and flags come after it. */
static void check_offsets(void) {
    struct iovec iov = {(void *)(uintptr_t)piece(2), 4};
    long fd =
        CALL(SYS_openat, HIGH | (uint32_t)AT_FDCWD, guest_path_of("t"), O_RDWR | O_CREAT, 0600);
    CHECK(fd >= 0, "openat is %ld", fd);
    uint64_t file = HIGH | (uint64_t)fd;
    RETURNS(0, CALL(SYS_ftruncate, file, (uint64_t)beyond));
    RETURNS(4, CALL(SYS_pwrite64, file, piece_put(2, "tail", 4), 4, (uint64_t)beyond));
    RETURNS(beyond + 4, CALL(SYS_lseek, file, 0, SEEK_END));
    RETURNS(beyond - 4, CALL(SYS_lseek, file, (uint64_t)-8, SEEK_CUR));
    RETURNS(3, CALL(SYS_pread64, file, piece_clear(1), 100, (uint64_t)beyond + 1));
    CHECK(!memcmp(piece_ptr(1), "ail", 3), "%.3s", (char *)piece_ptr(1));

    gaddr_t vector = piece_put(0, &iov, sizeof iov);
    RETURNS(4, CALL(SYS_preadv, file, vector, 1, (uint64_t)beyond, HIGH));
    RETURNS(4, CALL(SYS_pwritev, file, vector, 1, (uint64_t)beyond, HIGH));
    RETURNS(4, CALL(SYS_preadv2, file, vector, 1, (uint64_t)beyond, HIGH, 0));
    RETURNS(4, CALL(SYS_pwritev2, file, vector, 1, (uint64_t)beyond, 0, RWF_APPEND));
    RETURNS(-EOPNOTSUPP, CALL(SYS_preadv2, file, vector, 1, (uint64_t)beyond, 0, 0x40000000));
    RETURNS(-EINVAL, CALL(SYS_readv, file, vector, 0x100000001));
    RETURNS(-EINVAL, CALL(SYS_pread64, file, piece(1), 1, (uint64_t)INT64_MIN));

    RETURNS(0, CALL(SYS_fallocate, file, 0, (uint64_t)beyond, 100));
    RETURNS(0, CALL(SYS_fadvise64, file, (uint64_t)beyond, 0x100000000, POSIX_FADV_NORMAL));
    RETURNS(0, CALL(SYS_sync_file_range, file, (uint64_t)beyond, 100, 0));
    RETURNS(0, CALL(SYS_readahead, file, (uint64_t)beyond, 100));
    struct stat st;
    RETURNS(0, CALL(SYS_newfstatat, file, piece_put(1, "", 1), piece_clear(3), AT_EMPTY_PATH));
    memcpy(&st, piece_ptr(3), sizeof st);
    CHECK(piece_holds(3, sizeof st) && st.st_size == beyond + 100, "%ld", (long)st.st_size);
    RETURNS(0, CALL(SYS_truncate, guest_path_of("t"), 4096 * 3));

    /* mmap's offset counts bytes */
    RETURNS(3, CALL(SYS_pwrite64, file, piece_put(1, "map", 3), 3, 4096 * 2));
    long at = CALL(SYS_mmap, 0, 4096, PROT_READ, HIGH | MAP_PRIVATE, file, 4096 * 2);
    CHECK(at > 0 && !memcmp(space_ptr(task->cpu->space, (gaddr_t)at), "map", 3), "mmap is %ld", at);
    RETURNS(-EINVAL, CALL(SYS_mremap, (uint64_t)at, 4096, 8192, 0x100000000 | MREMAP_MAYMOVE));
    RETURNS(0, CALL(SYS_munmap, (uint64_t)at, 4096));
    RETURNS(-EINVAL, CALL(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE, file, 2));
    RETURNS(-EINVAL, CALL(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, 0, 2));
    RETURNS(0, CALL(SYS_close, file));
}

/* Calls that i386 has by another name, another way, or not at all. */
static void check_own(void) {
    struct sembuf up = {0, 1, 0}, down = {0, -1, 0};
    struct timespec short_time = {0, 1000000};
    long id = CALL(SYS_semget, IPC_PRIVATE, 1, 0600);
    RETURNS(0, CALL(SYS_semop, (uint64_t)id, piece_put(0, &up, sizeof up), 1));
    RETURNS(0, CALL(SYS_semtimedop, (uint64_t)id, piece_put(0, &down, sizeof down), 1, 0));
    RETURNS(-EAGAIN, CALL(SYS_semtimedop, (uint64_t)id, piece(0), 1,
                          piece_put(1, &short_time, sizeof short_time)));
    RETURNS(0, CALL(SYS_semctl, (uint64_t)id, 0, IPC_RMID, 0));
    RETURNS(task->process->uid, CALL(SYS_getuid));
    RETURNS(-ENOTSOCK, CALL(SYS_accept, (uint64_t)CALL(SYS_dup, 0), 0, 0));
    RETURNS(-ENOSYS, CALL(SYS_set_thread_area, piece(0)));
    RETURNS(-EINVAL, CALL(SYS_get_mempolicy, 0, 0, 0, 0, 0x100000000));
    RETURNS(-EINVAL, CALL(SYS_process_vm_readv, (uint64_t)task->process->pid, piece(0), 0, piece(0),
                          0, 0x100000000));
    RETURNS(-EINVAL, CALL(SYS_fcntl, 0, F_SETSIG, 0x100000001));
}

/* clone(2): flags, stack, where the parent and where the child puts its number, thread pointer. */
static void check_clone(void) {
    const uint64_t flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                           CLONE_SETTLS | CLONE_PARENT_SETTID;
    piece_clear(0);
    thread_pointer = 0;
    long tid = CALL(SYS_clone, flags, 0, piece(0), piece(0) + 8, 0x123456789000);
    CHECK(tid > 0, "clone is %ld", tid);
    for (int i = 0; i < 1000 && !thread_pointer; i++) {
        usleep(1000);
    }
    int32_t parent;
    memcpy(&parent, piece_ptr(0), sizeof parent);
    CHECK(parent == tid && piece_holds(0, sizeof parent), "the parent has %d, not %ld", parent,
          tid);
    CHECK(thread_pointer == 0x123456789000, "the thread pointer is %lx",
          (unsigned long)thread_pointer);
}

void test_table(void) {
    check_offsets();
    check_own();
    check_clone();
}
