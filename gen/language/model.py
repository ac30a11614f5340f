"""Typed form of the spec: what the reader makes and every emitter takes.

To enumerate instructions (tests, pages): `spec.insns` are the blocks, `insn.rows` their rows, and
`forms(row, guest)` the ways a row can be encoded: register or memory operand, operand size, prefix.
`Row.operands` are the operands in order (dst, src, src2, src3); what an operand is in a form says
`Operand.place(mem)`, its width `Operand.bits(opsize)`. `Row.flags` maps each flag letter to its
effect letter (NOTATION.md); `Row.opcode_bytes` with `span`, `reg`, `rm` and `imms` is the encoding.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Iterator

from gen.language.errors import Where
from gen.language.target import GUESTS, SEGMENTS, Guest
from gen.language.vendors import Vendor

MODES = tuple(guest.name for guest in GUESTS)
FLAG_BITS = {
    "O": 0x800, "S": 0x80, "Z": 0x40, "A": 0x10, "P": 0x4, "C": 0x1,
    "D": 0x400, "I": 0x200, "T": 0x100, "N": 0x4000, "V": 0x40000, "X": 0x200000,
}
FLAG_EFFECTS = "wrm01u-cx"
CONDITIONS = ("o", "no", "c", "nc", "z", "nz", "na", "a",
              "s", "ns", "p", "np", "l", "nl", "ng", "g")

SIZE_BITS = {
    "b": 8, "bs": 8, "w": 16, "d": 32, "q": 64, "dq": 128, "t": 80, "x": 128, "ps": 128, "pd": 128,
    "ss": 32, "sd": 64, "pi": 64, "qq": 256, "": 0, "p": 0, "a": 0, "s": 0,
}
BY_LENGTH = ("x", "ps", "pd")  # vector sizes: 256 bits in a VEX row with L1
LETTERS = "EGMRZIJOSVUWPNQAXYHLB"
# Effects that are no operands: registers (r*: of the operand or address size), the x87 unit with
# MMX, MXCSR, all vector registers, segment registers, memory at a register.
IMPLICIT = frozenset(
    [p + r for p in "rR" for r in ("AX", "CX", "DX", "BX", "SP", "BP", "SI", "DI")] +
    ["AL", "AH", "AX", "DX", "EAX", "ECX", "EDX", "EBX", "R11", "FPU", "MXCSR", "XMM", "XMM0",
     "ES", "CS", "SS", "DS", "FS", "GS", "[rSI]", "[rDI]", "[rSP]", "[rBP]", "[rBX+AL]", "[reg]"] +
    [f"ST{i}" for i in range(8)])
ACCESSES = ("-", "a", "r", "w", "rw", "c", "rc")  # NOTATION.md
EXCEPTIONS = ("#DE", "#DB", "#BP", "#OF", "#BR", "#UD", "#NP", "#SS", "#GP", "#MF", "#XM")
FIXED_REGS = {  # name -> (number, size letter)
    "AL": (0, "b"), "AX": (0, "w"), "eAX": (0, "z"), "rAX": (0, "v"), "EAX": (0, "d"),
}
FIXED_SEGMENTS = tuple(name.upper() for name in SEGMENTS)
LITERALS = {"CL", "DX", "AH", "CX", "ECX", "1", "3", "ST0", "XMM0", *FIXED_SEGMENTS}


@dataclass(frozen=True)
class Vex:
    """A row's VEX prefix, as the manual's opcode column has it (SDM Vol. 2A, 3.1.1.2). What its
    pp and mmmmm say are the row's `prefix` and `map`."""

    length: str  # "128" "256" "LIG" "LZ" "L0" "L1"
    w: str       # "W0" "W1" "WIG"

    @property
    def l(self) -> int | None:  # noqa: E743 (the manual's name)
        """VEX.L, None where it is ignored."""
        return {"LIG": None, "256": 1, "L1": 1}.get(self.length, 0)

    @property
    def wide(self) -> bool:
        """Operands whose size follows the vector length have 256 bits."""
        return self.l == 1


