/* Names of unix sockets of every length: paths with and without a NUL, abstract names that are
 * alike for longer than they may be kept whole, names that a socket gets by itself, lengths that
 * are none.
 */
#include "test/syscalls/io_test.h"
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#define HEAD offsetof(struct sockaddr_un, sun_path)

static int bound(const struct sockaddr_un *un, socklen_t len) {
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (bind(fd, (const void *)un, len)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* An abstract name of `bytes` bytes: alike but for the last one. */
static socklen_t name_of(struct sockaddr_un *un, int bytes, char last) {
    memset(un, 0, sizeof *un);
    un->sun_family = AF_UNIX;
    for (int i = 1; i <= bytes; i++) {
        un->sun_path[i] = (char)('a' + i % 26);
    }
    if (bytes) {
        un->sun_path[bytes] = last;
    }
    un->sun_path[1] = (char)getpid(); /* the host's other users have theirs */
    return (socklen_t)(HEAD + 1 + (size_t)bytes);
}

static void abstract_lengths(void) {
    int good = 0;
    for (int bytes = 3; bytes <= 107; bytes++) {
        struct sockaddr_un a, b, got;
        socklen_t len = name_of(&a, bytes, 'x'), got_len = sizeof got;
        name_of(&b, bytes, bytes % 2 ? 'y' : 0);
        int first = bound(&a, len), second = bound(&b, len), shorter = bound(&a, len - 1);
        int again = bound(&a, len), error = errno;
        char text[8] = "";
        bool fine = first >= 0 && second >= 0 && shorter >= 0 && again < 0 && error == EADDRINUSE;
        fine &= !getsockname(second, (void *)&got, &got_len) && got_len == len &&
                !memcmp(&got, &b, len);
        fine &= sendto(second, "to a", 4, 0, (void *)&a, len) == 4;
        got_len = sizeof got;
        fine &= recvfrom(first, text, 8, MSG_DONTWAIT, (void *)&got, &got_len) == 4 &&
                got_len == len && !memcmp(&got, &b, len);
        fine &= recv(shorter, text, 8, MSG_DONTWAIT) == -1;
        fine &= sendto(first, "to b", 4, 0, (void *)&b, len) == 4 &&
                recv(second, text, 8, MSG_DONTWAIT) == 4;
        got_len = 7; /* a part, and the whole length */
        fine &= !getsockname(first, (void *)&got, &got_len) && got_len == len;
        close(first);
        close(second);
        fine &= sendto(shorter, "gone", 4, 0, (void *)&a, len) == -1 && errno == ECONNREFUSED;
        first = bound(&a, len); /* free again */
        fine &= first >= 0;
        close(first);
        close(shorter);
        if (!fine) {
            printf("%d bytes: not as it should be (%s)\n", bytes, strerrorname_np(error));
        }
        good += fine;
    }
    printf("abstract names: %d\n", good);
}

static void path_lengths(void) {
    static const int lengths[] = {1, 2, 50, 106, 107, 108};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        for (int nul = 0; nul < 2; nul++) {
            struct sockaddr_un un, got;
            socklen_t len = (socklen_t)(HEAD + (size_t)lengths[i]) + (socklen_t)nul;
            socklen_t got_len = sizeof got;
            if (len > sizeof un) {
                continue;
            }
            memset(&un, 'n', sizeof un); /* what follows is not part of it */
            un.sun_family = AF_UNIX;
            if (nul) {
                un.sun_path[lengths[i]] = 0;
            }
            int fd = bound(&un, len);
            printf("path of %d, NUL %d: %s", lengths[i], nul,
                   fd < 0 ? strerrorname_np(errno) : "bound");
            char room[sizeof got + 8];
            got_len = sizeof room;
            memset(room, '#', sizeof room);
            int failed = getsockname(fd, (void *)room, &got_len);
            printf(", %d, length %d, name of %d", failed, (int)got_len,
                   (int)strnlen(room + HEAD, sizeof room - HEAD));
            printf(", its last byte %d, after it '%c'\n", room[got_len - 1],
                   got_len < sizeof room && room[got_len] == '#' ? '#' : '?');
            char path[128] = "";
            memcpy(path, un.sun_path, (size_t)lengths[i]);
            path[lengths[i]] = 0;
            struct stat st;
            SHOW(stat(path, &st) == 0 && S_ISSOCK(st.st_mode));
            int client = socket(AF_UNIX, SOCK_DGRAM, 0);
            printf("sent %d\n", (int)sendto(client, "x", 1, 0, (void *)&un, len));
            close(client);
            close(fd);
            unlink(path);
        }
    }
    /* shorter by a NUL within */
    struct sockaddr_un un = {AF_UNIX, "short\0and more"}, got;
    socklen_t got_len = sizeof got;
    int fd = bound(&un, sizeof un);
    SHOW(getsockname(fd, (void *)&got, &got_len));
    printf("%d %s\n", (int)got_len, got.sun_path);
    close(fd);
    unlink("short");
}

static void no_lengths(void) {
    struct sockaddr_un un = {AF_UNIX, "named"}, other = {AF_INET, "other"};
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0), stream = socket(AF_UNIX, SOCK_STREAM, 0);
    static const socklen_t lengths[] = {0, 1, 2, 3, 111, 112, 128, 129, 0x7fffffff, 0xffffffff};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        if (lengths[i] == 2 || lengths[i] == 3) {
            continue; /* names */
        }
        printf("length %u: ", lengths[i]);
        SHOW(bind(fd, (void *)&un, lengths[i]));
        SHOW(connect(fd, (void *)&un, lengths[i]));
        SHOW(sendto(fd, "x", 1, 0, (void *)&un, lengths[i]));
    }
    SHOW(bind(fd, (void *)&other, sizeof other));
    SHOW(connect(fd, (void *)&other, sizeof other));
    SHOW(sendto(fd, "x", 1, 0, (void *)&other, sizeof other));
    SHOW(connect(fd, (void *)&un, 2));
    SHOW(sendto(fd, "x", 1, 0, (void *)&un, 2));
    SHOW(bind(fd, (void *)8, 20));
    un.sun_path[0] = 0;
    SHOW(connect(stream, (void *)&un, HEAD + 4));
    SHOW(sendto(fd, "x", 1, 0, (void *)&un, HEAD + 4));
    SHOW(bind(fd, (void *)&un, HEAD + 1) == 0 || errno == EADDRINUSE); /* an empty abstract name */
    close(fd);
    close(stream);
}

