/* Credentials over unix sockets: those of the message's sender, not of who wrote last; those of who
 * connected, whatever happens before accept(2); nobody's where none were asked for. As root also
 * between users.
 *
 * Build: cc -O2 -static creds.c
 * test: own */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t parent, other;
static uid_t own_uid;

/* Numbers differ between runs: who it is, in words. */
static const char *who(pid_t pid) {
    return pid == parent ? "parent" : pid == other && other ? "child" : pid ? "somebody" : "nobody";
}

static void show_creds(const char *what, const struct ucred *c) {
    printf("%s: %s uid %s gid %d\n", what, who(c->pid),
           c->uid == own_uid     ? "own"
           : c->uid == 1000      ? "1000"
           : c->uid == 65534     ? "overflow"
           : c->uid == (uid_t)-1 ? "none"
                                 : "another",
           c->gid == getgid() ? 0 : (int)c->gid);
}

static void ask(int fd, int on) {
    setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
}

/* One recvmsg; prints what came. */
static void receive(const char *what, int fd, size_t most, int flags) {
    static char data[1 << 17];
    char control[256];
    struct iovec iov = {data, most < sizeof data - 1 ? most : sizeof data - 1};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT | flags);
    if (n < 0) {
        printf("%s: %s\n", what, strerror(errno));
        return;
    }
    data[n] = 0;
    printf("%s '%.20s' flags %x controls", what, data, msg.msg_flags & ~MSG_CMSG_CLOEXEC);
    struct ucred creds;
    int found = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
        printf(" %d/%d", c->cmsg_type, (int)c->cmsg_len);
        if (c->cmsg_type == SCM_CREDENTIALS) {
            memcpy(&creds, CMSG_DATA(c), sizeof creds);
            found = 1;
        } else if (c->cmsg_type == SCM_RIGHTS) {
            for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
                close(((int *)CMSG_DATA(c))[i]);
            }
        }
    }
    printf("\n");
    if (found) {
        show_creds("  sender", &creds);
    }
}

/* Runs as another user, when this is root, and in another process in any case. */
static void in_child(void (*run)(int), int fd) {
    fflush(stdout);
    if ((other = fork()) == 0) {
        other = getpid();
        if (own_uid == 0) {
            gid_t group = 2000;
            setgroups(1, &group);
            (void)!setgid(1000);
            (void)!setuid(1000);
        }
        run(fd);
        fflush(stdout);
        _exit(0);
    }
    waitpid(other, NULL, 0);
}

static void say_child(int fd) {
    send(fd, "child", 5, 0);
}

static void write_child(int fd) {
    (void)!write(fd, "child", 5);
}

static long state(int fd, pid_t pid, uid_t uid, gid_t gid, const char *text) {
    struct ucred creds = {pid, uid, gid};
    char control[CMSG_SPACE(sizeof creds) + CMSG_SPACE(sizeof(int))] = {0};
    struct iovec iov = {(char *)text, strlen(text)};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    *c = (struct cmsghdr){CMSG_LEN(sizeof creds), SOL_SOCKET, SCM_CREDENTIALS};
    memcpy(CMSG_DATA(c), &creds, sizeof creds);
    c = CMSG_NXTHDR(&msg, c);
    *c = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    int zero = 0;
    memcpy(CMSG_DATA(c), &zero, sizeof zero);
    return sendmsg(fd, &msg, 0) < 0 ? -errno : 0;
}

static void state_child(int fd) {
    printf("a lie: %ld\n", state(fd, parent, own_uid, getgid(), "lie"));
    printf("the truth: %ld\n", state(fd, getpid(), getuid(), getgid(), "truth"));
}

static struct sockaddr_un address(const char *name, socklen_t *len) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    if (*name == '@') {
        snprintf(un.sun_path + 1, sizeof un.sun_path - 1, "creds-%d%s", (int)parent, name + 1);
        *len = offsetof(struct sockaddr_un, sun_path) + 1 + strlen(un.sun_path + 1);
    } else {
        strcpy(un.sun_path, name);
        *len = sizeof un;
    }
    return un;
}

static int named(int type, const char *name, int binds) {
    socklen_t len;
    struct sockaddr_un un = address(name, &len);
    int fd = socket(AF_UNIX, type, 0);
    if (binds) {
        unlink(name);
        if (bind(fd, (struct sockaddr *)&un, len)) {
            perror("bind");
        }
        chmod(name, 0666);
    } else if (connect(fd, (struct sockaddr *)&un, len)) {
        perror("connect");
    }
    return fd;
}

