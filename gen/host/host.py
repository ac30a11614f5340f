"""What the generator asks of a host. A host is a module of this folder, named as targets and
folders of templates call it; load() finds it, so that nothing else names one.

A host says where the guest's registers are, what templates may mention besides operands, and how
operands look as text of its assembler.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Callable, Mapping

from gen.language.model import Place
from gen.language.target import HIGH, Guest

# Memory operands without base register, by the EA register, by a base register at home in the cpu.
ABSOLUTE, IN_EA, HOME = -1, -2, -3
WIDE = {Place.XMM.value: "xmm", Place.YMM.value: "ymm"}


# Kinds of holes in stencils (gen/emit/stencils.py, core/native/stencil.h): bytes of a parameter;
# HOLE_32 counts up what the text adds, HOLE_32S is one of 8 bytes that must fit; where the gadget's
# slots are, in 8 bytes; an entry of the fiber that an indirect branch leads to; the displacement of
# a branch; no bytes, but the kind of a fixup.
(HOLE_8, HOLE_16, HOLE_32, HOLE_32S, HOLE_64,
 HOLE_SLOT, HOLE_ENTRY, HOLE_BRANCH, HOLE_FIXUP) = range(9)
# Notes, which have no bytes: what is to be probed before the body (by a register, or one at home in
# the cpu, by HOLE_HOME), a register that is counted up or down, one at home that is changed, the
# sum of registers and a parameter that is put into the EA register, a register that is made an
# address which was accessed.
HOLE_PROBE, HOLE_HOME, HOLE_MOVED, HOLE_STORED, HOLE_SUM, HOLE_REACHED = range(9, 15)
NO_PARAM = 0  # in place of a parameter's offset: a constant
# Added to HOLE_32 and HOLE_32S: a displacement that ends its instruction, whose short form has 3
# bytes less; in front of it is a ModRM byte, or also one after that (SIB).
HOLE_SHORT, HOLE_SHORT_SIB = 0x40, 0x80


@dataclass(frozen=True)
class Hole:
    """A hole in the instruction of a line: `back` bytes before its end, for the parameter at
    `offset`."""

    back: int
    offset: int
    kind: int


@dataclass(frozen=True)
class Note:
    """A note of a stencil (HOLE_PROBE and what follows it): `value` in place of a hole's offset."""

    value: int
    offset: int
    kind: int


@dataclass(frozen=True)
class OperandForm:
    """An operand as a table sees it."""

    name: str       # dst, src ...
    place: Place
    size: int
    by_base: bool = False
    scratch: bool = False  # in a scratch register (policy `unexploded`)
    access: str = ""       # for guests whose registers are not all the host's, else ""
    vex: bool = False      # a vector register of an instruction with VEX, of such guests


class Residence:
    """Where a guest's registers are: the first `resident` of a kind in host registers, the others
    at home in `struct cpu`. An index of a table has one entry for all that are at home; which one
    it is, says a parameter of the gadget, its offset in the cpu."""

    def __init__(self, guest: Guest, resident: int) -> None:
        assert resident >= 8  # those that need no REX prefix
        self.guest = guest
        self.resident = resident
        self.bits = max(guest.general)  # of an address
        self.found: dict[tuple[str, int], tuple[str, ...]] = {}

    def entries(self, kind: str, bits: int) -> tuple[str, ...]:
        """Names of the entries of a table's index by an operand (Guest.entries)."""
        if (kind, bits) not in self.found:
            self.found[kind, bits] = self.made_entries(kind, bits)
        return self.found[kind, bits]

    def made_entries(self, kind: str, bits: int) -> tuple[str, ...]:
        """entries(), at its first call."""
        names = self.guest.entries(kind, bits)
        count = self.count(kind)
        if count <= self.resident:
            return names
        home = {"r": "rN" + {8: "b", 16: "w", 32: "d"}.get(self.guest.width(bits), ""),
                "m": "m_rN"}.get(kind) or f"{WIDE[kind]}N"
        return names[:self.resident] + (home,) + names[count:]

    def count(self, kind: str) -> int:
        """Registers of a kind, of which some may be at home; 0: never."""
        if kind in WIDE:
            return len(self.guest.vectors)
        return len(self.guest.registers(0)) if kind in ("r", "m") else 0

    def is_home(self, kind: str, entry: int) -> bool:
        """The entry is the one of all registers that are at home."""
        return entry == self.resident and self.count(kind) > self.resident

    def high_byte(self, entry: int) -> int | None:
        """The number of AH, CH, DH, BH (0 to 3) by an entry of byte registers; None: another."""
        name = self.entries("r", 8)[entry]
        return HIGH.index(name) if name in HIGH else None

    def base(self, entry: int) -> int:
        """What a memory operand's base is by its entry: a number, ABSOLUTE, IN_EA or HOME."""
        last = len(self.entries("m", 0)) - 1
        if self.is_home("m", entry):
            return HOME
        return {last - 1: ABSOLUTE, last: IN_EA}.get(entry, entry)

    def impossible(self, operands: list[tuple[str, int, int]]) -> bool:
        """No instruction has these operands (kind, bits, entry) together: AH to BH beside what
        needs a REX prefix."""
        if not self.guest.long_mode:
            return False
        high = any(kind == "r" and bits == 8 and self.high_byte(entry) is not None
                   for kind, bits, entry in operands)
        return high and any(self.wants_rex(*operand) for operand in operands)

    def wants_rex(self, kind: str, bits: int, entry: int) -> bool:
        """An instruction with such an operand has a REX prefix: one of the eight new registers,
        SPL to DIL, 64 bits."""
        if kind not in ("r", "m"):
            return False
        if 8 <= entry < min(self.count(kind), self.resident) or self.is_home(kind, entry):
            return True
        return kind == "r" and (bits == 64 or bits == 8 and 8 > entry >= len(HIGH))


