#!/usr/bin/python3
# suite: states of the processor
# time: 120
# order: 45
"""Wild stack pointers, selectors, far returns, signal frames and FPU images (test/states): each
case ends in a signal whose frame must be natively what it is in the guest, and the engine never
ends.

STATES_SEED is the first seed, STATES_SEEDS how many there are (`make soak` takes new and more)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from elf import compile_c
from harness import BUILD, TOP, Failure, Suite, check_equal, command, fiberglass

FIRST = int(os.environ.get("STATES_SEED", "1"))
SEEDS = int(os.environ.get("STATES_SEEDS", "2" if "--quick" in sys.argv else "8"))
CASES = 4000
suite = Suite()


def compare(seed: int) -> None:
    """All cases of a seed, natively and in the guest."""
    # Handlers run with anything in %gs, behind which the compiler's stack protector would look.
    program = compile_c(TOP / "test/states/cpu_states.c", BUILD / f"test/bin/cpu_states-{seed}",
                        "-static", "-fno-stack-protector", "-no-pie")
    words: list[str | Path] = [program, str(seed), str(CASES)]
    native, guest = command(words), fiberglass(*words)
    program.unlink()
    check_equal("status of the native run", native.status, 0)
    for wanted, got in zip(native.text().splitlines(), guest.text().splitlines()):
        if wanted != got:
            number = wanted.partition(":")[0]
            raise Failure(f"cpu_states {seed} {CASES} {number}\nnative {wanted}\nguest  {got}")
    check_equal("lines", guest.text().count("\n"), native.text().count("\n"))
    check_equal(f"status (stderr: {guest.errors()[-400:]})", guest.status, 0)


for each in range(FIRST, FIRST + SEEDS):
    suite.add(f"seed {each}", lambda s=each: compare(s), limit=50)  # type: ignore[misc]

if __name__ == "__main__":
    suite.main()
