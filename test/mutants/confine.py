"""Runs a command where it can do little harm. Two parts: confined() gives the command line, which
runs this file inside of namespaces made by unshare(1) as

    confine.py PLACE UID GID DATA COMMAND...

There the machine is read-only but for PLACE (below the current directory), /tmp and /dev/shm are
small and new, the network is a loopback of its own, processes end with the command, files and
memory (DATA bytes, unless 0) are bounded. COMMAND is run as that user. Where the host allows no
namespaces (may_confine) there is no such place.
"""

from __future__ import annotations

import ctypes
import functools
import os
import resource
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_RELATIME = 2, 4, 8, 1 << 21
KEPT = {"nosuid": MS_NOSUID, "nodev": MS_NODEV, "noexec": MS_NOEXEC, "relatime": MS_RELATIME}
FILE_BYTES = 16 << 30  # sparse files of tests are this long
DATA_BYTES = 6 << 30
SIOCSIFFLAGS, IFF_UP = 0x8914, 1

libc = ctypes.CDLL(None, use_errno=True)


def confined(place: Path, command: Sequence[str], data: int = DATA_BYTES) -> list[str]:
    """The command line that runs a command confined, as the user who runs this."""
    user, group = os.geteuid(), os.getegid()
    unshare = ["unshare", "--mount", "--pid", "--net", "--ipc", "--fork", "--kill-child"]
    if user:
        unshare += ["--user", "--map-root-user"]
    return [*unshare, "/usr/bin/python3", "-ES", str(Path(__file__).resolve()), str(place),
            str(user), str(group), str(data), *command]


@functools.cache
def may_confine() -> bool:
    """Does the host allow it?"""
    line = confined(Path("/tmp"), ["true"])
    if subprocess.run(line, capture_output=True, check=False).returncode == 0:
        return True
    print("note: the host allows no namespaces; limits and time alone confine", flush=True)
    return False


def mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> bool:
    """mount(2); False when it is refused."""
    words = [w.encode() if w is not None else None for w in (source, target, kind)]
    return bool(libc.mount(*words, ctypes.c_ulong(flags), data.encode()) == 0)


def close_off(place: str) -> None:
    """Make everything but the place read-only."""
    kept_open = [(path, os.open(path, os.O_PATH | os.O_DIRECTORY)) for path in (os.getcwd(), place)]
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    with open("/proc/self/mounts", encoding="utf-8") as file:
        mounts = [line.split()[1:4] for line in file]
    for point, kind, options in mounts:
        if kind in ("proc", "devpts") or not os.path.exists(point):
            continue
        kept = sum(KEPT.get(word, 0) for word in options.split(","))
        if not mount("none", point, None, MS_REMOUNT | MS_BIND | MS_RDONLY | kept) and point == "/":
            sys.exit("confine: the root file system can't be made read-only")
    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    for point, size in (("/tmp", "1g"), ("/dev/shm", "256m")):
        mount("tmpfs", point, "tmpfs", MS_NOSUID | MS_NODEV, f"size={size},mode=1777")
    for path, here in kept_open:  # they may have been below /tmp
        if not os.path.exists(path):
            os.makedirs(path)
        if not mount(f"/proc/self/fd/{here}", path, None, MS_BIND):
            sys.exit(f"confine: {path} can't be mounted")
        os.close(here)
    if not mount("none", place, None, MS_REMOUNT | MS_BIND):  # read-only until here
        sys.exit(f"confine: {place} can't be made writable")
    os.chdir(kept_open[0][0])


def loopback_up() -> None:
    """Start the network that the namespace has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = bytearray(struct.pack("16sh22x", b"lo", IFF_UP))
        ioctl = libc.ioctl(control.fileno(), ctypes.c_ulong(SIOCSIFFLAGS),
                           (ctypes.c_char * len(request)).from_buffer(request))
        if ioctl:
            print("confine: no loopback", file=sys.stderr)


def main() -> None:
    """The command line."""
    place, uid, gid, data, *command = sys.argv[1:]
    close_off(place)
    loopback_up()
    for what, most in ((resource.RLIMIT_FSIZE, FILE_BYTES), (resource.RLIMIT_DATA, int(data)),
                       (resource.RLIMIT_CORE, 0)):
        if what == resource.RLIMIT_DATA and not most:
            continue
        hard = resource.getrlimit(what)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (value, hard))
    if int(uid):
        command = ["unshare", "--user", f"--map-user={uid}", f"--map-group={gid}", *command]
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
