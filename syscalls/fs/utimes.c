/* Times of files: utime(2), utimes(2), futimesat(2), utimensat(2). Setting them is fs_attr.c's. */
#include "gen/syscall_protos.h"
#include "syscalls/abi/abi.h"
#include "syscalls/abi/times.h"
#include "syscalls/fs/fs_attr.h"

#include <errno.h>
#include <fcntl.h>

/* struct utimbuf: two time_t */
long sys_utime(struct task *task, gaddr_t path, gaddr_t from) {
    int64_t in[2];
    if (!from) {
        return fs_set_times(task, AT_FDCWD, path, NULL, 0);
    }
    if (abi_read_longs(task, from, in, 2)) {
        return -EFAULT;
    }
    struct timespec times[2] = {{in[0], 0}, {in[1], 0}};
    return fs_set_times(task, AT_FDCWD, path, times, 0);
}

long sys_futimesat(struct task *task, int32_t dirfd, gaddr_t path, gaddr_t from) {
    const struct abi_times *layout = task->abi->times;
    struct timeval in[2];
    struct timespec times[2];
    if (!from) {
        return fs_set_times(task, dirfd, path, NULL, 0);
    }
    if (layout->get_timeval(task, from, &in[0]) ||
        layout->get_timeval(task, from + layout->pair_bytes, &in[1])) {
        return -EFAULT;
    }
    for (int i = 0; i < 2; i++) {
        if (in[i].tv_usec < 0 || in[i].tv_usec >= 1000000) {
            return -EINVAL;
        }
        times[i] = (struct timespec){in[i].tv_sec, in[i].tv_usec * 1000};
    }
    return fs_set_times(task, dirfd, path, times, 0);
}

long sys_utimes(struct task *task, gaddr_t path, gaddr_t from) {
    return sys_futimesat(task, AT_FDCWD, path, from);
}

static long utimensat_as(struct task *task, const struct abi_times *layout, int32_t dirfd,
                         gaddr_t path, gaddr_t from, uint32_t flags) {
    struct timespec times[2];
    if (!from) {
        return fs_set_times(task, dirfd, path, NULL, flags);
    }
    if (layout->get_timespec(task, from, &times[0]) ||
        layout->get_timespec(task, from + layout->pair_bytes, &times[1])) {
        return -EFAULT;
    }
    return fs_set_times(task, dirfd, path, times, flags);
}

long sys_utimensat(struct task *task, int32_t dirfd, gaddr_t path, gaddr_t from, uint32_t flags) {
    return utimensat_as(task, task->abi->times, dirfd, path, from, flags);
}

long sys_utimensat_time64(struct task *task, int32_t dirfd, gaddr_t path, gaddr_t from,
                          uint32_t flags) {
    return utimensat_as(task, task->abi->times64, dirfd, path, from, flags);
}
