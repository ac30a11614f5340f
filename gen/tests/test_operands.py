"""What instructions of stencils take from where it is (gen/host/code/operands.py), and what not."""

from __future__ import annotations

import unittest

from gen.host.code.operands import homes, immediates
from gen.host.code.x86_64 import reached
from gen.host.x86_64 import HOST

LOAD = "mov @8@(%r13), %r10"
STORE = "mov %r10, @8@(%r13)"


class Homes(unittest.TestCase):
    """A register at home as operand."""

    def check(self, lines: list[str], wanted: list[str]) -> None:
        self.assertEqual(homes(lines), wanted)

    def unchanged(self, *lines: str) -> None:
        self.check(list(lines), list(lines))

    def test_source(self) -> None:
        self.check([LOAD, "addl %r10d, %eax"], ["addl @8@(%r13), %eax"])
        self.check([LOAD, "movq %r10, %rax"], ["movq @8@(%r13), %rax"])

    def test_looked_at(self) -> None:
        self.check([LOAD, "cmpq %rax, %r10"], ["cmpq %rax, @8@(%r13)"])
        self.check([LOAD, "cmpl $@16@, %r10d"], ["cmpl $@16@, @8@(%r13)"])
        self.check([LOAD, "testb %r10b, %al"], ["testb %al, @8@(%r13)"])

    def test_slower(self) -> None:
        """What waits for the store before."""
        self.unchanged(LOAD, "subq %rax, %r10", STORE)
        self.unchanged(LOAD, "movzbl %r10b, %eax")
        self.unchanged(LOAD, "imull %r10d, %eax")

    def test_copied(self) -> None:
        self.check(["movq %rax, %r10", STORE], ["mov %rax, @8@(%r13)"])

    def test_two(self) -> None:
        """One of two stays in a register: no instruction has two operands in memory."""
        first = "mov @16@(%r13), %r9"
        self.check([first, LOAD, "addq %r9, %r10", STORE],
                   [LOAD, "addq @16@(%r13), %r10", STORE])
        self.check([first, LOAD, "testq %r9, %r10"], [LOAD, "testq %r10, @16@(%r13)"])

    def test_narrow_copy(self) -> None:
        """32 bits are extended with zeros."""
        self.unchanged("movl %eax, %r10d", STORE)

    def test_used_again(self) -> None:
        self.unchanged(LOAD, "addq %r10, %rax", "mov %r10, %rcx")
        self.unchanged(LOAD, "addq %r10, %r10", STORE)
        self.unchanged(LOAD, "leaq (%r10,%rax), %rax")
        self.unchanged(LOAD, "movq %r10, (%r15,%rax)")

    def test_another_home(self) -> None:
        """The store in between may be of the same register."""
        self.unchanged(LOAD, "mov %rcx, @16@(%r13)", "addq %r10, %rax")
        self.unchanged(LOAD, "subq %rax, %r10", "mov %r10, @16@(%r13)")

    def test_jumps(self) -> None:
        self.unchanged(LOAD, "jz 1f", "addq %r10, %rax", "1:")


class Immediates(unittest.TestCase):
    """A parameter as immediate beside memory."""

    def test_widths(self) -> None:
        for fetch, line, wanted in (
                ("mov $@8@, %r10d", "cmpb %r10b, 4(%r15,%rax)", "cmpb $@8b@, 4(%r15,%rax)"),
                ("mov $@8@, %r10d", "movl %r10d, (%r15,%r9)", "movl $@8@, (%r15,%r9)"),
                ("mov $@8i@, %r10", "lock addq %r10, (%r15,%r9)", "lock addq $@8i@, (%r15,%r9)")):
            self.assertEqual(immediates([fetch, line]), [wanted])

    def test_not(self) -> None:
        for lines in (["mov $@8w@, %r10", "movq %r10, (%r15,%r9)"],  # 64 bits of it
                      ["mov $@8@, %r10d", "movw %r10w, (%r15,%r9)"],  # slow to decode
                      ["mov $@8@, %r10d", "xchgl %r10d, (%r15,%r9)"],
                      ["mov $@8@, %r10d", "cmpl %r10d, %eax"]):
            self.assertEqual(immediates(lines), lines)


class Reached(unittest.TestCase):
    """A register that is made an address which was accessed."""

    def check(self, wanted: list[int], *lines: str) -> None:
        self.assertEqual([note.value for note in reached(list(lines))], wanted)

    def test_push(self) -> None:
        self.check([4], "lea -8(%r8), %r11", "movq %r10, (%r15,%r11)", "mov %r11, %r8")

    def test_not(self) -> None:
        self.check([], "mov (%r15,%r9), %r9", "mov %r9, %r8")  # it was the address, and is no more
        self.check([], "lea -8(%r8), %r11", "movq %r10, 8(%r15,%r11)", "mov %r11, %r8")
        self.check([], "lea -8(%r8), %r11", "prefetcht0 (%r15,%r11)", "mov %r11, %r8")
        store = "movq %r10, (%r15,%r11)"
        self.check([], "lea -8(%r8), %r11", "jz 1f", store, "1:", "mov %r11, %r8")
        self.check([], "lea -8(%r8), %r11", store, "mov %r11, %r8", "mov %r9, %r8")


class Holes(unittest.TestCase):
    """Two holes in one instruction, in the order of its bytes."""

    def test_two(self) -> None:
        line, holes = HOST.fill("cmpb $@16@, @8@(%r13)")
        self.assertEqual(line, "cmpb $0x55, 0x10000000(%r13)")
        self.assertEqual([(one.back, one.offset) for one in holes], [(5, 8), (1, 16)])


if __name__ == "__main__":
    unittest.main()
