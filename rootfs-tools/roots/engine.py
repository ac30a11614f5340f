"""Asks an engine whether it runs programs of an architecture, before a root is made with it.

What is asked is a program that does nothing but end: an ELF file of one segment, see elf(5).
"""

from __future__ import annotations

import struct
import subprocess
import tempfile
from pathlib import Path

from roots.say import RootError

# Class and machine of the file; the program: exit(0) by number 1 and int $0x80, by 60 and syscall.
KINDS = {
    "i386": (1, 3, bytes.fromhex("b801000000 31db cd80")),
    "amd64": (2, 62, bytes.fromhex("b83c000000 31ff 0f05")),
}
BASE = 0x400000


def program(arch: str) -> bytes:
    """An ELF file that ends with status 0."""
    elf_class, machine, code = KINDS[arch]
    ident = struct.pack("<4sBBB9x", b"\x7fELF", elf_class, 1, 1)
    if elf_class == 1:
        size, head = 52 + 32, "<HHIIIIIHHHHHH"
        segment = struct.pack("<8I", 1, 0, BASE, BASE, size + len(code), size + len(code), 5, 4096)
    else:
        size, head = 64 + 56, "<HHIQQQIHHHHHH"
        segment = struct.pack("<2I6Q", 1, 5, 0, BASE, BASE, size + len(code), size + len(code),
                              4096)
    at = size - len(segment)
    return ident + struct.pack(head, 2, machine, 1, BASE + size, at, 0, 0, at, len(segment), 1, 0,
                               0, 0) + segment + code


def require(engine: str, arch: str, place: Path) -> None:
    """A RootError unless the engine runs programs of the architecture; one is put into `place`."""
    with tempfile.TemporaryDirectory(dir=place, prefix=".mkroot.") as top:
        path = Path(top) / "end"
        path.write_bytes(program(arch))
        path.chmod(0o755)
        try:
            done = subprocess.run([engine, str(path)], stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, timeout=60)
        except (OSError, subprocess.TimeoutExpired) as e:
            raise RootError(f"--configure {engine}: {e}") from None
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no word"])[-1]
        raise RootError(f"{engine} cannot run the scripts of a root for {arch} (status "
                        f"{done.returncode}: {said}); without --configure they are left out")
