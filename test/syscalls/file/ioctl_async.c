/* FIOASYNC sets O_ASYNC as F_SETFL does: servers that hand sockets to workers insist on it. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

int main(void) {
    int pair[2], on = 1, off = 0;
    printf("socketpair %d\n", socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    printf("on %d flag %d\n", ioctl(pair[0], FIOASYNC, &on), !!(fcntl(pair[0], F_GETFL) & O_ASYNC));
    printf("other %d\n", !!(fcntl(pair[1], F_GETFL) & O_ASYNC));
    printf("off %d flag %d\n", ioctl(pair[0], FIOASYNC, &off),
           !!(fcntl(pair[0], F_GETFL) & O_ASYNC));
    printf("bad %d\n", ioctl(pair[0], FIOASYNC, (int *)8));
    return 0;
}