class Host(ABC):
    """One host; its module has one as HOST."""

    resident: int           # guest registers of a kind that are in host registers, the first ones
    bytes_per_insn: float   # of the whole library, on an average
    # notes() of guests with 64-bit addresses; None: there are none
    long_notes: Callable[[list[str]], tuple[list[str], list[Note], int]] | None = None

    def residence(self, guest: Guest) -> Residence:
        """Where the registers of a guest are."""
        return Residence(guest, self.resident)

    @abstractmethod
    def names(self, guest: Guest) -> Mapping[str, object]:
        """What every template may mention, for a guest: registers, functions."""

    @abstractmethod
    def suffix(self, size: int) -> str:
        """`s` of templates: a mnemonic's suffix for `size` bits, "" where there is none."""

    @abstractmethod
    def slot(self, offset: int, wide: bool = False) -> object:
        """A parameter of a gadget, of 8 bytes if `wide`: renders as its load from the fiber, and
        has the attribute `offset` for macros of dispatch."""

    def holes(self) -> Host | None:
        """The same host, but with parameters that are holes: for stencils. None: it has no native
        tier."""
        return None

    def fill(self, line: str) -> tuple[str, list[Hole]]:
        """A line of a stencil as the assembler gets it, and its holes in the order of its bytes.
        ValueError: it can have none."""
        raise NotImplementedError

    def notes(self, lines: list[str], long_mode: bool) -> tuple[list[str], list[Note], int]:
        """The lines of a stencil as native code gets them, notes, and which guest registers they
        may change otherwise than notes say, by bits."""
        return self.long_notes(lines) if self.long_notes and long_mode else (lines, [], 0xff)

    @abstractmethod
    def address(self, number: int) -> object:
        """A general register of the guest as core gadgets add it to an address."""

    @abstractmethod
    def operands(self, residence: Residence, forms: tuple[OperandForm, ...],
                 values: dict[str, int], offsets: dict[str, int], size: int, more: bool
                 ) -> Mapping[str, object]:
        """The operands of a gadget by name, as templates see them. `values`: their entries in the
        indices of the table; `offsets`: of the gadget's parameters; `size`: of the operation in
        bits; `more`: the body has an immediate besides the operands."""


@lru_cache(maxsize=None)
def load(name: str) -> Host:
    """The host of a target's name. ModuleNotFoundError: there is none."""
    host = import_module(f"gen.host.{name}").HOST
    assert isinstance(host, Host)
    return host


def hosts() -> list[str]:
    """Names of the hosts that there are."""
    own = Path(__file__)
    return sorted(path.stem for path in own.parent.glob("*.py")
                  if path.name not in (own.name, "__init__.py"))


def sources(host: Host) -> list[Path]:
    """The files that a host consists of: where its class and those that it builds on are, and what
    works on texts of stencils."""
    files = [Path(inspect.getfile(kind)) for kind in type(host).__mro__
             if kind.__module__.startswith("gen.")]
    return [*files, *sorted((Path(__file__).parent / "code").glob("*.py"))]
