"""Texts of stencils for the x86-64 host: what stands where a parameter goes, which hole it makes.

A placeholder is `@OFFSET@` as a displacement and `$@OFFSET@` as an immediate, with a letter behind
the parameter's offset: w, it has 8 bytes; i, these fit in 32 bits with their sign; b, its low byte;
t, the target of a branch; s, the place of the slots; e, an entry of a fiber.
"""

from __future__ import annotations

import re

from gen.host.code.x86_64 import short_form
from gen.host.host import (HOLE_8, HOLE_16, HOLE_32, HOLE_32S, HOLE_64, HOLE_BRANCH, HOLE_ENTRY,
                           HOLE_SLOT, Hole)

# What the assembler is given instead: bytes, a number so large that it takes the widest form. A
# parameter is the last of its instruction, or a displacement before an immediate.
FILLERS = {HOLE_8: (1, "0x55"), HOLE_16: (2, "0x5555"), HOLE_32: (4, "0x10000000"),
           HOLE_32S: (4, "0x10000000"), HOLE_64: (8, "0x1000000000000000"),
           HOLE_SLOT: (8, "0x1000000000000000"), HOLE_ENTRY: (1, "0x55"),
           HOLE_BRANCH: (4, "0x10000000")}
PLACE = re.compile(r"(\$?)@(\d+)([wibtse]?)@")
WIDTHS = {64: re.compile(r"r[a-z]{2}|r\d+"), 32: re.compile(r"e[a-z]{2}|r\d+d"),
          16: re.compile(r"[a-d]x|[sd]i|[sb]p|r\d+w"),
          8: re.compile(r"[a-d][lh]|[sd]il|[sb]pl|r\d+b")}


def width_of(line: str) -> int:
    """Bits that an instruction with an immediate works on: those of its last operand, a
    register, or what its suffix says."""
    if line.endswith(")"):
        return {"b": 8, "w": 16, "l": 32, "q": 64}[line.removeprefix("lock ").split()[0][-1]]
    name = line.rsplit("%", 1)[-1].strip()
    found = [bits for bits, names in WIDTHS.items() if names.fullmatch(name)]
    if not found:
        raise ValueError(f"an immediate beside {name}: {line}")
    return found[0]


def kind_of(line: str, immediate: bool, how: str) -> int:
    """Which hole a parameter makes, by the letter in its placeholder."""
    kinds = {"w": HOLE_32S, "i": HOLE_32S, "t": HOLE_BRANCH, "b": HOLE_8, "s": HOLE_SLOT,
             "e": HOLE_ENTRY}
    if not immediate or how in ("i", "t", "b", "s"):
        return kinds.get(how, HOLE_32)
    bits = width_of(line)
    if bits == 64 and how != "w":
        raise ValueError(f"a parameter of 4 bytes in 64 bits: {line}")
    if bits == 64:
        return HOLE_64 if line.split()[0] == "mov" else HOLE_32S
    return {8: HOLE_8, 16: HOLE_16, 32: HOLE_32}[bits]


def fill(line: str) -> tuple[str, list[Hole]]:
    """As Host.fill."""
    found: list[Hole] = []
    back = 0
    for immediate, offset, how in PLACE.findall(line):  # an immediate is encoded last
        kind = kind_of(line, immediate != "", how)
        back += FILLERS[kind][0]
        short = 0 if immediate else short_form(line)
        found.insert(0, Hole(back, int(offset), kind + short))
        if kind in (HOLE_64, HOLE_SLOT):
            line = line.replace("mov ", "movabs ", 1)
        line = PLACE.sub(lambda match: match.group(1) + FILLERS[kind][1], line, count=1)
    return line, found
