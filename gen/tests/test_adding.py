"""docs/adding-an-instruction.md: what the page says happens, happens. The page's instruction is in
the spec by now, so it is taken out first."""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from gen.__main__ import ROOT, generate
from gen.language.target import DEFAULT
from gen.tests.project import mistake
from gen.tests.test_exact import gadget

PAGE = ROOT / "docs/adding-an-instruction.md"


class Adding(unittest.TestCase):
    """The page's block in a copy of the real spec, without it and with it."""

    @classmethod
    def setUpClass(cls) -> None:
        page = PAGE.read_text(encoding="utf-8")
        match = re.search(r"```\n(insn POPCNT.*?)```", page, re.S)
        assert match
        cls.block = match.group(1)
        cls.root = Path(tempfile.mkdtemp(prefix="fg-adding-"))
        shutil.copytree(ROOT / "gen/spec", cls.root / "spec")
        family = cls.root / "spec/shift.x86"
        text = family.read_text(encoding="utf-8")
        assert text.count(cls.block) == 1  # as the page has it, to the letter
        family.write_text(text.replace(cls.block, ""), encoding="utf-8")
        cls.generate("before")
        with family.open("a", encoding="utf-8") as file:
            file.write("\n" + cls.block)
        cls.generate("after")

    block: str
    root: Path

    @classmethod
    def generate(cls, name: str) -> None:
        """Run the generator on the copy."""
        with contextlib.redirect_stdout(io.StringIO()):
            generate([DEFAULT], cls.root / name / "gen", cls.root / name / "gadgets",
                     cls.root / "spec", ROOT / "templates/x86_64", cls.root)

    @classmethod
    def tearDownClass(cls) -> None:
        shutil.rmtree(cls.root)

    def read(self, name: str) -> str:
        """A generated file."""
        return (self.root / name).read_text(encoding="utf-8")

    def test_only_new_gadget_files(self) -> None:
        before = {p.relative_to(self.root / "before"): p.read_text(encoding="utf-8")
                  for p in (self.root / "before/gadgets").rglob("*.S")}
        after = {p.relative_to(self.root / "after"): p.read_text(encoding="utf-8")
                 for p in (self.root / "after/gadgets").rglob("*.S")}
        new = {p.stem for p in set(after) - set(before)}
        self.assertEqual(new, {"popcnt32_rr", "popcnt16_rr", "popcnt32_re", "popcnt16_re"})
        self.assertEqual({p for p in before if before[p] != after[p]}, set())

    def test_gadget(self) -> None:
        text = self.read("after/gadgets/x86_64/i386/window/shift/popcnt32_rr.S")
        self.assertEqual(gadget(text, "g_popcnt32_rr_eax_esi"),
                         ["popcntl %esi, %eax", "lea 8(%r14), %r14", "jmp *(%r14)"])
        self.assertEqual(text.count("    .long g_"), 64)

    def test_assembles(self) -> None:
        include = self.root / "inc"
        include.mkdir(exist_ok=True)
        (include / "offsets.inc").write_text("", encoding="utf-8")
        for name in ("popcnt32_rr", "popcnt16_re"):
            path = self.root / f"after/gadgets/x86_64/i386/window/shift/{name}.S"
            subprocess.run(["as", "-I", str(include), "-o", str(include / "x.o"), str(path)],
                           check=True)

    def test_tables(self) -> None:
        before, after = self.read("before/gen/rows.c"), self.read("after/gen/rows.c")
        self.assertNotIn("POPCNT", before)
        self.assertIn("F3 0F B8 /r RM Gv Ev", after)
        row = int(re.search(r"row_count = (\d+)", after).group(1)) - 1  # type: ignore[union-attr]
        number = [i for i, line in enumerate(re.findall(r'^    \{"([^"]*)"', after, re.M))
                  if line == "POPCNT"]
        self.assertEqual(len(number), 1)
        self.assertLessEqual(number[0], row)
        self.assertIn(f"{{SPLIT_PREFIX, {{0, 0, {number[0]}, 0}}}}", self.read("after/gen/opmap.c"))

    def test_cpuid(self) -> None:
        self.assertNotIn('"popcnt"', self.read("before/gen/cpuid.c"))
        self.assertIn('{0x1, 0, 2, 23, true, "popcnt", ', self.read("after/gen/cpuid.c"))

    def test_reference_and_report(self) -> None:
        self.assertIn("## POPCNT", self.read("after/gen/reference/shift.md"))
        self.assertNotEqual(self.read("before/gadgets/REPORT.txt"),
                            self.read("after/gadgets/REPORT.txt"))

    def test_policy_line_of_the_page(self) -> None:
        policy = self.root / "spec/default.policy"
        old = policy.read_text(encoding="utf-8")
        policy.write_text(old + "by_base popcnt32_rm\n", encoding="utf-8")
        try:
            self.generate("fast")
        finally:
            policy.write_text(old, encoding="utf-8")
        text = self.read("fast/gadgets/x86_64/i386/window/shift/popcnt32_rm.S")
        self.assertEqual(text.count("    .long g_"), 80)

    def test_mistake_of_the_page(self) -> None:
        message = mistake(self.block.replace("alu2_nolock", "alu99"),
                          features="POPCNT 1.ecx 23\n")
        self.assertIn("body alu99 is missing for this host "
                      "(alu99.j2 in a folder of templates/x86_64)", message)


if __name__ == "__main__":
    unittest.main()
