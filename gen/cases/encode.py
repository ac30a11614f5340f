"""One instruction's bytes: a spec form with its registers, addressing mode and prefixes chosen.

`encode()` is the encoder of the instruction tests, independent of the decoder. Where processors
ignore something (REX bits without a register, REX in front of another prefix, 66 beside REX.W,
segment overrides of 64-bit mode, bits of VEX outside of it) it is there at random.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from random import Random

from gen.language.model import Form, Row
from gen.language.target import Guest

NO_REG = -1  # what struct form has for it: number_of()
RIP = -2     # base of a RIP-relative operand
NO_SEG = 0xFF
ES, CS, SS, DS, FS, GS = range(6)
SEG_PREFIX = {ES: 0x26, CS: 0x2E, SS: 0x36, DS: 0x3E, FS: 0x64, GS: 0x65}
IMM_EDGES = (0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 0x3F, 0x7F, 0x80, 0x81, 0xFE, 0xFF)
# Displacement of RIP-relative operands, which the tests set when they know the addresses.
RIP_DISP = 0x5A17C0DE
REX_W, REX_R, REX_X, REX_B = 8, 4, 2, 1


@dataclass
class Mem:
    """A memory operand's encoding."""

    addr16: bool = False
    base: int = NO_REG   # 16-bit: ModRM.rm, 8 absolute
    index: int = NO_REG
    scale: int = 0
    disp: int = 0
    seg: int = NO_SEG
    short: bool = False  # 64-bit mode: 32-bit addressing, by prefix 67


@dataclass
class TestForm:
    """What becomes one struct form."""

    form: Form
    reg: int = 0
    rm: int = 0
    mem: Mem | None = None
    cond: int = 0        # or register in the opcode
    seg: int = NO_SEG    # override of an implicit operand
    addr16: bool = False  # prefix 67: address size 16, in 64-bit mode 32
    repne: bool = False
    f3: bool = False     # a repeat prefix that the row ignores
    vvvv: int = 0        # register in VEX.vvvv
    count: int = 1
    hints: int = 0
    rex: bool = False    # REX: byte registers are SPL .. DIL; encode() says if there is one


def encode_mem16(reg: int, mem: Mem) -> bytes:
    """ModRM and displacement of 16-bit addressing."""
    if mem.base == 8:
        return bytes([reg << 3 | 6]) + struct.pack("<H", mem.disp & 0xFFFF)
    if mem.disp == 0 and mem.base != 6:
        return bytes([reg << 3 | mem.base])
    if -128 <= mem.disp < 128:
        return bytes([0x40 | reg << 3 | mem.base]) + struct.pack("<b", mem.disp)
    return bytes([0x80 | reg << 3 | mem.base]) + struct.pack("<H", mem.disp & 0xFFFF)


def encode_mem(reg: int, mem: Mem, rng: Random, long_mode: bool = False) -> bytes:
    """ModRM, SIB and displacement; the shortest form that fits, sometimes a longer one. Registers'
    high bits are REX's."""
    if mem.addr16:
        return encode_mem16(reg, mem)
    disp32 = struct.pack("<i", mem.disp)
    if mem.base == RIP:
        return bytes([reg << 3 | 5]) + disp32
    with_sib = mem.index != NO_REG or mem.base & 7 == 4 and mem.base >= 0 or rng.random() < 0.02
    index = 4 if mem.index == NO_REG else mem.index & 7
    if mem.base == NO_REG:
        if not with_sib and not long_mode:
            return bytes([reg << 3 | 5]) + disp32
        return bytes([reg << 3 | 4, mem.scale << 6 | index << 3 | 5]) + disp32
    sib = b""
    base = rm = mem.base & 7
    if with_sib:
        sib = bytes([mem.scale << 6 | index << 3 | base])
        rm = 4
    if mem.disp == 0 and base != 5:
        return bytes([reg << 3 | rm]) + sib
    if -128 <= mem.disp < 128:
        return bytes([0x40 | reg << 3 | rm]) + sib + struct.pack("<b", mem.disp)
    return bytes([0x80 | reg << 3 | rm]) + sib + disp32


