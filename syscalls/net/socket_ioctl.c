/* Ioctls of sockets: bytes in queues, owners, time stamps, and what netdevice(7), arp(7) and
 * ethtool tell of the host's interfaces. What would change the host's network is EPERM, as for a
 * user without rights. */
#include "core/space/space.h"
#include "syscalls/abi/abi.h"
#include "syscalls/abi/times.h"
#include "syscalls/fs/fs.h"
#include "syscalls/net/socket.h"
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

/* Time stamps of two 64-bit numbers, whatever the ABI's long is. */
#define SIOCGSTAMP_NEW_64   0x80108906u
#define SIOCGSTAMPNS_NEW_64 0x80108907u

/* SIOCGIFCONF: struct ifconf {int len; struct ifreq *req}. */
static long get_interfaces(struct file *file, struct task *task, gaddr_t arg) {
    struct space *space = task->cpu->space;
    unsigned bytes = task->abi->net->ifreq_bytes;
    uint64_t word[2]; /* the length is an int, then padding */
    if (abi_read_pointers(task, arg, word, 2)) {
        return -EFAULT;
    }
    int32_t room = (int32_t)word[0];
    gaddr_t to = word[1];
    struct ifreq list[64];
    struct ifconf conf = {.ifc_len = sizeof list, .ifc_req = list};
    if (ioctl(file->host_fd, SIOCGIFCONF, &conf)) {
        return -errno;
    }
    int32_t count = conf.ifc_len / (int)sizeof list[0];
    if (to && room / (int)bytes < count) {
        count = room < 0 ? 0 : room / (int)bytes;
    }
    for (int32_t i = 0; to && i < count; i++) {
        if (guest_write(space, to + (gaddr_t)i * bytes, &list[i], bytes)) {
            return -EFAULT;
        }
    }
    count *= (int32_t)bytes;
    return guest_write(space, arg, &count, 4);
}

/* Requests on a struct ifreq whose union holds no pointer. */
static long interface_ioctl(struct file *file, struct task *task, uint32_t request, gaddr_t arg) {
    struct space *space = task->cpu->space;
    struct ifreq ifr;
    unsigned bytes = task->abi->net->ifreq_bytes;
    memset(&ifr, 0, sizeof ifr);
    if (guest_read(space, &ifr, arg, bytes)) {
        return -EFAULT;
    }
    if (ioctl(file->host_fd, request, &ifr)) {
        return -errno;
    }
    return guest_write(space, arg, &ifr, bytes);
}

/* SIOCGIFMAP: struct ifmap begins with two longs. */
static long map_ioctl(struct file *file, struct task *task, gaddr_t arg) {
    struct ifreq ifr;
    memset(&ifr, 0, sizeof ifr);
    if (guest_read(task->cpu->space, ifr.ifr_name, arg, IFNAMSIZ)) {
        return -EFAULT;
    }
    if (ioctl(file->host_fd, SIOCGIFMAP, &ifr)) {
        return -errno;
    }
    return task->abi->net->put_ifmap(task, arg + IFNAMSIZ, &ifr.ifr_map);
}

/* What ethtool may ask, and how many bytes its structure has. Everything else it knows changes
 * something or has a size that only the device knows. */
static const struct {
    uint32_t command, bytes;
} ethtool_questions[] = {
    {ETHTOOL_GSET, sizeof(struct ethtool_cmd)},
    {ETHTOOL_GDRVINFO, sizeof(struct ethtool_drvinfo)},
    {ETHTOOL_GMSGLVL, sizeof(struct ethtool_value)},
    {ETHTOOL_GLINK, sizeof(struct ethtool_value)},
    {ETHTOOL_GRXCSUM, sizeof(struct ethtool_value)},
    {ETHTOOL_GTXCSUM, sizeof(struct ethtool_value)},
    {ETHTOOL_GSG, sizeof(struct ethtool_value)},
    {ETHTOOL_GTSO, sizeof(struct ethtool_value)},
    {ETHTOOL_GUFO, sizeof(struct ethtool_value)},
    {ETHTOOL_GGSO, sizeof(struct ethtool_value)},
    {ETHTOOL_GGRO, sizeof(struct ethtool_value)},
    {ETHTOOL_GFLAGS, sizeof(struct ethtool_value)},
    {ETHTOOL_GPFLAGS, sizeof(struct ethtool_value)},
    {ETHTOOL_GCOALESCE, sizeof(struct ethtool_coalesce)},
    {ETHTOOL_GRINGPARAM, sizeof(struct ethtool_ringparam)},
    {ETHTOOL_GPAUSEPARAM, sizeof(struct ethtool_pauseparam)},
    {ETHTOOL_GCHANNELS, sizeof(struct ethtool_channels)},
    {ETHTOOL_GEEE, sizeof(struct ethtool_eee)},
    {ETHTOOL_GET_TS_INFO, sizeof(struct ethtool_ts_info)},
    {ETHTOOL_GLINKSETTINGS, sizeof(struct ethtool_link_settings)},
};

