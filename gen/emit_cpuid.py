"""CPUID features out of the spec.

Reads gen/spec/features, whose head explains its lines. Writes <out>/cpuid.c, the features that have
rows (core/decode/cpuid.h; a row names its feature by its place there), and <out>/isa_sets.inc, the
independent decoder's names for what is claimed (test/decoder).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gen.errors import SpecError, Where
from gen.files import Output
from gen.model import Spec

BASE = "i686"  # the line of what needs no bit
REGISTERS = {"eax": 0, "ebx": 1, "ecx": 2, "edx": 3}
PLACE = re.compile(r"(0x[0-9a-f]+|\d+)(?:\.(\d+))?\.(e[abcd]x)$")


@dataclass(frozen=True)
class Feature:
    """One CPUID bit."""

    where: Where
    name: str
    leaf: int
    subleaf: int
    register: str
    bit: int
    incomplete: bool
    sets: tuple[str, ...]  # Zydis' names


def parse_feature(where: Where, words: list[str]) -> Feature:
    """The words of one line."""
    sets: tuple[str, ...] = ()
    incomplete = False
    for word in words[3:]:
        if word == "incomplete":
            incomplete = True
        elif word.startswith("zydis=") and word != "zydis=":
            sets = tuple(word.removeprefix("zydis=").split(","))
        else:
            raise SpecError(where, f"{word} is no word of a feature (incomplete, zydis=SET,...)")
    if words[0] == BASE and words[1:3] == ["-", "-"]:
        return Feature(where, BASE, 0, 0, "", 0, False, sets)
    place = PLACE.match(words[1]) if len(words) > 2 else None
    if place is None or not words[2].isdigit() or int(words[2]) > 31:
        raise SpecError(where, "a feature wants NAME LEAF[.SUBLEAF].REGISTER BIT, "
                               "such as POPCNT 1.ecx 23")
    return Feature(where, words[0], int(place[1], 0), int(place[2] or 0), place[3], int(words[2]),
                   incomplete, sets)


def read_features(path: Path, root: Path | None) -> list[Feature]:
    """The features file, in its order."""
    name = str(path.relative_to(root)) if root and path.is_relative_to(root) else str(path)
    features: list[Feature] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        feature = parse_feature(Where(name, number), words)
        for other in features:
            if other.name == feature.name:
                raise SpecError(feature.where, f"feature {feature.name} stands twice")
            if (other.leaf, other.subleaf, other.register, other.bit) == \
                    (feature.leaf, feature.subleaf, feature.register, feature.bit):
                raise SpecError(feature.where, f"{feature.name} has the bit of {other.name}")
        features.append(feature)
    return features


def present(spec: Spec, features: list[Feature]) -> list[Feature]:
    """Features that have rows, `i686` left out; checks the rows' feature names."""
    named: set[str] = set()
    for row in spec.rows:
        if row.feature and row.feature not in {f.name for f in features if f.name != BASE}:
            raise SpecError(row.where, f"{row.mnemonic} belongs to the unknown feature "
                                       f"{row.feature} (gen/spec/features)")
        named.add(row.feature)
    return [f for f in features if f.name in named]


def numbers(features: list[Feature]) -> dict[str, int]:
    """What rows.c calls each feature: its place in cpuid_feature_list from 1 on; "" is 0."""
    return {"": 0} | {f.name: number for number, f in enumerate(features, 1)}


def emit(features: list[Feature], every: list[Feature], out: Path, output: Output) -> None:
    """cpuid.c of the features present, isa_sets.inc of these and of what needs no bit."""
    lines = [f"    {{{f.leaf:#x}, {f.subleaf}, {REGISTERS[f.register]}, {f.bit}, "
             f"{'false' if f.incomplete else 'true'}, \"{f.name.lower()}\"}},\n"
             for f in features]
    output.write(out / "cpuid.c", (
        "/* Made by gen/emit_cpuid.py from gen/spec/features. */\n"
        '#include "core/decode/cpuid.h"\n\n'
        "const struct cpuid_feature cpuid_feature_list[] = {\n" + "".join(lines) +
        "    {0},\n};\n"
        f"const unsigned cpuid_feature_count = {len(features)};\n"))
    sets = [f"{{\"{name}\", {number}}},\n"
            for number, feature in enumerate([f for f in every if f.name == BASE] + features,
                                             0 if any(f.name == BASE for f in every) else 1)
            for name in feature.sets]
    output.write(out / "isa_sets.inc",
                 "/* Made by gen/emit_cpuid.py: Zydis' ISA sets and the feature that shows them "
                 "(0: none). */\n" + "".join(sets))
