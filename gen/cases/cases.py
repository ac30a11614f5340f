"""python3 -m gen.cases.cases --out build/gen

Reads gen/spec; writes build/gen/cases.bin (every row in every form, as test/insn/forms.h lays it
out) and build/gen/cases.txt (an index: row number, cases, spec line; what is excluded and why).

A form is one encoding: registers, addressing mode, prefixes and immediate are fixed here, the
register and memory contents are chosen by test/insn/expand.c from the form's seed and the case
number. Both follow from the row's text, so that a case keeps its inputs until its row changes.
"""

from __future__ import annotations

import argparse
import struct
import sys
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Iterator

from gen.cases import hints as hint
from gen.emit.dependencies import Recorder
from gen.emit.files import Output
from gen.language.errors import SpecError
from gen.language.model import (Form, Place, Row, Spec, forms, memory_access, memory_alignment,
                                row_of_guest)
from gen.language.reader import read_spec
from gen.language.target import DEFAULT

ROOT = Path(__file__).resolve().parent.parent.parent
GUEST = DEFAULT.guest
# Beginnings of row words that choose no inputs.
NO_INPUT = ("vendor=", "access=", "implicit=", "faults=", "bytes=", "f64", "norex")
MAGIC = 0x32736746
NO_REG = 8
NO_SEG = 0xFF
ES, CS, SS, DS, FS, GS = range(6)
SEG_PREFIX = {ES: 0x26, CS: 0x2E, SS: 0x36, DS: 0x3E, FS: 0x64, GS: 0x65}
DATA = 0x20000000
RECORD = struct.Struct("<IIIIIIiHBBB15sBBBBBBBxI")
IMM_EDGES = (0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 32, 33, 0x3F, 0x7F, 0x80, 0x81, 0xFE, 0xFF)


@dataclass
class Mem:
    """A memory operand's encoding."""

    addr16: bool = False
    base: int = NO_REG   # 16-bit: ModRM.rm, 8 absolute
    index: int = NO_REG
    scale: int = 0
    disp: int = 0
    seg: int = NO_SEG


@dataclass
class TestForm:
    """What becomes one struct form."""

    form: Form
    reg: int = 0
    rm: int = 0
    mem: Mem | None = None
    cond: int = 0        # or register in the opcode
    seg: int = NO_SEG    # override of an implicit operand
    addr16: bool = False
    repne: bool = False
    f3: bool = False     # a repeat prefix that the row ignores
    vvvv: int = 0        # register in VEX.vvvv
    count: int = 1
    hints: int = 0


@dataclass
class Writer:
    """The file in the making."""

    rows: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    records: list[bytes] = field(default_factory=list)
    text: bytearray = field(default_factory=bytearray)

    def string(self, text: str) -> int:
        """Offset of a text, NUL-terminated."""
        at = len(self.text)
        self.text += text.encode() + b"\0"
        return at


def encode_mem(reg: int, mem: Mem, rng: Random) -> bytes:
    """ModRM, SIB and displacement; the shortest form that fits, sometimes a longer one."""
    if mem.addr16:
        if mem.base == 8:
            return bytes([reg << 3 | 6]) + struct.pack("<H", mem.disp & 0xFFFF)
        if mem.disp == 0 and mem.base != 6:
            return bytes([reg << 3 | mem.base])
        if -128 <= mem.disp < 128:
            return bytes([0x40 | reg << 3 | mem.base]) + struct.pack("<b", mem.disp)
        return bytes([0x80 | reg << 3 | mem.base]) + struct.pack("<H", mem.disp & 0xFFFF)
    disp32 = struct.pack("<i", mem.disp)
    with_sib = mem.index != NO_REG or mem.base == 4 or rng.random() < 0.02
    if mem.base == NO_REG:
        if not with_sib:
            return bytes([reg << 3 | 5]) + disp32
        index = 4 if mem.index == NO_REG else mem.index
        return bytes([reg << 3 | 4, mem.scale << 6 | index << 3 | 5]) + disp32
    sib = b""
    rm = mem.base
    if with_sib:
        index = 4 if mem.index == NO_REG else mem.index
        sib = bytes([mem.scale << 6 | index << 3 | mem.base])
        rm = 4
    if mem.disp == 0 and mem.base != 5:
        return bytes([reg << 3 | rm]) + sib
    if -128 <= mem.disp < 128:
        return bytes([0x40 | reg << 3 | rm]) + sib + struct.pack("<b", mem.disp)
    return bytes([0x80 | reg << 3 | rm]) + sib + disp32


