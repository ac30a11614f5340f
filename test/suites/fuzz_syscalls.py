#!/usr/bin/python3
# suite: random system calls
# time: 120
# order: 45
"""Random system calls with hostile arguments (test/fuzz/fuzz_syscalls.c), in a root that is thrown
away: the engine neither dies nor hangs, whatever becomes of the guest's processes."""

from __future__ import annotations

import shutil
import sys

from elf import compile_c
from harness import BUILD, TOP, Suite, check, fiberglass

HERE = BUILD / "test/fuzz_syscalls"
SEEDS = 2 if "--quick" in sys.argv else 8
suite = Suite()


def run(seed: int, calls: int) -> None:
    """One run in a fresh root."""
    root = HERE / f"root{seed}"
    shutil.rmtree(root, ignore_errors=True)
    for name in ("bin", "tmp", "dev", "proc"):
        (root / name).mkdir(parents=True)
    program = compile_c(TOP / "test/fuzz/fuzz_syscalls.c", HERE / f"program{seed}", "-static")
    shutil.copy(program, root / "bin/fuzz_syscalls")
    done = fiberglass("--root", root, "/bin/fuzz_syscalls", str(seed), str(calls),
                      limit=40)
    errors = done.errors()
    check(done.status == 0 and "internal fault" not in errors and "Sanitizer" not in errors,
          f"seed {seed}: status {done.status}: {errors[-400:]}")
    shutil.rmtree(root, ignore_errors=True)


for number in range(1, SEEDS + 1):
    @suite.case(f"seed {number}", quick=True, limit=50)
    def _(seed: int = number) -> None:
        """A seed of its own, so that a failure can be replayed."""
        run(seed, 1500)


if __name__ == "__main__":
    suite.main()
