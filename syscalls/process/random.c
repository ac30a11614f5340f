/* getrandom(2): the host's random numbers. */
#include "syscalls/fs/rw.h"
#include <errno.h>
#include <sys/random.h>
#include <sys/syscall.h>

#include "gen/syscall_protos.h"

#define GRND_ALL (GRND_NONBLOCK | GRND_RANDOM | 0x0004 /* GRND_INSECURE */)

long sys_getrandom(struct task *task, gaddr_t at, uint64_t len, uint32_t flags) {
    if (flags & ~GRND_ALL) {
        return -EINVAL;
    }
    if (len > INT32_MAX) {
        len = INT32_MAX;
    }
    struct iovec out;
    int error = guest_buffer(task, at, len, true, &out);
    if (error) {
        return error;
    }
    long got =
        host_call(task, SYS_getrandom, (long)out.iov_base, (long)out.iov_len, flags, 0, 0, 0);
    return restartable(got);
}
