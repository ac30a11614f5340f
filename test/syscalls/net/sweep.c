/* Every option of every level for each family: what it is, what setting 1 does to it. And the
 * errors of families and types that are not there. Refused in the guest and left out: options that
 * carry host objects (see socket_option.c); left out as well: what counts up by itself. */
#include "test/syscalls/io_test.h"
#include <stdbool.h>
#include <netinet/in.h>
#include <sys/socket.h>

static bool left_out(int level, int option) {
    if (level == SOL_SOCKET) {
        return option == 26 || option == 50 || option == 52 || option == 57 || option >= 76;
    }
    bool tables = (level == SOL_IP && option >= 64) || (level == SOL_IPV6 && option >= 64);
    return tables ||
           (level == 6 && (option == 24 || option == 35 || (option >= 38 && option < 43)));
}

static const char *result(int failed) {
    return failed ? strerrorname_np(errno) : "0";
}

static void options(const char *family, int domain, int type) {
    static const int level[] = {SOL_IP, SOL_SOCKET, 6, 17, SOL_IPV6, 132, 255, 270};
    for (size_t l = 0; l < sizeof level / sizeof *level; l++) {
        for (int option = 0; option < 85; option++) {
            int value = 0, one = 1, fd = socket(domain, type, 0);
            socklen_t len = sizeof value;
            if (left_out(level[l], option) || fd < 0) {
                close(fd);
                continue;
            }
            const char *before = result(getsockopt(fd, level[l], option, &value, &len));
            int was = value, was_len = (int)len;
            const char *set = result(setsockopt(fd, level[l], option, &one, sizeof one));
            len = sizeof value;
            value = 0;
            const char *after = result(getsockopt(fd, level[l], option, &value, &len));
            printf("%s %d %d: %s %d %x, set %s, %s %d %x\n", family, level[l], option, before,
                   was_len, (unsigned)was, set, after, (int)len, (unsigned)value);
            close(fd);
        }
    }
}

int main(void) {
    /* Natively root may more than a guest, which has no rights on the host's network. */
    if (!geteuid() && (setgid(65534) || setuid(65534))) {
        return 1;
    }
    options("unix", AF_UNIX, SOCK_STREAM);
    options("unix datagrams", AF_UNIX, SOCK_DGRAM);
    options("tcp", AF_INET, SOCK_STREAM);
    options("udp", AF_INET, SOCK_DGRAM);
    options("tcp6", AF_INET6, SOCK_STREAM);
    options("udp6", AF_INET6, SOCK_DGRAM);
    options("netlink", AF_NETLINK, SOCK_RAW);
    static const int family[] = {-1, 0, AF_UNIX, AF_INET6, AF_NETLINK, 45, 46, 1000};
    for (size_t i = 0; i < sizeof family / sizeof *family; i++) {
        for (int type = 0; type < 13; type++) {
            int fd = socket(family[i], type, 0);
            if (fd < 0 && (errno == EPERM || errno == EPROTONOSUPPORT)) {
                continue; /* which modules the kernel has differs */
            }
            printf("socket %d %d: %s\n", family[i], type, result(fd < 0));
            close(fd);
        }
    }
    return 0;
}
