#!/usr/bin/python3
# suite: C programs natively and in the guest
# time: 300
# order: 15
"""C programs of test/{syscalls,engine,programs} as x86-64 guests (test/lib/native_programs.py)."""

from __future__ import annotations

from guests import X86_64
from native_programs import suite_of

if __name__ == "__main__":
    suite_of(X86_64).main()
