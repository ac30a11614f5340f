/* Unix sockets: names, abstract names, credentials, passed descriptors, datagrams, control
 * messages.
 * test: own */
#include "test/syscalls/io_test.h"
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

static char dir[] = "/tmp/sock_test_XXXXXX";

static socklen_t named(struct sockaddr_un *un, const char *path) {
    memset(un, 0, sizeof *un);
    un->sun_family = AF_UNIX;
    snprintf(un->sun_path, sizeof un->sun_path, "%s", path);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
}

static void show_address(const char *what, const struct sockaddr_un *un, socklen_t len) {
    printf("%s: family %d, length %d", what, len >= 2 ? un->sun_family : -1, (int)len);
    for (size_t i = 0; i + 2 < len; i++) {
        putchar(un->sun_path[i] ? un->sun_path[i] : '@');
    }
    putchar('\n');
}

static void names(void) {
    struct sockaddr_un un, got;
    socklen_t len = named(&un, "server"), got_len = sizeof got;
    int server = socket(AF_UNIX, SOCK_STREAM, 0);
    SHOW(bind(server, (struct sockaddr *)&un, len));
    struct stat st;
    SHOW(stat("server", &st));
    printf("socket %d mode %o\n", S_ISSOCK(st.st_mode), st.st_mode & 0777);
    int other = socket(AF_UNIX, SOCK_STREAM, 0);
    SHOW(bind(other, (struct sockaddr *)&un, len));
    SHOW(bind(server, (struct sockaddr *)&un, len));
    SHOW(connect(other, (struct sockaddr *)&un, len));
    SHOW(listen(server, 5));
    SHOW(connect(other, (struct sockaddr *)&un, len));
    int peer = accept(server, (struct sockaddr *)&got, &got_len);
    show_address("accepted", &got, got_len);
    got_len = sizeof got;
    SHOW(getsockname(peer, (struct sockaddr *)&got, &got_len));
    show_address("own name of the accepted", &got, got_len);
    got_len = sizeof got;
    SHOW(getpeername(other, (struct sockaddr *)&got, &got_len));
    show_address("peer", &got, got_len);
    got_len = sizeof got;
    SHOW(getsockname(other, (struct sockaddr *)&got, &got_len));
    show_address("client", &got, got_len);
    got_len = 4;
    SHOW(getpeername(other, (struct sockaddr *)&got, &got_len));
    printf("whole length %d\n", (int)got_len);
    struct ucred creds;
    socklen_t creds_len = sizeof creds;
    SHOW(getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &creds, &creds_len));
    printf("peer is me: %d, uid %d\n", creds.pid == getpid(), creds.uid == getuid());
    char text[16] = "";
    SHOW(write(other, "hello", 5));
    SHOW(read(peer, text, sizeof text));
    SHOW(shutdown(other, SHUT_WR));
    SHOW(read(peer, text, sizeof text));
    close(peer);
    signal(SIGPIPE, SIG_IGN);
    SHOW(send(other, "x", 1, 0));
    close(other);
    /* Long names, a symbolic link, a missing name, a dangling one. */
    char longest[108];
    memset(longest, 'n', sizeof longest);
    memset(&un, 0, sizeof un);
    un.sun_family = AF_UNIX;
    memcpy(un.sun_path, longest, 107);
    other = socket(AF_UNIX, SOCK_DGRAM, 0);
    SHOW(bind(other, (struct sockaddr *)&un, sizeof un));
    got_len = sizeof got;
    SHOW(getsockname(other, (struct sockaddr *)&got, &got_len));
    printf("length %d, the same: %d\n", (int)got_len, !memcmp(got.sun_path, un.sun_path, 107));
    int client = socket(AF_UNIX, SOCK_DGRAM, 0);
    SHOW(sendto(client, "abc", 3, 0, (struct sockaddr *)&un, sizeof un));
    got_len = sizeof got;
    SHOW(recvfrom(other, text, sizeof text, 0, (struct sockaddr *)&got, &got_len));
    printf("from length %d\n", (int)got_len);
    close(other);
    close(client);
    SHOW(symlink("server", "link"));
    len = named(&un, "link");
    client = socket(AF_UNIX, SOCK_STREAM, 0);
    SHOW(connect(client, (struct sockaddr *)&un, len));
    close(client);
    client = socket(AF_UNIX, SOCK_STREAM, 0);
    len = named(&un, "missing");
    SHOW(connect(client, (struct sockaddr *)&un, len));
    SHOW(connect(client, (struct sockaddr *)&un, 1));
    SHOW(connect(client, (struct sockaddr *)&un, 200));
    close(server);
    len = named(&un, "server");
    SHOW(connect(client, (struct sockaddr *)&un, len));
    SHOW(unlink("server"));
    close(client);
}

