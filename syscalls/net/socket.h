/* Sockets: what the parts of the socket code share. socket.c has the calls on addresses,
 * socket_unix.c names of unix sockets, socket_creds.c credentials (socket_token.c: how they
 * travel), socket_msg.c sending and receiving, socket_rights.c passed descriptors, socket_option.c
 * options and ioctls; socket_layout.c messages between the guest's form and the host's. */
#ifndef FG_SYSCALLS_SOCKET_H
#define FG_SYSCALLS_SOCKET_H

#include "syscalls/file/file.h"
#include "syscalls/file/io.h"
#include "syscalls/net/abi_net.h"
#include <sys/socket.h>
#include <sys/un.h>

struct unix_creds {
    int32_t pid;
    uint32_t uid, gid;
};

/* Who sends a message, and where it goes: a token holds there alone (socket_token.c). */
struct unix_sender {
    struct unix_creds creds;
    uint64_t target;
};

/* A process as SO_PEERCRED and SO_PEERGROUPS show it: effective ids. */
struct unix_identity {
    struct unix_creds creds;
    int group_count;
    uint32_t groups[32];
};

/* What the two ends of a connection know of each other (socket_creds.c). Guarded, counts and all,
 * by unix_names_lock; referenced by both sockets and by the name of the one that connected. */
struct unix_pair;

/* A bound address. Lives on for a while after its socket, since peers may still ask for it. Guarded
 * by unix_names_lock, but for what is set before it is in the table. */
struct unix_name {
    uint32_t id;
    bool internal; /* ours: the guest sees a nameless socket */
    socklen_t len; /* of the guest's address */
    struct sockaddr_un guest;
    char host[sizeof(
        ((struct sockaddr_un *)0)->sun_path)]; /* abstract: the host's, behind its NUL */
    size_t host_bytes;                         /* 0: not abstract */
    dev_t dev;                                 /* of a path's socket; 0: none */
    ino_t ino;
    bool asks; /* its socket has asked for senders' credentials (SO_PASSCRED) */
    bool gone; /* its socket is closed: somebody else may have the name by now */
    bool listens;
    struct unix_identity listener; /* who called listen(2) */
    struct unix_pair *pair;        /* of a connecting socket: accept(2) finds it here */
    struct unix_name *next;        /* in the bucket */
};
extern pthread_mutex_t unix_names_lock;