def immediate(row: Row, kind: str, opsize: int, addr16: bool, rng: Random) -> bytes:
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
    size = {"ib": 1, "is4": 1, "iw": 2, "iz": opsize, "iv": opsize}[kind]
    if row.mnemonic == "INT":
        return bytes([rng.choice((0, 1, 2, 3, 4, 5, 13, 0x20, 0x7F, 0x81, 0xFF))])
    if row.mnemonic.startswith("RET"):
        return struct.pack("<H", rng.choice((0, 2, 4, 8, 100, 0x7FFF)))
    value = rng.choice(IMM_EDGES) if rng.random() < 0.5 else rng.getrandbits(32)
    if size > 1 and rng.random() < 0.4:
        value = rng.choice((0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x10000))
    return (value & (1 << 8 * size) - 1).to_bytes(size, "little")


def encode_vex(row: Row, vvvv: int, rng: Random) -> bytes:
    """The prefix, of two or three bytes. At random what is ignored in 32-bit mode: B, the high bit
    of a vvvv that is an operand, perhaps L and W (SDM Vol. 2A, 2.3.5)."""
    assert row.vex is not None and row.prefix is not None
    length = rng.randrange(2) if row.vex.l is None else row.vex.l
    w = rng.randrange(2) if row.vex.w == "WIG" else int(row.vex.w[1])
    pp = ("NP", "66", "F3", "F2").index(row.prefix)
    last = (vvvv ^ 15) << 3 | length << 2 | pp
    if row.map == 1 and w == 0 and rng.randrange(2):
        return bytes([0xC5, 0x80 | last])
    if row.operand_with("HB") and rng.randrange(2):
        last ^= 0x40
    return bytes([0xC4, 0xC0 | rng.randrange(2) << 5 | row.map, w << 7 | last])


def encode(test: TestForm, rng: Random) -> bytes:
    """The instruction's bytes."""
    form, row = test.form, test.form.row
    prefixes: list[int] = []
    seg = test.mem.seg if test.mem else test.seg
    if seg != NO_SEG:
        prefixes.append(SEG_PREFIX[seg])
    if test.addr16 or (test.mem is not None and test.mem.addr16):
        prefixes.append(0x67)
    if form.opsize == 2 and row.prefix != "66":
        prefixes.append(0x66)
    if form.prefix == "lock":
        prefixes.append(0xF0)
    elif form.prefix in ("rep", "repe", "repne"):
        prefixes.append(0xF2 if form.prefix == "repne" or test.repne else 0xF3)
    elif test.f3:
        prefixes.append(0xF3)
    rng.shuffle(prefixes)
    code = bytes(prefixes)
    if row.vex:
        code += encode_vex(row, test.vvvv, rng)
    elif row.prefix in ("66", "F3", "F2"):
        code += bytes([int(row.prefix, 16)])
    opcodes = bytearray(row.opcode_bytes)
    if row.span > 1 and not row.modrm:
        opcodes[-1] += test.cond
    elif row.span == 16:
        opcodes[-1] += test.cond
    code += bytes(opcodes)
    if row.modrm:
        if test.mem is not None:
            code += encode_mem(test.reg, test.mem, rng)
        else:
            code += bytes([0xC0 | test.reg << 3 | test.rm])
    for kind in row.imms:
        if kind == "moffs":
            disp = test.mem.disp if test.mem else 0
            code += struct.pack("<H", disp & 0xFFFF) if test.mem and test.mem.addr16 \
                else struct.pack("<i", disp)
        else:
            code += immediate(row, kind, form.opsize, test.addr16, rng)
    return code


