"""How a host does what the spec names: its mnemonics, bodies of several gadgets, copies.

Reads templates/<host>/mapping, lines of

    alias GUEST=HOST...         `op` in bodies of these instructions; without one their name
    sequence BODY = PART + PART [for INSN...]
                                a body of the spec made of several templates, perhaps for
                                some instructions alone (patterns); the first that fits is taken,
                                without one the body is the template of its name
    copies TABLE...             tables (patterns) with copies of each gadget, handed out in turn

Patterns have `*` and `?`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from gen.language.errors import SpecError, Where

VERBS = ("alias", "sequence", "copies")


@dataclass
class Sequence:
    """One line `sequence`."""

    where: Where
    parts: tuple[str, ...]
    insns: tuple[str, ...]  # patterns; none: every instruction


@dataclass
class Mapping:
    """A host's mapping; `used` are the words that were asked for, as the file has them."""

    aliases: dict[str, str] = field(default_factory=dict)
    sequences: dict[str, list[Sequence]] = field(default_factory=dict)
    copied: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    def mnemonic(self, insn: str) -> str:
        """What bodies see as `op`."""
        if insn in self.aliases:
            self.used.add(insn)
        return self.aliases.get(insn, insn.lower())

    def parts(self, body: str, insn: str, asker: Where) -> tuple[tuple[str, Where], ...]:
        """Templates that make a body, each with the line that wants it."""
        for line in self.sequences.get(body, []):
            fits = [word for word in line.insns if fnmatchcase(insn, word)]
            if fits or not line.insns:
                self.used.update(fits or [body])
                return tuple((part, line.where) for part in line.parts)
        return ((body, asker),)

    def copies(self, table: str) -> bool:
        """Has the table equal copies of its gadgets?"""
        fits = [pattern for pattern in self.copied if fnmatchcase(table, pattern)]
        self.used.update(fits)
        return bool(fits)

    def words(self) -> set[str]:
        """All that somebody should ask for."""
        lines = [(body, line) for body, lines in self.sequences.items() for line in lines]
        return {*self.aliases, *self.copied,
                *(word for body, line in lines for word in line.insns or (body,))}

    def read_alias(self, where: Where, words: list[str]) -> None:
        """`CBW=cbtw`, several of them."""
        for word in words:
            guest, equals, host = word.partition("=")
            if not equals or not guest.isupper() or not host.islower():
                raise SpecError(where, f"alias wants words such as CBW=cbtw, not {word}")
            if guest in self.aliases:
                raise SpecError(where, f"{guest} has an alias already")
            self.aliases[guest] = host

    def read_sequence(self, where: Where, words: list[str]) -> None:
        """`BODY = PART + PART for INSN...`"""
        cut = words.index("for") if "for" in words else len(words)
        parts, insns = words[2:cut:2], tuple(words[cut + 1:])
        if (words[1:2] != ["="] or not parts or set(words[3:cut:2]) - {"+"} or cut % 2 == 0
                or (cut < len(words) and not insns)):
            raise SpecError(where, "sequence wants BODY = PART + PART, perhaps `for` instructions")
        lines = self.sequences.setdefault(words[0], [])
        if any(not line.insns for line in lines):
            raise SpecError(where, f"a line before takes {words[0]} of every instruction")
        lines.append(Sequence(where, tuple(parts), insns))


def read_mapping(path: Path, where: Where) -> Mapping:
    """The mapping file; `where`: what messages call it."""
    if not path.exists():
        raise SpecError(where, "the host has no mapping")
    mapping = Mapping()
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        words = text.partition("#")[0].split()
        if not words:
            continue
        line = Where(where.file, number)
        if words[0] not in VERBS:
            raise SpecError(line, f"{words[0]} is no mapping ({' '.join(VERBS)})")
        if len(words) < 2:
            raise SpecError(line, f"{words[0]} says nothing")
        if words[0] == "alias":
            mapping.read_alias(line, words[1:])
        elif words[0] == "sequence":
            mapping.read_sequence(line, words[1:])
        else:
            mapping.copied += words[1:]
    return mapping
