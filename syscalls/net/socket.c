/* socket(2), bind(2), connect(2), listen(2), accept(2) and the calls on addresses: host sockets.
 * Families: unix, IPv4, IPv6, and netlink's route family; others are EAFNOSUPPORT. */
#include "syscalls/net/socket.h"
#include "core/space/space.h"
#include "syscalls/fs/privilege.h"
#include "syscalls/task/process.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gen/syscall_protos.h"

/* --- the file -------------------------------------------------------------------------- */

static ssize_t socket_read_flags(struct file *file, struct task *task, const struct iovec *iov,
                                 int count, int flags) {
    struct msghdr host = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)count};
    size_t most;
    long done = unix_tokens_come(file, &most)
                    ? socket_receive_token(task, file, &host, most, (uint32_t)flags)
                : flags ? host_call(task, SYS_recvmsg, file->host_fd, (long)&host, flags, 0, 0, 0)
                        : host_call(task, SYS_readv, file->host_fd, (long)iov, count, 0, 0, 0);
    return socket_interrupted(file, SO_RCVTIMEO, done);
}

static ssize_t socket_read(struct file *file, struct task *task, const struct iovec *iov, int count,
                           int64_t offset) {
    return offset >= 0 ? -ESPIPE : socket_read_flags(file, task, iov, count, 0);
}

void socket_broken_pipe(struct task *task, struct file *file) {
    int type = 0;
    if (!getsockopt(file->host_fd, SOL_SOCKET, SO_TYPE, &type, &(socklen_t){sizeof type}) &&
        type == SOCK_STREAM) {
        task_send_sigpipe(task);
    }
}

static ssize_t socket_write_flags(struct file *file, struct task *task, const struct iovec *iov,
                                  int count, int flags) {
    struct msghdr host = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)count};
    struct unix_sender sender;
    long done =
        unix_sender_wanted(task, file, NULL, NULL, &sender)
            ? socket_send_as(task, file, &host, &sender, MSG_NOSIGNAL | (uint32_t)flags)
        : socket_is_unix(file) && privilege_differs(task, ((struct unix_socket *)file->data)->mount)
            ? socket_send_plain(task, file, &host, NULL, MSG_NOSIGNAL | (uint32_t)flags)
        : flags ? host_call(task, SYS_sendmsg, file->host_fd, (long)&host, flags | MSG_NOSIGNAL, 0,
                            0, 0)
        : count == 1 /* an empty message, too */
            ? host_call(task, SYS_write, file->host_fd, (long)iov->iov_base, (long)iov->iov_len, 0,
                        0, 0)
            : host_call(task, SYS_writev, file->host_fd, (long)iov, count, 0, 0, 0);
    if (done == -EPIPE) {
        socket_broken_pipe(task, file);
    }
    return socket_interrupted(file, SO_SNDTIMEO, done);
}

static ssize_t socket_write(struct file *file, struct task *task, const struct iovec *iov,
                            int count, int64_t offset) {
    return offset >= 0 ? -ESPIPE : socket_write_flags(file, task, iov, count, 0);
}

static ssize_t socket_nowait(struct file *file, struct task *task, const struct iovec *iov,
                             int count, int64_t offset, bool write) {
    return offset >= 0 ? -ESPIPE
           : write     ? socket_write_flags(file, task, iov, count, MSG_DONTWAIT)
                       : socket_read_flags(file, task, iov, count, MSG_DONTWAIT);
}

static int64_t socket_seek(struct file *file, int64_t offset, int whence) {
    return -ESPIPE;
}

static void socket_release(struct file *file) {
    if (file->data) {
        unix_socket_closing(file->data);
    }
    close(file->host_fd);
    if (file->data) {
        unix_socket_free(file->data);
    }
}

static struct file *socket_adopt(struct task *task, int host_fd, int flags) {
    int domain = 0, type = 0;
    getsockopt(host_fd, SOL_SOCKET, SO_DOMAIN, &domain, &(socklen_t){sizeof domain});
    getsockopt(host_fd, SOL_SOCKET, SO_TYPE, &type, &(socklen_t){sizeof type});
    return socket_file(task, host_fd, domain, type, flags);
}

static bool socket_told_apart(struct file *file, struct task *task) {
    struct unix_sender sender;
    return unix_sender_wanted(task, file, NULL, NULL, &sender);
}

const struct file_ops socket_ops = {
    .kind = "socket",
    .nowhere = FILE_SOCKET,
    .adopt = socket_adopt,
    .told_apart = socket_told_apart,
    .read = socket_read,
    .write = socket_write,
    .nowait = socket_nowait,
    .seek = socket_seek,
    .ioctl = socket_ioctl,
    .stat = anon_stat,
    .release = socket_release,
};

