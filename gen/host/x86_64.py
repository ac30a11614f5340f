"""Registers and operands as bodies see them: objects that render as gas text for the x86-64 host.

The only place of the generator that spells this host's registers. A fetch (`pre`) never changes
flags, guest memory, or guest registers in a way that a fault after it would show, as long as a body
puts `src.pre` before `dst.pre`.
"""

from __future__ import annotations

from typing import Mapping

from gen.host.code import holes
from gen.host.code import x86_64 as code
from gen.host.host import (ABSOLUTE, HOME, IN_EA, Hole, Host, OperandForm, Residence)
from gen.language.model import Place
from gen.language.target import HIGH, SEGMENTS, Guest

R64 = ("rax", "rcx", "rdx", "rbx", "r8", "rbp", "rsi", "rdi")
R32 = ("eax", "ecx", "edx", "ebx", "r8d", "ebp", "esi", "edi")
R16 = ("ax", "cx", "dx", "bx", "r8w", "bp", "si", "di")
R8 = ("al", "cl", "dl", "bl", "r8b", "bpl", "sil", "dil")
SUFFIX = {8: "b", 16: "w", 32: "l", 64: "q"}


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
    "sp": HostRegister("r8", "guest esp (zero-extended) or rsp",
                       "rsp is the host's stack, signal handlers run on it"),
    "addr": HostRegister("r9", "scratch: displacement or address of a memory operand, target of an "
                               "indirect branch", "dead between gadgets"),
    "tmp": HostRegister("r10", "scratch: a value beside memory", "dead between gadgets"),
    "ea": HostRegister("r11", "scratch; from an EA prelude to its user: the effective address (EA "
                              "register)",
                       "index, 16-bit and segment forms need not be specialised per instruction"),
    "anchor": HostRegister("r12", "jump-cache anchor (`cpu->anchor`), with the window's width in "
                                  "its low six bits",
                           "an empty cache entry (0) then names an entry that matches nothing, "
                           "with no compare; a probe shifts by it"),
    "cpu": HostRegister("r13", "`struct cpu`", "its fields are one operand away"),
    "slot": HostRegister("r14", "slot 0 of the running gadget; its parameters follow",
                         "side table: slot -> guest pc, for precise faults"),
    "window": HostRegister("r15", "window base, 4 GiB-aligned; so has the base of gs",
                           "string instructions: window + edi; x86-64: all memory operands"),
}
ADDR, TMP, EA, SLOT = (NAMES[name] for name in ("addr", "tmp", "ea", "slot"))


# Where the bodies scratch_src_x, scratch_src_r ... put operands.
SCRATCH_VECTOR = {"src": "8"}
SCRATCH = {"src": TMP, "src2": ADDR}
# Where vector registers that are at home in the cpu are while a gadget works on them (numbers).
HOME_VECTOR = {"dst": "14", "src": "15", "src2": "13", "src3": "12"}
VECTOR = {"x": "%xmm", "y": "%ymm"}


def register(number: int, bits: int) -> str:
    """Host name of a resident guest register in a width."""
    return "%" + {8: R8, 16: R16, 32: R32, 64: R64}[bits][number]


def named(name: str, bits: int) -> str:
    """Host name of a resident guest register by the name of its 16 bits (cx, si)."""
    return register(("ax", "cx", "dx", "bx", "sp", "bp", "si", "di").index(name), bits)


def probe(address: HostRegister | str, temp: HostRegister) -> str:
    """Lines that fault when the 64-bit guest address in a register is not in the window; no flag is
    touched. The fault handler finds the address by the first instruction, which comes directly
    before the second (core/host/x86_64/fault.c)."""
    return (f"shrx {NAMES['anchor']}, {address}, {temp}\n"
            f"movzbl PROBE({NAMES['window']},{temp}), {temp.r32}\n")


