/* getsockopt(2), setsockopt(2). Most options are integers or structures without pointers and pass
 * as they are; converted are the ones with a time, an address in memory, or a process in them.
 * Only options that are known pass (plain_options). Ioctls are socket_ioctl.c. */
#include "core/space/space.h"
#include "syscalls/abi/abi.h"
#include "syscalls/abi/times.h"
#include "syscalls/task/process.h"
#include "syscalls/net/socket.h"
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "gen/syscall_protos.h"

/* SOL_SOCKET options by number (asm-generic/socket.h), the same for both ABIs. */
enum {
    OPT_PASSCRED = 16,
    OPT_PEERCRED = 17,
    OPT_RCVTIMEO_OLD = 20,
    OPT_SNDTIMEO_OLD = 21,
    OPT_ATTACH_FILTER = 26,
    OPT_PEERNAME = 28,
    OPT_ATTACH_REUSEPORT_CBPF = 51,
    OPT_PEERGROUPS = 59,
    OPT_RCVTIMEO_NEW = 66,
    OPT_SNDTIMEO_NEW = 67,
};
#define OPTION_MOST      65536 /* bytes of a value that pass */
#define IP_ORIGINAL_DST  80
#define TCP_RECEIVE_ZERO 35 /* TCP_ZEROCOPY_RECEIVE */

/* --- setting --------------------------------------------------------------------------- */

static bool is_timeout(int option) {
    return option == OPT_RCVTIMEO_OLD || option == OPT_SNDTIMEO_OLD || option == OPT_RCVTIMEO_NEW ||
           option == OPT_SNDTIMEO_NEW;
}

/* The old options have the ABI's own struct timeval, the new ones 64-bit seconds. */
static const struct abi_times *timeout_layout(const struct task *task, int option) {
    bool old = option == OPT_RCVTIMEO_OLD || option == OPT_SNDTIMEO_OLD;
    return old ? task->abi->times : task->abi->times64;
}

static long set_timeout(struct task *task, struct file *file, int option, gaddr_t at,
                        uint32_t len) {
    const struct abi_times *times = timeout_layout(task, option);
    struct timeval timeout;
    uint32_t first; /* of every option a word is read before it is known how long it must be */
    if (len < sizeof first) {
        return -EINVAL;
    }
    if (guest_read(task->cpu->space, &first, at, sizeof first)) {
        return -EFAULT;
    }
    if (len < times->pair_bytes) {
        return -EINVAL;
    }
    if (times->get_timeval(task, at, &timeout)) {
        return -EFAULT;
    }
    int host = option == OPT_RCVTIMEO_NEW   ? OPT_RCVTIMEO_OLD
               : option == OPT_SNDTIMEO_NEW ? OPT_SNDTIMEO_OLD
                                            : option;
    return setsockopt(file->host_fd, SOL_SOCKET, host, &timeout, sizeof timeout) ? -errno : 0;
}

/* struct sock_fprog: a count and the address of as many struct sock_filter. */
static long set_filter(struct task *task, struct file *file, int option, gaddr_t at, uint32_t len) {
    uint64_t word[2]; /* the count is a short, then padding */
    if (len != 2 * abi_long_bytes(task)) {
        return -EINVAL;
    }
    if (abi_read_pointers(task, at, word, 2)) {
        return -EFAULT;
    }
    uint16_t count = (uint16_t)word[0];
    struct sock_fprog program = {.len = count,
                                 .filter = calloc(count + 1u, sizeof(struct sock_filter))};
    if (!program.filter) {
        return -ENOMEM;
    }
    long result =
        guest_read(task->cpu->space, program.filter, word[1], count * sizeof(struct sock_filter));
    if (!result) {
        result =
            setsockopt(file->host_fd, SOL_SOCKET, option, &program, sizeof program) ? -errno : 0;
    }
    free(program.filter);
    return result;
}

/* Levels mean nothing to sockets of other families: these say so by themselves. */
static bool is_inet(const struct file *file, int level) {
    int domain = 0;
    getsockopt(file->host_fd, SOL_SOCKET, SO_DOMAIN, &domain, &(socklen_t){sizeof domain});
    return domain == AF_INET6 || (domain == AF_INET && level != SOL_IPV6);
}

