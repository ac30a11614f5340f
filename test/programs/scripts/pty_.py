"""A shell on a pseudo-terminal: echo, ^C, window size, raw mode, hang-up."""
import fcntl
import os
import pty
import select
import struct
import termios
import time
import tty

pid, fd = pty.fork()
if pid == 0:
    os.environ["PS1"] = "> "
    os.environ.pop("ENV", None)
    os.execv("/bin/dash", ["dash", "-i"])


def until(mark, limit=20):
    got = b""
    end = time.monotonic() + limit
    while mark not in got and time.monotonic() < end:
        if select.select([fd], [], [], 0.1)[0]:
            try:
                got += os.read(fd, 1000)
            except OSError:
                break
    return got


print(until(b"> "))
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 101, 0, 0))
os.write(fd, b"stty size\n")
print(until(b"> "))
os.write(fd, b"tty | sed 's/[0-9]*$//'; test -t 0 && echo t'ty'\n")
print(until(b"\n> "))
os.write(fd, b"sleep 100; echo st$?\n")
time.sleep(0.5)
os.write(fd, b"\x03")
print(b"> " in until(b"> "))
os.write(fd, b"echo al'ive'\n")
print(b"alive" in until(b"alive\r\n> "))
os.write(fd, b"cat\n")
time.sleep(0.3)
os.write(fd, b"line\n\x04")
print(until(b"> "))
os.write(fd, b"exit 6\n")
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
m, s = pty.openpty()
tty.setraw(s)
os.write(m, b"\x03raw\n")
print(os.read(s, 10), os.ttyname(s).startswith("/dev/pts/"), termios.tcgetattr(s)[3] & termios.ECHO)
os.close(s)
try:
    print(os.read(m, 10))
except OSError as e:
    print(e.errno)
