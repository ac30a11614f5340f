"""Programs of a default root run natively: on the host's processor and kernel.

The same files in two ways. A mount namespace of its own and chroot, with /proc and /dev: needs root
or unprivileged user namespaces. Where neither is allowed, as in a container, root changes into a
copy of the root made of hard links; there is no /proc there and no terminal.
"""

from __future__ import annotations

import functools
import os
import shutil
import stat
import subprocess
import threading
from pathlib import Path

from guests import Guest
from harness import BUILD, Result, Skip, command

# Runs as root of a user namespace where it is not root already; $1 the root, $2 what /mnt shows,
# $3 what uname says.
NAMESPACE = """
set -e
mount --bind "$1" "$1"; cd "$1"
mount --rbind /dev dev; mount -t proc proc proc 2>/dev/null || mount --rbind /proc proc
mount -t tmpfs tmpfs tmp; mount --bind "$2" mnt
machine=$3; shift 3
setarch "$machine" chroot . /usr/bin/env -i -C /mnt "$@" || exit $?
"""
OWN = {"dev", "proc", "sys", "tmp", "mnt", "run"}  # directories that the copy has for itself
DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9)}


def unshare() -> list[str]:
    """The command line in front of a command with mounts and processes of its own."""
    words = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    return words if os.geteuid() == 0 else [*words, "--map-root-user"]


@functools.cache
def has_namespaces(root: Path) -> bool:
    """May a mount namespace be made here, and the root mounted in it?"""
    return command([*unshare(), "mount", "--bind", root, root]).status == 0


copy_lock = threading.Lock()  # one case at a time is /mnt


@functools.cache
def linked_copy(root: Path) -> Path:
    """A copy of the root by hard links, with the devices that everybody may have."""
    if os.geteuid():
        raise Skip("the host lets ordinary users make no mount namespace to run the root natively")
    copy = BUILD / "test/programs" / root.name
    if copy.exists():
        shutil.rmtree(copy)
    copy.mkdir(parents=True)
    subprocess.run(["cp", "-al", *(p for p in root.iterdir() if p.name not in OWN), copy],
                   check=True)
    for name in OWN - {"mnt"}:
        (copy / name).mkdir()
        (copy / name).chmod(0o1777 if name == "tmp" else 0o755)
    (copy / "dev/shm").mkdir()
    try:
        for name, (major, minor) in DEVICES.items():
            os.mknod(copy / "dev" / name, stat.S_IFCHR | 0o666, os.makedev(major, minor))
            os.chmod(copy / "dev" / name, 0o666)
        (copy / "dev/null").write_bytes(b"")
    except PermissionError as e:
        raise Skip(f"the host lets nobody run the root natively: {e}") from None
    return copy


def run_native(words: list[str], mnt: Path, environment: dict[str, str], system: bool,
               guest: Guest) -> Result:
    """Run a program of the guest's root with only these variables; it starts in /mnt, which is the
    directory `mnt`. `system`: not without /proc and terminals. A Skip where it can't be run."""
    program = [*(f"{name}={value}" for name, value in environment.items()), *words]
    if has_namespaces(guest.root):
        return command([*unshare(), "sh", "-c", NAMESPACE, "native", guest.root, mnt, guest.machine,
                        *program])
    if system:
        raise Skip("the host lets nobody mount /proc for a native run")
    with copy_lock:
        copy = linked_copy(guest.root)
        mnt.rename(copy / "mnt")
        try:
            return command(["setarch", guest.machine, "chroot", copy, "/usr/bin/env", "-i",
                            "-C", "/mnt", *program])
        finally:
            (copy / "mnt").rename(mnt)
