"""The target is one object: a made-up guest and memory model change names, indices and parameters
everywhere, and nothing spells the real one's outside gen/language/target.py."""

from __future__ import annotations

import ast
import re
import unittest

from gen.__main__ import ROOT
from gen.language.target import GUESTS, HOST, MEMORY, X86_64, Guest, Target
from gen.tests.project import POLICY, Project

TOY = Target(HOST, Guest(
    name="i386", opsizes=(4,), addrsizes=(4,), word_bytes=4, base="i686",
    general={8: ("al", "cl", "dl", "bl", "ah"), 32: ("one", "two", "three", "four", "five", "six")},
    vectors=("v0", "v1", "v2")), "flat")

SPEC = """\
insn ADD
  00 /r      MR   Eb Gb
  01 /r      MR   Ev Gv
  03 /r      RM   Gv Ev
  flags      OSZAPC = wwwwww
  access     rw r
  does       dst = dst + src
  body       alu2_nolock
insn PXOR
  66 0F EF /r RM  Vx Wx
  flags      OSZAPC = ------
  access     rw r
  does       dst = dst ^ src
  body       x_op
insn HLT
  F4         ZO
  flags      OSZAPC = ------
  does       nothing
  helper     cpuid next raw
"""
# What the target object says, as constants of other modules would: names, not numbers.
SPELLED = re.compile("|".join([rf"\b{re.escape(g.name)}\b" for g in GUESTS] +
                              [rf"\b{MEMORY}\b", r"^[er]sp$", r"\bm_e?ax\b"]))
# The system call table is an ABI's, not a guest processor's; tests look at what was made.
OTHER_SUBJECTS = ("gen/emit/syscalls.py", "gen/tests/", "gen/language/target.py")
# What spells host registers, which go by the same names.
HOSTS = ("gen/host/",)


class MadeUp(unittest.TestCase):
    """A guest of six registers with 8-byte addresses, in flat memory."""

    def test_everything_follows(self) -> None:
        policy = POLICY + "by_base add32_rm\n"
        with Project(SPEC, policy=policy, target=TOY) as project:
            project.run()
            base = project.root / "gadgets" / HOST / "i386/flat"
            self.assertEqual({p.parts[-4:-2] for p in (project.root / "gadgets").rglob("*.S")},
                             {("i386", "flat")})
            self.assertTrue((base / "mini/add32_rr.S").exists())
            text = project.gadget_file("add32_rm")
            labels = re.findall(r"^g_add32_rm_(\w+):", text, re.M)
            self.assertEqual(len(labels), 6 * 8)
            self.assertEqual(labels[6:9], ["one_m_abs", "one_m_ea", "two_m_one"])
            self.assertIn("# Table: [dst 6] [src 8].", text)
            self.assertIn("# Table: [dst 5] [src 5].", project.gadget_file("add8_rr"))
            self.assertIn("# Table: [dst 3] [src 3].", project.gadget_file("pxor_xx"))
            self.assertIn("Parameters: helper@8 pc@16 nextpc@24 raw@32. Slots: 40 bytes.",
                          project.gadget_file("helper_nextpc_raw"))
            self.assertIn("g_ea_two_sixx2", project.gadget_file("ea_index"))
            rows = project.read("out/rows.c")
            self.assertRegex(rows, r"\{gt_ea_index, 168, ")
            self.assertNotIn("ea_addr16, 9", rows)
            self.assertIn("{IX_REG, IX_GENERAL, 6}, {IX_BASE, IX_OTHER, 8}", rows)
            self.assertIn(f"host {HOST}, guest i386, memory flat",
                          project.read("gadgets/REPORT.txt"))


class Guests(unittest.TestCase):
    """A guest without gadgets, and one with more registers than the host has for it."""

    def test_decoded_alone(self) -> None:
        more = "insn SYSCALL\n  0F 05 ZO x86-64only\n  flags OSZAPC = ------\n" \
               "  does things\n  body nowhere\n"
        with Project(SPEC + more) as project:
            project.run()
            rows = project.read("out/rows.c")
            self.assertNotIn("nowhere", rows)
            self.assertNotIn("gt64_", rows)
            self.assertIn('{"SYSCALL", ', rows)
            self.assertFalse((project.root / "gadgets" / HOST / X86_64.name).exists())

    def test_registers_at_home(self) -> None:
        """One entry for all of them; which it is, says a parameter after the others."""
        policy = POLICY + "by_base add64_rm\n"
        with Project(SPEC, policy=policy, target=Target(HOST, X86_64, MEMORY)) as project:
            project.run()
            text = project.gadget_file("add64_rm")
            self.assertIn("# Table: [dst 9] [src 11].", text)
            gadget = re.search(r"^g64_add64_rm_rN_m_rN:\n(.*?)^g64", text, re.M | re.S)
            assert gadget
            self.assertEqual(re.findall(r"\d+\(%r14\)", gadget[1]),
                             ["8(%r14)", "20(%r14)", "16(%r14)", "16(%r14)", "24(%r14)"])
            self.assertIn("[dst 13] [src 13]", project.gadget_file("add8_rr"))
            # Without REX there is AH, with it r8b: never both.
            bytes_text = project.gadget_file("add8_rr")
            self.assertNotIn("_ah_rNb:", bytes_text)
            self.assertNotIn("_sil_ch:", bytes_text)
            self.assertIn("_sil_rNb:", bytes_text)
            self.assertIn("[dst 9] [src 9]", project.gadget_file("pxor_xx"))
            rows = project.read("out/rows.c")
            self.assertIn("[GUEST_X86_64] = {16, 8, 9, 10},", rows)
            self.assertIn("{IX_REG, IX_GENERAL, 9}, {IX_BASE, IX_OTHER, 11}", rows)


class Spelled(unittest.TestCase):
    """Constants of the generator's own sources."""

    def test_nowhere_else(self) -> None:
        found: list[str] = []
        for path in sorted((ROOT / "gen").rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if name.startswith(OTHER_SUBJECTS):
                continue
            tree = ast.parse(path.read_text(encoding="utf-8"))
            docs = {id(node.value) for node in ast.walk(tree)
                    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)}
            for node in ast.walk(tree):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and \
                        id(node) not in docs and SPELLED.search(node.value) and \
                        not name.startswith(HOSTS):
                    found.append(f"{name}:{node.lineno}: {node.value!r}")
        self.assertEqual(found, [])


if __name__ == "__main__":
    unittest.main()