bool socket_is_unix(const struct file *file) {
    return file->data != NULL;
}

struct file *socket_get(struct task *task, int fd, long *error) {
    struct file *file = fd_get(task, fd);
    *error = -EBADF;
    if (file && file->ops != &socket_ops) {
        *error = file->flags & O_PATH ? -EBADF : -ENOTSOCK;
        file_unref(file);
        return NULL;
    }
    return file;
}

struct file *socket_file(struct task *task, int host_fd, int domain, int type, int flags) {
    struct unix_socket *data = NULL;
    if (domain == AF_UNIX) {
        data = calloc(1, sizeof *data);
        if (!data) {
            close(host_fd);
            return NULL;
        }
        data->type = type;
    }
    struct file *file = file_create(&socket_ops, host_fd, O_RDWR | (flags & O_NONBLOCK));
    if (!file) {
        free(data);
        return NULL;
    }
    file->data = data;
    anon_set_owner(file, task);
    return file;
}

long socket_interrupted(struct file *file, int option, long result) {
    if (result != -EINTR) {
        return result;
    }
    struct timeval timeout = {0};
    getsockopt(file->host_fd, SOL_SOCKET, option, &timeout, &(socklen_t){sizeof timeout});
    return timeout.tv_sec || timeout.tv_usec ? -EINTR : -ERESTARTSYS;
}

/* The port of a netlink socket that nobody chose: the number of the process, as on Linux. False
 * when it has one, or when that number is taken: then the host chooses at first use. */
static bool netlink_autobind(struct task *task, struct file *file) {
    struct sockaddr_nl own = {0};
    if (getsockname(file->host_fd, (struct sockaddr *)&own, &(socklen_t){sizeof own}) ||
        own.nl_family != AF_NETLINK || own.nl_pid) {
        return false;
    }
    own.nl_pid = (uint32_t)task->process->pid;
    return !bind(file->host_fd, (struct sockaddr *)&own, sizeof own);
}

/* --- addresses ------------------------------------------------------------------------- */

int socket_address_in(struct task *task, struct file *file, gaddr_t at, int32_t len,
                      struct socket_address *out) {
    out->hold_fd = -1;
    out->mount = NULL;
    out->len = 0;
    if (len < 0 || len > (int)sizeof(struct sockaddr_storage)) {
        return -EINVAL;
    }
    memset(&out->storage, 0, sizeof out->storage);
    if (len && guest_read(task->cpu->space, &out->storage, at, (size_t)len)) {
        return -EFAULT;
    }
    out->len = (socklen_t)len;
    if (len && !socket_network && !socket_is_unix(file)) /* one that was given open */
    {
        return -ENETUNREACH;
    }
    if (len >= (int)sizeof(struct sockaddr_nl) && out->any.sa_family == AF_NETLINK) {
        netlink_autobind(task, file);
    }
    if (!socket_is_unix(file) || len < (int)sizeof(sa_family_t) || out->any.sa_family != AF_UNIX) {
        return 0;
    }
    if (len > (int)sizeof(struct sockaddr_un) || len <= (int)sizeof(sa_family_t)) {
        return -EINVAL;
    }
    struct sockaddr_un guest = out->un;
    return unix_address_to_host(task, &guest, (socklen_t)len, out);
}

void socket_address_put(struct socket_address *address) {
    if (address->hold_fd >= 0) {
        close(address->hold_fd);
    }
    address->hold_fd = -1;
}

int socket_address_out(struct task *task, struct socket_address *address, bool sender, gaddr_t at,
                       gaddr_t len_at) {
    struct space *space = task->cpu->space;
    int32_t room;
    if (!at) {
        return 0;
    }
    if (guest_read(space, &room, len_at, sizeof room)) {
        return -EFAULT;
    }
    if (room < 0) {
        return -EINVAL;
    }
    if (address->len >= sizeof(sa_family_t) && address->any.sa_family == AF_UNIX) {
        unix_address_to_guest(address, sender);
    }
    int32_t len = (int32_t)address->len;
    if (len && room && guest_write(space, at, &address->storage, room < len ? room : len)) {
        return -EFAULT;
    }
    return guest_write(space, len_at, &len, sizeof len);
}

/* --- creation -------------------------------------------------------------------------- */

bool socket_network = true;

