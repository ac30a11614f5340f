"""Opcode maps: a decision tree per opcode out of the rows' constraints (core/decode/rows.h).

Also the spec's overlap check: two rows that the same bytes select are a mistake.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gen.language.errors import SpecError
from gen.language.model import Row

SPLIT = 0x8000
# name, number of branches; in the order in which a tree asks
QUESTIONS = (("PREFIX", 4), ("REG", 8), ("MOD", 2), ("RM", 8), ("OPSIZE", 3), ("ADDRSIZE", 3),
             ("SEG", 2), ("VEX_L", 2), ("VEX_W", 2))
MAPS = 7  # one byte, 0F, 0F38, 0F3A; with VEX 0F, 0F38, 0F3A
PREFIX_BRANCH = {"NP": 0, "66": 1, "F3": 2, "F2": 3}
SIZE_BRANCH = {2: 0, 4: 1, 8: 2}


def allowed(row: Row, question: str) -> frozenset[int] | None:
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
        return frozenset(SIZE_BRANCH[s] for s in row.opsizes) if row.opsizes else None
    if question == "ADDRSIZE":
        return frozenset(SIZE_BRANCH[s] for s in row.addrsizes) if row.addrsizes else None
    if question == "VEX_L":
        return None if row.vex is None or row.vex.l is None else frozenset({row.vex.l})
    if question == "VEX_W":
        return None if row.vex is None or row.vex.w == "WIG" else frozenset({int(row.vex.w[1])})
    return None if row.seg is None else frozenset({row.seg})


@dataclass
class Maps:
    """Opcode maps of one mode: [map][opcode] -> node, splits, ModRM bits."""

    nodes: list[list[int]] = field(default_factory=lambda: [[0] * 256 for _ in range(MAPS)])
    modrm: list[list[bool]] = field(default_factory=lambda: [[False] * 256 for _ in range(MAPS)])
    splits: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)


class Builder:
    """Builds the maps of one mode; row numbers are 1 + position in `rows`."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        self.maps = Maps()
        self.known: dict[tuple[str, tuple[int, ...]], int] = {}

    def run(self) -> Maps:
        """All opcodes."""
        cells: dict[tuple[int, int], list[int]] = {}
        for number, row in enumerate(self.rows):
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
        sets = [allowed(self.rows[n], name) for n in numbers]
        if all(s is None for s in sets):
            return self.node(numbers, question + 1)
        if name == "MOD" and len(numbers) == 1:  # the row's flags say it
            return self.node(numbers, question + 1)
        nexts = tuple(self.node([n for n, s in zip(numbers, sets) if s is None or b in s],
                                question + 1) for b in range(branches))
        if len(set(nexts)) == 1:
            return nexts[0]
        key = (name, nexts)
        if key not in self.known:
            self.known[key] = SPLIT + len(self.maps.splits)
            self.maps.splits.append(key)
        return self.known[key]

    def leaf(self, numbers: list[int]) -> int:
        """The row that wins: one with a mandatory prefix before one without, then one opcode
        before eight or sixteen (NOP before XCHG)."""
        best = [n for n in numbers if self.rows[n].prefix is not None] or numbers
        span = min(self.rows[n].span for n in best)
        best = [n for n in best if self.rows[n].span == span]
        if len(best) > 1:
            first, second = self.rows[best[0]], self.rows[best[1]]
            raise SpecError(second.where, f"the same bytes select {first.mnemonic} at "
                                          f"{first.where} ({first.text})")
        return best[0] + 1


def build(rows: list[Row]) -> Maps:
    """Maps for the rows of one mode."""
    return Builder(rows).run()
