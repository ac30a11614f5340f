"""What only the host's files may know is there alone, and what the pages say of it is so.

`python3 -m gen.tests.test_host --update` writes the table of templates/x86_64/registers.md anew.
"""

from __future__ import annotations

import re
import sys
import unittest
from pathlib import Path

from gen.__main__ import ROOT
from gen.expand.bodies import Templates
from gen.expand.expander import Expander
from gen.expand.mapping import read_mapping
from gen.host import x86_64 as ops
from gen.language import reader
from gen.language.errors import Where
from gen.language.policy import read_policy
from gen.language.reader import read_spec
from gen.language.target import DEFAULT

TEMPLATES = ROOT / "templates/x86_64"
REGISTERS = TEMPLATES / "registers.md"
TABLE = re.compile(r"(?<=\n\n)\| name \|.*?(?=\n\n)", re.S)
PAGES = [ROOT / "README.md", TEMPLATES / "README.md", ROOT / "gen/spec/NOTATION.md",
         *sorted((ROOT / "docs").glob("*.md"))]
# Registers r8 to r15 of the host, by number.
NUMBERED = re.compile(r"%r(?:8|9|1[0-5])[dwb]?\b")


def register_table() -> str:
    """The table of registers.md."""
    lines = ["| name | host | holds | why |", "|---|---|---|---|"]
    lines += [f"| `{name}` | {register.host} | {register.holds} | {register.why} |"
              for name, register in ops.NAMES.items()]
    return "\n".join(lines)


def code(path: Path) -> str:
    """A template without its comments."""
    return re.sub(r"\{#.*?#\}", "", path.read_text(encoding="utf-8"), flags=re.S)


class Host(unittest.TestCase):
    """Templates, generator and pages."""

    def test_registers_page(self) -> None:
        match = TABLE.search(REGISTERS.read_text(encoding="utf-8"))
        assert match
        self.assertEqual(match[0], register_table(), "python3 -m gen.tests.test_host --update")

    def test_registers_are_named(self) -> None:
        for path in sorted(TEMPLATES.glob("*/*.j2")):
            with self.subTest(template=path.name):
                self.assertEqual(NUMBERED.findall(code(path)), [])

    def test_one_place_each(self) -> None:
        places = {r"%gs|\bgs\b": ["lib/memory.j2"], r"\{\{ sp\b|\bsp\.r": ["lib/stack.j2"],
                  r"jmp \*": ["lib/dispatch.j2", "lib/native.j2"], r"fg_exit_trap": ["lib/exit.j2"],
                  r"fg_fixup": ["lib/fault.j2"],
                  # by jump caches, and by what gives probes another width
                  r"\{\{ anchor\b": ["core/wide.j2", "lib/dispatch.j2", "lib/native.j2"]}
        for pattern, wanted in places.items():
            found = [path.relative_to(TEMPLATES).as_posix()
                     for path in sorted(TEMPLATES.glob("*/*.j2")) if re.search(pattern, code(path))]
            with self.subTest(pattern=pattern):
                self.assertEqual(found, wanted)

    def test_generator_is_of_every_host(self) -> None:
        """Register names, addressing forms and host mnemonics belong to gen/host and templates;
        sections to the one writer of assembly."""
        host = re.compile(r"%r\w|%[er]?[a-d]x|%gs|\br(8|9|1[0-5])[dwb]?\b|\br([a-d]x|[sd]i|bp)\b|"
                          r"\(%|\bfg_(exit|helper)|\b(mov|jmp|lea|xchg)\b[^,\n]*[%$]")
        for path in sorted((ROOT / "gen").rglob("*.py")):
            name = path.relative_to(ROOT / "gen").as_posix()
            text = path.read_text(encoding="utf-8")
            with self.subTest(file=name):
                if not name.startswith(("host/", "tests/")):
                    self.assertEqual([m[0] for m in host.finditer(text)], [])
                if not name.startswith(("tests/", "emit/assembly.py")):
                    self.assertNotRegex(text, r"\.(push)?section\b|GNU-stack")

    def test_bodies_in_pages_exist(self) -> None:
        files = {path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.glob("*/*.j2")}
        names = {name.rpartition("/")[2].removesuffix(".j2") for name in files}
        names |= set(read_mapping(TEMPLATES / "mapping", Where("mapping", 1)).sequences)
        for path in PAGES:
            text = path.read_text(encoding="utf-8")
            said = set(re.findall(r"(?:^ +|`|with )body +([a-z]\w*)\b(?!\.| is missing)", text,
                                  re.M))
            said |= set(re.findall(r"(?<![\w/<>*])([a-z]\w+)\.j2(?! in a folder)", text))
            said |= {name.rpartition("/")[2] for name in
                     re.findall(r"templates/x86_64/([a-z]\w*/[a-z0-9]\w*)\.j2", text)}
            with self.subTest(page=path.name):
                self.assertEqual(said - names, set())


class Pages(unittest.TestCase):
    """What pages of the generator list."""

    def test_modules(self) -> None:
        """docs/generator.md names every module and every test."""
        text = (ROOT / "docs/generator.md").read_text(encoding="utf-8")
        names = {path.name for path in (ROOT / "gen").rglob("*.py")} - {"__init__.py"}
        self.assertEqual({name for name in names if f"{name}`" not in text}, set())

    def test_words_of_the_language(self) -> None:
        """NOTATION.md explains every field, row word and immediate."""
        text = (ROOT / "gen/spec/NOTATION.md").read_text(encoding="utf-8")
        words = {*reader.FIELDS, *reader.WORDS, *reader.SETTINGS, *reader.IMMS}
        said = set(re.findall(r"[\w-]+", " ".join(re.findall(r"`([^`]+)`", text))))
        self.assertEqual(words - said, set())


class Mapping(unittest.TestCase):
    """templates/x86_64/mapping, as the whole spec uses it."""

    def test_every_word_is_used(self) -> None:
        templates = Templates(TEMPLATES, ROOT)
        policy = read_policy(ROOT / "gen/spec/default.policy", ROOT)
        spec = read_spec(ROOT / "gen/spec", ROOT)
        Expander(spec, templates, policy, DEFAULT.guest).run()
        mapping = templates.mapping
        for row in spec.rows:  # of other guests too
            mapping.mnemonic(row.mnemonic)
            mapping.parts(row.body, row.mnemonic, row.where)
        self.assertEqual(mapping.words() - mapping.used, set())

    def test_spec_has_no_host(self) -> None:
        """Rows name bodies, not the parts that a host makes them of."""
        mapping = read_mapping(TEMPLATES / "mapping", Where("mapping", 1))
        parts = {part for lines in mapping.sequences.values() for line in lines
                 for part in line.parts}
        named = {row.body for row in read_spec(ROOT / "gen/spec", ROOT).rows}
        self.assertEqual(named & parts, set())
        for path in sorted((ROOT / "gen/spec").glob("*.x86")):
            self.assertNotRegex(path.read_text(encoding="utf-8"), r"(?m)^ +host |%r\d|%[er][a-d]x")


class Macros(unittest.TestCase):
    """Library of the templates."""

    def test_names(self) -> None:
        known = Templates(TEMPLATES, ROOT).env.globals
        for name in ("push", "guest", "fixup", "exit_trap", "if_word", "cpu", "suffix"):
            self.assertIn(name, known)


def update() -> None:
    """Write the table."""
    text = REGISTERS.read_text(encoding="utf-8")
    REGISTERS.write_text(TABLE.sub(lambda _: register_table(), text, count=1), encoding="utf-8")


if __name__ == "__main__":
    if "--update" in sys.argv:
        update()
    else:
        unittest.main()
