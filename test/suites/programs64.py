#!/usr/bin/python3
# suite: programs
# time: 600
# order: 10
"""Programs of the default root as x86-64 guests (test/lib/root_programs.py)."""

from __future__ import annotations

import resource

from guests import X86_64
from root_programs import suite_of

if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dead program's status says nothing of it
    suite_of(X86_64).main()
