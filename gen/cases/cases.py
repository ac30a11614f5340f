"""python3 -m gen.cases.cases --out build/gen

Reads gen/spec; writes build/gen/cases.bin (every row of i386 in every form, as test/insn/forms.h
lays it out), cases64.bin (those of x86-64) and for each a .txt (an index: row number, cases, spec
line; what is excluded and why).

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
from gen.cases.encode import (CS, DS, FS, GS, NO_REG, NO_SEG, RIP, RIP_DISP, SS, Mem, TestForm,
                              encode)
from gen.cases.operands import (SEGMENTS, has_reg_operand, memory_operands, memory_operands64,
                                reg_numbers, register_pairs)
from gen.emit.dependencies import Recorder
from gen.emit.files import Output
from gen.language.errors import SpecError
from gen.language.features import read_features
from gen.language.model import (Form, Place, Row, Spec, forms, memory_access, memory_alignment,
                                row_of_guest)
from gen.language.reader import read_spec
from gen.language.target import GUESTS, I386, Guest

ROOT = Path(__file__).resolve().parent.parent.parent
# Beginnings of row words that choose no inputs.
NO_INPUT = ("vendor=", "access=", "implicit=", "faults=", "bytes=", "f64", "norex")
MAGIC = 0x32736746
RECORD = struct.Struct("<IIIIIIiHBBB15sBBBBBBBxI")
RECORD64 = struct.Struct("<IIIIIIqHBBB15sBBBBBBBBB3xI4x")


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


def byte_register(row: Row, number: int, place: Place) -> bool:
    """Is a register 4 to 7 of this operand SPL to DIL or AH to BH, as REX says?"""
    return 4 <= number < 8 and any(o.bits(4) == 8 and (o.letter == "G") == (place is Place.REG)
                                   for o in row.operands if o.letter in ("E", "G"))


def register_forms64(form: Form, rng: Random) -> Iterator[TestForm]:
    """Forms without memory operand in 64-bit mode; byte registers 4 to 7 with REX and without."""
    row = form.row
    copies = 2 if row.imms and not hint.hints_of(row) & hint.BRANCH else 1
    if row.modrm:
        for reg, rm in register_pairs(form, rng):
            count = 3 if has_reg_operand(row) and not row.fixed_modrm else 8
            if row.fixed_modrm:
                count = 24 if row.rm is not None else 8
            conds = range(row.span) if rm in (0, 9) else (rng.randrange(row.span),)
            high = byte_register(row, reg, Place.REG) or byte_register(row, rm, Place.MEM)
            for rex in (False, True) if high else (False,):
                for cond in conds:
                    for _ in range(copies):
                        yield TestForm(form, reg, rm, cond=cond, rex=rex,
                                       count=1 if row.span == 16 else max(1, count // copies))
        return
    registers = any(o.letter == "Z" for o in row.operands)
    for cond in range(16 if registers else row.span):
        high = registers and 4 <= cond < 8 and row.operands[0].bits(4) == 8
        for rex in (False, True) if high else (False,):
            for _ in range(copies * 2):
                yield TestForm(form, cond=cond, rex=rex, count=8 if row.span == 1 else 3)


def string_forms(form: Form, rng: Random) -> Iterator[TestForm]:
    """String instructions: overrides, registers as by prefix 67, both repeat prefixes, faults."""
    base = hint.REP if form.prefix else 0
    for repne in (False, True) if form.prefix == "rep" else (False,):
        yield TestForm(form, repne=repne, count=30, hints=base)
        yield TestForm(form, repne=repne, count=16, hints=base | hint.FAULT)
        for seg in SEGMENTS:
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


def departs(row: Row, mem: Mem) -> bool:
    """Masked accesses by CS, or with short addresses, which wrap between two elements: what
    processors do there is not what is done here (NOTATION.md)."""
    return bool(row.words & {"mask4", "mask8"}) and (mem.short or mem.addr16 or mem.seg == CS)


def memory_forms64(form: Form, rng: Random) -> Iterator[TestForm]:
    """Forms with a memory operand in 64-bit mode."""
    row = form.row
    every_sib = row.mnemonic in ("MOV", "LEA", "PUSH") and form.opsize == 8 \
        and row.opcode in (0x8B, 0x8D, 0xFF)
    regs = reg_numbers(row, 16)
    main = 8 if row.opsize_matters or row.words & {"f64", "def64"} else 4
    for mem, count, extra in memory_operands64(row, access_bytes(form), memory_alignment(form),
                                               rng, every_sib):
        if row.addrsizes and (4 if mem.short else 8) not in row.addrsizes or departs(row, mem):
            continue
        plain = not extra and mem.index == NO_REG and not mem.short and mem.seg == NO_SEG
        several = min(len(regs), 5 if form.opsize == main else 2) if plain else 1
        for reg in rng.sample(regs, several):
            rex = byte_register(row, reg, Place.REG) and rng.random() < 0.5
            conds = range(row.span) if plain and mem.base in (0, 9) else (rng.randrange(row.span),)
            for cond in conds:
                yield TestForm(form, reg, mem=mem, cond=cond, hints=extra, rex=rex,
                               count=1 if cond else count * (2 if len(regs) == 1 else 1))


def test_forms64(form: Form, rng: Random) -> Iterator[TestForm]:
    """Every form of a spec form that is tested in 64-bit mode."""
    row, hints = form.row, hint.hints_of(form.row)
    if hint.is_string(row):
        yield from string_forms(form, rng)
        return
    if form.mem:
        yield from memory_forms64(form, rng)
        return
    if hints & (hint.XLAT | hint.MASKMOV):
        yield from implicit_forms(form)
    if row.modrm and row.reg is None and hints & hint.MASKMOV:
        return
    for test in register_forms64(form, rng):
        test.addr16 = row.addrsizes == (4,)
        if test.addr16:
            test.hints |= hint.ADDR16
        elif not row.addrsizes and not hints & hint.XLAT and rng.random() < 0.03:
            test.addr16 = True  # nothing has an address, and the stack's size is not the prefix's
        yield test
    if hints & hint.STACK and not hints & hint.FAR:
        yield from stack_forms(form)


def test_forms(form: Form, rng: Random) -> Iterator[TestForm]:
    """Every form of a spec form that is tested outside of 64-bit mode."""
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
            if row.addrsizes and (2 if mem.addr16 else 4) not in row.addrsizes or \
                    departs(row, mem):
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
         rules: int, guest: Guest) -> bytes | None:
    """The binary record, or None when the encoding is too long."""
    form, mem = test.form, test.mem or Mem()
    code = encode(test, rng, guest)
    if len(code) > 15:
        return None
    hints = hint.hints_of(form.row) | test.hints
    if hints & hint.SEGMENT and loads_tls(form.row, test.reg):
        hints |= hint.TLS
    registers = len(guest.registers(0))
    number = {NO_REG: registers, RIP: registers + 1}
    fields: list[int | bytes] = [
        row_number, seed, first, test.count, form.row.flags_undefined, hints, mem.disp,
        access_bytes(form) if form.mem or form.row.operands else 0, memory_alignment(form),
        form.opsize, len(code), code]
    native = 3 if guest.long_mode else 1
    fields += [0 if test.mem is None else 2 if mem.addr16 else 1 if mem.short else native,
               number.get(mem.base, mem.base), number.get(mem.index, mem.index), mem.scale,
               mem.seg if test.mem else test.seg, test.reg,
               test.rm if form.row.modrm else test.cond if guest.long_mode else test.cond & 7]
    if guest.long_mode:
        at = code.find(struct.pack("<i", RIP_DISP)) if mem.base == RIP else 0
        return RECORD64.pack(*fields, test.rex, at, rules)
    return RECORD.pack(*fields, rules)


def usable(form: Form) -> bool:
    """False for forms that the encoding cannot express (operand size against mandatory prefix)."""
    row = form.row
    if row.vex:
        return True
    if row.prefix == "66":
        return form.opsize in (2, 8)
    if row.prefix in ("NP", "F3", "F2"):
        return form.opsize in (4, 8) or (row.prefix != "NP" and row.opsize_matters)
    return True


def seed_text(row: Row) -> str:
    """The row's text without words that choose no inputs: an edit of them keeps the cases."""
    words = (w for w in row.text.split() if not w.startswith(NO_INPUT))
    return f"{row.mnemonic} {' '.join(words)}"