def access_bytes(form: Form) -> int:
    """Width of the memory operand in bytes; 0: no access that needs contents."""
    row = form.row
    if row.memory_bytes:
        return row.memory_bytes
    if memory_access(form) in ("-", "a"):
        return 0
    for operand in row.operands:
        if operand.place(True) is Place.MEM:
            if operand.size == "p":
                return form.opsize + 2
            if operand.size == "a":
                return form.opsize * 2
            return operand.bits(form.opsize) // 8
    return 0


def random_disp(rng: Random) -> int:
    """A displacement of every length."""
    kind = rng.randrange(6)
    if kind < 2:
        return 0
    if kind < 4:
        return rng.choice((1, -1, 4, -8, 127, -128, 16, 0x40))
    return rng.choice((128, -129, 0x1000, -0x1234, 0x7FFFFFFF, -0x80000000, 0x20000000, 0x12345678))


def absolute(rng: Random, size: int, align: int) -> int:
    """An address in the data pages, for operands without registers."""
    at = DATA + rng.randrange(0x80, 0x3E00 - size)
    if rng.random() < 0.3:
        at = DATA + 0x1000 * rng.randrange(1, 3) - rng.randrange(0, size + 1)
    return at - at % align


def random_sib(rng: Random) -> Mem:
    """Base, index and scale at random; index and base equal now and then."""
    base = rng.choice((0, 1, 2, 3, 4, 5, 6, 7, NO_REG))
    index = rng.choice((0, 1, 2, 3, 5, 6, 7))
    if base in (0, 1, 2, 3, 5, 6, 7) and rng.random() < 0.15:
        index = base
    return Mem(base=base, index=index, scale=rng.randrange(4), disp=random_disp(rng))


def memory_operands(row: Row, size: int, align: int, rng: Random,
                    every_sib: bool) -> Iterator[tuple[Mem, int, int]]:
    """(operand, cases, extra hints): each base, indices, segments, 16-bit forms, faults."""
    small = "STACK" if hint.hints_of(row) & hint.STACK else ""
    for base in range(9):
        disp = random_disp(rng) if not (small and base == 4) else 4 * rng.randrange(-4, 8)
        if base == NO_REG:
            disp = absolute(rng, size, align)
        yield Mem(base=base, disp=disp), 2, 0
    sibs = [random_sib(rng) for _ in range(6)]
    if every_sib:
        sibs = [Mem(base=b, index=i, scale=s, disp=random_disp(rng))
                for b in range(9) for i in (0, 1, 2, 3, 5, 6, 7) for s in range(4)]
    for mem in sibs:
        if small and mem.base == 4:
            mem.disp = 4 * rng.randrange(-4, 8)
        yield mem, 2, 0
    for seg in (ES, CS, SS, DS, FS, GS, FS, GS):
        mem = random_sib(rng) if rng.random() < 0.5 else Mem(base=rng.choice((0, 1, 2, 3, 5, 6, 7)))
        if small and mem.base == 4:
            continue
        mem.seg = seg
        yield mem, 2, 0
    fs_absolute = Mem(seg=rng.choice((FS, GS)))
    fs_absolute.disp = absolute(rng, size, align) - (0x20001000 if fs_absolute.seg == FS
                                                     else 0x1FFF8000)
    yield fs_absolute, 2, 0
    for rm in range(9):
        seg = rng.choice((GS, GS, FS))
        disp = rng.choice((0, 0, 1, -1, 100, -128, 0x7FFF, -0x8000, 0x1234))
        if rm == 8:
            disp = 0x8100 + rng.randrange(0x3000) if seg == GS else rng.randrange(0x2000)
            disp -= disp % align
        yield Mem(addr16=True, base=rm, disp=disp, seg=seg), 2, 0
    yield Mem(addr16=True, base=rng.randrange(8)), 1, 0  # flat: the first 64 KiB are not there
    for _ in range(2):
        yield Mem(base=rng.choice((0, 1, 2, 3, 5, 6, 7)), disp=random_disp(rng)), 3, hint.FAULT
    mem = random_sib(rng)
    if not (small and mem.base == 4):
        yield mem, 3, hint.FAULT
    yield Mem(base=rng.choice((0, 1, 2, 3, 5, 6, 7))), 2, hint.READ_ONLY
    yield Mem(addr16=True, base=rng.randrange(8), seg=GS), 1, hint.FAULT


