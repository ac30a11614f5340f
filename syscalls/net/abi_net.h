/* What this room asks of an ABI: the structures of messages (recvmsg(2), cmsg(3)) and of interfaces
 * (netdevice(7)). Reached as task->abi->net. All operations return 0 or -EFAULT.
 *
 * Elsewhere the layouts of sockets differ by the size of a long alone (struct sock_fprog, ifconf,
 * group_req), which abi_read_pointers() and abi_long_bytes() know. */
#ifndef FG_SYSCALLS_ABI_NET_H
#define FG_SYSCALLS_ABI_NET_H

#include "core/base/types.h"
#include <net/if.h>

struct task;

/* A guest's struct msghdr. */
struct guest_msg {
    gaddr_t name, iov, control;
    int32_t name_len;
    uint64_t iov_count, control_len;
    uint32_t flags;
};

/* A guest's struct cmsghdr. */
struct guest_cmsg {
    uint64_t len; /* header included */
    int32_t level, type;
};

struct abi_net {
    unsigned msg_bytes,
        mmsg_bytes; /* of struct msghdr; of struct mmsghdr, msg_len comes after it */
    int (*get_msg)(struct task *task, gaddr_t from, struct guest_msg *msg);
    /* Writes what recvmsg(2) changes: msg_controllen, msg_flags, and msg_namelen if there is a
     * name. */
    int (*put_msg)(struct task *task, gaddr_t to, const struct guest_msg *msg);
    unsigned cmsg_bytes, cmsg_align; /* of struct cmsghdr; what messages are padded to */
    int (*get_cmsg)(struct task *task, gaddr_t from, struct guest_cmsg *cmsg);
    int (*put_cmsg)(struct task *task, gaddr_t to, const struct guest_cmsg *cmsg);
    unsigned ifreq_bytes; /* of struct ifreq; without addresses in it, its bytes are the host's */
    int (*put_ifmap)(struct task *task, gaddr_t to, const struct ifmap *map);
};

#endif
