/* Control messages by their edges: several in a row, lengths that lie, room for a part, rights and
 * credentials that may not be sent, time stamps in all their layouts; and the other members of a
 * message.
 * test: own */
#include "test/syscalls/io_test.h"
#include <arpa/inet.h>
#include <stdbool.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

static union {
    char bytes[8192];
    struct cmsghdr align;
} control;

/* Adds a message at `at`; where the next one goes. */
static size_t add(size_t at, int level, int type, const void *data, size_t len) {
    struct cmsghdr *c = (struct cmsghdr *)(control.bytes + at);
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(len);
    memcpy(CMSG_DATA(c), data, len);
    return at + CMSG_SPACE(len);
}

static long send_control(int fd, size_t len) {
    struct iovec iov = {"text", 4};
    struct msghdr msg = {NULL, 0, &iov, 1, control.bytes, (socklen_t)len, 0};
    return sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void clear(void) {
    memset(&control, 0, sizeof control);
}

/* Receives with so much room, tells of each message and closes what came. */
static void receive(int fd, size_t room, int flags) {
    char text[16];
    struct iovec iov = {text, sizeof text};
    clear();
    memset(control.bytes, 0x55, 512);
    struct msghdr msg = {NULL, 0, &iov, 1, control.bytes, (socklen_t)room, 0};
    long n = recvmsg(fd, &msg, flags | MSG_DONTWAIT);
    printf("room %d: %s %ld flags %x control %d:", (int)room, n < 0 ? strerrorname_np(errno) : "",
           n, msg.msg_flags, (int)msg.msg_controllen);
    for (struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
        printf(" [%d %d length %d]", c->cmsg_level, c->cmsg_type, (int)c->cmsg_len);
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
            size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            for (size_t i = 0; i < count; i++) {
                int got;
                memcpy(&got, CMSG_DATA(c) + i * sizeof got, sizeof got);
                printf(" %d", fcntl(got, F_GETFD));
                close(got);
            }
        }
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS &&
            c->cmsg_len == CMSG_LEN(sizeof(struct ucred))) {
            struct ucred creds;
            memcpy(&creds, CMSG_DATA(c), sizeof creds);
            printf(" me %d user %d group %d", creds.pid == getpid(), (int)creds.uid,
                   (int)creds.gid);
        }
    }
    bool clean = true; /* what lies past the room is as it was */
    for (size_t i = room; i < 500; i++) {
        clean &= control.bytes[i] == 0x55;
    }
    printf("%s\n", clean ? "" : " and more than the room");
}

static void sequences(void) {
    int s[2], one = 1;
    struct ucred me = {getpid(), getuid(), getgid()};
    (void)!socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
    setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof one);
    int fds[4] = {0, 1, 2, s[0]};
    size_t at;
    for (int order = 0; order < 2; order++) {
        static const int rooms[] = {256, 52, 51, 40, 39, 36, 28, 24, 23, 20, 16, 13, 12, 11, 1, 0};
        for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
            clear();
            at = order ? add(0, SOL_SOCKET, SCM_RIGHTS, fds, 3 * sizeof(int)) : 0;
            at = add(at, SOL_SOCKET, SCM_CREDENTIALS, &me, sizeof me);
            at = order ? at : add(at, SOL_SOCKET, SCM_RIGHTS, fds, 3 * sizeof(int));
            if (send_control(s[0], at) != 4) {
                printf("not sent: %s\n", strerrorname_np(errno));
            }
            receive(s[1], (size_t)rooms[i], i % 2 ? MSG_CMSG_CLOEXEC : 0);
        }
    }
    /* twice the same */
    clear();
    at = add(0, SOL_SOCKET, SCM_RIGHTS, fds, sizeof(int));
    at = add(at, SOL_SOCKET, SCM_RIGHTS, fds + 1, 2 * sizeof(int));
    SHOW(send_control(s[0], at));
    receive(s[1], 256, 0);
    clear();
    at = add(0, SOL_SOCKET, SCM_RIGHTS, fds, 0);
    SHOW(send_control(s[0], at));
    receive(s[1], 256, 0);
    clear(); /* a length within a number */
    at = add(0, SOL_SOCKET, SCM_RIGHTS, fds, 7);
    SHOW(send_control(s[0], at));
    receive(s[1], 256, 0);
    close(s[0]);
    close(s[1]);
}

