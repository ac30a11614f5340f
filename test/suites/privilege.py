#!/usr/bin/python3
# suite: what the host lets a guest do
# time: 200
# order: 17
"""A guest is to the host who it says: each attempt of test/privilege/*.c ends as that of a native
process of the same user with the capabilities that docs/security.md promises, or does no harm."""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

from elf import compile_c, small_c
from guests import comparable
from harness import (BUILD, FG, TOP, Failure, Result, Skip, Suite, check, check_equal, command,
                     need_attributes)

# The place must be one that every user can reach; an engine that counts must be below its build.
WORK = ((BUILD / "test" if "COVERAGE" in os.environ else Path("/tmp"))
        / f"fiberglass-privilege-{os.getpid()}")
USER = 4242
FILES = ("chown", "dac_override", "fowner", "fsetid", "setuid", "setgid")
PRIVATE = (*FILES, "net_bind_service")
HOST = (*PRIVATE, "setfcap", "linux_immutable", "lease", "net_raw", "sys_nice", "sys_resource")

suite = Suite()
compiling = threading.Lock()


def program(name: str) -> Path:
    """The compiled test/privilege/NAME.c; cases run beside each other and share it."""
    with compiling:
        guest = comparable()
        return compile_c(TOP / f"test/privilege/{name}.c",
                         BUILD / f"test/bin{guest.suffix}/privilege/{name}", "-static", "-pthread",
                         f"-I{TOP}", guest=guest)


def need_root() -> None:
    if os.geteuid() != 0:
        raise Skip("only root can choose users and capabilities")


def place(case: str, *programs: str) -> Path:
    """An open directory with the programs, the engine, an empty root that holds them too, and a
    directory w with files of several owners."""
    top = WORK / case
    shutil.rmtree(top, ignore_errors=True)
    top.mkdir(parents=True)
    for directory in ("w", "root/tmp", "root/w", "root/m"):
        (top / directory).mkdir(parents=True)
    for each in programs:
        shutil.copy(program(each), top / each)
        shutil.copy(program(each), top / "root" / each)
    shutil.copy2(FG[0], top / "engine")
    (top / "w").chmod(0o777)
    for name, owner in (("roots", 0), ("another's", USER + 1)):
        (top / "w" / name).write_text("secret\n")
        if os.geteuid() == 0:
            os.chown(top / "w" / name, owner, owner)
        (top / "w" / name).chmod(0o600)
    return top


def engine(top: Path) -> list[str]:
    return [str(top / "engine"), *FG[1:]]


def native(line: Sequence[str | Path], uid: int, caps: Sequence[str] = ()) -> Result:
    """A native run as that user; root has only the named capabilities."""
    held = ["--bounding-set", ",".join(["-all", *(f"+{cap}" for cap in caps)])]
    return command([*(as_user(uid) or ["setpriv", "--inh-caps=-all", *held]), *line])


def same(case: str, uid: int, caps: Sequence[str], parts: str,
         options: Sequence[str] = (), outside: Sequence[str] = ()) -> None:
    """powers.c natively and as a guest; the guest's run begins with the words `outside`."""
    need_root()
    top = place(case, "powers")
    words = ["21077", parts]
    wanted = native([top / "powers", top / "w", *words], uid, caps)
    check_equal("standard error of the native run", wanted.errors(), "")
    where = ["/powers", "/w"] if "-r" in options else [str(top / "powers"), str(top / "w")]
    line = [word.replace("TOP", str(top)) for word in (*outside, *engine(top), *options)]
    got = command([*line, *where, *words])
    # packet sockets are nobody's in a guest
    check_equal(f"standard output ({got.errors()})", got.text(),
                wanted.text().replace("packet: 1", "packet: 0"))
    check_equal("nodes and files left behind", sorted(os.listdir(top / "w")),
                ["another's", "roots"])
    shutil.rmtree(top)


@suite.case("host's root as root")
def _() -> None:
    same("host", 0, HOST, "nf")


@suite.case("host's root, --user")
def _() -> None:
    same("host-user", USER, (), "nfl", ["--user", str(USER)])


@suite.case("private root as root")
def _() -> None:
    same("private", 0, PRIVATE, "n", ["-r", "TOP/root"])


@suite.case("private root, --user")
def _() -> None:
    same("private-user", USER, (), "n", ["-r", "TOP/root", "--user", str(USER)])


@suite.case("private root, mount, as root")
def _() -> None:
    same("mount", 0, PRIVATE, "f", ["-r", "TOP/root", "-m", "TOP/w:/w"])