static void abstract(void) {
    struct sockaddr_un un = {AF_UNIX, "\0some name"}, got;
    socklen_t len = 2 + 10, got_len = sizeof got;
    int a = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), b = socket(AF_UNIX, SOCK_DGRAM, 0);
    SHOW(bind(a, (struct sockaddr *)&un, len));
    SHOW(bind(b, (struct sockaddr *)&un, len));
    SHOW(bind(b, (struct sockaddr *)&un, 2)); /* autobind */
    SHOW(getsockname(b, (struct sockaddr *)&got, &got_len));
    printf("autobind: length %d\n", (int)got_len);
    SHOW(sendto(a, "to b", 4, 0, (struct sockaddr *)&got, got_len));
    char text[16];
    got_len = sizeof got;
    SHOW(recvfrom(b, text, sizeof text, 0, (struct sockaddr *)&got, &got_len));
    show_address("from", &got, got_len);
    memset(un.sun_path + 1, 'q', 107);
    int c = socket(AF_UNIX, SOCK_DGRAM, 0);
    SHOW(bind(c, (struct sockaddr *)&un, sizeof un));
    SHOW(sendto(a, "to c", 4, 0, (struct sockaddr *)&un, sizeof un));
    SHOW(recv(c, text, sizeof text, 0));
    got_len = sizeof got;
    SHOW(getsockname(c, (struct sockaddr *)&got, &got_len));
    printf("length %d same %d\n", (int)got_len, !memcmp(&got, &un, sizeof un));
    close(a);
    close(b);
    close(c);
}

/* Receives a message with control data and tells of it. */
static int receive(int fd, int room, int flags) {
    char text[32] = "";
    union {
        char buf[256];
        struct cmsghdr align;
    } control;
    struct iovec iov = {text, sizeof text - 1};
    struct msghdr msg = {NULL, 0, &iov, 1, control.buf, (socklen_t)room, 0};
    long n = recvmsg(fd, &msg, flags);
    printf("recvmsg: %ld '%s' flags %#x control %d\n", n, text, msg.msg_flags,
           (int)msg.msg_controllen);
    int got = -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
        printf("  level %d type %d length %d\n", c->cmsg_level, c->cmsg_type, (int)c->cmsg_len);
        if (c->cmsg_type == SCM_RIGHTS) {
            memcpy(&got, CMSG_DATA(c), sizeof got);
        }
        if (c->cmsg_type == SCM_CREDENTIALS) {
            struct ucred creds;
            memcpy(&creds, CMSG_DATA(c), sizeof creds);
            printf("  sender is me: %d, my child: %d, uid %d\n", creds.pid == getpid(),
                   creds.pid != getpid() && creds.pid > 1, creds.uid == getuid());
        }
    }
    return got;
}

static long send_fds(int fd, const int *fds, int count) {
    union {
        char buf[CMSG_SPACE(sizeof(int) * 4)];
        struct cmsghdr align;
    } control;
    struct iovec iov = {"fds", 3};
    struct msghdr msg = {NULL, 0, &iov, 1, control.buf, CMSG_SPACE(sizeof(int) * count), 0};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(c), fds, sizeof(int) * count);
    return sendmsg(fd, &msg, 0);
}