/* SIOCETHTOOL: ifr_data is the address of a structure that starts with the command. */
static long ethtool_ioctl(struct file *file, struct task *task, gaddr_t arg) {
    struct space *space = task->cpu->space;
    /* ETHTOOL_GLINKSETTINGS is followed by three sets of up to 127 words each. */
    uint32_t value[(sizeof(struct ethtool_link_settings) + 3 * 127 * 4) / 4] = {0};
    struct ifreq ifr;
    uint64_t at = 0;
    memset(&ifr, 0, sizeof ifr);
    if (guest_read(space, ifr.ifr_name, arg, IFNAMSIZ) ||
        abi_read_pointers(task, arg + IFNAMSIZ, &at, 1) ||
        guest_read(space, value, at, sizeof value[0])) {
        return -EFAULT;
    }
    uint32_t bytes = 0;
    for (size_t i = 0; i < ARRAY_LEN(ethtool_questions); i++) {
        if (ethtool_questions[i].command == value[0]) {
            bytes = ethtool_questions[i].bytes;
        }
    }
    if (!bytes) {
        return -EPERM;
    }
    if (guest_read(space, value, at, bytes)) {
        return -EFAULT;
    }
    if (value[0] == ETHTOOL_GLINKSETTINGS) {
        int8_t words = ((struct ethtool_link_settings *)value)->link_mode_masks_nwords;
        bytes += words > 0 ? 3 * 4 * (uint32_t)words : 0;
    }
    ifr.ifr_data = (void *)value;
    if (ioctl(file->host_fd, SIOCETHTOOL, &ifr)) {
        return -errno;
    }
    return guest_write(space, at, value, bytes);
}

/* SIOCGSTAMP, SIOCGSTAMPNS and their 64-bit forms: when the last packet came; ENOENT before one. */
static long stamp_ioctl(struct file *file, struct task *task, uint32_t request, gaddr_t arg) {
    bool nanoseconds = (request & 0xff) == (SIOCGSTAMPNS_OLD & 0xff);
    bool new = request == SIOCGSTAMP_NEW_64 || request == SIOCGSTAMPNS_NEW_64;
    const struct abi_times *times = new ? task->abi->times64 : task->abi->times;
    int64_t pair[2];
    uint8_t out[sizeof pair];
    if (ioctl(file->host_fd, nanoseconds ? SIOCGSTAMPNS_OLD : SIOCGSTAMP_OLD, pair)) {
        return -errno;
    }
    times->pack(out, pair[0], pair[1]);
    return guest_write(task->cpu->space, arg, out, times->pair_bytes);
}

/* FIOSETOWN and the like: as F_SETOWN, with the number in memory. */
static long owner_ioctl(struct file *file, struct task *task, bool set, gaddr_t arg) {
    int32_t owner = file->owner;
    if (!set) {
        return guest_write(task->cpu->space, arg, &owner, sizeof owner);
    }
    if (guest_read(task->cpu->space, &owner, arg, sizeof owner)) {
        return -EFAULT;
    }
    return file_set_owner(file, owner);
}

/* SIOCGARP: struct arpreq holds no address. */
static long arp_ioctl(struct file *file, struct task *task, gaddr_t arg) {
    struct arpreq request;
    if (guest_read(task->cpu->space, &request, arg, sizeof request)) {
        return -EFAULT;
    }
    if (ioctl(file->host_fd, SIOCGARP, &request)) {
        return -errno;
    }
    return guest_write(task->cpu->space, arg, &request, sizeof request);
}

