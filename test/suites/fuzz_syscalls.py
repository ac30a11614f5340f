#!/usr/bin/python3
# suite: random system calls, races of names, states of the CPU
# time: 240
# order: 45
"""A slice of the attacks that make soak runs for long (test/fuzz): random system calls by several
processes, users and threads, races of names, and random states of the CPU. The engine neither dies
nor hangs, and nothing is reached that should not be; random accesses by each tier."""

from __future__ import annotations

import os
from functools import partial

from fuzzing import addresses, cpu_states, much_code, random_calls, races
from guests import GUESTS, X86_64, Guest, need
from harness import Skip, Suite

SECONDS = 5
suite = Suite()


def calls(guest: Guest, seed: int, *more: str) -> None:
    """A seed of its own, so that a failure can be replayed."""
    need(guest)
    random_calls(seed, SECONDS, *more, guest=guest)


def checked(guest: Guest, seed: int) -> None:
    """The guest's memory is verified after each call, so calls are slow and may take longer."""
    need(guest)
    random_calls(seed, SECONDS, "1", "3", "400", "100000", options=["--check-memory"], guest=guest)


def names(guest: Guest, seed: int, user: int) -> None:
    """Races by a user of the guest."""
    need(guest)
    if user and os.geteuid():
        raise Skip("other users of the guest are others to the host only where root runs it")
    races(seed, SECONDS, user, guest=guest)


def states(guest: Guest, seed: int) -> None:
    """States of the CPU."""
    need(guest)
    cpu_states(seed, SECONDS, guest=guest)


def code(guest: Guest, seed: int) -> None:
    """More code than memory."""
    need(guest)
    much_code(seed, SECONDS, 2, 6, guest=guest)


@suite.case("addresses of native code", limit=80)
def _() -> None:
    need(X86_64)
    addresses(1, 25)


for each in GUESTS.values():
    end = ", x86-64" if each.suffix else ""
    suite.add(f"calls{end}", partial(calls, each, 1), limit=80)
    suite.add(f"calls, one thread{end}", partial(calls, each, 2, "1", "1"), limit=80)
    suite.add(f"calls, memory checked{end}", partial(checked, each, 5), limit=80)
    suite.add(f"states of the CPU{end}", partial(states, each, 1), limit=80)
    suite.add(f"more code than memory{end}", partial(code, each, 1), limit=80)
    suite.add(f"calls, many threads{end}", partial(calls, each, 3, "2", "8"), quick=False,
              limit=80)
    suite.add(f"calls, many processes{end}", partial(calls, each, 4, "8", "2"), quick=False,
              limit=80)
    suite.add(f"races of a user{end}", partial(names, each, 1, 1000), limit=80)
    suite.add(f"races of root{end}", partial(names, each, 2, 0), quick=False, limit=80)

if __name__ == "__main__":
    suite.main()
