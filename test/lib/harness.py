"""Cases of a Python test suite: runs them, keeps their time limits, prints what test/run reads.

Reads the suite's own command line and the environment that test/README.md describes. What a suite
tests does not belong here.
"""

from __future__ import annotations

import argparse
import functools
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pace

TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("BUILD", TOP / "build")).resolve()
ROOT = Path(os.environ.get("ROOT", BUILD / "root")).resolve()
FG = shlex.split(os.environ.get("FG", str(BUILD / "fiberglass")))
if "/" in FG[0]:  # cases run in directories of their own
    FG[0] = str(Path(FG[0]).absolute())
LIMITS = pace.factor()  # every limit is multiplied by it


class Failure(Exception):
    """A case failed; the text says how."""


class Skip(Exception):
    """A case cannot run here; the text says why."""


@dataclass(frozen=True)
class Result:
    """What a finished command left behind. `status` is negative for death by a signal."""

    status: int
    out: bytes
    err: bytes
    seconds: float

    def text(self) -> str:
        """Standard output as text, whatever bytes it holds."""
        return self.out.decode("utf-8", "backslashreplace")

    def errors(self) -> str:
        """Standard error as text."""
        return self.err.decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class Case:
    """One named test of a suite."""

    name: str
    func: Callable[[], None]
    quick: bool
    limit: float


# The deadline of the case that this thread runs; commands started by it end with it.
_current = threading.local()


def remaining(default: float = 60.0) -> float:
    """Seconds left to the running case (`default` outside of one), as the clock has them."""
    deadline: float | None = getattr(_current, "deadline", None)
    return default * LIMITS if deadline is None else max(0.1, deadline - time.monotonic())


def command(args: Sequence[str | Path], stdin: bytes = b"", cwd: str | Path | None = None,
            env: dict[str, str] | None = None, limit: float | None = None) -> Result:
    """Run a command in a process group of its own; a Failure when it outlives its time (`limit`
    seconds of a quiet machine)."""
    words = [str(a) for a in args]
    start = time.monotonic()
    limit = min(limit * LIMITS, remaining()) if limit is not None else remaining()
    try:
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, cwd=cwd or TOP, env=env,
                                   start_new_session=True)
    except OSError as e:
        raise Failure(f"cannot start {words[0]}: {e.strerror}") from None
    try:
        out, err = process.communicate(stdin, timeout=limit)
    except subprocess.TimeoutExpired:
        end_group(process.pid)
        out, err = process.communicate()
        tail = err.decode("utf-8", "backslashreplace")[-600:]
        raise Failure(f"no end after {limit:.0f} s: {shlex.join(words)}\n"
                      f"out: {out[-600:]!r}\nerr: {tail}") from None
    return Result(process.returncode, out, err, time.monotonic() - start)


def end_group(pid: int) -> None:
    """Kill the process group of a command that this suite started."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def fiberglass(*args: str | Path, stdin: bytes = b"", cwd: str | Path | None = None,
               env: dict[str, str] | None = None, limit: float | None = None) -> Result:
    """Run the engine with these arguments."""
    return command([*FG, *args], stdin=stdin, cwd=cwd, env=env, limit=limit)


def check_equal(what: str, got: object, wanted: object) -> None:
    """A Failure with both values, and where they part, unless they are equal."""
    if got == wanted:
        return
    text = f"{what}\n  got    {shorten(got)}\n  wanted {shorten(wanted)}"
    if isinstance(got, (str, bytes)) and isinstance(wanted, (str, bytes)):
        at = next((i for i, (a, b) in enumerate(zip(got, wanted)) if a != b),
                  min(len(got), len(wanted)))
        low = max(0, at - 40)
        text += (f"\n  differ at {at}: {got[low:at + 80]!r}\n"
                 f"  wanted there:  {wanted[low:at + 80]!r}")
    raise Failure(text)


def expect_error(done: Result, status: int, *words: str) -> None:
    """One clear sentence on stderr, this status, nothing on stdout."""
    check_equal("exit status (stderr: " + done.errors()[:300] + ")", done.status, status)
    lines = [line for line in done.errors().splitlines() if line.strip()]
    check_equal("lines on stderr", len(lines), 1)
    for word in words:
        check(re.search(word, lines[0], re.I), f"{lines[0]!r} does not speak of {word!r}")
    check_equal("standard output", done.out, b"")


def check(truth: object, sentence: str) -> None:
    """A Failure with this sentence unless `truth` holds."""
    if not truth:
        raise Failure(sentence)


@functools.cache
def attributes_kept() -> bool:
    """Does the build directory's file system keep user attributes?"""
    probe = BUILD / f"attribute-probe-{os.getpid()}"
    probe.touch()
    try:
        os.setxattr(probe, "user.probe", b"1")
        return True
    except OSError:
        return False
    finally:
        probe.unlink()