class Slot:
    """A placeholder: a parameter of the gadget, rendered as a load from the fiber."""

    def __init__(self, offset: int) -> None:
        self.offset = offset

    def __str__(self) -> str:
        return f"{self.offset}({SLOT})"

    @property
    def extended(self) -> str:
        """The same, of a value that fits in 32 bits with its sign."""
        return str(self)


class HoleSlot(Slot):
    """A placeholder in a stencil: the parameter is patched in where the text has it, an immediate
    (`$@8@`) or a displacement (`@8@`; code/holes.py). `wide`: the parameter has 8 bytes."""

    def __init__(self, offset: int, wide: bool) -> None:
        super().__init__(offset)
        self.wide = wide

    def __str__(self) -> str:
        return f"${self.place}"

    @property
    def extended(self) -> str:
        """As an immediate of 32 bits whose sign fills the rest."""
        return f"$@{self.offset}{'i' if self.wide else ''}@"

    @property
    def place(self) -> str:
        """As a displacement."""
        return f"@{self.offset}{'w' if self.wide else ''}@"

    @property
    def byte(self) -> str:
        """Its low 8 bits as an immediate."""
        return f"$@{self.offset}b@"


def in_cpu(offset: Slot, temp: HostRegister) -> tuple[str, str]:
    """Lines that find a place in `struct cpu`, whose offset is a parameter, and the place; `temp`
    may be lost."""
    if isinstance(offset, HoleSlot):
        return "", f"{offset.place}({NAMES['cpu']})"
    return f"mov {offset}, {temp.r32}\n", f"({NAMES['cpu']},{temp})"


