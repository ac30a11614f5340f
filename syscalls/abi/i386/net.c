/* i386 structures of sockets: messages, control messages and interfaces have 32-bit addresses and
 * lengths. */
#include "core/space/space.h"
#include "syscalls/abi/i386/i386.h"
#include "syscalls/net/abi_net.h"

#include <errno.h>
#include <string.h>

struct i386_msghdr {
    uint32_t name;
    int32_t name_len;
    uint32_t iov, iov_count, control, control_len, flags;
};

struct i386_cmsghdr {
    uint32_t len;
    int32_t level, type;
};

struct i386_ifmap {
    uint32_t mem_start, mem_end;
    uint16_t base_addr;
    uint8_t irq, dma, port, padding[3];
};

_Static_assert(sizeof(struct i386_msghdr) == 28, "struct msghdr");
_Static_assert(sizeof(struct i386_cmsghdr) == 12, "struct cmsghdr");
_Static_assert(sizeof(struct i386_ifmap) == 16, "struct ifmap");

static int get_msg(struct task *task, gaddr_t from, struct guest_msg *msg) {
    struct i386_msghdr in;
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
    const uint32_t tail[2] = {(uint32_t)msg->control_len, msg->flags};
    if (msg->name && guest_write(space, to + offsetof(struct i386_msghdr, name_len), &msg->name_len,
                                 sizeof msg->name_len)) {
        return -EFAULT;
    }
    return guest_write(space, to + offsetof(struct i386_msghdr, control_len), tail, sizeof tail);
}

static int get_cmsg(struct task *task, gaddr_t from, struct guest_cmsg *cmsg) {
    struct i386_cmsghdr in;
    if (guest_read(task->cpu->space, &in, from, sizeof in)) {
        return -EFAULT;
    }
    *cmsg = (struct guest_cmsg){in.len, in.level, in.type};
    return 0;
}

static int put_cmsg(struct task *task, gaddr_t to, const struct guest_cmsg *cmsg) {
    struct i386_cmsghdr out = {(uint32_t)cmsg->len, cmsg->level, cmsg->type};
    return guest_write(task->cpu->space, to, &out, sizeof out);
}

static int put_ifmap(struct task *task, gaddr_t to, const struct ifmap *map) {
    struct i386_ifmap out = {.mem_start = (uint32_t)map->mem_start,
                             .mem_end = (uint32_t)map->mem_end,
                             .base_addr = map->base_addr,
                             .irq = map->irq,
                             .dma = map->dma,
                             .port = map->port};
    return guest_write(task->cpu->space, to, &out, sizeof out);
}

const struct abi_net abi_i386_net = {
    .msg_bytes = sizeof(struct i386_msghdr),
    .mmsg_bytes = sizeof(struct i386_msghdr) + 4,
    .get_msg = get_msg,
    .put_msg = put_msg,
    .cmsg_bytes = sizeof(struct i386_cmsghdr),
    .cmsg_align = 4,
    .get_cmsg = get_cmsg,
    .put_cmsg = put_cmsg,
    .ifreq_bytes = IFNAMSIZ + sizeof(struct i386_ifmap), /* the largest of its union */
    .put_ifmap = put_ifmap,
};