def with_vvvv(tests: Iterator[TestForm], guest: Guest) -> Iterator[TestForm]:
    """Registers in VEX.vvvv: each with every register form (64-bit mode: three of them), in turn
    with memory operands. Vector registers, which are loaded by steps of their own, all in turn."""
    count = len(guest.registers(0))
    for number, test in enumerate(tests):
        operand = test.form.row.operand_with("HB")
        if operand is None:
            yield test
            continue
        every = range(8) if count == 8 else sorted({number % 8, number % 8 + 8, number // 8 % 16})
        turn = (number + number // 8) % count
        for vvvv in every if test.mem is None and operand.letter == "B" else (turn,):
            stack = vvvv == 4 and operand.letter == "B"  # ESP stays where it is in streams
            yield replace(test, vvvv=vvvv, count=min(test.count, 3),
                          hints=test.hints | (hint.NO_STREAM if stack else 0))


def tests_of(row: Row, rng: Random, guest: Guest) -> Iterator[TestForm]:
    """Every form of a row that is tested."""
    row = row_of_guest(row, guest)
    usable_forms = [form for form in forms(row, guest) if usable(form)]
    for form in usable_forms:
        found = test_forms64(form, rng) if guest.long_mode else test_forms(form, rng)
        yield from with_vvvv(found, guest)
    for form in usable_forms:
        yield from ignored_prefix_forms(form)


def build(spec: Spec, guest: Guest = I386, incomplete: frozenset[str] = frozenset()
          ) -> tuple[Writer, list[tuple[Row, str]]]:
    """All forms of the spec for a guest, and the rows left out with the reason. `incomplete`:
    names of features that are not shown yet."""
    writer = Writer()
    left_out: list[tuple[Row, str]] = []
    numbers = {name: i for i, name in enumerate(spec.vendors)}
    for row in spec.rows:
        if guest.name not in row.modes or row.synthetic:
            continue
        why = hint.excluded(row)
        if row.feature in incomplete:
            why = f"{row.feature} is not shown yet, so it is #UD"
        if why is not None:
            left_out.append((row, why))
            continue
        number, first, start = len(writer.rows), 0, len(writer.records)
        rng = Random(zlib.crc32(seed_text(row).encode()))
        rules = sum(1 << numbers[name] for name in row.vendor)
        for test in tests_of(row, rng, guest):
            record = pack(test, number, rng.getrandbits(32), first, rng, rules, guest)
            if record is not None:
                writer.records.append(record)
                first += test.count
        writer.rows.append((writer.string(row.mnemonic), writer.string(row.cite), start,
                            len(writer.records) - start, first))
    return writer, left_out


def emit(spec: Spec, guest: Guest, out: Path, incomplete: frozenset[str]) -> None:
    """Write the two files of a guest."""
    stem = "cases64" if guest.long_mode else "cases"
    writer, left_out = build(spec, guest, incomplete)
    rules = " ".join(f"{r.name}:{r.decider}" for r in spec.vendors.values())
    rules_at = writer.string(rules)
    head = struct.pack("<IIIII", MAGIC, len(writer.rows), len(writer.records), len(writer.text),
                       rules_at)
    out.mkdir(parents=True, exist_ok=True)
    rows = b"".join(struct.pack("<IIIII", *row) for row in writer.rows)
    (out / f"{stem}.bin").write_bytes(head + rows + b"".join(writer.records) + bytes(writer.text))
    cases = sum(row[4] for row in writer.rows)
    lines = [f"{len(writer.rows)} rows, {len(writer.records)} forms, {cases} cases"]
    for number, (_, cite, _, count, total) in enumerate(writer.rows):
        name = bytes(writer.text[cite:writer.text.index(0, cite)]).decode()
        lines.append(f"{number}: {count} forms, {total} cases: {name}")
    lines.append(f"{len(left_out)} rows are not compared:")
    lines += [f"  {row.mnemonic} ({row.cite}): {why}" for row, why in left_out]
    (out / f"{stem}.txt").write_text("\n".join(lines) + "\n")
    print(f"{stem}: {lines[0]}; {len(left_out)} rows excluded")


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="gen.cases.cases", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/gen"))
    args = parser.parse_args()
    recorder = Recorder(ROOT)
    try:
        spec = read_spec(ROOT / "gen/spec", ROOT)
        features = read_features(ROOT / "gen/spec/features", ROOT)
        incomplete = frozenset(f.name for f in features if f.incomplete)
        for guest in GUESTS:
            emit(spec, guest, args.out, incomplete)
        recorder.write(f"{args.out}/cases.bin", args.out / "cases.d", Output(), ("build",))
    except SpecError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
