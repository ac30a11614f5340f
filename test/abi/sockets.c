/* Messages with control messages, and the options and ioctls whose layout is the ABI's. */
#include "test/abi/abi_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

/* Addresses of the guest in the host's structures. */
static void *guest(gaddr_t at) {
    return (void *)(uintptr_t)at;
}

enum { MESSAGE, VECTOR, DATA, CONTROL, NAME, OPTION, LENGTH };

/* A message over one buffer of `len` bytes, in the pieces above. */
static struct msghdr message(size_t len, size_t control) {
    struct iovec iov = {guest(piece(DATA)), len};
    piece_put(VECTOR, &iov, sizeof iov);
    return (struct msghdr){.msg_iov = guest(piece(VECTOR)),
                           .msg_iovlen = 1,
                           .msg_control = control ? guest(piece(CONTROL)) : NULL,
                           .msg_controllen = control};
}

static void pair(int type, int fds[2]) {
    RETURNS(0, sys_socketpair(task, AF_UNIX, type, 0, piece_clear(0)));
    memcpy(fds, piece_ptr(0), 2 * sizeof(int));
}

/* A descriptor goes along: the header that sends it is the host's, and so is the one received. */
static void check_rights(void) {
    int fds[2];
    char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = {0};
    struct cmsghdr *cmsg = (struct cmsghdr *)control;
    *cmsg = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    pair(SOCK_STREAM, fds);
    memcpy(CMSG_DATA(cmsg), &fds[0], sizeof(int));
    piece_put(CONTROL, control, sizeof control);
    piece_put(DATA, "words", 5);
    struct msghdr msg = message(5, sizeof control);
    RETURNS(5, sys_sendmsg(task, fds[0], piece_put(MESSAGE, &msg, sizeof msg), 0));

    piece_clear(DATA);
    piece_clear(CONTROL);
    msg = message(100, 100);
    RETURNS(5, sys_recvmsg(task, fds[1], piece_put(MESSAGE, &msg, sizeof msg), MSG_CMSG_CLOEXEC));
    memcpy(&msg, piece_ptr(MESSAGE), sizeof msg);
    CHECK(piece_holds(MESSAGE, sizeof msg) && piece_holds(DATA, 5), "more than that was written");
    CHECK(msg.msg_controllen == sizeof control && msg.msg_flags == MSG_CMSG_CLOEXEC &&
              msg.msg_iovlen == 1 && !msg.msg_name,
          "control of %zu bytes, flags %x", msg.msg_controllen, msg.msg_flags);
    cmsg = piece_ptr(CONTROL);
    int got = -1;
    memcpy(&got, CMSG_DATA(cmsg), sizeof got);
    CHECK(cmsg->cmsg_len == CMSG_LEN(sizeof(int)) && cmsg->cmsg_level == SOL_SOCKET &&
              cmsg->cmsg_type == SCM_RIGHTS && got > fds[1],
          "length %zu, descriptor %d", cmsg->cmsg_len, got);
    RETURNS(0, sys_fcntl(task, got, F_GETFL, 0) != O_RDWR);
    for (int fd = fds[0]; fd <= got; fd++) {
        sys_close(task, fd);
    }
}

static void check_many(void) {
    int fds[2];
    struct mmsghdr two[2] = {{.msg_hdr = message(3, 0)}, {.msg_hdr = message(3, 0)}};
    pair(SOCK_DGRAM, fds);
    piece_put(DATA, "abc", 3);
    RETURNS(2, sys_sendmmsg(task, fds[0], piece_put(MESSAGE, two, sizeof two), 2, 0));
    memcpy(two, piece_ptr(MESSAGE), sizeof two);
    CHECK(two[0].msg_len == 3 && two[1].msg_len == 3, "%u, %u", two[0].msg_len, two[1].msg_len);
    two[0].msg_len = two[1].msg_len = 0;
    RETURNS(2, sys_recvmmsg(task, fds[1], piece_put(MESSAGE, two, sizeof two), 2, MSG_DONTWAIT, 0));
    memcpy(two, piece_ptr(MESSAGE), sizeof two);
    CHECK(two[0].msg_len == 3 && two[1].msg_len == 3, "%u, %u", two[0].msg_len, two[1].msg_len);
    sys_close(task, fds[0]);
    sys_close(task, fds[1]);
}

static int bound_socket(struct sockaddr_in *address) {
    int fd = (int)sys_socket(task, AF_INET, SOCK_DGRAM, 0);
    *address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    RETURNS(0, sys_bind(task, fd, piece_put(NAME, address, sizeof *address), sizeof *address));
    RETURNS(0, sys_getsockname(task, fd, piece(NAME),
                               piece_put(LENGTH, &(int){sizeof *address}, sizeof(int))));
    memcpy(address, piece_ptr(NAME), sizeof *address);
    return fd;
}