def need_attributes() -> None:
    """A Skip where owners and modes of the guest cannot be kept (docs/files.md)."""
    if not attributes_kept():
        raise Skip(f"the file system of {BUILD} keeps no user attributes")


def shorten(value: object, most: int = 400) -> str:
    """A value's repr, its middle left out when it is long."""
    text = repr(value)
    return text if len(text) <= most else f"{text[:most // 2]} ... {text[-most // 2:]}"


class Suite:
    """The cases of one file and the program that runs them."""

    def __init__(self) -> None:
        self.cases: list[Case] = []
        self.lock = threading.Lock()
        self.failed = 0
        self.name = Path(sys.argv[0]).stem

    def add(self, name: str, func: Callable[[], None], quick: bool = True,
            limit: float = 60) -> None:
        """Add a case: `func` returns, or raises Failure, Skip or AssertionError."""
        self.cases.append(Case(name, func, quick, limit))

    def case(self, name: str, quick: bool = True,
             limit: float = 60) -> Callable[[Callable[[], None]], Callable[[], None]]:
        """The same as a decorator."""
        def keep(func: Callable[[], None]) -> Callable[[], None]:
            self.add(name, func, quick, limit)
            return func
        return keep

    def say(self, *lines: str) -> None:
        """Write lines that belong together."""
        with self.lock:
            sys.stdout.write("".join(line + "\n" for line in lines))
            sys.stdout.flush()

    def note(self, text: str) -> None:
        """A line for the summary of test/run."""
        self.say(f"note {text}")

    def run_one(self, case: Case) -> None:
        """Run one case and print its result."""
        _current.deadline = time.monotonic() + case.limit * LIMITS
        try:
            case.func()
        except Skip as e:
            self.say(f"skip {case.name}: {e}")
            return
        except (Failure, AssertionError) as e:
            why = str(e)
        except Exception:  # noqa: B902  a broken test is a failure, and the next case goes on
            why = traceback.format_exc()
        else:
            self.say(f"ok {case.name}")
            return
        self.failed += 1
        self.say(f"not ok {case.name}", *("# " + line for line in why.splitlines()),
                 f"# replay: test/run {self.name} -- {shlex.quote('=' + case.name)}")

    def main(self) -> None:
        """Parse the command line, run the chosen cases, exit with 0 or 1."""
        parser = argparse.ArgumentParser(description="Test suite; see test/README.md.")
        parser.add_argument("--quick", action="store_true", help="the quick cases only")
        parser.add_argument("--jobs", type=int, default=1, metavar="N", help="cases at a time")
        parser.add_argument("--list", action="store_true", help="print the cases' names")
        parser.add_argument("pattern", nargs="*", help="part of a case's name, or =NAME")
        args = parser.parse_args()
        chosen = [c for c in self.cases
                  if (c.quick or not args.quick) and wanted(c.name, args.pattern)]
        if args.list:
            print("\n".join(c.name for c in chosen))
            return
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
            # Ignored by who started the tests in the background, they would be for each guest too.
            if signal.getsignal(number) == signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        with ThreadPoolExecutor(max(1, args.jobs)) as pool:
            list(pool.map(self.run_one, chosen))
        sys.exit(1 if self.failed else 0)


def wanted(name: str, patterns: Sequence[str]) -> bool:
    """Whether a case is chosen by the patterns of the command line (none: all are)."""
    return not patterns or any(name == p[1:] if p.startswith("=") else p in name
                               for p in patterns)