/* file->data of unix sockets; NULL for other families. Guarded by unix_names_lock, but `type`. */
struct unix_socket {
    struct unix_name *name; /* bound by the guest, or by us so that accept(2) finds who connects */
    struct unix_pair *pair; /* when connected */
    int side;               /* 0: connected, 1: was accepted; of a socketpair either */
    int type;               /* SOCK_STREAM, ... */
    const struct mount *mount; /* where its name lies, or its peer's; NULL: nowhere */
    uint32_t peer;             /* id of the name that a datagram socket is connected to; 0: none */
    bool asks;
    size_t rest_bytes;      /* of a stream: what is left of a piece that was read in part, */
    struct unix_creds rest; /* and whose it is */
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

/* --- socket.c -------------------------------------------------------------------------- */

/* False (--network none): the guest has unix sockets of this run alone, and sees no interface. Set
 * before the first task runs. */
extern bool socket_network;
extern const struct file_ops socket_ops;
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
/* sendmsg(2) that tells its sender to who is asked. Bytes or -errno. */
long socket_send_as(struct task *task, struct file *file, const struct msghdr *host,
                    const struct unix_sender *sender, uint32_t flags);
/* sendmsg(2) to where nobody of this run asks. `to`: the mount of the address, NULL: none given.
 * Bytes or -errno. */
long socket_send_plain(struct task *task, struct file *file, const struct msghdr *host,
                       const struct mount *to, uint32_t flags);
/* recvmsg(2) where tokens may come, at most `most` bytes, without a guest's control messages. Bytes
 * or -errno. */
long socket_receive_token(struct task *task, struct file *file, struct msghdr *host, size_t most,
                          uint32_t flags);
/* A send said EPIPE: SIGPIPE, if it is a stream. */
void socket_broken_pipe(struct task *task, struct file *file);

/* --- socket_unix.c --------------------------------------------------------------------- */

int unix_bind(struct task *task, struct file *file, const struct sockaddr_un *guest, socklen_t len);
/* Guest address -> host address of a peer (connect, sendto). */
int unix_address_to_host(struct task *task, const struct sockaddr_un *guest, socklen_t len,
                         struct socket_address *out);
/* Host address -> what the guest shall see, in place. `sender`: of a received datagram, where a
 * nameless socket has length 0 instead of 2. */
void unix_address_to_guest(struct socket_address *address, bool sender);
/* Gives a nameless socket a name of ours before it connects, under which accept(2) finds who that
 * is. Failing does no harm. */
void unix_autoname(struct task *task, struct file *file);
/* As Linux does for a nameless socket that asks for credentials when it connects or sends. */
void unix_autobind(struct task *task, struct file *file);
void unix_name_retire(struct unix_name *name);
/* Names, with unix_names_lock held; NULL: none of this run. By number, by what the host says of a
 * peer, by where a message goes. */
struct unix_name *unix_name_find(uint32_t id);
struct unix_name *unix_name_of_host(const struct sockaddr_un *host, socklen_t len);
/* Not one that is gone. */
struct unix_name *unix_name_at(const struct socket_address *to);

/* --- socket_creds.c -------------------------------------------------------------------- */

/* Before connect(2), and after it succeeded. */
void unix_connecting(struct task *task, struct file *file);
void unix_connected(struct file *file);
/* listen(2) fixes the credentials that connecting peers see. */
void unix_listening(struct task *task, struct file *file);
/* True when `host_fd` was accepted from a listener with an abstract name and the peer is not of
 * this run: abstract names are for it alone. Closes it then. */
bool unix_turned_away(struct file *listener, int host_fd);
/* `file` was accepted from `listener`; `from` is the host's address of its peer. */
void unix_accepted(struct file *listener, struct file *file, const struct socket_address *from);
void unix_paired(struct task *task, struct file *a, struct file *b);
/* unix_names_lock held. */
void unix_pair_unref(struct unix_pair *pair);
/* Nobody has accepted the connection. NULL: there is none. */
bool unix_pair_waits(const struct unix_pair *pair);
/* Its end: the first before the host's socket is closed, for from then on its name is nobody's. */
void unix_socket_closing(struct unix_socket *socket);
void unix_socket_free(struct unix_socket *socket);
/* SO_PEERCRED and SO_PEERGROUPS; pid 0 and ids -1 when there is no peer. False: no process of this
 * run, so that there are no groups. */
bool unix_peer(struct file *file, struct unix_identity *out);

/* SO_PASSCRED was set. */
void unix_asks(struct file *file);
/* Has a message from `file` to `to` (NULL: where it is connected) to tell who sends it? Then
 * *sender is who. `stated`: SCM_CREDENTIALS that were given. */
bool unix_sender_wanted(struct task *task, struct file *file, const struct socket_address *to,
                        const struct unix_creds *stated, struct unix_sender *sender);
/* A host descriptor that tells it, to be the first that the message carries; `bytes`: its length.
 * -ENOBUFS. */
int unix_token(const struct unix_sender *sender, size_t bytes);
/* Is the descriptor a token of this run? Then what it says. */
bool unix_token_read(int fd, struct unix_sender *sender, uint64_t *bytes);
/* What came with a message that was received on a unix socket. */
struct unix_received {
    struct unix_creds creds;
    int skip; /* descriptors of its SCM_RIGHTS that were no guest's and are closed: the first 0 or 1
               */
};
/* `bytes` were received. */
void unix_take_token(struct file *file, struct msghdr *host, size_t bytes, bool peek,
                     struct unix_received *out);
/* Whether tokens come with a stream: at most *most bytes may be read then, and even a read that
 * asks for no control messages takes them and calls unix_drop_control() after it, which closes what
 * came along. So what is read later of the same piece is known to be its sender's. */
bool unix_tokens_come(const struct file *file, size_t *most);
void unix_drop_control(struct file *file, struct msghdr *host, size_t bytes, bool peek);

/* --- socket_rights.c ------------------------------------------------------------------- */

/* A file is about to be sent: it is noted, so that its receiver in this run gets the same struct
 * file. rights_withdraw: it was not sent after all. */
void rights_sent(struct file *file);
void rights_withdraw(struct file *file);
/* Registers that sent files which go away are forgotten; call once at start. */
void rights_init(void);
/* The file of a received host descriptor (taken over): a noted one or a new one. NULL: no memory.
 * peek: the message stays in its queue. */
struct file *rights_received(struct task *task, int host_fd, bool peek);

/* --- socket_layout.c ------------------------------------------------------------------- */

#define SOCKET_MAX_IOV 1024
#define SCM_MAX_FILES  253

/* Reads and checks a guest's msghdr. 0, -EFAULT, -EINVAL, -EMSGSIZE. */
int msg_get(struct task *task, gaddr_t at, struct guest_msg *msg);

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
/* Received host control messages (of a message of so many bytes) -> the guest's buffer; installs
 * descriptors. Sets msg->control_len and MSG_CTRUNC. */
int control_out(struct task *task, struct file *file, struct msghdr *host, size_t bytes,
                struct guest_msg *msg, uint32_t call_flags);

/* --- socket_option.c ------------------------------------------------------------------- */

long socket_ioctl(struct file *file, struct task *task, uint32_t request, gaddr_t arg);

#endif
