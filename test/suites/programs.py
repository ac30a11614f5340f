#!/usr/bin/python3
# suite: programs
# time: 600
# order: 10
"""Programs of the default root as i386 guests (test/lib/root_programs.py)."""

from __future__ import annotations

import resource

from guests import I386
from root_programs import suite_of

if __name__ == "__main__":
    if not (I386.root / "bin/sh").exists():
        raise SystemExit(f"there is no root at {I386.root}: make root")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dead program's status says nothing of it
    suite_of(I386).main()
