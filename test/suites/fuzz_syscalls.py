#!/usr/bin/python3
# suite: random system calls, races of names, states of the CPU
# time: 240
# order: 45
"""A slice of the attacks that make soak runs for long (test/fuzz): random system calls by several
processes, users and threads, races of names, and random states of the CPU. The engine neither dies
nor hangs, and nothing is reached that should not be."""

from __future__ import annotations

import os
from functools import partial

from fuzzing import cpu_states, random_calls, races
from harness import Skip, Suite

SECONDS = 5
suite = Suite()


def calls(seed: int, *more: str) -> None:
    """A seed of its own, so that a failure can be replayed."""
    random_calls(seed, SECONDS, *more)


def checked(seed: int) -> None:
    """The guest's memory is verified after each call, so calls are slow and may take longer."""
    random_calls(seed, SECONDS, "1", "3", "400", "100000", options=["--check-memory"])


def names(seed: int, user: int) -> None:
    """Races by a user of the guest."""
    if user and os.geteuid():
        raise Skip("other users of the guest are others to the host only where root runs it")
    races(seed, SECONDS, user)


def states(seed: int) -> None:
    """States of the CPU."""
    cpu_states(seed, SECONDS)


suite.add("calls", partial(calls, 1), limit=80)
suite.add("calls, one thread", partial(calls, 2, "1", "1"), limit=80)
suite.add("calls, memory checked", partial(checked, 5), limit=80)
suite.add("states of the CPU", partial(states, 1), limit=80)
suite.add("calls, many threads", partial(calls, 3, "2", "8"), quick=False, limit=80)
suite.add("calls, many processes", partial(calls, 4, "8", "2"), quick=False, limit=80)
suite.add("races of a user", partial(names, 1, 1000), limit=80)
suite.add("races of root", partial(names, 2, 0), quick=False, limit=80)

if __name__ == "__main__":
    suite.main()
