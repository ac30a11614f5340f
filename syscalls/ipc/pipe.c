/* pipe(2): host pipes. Reads and writes are the host's; a write without readers sends SIGPIPE. */
#include "core/space/space.h"
#include "syscalls/fs/fs_place.h"
#include "syscalls/file/io.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "gen/syscall_protos.h"
#include "syscalls/ipc/ipc.h"

const struct file_ops pipe_ops = {
    .kind = "pipe",
    .nowhere = FILE_PIPE,
    .read = stream_read,
    .nowait = stream_nowait,
    .write = stream_write,
    .stat = anon_stat,
    .reopen = file_reopen_inode,
};

long sys_pipe2(struct task *task, gaddr_t fds_at, uint32_t flags) {
    if (flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT)) {
        return -EINVAL;
    }
    int host[2];
    if (pipe2(host, O_CLOEXEC | (int)flags)) {
        return -errno;
    }
    int32_t fds[2];
    fds[0] = io_install(task, &pipe_ops, host[0], O_RDONLY | (int)flags, NULL);
    if (fds[0] < 0) {
        close(host[1]);
        return fds[0];
    }
    fds[1] = io_install(task, &pipe_ops, host[1], O_WRONLY | (int)flags, NULL);
    return fd_give_pair(task, fds_at, fds);
}

long sys_pipe(struct task *task, gaddr_t fds) {
    return sys_pipe2(task, fds, 0);
}
