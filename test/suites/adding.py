#!/usr/bin/python3
# suite: full
# time: 600
# order: 45
"""docs/adding-an-instruction.md to the letter: the page's block is taken out of a copy of the tree,
where it is by now, and put into it, nothing else is touched, and the suites of the decoder, of
instructions and of CPUID pass there. What the generator makes of it: gen/tests/test_adding.py."""

from __future__ import annotations

import functools
import os
import re
import shutil
import threading
from pathlib import Path

from harness import BUILD, TOP, Skip, Suite, check, check_equal, command

suite = Suite()
COPY = BUILD / "test/adding"
BEFORE: dict[str, bytes] = {}  # the copy's files when the instruction was not there
PARTS = ("Makefile", "make", "cli", "core", "docs", "gadgets", "gen", "rootfs-tools", "syscalls",
         "templates", "test")
BUILT = ("gadgets", "gadgets.o", "gadgets.list", "gen", "obj", "libfiberglass.a", "fiberglass",
         "test/oracle", "test/insn", "test/decoder")


def clean() -> dict[str, str]:
    """The environment of a user's shell."""
    return {k: v for k, v in os.environ.items()
            if not k.startswith(("MAKE", "MFLAGS", "FG", "BUILD", "ROOT", "PYTHONPATH"))}


def texts(top: Path) -> dict[str, bytes]:
    """The tree's files by name, without what is built and not committed."""
    return {str(path.relative_to(top)): path.read_bytes()
            for part in PARTS for path in sorted((top / part).rglob("*"), key=str)
            if path.is_file() and "__pycache__" not in path.parts
            and not str(path.relative_to(top)).startswith("gadgets/x86_64/")}


@functools.cache
def copy() -> Path:
    """Makes a copy of the tree in which the page's instruction was added, built."""
    if BUILD != TOP / "build":
        raise Skip("the copy is a plain build")
    shutil.rmtree(COPY, ignore_errors=True)
    for name in (*PARTS, *(f"build/{part}" for part in BUILT)):
        source, target = TOP / name, COPY / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)  # with times: make does only what the edit asks for
        elif source.exists():
            shutil.copy2(source, target)
    page = (TOP / "docs/adding-an-instruction.md").read_text(encoding="utf-8")
    match = re.search(r"```\n(insn POPCNT.*?)```", page, re.S)
    assert match
    family = COPY / "gen/spec/shift.x86"
    text = family.read_text(encoding="utf-8")
    check_equal("times that the block is there as the page has it", text.count(match[1]), 1)
    family.write_text(text.replace(match[1], ""), encoding="utf-8")
    make("gadgets", "all")
    BEFORE.update(texts(COPY))
    flags = command([COPY / "build/fiberglass", "--root", TOP / "build/root", "/bin/grep", "-c",
                     "-w", "popcnt", "/proc/cpuinfo"])
    check_equal("processors with it before", flags.text(), "0\n")
    with family.open("a", encoding="utf-8") as file:
        file.write("\n" + match[1])
    make("gadgets", "tests-insn")
    return COPY


def make(*targets: str) -> None:
    """Build in the copy."""
    done = command(["make", "-s", "-j2", *targets], cwd=COPY, env=clean())
    check_equal(f"status of make ({done.errors()[-1000:]})", done.status, 0)


LOCK = threading.Lock()  # cases run side by side


def copied() -> Path:
    """The copy; the first case makes it."""
    with LOCK:
        return copy()


def passes(name: str, *patterns: str) -> str:
    """A suite passes in the copy; what it said."""
    words = ["--", *patterns] if patterns else []
    done = command(["test/run", name, *words], cwd=copied(), env=clean())
    last = done.text().splitlines()[-1:]
    check(re.fullmatch(r"[1-9]\d* passed, 0 failed", "".join(last)),
          f"{name}: {done.text()[-1500:]}{done.errors()[-500:]}")
    return done.text()


@suite.case("one file is edited", limit=500)
def _() -> None:
    after, before = texts(copied()), BEFORE
    check_equal("changed", sorted(n for n in {*before, *after} if before.get(n) != after.get(n)),
                ["docs/instructions.md", "gadgets/REPORT-x86-64.txt", "gadgets/REPORT.txt",
                 "gen/spec/shift.x86"])


@suite.case("the decoder agrees with Zydis on it", limit=500)
def _() -> None:
    passes("decoder")


@suite.case("it does what the host's does", limit=500)
def _() -> None:
    passes("insn", "POPCNT")


@suite.case("CPUID shows it, and it runs", limit=500)
def _() -> None:
    passes("native", "cpuid_match")
    flags = (re.search(r"(?m)^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text()) or [""])[0]
    done = command([copied() / "build/fiberglass", "--root", TOP / "build/root", "/bin/grep", "-c",
                    "-w", "popcnt", "/proc/cpuinfo"])
    check_equal("guest's processors with it", done.text() != "0\n", "popcnt" in flags.split())


if __name__ == "__main__":
    suite.main()
