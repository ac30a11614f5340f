/* Sockets: what the parts of the socket code share. socket.c has the calls on addresses,
 * socket_unix.c names and credentials of unix sockets, socket_msg.c sending and receiving,
 * socket_rights.c passed descriptors, socket_option.c options and ioctls; abi_i386_socket.c the
 * i386 layouts. */
#ifndef FG_SYSCALLS_SOCKET_H
#define FG_SYSCALLS_SOCKET_H

#include "syscalls/file.h"
#include "syscalls/io.h"
#include <sys/socket.h>
#include <sys/un.h>

struct unix_creds {
    int32_t pid;
    uint32_t uid, gid;
};

/* A bound address: guest name and whose it is. Lives on for a while after its socket, since peers
 * may still ask for it. Guarded by the names lock of socket_unix.c. */
struct unix_name;
/* What the two ends of a socketpair know of each other. */
struct unix_pair;

/* file->data of unix sockets; NULL for other families. */
struct unix_socket {
    struct unix_name *name; /* bound by the guest, or by us so that peers can tell who it is */
    struct unix_pair *pair;
    int side;
    int type;                  /* SOCK_STREAM, ... */
    const struct mount *mount; /* where its name lies, NULL: nowhere */
};

/* Room for an address: sun_path may be full without a NUL. */
struct socket_address {
    union {
        struct sockaddr any;
        struct sockaddr_storage storage;
        struct sockaddr_un un;
    };
    socklen_t len;
    int hold_fd; /* keeps /proc/self/fd/N in `un` valid; -1: none. socket_address_put() closes it */
    const struct mount *mount; /* of a path; NULL: none */
};

/* --- socket.c
 * -------------------------------------------------------------------------------------- */

/* The socket of a descriptor, referenced; NULL with *error EBADF or ENOTSOCK. */
struct file *socket_get(struct task *task, int fd, long *error);
bool socket_is_unix(const struct file *file);
/* A socket file over host_fd (taken over) of a known type; NULL: out of memory. */
struct file *socket_file(struct task *task, int host_fd, int domain, int type, int flags);
/* Reads an address from the guest and makes it the host's. 0 or -errno. */
int socket_address_in(struct task *task, struct file *file, gaddr_t at, int32_t len,
                      struct socket_address *out);
void socket_address_put(struct socket_address *address);
/* Shows a host address to the guest: writes at most *len_at bytes and the real length. at 0:
 * nothing. */
int socket_address_out(struct task *task, struct socket_address *address, bool sender, gaddr_t at,
                       gaddr_t len_at);
/* -EINTR of a blocking call, as the guest gets it: EINTR when the socket has a timeout (option is
 * SO_RCVTIMEO or SO_SNDTIMEO), else a restart. Other results pass. */
long socket_interrupted(struct file *file, int option, long result);
/* A send said EPIPE: SIGPIPE, if it is a stream. */
void socket_broken_pipe(struct task *task, struct file *file);

/* --- socket_unix.c
 * ----------------------------------------------------------------------------------- */

int unix_bind(struct task *task, struct file *file, const struct sockaddr_un *guest, socklen_t len);
/* Guest address -> host address of a peer (connect, sendto). */
int unix_address_to_host(struct task *task, const struct sockaddr_un *guest, socklen_t len,
                         struct socket_address *out);
/* Host address -> what the guest shall see, in place. `sender`: of a received datagram, where a
 * nameless socket has length 0 instead of 2. */
void unix_address_to_guest(struct socket_address *address, bool sender);
/* Gives a nameless socket a name of ours before it connects or sends, so that the peer's
 * SO_PEERCRED and SCM_CREDENTIALS find the guest's process. Failing does no harm. */
void unix_autoname(struct task *task, struct file *file);
/* listen(2) fixes the credentials that connecting peers see. */
void unix_note_listen(struct task *task, struct file *file);
void unix_note_send(struct file *file, const struct unix_creds *creds);
void unix_pair_up(struct task *task, struct file *a, struct file *b);
void unix_socket_free(struct unix_socket *socket);
/* SO_PEERCRED: 0 with *creds, pid 0 and ids -1 when there is no peer. */
void unix_peer_creds(struct file *file, struct unix_creds *creds);
/* Credentials of the sender of a message: `from` is its host address (len 0: connected). */
void unix_sender_creds(struct file *file, const struct socket_address *from,
                       struct unix_creds *creds);
void unix_own_creds(struct task *task, struct unix_creds *creds);

/* --- socket_rights.c
 * ----------------------------------------------------------------------------------- */

/* A file is about to be sent: it is noted, so that its receiver in this run gets the same struct
 * file. rights_withdraw: it was not sent after all. */
void rights_sent(struct file *file);
void rights_withdraw(struct file *file);
/* The file of a received host descriptor (taken over): a noted one or a new one. NULL: no memory.
 * peek: the message stays in its queue. */
struct file *rights_received(struct task *task, int host_fd, bool peek);

/* --- abi_i386_socket.c
 * ------------------------------------------------------------------------------------ */

#define SOCKET_MAX_IOV 1024
#define SCM_MAX_FILES  253

/* A guest msghdr in host form. */
struct guest_msg {
    gaddr_t name, iov, control;
    int32_t name_len;
    uint64_t iov_count, control_len;
    uint32_t flags;
};
int msg_get(struct task *task, gaddr_t at, struct guest_msg *msg);
/* Writes back msg_namelen, msg_controllen and msg_flags. */
int msg_put(struct task *task, gaddr_t at, const struct guest_msg *msg);
unsigned msg_bytes(struct task *task);
/* Guest iovec array -> host iovecs over guest memory. -EMSGSIZE, -EFAULT, -EINVAL. */
int msg_iov(struct task *task, const struct guest_msg *msg, bool write, struct iovec *out);

/* Control messages that a guest sends -> host form in *control (malloc'ed) of *len bytes, and the
 * files that SCM_RIGHTS carry (referenced; the caller unrefs them after the send). creds is filled
 * when SCM_CREDENTIALS were given. */
struct control_out {
    void *data;
    size_t len;
    struct file *file[SCM_MAX_FILES];
    int file_count;
    struct unix_creds creds;
    bool has_creds;
};
int control_in(struct task *task, const struct guest_msg *msg, struct control_out *out);
/* Received host control messages -> the guest's buffer; installs descriptors. Sets msg->control_len
 * and MSG_CTRUNC. */
int control_out(struct task *task, struct file *file, const struct msghdr *host,
                const struct socket_address *from, struct guest_msg *msg, uint32_t call_flags);

/* --- socket_option.c
 * ---------------------------------------------------------------------------------------- */

long socket_ioctl(struct file *file, struct task *task, uint32_t request, gaddr_t arg);

#endif
