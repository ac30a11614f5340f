"""Where gadgets lie: the lines of one gadget of a profile, from recordings to sections."""

from __future__ import annotations

import re
import unittest
from pathlib import Path

from gen.emit.places import FIRST, LAST, REST, Places, place_of
from gen.language.model import CONDITIONS
from gen.language.profile import read_profile
from gen.tests.project import Project
from gen.train import read_used

ADD = """\
insn ADD                                        # Add
  01 /r      MR   Ev Gv
  81 /0 iz   MI   Ev Iz
  flags      OSZAPC = wwwwww
  access     rw r
  does       dst = dst + src
  body       alu2_nolock
"""


def sections(text: str) -> dict[str, str]:
    """The section of each gadget of a file, of its stencil ("88 of LABEL") and of its table."""
    found: dict[str, str] = {}
    section = stencil = label = ""
    for line in text.splitlines():
        match = re.match(r"\s*\.(push)?section (\w+)", line)
        if match and match[1]:
            stencil = match[2]
        elif match:
            section = match[2]
        elif line == "88:":
            found[f"88 of {label}"] = stencil
        elif re.match(r"[a-z]\w*:$", line):
            label = line[:-1]
            found[label] = section
    return found


class Classes(unittest.TestCase):
    """Which place a rank has."""

    def test_ranks(self) -> None:
        wanted = {0: 1, FIRST - 1: 1, FIRST: 2, 2 * FIRST - 1: 2, 2 * FIRST: 3, 4 * FIRST: 4,
                  FIRST << (LAST - 2): LAST, FIRST << LAST: LAST}
        self.assertEqual({rank: place_of(rank) for rank in wanted}, wanted)

    def test_profile(self) -> None:
        with Project(ADD) as project:
            path = project.spec / "default.profile"
            path.write_text("# n-grams\nadd32_rr_eax_ecx add32_rr_ecx_eax # one\n"
                            "add32_ri_eax\nadd32_rr_edx_eax\nadd32_ri_eax\n", encoding="utf-8")
            profile = read_profile(path, project.root)
            self.assertEqual(list(profile.ngrams), [("add32_rr_eax_ecx", "add32_rr_ecx_eax")])
            self.assertEqual(str(next(iter(profile.ngrams.values()))), "gen/spec/default.profile:2")
            self.assertEqual(profile.used, {"add32_ri_eax": 0, "add32_rr_edx_eax": 1})
            places = Places(profile)
            self.assertEqual(places.of("add32_rr_edx_eax"), 1)
            self.assertEqual(places.of("add32_rr_edx"), REST)
            self.assertEqual(places.of_table(["", "add32_rr_edx_ebx"]), REST)
            self.assertEqual(places.of_table(["", "x", "add32_ri_eax"]), 1)
            self.assertEqual(places.stamp("add32_rr"), "add32_rr_edx_eax:1")
            self.assertEqual(places.stamp("add32"), "add32_ri_eax:1 add32_rr_edx_eax:1")


class Files(unittest.TestCase):
    """What the generator makes of it."""

    def write(self, project: Project, used: list[str]) -> dict[str, str]:
        """Runs with these lines; returns sections() of add32_rr."""
        (project.spec / "default.profile").write_text(
            "".join(f"{label}\n" for label in used), encoding="utf-8")
        project.run()
        return sections(project.gadget_file("add32_rr"))

    def test_sections(self) -> None:
        with Project(ADD) as project:
            before = self.write(project, [])
            self.assertEqual(set(before.values()), {"fg_gadgets", "fg_stencils", "fg_tables"})
            others = [f"other_{number}" for number in range(FIRST)]
            found = self.write(project, ["add32_ri_eax", *others, "add32_rr_edx_eax"])
            self.assertEqual(found.pop("g_add32_rr_edx_eax"), "fg_gadgets_2")
            self.assertEqual(found.pop("88 of g_add32_rr_edx_eax"), "fg_stencils_2")
            self.assertEqual(found.pop("gt_add32_rr"), "fg_tables_2")
            self.assertEqual(found.items() - before.items(), set())
            ri = sections(project.gadget_file("add32_ri"))
            self.assertEqual(ri["g_add32_ri_eax"], "fg_gadgets_1")
            self.assertEqual(ri["g_add32_ri_ecx"], "fg_gadgets")

    def test_ngrams(self) -> None:
        """Parts are where their gadgets are, or the fault handler does not find them."""
        with Project(ADD) as project:
            words = ["eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"]
            pairs = [(f"add32_rr_{one}_{two}", f"add32_rr_{three}_{four}") for one in words
                     for two in words for three in words for four in words]
            late, early = pairs[0], pairs[FIRST]
            (project.spec / "default.profile").write_text("".join(
                f"{' '.join(pair)}\n" for pair in [*pairs[1:FIRST + 1], late]), encoding="utf-8")
            project.run()
            text = project.read("gadgets/x86_64/i386/window/ngrams/add32_rr/add32_rr.S")
            for pair, place in ((early, "1"), (late, "2")):
                self.assertRegex(
                    text, f"# {' '.join(pair)}" + r"\n    \.long 0\n    \.globl n_\w+\nn_\w+:\n.*\n"
                    rf"    \.pushsection fg_parts_{place}, ")
            self.assertIn('section fg_gadgets_2, "ax", @progbits\n# ' + " ".join(late), text)

    def test_another_place_is_another_file(self) -> None:
        """A gadget that moves to another class has its file made again, and no other one."""
        with Project(ADD) as project:
            self.write(project, [])
            times = {path: path.stat().st_mtime_ns
                     for path in (project.root / "gadgets").rglob("*.S")}
            self.write(project, ["add32_rr_edx_eax"])
            changed = {path.stem for path, time in times.items() if path.stat().st_mtime_ns != time}
            self.assertEqual(changed, {"add32_rr"})

    def test_core(self) -> None:
        with Project(ADD) as project:
            self.write(project, ["ea_eax_ecxx1"])
            preludes = sections(project.gadget_file("ea_index"))
            self.assertEqual(preludes["g_ea_eax_ecxx1"], "fg_gadgets_1")
            self.assertEqual(preludes["g_ea_eax_ecxx2"], "fg_gadgets")
            self.assertEqual(sections(project.gadget_file("core_trap")),
                             {"g_core_trap": "fg_gadgets_1", "gt_core_trap": "fg_tables_1"})


class Training(unittest.TestCase):
    """read_used()"""

    def test_by_programs(self) -> None:
        labels = {"one": ["a", "b", ""], "two": ["c"], "two_jcc": [f"d{cc}" for cc in CONDITIONS],
                  "jcc": [f"j{cc}" for cc in CONDITIONS]}
        with Project(ADD) as project:
            def path(number: int, text: str) -> Path:
                made = project.root / f"{number}.profile"
                made.write_text(text, encoding="utf-8")
                return made
            found = read_used([path(1, "9 one:0 one:0\n9 gone:4 one:1\n9 one:1\n"),
                               path(2, "1 one:0\n1 one:1\n1 one:1 one:2\n5 two_jcc:1\n"),
                               path(3, "1 one:1\n2 two:0\n")], labels)
            self.assertEqual(found, ["b", "c", "a"])  # dCC, jCC: of one program


if __name__ == "__main__":
    unittest.main()