def has_reg_operand(row: Row) -> bool:
    """ModRM.reg names a register (and is not an opcode extension)."""
    return row.modrm and row.reg is None


def reg_numbers(row: Row) -> tuple[int, ...]:
    """Values of ModRM.reg worth a form."""
    if row.reg is not None:
        return (row.reg,)
    if any(o.letter == "S" for o in row.operands):
        return (0, 1, 2, 3, 4, 5, 6, 7)  # CS, 6 and 7 are #UD where the decoder says so
    return tuple(range(8))


def register_forms(form: Form, rng: Random) -> Iterator[TestForm]:
    """Forms without memory operand."""
    row = form.row
    copies = 3 if row.imms and not hint.hints_of(row) & hint.BRANCH else 1
    if row.fixed_modrm:
        count = 48 if row.rm is not None else 10
        for rm in range(8) if row.rm is None else (row.rm,):
            yield TestForm(form, reg=row.reg or 0, rm=rm, count=count)
    elif row.modrm:
        for reg in reg_numbers(row):
            for rm in range(8):
                for _ in range(copies):
                    count = 3 if has_reg_operand(row) else 10
                    if row.span == 16:
                        count = 1
                    for cond in range(row.span):
                        yield TestForm(form, reg, rm, cond=cond, count=max(1, count // copies))
    else:
        for cond in range(row.span):
            for _ in range(copies * 2):
                yield TestForm(form, cond=cond, count=8 if row.span == 1 else 4)


def string_forms(form: Form, rng: Random) -> Iterator[TestForm]:
    """String instructions: overrides, 16-bit registers, both repeat prefixes, faults."""
    base = hint.REP if form.prefix else 0
    for repne in (False, True) if form.prefix == "rep" else (False,):
        yield TestForm(form, repne=repne, count=30, hints=base)
        yield TestForm(form, repne=repne, count=16, hints=base | hint.FAULT)
        for seg in (ES, CS, SS, DS, FS, GS):
            yield TestForm(form, seg=seg, repne=repne, count=5, hints=base)
            yield TestForm(form, seg=seg, repne=repne, count=2, hints=base | hint.FAULT)
        for seg in (NO_SEG, FS, GS):
            yield TestForm(form, seg=seg, addr16=True, repne=repne, count=4,
                           hints=base | hint.ADDR16)


def implicit_forms(form: Form) -> Iterator[TestForm]:
    """XLAT, MASKMOVQ and their like: overrides and address size of the implicit operand."""
    for seg in (NO_SEG, FS, GS, DS, SS):
        yield TestForm(form, reg=1, rm=2, seg=seg, count=6)
        yield TestForm(form, reg=3, rm=3, seg=seg, count=3, hints=hint.FAULT)
    for seg in (NO_SEG, FS, GS):
        yield TestForm(form, reg=5, rm=0, seg=seg, addr16=True, count=4, hints=hint.ADDR16)


def stack_forms(form: Form) -> Iterator[TestForm]:
    """Pushes and pops at the edges of the stack."""
    row = form.row
    if row.modrm and row.can_reg:
        yield TestForm(form, reg=row.reg or 0, rm=3, count=6, hints=hint.FAULT)
    elif not row.modrm:
        yield TestForm(form, cond=3 % row.span, count=8, hints=hint.FAULT)


def test_forms(form: Form, rng: Random) -> Iterator[TestForm]:
    """Every form of a spec form that is tested."""
    row, hints = form.row, hint.hints_of(form.row)
    if hint.is_string(row):
        yield from string_forms(form, rng)
        return
    if form.mem:
        size, align = access_bytes(form), memory_alignment(form)
        every_sib = row.mnemonic in ("MOV", "LEA", "PUSH") and form.opsize == 4 \
            and row.opcode in (0x8B, 0x8D, 0xFF)
        regs = reg_numbers(row)
        for mem, count, extra in memory_operands(row, size, align, rng, every_sib):
            if row.addrsizes and (2 if mem.addr16 else 4) not in row.addrsizes:
                continue
            if "moffs" in row.imms and (mem.base != NO_REG or mem.index != NO_REG) \
                    and not (mem.addr16 and mem.base == 8):
                continue
            plain = not extra and mem.index == NO_REG and not mem.addr16 and mem.seg == NO_SEG
            conds = tuple(range(row.span)) if plain else (rng.randrange(row.span),)
            for reg in regs if plain else (rng.choice(regs),):
                for cond in conds:
                    yield TestForm(form, reg, mem=mem, cond=cond, hints=extra, count=1 if cond
                                   else count * (3 if len(regs) == 1 else 1))
        return
    if hints & (hint.XLAT | hint.MASKMOV):
        yield from implicit_forms(form)
    if row.modrm and row.reg is None and hints & hint.MASKMOV:
        return
    for test in register_forms(form, rng):
        test.addr16 = row.addrsizes == (2,)
        yield test
    if hints & hint.STACK and not hints & hint.FAR:  # far returns: the order of reads is anybody's
        yield from stack_forms(form)


def loads_tls(row: Row, reg: int) -> bool:
    """The segment loaded may have a base (NOTATION.md: the others may not)."""
    if any(o.letter == "S" for o in row.operands):
        return reg in (FS, GS)
    return row.mnemonic in ("LFS", "LGS", "LAR", "LSL", "VERR", "VERW", "ARPL") \
        or any(o.text in ("FS", "GS") for o in row.operands)


def ignored_prefix_forms(form: Form) -> Iterator[TestForm]:
    """F3 BSF and F3 BSR, which are other instructions where a processor has TZCNT and LZCNT."""
    if "scan_f3" not in form.row.vendor:
        return
    if form.mem:
        yield TestForm(form, reg=1, mem=Mem(base=3), f3=True, count=6,
                       hints=hint.NO_STREAM | hint.IGNORED)
    else:
        for reg, rm in ((0, 3), (5, 2), (6, 6)):
            yield TestForm(form, reg, rm, f3=True, count=12, hints=hint.NO_STREAM | hint.IGNORED)


def pack(test: TestForm, row_number: int, seed: int, first: int, rng: Random,
         rules: int) -> bytes | None:
    """The binary record, or None when the encoding is too long."""
    form, mem = test.form, test.mem
    code = encode(test, rng)
    if len(code) > 15:
        return None
    hints = hint.hints_of(form.row) | test.hints
    if hints & hint.SEGMENT and loads_tls(form.row, test.reg):
        hints |= hint.TLS
    seg = mem.seg if mem else test.seg
    size = access_bytes(form) if form.mem or form.row.operands else 0
    return RECORD.pack(row_number, seed, first, test.count, form.row.flags_undefined, hints,
                       mem.disp if mem else 0, size, memory_alignment(form), form.opsize,
                       len(code), code,
                       0 if mem is None else 2 if mem.addr16 else 1, mem.base if mem else NO_REG,
                       mem.index if mem else NO_REG, mem.scale if mem else 0, seg, test.reg,
                       test.rm if form.row.modrm else test.cond & 7, rules)


def usable(form: Form) -> bool:
    """False for forms that the encoding cannot express (operand size against mandatory prefix)."""
    row = form.row
    if row.vex:
        return True
    if row.prefix == "66":
        return form.opsize == 2
    if row.prefix in ("NP", "F3", "F2"):
        return form.opsize == 4 or (row.prefix != "NP" and row.opsize_matters)
    return True


def seed_text(row: Row) -> str:
    """The row's text without words that choose no inputs: an edit of them keeps the cases."""
    words = (w for w in row.text.split() if not w.startswith(NO_INPUT))
    return f"{row.mnemonic} {' '.join(words)}"


def with_vvvv(tests: Iterator[TestForm]) -> Iterator[TestForm]:
    """Registers in VEX.vvvv: each with every register form, in turn with memory operands."""
    for number, test in enumerate(tests):
        operand = test.form.row.operand_with("HB")
        if operand is None:
            yield test
            continue
        for vvvv in range(8) if test.mem is None else ((number + number // 8) % 8,):
            stack = vvvv == 4 and operand.letter == "B"  # ESP stays where it is in streams
            yield replace(test, vvvv=vvvv, count=min(test.count, 3),
                          hints=test.hints | (hint.NO_STREAM if stack else 0))


def tests_of(row: Row, rng: Random) -> Iterator[TestForm]:
    """Every form of a row that is tested."""
    row = row_of_guest(row, GUEST)
    usable_forms = [form for form in forms(row, GUEST) if usable(form)]
    for form in usable_forms:
        yield from with_vvvv(test_forms(form, rng))
    for form in usable_forms:
        yield from ignored_prefix_forms(form)


def build(spec: Spec) -> tuple[Writer, list[tuple[Row, str]]]:
    """All forms of the spec, and the rows left out with the reason."""
    writer = Writer()
    left_out: list[tuple[Row, str]] = []
    numbers = {name: i for i, name in enumerate(spec.vendors)}
    for row in spec.rows:
        if GUEST.name not in row.modes or row.synthetic:
            continue
        why = hint.excluded(row)
        if why is not None:
            left_out.append((row, why))
            continue
        number, first, start = len(writer.rows), 0, len(writer.records)
        rng = Random(zlib.crc32(seed_text(row).encode()))
        rules = sum(1 << numbers[name] for name in row.vendor)
        for test in tests_of(row, rng):
            record = pack(test, number, rng.getrandbits(32), first, rng, rules)
            if record is not None:
                writer.records.append(record)
                first += test.count
        writer.rows.append((writer.string(row.mnemonic), writer.string(row.cite), start,
                            len(writer.records) - start, first))
    return writer, left_out


def emit(spec_dir: Path, out: Path, root: Path) -> None:
    """Write cases.bin and cases.txt."""
    spec = read_spec(spec_dir, root)
    writer, left_out = build(spec)
    rules = " ".join(f"{r.name}:{r.decider}" for r in spec.vendors.values())
    rules_at = writer.string(rules)
    head = struct.pack("<IIIII", MAGIC, len(writer.rows), len(writer.records), len(writer.text),
                       rules_at)
    out.mkdir(parents=True, exist_ok=True)
    rows = b"".join(struct.pack("<IIIII", *row) for row in writer.rows)
    (out / "cases.bin").write_bytes(head + rows + b"".join(writer.records) + bytes(writer.text))
    cases = sum(row[4] for row in writer.rows)
    lines = [f"{len(writer.rows)} rows, {len(writer.records)} forms, {cases} cases"]
    for number, (_, cite, _, count, total) in enumerate(writer.rows):
        name = bytes(writer.text[cite:writer.text.index(0, cite)]).decode()
        lines.append(f"{number}: {count} forms, {total} cases: {name}")
    lines.append(f"{len(left_out)} rows are not compared:")
    lines += [f"  {row.mnemonic} ({row.cite}): {why}" for row, why in left_out]
    (out / "cases.txt").write_text("\n".join(lines) + "\n")
    print(f"cases: {lines[0]}; {len(left_out)} rows excluded")


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="gen.cases.cases", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/gen"))
    args = parser.parse_args()
    recorder = Recorder(ROOT)
    try:
        emit(ROOT / "gen/spec", args.out, ROOT)
        recorder.write(f"{args.out}/cases.bin", args.out / "cases.d", Output(), ("build",))
    except SpecError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