static bool is_group_option(const struct file *file, int level, int option) {
    return (level == SOL_IP || level == SOL_IPV6) && option >= MCAST_JOIN_GROUP &&
           is_inet(file, level) &&
           (option == MCAST_JOIN_GROUP || option == MCAST_LEAVE_GROUP ||
            (option >= MCAST_BLOCK_SOURCE && option <= MCAST_LEAVE_SOURCE_GROUP));
}

/* struct group_req, group_source_req: the first member is followed by a sockaddr_storage, aligned
 * as a long is. */
static long set_group(struct task *task, struct file *file, int level, int option, gaddr_t at,
                      uint32_t len) {
    unsigned word = abi_long_bytes(task);
    uint8_t host[8 + 2 * sizeof(struct sockaddr_storage)] = {0};
    unsigned addresses = option == MCAST_JOIN_GROUP || option == MCAST_LEAVE_GROUP ? 1 : 2;
    unsigned bytes = addresses * (unsigned)sizeof(struct sockaddr_storage);
    if (len < word + bytes) {
        return -EINVAL;
    }
    if (guest_read(task->cpu->space, host, at, 4) ||
        guest_read(task->cpu->space, host + 8, at + word, bytes)) {
        return -EFAULT;
    }
    return setsockopt(file->host_fd, level, option, host, 8 + bytes) ? -errno : 0;
}

static bool is_source_filter(const struct file *file, int level, int option) {
    return (level == SOL_IP || level == SOL_IPV6) && option == MCAST_MSFILTER &&
           is_inet(file, level);
}

/* struct group_filter: interface, group (aligned as above), mode, count and sources. */
struct source_filter {
    union {
        struct group_filter host;
        uint8_t bytes[sizeof(struct group_filter) + OPTION_MOST];
    };
};
#define FILTER_HEAD offsetof(struct group_filter, gf_slist)

/* Reads one of `len` bytes; what the guest's layout lacks before the group is left out. */
static long read_source_filter(struct task *task, struct source_filter *filter, gaddr_t at,
                               uint32_t len) {
    unsigned lacks = 8 - abi_long_bytes(task);
    memset(filter, 0, sizeof *filter);
    if (guest_read(task->cpu->space, filter->bytes, at, 4) ||
        guest_read(task->cpu->space, filter->bytes + 8, at + 8 - lacks, len + lacks - 8)) {
        return -EFAULT;
    }
    return 0;
}

static long set_source_filter(struct task *task, struct file *file, int level, gaddr_t at,
                              uint32_t len) {
    unsigned lacks = 8 - abi_long_bytes(task);
    if (len + lacks < FILTER_HEAD) {
        return -EINVAL;
    }
    struct source_filter *filter = malloc(sizeof *filter);
    if (!filter) {
        return -ENOMEM;
    }
    long result = read_source_filter(task, filter, at, len);
    if (!result) {
        result = setsockopt(file->host_fd, level, MCAST_MSFILTER, filter, len + lacks) ? -errno : 0;
    }
    free(filter);
    return result;
}

/* The options whose value is known to be plain: no object or address of the host's in it, and no
 * length that the host trusts more than the one of the call. The host writes wherever the value of
 * MPTCP_FULL_INFO says, and as many keys as that of TCP_AO_GET_KEYS says: so what is not named here
 * is unknown to the guest, too, new options of new hosts included. Missing on purpose are eBPF
 * programs, pidfds, devices' memory, SO_PASSRIGHTS (identities travel as rights, socket_creds.c)
 * and netfilter's tables. */
