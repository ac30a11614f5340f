/* TCP and UDP on the loopback, IPv4 and IPv6: connections, options, time-outs, signals, urgent
 * data.
 * test: own */
#include "test/syscalls/io_test.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static int listener(struct sockaddr_in *address) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    socklen_t len = sizeof *address;
    *address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    SHOW(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one));
    SHOW(bind(fd, (struct sockaddr *)address, len));
    SHOW(getsockname(fd, (struct sockaddr *)address, &len));
    SHOW(listen(fd, 4));
    return fd;
}

static void tcp(void) {
    struct sockaddr_in address, peer;
    int server = listener(&address), client = socket(AF_INET, SOCK_STREAM, 0);
    SHOW(connect(client, (struct sockaddr *)&address, sizeof address));
    socklen_t len = sizeof peer;
    int conn = accept4(server, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK);
    char text[64];
    inet_ntop(AF_INET, &peer.sin_addr, text, sizeof text);
    printf("peer %s length %d nonblocking %d\n", text, (int)len,
           (fcntl(conn, F_GETFL) & O_NONBLOCK) != 0);
    SHOW(recv(conn, text, 10, 0));
    SHOW(send(client, "hello world", 11, MSG_NOSIGNAL));
    struct pollfd p = {conn, POLLIN, 0};
    SHOW(poll(&p, 1, 1000));
    SHOW(recv(conn, text, 5, MSG_PEEK));
    SHOW(recv(conn, text, sizeof text, 0));
    SHOW(send(client, "!", 1, MSG_OOB));
    p = (struct pollfd){conn, POLLPRI, 0};
    SHOW(poll(&p, 1, 1000));
    SHOW(recv(conn, text, 1, MSG_OOB));
    int value;
    len = sizeof value;
    SHOW(getsockopt(client, SOL_SOCKET, SO_ERROR, &value, &len));
    SHOW(getsockopt(client, SOL_SOCKET, SO_ACCEPTCONN, &value, &len));
    SHOW(getsockopt(server, SOL_SOCKET, SO_ACCEPTCONN, &value, &len));
    printf("accepts %d\n", value);
    value = 1;
    SHOW(setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value));
    struct tcp_info info;
    len = sizeof info;
    SHOW(getsockopt(client, IPPROTO_TCP, TCP_INFO, &info, &len));
    printf("state %d\n", info.tcpi_state);
    struct linger linger = {1, 0}, got;
    SHOW(setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
    len = sizeof got;
    SHOW(getsockopt(client, SOL_SOCKET, SO_LINGER, &got, &len));
    printf("linger %d %d\n", got.l_onoff, got.l_linger);
    close(client); /* a reset, because of the lingering */
    poll(&p, 1, 1000);
    SHOW(recv(conn, text, 1, 0));
    close(conn);
    close(server);
    client = socket(AF_INET, SOCK_STREAM, 0);
    SHOW(connect(client, (struct sockaddr *)&address, sizeof address));
    close(client);
}

static void timeouts(void) {
    struct sockaddr_in address;
    int server = listener(&address);
    struct timeval tv = {0, 150000}, got;
    socklen_t len = sizeof got;
    SHOW(setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv));
    SHOW(getsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &got, &len));
    printf("time-out %ld.%06ld length %d\n", (long)got.tv_sec, (long)got.tv_usec, (int)len);
    long start = now_ms();
    SHOW(accept(server, NULL, NULL));
    took("accept", start, 150);
    int64_t wide[2] = {0, 250000};
    SHOW(setsockopt(server, SOL_SOCKET, 66, wide, sizeof wide));
    SHOW(getsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &got, &len));
    printf("time-out %ld.%06ld\n", (long)got.tv_sec, (long)got.tv_usec);
    /* With a time-out, a signal ends the call in spite of SA_RESTART; without, it goes on. */
    catch (SIGUSR1, SA_RESTART);
    wide[0] = 5;
    setsockopt(server, SOL_SOCKET, 66, wide, sizeof wide);
    signal_later(SIGUSR1, 100);
    SHOW(accept(server, NULL, NULL));
    wait(NULL);
    wide[0] = wide[1] = 0;
    setsockopt(server, SOL_SOCKET, 66, wide, sizeof wide);
    signal_later(SIGUSR1, 50);
    if (fork() == 0) {
        sleep_ms(150);
        int c = socket(AF_INET, SOCK_STREAM, 0);
        _exit(connect(c, (struct sockaddr *)&address, sizeof address) ? 1 : 0);
    }
    int conn = accept(server, NULL, NULL);
    printf("restarted accept: %d\n", conn >= 0);
    wait(NULL);
    wait(NULL);
    catch (SIGUSR1, 0);
    signal_later(SIGUSR1, 50);
    SHOW(accept(server, NULL, NULL));
    wait(NULL);
    close(conn);
    close(server);
}