def immediate(row: Row, kind: str, opsize: int, rng: Random) -> bytes:
    """Bytes of one immediate; branch offsets stay within the case's surroundings."""
    if kind == "cb":
        return struct.pack("<b", rng.choice((-40, -20, -7, 4, 5, 6, 20, 100, 127)))
    if kind == "cz":
        offset = rng.choice((-36, -9, 5, 6, 9, 60, 130, 190))
        return struct.pack("<h" if opsize == 2 else "<i", offset)
    if kind == "moffs":
        raise AssertionError("made by the caller")
    if kind == "ifar":
        return struct.pack("<I", 0x10000100)[:opsize] + b"\x23\x00"
    if row.mnemonic == "ENTER":
        return struct.pack("<H", rng.choice((0, 4, 8, 16, 100, 0x700, 0x2000))) if kind == "iw" \
            else bytes([rng.choice((0, 0, 1, 2, 3, 5, 31, 32, 33))])
    size = {"ib": 1, "is4": 1, "iw": 2, "iz": min(opsize, 4), "iv": opsize}[kind]
    if row.mnemonic == "INT":
        return bytes([rng.choice((0, 1, 2, 3, 4, 5, 13, 0x20, 0x7F, 0x81, 0xFF))])
    if row.mnemonic.startswith("RET"):
        return struct.pack("<H", rng.choice((0, 2, 4, 8, 100, 0x7FFF)))
    value = rng.choice(IMM_EDGES) if rng.random() < 0.5 else rng.getrandbits(8 * max(size, 4))
    if size > 1 and rng.random() < 0.4:
        value = rng.choice((0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x10000))
        if size == 8:
            value = rng.choice((value, ~value, value << 31, -1 << 63, (1 << 63) - 1))
    return (value & (1 << 8 * size) - 1).to_bytes(size, "little")


def encode_vex(test: TestForm, rex: int, guest: Guest, rng: Random) -> bytes:
    """The prefix, of two or three bytes. At random what is ignored in 32-bit mode: B, the high bit
    of a vvvv that is an operand, perhaps L and W (SDM Vol. 2A, 2.3.5). `rex`: REX bits."""
    row, vvvv = test.form.row, test.vvvv
    assert row.vex is not None and row.prefix is not None
    length = rng.randrange(2) if row.vex.l is None else row.vex.l
    w = rng.randrange(2) if row.vex.w == "WIG" else int(row.vex.w[1])
    pp = ("NP", "66", "F3", "F2").index(row.prefix)
    last = (vvvv ^ 15) << 3 | length << 2 | pp
    if guest.long_mode:
        if row.map == 1 and w == 0 and not rex & (REX_X | REX_B) and rng.randrange(2):
            return bytes([0xC5, (0 if rex & REX_R else 0x80) | last])
        return bytes([0xC4, (rex & 7 ^ 7) << 5 | row.map, w << 7 | last])
    if row.map == 1 and w == 0 and rng.randrange(2):
        return bytes([0xC5, 0x80 | last])
    if row.operand_with("HB") and rng.randrange(2):
        last ^= 0x40
    return bytes([0xC4, 0xC0 | rng.randrange(2) << 5 | row.map, w << 7 | last])


def rex_bits(test: TestForm) -> int:
    """The REX bits that the registers and the operand size want."""
    form, row, mem = test.form, test.form.row, test.mem
    wide = form.opsize == 8 and not row.vex and not row.words & {"def64", "f64"}
    bits = REX_W if wide else 0
    bits |= REX_R if row.modrm and test.reg > 7 else 0
    if mem is not None:
        bits |= REX_X if mem.index > 7 else 0
        return bits | (REX_B if mem.base > 7 else 0)
    number = test.rm if row.modrm else test.cond if row.span == 8 else 0
    return bits | (REX_B if number > 7 else 0)


