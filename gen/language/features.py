"""CPUID features: the lines of gen/spec/features, whose head explains them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from gen.language.errors import SpecError, Where
from gen.language.target import GUESTS, Guest

BASES = {guest.base: guest for guest in GUESTS}  # the lines of what needs no bit
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
    cpuinfo: str = ""  # as /proc/cpuinfo shows it
    needs: str = ""    # another one that it builds on
    more: bool = False  # it says more of the instructions of `needs`, has none of its own
    guest: Guest | None = None  # of the line of what needs no bit


def parse_feature(where: Where, words: list[str]) -> Feature:
    """The words of one line."""
    sets: tuple[str, ...] = ()
    incomplete = more = False
    cpuinfo, needs = words[0].lower(), ""
    for word in words[3:]:
        if word == "incomplete":
            incomplete = True
        elif word == "more":
            more = True
        elif word.startswith("zydis=") and word != "zydis=":
            sets = tuple(word.removeprefix("zydis=").split(","))
        elif re.match(r"cpuinfo=[a-z0-9_]+$", word):
            cpuinfo = word.removeprefix("cpuinfo=")
        elif word.startswith("needs=") and word != "needs=":
            needs = word.removeprefix("needs=")
        else:
            raise SpecError(where, f"{word} is no word of a feature (incomplete, more, "
                                   "cpuinfo=NAME, needs=FEATURE, zydis=SET,...)")
    if words[0] in BASES and words[1:3] == ["-", "-"]:
        return Feature(where, words[0], 0, 0, "", 0, False, sets, guest=BASES[words[0]])
    place = PLACE.match(words[1]) if len(words) > 2 else None
    if place is None or not words[2].isdigit() or int(words[2]) > 31:
        raise SpecError(where, "a feature wants NAME LEAF[.SUBLEAF].REGISTER BIT, "
                               "such as POPCNT 1.ecx 23")
    return Feature(where, words[0], int(place[1], 0), int(place[2] or 0), place[3], int(words[2]),
                   incomplete, sets, cpuinfo, needs, more)


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
                raise SpecError(feature.where, f"feature {feature.name} is there twice")
            if feature.guest is None and (other.leaf, other.subleaf, other.register, other.bit) == \
                    (feature.leaf, feature.subleaf, feature.register, feature.bit):
                raise SpecError(feature.where, f"{feature.name} has the bit of {other.name}")
        if feature.needs and feature.needs not in {other.name for other in features}:
            raise SpecError(feature.where, f"{feature.name} needs {feature.needs}, which no line "
                                           "above has")
        features.append(feature)
    return features
