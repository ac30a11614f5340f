/* Ioctls of sockets, source filters, attached filters, the port of a netlink socket.
 * test: own */
#include "test/syscalls/io_test.h"
#include <arpa/inet.h>
#include <linux/ethtool.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

static int udp(void) {
    return socket(AF_INET, SOCK_DGRAM, 0);
}

static void *address(void *at, const char *text) {
    *(struct sockaddr_in *)at =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(text)};
    return at;
}

/* MCAST_MSFILTER: its structure holds addresses that are aligned otherwise than on the host. */
static void source_filters(void) {
    struct {
        struct group_filter f;
        char more[1024];
    } b = {0};
    struct group_source_req join = {.gsr_interface = 1};
    int fd = udp();
    address(&join.gsr_group, "239.1.2.4");
    address(&join.gsr_source, "10.1.1.1");
    SHOW(setsockopt(fd, SOL_IP, MCAST_JOIN_SOURCE_GROUP, &join, sizeof join));
    b.f.gf_interface = 1;
    address(&b.f.gf_group, "239.1.2.4");
    b.f.gf_numsrc = 3;
    socklen_t len = GROUP_FILTER_SIZE(3);
    SHOW(getsockopt(fd, SOL_IP, MCAST_MSFILTER, &b, &len));
    printf("len %u mode %u sources %u: %s\n", len, b.f.gf_fmode, b.f.gf_numsrc,
           inet_ntoa(((struct sockaddr_in *)&b.f.gf_slist[0])->sin_addr));
    b.f.gf_fmode = MCAST_EXCLUDE;
    b.f.gf_numsrc = 2;
    address(&b.f.gf_slist[0], "10.1.1.2");
    address(&b.f.gf_slist[1], "10.1.1.3");
    SHOW(setsockopt(fd, SOL_IP, MCAST_MSFILTER, &b, GROUP_FILTER_SIZE(1)));
    SHOW(setsockopt(fd, SOL_IP, MCAST_MSFILTER, &b, GROUP_FILTER_SIZE(2)));
    memset(b.f.gf_slist, 0, sizeof b.f.gf_slist);
    b.f.gf_numsrc = 1;
    len = sizeof b;
    SHOW(getsockopt(fd, SOL_IP, MCAST_MSFILTER, &b, &len));
    printf("len %u mode %u sources %u: %s\n", len, b.f.gf_fmode, b.f.gf_numsrc,
           inet_ntoa(((struct sockaddr_in *)&b.f.gf_slist[0])->sin_addr));
    SHOW(setsockopt(fd, SOL_IP, MCAST_MSFILTER, &b, GROUP_FILTER_SIZE(0) - 1));
    SHOW(setsockopt(fd, SOL_IP, MCAST_MSFILTER, (void *)16, GROUP_FILTER_SIZE(1)));
    len = GROUP_FILTER_SIZE(0) - 1;
    SHOW(getsockopt(fd, SOL_IP, MCAST_MSFILTER, &b, &len));
    address(&b.f.gf_group, "239.9.9.9");
    len = sizeof b;
    SHOW(getsockopt(fd, SOL_IP, MCAST_MSFILTER, &b, &len));
    close(fd);
}

/* SO_GET_FILTER counts in instructions. */
static void attached_filters(void) {
    struct sock_filter code[] = {{BPF_LD | BPF_W | BPF_LEN, 0, 0, 0}, {BPF_RET | BPF_A, 0, 0, 0}};
    struct sock_fprog program = {2, code};
    struct sock_filter got[4] = {{0}};
    int fd = udp();
    socklen_t len = 4;
    SHOW(getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, got, &len));
    printf("without one: %u\n", len);
    SHOW(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program));
    len = 0;
    SHOW(getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, NULL, &len));
    printf("its length: %u\n", len);
    len = 1;
    SHOW(getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, got, &len));
    len = 4;
    SHOW(getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, got, &len));
    printf("%u instructions, the same: %d\n", len, !memcmp(got, code, sizeof code));
    len = 4;
    SHOW(getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, (void *)16, &len));
    close(fd);
}

