"""Opcode maps: a decision tree per opcode out of the rows' constraints (core/decode/rows.h).

Also the spec's overlap check: two rows that the same bytes select are a mistake.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Iterable

from gen.language.errors import SpecError
from gen.language.model import Row
from gen.language.target import Guest

SPLIT = 0x8000
# name, number of branches; in the order in which a tree asks (and at last FEATURE, in leaf())
QUESTIONS = (("PREFIX", 4), ("REG", 8), ("MOD", 2), ("RM", 8), ("OPSIZE", 3), ("ADDRSIZE", 3),
             ("SEG", 2), ("VEX_L", 2), ("VEX_W", 2), ("REX_R", 2), ("REX_B", 2))
MAPS = 7  # one byte, 0F, 0F38, 0F3A; with VEX 0F, 0F38, 0F3A
PREFIX_BRANCH = {"NP": 0, "66": 1, "F3": 2, "F2": 3}
SIZE_BRANCH = {2: 0, 4: 1, 8: 2}


def sizes(words: tuple[int, ...], guest: tuple[int, ...]) -> frozenset[int] | None:
    """Branches of a row's size words; None when it has all sizes of the guest."""
    if not words or set(guest) <= set(words):
        return None
    return frozenset(SIZE_BRANCH[s] for s in words if s in guest)


def allowed(row: Row, question: str, guest: Guest) -> frozenset[int] | None:
    """Branches of a question that a row belongs to; None: all."""
    if question == "PREFIX":
        return None if row.prefix is None else frozenset({PREFIX_BRANCH[row.prefix]})
    if question == "REG":
        if any(o.letter == "S" for o in row.operands):  # six segment registers; CS only as source
            return frozenset({0, 2, 3, 4, 5} | ({1} if row.operands[0].letter != "S" else set()))
        return None if row.reg is None else frozenset({row.reg})
    if question == "MOD":
        if not row.modrm or row.can_mem == row.can_reg:
            return None
        return frozenset({0 if row.can_mem else 1})
    if question == "RM":
        return None if row.rm is None else frozenset({row.rm})
    if question == "OPSIZE":
        return sizes(row.opsizes, guest.opsizes)
    if question == "ADDRSIZE":
        return sizes(row.addrsizes, guest.addrsizes)
    if question == "VEX_L":
        return None if row.vex is None or row.vex.l is None else frozenset({row.vex.l})
    if question == "VEX_W":
        return None if row.vex is None or row.vex.w == "WIG" else frozenset({int(row.vex.w[1])})
    if question in ("REX_R", "REX_B"):
        word = question.lower().replace("rex_", "norex")
        return frozenset({0}) if word in row.words and guest.long_mode else None
    return None if row.seg is None else frozenset({row.seg})


@dataclass
class Maps:
    """Opcode maps of one guest: [map][opcode] -> node, ModRM bits."""

    guest: Guest
    nodes: list[list[int]] = field(default_factory=lambda: [[0] * 256 for _ in range(MAPS)])
    modrm: list[list[bool]] = field(default_factory=lambda: [[False] * 256 for _ in range(MAPS)])


Split = tuple[str, tuple[int, ...]]


class Builder:
    """Builds the maps of one guest; row numbers are 1 + position in `rows`, which may have rows of
    other guests. `known`: the splits of all guests' maps, to be shared."""

    def __init__(self, rows: list[Row], guest: Guest, known: dict[Split, int]) -> None:
        self.rows = rows
        self.guest = guest
        self.maps = Maps(guest)
        self.known = known

    def run(self) -> Maps:
        """All opcodes."""
        cells: dict[tuple[int, int], list[int]] = {}
        for number, row in enumerate(self.rows):
            if self.guest.name not in row.modes:
                continue
            for opcode in range(row.opcode, row.opcode + row.span):
                cells.setdefault((row.opcode_map, opcode), []).append(number)
        for (map_, opcode), numbers in cells.items():
            flags = {self.rows[n].modrm for n in numbers}
            if len(flags) > 1:
                rows = [self.rows[n] for n in numbers]
                odd = next(r for r in rows if r.modrm != rows[0].modrm)
                raise SpecError(odd.where, f"opcode {opcode:02X} has a ModRM byte in one row and "
                                           f"none in another ({rows[0].where})")
            self.maps.modrm[map_][opcode] = flags.pop()
            self.maps.nodes[map_][opcode] = self.node(numbers, 0)
        return self.maps

    def node(self, numbers: list[int], question: int) -> int:
        """Opnode that tells these rows apart."""
        if not numbers:
            return 0
        if question == len(QUESTIONS):
            return self.leaf(numbers)
        name, branches = QUESTIONS[question]
        sets = [allowed(self.rows[n], name, self.guest) for n in numbers]
        if all(s is None for s in sets):
            return self.node(numbers, question + 1)
        if name == "MOD" and len(numbers) == 1:  # the row's flags say it
            return self.node(numbers, question + 1)
        if name == "OPSIZE":
            self.check_opsize(numbers)
        nexts = tuple(self.node([n for n, s in zip(numbers, sets) if s is None or b in s],
                                question + 1) for b in range(branches))
        return nexts[0] if len(set(nexts)) == 1 else self.split(name, nexts)

    def split(self, name: str, nexts: tuple[int, ...]) -> int:
        """Opnode of a split."""
        key = (name, nexts)
        if key not in self.known:
            self.known[key] = SPLIT + len(self.known)
        return self.known[key]

    def check_opsize(self, numbers: list[int]) -> None:
        """A row that changes the operand size is not told from others by it."""
        for row in (self.rows[n] for n in numbers):
            if row.words & {"def64", "f64"} and self.guest.long_mode:
                raise SpecError(row.where, f"{row.mnemonic} changes the operand size, by which "
                                           "its opcode is told from others")

    def leaf(self, numbers: list[int]) -> int:
        """The row that wins: one with a mandatory prefix before one without, then one opcode
        before eight or sixteen (NOP before XCHG). Where the winner by prefix belongs to a feature,
        a processor without it ignores the prefix (TZCNT is BSF there)."""
        best = [n for n in numbers if self.rows[n].prefix is not None]
        rest = [n for n in numbers if self.rows[n].prefix is None]
        if best and rest and self.rows[best[0]].feature:
            return self.split("FEATURE", (self.leaf(rest), self.leaf(best)))
        best = best or rest
        span = min(self.rows[n].span for n in best)
        best = [n for n in best if self.rows[n].span == span]
        if len(best) > 1:
            first, second = self.rows[best[0]], self.rows[best[1]]
            raise SpecError(second.where, f"the same bytes select {first.mnemonic} at "
                                          f"{first.where} ({first.text})")
        return best[0] + 1


def build(guests: Iterable[tuple[Guest, list[Row]]]) -> tuple[list[Maps], list[Split]]:
    """Maps of each guest, whose rows have the same numbers, and the splits of all of them."""
    known: dict[Split, int] = {}
    return [Builder(rows, guest, known).run() for guest, rows in guests], list(known)
