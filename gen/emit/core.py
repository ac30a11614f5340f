"""Core gadgets: address preludes and what fiber code itself needs (core/decode/rows.h: ea_tables,
core_gadgets).

Reads templates/<host>/core/*.j2; writes <gadgets>/<host>/<guest>/<memory>/core/*.S.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gen.emit.assembly import gadget, gadget_file, words
from gen.emit.files import Output, made_by
from gen.expand.bodies import Templates, tidy
from gen.host import x86_64 as ops
from gen.language.target import Guest, Target

# With their parameters, by name and offset (core/decode/rows.h: struct core_gadgets).
MEMBERS: dict[str, dict[str, int]] = {
    "poll_stop": {}, "exit_link": {}, "exit_lookup": {"pc": 8}, "exit_step": {"pc": 8},
    "jump_next": {"fall": 8}, "trap": {"imm": 8, "pc": 16}, "count": {"counter": 8},
    "check": {"where": 24, "runs": 32, "bytes": 40, "any": 56},
    "check_more": {"where": 24, "where2": 32, "bytes": 40, "bytes2": 56},
}
NO_INDEX = 4  # SIB.index of an address without index register
# 16-bit addressing: numbers of the registers that rm 0 to 7 add, and none (SDM Vol. 2A, table 2-1).
ADDR16: tuple[tuple[int, ...], ...] = ((3, 6), (3, 7), (5, 6), (5, 7), (6,), (7,), (5,), (3,), ())


def one_file(templates: Templates, target: Target, name: str, table: str, what: str,
             entries: list[tuple[str, dict[str, Any]]]) -> str:
    """One file: a core template rendered for each entry."""
    gadget_prefix, table_prefix = target.guest.gadget, target.guest.table
    template = templates.env.get_template(f"core/{name}.j2")
    macro = templates.macro
    common: dict[str, Any] = {
        "next": lambda slots: macro("next", slots),
        "jump_fall": lambda slot: macro("jump_fall", slot.offset),
        "indirect": lambda: macro("indirect"),
    }
    gadgets = [gadget(gadget_prefix + label, tidy(template.render({**common, **context})),
                      shared=True) for label, context in entries if label]
    head = f"# {what}\n# {made_by(__name__, f'templates/{target.host}/core/{name}.j2')}.\n"
    return gadget_file(head, gadgets, words(table_prefix + table, (
        label and gadget_prefix + label for label, _ in entries)))


def ea_entries(guest: Guest) -> list[tuple[str, dict[str, Any]]]:
    """Name and context of every entry of ea_index, in table order."""
    names = guest.registers(0)
    registers: list[str | ops.CpuSlot] = [
        ops.register(n, 64) if n < ops.RESIDENT else ops.CpuSlot(n) for n in range(len(names))]
    index: list[tuple[str, dict[str, Any]]] = []
    for base, b in enumerate([*registers, ""]):
        for idx, i in enumerate(registers):
            for scale in range(4):
                i = "" if idx == NO_INDEX else i
                name = "_".join(["ea", names[base] if b else "abs",
                                 f"{names[idx]}x{1 << scale}" if i else f"none{scale}"])
                index.append((name, {"base": b, "index": i, "scale": 1 << scale,
                                     "disp": ops.Slot(8)}))
    return index


def emit(templates: Templates, target: Target, directory: Path, output: Output) -> list[Path]:
    """Write the core family; returns its files."""
    guest = target.guest
    base = directory / target.directory / "core"
    index = ea_entries(guest)
    addr16 = [("_".join(["ea16", *(guest.registers(16)[n] for n in numbers)]) if numbers
               else "ea16_abs",
               {"registers": [ops.register(n, 64) for n in numbers], "disp": ops.Slot(8)})
              for numbers in (ADDR16 if 2 in guest.addrsizes else ())]
    segs = [(f"ea_seg_{name}", {"number": number})
            for number, name in enumerate(guest.segments) if name]
    files = [("ea_index", "ea_index", "Address base + index * scale + displacement.", index),
             ("ea_seg", "ea_seg", "Adds a segment's base.", segs)]
    if 2 in guest.addrsizes:
        files.append(("ea_addr16", "ea_addr16", "16-bit addressing.", addr16))
    if guest.long_mode:
        files.append(("ea_trunc32", "ea_trunc32", "Address of 32 bits.", [("ea_trunc32", {})]))
    files += [(m, f"core_{m}", f"Fiber code: {m} (core/decode/rows.h).",
               [(f"core_{m}", {name: ops.Slot(at) for name, at in params.items()})])
              for m, params in MEMBERS.items()]
    paths: list[Path] = []
    for template, table, what, entries in files:
        path = base / f"{table}.S"
        output.write(path, one_file(templates, target, template, table, what, entries))
        paths.append(path)
    return paths