@suite.case("private root, mount, --user")
def _() -> None:
    same("mount-user", USER, (), "f", ["-r", "TOP/root", "-m", "TOP/w:/w", "--user", str(USER)])


@suite.case("run by an ordinary user")
def _() -> None:
    same("ordinary", USER, (), "nfl", outside=as_user(USER))


NUMBERS = {"chown": 0, "dac_override": 1, "fowner": 3, "fsetid": 4, "setgid": 6, "setuid": 7,
           "linux_immutable": 9, "net_bind_service": 10, "net_raw": 13, "sys_nice": 23,
           "sys_resource": 24, "lease": 28, "setfcap": 31}
ASKS = r"""
#include <arpa/inet.h>
#include <fcntl.h>
#include <unistd.h>
int main(int argc, char **argv) {
    struct sockaddr_in low = {AF_INET, htons(1), {htonl(0x7f000001)}};
    char byte;
    bind(socket(AF_INET, SOCK_STREAM, 0), (void *)&low, sizeof low);
    open(argv[1], O_RDONLY);
    open(argv[1], O_RDWR | O_CREAT, 0600);
    write(1, "r", 1);
    read(0, &byte, 1);
}
"""


def told_by(status: str) -> dict[str, str]:
    """The lines of /proc/PID/status."""
    return {key: value.strip() for key, _, value in (s.partition(":") for s in status.split("\n"))}


def held(names: Sequence[str], most: str) -> str:
    """A set of capabilities as /proc/PID/status shows it, of those that there are at most."""
    return f"{sum(1 << NUMBERS[name] for name in names) & int(most, 16):016x}"


@suite.case("what the host's kernel says of the threads")
def _() -> None:
    """Rights, ids and groups of each host thread, after calls that change them for a while."""
    need_root()
    usual = [name for name in PRIVATE if name != "net_bind_service"]
    asks = small_c("asks_the_host", ASKS)
    own = told_by(Path("/proc/self/status").read_text())
    runs: tuple[tuple[str, list[str], int, Sequence[str], Sequence[str]], ...] = (
        ("host", [], 0, HOST, HOST), ("host-user", ["--user", str(USER)], USER, (), ()),
        ("private", ["-r", "TOP/root", "-m", "TOP/w:/w"], 0, PRIVATE, usual),
        ("private-user", ["-r", "TOP/root", "-m", "TOP/w:/w", "--user", str(USER)], 0, PRIVATE,
         usual))
    for name, options, uid, permitted, effective in runs:
        top = place("threads-" + name)
        shutil.copy(asks, top / "asks")
        shutil.copy(asks, top / "root/asks")
        where = ["/asks", "/w/roots"] if "-r" in options else [f"{top}/asks", f"{top}/w/roots"]
        line = ["setpriv", "--groups", "7,8", *engine(top),
                *(word.replace("TOP", str(top)) for word in options), *where]
        with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin and process.stdout
            check_equal(f"{name}: start", process.stdout.read(1), b"r")
            tasks = list(Path(f"/proc/{process.pid}/task").iterdir())
            told = [(task / "status").read_text() for task in tasks]
            process.communicate(b"x")
        check(len(told) >= 2, "the guest has no thread of its own")
        wanted = {"Uid": "\t".join([str(uid)] * 4), "Gid": "\t".join([str(uid)] * 4),
                  "CapInh": held((), "0"), "CapPrm": held(permitted, own["CapPrm"]),
                  "CapEff": held(effective, own["CapPrm"]), "NoNewPrivs": "1",
                  "Groups": "" if uid else "7 8"}
        for status in map(told_by, told):
            check_equal(f"{name}: {status['Name']}", {key: status[key] for key in wanted}, wanted)
        shutil.rmtree(top)


def shape(top: Path) -> list[str]:
    """Names, kinds, modes and texts of a tree."""
    found = []
    for path in sorted(top.rglob("*")):
        text = path.read_text() if path.is_file() and not path.is_symlink() else ""
        found.append(f"{path.relative_to(top)} {path.lstat().st_mode:o} {text!r}")
    return found


def drops(name: str, case: str, where: str, options: Sequence[str], user: int = 0,
          *words: str) -> None:
    """test/privilege/NAME.c, which gives up root, natively and, begun by that host user, in the
    guest, in the directory `where`."""
    need_root()
    top = place(case, name)
    for directory in ("native", "guest"):
        (top / directory).mkdir()
    if user:
        command(["chown", "-R", f"{user}:{user}", top])
    wanted = command([top / name, *words], cwd=top / "native")
    check_equal("status of the native run", wanted.status, 0)
    program_path = f"/{name}" if "-r" in options else str(top / name)
    line = [word.replace("TOP", str(top)) for word in
            (*engine(top), *options, "-C", where, program_path, *words)]
    got = command([*as_user(user), *line], cwd="/")
    check_equal(f"standard output ({got.errors()})", got.text(), wanted.text())
    if user == 0 and where != "/tmp":
        check_equal("the tree", shape(top / "guest"), shape(top / "native"))
    shutil.rmtree(top)


