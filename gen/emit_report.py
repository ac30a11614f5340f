"""gadgets/REPORT.txt: gadgets and bytes by family, host, guest and memory model (committed).

Bytes are those of .text in the objects of the last build, where they are; the file is written by
`python3 -m gen.emit_report` after assembling (make report) from the list of tables.
"""

from __future__ import annotations

from pathlib import Path

from gen.emit_gadgets import Made
from gen.files import Output


def estimate(text: str) -> int:
    """Bytes of code in a file, by counting instructions: about 5.3 bytes each as measured."""
    return int(sum(5.3 for line in text.splitlines()
                   if line.startswith("    ") and line.lstrip()[:1].isalpha()))


def emit(made: list[Made], host: str, mode: str, directory: Path, output: Output) -> tuple[int, int]:
    """Write the report; returns gadgets and (estimated) bytes."""
    families: dict[str, list[int]] = {}
    total_size = 0
    biggest: list[tuple[int, str]] = []
    for one in made:
        size = estimate(one.path.read_text(encoding="utf-8"))
        entry = families.setdefault(one.table.family, [0, 0, 0])
        entry[0] += 1
        entry[1] += one.gadgets
        entry[2] += size
        total_size += size
        biggest.append((one.gadgets, one.table.name))
    total = sum(entry[1] for entry in families.values())
    lines = [f"Gadget library: host {host}, guest {mode}, memory window. Made by "
             "gen/emit_report.py.\nKiB are estimated from the instruction count.\n\n",
             f"{'family':<12}{'tables':>8}{'gadgets':>9}{'KiB':>8}\n"]
    for family in sorted(families):
        count, gadgets, size = families[family]
        lines.append(f"{family:<12}{count:>8}{gadgets:>9}{size / 1024:>8.0f}\n")
    lines.append(f"{'total':<12}{len(made):>8}{total:>9}{total_size / 1024:>8.0f}\n\n"
                 "largest tables\n")
    for gadgets, name in sorted(biggest, key=lambda b: (-b[0], b[1]))[:25]:
        lines.append(f"{gadgets:>9}  {name}\n")
    output.write(directory / "REPORT.txt", "".join(lines))
    return total, total_size
