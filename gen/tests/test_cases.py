"""Instruction cases of small specs: what vendor rules do to them, and what they must not."""

from __future__ import annotations

import unittest

from gen.cases.cases import RECORD, build
from gen.language.reader import read_spec
from gen.tests.project import Project

SCAN = """\
insn BSF
  0F BC /r        RM   Gv Ev{word}
  flags      OSZAPC = uuwuuu
  access     w r
  does       dst = number of the lowest bit set in src
  body       alu2_nolock
"""
RULES = """\
other   engine measured : a | b
scan_f3 engine SDM : a | b
"""
OTHER = SCAN.replace("BSF", "BSR").replace("BC /r", "BD /r").format(word=" vendor=other")


def records(word: str, vendors: str, more: str = "") -> list[bytes]:
    """The forms of BSF, which comes first."""
    with Project(SCAN.format(word=word) + "\n" + more, vendors=vendors) as project:
        writer, _ = build(read_spec(project.spec, project.root))
    return writer.records[:writer.rows[0][3]]


class Cases(unittest.TestCase):
    """Forms as test/insn reads them."""

    def test_naming_a_rule_keeps_inputs(self) -> None:
        plain = records("", "")
        named = records(" vendor=other", RULES.splitlines()[0])
        self.assertEqual([r[:-4] for r in named], [r[:-4] for r in plain])
        self.assertEqual({r[-4:] for r in plain}, {bytes(4)})
        self.assertEqual({r[-4:] for r in named}, {bytes([1, 0, 0, 0])})

    def test_rules_have_the_bits_of_their_order(self) -> None:
        named = records(" vendor=scan_f3,other", RULES)
        self.assertEqual({r[-4:] for r in named}, {bytes([3, 0, 0, 0])})
        named = records(" vendor=scan_f3", RULES, OTHER)
        self.assertEqual({r[-4:] for r in named}, {bytes([2, 0, 0, 0])})

    def test_ignored_prefix_comes_last(self) -> None:
        plain = records("", "")
        named = records(" vendor=scan_f3", RULES, OTHER)
        self.assertEqual([r[:-4] for r in named[:len(plain)]], [r[:-4] for r in plain])
        extra = named[len(plain):]
        self.assertTrue(extra)
        for record in extra:
            length, code = RECORD.unpack(record)[10:12]
            self.assertIn(0xF3, code[:length])


if __name__ == "__main__":
    unittest.main()