static void interfaces(void) {
    int fd = udp();
    struct ifreq q = {0};
    struct ethtool_value v = {ETHTOOL_GLINK, 7};
    strcpy(q.ifr_name, "lo");
    q.ifr_data = (void *)&v;
    SHOW(ioctl(fd, SIOCETHTOOL, &q));
    printf("link of lo %u\n", v.data);
    struct ethtool_cmd settings = {.cmd = ETHTOOL_GSET};
    q.ifr_data = (void *)&settings;
    SHOW(ioctl(fd, SIOCETHTOOL, &q));
    struct {
        struct ethtool_link_settings s;
        uint32_t words[3 * 127];
    } link = {.s.cmd = ETHTOOL_GLINKSETTINGS};
    q.ifr_data = (void *)&link;
    SHOW(ioctl(fd, SIOCETHTOOL, &q));
    q.ifr_data = (void *)16;
    SHOW(ioctl(fd, SIOCETHTOOL, &q));
    q.ifr_data = (void *)&v;
    strcpy(q.ifr_name, "nosuch0");
    SHOW(ioctl(fd, SIOCETHTOOL, &q));
    memset(&q, 0xff, sizeof q);
    strcpy(q.ifr_name, "lo");
    SHOW(ioctl(fd, SIOCGIFMAP, &q));
    printf("map %lx %lx %x %d %d %d\n", q.ifr_map.mem_start, q.ifr_map.mem_end, q.ifr_map.base_addr,
           q.ifr_map.irq, q.ifr_map.dma, q.ifr_map.port);
    strcpy(q.ifr_name, "nosuch0");
    SHOW(ioctl(fd, SIOCGIFMAP, &q));
    SHOW(ioctl(fd, SIOCGIFMAP, 16));
    struct arpreq arp = {0};
    address(&arp.arp_pa, "127.0.0.1");
    strcpy(arp.arp_dev, "lo");
    SHOW(ioctl(fd, SIOCGARP, &arp));
    strcpy(q.ifr_name, "lo");
    SHOW(ioctl(fd, SIOCGIFSLAVE, &q));
    SHOW(ioctl(fd, SIOCGIFENCAP, &q));
    SHOW(ioctl(fd, SIOCGIFCOUNT, &q));
    SHOW(ioctl(fd, SIOCGIFPFLAGS, &q));
    SHOW(ioctl(fd, SIOCGIFMEM, &q));
    SHOW(ioctl(fd, SIOCGIFMETRIC, &q));
    SHOW(ioctl(fd, 0x8999, &q));
    SHOW(ioctl(fd, SIOCDEVPRIVATE, &q));
    close(fd);
}

static void time_stamps(void) {
    int fd = udp(), pair[2];
    long long wide[2] = {-1, -1};
    struct timeval tv;
    struct timespec ts;
    struct sockaddr_in to;
    socklen_t len = sizeof to;
    SHOW(ioctl(fd, SIOCGSTAMP_OLD, &tv));
    SHOW(ioctl(fd, SIOCGSTAMPNS_OLD, &ts));
    address(&to, "127.0.0.1");
    bind(fd, (void *)&to, sizeof to);
    getsockname(fd, (void *)&to, &len);
    sendto(fd, "x", 1, 0, (void *)&to, sizeof to);
    char byte;
    SHOW(recv(fd, &byte, 1, 0));
    tv.tv_sec = ts.tv_sec = 0;
    SHOW(ioctl(fd, SIOCGSTAMP_OLD, &tv));
    SHOW(ioctl(fd, SIOCGSTAMPNS_OLD, &ts));
    SHOW(ioctl(fd, SIOCGSTAMP_NEW, wide));
    printf("now: %d %d %d\n", labs(time(NULL) - tv.tv_sec) < 60, labs(time(NULL) - ts.tv_sec) < 60,
           llabs((long long)time(NULL) - wide[0]) < 60);
    SHOW(ioctl(fd, SIOCGSTAMPNS_NEW, wide));
    printf("nanoseconds: %d\n", wide[1] == ts.tv_nsec);
    SHOW(ioctl(fd, SIOCGSTAMP_OLD, 16));
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    SHOW(ioctl(pair[0], SIOCGSTAMP_OLD, &tv));
    close(fd);
    close(pair[0]);
    close(pair[1]);
}