static int check_family(int domain, int type, int protocol) {
    if (domain < 0 || domain >= 46 || (!socket_network && domain != AF_UNIX)) {
        return -EAFNOSUPPORT;
    }
    if (type > SOCK_PACKET) {
        return -EINVAL;
    }
    if (domain == AF_NETLINK && type != SOCK_RAW && type != SOCK_DGRAM) {
        return -ESOCKTNOSUPPORT;
    }
    if (domain == AF_NETLINK) {
        return protocol == NETLINK_ROUTE || protocol == NETLINK_KOBJECT_UEVENT ||
                       protocol == NETLINK_SOCK_DIAG
                   ? 0
                   : -EPROTONOSUPPORT;
    }
    if (domain == AF_INET &&
        type == SOCK_PACKET) /* the old name of AF_PACKET, which is not there either */
    {
        return -EAFNOSUPPORT;
    }
    return domain == AF_UNIX || domain == AF_INET || domain == AF_INET6 ? 0 : -EAFNOSUPPORT;
}

long sys_socket(struct task *task, int32_t domain, int32_t type, int32_t protocol) {
    int flags = type & ~0xf;
    if (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) {
        return -EINVAL;
    }
    int error = check_family(domain, type & 0xf, protocol);
    if (error) {
        return error;
    }
    int fd = socket(domain, type | SOCK_CLOEXEC, protocol);
    if (fd < 0) {
        return -errno;
    }
    struct file *file = socket_file(task, fd, domain, type & 0xf, flags);
    return file ? fd_install(task, file, flags & SOCK_CLOEXEC, 0) : -ENOMEM;
}

long sys_socketpair(struct task *task, int32_t domain, int32_t type, int32_t protocol,
                    gaddr_t fds_at) {
    int flags = type & ~0xf, host[2];
    if (flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) {
        return -EINVAL;
    }
    int error = check_family(domain, type & 0xf, protocol);
    if (error) {
        return error;
    }
    if (socketpair(domain, type | SOCK_CLOEXEC, protocol, host)) {
        return -errno;
    }
    struct file *a = socket_file(task, host[0], domain, type & 0xf, flags);
    struct file *b = socket_file(task, host[1], domain, type & 0xf, flags);
    if (!a || !b) {
        file_unref(a);
        file_unref(b);
        return -ENOMEM;
    }
    unix_paired(task, a, b);
    int32_t fds[2];
    fds[0] = fd_install(task, a, flags & SOCK_CLOEXEC, 0);
    if (fds[0] < 0) {
        file_unref(b);
        return fds[0];
    }
    fds[1] = fd_install(task, b, flags & SOCK_CLOEXEC, 0);
    return fd_give_pair(task, fds_at, fds);
}

/* --- connections ----------------------------------------------------------------------- */

/* A netlink socket bound to 0 gets its process's number, as the host would give Fiberglass's:
 * unless another socket has it. */
static bool bind_own_port(struct task *task, struct file *file, const struct sockaddr *address,
                          socklen_t len) {
    struct sockaddr_nl own, now;
    if (len != sizeof own || address->sa_family != AF_NETLINK) {
        return false;
    }
    memcpy(&own, address, sizeof own);
    if (own.nl_pid != 0 ||
        getsockname(file->host_fd, (struct sockaddr *)&now, &(socklen_t){sizeof now}) ||
        now.nl_pid != 0) {
        return false;
    }
    own.nl_pid = (uint32_t)task->process->pid;
    return bind(file->host_fd, (const struct sockaddr *)&own, sizeof own) == 0;
}

static int bind_number(struct task *task, struct file *file, const struct sockaddr *address,
                       socklen_t len) {
    if (bind_own_port(task, file, address, len)) {
        return 0;
    }
    privilege_bind_begin(task);
    int failed = bind(file->host_fd, address, len);
    privilege_bind_end();
    return failed ? -errno : 0;
}

long sys_bind(struct task *task, int32_t fd, gaddr_t at, uint32_t len) {
    long error;
    struct file *file = socket_get(task, fd, &error);
    if (!file) {
        return error;
    }
    struct sockaddr_storage address = {0};
    if (len > sizeof address) {
        error = -EINVAL;
    } else if (guest_read(task->cpu->space, &address, at, len)) {
        error = -EFAULT;
    } else if (!socket_network && !socket_is_unix(file)) {
        error = -EADDRNOTAVAIL;
    } else if (socket_is_unix(file)) {
        error = unix_bind(task, file, (struct sockaddr_un *)&address, len);
    } else {
        struct sockaddr_nl *port = (struct sockaddr_nl *)&address;
        if (len >= sizeof *port && port->nl_family == AF_NETLINK && !port->nl_pid &&
            netlink_autobind(task, file)) {
            port->nl_pid = (uint32_t)task->process->pid;
        }
        error = bind_number(task, file, (struct sockaddr *)&address, len);
    }
    file_unref(file);
    return error;
}

