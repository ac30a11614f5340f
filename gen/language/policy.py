"""Specialisation policy: what is exploded into gadgets of its own, and the budget.

Reads gen/spec/default.policy, lines of

    budget gadgets N | budget bytes N
    by_base PATTERN...      tables whose memory operand is exploded by base register
    fuse PATTERN...         tables that are also fused with a following Jcc
    unexploded PATTERN...   tables of which registers that are only read are no index: a step before
                            loads each into a scratch register (body scratch_<operand>_<place>)

A pattern is a table name as in gadgets/REPORT.txt (`add32_rm`), with `*` and `?`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fnmatch import translate
from pathlib import Path

from gen.language.errors import SpecError, Where

VERBS = ("by_base", "fuse", "unexploded")


@dataclass
class Pattern:
    """One pattern of a policy line, and whether it ever matched."""

    where: Where
    text: str
    used: bool = False

    def __post_init__(self) -> None:
        self.matches = re.compile(translate(self.text)).match


@dataclass
class Policy:
    """What the expander asks."""

    where: Where
    budget_gadgets: int = 0
    budget_bytes: int = 0
    patterns: dict[str, list[Pattern]] = field(default_factory=lambda: {v: [] for v in VERBS})
    answers: dict[tuple[str, str], bool] = field(default_factory=dict)

    def wants(self, verb: str, name: str) -> bool:
        """Does a pattern of `verb` match the table name?"""
        key = (verb, name)
        if key not in self.answers:
            answer = False
            for pattern in self.patterns[verb]:
                if pattern.matches(name):
                    pattern.used = answer = True
            self.answers[key] = answer
        return self.answers[key]

    def check_used(self) -> None:
        """Every pattern must have matched a table."""
        for verb in VERBS:
            for pattern in self.patterns[verb]:
                if not pattern.used:
                    raise SpecError(pattern.where, f"{verb} {pattern.text} matches no table")

    def check_budget(self, gadgets: int, size: int) -> None:
        """Stop when the library outgrows its budget."""
        if gadgets > self.budget_gadgets:
            raise SpecError(self.where, f"{gadgets} gadgets, the budget is {self.budget_gadgets}")
        if size > self.budget_bytes:
            raise SpecError(self.where, f"{size} bytes of gadgets, the budget is "
                                        f"{self.budget_bytes}")


def read_policy(path: Path, root: Path | None = None) -> Policy:
    """The policy file; see the module's docstring."""
    name = str(path.relative_to(root)) if root and path.is_relative_to(root) else str(path)
    if not path.exists():
        raise SpecError(Where(name, 1), "the policy file is missing")
    policy = Policy(Where(name, 1))
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        where = Where(name, number)
        words = text.partition("#")[0].split()
        if not words:
            continue
        if words[0] == "budget":
            if len(words) != 3 or words[1] not in ("gadgets", "bytes") or not words[2].isdigit():
                raise SpecError(where, "budget wants `gadgets` or `bytes` and a number")
            if words[1] == "gadgets":
                policy.budget_gadgets = int(words[2])
            else:
                policy.budget_bytes = int(words[2])
            policy.where = where
        elif words[0] in VERBS:
            if len(words) < 2:
                raise SpecError(where, f"{words[0]} wants patterns")
            policy.patterns[words[0]] += [Pattern(where, word) for word in words[1:]]
        else:
            raise SpecError(where, f"{words[0]} is no policy (budget {' '.join(VERBS)})")
    if not policy.budget_gadgets or not policy.budget_bytes:
        raise SpecError(policy.where, "the policy has no budget")
    return policy
