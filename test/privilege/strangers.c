/* Unix sockets of a guest beside a host process that has read their names in /proc/net/unix and
 * means harm. Waits for a byte on standard input where the suite acts. Arguments: what names begin
 * with, a directory that both reach. */
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void show(const char *what, long result) {
    printf("%s: %s\n", what, result < 0 ? strerror(errno) : "ok");
}

static void turn(const char *what) {
    puts(what);
    fflush(stdout);
    getchar();
}

static struct sockaddr_un name(const char *text, socklen_t *len) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    strcpy(un.sun_path + 1, text);
    *len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(text));
    return un;
}

static int opened(int type, const char *text) {
    socklen_t len;
    struct sockaddr_un un = name(text, &len);
    int fd = socket(AF_UNIX, type, 0), one = 1;
    show("bind", bind(fd, (struct sockaddr *)&un, len));
    setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof one);
    if (type == SOCK_STREAM) {
        listen(fd, 4);
    }
    return fd;
}

/* A stranger's connection is not accepted, one of our own is. */
static void abstract_names(const char *first, const char *second) {
    socklen_t len;
    struct sockaddr_un un = name(first, &len);
    int stream = opened(SOCK_STREAM, first), datagram = opened(SOCK_DGRAM, second);
    turn("bound");
    if (fork() == 0) {
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        exit(connect(fd, (struct sockaddr *)&un, len) != 0);
    }
    struct ucred peer;
    int fd = accept(stream, NULL, NULL);
    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &(socklen_t){sizeof peer});
    printf("accepted: %d\n", peer.pid > 0 && peer.uid == getuid());
    wait(NULL);
    close(fd);
    close(stream);
    close(datagram);
    turn("closed");
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    show("to a stranger's name", connect(fd, (struct sockaddr *)&un, len));
    un = name(second, &len);
    close(fd);
    fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    show("datagram there", sendto(fd, "x", 1, 0, (struct sockaddr *)&un, len));
    close(fd);
}

static void send_fd(int to, int fd) {
    union {
        char room[CMSG_SPACE(sizeof fd)];
        struct cmsghdr head;
    } control = {.head = {CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS}};
    memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
    struct iovec iov = {"x", 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof control};
    show("given away", sendmsg(to, &msg, 0));
}

/* The other side of a connection goes to a stranger, who sends what came there to somebody else. */
static void replay(const char *directory) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    int server = socket(AF_UNIX, SOCK_STREAM, 0), one = 1, pair[2];
    snprintf(un.sun_path, sizeof un.sun_path, "%s/strangers", directory);
    unlink(un.sun_path);
    show("path", bind(server, (struct sockaddr *)&un, sizeof un));
    chmod(un.sun_path, 0666);
    setsockopt(server, SOL_SOCKET, SO_PASSCRED, &one, sizeof one);
    listen(server, 4);
    turn("listening");
    int stranger = accept(server, NULL, NULL);
    socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &one, sizeof one);
    send_fd(stranger, pair[0]);
    show("message", write(pair[1], "m", 1));
    turn("sent");
    char text[8], control[512];
    struct iovec iov = {text, sizeof text};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    show("what the stranger sends", recvmsg(stranger, &msg, 0));
    for (struct cmsghdr *at = CMSG_FIRSTHDR(&msg); at; at = CMSG_NXTHDR(&msg, at)) {
        if (at->cmsg_type == SCM_CREDENTIALS) {
            struct ucred sender;
            memcpy(&sender, CMSG_DATA(at), sizeof sender);
            printf("its sender is %d\n", (int)sender.uid);
        }
    }
}

int main(int argc, char **argv) {
    char second[64];
    if (argc < 3) {
        return 1;
    }
    snprintf(second, sizeof second, "%s.datagram", argv[1]);
    abstract_names(argv[1], second);
    replay(argv[2]);
    return 0;
}
