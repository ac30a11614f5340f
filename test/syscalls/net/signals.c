/* SIGPIPE by kind of socket and pipe; signals during reads of sockets, with and without a time-out.
 */
#include "test/syscalls/io_test.h"
#include <sys/socket.h>

static void broken(int type, const char *name) {
    int s[2];
    signals_seen = 0;
    socketpair(AF_UNIX, type, 0, s);
    close(s[1]);
    say(name);
    SHOW(write(s[0], "x", 1));
    SHOW(signals_seen);
    SHOW(send(s[0], "x", 1, 0));
    SHOW(signals_seen);
    SHOW(send(s[0], "x", 1, MSG_NOSIGNAL));
    SHOW(signals_seen);
    close(s[0]);
}

int main(void) {
    int p[2], s[2];
    char c;
    catch (SIGPIPE, 0);
    broken(SOCK_STREAM, "stream");
    broken(SOCK_DGRAM, "datagram");
    broken(SOCK_SEQPACKET, "packets");
    signals_seen = 0;
    pipe(p);
    close(p[0]);
    SHOW(write(p[1], "x", 1));
    SHOW(signals_seen);
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    catch (SIGUSR1, SA_RESTART);
    struct timeval tv = {5, 0};
    setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    signal_later(SIGUSR1, 100);
    SHOW(read(s[0], &c, 1)); /* not restarted: there is a time-out */
    wait(NULL);
    tv.tv_sec = 0;
    setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    signal_later(SIGUSR1, 50);
    if (fork() == 0) {
        sleep_ms(150);
        _exit(write(s[1], "y", 1) != 1);
    }
    SHOW(read(s[0], &c, 1)); /* restarted */
    wait(NULL);
    wait(NULL);
    return 0;
}
