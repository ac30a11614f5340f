"""Input to exact output: gadget files, C tables, opcode maps, CPUID of small specs."""

from __future__ import annotations

import re
import subprocess
import unittest

from gen.__main__ import ROOT
from gen.emit.assembly import BODY_END
from gen.tests.project import NOP, POLICY, Project

ADD = """\
insn ADD                                        # Add
  00 /r      MR   Eb Gb     lock
  01 /r      MR   Ev Gv     lock
  03 /r      RM   Gv Ev
  05 iz      I    rAX Iz
  flags      OSZAPC = wwwwww
  access     rw r
  does       dst = dst + src
  body       alu2
"""


def gadget(text: str, label: str) -> list[str]:
    """Instructions of one gadget."""
    body = re.search(rf"^{label}:\n((?:    [^.\n].*\n|\d+:\n)+)", text, re.M)
    assert body, label
    return [line.strip() for line in body.group(1).splitlines() if line + "\n" != BODY_END]


class Gadgets(unittest.TestCase):
    """Text of gadget files."""

    def test_register_form(self) -> None:
        with Project(ADD) as project:
            project.run()
            text = project.gadget_file("add32_rr")
            self.assertEqual(gadget(text, "g_add32_rr_ecx_esp"),
                             ["addl %r8d, %ecx", "lea 8(%r14), %r14", "jmp *(%r14)"])
            self.assertIn('    .section fg_gadgets, "ax", @progbits\n', text)
            # In front of each is how far its stencil's record is.
            self.assertEqual(text.count("    .long 88f - .\ng_add32_rr_"), 64)
            self.assertEqual(text.count("\n88:\n"), 64)
            # One table serves both directions, and says so.
            self.assertIn("mini.x86: 01 /r MR Ev Gv lock", text)
            self.assertIn("mini.x86: 03 /r RM Gv Ev", text)
            self.assertEqual(text.count("    .long g_"), 64)

    def test_memory_by_base(self) -> None:
        with Project(ADD, policy=POLICY + "by_base add32_rm\n") as project:
            project.run()
            text = project.gadget_file("add32_rm")
            self.assertEqual(gadget(text, "g_add32_rm_eax_m_ebx"),
                             ["mov 8(%r14), %r9d", "addl %gs:(%r9d,%ebx), %eax",
                              "lea 16(%r14), %r14", "jmp *(%r14)"])
            self.assertEqual(gadget(text, "g_add32_rm_eax_m_abs")[1], "addl %gs:(%r9d), %eax")
            self.assertEqual(gadget(text, "g_add32_rm_eax_m_ea")[0], "addl %gs:(%r11d), %eax")

    def test_high_byte_beside_memory(self) -> None:
        with Project(ADD) as project:
            project.run()
            self.assertEqual(
                gadget(project.gadget_file("add8_er"), "g_add8_er_ah"),
                ["mov %eax, %r10d", "mov %ah, %al", "xchg %eax, %r10d", "addb %r10b, %gs:(%r11d)",
                 "lea 8(%r14), %r14", "jmp *(%r14)"])

    def test_lock(self) -> None:
        with Project(ADD) as project:
            project.run()
            self.assertEqual(gadget(project.gadget_file("lock_add32_er"), "g_lock_add32_er_edi")[0],
                             "lock addl %edi, %gs:(%r11d)")

    def test_fused(self) -> None:
        with Project(ADD, policy=POLICY + "fuse add32_ri\n") as project:
            project.run()
            self.assertEqual(
                gadget(project.gadget_file("add32_ri_jcc"), "g_add32_ri_jcc_edx_jnz"),
                ["addl 8(%r14), %edx", "jnz 71f", "mov 24(%r14), %r14", "jmp *(%r14)", "71:",
                 "mov 16(%r14), %r14", "mov CPU_POLL(%r13), %r9", "jmp *(%r14,%r9)"])

    def test_unexploded(self) -> None:
        """Registers that are only read come by way of scratch registers; memory stays memory."""
        spec = "insn ANDN\n  VEX.LZ.0F38.W0 F2 /r RVM Gd Bd Ed\n  flags OSZAPC = 0wwuu0\n" \
               "  access w r r\n  does dst = ~src & src2\n  body alu3\n" \
               "insn PAVGB\n  66 0F E0 /r RM Vx Wx\n  flags OSZAPC = ------\n  access rw r\n" \
               "  does dst = (dst + src + 1) >> 1\n  body x_op\n"
        policy = POLICY + "unexploded andn32_rr? pavgb_xx\nby_base pavgb128_xm\n"
        with Project(spec, policy=policy) as project:
            project.run()
            end = ["lea 8(%r14), %r14", "jmp *(%r14)"]
            text = project.gadget_file("scratch_src_r32_r")
            self.assertEqual(gadget(text, "g_scratch_src_r32_r_edi"), ["mov %edi, %r10d"] + end)
            self.assertEqual(gadget(project.gadget_file("andn32_r"), "g_andn32_r_edx"),
                             ["andnl %r9d, %r10d, %edx"] + end)
            self.assertEqual(gadget(project.gadget_file("andn32_re"), "g_andn32_re_edx"),
                             ["andnl %gs:(%r11d), %r10d, %edx"] + end)
            self.assertEqual(gadget(project.gadget_file("pavgb_x"), "g_pavgb_x_xmm3"),
                             ["pavgb %xmm8, %xmm3"] + end)
            rows = project.read("out/rows.c")
            for table, kind in (("scratch_src_r32_r", "VVVV"), ("scratch_src2_r32_r", "RM"),
                                ("andn32_r", "REG"), ("scratch_src_x_x", "RM"),
                                ("pavgb_x", "REG"), ("andn32_re", "REG")):
                self.assertRegex(rows, rf"gt_{table}, 0, 0, \d+, 0, \{{\{{IX_{kind}, "
                                 r"IX_(GENERAL|VECTOR), 8\}\}")
            self.assertIn("gt_pavgb128_xm, ", rows)  # alone: may still be by base

    def test_second_run_writes_nothing(self) -> None:
        with Project(ADD) as project:
            project.run()
            before = {p: p.stat().st_mtime_ns for p in project.root.rglob("*") if p.is_file()}
            project.run()
            after = {p: p.stat().st_mtime_ns for p in project.root.rglob("*") if p.is_file()}
            self.assertEqual(before, after)

    def test_only_what_changed_is_written(self) -> None:
        with Project(ADD + "\n" + NOP) as project:
            project.run()
            nop = next((project.root / "gadgets").rglob("nop.S"))
            add = next((project.root / "gadgets").rglob("add32_rr.S"))
            before = nop.stat().st_mtime_ns, add.stat().st_mtime_ns
            path = project.templates / "int/alu2.j2"
            path.write_text(path.read_text() .replace("{{ next() }}", "    nop\n{{ next() }}"))
            project.run()
            self.assertEqual(nop.stat().st_mtime_ns, before[0])
            self.assertNotEqual(add.stat().st_mtime_ns, before[1])

    def test_ngrams(self) -> None:
        with Project(ADD) as project:
            (project.spec / "default.profile").write_text(
                "add32_rr_eax_ecx add32_rr_edx_eax\nadd32_rr_eax_ecx sub32_rr_eax_eax\n",
                encoding="utf-8")
            project.run()  # the second line names a gadget that is not there: it is left out
            text = project.read("gadgets/x86_64/i386/window/ngrams/add32_rr/add32_rr.S")
            self.assertIn("# add32_rr_eax_ecx add32_rr_edx_eax", text)
            self.assertNotIn("sub32", text)
            self.assertIn("addl %ecx, %eax", text)
            self.assertIn("addl %eax, %edx", text)

    def test_stale_files_go(self) -> None:
        with Project(ADD + "\n" + NOP) as project:
            project.run()
            self.assertTrue(list((project.root / "gadgets").rglob("nop.S")))
            (project.spec / "mini.x86").write_text(ADD, encoding="utf-8")
            project.run()
            self.assertFalse(list((project.root / "gadgets").rglob("nop.S")))


