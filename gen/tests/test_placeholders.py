"""Operand placeholders: every body also renders with immediates instead of fiber loads, and the
result assembles and touches no fiber. (What the native tier will do; dispatch is left out.)"""

from __future__ import annotations

import re
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from gen.host import x86_64 as operands
from gen.tests.test_golden import library


class Immediate(operands.Slot):
    """A placeholder that renders as an immediate; the value fits every width."""

    def __str__(self) -> str:
        return "$0x12"


def dispatch(name: str, *args: object) -> str:
    """In place of dispatch, so that what is left of (%r14) is the bodies' own."""
    return ""


class Placeholders(unittest.TestCase):
    """All tables of the library, first and last gadget."""

    def test_immediates(self) -> None:
        lib, renderer = library()
        texts: list[str] = ["    .text\n"]
        with mock.patch.object(operands, "Slot", Immediate), \
                mock.patch.object(renderer.templates, "macro", dispatch):
            for table in lib.tables.values():
                if table.key.body == "helper" or table.key.fused:
                    continue
                gadgets = [g for g in renderer.gadgets(table) if g[0]]
                for label, text in (gadgets[0], gadgets[-1]):
                    with self.subTest(gadget=label):
                        self.assertNotIn("(%r14)", text)
                    texts.append(text)
        names = sorted(set(re.findall(r"\b[A-Z][A-Z0-9_]{3,}\b", "".join(texts))))
        symbols = "".join(f"    .set {name}, 16\n" for name in names)
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "all.S"
            path.write_text(symbols + "".join(texts), encoding="utf-8")
            done = subprocess.run(["as", "-o", str(path.with_suffix(".o")), str(path)],
                                  capture_output=True, text=True, check=False)
        self.assertEqual(done.stderr, "")


if __name__ == "__main__":
    unittest.main()
