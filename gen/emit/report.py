"""gadgets/REPORT.txt: gadgets and bytes by family, host, guest and memory model (committed, so that
a reviewer sees what an edit of the spec or the policy costs).

Reads the gadget files just made; bytes are estimated from their instructions, so that the report
does not depend on an assembler.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gen.emit.files import Output, made_by
from gen.host import x86_64 as ops
from gen.language.target import DEFAULT, Target


@dataclass
class Family:
    """Sums of one directory."""

    files: int = 0
    gadgets: int = 0
    size: float = 0


def emit(paths: list[Path], target: Target, directory: Path, output: Output) -> tuple[int, int]:
    """Write the report; returns gadgets and (estimated) bytes."""
    families: dict[str, Family] = {}
    biggest: list[tuple[int, str]] = []
    total = Family()
    base = directory / target.directory
    for path in paths:
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines()
        gadgets = sum(1 for line in lines if line[-1:] == ":" and line[0].isalpha()
                      and not line.startswith(target.guest.table))
        insns = sum(1 for line in lines if line.startswith("    ") and line[4].isalpha())
        family, _, name = str(path.relative_to(base).with_suffix("")).partition("/")
        for sums in (families.setdefault(family, Family()), total):
            sums.files += 1
            sums.gadgets += gadgets
            sums.size += insns * ops.BYTES_PER_INSN
        biggest.append((gadgets, name))
    page = [f"Gadget library: {target}. {made_by(__name__)}.\n"
            "KiB are estimated from the number of instructions.\n\n",
            f"{'family':<12}{'files':>8}{'gadgets':>9}{'KiB':>8}\n"]
    for name in sorted(families) + ["total"]:
        sums = families.get(name, total)
        page.append(f"{name:<12}{sums.files:>8}{sums.gadgets:>9}{sums.size / 1024:>8.0f}\n")
    page.append("\nlargest tables\n")
    for gadgets, name in sorted(biggest, key=lambda b: (-b[0], b[1]))[:25]:
        page.append(f"{gadgets:>9}  {name}\n")
    name = "" if target.guest.name == DEFAULT.guest.name else f"-{target.guest.name}"
    output.write(directory / f"REPORT{name}.txt", "".join(page))
    return total.gadgets, int(total.size)
