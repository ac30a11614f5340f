"""Core gadgets: address preludes and what fiber code itself needs (core/decode/rows.h: ea_tables,
core_gadgets).

Reads templates/<host>/core/*.j2; writes <gadgets>/<host>/<guest>/<memory>/core/*.S.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gen.emit.files import Output
from gen.expand.bodies import Templates, tidy
from gen.host import x86_64 as ops
from gen.language.target import Guest, Target

# With their parameters, by name and offset (core/decode/rows.h: struct core_gadgets).
MEMBERS: dict[str, dict[str, int]] = {
    "poll_stop": {}, "exit_link": {}, "exit_lookup": {"pc": 8}, "exit_step": {"pc": 8},
    "jump_next": {"fall": 8}, "trap": {"imm": 8, "pc": 12}, "count": {"counter": 8},
    "check": {"where": 20, "runs": 24, "bytes": 32, "any": 48},
    "check_more": {"where": 20, "where2": 24, "bytes": 32, "bytes2": 48},
}
NO_INDEX = 4  # SIB.index of an address without index register
ADDR16 = (("rbx", "rsi"), ("rbx", "rdi"), ("rbp", "rsi"), ("rbp", "rdi"), ("rsi", ""), ("rdi", ""),
          ("rbp", ""), ("rbx", ""), ("", ""))


def one_file(templates: Templates, host: str, name: str, table: str, what: str,
             entries: list[tuple[str, dict[str, Any]]]) -> str:
    """One file: a core template rendered for each entry."""
    template = templates.env.get_template(f"core/{name}.j2")
    macro = templates.macro
    common: dict[str, Any] = {
        "next": lambda slots: macro("next", slots),
        "jump_fall": lambda slot: macro("jump_fall", slot.offset),
        "indirect": lambda: macro("indirect"),
    }
    lines = [f"# {what}\n# Made by gen/emit/core.py from templates/{host}/core/{name}.j2.\n"
             '    .include "offsets.inc"\n    .section fg_gadgets, "ax", @progbits\n']
    for label, context in entries:
        if label:
            text = tidy(template.render({**common, **context}))
            lines.append(f"    .globl g_{label}\ng_{label}:\n{text}")
    lines.append(f"\n    .section .data.rel.ro, \"aw\", @progbits\n    .balign 8\n"
                 f"    .globl gt_{table}\ngt_{table}:\n")
    lines.append("".join(f"    .quad {'g_' + label if label else 0}\n" for label, _ in entries))
    lines.append('    .section .note.GNU-stack, "", @progbits\n')
    return "".join(lines)


def ea_entries(guest: Guest) -> list[tuple[str, dict[str, Any]]]:
    """Name and context of every entry of ea_index, in table order."""
    r64 = ops.R64
    names = guest.registers(0)
    index: list[tuple[str, dict[str, Any]]] = []
    for base in range(guest.base_none + 1):
        for idx in range(len(names)):
            for scale in range(4):
                b = r64[base] if base != guest.base_none else ""
                i = r64[idx] if idx != NO_INDEX else ""
                name = "_".join(["ea", names[base] if b else "abs",
                                 f"{names[idx]}x{1 << scale}" if i else f"none{scale}"])
                index.append((name, {"base": b, "index": i, "scale": 1 << scale,
                                     "disp": ops.Slot(8)}))
    return index


def emit(templates: Templates, target: Target, directory: Path, output: Output) -> list[Path]:
    """Write the core family; returns its files."""
    host, guest = target.host, target.guest
    base = directory / target.directory / "core"
    index = ea_entries(guest)
    addr16 = [("_".join(["ea16", *(p.replace("r", "", 1) for p in pair if p)]) if any(pair)
               else "ea16_abs", {"base": pair[0], "index": pair[1], "disp": ops.Slot(8)})
              for pair in ADDR16]
    segs = [(f"ea_seg_{name}", {"number": number})
            for number, name in enumerate(guest.segments) if name]
    files = [
        ("ea_index", "ea_index", "Address base + index * scale + displacement into r11d.",
         index),
        ("ea_addr16", "ea_addr16", "16-bit addressing: address into r11d.", addr16),
        ("ea_seg", "ea_seg", "Adds a segment's base to r11d.", segs),
    ]
    files += [(m, f"core_{m}", f"Fiber code: {m} (core/decode/rows.h).",
               [(f"core_{m}", {name: ops.Slot(at) for name, at in params.items()})])
              for m, params in MEMBERS.items()]
    paths: list[Path] = []
    for template, table, what, entries in files:
        path = base / f"{table}.S"
        output.write(path, one_file(templates, host, template, table, what, entries))
        paths.append(path)
    # struct core_gadgets: its words are link-time constants that C cannot name.
    words = "".join(f"    .quad g_core_{m}\n" for m in MEMBERS)
    path = base / "core_gadgets.S"
    output.write(path, "# struct core_gadgets of core/decode/rows.h. Made by gen/emit/core.py.\n"
                       '    .section .data.rel.ro, "aw", @progbits\n    .balign 8\n'
                       f"    .globl core_gadgets\ncore_gadgets:\n{words}"
                       '    .section .note.GNU-stack, "", @progbits\n')
    return paths + [path]
