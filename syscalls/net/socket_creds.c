/* Who is at the other end of a unix socket (unix(7)): SO_PEERCRED, SO_PEERGROUPS, SCM_CREDENTIALS.
 *
 * To the host every socket of a run is Fiberglass's. So who connects and who listens is stored with
 * the connection when it happens; accept(2) finds it by the name of the connecting socket. Who
 * sends is stored with the message: a token goes with it as a descriptor (socket_token.c). That is
 * done when one of both sides has asked for credentials
 * (SO_PASSCRED) or the sender states them, as on Linux: other messages have none. Guests never see
 * a token, so that none can be made up; it is not sent to who is not of this run.
 *
 * Whoever cannot be told is nobody, and so is the host's root: no guest takes them for its own
 * root. */
#include "syscalls/task/process.h"
#include "syscalls/net/socket.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY 65534u /* the overflow ids */

struct unix_pair {
    uint64_t id; /* never used twice */
    int refs;
    bool asks;     /* one of both sides asked for credentials some time */
    bool accepted; /* until then the listener may still ask for its new socket */
    bool unknown;  /* the other side is not of this run */
    struct unix_identity made[2];
};

/* Any socket of the run: until then nothing needs to be looked up. */
static _Atomic bool anybody_asks;

static const struct unix_creds nobody = {0, NOBODY, NOBODY};

static void identity_of(struct task *task, struct unix_identity *out) {
    const struct process *process = task->process;
    pthread_mutex_lock(&process_lock);
    out->creds = (struct unix_creds){process->pid, process->euid, process->egid};
    out->group_count = process->group_count;
    memcpy(out->groups, process->groups, sizeof out->groups);
    pthread_mutex_unlock(&process_lock);
}

static bool connects(const struct unix_socket *socket) {
    return socket->type != SOCK_DGRAM;
}

/* What the host says of a connection's other side; is it this run? */
static bool host_peer_of(int host_fd, struct unix_creds *creds) {
    struct ucred host = {0, UINT32_MAX, UINT32_MAX};
    getsockopt(host_fd, SOL_SOCKET, SO_PEERCRED, &host, &(socklen_t){sizeof host});
    *creds = (struct unix_creds){0, host.uid ? host.uid : NOBODY, host.gid ? host.gid : NOBODY};
    return host.pid == getpid();
}

static bool host_peer(const struct file *file, struct unix_creds *creds) {
    return host_peer_of(file->host_fd, creds);
}

bool unix_turned_away(struct file *listener, int host_fd) {
    const struct unix_socket *socket = listener->data;
    struct unix_creds creds;
    if (!socket) {
        return false;
    }
    pthread_mutex_lock(&unix_names_lock);
    bool abstract = socket->name && socket->name->host_bytes;
    pthread_mutex_unlock(&unix_names_lock);
    if (!abstract || host_peer_of(host_fd, &creds)) {
        return false;
    }
    close(host_fd);
    return true;
}

/* --- connections ----------------------------------------------------------------------- */

static struct unix_pair *pair_new(void) {
    struct unix_pair *pair = calloc(1, sizeof *pair);
    static _Atomic uint64_t last_id;
    if (pair) {
        pair->refs = 1;
        pair->id = ++last_id;
    }
    return pair;
}

/* unix_names_lock held. */
static struct unix_pair *pair_ref(struct unix_pair *pair) {
    pair->refs++;
    return pair;
}

void unix_pair_unref(struct unix_pair *pair) {
    if (pair && --pair->refs == 0) {
        free(pair);
    }
}

bool unix_pair_waits(const struct unix_pair *pair) {
    return pair && !pair->accepted;
}

void unix_connecting(struct task *task, struct file *file) {
    struct unix_socket *socket = file->data;
    if (!connects(socket)) {
        return;
    }
    unix_autoname(task, file);
    struct unix_pair *pair = pair_new();
    if (!pair) {
        return;
    }
    identity_of(task, &pair->made[0]);
    pthread_mutex_lock(&unix_names_lock);
    pair->asks = socket->asks;
    if (socket->name && !socket->pair) {
        unix_pair_unref(socket->name->pair);
        socket->name->pair = pair_ref(pair);
    }
    unix_pair_unref(pair);
    pthread_mutex_unlock(&unix_names_lock);
}

