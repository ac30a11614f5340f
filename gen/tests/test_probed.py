"""No gadget of a 64-bit guest reaches memory past its probe: every access by the window's register
in what the generator has written (core/memory/window.h, lib/memory.j2) is looked at as text. A
stencil may have a note of what is to be probed in front of it instead (gen/host/code/x86_64.py)."""

from __future__ import annotations

import re
import unittest
from pathlib import Path

from gen.__main__ import ROOT
from gen.host.code.x86_64 import AT_HOME, BY_EA, PERHAPS, WHOLE
from gen.host.host import HOLE_PROBE, NO_PARAM

FAMILIES = ROOT / "gadgets/x86_64/x86-64/window"
GENERAL = {name: long for long, names in (
    ("rax", "eax ax al ah"), ("rcx", "ecx cx cl ch"), ("rdx", "edx dx dl dh"),
    ("rbx", "ebx bx bl bh"), ("rbp", "ebp bp bpl"), ("rsi", "esi si sil"), ("rdi", "edi di dil"),
    *((f"r{n}", f"r{n}d r{n}w r{n}b") for n in range(8, 16))) for name in [long, *names.split()]}
SHIFT = re.compile(r"shrx %r12, %(\w+), %(\w+)$")
LOAD = re.compile(r"movzbl PROBE\(%r15,%(\w+)\), %(\w+)$")
ACCESS = re.compile(r"\(%r15,%(\w+)(,\d)?\)")
SLOT = re.compile(r"(?:mov \d+\(%r14\)|movabs \$0x1000000000000000), %(\w+)$")
STRING = re.compile(r"(rep\w* )?(movs|stos|lods|cmps|scas)[bwlq]$")
FROM_HOME = re.compile(r"mov \w+\(%r13\), %r11$")
SUM = re.compile(r"lea ([^(]*)\(%(\w+)\), %(\w+)$")
HOLE_BASE = "0x10000000"  # the displacement of an access that has a hole
OVER = 64                 # bytes that an access may begin after what was probed
BIT_TEST = re.compile(r"(lock )?bt[src]?[wlq] ")


def last_register(line: str) -> str:
    """The register that an instruction writes, as its last operand; "": none."""
    match = re.search(r"%(\w+)$", line)
    if not match or line.startswith(("cmp", "test", "push", "j")):
        return ""
    return GENERAL.get(match[1], "")


