/* What the kernel lets this process do beyond its own files: one line for each attempt. The suite
 * compares a guest's lines with those of a native process of the same user and capabilities. Takes
 * back what it changes. Arguments: a directory to work in, a port above 1023, and which parts. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static void show(const char *what, long result) {
    printf("%s: %s\n", what, result < 0 ? strerror(errno) : "ok");
}

static void sockets(void) {
    static const struct {
        const char *what;
        int domain, type, protocol;
    } kinds[] = {
        {"stream", AF_INET, SOCK_STREAM, 0},
        {"raw ICMP", AF_INET, SOCK_RAW, IPPROTO_ICMP},
        {"raw IP", AF_INET, SOCK_RAW, IPPROTO_RAW},
        {"raw ICMPv6", AF_INET6, SOCK_RAW, IPPROTO_ICMPV6},
        {"route", AF_NETLINK, SOCK_RAW, NETLINK_ROUTE},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        int fd = socket(kinds[i].domain, kinds[i].type, kinds[i].protocol);
        show(kinds[i].what, fd);
        close(fd);
    }
    /* families that the kernel layer does not have: never a socket, whatever the error */
    printf("packet: %d\n", socket(AF_PACKET, SOCK_RAW, htons(3)) >= 0);
    printf("old packet: %d\n", socket(AF_INET, SOCK_PACKET, htons(3)) >= 0);
}

static void try_bind(const char *what, int port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    show(what, bind(fd, (struct sockaddr *)&in, sizeof in));
    close(fd);
}

static void option(const char *what, int option, int value) {
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    show(what, setsockopt(fd, SOL_SOCKET, option, &value, sizeof value));
    close(fd);
}

/* Adds the address to the loopback interface or takes it away. 0 or -1 with errno. */
static int address(int type, const char *ip) {
    struct {
        struct nlmsghdr head;
        struct ifaddrmsg msg;
        struct rtattr attr;
        struct in_addr ip;
    } request = {
        .head = {sizeof request, (uint16_t)type, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE, 1, 0},
        .msg = {.ifa_family = AF_INET, .ifa_prefixlen = 32, .ifa_index = 1},
        .attr = {RTA_LENGTH(4), IFA_LOCAL},
    };
    struct {
        struct nlmsghdr head;
        struct nlmsgerr error;
        char rest[256];
    } answer = {0};
    int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    inet_pton(AF_INET, ip, &request.ip);
    if (fd < 0 || send(fd, &request, sizeof request, 0) < 0 ||
        recv(fd, &answer, sizeof answer, 0) < 0) {
        return -1;
    }
    close(fd);
    errno = -answer.error.error;
    return errno ? -1 : 0;
}

static void own_port(void) {
    struct sockaddr_nl nl = {.nl_family = AF_NETLINK};
    int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    show("bind netlink", bind(fd, (struct sockaddr *)&nl, sizeof nl));
    getsockname(fd, (struct sockaddr *)&nl, &(socklen_t){sizeof nl});
    printf("own number %d\n", nl.nl_pid == (unsigned)getpid());
    nl.nl_pid = 0;
    show("again", bind(fd, (struct sockaddr *)&nl, sizeof nl));
    close(fd);
}

static void network(int port) {
    sockets();
    own_port();
    try_bind("a port", port);
    try_bind("a port below 1024", 1 + port % 1000);
    option("mark", SO_MARK, 1);
    option("send buffer by force", SO_SNDBUFFORCE, 1 << 20);
    option("receive buffer by force", SO_RCVBUFFORCE, 1 << 20);
    option("high priority", SO_PRIORITY, 100);
    option("low priority", SO_PRIORITY, 3);
    option("debug", SO_DEBUG, 1);
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    show("transparent", setsockopt(fd, SOL_IP, IP_TRANSPARENT, &one, sizeof one));
    struct ifreq ifr = {.ifr_name = "lo"};
    ioctl(fd, SIOCGIFFLAGS, &ifr);
    printf("interface up: %d\n", ioctl(fd, SIOCSIFFLAGS, &ifr) == 0);
    close(fd);
    show("new address", address(RTM_NEWADDR, "127.77.0.99"));
    address(RTM_DELADDR, "127.77.0.99");
}

static void files(void) {
    static const unsigned capability[5] = {0x02000001, 1u << 7, 0, 0, 0};
    int fd = open("mine", O_CREAT | O_RDWR, 0600);
    show("own file", fd);
    show("capabilities of a file", setxattr("mine", "security.capability", capability, 20, 0));
    show("trusted attribute", setxattr("mine", "trusted.x", "1", 1, 0));
    show("char device", mknod("null", S_IFCHR | 0666, makedev(1, 3)));
    show("block device", mknod("disk", S_IFBLK | 0666, makedev(7, 0)));
    show("give away", fchown(fd, 4321, 4321));
    show("root's file", open("roots", O_RDONLY));
    show("another's file", open("another's", O_RDONLY));
    close(fd);
    unlink("mine");
    unlink("null");
    unlink("disk");
}

static void limits(void) {
    int ends[2];
    if (pipe(ends)) {
        return;
    }
    printf("huge pipe: %d\n", fcntl(ends[1], F_SETPIPE_SZ, 16 << 20) > 0);
    struct rlimit limit = {100, 100};
    setrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_max = 200;
    show("raise a hard limit", setrlimit(RLIMIT_NOFILE, &limit));
    show("faster", setpriority(PRIO_PROCESS, 0, -5));
}

int main(int argc, char **argv) {
    umask(022);
    if (argc < 4 || chdir(argv[1])) {
        return 1;
    }
    printf("user %d\n", (int)geteuid());
    if (strchr(argv[3], 'n')) {
        network(atoi(argv[2]));
    }
    if (strchr(argv[3], 'f')) {
        files();
    }
    if (strchr(argv[3], 'l')) {
        limits();
    }
    return 0;
}
