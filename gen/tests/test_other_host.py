"""Another host is a module of gen/host and a folder of templates, and nothing else: a made-up one
that has a register for each of the guest's, and another assembler."""

from __future__ import annotations

import sys
import types
import unittest
from typing import Mapping
from unittest import mock

from gen.__main__ import ROOT
from gen.host.host import IN_EA, Host, OperandForm, Residence, hosts, load
from gen.language.model import Place
from gen.language.target import HOST, I386, MEMORY, X86_64, Guest, Target
from gen.tests.project import POLICY, Project

SPEC = """\
insn ADD
  01 /r      MR   Ev Gv
  81 /0 iz   MI   Ev Iz
  flags      OSZAPC = wwwwww
  access     rw r
  does       dst = dst + src
  body       sum
"""
TEMPLATES = {
    "int/sum.j2": "{#- sum: of two -#}\n"
                  "    add{{ s }} {{ dst }}, {{ dst }}, {{ src }} // {{ at }}\n{{ next() }}\n",
    "lib/dispatch.j2": "{% macro next(slots) %}\n    branch {{ slots }}\n{% endmacro %}\n",
    "core/ea_index.j2": "    address {{ base }} {{ index }} {{ scale }} {{ disp }}\n"
                        "{{ next(16) }}\n",
    "mapping": "",
    **{f"core/{path.name}": "    nothing\n"
       for path in (ROOT / "templates" / HOST / "core").glob("*.j2") if path.stem != "ea_index"}}


class Slot:
    """A parameter."""

    def __init__(self, offset: int) -> None:
        self.offset = offset

    def __str__(self) -> str:
        return f"[param, {self.offset}]"


class Toy(Host):
    """The host."""

    resident = 16
    bytes_per_insn = 4.0

    def names(self, guest: Guest) -> Mapping[str, object]:
        return {"at": f"{guest.name} at home"}

    def suffix(self, size: int) -> str:
        return f".{size}"

    def slot(self, offset: int, wide: bool = False) -> Slot:
        return Slot(offset)

    def address(self, number: int) -> str:
        return f"guest{number}"

    def operands(self, residence: Residence, forms: tuple[OperandForm, ...],
                 values: dict[str, int], offsets: dict[str, int], size: int, more: bool
                 ) -> Mapping[str, object]:
        found: dict[str, object] = {}
        for form in forms:
            if form.place is Place.REG:
                found[form.name] = f"guest{values[form.name]}"
            elif form.place is Place.IMM:
                found[form.name] = Slot(offsets["imm"])
            else:
                base = residence.base(values[form.name]) if form.by_base else IN_EA
                found[form.name] = "[ea]" if base == IN_EA else f"[guest{base}]"
        return found


class OtherHost(unittest.TestCase):
    """What the generator makes for it."""

    def project(self, guest: Guest) -> Project:
        """A project with the made-up host alone."""
        return Project(SPEC, policy=POLICY + "by_base sum32_*\n", host_templates="",
                       templates=TEMPLATES, target=Target("toy", guest, MEMORY))

    def setUp(self) -> None:
        module = types.ModuleType("gen.host.toy")
        setattr(module, "HOST", Toy())
        patch = mock.patch.dict(sys.modules, {"gen.host.toy": module})
        patch.start()
        self.addCleanup(patch.stop)
        load.cache_clear()
        self.addCleanup(load.cache_clear)

    def test_x86_64_guest(self) -> None:
        with self.project(X86_64) as project:
            project.run()
            files = {path.relative_to(project.root).parts[:4]
                     for path in (project.root / "gadgets").rglob("*.S")}
            self.assertEqual(files, {("gadgets", "toy", X86_64.name, MEMORY)})
            text = project.gadget_file("sum64_rr")
            self.assertIn("# Table: [dst 16] [src 16].", text)
            self.assertIn("g64_sum64_rr_rax_r15:\n    add.64 guest0, guest0, guest15 // "
                          f"{X86_64.name} at home\n    branch 8\n", text)
            self.assertNotIn("rN", text)
            self.assertIn("    add.32 [guest9], [guest9], [param, 16]",
                          project.gadget_file("sum32_mi"))
            self.assertIn("g64_ea_r8_r15x4:\n    address guest8 guest15 4 [param, 8]\n",
                          project.gadget_file("ea_index"))
            self.assertIn(f"[{X86_64.mode}] = {{16, 16, 16, 17}},", project.read("out/rows.c"))

    def test_i386_guest(self) -> None:
        with self.project(I386) as project:
            project.run()
            self.assertIn("g_sum16_rr_ax_di:\n    add.16 guest0, guest0, guest7",
                          project.gadget_file("sum16_rr"))

    def test_hosts(self) -> None:
        """A host is named by its module and its templates alone."""
        self.assertEqual(hosts(), sorted(path.name for path in (ROOT / "templates").iterdir()))
        for name in hosts():
            self.assertIsInstance(load(name), Host)
        with self.assertRaises(ModuleNotFoundError):
            load("nowhere")


class Entries(unittest.TestCase):
    """Indices of a host that has a register for each."""

    def test_impossible(self) -> None:
        everywhere = Toy().residence(X86_64)
        half = Residence(X86_64, 8)
        for residence, new, high in ((everywhere, 8, 16), (half, 8, 9)):
            with self.subTest(resident=residence.resident):
                self.assertTrue(residence.impossible([("r", 8, high), ("r", 8, new)]))
                self.assertTrue(residence.impossible([("r", 8, high + 3), ("m", 0, new)]))
                self.assertTrue(residence.impossible([("r", 8, high), ("r", 64, 0)]))
                self.assertFalse(residence.impossible([("r", 8, high), ("r", 8, high + 1)]))
                self.assertFalse(residence.impossible([("r", 8, high), ("m", 0, 3)]))
        self.assertFalse(Residence(I386, 8).impossible([("r", 8, 4), ("r", 8, 0)]))


if __name__ == "__main__":
    unittest.main()
