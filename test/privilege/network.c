/* What is left without a network: nothing that leads out of the run, and unix sockets within it.
 * Arguments: the path of a listening socket of the host's, its abstract name, a directory to bind
 * in, an open TCP port on the host's loopback. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void show(const char *what, long result) {
    printf("%s: %s\n", what, result < 0 ? strerror(errno) : "ok");
}

static long with_unix(int type, const char *path, int abstract,
                      int (*call)(int, const struct sockaddr *, socklen_t), int *out) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type, 0);
    snprintf(un.sun_path + abstract, sizeof un.sun_path - 1, "%s", path);
    socklen_t len = (socklen_t)(sizeof(sa_family_t) + (size_t)abstract + strlen(path));
    long result = call(fd, (struct sockaddr *)&un, len);
    int error = errno;
    if (out) {
        *out = fd;
    } else {
        close(fd);
    }
    errno = error;
    return result;
}

int main(int argc, char **argv) {
    char path[200], text[8] = "";
    int server, fd, pair[2];
    if (argc < 5) {
        return 1;
    }
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[4]))};
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    show("inet", fd < 0 ? fd : connect(fd, (struct sockaddr *)&in, sizeof in));
    show("inet6", socket(AF_INET6, SOCK_DGRAM, 0));
    show("netlink", socket(AF_NETLINK, SOCK_RAW, 0));
    show("pair", socketpair(AF_INET, SOCK_STREAM, 0, pair));
    show("the host's path", with_unix(SOCK_STREAM, argv[1], 0, connect, NULL));
    sprintf(path, "%s.datagram", argv[1]);
    show("datagram", with_unix(SOCK_DGRAM, path, 0, connect, NULL));
    show("the host's name", with_unix(SOCK_STREAM, argv[2], 1, connect, NULL));
    sprintf(path, "%s/hard", argv[3]);
    show("a link to it", link(argv[1], path));
    show("by the link", with_unix(SOCK_STREAM, path, 0, connect, NULL));
    unlink(path);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct ifconf conf = {.ifc_len = sizeof path, .ifc_buf = path};
    show("interfaces", ioctl(fd, SIOCGIFCONF, &conf));
    printf("bytes %d\n", conf.ifc_len);
    struct ifreq ifr = {.ifr_name = "lo"};
    show("lo", ioctl(fd, SIOCGIFFLAGS, &ifr));
    FILE *table = fopen("/proc/net/dev", "r");
    int lines = 0;
    while (table && fgets(path, sizeof path, table)) {
        lines++;
    }
    printf("lines of dev %d\n", lines);
    /* of its own */
    sprintf(path, "%s/own", argv[3]);
    show("bind", with_unix(SOCK_STREAM, path, 0, bind, &server));
    show("listen", listen(server, 5));
    show("connect", with_unix(SOCK_STREAM, path, 0, connect, &fd));
    show("send", send(fd, "hello", 5, 0));
    recv(accept(server, NULL, NULL), text, 5, 0);
    puts(text);
    close(server);
    show("when it is gone", with_unix(SOCK_STREAM, path, 0, connect, NULL));
    unlink(path);
    show("abstract", with_unix(SOCK_STREAM, "own", 1, bind, &server));
    listen(server, 5);
    show("connect", with_unix(SOCK_STREAM, "own", 1, connect, &fd));
    show("pair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    return 0;
}
