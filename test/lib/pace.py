"""How much time tests get on this machine as it is now: limits tell a hang from a slow machine.

A limit in a suite's head or a case is what a quiet machine of two processors needs, and some more.
test/run measures once, at the start, how slowly a fixed piece of work goes (an older processor,
other people's work beside ours), and hands the factor down as FG_LIMITS; every limit is multiplied
by it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

VARIABLE = "FG_LIMITS"
WORK = "s = 0\nfor i in range(2000000):\n    s += i * i & 7\n"
WORK_SECONDS = 0.3  # on an idle 2.4 GHz Zen 3, the interpreter's start included
ROOM = 3.0  # what comes beside us after the measurement
MOST = 12.0  # a hang has to end, too


def slowness(processes: int) -> float:
    """How many times longer than on an idle machine the work takes, as many at once as given."""
    start = time.monotonic()
    running = [subprocess.Popen([sys.executable, "-S", "-c", WORK]) for _ in range(processes)]
    for process in running:
        process.wait()
    return (time.monotonic() - start) / WORK_SECONDS


def measured(processes: int) -> float:
    """The factor for limits on this machine now."""
    return min(MOST, ROOM * max(1.0, slowness(processes)))


def factor() -> float:
    """The factor that test/run measured; without it, what a quiet machine has."""
    try:
        return max(1.0, float(os.environ.get(VARIABLE, ROOM)))
    except ValueError:
        return ROOM
