/* send(2), recv(2) and their message forms. Data goes between guest memory and the host socket
 * directly; addresses and control messages are converted (socket_layout.c). */
#include "core/space/space.h"
#include "syscalls/abi/abi.h"
#include "syscalls/abi/times.h"
#include "syscalls/fs/privilege.h"
#include "syscalls/fs/rw.h"
#include "syscalls/task/process.h"
#include "syscalls/net/socket.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gen/syscall_protos.h"

#define CMSG_COMPAT  0x80000000u /* the host kernel's own mark for 32-bit callers */
#define CONTROL_ROOM 8192        /* of one received message on the host */

/* --- sending --------------------------------------------------------------------------- */

static long finish_send(struct task *task, struct file *file, uint32_t flags, long result) {
    if (result == -EPIPE && !(flags & MSG_NOSIGNAL)) {
        socket_broken_pipe(task, file);
    }
    return socket_interrupted(file, SO_SNDTIMEO, result);
}

/* The first `most` bytes of the rest of a message, from `done` on, as iovecs of their own. */
static size_t part_of(const struct msghdr *host, size_t done, size_t most, struct iovec *out) {
    size_t count = 0;
    for (size_t i = 0; i < host->msg_iovlen && most; i++) {
        struct iovec part = host->msg_iov[i];
        size_t skip = done < part.iov_len ? done : part.iov_len;
        done -= skip;
        part.iov_base = (char *)part.iov_base + skip;
        part.iov_len -= skip;
        if (part.iov_len > most) {
            part.iov_len = most;
        }
        most -= part.iov_len;
        if (part.iov_len) {
            out[count++] = part;
        }
    }
    return count;
}

/* What the host keeps together in a stream: each piece has to bring its own token, so that writers
 * that take turns are told apart. */
static size_t piece_bytes(const struct file *file) {
    const struct unix_socket *data = file->data;
    int room = 0;
    if (data->type != SOCK_STREAM) {
        return SIZE_MAX;
    }
    getsockopt(file->host_fd, SOL_SOCKET, SO_SNDBUF, &room, &(socklen_t){sizeof room});
    room = room / 2 - 64;
    return room < 64 ? 64 : room > 16384 ? 16384 : (size_t)room;
}

long socket_send_as(struct task *task, struct file *file, const struct msghdr *host,
                    const struct unix_sender *sender, uint32_t flags) {
    size_t total = 0, done = 0, most = piece_bytes(file), token_bytes = CMSG_SPACE(sizeof(int));
    for (size_t i = 0; i < host->msg_iovlen; i++) {
        total += host->msg_iov[i].iov_len;
    }
    struct msghdr piece = *host;
    struct cmsghdr *first = calloc(1, token_bytes + host->msg_controllen);
    piece.msg_control = first;
    piece.msg_controllen = token_bytes + host->msg_controllen;
    piece.msg_iov = malloc((host->msg_iovlen + 1) * sizeof *piece.msg_iov);
    long result = first && piece.msg_iov ? 0 : -ENOMEM;
    if (!result) {
        *first = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
        if (host->msg_controllen) {
            memcpy((char *)first + token_bytes, host->msg_control, host->msg_controllen);
        }
    }
    while (!result) {
        int token = unix_token(sender, total - done < most ? total - done : most);
        if (token < 0) {
            result = token;
            break;
        }
        memcpy(CMSG_DATA(first), &token, sizeof token);
        piece.msg_iovlen = part_of(host, done, most, piece.msg_iov);
        result = host_call(task, SYS_sendmsg, file->host_fd, (long)&piece, flags, 0, 0, 0);
        close(token);
        if (result > 0) {
            done += (size_t)result;
        }
        if (result <= 0 || done >= total) {
            break;
        }
        result = 0;
        piece.msg_controllen = token_bytes;
    }
    free(first);
    free(piece.msg_iov);
    return done ? (long)done : result;
}