long sys_connect(struct task *task, int32_t fd, gaddr_t at, uint32_t len) {
    long result;
    struct file *file = socket_get(task, fd, &result);
    if (!file) {
        return result;
    }
    struct socket_address address;
    result = socket_address_in(task, file, at, (int32_t)len, &address);
    if (!result) {
        bool named = socket_is_unix(file) && address.any.sa_family == AF_UNIX;
        if (named) {
            unix_autobind(task, file);
            unix_connecting(task, file);
        }
        privilege_enter(task, address.mount); /* the peer is told who it is, too */
        result =
            host_call(task, SYS_connect, file->host_fd, (long)&address.any, address.len, 0, 0, 0);
        privilege_leave();
        if (result >= 0 && socket_is_unix(file)) {
            unix_connected(file);
            ((struct unix_socket *)file->data)->mount = address.mount;
        }
        result = socket_interrupted(file, SO_SNDTIMEO, result);
    }
    socket_address_put(&address);
    file_unref(file);
    return result;
}

long sys_listen(struct task *task, int32_t fd, int32_t backlog) {
    long result;
    struct file *file = socket_get(task, fd, &result);
    if (!file) {
        return result;
    }
    if (socket_is_unix(file)) {
        unix_listening(task, file);
        privilege_enter(task, ((struct unix_socket *)file->data)->mount); /* shown to peers */
    }
    result = listen(file->host_fd, backlog) ? -errno : 0;
    privilege_leave();
    file_unref(file);
    return result;
}

long sys_accept4(struct task *task, int32_t fd, gaddr_t at, gaddr_t len_at, uint32_t flags) {
    long result;
    if (flags & ~(uint32_t)(SOCK_CLOEXEC | SOCK_NONBLOCK)) {
        return -EINVAL;
    }
    struct file *file = socket_get(task, fd, &result);
    if (!file) {
        return result;
    }
    struct socket_address address = {.hold_fd = -1};
    do {
        address.len = sizeof address.storage;
        result = host_call(task, SYS_accept4, file->host_fd, (long)&address.any, (long)&address.len,
                           SOCK_CLOEXEC | (flags & SOCK_NONBLOCK), 0, 0);
    } while (result >= 0 && unix_turned_away(file, (int)result));
    if (result >= 0) {
        int domain = 0, type = 0;
        getsockopt((int)result, SOL_SOCKET, SO_DOMAIN, &domain, &(socklen_t){sizeof domain});
        getsockopt((int)result, SOL_SOCKET, SO_TYPE, &type, &(socklen_t){sizeof type});
        struct file *peer = socket_file(task, (int)result, domain, type, (int)flags);
        if (peer) {
            unix_accepted(file, peer, &address);
        }
        result = peer ? socket_address_out(task, &address, false, at, len_at) : -ENOMEM;
        if (!result) {
            result = fd_install(task, peer, flags & SOCK_CLOEXEC, 0);
        } else {
            file_unref(peer);
        }
    }
    result = socket_interrupted(file, SO_RCVTIMEO, result);
    file_unref(file);
    return result;
}

long sys_accept(struct task *task, int32_t fd, gaddr_t at, gaddr_t len_at) {
    return sys_accept4(task, fd, at, len_at, 0);
}

static long show_name(struct task *task, int fd, gaddr_t at, gaddr_t len_at,
                      int (*get)(int, struct sockaddr *, socklen_t *)) {
    long error;
    struct file *file = socket_get(task, fd, &error);
    if (!file) {
        return error;
    }
    struct socket_address address = {.len = sizeof address.storage, .hold_fd = -1};
    error = get(file->host_fd, &address.any, &address.len) ? -errno : 0;
    file_unref(file);
    if (!error && !at) {
        error = -EFAULT;
    }
    return error ? error : socket_address_out(task, &address, false, at, len_at);
}

static int get_own_name(int fd, struct sockaddr *address, socklen_t *len) {
    return getsockname(fd, address, len);
}

static int get_peer_name(int fd, struct sockaddr *address, socklen_t *len) {
    return getpeername(fd, address, len);
}

long sys_getsockname(struct task *task, int32_t fd, gaddr_t at, gaddr_t len_at) {
    return show_name(task, fd, at, len_at, get_own_name);
}

long sys_getpeername(struct task *task, int32_t fd, gaddr_t at, gaddr_t len_at) {
    return show_name(task, fd, at, len_at, get_peer_name);
}

long sys_shutdown(struct task *task, int32_t fd, int32_t how) {
    long error;
    struct file *file = socket_get(task, fd, &error);
    if (!file) {
        return error;
    }
    error = shutdown(file->host_fd, how) ? -errno : 0;
    file_unref(file);
    return error;
}