static const struct {
    int level, first, last;
} plain_options[] = {
    {SOL_SOCKET, 1, 49},
    {SOL_SOCKET, 51, 51}, /* SO_ATTACH_REUSEPORT_CBPF */
    {SOL_SOCKET, 53, 75},
    {SOL_SOCKET, 82, 82}, /* SO_RCVPRIORITY */
    {SOL_IP, 1, 63},
    {SOL_IP, IP_ORIGINAL_DST, IP_ORIGINAL_DST},
    {SOL_IPV6, 1, 63},
    {SOL_IPV6, 66, 67}, /* IPV6_RECVTCLASS, IPV6_TCLASS */
    {SOL_IPV6, 70, 80},
    {SOL_TCP, 1, TCP_RECEIVE_ZERO - 1},
    {SOL_TCP, TCP_RECEIVE_ZERO + 1, 37},
    {SOL_TCP, 43, 46}, /* TCP_IS_MPTCP, TCP_RTO_MAX_MS, ... */
    {IPPROTO_UDP, 1, 104},
    {IPPROTO_UDPLITE, 1, 104},
    {IPPROTO_ICMPV6, 1, 1},
    {SOL_RAW, 1, 1},
    {270 /* SOL_NETLINK */, 1, 12},
    {282 /* SOL_TLS */, 1, 4},
    {284 /* SOL_MPTCP */, 1, 1},
};

/* Whether an option of the socket is none of these. Levels of the internet that the socket does not
 * have are left to the host. */
static bool is_refused(const struct file *file, int level, int option) {
    bool internet = level == SOL_IP || level == SOL_IPV6 || level == SOL_TCP;
    if (internet && !is_inet(file, level)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(plain_options); i++) {
        if (plain_options[i].level == level && option >= plain_options[i].first &&
            option <= plain_options[i].last) {
            return false;
        }
    }
    return true;
}

/* What the host says of an option that it does not know, on this level of this socket. */
static long unknown_option(const struct file *file, int level, bool set) {
    int value = 0;
    if (set ? setsockopt(file->host_fd, level, -1, &value, sizeof value)
            : getsockopt(file->host_fd, level, -1, &value, &(socklen_t){sizeof value})) {
        return -errno;
    }
    return -ENOPROTOOPT;
}

long sys_setsockopt(struct task *task, int32_t fd, int32_t level, int32_t option, gaddr_t at,
                    uint32_t len) {
    long result;
    struct file *file = socket_get(task, fd, &result);
    if (!file) {
        return result;
    }
    uint8_t few[256], *value = few;
    if ((int32_t)len < 0 || len > OPTION_MOST) {
        result = -EINVAL;
    } else if (is_refused(file, level, option)) {
        result = unknown_option(file, level, true);
    } else if (level == SOL_SOCKET && is_timeout(option)) {
        result = set_timeout(task, file, option, at, len);
    } else if (level == SOL_SOCKET &&
               (option == OPT_ATTACH_FILTER || option == OPT_ATTACH_REUSEPORT_CBPF)) {
        result = set_filter(task, file, option, at, len);
    } else if (is_group_option(file, level, option)) {
        result = set_group(task, file, level, option, at, len);
    } else if (is_source_filter(file, level, option)) {
        result = set_source_filter(task, file, level, at, len);
    } else if (len > sizeof few && !(value = malloc(len))) {
        result = -ENOMEM;
    } else {
        result = at ? guest_read(task->cpu->space, value, at, len) : 0;
        if (!result) {
            result = setsockopt(file->host_fd, level, option, at ? value : NULL, len) ? -errno : 0;
        }
        int32_t on = 0;
        if (!result && len >= sizeof on && level == SOL_SOCKET && option == OPT_PASSCRED &&
            socket_is_unix(file) && (memcpy(&on, value, sizeof on), on)) {
            unix_asks(file);
        }
    }
    if (value != few) {
        free(value);
    }
    file_unref(file);
    return result;
}

/* --- getting --------------------------------------------------------------------------- */

/* Value -> guest, at most as much as it has room for. */
static long give(struct task *task, gaddr_t at, gaddr_t len_at, int32_t room, const void *value,
                 uint32_t len) {
    if ((uint32_t)room < len) {
        len = (uint32_t)room;
    }
    if (guest_write(task->cpu->space, at, value, len) ||
        guest_write(task->cpu->space, len_at, &len, sizeof len)) {
        return -EFAULT;
    }
    return 0;
}