def as_user(uid: int) -> list[str]:
    """Words that run a command as that host user."""
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"] if uid else []


def halves(case: str, caps: Sequence[str], port: int, options: Sequence[str]) -> None:
    """halves.c natively, with these capabilities, and in the guest."""
    need_root()
    top = place(case, "halves")
    wanted = native([top / "halves", str(port)], 0, caps)
    where = "/halves" if "-r" in options else str(top / "halves")
    line = [word.replace("TOP", str(top)) for word in (*engine(top), *options)]
    got = command([*line, where, str(port)])
    check_equal(f"standard output ({got.errors()})", got.text(), wanted.text())
    shutil.rmtree(top)


@suite.case("capabilities given up: host's root")
def _() -> None:
    halves("halves-host", HOST, 521, [])


@suite.case("capabilities given up: private root")
def _() -> None:
    halves("halves-private", PRIVATE, 522, ["-r", "TOP/root"])


PRIVATE_ROOT = ("-r", "TOP/root")
MOUNT = (*PRIVATE_ROOT, "-m", "TOP/guest:/m")
for each_name, own in (("paths", ("own",)), ("set_id", ()), ("file_powers", ())):
    def host(n: str = each_name, words: Sequence[str] = own) -> None:
        """In the host's "/" as root."""
        drops(n, f"{n}-host", "TOP/guest", (), 0, *words)

    def private(n: str = each_name, words: Sequence[str] = own, user: int = 0) -> None:
        """In a private root."""
        need_attributes()
        drops(n, f"{n}-private-{user}", "/tmp", PRIVATE_ROOT, user, *words)

    def mount(n: str = each_name, words: Sequence[str] = own) -> None:
        """On a mount."""
        drops(n, f"{n}-mount", "/m", MOUNT, 0, *words)
    if each_name != "file_powers":  # there the host's capabilities decide: "capabilities given up"
        suite.add(f"{each_name}: host's root", host)
    suite.add(f"{each_name}: private root", private)
    suite.add(f"{each_name}: private root, by an ordinary user",
              lambda f=private: f(user=USER + 2))  # type: ignore[misc]
    suite.add(f"{each_name}: mount", mount)


@suite.case("paths: mount, by an ordinary user")
def _() -> None:
    # all files are the first guest user's: none can be the other's own
    drops("paths", "paths-mount-ordinary", "/m", MOUNT, USER + 2)


def ids_of(control: Sequence[tuple[int, int, bytes]]) -> tuple[int, int]:
    """User and group of SCM_CREDENTIALS."""
    _, uid, gid = struct.unpack("3i", control[0][2])
    return uid, gid


def peer_ids(conn: socket.socket) -> tuple[int, int]:
    """User and group of SO_PEERCRED."""
    _, uid, gid = struct.unpack("3i", conn.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return uid, gid


def seen_by_host(case: str, where: str, options: Sequence[str], *words: str) -> None:
    """Servers and a client of the host's are told the guest's user."""
    need_root()
    top = place(case, "client")
    servers = []
    for kind, name in ((socket.SOCK_STREAM, "s"), (socket.SOCK_DGRAM, "s.datagram")):
        servers.append(socket.socket(socket.AF_UNIX, kind))
        servers[-1].bind(str(top / "w" / name))
        servers[-1].setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        servers[-1].settimeout(20)
        (top / "w" / name).chmod(0o666)
    servers[0].listen()
    program_path = "/client" if "-r" in options else str(top / "client")
    line = [word.replace("TOP", str(top)) for word in
            (*engine(top), *options, program_path, f"{where}/s", *words)]
    with subprocess.Popen(line, stdin=subprocess.DEVNULL, cwd="/") as guest:
        conn, _ = servers[0].accept()
        check_equal("who connects", peer_ids(conn), (USER, USER))
        text, control, _, _ = conn.recvmsg(100, 100)
        check_equal("who writes", (text, ids_of(control)), (b"write", (USER, USER)))
        for wanted in (b"sendto", b"sendmsg"):
            text, control, _, _ = servers[1].recvmsg(100, 100)
            check_equal("who sends", (text, ids_of(control)), (wanted, (USER, USER)))
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(top / "w/s.own"))
        check_equal("who listens", peer_ids(client), (USER, USER))
        own = (top / "w/s.own").stat()
        check_equal("whose name it is", (own.st_uid, own.st_gid), (USER, USER))
        check_equal("status", guest.wait(20), 0)
    for each in (*servers, conn, client):
        each.close()
    shutil.rmtree(top)


