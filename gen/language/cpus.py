"""Processors by name: the lines of gen/spec/cpus, whose head explains them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gen.language.errors import SpecError, Where
from gen.language.features import Feature

NAME = re.compile(r"[a-z][a-z0-9-]*$")


@dataclass(frozen=True)
class Cpu:
    """One processor."""

    where: Where
    name: str
    signature: int
    long_mode: bool
    features: tuple[str, ...] | None  # None: all that there are


def parse_cpu(where: Where, words: list[str], known: dict[str, Cpu], features: set[str]) -> Cpu:
    """The words of one line; `known`: the processors above it."""
    name = words.pop(0)
    if not NAME.match(name) or name in known:
        raise SpecError(where, f"{name} is no name for a processor, or is there twice")
    signature, long_mode, every = 0, False, False
    found: list[str] = []
    for word in words:
        if re.match(r"0x[0-9a-f]+$", word):
            signature = int(word, 16)
        elif word == "64-bit":
            long_mode = True
        elif word == "all":
            every = True
        elif word in known:
            long_mode |= known[word].long_mode
            found += known[word].features or ()
        elif word in features:
            found.append(word)
        else:
            raise SpecError(where, f"{word} is neither a feature nor a processor above")
    return Cpu(where, name, signature, long_mode, None if every else tuple(dict.fromkeys(found)))


def read_cpus(path: Path, root: Path | None, features: list[Feature]) -> list[Cpu]:
    """The file, in its order; a project without one has `max` alone."""
    name = str(path.relative_to(root)) if root and path.is_relative_to(root) else str(path)
    if not path.exists():
        return [Cpu(Where(name, 1), "max", 0, True, None)]
    names = {f.name for f in features if f.guest is None}
    known: dict[str, Cpu] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        words = line.partition("#")[0].split()
        if words:
            cpu = parse_cpu(Where(name, number), words, known, names)
            known[cpu.name] = cpu
    if "max" not in known:
        raise SpecError(Where(name, 1), "max is missing, the processor that has everything")
    return list(known.values())
