"""The system call table: what stops, and what comes out of a small one."""

from __future__ import annotations

import re
import tempfile
import unittest
from pathlib import Path

from gen.emit.files import Output
from gen.emit.syscalls import ABIS, emit, parse
from gen.language.errors import SpecError

ROOT = Path(__file__).resolve().parents[2]
LAST = 450  # number of the last call of Linux 6.1


class Table(unittest.TestCase):
    """Each mistake names its line; each output follows from the row."""

    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.dir = Path(self.folder.name)
        self.table = self.dir / "table"

    def mistake(self, text: str, line: int, words: str) -> None:
        self.table.write_text(text)
        with self.assertRaises(SpecError) as caught:
            parse(self.table)
        message = str(caught.exception)
        self.assertTrue(message.startswith(f"{self.table}:{line}: "), message)
        self.assertIn(words, message)

    def test_line(self) -> None:
        self.mistake("# head\n\n1 2 exit\n", 3, "a line is")
        self.mistake("1 exit done exit(int)\n", 1, "a line is")

    def test_state(self) -> None:
        self.mistake("1 2 exit finished exit(int)\n", 1, "unknown state 'finished'")

    def test_number_twice(self) -> None:
        self.mistake("1 2 exit done exit(int)\n1 3 fork done fork()\n", 2,
                     "number 1 of i386 is already in line 1")
        self.mistake("1 2 exit done exit(int)\n- 2 fork done fork()\n", 2,
                     "number 2 of x86-64 is already in line 1")

    def test_name_twice(self) -> None:
        self.mistake("1 - exit done exit(int)\n2 - exit done exit(int)\n", 2,
                     "name exit of i386 is already in line 1")
        self.mistake("1 2 old/exit done exit(int)\n- 3 exit done exit(int)\n", 2,
                     "name exit of x86-64 is already in line 1")

    def test_one_name_in_two_abis(self) -> None:
        self.table.write_text("1 - mmap done old(ptr)\n- 2 mmap done mmap(ptr)\n")
        self.assertEqual(len(parse(self.table)), 2)

    def test_no_number(self) -> None:
        self.mistake("- - exit done exit(int)\n", 1, "exit has no number")

    def test_names(self) -> None:
        self.mistake("1 - old/new done new(int)\n", 1, "2 names and 1 numbers")

    def test_large_number(self) -> None:
        self.mistake("1 5000 exit done exit(int)\n", 1, "too large")

    def test_no_function(self) -> None:
        self.mistake("1 2 exit done -\n", 1, "names no function")

    def test_kind(self) -> None:
        self.mistake("1 2 exit done exit(integer)\n", 1, "unknown argument kind 'integer'")

    def test_registers(self) -> None:
        self.mistake("1 2 big done big(int int int off64 off64)\n", 1, "need 7 registers of 6")
        self.mistake("- 2 big done big(int int int pos64 int int)\n", 1, "need 7 registers of 6")
        self.table.write_text("- 2 big done big(int int int off64 off64)\n")
        self.assertEqual(len(parse(self.table)), 1)

    def test_prototypes(self) -> None:
        self.mistake("1 - a done same(int)\n- 2 b done same(ptr)\n", 2, "one prototype")

    def test_partial(self) -> None:
        self.mistake("1 2 a partial a(int)\n", 1, "has to say what is missing")

    def outputs(self) -> list[str]:
        """The table of each ABI, the prototypes and the page."""
        emit(self.table, self.dir / "gen", self.dir, Output())
        files = ("gen/syscall_table_i386.c", "gen/syscall_table_x86_64.c", "gen/syscall_protos.h",
                 "syscalls.md")
        return [(self.dir / file).read_text() for file in files]

    def test_widths(self) -> None:
        """A kind is fetched as the ABI's registers hold it."""
        self.table.write_text(
            "1 11 words done words(ptr size word long)\n"
            "2 12 ints done ints(fd uint mode)\n"
            "3 13 pread64 done pread64(off64 flags)\n"
            "4 14 preadv done preadv(pos64 flags)\n"
        )
        i386, x86_64, protos, _ = self.outputs()
        for text, words, offset, position in (
            (i386, "(uint32_t)args[0], (uint32_t)args[1], (uint32_t)args[2], (int32_t)args[3]",
             "(int64_t)((uint32_t)args[0] | args[1] << 32), (uint32_t)args[2]",
             "(int64_t)((uint32_t)args[0] | args[1] << 32), (uint32_t)args[2]"),
            (x86_64, "(gaddr_t)args[0], args[1], args[2], (int64_t)args[3]",
             "(int64_t)args[0], (uint32_t)args[1]", "(int64_t)args[0], (uint32_t)args[2]"),
        ):
            self.assertIn(f"return sys_words(task, {words});", text)
            self.assertIn("return sys_ints(task, (int32_t)args[0], (uint32_t)args[1], "
                          "(uint32_t)args[2]);", text)
            self.assertIn(f"return sys_pread64(task, {offset});", text)
            self.assertIn(f"return sys_preadv(task, {position});", text)
        self.assertIn("long sys_words(struct task *task, gaddr_t, uint64_t, uint64_t, int64_t);",
                      protos)

    def test_outputs(self) -> None:
        self.table.write_text(
            "3 0 read done sys_read(fd ptr size)\n"
            "24 - getuid done sys_getuid16()\n"
            "26 101 ptrace missing - later\n"
            "199 102 getuid32/getuid partial sys_getuid() says what\n"
        )
        i386, x86_64, protos, page = self.outputs()
        self.assertIn('[26] = {"ptrace", "", "later",\n        NULL, 2},', i386)
        self.assertIn('[199] = {"getuid32", "", "says what",\n        i386_getuid, 1},', i386)
        self.assertIn('[102] = {"getuid", "", "says what",\n        x86_64_getuid, 1},', x86_64)
        self.assertNotIn("getuid16", x86_64)
        self.assertIn("const struct syscall_table abi_x86_64_calls = {x86_64_rows,", x86_64)
        self.assertIn("long sys_read(struct task *task, int32_t, gaddr_t, uint64_t);", protos)
        self.assertIn("| i386 | 2 | 1 | 1 | 4 |\n| x86-64 | 1 | 1 | 1 | 3 |", page)
        self.assertIn("| 26 | 101 | ptrace | missing |  | later |", page)
        self.assertIn("| 24 |  | getuid | done |  |  |", page)

    def test_numbers(self) -> None:
        """The table's numbers are those of the host's headers, which may know later calls."""
        calls = parse(ROOT / "syscalls/table")
        for abi, bits in zip(ABIS, (32, 64)):
            header = Path(f"/usr/include/x86_64-linux-gnu/asm/unistd_{bits}.h")
            if not header.exists():
                self.skipTest(f"there is no {header}")
            theirs = {name: int(number) for name, number in
                      re.findall(r"#define __NR_(\w+) (\d+)", header.read_text())
                      if int(number) <= LAST}
            ours = {call.names[abi]: call.numbers[abi] for call in calls if abi in call.numbers}
            self.assertEqual(ours, theirs)


if __name__ == "__main__":
    unittest.main()
