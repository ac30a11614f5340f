/* Talks to a server on the path given: connects and sends, and sends a datagram to PATH.datagram;
 * listens on PATH.own and waits for one client. So that a server of the host's can say whom it saw.
 * Begins as root and becomes the user when there is a second argument. */
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un address(const char *path, const char *end) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    snprintf(un.sun_path, sizeof un.sun_path, "%s%s", path, end);
    return un;
}

int main(int argc, char **argv) {
    if (argc > 2) {
        int id = atoi(argv[2]);
        if (setgroups(0, NULL) || setgid(id) || setuid(id)) {
            return 1;
        }
    }
    struct sockaddr_un un = address(argv[1], ".own");
    int server = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(server, (struct sockaddr *)&un, sizeof un) || listen(server, 1)) {
        return 2;
    }
    un = address(argv[1], "");
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&un, sizeof un)) {
        return 3;
    }
    if (write(fd, "write", 5) != 5) {
        return 4;
    }
    un = address(argv[1], ".datagram");
    fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (sendto(fd, "sendto", 6, 0, (struct sockaddr *)&un, sizeof un) != 6) {
        return 5;
    }
    struct iovec iov = {"sendmsg", 7};
    struct msghdr msg = {
        .msg_name = &un, .msg_namelen = sizeof un, .msg_iov = &iov, .msg_iovlen = 1};
    if (sendmsg(fd, &msg, 0) != 7) {
        return 6;
    }
    accept(server, NULL, NULL);
    return 0;
}
