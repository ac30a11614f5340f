#!/usr/bin/env python3
# time: 120
# order: 15
"""The effects that the spec lists (fields access and implicit) against Zydis: operands, memory,
implicit registers, of one encoding of every form. One case per instruction."""

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
from gen.language.model import FIXED_REGS, Form, Place, forms  # noqa: E402
from gen.language.reader import read_spec  # noqa: E402
from gen.language.target import I386  # noqa: E402
from harness import BUILD, TOP, Failure, Suite, Skip  # noqa: E402

# Not compared, and why. Zydis describes what the processor would do in kernel mode, under another
# name, or with an extension that this guest does not have.
LEFT_OUT = {
    "NOP": "hint opcodes that newer extensions use",
    "MOVSREG": "one encoding in eight is CS, which is no instruction",
    "ENTER": "Zydis leaves out the reads of older frames",
    "FTST": "Zydis says that ST(0) is written", "FXAM": "Zydis says that ST(0) is written",
    "PREFETCHNTA": "a hint", "PREFETCHT0": "a hint", "PREFETCHT1": "a hint",
    "PREFETCHT2": "a hint",
    "SYSENTER": "Zydis has the kernel's stack pointer",
    "FFREE": "the tag alone changes", "FFREEP": "the tag alone changes",
    "LEAVE": "Zydis says that rSP is read",
}
TRAPS = {"trap_gp", "trap_ud"}
GENERAL = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi")


@dataclass
class Wanted:
    """Effects of one form, by Zydis' names: access of each explicit operand; others."""

    operands: list[str]
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
    found = Wanted([])
    for operand, access in zip(row.operands, row.access):
        if operand.letter == "X":
            found.memory["esi"] = access
        elif operand.letter == "Y":
            found.memory["edi"] = access
        else:
            found.operands.append("" if access in ("-", "a") else access)
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


def sample(form: Form) -> bytes:
    """One encoding of a form, with registers that no instruction uses by itself."""
    row = form.row
    mem = None
    if form.mem:
        mem = Mem(disp=0x1000) if "moffs" in row.imms else Mem(base=3)
        if row.addrsizes == (2,):
            mem = Mem(addr16=True, base=7)
    test = TestForm(form, reg=1 if row.reg is None else row.reg, rm=2 if row.rm is None else row.rm,
                    mem=mem, cond={16: 4, 8: 1}.get(row.span, 0), addr16=row.addrsizes == (2,))
    return encode(test, Random(1), I386)


def agree(zydis: str, spec: str) -> bool:
    """Written or not must be the same; of reads the spec may have more: registers of an address,
    and what stays when a conditional write does not happen."""
    return bool(set(zydis) & set("wc")) == bool(set(spec) & set("wc")) and \
        ("r" not in zydis or "r" in spec)


def differences(form: Form, line: str) -> Iterator[str]:
    """How Zydis' line differs from the spec."""
    want = wanted(form)
    shown: list[str] = []
    memory: dict[str, str] = {}
    registers: dict[str, str] = {}
    for visibility, name, access in re.findall(r" ([EIH]):(\S+)=(\w*)", line):
        base = re.fullmatch(r"\[(\w+)\]", name)
        if visibility != "H":
            shown.append(access)
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
    for what, zydis, spec in pairs:
        if not agree(zydis, spec):
            yield f"{what}: Zydis {zydis or '-'}, spec {spec or '-'}"


def main() -> None:
    """One case per instruction."""
    suite = Suite()
    chosen: dict[str, list[Form]] = defaultdict(list)
    for row in read_spec(TOP / "gen/spec", TOP).rows:
        for form in forms(row, I386):
            if usable(form) and row.body not in TRAPS:
                chosen[row.mnemonic].append(form)
    every = [form for found in chosen.values() for form in found]
    text = "".join(sample(form).hex() + "\n" for form in every)
    done = subprocess.run([str(BUILD / "test/zydis_effects")], input=text, check=True,
                          capture_output=True, text=True)
    lines = dict(zip(map(id, every), done.stdout.splitlines()))

    def check(name: str) -> None:
        found = chosen[name]
        if name in LEFT_OUT:
            raise Skip(LEFT_OUT[name])
        bad = [f"{form.row.cite} ({sample(form).hex()}): {difference}" for form in found
               if lines[id(form)] != "-" for difference in differences(form, lines[id(form)])]
        if bad:
            raise Failure("\n".join(bad[:6]))

    for name in chosen:
        suite.case(name, quick=True)(partial(check, name))
    suite.main()


if __name__ == "__main__":
    main()
