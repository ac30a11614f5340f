#!/usr/bin/python3
# suite: hosts whose kernels lack newer calls
# time: 60
# order: 17
"""Where the host's kernel has no openat2, renameat2, getxattrat, epoll_pwait2 or PAGEMAP_SCAN (or a
filter refuses them), the guest sees the same: here a filter takes them away, and programs of
test/syscalls print what they print natively."""

from __future__ import annotations

import os
import shutil
import threading

from elf import compile_c
from guests import comparable
from harness import BUILD, FG, TOP, Result, Skip, Suite, check_equal, command

WORK = (BUILD / "test/older_host").absolute()
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/", "LC_ALL": "C", "TZ": "UTC"}
# Programs, in a private root and in "/": what they need of the host is done in other ways.
IN_ROOT = ("paths", "open", "stat", "dirs", "xattr", "magic")
IN_PLACE = ("mm/inherit", "net/unix", "poll/epoll", "fs/paths", "fs/open")

suite = Suite()
compiling = threading.Lock()  # what is being run can't be written


def program(name: str) -> str:
    """The compiled test/syscalls/NAME.c."""
    source = TOP / f"test/syscalls/{name}.c"
    flags = ["-static", "-pthread", f"-I{TOP}"]
    if "-D_FILE_OFFSET_BITS=64" in source.read_text()[:400]:
        flags.append("-D_FILE_OFFSET_BITS=64")
    with compiling:
        guest = comparable()
        return str(compile_c(source, BUILD / f"test/bin{guest.suffix}/older_host" / name, *flags,
                             guest=guest).absolute())


def older(*words: str) -> list[str]:
    """The command line of a run without the newer calls."""
    with compiling:
        guest = comparable()
        tool = compile_c(TOP / "test/lib/older_host.c",
                         BUILD / f"test/bin{guest.suffix}/older_host/filter", "-static",
                         guest=guest)
    probe = command([tool, tool])
    if probe.text() != "refused\n":
        raise Skip(f"the host takes no filter: {probe.text()}{probe.errors()}")
    return [str(tool), *FG, *words]


def apart(name: str, where: str) -> str:
    """An empty directory."""
    directory = WORK / name / where
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return str(directory)


def compare(name: str, result: Result) -> None:
    """A run against the native one, which has the calls."""
    native = command([program(name)], cwd=apart(name, "native"), env=ENVIRONMENT)
    check_equal("standard output", result.text(), native.text())
    check_equal("status", result.status, native.status)


def in_root(name: str) -> None:
    """In a root of its own."""
    root = WORK / name / "root"
    shutil.rmtree(root, ignore_errors=True)
    for directory in ("tmp", "proc", "dev", "sys", "etc", "w"):
        (root / directory).mkdir(parents=True)
    shutil.copy(program(f"fs/{name}"), root / f"fs_{name}")
    compare(f"fs/{name}", command(older(
        "--root", str(root), "-C", "/w", "--user", f"{os.geteuid()}:{os.getegid()}",
        f"/fs_{name}")))


def in_place(name: str) -> None:
    """In the host's root."""
    compare(name, command(older(program(name)), cwd=apart(name, "guest"), env=ENVIRONMENT))


for each_name in IN_ROOT:
    suite.add(f"root/{each_name}", lambda n=each_name: in_root(n))  # type: ignore[misc]
for each_name in IN_PLACE:
    suite.add(each_name, lambda n=each_name: in_place(n))  # type: ignore[misc]

if __name__ == "__main__":
    suite.main()