void unix_connected(struct file *file) {
    struct unix_socket *socket = file->data;
    struct sockaddr_un peer;
    socklen_t len = sizeof peer;
    struct unix_creds creds;
    /* a name tells nothing of who listens: its socket may be gone, and it another's */
    bool ours = !connects(socket) || host_peer(file, &creds);
    bool known = ours && !getpeername(file->host_fd, (struct sockaddr *)&peer, &len);
    pthread_mutex_lock(&unix_names_lock);
    const struct unix_name *name = known ? unix_name_of_host(&peer, len) : NULL;
    struct unix_pair *pair = socket->name ? socket->name->pair : NULL;
    if (!connects(socket)) {
        socket->peer = name ? name->id : 0;
    } else if (pair && !socket->pair) {
        socket->pair = pair_ref(pair);
        socket->side = 0;
        if (name) {
            pair->asks |= name->asks;
            pair->made[1] = name->listener;
        } else if (!pair->accepted) {
            pair->unknown = true;
        }
    }
    pthread_mutex_unlock(&unix_names_lock);
}

void unix_listening(struct task *task, struct file *file) {
    struct unix_socket *socket = file->data;
    struct unix_identity identity;
    identity_of(task, &identity);
    pthread_mutex_lock(&unix_names_lock);
    if (socket->name) {
        socket->name->listener = identity;
        socket->name->listens = true;
    }
    pthread_mutex_unlock(&unix_names_lock);
}

void unix_accepted(struct file *listener, struct file *file, const struct socket_address *from) {
    struct unix_socket *socket = file->data, *listening = listener->data;
    struct unix_creds creds;
    if (!socket) {
        return;
    }
    bool ours = host_peer(file, &creds); /* anybody on the host can take a name like ours */
    struct unix_pair *alone = pair_new();
    pthread_mutex_lock(&unix_names_lock);
    struct unix_name *name = ours ? unix_name_of_host(&from->un, from->len) : NULL;
    struct unix_pair *pair = name && name->pair && !name->pair->accepted ? name->pair : NULL;
    if (pair) {
        pair_ref(pair);
        unix_pair_unref(alone);
    } else if ((pair = alone)) { /* forgotten, or of the host */
        pair->unknown = !ours;
        pair->made[0].creds = nobody;
    }
    if (pair) {
        pair->accepted = true;
        pair->asks |= listening->asks;
        if (listening->name) {
            pair->made[1] = listening->name->listener;
        }
    }
    socket->pair = pair;
    socket->side = 1;
    socket->asks = listening->asks; /* the option is inherited */
    pthread_mutex_unlock(&unix_names_lock);
}

void unix_paired(struct task *task, struct file *a, struct file *b) {
    struct unix_pair *pair = a->data && b->data ? pair_new() : NULL;
    if (!pair) {
        return;
    }
    pair->refs = 2;
    pair->accepted = true;
    identity_of(task, &pair->made[0]);
    pair->made[1] = pair->made[0];
    ((struct unix_socket *)a->data)->pair = pair;
    ((struct unix_socket *)b->data)->pair = pair;
    ((struct unix_socket *)b->data)->side = 1;
}

void unix_socket_closing(struct unix_socket *socket) {
    if (socket->name) {
        unix_name_retire(socket->name);
    }
    socket->name = NULL;
}

void unix_socket_free(struct unix_socket *socket) {
    pthread_mutex_lock(&unix_names_lock);
    unix_pair_unref(socket->pair);
    pthread_mutex_unlock(&unix_names_lock);
    free(socket);
}

bool unix_peer(struct file *file, struct unix_identity *out) {
    struct unix_socket *socket = file->data;
    struct unix_creds host;
    host_peer(file, &host);
    *out = (struct unix_identity){.creds = {0, UINT32_MAX, UINT32_MAX}};
    pthread_mutex_lock(&unix_names_lock);
    const struct unix_pair *pair = socket->pair;
    bool known = true;
    if (pair && !pair->unknown) {
        *out = pair->made[!socket->side];
        known = out->creds.pid != 0;
    } else if (pair) {
        out->creds = host;
        known = false;
    } else if (socket->name && socket->name->listens) {
        *out = socket->name->listener; /* as Linux shows of a listening socket */
    } else {
        known = false;
    }
    pthread_mutex_unlock(&unix_names_lock);
    return known;
}

/* --- messages -------------------------------------------------------------------------- */

void unix_asks(struct file *file) {
    struct unix_socket *socket = file->data;
    anybody_asks = true;
    pthread_mutex_lock(&unix_names_lock);
    socket->asks = true;
    if (socket->name) {
        socket->name->asks = true;
    }
    if (socket->pair) {
        socket->pair->asks = true;
    }
    pthread_mutex_unlock(&unix_names_lock);
}

/* Tokens' targets: what is sent by a side of a connection, what is sent to a name. */
static uint64_t sent_by(const struct unix_pair *pair, int side) {
    return pair->id << 2 | (unsigned)side << 1 | 1;
}

static uint64_t sent_to(const struct unix_name *name) {
    return (uint64_t)name->id << 1;
}

