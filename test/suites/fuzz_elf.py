#!/usr/bin/python3
# suite: damaged ELF files: loader fuzzer, and whole runs
# time: 120
# order: 40
"""Damaged ELF programs. `loader` feeds thousands to the loader alone (test/fuzz/fuzz_elf.c); `run`
starts some hundreds as programs: whatever they do, Fiberglass must not die of it or hang."""

from __future__ import annotations

import os
import random
import signal
import sys
from pathlib import Path

from harness import BUILD, TOP, Failure, Suite, check, command, fiberglass

CORPUS = sorted((TOP / "test/fuzz/corpus/elf").iterdir())
HERE = BUILD / "test/fuzz_elf_runs"
EDGES = (0, 1, 0x1000, 0xffff, 0x7fffffff, 0x80000000, 0xffffe000, 0xffffffff, 0x8048000)
QUICK = "--quick" in sys.argv
suite = Suite()


@suite.case("loader", quick=True, limit=100)
def _() -> None:
    """The fuzzer, by its own make target."""
    count = 5000 if QUICK else 20000
    env = {**os.environ, "BUILD": os.path.relpath(BUILD, TOP)}
    done = command(["make", "-s", "fuzz-elf", f"FUZZ_COUNT={count}"], cwd=TOP, env=env,
                   limit=100)
    check(done.status == 0, f"fuzz_elf ended with {done.status}: {done.errors()[-400:]}; the "
          f"input is {BUILD}/test/fuzz_elf.input/current")


def damaged(rng: random.Random) -> bytes:
    """A file of the corpus with up to four words changed, perhaps cut off."""
    data = bytearray(rng.choice(CORPUS).read_bytes())
    for _ in range(rng.randint(1, 4)):
        at = rng.choice((rng.randrange(16, 52, 2), rng.randrange(52, min(len(data), 240), 4),
                         rng.randrange(len(data) - 4)))
        value = rng.choice(EDGES) if rng.random() < 0.5 else rng.getrandbits(32)
        data[at:at + 4] = value.to_bytes(4, "little")
    return bytes(data[:rng.randrange(len(data))] if rng.random() < 0.1 else data)


@suite.case("run", quick=True, limit=100)
def _() -> None:
    """A seeded set of files, each run for at most a second."""
    HERE.mkdir(parents=True, exist_ok=True)
    program: Path = HERE / "program"
    for seed in range(60 if QUICK else 200):
        program.write_bytes(damaged(random.Random(seed)))
        program.chmod(0o755)
        try:
            done = fiberglass("--clear-env", program, limit=1)
        except Failure:
            continue  # an endless loop of the guest is its own business
        died = done.status < 0 and done.status != -signal.SIGKILL
        check(not died, f"seed {seed}: Fiberglass died of signal {-done.status}; see {program}")


if __name__ == "__main__":
    suite.main()
