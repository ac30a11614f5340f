"""CPUID features out of the spec.

Writes <out>/cpuid.c, the features that have rows (core/decode/cpuid.h; a row names its feature by
its place there) and the processors by name, and <out>/isa_sets.inc, the independent decoder's names
for what is claimed (test/decoder).
"""

from __future__ import annotations

from pathlib import Path

from gen.emit.files import Output, made_by
from gen.language.cpus import Cpu
from gen.language.errors import SpecError
from gen.language.features import Feature
from gen.language.model import Spec

REGISTERS = {"eax": 0, "ebx": 1, "ecx": 2, "edx": 3}


def present(spec: Spec, features: list[Feature]) -> list[Feature]:
    """Features that have rows, lines of no bit left out; checks the rows' feature names."""
    named: set[str] = set()
    for row in spec.rows:
        if row.feature and row.feature not in {f.name for f in features if f.guest is None}:
            raise SpecError(row.where, f"{row.mnemonic} belongs to the unknown feature "
                                       f"{row.feature} (gen/spec/features)")
        named.add(row.feature)
    return [f for f in features if f.name in named or f.more and f.needs in named]


def portable(spec: Spec, features: list[Feature]) -> set[str]:
    """Names of the features whose rows are all served on a host that lacks them."""
    needed = {row.feature for row in spec.rows if row.needs_host}
    return {f.name for f in features} - needed


def numbers(features: list[Feature]) -> dict[str, int]:
    """What rows.c calls each feature: its place in cpuid_feature_list from 1 on; "" is 0."""
    return {"": 0} | {f.name: number for number, f in enumerate(features, 1)}


def model_lines(cpus: list[Cpu], number: dict[str, int]) -> list[str]:
    """C of the processors by name."""
    lists: list[str] = []
    models: list[str] = []
    for place, cpu in enumerate(cpus):
        features = "NULL"
        if cpu.features is not None:
            features = f"model{place}"
            numbers = "".join(f"{number[f]}, " for f in cpu.features if f in number)
            lists.append(f"static const uint8_t {features}[] = {{{numbers}0}};\n")
        models.append(f"    {{\"{cpu.name}\", {cpu.signature:#x}, {str(cpu.long_mode).lower()}, "
                      f"{features}}},\n")
    return [*lists, "const struct cpuid_model cpuid_models[] = {\n", *models, "    {0},\n};\n"]


def emit(features: list[Feature], every: list[Feature], cpus: list[Cpu], served: set[str],
         out: Path, output: Output) -> None:
    """cpuid.c of the features present and the processors, isa_sets.inc of the features and of what
    needs no bit; `served`: portable()."""
    also = {f.name: "NULL" if f.name.lower() == f.cpuinfo else f'"{f.name.lower()}"'
            for f in features}
    number = numbers(features)
    lines = [f"    {{{f.leaf:#x}, {f.subleaf}, {REGISTERS[f.register]}, {f.bit}, "
             f"{'false' if f.incomplete else 'true'}, \"{f.cpuinfo}\", {also[f.name]}, "
             f"{number.get(f.needs, 0)}, {str(f.name in served).lower()}}},\n"
             for f in features]
    output.write(out / "cpuid.c", (
        f"/* {made_by(__name__, 'gen/spec/features and cpus')}. */\n"
        '#include "core/decode/cpuid.h"\n\n'
        "const struct cpuid_feature cpuid_feature_list[] = {\n" + "".join(lines) +
        "    {0},\n};\n"
        f"const unsigned cpuid_feature_count = {len(features)};\n\n" +
        "".join(model_lines(cpus, number))))
    sets = [f"{{\"{name}\", {0 if f.guest else number[f.name]}, "
            f"{f.guest.mode if f.guest else 'GUEST_MODES'}}},\n"
            for f in [*(f for f in every if f.guest), *features] for name in f.sets]
    output.write(out / "isa_sets.inc",
                 f"/* {made_by(__name__)}: Zydis' ISA sets, the feature that shows them "
                 "(0: none), the guest mode that has them. */\n" + "".join(sets))
