/* eventfd(2): a host eventfd. */
#include "syscalls/file/io.h"
#include "syscalls/file/fdinfo.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>

#include "gen/syscall_protos.h"
#include "syscalls/poll/poll.h"

const struct file_ops eventfd_ops = {
    .kind = "anon_inode:[eventfd]",
    .nowhere = FILE_EVENT,
    .read = stream_read,
    .nowait = stream_nowait,
    .write = stream_write,
    .stat = anon_stat,
    .info = fdinfo_of_host,
};

long sys_eventfd2(struct task *task, uint32_t initial, uint32_t flags) {
    if (flags & ~(EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE)) {
        return -EINVAL;
    }
    int fd = eventfd(initial, EFD_CLOEXEC | (int)flags);
    return io_install(task, &eventfd_ops, fd < 0 ? -errno : fd,
                      O_RDWR | (int)(flags & (EFD_CLOEXEC | EFD_NONBLOCK)), NULL);
}

long sys_eventfd(struct task *task, uint32_t initial) {
    return sys_eventfd2(task, initial, 0);
}
