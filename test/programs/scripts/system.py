"""Files, directories, links, locks, mmap, pipes, signals, sockets, select and epoll from Python."""
import fcntl
import mmap
import os
import select
import signal
import socket
import stat
import struct
import tempfile
import time

with open("f", "wb") as f:
    f.write(b"0123456789" * 1000)
with open("f", "r+b") as f:
    m = mmap.mmap(f.fileno(), 0)
    m[10:20] = b"abcdefghij"
    print(m.find(b"cde"), len(m), m[5:25])
    m.flush()
    m.close()
    f.seek(-5, 2)
    print(f.read(), f.tell())
    f.truncate(20)
s = os.stat("f")
print(s.st_size, stat.filemode(s.st_mode), s.st_nlink, s.st_uid)
os.link("f", "g")
os.symlink("f", "soft")
print(os.stat("f").st_nlink, os.readlink("soft"), os.path.realpath("soft").endswith("/f"))
os.rename("g", "h")
os.makedirs("a/b/c")
print(sorted(os.listdir()), [(sorted(d), sorted(f)) for _, d, f in sorted(os.walk("a"))])
os.utime("f", ns=(1_000_000_123, 2_000_000_456))
print(os.stat("f").st_mtime_ns, os.stat("f").st_atime_ns)
os.chmod("f", 0o640)
print(oct(os.stat("f").st_mode))
for call in (lambda: os.rmdir("a"), lambda: os.open("nope", 0), lambda: os.mkdir("a"),
             lambda: os.listdir("f"), lambda: os.readlink("f"), lambda: os.open("a", os.O_WRONLY)):
    try:
        call()
    except OSError as e:
        print(e.errno, e.strerror)
fd = os.open("f", os.O_RDWR)
print(os.pread(fd, 4, 10), os.pwrite(fd, b"XY", 0), os.lseek(fd, 0, os.SEEK_CUR))
print(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE, fcntl.fcntl(fd, fcntl.F_GETFD))
fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
if os.fork() == 0:
    other = os.open("f", os.O_RDWR)
    try:
        fcntl.lockf(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os._exit(0)
    except OSError as e:
        os._exit(e.errno)
print(os.waitstatus_to_exitcode(os.wait()[1]))
r, w = os.pipe()
print(select.select([r], [w], [], 0)[1] == [w])
poll = select.poll()
poll.register(r, select.POLLIN)
print(poll.poll(10))
os.write(w, b"x")
print(len(poll.poll(10)))
ep = select.epoll()
ep.register(r, select.EPOLLIN | select.EPOLLET)
print(len(ep.poll(0.1)), len(ep.poll(0.01)))
os.close(w)
os.read(r, 1)
print(ep.poll(0.1)[0][1] & select.EPOLLHUP != 0)
a, b = socket.socketpair()
a.sendall(b"ping")
print(b.recv(10), b.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE))
socket.send_fds(a, [b"fd"], [fd])
msg, fds, _, _ = socket.recv_fds(b, 10, 1)
print(msg, os.fstat(fds[0]).st_ino == os.fstat(fd).st_ino)
t = socket.create_server(("127.0.0.1", 0))
c = socket.create_connection(t.getsockname())
n, _ = t.accept()
c.send(b"tcp")
c.shutdown(socket.SHUT_WR)
print(n.recv(10), n.recv(10), c.getpeername() == t.getsockname())
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(("127.0.0.1", 0))
u.sendto(b"dgram", u.getsockname())
print(u.recvfrom(100)[0])
got = []
signal.signal(signal.SIGALRM, lambda s, f: got.append(s))
signal.setitimer(signal.ITIMER_REAL, 0.05)
signal.pause()
print(got)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
os.kill(os.getpid(), signal.SIGUSR1)
print(signal.sigpending(), signal.sigwait([signal.SIGUSR1]), signal.sigtimedwait([signal.SIGUSR2], 0.05))
rd, wr = os.pipe()
signal.set_wakeup_fd(wr, warn_on_full_buffer=False) if os.set_blocking(wr, False) is None else 0
signal.raise_signal(signal.SIGALRM)
print(os.read(rd, 10))
start = time.monotonic()
time.sleep(0.1)
print(0.1 <= time.monotonic() - start < 3, time.time() > 1.6e9, time.gmtime(0)[:6])
with tempfile.NamedTemporaryFile(dir=".") as f:
    f.write(b"t")
print(os.getpid() == int(os.readlink("/proc/self")), open("/proc/self/comm").read())
print(open("/proc/self/cmdline", "rb").read().split(b"\0")[0][-7:])
print(os.uname().sysname, os.uname().machine, struct.calcsize("P"), os.cpu_count() > 0)
print(os.get_terminal_size.__name__, os.isatty(0), os.umask(0o22), os.getcwd())
print(os.sysconf("SC_PAGESIZE"), os.getpriority(os.PRIO_PROCESS, 0), len(os.getrandom(16)))
