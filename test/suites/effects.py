#!/usr/bin/env python3
# time: 120
# order: 15
"""The effects that the spec lists (fields access and implicit) against Zydis: operands and their
widths, memory, implicit registers, of one encoding of every form and guest. One case per
instruction."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from gen.cases.cases import usable  # noqa: E402
from gen.cases.encode import Mem, TestForm, encode  # noqa: E402
from gen.language.model import FIXED_REGS, Form, Place, forms, row_of_guest  # noqa: E402
from gen.language.reader import read_spec  # noqa: E402
from gen.language.target import GUESTS, Guest  # noqa: E402
from harness import BUILD, TOP, Failure, Suite, Skip  # noqa: E402

# Not compared, and why. Zydis describes what the processor would do in kernel mode, under another
# name, or with an extension that this guest does not have.
LEFT_OUT = {
    "NOP": "hint opcodes that newer extensions use",
    "MOVSREG": "one encoding in eight is CS, which is no instruction",
    "ENTER": "Zydis leaves out the reads of older frames",
    "FTST": "Zydis says that ST(0) is written", "FXAM": "Zydis says that ST(0) is written",
    "PREFETCHNTA": "a hint", "PREFETCHT0": "a hint", "PREFETCHT1": "a hint",
    "PREFETCHT2": "a hint", "PREFETCHW": "a hint", "CLDEMOTE": "a hint",
    "MOVDIR64B": "Zydis says that the destination's address is read alone",
    "SYSENTER": "Zydis has the kernel's stack pointer",
    "FFREE": "the tag alone changes", "FFREEP": "the tag alone changes",
    "LEAVE": "Zydis says that rSP is read",
}
# 32 bits of a register are written, which has 64 with REX.W (the rest becomes 0), or 16 of 32 read.
OTHER_WIDTH = {"MOVMSKPS", "MOVMSKPD", "PMOVMSKB", "PEXTRW", "PINSRW", "LAR", "LSL"}
TRAPS = {"trap_gp", "trap_ud"}
GENERAL = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")


@dataclass
class Wanted:
    """Effects of one form, by Zydis' names: access of each explicit operand; others."""

    operands: list[str]
    bits: list[int]
    memory: dict[str, str] = field(default_factory=dict)   # base register -> access
    registers: dict[str, str] = field(default_factory=dict)  # 32-bit name or st0.. -> access
    fixed: dict[str, str] = field(default_factory=dict)    # operands that are always the same


def merged(first: str, second: str) -> str:
    """Both accesses in one."""
    return "".join(letter for letter in "rwc" if letter in first + second)


def wide(register: str) -> str:
    """The 32-bit register that holds a general one."""
    match = re.fullmatch(r"[er]?([abcd])[xhl]|[er]?(sp|bp|si|di)", register)
    if not match:
        return register
    return f"e{match[1]}x" if match[1] else f"e{match[2]}"


def wanted(form: Form) -> Wanted:
    """What the spec says."""
    row = form.row
    found = Wanted([], [])
    for operand, access in zip(row.operands, row.access):
        if operand.letter == "X":
            found.memory["esi"] = access
        elif operand.letter == "Y":
            found.memory["edi"] = access
        else:
            found.operands.append("" if access in ("-", "a") else access)
            found.bits.append(operand.bits(form.opsize))
            if operand.place(form.mem) in (Place.LITERAL, Place.ST) or operand.text in FIXED_REGS:
                found.fixed[wide(operand.text.lower())] = access
    for effect in row.implicit:
        name = effect.what.lower()
        if name == "rcx" and row.words & {"rep", "repz"} and not form.prefix:
            continue
        if effect.is_memory:
            base = "e" + name[2:4]
            found.memory[base] = merged(found.memory.get(base, ""), effect.access)
        else:
            register = wide(name)
            found.registers[register] = merged(found.registers.get(register, ""), effect.access)
    return found


def sample(form: Form, guest: Guest) -> bytes:
    """One encoding of a form, with registers that no instruction uses by itself."""
    row = form.row
    mem = None
    if form.mem:
        mem = Mem(disp=0x1000) if "moffs" in row.imms else Mem(base=3)
        if row.addrsizes == (2,):
            mem = Mem(addr16=True, base=7)
        mem.short = guest.long_mode and row.addrsizes == (4,)
    test = TestForm(form, reg=1 if row.reg is None else row.reg, rm=2 if row.rm is None else row.rm,
                    mem=mem, cond={16: 4, 8: 1}.get(row.span, 0),
                    addr16=row.addrsizes == (min(guest.addrsizes),))
    return encode(test, Random(1), guest)


