#!/usr/bin/python3
"""Attacks for as long as one likes: random system calls, races of names, damaged ELF files, more
code than memory.

    soak.py [--seconds N] [--seed N] [--san address,undefined] [PART...]

Every part (calls, checked-calls, races, root-races, cpu, code; the same with programs of x86-64:
calls64 and so on; addresses64; elf) runs for so many seconds in turns with new seeds, and prints
each with the command that runs it again. Ends with 1 when one failed; --san takes the build that
`make SAN=...` made. test/suites/fuzz_syscalls.py runs a slice of it."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "test/lib"))

import fuzzing  # noqa: E402
import pace  # noqa: E402
from guests import GUESTS, Guest  # noqa: E402
from harness import Failure, command  # noqa: E402

TURN = 20.0  # seconds


def damaged_elf(seed: int, seconds: float, build: Path) -> str:
    """The fuzzer of the ELF loader, for the build in that directory."""
    fuzzer = build / "test/fuzz_elf"
    san = build.name.removeprefix("san-").replace("-", ",") if "san-" in build.name else ""
    done = subprocess.run(["make", "-s", *([f"SAN={san}"] if san else []),
                           os.path.relpath(fuzzer, TOP)], cwd=TOP, check=False)
    if done.returncode:
        raise Failure("test/fuzz/fuzz_elf.c does not build")
    corpus = sorted((TOP / "test/fuzz/corpus/elf").iterdir())
    keep = build / "test/fuzz_elf.soak"
    ran = command([fuzzer, "--seed", str(seed), "--seconds", str(int(seconds)), "--keep", keep,
                   *corpus], limit=seconds + 60)
    if ran.status:
        raise Failure(f"status {ran.status}, input {keep}/current: {ran.errors()[-3000:]}")
    return ran.text()


def shapes(seed: int) -> list[str]:
    """Processes, threads and calls of a run, by its seed."""
    processes, threads = ((4, 3), (1, 1), (2, 8), (8, 2), (1, 4))[seed % 5]
    return [str(processes), str(threads), str((100, 400, 2000)[seed % 3])]


def parts_of(guest: Guest, engine: list[str]) -> dict[str, Callable[[int, float], str]]:
    """The attacks by programs of a guest."""
    end = guest.suffix
    return {
        f"calls{end}": lambda seed, s: fuzzing.random_calls(
            seed, s, *shapes(seed), engine=engine, guest=guest),
        f"checked-calls{end}": lambda seed, s: fuzzing.random_calls(
            seed, s, "2", "3", "400", "100000", engine=engine, options=["--check-memory"],
            guest=guest),
        f"races{end}": lambda seed, s: fuzzing.races(seed, s, 1000, engine=engine, guest=guest),
        f"root-races{end}": lambda seed, s: fuzzing.races(seed, s, 0, engine=engine, guest=guest),
        f"code{end}": lambda seed, s: fuzzing.much_code(
            seed, s, *((1, 8), (3, 4), (6, 1), (2, 20))[seed % 4], engine=engine, guest=guest),
        f"cpu{end}": lambda seed, s: fuzzing.cpu_states(seed, s, engine=engine, guest=guest),
    }


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Random attacks on Fiberglass.")
    parser.add_argument("--seconds", type=float, default=60, metavar="N", help="for each part")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--san", default="", metavar="KINDS", help="the build of make SAN=KINDS")
    parser.add_argument("part", nargs="*", help="one of those above; default: all")
    args = parser.parse_args()
    build = TOP / ("build/san-" + args.san.replace(",", "-") if args.san else "build")
    engine = [str(build / "fiberglass")]
    parts = {name: run for guest in GUESTS.values() for name, run in
             parts_of(guest, engine).items()}
    parts["addresses64"] = lambda seed, s: fuzzing.addresses(seed, max(1, int(s)), engine)
    parts["elf"] = lambda seed, s: damaged_elf(seed, s, build)
    failed = 0
    for name in args.part or parts:
        os.environ[pace.VARIABLE] = str(pace.measured(1))  # of the machine as it is now
        end = time.monotonic() + args.seconds
        seed = args.seed
        while time.monotonic() < end:
            seconds = min(TURN, args.seconds)
            san = f" --san {args.san}" if args.san else ""
            print(f"{name}: test/fuzz/soak.py --seed {seed} --seconds {seconds:.0f}{san} {name}",
                  flush=True)
            try:
                print("  " + parts[name](seed, seconds).strip().replace("\n", "\n  "), flush=True)
            except Failure as e:
                failed += 1
                print(f"FAILED {name}, seed {seed}: {e}", flush=True)
            seed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
