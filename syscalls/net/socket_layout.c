/* Messages and control messages between the guest's form and the host's. The layout of their
 * structures is the ABI's (abi_net.h); what they hold is converted here. */
#include "core/space/space.h"
#include "syscalls/task/capability.h"
#include "syscalls/abi/abi.h"
#include "syscalls/abi/times.h"
#include "syscalls/task/process.h"
#include "syscalls/net/socket.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONTROL_MOST (128 * 1024) /* a sender may not give more (net.core.optmem_max) */

/* --- msghdr ---------------------------------------------------------------------------- */

int msg_get(struct task *task, gaddr_t at, struct guest_msg *msg) {
    if (task->abi->net->get_msg(task, at, msg)) {
        return -EFAULT;
    }
    if (!msg->name) {
        msg->name_len = 0;
    }
    if (msg->name_len < 0) {
        return -EINVAL;
    }
    if (msg->name_len > (int)sizeof(struct sockaddr_storage)) {
        msg->name_len = sizeof(struct sockaddr_storage);
    }
    return msg->iov_count > SOCKET_MAX_IOV ? -EMSGSIZE : 0;
}

/* --- control messages to send ---------------------------------------------------------- */

/* SCM_RIGHTS: takes references on the files and writes their host descriptors. */
static int rights_in(struct task *task, const uint8_t *data, size_t len, struct control_out *out,
                     int *host_fd) {
    size_t count = len / sizeof(int32_t);
    if (count > (size_t)(SCM_MAX_FILES - out->file_count)) {
        return -EINVAL;
    }
    for (size_t i = 0; i < count; i++) {
        int32_t fd;
        memcpy(&fd, data + i * sizeof fd, sizeof fd);
        struct file *file = fd_get(task, fd);
        if (!file) {
            return -EBADF;
        }
        out->file[out->file_count++] = file;
        if (file->host_fd < 0) {
            return -EBADF; /* nothing on the host stands for it */
        }
        host_fd[i] = file->host_fd;
    }
    return 0;
}

/* SCM_CREDENTIALS: what a process may say of itself (unix(7)). */
static int creds_in(struct task *task, const uint8_t *data, size_t len, struct control_out *out) {
    const struct process *process = task->process;
    if (len != sizeof out->creds) {
        return -EINVAL;
    }
    memcpy(&out->creds, data, sizeof out->creds);
    const struct unix_creds *c = &out->creds;
    if ((c->pid != process->pid && !task_capable(task, CAP_SYS_ADMIN)) ||
        (c->uid != process->uid && c->uid != process->euid && c->uid != process->suid &&
         !task_capable(task, CAP_SETUID)) ||
        (c->gid != process->gid && c->gid != process->egid && c->gid != process->sgid &&
         !task_capable(task, CAP_SETGID))) {
        return -EPERM;
    }
    out->has_creds = true;
    return 0;
}

static int one_in(struct task *task, const struct guest_cmsg *cmsg, const uint8_t *data, size_t len,
                  struct control_out *out) {
    struct cmsghdr *host = (struct cmsghdr *)((char *)out->data + out->len);
    size_t host_len = len;
    if (cmsg->level == SOL_SOCKET && cmsg->type == SCM_CREDENTIALS) {
        return creds_in(task, data, len, out); /* the host would refuse the guest's numbers */
    }
    if (cmsg->level == SOL_SOCKET && cmsg->type == SCM_RIGHTS) {
        int error = rights_in(task, data, len, out, (int *)CMSG_DATA(host));
        if (error) {
            return error;
        }
        host_len = len / sizeof(int32_t) * sizeof(int);
    } else {
        memcpy(CMSG_DATA(host), data, len);
    }
    host->cmsg_level = cmsg->level;
    host->cmsg_type = cmsg->type;
    host->cmsg_len = CMSG_LEN(host_len);
    out->len += CMSG_SPACE(host_len);
    return 0;
}

int control_in(struct task *task, const struct guest_msg *msg, struct control_out *out) {
    const struct abi_net *net = task->abi->net;
    unsigned header = net->cmsg_bytes, align = net->cmsg_align;
    uint64_t left = msg->control_len;
    gaddr_t at = msg->control;
    memset(out, 0, sizeof *out);
    if (!left) {
        return 0;
    }
    if (left > CONTROL_MOST) {
        return -ENOBUFS;
    }
    /* A host message is at most 12 bytes longer (4 of header, padding to 8). */
    out->data = calloc(1, left + (left / header + 1) * 16 + 16);
    uint8_t *data = malloc(left);
    int error = out->data && data ? 0 : -ENOMEM;
    while (!error && left >= header) {
        struct guest_cmsg cmsg;
        error = net->get_cmsg(task, at, &cmsg);
        if (!error && (cmsg.len < header || cmsg.len > left)) {
            error = -EINVAL;
        }
        if (!error) {
            error = guest_read(task->cpu->space, data, at + header, cmsg.len - header);
        }
        if (!error) {
            error = one_in(task, &cmsg, data, cmsg.len - header, out);
        }
        uint64_t step = (cmsg.len + align - 1) / align * align;
        if (error || step >= left) {
            break;
        }
        at += step;
        left -= step;
    }
    free(data);
    return error;
}

/* --- received control messages --------------------------------------------------------- */

/* The guest's control buffer while it fills up. */
struct control_buffer {
    gaddr_t at;
    uint64_t left, used;
    bool truncated;
};