static long get_timeout(struct task *task, struct file *file, int option, gaddr_t at,
                        gaddr_t len_at, int32_t room) {
    const struct abi_times *times = timeout_layout(task, option);
    struct timeval timeout = {0};
    uint8_t out[sizeof timeout];
    int host = option == OPT_RCVTIMEO_NEW   ? OPT_RCVTIMEO_OLD
               : option == OPT_SNDTIMEO_NEW ? OPT_SNDTIMEO_OLD
                                            : option;
    if (getsockopt(file->host_fd, SOL_SOCKET, host, &timeout, &(socklen_t){sizeof timeout})) {
        return -errno;
    }
    times->pack(out, timeout.tv_sec, timeout.tv_usec);
    return give(task, at, len_at, room, out, times->pair_bytes);
}

static long get_peer(struct task *task, struct file *file, int option, gaddr_t at, gaddr_t len_at,
                     int32_t room) {
    struct unix_identity peer;
    bool known = unix_peer(file, &peer);
    if (option == OPT_PEERCRED) {
        return give(task, at, len_at, room, &peer.creds, sizeof peer.creds);
    }
    if (!known) {
        return -ENODATA;
    }
    uint32_t bytes = (uint32_t)peer.group_count * 4;
    if ((uint32_t)room < bytes) {
        return guest_write(task->cpu->space, len_at, &bytes, 4) ? -EFAULT : -ERANGE;
    }
    return give(task, at, len_at, room, peer.groups, bytes);
}

/* MCAST_MSFILTER: the guest says in the structure for how many sources it has room. */
static long get_source_filter(struct task *task, struct file *file, int level, gaddr_t at,
                              gaddr_t len_at, int32_t room) {
    struct space *space = task->cpu->space;
    unsigned lacks = 8 - abi_long_bytes(task);
    if ((uint32_t)room + lacks < FILTER_HEAD) {
        return -EINVAL;
    }
    struct source_filter *filter = malloc(sizeof *filter);
    if (!filter) {
        return -ENOMEM;
    }
    long result = read_source_filter(task, filter, at, FILTER_HEAD - lacks);
    const uint32_t most = OPTION_MOST / sizeof(struct sockaddr_storage);
    uint32_t sources = filter->host.gf_numsrc < most ? filter->host.gf_numsrc : most;
    filter->host.gf_numsrc = sources;
    socklen_t len = (socklen_t)GROUP_FILTER_SIZE(sources);
    if (!result && getsockopt(file->host_fd, level, MCAST_MSFILTER, filter, &len)) {
        result = -errno;
    }
    if (!result) {
        if (filter->host.gf_numsrc < sources) {
            sources = filter->host.gf_numsrc;
        }
        uint32_t shown = (uint32_t)GROUP_FILTER_SIZE(sources) - lacks;
        const unsigned mode = offsetof(struct group_filter, gf_fmode);
        if (guest_write(space, len_at, &shown, 4) ||
            guest_write(space, at + mode - lacks, filter->bytes + mode, shown + lacks - mode)) {
            result = -EFAULT;
        }
    }
    free(filter);
    return result;
}

/* IP_MSFILTER: as above, and the host does not even compare that room with the length. */
static long get_source_filter4(struct task *task, struct file *file, gaddr_t at, gaddr_t len_at,
                               int32_t room) {
    const uint32_t most = OPTION_MOST / sizeof(struct in_addr);
    struct ip_msfilter *filter;
    socklen_t len = IP_MSFILTER_SIZE(0);
    if ((uint32_t)room < len) {
        return -EINVAL;
    }
    filter = malloc(IP_MSFILTER_SIZE(most));
    if (!filter) {
        return -ENOMEM;
    }
    long result = guest_read(task->cpu->space, filter, at, len);
    if (!result) {
        if (filter->imsf_numsrc > most) {
            filter->imsf_numsrc = most;
        }
        if (getsockopt(file->host_fd, SOL_IP, IP_MSFILTER, filter, &len)) {
            result = -errno;
        } else {
            result = give(task, at, len_at, (int32_t)len, filter, len);
        }
    }
    free(filter);
    return result;
}

