"""Test programs that make builds: a suite asks for its own, so that it runs with any build
directory (`make SAN=...` alone builds none of them) and tests no old one.
"""

from __future__ import annotations

import fcntl
import functools
import os
import threading

from harness import BUILD, TOP, check, command

building = threading.Lock()


def make(target: str) -> None:
    """Make a target, as what is in BUILD was built; a Failure when make fails. Once a suite."""
    with building:  # cases that run at once ask once
        run(target)


@functools.cache
def run(target: str) -> None:
    """The run of make. Suites that run at once take turns: what they want has parts in common."""
    kind = ["COVERAGE=1"] if BUILD.name == "cov" else []
    if BUILD.name.startswith("san-"):
        kind.append("SAN=" + BUILD.name.removeprefix("san-").replace("-", ","))
    env = {**os.environ, "BUILD": os.path.relpath(BUILD, TOP)}
    with open(BUILD / "test-programs.lock", "wb") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        done = command(["make", "-s", target, *kind], cwd=TOP, env=env, limit=60)
    check(done.status == 0, f"make {target} ended with {done.status}: {done.errors()[-400:]}")
