"""Operands as bodies see them: objects that render as gas operands for the x86-64 host.

The only place of the generator that spells host registers. A fetch (`pre`) never changes flags,
guest memory, or guest registers in a way that a fault after it would show, as long as a body puts
`src.pre` before `dst.pre`.
"""

from __future__ import annotations

from gen.language.target import SEGMENTS

R64 = ("rax", "rcx", "rdx", "rbx", "r8", "rbp", "rsi", "rdi")
R32 = ("eax", "ecx", "edx", "ebx", "r8d", "ebp", "esi", "edi")
R16 = ("ax", "cx", "dx", "bx", "r8w", "bp", "si", "di")
R8 = ("al", "cl", "dl", "bl", "ah", "ch", "dh", "bh")
SUFFIX = {8: "b", 16: "w", 32: "l", 64: "q"}
ABSOLUTE, IN_EA = -1, -2  # memory operands without base register, and by the EA register
R10 = {8: "%r10b", 16: "%r10w", 32: "%r10d", 64: "%r10"}


def register(number: int, bits: int) -> str:
    """Host name of a guest register in a width."""
    names = {8: R8, 16: R16, 32: R32, 64: R64}[bits]
    return "%" + names[number]


class Slot:
    """A placeholder: a parameter of the gadget, rendered as a load from the fiber."""

    def __init__(self, offset: int) -> None:
        self.offset = offset

    def __str__(self) -> str:
        return f"{self.offset}(%r14)"


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
    `source`: it is read beside a memory destination, so it must be fetched into r10b."""

    kind = "r"

    def __init__(self, number: int, size: int, rex: bool = False, source: bool = False) -> None:
        super().__init__(size)
        self.num = number
        self.text = register(number, size)
        if size == 8 and number >= 4 and rex:
            low, wide = "%" + R8[number - 4], "%" + R32[number - 4]
            swap = f"xchg {low}, {self.text}\n"
            if source:
                self.pre = f"mov {wide}, %r10d\nmov {self.text}, {low}\nxchg {wide}, %r10d\n"
                self.post = f"{swap}mov %r10b, {low}\n{swap}"
                self.text = "%r10b"
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
    destination, so the value is loaded into r10b first."""

    kind = "m"

    def __init__(self, base: int, size: int, disp: Slot | None, high: bool = False) -> None:
        super().__init__(size)
        self.base = base
        self.load = high
        if base != IN_EA and disp is not None:
            self.pre = f"mov {disp}, %r9d\n"
        if high:
            self.pre += f"mov {self.at(0)}, %r10b\n"

    def at(self, offset: int) -> str:
        """Operand `offset` bytes further on."""
        plus = str(offset) if offset else ""
        if self.base == IN_EA:
            return f"%gs:{plus}(%r11d)"
        if self.base == ABSOLUTE:
            return f"%gs:{plus}(%r9d)"
        return f"%gs:{plus}(%r9d,%{R32[self.base]})"

    @property
    def address(self) -> str:
        """For LEA: no segment, 64-bit registers (the sum is cut to the destination's width)."""
        if self.base == IN_EA:
            return "(%r11)"
        return "(%r9)" if self.base == ABSOLUTE else f"(%r9,%{R64[self.base]})"

    def __str__(self) -> str:
        return "%r10b" if self.load else self.at(0)


class Imm(Rendered):
    """Immediate from the fiber. Beside memory it is fetched into r10."""

    kind = "i"

    def __init__(self, size: int, slot: Slot, fetch: bool) -> None:
        super().__init__(size)
        self.text = str(slot)
        if fetch:
            self.pre = f"mov {slot}, %r10d\n"
            self.text = R10[size]

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
