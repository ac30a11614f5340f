"""What is built for whom: a target is host x guest x memory model.

The only place that spells a guest's name, its registers, the sizes that its instructions and
parameters have, and the memory model. How a host does things is gen/host/<host>.py and
templates/<host>/. Table indices and parameter offsets follow from here (gen/expand/expander.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

SEGMENTS = ("es", "cs", "ss", "ds", "fs", "gs")


def family(first: str, count: int) -> tuple[str, ...]:
    """`xmm0` to `xmm7`"""
    return tuple(f"{first}{number}" for number in range(count))


@dataclass(frozen=True)
class Guest:
    """A mode of the guest's processor. Names are what gadget names call a register; their number
    is the number of entries of an index, "" for entries that stay empty."""

    name: str                      # as rows, folders and pages call it
    opsizes: tuple[int, ...]       # bytes
    addrsizes: tuple[int, ...]     # bytes
    word_bytes: int                # of displacements and immediates as parameters of gadgets
    base: str                      # its line in gen/spec/features: what needs no CPUID bit
    general: dict[int, tuple[str, ...]] = field(hash=False)  # by width in bits
    vectors: tuple[str, ...]
    media: tuple[str, ...] = family("mm", 8)
    stack87: tuple[str, ...] = family("st", 8)
    segments: tuple[str, ...] = SEGMENTS + ("", "")
    policy: str = "default.policy"    # files of gen/spec
    profile: str = "default.profile"

    @property
    def mode(self) -> str:
        """Its member of enum guest_mode (core/base/types.h)."""
        return "GUEST_" + self.name.upper().replace("-", "_")

    @property
    def long_mode(self) -> bool:
        """It is 64-bit mode: REX and VEX.W say that a general register has 64 bits."""
        return 8 in self.opsizes

    @property
    def gadget(self) -> str:
        """What symbols of its gadgets begin with; gt_ instead of g_ are tables of them."""
        return "g64_" if self.long_mode else "g_"

    @property
    def table(self) -> str:
        """What symbols of its tables begin with."""
        return self.gadget.replace("g", "gt")

    def width(self, bits: int) -> int:
        """Bits of the names for a register operand; an operand without a width has the widest."""
        return bits if bits in self.general else max(self.general)

    def registers(self, bits: int) -> tuple[str, ...]:
        """Names of the general registers as operands of a width."""
        return self.general[self.width(bits)]

    def entries(self, kind: str, bits: int) -> tuple[str, ...]:
        """Names of the entries of a table's index by an operand: `kind` is a model.Place, `m` a
        memory operand by base register."""
        if kind == "m":
            bases = tuple(f"m_{name}" for name in self.registers(0))
            return bases + ("m_abs", "m_ea")
        if kind == "r":
            return self.registers(bits)
        return {"x": self.vectors, "y": family("ymm", len(self.vectors)), "mm": self.media,
                "st": self.stack87, "s": self.segments}[kind]

    def param_bytes(self, param: str) -> int:
        """Width of a gadget's parameter (core/decode/rows.h: enum param_kind): addresses of code
        and of the host 8, displacements and immediates as wide as the guest's, others 4."""
        if param in ("target", "fall", "helper", "pc", "nextpc", "place", "link"):
            return 8
        return self.word_bytes if param in ("disp", "imm") else 4


@dataclass(frozen=True)
class Target:
    """One library of gadgets."""

    host: str
    guest: Guest
    memory: str

    @property
    def directory(self) -> Path:
        """Where its gadgets are, below the folder of all gadgets."""
        return Path(self.host) / self.guest.name / self.memory

    def __str__(self) -> str:
        return f"host {self.host}, guest {self.guest.name}, memory {self.memory}"


WORDS = ("ax", "cx", "dx", "bx", "sp", "bp", "si", "di")
NEW = family("r", 16)[8:]
HIGH = ("ah", "ch", "dh", "bh")

I386 = Guest(
    name="i386", opsizes=(2, 4), addrsizes=(2, 4), word_bytes=4, base="i686",
    general={8: ("al", "cl", "dl", "bl") + HIGH, 16: WORDS, 32: tuple(f"e{w}" for w in WORDS)},
    vectors=family("xmm", 8))

# Byte operands: sixteen as a REX prefix numbers them, after them the four that need its absence.
X86_64 = Guest(
    name="x86-64", opsizes=(2, 4, 8), addrsizes=(4, 8), word_bytes=8, base="x86-64",
    general={8: ("al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil") +
             tuple(f"{r}b" for r in NEW) + HIGH,
             16: WORDS + tuple(f"{r}w" for r in NEW),
             32: tuple(f"e{w}" for w in WORDS) + tuple(f"{r}d" for r in NEW),
             64: tuple(f"r{w}" for w in WORDS) + NEW},
    vectors=family("xmm", 16),
    policy="x86-64.policy", profile="x86-64.profile")

GUESTS = (I386, X86_64)  # in the order of enum guest_mode (core/base/types.h)
MEMORY = "window"        # the only memory model so far
HOST = "x86_64"
DEFAULT = Target(HOST, I386, MEMORY)