/* A datagram comes with its sender and the time it came at. */
static void check_stamp(void) {
    struct sockaddr_in address, from;
    int on = 1, fd = bound_socket(&address);
    struct timeval now, stamp;
    RETURNS(0, sys_setsockopt(task, fd, SOL_SOCKET, SO_TIMESTAMP, piece_put(OPTION, &on, sizeof on),
                              sizeof on));
    gettimeofday(&now, NULL);
    RETURNS(2, sys_sendto(task, fd, piece_put(DATA, "hi", 2), 2, 0, piece(NAME), sizeof address));
    struct msghdr msg = message(10, 200);
    msg.msg_name = guest(piece_clear(NAME));
    msg.msg_namelen = 100;
    piece_clear(CONTROL);
    RETURNS(2, sys_recvmsg(task, fd, piece_put(MESSAGE, &msg, sizeof msg), 0));
    memcpy(&msg, piece_ptr(MESSAGE), sizeof msg);
    memcpy(&from, piece_ptr(NAME), sizeof from);
    struct cmsghdr *cmsg = piece_ptr(CONTROL);
    memcpy(&stamp, CMSG_DATA(cmsg), sizeof stamp);
    CHECK(msg.msg_namelen == sizeof from && from.sin_port == address.sin_port, "a name of %u",
          msg.msg_namelen);
    CHECK(cmsg->cmsg_len == CMSG_LEN(sizeof stamp) &&
              msg.msg_controllen == CMSG_SPACE(sizeof stamp) && stamp.tv_sec - now.tv_sec <= 1,
          "length %zu of %zu, %ld s", cmsg->cmsg_len, msg.msg_controllen, (long)stamp.tv_sec);
    sys_close(task, fd);
}

void test_messages(void) {
    check_rights();
    check_many();
    check_stamp();
}

static void check_options(int fd) {
    struct timeval set = {5000000000, 250000}, got;
    RETURNS(0, sys_setsockopt(task, fd, SOL_SOCKET, SO_RCVTIMEO,
                              piece_put(OPTION, &set, sizeof set), sizeof set));
    RETURNS(-EINVAL, sys_setsockopt(task, fd, SOL_SOCKET, SO_RCVTIMEO, piece(OPTION), 8));
    piece_put(LENGTH, &(int){100}, sizeof(int));
    RETURNS(0,
            sys_getsockopt(task, fd, SOL_SOCKET, SO_RCVTIMEO, piece_clear(OPTION), piece(LENGTH)));
    memcpy(&got, piece_ptr(OPTION), sizeof got);
    CHECK(piece_holds(OPTION, sizeof got) && *(int *)piece_ptr(LENGTH) == sizeof got &&
              got.tv_sec == set.tv_sec && got.tv_usec >= set.tv_usec,
          "%ld.%06ld s", (long)got.tv_sec, (long)got.tv_usec);

    struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, 0xffff);
    struct sock_fprog program = {1, guest(piece_put(DATA, &all, sizeof all))};
    RETURNS(0, sys_setsockopt(task, fd, SOL_SOCKET, SO_ATTACH_FILTER,
                              piece_put(OPTION, &program, sizeof program), sizeof program));

    struct group_req group = {.gr_interface = 1};
    struct sockaddr_in *address = (struct sockaddr_in *)&group.gr_group;
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(0xefff0101);
    RETURNS(0, sys_setsockopt(task, fd, SOL_IP, MCAST_JOIN_GROUP,
                              piece_put(OPTION, &group, sizeof group), sizeof group));
    RETURNS(-EADDRINUSE, sys_setsockopt(task, fd, SOL_IP, MCAST_JOIN_GROUP, piece(OPTION),
                                        sizeof group)); /* the very same group */
}

static void check_interfaces(int fd) {
    static struct ifreq want[64];
    struct ifconf conf = {.ifc_len = sizeof want, .ifc_req = want};
    int host = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    RETURNS(0, ioctl(host, SIOCGIFCONF, &conf));
    int len = conf.ifc_len;
    conf = (struct ifconf){.ifc_len = ROOM, .ifc_req = guest(piece_clear(DATA))};
    RETURNS(0, sys_ioctl(task, fd, SIOCGIFCONF, piece_put(OPTION, &conf, sizeof conf)));
    memcpy(&conf, piece_ptr(OPTION), sizeof conf);
    CHECK(conf.ifc_len == len && len && !strcmp(piece_ptr(DATA), want[0].ifr_name),
          "%d bytes, not %d", conf.ifc_len, len);
    struct ifreq map, got;
    memset(&map, 0, sizeof map);
    strcpy(map.ifr_name, "lo");
    piece_put(OPTION, &map, sizeof map);
    RETURNS(0, ioctl(host, SIOCGIFMAP, &map));
    RETURNS(0, sys_ioctl(task, fd, SIOCGIFMAP, piece(OPTION)));
    memcpy(&got, piece_ptr(OPTION), sizeof got);
    CHECK(piece_holds(OPTION, sizeof got) && got.ifr_map.mem_start == map.ifr_map.mem_start &&
              got.ifr_map.base_addr == map.ifr_map.base_addr &&
              got.ifr_map.port == map.ifr_map.port,
          "%lx", got.ifr_map.mem_start);
    close(host);
}

void test_sockets(void) {
    struct sockaddr_in address;
    int fd = bound_socket(&address);
    check_options(fd);
    check_interfaces(fd);
    sys_close(task, fd);
}
