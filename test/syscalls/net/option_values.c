/* Values of socket options by their lengths and addresses: too short, too long, in part, nowhere;
 * filters, groups of multicast, time-outs, credentials of peers.
 * test: own */
#include "test/syscalls/io_test.h"
#include <arpa/inet.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#define BAD ((void *)8)

static char value[70000];

static void show_value(const char *what, int fd, int level, int option, int room, int bytes) {
    socklen_t len = (socklen_t)room;
    memset(value, 0x55, 64);
    int failed = getsockopt(fd, level, option, value, &len);
    printf("%s in %d: %s, %d:", what, room, failed ? strerrorname_np(errno) : "0", (int)len);
    for (int i = 0; i < bytes; i++) {
        printf(" %02x", (unsigned char)value[i]);
    }
    printf("\n");
}

static void lengths(void) {
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), on = 1;
    for (int room = -1; room < 10; room++) {
        show_value("type", fd, SOL_SOCKET, SO_TYPE, room, room < 4 ? 5 : 4);
        show_value("linger", fd, SOL_SOCKET, SO_LINGER, room, 9);
        show_value("time-out", fd, SOL_SOCKET, 20, room, 9);
    }
    for (int room = 12; room < 20; room++) {
        show_value("new time-out", fd, SOL_SOCKET, 66, room, 17);
    }
    for (int len = -1; len < 6; len++) {
        printf("%d: ", len);
        SHOW(setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, (socklen_t)len));
    }
    long times[4] = {1, 500000, 0, 0};
    for (int len = 7; len < 10; len++) {
        SHOW(setsockopt(fd, SOL_SOCKET, 20, times, (socklen_t)len));
        SHOW(setsockopt(fd, SOL_SOCKET, 21, times, (socklen_t)len));
    }
    for (int len = 15; len < 18; len++) {
        SHOW(setsockopt(fd, SOL_SOCKET, 66, times, (socklen_t)len));
        SHOW(setsockopt(fd, SOL_SOCKET, 67, times, (socklen_t)len));
    }
    SHOW(setsockopt(fd, SOL_SOCKET, SO_TYPE, value, 65536) == -1);
    SHOW(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, value, 257));
    SHOW(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, value, 65536));
    SHOW(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, BAD, 4));
    SHOW(setsockopt(fd, SOL_SOCKET, 20, BAD, 8));
    SHOW(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, NULL, 4));
    SHOW(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, NULL, 0));
    SHOW(getsockopt(fd, SOL_SOCKET, SO_TYPE, value, BAD));
    SHOW(getsockopt(fd, SOL_SOCKET, SO_TYPE, BAD, &(socklen_t){4}));
    SHOW(getsockopt(fd, SOL_SOCKET, SO_TYPE, BAD, &(socklen_t){0}));
    SHOW(getsockopt(fd, SOL_SOCKET, 20, BAD, &(socklen_t){8}));
    SHOW(getsockopt(1, SOL_SOCKET, SO_TYPE, value, &(socklen_t){4}));
    SHOW(getsockopt(99, SOL_SOCKET, SO_TYPE, value, &(socklen_t){4}));
    SHOW(setsockopt(1, SOL_SOCKET, SO_TYPE, value, 4));
    SHOW(setsockopt(99, SOL_SOCKET, SO_TYPE, value, 4));
    /* the length cannot be written, the value can */
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *(socklen_t *)page = 4;
    mprotect(page, 4096, PROT_READ);
    SHOW(getsockopt(fd, SOL_SOCKET, SO_TYPE, value, (socklen_t *)page));
    close(fd);
}

static void filters(void) {
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sock_filter all[] = {{0x06, 0, 0, 0xffff}}, wrong[] = {{0xffff, 0, 0, 0}};
    struct sock_fprog program = {1, all}, bad = {1, BAD}, none = {0, all}, broken = {1, wrong};
    static struct sock_filter many[5000];
    for (int i = 0; i < 5000; i++) {
        many[i] = all[0];
    }
    struct sock_fprog most = {4096, many}, more = {4097, many};
    SHOW(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program));
    for (int room = 0; room < 4; room++) {
        show_value("filter", fd, SOL_SOCKET, SO_GET_FILTER, room, 8);
    }
    for (socklen_t len = 0; len < 13; len += len == 0 ? 4 : 1) {
        printf("%u: ", len);
        SHOW(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, len));
    }
    SHOW(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &bad, sizeof bad));
    SHOW(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &none, sizeof none));
    SHOW(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &broken, sizeof broken));
    SHOW(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &more, sizeof more));
    SHOW(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, BAD, sizeof more));
    SHOW(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &most, sizeof most) == 0 || errno == ENOMEM);
    SHOW(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, value, 0));
    SHOW(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, value, 4));
    SHOW(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, value, 4));
    show_value("no filter", fd, SOL_SOCKET, SO_GET_FILTER, 4, 0);
    SHOW(setsockopt(fd, SOL_SOCKET, 51, &program, sizeof program)); /* SO_ATTACH_REUSEPORT_CBPF */
    close(fd);
}