/* Lengths that lie, and what may not be sent. */
static void refused(void) {
    int s[2], one = 1, fds[300];
    struct ucred me = {getpid(), getuid(), getgid()};
    (void)!socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
    setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof one);
    struct cmsghdr *c = &control.align;
    static const unsigned lengths[] = {0, 1, 11, 16, 17, 0x7fffffff, 0xffffffff};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        clear();
        add(0, SOL_SOCKET, SCM_RIGHTS, &s[0], sizeof(int));
        c->cmsg_len = lengths[i];
        printf("length %u: ", lengths[i]);
        SHOW(send_control(s[0], 16));
    }
    for (size_t len = 12; len <= 16; len++) { /* of the whole */
        clear();
        add(0, SOL_SOCKET, SCM_RIGHTS, &s[0], sizeof(int));
        printf("in %d bytes: ", (int)len);
        SHOW(send_control(s[0], len));
    }
    char text[8];
    while (recv(s[1], text, 8, MSG_DONTWAIT) >= 0) {
    }
    for (int i = 0; i < 300; i++) {
        fds[i] = s[0];
    }
    int plain[2]; /* who asks for no credentials gets as many as there may be */
    (void)!socketpair(AF_UNIX, SOCK_DGRAM, 0, plain);
    clear();
    SHOW(send_control(plain[0], add(0, SOL_SOCKET, SCM_RIGHTS, fds, 253 * sizeof(int))));
    clear();
    SHOW(send_control(plain[0], add(0, SOL_SOCKET, SCM_RIGHTS, fds, 254 * sizeof(int))));
    receive(plain[1], 2000, 0);
    close(plain[0]);
    close(plain[1]);
    clear();
    SHOW(send_control(s[0], add(0, SOL_SOCKET, SCM_RIGHTS, fds, 254 * sizeof(int))));
    clear();
    size_t at = add(0, SOL_SOCKET, SCM_RIGHTS, fds, 200 * sizeof(int));
    SHOW(send_control(s[0], add(at, SOL_SOCKET, SCM_RIGHTS, fds, 54 * sizeof(int))));
    clear();
    SHOW(send_control(s[0], add(at, SOL_SOCKET, SCM_RIGHTS, fds, 53 * sizeof(int))) == 4 ||
         errno == EINVAL); /* the first one is empty now */
    fds[1] = 999;
    clear();
    SHOW(send_control(s[0], add(0, SOL_SOCKET, SCM_RIGHTS, fds, 2 * sizeof(int))));
    fds[0] = -1;
    clear();
    SHOW(send_control(s[0], add(0, SOL_SOCKET, SCM_RIGHTS, fds, sizeof(int))));
    clear();
    SHOW(send_control(s[0], add(0, SOL_SOCKET, SCM_CREDENTIALS, &me, sizeof me - 4)));
    clear();
    SHOW(send_control(s[0], add(0, SOL_SOCKET, SCM_CREDENTIALS, &me, sizeof me - 1)));
    struct ucred more[2] = {me, me};
    clear();
    SHOW(send_control(s[0], add(0, SOL_SOCKET, SCM_CREDENTIALS, more, sizeof me + 4)));
    clear(); /* the one after a length within a word */
    SHOW(send_control(s[0], add(add(0, SOL_SOCKET, SCM_RIGHTS, &s[0], 6), SOL_SOCKET,
                                SCM_CREDENTIALS, &me, sizeof me)));
    receive(s[1], 256, 0);
    clear();
    SHOW(send_control(s[0], add(0, SOL_SOCKET, 77, &me, sizeof me)));
    clear();
    SHOW(send_control(s[0], add(0, SOL_IP, 77, &me, sizeof me)));
    clear();
    SHOW(send_control(s[0], add(0, 4711, SCM_RIGHTS, &me, sizeof me)));
    close(s[0]);
    close(s[1]);
}

/* As an ordinary user: one's own ids, real, acting or saved, and one's own number. */
static void claimed(void) {
    int s[2], one = 1;
    if (getuid()) {
        return;
    }
    fflush(stdout);
    if (fork()) {
        wait(NULL);
        return;
    }
    (void)!socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
    setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof one);
    struct ucred any[] = {{getpid(), 0, 0}, {getppid(), 0, 0}, {1, 77, 78}, {getpid(), 77, 78}};
    for (int i = 0; i < 4; i++) {
        clear();
        SHOW(send_control(s[0], add(0, SOL_SOCKET, SCM_CREDENTIALS, &any[i], sizeof any[i])));
        receive(s[1], 256, 0);
    }
    (void)!setresgid(11, 12, 13);
    (void)!setresuid(21, 22, 23);
    static const unsigned ids[][2] = {{21, 11}, {22, 12}, {23, 13}, {24, 11}, {21, 14},
                                      {0, 11},  {21, 0},  {11, 21}, {23, 11}};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        for (int other = 0; other < 2; other++) {
            struct ucred claim = {other ? getppid() : getpid(), ids[i][0], ids[i][1]};
            clear();
            SHOW(send_control(s[0], add(0, SOL_SOCKET, SCM_CREDENTIALS, &claim, sizeof claim)));
            receive(s[1], 256, 0);
        }
    }
    fflush(stdout);
    _exit(0);
}

