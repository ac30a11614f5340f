"""Reader of gen/spec/vendors: where x86 processors give different answers, each of them right.

A line is `NAME DECIDER SOURCE, SOURCE... : ANSWER | ANSWER...`; it may go on after a backslash.
DECIDER is `engine` (the engine gives the first answer on every host) or `host` (it runs the host's
instruction and gives the host's answer). A SOURCE begins with SDM, APM or measured. Rows name rules
(NOTATION.md); test/insn/vendors.c knows what each rule lets a comparison accept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gen.language.errors import SpecError, Where

DECIDERS = ("engine", "host")
SOURCES = ("SDM", "APM", "measured")
MAX_RULES = 32  # bits of struct form's `vendor`
NAME = re.compile(r"[a-z][a-z0-9_]*$")


@dataclass(frozen=True)
class Vendor:
    """One rule."""

    where: Where
    name: str
    decider: str
    sources: tuple[str, ...]
    answers: tuple[str, ...]


def parse_rule(where: Where, text: str) -> Vendor:
    """One line of the file."""
    head, colon, tail = text.partition(":")
    words = head.split(None, 2)
    if not colon or len(words) < 3:
        raise SpecError(where, "a rule wants NAME engine|host SOURCE, SOURCE... : "
                               "ANSWER | ANSWER...")
    name, decider, rest = words
    if not NAME.match(name):
        raise SpecError(where, f"{name} is not a rule's name (small letters, digits, _)")
    if decider not in DECIDERS:
        raise SpecError(where, f"{decider} decides nothing: engine or host")
    sources = tuple(s.strip() for s in rest.split(","))
    for source in sources:
        if not source.startswith(SOURCES):
            raise SpecError(where, f"source {source or 'without text'} does not begin with one of "
                                   f"{' '.join(SOURCES)}")
    answers = tuple(" ".join(a.split()) for a in tail.split("|"))
    if len(answers) < 2 or not all(answers):
        raise SpecError(where, f"rule {name} lists fewer than two answers")
    return Vendor(where, name, decider, sources, answers)


def read_vendors(path: Path, root: Path | None) -> dict[str, Vendor]:
    """The rules by name, in the file's order; none when there is no such file."""
    if not path.exists():
        return {}
    name = str(path.relative_to(root)) if root and path.is_relative_to(root) else str(path)
    rules: dict[str, Vendor] = {}
    text = path.read_text(encoding="utf-8").replace("\\\n", " \x00")
    number = 1
    for line in text.splitlines():
        where = Where(name, number)
        number += 1 + line.count("\x00")
        line = line.replace("\x00", "")
        if not line.strip() or line.startswith("#"):
            continue
        rule = parse_rule(where, line)
        if rule.name in rules:
            raise SpecError(where, f"rule {rule.name} is there twice")
        rules[rule.name] = rule
    if len(rules) > MAX_RULES:
        raise SpecError(Where(name, number - 1), f"more than {MAX_RULES} rules")
    return rules