class Place(Enum):
    """Where an operand lives in one form of a row."""

    REG = "r"      # general register
    MEM = "m"
    IMM = "i"
    XMM = "x"
    YMM = "y"
    MMX = "mm"
    ST = "st"
    SREG = "s"
    TARGET = "j"   # branch target
    LITERAL = "l"  # spelled by the body: CL, 1, implicit memory, far pointers


@dataclass(frozen=True)
class Operand:
    """One operand of a row: a manual letter with a size letter, or a fixed name."""

    text: str
    letter: str  # one of LETTERS, "" for a fixed name, "STi", "VM" (addresses in a vector)
    size: str    # size letter(s), "" without
    wide: bool = False  # the row's vectors have 256 bits

    @property
    def varies(self) -> bool:
        """True when the operand size prefix changes its width."""
        return self.size in ("v", "z", "y", "bs")

    def bits(self, opsize: int) -> int:
        """Width for an operand size of 2, 4 or 8 bytes; 0 where the width does not matter."""
        if self.size in ("v", "bs"):  # Ibs: sign-extended to the operand size
            return opsize * 8
        if self.size == "z":
            return min(opsize * 8, 32)
        if self.size == "y":
            return max(opsize * 8, 32)
        if self.wide and self.size in BY_LENGTH:
            return 256
        return SIZE_BITS[self.size]

    def place(self, mem: bool) -> Place:
        """What it is when the ModRM operand is memory (`mem`) or a register."""
        if self.letter in "EMR" and self.letter:
            return Place.MEM if mem else Place.REG
        if self.letter in ("G", "Z", "B"):
            return Place.REG
        if self.letter == "VM" or self.letter == "W" and mem:
            return Place.MEM
        if self.letter in tuple("VUWHL"):
            return Place.YMM if self.bits(4) == 256 else Place.XMM
        if self.letter == "Q":
            return Place.MEM if mem else Place.MMX
        simple = {"I": Place.IMM, "J": Place.TARGET, "O": Place.MEM, "S": Place.SREG,
                  "P": Place.MMX, "N": Place.MMX, "STi": Place.ST}
        if self.letter in simple:
            return simple[self.letter]
        if self.text in FIXED_SEGMENTS:
            return Place.SREG
        return Place.REG if self.text in FIXED_REGS else Place.LITERAL


@dataclass(frozen=True)
class Effect:
    """Something beside the operands that an instruction reads or writes (IMPLICIT)."""

    what: str
    access: str  # one of ACCESSES

    @property
    def is_memory(self) -> bool:
        """Memory at a register."""
        return self.what.startswith("[")

    def __str__(self) -> str:
        return f"{self.what}={self.access}"


