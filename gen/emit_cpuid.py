"""CPUID feature bits out of the spec.

Reads gen/spec/features: lines `NAME REGISTER BIT = INSN...`, REGISTER one of edx, ecx (leaf 1),
`base` instead of instructions for what is no instruction's. A bit is set when every instruction of
its list has a row, and every row that names the feature is one of the list. Writes <out>/cpuid.c
(core/cpuid.h).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gen.errors import SpecError, Where
from gen.files import Output
from gen.model import Spec


@dataclass(frozen=True)
class Feature:
    """One CPUID bit and the instructions it promises."""

    where: Where
    name: str
    register: str
    bit: int
    insns: tuple[str, ...]
    base: bool


def read_features(path: Path, root: Path | None) -> list[Feature]:
    """The features file."""
    name = str(path.relative_to(root)) if root and path.is_relative_to(root) else str(path)
    features: list[Feature] = []
    text = path.read_text(encoding="utf-8").replace("\\\n", " \x00")
    number = 1
    for line in text.splitlines():
        where = Where(name, number)
        number += 1 + line.count("\x00")
        words = line.replace("\x00", "").partition("#")[0].split()
        if not words:
            continue
        if len(words) < 5 or words[3] != "=" or words[1] not in ("edx", "ecx") \
                or not words[2].isdigit() or int(words[2]) > 31:
            raise SpecError(where, "a feature wants NAME edx|ecx BIT = INSN...")
        base = words[4] == "base"
        features.append(Feature(where, words[0], words[1], int(words[2]),
                                () if base else tuple(words[4:]), base))
        if sum(f.name == words[0] for f in features) > 1:
            raise SpecError(where, f"feature {words[0]} stands twice")
    return features


def present(spec: Spec, features: list[Feature]) -> list[Feature]:
    """Features all of whose instructions are in the spec; checks the rows' feature names."""
    by_name = {f.name: f for f in features}
    have: set[str] = set()
    for insn in spec.insns:
        have.add(insn.name)
        for row in insn.rows:
            feature = by_name.get(row.feature)
            if row.feature and feature is None:
                raise SpecError(insn.where, f"{insn.name} belongs to the unknown feature "
                                            f"{row.feature}")
            if feature is not None and insn.name not in feature.insns:
                raise SpecError(insn.where, f"{insn.name} is not in the list of its feature "
                                            f"{feature.name} ({feature.where})")
    return [f for f in features if all(i in have for i in f.insns)]


def emit(spec: Spec, path: Path, out: Path, output: Output, root: Path | None = None) -> None:
    """cpuid.c"""
    features = present(spec, read_features(path, root))
    values = {"ecx": 0, "edx": 0}
    lines: list[str] = []
    for feature in features:
        values[feature.register] |= 1 << feature.bit
        lines.append(f"    {{{0 if feature.register == 'edx' else 1}, {feature.bit}, "
                     f"\"{feature.name.lower()}\"}},\n")
    output.write(out / "cpuid.c", (
        "/* Made by gen/emit_cpuid.py from gen/spec/features. */\n"
        '#include "core/cpuid.h"\n\n'
        "void cpuid_features(uint32_t *leaf1_ecx, uint32_t *leaf1_edx) {\n"
        f"    *leaf1_ecx = {values['ecx']:#x}u;\n    *leaf1_edx = {values['edx']:#x}u;\n}}\n\n"
        "const struct cpuid_feature cpuid_feature_list[] = {\n" + "".join(lines) +
        "    {0, 0, 0},\n};\n"))
