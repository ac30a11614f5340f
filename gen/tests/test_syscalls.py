"""The system call table: what stops, and what comes out of a small one."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from gen.emit.files import Output
from gen.emit.syscalls import emit, parse
from gen.language.errors import SpecError


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
        self.mistake("# head\n\n1 exit\n", 3, "a line is")

    def test_state(self) -> None:
        self.mistake("1 exit finished exit(int)\n", 1, "unknown state 'finished'")

    def test_number_twice(self) -> None:
        self.mistake("1 exit done exit(int)\n1 fork done fork()\n", 2, "is already in line 1")

    def test_name_twice(self) -> None:
        self.mistake("1 exit done exit(int)\n2 exit done exit(int)\n", 2,
                     "is already in line 1")

    def test_large_number(self) -> None:
        self.mistake("5000 exit done exit(int)\n", 1, "too large")

    def test_no_function(self) -> None:
        self.mistake("1 exit done -\n", 1, "names no function")

    def test_kind(self) -> None:
        self.mistake("1 exit done exit(integer)\n", 1, "unknown argument kind 'integer'")

    def test_registers(self) -> None:
        self.mistake("1 big done big(int int int off64 off64)\n", 1, "need 7 registers of 6")

    def test_prototypes(self) -> None:
        self.mistake("1 a done same(int)\n2 b done same(ptr)\n", 2, "one prototype")

    def test_partial(self) -> None:
        self.mistake("1 a partial a(int)\n", 1, "has to say what is missing")

    def test_outputs(self) -> None:
        self.table.write_text(
            "3 read done read(fd ptr size)\n"
            "180 pread64 partial pread64(fd ptr size off64) says what\n"
            "26 ptrace missing - later\n"
        )
        emit(self.table, self.dir / "gen", self.dir, Output())
        table = (self.dir / "gen/syscall_table.c").read_text()
        self.assertIn("return sys_pread64(task, (int32_t)args[0], (uint32_t)args[1], "
                      "(uint32_t)args[2], (int64_t)((uint32_t)args[3] | args[4] << 32));", table)
        self.assertIn('[26] = {"ptrace", "", "later",\n        NULL, 2},', table)
        protos = (self.dir / "gen/syscall_protos.h").read_text()
        self.assertIn("long sys_read(struct task *task, int32_t, gaddr_t, uint64_t);", protos)
        page = (self.dir / "syscalls.md").read_text()
        self.assertIn("1 done, 1 partial, 1 missing of 3.", page)
        self.assertIn("| 26 | ptrace | missing |  | later |", page)


if __name__ == "__main__":
    unittest.main()
