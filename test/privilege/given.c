/* What a socket that was given open as standard input can be told. Argument: a port. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void show(const char *what, long result) {
    printf("%s: %s\n", what, result < 0 ? strerror(errno) : "ok");
}

int main(int argc, char **argv) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
    struct sockaddr *address = (struct sockaddr *)&in;
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct iovec iov = {"message", 7};
    struct msghdr msg = {
        .msg_name = &in, .msg_namelen = sizeof in, .msg_iov = &iov, .msg_iovlen = 1};
    show("bind",
         bind(0, (struct sockaddr *)&(struct sockaddr_in){.sin_family = AF_INET}, sizeof in));
    show("sendto", sendto(0, "to", 2, 0, address, sizeof in));
    show("sendmsg", sendmsg(0, &msg, 0));
    show("connect", connect(0, address, sizeof in));
    show("write", write(0, "write", 5));
    return argc != 2;
}