@dataclass(frozen=True)
class HelperCall:
    """A C helper and the parameters it wants, in order."""

    name: str
    params: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """One encoding line of an instruction."""

    where: Where
    text: str                    # as written, blanks normalised
    mnemonic: str
    prefix: str | None           # "NP", "66", "F3", "F2" or None: any; with VEX: what pp says
    map: int                     # 0: one byte, 1: 0F, 2: 0F38, 3: 0F3A
    opcode: int                  # first opcode of the span
    span: int                    # 1, 8 (+r) or 16 (+c)
    modrm: bool
    reg: int | None              # /0../7, or from a fixed ModRM byte
    rm: int | None               # fixed ModRM byte's rm
    fixed_modrm: bool            # `D9 E0` and `D8 C0+i`
    imms: tuple[str, ...]
    encoding: str
    operands: tuple[Operand, ...]
    words: frozenset[str]
    modes: tuple[str, ...]
    opsizes: tuple[int, ...]     # bytes; those the row is restricted to, () when to none
    addrsizes: tuple[int, ...]
    flags: dict[str, str] = field(hash=False)
    body: str = ""               # "": a helper does it
    helper: HelperCall | None = None
    slow: str | None = None      # helper for prefix 67 and FS/GS of implicit memory
    does: str = ""
    feature: str = ""
    access: tuple[str, ...] = ()        # of each operand, one of ACCESSES
    implicit: tuple[Effect, ...] = ()
    faults: tuple[str, ...] = ()        # beside those of a memory operand
    align: int | None = None            # bytes, where it is not the rule of memory_alignment()
    memory_bytes: int = 0               # of a memory operand without size letter
    vendor: tuple[str, ...] = ()  # rules of gen/spec/vendors
    synthetic: bool = False      # made from `slow`, not written in the spec
    seg: int | None = None       # 1: only with an FS/GS override, 0: only without
    vex: Vex | None = None
    portable: HelperCall | None = None  # where the host lacks the feature; "": the body needs none

    @property
    def needs_host(self) -> bool:
        """Nothing but the host's own instruction serves it."""
        return self.helper is None and self.portable is None

    @property
    def family(self) -> str:
        """Base name of the spec file."""
        return self.where.file.rsplit("/", 1)[-1].removesuffix(".x86")

    @property
    def cite(self) -> str:
        """Where it is, for generated text."""
        return f"{self.where.file.rsplit('/', 1)[-1]}:{self.where.line}: {self.text}"

    @property
    def second_feature(self) -> str:
        """A CPUID bit that it needs beside its own; "" without: vector registers named by VEX are
        AVX's (SDM Vol. 1, 14.3)."""
        vectors = any(o.letter in ("V", "U", "W", "H", "L", "VM") for o in self.operands)
        return "AVX" if self.vex and vectors and self.feature != "AVX" else ""

    @property
    def opcode_map(self) -> int:
        """Number of the map for decode: those of VEX (0F, 0F38, 0F3A) follow the others."""
        return self.map + 3 if self.vex else self.map

    @property
    def general(self) -> bool:
        """It has an operand that may be a general register (with VEX, W is its width)."""
        return any(o.letter in tuple("EGRB") for o in self.operands)

    def operand_with(self, letters: str) -> Operand | None:
        """The operand whose letter is one of these."""
        return next((o for o in self.operands if o.letter in tuple(letters)), None)

    @property
    def opcode_bytes(self) -> tuple[int, ...]:
        """Opcode bytes without mandatory or VEX prefix, ModRM and immediate."""
        if self.vex:
            return (self.opcode,)
        return {0: (), 1: (0x0F,), 2: (0x0F, 0x38), 3: (0x0F, 0x3A)}[self.map] + (self.opcode,)

    @property
    def can_mem(self) -> bool:
        """A form with an explicit memory operand exists."""
        if any(o.letter == "O" for o in self.operands):
            return True
        if not self.modrm or self.fixed_modrm or "regonly" in self.words:
            return False
        return not any(o.letter in ("R", "U", "N", "STi") for o in self.operands)

    @property
    def can_reg(self) -> bool:
        """A form without memory operand exists."""
        if any(o.letter == "O" for o in self.operands):
            return False
        if not self.modrm:
            return True
        return not ("memonly" in self.words or any(o.letter == "M" for o in self.operands))

    def touches(self, what: str) -> str:
        """How it accesses something implicit; "" when not at all."""
        return next((e.access for e in self.implicit if e.what == what), "")

    @property
    def opsize_matters(self) -> bool:
        """Some operand's width follows the operand size."""
        return any(o.varies for o in self.operands)

    @property
    def flags_read(self) -> int:
        """Bits whose old value the instruction needs."""
        return sum(FLAG_BITS[f] for f, e in self.flags.items() if e in "rm")

    @property
    def flags_killed(self) -> int:
        """Bits whose old value never survives it."""
        return sum(FLAG_BITS[f] for f, e in self.flags.items() if e in "wm01u")

    @property
    def flags_undefined(self) -> int:
        """Bits that tests must mask."""
        return sum(FLAG_BITS[f] for f, e in self.flags.items() if e in "ux")


@dataclass(frozen=True)
class Insn:
    """One block of the spec."""

    name: str
    where: Where
    rows: tuple[Row, ...]
    comment: str = ""


@dataclass
class Spec:
    """All blocks of all files, in file and line order."""

    insns: list[Insn] = field(default_factory=list)
    vendors: dict[str, Vendor] = field(default_factory=dict)

    @property
    def rows(self) -> Iterator[Row]:
        """Every row, in order."""
        for insn in self.insns:
            yield from insn.rows