static void datagrams(const char *name) {
    printf("--- datagrams to %s\n", *name == '@' ? "a name" : "a path");
    int to = named(SOCK_DGRAM, name, 1), from = named(SOCK_DGRAM, name, 0);
    send(from, "unasked", 7, 0);
    ask(to, 1);
    receive("before it was asked", to, 100, 0);
    in_child(say_child, from);
    send(from, "parent", 6, 0);
    (void)!write(from, "written", 7);
    receive("peek", to, 100, MSG_PEEK);
    receive("first", to, 100, 0);
    receive("second", to, 100, 0);
    receive("third", to, 100, 0);
    receive("none", to, 100, 0);
    in_child(state_child, from);
    receive("stated", to, 100, 0);
    receive("stated", to, 100, 0);
    int loose = socket(AF_UNIX, SOCK_DGRAM, 0);
    socklen_t len;
    struct sockaddr_un un = address(name, &len);
    sendto(loose, "loose", 5, 0, (struct sockaddr *)&un, len);
    close(loose);
    receive("of one that is gone", to, 100, 0);
    ask(to, 0);
    ask(from, 1);
    in_child(write_child, from);
    ask(to, 1);
    receive("asked by the sender", to, 100, 0);
    close(to);
    close(from);
}

static void long_child(int fd) {
    static char text[100000];
    memset(text, 'c', sizeof text);
    for (size_t at = 0; at < sizeof text;) {
        ssize_t n = write(fd, text + at, sizeof text - at);
        if (n <= 0) {
            break;
        }
        at += (size_t)n;
    }
}

static void stream(void) {
    printf("--- stream\n");
    int fd[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, fd);
    write_child(fd[1]);
    receive("unasked", fd[0], 100, 0);
    ask(fd[0], 1);
    in_child(write_child, fd[1]);
    (void)!write(fd[1], "parent", 6);
    send(fd[1], "more", 4, 0);
    receive("part", fd[0], 2, 0);
    receive("rest", fd[0], 100, 0);
    char two[3] = "";
    (void)!read(fd[0], two, 2);
    printf("read '%s'\n", two);
    receive("rest after read", fd[0], 4, 0);
    receive("more", fd[0], 100, 0);
    in_child(state_child, fd[1]);
    receive("stated", fd[0], 100, 0);
    receive("stated", fd[0], 100, 0);
    /* in pieces: every one is the child's */
    in_child(long_child, fd[1]);
    size_t total = 0;
    int others = 0;
    for (;;) {
        static char data[8192];
        char control[256];
        struct iovec iov = {data, sizeof data};
        struct msghdr msg = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
        ssize_t n = recvmsg(fd[0], &msg, MSG_DONTWAIT);
        if (n <= 0) {
            break;
        }
        struct ucred creds = {0};
        if (CMSG_FIRSTHDR(&msg)) {
            memcpy(&creds, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof creds);
        }
        total += (size_t)n;
        others += creds.pid != other;
    }
    printf("long: %d bytes, of others %d\n", (int)total, others);
    close(fd[0]);
    close(fd[1]);
}

static void peer(const char *what, int fd) {
    struct ucred creds = {-2, -2, -2};
    socklen_t len = sizeof creds;
    int error = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &creds, &len);
    printf("%d ", error);
    show_creds(what, &creds);
    gid_t groups[64];
    len = sizeof groups;
    if (getsockopt(fd, SOL_SOCKET, 59 /* SO_PEERGROUPS */, groups, &len)) {
        printf("  groups: %s\n", strerror(errno));
    } else if (own_uid == 0) {
        printf("  groups %d, first %d\n", (int)(len / sizeof *groups), len ? (int)groups[0] : -1);
    }
}

static const char *stream_name;

static void connect_child(int fd) {
    int to = named(SOCK_STREAM, stream_name, 0);
    (void)!write(to, "hello", 5);
    peer("listener", to);
    close(to);
}

static void connect_and_forget(int fd) {
    socklen_t len;
    struct sockaddr_un un = address("@nowhere", &len);
    connect_child(fd);
    for (int i = 0; i < 6000; i++) {
        int more = socket(AF_UNIX, SOCK_STREAM, 0);
        if (i % 2) {
            connect(more, (struct sockaddr *)&un, len);
        } else {
            struct sockaddr_un any = {.sun_family = AF_UNIX};
            bind(more, (struct sockaddr *)&any, sizeof any.sun_family);
        }
        close(more);
    }
}

static void connections(const char *name) {
    printf("--- connections to %s\n", *name == '@' ? "a name" : "a path");
    stream_name = name;
    int listener = named(SOCK_STREAM, name, 1);
    peer("not listening", listener);
    listen(listener, 5);
    peer("listening", listener);
    for (int i = 0; i < 2; i++) {
        in_child(i ? connect_and_forget : connect_child, -1);
        int fd = accept(listener, NULL, NULL);
        peer("connected", fd);
        if (i) {
            ask(fd, 1);
        }
        receive("said", fd, 100, 0);
        close(fd);
    }
    close(listener);
    unlink(name);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    parent = getpid();
    own_uid = getuid();
    if (own_uid == 0) {
        setgroups(0, NULL);
    }
    chmod(".", 0777);
    datagrams("socket");
    datagrams("@name");
    stream();
    int fd[2];
    socketpair(AF_UNIX, SOCK_DGRAM, 0, fd);
    peer("pair", fd[0]);
    close(fd[0]);
    close(fd[1]);
    peer("unconnected", socket(AF_UNIX, SOCK_STREAM, 0));
    int to = named(SOCK_DGRAM, "socket", 1);
    peer("datagrams", named(SOCK_DGRAM, "socket", 0));
    close(to);
    unlink("socket");
    connections("stream");
    connections("@stream");
    return 0;
}