def ignored_rex(test: TestForm) -> int:
    """REX bits that mean nothing here: of an opcode extension, of MMX, x87, segment registers, of
    an operand that is not there; W of a row of one operand size (SDM Vol. 2A, 2.2.1.2)."""
    row = test.form.row
    letters = {o.letter for o in row.operands}
    bits = REX_W if row.words & {"def64", "f64"} and test.form.opsize == 8 else 0
    if row.words & {"norexb", "norexr"} or row.vex or "F3" == row.prefix and row.map == 0:
        return bits
    if row.modrm and (row.reg is not None or letters & {"P", "S"}):
        bits |= REX_R
    if test.mem is None or test.mem.base == RIP:  # elsewhere there may be a SIB byte
        bits |= REX_X
    if test.mem is None and (letters & {"Q", "N", "STi"} or row.fixed_modrm or
                             not row.modrm and row.span != 8):
        bits |= REX_B
    return bits


def rex_prefix(test: TestForm, prefixes: list[int], rng: Random) -> int:
    """64-bit mode: the REX prefix, 0 for none; adds legacy prefixes that do nothing."""
    row = test.form.row
    bits = rex_bits(test)
    if test.form.opsize == 8 and bits & REX_W and row.prefix is None and rng.random() < 0.1:
        prefixes.append(0x66)
    if rng.random() < 0.1:
        bits |= ignored_rex(test) & rng.randrange(16)
    bytes_used = any(o.bits(4) == 8 for o in row.operands) and not test.rex
    if bits or test.rex:
        return 0x40 | bits
    return 0x40 if not bytes_used and not row.vex and rng.random() < 0.1 else 0


def opcode_bytes(test: TestForm, long_mode: bool) -> bytes:
    """The opcode, with its register or condition."""
    row = test.form.row
    opcodes = bytearray(row.opcode_bytes)
    if row.span > 1 and not row.modrm:
        opcodes[-1] += test.cond & 7 if row.span == 8 and long_mode else test.cond
    elif row.span == 16:
        opcodes[-1] += test.cond
    return bytes(opcodes)


def encode(test: TestForm, rng: Random, guest: Guest) -> bytes:
    """The instruction's bytes."""
    form, row, mem = test.form, test.form.row, test.mem
    prefixes: list[int] = []
    seg = mem.seg if mem else test.seg
    if seg != NO_SEG:
        prefixes.append(SEG_PREFIX[seg])
    if test.addr16 or mem is not None and (mem.addr16 or mem.short):
        prefixes.append(0x67)
    if form.opsize == 2 and row.prefix != "66":
        prefixes.append(0x66)
    if form.prefix == "lock":
        prefixes.append(0xF0)
    elif form.prefix in ("rep", "repe", "repne"):
        prefixes.append(0xF2 if form.prefix == "repne" or test.repne else 0xF3)
    elif test.f3:
        prefixes.append(0xF3)
    rex = 0
    if guest.long_mode:
        rex = rex_prefix(test, prefixes, rng)
        test.rex = rex != 0
    rng.shuffle(prefixes)
    code = bytes(prefixes)
    if guest.long_mode and not row.vex and rng.random() < 0.05:
        stale = bytes([0x40 | rng.randrange(16)])  # a legacy prefix follows: it does not count
        code = stale + (code or b"\x3e")
    if row.vex:
        code += encode_vex(test, rex, guest, rng)
    elif row.prefix in ("66", "F3", "F2"):
        code += bytes([int(row.prefix, 16)])
    if rex and not row.vex:
        code += bytes([rex])
    code += opcode_bytes(test, guest.long_mode)
    if row.modrm:
        if mem is not None:
            code += encode_mem(test.reg & 7, mem, rng, guest.long_mode)
        else:
            code += bytes([0xC0 | (test.reg & 7) << 3 | test.rm & 7])
    for kind in row.imms:
        if kind == "moffs":
            disp = mem.disp if mem else 0
            short = mem is not None and (mem.addr16 or mem.short)
            size = (4 if short else 8) if guest.long_mode else 2 if short else 4
            code += (disp & (1 << 8 * size) - 1).to_bytes(size, "little")
        else:
            code += immediate(row, kind, form.opsize, rng)
    return code
