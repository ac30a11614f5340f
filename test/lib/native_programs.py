"""C programs of test/{syscalls,engine,programs}: output and status in the guest as natively.

The suites native (i386) and native64 (x86-64) are made of the same files: each program is compiled
for the guest, statically unless its first lines say otherwise, and run twice in an empty directory
of its own. A comment within the first 15 lines may hold

    Build: cc FLAGS... FILE.c     compiler flags; `dynamic` links the host's C library of the guest
    test: FLAGS...        the same
    test: only GUEST      i386 or x86-64: what is tested is this guest's alone
    test: args WORDS...   arguments of the program
    test: status N        the program ends with N in both runs (otherwise: just the same)
    test: full            not part of --quick
    test: own             each guest shows something else (see run_reference)
    test: segments        natively only where the host has the segments of Linux, CS 0x23 among them
    test: self            judges by itself, with status 0, and is compared with no other run
    test: unfiltered      skipped where a filter refuses system calls, as in most containers
    test: check-memory    the guest's memory is verified after each system call (slow)
    test: limit SECONDS   default 30 (several of these may be on one line, args last)

A program that finds a mistake by itself may also end with status 1: a native run must not.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from elf import compile_c
from guests import GUESTS, I386, X86_64, Guest, has_segments, need, runs_natively, threaded
from harness import (BUILD, FG, TOP, Failure, Result, Skip, Suite, check, check_equal, command,
                     fiberglass)

DIRECTORIES = ("syscalls", "engine", "programs")
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/", "LC_ALL": "C", "TZ": "UTC"}


@dataclass
class Program:
    """A source file and what its head says."""

    source: Path
    guest: Guest = I386
    only: Guest | None = None
    flags: list[str] = field(default_factory=lambda: ["-static"])
    args: list[str] = field(default_factory=list)
    status: int | None = None
    own: bool = False
    segments: bool = False
    self: bool = False
    full: bool = False
    unfiltered: bool = False
    check_memory: bool = False
    limit: float = 30

    @property
    def name(self) -> str:
        """Its file below test/, without the suffix."""
        return str(self.source.relative_to(TOP / "test").with_suffix(""))

    def place(self, what: str) -> Path:
        """Its place among the binaries ("bin") or the directories of runs ("native")."""
        return BUILD / f"test/{what}{self.guest.suffix}" / self.name

    def binary(self, guest: Guest) -> Path:
        """The program compiled for a guest."""
        place = self.place("bin")
        if guest != self.guest:  # not where the other suite may be making its own
            place = place.parent / guest.name / place.name
        return compile_c(self.source, place, *self.flags, f"-I{TOP}", "-pthread", "-lm",
                         guest=guest)


def read_program(source: Path, guest: Guest) -> Program | None:
    """A program's options; None for a file without main (a part of others)."""
    text = source.read_text()
    if not re.search(r"\bmain\s*\(", text):
        return None
    program = Program(source, guest)
    for line in text.splitlines()[:15]:
        build = re.search(r"\bBuild: cc (.*?) \S+\.c\b", line)
        if build:
            program.flags += build[1].split()
        match = re.search(r"\btest:\s+(.*?)\s*(\*/)?$", line)
        if not match:
            continue
        words = iter(match[1].split())
        for word in words:
            if word == "args":
                program.args = list(words)
            elif word == "only":
                program.only = GUESTS[next(words)]
            elif word == "status":
                program.status = int(next(words))
            elif word == "limit":
                program.limit = float(next(words))
            elif word in ("own", "segments", "self", "full", "unfiltered", "check-memory"):
                setattr(program, word.replace("-", "_"), True)
            else:
                program.flags.append(word)
    if "dynamic" in program.flags:
        program.flags = [f for f in program.flags if f not in ("dynamic", "-static")]
    return program


def run_reference(program: Program) -> Result:
    """The run to compare with: natively. Where the host runs none of the guest's programs, that of
    the same source for x86-64; of what only this guest has, or shows differently, that as threaded
    code."""
    other = program.guest
    if program.segments and not has_segments():
        return run(program, program.binary(other), "threaded", threaded(other))
    if not runs_natively(other):
        if program.own or program.only == program.guest:
            return run(program, program.binary(other), "threaded", threaded(other))
        other = X86_64
    return run(program, program.binary(other), "native")


def run(program: Program, binary: Path, where: str, options: Sequence[str] = ()) -> Result:
    """One run in an empty directory."""
    directory = program.place("native") / where
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    words: list[str | Path] = [binary, *program.args]
    if where == "native":
        return command(words, cwd=directory, env=ENVIRONMENT)
    if program.check_memory:
        words.insert(0, "--check-memory")
    return fiberglass(*options, *words, cwd=directory, env=ENVIRONMENT)


def compare(program: Program) -> None:
    """Both runs of a program."""
    if program.unfiltered and "Seccomp:\t2" in Path("/proc/self/status").read_text():
        raise Skip("a filter (seccomp) refuses system calls here")
    if program.self:
        need(program.guest)
        done = run(program, program.binary(program.guest), "guest")
        check_equal(f"status ({done.text()[-500:]})", done.status, 0)
        return
    native = run_reference(program)
    wanted = native.status if native.status >= 0 else 128 - native.status
    if program.status is not None:
        check_equal("status of the native run", wanted, program.status)
    check(native.status != 1, f"the native run fails: {native.text()[-500:]}")
    check(native.status >= 0 or program.status, f"the native run ends by signal {-native.status}")
    need(program.guest)
    binary = program.binary(program.guest)
    guest = run(program, binary, "guest")
    try:
        check_equal("standard output", guest.text(), native.text())
        check_equal("status", guest.status, wanted)
        check_equal("standard error", guest.errors(), native.errors())
    except Failure as e:
        said = guest.errors()[-800:]
        raise Failure(f"{e}\ncd {program.place('native') / 'guest'} && "
                      f"{shlex.join(FG)} {shlex.join([str(binary), *program.args])}"
                      + (f"\nguest's stderr: {said}" if said else "")) from None


def suite_of(guest: Guest) -> Suite:
    """The suite of a guest."""
    suite = Suite()
    for folder in DIRECTORIES:
        for path in sorted((TOP / "test" / folder).rglob("*.c")):
            if path.parent.name == "packages":
                continue  # what the compilers of packages64 are given
            found = read_program(path, guest)
            if found and found.only in (None, guest):
                suite.add(found.name, lambda p=found: compare(p),  # type: ignore[misc]
                          quick=not found.full, limit=found.limit)
    return suite