def agree(zydis: str, spec: str) -> bool:
    """Written or not must be the same; of reads the spec may have more: registers of an address,
    and what stays when a conditional write does not happen."""
    return bool(set(zydis) & set("wc")) == bool(set(spec) & set("wc")) and \
        ("r" not in zydis or "r" in spec)


def has_width(form: Form, number: int) -> bool:
    """The operand is a general register, whose width Zydis has as the spec does."""
    operand = form.row.operands[number]
    return operand.place(form.mem) is Place.REG and operand.letter != "" and \
        form.row.mnemonic not in OTHER_WIDTH


def differences(form: Form, line: str) -> Iterator[str]:
    """How Zydis' line differs from the spec."""
    want = wanted(form)
    shown: list[str] = []
    bits: list[int] = []
    memory: dict[str, str] = {}
    registers: dict[str, str] = {}
    for visibility, name, access, size in re.findall(r" ([EIH]):(\S+)=(\w*)/(\d+)", line):
        base = re.fullmatch(r"\[(\w+)\]", name)
        if visibility != "H":
            shown.append(access)
            bits.append(int(size))
        elif base:
            memory[wide(base[1])] = merged(memory.get(wide(base[1]), ""), access)
        elif wide(name) in GENERAL or re.fullmatch(r"st\d", name):
            registers[wide(name)] = merged(registers.get(wide(name), ""), access)
    pairs: list[tuple[str, str, str]] = []
    if len(shown) == len(want.operands):
        pairs = [(f"operand {n + 1}", *both) for n, both in enumerate(zip(shown, want.operands))]
    elif not want.fixed:
        yield f"Zydis shows {len(shown)} operands, the row has {len(want.operands)}"
    pairs += [(f"memory at {name}", memory.get(name, ""), want.memory.get(name, ""))
              for name in sorted(set(memory) | set(want.memory))]
    if not any(o.letter in ("X", "Y") for o in form.row.operands):  # Zydis has not all of them
        pairs += [(f"implicit {name}", registers.get(name, ""),
                   merged(want.registers.get(name, ""), want.fixed.get(name, "")
                          if len(shown) != len(want.operands) else ""))
                  for name in sorted(set(registers) | set(want.registers) & set(GENERAL))]
    if len(shown) == len(want.operands):
        for number, (zydis_bits, spec_bits) in enumerate(zip(bits, want.bits)):
            if spec_bits and zydis_bits != spec_bits and has_width(form, number):
                yield f"operand {number + 1}: Zydis {zydis_bits} bits, spec {spec_bits}"
    for what, zydis, spec in pairs:
        if not agree(zydis, spec):
            yield f"{what}: Zydis {zydis or '-'}, spec {spec or '-'}"


def main() -> None:
    """One case per instruction."""
    suite = Suite()
    chosen: dict[str, list[tuple[Form, bytes, str]]] = defaultdict(list)
    rows = list(read_spec(TOP / "gen/spec", TOP).rows)
    for guest in GUESTS:
        every = [(form, sample(form, guest)) for row in rows if row.body not in TRAPS
                 for form in forms(row_of_guest(row, guest), guest) if usable(form)]
        text = "".join(code.hex() + "\n" for _, code in every)
        mode = "64" if guest.long_mode else "32"
        done = subprocess.run([str(BUILD / "test/zydis_effects"), mode], input=text, check=True,
                              capture_output=True, text=True)
        for (form, code), line in zip(every, done.stdout.splitlines()):
            chosen[form.row.mnemonic].append((form, code, line))

    def check(name: str) -> None:
        if name in LEFT_OUT:
            raise Skip(LEFT_OUT[name])
        bad = [f"{form.row.cite} ({code.hex()}): {difference}" for form, code, line in chosen[name]
               if line != "-" for difference in differences(form, line)]
        if bad:
            raise Failure("\n".join(bad[:6]))

    for name in chosen:
        suite.case(name, quick=True)(partial(check, name))
    suite.main()


if __name__ == "__main__":
    main()
