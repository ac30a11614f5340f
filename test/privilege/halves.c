/* Capabilities given up one by one, got back, kept over a change of the user: what the host allows
 * is what the guest has. Begins as root; argument: a port below 1024. Called again with "again" by
 * execve. */
#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BIT(cap) ((uint64_t)1 << (cap))

static int port;

static void caps(uint64_t *permitted, uint64_t *effective, int set) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{0}};
    for (int i = 0; set && i < 2; i++) {
        data[i].permitted = (uint32_t)(*permitted >> (32 * i));
        data[i].effective = (uint32_t)(*effective >> (32 * i));
    }
    if (syscall(set ? SYS_capset : SYS_capget, &header, data)) {
        printf("capset: %s\n", strerror(errno));
    }
    *permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
    *effective = data[0].effective | (uint64_t)data[1].effective << 32;
}

static void only(uint64_t mask_permitted, uint64_t mask_effective) {
    uint64_t permitted, effective;
    caps(&permitted, &effective, 0);
    permitted &= mask_permitted;
    effective = permitted & mask_effective;
    caps(&permitted, &effective, 1);
}

static void tries(const char *when) {
    int raw = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), raw_error = raw < 0 ? errno : 0;
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    int low = bind(fd, (struct sockaddr *)&in, sizeof in) ? errno : 0;
    printf("%s: raw %s, low port %s\n", when, raw_error ? strerror(raw_error) : "ok",
           low ? strerror(low) : "ok");
    close(raw);
    close(fd);
}

static void in_child(void (*part)(void)) {
    fflush(stdout);
    if (fork() == 0) {
        part();
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
}

static void one_by_one(void) {
    only(~(uint64_t)0, ~BIT(CAP_NET_RAW));
    tries("no raw in effect");
    only(~(uint64_t)0, ~(uint64_t)0);
    tries("raised again");
    only(~BIT(CAP_NET_RAW), ~(uint64_t)0);
    tries("given up");
    only(~(uint64_t)0, 0);
    tries("nothing in effect");
    fflush(stdout);
    char text[16];
    sprintf(text, "%d", port);
    execl("/proc/self/exe", "halves", text, "again", NULL);
}

static void kept(void) {
    prctl(PR_SET_KEEPCAPS, 1);
    if (setgroups(0, NULL) || setgid(4242) || setuid(4242)) {
        return;
    }
    tries("kept, not in effect");
    only(~(uint64_t)0, BIT(CAP_NET_BIND_SERVICE));
    tries("kept, one in effect");
    only(BIT(CAP_NET_RAW), ~(uint64_t)0);
    tries("the other one");
    only(0, 0);
    tries("none");
}

static void back_and_forth(void) {
    if (seteuid(4242)) {
        return;
    }
    tries("acting as a user");
    if (seteuid(0)) {
        return;
    }
    tries("as root again");
    if (setuid(4242)) {
        return;
    }
    tries("for good");
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOFBF, 65536);
    port = atoi(argv[1]);
    tries("root");
    if (argc > 2) {
        return 0;
    }
    in_child(one_by_one);
    in_child(kept);
    in_child(back_and_forth);
    return 0;
}
