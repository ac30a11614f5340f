"""gadgets/REPORT.txt: gadgets and bytes by family, host, guest and memory model (committed, so that
a reviewer sees what an edit of the spec or the policy costs).

Bytes are estimated from the number of instructions, so that the report does not depend on an
assembler.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gen.emit.files import Output, made_by
from gen.emit.index import Index
from gen.host.host import load
from gen.language.target import DEFAULT


@dataclass
class Family:
    """Sums of one directory."""

    files: int = 0
    gadgets: int = 0
    size: float = 0
    stencils: int = 0


def emit(index: Index, directory: Path, output: Output) -> tuple[int, int]:
    """Write the report of a target's files; returns gadgets and (estimated) bytes."""
    families: dict[str, Family] = {}
    biggest: list[tuple[int, str]] = []
    total = Family()
    target = index.target
    bytes_per_insn = load(target.host).bytes_per_insn
    for file, made in index.files.items():
        family, _, name = file.removesuffix(".S").partition("/")
        for sums in (families.setdefault(family, Family()), total):
            sums.files += 1
            sums.gadgets += made.gadgets
            sums.size += made.insns * bytes_per_insn
            sums.stencils += made.stencils
        biggest.append((made.gadgets, name))
    page = [f"Gadget library: {target}. {made_by(__name__)}.\n"
            "KiB are estimated from the number of instructions. What has no stencil is dispatched\n"
            "by native code: helpers, traps, n-grams, instructions fused with a branch.\n\n",
            f"{'family':<12}{'files':>8}{'gadgets':>9}{'KiB':>8}{'stencils':>10}\n"]
    for name in sorted(families) + ["total"]:
        sums = families.get(name, total)
        page.append(f"{name:<12}{sums.files:>8}{sums.gadgets:>9}{sums.size / 1024:>8.0f}"
                    f"{sums.stencils:>10}\n")
    page.append("\nlargest tables\n")
    for gadgets, name in sorted(biggest, key=lambda b: (-b[0], b[1]))[:25]:
        page.append(f"{gadgets:>9}  {name}\n")
    name = "" if target.guest.name == DEFAULT.guest.name else f"-{target.guest.name}"
    output.write(directory / f"REPORT{name}.txt", "".join(page))
    return total.gadgets, int(total.size)
