"""N-grams: exact text of a small profile, its mistakes, and what training chooses."""

from __future__ import annotations

import re
import unittest
from collections import Counter

from gen.emit.ngrams import Parts
from gen.expand.bodies import Templates
from gen.expand.expander import Expander
from gen.language.errors import SpecError
from gen.language.policy import read_policy
from gen.language.reader import read_spec
from gen.language.target import DEFAULT
from gen.tests.project import POLICY, Project
from gen.train import Ngram, Trainer, lower, read_fibers, with_prefixes

ADD = """\
insn ADD                                        # Add
  01 /r      MR   Ev Gv
  03 /r      RM   Gv Ev
  81 /0 iz   MI   Ev Iz
  flags      OSZAPC = wwwwww
  access     rw r
  does       dst = dst + src
  body       alu2_nolock
"""
FUSED = POLICY + "by_base add32_rm\nfuse add32_ri\n"


def instructions(text: str, start: str, end: str) -> list[str]:
    """Lines between two labels, without the note of where a part begins."""
    inside = text[text.index(f"\n{start}:\n"):text.index(f"\n{end}:\n")].splitlines()[2:]
    return [line.strip() for line in inside
            if line.strip() and not line.startswith("#") and
            not line.strip().startswith((".pushsection", ".popsection", ".long", ".globl"))]


class Text(unittest.TestCase):
    """What emit/ngrams.py writes."""

    def run_profile(self, profile: str, second: str = "add32_rm") -> str:
        """The file of n-grams that begin with add32_rm and the given table."""
        with Project(ADD, policy=FUSED) as project:
            (project.spec / "default.profile").write_text(profile, encoding="utf-8")
            project.run()
            self.tables = project.read("out/ngrams.S")
            return project.read("gadgets/x86_64/i386/window/ngrams/add32_rm/"
                                f"{second}.S")

    def test_parameters_follow_each_other(self) -> None:
        text = self.run_profile("add32_rm_eax_m_ebx add32_ri_jcc_eax_jz\n", "add32_ri_jcc")
        self.assertIn("\n#   add32_rm: mini.x86: 03 /r RM Gv Ev\n", text)
        symbol = re.findall(r"^(n_\w+):", text, re.M)[0]
        self.assertEqual(
            instructions(text, symbol, symbol + "_self"),
            ["mov 8(%r14), %r9d", "addl %gs:(%r9d,%ebx), %eax", "78:", "addl 16(%r14), %eax",
             "jz 71f", "mov 32(%r14), %r14", "jmp *(%r14)", "71:", "mov 24(%r14), %r14",
             "mov CPU_POLL(%r13), %r9", "jmp *(%r14,%r9)"])
        # As a loop of its own it does not touch the fiber register, but polls.
        loop = text[text.index(f"{symbol}_self:"):text.index(".section .note")]
        self.assertNotIn("mov 24(%r14), %r14", loop)
        self.assertIn("mov CPU_POLL(%r13), %r9\n    jmp *(%r14,%r9)", loop)
        self.assertIn(f"lists_guest_i386:\n    .long {symbol} - .\n    .long {symbol}_self - .\n"
                      "    .long 2, ",
                      self.tables)

    def test_lists_hold_the_longest_first(self) -> None:
        self.run_profile("add32_rm_eax_m_ebx add32_rm_ecx_m_ebx\n"
                         "add32_rm_eax_m_ebx add32_rm_ecx_m_ebx add32_ri_jcc_eax_jz\n")
        lists = self.tables[self.tables.index("lists_guest_i386:"):
                            self.tables.index("pairs_guest_i386:")]
        counts = re.findall(r"^    \.long (\d+), (\d+), (\d+)", lists, re.M)
        self.assertEqual([count for count, *_ in counts], ["3", "2"])
        self.assertEqual(counts[0][1:], counts[1][1:])
        pairs = re.findall(r"^    \.long (\d+), (\d+), (\d+)$", self.tables, re.M)
        self.assertEqual([pair for pair in pairs if pair[0] != "0"][1:],
                         [(*counts[0][1:], "0")])

    def test_nothing_behind_a_branch(self) -> None:
        with self.assertRaisesRegex(SpecError, r"default.profile:1: .*nothing can follow it"):
            self.run_profile("add32_rm_eax_m_ebx add32_ri_jcc_eax_jz add32_rm_eax_m_ebx\n")


class Training(unittest.TestCase):
    """What train chooses."""

    def test_lower_takes_the_longest(self) -> None:
        table = with_prefixes([("a", "b"), ("a", "b", "c", "d")])
        self.assertEqual(lower(("a", "b", "c", "d", "a", "b", "c"), table),
                         [("a", "b", "c", "d"), ("a", "b"), ("c",)])

    def test_heavy_neighbours_are_joined(self) -> None:
        with Project(ADD, policy=FUSED) as project:
            templates = Templates(project.templates, project.root)
            library = Expander(read_spec(project.spec, project.root), templates,
                               read_policy(project.spec / "default.policy", project.root),
                               DEFAULT.guest).run()
            one, two, branch = ("add32_rm_eax_m_ebx", "add32_rm_ecx_m_ebx",
                                "add32_ri_jcc_eax_jz")
            fibers: Counter[Ngram] = Counter({(one, two, branch): 1000, (two, one): 1})
            chosen = Trainer(fibers, Parts(library, templates), 8).run(8)
            self.assertEqual(chosen[0], (one, two, branch))
            self.assertTrue(all(branch not in ngram[:-1] for ngram in chosen))

            path = project.root / "p.profile"
            path.write_text("30 add32_rm:3 gone:1\n10 add32_rm:3\n", encoding="utf-8")
            read = read_fibers([path], {"add32_rm": ["", "", "", one]})
            self.assertEqual(set(read), {(one, ""), (one,)})
            self.assertAlmostEqual(read[one, ""] / read[(one,)], 3, 5)


if __name__ == "__main__":
    unittest.main()
