"""Real programs of a default root: output, status and files equal to a native run's.

The suites programs (i386) and programs64 (x86-64) are made of the same test/programs/cases.txt. The
native run takes the same files (test/lib/native_root.py).
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from guests import GUESTS, Guest, need, need_root, runs_natively, threaded
from harness import BUILD, TOP, Failure, Result, Suite, check, check_equal, fiberglass
from native_root import run_native

HERE = TOP / "test/programs"
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/mnt", "TERM": "dumb",
               "LC_ALL": "C.UTF-8", "TZ": "UTC", "TMPDIR": "/mnt", "PYTHONDONTWRITEBYTECODE": "1",
               "PYTHONHASHSEED": "0", "SHELL": "/bin/sh", "USER": "root"}

# What a shell says of a process that died holds its process id.
PID = re.compile(r"(line \d+:) +\d+ (?=[A-Z])")


@dataclass
class Program:
    """One case of cases.txt."""

    name: str
    lines: list[str] = field(default_factory=list)
    direct: bool = False
    full: bool = False
    system: bool = False
    limit: float = 60
    status: int = 0
    shell: str = "/bin/bash"
    only: Guest | None = None

    def words(self) -> list[str]:
        """The guest's command line."""
        if self.direct:
            return self.lines[0].split()
        return [self.shell, "-c", "\n".join(self.lines)]


def read_cases(path: Path) -> list[Program]:
    """The cases of a file."""
    return parse_cases(path, list(enumerate(path.read_text().splitlines(), 1)))


def parse_cases(path: Path, lines: list[tuple[int, str]]) -> list[Program]:
    """The cases of these lines of a file, with their numbers."""
    programs: list[Program] = []
    for number, line in lines:
        if match := re.match(r"\[([\w-]+)\]\s*(.*)$", line):
            program = Program(match[1])
            for option in match[2].split():
                key, _, value = option.partition("=")
                if key in ("direct", "full", "system"):
                    setattr(program, key, True)
                elif key == "limit":
                    program.limit = float(value)
                elif key == "status":
                    program.status = int(value)
                elif key == "only":
                    program.only = GUESTS[value]
                elif key == "shell":
                    program.shell = value
                else:
                    raise SystemExit(f"{path}:{number}: there is no option {key!r}")
            programs.append(program)
        elif line.strip() and (programs or not line.startswith("#")):
            programs[-1].lines.append(line)
    return programs


def fresh(directory: Path, scripts: Path) -> Path:
    """An empty directory with the scripts in it."""
    if directory.exists():
        shutil.rmtree(directory)
    directory.mkdir(parents=True)
    shutil.copytree(scripts, directory / "s")
    for path in (directory, *directory.rglob("*")):
        os.chmod(path, 0o755 if path.is_dir() else 0o644)
        os.utime(path, (1e9, 1e9))
    return directory


def environment(guest: Guest) -> dict[str, str]:
    """The variables of both runs; LOADER is the guest's dynamic loader."""
    return dict(ENVIRONMENT, LOADER=guest.loader)


def run_reference(program: Program, mnt: Path, guest: Guest) -> Result:
    """The run to compare with: natively, or where the host runs none of the guest's programs as
    threaded code."""
    if not runs_natively(guest):
        return run_guest(program.words(), mnt, guest, threaded(guest))
    return run_native(program.words(), mnt, environment(guest), program.system, guest)


def run_guest(words: list[str], mnt: Path, guest: Guest, options: Sequence[str] = ()) -> Result:
    """Run the same in Fiberglass. As in the native run /tmp is its own: programs of two cases that
    run at once have the same ids, by which some name their files there."""
    tmp = mnt.with_name(mnt.name + ".tmp")
    tmp.mkdir()
    tmp.chmod(0o1777)
    variables = [w for name, value in environment(guest).items() for w in ("-e", f"{name}={value}")]
    return fiberglass(*options, "-r", guest.root, "--clear-env", *variables, "-C", "/mnt",
                      "-m", f"{mnt}:/mnt", "-m", f"{tmp}:/tmp", *words)


def files_of(directory: Path) -> dict[str, str]:
    """Every file that a run left behind: type, size, digest or link target."""
    found = {}
    for path in sorted(directory.rglob("*")):
        name = str(path.relative_to(directory))
        if path.is_symlink():
            found[name] = "-> " + os.readlink(path)
        elif path.is_file():
            digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
            found[name] = f"{path.stat().st_size} {digest}"
        else:
            found[name] = "directory" if path.is_dir() else "special"
    return found


# Files whose bytes hold times or keys of their own making.
VOLATILE = re.compile(r"(\.db(-\w+)?|\.pyc)$")


def check_program(program: Program, guest: Guest) -> None:
    """A case of cases.txt."""
    compare_runs(program, guest, HERE / "scripts")


def compare_runs(program: Program, guest: Guest, scripts: Path) -> tuple[float, float]:
    """One case, which finds these scripts in ./s: both runs, then the comparison. How many seconds
    each took, the native one first.
    """
    need_root(guest)
    top = BUILD / f"test/programs{guest.suffix}" / f"{program.name}-{os.getpid()}"
    native_dir, guest_dir = fresh(top / "native", scripts), fresh(top / "guest", scripts)
    native = run_reference(program, native_dir, guest)
    wanted = shell_status(native.status)
    check(wanted == program.status, f"the native run ends with {wanted}, not {program.status}: "
          + native.errors()[-500:])
    need(guest)
    got = run_guest(program.words(), guest_dir, guest)
    try:
        check_equal("exit status", got.status, wanted)
        check_equal("standard output", got.text(), native.text())
        check_equal("standard error", PID.sub(r"\1 PID ", got.errors()),
                    PID.sub(r"\1 PID ", native.errors()))
        left, made = files_of(guest_dir), files_of(native_dir)
        check_equal("files", sorted(left), sorted(made))
        for name, what in made.items():
            if not VOLATILE.search(name):
                check_equal(f"file {name}", left[name], what)
    except Failure as e:
        said = got.errors()[-1500:]
        raise Failure(f"{e}\n{shlex.join(program.words())[:300]}\n"
                      + (f"guest's stderr: {said}" if said else "")) from None
    shutil.rmtree(top)
    return native.seconds, got.seconds


def shell_status(status: int) -> int:
    """A status as the engine reports it: 128+N for signal N."""
    return status if status >= 0 else 128 - status


def suite_of(guest: Guest) -> Suite:
    """The suite of a guest."""
    suite = Suite()
    for case in read_cases(HERE / "cases.txt"):
        if case.only in (None, guest):
            suite.add(case.name, lambda case=case: check_program(case, guest),  # type: ignore[misc]
                      quick=not case.full, limit=case.limit)
    return suite
