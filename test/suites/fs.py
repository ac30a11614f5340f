#!/usr/bin/python3
# suite: files in a private root
# time: 200
# order: 16
"""Files in a root of their own: what native.py shows for "/" holds there too, nothing leads out of
it, and owners, modes and devices are kept, whether the host user is root or not."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from elf import compile_c, small_c
from guests import comparable
from harness import (BUILD, FG, ROOT, TOP, Failure, Result, Skip, Suite, check, check_equal,
                     command, need_attributes, remaining)

WORK = (BUILD / "test/fs").absolute()
SOURCES = TOP / "test/syscalls/fs"
# What prints the same in a private root as natively (run as the same user).
ALIKE = ("paths", "open", "names", "stat", "dirs", "locks", "rw", "fds", "xattr", "proc", "chroot",
         "race", "ids", "reopen", "setid", "attributes", "ioctls",
         "synthetic", "parts", "made")
NOBODY = 65534

suite = Suite()


def program(name: str) -> Path:
    """The compiled test/syscalls/fs/NAME.c."""
    source = SOURCES / f"{name}.c"
    flags = ["-static", "-pthread", f"-I{TOP}"]
    if "-D_FILE_OFFSET_BITS=64" in source.read_text()[:400]:
        flags.append("-D_FILE_OFFSET_BITS=64")
    guest = comparable()
    return compile_c(source, BUILD / f"test/bin{guest.suffix}/fs/fs_{name}", *flags, guest=guest)


def make_root(name: str, *programs: str) -> Path:
    """An empty root with the directories that a program expects, and the programs in /."""
    root = WORK / name / "root"
    shutil.rmtree(root, ignore_errors=True)
    for directory in ("tmp", "proc", "dev", "sys", "etc", "w"):
        (root / directory).mkdir(parents=True)
    for each in programs:
        shutil.copy(program(each), root / f"fs_{each}")
    return root


def run_as(user: int | None, tree: Path, line: Sequence[str]) -> Result:
    """A run as that host user, where root can choose one; the tree is given to them."""
    if user is None or os.geteuid() != 0:
        return command(line)
    for path in (tree, *tree.rglob("*")):
        os.lchown(path, user, user)
    done = subprocess.run(line, user=user, group=user, extra_groups=[], capture_output=True,
                          timeout=remaining(), stdin=subprocess.DEVNULL, check=False)
    return Result(done.returncode, done.stdout, done.stderr, 0)


def guest(root: Path, *words: str, user: int | None = None,
          options: Sequence[str] = ()) -> Result:
    """A run in the root, in /w; `user`: as that host user."""
    return run_as(user, root, [*FG, "-r", str(root), "-C", "/w", *options, *words])


def in_root(name: str) -> None:
    """Native and guest output are the same."""
    directory = WORK / name / "native"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    native = command([program(name).absolute()], cwd=directory)
    same = ["--user", f"{os.geteuid()}:{os.getegid()}"]
    result = guest(make_root(name, name), f"/fs_{name}", options=same)
    check_equal("standard output", result.text(), native.text())
    check_equal("status", result.status, native.status)


for each_name in ALIKE:
    suite.add(f"root/{each_name}", lambda n=each_name: in_root(n))  # type: ignore[misc]


@suite.case("descriptors of the host")
def _() -> None:
    # Natively without a limit: few are enough for those that are given back.
    few = ["sh", "-c", 'ulimit -n 150; exec "$@"', "few", *FG]
    for name in ("descriptors", "limits"):
        directory = WORK / name / "native"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        native = command([program(name).absolute()], cwd=directory)
        result = command([*few, "-r", str(make_root(name, name)), "-C", "/w",
                          "--user", f"{os.geteuid()}:{os.getegid()}", f"/fs_{name}"])
        check_equal(f"standard output of {name}", result.text(), native.text())


def escape(case: str, user: int | None) -> None:
    """A hostile program next to a canary."""
    root = make_root(case, "escape")
    canary = root.parent / "canary"
    canary.write_text("CANARY")
    canary.chmod(0o666)
    if user is not None and os.geteuid() == 0:
        os.chown(canary, user, user)
    before = canary.stat()
    result = guest(root, "/fs_escape", str(canary), str(before.st_ino), user=user)
    after = canary.stat()
    check_equal("what the program says", result.text(), "inside\n")
    check_equal("the canary", canary.read_text(), "CANARY")
    check_equal("its mode and owner", (after.st_mode, after.st_uid, after.st_nlink),
                (before.st_mode, before.st_uid, before.st_nlink))
    check_equal("names beside it", sorted(p.name for p in root.parent.iterdir()),
                ["canary", "root"])


@suite.case("escape")
def _() -> None:
    escape("escape", None)


@suite.case("fuzz")
def _() -> None:
    for seed in ("1", "2"):
        root = make_root("fuzz", "fuzz")
        canary = root.parent / "canary"
        canary.write_text("CANARY")
        result = guest(root, "/fs_fuzz", seed, "3")
        check_equal(f"status with seed {seed}", result.status, 0)
        check_equal("the canary", canary.read_text(), "CANARY")
        check_equal("names beside it", sorted(p.name for p in root.parent.iterdir()),
                    ["canary", "root"])


def metadata(case: str, user: int | None) -> str:
    """What two runs of fs_metadata print; the second sees what the first left."""
    need_attributes()
    root = make_root(case, "metadata")
    first = guest(root, "/fs_metadata", "first", user=user)
    check_equal("status", first.status, 0)
    second = guest(root, "/fs_metadata", "again", user=user)
    check(second.text() in first.text(),
          "a second run sees other owners or modes:\n" + second.text())
    return first.text()


@suite.case("metadata")
def _() -> None:
    got = metadata("metadata", None)
    check_equal("standard output", got, (SOURCES / "metadata.out").read_text())


def may_run_as_nobody() -> None:
    if os.geteuid() != 0:
        raise Skip("not root: the other cases ran unprivileged already")
    # every directory up to the work place must let others pass
    probe = subprocess.run(["test", "-x", str(WORK.parent)], user=NOBODY, group=NOBODY,
                           extra_groups=[], check=False)
    runs = subprocess.run([*FG, "--version"], user=NOBODY, group=NOBODY, extra_groups=[],
                          capture_output=True, check=False)
    if probe.returncode or runs.returncode:
        raise Skip("an unprivileged user cannot reach the build directory")


@suite.case("metadata-unprivileged")
def _() -> None:
    may_run_as_nobody()
    got = metadata("metadata-unprivileged", NOBODY)
    check_equal("standard output", got, (SOURCES / "metadata.out").read_text())


@suite.case("escape-unprivileged")
def _() -> None:
    may_run_as_nobody()
    need_attributes()
    escape("escape-unprivileged", NOBODY)


@suite.case("mounts")
def _() -> None:
    root = ROOT
    if not (root / "bin/bash").exists():
        raise Skip("no default root")
    place = WORK / "mounts"
    shutil.rmtree(place, ignore_errors=True)
    outside, other = place / "outside", place / "other"
    (outside / "sub").mkdir(parents=True)
    other.mkdir()
    (outside / "file").write_text("mounted\n")
    (outside / "link").symlink_to("/etc/passwd")
    (other / "to").symlink_to("/mnt/out/../out/file")

    def run(script: str, mode: str) -> str:
        return command([*FG, "-r", str(root), "-m", f"{outside}:/mnt/out{mode}",
                        "-m", f"{other}:/mnt/other", "/bin/bash", "-c", script]).text()

    check_equal("through a link", run("cat /mnt/other/to", ""), "mounted\n")
    check_equal("link in the mount", run("test -f /mnt/out/link && echo yes", ""), "yes\n")
    check_equal("dots", run("cd /mnt/out/sub; cd -P ../..; pwd; cd -P ../mnt/out; pwd", ""),
                "/mnt\n/mnt/out\n")
    check_equal("getcwd", run("cd /mnt/out/sub; /bin/pwd; readlink /proc/self/cwd", ""),
                "/mnt/out/sub\n/mnt/out/sub\n")
    check_equal("write", run("echo new > /mnt/out/new; cat /mnt/out/new", ""), "new\n")
    check_equal("read-only", run("echo new > /mnt/out/x || echo refused", ":ro"), "refused\n")
    check_equal("read-only names", run("rm -f /mnt/out/file || mkdir /mnt/out/d || "
                                       "ln -s x /mnt/out/l || chmod 0 /mnt/out/file || "
                                       "touch /mnt/out/file || echo refused", ":ro"), "refused\n")
    check_equal("read-only by descriptor",
                run("exec 5< /mnt/out/file; echo x >> /proc/self/fd/5 || echo refused", ":ro"),
                "refused\n")
    check_equal("read-only told", run("python3 -c 'import os; "
                                      "print([os.statvfs(d).f_flag & os.ST_RDONLY for d in "
                                      "[\"/mnt/out\", \"/mnt/other\"]])'", ":ro"), "[1, 0]\n")
    check_equal("link across", run("ln /mnt/out/file /mnt/other/hard || echo refused", ""),
                "refused\n")
    check_equal("move across", run("mv /mnt/out/new /mnt/other/new; cat /mnt/other/new", ""),
                "new\n")
    # a mount over what is a link below
    over = command([*FG, "-r", str(root), "-m", f"{outside}:/lib/x", "-m", f"{outside}:/sbin",
                    "/bin/bash", "-c", "cat /sbin/file; cat /usr/sbin/file || "
                    "cat /sbin/../sbin/file; "
                    "cat /bin/../sbin/file || echo usr"])  # /bin is usr/bin
    check_equal("mount over a link", over.text(), "mounted\nmounted\nusr\n")
    # a path that leads through a link, and a mount point that is not there: both show
    through = command([*FG, "-r", str(root), "-m", f"{outside}:/lib/x", "-m", f"{other}:/absent",
                       "/bin/bash", "-c", "cat /lib/x/file /usr/lib/x/file; echo /abs*; "
                       "find / /usr/lib -maxdepth 1 -name absent -o -name x; cd /absent; pwd -P; "
                       "ls -f / | tail -n 3 >/dev/null; rmdir /absent || echo refused"])
    check_equal("mount behind a link", through.text(),
                "mounted\nmounted\n/absent\n/absent\n/usr/lib/x\n/absent\nrefused\n")
    rewound = command([*FG, "-r", str(root), "-m", f"{other}:/absent", "-m", f"{other}:/absent2",
                       "/usr/bin/perl", "-e",
                       "opendir(D, '/'); @a = readdir D; rewinddir D; while ($_ = readdir D) "
                       "{ $p{$_} = $before; $before = telldir D } "
                       "seekdir D, $p{absent2}; print scalar(readdir D), ' ', "
                       "scalar(grep(/absent/, @a)), ' ', defined(readdir D) ? 1 : 0, \"\\n\""])
    check_equal("positions past the host's list", rewound.text(), "absent2 2 0\n")
    lost = command([*FG, "-r", str(root), "-m", f"{outside}:/absent/x", "/bin/true"])
    check_equal("no directory for the mount point", (lost.status, "'/absent/x'" in lost.errors()),
                (125, True))
    # else what a read-only mount covers would come to light by another name, perhaps its own tree
    exchange = ("perl -e 'mkdir q(/x); syscall(353, -100, $a = q(/x), -100, $b = q(/mnt), 2) "
                "and print qq($!\\n)'")
    check_equal("directory above a mount", run(f"mv /mnt /x || {exchange}; rmdir /x", ":ro"),
                "Device or resource busy\n")
    check_equal("mount point", run("rmdir /mnt/out || mv /mnt/out /x || echo refused", ""),
                "refused\n")
    if sorted(p.name for p in outside.iterdir()) != ["file", "link", "sub"]:
        raise Failure("a read-only mount was written to")


@suite.case("ids on a mount")
def _() -> None:
    """The host's files are held to the ids of the guest's users, whom only root can have there."""
    place = WORK / "mount-ids"
    shutil.rmtree(place, ignore_errors=True)
    for name in ("native", "guest"):
        (place / name).mkdir(parents=True)
    native = command([program("ids").absolute()], cwd=place / "native")
    result = guest(make_root("mount-ids-root", "ids"), "/fs_ids",
                   options=["-m", f"{place / 'guest'}:/w"])
    if os.geteuid() == 0:
        check_equal("standard output", result.text(), native.text())
    made = command([*FG, "-r", str(WORK / "mount-ids-root/root"), "-m", f"{place / 'guest'}:/w",
                    "--user", "77:78", "/fs_ids"])
    check_equal("what an ordinary user says", made.text(), "not root\n")


FLAGS = r"""
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        int fd = open(argv[i], O_RDONLY), now = 0, wanted[3];
        struct fsxattr extended = {0};
        ioctl(fd, FS_IOC_GETFLAGS, &now);
        ioctl(fd, FS_IOC_FSGETXATTR, &extended);
        wanted[0] = now | FS_NODUMP_FL, wanted[1] = now | FS_APPEND_FL;
        wanted[2] = now | FS_IMMUTABLE_FL;
        for (int j = 0; j < 3; j++)
            printf("%s ", ioctl(fd, FS_IOC_SETFLAGS, &wanted[j]) ? strerrorname_np(errno) : "0");
        ioctl(fd, FS_IOC_SETFLAGS, &now);
        extended.fsx_xflags |= FS_XFLAG_APPEND;
        printf("%s\n", ioctl(fd, FS_IOC_FSSETXATTR, &extended) ? strerrorname_np(errno) : "0");
        ioctl(fd, FS_IOC_SETFLAGS, &now);
    }
}
"""


@suite.case("flags of files")
def _() -> None:
    """Read-only mounts keep theirs; in a private root nothing is made that binds the host user."""
    program_ = small_c("flags_of_files", FLAGS, "-static", "-D_GNU_SOURCE", guest=comparable())
    place = WORK / "flags"
    shutil.rmtree(place, ignore_errors=True)
    for directory in ("root/w", "root/ro", "shown"):
        (place / directory).mkdir(parents=True)
    shutil.copy(program_, place / "root/flags")
    for name in ("root/w/f", "shown/f"):
        (place / name).touch()
    if not command([program_, place / "root/w/f"]).text().startswith("0 "):
        raise Skip(f"the file system of {place} keeps no flags")
    line = [*FG, "-r", str(place / "root"), "-m", f"{place / 'shown'}:/ro:ro"]
    check_equal("as root", command([*line, "/flags", "/w/f", "/ro/f"]).text(),
                "0 EPERM EPERM EPERM\nEROFS EROFS EROFS EROFS\n")
    need_attributes()
    check_equal("as a user", command([*line, "--user", "1234", "/flags", "/w/f"]).text(),
                "EPERM EPERM EPERM EPERM\n")


@suite.case("mounts-unprivileged")
def _() -> None:
    """An ordinary user's files are those of the guest's own user, in both directions."""
    if os.geteuid() == 0:
        may_run_as_nobody()
    root = ROOT
    place = WORK / "mounts-unprivileged"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    (place / "mine").write_text("mine\n")
    script = ("cd /mnt; stat -c '%u:%g' . mine; echo > new; chown $(id -u):$(id -g) new && "
              "stat -c %u:%g new; chown 1 new || echo refused; "
              "stat -Lc %u:%g /proc/self/fd/5 5< mine; git init -q r && git -C r status --short && "
              "echo git; rm -rf r new")
    for ids, options in (("0:0", ()), ("77:78", ("--user", "77:78"))):
        line = [*FG, "-r", str(root), *options, "-m", f"{place}:/mnt", "-e", "HOME=/mnt",
                "/bin/bash", "-c", script]
        done = run_as(NOBODY, place, line)
        check_equal(f"as user {ids} (" + done.errors() + ")", done.text(),
                    f"{ids}\n{ids}\n{ids}\nrefused\n{ids}\ngit\n")


def outside_tree(case: str) -> Path:
    """A directory with a file, outside of the root, that nobody may change."""
    outside = WORK / case / "outside"
    shutil.rmtree(outside, ignore_errors=True)
    outside.mkdir(parents=True)
    (outside / "file").write_text("CANARY")
    (outside / "file").chmod(0o644)
    return outside


def outside_state(outside: Path) -> list[tuple[object, ...]]:
    """What must stay as it is."""
    return [(p.name, s.st_mode, s.st_uid, s.st_nlink, s.st_mtime_ns, s.st_ctime_ns)
            for p in (outside, *sorted(outside.iterdir())) for s in [p.lstat()]]


@suite.case("read-only mount through /proc")
def _() -> None:
    outside = outside_tree("magic-readonly")
    root = make_root("magic-readonly", "magic")
    before = outside_state(outside)
    result = guest(root, "/fs_magic", "readonly", "/ro", options=["-m", f"{outside}:/ro:ro"])
    check_equal("what the program says", result.text(), "0 not refused\n")
    check_equal("the directory", outside_state(outside), before)


@suite.case("files given open")
def _() -> None:
    """Descriptors of files outside, at the start and through a socket: used, not changed."""
    outside = outside_tree("magic-given")
    root = make_root("magic-given", "magic")
    rest = root.parent / "mount"
    shutil.rmtree(rest, ignore_errors=True)
    rest.mkdir()
    before = outside_state(outside)
    opened = ('open(magic, O_RDONLY): fd\nopen(held, O_RDONLY): fd\n',
              'open(magic, O_RDONLY | O_DIRECTORY): fd\n')
    line = [*FG, "-r", str(root), "-C", "/w", "/fs_magic", "given", "0"]
    for path, says in zip((outside / "file", outside), opened):
        fd = os.open(path, os.O_RDONLY)
        done = subprocess.run(line, stdin=fd, capture_output=True, timeout=30, check=False)
        os.close(fd)
        check_equal(f"with {path.name} as input", done.stdout.decode(), says + "0 not refused\n")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(rest / "s"))
        server.listen(1)
        server.settimeout(20)
        with subprocess.Popen([*line[:-3], "-m", f"{rest}:/mnt", "/fs_magic", "receive", "/mnt/s"],
                              stdout=subprocess.PIPE) as run:
            peer, _address = server.accept()
            fds = [os.open(path, os.O_RDONLY) for path in (outside / "file", outside)]
            socket.send_fds(peer, [b"x"], fds)
            for fd in fds:
                os.close(fd)
            peer.close()
            said = run.communicate(timeout=30)[0].decode()
    check_equal("through a socket", said, "".join(opened) + "0 not refused\n")
    check_equal("the directory", outside_state(outside), before)


def secret_root(case: str) -> Path:
    """A root where /etc/secret is root's alone and /w everybody's."""
    root = make_root(case, "magic")
    (root / "etc/secret").write_text("secret")
    (root / "etc/secret").chmod(0o600)
    (root / "w").chmod(0o777)
    return root


@suite.case("open between two names")
def _() -> None:
    """The file that is opened is the one whose mode was asked."""
    need_attributes()
    result = guest(secret_root("magic-race"), "/fs_magic", "race", "/etc/secret",
                   options=["--user", "1000:1000"])
    check_equal("what the program says", result.text(), "0 not refused\n")


@suite.case("owners between two names")
def _() -> None:
    """What a user makes becomes theirs, nothing else that has its name by then."""
    need_attributes()
    user = ["--user", "1000:1000"]
    for kind, target in (("f", "/etc/secret"), ("f", "/w/fifo"), ("d", "/w/theirs")):
        root = secret_root(f"magic-own-{kind}")
        os.mkfifo(root / "w/fifo")
        (root / "w/theirs/inside").mkdir(parents=True)
        result = guest(root, "/fs_magic", "own", kind, target, options=user)
        check_equal(f"what the program says of {target}", result.text(), "0 not refused\n")


@suite.case("watching what cannot be read")
def _() -> None:
    need_attributes()
    root = secret_root("magic-watch")
    for name in ("/etc/secret", "/proc/self/cwd/closed"):
        (root / "w/closed").mkdir(exist_ok=True)
        (root / "w/closed").chmod(0o711)
        result = guest(root, "/fs_magic", "watch", name, options=["--user", "1000:1000"])
        check_equal(f"what the program says of {name}", result.text(), "0 not refused\n")


@suite.case("directories of /dev/shm")
def _() -> None:
    """A run removes what killed ones left, and nothing else, whatever lies in it."""
    parent = Path("/dev/shm")
    if not os.access(parent, os.W_OK):
        raise Skip("the host has no /dev/shm")
    root = make_root("shm", "magic")
    canary = root.parent / "canary"
    shutil.rmtree(canary, ignore_errors=True)
    canary.mkdir()
    (canary / "file").write_text("CANARY")
    with contextlib.ExitStack() as stack:
        stale, locked, other = (parent / f"fiberglass-t{os.getpid()}{n}" for n in "abc")
        for path in (stale, locked, other):
            path.mkdir(mode=0o700)
            stack.callback(shutil.rmtree, path, ignore_errors=True)
        other.chmod(0o777)  # not as ours are: somebody else's
        held = os.open(locked, os.O_RDONLY)
        stack.callback(os.close, held)
        fcntl.flock(held, fcntl.LOCK_EX)
        (stale / "canary").symlink_to(canary)
        (stale / "file").write_text("x")
        at = os.open(stale, os.O_RDONLY)
        for _level in range(300):
            os.mkdir("d", dir_fd=at)
            os.symlink(canary, "link", dir_fd=at)
            below = os.open("d", os.O_RDONLY, dir_fd=at)
            os.close(at)
            at = below
        os.close(at)
        before = {p.name for p in parent.iterdir()} - {stale.name}
        result = guest(root, "/fs_magic", "watch", "/dev/shm/none")
        check_equal("what the program says", result.text(),
                    'inotify_add_watch(inotify_init(), argv[2], IN_ALL_EVENTS): ENOENT\n'
                    '1 not refused\n')
        left = {p.name for p in parent.iterdir() if p.name.startswith("fiberglass-t")}
        check(stale.name not in left, "the directory of a killed run is still there")
        check(before & {locked.name, other.name} <= left, "another's directory was removed")
    check_equal("the canary", [(p.name, p.read_text()) for p in canary.iterdir()],
                [("file", "CANARY")])


# A native process that adds to the number under the same locks.
COUNTER = """
import fcntl, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
lock = fcntl.flock if sys.argv[3] == "flock" else fcntl.lockf
for _ in range(int(sys.argv[2])):
    lock(fd, fcntl.LOCK_EX)
    text = b"%d\\n" % (int(os.pread(fd, 30, 0) or b"0") + 1)
    os.pwrite(fd, text, 0)
    lock(fd, fcntl.LOCK_UN)