static void rights(void) {
    int s[2], p[2];
    SHOW(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
    pipe(p);
    int file = open("data", O_RDWR | O_CREAT | O_TRUNC, 0600);
    write(file, "0123456789", 10);
    lseek(file, 3, SEEK_SET);
    int fds[3] = {file, p[1], p[0]};
    SHOW(send_fds(s[0], fds, 1));
    int got = receive(s[1], 256, 0);
    char text[4] = "";
    SHOW(read(got, text, 2));
    printf("read %s, offset of the sender's %ld\n", text, (long)lseek(file, 0, SEEK_CUR));
    close(got);
    /* The sender closes first; nobody else holds the pipe's write end. */
    SHOW(send_fds(s[0], fds + 1, 1));
    close(p[1]);
    got = receive(s[1], 256, MSG_CMSG_CLOEXEC);
    printf("close-on-exec %d\n", fcntl(got, F_GETFD));
    SHOW(write(got, "zz", 2));
    SHOW(read(p[0], text, 3));
    close(got);
    SHOW(read(p[0], text, 3));
    /* Two descriptors, room for one. */
    fds[1] = p[0];
    SHOW(send_fds(s[0], fds, 2));
    got = receive(s[1], CMSG_LEN(sizeof(int)), 0);
    printf("got one %d\n", got >= 0);
    close(got);
    SHOW(send_fds(s[0], fds, 2));
    receive(s[1], 0, 0);
    fds[0] = 99;
    SHOW(send_fds(s[0], fds, 1));
    /* A child in another process. */
    fds[0] = file;
    if (fork() == 0) {
        lseek(file, 7, SEEK_SET);
        _exit(send_fds(s[0], fds, 1) == 3 ? 0 : 1);
    }
    wait(NULL);
    got = receive(s[1], 256, 0);
    SHOW(lseek(got, 0, SEEK_CUR));
    close(got);
    close(file);
    close(s[0]);
    close(s[1]);
    close(p[0]);
}

static void credentials(void) {
    int s[2], one = 1;
    socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
    SHOW(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof one));
    SHOW(send(s[0], "me", 2, 0));
    receive(s[1], 256, 0);
    if (fork() == 0) {
        _exit((int)send(s[0], "child", 5, 0));
    }
    wait(NULL);
    receive(s[1], 256, 0);
    struct ucred creds;
    socklen_t len = sizeof creds;
    getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &creds, &len);
    printf("pair made by me: %d\n", creds.pid == getpid());
    close(s[0]);
    close(s[1]);
    /* A child connects: the server learns its pid. */
    struct sockaddr_un un;
    socklen_t un_len = named(&un, "creds");
    int server = socket(AF_UNIX, SOCK_STREAM, 0);
    bind(server, (struct sockaddr *)&un, un_len);
    listen(server, 1);
    pid_t child = fork();
    if (child == 0) {
        int c = socket(AF_UNIX, SOCK_STREAM, 0);
        connect(c, (struct sockaddr *)&un, un_len);
        char b;
        len = sizeof creds;
        getsockopt(c, SOL_SOCKET, SO_PEERCRED, &creds, &len);
        _exit(read(c, &b, 1) == 0 && creds.pid == getppid() ? 0 : 1);
    }
    int peer = accept(server, NULL, NULL);
    len = sizeof creds;
    getsockopt(peer, SOL_SOCKET, SO_PEERCRED, &creds, &len);
    printf("the child connected: %d\n", creds.pid == child);
    close(peer);
    int status;
    waitpid(child, &status, 0);
    printf("the server is its parent: %d\n", status == 0);
    close(server);
    unlink("creds");
}

static void datagrams(void) {
    int s[2];
    SHOW(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, s));
    char a[4] = "aaa", b[4] = "bbb";
    struct iovec iov[2] = {{a, 3}, {b, 3}};
    SHOW(writev(s[0], iov, 2));
    SHOW(send(s[0], "second", 6, 0));
    char text[8] = "";
    SHOW(recv(s[1], text, 4, MSG_PEEK | MSG_TRUNC));
    SHOW(recv(s[1], text, 4, 0));
    SHOW(recv(s[1], text, 8, 0));
    SHOW(recv(s[1], text, 8, 0));
    struct mmsghdr m[3] = {{{NULL, 0, &iov[0], 1, NULL, 0, 0}, 0},
                           {{NULL, 0, &iov[1], 1, NULL, 0, 0}, 0},
                           {{NULL, 0, iov, 2, NULL, 0, 0}, 0}};
    SHOW(sendmmsg(s[0], m, 3, 0));
    printf("lengths %u %u %u\n", m[0].msg_len, m[1].msg_len, m[2].msg_len);
    SHOW(recvmmsg(s[1], m, 3, MSG_DONTWAIT, NULL));
    printf("lengths %u %u %u flags %#x\n", m[0].msg_len, m[1].msg_len, m[2].msg_len,
           m[2].msg_hdr.msg_flags);
    SHOW(recvmmsg(s[1], m, 3, MSG_DONTWAIT, NULL));
    int type, domain;
    socklen_t len = sizeof type;
    getsockopt(s[0], SOL_SOCKET, SO_TYPE, &type, &len);
    getsockopt(s[0], SOL_SOCKET, SO_DOMAIN, &domain, &len);
    printf("type %d domain %d\n", type, domain);
    int pending;
    send(s[0], "12345", 5, 0);
    SHOW(ioctl(s[1], FIONREAD, &pending));
    printf("pending %d\n", pending);
    SHOW(socket(AF_UNIX, 77, 0));
    SHOW(socket(AF_IPX, SOCK_STREAM, 0));
    SHOW(socket(AF_UNIX, SOCK_STREAM, 9));
    SHOW(send(1, "x", 1, 0));
    SHOW(send(77, "x", 1, 0));
}

int main(void) {
    if (!mkdtemp(dir) || chdir(dir)) {
        return 1;
    }
    umask(022);
    names();
    abstract();
    rights();
    credentials();
    datagrams();
    static const char *const made[] = {"data", "link", "server", "creds"};
    for (int i = 0; i < 4; i++) {
        unlink(made[i]);
    }
    char longest[108] = "";
    memset(longest, 'n', 107);
    unlink(longest);
    chdir("/");
    SHOW(rmdir(dir));
    return 0;
}
