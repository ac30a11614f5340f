/* Where sockets cannot be bound or found, and options that a socket does not have, on every level.
 * test: own */
#include "test/syscalls/io_test.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

static void names(void) {
    static const char *const path[] = {"missing/s", "file/s",     "file",   ".",
                                       "directory", "directory/", "loop/s", "loop",
                                       "dangling",  "closed/s",   "new/"};
    close(open("file", O_CREAT | O_RDWR, 0600));
    mkdir("directory", 0700);
    mkdir("closed", 0);
    (void)!symlink("loop", "loop");
    (void)!symlink("nothing", "dangling");
    for (size_t i = 0; i < sizeof path / sizeof *path; i++) {
        struct sockaddr_un un = {AF_UNIX, ""};
        strcpy(un.sun_path, path[i]);
        if (strcmp(path[i], "closed/s") == 0 && geteuid() == 0) {
            continue;
        }
        for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
            int fd = socket(AF_UNIX, type, 0);
            printf("%s: ", path[i]);
            SHOW(bind(fd, (struct sockaddr *)&un, sizeof un));
            printf("%s: ", path[i]);
            SHOW(connect(fd, (struct sockaddr *)&un, sizeof un));
            if (type == SOCK_DGRAM) {
                printf("%s: ", path[i]);
                SHOW(sendto(fd, "x", 1, 0, (struct sockaddr *)&un, sizeof un));
            }
            close(fd);
        }
    }
    unlink("file");
    unlink("loop");
    unlink("dangling");
    rmdir("directory");
    rmdir("closed");
}

/* A name that is nobody's any more is still told. */
static void closed_names(void) {
    struct sockaddr_un un = {AF_UNIX, "\0closed"}, got;
    socklen_t len = 2 + 7, got_len = sizeof got;
    char text[8];
    un.sun_path[6] = (char)getpid();
    int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    SHOW(bind(server, (struct sockaddr *)&un, len));
    SHOW(listen(server, 1));
    SHOW(connect(client, (struct sockaddr *)&un, len));
    int peer = accept(server, NULL, NULL);
    close(server);
    SHOW(getpeername(client, (struct sockaddr *)&got, &got_len));
    printf("%d, the same: %d\n", (int)got_len, !memcmp(&got, &un, len));
    close(peer);
    got_len = sizeof got;
    SHOW(getpeername(client, (struct sockaddr *)&got, &got_len));
    printf("%d, the same: %d\n", (int)got_len, !memcmp(&got, &un, len));
    close(client);
    int from = socket(AF_UNIX, SOCK_DGRAM, 0), to = socket(AF_UNIX, SOCK_DGRAM, 0);
    struct sockaddr_un to_name = {AF_UNIX, "\0receiver"};
    to_name.sun_path[8] = (char)getpid();
    SHOW(bind(from, (struct sockaddr *)&un, len));
    SHOW(bind(to, (struct sockaddr *)&to_name, 2 + 9));
    SHOW(sendto(from, "sent", 4, 0, (struct sockaddr *)&to_name, 2 + 9));
    close(from);
    got_len = sizeof got;
    SHOW(recvfrom(to, text, 8, 0, (struct sockaddr *)&got, &got_len));
    printf("%d, the same: %d\n", (int)got_len, !memcmp(&got, &un, len));
    close(to);
}

static void options(void) {
    static const struct {
        const char *name;
        int family, type;
    } kinds[] = {{"unix stream", AF_UNIX, SOCK_STREAM},
                 {"unix datagram", AF_UNIX, SOCK_DGRAM},
                 {"tcp", AF_INET, SOCK_STREAM},
                 {"udp", AF_INET, SOCK_DGRAM}};
    static const int levels[] = {SOL_SOCKET, SOL_IP, SOL_IPV6, SOL_TCP, IPPROTO_UDP, 999, -1};
    static const int numbers[] = {-1, 0, 1000, 100000};
    for (int kind = 0; kind < 4; kind++) {
        int fd = socket(kinds[kind].family, kinds[kind].type, 0);
        for (size_t level = 0; level < sizeof levels / sizeof *levels; level++) {
            printf("%s, level %d:", kinds[kind].name, levels[level]);
            for (size_t number = 0; number < sizeof numbers / sizeof *numbers; number++) {
                int value = 1;
                socklen_t len = sizeof value;
                long got = getsockopt(fd, levels[level], numbers[number], &value, &len);
                printf(" %s", got ? strerrorname_np(errno) : "got");
                value = 1;
                long set = setsockopt(fd, levels[level], numbers[number], &value, sizeof value);
                printf("/%s", set ? strerrorname_np(errno) : "set");
            }
            puts("");
        }
        close(fd);
    }
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), value = 0;
    SHOW(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &(socklen_t){-1}));
    SHOW(getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &(socklen_t){0}));
    SHOW(setsockopt(fd, SOL_SOCKET, SO_TYPE, &value, 4));
    SHOW(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &value, 3));
    SHOW(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &value, -1));
    SHOW(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &value, 4));
    SHOW(setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, 4));
    for (int direction = 0; direction < 2; direction++) { /* with old and with new times */
        int option[] = {direction ? SO_RCVTIMEO : SO_SNDTIMEO, direction ? 66 : 67};
        struct timeval small[] = {{7, 250000}, {0, 0}, {-1, 0}, {0, 1000000}};
        for (int i = 0; i < 4; i++) {
            struct timeval back = {99, 99};
            int64_t wide[2] = {small[i].tv_sec, small[i].tv_usec}, wide_back[2] = {99, 99};
            socklen_t len = sizeof back, wide_len = sizeof wide_back;
            int old = direction ? 20 : 21;
            SHOW(setsockopt(fd, SOL_SOCKET, old, &small[i], sizeof small[i]));
            SHOW(getsockopt(fd, SOL_SOCKET, old, &back, &len));
            printf("%ld.%06ld (%d)\n", (long)back.tv_sec, (long)back.tv_usec, (int)len);
            SHOW(setsockopt(fd, SOL_SOCKET, option[1], wide, sizeof wide));
            SHOW(getsockopt(fd, SOL_SOCKET, option[1], wide_back, &wide_len));
            printf("%lld.%06lld (%d)\n", (long long)wide_back[0], (long long)wide_back[1],
                   (int)wide_len);
        }
    }
    close(fd);
}

int main(void) {
    names();
    closed_names();
    options();
    return 0;
}