@suite.case("sockets: the host sees the user: /, --user")
def _() -> None:
    seen_by_host("seen-user", "TOP/w", ["--user", str(USER)])


@suite.case("sockets: the host sees the user: /, after setuid")
def _() -> None:
    seen_by_host("seen-setuid", "TOP/w", [], str(USER))


@suite.case("sockets: the host sees the user: mount, --user")
def _() -> None:
    seen_by_host("seen-mount", "/m", ["-r", "TOP/root", "-m", "TOP/w:/m", "--user", str(USER)])


@suite.case("sockets: the host sees the user: mount, after setuid")
def _() -> None:
    seen_by_host("seen-mount-setuid", "/m", ["-r", "TOP/root", "-m", "TOP/w:/m"], str(USER))


@suite.case("paths: host's root directory, by an ordinary user, --user 0")
def _() -> None:
    drops("paths", "paths-fake", "TOP/guest", ("--user", "0"), USER + 2)


NO_NETWORK = """\
inet: Address family not supported by protocol
inet6: Address family not supported by protocol
netlink: Address family not supported by protocol
pair: Address family not supported by protocol
the host's path: Connection refused
datagram: Connection refused
the host's name: Connection refused
a link to it: ok
by the link: Connection refused
interfaces: ok
bytes 0
lo: No such device
lines of dev 2
bind: ok
listen: ok
connect: ok
send: ok
hello
when it is gone: Connection refused
abstract: ok
connect: ok
pair: ok
"""


def no_network(case: str, where: str, options: Sequence[str], user: int = 0) -> None:
    """Servers of the host's beside a guest that shall not reach them."""
    top = place(case, "network")
    (top / "w").chmod(0o777)
    abstract = f"fiberglass-{os.getpid()}-{case}"
    kinds: list[tuple[int, int, str | tuple[str, int]]] = [
        (socket.AF_UNIX, socket.SOCK_STREAM, str(top / "w/host")),
        (socket.AF_UNIX, socket.SOCK_DGRAM, str(top / "w/host.datagram")),
        (socket.AF_UNIX, socket.SOCK_STREAM, "\0" + abstract),
        (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))]
    servers = []
    for family, kind, address in kinds:
        server = socket.socket(family, kind)
        server.bind(address)
        server.setblocking(False)
        if kind == socket.SOCK_STREAM:
            server.listen()
        servers.append(server)
    for name in ("host", "host.datagram"):
        (top / "w" / name).chmod(0o666)
        if user:
            os.chown(top / "w" / name, user, user)
    words = [f"{where}/host", abstract, where, str(servers[3].getsockname()[1])]
    program_path = "/network" if "-r" in options else str(top / "network")
    line = [word.replace("TOP", str(top)) for word in
            (*engine(top), "--network", "none", *options, program_path, *words)]
    got = command([*as_user(user), *line], cwd="/")
    check_equal(f"standard output ({got.errors()})", got.text(), NO_NETWORK)
    for server in servers:
        try:
            server.recv(1) if server.type == socket.SOCK_DGRAM else server.accept()
            raise Failure("the guest reached a server of the host's")
        except BlockingIOError:
            server.close()
    shutil.rmtree(top)


@suite.case("--network none: host's root")
def _() -> None:
    no_network("none-host", f"{WORK}/none-host/w", [])


@suite.case("--network none: mount")
def _() -> None:
    no_network("none-mount", "/m", ["-r", "TOP/root", "-m", "TOP/w:/m"])


@suite.case("--network none: mount, by an ordinary user")
def _() -> None:
    need_root()
    no_network("none-ordinary", "/m", ["-r", "TOP/root", "-m", "TOP/w:/m"], USER)


@suite.case("--network none: a socket given open")
def _() -> None:
    for network, wanted in (("host", "bind: ok\nsendto: ok\nsendmsg: ok\nconnect: ok\nwrite: ok\n"),
                            ("none", "bind: Cannot assign requested address\n"
                                     "sendto: Network is unreachable\n"
                                     "sendmsg: Network is unreachable\n"
                                     "connect: Network is unreachable\n"
                                     "write: Destination address required\n")):
        with (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
              socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as given):
            server.bind(("127.0.0.1", 0))
            done = subprocess.run([*FG, "--network", network, str(program("given")),
                                   str(server.getsockname()[1])], stdin=given.fileno(), check=False,
                                  capture_output=True, timeout=60, text=True)
            check_equal(f"--network {network}", done.stdout, wanted)


