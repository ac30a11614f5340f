"""Places to build and test in: copies of the tree below build/mutants, one for each worker.

A place is brought up to date from the tree, builds with make, and runs single test cases under
confine.py with limits of time, memory and disk. Which cases, and of which mutants, is for others.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from confine import confined, may_confine

TOP = Path(__file__).resolve().parents[2]
BUILD = TOP / "build"
WORK = BUILD / "mutants"
PYTHON = "/usr/bin/python3"
# What a place takes over from the build directory; a coverage build is made in the place itself.
BUILT = ("gen", "gadgets", "gadgets.o", "gadgets.list", "obj", "obj64", "fiberglass",
         "libfiberglass.a")
# Linkers that need a third of the default's time for all the gadgets.
FAST_LINKERS = [name for name in ("lld", "gold") if shutil.which(f"ld.{name}")]
# Suites that run none of the code in question, or all of it.
NO_SUITES = {"generator": "tests the generator", "make_run": "tests make targets",
             "mutation": "tests this tool", "mkroot": "tests rootfs-tools",
             "rooms": "tests make check", "install": "tests make install",
             "docs": "tests pages", "adding": "builds a tree of its own",
             "effects": "tests what the spec says of operands"}
# Suites whose programs link the engine's objects, the mutant's with them: there is no engine to
# pass them, and each run makes the archive anew.
LINKING = ("abi", "api", "fuzz_elf", "stream", "decoder", "insn", "insn64")
LEAST_DISK, LEAST_MEMORY = 3 << 30, 1 << 30


@dataclass(frozen=True)
class Case:
    """One test case, or a whole suite (`name` is empty) that has no cases to choose from."""

    suite: str
    name: str

    def __str__(self) -> str:
        return f"{self.suite}: {self.name}" if self.name else self.suite


@dataclass(frozen=True)
class Outcome:
    """How a case ended: ok, skipped, failed, late (no end in time) or greedy (took too much)."""

    verdict: str
    seconds: float
    text: str


def tracked() -> list[str]:
    """The files of the tree: committed, changed and new ones."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            cwd=TOP, capture_output=True, check=True).stdout
    return sorted(f for f in listed.decode().split("\0") if f and (TOP / f).is_file())


Stamp = tuple[int, int, int]


def stamps(top: Path) -> dict[str, Stamp]:
    """Type and mode, size and time of every file below a directory (sockets aside)."""
    found: dict[str, Stamp] = {}
    stack = [str(top)]
    while stack:
        with os.scandir(stack.pop()) as entries:
            for entry in entries:
                info = entry.stat(follow_symlinks=False)
                directory = entry.is_dir(follow_symlinks=False)
                if stat.S_ISSOCK(info.st_mode):
                    continue
                name = entry.path[len(str(top)) + 1:]
                found[name] = (info.st_mode, 0, 0) if directory else (
                    info.st_mode, info.st_size, info.st_mtime_ns)
                if directory:
                    stack.append(entry.path)
    return found


