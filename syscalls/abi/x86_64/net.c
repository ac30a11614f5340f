/* x86-64 structures of sockets: messages, control messages and interfaces. */
#include "core/space/space.h"
#include "syscalls/abi/x86_64/x86_64.h"
#include "syscalls/net/abi_net.h"

#include <errno.h>
#include <string.h>

struct x86_64_msghdr {
    uint64_t name;
    int32_t name_len;
    uint64_t iov, iov_count, control, control_len;
    uint32_t flags;
};

struct x86_64_cmsghdr {
    uint64_t len;
    int32_t level, type;
};

struct x86_64_ifmap {
    uint64_t mem_start, mem_end;
    uint16_t base_addr;
    uint8_t irq, dma, port, padding[3];
};

_Static_assert(sizeof(struct x86_64_msghdr) == 56, "struct msghdr");
_Static_assert(sizeof(struct x86_64_cmsghdr) == 16, "struct cmsghdr");
_Static_assert(sizeof(struct x86_64_ifmap) == 24, "struct ifmap");

static int get_msg(struct task *task, gaddr_t from, struct guest_msg *msg) {
    struct x86_64_msghdr in;
    if (guest_read(task->cpu->space, &in, from, sizeof in)) {
        return -EFAULT;
    }
    *msg = (struct guest_msg){.name = in.name,
                              .name_len = in.name_len,
                              .iov = in.iov,
                              .iov_count = in.iov_count,
                              .control = in.control,
                              .control_len = in.control_len,
                              .flags = in.flags};
    return 0;
}

static int put_msg(struct task *task, gaddr_t to, const struct guest_msg *msg) {
    struct space *space = task->cpu->space;
    const uint32_t tail[3] = {(uint32_t)msg->control_len, (uint32_t)(msg->control_len >> 32),
                              msg->flags};
    if (msg->name && guest_write(space, to + offsetof(struct x86_64_msghdr, name_len),
                                 &msg->name_len, sizeof msg->name_len)) {
        return -EFAULT;
    }
    return guest_write(space, to + offsetof(struct x86_64_msghdr, control_len), tail, sizeof tail);
}

static int get_cmsg(struct task *task, gaddr_t from, struct guest_cmsg *cmsg) {
    struct x86_64_cmsghdr in;
    if (guest_read(task->cpu->space, &in, from, sizeof in)) {
        return -EFAULT;
    }
    *cmsg = (struct guest_cmsg){in.len, in.level, in.type};
    return 0;
}

static int put_cmsg(struct task *task, gaddr_t to, const struct guest_cmsg *cmsg) {
    struct x86_64_cmsghdr out = {cmsg->len, cmsg->level, cmsg->type};
    return guest_write(task->cpu->space, to, &out, sizeof out);
}

static int put_ifmap(struct task *task, gaddr_t to, const struct ifmap *map) {
    struct x86_64_ifmap out = {.mem_start = map->mem_start,
                               .mem_end = map->mem_end,
                               .base_addr = map->base_addr,
                               .irq = map->irq,
                               .dma = map->dma,
                               .port = map->port};
    return guest_write(task->cpu->space, to, &out, sizeof out);
}

const struct abi_net abi_x86_64_net = {
    .msg_bytes = sizeof(struct x86_64_msghdr),
    .mmsg_bytes = sizeof(struct x86_64_msghdr) + 8, /* msg_len and padding */
    .get_msg = get_msg,
    .put_msg = put_msg,
    .cmsg_bytes = sizeof(struct x86_64_cmsghdr),
    .cmsg_align = 8,
    .get_cmsg = get_cmsg,
    .put_cmsg = put_cmsg,
    .ifreq_bytes = IFNAMSIZ + sizeof(struct x86_64_ifmap), /* the largest of its union */
    .put_ifmap = put_ifmap,
};
