#!/usr/bin/python3
# suite: processors by level, real programs
# time: 900
# order: 20
"""Programs that choose their code by the processor (test/programs/levels.txt) with --cpu=v1, v2, v3
and max: output and status as natively, for both guests; and with --cpu=v2 on a host that seems to
have little beyond v1, where C does the rest."""

from __future__ import annotations

import functools
import os
import threading
from pathlib import Path

from guests import GUESTS, Guest, need, need_root
from harness import BUILD, TOP, Result, Suite, check_equal, fiberglass
from root_programs import Program, environment, fresh, read_cases, run_reference

suite = Suite()
once = threading.Lock()  # cases run side by side
HERE = TOP / "test/programs"
CPUS = {"v1": ("--cpu=v1",), "v2": ("--cpu=v2",), "v3": ("--cpu=v3",), "max": ("--cpu=max",),
        "v2 in C": ("--cpu=v2,+aes,+pclmulqdq,+sha_ni,+movbe",
                    "--host-features=v1,+cx16,+lahf_lm,+bmi2")}
QUICK = {"v3": ("strings",), "v2 in C": ("digests", "strings")}


def place(program: Program, guest: Guest, what: str) -> Path:
    """An empty directory for a run."""
    return fresh(BUILD / f"test/levels{guest.suffix}" / f"{program.name}-{what}-{os.getpid()}",
                 HERE / "scripts")


@functools.cache
def native_run(name: str, guest: Guest) -> Result:
    """What the native run prints."""
    program = PROGRAMS[name]
    return run_reference(program, place(program, guest, "native"), guest)


def wanted(name: str, guest: Guest) -> Result:
    """The same, run once."""
    with once:
        return native_run(name, guest)


def compare(program: Program, guest: Guest, cpu: str) -> None:
    """One case with a processor."""
    need(guest)
    need_root(guest)
    native = wanted(program.name, guest)
    variables = [w for name, value in environment(guest).items() for w in ("-e", f"{name}={value}")]
    mnt = place(program, guest, cpu.replace(" ", "-"))
    done = fiberglass(*CPUS[cpu], "-r", guest.root, "--clear-env", *variables, "-C", "/mnt", "-m",
                      f"{mnt}:/mnt", *program.words())
    check_equal("output", done.text(), native.text())
    check_equal("errors", done.errors(), native.errors())
    check_equal("status", (done.status, native.status), (0, 0))


PROGRAMS = {program.name: program for program in read_cases(HERE / "levels.txt")}
for each in GUESTS.values():
    for one in PROGRAMS.values():
        for level in CPUS:
            @suite.case(f"{each.name}: {one.name} with {level}", limit=one.limit * 3,
                        quick=one.name in QUICK.get(level, ()))
            def _(guest: Guest = each, program: Program = one, cpu: str = level) -> None:
                compare(program, guest, cpu)


if __name__ == "__main__":
    suite.main()
