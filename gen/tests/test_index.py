"""A second run makes only what is not there or has other inputs."""

from __future__ import annotations

import unittest

from gen.tests.project import NOP, Project

MORE = "insn HLT\n  F4 ZO\n  flags OSZAPC = ------\n  does nothing\n  helper cpuid next raw\n"


class Again(unittest.TestCase):
    """Runs after the first."""

    def test_nothing_changed(self) -> None:
        with Project(NOP + MORE) as project:
            self.assertGreater(project.run().written, 5)
            self.assertEqual(project.run().written, 0)

    def test_files_that_are_wrong(self) -> None:
        with Project(NOP + MORE) as project:
            project.run()
            for name, edit in (("nop", ""), ("helper_nextpc_raw", "half of it"), ("ea_index", "")):
                path = next((project.root / "gadgets").rglob(f"{name}.S"))
                text = path.read_text(encoding="utf-8")
                path.write_text(edit, encoding="utf-8")
                self.assertEqual(project.run().written, 1, name)
                self.assertEqual(path.read_text(encoding="utf-8"), text)
                path.unlink()
                self.assertEqual(project.run().written, 1, name)

    def test_a_body_changes(self) -> None:
        with Project(NOP + MORE) as project:
            project.run()
            body = next(project.templates.glob("*/nop.j2"))
            body.write_text("{#- nop: another -#}\n    nop\n{{ next() }}\n", encoding="utf-8")
            self.assertEqual(project.run().written, 2)  # the gadget, the index
            self.assertIn("    nop\n", project.gadget_file("nop"))

    def test_another_library_the_same_text(self) -> None:
        """All is rendered anew; what comes out is the same, so make has nothing to do."""
        with Project(NOP + MORE) as project:
            project.run()
            library = project.templates / "lib/exit.j2"
            library.write_text(library.read_text(encoding="utf-8") + "{# edited #}\n",
                               encoding="utf-8")
            self.assertEqual(project.run().written, 1)  # the index

    def test_lines_move(self) -> None:
        """Gadgets cite rows by what they say: those of the rows after an edit stay."""
        with Project(NOP + MORE) as project:
            project.run()
            index = project.read("gadgets/x86_64/i386/window/index")
            (project.spec / "mini.x86").write_text("# A note.\n" + NOP + MORE, encoding="utf-8")
            project.run()
            self.assertEqual(project.read("gadgets/x86_64/i386/window/index"), index)

    def test_a_row_goes(self) -> None:
        with Project(NOP + MORE) as project:
            project.run()
            (project.spec / "mini.x86").write_text(NOP, encoding="utf-8")
            project.run()
            self.assertEqual(list((project.root / "gadgets").rglob("helper_*.S")), [])
            self.assertNotIn("helper", project.read("gadgets/x86_64/i386/window/index"))


if __name__ == "__main__":
    unittest.main()
