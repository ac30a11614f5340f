#!/usr/bin/python3
# suite: checked
# time: 60
# order: 40
"""Watched and checked code by the counters of --stats: parts of test/engine/smc_hot.c, whose
results the suite `native` compares. Here: which kind of code ran, and that nothing was made more
often than it need be. No case looks at the time."""

from __future__ import annotations

import re

from elf import compile_c
from harness import BUILD, TOP, Suite, check, check_equal, fiberglass

suite = Suite()

BLOCKS = "blocks built"
CHECKED = "of these checked code"
WRITES = "writes to code"
HEATED = "pages turned to checked code"
COOLED = "pages turned back to unchecked code"
CHANGED = "checked code found changed"


def counters(part: str) -> dict[str, int]:
    """The counters after one part of the program."""
    program = compile_c(TOP / "test/engine/smc_hot.c", BUILD / "test/bin/checked/smc_hot",
                        "-static", "-pthread", f"-I{TOP}")
    done = fiberglass("--stats", program, part)
    check_equal(f"status (stderr: {done.errors()[-300:]})", done.status, 0)
    found = re.findall(r"^ *(\d+)  (.+)$", done.errors(), re.M)
    return {name: int(value) for value, name in found}


def between(got: dict[str, int], name: str, least: int, most: int) -> None:
    """The counter lies in a range."""
    check(least <= got[name] <= most, f"{got[name]} {name}, not {least} to {most}: {got}")


@suite.case("pages that bounce become checked code")
def _() -> None:
    got = counters("bounce")
    between(got, HEATED, 1, 1)
    between(got, WRITES, 8, 40)
    between(got, CHECKED, 2900, 3000)  # each of 3000 versions but the first was checked code
    between(got, CHANGED, 2900, 3000)  # and the compare, nothing else, found the next one
    between(got, COOLED, 0, 0)


@suite.case("pages that come to rest go back to unchecked code")
def _() -> None:
    got = counters("quiet")
    between(got, HEATED, 1, 1)
    between(got, COOLED, 1, 1)
    between(got, WRITES, 33, 40)  # the write after the rest was noticed as a write


@suite.case("data beside code: neither storms of faults nor of blocks")
def _() -> None:
    got = counters("beside")
    between(got, HEATED, 2, 12)  # 300,000 runs and writes; the rests that were tried double
    between(got, WRITES, 33, 100)
    between(got, BLOCKS, 1, 3000)
    between(got, CHANGED, 0, 0)


@suite.case("code that read(2) brings is not checked")
def _() -> None:
    got = counters("arrives")
    between(got, CHECKED, 0, 0)
    between(got, HEATED, 0, 0)
    between(got, WRITES, 0, 0)
    between(got, BLOCKS, 1000, 4000)


@suite.case("while read(2) waits for its bytes, code of its pages is checked; not for ever")
def _() -> None:
    got = counters("waiting-reader")
    between(got, HEATED, 1, 1)
    between(got, CHECKED, 2, 4)
    between(got, CHANGED, 1, 1)  # by the host's write, which no fault announced
    between(got, COOLED, 1, 1)


@suite.case("every byte of checked code is compared")
def _() -> None:
    got = counters("every-byte")
    between(got, HEATED, 1, 1)
    between(got, CHANGED, 7300, 7600)  # about 2 * 61 * 60 changes, and those of the heating


if __name__ == "__main__":
    suite.main()
