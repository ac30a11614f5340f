/* The slave of a pty whose master was closed: every ioctl is refused (tty_ioctl(4)). */
#include "test/syscalls/io_test.h"
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>

int main(void) {
    int master = posix_openpt(O_RDWR | O_NOCTTY), count = 1;
    struct winsize size = {10, 20, 0, 0};
    struct termios settings;
    grantpt(master);
    unlockpt(master);
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    SHOW(ioctl(slave, TIOCSWINSZ, &size));
    SHOW(ioctl(slave, TCGETS, &settings));
    close(master);
    SHOW(ioctl(slave, TIOCSWINSZ, &size));
    SHOW(ioctl(slave, TIOCGWINSZ, &size));
    SHOW(ioctl(slave, TCGETS, &settings));
    SHOW(ioctl(slave, TCSETS, &settings));
    SHOW(ioctl(slave, TCSETSW, &settings));
    SHOW(ioctl(slave, TCFLSH, 0));
    SHOW(ioctl(slave, TCXONC, 0));
    SHOW(ioctl(slave, TCSBRK, 1));
    SHOW(ioctl(slave, FIONREAD, &count));
    SHOW(ioctl(slave, TIOCOUTQ, &count));
    SHOW(ioctl(slave, TIOCGPGRP, &count));
    SHOW(ioctl(slave, TIOCSPGRP, &count));
    SHOW(ioctl(slave, TIOCGSID, &count));
    SHOW(ioctl(slave, TIOCSCTTY, 0));
    SHOW(ioctl(slave, TIOCNOTTY));
    SHOW(ioctl(slave, TIOCEXCL));
    SHOW(ioctl(slave, TIOCGEXCL, &count));
    SHOW(ioctl(slave, TIOCGDEV, &count));
    SHOW(ioctl(slave, TIOCSETD, &(int){0}));
    SHOW(ioctl(slave, TIOCSTI, "x"));
    SHOW(read(slave, &count, 1));
    SHOW(write(slave, &count, 1));
    return 0;
}