/* Does a message go to this run, and is its sender asked for? unix_names_lock held. */
static bool is_wanted(const struct unix_socket *socket, const struct socket_address *to,
                      bool stated, uint64_t *target) {
    if (socket->pair) {
        const struct unix_pair *pair = socket->pair;
        *target = sent_by(pair, socket->side);
        return !pair->unknown && (stated || pair->asks || !pair->accepted);
    }
    const struct unix_name *name = to && to->len  ? unix_name_at(to)
                                   : socket->peer ? unix_name_find(socket->peer)
                                                  : NULL;
    *target = name ? sent_to(name) : 0;
    return name && (stated || socket->asks || name->asks);
}

/* Is this where a token was sent? Of a socket that came without its history nothing is known.
 * unix_names_lock held. */
static bool is_target(const struct unix_socket *socket, uint64_t target) {
    const struct unix_pair *pair = socket->pair;
    return (!pair && !socket->name) || (pair && target == sent_by(pair, !socket->side)) ||
           (socket->name && target == sent_to(socket->name));
}

bool unix_sender_wanted(struct task *task, struct file *file, const struct socket_address *to,
                        const struct unix_creds *stated, struct unix_sender *sender) {
    const struct unix_socket *socket = file->data;
    if (!socket || (!stated && !anybody_asks)) {
        return false;
    }
    pthread_mutex_lock(&unix_names_lock);
    bool wanted = is_wanted(socket, to, stated, &sender->target);
    pthread_mutex_unlock(&unix_names_lock);
    if (stated) {
        sender->creds = *stated;
    } else if (wanted) {
        pthread_mutex_lock(&process_lock);
        const struct process *process = task->process;
        sender->creds = (struct unix_creds){process->pid, process->uid, process->gid};
        pthread_mutex_unlock(&process_lock);
    }
    return wanted;
}

void unix_take_token(struct file *file, struct msghdr *host, size_t bytes, bool peek,
                     struct unix_received *out) {
    struct unix_socket *socket = file->data;
    struct ucred by_host = {0, NOBODY, NOBODY};
    *out = (struct unix_received){0};
    bool found = false;
    struct unix_sender sender;
    uint64_t token_bytes = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(host); c; c = CMSG_NXTHDR(host, c)) {
        int first;
        if (c->cmsg_level != SOL_SOCKET) {
            continue;
        }
        if (c->cmsg_type == SCM_CREDENTIALS) {
            memcpy(&by_host, CMSG_DATA(c), sizeof by_host);
        }
        if (c->cmsg_type != SCM_RIGHTS || c->cmsg_len < CMSG_LEN(sizeof first)) {
            continue;
        }
        memcpy(&first, CMSG_DATA(c), sizeof first);
        if ((found = unix_token_read(first, &sender, &token_bytes))) {
            close(first);
            out->skip = 1;
        }
    }
    pthread_mutex_lock(&unix_names_lock);
    bool stream = socket->type == SOCK_STREAM;
    if (found && is_target(socket, sender.target)) {
        out->creds = sender.creds; /* what is left of a stream's piece, to be read later, has no
                                      token any more */
        if (!peek && stream) {
            socket->rest = out->creds;
            socket->rest_bytes = token_bytes > bytes ? token_bytes - bytes : 0;
        }
    } else if (by_host.pid && by_host.pid != getpid()) {
        out->creds = (struct unix_creds){0, by_host.uid ? by_host.uid : NOBODY,
                                         by_host.gid ? by_host.gid : NOBODY};
    } else {
        out->creds = socket->rest_bytes ? socket->rest : nobody;
        if (!peek) {
            socket->rest_bytes -= bytes < socket->rest_bytes ? bytes : socket->rest_bytes;
        }
    }
    pthread_mutex_unlock(&unix_names_lock);
}

bool unix_tokens_come(const struct file *file, size_t *most) {
    const struct unix_socket *socket = file->data;
    *most = SIZE_MAX;
    if (!socket || !anybody_asks || socket->type != SOCK_STREAM) {
        return false;
    }
    pthread_mutex_lock(&unix_names_lock);
    bool come = socket->pair && socket->pair->asks;
    if (come && socket->rest_bytes) {
        *most = socket->rest_bytes;
    }
    pthread_mutex_unlock(&unix_names_lock);
    return come;
}

void unix_drop_control(struct file *file, struct msghdr *host, size_t bytes, bool peek) {
    struct unix_received received;
    unix_take_token(file, host, bytes, peek, &received);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(host); c; c = CMSG_NXTHDR(host, c)) {
        bool rights = c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS;
        size_t count = rights ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int) : 0;
        for (size_t i = rights ? (size_t)received.skip : 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            close(fd);
        }
    }
}