/* put_cmsg: what does not fit is cut and said with MSG_CTRUNC. */
static int cmsg_write(struct task *task, struct control_buffer *buffer, int level, int type,
                      const void *data, size_t len) {
    const struct abi_net *net = task->abi->net;
    unsigned header = net->cmsg_bytes, align = net->cmsg_align;
    if (buffer->left < header) {
        buffer->truncated = true;
        return 0;
    }
    uint64_t total = header + len;
    if (total > buffer->left) {
        buffer->truncated = true;
        total = buffer->left;
    }
    const struct guest_cmsg cmsg = {total, level, type};
    if (net->put_cmsg(task, buffer->at, &cmsg) ||
        guest_write(task->cpu->space, buffer->at + header, data, total - header)) {
        return -EFAULT;
    }
    uint64_t step = (header + len + align - 1) / align * align;
    if (step > buffer->left) {
        step = buffer->left;
    }
    buffer->at += step;
    buffer->left -= step;
    buffer->used += step;
    return 0;
}

/* SCM_RIGHTS: as many descriptors as fit, the rest is dropped. */
static int rights_out(struct task *task, struct control_buffer *buffer, const struct cmsghdr *host,
                      size_t skip, uint32_t call_flags) {
    int32_t fds[SCM_MAX_FILES];
    size_t count = (host->cmsg_len - CMSG_LEN(0)) / sizeof(int), fit = 0, done = 0;
    unsigned header = task->abi->net->cmsg_bytes;
    if (buffer->left > header) {
        fit = (buffer->left - header) / sizeof(int32_t);
    }
    for (size_t i = skip; i < count && i < SCM_MAX_FILES; i++) {
        int host_fd;
        memcpy(&host_fd, CMSG_DATA(host) + i * sizeof(int), sizeof host_fd);
        if (done < fit) {
            struct file *file = rights_received(task, host_fd, call_flags & MSG_PEEK);
            int fd = file ? fd_install(task, file, call_flags & MSG_CMSG_CLOEXEC, 0) : -ENOMEM;
            if (fd >= 0) {
                fds[done++] = fd;
                continue;
            }
            fit = done;
        } else {
            close(host_fd);
        }
        buffer->truncated = true;
    }
    if (!done) {
        return 0;
    }
    return cmsg_write(task, buffer, SOL_SOCKET, SCM_RIGHTS, fds, done * sizeof(int32_t));
}

/* Time stamps in the guest's own layout: `pairs` of seconds and a fraction. */
static int stamps_out(struct task *task, struct control_buffer *buffer, const struct cmsghdr *host,
                      int pairs) {
    const struct abi_times *times = task->abi->times;
    int64_t in[6];
    uint8_t out[sizeof in];
    if (host->cmsg_len < CMSG_LEN((size_t)pairs * 16)) {
        return 0; /* none of the host's */
    }
    memcpy(in, CMSG_DATA(host), (size_t)pairs * 16);
    for (int i = 0; i < pairs; i++) {
        times->pack(out + (size_t)i * times->pair_bytes, in[2 * i], in[2 * i + 1]);
    }
    return cmsg_write(task, buffer, host->cmsg_level, host->cmsg_type, out,
                      (size_t)pairs * times->pair_bytes);
}

/* Types of SOL_SOCKET control messages by the guest's numbers, the same as the host's. */
enum { TYPE_PIDFD = 4, TYPE_TIMESTAMP = 29, TYPE_TIMESTAMPNS = 35, TYPE_TIMESTAMPING = 37 };

int control_out(struct task *task, struct file *file, struct msghdr *host, size_t bytes,
                struct guest_msg *msg, uint32_t call_flags) {
    struct control_buffer buffer = {.at = msg->control, .left = msg->control_len};
    struct unix_received received = {0};
    int error = 0;
    if (socket_is_unix(file)) {
        unix_take_token(file, host, bytes, call_flags & MSG_PEEK, &received);
    }
    for (struct cmsghdr *c = CMSG_FIRSTHDR(host); c; c = CMSG_NXTHDR(host, c)) {
        size_t len = c->cmsg_len - CMSG_LEN(0);
        int part;
        if (c->cmsg_level != SOL_SOCKET) {
            part = cmsg_write(task, &buffer, c->cmsg_level, c->cmsg_type, CMSG_DATA(c), len);
        } else if (c->cmsg_type == SCM_RIGHTS) {
            part = rights_out(task, &buffer, c, (size_t)received.skip, call_flags);
        } else if (c->cmsg_type == SCM_CREDENTIALS && socket_is_unix(file)) {
            part = cmsg_write(task, &buffer, SOL_SOCKET, SCM_CREDENTIALS, &received.creds,
                              sizeof received.creds);
        } else if (c->cmsg_type == TYPE_PIDFD) {
            int host_fd;
            memcpy(&host_fd, CMSG_DATA(c), sizeof host_fd);
            close(host_fd); /* a host process: not for the guest */
            continue;
        } else if (c->cmsg_type == TYPE_TIMESTAMP || c->cmsg_type == TYPE_TIMESTAMPNS) {
            part = stamps_out(task, &buffer, c, 1);
        } else if (c->cmsg_type == TYPE_TIMESTAMPING) {
            part = stamps_out(task, &buffer, c, 3);
        } else {
            part = cmsg_write(task, &buffer, c->cmsg_level, c->cmsg_type, CMSG_DATA(c), len);
        }
        if (part) {
            error = part;
        }
    }
    if (buffer.truncated) {
        msg->flags |= MSG_CTRUNC;
    }
    msg->control_len = buffer.used;
    return error;
}
