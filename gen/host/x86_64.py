"""Registers and operands as bodies see them: objects that render as gas text for the x86-64 host.

The only place of the generator that spells host registers. A fetch (`pre`) never changes flags,
guest memory, or guest registers in a way that a fault after it would show, as long as a body puts
`src.pre` before `dst.pre`.
"""

from __future__ import annotations

import re

from gen.language.target import SEGMENTS, Guest

R64 = ("rax", "rcx", "rdx", "rbx", "r8", "rbp", "rsi", "rdi")
R32 = ("eax", "ecx", "edx", "ebx", "r8d", "ebp", "esi", "edi")
R16 = ("ax", "cx", "dx", "bx", "r8w", "bp", "si", "di")
R8 = ("al", "cl", "dl", "bl", "ah", "ch", "dh", "bh")
SUFFIX = {8: "b", 16: "w", 32: "l", 64: "q"}
BYTES_PER_INSN = 3.8  # of the whole library, measured
ABSOLUTE, IN_EA = -1, -2  # memory operands without base register, and by the EA register


class HostRegister:
    """One of r8 to r15, by the name that says what it is for; renders as the whole register."""

    def __init__(self, host: str, holds: str, why: str) -> None:
        self.host = host
        self.holds = holds
        self.why = why

    def __getitem__(self, bits: int) -> str:
        return "%" + self.host + {8: "b", 16: "w", 32: "d", 64: ""}[bits]

    def __str__(self) -> str:
        return self[64]

    @property
    def r8(self) -> str:
        """Low byte."""
        return self[8]

    @property
    def r16(self) -> str:
        """Low 16 bits."""
        return self[16]

    @property
    def r32(self) -> str:
        """Low 32 bits."""
        return self[32]


# Who is in which register, and why: the names that templates use. (The guest's own are in R32.)
# templates/x86_64/registers.md shows this table (gen/tests/test_host.py).
NAMES = {
    "sp": HostRegister("r8", "guest esp, zero-extended",
                       "rsp is the host's stack, signal handlers run on it"),
    "addr": HostRegister("r9", "scratch: displacement of a memory operand, target of an indirect "
                               "branch", "dead between gadgets"),
    "tmp": HostRegister("r10", "scratch: a value beside memory", "dead between gadgets"),
    "ea": HostRegister("r11", "scratch; from an EA prelude to its user: the effective address (EA "
                              "register)",
                       "index, 16-bit and segment forms need not be specialised per instruction"),
    "anchor": HostRegister("r12", "jump-cache anchor (`cpu->anchor`)",
                           "an empty cache entry (0) then names an entry that matches nothing, "
                           "with no compare"),
    "cpu": HostRegister("r13", "`struct cpu`", "its fields are one operand away"),
    "slot": HostRegister("r14", "slot 0 of the running gadget; its parameters follow",
                         "side table: slot -> guest pc, for precise faults"),
    "window": HostRegister("r15", "window base, 4 GiB-aligned; so has the base of gs",
                           "string instructions: window + edi, undone by `mov %edi,%edi`"),
}
ADDR, TMP, EA, SLOT = (NAMES[name] for name in ("addr", "tmp", "ea", "slot"))


# Where the bodies scratch_src_x, scratch_src_r ... put operands.
SCRATCH_XMM = {"src": "%xmm8"}
SCRATCH = {"src": TMP, "src2": ADDR}


def register(number: int, bits: int) -> str:
    """Host name of a guest register in a width."""
    names = {8: R8, 16: R16, 32: R32, 64: R64}[bits]
    return "%" + names[number]


# Names in templates that mean another thing for another guest: addresses, stack and window.
OF_A_GUEST = frozenset({"pc", "nextpc", "indirect", "sp", "window"})


def homes(guest: Guest, kind: str, bits: int) -> int:
    """How many entries of an index (Guest.entries) have a place on this host."""
    names = guest.entries(kind, bits)
    if kind == "r" and bits == 8:
        return sum(1 for name in names if name in R8)
    limit = {"r": len(R64), "x": len(R64), "m": len(R64) + 2}.get(kind, len(names))
    return min(limit, len(names))


def spells_registers(text: str) -> bool:
    """Does a template name a guest register by a name that is 32 bits wide?"""
    return re.search(r"%e([abcd]x|[sd]i|bp)", text) is not None


