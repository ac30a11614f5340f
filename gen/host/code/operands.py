"""Texts of stencils for the x86-64 host: operands that an instruction can take from where they are.

A body brings a register at home in the cpu into scratch, and an immediate beside memory, since in
a gadget each needs an instruction to be found at all. In a stencil they are a displacement and an
immediate: most instructions can do without scratch then.
"""

from __future__ import annotations

import re
from typing import Callable

HOME = r"@\d+@\(%r13\)"
LOAD = re.compile(rf"mov ({HOME}), %(r9|r10|r11)$")
COPY = re.compile(r"movq (%r\w+), %(r9|r10|r11)$")
FETCH = re.compile(r"mov \$@(\d+)([wi]?)@, %(r9|r10|r11)d?$")
JUMP = re.compile(r"j\w+ |\d+:|@next@")
# What may read a source from memory, its destination a register.
# Not what only widens it, multiplies it or writes it back: by a load of its own, of all 64 bits, it
# comes without waiting for the store before (hash of the bench: 0.8 of the time).
TAKES = re.compile(r"(?:mov[lq]|(?:add|or|adc|sbb|and|sub|xor|cmp)[bwlq]) (%\w+), (%\w+)$")
LOOKS = re.compile(r"(cmp|test)[bwlq] (%\w+|\$@\d+[bwi]?@), (%\w+)$")
BESIDE = re.compile(r"(?:lock )?(?:mov|add|or|adc|sbb|and|sub|xor|cmp|test)([blq]) (%\w+), "
                    r"([^$]*\([^()]*\))$")


def names(scratch: str) -> re.Pattern[str]:
    """All names of a scratch register."""
    return re.compile(rf"%{scratch}[dwb]?\b")


def is_in_cpu(line: str) -> bool:
    """It mentions what is in the cpu."""
    return "(%r13" in line


def from_home(lines: list[str], at: int) -> list[str] | None:
    """The lines without the load in line `at`, whose use has the register at home as its operand;
    None: it cannot."""
    load = LOAD.match(lines[at])
    if not load:
        return None
    home, scratch = load.groups()
    name = names(scratch)
    uses = [n for n in range(at + 1, len(lines)) if name.search(lines[n])]
    if len(uses) != 1 or is_in_cpu(lines[uses[0]]):
        return None
    use = uses[0]
    line = lines[use]
    if any(line.endswith(")") and is_in_cpu(line) for line in lines[at + 1:use]):
        return None  # it may be this one that is stored
    takes, looks = TAKES.match(line), LOOKS.match(line)
    made = ""
    if takes and name.fullmatch(takes[1]) and not name.fullmatch(takes[2]):
        made = line.replace(takes[1] + ",", home + ",")
    elif looks and name.fullmatch(looks[3]) and not name.search(looks[2]):
        made = line[:-len(looks[3])] + home
    elif looks and looks[1] == "test" and name.fullmatch(looks[2]):
        made = f"{line.split()[0]} {looks[3]}, {home}"
    return [*lines[:at], *lines[at + 1:use], made, *lines[use + 1:]] if made else None


def to_home(lines: list[str], at: int) -> list[str] | None:
    """The same of a register that is copied into one at home."""
    copy = COPY.match(lines[at])
    store = re.match(rf"mov %(r9|r10|r11), {HOME}$", lines[at + 1]) if at + 1 < len(lines) else None
    if not copy or not store or store[1] != copy[2] or \
            sum(bool(names(copy[2]).search(line)) for line in lines) != 2:
        return None
    return [*lines[:at], lines[at + 1].replace(f"%{copy[2]},", f"{copy[1]},"), *lines[at + 2:]]


def as_immediate(lines: list[str], at: int) -> list[str] | None:
    """The same of a parameter that is brought into scratch for an operation with memory."""
    fetch = FETCH.match(lines[at])
    if not fetch:
        return None
    offset, how, scratch = fetch.groups()
    uses = [n for n, line in enumerate(lines) if n != at and names(scratch).search(line)]
    beside = BESIDE.match(lines[uses[0]]) if len(uses) == 1 and uses[0] > at else None
    if not beside or not names(scratch).fullmatch(beside[2]) or \
            (beside[1] == "q") != (how == "i") or how == "w":
        return None
    parameter = f"$@{offset}{'b' if beside[1] == 'b' else how}@"
    line = lines[uses[0]].replace(beside[2] + ",", parameter + ",", 1)
    return [*lines[:at], *lines[at + 1:uses[0]], line, *lines[uses[0] + 1:]]


def each(lines: list[str], *rules: Callable[[list[str], int], list[str] | None]) -> list[str]:
    """The lines of a stencil, one instruction each, to which rules are applied as long as they can
    be."""
    at = 0
    while at < len(lines) and not any(map(JUMP.match, lines)):
        made = next(filter(None, (rule(lines, at) for rule in rules)), None)
        lines, at = (made, 0) if made else (lines, at + 1)
    return lines


def homes(lines: list[str]) -> list[str]:
    """The lines with registers at home as operands of instructions."""
    return each(lines, from_home, to_home)


def immediates(lines: list[str]) -> list[str]:
    """The lines with parameters as immediates beside memory."""
    return each(lines, as_immediate)