long socket_send_plain(struct task *task, struct file *file, const struct msghdr *host,
                       const struct mount *to, uint32_t flags) {
    const struct process *process = task->process;
    if (!to && socket_is_unix(file)) {
        to = ((struct unix_socket *)file->data)->mount;
    }
    if (!privilege_differs(task, to)) {
        return host_call(task, SYS_sendmsg, file->host_fd, (long)host, flags, 0, 0, 0);
    }
    /* the host would tell a receiver of its own that its root sends */
    size_t own = CMSG_SPACE(sizeof(struct ucred));
    struct msghdr told = *host;
    struct cmsghdr *first = calloc(1, own + host->msg_controllen);
    if (!first) {
        return -ENOMEM;
    }
    *first = (struct cmsghdr){CMSG_LEN(sizeof(struct ucred)), SOL_SOCKET, SCM_CREDENTIALS};
    struct ucred creds = {getpid(), process->euid, process->egid};
    memcpy(CMSG_DATA(first), &creds, sizeof creds);
    if (host->msg_controllen) {
        memcpy((char *)first + own, host->msg_control, host->msg_controllen);
    }
    told.msg_control = first;
    told.msg_controllen = own + host->msg_controllen;
    long result = host_call(task, SYS_sendmsg, file->host_fd, (long)&told, flags, 0, 0, 0);
    free(first);
    return result;
}

long sys_sendto(struct task *task, int32_t fd, gaddr_t at, uint64_t len, uint32_t flags,
                gaddr_t address_at, uint32_t address_len) {
    long result;
    struct iovec iov;
    struct file *file = socket_get(task, fd, &result);
    if (!file) {
        return result;
    }
    struct socket_address address = {.hold_fd = -1};
    if (len > INT32_MAX) {
        len = INT32_MAX;
    }
    result = guest_buffer(task, at, len, false, &iov);
    if (!result && address_at) {
        result = socket_address_in(task, file, address_at, (int32_t)address_len, &address);
    }
    struct unix_sender sender;
    if (!result && socket_is_unix(file)) {
        unix_autobind(task, file);
        uint32_t host_flags = (flags & ~CMSG_COMPAT) | MSG_NOSIGNAL;
        struct msghdr host = {.msg_name = address.len ? &address.any : NULL,
                              .msg_namelen = address.len,
                              .msg_iov = &iov,
                              .msg_iovlen = 1};
        result = unix_sender_wanted(task, file, &address, NULL, &sender)
                     ? socket_send_as(task, file, &host, &sender, host_flags)
                     : socket_send_plain(task, file, &host, address.mount, host_flags);
    } else if (!result) {
        result = host_call(task, SYS_sendto, file->host_fd, (long)iov.iov_base, (long)iov.iov_len,
                           (flags & ~CMSG_COMPAT) | MSG_NOSIGNAL,
                           address_at ? (long)&address.any : 0, address.len);
    }
    socket_address_put(&address);
    result = finish_send(task, file, flags, result);
    file_unref(file);
    return result;
}

/* One message; the file stays the caller's. */
static long send_message(struct task *task, struct file *file, gaddr_t at, uint32_t flags) {
    struct guest_msg msg;
    struct guest_iov iov;
    struct socket_address address = {.hold_fd = -1};
    struct control_out *control = NULL;
    bool noted = false;
    long result = msg_get(task, at, &msg);
    if (result) {
        return result;
    }
    result = guest_iov_get(task, msg.iov, msg.iov_count, false, &iov);
    if (result) {
        return result;
    }
    if (!result && msg.name && msg.name_len) {
        result = socket_address_in(task, file, msg.name, msg.name_len, &address);
    }
    if (!result && msg.control_len) {
        control = malloc(sizeof *control);
        result = control ? control_in(task, &msg, control) : -ENOMEM;
    }
    if (!result && socket_is_unix(file)) {
        unix_autobind(task, file);
    }
    if (!result) {
        struct msghdr host = {
            .msg_name = address.len ? &address.any : NULL,
            .msg_namelen = address.len,
            .msg_iov = iov.iov,
            .msg_iovlen = (size_t)iov.count,
            .msg_control = control && control->len ? control->data : NULL,
            .msg_controllen = control ? control->len : 0,
        };
        noted = true;
        for (int i = 0; control && i < control->file_count; i++) {
            rights_sent(control->file[i]);
        }
        flags &= ~CMSG_COMPAT;
        const struct unix_creds *stated = control && control->has_creds ? &control->creds : NULL;
        struct unix_sender sender;
        result = unix_sender_wanted(task, file, &address, stated, &sender)
                     ? socket_send_as(task, file, &host, &sender, flags | MSG_NOSIGNAL)
                     : socket_send_plain(task, file, &host, address.mount, flags | MSG_NOSIGNAL);
    }
    for (int i = 0; control && i < control->file_count; i++) {
        if (noted && result < 0) {
            rights_withdraw(control->file[i]);
        }
        file_unref(control->file[i]);
    }
    if (control) {
        free(control->data);
    }
    free(control);
    socket_address_put(&address);
    guest_iov_free(&iov);
    return finish_send(task, file, flags, result);
}