"""


@suite.case("locks between runs", limit=60)
def _() -> None:
    """Two runs with two processes each, and one of the host: nothing is lost."""
    root = make_root("locks-between", "count")
    file = root / "w/count"
    for style in ("posix", "ofd", "flock"):
        file.write_text("0\n")
        many = "/fs_count count count 150 " + style
        line = [*FG, "-r", str(root), "-C", "/w", *many.split()]
        runs = [subprocess.Popen(line) for _ in range(3)]
        runs.append(subprocess.Popen([sys.executable, "-c", COUNTER, str(file), "150", style]))
        check_equal("status", [run.wait(50) for run in runs], [0] * 4)
        check_equal(f"the number with {style}", file.read_text(), "600\n")


def free_ranges(file: Path, kind: int) -> str:
    """Of the bytes 0 to 39, those that another process can lock now: "0-9 20-39"."""
    fd = os.open(file, os.O_RDWR)
    free = []
    for at in range(40):
        try:
            fcntl.lockf(fd, kind | fcntl.LOCK_NB, 1, at)
            free.append(at)
        except OSError:
            pass
    os.close(fd)
    starts = [at for at in free if at - 1 not in free]
    return " ".join(f"{at}-{next(e for e in range(at, 41) if e not in free) - 1}" for at in starts)


@suite.case("locks towards the host")
def _() -> None:
    """What guests hold together is held on the host, and the other way round."""
    root = make_root("locks-host", "count")
    file = root / "w/file"
    file.write_text("")
    line = [*FG, "-r", str(root), "-C", "/w", "/fs_count"]
    wanted = (  # what is free for readers, for writers
        ("two readers, 0-9 and 5-14", "0-39", "15-39"),
        ("one reader, 5-14", "0-39", "0-4 15-39"),
        ("none", "0-39", "0-39"),
        ("a writer, all but 20-29", "20-29", "20-29"),
        ("0-19 for reading", "0-29", "20-29"),
        ("none", "0-39", "0-39"),
        ("an open file's writer, 0-9", "10-39", "10-39"),
        ("none", "0-39", "0-39"),
    )
    with subprocess.Popen([*line, "steps", "file"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as run:
        assert run.stdin and run.stdout
        for step, readers, writers in wanted:
            check_equal("step", run.stdout.readline().decode().strip(), step)
            check_equal(f"readers' ranges with {step}", free_ranges(file, fcntl.LOCK_SH), readers)
            check_equal(f"writers' ranges with {step}", free_ranges(file, fcntl.LOCK_EX), writers)
            run.stdin.write(b"\n")
            run.stdin.flush()
        check_equal("status", run.wait(20), 0)
    fd = os.open(file, os.O_RDWR)
    fcntl.lockf(fd, fcntl.LOCK_EX, 10, 0)
    with subprocess.Popen([*line, "held", "file"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as run:
        assert run.stdin and run.stdout
        said = "".join(run.stdout.readline().decode() for _ in range(7))
        run.stdin.write(b"\n")
        run.stdin.flush()
        time.sleep(0.3)
        check(run.poll() is None, "the lock was not waited for")
        os.close(fd)
        said += run.communicate(timeout=20)[0].decode()
    check_equal("what the program says", said, """\
set(fd, F_SETLK, F_WRLCK, 0, 10): EAGAIN
set(fd, F_OFD_SETLK, F_RDLCK, 0, 10): EAGAIN
set(fd, F_SETLK, F_WRLCK, 10, 10): 0
fcntl(fd, F_GETLK, &lock): 0
type 1, 0, 10
set(fd, F_SETLKW, F_WRLCK, 0, 10): EINTR
held
set(fd, F_SETLKW, F_WRLCK, 0, 10): 0
""")


if __name__ == "__main__":
    suite.main()
