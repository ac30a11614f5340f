"""Texts of stencils for the x86-64 host: an access whose probe stands apart, so that native code
can leave it out; which guest registers a body changes.

A body that probes an address D(B) first, B a guest register, accesses it as D(window,B) instead and
has a note that says what is to be probed. core/native/known.c puts the probe in front of it, unless
an address nearby was probed by the same register in the same block. So it is with an address in the
EA register, of which a note of the prelude before says what it is the sum of.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import takewhile

from gen.host.code.operands import homes, immediates
from gen.host.host import (HOLE_HOME, HOLE_MOVED, HOLE_PROBE, HOLE_SHORT, HOLE_SHORT_SIB,
                           HOLE_REACHED, HOLE_STORED, HOLE_SUM, NO_PARAM, Note)

# Guest registers in their numbers' order: all names of each.
FAMILIES = tuple(
    rf"%(?:{names})\b" for names in (
        "rax|eax|ax|al|ah", "rcx|ecx|cx|cl|ch", "rdx|edx|dx|dl|dh", "rbx|ebx|bx|bl|bh", "r8[dwb]?",
        "rbp|ebp|bp|bpl", "rsi|esi|si|sil", "rdi|edi|di|dil"))
WHOLE = ("rax", "rcx", "rdx", "rbx", "r8", "rbp", "rsi", "rdi")
AT_HOME = 8
BY_EA = 9       # in place of a register's number: the EA register has the address
EA_TEMPS = ("r9", "r10")  # the scratch register of such a probe, for another may be in use
PERHAPS = 0x10  # the body may go on without the access
ALL = 0xff
# Instructions that change no general register but those they name.
PLAIN = re.compile(
    r"(?:lock )?(?:mov|lea|add|sub|and|or|xor|adc|sbb|cmp|test|inc|dec|neg|not|sh[lr]|sa[rl]|"
    r"ro[lr]|rc[lr]|bt|set|bswap|xadd|xchg|andn|bextr|bls|rorx|[lt]zcnt|popcnt|bs[fr]|nop|"
    r"prefetch|j|imul|[vp]|cvt|ucomis|comis|sqrt|div[ps]|mul[ps]|min[ps]|max[ps]|unpck|shuf|rcp|"
    r"rsqrt|lddqu|f|vzero|crc32)\w*\s")
NOT_PLAIN = re.compile(r"\b(?:v?maskmov|v?pcmp[ei]str|vpmaskmov|v?p?gather|popf|pushf|"
                       r"cmpxchg)|imul\w* [^,]*$")
READS = re.compile(r"(?:cmp|test|bt)[bwlq]? ")
BOTH = re.compile(r"(?:lock )?(?:xadd|xchg)")
JUMP = re.compile(r"\s*(?:j\w+ |\d+:)")
FILLS = re.compile(r"(?:mov|lea)\w* .*%(?:r9|r10|r11)[dwb]?$|"
                   r"v?movap[sd] @\d+@\(%r13\), %[xy]mm1[2-5]$")
PROBE = re.compile(r"shrx %r12, %(\w+), %(r9|r10|r11)$")
LOAD = re.compile(r"movzbl PROBE\(%r15,%(r9|r10|r11)\), %\1d$")
SUM = re.compile(r"lea (@\d+w@|-?\d+|)\(%(\w+)\), %(r9|r11)$")
FROM_HOME = re.compile(r"mov @(\d+)@\(%r13\), %r11$")
INTO_HOME = re.compile(r"(?!cmp|test)\w+ (?:[%$@\w]+, )?@(\d+)@\(%r13\)$")
EA_HOME = re.compile(r"mov CPU_REGS\+(\d+)\(%r13\), %(r9|r11)$")
EA_SUM = re.compile(r"lea @8w@\((?:%(\w+))?(?:,%(\w+),([1248]))?\), %r11$")
STEP = re.compile(r"lea (-?\d+|@\d+w@)\(%(\w+)\), %\2$")
COUNT = re.compile(r"(add|sub)q? \$@(\d+)[wi]@, %(\w+)$")


@dataclass
class Probed:
    """A probe that a body begins with: lines [first, last] of it; the address is D(B) in `address`,
    or in B itself (""). `home`: the line that fetched B. By the EA register, D is the number of its
    scratch register."""

    first: int
    last: int
    base: int
    disp: str
    address: str
    home: str = ""


def short_form(line: str) -> int:
    """HOLE_SHORT or HOLE_SHORT_SIB, where a displacement that is a hole has a short form; or 0."""
    found = re.search(r"@\d+w?@[-+\d]*\((%\w+)?(,%\w+)?(,\d)?\)", line)
    if not found or not found[1]:
        return 0
    return HOLE_SHORT_SIB if found[2] or found[1] in ("%r12", "%rsp") else HOLE_SHORT


def outside(line: str) -> str:
    """A line without what addresses its operands in memory."""
    return re.sub(r"\([^)]*\)", "", line)


def changes(family: int, line: str) -> bool:
    """May the line change a guest register? Of most instructions the last operand is changed."""
    if READS.match(line):
        return False
    text = outside(line)
    return re.search(FAMILIES[family],
                     text if BOTH.match(line) else text.rsplit(",", 1)[-1]) is not None


def find_probe(lines: list[str]) -> Probed | None:
    """The first probe, where nothing before it does more than to fill scratch registers: another
    fault could come first."""
    at = next((n for n, line in enumerate(lines) if PROBE.match(line)), None)
    if at is None or at + 1 == len(lines):
        return None
    shift, load = PROBE.match(lines[at]), LOAD.match(lines[at + 1])
    assert shift
    if not load or load[1] != shift[2]:
        return None
    before = lines[:at]
    if not all(FILLS.match(line) for line in before) or any(
            "%r15" in line or "%mm" in line for line in before):
        return None
    if shift[1] in WHOLE:
        base = WHOLE.index(shift[1])
        if any(changes(base, line) for line in before):
            return None
        return Probed(at, at + 1, base, "", "")
    if shift[1] == "r11" and shift[2] in EA_TEMPS and \
            not any(line.endswith("%r11") for line in before):
        return Probed(at, at + 1, BY_EA, str(EA_TEMPS.index(shift[2])), "")
    total = SUM.match(lines[at - 1]) if at else None
    if not total or total[3] != shift[1]:
        return None
    before = before[:-1]
    if total[2] in WHOLE:
        base = WHOLE.index(total[2])
        if any(changes(base, line) for line in before):
            return None
        return Probed(at - 1, at + 1, base, total[1], total[3])
    home = FROM_HOME.match(before[-1]) if before and total[2] == "r11" else None
    if not home:
        return None
    return Probed(at - 1, at + 1, AT_HOME, total[1], total[3], home[1])


def direct(lines: list[str], probed: Probed) -> list[str] | None:
    """The lines with an access by the base register; None: not that simple."""
    base = "r11" if probed.home else WHOLE[probed.base]
    before, after = lines[:probed.first], list(lines[probed.last + 1:])
    place = f"(%r15,%{probed.address})"
    found = [n for n, line in enumerate(after) if place in line]
    if not found or (len(found) > 1) or any(JUMP.match(line) for line in after[:found[0]]):
        return None
    number = found[0]
    line = after[number]
    offset = re.search(r"(-?\d+|)" + re.escape(place), line)
    assert offset
    hole = probed.disp.startswith("@")
    rest = line.replace(place, "")
    if hole and ("$" in line or "@" in rest) or re.search(rf"%{probed.address}[dwb]?\b", rest):
        return None
    if probed.home and any(re.search(r"%r11[dwb]?\b", other) for other in after[:number]) or \
            not probed.home and any(changes(probed.base, other) for other in after[:number]):
        return None
    disp = probed.disp + ("+" if offset[1] and not offset[1].startswith("-") else "") + offset[1] \
        if hole else str(int(probed.disp or 0) + int(offset[1] or 0) or "")
    after[number] = line.replace(offset[0], f"{disp}(%r15,%{base})")
    for n, other in enumerate(after):
        if re.match(rf"mov\w* [^,]*(?:\([^)]*\))?[^,]*, %{probed.address}$", other) and \
                f"%{probed.address}" not in other.rsplit(",", 1)[0]:
            break  # something else from here on
        if other == f"mov %{probed.address}, %{base}" and n > number and not hole:
            after[n] = f"lea {probed.disp}(%{base}), %{base}"
        elif n != number and re.search(rf"%{probed.address}[dwb]?\b", other):
            return None
    return before + after


def surely(lines: list[str]) -> bool:
    """Is the first thing that a body does with memory of the window on its only way?"""
    for line in lines:
        if "(%r15" in line:
            return True
        if JUMP.match(line):
            return False
    return False


def ea_sum(lines: list[str]) -> list[Note]:
    """The note of a prelude (core/ea_index.j2)."""
    total = EA_SUM.match(lines[-1]) if lines else None
    homes = [EA_HOME.match(line) for line in lines[:-1]]
    if not total or not all(homes):
        return []
    numbers = {match[2]: int(match[1]) // 8 for match in homes if match}
    numbers.update({name: number for number, name in enumerate(WHOLE)})
    base, index = (numbers.get(name, 0) for name in (total[1], total[2]))
    how = int(total[3] or 1).bit_length() - 1 | (0 if total[1] else 4) | (0 if total[2] else 8)
    return [Note(base | index << 4 | how << 8, 8, HOLE_SUM)]


def stored(lines: list[str]) -> list[Note]:
    """Notes of the registers at home that a body changes."""
    found = [INTO_HOME.match(line) for line in lines]
    return [Note(0, int(match[1]), HOLE_STORED) for match in found if match]


def moved(lines: list[str]) -> tuple[list[Note], set[int]]:
    """Notes of the registers that a body only counts up or down, on each of its ways, and those
    registers."""
    notes: list[Note] = []
    counted: set[int] = set()
    for line in takewhile(lambda line: not JUMP.match(line), lines):
        step, count = STEP.match(line), COUNT.match(line)
        name = step[2] if step else count[3] if count else ""
        if name not in WHOLE:
            continue
        number = WHOLE.index(name)
        if sum(changes(number, other) for other in lines) != 1:
            continue
        counted.add(number)
        if count:
            notes.append(Note(number | (0x80 if count[1] == "sub" else 0), int(count[2]),
                              HOLE_MOVED))
        elif step and step[1].startswith("@"):
            notes.append(Note(number, int(step[1][1:-2]), HOLE_MOVED))
        elif step and -128 <= int(step[1]) < 128:
            notes.append(Note(number | (int(step[1]) & 0xff) << 8, NO_PARAM, HOLE_MOVED))
        else:
            counted.remove(number)
    return notes, counted


def reached(lines: list[str]) -> list[Note]:
    """Notes of the registers that a body makes an address in scratch, which it has accessed, on its
    only way to there."""
    straight = list(takewhile(lambda line: not JUMP.match(line), lines))
    found = []
    for at, line in enumerate(straight):
        move = re.match(r"mov %(r9|r10|r11), %(\w+)$", line)
        if not move or move[2] not in WHOLE:
            continue
        scratch, number = move[1], WHOLE.index(move[2])
        made = max((n for n in range(at) if straight[n].endswith(f", %{scratch}")), default=at)
        since = straight[made + 1:at]
        if any(re.match(rf"mov\w* (?:.*, )?\(%r15,%{scratch}\)", other) for other in since) and \
                not any(changes(number, other) for other in lines[at + 1:]):
            found.append(Note(number, NO_PARAM, HOLE_REACHED))
    return found


def changed(lines: list[str], counted: set[int]) -> int:
    """The registers that a body may change, by bits, but for those that are `counted`."""
    bits = 0
    for line in lines:
        if re.match(r"\d+:$", line) or line.startswith("."):
            continue
        # one operand, not two: also where that is in memory, by two registers
        if NOT_PLAIN.search(outside(line)) or not PLAIN.match(line + " "):
            return ALL
        if " " not in line and not line.startswith(("nop", "f", "v")):
            return ALL
        for number in range(len(FAMILIES)):
            if number not in counted and changes(number, line):
                bits |= 1 << number
    return bits


def notes(lines: list[str]) -> tuple[list[str], list[Note], int]:
    """The lines of a stencil (one instruction each, no blanks around) as native code has them,
    notes, and the registers that they may change otherwise than the notes say."""
    found: list[Note] = []
    lines = homes(lines)
    probed = find_probe(lines)
    if probed and (probed.disp.startswith("@") or -128 <= int(probed.disp or 0) < 128):
        short = direct(lines, probed) if probed.address else None
        at = probed.last - 1
        lines = short or lines[:at] + lines[at + 2:]
        hole = probed.disp.startswith("@")
        const = 0 if hole or not probed.disp else int(probed.disp) & 0xff
        perhaps = 0 if surely(lines) else PERHAPS
        found.append(Note(probed.base | perhaps | const << 8,
                          int(probed.disp[1:-2]) if hole else NO_PARAM, HOLE_PROBE))
        if probed.home:
            found.append(Note(0, int(probed.home), HOLE_HOME))
    found += ea_sum(lines)
    moves, counted = moved(lines)
    found += [*moves, *stored(lines), *reached(lines)]
    return immediates(lines), found, changed(lines, counted)