class Gadget:
    """Follows one gadget's text; `mistakes` are instructions that reach further than they may."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.safe: set[str] = set()      # registers that hold an address of the window
        self.addresses: set[str] = set()  # ... or one that was compared when the fiber was built
        self.shifted: tuple[str, str] | None = None
        self.mistakes: list[str] = []
        self.accesses = 0
        self.strings = False  # address registers lead into the window
        self.base = ""        # the register that the note of a probe is of, and its displacement
        self.disp: int | None = 0

    def note(self, number: int, parameter: int) -> None:
        """What is probed in front of the stencil."""
        base, constant = number & 0xff & ~PERHAPS, number >> 8
        if base == BY_EA:  # accesses by it are as after a probe of the text's own
            self.safe.add("r11")
            return
        self.base = "r11" if base == AT_HOME else WHOLE[base]
        self.disp = None if parameter != NO_PARAM else constant - (constant & 0x80) * 2
        if base != AT_HOME:
            self.safe.add(self.base)

    def near(self, disp: str) -> bool:
        """Is the base with this displacement what was probed, or just after it?"""
        if self.disp is None:
            return disp.startswith(HOLE_BASE)
        return not disp.startswith(HOLE_BASE) and 0 <= int(disp or 0) - self.disp <= OVER

    def line(self, line: str) -> None:
        """The next instruction."""
        shift, load = SHIFT.match(line), LOAD.match(line)
        if shift:
            self.shifted = (shift[1], shift[2])
            return
        if load:
            if not self.shifted or self.shifted[1] != load[1]:
                self.mistakes.append(line)
            elif GENERAL[load[2]] != self.shifted[0]:
                self.safe.add(self.shifted[0])
            self.shifted = None
            self.safe.discard(GENERAL[load[2]])
            return
        if self.shifted:  # fault.c finds the address by the instruction before
            self.mistakes.append(f"{line} between the two of a probe")
            self.shifted = None
        for access in ACCESS.finditer(line if not line.startswith("lea ") else ""):
            self.accesses += 1
            absolute = "m_abs" in self.label and access[1] in self.addresses
            # a bit test by a register adds the offset itself: addr is where that leads
            bits = BIT_TEST.match(line) and "r9" in self.safe
            if access[2] or not (access[1] in self.safe or absolute or bits):
                self.mistakes.append(line)
            disp = re.search(r"([-\w+]*)$", line[:access.start()])
            if self.base == access[1] and not (disp and self.near(disp[1])):
                self.mistakes.append(line)
        if "%gs" in line:
            self.mistakes.append(line)
        if STRING.match(line) or line.startswith("gs "):
            self.accesses += 1
            if not self.safe & {"rsi", "rdi"} and not self.strings:
                self.mistakes.append(line)
        into = re.match(r"lea \(%r15,%(\w+)\), %(\w+)$", line)
        if into:
            self.strings = True
            if into[1] not in self.safe or into[1] != into[2]:
                self.mistakes.append(line)
        written = last_register(line)
        total = SUM.match(line)
        makes = total and self.base in self.safe and total[2] == self.base and self.near(total[1])
        self.safe.discard(written)
        fetched = self.base == "r11" and FROM_HOME.match(line)
        if makes or fetched:
            self.safe.add(written)
        elif written == self.base:
            self.base = ""  # the note says nothing of what it is now
        self.addresses.discard(written)
        slot = SLOT.match(line)
        if slot and written:
            self.addresses.add(written)


def gadgets_of(text: str) -> list[Gadget]:
    """All gadgets of a file."""
    found: list[Gadget] = []
    at = ""  # the number of a hole or note; "": not within a stencil's holes
    for line in text.splitlines():
        label = re.match(r"(g64_\w+):$", line)
        line = line.strip()
        if label:
            found.append(Gadget(label[1]))
        elif line == "88:":  # its stencil
            found.append(Gadget(found[-1].label))
        elif line.startswith(".short"):
            at = line.split(" ", 1)[1]
        elif found and at.isdigit() and re.match(rf"\.byte \w+, {HOLE_PROBE}$", line):
            found[-1].note(int(at), int(line.split()[1].strip(",")))
        elif found and line and not line.startswith(("#", ".")) and not line.endswith(":"):
            found[-1].line(line)
    return found


def families() -> list[Path]:
    """Files of all tables; those of n-grams are made of the same texts, checked code compares what
    is executable."""
    return [path for path in sorted(FAMILIES.glob("*/*.S"))
            if not path.name.startswith("core_check")]


class Probed(unittest.TestCase):
    """All files, and mistakes that are noticed."""

    def test_every_access(self) -> None:
        if not FAMILIES.exists():
            self.skipTest("gadgets of 64-bit guests were not made")
        accesses = 0
        mistakes: list[str] = []
        for path in families():
            for gadget in gadgets_of(path.read_text(encoding="utf-8")):
                accesses += gadget.accesses
                mistakes += [f"{path.name}: {gadget.label}: {line}" for line in gadget.mistakes]
        self.assertEqual(mistakes[:20], [])
        self.assertGreater(accesses, 10000)

    def test_mistakes(self) -> None:
        probe = "shrx %r12, %r9, %r10\nmovzbl PROBE(%r15,%r10), %r10d\n"
        for good, text in (
                (True, probe + "mov (%r15,%r9), %eax"),
                (False, "mov (%r15,%r9), %eax"),
                (False, probe + "lea 8(%r9), %r9\nmov (%r15,%r9), %eax"),
                (False, probe + "mov (%r15,%r9,2), %eax"),
                (False, probe + "mov (%r15,%rbx), %eax"),
                (False, "mov 8(%r14), %r9\nmov (%r15,%r9), %eax"),
                (False, probe.replace("\n", "\nnop\n", 1) + "mov (%r15,%r9), %eax"),
                (False, "lea (%r15,%rsi), %rsi\nlodsb"),
                (True, probe.replace("r9", "rsi") + "lea (%r15,%rsi), %rsi\nlodsb"),
                (False, "mov %gs:(%r9), %eax")):
            gadget = gadgets_of(f"g64_mov32_rm:\n{text}\n")[0]
            self.assertEqual(not gadget.mistakes, good, text)
        for good, note, text in (
                (True, (0, 8), "mov 0x10000000(%r15,%rax), %eax"),
                (True, (3, NO_PARAM), "mov (%r15,%rbx), %eax"),
                (True, (0xf803, NO_PARAM), "mov -8(%r15,%rbx), %eax"),
                (True, (AT_HOME, 8), "mov 80(%r13), %r11\nmov 0x10000000(%r15,%r11), %eax"),
                (True, (0, 8), "lea 0x10000000(%rax), %r9\nmov (%r15,%r9), %eax"),
                (True, (BY_EA, NO_PARAM), "mov 8(%r15,%r11), %eax"),
                (False, (BY_EA, NO_PARAM), "mov (%r15,%r9), %eax"),
                (False, (BY_EA, NO_PARAM), "mov 80(%r13), %r11\nmov (%r15,%r11), %eax"),
                (False, (0, 8), "mov 0x10000000(%r15,%rcx), %eax"),
                (False, (0, 8), "mov 8(%r15,%rax), %eax"),
                (False, (0, NO_PARAM), "mov 0x10000000(%r15,%rax), %eax"),
                (False, (0, NO_PARAM), "mov 80(%r15,%rax), %eax"),
                (False, (0, 8), "add $8, %rax\nmov 0x10000000(%r15,%rax), %eax"),
                (False, (0, 8), "lea 0x10000000(%rcx), %r9\nmov (%r15,%r9), %eax")):
            record = f"88:\n.short {note[0]}\n.byte {note[1]}, {HOLE_PROBE}\n{text}\n"
            self.assertEqual(not gadgets_of("g64_mov32_rm:\n" + record)[1].mistakes, good, text)
        self.assertFalse(gadgets_of("g64_mov_eax_m_abs:\nmov 8(%r14), %r9\nmov (%r15,%r9), %eax\n"
                                    )[0].mistakes)


if __name__ == "__main__":
    unittest.main()
