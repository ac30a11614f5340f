"""The guests that the same sources and programs are tested for: i386 and x86-64.

What a suite needs to know of one: how a program for it is compiled, which root it has, and whether
the engine under test runs it at all.
"""

from __future__ import annotations

import functools
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from harness import BUILD, ROOT, Failure, Skip, command, fiberglass

ROOT64 = Path(os.environ.get("ROOT64", BUILD / "root-amd64")).resolve()


@dataclass(frozen=True)
class Guest:
    """A mode of the guest's processor, with its Linux and Debian."""

    name: str       # as Fiberglass calls it
    bits: int
    suffix: str     # of suites and directories
    arch: str       # Debian's name
    triplet: str    # names its folder of libraries
    loader: str     # of its dynamic programs
    machine: str    # `uname -m`
    root: Path      # the default root


I386 = Guest("i386", 32, "", "i386", "i386-linux-gnu", "ld-linux.so.2", "i686", ROOT)
X86_64 = Guest("x86-64", 64, "64", "amd64", "x86_64-linux-gnu", "ld-linux-x86-64.so.2", "x86_64",
               ROOT64)
asking = threading.Lock()
GUESTS = {guest.name: guest for guest in (I386, X86_64)}


def runs(guest: Guest) -> bool:
    """Does the engine run programs of this guest? Cases that run at once ask once."""
    with asking:
        return ask(guest)


@functools.cache
def ask_host(guest: Guest) -> bool:
    """Does the host itself run programs of this guest? Kernels without IA32 emulation, and some
    that are guests of a hypervisor themselves, run none of i386."""
    try:
        return command([small_program(guest)]).status == 0
    except Failure:
        return False


def runs_natively(guest: Guest) -> bool:
    """Does the host itself run programs of this guest?"""
    with asking:
        return ask_host(guest)


def comparable() -> Guest:
    """The guest whose programs a suite about both kinds alike compares with native runs: i386, or
    x86-64 where the host runs no others."""
    return I386 if runs_natively(I386) else X86_64


def need_native(guest: Guest) -> None:
    """A Skip where the host runs no programs of this guest."""
    if not runs_natively(guest):
        raise Skip(f"this host runs no {guest.name} programs to compare with")


ASKS_SEGMENT = r"""
int main(void) {
    char there;
    __asm__("lar %1, %%eax\n setz %0" : "=q"(there) : "r"(0x23) : "eax");
    return !there;
}
"""


@functools.cache
def ask_segments() -> bool:
    """Has the host Linux' segment of 32-bit code?"""
    source = BUILD / "test/small/segments.c"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(ASKS_SEGMENT)
    done = command(["gcc", "-o", source.with_suffix(""), source])
    assert not done.status, done.errors()
    return command([source.with_suffix("")]).status == 0


def has_segments() -> bool:
    """Has the host the segments that Linux usually has? Some hypervisors leave its kernel without
    those of 32-bit code."""
    with asking:
        return ask_segments()


def threaded(guest: Guest) -> list[str]:
    """The engine's options for a run to compare with where the host runs no program of this guest:
    the other engine, threaded code. A Skip where that is not Fiberglass."""
    if fiberglass("--tier=threaded", small_program(guest)).status:
        need_native(guest)
    return ["--tier=threaded"]


def small_program(guest: Guest) -> Path:
    """A program that ends with status 0."""
    source = BUILD / f"test/small/end{guest.suffix}.c"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text("int main(void) { return 0; }\n")
    program = source.with_suffix("")
    done = command(["gcc", f"-m{guest.bits}", "-static", "-o", program, source])
    assert not done.status, done.errors()
    return program


@functools.cache
def ask(guest: Guest) -> bool:
    """Does the engine run programs of this guest? Only its refusal to do so is a no: a program
    that runs wrongly is for the cases to find."""
    return fiberglass(small_program(guest)).status != 126


def need(guest: Guest) -> None:
    """A Skip where the engine under test has no such guests."""
    if not runs(guest):
        raise Skip(f"this engine runs no {guest.name} guests")


def need_root(guest: Guest) -> None:
    """A Skip where the guest's default root was not made."""
    if not (guest.root / "bin/sh").exists():
        raise Skip(f"there is no root at {guest.root}: make root ARCH={guest.arch}")
