#!/usr/bin/python3
# suite: states of the processor
# time: 120
# order: 45
"""Wild stack pointers, selectors, far returns, signal frames and FPU images (test/states): each
case ends in a signal whose frame must be natively what it is in the guest, and the engine never
ends. A host without i386 programs, or without Linux' usual segments, has the engine as threaded
code to compare with.

STATES_SEED is the first seed, STATES_SEEDS how many there are (`make soak` takes new and more)."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

from elf import compile_c
from guests import I386, X86_64, Guest, has_segments, need, runs_natively, threaded
from harness import BUILD, TOP, Failure, Suite, check_equal, command, fiberglass

FIRST = int(os.environ.get("STATES_SEED", "1"))
SEEDS = int(os.environ.get("STATES_SEEDS", "2" if "--quick" in sys.argv else "8"))
CASES = 4000
suite = Suite()


def compare(guest: Guest, seed: int) -> None:
    """All cases of a seed, natively and in the guest."""
    need(guest)
    # Handlers run with anything in %gs or %fs, where the compiler's stack protector would look.
    name = f"cpu_states{guest.suffix}"
    program = compile_c(TOP / f"test/states/{name}.c", BUILD / f"test/bin/{name}-{seed}",
                        "-static", "-fno-stack-protector", "-no-pie", guest=guest)
    words: list[str | Path] = [program, str(seed), str(CASES)]
    other = fiberglass(*words)
    native = (command(words) if runs_natively(guest) and has_segments()
              else fiberglass(*threaded(guest), *words))
    program.unlink()
    check_equal("status of the native run", native.status, 0)
    for wanted, got in zip(native.text().splitlines(), other.text().splitlines()):
        if wanted != got:
            number = wanted.partition(":")[0]
            raise Failure(f"{name} {seed} {CASES} {number}\nnative {wanted}\nguest  {got}")
    check_equal("lines", other.text().count("\n"), native.text().count("\n"))
    check_equal(f"status (stderr: {other.errors()[-400:]})", other.status, 0)


for each in range(FIRST, FIRST + SEEDS):
    suite.add(f"seed {each}", partial(compare, I386, each), limit=50)
    suite.add(f"seed {each}, x86-64", partial(compare, X86_64, each), limit=50)

if __name__ == "__main__":
    suite.main()
