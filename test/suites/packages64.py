#!/usr/bin/python3
# suite: full
# time: 3600
# order: 42
"""Programs of more packages as x86-64 guests (test/lib/package_programs.py, make test-programs)."""

from __future__ import annotations

import resource

from guests import X86_64
from package_programs import suite_of

if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dead program's status says nothing of it
    suite_of(X86_64).main()