def remove(path: Path) -> None:
    """Take a file or a tree away."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def mirror(source: Path, target: Path) -> int:
    """Make a tree equal to another one, times included; how many files were not."""
    target.mkdir(parents=True, exist_ok=True)
    wanted, have = stamps(source), stamps(target)
    for name in have:
        if name not in wanted and os.path.lexists(target / name):
            remove(target / name)
    different = [name for name, stamp in sorted(wanted.items()) if have.get(name) != stamp]
    for name in different:
        if not stat.S_ISDIR(wanted[name][0]) and name in have:
            remove(target / name)
    if different:
        pack = "tar -cf - --no-recursion --xattrs --null -T -"
        unpack = "tar -xpf - --xattrs --xattrs-include='*' -C"
        subprocess.run(["sh", "-c", f'{pack} | {unpack} "$0"', target], cwd=source, check=True,
                       input=b"\0".join(os.fsencode(name) for name in different))
    return len(different)


def memory_left() -> int:
    """Bytes of memory that the machine can still give."""
    match = re.search(r"MemAvailable:\s+(\d+)", Path("/proc/meminfo").read_text())
    return int(match[1]) << 10 if match else LEAST_MEMORY


class Place:
    """A worker's copy of the tree. `kind` is "" for the usual build, "cov" for one that counts."""

    def __init__(self, number: int, kind: str = "") -> None:
        self.top = WORK / f"place{number}"
        self.build = self.top / "build" / kind
        self.env = {name: value for name, value in os.environ.items()
                    if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "SAN")}
        self.env |= {
            "BUILD": str(self.build), "ROOT": str(self.top / "build/root"),
            "FG": str(self.build / "fiberglass"), "PYTHON": PYTHON, "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": f"{self.top}/test/lib:{self.top}", "PYTHONDONTWRITEBYTECODE": "1"}
        if kind:
            self.env["COVERAGE"] = "1"

    def update(self) -> None:
        """Bring tree, build and root up to date with those of the project."""
        files = tracked()
        for name in stamps(self.top) if self.top.exists() else ():
            if not name.startswith(("build", "gadgets")) and name not in files:
                if not (self.top / name).is_dir():
                    remove(self.top / name)
        for name in files:
            here, there = self.top / name, (TOP / name).stat()
            if not here.exists() or (here.stat().st_mtime_ns, here.stat().st_size) != (
                    there.st_mtime_ns, there.st_size):
                here.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(TOP / name, here)
        mirror(TOP / "gadgets", self.top / "gadgets")
        for name in BUILT:
            if (BUILD / name).is_dir():
                mirror(BUILD / name, self.top / "build" / name)
            else:
                shutil.copy2(BUILD / name, self.top / "build" / name)
        self.restore_root()

    def restore_root(self) -> int:
        """Undo what tests, or mutants, did to the place's root."""
        return mirror(BUILD / "root", self.top / "build/root")

    def make(self, *targets: str) -> subprocess.CompletedProcess[str]:
        """Run make in the place."""
        line = ["make", "-s", f"BUILD={os.path.relpath(self.build, self.top)}", *targets]
        if FAST_LINKERS and "COVERAGE" not in self.env:
            line.append(f"CC=cc -fuse-ld={FAST_LINKERS[0]}")
        return subprocess.run(line, cwd=self.top,
                              env=self.env, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)

    def run(self, case: Case, limit: float, engine: Path | None = None) -> Outcome:
        """Run one case in its quick form, with the place's engine or another one."""
        script = next((self.top / "test/suites").glob(f"{case.suite}.*"))
        words: list[str | Path] = [PYTHON, script] if script.suffix == ".py" else [script]
        pattern = [f"={case.name}"] if case.name else []
        start = time.monotonic()
        line = [*map(str, words), "--quick", "--jobs", "1", *pattern]
        line = confined(self.top, line) if may_confine() else line
        env = {**self.env, "FG": str(engine)} if engine else self.env
        process = subprocess.Popen(line, cwd=self.top, env=env, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   start_new_session=True)
        verdict = ""
        out = b""
        while process.returncode is None:
            try:
                out, _ = process.communicate(timeout=0.5)
            except subprocess.TimeoutExpired:
                if time.monotonic() - start > limit:
                    verdict = "late"
                elif shutil.disk_usage(WORK).free < LEAST_DISK or memory_left() < LEAST_MEMORY:
                    verdict = "greedy"
                if verdict:
                    os.killpg(process.pid, signal.SIGKILL)
                    out, _ = process.communicate()
        text = out.decode("utf-8", "backslashreplace")
        if not verdict:
            lines = text.splitlines()
            passed = process.returncode == 0 and any(x.startswith("ok ") for x in lines)
            skipped = process.returncode == 0 and any(x.startswith("skip ") for x in lines)
            verdict = "ok" if passed else "skipped" if skipped else "failed"
        return Outcome(verdict, time.monotonic() - start, text)


def all_cases() -> list[Case]:
    """The cases of the quick selection, as the suites list them."""
    env = {**os.environ, "PYTHONPATH": f"{TOP}/test/lib:{TOP}"}
    found: list[Case] = []
    for script in sorted((TOP / "test/suites").iterdir()):
        if script.stem in NO_SUITES or not os.access(script, os.X_OK) or script.is_dir():
            continue
        if script.suffix != ".py":
            found.append(Case(script.stem, ""))
            continue
        done = subprocess.run([PYTHON, script, "--quick", "--list"], env=env, cwd=TOP,
                              capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{script} does not list its cases: {done.stderr[-400:]}")
        found += [Case(script.stem, name) for name in done.stdout.splitlines()]
    return found
