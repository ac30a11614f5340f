/* Options whose value has room or an address in it, and the name of a peer as an option. */
#include "test/syscalls/io_test.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

/* IP_MSFILTER fills as many sources as its structure says, whatever the length. */
static void more_than_the_length(void) {
    struct ip_mreq_source join = {.imr_multiaddr.s_addr = inet_addr("239.1.2.5"),
                                  .imr_interface.s_addr = htonl(INADDR_LOOPBACK)};
    struct {
        struct ip_msfilter f;
        uint32_t more[16];
    } b;
    int fd[16];
    for (int i = 0; i < 16; i++) {
        fd[i] = socket(AF_INET, SOCK_DGRAM, 0);
        for (uint32_t n = 0; n < 10; n++) {
            join.imr_sourceaddr.s_addr = htonl(0x0a010101 + n);
            if (setsockopt(fd[i], SOL_IP, IP_ADD_SOURCE_MEMBERSHIP, &join, sizeof join)) {
                perror("join");
            }
        }
    }
    for (int i = 0; i < 16; i++) {
        memset(&b, 0, sizeof b);
        b.f.imsf_multiaddr = join.imr_multiaddr;
        b.f.imsf_interface = join.imr_interface;
        b.f.imsf_numsrc = i < 8 ? (uint32_t)i : 0xffffffffu >> (i - 8);
        socklen_t len = IP_MSFILTER_SIZE(0);
        SHOW(getsockopt(fd[i], SOL_IP, IP_MSFILTER, &b, &len));
        printf("len %u sources %u: %x %x\n", len, b.f.imsf_numsrc, b.f.imsf_slist[0].s_addr,
               b.more[8]);
        len = IP_MSFILTER_SIZE(0) - 1;
        SHOW(getsockopt(fd[i], SOL_IP, IP_MSFILTER, &b, &len));
        close(fd[i]);
    }
    free(malloc(100));
}

/* MPTCP_FULL_INFO fills arrays whose addresses stand in its value: in the caller's memory, or it is
 * not known. */
static void addresses_in_the_value(void) {
    static uint8_t subflow[64], tcp[64];
    struct {
        uint32_t tcp_kernel, tcp_user, flow_kernel, flow_user, flows, room;
        uint64_t flow_at, tcp_at;
        uint8_t info[512];
    } value = {.tcp_user = sizeof tcp,
               .flow_user = sizeof subflow,
               .room = 1,
               .flow_at = (uintptr_t)subflow,
               .tcp_at = (uintptr_t)tcp};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at, size = sizeof value;
    int server = socket(AF_INET, SOCK_STREAM, 262), client = socket(AF_INET, SOCK_STREAM, 262);
    bool fine = server < 0; /* a host without */
    if (!fine && !bind(server, (void *)&at, len) && !listen(server, 1) &&
        !getsockname(server, (void *)&at, &len) && !connect(client, (void *)&at, len)) {
        int failed = getsockopt(client, 284, 4, &value, &size);
        fine = failed ? errno == ENOPROTOOPT || errno == EOPNOTSUPP : subflow[0] && tcp[0];
        if (!fine) {
            printf("%d %s\n", failed, strerror(errno));
        }
    }
    printf("full information: %s\n", fine ? "fine" : "not ours");
    close(client);
    close(server);
}

static void peer_name(void) {
    struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = "peer-name"}, got = {0};
    socklen_t len = offsetof(struct sockaddr_un, sun_path) + 10;
    int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    SHOW(getsockopt(client, SOL_SOCKET, SO_PEERNAME, &got, &len));
    SHOW(bind(server, (void *)&at, sizeof at));
    SHOW(listen(server, 1));
    SHOW(connect(client, (void *)&at, sizeof at));
    SHOW(getsockopt(client, SOL_SOCKET, SO_PEERNAME, &got, &len));
    printf("%u %s\n", len, got.sun_path);
    len = sizeof got;
    SHOW(getsockopt(client, SOL_SOCKET, SO_PEERNAME, &got, &len));
    unlink("peer-name");
}

int main(void) {
    more_than_the_length();
    addresses_in_the_value();
    peer_name();
    return 0;
}