static void udp(void) {
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback}, from;
    int s = socket(AF_INET6, SOCK_DGRAM, 0), c = socket(AF_INET6, SOCK_DGRAM, 0);
    socklen_t len = sizeof a;
    if (s < 0 || bind(s, (struct sockaddr *)&a, len)) { /* a host without IPv6 */
        say("no IPv6");
        return;
    }
    getsockname(s, (struct sockaddr *)&a, &len);
    SHOW(sendto(c, "datagram", 8, 0, (struct sockaddr *)&a, sizeof a));
    char text[32], control[128];
    int one = 1;
    SHOW(setsockopt(s, SOL_SOCKET, SO_TIMESTAMP, &one, sizeof one));
    SHOW(setsockopt(s, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof one));
    SHOW(setsockopt(s, IPPROTO_IPV6, IPV6_RECVTCLASS, &one, sizeof one));
    SHOW(setsockopt(s, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &one, sizeof one));
    sendto(c, "second", 6, 0, (struct sockaddr *)&a, sizeof a);
    len = sizeof from;
    SHOW(recvfrom(s, text, sizeof text, 0, (struct sockaddr *)&from, &len));
    printf("family %d length %d\n", from.sin6_family, (int)len);
    struct iovec iov = {text, 3};
    struct msghdr msg = {&from, sizeof from, &iov, 1, control, sizeof control, 0};
    SHOW(recvmsg(s, &msg, 0));
    printf("flags %#x name %d\n", msg.msg_flags, (int)msg.msg_namelen);
    for (struct cmsghdr *m = CMSG_FIRSTHDR(&msg); m; m = CMSG_NXTHDR(&msg, m)) {
        printf("control: level %d type %d length %d\n", m->cmsg_level, m->cmsg_type,
               (int)m->cmsg_len);
        if (m->cmsg_level == SOL_SOCKET && m->cmsg_type == SO_TIMESTAMP) {
            struct timeval tv;
            memcpy(&tv, CMSG_DATA(m), sizeof tv);
            printf("time is now: %d\n", labs((long)tv.tv_sec - (long)time(NULL)) < 5);
        }
    }
    struct timespec timeout = {0, 100000000};
    struct mmsghdr many = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
    sendto(c, "third", 5, 0, (struct sockaddr *)&a, sizeof a);
    SHOW(recvmmsg(s, &many, 1, 0, &timeout));
    SHOW(recv(s, text, 1, MSG_DONTWAIT));
    SHOW(connect(c, (struct sockaddr *)&a, sizeof a));
    SHOW(send(c, "x", 1, 0));
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    SHOW(connect(c, &none, sizeof none));
    SHOW(send(c, "x", 1, 0));
    close(s);
    close(c);
}

static void others(void) {
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    struct ifreq ifr = {.ifr_name = "lo"};
    SHOW(ioctl(s, SIOCGIFFLAGS, &ifr));
    printf("loopback %d\n", (ifr.ifr_flags & IFF_LOOPBACK) != 0);
    SHOW(ioctl(s, SIOCGIFINDEX, &ifr));
    printf("index %d\n", ifr.ifr_ifindex);
    struct ifreq list[16];
    struct ifconf conf = {.ifc_len = sizeof list, .ifc_req = list};
    SHOW(ioctl(s, SIOCGIFCONF, &conf));
    int found = 0;
    for (int i = 0; i < conf.ifc_len / (int)sizeof list[0]; i++) {
        found |= !strcmp(list[i].ifr_name, "lo");
    }
    printf("lo is listed: %d\n", found);
    struct if_nameindex *names = if_nameindex(); /* over netlink */
    printf("first interface %u %s\n", names ? names[0].if_index : 0,
           names ? names[0].if_name : "-");
    SHOW(ioctl(s, TCGETS, list));
    SHOW(listen(s, 1));
    SHOW(accept(s, NULL, NULL));
    SHOW(getsockopt(s, 4711, 1, list, &(socklen_t){4}));
    SHOW(getsockopt(s, SOL_SOCKET, SO_TYPE, (void *)16, &(socklen_t){4}));
    SHOW(lseek(s, 0, SEEK_SET));
    close(s);
}

int main(void) {
    tcp();
    timeouts();
    udp();
    others();
    return 0;
}