/* Names that sockets get by themselves. */
static void by_itself(void) {
    struct sockaddr_un un = {.sun_family = AF_UNIX}, got[20];
    int fd[20], different = 1, shape = 1;
    for (int i = 0; i < 20; i++) {
        socklen_t len = sizeof got[i];
        fd[i] = socket(AF_UNIX, SOCK_DGRAM, 0);
        shape &= !bind(fd[i], (void *)&un, HEAD) && !getsockname(fd[i], (void *)&got[i], &len);
        shape &= len == HEAD + 6 && !got[i].sun_path[0];
        for (int j = 1; j < 6; j++) {
            shape &= strchr("0123456789abcdef", got[i].sun_path[j]) != NULL;
        }
        for (int j = 0; j < i; j++) {
            different &= memcmp(got[j].sun_path, got[i].sun_path, 6) != 0;
        }
    }
    SHOW(different && shape);
    SHOW(bind(fd[0], (void *)&un, HEAD)); /* has one */
    SHOW(bind(fd[0], (void *)&got[1], HEAD + 6));
    char text[4];
    SHOW(sendto(fd[0], "x", 1, 0, (void *)&got[1], HEAD + 6));
    struct sockaddr_un from;
    socklen_t len = sizeof from;
    SHOW(recvfrom(fd[1], text, 4, MSG_DONTWAIT, (void *)&from, &len));
    SHOW(len == HEAD + 6 && !memcmp(from.sun_path, got[0].sun_path, 6));
    for (int i = 0; i < 20; i++) {
        close(fd[i]);
    }
    /* asked for credentials: it gets a name when it sends */
    int asks = socket(AF_UNIX, SOCK_DGRAM, 0), to = socket(AF_UNIX, SOCK_DGRAM, 0), one = 1;
    SHOW(bind(to, (void *)&un, HEAD));
    len = sizeof got[0];
    getsockname(to, (void *)&got[0], &len);
    SHOW(setsockopt(asks, SOL_SOCKET, SO_PASSCRED, &one, sizeof one));
    SHOW(sendto(asks, "x", 1, 0, (void *)&got[0], len));
    len = sizeof from;
    SHOW(recvfrom(to, text, 4, MSG_DONTWAIT, (void *)&from, &len));
    printf("a name of %d\n", (int)len);
    int plain = socket(AF_UNIX, SOCK_DGRAM, 0);
    SHOW(sendto(plain, "x", 1, 0, (void *)&got[0], HEAD + 6));
    len = sizeof from;
    SHOW(recvfrom(to, text, 4, MSG_DONTWAIT, (void *)&from, &len));
    printf("a name of %d\n", (int)len);
    close(asks);
    close(plain);
    close(to);
    /* a stream that connects has none, neither for itself nor for its peer */
    int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    SHOW(bind(server, (void *)&un, HEAD));
    SHOW(listen(server, 2));
    len = sizeof got[0];
    getsockname(server, (void *)&got[0], &len);
    SHOW(connect(client, (void *)&got[0], len));
    len = sizeof from;
    SHOW(getsockname(client, (void *)&from, &len));
    printf("own %d", (int)len);
    len = sizeof from;
    int peer = accept(server, (void *)&from, &len);
    printf(", accepted %d", (int)len);
    len = sizeof from;
    getpeername(peer, (void *)&from, &len);
    printf(", peer %d", (int)len);
    len = sizeof from;
    getpeername(client, (void *)&from, &len);
    printf(", server's %d\n", (int)len);
    SHOW(send(client, "x", 1, 0));
    len = sizeof from;
    SHOW(recvfrom(peer, text, 4, MSG_DONTWAIT, (void *)&from, &len));
    printf("sent by a name of %d\n", (int)len);
    SHOW(send(peer, "x", 1, 0));
    len = sizeof from;
    SHOW(recvfrom(client, text, 4, MSG_DONTWAIT, (void *)&from, &len));
    printf("sent by a name of %d\n", (int)len);
    SHOW(connect(client, (void *)&got[0], HEAD + 6));
    close(server);
    close(client);
    close(peer);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    umask(022);
    abstract_lengths();
    path_lengths();
    no_lengths();
    by_itself();
    return 0;
}