class Tables(unittest.TestCase):
    """rows.c, opmap.c, cpuid.c."""

    def test_rows(self) -> None:
        with Project(ADD) as project:
            project.run()
            text = project.read("out/rows.c")
            self.assertIn('{"ADD", "mini.x86:3: 01 /r MR Ev Gv lock",', text)
            first = re.search(r"\{gt_add32_rr, 0, 0, (\d+), 0, \{\{IX_RM, IX_GENERAL, 8\}, "
                              r"\{IX_REG, IX_GENERAL, 8\}\}", text)
            assert first
            self.assertIn(f"{{gt_add32_rr, 0, 0, {first[1]}, 0, "
                          "{{IX_REG, IX_GENERAL, 8}, {IX_RM, IX_GENERAL, 8}}, {0}, 8}", text)
            # rAX: entry 0
            self.assertRegex(text, r"\{gt_add32_ri, 0, 0, [1-9]\d*, 0, \{\{0\}\}, \{P_IMM\}, 16\}")
            self.assertIn("ROW_MODRM | ROW_LOCK | ROW_BYTE, IMM_NONE", text)
            # memory destination: stores, writes; flags O S Z A P C killed
            self.assertRegex(text, r"MEM_EA, BLOCK_GOES_ON, true, true, 1, 4, 0xffff, 0x8d5")

    def effects(self, access: str, more: str = "", body: str = "alu2_nolock") -> list[str]:
        """Effects of each variant of a row `Gv Ev`: (memory use, stores, writes, flags read)."""
        with Project("insn ADD\n  03 /r RM Gv Ev\n  flags OSZAPC = wwwwww\n"
                     f"  access {access}\n{more}  does things\n  body {body}\n") as project:
            project.run()
            found = re.findall(r"1, (MEM_\w+, BLOCK_GOES_ON, \w+, \w+), \d+, \d+, (0x\w+), 0x8d5",
                               project.read("out/rows.c"))
            return [", ".join(parts) for parts in found]

    def test_effects(self) -> None:
        read = "MEM_EA, BLOCK_GOES_ON, false, false, 0xffff"
        quiet = "MEM_NONE, BLOCK_GOES_ON, false, false, 0x0"
        self.assertEqual(set(self.effects("rw r")), {quiet, read})
        self.assertEqual(set(self.effects("w -", body="nop")), {quiet})
        self.assertEqual(set(self.effects("w a")),
                         {quiet, "MEM_LEA, BLOCK_GOES_ON, false, false, 0x0"})
        # A conditional write may store, but is no write that a read-only segment forbids.
        self.assertEqual(set(self.effects("rw rc")),
                         {quiet, "MEM_EA, BLOCK_GOES_ON, true, false, 0xffff"})
        fault = "MEM_NONE, BLOCK_GOES_ON, false, false, 0xffff"
        self.assertEqual(set(self.effects("rw r", "  faults #DE\n")), {fault, read})
        self.assertEqual(set(self.effects("rw r", "  faults none\n")), {quiet, read})
        self.assertEqual(set(self.effects("rw r", "  implicit rAX=w\n")), {quiet, read})
        push = "MEM_{}, BLOCK_GOES_ON, true, false, 0xffff"
        self.assertEqual(set(self.effects("rw r", "  implicit rSP=rw [rSP]=w\n")),
                         {push.format("NONE"), push.format("EA")})
        self.assertIn("MEM_POP, BLOCK_GOES_ON, true, true, 0xffff",
                      self.effects("r rw", "  implicit rSP=rw [rSP]=r\n"))

    def test_opmap(self) -> None:
        with Project(ADD) as project:
            project.run()
            text = project.read("out/opmap.c")
            maps = text[text.index("opmap[GUEST_MODES]"):].split("[GUEST_")
            for one, name in zip(maps[2:4], ("I386", "X86_64")):
                lines = one.splitlines()
                self.assertEqual(lines[0], f"{name}] = {{")
                self.assertEqual(lines[2].strip(),
                                 "1, 2, 0, 3, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,")

    MODES = """\
insn PUSH
  {row}
  flags OSZAPC = ------
  access r
  does push dst
  body push
"""

    def forms(self, row: str) -> tuple[str, str]:
        """Sizes (2, 4, 8) that a row with an opcode register has for either guest."""
        with Project(self.MODES.format(row=row)) as project:
            project.run()
            found = re.findall(r"^    \{\{(\{\{.*\}\})\}\},$", project.read("out/rows.c"), re.M)
            sizes = ["".join(str(int(not part.startswith("0")))
                             for part in re.findall(r"\{\{(\d+), ", line)) for line in found]
            one, two = [size for size in sizes if size]
            return one, two

    def test_operand_sizes_of_guests(self) -> None:
        self.assertEqual(self.forms("50+r O Zv"), ("110", "111"))
        self.assertEqual(self.forms("50+r O Zv def64"), ("110", "101"))
        self.assertEqual(self.forms("50+r O Zv f64"), ("110", "001"))
        self.assertEqual(self.forms("50+r O Zv i386only"), ("110", "000"))
        self.assertEqual(self.forms("50+r O Zv a16"), ("110", "000"))
        self.assertEqual(self.forms("50+r O Zv o16 o64 x86-64only"), ("000", "101"))

    def test_stepless_forms(self) -> None:
        with Project(self.MODES.format(row="50+r O Zv def64")) as project:
            project.run()
            text = project.read("out/rows.c")
            self.assertEqual(re.findall(r"\{steps \+ \d+, (\d),", text).count("0"), 1)

    def test_rex_splits(self) -> None:
        with Project(NOP.replace("ZO", "ZO norexb")) as project:
            project.run()
            text = project.read("out/opmap.c")
            self.assertIn("{SPLIT_REX_B, {1, 0}}", text)
            self.assertEqual(text.count("32768"), 1)  # 32-bit mode does not ask

    def test_split_by_prefix_and_specificity(self) -> None:
        spec = NOP.replace("90              ZO", "90              ZO\n  F3 90           ZO") + \
            "insn XCHG\n  90+r O rAX Zv\n  flags OSZAPC = ------\n  access rw rw\n" \
            "  does dst = src = dst\n  body xchg\n"
        with Project(spec) as project:
            project.run()
            text = project.read("out/opmap.c")
            self.assertIn("{SPLIT_PREFIX, {1, 1, 2, 1}}", text)

    def test_prefix_of_a_feature(self) -> None:
        """Where the feature is not there, its prefix is ignored."""
        spec = "insn BSF\n  0F BC /r RM Gv Ev\n  flags OSZAPC = ------\n  access w r\n" \
               "  does dst = src\n  body alu2_nolock\n"
        new = spec.replace("BSF", "TZCNT").replace("0F BC", "F3 0F BC") + "  feature FPU\n"
        with Project(spec + new) as project:
            project.run()
            text = project.read("out/opmap.c")
            self.assertIn("{SPLIT_FEATURE, {1, 2}},\n    {SPLIT_PREFIX, {1, 1, 32768, 1}}", text)

    def test_vex(self) -> None:
        """Maps of their own, split by pp, L and W; vvvv and is4 as table indices; lengths."""
        rows = "  VEX.128.66.0F.WIG EF /r RVM Vx Hx Wx\n" \
               "  VEX.LZ.66.0F.W0 F0 /r RVM Gd Bd Ed body=x_op\n" \
               "  VEX.LIG.F3.0F3A.W1 4A /r is4 RVMR Vss Lss Hss Wss body=x_op\n" \
               "  66 0F EF /r RM Vx Wx body=x_op\n"
        spec = f"insn VPXOR\n{rows}  flags OSZAPC = ------\n  access w r r r\n" \
            "  does dst = src ^ src2\n  body x_op\n"
        with Project(spec) as project:
            project.run()
            text, tables = project.read("out/opmap.c"), project.read("out/rows.c")
            self.assertIn("{SPLIT_VEX_L, {1, 0}},\n    {SPLIT_PREFIX, {0, 32768, 0, 0}}", text)
            # W0 of a general register: 64-bit mode alone asks for VEX.W
            self.assertEqual(re.findall(r"SPLIT_VEX_W, \{.*\}", text),
                             ["SPLIT_VEX_W, {0, 3}}", "SPLIT_VEX_W, {2, 0}}"])
            self.assertIn("{IX_REG, IX_VECTOR, 8}, {IX_VVVV, IX_VECTOR, 8}}", tables)
            self.assertIn("{IX_REG, IX_VECTOR, 8}, {IX_IS4, IX_VECTOR, 8}}", tables)
            self.assertEqual(tables.count("ROW_MODRM | ROW_VVVV, "), 3)
            self.assertEqual(text.count("    {\n"), 14)  # maps of both guests

    def test_slow_form(self) -> None:
        spec = "insn STOS\n  AA ZO Yb AL rep\n  flags OSZAPC = ------ D = r\n  access w r\n" \
               "  does [ES:rDI] = rAX\n  body stos\n  slow string\n"
        with Project(spec) as project:
            project.run()
            self.assertIn("SPLIT_ADDRSIZE", project.read("out/opmap.c"))
            self.assertIn("SPLIT_SEG", project.read("out/opmap.c"))
            self.assertIn("helper_string", project.read("out/rows.c"))

    def test_cpuid(self) -> None:
        features = "i686 - - zydis=I86,PPRO\nx86-64 - - zydis=LONGMODE\n" \
                   "ONE 7.1.eax 3 zydis=AB,CD\nTWO 1.edx 4\n" \
                   "THREE 0x80000001.ecx 1 incomplete zydis=EF\n"
        spec = NOP + "  feature    ONE\n" + NOP.replace("NOP", "NOPE").replace("90 ", "91 ") + \
            "  feature    THREE\n"
        with Project(spec, features=features) as project:
            project.run()
            text = project.read("out/cpuid.c")
            self.assertIn('{0x7, 1, 0, 3, true, "one", NULL, 0, false},\n'
                          '    {0x80000001, 0, 2, 1, false, "three", NULL, 0, false},\n'
                          '    {0},', text)
            self.assertIn("cpuid_feature_count = 2;", text)
            self.assertIn('{"I86", 0, GUEST_I386},\n{"PPRO", 0, GUEST_I386},\n'
                          '{"LONGMODE", 0, GUEST_X86_64},\n{"AB", 1, GUEST_MODES},\n'
                          '{"CD", 1, GUEST_MODES},\n{"EF", 2, GUEST_MODES},\n',
                          project.read("out/isa_sets.inc"))
            self.assertRegex(project.read("out/rows.c"), r"SEG_DS, 1, 0\},\n.*SEG_DS, 2, 0\}")

    def test_reference(self) -> None:
        with Project(ADD) as project:
            project.run()
            page = project.read("out/reference/mini.md")
            self.assertIn("## ADD", page)
            self.assertIn("| `01 /r` | Ev, Gv | i386 x86-64 | lock |", page)
            self.assertIn("OF SF ZF AF PF CF written", page)
            self.assertIn("* access: rw, r\n", page)


class CommandLine(unittest.TestCase):
    """python3 -m gen"""

    def test_help(self) -> None:
        done = subprocess.run(["/usr/bin/python3", "-m", "gen", "--help"], cwd=ROOT, check=True,
                              capture_output=True, text=True)
        self.assertIn("--gadgets", done.stdout)


if __name__ == "__main__":
    unittest.main()
