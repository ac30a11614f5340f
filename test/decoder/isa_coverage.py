#!/usr/bin/env python3
"""The spec against an independent list of instructions, Zydis' tables: docs/isa-coverage.md.

    isa_coverage.py [--build DIR] [--write FILE | --check FILE]

isa_forms lists the forms of each guest mode, by ISA set; `insn --forms` names what the suites run;
isa_words says why something is not there. --check: exit status 1 and the lines that differ when the
file is not what would be written. A set, form or test without a word is a mistake either way.
"""

from __future__ import annotations

import argparse
import difflib
import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = {"i386": "insn", "x86-64": "insn64"}
HEAD = """# Instructions: the spec against Zydis' tables

Made by `make coverage-isa WRITE=1`; suite `decoder` fails when it is not true. A form is a mnemonic
with an opcode and the kinds and widths of its operands; those that programs may use count (what is
privileged raises #GP). Done: the decoder takes every encoding of the form that was tried, on a host
that has the extension. Tested: suites `insn`, `insn64` run it beside the processor, or the test
named below. Zydis 4.0 does not know AVX-IFMA, which the spec has. No host has been seen yet that
has AVX-IFMA, CLDEMOTE or SERIALIZE: what the host would do there was never run, what C does instead
is (`test/engine/unseen.c`, also natively where a host has them).

| ISA set | i386: known | done | tested | x86-64: known | done | tested | |
|---|---|---|---|---|---|---|---|
"""


@dataclass
class Form:
    """One form of a mode."""

    name: str
    tried: int
    taken: int
    cases: int

    @property
    def done(self) -> bool:
        """The decoder takes it, always."""
        return self.taken == self.tried


@dataclass
class Words:
    """The file isa_words: sections of patterns with texts."""

    sections: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    used: set[tuple[str, str]] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)

    def find(self, section: str, name: str) -> str:
        """The text for a name; noted as missing when there is none."""
        for pattern, text in self.sections[section]:
            if fnmatchcase(name, pattern):
                self.used.add((section, pattern))
                return text
        self.missing.append(f"[{section}] has no line for {name}")
        return "?"

    def mistakes(self) -> list[str]:
        """What is missing, and lines that nothing asks for."""
        return self.missing + [f"[{section}] {pattern}: nothing asks for it"
                               for section, lines in self.sections.items()
                               for pattern, _ in lines if (section, pattern) not in self.used]


def read_words(path: Path) -> Words:
    """Reads isa_words."""
    words = Words()
    section: list[tuple[str, str]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        line = line.partition("#")[0] if line.startswith("#") else line
        if line.startswith("["):
            section = words.sections.setdefault(line.strip("[] "), [])
        elif line.strip():
            pattern, _, text = line.partition(": ")
            section.append((pattern, text.strip()))
    return words


def read_forms(build: Path, mode: str) -> dict[str, list[Form]]:
    """User forms of a mode by ISA set."""
    tests = subprocess.run([build / "test" / TESTS[mode], "--forms"], check=True,
                           capture_output=True, text=True).stdout
    lines = subprocess.run([build / "test/isa_forms", mode], check=True, input=tests,
                           capture_output=True, text=True).stdout.splitlines()
    sets: dict[str, list[Form]] = defaultdict(list)
    for line in lines:
        name, kind, tried, taken, tested, form, _ = line.split("\t")
        if kind == "user":
            sets[name].append(Form(form, int(tried), int(taken), int(tested)))
    return sets


def page(sets: dict[str, dict[str, list[Form]]], words: Words) -> str:
    """The text of the page."""
    rows: list[str] = []
    out: dict[str, list[str]] = {}  # by reason
    elsewhere: dict[str, set[str]] = defaultdict(set)
    notes: list[str] = []
    for name in sorted({name for mode in sets.values() for name in mode}):
        found = {mode: sets[mode].get(name, []) for mode in sets}
        if not any(f.taken for forms in found.values() for f in forms) or name in ("CET", "MPX"):
            counts = " ".join(str(len(found[mode])) for mode in sets)
            out.setdefault(words.find("sets", name), []).append(f"{name} ({counts})")
            continue
        cells: list[str] = []
        for forms in found.values():
            done = [f for f in forms if f.done]
            tested = len(done)
            for form in (f for f in done if not f.cases):
                test = words.find("tested elsewhere", form.name)
                elsewhere[test].add(form.name.split()[0])
                tested -= test.startswith("nothing")
            notes += [f"`{f.name}`: {words.find('left out', f.name)}" for f in forms if not f.done]
            cells += [str(len(forms)), str(len(done)), str(tested)] if forms else ["", "", ""]
        full = all(f.done for forms in found.values() for f in forms)
        rows.append(f"| {name} | {' | '.join(cells)} | {'' if full else 'below'} |\n")
    text = HEAD + "".join(rows)
    text += "\n## Forms of these sets that are left out\n\n"
    text += "".join(f"- {note}\n" for note in sorted(set(notes)))
    text += "\n## Forms that another test runs\n\n"
    text += "".join(f"- {', '.join(sorted(names))}: {test}\n"
                    for test, names in sorted(elsewhere.items()))
    text += ("\n## Sets that the spec does not have\n\n"
             "With the numbers of their forms in 32-bit and in 64-bit mode.\n\n")
    return text + "".join(f"- {', '.join(names)}: {reason}\n"
                          for reason, names in sorted(out.items()))


def main() -> int:
    """Compares or writes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--write", type=Path)
    parser.add_argument("--check", type=Path)
    args = parser.parse_args()
    words = read_words(HERE / "isa_words")
    text = page({mode: read_forms(args.build, mode) for mode in TESTS}, words)
    mistakes = words.mistakes()
    if args.write:
        args.write.write_text(text, encoding="utf-8")
    elif args.check:
        old = args.check.read_text(encoding="utf-8")
        mistakes += [line.rstrip() for line in
                     difflib.unified_diff(old.splitlines(), text.splitlines(), lineterm="", n=0)]
    else:
        sys.stdout.write(text)
    for line in mistakes:
        print(f"# {line}")
    counts = [int(n) for n in re.findall(r"(?m)^\| [A-Z0-9_]+ \| (\d+)", text)]
    print(f"note {len(counts)} ISA sets, {sum(counts)} i386 forms", file=sys.stderr)
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