@dataclass(frozen=True)
class Form:
    """One way to encode a row: what decode tells apart before register numbers."""

    row: Row
    mem: bool
    opsize: int    # 2, 4, 8
    prefix: str    # "", "lock", "rep", "repe", "repne"


def memory_access(form: Form) -> str:
    """How the form accesses its explicit memory operand; "" without one."""
    if not form.mem:
        return ""
    return next((access for operand, access in zip(form.row.operands, form.row.access)
                 if operand.place(True) is Place.MEM), "")


def memory_alignment(form: Form) -> int:
    """Bytes to which the memory operand must be aligned (#GP): SSE operands of 128 bits to 16,
    with VEX none, unless the row says otherwise (SDM Vol. 1, 4.1.1 and 14.9)."""
    if form.row.align is not None:
        return form.row.align
    if form.row.vex:
        return 1
    wide = any(o.place(True) is Place.MEM and o.bits(form.opsize) == 128
               for o in form.row.operands)
    return 16 if form.mem and wide else 1


def memory_width(form: Form) -> int:
    """Bytes of the explicit memory operand that are accessed; 0 without one, or when none are."""
    row = form.row
    if not form.mem or memory_access(form) in ("-", "a"):
        return 0
    if row.memory_bytes:
        return row.memory_bytes
    operand = next(o for o in row.operands if o.place(True) is Place.MEM)
    if any(o.letter == "S" for o in row.operands):
        return 2  # MOV to and from a segment register
    if operand.size in ("p", "a"):
        return form.opsize + 2 if operand.size == "p" else form.opsize * 2
    return operand.bits(form.opsize) // 8


def may_store(form: Form) -> bool:
    """May it write memory, by its operand or else?"""
    implicit = any(e.is_memory and set(e.access) & set("wc") for e in form.row.implicit)
    strings = any(o.letter in ("X", "Y") and "w" in access
                  for o, access in zip(form.row.operands, form.row.access))
    return implicit or strings or bool(set(memory_access(form)) & set("wc"))


def may_fault(form: Form) -> bool:
    """May it raise an exception? MMX instructions do (#MF): they wait for the x87 unit."""
    row = form.row
    memory = any(e.is_memory for e in row.implicit) or memory_access(form) not in ("", "-", "a")
    return memory or bool(row.faults) or any(o.letter in tuple("XYPQN") for o in row.operands)


def row_opsizes(row: Row, guest: Guest) -> tuple[int, ...]:
    """Operand sizes (bytes) that the row has for a guest."""
    if row.vex:  # VEX.W takes the place of the operand size prefix, in 64-bit mode alone
        by_w = {"W0": (4,), "W1": (8,), "WIG": (4, 8)}[row.vex.w]
        return by_w if guest.long_mode else (4,)
    sizes = guest.opsizes
    if guest.long_mode and "f64" in row.words:
        sizes = (8,)
    elif guest.long_mode and "def64" in row.words:
        sizes = tuple(s for s in sizes if s != 4)
    return tuple(s for s in sizes if not row.opsizes or s in row.opsizes)


def row_of_guest(row: Row, guest: Guest) -> Row:
    """The row as a guest has it: outside of 64-bit mode VEX.W is ignored where it would be the
    width of a general register (SDM Vol. 2, ANDN; VMOVD), unless the row says w32."""
    if row.vex and row.general and not guest.long_mode and "w32" not in row.words:
        return replace(row, vex=replace(row.vex, w="WIG"))
    return row


def row_prefixes(row: Row, mem: bool) -> tuple[str, ...]:
    """The LOCK and REP forms of a row, "" first."""
    if "repz" in row.words:
        return ("", "repe", "repne")
    if "rep" in row.words:
        return ("", "rep")
    if "lock" in row.words and mem:
        return ("", "lock")
    return ("",)


def forms(row: Row, guest: Guest) -> Iterator[Form]:
    """Every form of a row for a guest."""
    if guest.name not in row.modes:
        return
    for mem in (False, True):
        if not (row.can_mem if mem else row.can_reg):
            continue
        for opsize in row_opsizes(row, guest):
            for prefix in row_prefixes(row, mem):
                yield Form(row, mem, opsize, prefix)