long sys_sendmsg(struct task *task, int32_t fd, gaddr_t at, uint32_t flags) {
    long result;
    struct file *file = socket_get(task, fd, &result);
    if (!file) {
        return result;
    }
    result = send_message(task, file, at, flags);
    file_unref(file);
    return result;
}

/* msg_len of a struct mmsghdr, behind the message. */
static int put_msg_len(struct task *task, gaddr_t at, long len) {
    uint32_t out = (uint32_t)len;
    return guest_write(task->cpu->space, at + task->abi->net->msg_bytes, &out, sizeof out);
}

long sys_sendmmsg(struct task *task, int32_t fd, gaddr_t at, uint32_t count, uint32_t flags) {
    long result;
    struct file *file = socket_get(task, fd, &result);
    if (!file) {
        return result;
    }
    uint32_t done = 0;
    if (count > SOCKET_MAX_IOV) {
        count = SOCKET_MAX_IOV;
    }
    for (result = 0; done < count; done++, at += task->abi->net->mmsg_bytes) {
        result = send_message(task, file, at, flags);
        if (result >= 0 && put_msg_len(task, at, result)) {
            result = -EFAULT;
        }
        if (result < 0) {
            break;
        }
    }
    file_unref(file);
    return done ? (long)done : result;
}

/* --- receiving ------------------------------------------------------------------------- */

/* Makes the vector at most `most` bytes long, in place; its new count. */
static size_t cut_iov(struct iovec *iov, size_t count, size_t most) {
    size_t i = 0;
    for (; i < count && most; i++) {
        if (iov[i].iov_len > most) {
            iov[i].iov_len = most;
        }
        most -= iov[i].iov_len;
    }
    return i;
}

long socket_receive_token(struct task *task, struct file *file, struct msghdr *host, size_t most,
                          uint32_t flags) {
    char control[CONTROL_ROOM] __attribute__((aligned(16)));
    host->msg_control = control;
    host->msg_controllen = sizeof control;
    host->msg_iovlen = cut_iov(host->msg_iov, host->msg_iovlen, most);
    long result =
        host_call(task, SYS_recvmsg, file->host_fd, (long)host, flags | MSG_CMSG_CLOEXEC, 0, 0, 0);
    if (result >= 0) {
        unix_drop_control(file, host, (size_t)result, flags & MSG_PEEK);
    }
    return result;
}

long sys_recvfrom(struct task *task, int32_t fd, gaddr_t at, uint64_t len, uint32_t flags,
                  gaddr_t address_at, gaddr_t len_at) {
    long result;
    struct iovec iov;
    struct file *file = socket_get(task, fd, &result);
    if (!file) {
        return result;
    }
    struct socket_address address = {.len = sizeof address.storage, .hold_fd = -1};
    if (len > INT32_MAX) {
        len = INT32_MAX;
    }
    result = guest_buffer(task, at, len, true, &iov);
    size_t most;
    if (!result && unix_tokens_come(file, &most)) {
        struct msghdr host = {.msg_iov = &iov, .msg_iovlen = 1}; /* of a stream: no address */
        address.len = 0;
        result = socket_receive_token(task, file, &host, most, flags & ~CMSG_COMPAT);
    } else if (!result) {
        result = host_call(task, SYS_recvfrom, file->host_fd, (long)iov.iov_base, (long)iov.iov_len,
                           flags & ~CMSG_COMPAT, (long)&address.any, (long)&address.len);
    }
    if (result >= 0 && address_at) {
        int error = socket_address_out(task, &address, true, address_at, len_at);
        if (error) {
            result = error;
        }
    }
    result = socket_interrupted(file, SO_RCVTIMEO, result);
    file_unref(file);
    return result;
}

/* Hands the address and the control messages of a received message to the guest. */
static int deliver(struct task *task, struct file *file, struct msghdr *host, size_t bytes,
                   struct socket_address *from, struct guest_msg *msg, gaddr_t at, uint32_t flags) {
    from->len = host->msg_namelen;
    msg->flags = (uint32_t)host->msg_flags & ~(CMSG_COMPAT | MSG_CMSG_CLOEXEC);
    if (flags & MSG_CMSG_CLOEXEC) {
        msg->flags |= MSG_CMSG_CLOEXEC;
    }
    int error = control_out(task, file, host, bytes, msg, flags);
    if (error) {
        return error;
    }
    if (msg->name) {
        if (from->len >= sizeof(sa_family_t) && from->any.sa_family == AF_UNIX) {
            unix_address_to_guest(from, true);
        }
        int32_t room = msg->name_len, len = (int32_t)from->len;
        if (len && room &&
            guest_write(task->cpu->space, msg->name, &from->storage,
                        (size_t)(room < len ? room : len))) {
            return -EFAULT;
        }
        msg->name_len = len;
    }
    return task->abi->net->put_msg(task, at, msg);
}