/* Time stamps: which of them, how long, and in how much room. */
static void stamps(void) {
    static const struct {
        const char *name;
        int option, value;
    } kinds[] = {{"old", 29, 1},        {"old ns", 35, 1},          {"old ing", 37, 0x18},
                 {"new", 63, 1},        {"new ns", 64, 1},          {"new ing", 65, 0x18},
                 {"no reports", 37, 8}, {"reports alone", 37, 0x10}};
    static const int rooms[] = {256, 100, 60, 36, 28, 24, 20, 16, 12, 8};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof at;
        int in = socket(AF_INET, SOCK_DGRAM, 0), out = socket(AF_INET, SOCK_DGRAM, 0);
        (void)!bind(in, (void *)&at, len);
        getsockname(in, (void *)&at, &len);
        printf("%s: ", kinds[k].name);
        SHOW(setsockopt(in, SOL_SOCKET, kinds[k].option, &kinds[k].value, sizeof(int)));
        usleep(1000);
        for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
            (void)!sendto(out, "x", 1, 0, (void *)&at, len);
            struct pollfd ready = {in, POLLIN, 0};
            poll(&ready, 1, 1000);
            receive(in, (size_t)rooms[i], 0);
        }
        (void)!sendto(out, "x", 1, 0, (void *)&at, len);
        poll(&(struct pollfd){in, POLLIN, 0}, 1, 1000);
        char text[4];
        struct iovec iov = {text, 4};
        struct msghdr msg = {NULL, 0, &iov, 1, control.bytes, 256, 0};
        clear();
        if (recvmsg(in, &msg, MSG_DONTWAIT) > 0 && CMSG_FIRSTHDR(&msg)) {
            struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
            uint32_t word[4];
            memcpy(word, CMSG_DATA(c), sizeof word);
            bool wide = kinds[k].option >= 63;
            printf("now %d, high word %d, fraction %d\n", labs((long)word[0] - time(NULL)) < 5,
                   wide && word[1] == 0,
                   word[wide ? 2 : 1] < (kinds[k].option % 7 == 1 ? 1000000u : 1000000000u));
        }
        close(in);
        close(out);
    }
}

/* The other members of a message. */
static void members(void) {
    int s[2];
    (void)!socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
    char text[8], name[300];
    static struct iovec many[1025];
    for (int i = 0; i < 1025; i++) {
        many[i] = (struct iovec){text, i < 8};
    }
    struct msghdr msg = {.msg_iov = many, .msg_iovlen = 1024};
    SHOW(sendmsg(s[0], &msg, 0));
    SHOW(recvmsg(s[1], &msg, MSG_DONTWAIT));
    msg.msg_iovlen = 1025;
    SHOW(sendmsg(s[0], &msg, 0));
    SHOW(recvmsg(s[1], &msg, MSG_DONTWAIT));
    msg.msg_iovlen = 0x7fffffff;
    SHOW(sendmsg(s[0], &msg, 0));
    msg = (struct msghdr){.msg_iov = many, .msg_iovlen = 1, .msg_name = name, .msg_namelen = -1};
    SHOW(sendmsg(s[0], &msg, 0));
    SHOW(recvmsg(s[1], &msg, MSG_DONTWAIT));
    msg.msg_name = NULL;
    SHOW(sendmsg(s[0], &msg, 0));
    SHOW(recvmsg(s[1], &msg, MSG_DONTWAIT));
    printf("length of no name %d\n", (int)msg.msg_namelen);
    msg.msg_name = name;
    msg.msg_namelen = sizeof name; /* more than an address can be */
    SHOW(send(s[0], "x", 1, 0));
    SHOW(recvmsg(s[1], &msg, MSG_DONTWAIT));
    printf("length of the sender's %d\n", (int)msg.msg_namelen);
    msg.msg_namelen = sizeof name;
    memset(name, 0, sizeof name);
    SHOW(sendmsg(s[0], &msg, 0));
    SHOW(sendmsg(s[0], (void *)8, 0));
    SHOW(recvmsg(s[1], (void *)8, MSG_DONTWAIT));
    msg = (struct msghdr){.msg_iov = (void *)8, .msg_iovlen = 1};
    SHOW(sendmsg(s[0], &msg, 0));
    SHOW(recvmsg(s[1], &msg, MSG_DONTWAIT));
    msg = (struct msghdr){
        .msg_iov = many, .msg_iovlen = 1, .msg_control = (void *)8, .msg_controllen = 16};
    SHOW(sendmsg(s[0], &msg, 0));
    msg.msg_controllen = 0xffffffff;
    SHOW(sendmsg(s[0], &msg, 0));
    close(s[0]);
    close(s[1]);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    sequences();
    refused();
    claimed();
    stamps();
    members();
    return 0;
}