class Slot:
    """A placeholder: a parameter of the gadget, rendered as a load from the fiber."""

    def __init__(self, offset: int) -> None:
        self.offset = offset

    def __str__(self) -> str:
        return f"{self.offset}({SLOT})"


class Rendered:
    """Common part of all operands: kind, width, nothing to fetch."""

    kind = ""

    def __init__(self, size: int) -> None:
        self.size = size
        self.s = SUFFIX.get(size, "")
        self.pre = ""
        self.post = ""
        self.num = 0


class Reg(Rendered):
    """General register. `rex`: the instruction has another operand that needs a REX prefix;
    `source`: it is read beside a memory destination, so it must be fetched into tmp."""

    kind = "r"

    def __init__(self, number: int, size: int, rex: bool = False, source: bool = False) -> None:
        super().__init__(size)
        self.num = number
        self.text = register(number, size)
        if size == 8 and number >= 4 and rex:
            low, wide = "%" + R8[number - 4], "%" + R32[number - 4]
            swap = f"xchg {low}, {self.text}\n"
            if source:
                self.pre = (f"mov {wide}, {TMP.r32}\nmov {self.text}, {low}\n"
                            f"xchg {wide}, {TMP.r32}\n")
                self.post = f"{swap}mov {TMP.r8}, {low}\n{swap}"
                self.text = TMP.r8
            else:
                self.pre = self.post = swap
                self.text = low

    def __str__(self) -> str:
        return self.text

    @property
    def r8(self) -> str:
        """Low byte; only eax to ebx have one."""
        return register(self.num, 8)

    @property
    def r16(self) -> str:
        """Low 16 bits."""
        return register(self.num, 16)

    @property
    def r32(self) -> str:
        """32-bit name."""
        return register(self.num, 32)

    @property
    def r64(self) -> str:
        """64-bit name, for address arithmetic on the zero-extended register."""
        return register(self.num, 64)


class Mem(Rendered):
    """Memory operand by base register, ABSOLUTE or IN_EA. `high`: the other operand is AH..BH as
    destination, so the value is loaded into tmp first."""

    kind = "m"

    def __init__(self, base: int, size: int, disp: Slot | None, high: bool = False) -> None:
        super().__init__(size)
        self.base = base
        self.load = high
        if base != IN_EA and disp is not None:
            self.pre = f"mov {disp}, {ADDR.r32}\n"
        if high:
            self.pre += f"mov {self.at(0)}, {TMP.r8}\n"

    def at(self, offset: int) -> str:
        """Operand `offset` bytes further on."""
        plus = str(offset) if offset else ""
        if self.base == IN_EA:
            return f"%gs:{plus}({EA.r32})"
        if self.base == ABSOLUTE:
            return f"%gs:{plus}({ADDR.r32})"
        return f"%gs:{plus}({ADDR.r32},%{R32[self.base]})"

    @property
    def address(self) -> str:
        """For LEA: no segment, 64-bit registers (the sum is cut to the destination's width)."""
        if self.base == IN_EA:
            return f"({EA})"
        return f"({ADDR})" if self.base == ABSOLUTE else f"({ADDR},%{R64[self.base]})"

    def __str__(self) -> str:
        return TMP.r8 if self.load else self.at(0)


class Imm(Rendered):
    """Immediate from the fiber. Beside memory it is fetched into tmp."""

    kind = "i"

    def __init__(self, size: int, slot: Slot, fetch: bool) -> None:
        super().__init__(size)
        self.text = str(slot)
        if fetch:
            self.pre = f"mov {slot}, {TMP.r32}\n"
            self.text = TMP[size]

    def __str__(self) -> str:
        return self.text


class Scratch(Rendered):
    """An operand that an earlier step of the sequence has put into a scratch register."""

    def __init__(self, kind: str, name: str, size: int) -> None:
        super().__init__(size)
        self.kind = kind
        self.text = SCRATCH_XMM[name] if kind == "x" else SCRATCH[name][size]

    def __str__(self) -> str:
        return self.text


class Vector(Rendered):
    """XMM, MMX, x87 or segment register."""

    def __init__(self, kind: str, number: int, size: int) -> None:
        super().__init__(size)
        self.kind = kind
        self.num = number

    def __str__(self) -> str:
        if self.kind == "x":
            return f"%xmm{self.num}"
        if self.kind == "mm":
            return f"%mm{self.num}"
        if self.kind == "st":
            return f"%st({self.num})"
        return "%" + SEGMENTS[self.num]