static void owners(void) {
    static const unsigned long get[] = {FIOGETOWN, SIOCGPGRP}, set[] = {FIOSETOWN, SIOCSPGRP};
    int fd = udp(), who;
    for (int i = 0; i < 2; i++) {
        SHOW(ioctl(fd, get[i], &who));
        printf("owner 0: %d\n", who == 0);
        who = -getpgrp();
        SHOW(ioctl(fd, set[i], &who));
        printf("the group: %d\n", fcntl(fd, F_GETOWN) == -getpgrp());
        who = 0x7ffffff;
        SHOW(ioctl(fd, set[i], &who));
        who = INT32_MIN;
        SHOW(ioctl(fd, set[i], &who));
        SHOW(ioctl(fd, get[i], &who));
        printf("the group: %d\n", who == -getpgrp());
        who = 0;
        SHOW(ioctl(fd, set[i], &who));
        SHOW(ioctl(fd, set[i], 16));
    }
    SHOW(fcntl(fd, F_SETOWN, 0x7ffffff));
    close(fd);
    who = 1;
    fd = open("/", O_RDONLY);
    SHOW(ioctl(fd, FIOGETOWN, &who));
    close(fd);
}

/* The first netlink socket of a process has the process's number, when bound without one. */
static void netlink_port(void) {
    struct sockaddr_nl at = {.nl_family = AF_NETLINK};
    socklen_t len = sizeof at;
    int a = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), b = socket(AF_NETLINK, SOCK_RAW, 0);
    getsockname(a, (void *)&at, &len);
    printf("before: %u\n", at.nl_pid);
    struct {
        struct nlmsghdr h;
        struct rtgenmsg g;
    } ask = {{sizeof ask, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, 0}, {AF_UNSPEC}};
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    sendto(a, &ask, sizeof ask, 0, (void *)&kernel, sizeof kernel);
    getsockname(a, (void *)&at, &len);
    printf("by sending, own number: %d\n", at.nl_pid == (unsigned)getpid());
    char answer[32768];
    ssize_t got = recv(a, answer, sizeof answer, 0);
    printf("answer is for it: %d\n",
           got > 0 && ((struct nlmsghdr *)answer)->nlmsg_pid == (unsigned)getpid());
    at.nl_pid = 0;
    SHOW(bind(a, (void *)&at, sizeof at));
    at.nl_pid = 0;
    SHOW(bind(b, (void *)&at, sizeof at));
    getsockname(b, (void *)&at, &len);
    printf("the second, another: %d\n", at.nl_pid && at.nl_pid != (unsigned)getpid());
    close(a);
    close(b);
    a = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    at = (struct sockaddr_nl){.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
    SHOW(bind(a, (void *)&at, sizeof at));
    getsockname(a, (void *)&at, &len);
    printf("own number: %d, groups %u\n", at.nl_pid == (unsigned)getpid(), at.nl_groups);
    close(a);
}

/* A path that fills sun_path has its NUL behind it. */
static void full_path(void) {
    union {
        struct sockaddr_un un;
        char bytes[128];
    } at = {.un = {.sun_family = AF_UNIX}}, got;
    memset(at.un.sun_path, 'x', sizeof at.un.sun_path);
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    SHOW(bind(fd, (void *)&at, sizeof at.un));
    memset(&got, 0xaa, sizeof got);
    socklen_t len = sizeof got;
    SHOW(getsockname(fd, (void *)&got, &len));
    printf("length %u, last %d, then %x\n", len, got.bytes[110], (unsigned char)got.bytes[111]);
    len = sizeof at.un;
    SHOW(getsockname(fd, (void *)&got, &len));
    printf("length %u\n", len);
    at.bytes[110] = 0;
    unlink(at.un.sun_path);
    close(fd);
}

/* SIOCGIFCONF gives as many as there is room for. */
static void interfaces_by_room(void) {
    static struct ifreq list[8];
    int fd = udp();
    for (int room = -40; room < 90; room += 13) {
        struct ifconf conf = {.ifc_len = room, .ifc_req = list};
        memset(list, 7, sizeof list);
        SHOW(ioctl(fd, SIOCGIFCONF, &conf));
        printf("room of %d: %s, %d\n", room, conf.ifc_len > 0 ? "some" : "none",
               *(char *)list == 7);
    }
    close(fd);
}

int main(void) {
    interfaces_by_room();
    source_filters();
    attached_filters();
    interfaces();
    time_stamps();
    owners();
    netlink_port();
    full_path();
    return 0;
}