static long receive_message(struct task *task, struct file *file, gaddr_t at, uint32_t flags) {
    struct guest_msg msg;
    struct guest_iov iov;
    struct socket_address from = {.hold_fd = -1};
    char control[CONTROL_ROOM] __attribute__((aligned(16)));
    long result = msg_get(task, at, &msg);
    if (result) {
        return result;
    }
    result = guest_iov_get(task, msg.iov, msg.iov_count, true, &iov);
    if (result) {
        return result;
    }
    size_t most;
    if (!result && unix_tokens_come(file, &most)) {
        iov.count = (int)cut_iov(iov.iov, (size_t)iov.count, most);
    }
    if (!result) {
        struct msghdr host = {
            .msg_name = &from.any,
            .msg_namelen = sizeof from.storage,
            .msg_iov = iov.iov,
            .msg_iovlen = (size_t)iov.count,
            .msg_control = msg.control_len || socket_is_unix(file) ? control : NULL,
            .msg_controllen = msg.control_len || socket_is_unix(file) ? sizeof control : 0,
        };
        result = host_call(task, SYS_recvmsg, file->host_fd, (long)&host,
                           (flags & ~CMSG_COMPAT) | MSG_CMSG_CLOEXEC, 0, 0, 0);
        if (result >= 0) {
            int error = deliver(task, file, &host, (size_t)result, &from, &msg, at, flags);
            if (error) {
                result = error;
            }
        }
    }
    guest_iov_free(&iov);
    return socket_interrupted(file, SO_RCVTIMEO, result);
}

long sys_recvmsg(struct task *task, int32_t fd, gaddr_t at, uint32_t flags) {
    long result;
    struct file *file = socket_get(task, fd, &result);
    if (!file) {
        return result;
    }
    result = receive_message(task, file, at, flags);
    file_unref(file);
    return result;
}

/* recvmmsg(2): the timeout is looked at after each message only, as Linux does. */
static long receive_messages(struct task *task, struct file *file, gaddr_t at, uint32_t count,
                             uint32_t flags, const struct timespec *deadline) {
    uint32_t done = 0;
    long result = 0;
    if (count > SOCKET_MAX_IOV) {
        count = SOCKET_MAX_IOV;
    }
    while (done < count) {
        result = receive_message(task, file, at, flags & ~(uint32_t)MSG_WAITFORONE);
        if (result >= 0 && put_msg_len(task, at, result)) {
            result = -EFAULT;
        }
        if (result < 0) {
            break;
        }
        done++;
        at += task->abi->net->mmsg_bytes;
        if (flags & MSG_WAITFORONE) {
            flags |= MSG_DONTWAIT;
        }
        if (deadline) {
            struct timespec left;
            deadline_left(deadline, &left);
            if (!left.tv_sec && !left.tv_nsec) {
                break;
            }
        }
    }
    return done ? (long)done : result;
}

static long recvmmsg_timed(struct task *task, const struct abi_times *times, int32_t fd, gaddr_t at,
                           uint32_t count, uint32_t flags, gaddr_t timeout_at) {
    struct timespec left, deadline;
    int error = deadline_read(task, times, timeout_at, &deadline);
    if (error) {
        return error;
    }
    long result;
    struct file *file = socket_get(task, fd, &result);
    if (!file) {
        return result;
    }
    result = receive_messages(task, file, at, count, flags, timeout_at ? &deadline : NULL);
    file_unref(file);
    if (timeout_at && result > 0) {
        deadline_left(&deadline, &left);
        if (times->put_timespec(task, timeout_at, &left)) {
            result = -EFAULT;
        }
    }
    return result;
}

long sys_recvmmsg(struct task *task, int32_t fd, gaddr_t at, uint32_t count, uint32_t flags,
                  gaddr_t timeout) {
    return recvmmsg_timed(task, task->abi->times, fd, at, count, flags, timeout);
}

long sys_recvmmsg_time64(struct task *task, int32_t fd, gaddr_t at, uint32_t count, uint32_t flags,
                         gaddr_t timeout) {
    return recvmmsg_timed(task, task->abi->times64, fd, at, count, flags, timeout);
}
