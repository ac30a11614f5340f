"""Golden gadgets: for each body, what it renders to in a few typical forms, as gen/tests/golden/.

`python3 -m gen.tests.test_golden --update` writes them anew after a deliberate change of a body.
"""

from __future__ import annotations

import sys
import unittest
from dataclasses import replace
from pathlib import Path

from gen.__main__ import ROOT
from gen.emit.render import Renderer
from gen.expand.bodies import Templates
from gen.expand.expander import Expander, Library, Table
from gen.language.policy import read_policy
from gen.language.reader import read_spec
from gen.language.target import DEFAULT, GUESTS, Guest

GOLDEN = Path(__file__).resolve().parent / "golden"


def library(guest: Guest = DEFAULT.guest) -> tuple[Library, Renderer]:
    """The project's own library for a guest."""
    spec = read_spec(ROOT / "gen/spec", ROOT)
    templates = Templates(ROOT / "templates/x86_64", ROOT, replace(DEFAULT, guest=guest))
    policy = read_policy(ROOT / "gen/tests/golden.policy", ROOT)
    return Expander(spec, templates, policy, guest).run(), Renderer(templates, guest)


def shape(table: Table) -> str:
    """Tables of one body that differ in nothing but mnemonic and size share a golden gadget."""
    key = table.key
    places = "".join(f"{o.place.value}{int(o.by_base)}{int(o.size == 8)}" for o in key.operands)
    return f"{places} {key.lock} {bool(key.rep)} {key.live} {key.fused} {key.params} " \
           f"{key.opsize} {key.addrsize}"


def picks(count: int) -> list[int]:
    """Entries shown of a table: the first, one in the middle, the last."""
    return sorted({0, count // 2, count - 1})


def texts() -> dict[str, str]:
    """Golden text by file: GUEST/BODY."""
    return {f"{guest.name}/{name}": text for guest in GUESTS
            for name, text in texts_of(guest).items()}


def texts_of(guest: Guest) -> dict[str, str]:
    """Golden text by body."""
    lib, renderer = library(guest)
    found: dict[str, list[str]] = {}
    seen: set[tuple[str, str]] = set()
    for table in lib.tables.values():
        mark = (table.body.name, shape(table))
        if mark in seen:
            continue
        seen.add(mark)
        gadgets = [g for g in renderer.gadgets(table) if g[0]]
        lines = found.setdefault(table.body.name, [])
        lines += [f"{gadgets[i][0]}:\n{gadgets[i][1]}\n" for i in picks(len(gadgets))]
    return {name: "".join(lines) for name, lines in found.items()}


class Golden(unittest.TestCase):
    """The files and the bodies agree."""

    def test_bodies(self) -> None:
        wanted = texts()
        for name, text in wanted.items():
            with self.subTest(body=name):
                path = GOLDEN / f"{name}.txt"
                self.assertTrue(path.exists(), f"no golden gadgets of body {name}: "
                                               "python3 -m gen.tests.test_golden --update")
                self.assertEqual(path.read_text(encoding="utf-8"), text)
        stale = {f"{p.parent.name}/{p.stem}" for p in GOLDEN.glob("*/*.txt")} - set(wanted)
        self.assertEqual(stale, set(), "golden files of bodies that are no more")

    def test_every_template_is_used(self) -> None:
        used = {name.partition("/")[2] for name in texts()}
        for path in (ROOT / "templates/x86_64").glob("*/*.j2"):
            if path.parent.name in ("core", "lib"):
                continue
            name = f"{path.parent.name}/{path.name}"
            included = any(name in p.read_text(encoding="utf-8")
                           for p in path.parent.parent.glob("*/*.j2"))
            self.assertTrue(path.stem in used or included, f"{path.name} is used by no row")


def update() -> None:
    """Write the golden files."""
    wanted = texts()
    for path in GOLDEN.glob("*/*.txt"):
        if f"{path.parent.name}/{path.stem}" not in wanted:
            path.unlink()
    for name, text in wanted.items():
        path = GOLDEN / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(f"{len(wanted)} golden files")


if __name__ == "__main__":
    if "--update" in sys.argv:
        update()
    else:
        unittest.main()