/* struct group_req and the like, whose layout has a gap. */
static void groups(void) {
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct group_req one = {.gr_interface = 1};
    struct group_source_req two = {.gsr_interface = 1};
    struct sockaddr_in group = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr("239.1.2.9")};
    struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr("10.1.2.3")};
    memcpy(&one.gr_group, &group, sizeof group);
    memcpy(&two.gsr_group, &group, sizeof group);
    memcpy(&two.gsr_source, &source, sizeof source);
    SHOW(setsockopt(fd, SOL_IP, MCAST_JOIN_GROUP, &one, sizeof one));
    SHOW(setsockopt(fd, SOL_IP, MCAST_JOIN_GROUP, &one, sizeof one));
    SHOW(setsockopt(fd, SOL_IP, MCAST_JOIN_GROUP, &one, sizeof one - 1));
    SHOW(setsockopt(fd, SOL_IP, MCAST_JOIN_GROUP, BAD, sizeof one));
    SHOW(setsockopt(fd, SOL_IP, MCAST_BLOCK_SOURCE, &two, sizeof two));
    SHOW(setsockopt(fd, SOL_IP, MCAST_BLOCK_SOURCE, &two, sizeof two - 1));
    struct {
        struct group_filter head;
        struct sockaddr_storage more[9];
    } filter = {.head = {.gf_interface = 1, .gf_numsrc = 10}};
    memcpy(&filter.head.gf_group, &group, sizeof group);
    static const int rooms[] = {GROUP_FILTER_SIZE(0) - 1, GROUP_FILTER_SIZE(0),
                                GROUP_FILTER_SIZE(1), GROUP_FILTER_SIZE(2)};
    for (int sources = 0; sources < 3; sources++) {
        for (int i = 0; i < 4; i++) {
            socklen_t len = (socklen_t)rooms[i];
            filter.head.gf_numsrc = (unsigned)sources;
            filter.head.gf_fmode = 77;
            int failed = getsockopt(fd, SOL_IP, MCAST_MSFILTER, &filter, &len);
            struct sockaddr_in first;
            memcpy(&first, &filter.head.gf_slist[0], sizeof first);
            printf("room for %d in %d: %s, %d mode %d sources %d first %s\n", sources, rooms[i],
                   failed ? strerrorname_np(errno) : "0", (int)len, (int)filter.head.gf_fmode,
                   (int)filter.head.gf_numsrc,
                   !failed && sources ? inet_ntoa(first.sin_addr) : "-");
        }
    }
    SHOW(setsockopt(fd, SOL_IP, MCAST_UNBLOCK_SOURCE, &two, sizeof two));
    filter.head.gf_numsrc = 1;
    filter.head.gf_fmode = MCAST_INCLUDE;
    memcpy(&filter.head.gf_slist[0], &source, sizeof source);
    for (int i = 0; i < 4; i++) {
        printf("%d: ", rooms[i]);
        SHOW(setsockopt(fd, SOL_IP, MCAST_MSFILTER, &filter, (socklen_t)rooms[i]));
    }
    SHOW(setsockopt(fd, SOL_IP, MCAST_MSFILTER, BAD, GROUP_FILTER_SIZE(1)));
    SHOW(setsockopt(fd, SOL_IP, MCAST_LEAVE_GROUP, &one, sizeof one));
    SHOW(setsockopt(fd, SOL_IP, MCAST_LEAVE_GROUP, &one, sizeof one));
    SHOW(setsockopt(fd, SOL_IP, MCAST_JOIN_SOURCE_GROUP, &two, sizeof two));
    SHOW(setsockopt(fd, SOL_IP, MCAST_LEAVE_SOURCE_GROUP, &two, sizeof two));
    close(fd);
    int local = socket(AF_UNIX, SOCK_DGRAM, 0);
    SHOW(setsockopt(local, SOL_IP, MCAST_JOIN_GROUP, &one, sizeof one));
    SHOW(getsockopt(local, SOL_IP, MCAST_MSFILTER, &filter, &(socklen_t){200}));
    close(local);
}

static void peers(void) {
    int s[2], none = socket(AF_UNIX, SOCK_STREAM, 0);
    (void)!socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    for (int room = 0; room < 16; room += 4) {
        socklen_t len = (socklen_t)room;
        struct ucred creds = {-1, 77, 77};
        int failed = getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &creds, &len);
        printf("credentials in %d: %s %d, %d %d %d\n", room, failed ? strerrorname_np(errno) : "0",
               (int)len, creds.pid == getpid(), creds.uid == getuid(), creds.gid == getgid());
    }
    struct ucred nobody = {9, 9, 9};
    socklen_t len = sizeof nobody;
    SHOW(getsockopt(none, SOL_SOCKET, SO_PEERCRED, &nobody, &len));
    printf("%d %d %d\n", nobody.pid, (int)nobody.uid, (int)nobody.gid);
    SHOW(getsockopt(none, SOL_SOCKET, SO_PEERGROUPS, value, &(socklen_t){400}));
    unsigned all[70];
    int count = getgroups(70, (gid_t *)all);
    for (int room = 0; room < 300; room += 4) {
        len = (socklen_t)room;
        int failed = getsockopt(s[0], SOL_SOCKET, SO_PEERGROUPS, value, &len);
        bool right = failed ? errno == ERANGE && room < count * 4 : room >= count * 4;
        if (!right || (int)len != count * 4 || (!failed && memcmp(all, value, len))) {
            printf("groups in %d: %s %d\n", room, failed ? strerrorname_np(errno) : "0", (int)len);
        }
    }
    SHOW(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, BAD, &(socklen_t){12}));
    int inet = socket(AF_INET, SOCK_STREAM, 0);
    SHOW(getsockopt(inet, SOL_SOCKET, SO_PEERCRED, &nobody, &(socklen_t){12}));
    SHOW(setsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &nobody, sizeof nobody));
    SHOW(setsockopt(s[0], SOL_SOCKET, SO_PEERGROUPS, &nobody, sizeof nobody));
    close(inet);
    close(none);
    close(s[0]);
    close(s[1]);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    lengths();
    filters();
    groups();
    peers();
    return 0;
}