@suite.case("--network host")
def _() -> None:
    done = command([*FG, "--network", "host", program("network"), "/none", "none", "/tmp", "1"])
    check_equal("inet", done.text().splitlines()[0], "inet: Connection refused")
    wrong = command([*FG, "--network", "other", "/bin/true"])
    check_equal("status", wrong.status, 125)
    check_equal("what it says", wrong.errors(), "fiberglass: no such network as 'other'; "
                "say --network none or --network host\n")


STRANGERS = """\
bind: ok
bind: ok
bound
accepted: 1
closed
to a stranger's name: Connection refused
datagram there: Connection refused
path: ok
listening
given away: ok
message: ok
sent
what the stranger sends: ok
its sender is 65534
"""


def strangers(case: str, where: str, options: Sequence[str]) -> None:
    """A host process of another user that knows the guest's abstract names, and gets a socket."""
    need_root()
    top = place(case, "strangers")
    program_path = "/strangers" if "-r" in options else str(top / "strangers")
    line = [word.replace("TOP", str(top)) for word in
            (*engine(top), *options, program_path, case, where)]
    said: list[str] = []
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as guest:
        assert guest.stdin and guest.stdout

        def until(word: str) -> None:
            for text in guest.stdout:  # type: ignore[union-attr]
                said.append(text)
                if text == word + "\n":
                    return

        def go_on() -> None:
            guest.stdin.write("\n")  # type: ignore[union-attr]
            guest.stdin.flush()  # type: ignore[union-attr]

        until("bound")
        names = ["\0" + text.split()[-1][1:]
                 for text in Path("/proc/net/unix").read_text(encoding="utf-8").splitlines()
                 if f"-a{case}" in text]
        stream, datagram = sorted(names, key=len)
        os.seteuid(USER + 1)
        try:
            with socket.socket(socket.AF_UNIX) as early:
                early.settimeout(20)
                early.connect(stream)
                go_on()
                check_equal("what a stranger's connection reads", early.recv(1), b"")
            until("closed")
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(stream)
            listener.listen()
            receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            receiver.bind(datagram)
            go_on()
            until("listening")
            for each in (listener, receiver):
                each.setblocking(False)
                try:
                    each.recv(1) if each is receiver else each.accept()
                    raise Failure("a stranger was taken for the guest's server")
                except BlockingIOError:
                    each.close()
            client = socket.socket(socket.AF_UNIX)
            client.settimeout(20)
            client.connect(str(top / "w/strangers"))
            go_on()
            until("sent")
            _, fds, _, _ = socket.recv_fds(client, 10, 4)
            other = socket.socket(fileno=fds[0])
            text, control, _, _ = other.recvmsg(10, 200)
            tokens = [struct.unpack("i", data)[0] for _, kind, data in control
                      if kind == socket.SCM_RIGHTS]
            check_equal("what the guest wrote, and the token", (text, len(tokens)), (b"m", 1))
            socket.send_fds(client, [b"forged"], tokens)
            go_on()
        except BaseException:
            guest.kill()
            raise
        finally:
            os.seteuid(0)
        said += guest.stdout.readlines()
    check_equal("standard output", "".join(said), STRANGERS)
    shutil.rmtree(top)


@suite.case("sockets: strangers: mount")
def _() -> None:
    strangers("strangers-mount", "/w", ["-r", "TOP/root", "-m", "TOP/w:/w"])


@suite.case("sockets: strangers: host's root")
def _() -> None:
    strangers("strangers-host", f"{WORK}/strangers-host/w", [])


@suite.case("docs/security.md names what there is")
def _() -> None:
    text = (TOP / "docs/security.md").read_text()
    files = {path.name for folder in ("core", "syscalls") for path in (TOP / folder).rglob("*.c")}
    named = set(re.findall(r"`(\w+\.c)`", text))
    check_equal("files that are not there", named - files, set())
    programs = re.findall(r"`native: (\w+/\w+)`", text)
    check_equal("programs that are not there",
                [name for name in programs if not (TOP / f"test/{name}.c").exists()], [])
    cases = {case.name for case in suite.cases}
    for pattern in re.findall(r"`privilege: ([^`]*)`", text):
        check(fnmatch.filter(cases, pattern), f"no case '{pattern}'")


if __name__ == "__main__":
    try:
        suite.main()
    finally:
        shutil.rmtree(WORK, ignore_errors=True)