/* SO_PEERNAME: the guest's name of a unix socket's peer, not the host's. */
static long get_peer_name(struct task *task, struct file *file, gaddr_t at, gaddr_t len_at,
                          int32_t room) {
    struct socket_address peer = {.len = sizeof peer.storage, .hold_fd = -1};
    if (getpeername(file->host_fd, &peer.any, &peer.len)) {
        return -ENOTCONN;
    }
    unix_address_to_guest(&peer, false);
    if (peer.len < (socklen_t)room) {
        return -EINVAL;
    }
    return give(task, at, len_at, room, &peer.storage, (uint32_t)room);
}

/* SO_GET_FILTER: lengths count instructions; 0 asks for their number. */
static long get_filter(struct task *task, struct file *file, gaddr_t at, gaddr_t len_at,
                       int32_t room) {
    struct sock_filter *filter = calloc(BPF_MAXINSNS, sizeof *filter);
    socklen_t count = (socklen_t)(room > BPF_MAXINSNS ? BPF_MAXINSNS : room);
    if (!filter) {
        return -ENOMEM;
    }
    long result = 0;
    bool wanted = count != 0;
    if (getsockopt(file->host_fd, SOL_SOCKET, OPT_ATTACH_FILTER, filter, &count)) {
        result = -errno;
    } else if ((wanted && guest_write(task->cpu->space, at, filter, count * sizeof *filter)) ||
               guest_write(task->cpu->space, len_at, &count, sizeof count)) {
        result = -EFAULT;
    }
    free(filter);
    return result;
}

static long get_plain(struct task *task, struct file *file, int level, int option, gaddr_t at,
                      gaddr_t len_at, int32_t room) {
    socklen_t len = (socklen_t)(room > OPTION_MOST ? OPTION_MOST : room);
    uint8_t *value = calloc(1, len + 1);
    if (!value) {
        return -ENOMEM;
    }
    /* Some options read their buffer first. */
    long result = guest_read(task->cpu->space, value, at, len < 64 ? len : 64);
    if (result) {
        memset(value, 0, len);
        result = 0; /* EFAULT comes from writing, if at all */
    }
    if (getsockopt(file->host_fd, level, option, value, &len)) {
        result = -errno;
    }
    if (!result) {
        result = give(task, at, len_at, (int32_t)len, value, len);
    }
    free(value);
    return result;
}

long sys_getsockopt(struct task *task, int32_t fd, int32_t level, int32_t option, gaddr_t at,
                    gaddr_t len_at) {
    long result;
    int32_t room;
    struct file *file = socket_get(task, fd, &result);
    if (!file) {
        return result;
    }
    if (guest_read(task->cpu->space, &room, len_at, sizeof room)) {
        result = -EFAULT;
    } else if (room < 0) {
        result = -EINVAL;
    } else if (is_refused(file, level, option)) {
        result = unknown_option(file, level, false);
    } else if (level == SOL_SOCKET && is_timeout(option)) {
        result = get_timeout(task, file, option, at, len_at, room);
    } else if (level == SOL_SOCKET && socket_is_unix(file) &&
               (option == OPT_PEERCRED || option == OPT_PEERGROUPS)) {
        result = get_peer(task, file, option, at, len_at, room);
    } else if (level == SOL_SOCKET && option == OPT_ATTACH_FILTER) {
        result = get_filter(task, file, at, len_at, room);
    } else if (level == SOL_SOCKET && socket_is_unix(file) && option == OPT_PEERNAME) {
        result = get_peer_name(task, file, at, len_at, room);
    } else if (level == SOL_IP && option == IP_MSFILTER && is_inet(file, level)) {
        result = get_source_filter4(task, file, at, len_at, room);
    } else if (is_source_filter(file, level, option)) {
        result = get_source_filter(task, file, level, at, len_at, room);
    } else {
        result = get_plain(task, file, level, option, at, len_at, room);
    }
    file_unref(file);
    return result;
}