static long int_ioctl(struct file *file, struct task *task, uint32_t request, gaddr_t arg) {
    int value = 0;
    if (ioctl(file->host_fd, request, &value)) {
        return -errno;
    }
    return guest_write(task->cpu->space, arg, &value, sizeof value);
}

/* Requests of netdevice(7) and its like; those on the socket alone have other numbers. */
static bool asks_for_interface(uint32_t request) {
    return request >= SIOCADDRT && request <= SIOCPROTOPRIVATE;
}

long socket_ioctl(struct file *file, struct task *task, uint32_t request, gaddr_t arg) {
    static const int32_t nothing;
    if (!socket_network && request == SIOCGIFCONF) {
        return guest_write(task->cpu->space, arg, &nothing, sizeof nothing);
    }
    if (!socket_network && asks_for_interface(request)) {
        return -ENODEV;
    }
    switch (request) {
    case SIOCINQ:
    case SIOCOUTQ:
    case SIOCOUTQNSD:
    case SIOCATMARK:
        return int_ioctl(file, task, request, arg);
    case FIOSETOWN:
    case SIOCSPGRP:
    case FIOGETOWN:
    case SIOCGPGRP:
        return owner_ioctl(file, task, request == FIOSETOWN || request == SIOCSPGRP, arg);
    case SIOCGSTAMP_OLD:
    case SIOCGSTAMPNS_OLD:
    case SIOCGSTAMP_NEW_64:
    case SIOCGSTAMPNS_NEW_64:
        return stamp_ioctl(file, task, request, arg);
    case SIOCGIFCONF:
        return get_interfaces(file, task, arg);
    case SIOCGIFNAME:
    case SIOCGIFFLAGS:
    case SIOCGIFADDR:
    case SIOCGIFDSTADDR:
    case SIOCGIFBRDADDR:
    case SIOCGIFNETMASK:
    case SIOCGIFMETRIC:
    case SIOCGIFMEM:
    case SIOCGIFMTU:
    case SIOCGIFHWADDR:
    case SIOCGIFENCAP:
    case SIOCGIFPFLAGS:
    case SIOCGIFINDEX:
    case SIOCGIFCOUNT:
    case SIOCGIFTXQLEN:
    case SIOCGMIIPHY:
    case SIOCGMIIREG:
        return interface_ioctl(file, task, request, arg);
    case SIOCGIFMAP:
        return map_ioctl(file, task, arg);
    case SIOCGIFSLAVE: /* nothing has any, and 32-bit programs have no such request */
        return abi_long_bytes(task) == 4 ? -ENOTTY : -EINVAL;
    case SIOCETHTOOL:
        return ethtool_ioctl(file, task, arg);
    case SIOCGARP:
        return arp_ioctl(file, task, arg);
    case SIOCSIFLINK:
    case SIOCSIFFLAGS:
    case SIOCSIFADDR:
    case SIOCSIFDSTADDR:
    case SIOCSIFBRDADDR:
    case SIOCSIFNETMASK:
    case SIOCSIFMETRIC:
    case SIOCSIFMEM:
    case SIOCSIFMTU:
    case SIOCSIFHWADDR:
    case SIOCSIFHWBROADCAST:
    case SIOCSIFENCAP:
    case SIOCSIFSLAVE:
    case SIOCSIFPFLAGS:
    case SIOCSIFMAP:
    case SIOCSIFTXQLEN:
    case SIOCSIFNAME:
    case SIOCDIFADDR:
    case SIOCADDMULTI:
    case SIOCDELMULTI:
    case SIOCSMIIREG:
    case SIOCSHWTSTAMP:
    case SIOCBRADDBR:
    case SIOCBRDELBR:
    case SIOCBRADDIF:
    case SIOCBRDELIF:
    case SIOCSARP:
    case SIOCDARP:
    case SIOCADDRT:
    case SIOCDELRT:
        return -EPERM; /* the host's network is not the guest's to change */
    }
    if (request >= SIOCDEVPRIVATE && request <= SIOCDEVPRIVATE + 15) {
        return -EOPNOTSUPP; /* a device's own: of a layout that only it knows */
    }
    return -ENOTTY;
}