class CpuSlot:
    """A general register at home in the cpu, where a gadget is made for it alone."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __str__(self) -> str:
        return f"CPU_REGS+{8 * self.number}({NAMES['cpu']})"


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
    """General register. `high`: AH to BH, whose `num` is 4 to 7 as in the instruction; `rex`: the
    instruction has another operand that needs a REX prefix; `source`: it is read beside a memory
    destination, so it must be fetched into tmp. `whole`: bits that a guest register has."""

    kind = "r"

    def __init__(self, number: int, size: int, whole: int, high: bool = False, rex: bool = False,
                 source: bool = False) -> None:
        super().__init__(size)
        self.num = number
        self.high = high
        self.whole = register(number - 4 if high else number, whole)
        self.whole_bits = whole
        if not high:
            self.text = register(number, size)
            return
        self.text = "%" + HIGH[number - 4]
        if rex:
            low = "%" + R8[number - 4]
            scratch = TMP[whole]
            swap = f"xchg {low}, {self.text}\n"
            if source:
                self.pre = (f"mov {self.whole}, {scratch}\nmov {self.text}, {low}\n"
                            f"xchg {self.whole}, {scratch}\n")
                self.post = f"{swap}mov {TMP.r8}, {low}\n{swap}"
                self.text = TMP.r8
            else:
                self.pre = self.post = swap
                self.text = low

    def __str__(self) -> str:
        return self.text

    def load(self, to: HostRegister) -> str:
        """Lines that bring the whole guest register into a scratch register."""
        return f"mov {self.whole}, {to[self.whole_bits]}"

    def store(self, value: HostRegister, temp: HostRegister) -> str:
        """Lines that make the whole guest register what a scratch register holds."""
        return f"mov {value[self.whole_bits]}, {self.whole}"

    @property
    def r8(self) -> str:
        """Low byte."""
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


class Home(Rendered):
    """General register at home in the cpu: worked on in the scratch register `value`, written back
    by `post`; `temp`: another one, for the offset."""

    kind = "r"
    num = -1
    high = False

    def __init__(self, size: int, offset: Slot, value: HostRegister, temp: HostRegister,
                 access: str) -> None:
        super().__init__(size)
        self.offset = offset
        self.value = value
        if access != "w" or size < 32:  # a narrow write keeps the rest
            self.pre = self.load(value) + "\n"
        if "w" in access or "c" in access:
            self.post = self.store(value, temp) + "\n"

    def __str__(self) -> str:
        return self.value[self.size]

    def load(self, to: HostRegister) -> str:
        """As Reg.load."""
        find, place = in_cpu(self.offset, to)
        return f"{find}mov {place}, {to}"

    def store(self, value: HostRegister, temp: HostRegister) -> str:
        """As Reg.store; `temp` is lost."""
        find, place = in_cpu(self.offset, temp)
        return f"{find}mov {value}, {place}"

    @property
    def r8(self) -> str:
        """Low byte."""
        return self.value[8]

    @property
    def r16(self) -> str:
        """Low 16 bits."""
        return self.value[16]

    @property
    def r32(self) -> str:
        """Low 32 bits."""
        return self.value[32]

    @property
    def r64(self) -> str:
        """All of it."""
        return self.value[64]


class Mem(Rendered):
    """Memory operand of an i386 guest by base register, ABSOLUTE or IN_EA. `high`: the other
    operand is AH..BH as destination, so the value is loaded into tmp first."""

    kind = "m"

    def __init__(self, base: int, size: int, disp: Slot | None, high: bool = False) -> None:
        super().__init__(size)
        self.base = base
        self.into_tmp = high
        # (An absolute address of 32 bits would need a prefix that no operand can spell.)
        self.hole = disp if isinstance(disp, HoleSlot) and base >= 0 else None
        if base != IN_EA and disp is not None and not self.hole:
            self.pre = f"mov {disp}, {ADDR.r32}\n"
        self.fetch = self.pre
        if high:
            self.pre += f"mov {self.at(0)}, {TMP.r8}\n"

    def at(self, offset: int) -> str:
        """Operand `offset` bytes further on."""
        plus = str(offset) if offset else ""
        if self.hole:
            plus = plus and "+" + plus
            return f"%gs:{self.hole.place}{plus}(%{R32[self.base]})"
        if self.base == IN_EA:
            return f"%gs:{plus}({EA.r32})"
        if self.base == ABSOLUTE:
            return f"%gs:{plus}({ADDR.r32})"
        return f"%gs:{plus}({ADDR.r32},%{R32[self.base]})"

    @property
    def sum(self) -> str:
        """For LEA, after `fetch`: no segment, 64-bit registers (the sum is cut to the destination's
        width)."""
        if self.hole:
            return f"{self.hole.place}(%{R64[self.base]})"
        if self.base == IN_EA:
            return f"({EA})"
        return f"({ADDR})" if self.base == ABSOLUTE else f"({ADDR},%{R64[self.base]})"

    @property
    def address(self) -> str:
        """The guest address, for LEA after `pre`."""
        return self.sum

    def __str__(self) -> str:
        return TMP.r8 if self.into_tmp else self.at(0)


class ProbedMem(Rendered):
    """Memory operand of an x86-64 guest by base register, ABSOLUTE (in the window for sure), IN_EA
    or HOME (`home`: the base's offset in the cpu). `temp`: what IN_EA may use to probe. `pre`
    leaves its address in addr, one IN_EA stays there, and has probed it; `fetch` has not, and its
    address is `sum`."""

    kind = "m"

    def __init__(self, base: int, size: int, disp: Slot | None, home: Slot | None,
                 high: bool = False, temp: HostRegister = ADDR) -> None:
        super().__init__(size)
        self.into_tmp = high
        self.register = EA if base == IN_EA else ADDR
        self.fetch, self.sum = "", f"({self.register})"
        hole = disp if isinstance(disp, HoleSlot) and base not in (IN_EA, ABSOLUTE) else None
        if base != IN_EA and disp is not None and not hole:
            self.fetch = f"mov {disp}, {ADDR}\n"
        where = f"{hole.place}(" if hole else f"({ADDR},"
        if base >= 0:
            self.sum = f"{where}%{R64[base]})"
        elif base == HOME:
            assert home is not None
            find, place = in_cpu(home, EA)
            self.fetch += f"{find}mov {place}, {EA}\n"
            self.sum = f"{where}{EA})"
        self.pre = self.fetch
        if base >= 0 or base == HOME:
            self.pre += f"lea {self.sum}, {ADDR}\n"
        if base != ABSOLUTE:
            self.pre += probe(self.register, temp if base == IN_EA else EA)
        if high:
            self.pre += f"mov {self.at(0)}, {TMP.r8}\n"

    def at(self, offset: int) -> str:
        """Operand `offset` bytes further on; the guard follows the window."""
        return f"{offset or ''}({NAMES['window']},{self.register})"

    @property
    def address(self) -> str:
        """The guest address, for LEA after `pre`."""
        return f"({self.register})"

    def __str__(self) -> str:
        return TMP.r8 if self.into_tmp else self.at(0)


class Imm(Rendered):
    """Immediate from the fiber. Beside memory it is fetched into tmp. `extended`: it fits in 32
    bits with its sign."""

    kind = "i"

    def __init__(self, size: int, slot: Slot, fetch: bool, extended: bool) -> None:
        super().__init__(size)
        self.text = slot.extended if extended else str(slot)
        if fetch:
            self.pre = f"mov {self.text}, {TMP[max(size, 32)]}\n"
            self.text = TMP[size]

    def __str__(self) -> str:
        return self.text


class Scratch(Rendered):
    """An operand that an earlier step of the sequence has put into a scratch register."""

    def __init__(self, kind: str, name: str, size: int) -> None:
        super().__init__(size)
        self.kind = kind
        vector = VECTOR[kind] + SCRATCH_VECTOR[name] if kind in VECTOR else ""
        self.text = vector or SCRATCH[name][size]

    def __str__(self) -> str:
        return self.text


class HomeVector(Rendered):
    """XMM or YMM register (`kind`) at home in the cpu, worked on in a scratch register of its own
    by its place. `vex`: instructions with VEX work on it, which write all 256 bits: the upper half
    of an XMM destination is 0 then."""

    num = -1

    def __init__(self, kind: str, name: str, size: int, offset: Slot, temp: HostRegister,
                 access: str, vex: bool) -> None:
        super().__init__(size)
        self.kind = kind
        self.x, self.y = (VECTOR[k] + HOME_VECTOR[name] for k in VECTOR)
        self.text = self.x if kind == "x" else self.y
        where, place = in_cpu(offset, temp)
        move = "vmovaps" if vex else "movaps"
        if access != "w" or not vex:
            self.pre = f"{where}{move} {place}, {self.text}\n"
        if "w" in access or "c" in access:
            self.post = f"{where}{move} {self.y if vex else self.text}, {place}\n"

    def __str__(self) -> str:
        return self.text


class Vector(Rendered):
    """XMM, YMM, MMX, x87 or segment register."""

    def __init__(self, kind: str, number: int, size: int) -> None:
        super().__init__(size)
        self.kind = kind
        self.num = number

    @property
    def x(self) -> str:
        """The lower half of a YMM register."""
        return f"%xmm{self.num}"

    @property
    def y(self) -> str:
        """The YMM register whose lower half is an XMM register."""
        return f"%ymm{self.num}"

    def __str__(self) -> str:
        if self.kind in VECTOR:
            return f"{VECTOR[self.kind]}{self.num}"
        if self.kind == "mm":
            return f"%mm{self.num}"
        if self.kind == "st":
            return f"%st({self.num})"
        return "%" + SEGMENTS[self.num]


class X86Host(Host):
    """The x86-64 host."""

    resident, bytes_per_insn = 8, 3.8
    long_notes = staticmethod(code.notes)

    def names(self, guest: Guest) -> Mapping[str, object]:
        return {**NAMES, "suffix": SUFFIX, "named": named, "probe": probe}

    def suffix(self, size: int) -> str:
        return SUFFIX.get(size, "")

    def slot(self, offset: int, wide: bool = False) -> Slot:
        return Slot(offset)

    def holes(self) -> Host:
        return HoleHost()

    def fill(self, line: str) -> tuple[str, list[Hole]]:
        return holes.fill(line)

    def address(self, number: int) -> object:
        return register(number, 64) if number < self.resident else CpuSlot(number)

    def operands(self, residence: Residence, forms: tuple[OperandForm, ...],
                 values: dict[str, int], offsets: dict[str, int], size: int, more: bool
                 ) -> Mapping[str, object]:
        memory = next((o for o in forms if o.place is Place.MEM), None)
        in_ea = memory is not None and (
            not memory.by_base or residence.base(values[memory.name]) == IN_EA)
        temp = ADDR if in_ea else EA
        free = [r for r in (TMP, ADDR, EA)
                if not (memory and r is not TMP)
                and not any(o.scratch and o.place is Place.REG and SCRATCH[o.name] is r
                            for o in forms)]
        found: dict[str, Rendered] = {}
        # What is only written may share the register of what was read before.
        for form in sorted(forms, key=lambda o: o.access == "w"):
            home = offsets.get(f"home_{form.name}")
            if home is None or form.place is Place.MEM:
                found[form.name] = self.operand(residence, form, forms, values, offsets, size, more)
            elif form.place in (Place.XMM, Place.YMM):
                # Where no memory is, EA may have the address for a later gadget of the sequence.
                found[form.name] = HomeVector(form.place.value, form.name, form.size,
                                              self.slot(home), temp if memory else ADDR,
                                              form.access, form.vex)
            else:
                value = free.pop(0) if form.access != "w" or len(free) > 1 else (free or [TMP])[0]
                found[form.name] = Home(form.size, self.slot(home), value,
                                        temp if temp is not value else TMP, form.access)
        return found

    def operand(self, residence: Residence, form: OperandForm, forms: tuple[OperandForm, ...],
                values: dict[str, int], offsets: dict[str, int], size: int, more: bool
                ) -> Rendered:
        """One operand that is not at home in the cpu (or memory by such a base)."""
        value = values.get(form.name, 0)
        has_mem = any(o.place is Place.MEM for o in forms)
        has_imm = more or any(o.place is Place.IMM for o in forms)
        if form.scratch:
            return Scratch(form.place.value, form.name, form.size)
        if form.place is Place.REG:
            wide = any(o.place is Place.REG and o.size > 8 and values.get(o.name) == 4
                       for o in forms)
            rex = has_mem or wide or has_imm
            high = residence.high_byte(value) if form.size == 8 else None
            return Reg(value if high is None else 4 + high, form.size, residence.bits,
                       high is not None, rex, rex and form.name != "dst" and (has_mem or wide))
        if form.place is Place.MEM:
            dst = forms[0]
            high_dst = (form.name != "dst" and dst.name == "dst" and dst.place is Place.REG
                        and dst.size == 8 and residence.high_byte(values["dst"]) is not None)
            base = residence.base(value) if form.by_base else IN_EA
            disp, home = ((self.slot(offsets[name], residence.guest.param_bytes(name) == 8)
                           if name in offsets else None)
                          for name in ("disp", f"home_{form.name}"))
            if residence.guest.long_mode:
                taken = any(o.scratch and o.place is Place.REG and SCRATCH[o.name] is ADDR
                            for o in forms)
                return ProbedMem(base, form.size, disp, home, high_dst, TMP if taken else ADDR)
            return Mem(base, form.size, disp, high_dst)
        if form.place is Place.IMM:
            first = next(o.name for o in forms if o.place is Place.IMM)
            second = "imm2" in offsets and form.name != first
            bits = size if form.size == 32 else form.size  # Iz of a 64-bit operation
            name = "imm2" if second else "imm"
            wide = residence.guest.param_bytes(name) == 8
            return Imm(bits, self.slot(offsets[name], wide), has_mem, form.size == 32)
        return Vector(form.place.value, value, form.size)


class HoleHost(X86Host):
    """The host as stencils see it."""

    def slot(self, offset: int, wide: bool = False) -> Slot:
        return HoleSlot(offset, wide)


HOST = X86Host()
