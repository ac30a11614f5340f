"""Programs of Debian packages beside the default root's, equal to a native run of the same files.

test/programs/packages.txt has the cases, in groups; each group has a root of its own, the default
one and the group's packages. `make test-programs` makes the roots (main() below) and runs the suite
packages64, whose cases are skipped where their root is missing.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import subprocess
import sys
from pathlib import Path

from guests import GUESTS, Guest
from harness import BUILD, TOP, Suite
from root_programs import Program, compare_runs, parse_cases

CASES = TOP / "test/programs/packages.txt"
SCRIPTS = TOP / "test/programs/packages"


@dataclasses.dataclass
class Group:
    """Cases that share a root."""

    name: str
    packages: str
    programs: list[Program] = dataclasses.field(default_factory=list)

    def root(self, guest: Guest) -> Path:
        """Where its root is."""
        return BUILD / f"programs-{guest.arch}" / self.name


def read_groups(path: Path = CASES) -> list[Group]:
    """The groups of a file with their cases; what comes before the first one is a comment."""
    groups: list[Group] = []
    lines: list[list[tuple[int, str]]] = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if match := re.match(r"== ([\w-]+): (.+)$", line):
            groups.append(Group(match[1], match[2]))
            lines.append([])
        elif groups:
            lines[-1].append((number, line))
    for group, own in zip(groups, lines):
        group.programs = parse_cases(path, own)
    return groups


def suite_of(guest: Guest) -> Suite:
    """The suite of a guest; each case says how long both runs took."""
    suite = Suite()
    for group in read_groups():
        here = dataclasses.replace(guest, root=group.root(guest))
        for program in group.programs:
            if program.only in (None, guest):
                suite.add(program.name, lambda program=program, here=here:  # type: ignore[misc]
                          run(suite, program, here), limit=program.limit)
    return suite


def run(suite: Suite, program: Program, guest: Guest) -> None:
    """One case."""
    native, own = compare_runs(program, guest, SCRIPTS)
    suite.say(f"# {program.name}: {native:.2f} s natively, {own:.2f} s as a guest")


# The one user whom a case needs and a maintainer script would make.
SSHD = "sshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n"


def make_root(group: Group, guest: Guest) -> bool:
    """Make the root of a group, unless it is there; False where mkroot says that it cannot."""
    root = group.root(guest)
    root.parent.mkdir(parents=True, exist_ok=True)
    if subprocess.run([TOP / "rootfs-tools/mkroot", "--arch", guest.arch, "--with", group.packages,
                       root], check=False).returncode:
        return False
    users = root / "etc/passwd"
    if "\nsshd:" not in users.read_text():
        users.write_text(users.read_text() + SSHD)
    return True


def main() -> None:
    """Make the roots: package_programs.py ARCH [GROUP...]."""
    parser = argparse.ArgumentParser(description="Make the roots of test/programs/packages.txt.")
    parser.add_argument("arch", choices=[guest.arch for guest in GUESTS.values()])
    parser.add_argument("group", nargs="*", help="these groups alone")
    args = parser.parse_args()
    guest = next(guest for guest in GUESTS.values() if guest.arch == args.arch)
    groups = [g for g in read_groups() if not args.group or g.name in args.group]
    sys.exit(0 if all([make_root(group, guest) for group in groups]) else 1)


if __name__ == "__main__":
    main()
