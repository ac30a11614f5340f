"""Core gadgets: address preludes and what fiber code itself needs (core/decode/rows.h: ea_tables,
core_gadgets).

Reads templates/<host>/core/*.j2; writes <gadgets>/<host>/<guest>/<memory>/core/*.S.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Iterator

from gen.emit import stencils
from gen.emit.assembly import gadget, gadget_file, refs
from gen.emit.files import made_by
from gen.emit.index import Index
from gen.emit.places import Places
from gen.expand.bodies import Templates, tidy
from gen.language.target import Guest

# With their parameters, by name and offset (core/decode/rows.h: struct core_gadgets).
MEMBERS: dict[str, dict[str, int]] = {
    "poll_stop": {}, "exit_link": {}, "exit_lookup": {"pc": 8}, "exit_step": {"pc": 8},
    "jump_next": {"fall": 8}, "trap": {"imm": 8, "pc": 16}, "count": {"counter": 8},
    "native_slot": {"place": 8}, "native_exit": {"link": 8}, "native_poll": {},
    "check": {"where": 24, "runs": 32, "bytes": 40, "any": 56},
    "check_more": {"where": 24, "where2": 32, "bytes": 40, "bytes2": 56},
}
# core/decode/rows.h: enum wide_gadget, in its order.
WIDE = ("in", "out", "call")
# Those that are within a block, and so have stencils.
IN_BLOCKS = ("ea_index", "ea_seg", "ea_addr16", "ea_trunc32", "wide", "jump_next", "native_slot",
             "native_exit", "native_poll", "native_probe", "native_lead")
PROBES = ("native_probe", "native_lead")
NO_INDEX = 4  # SIB.index of an address without index register
# 16-bit addressing: numbers of the registers that rm 0 to 7 add, and none (SDM Vol. 2A, table 2-1).
ADDR16: tuple[tuple[int, ...], ...] = ((3, 6), (3, 7), (5, 6), (5, 7), (6,), (7,), (5,), (3,), ())


def one_file(templates: Templates, name: str, table: str, what: str,
             entries: list[tuple[str, dict[str, Any]]], places: Places) -> str:
    """One file: a core template rendered for each entry. All but addresses are few, and at the
    first place."""
    target = templates.target
    gadget_prefix, table_prefix = target.guest.gadget, target.guest.table
    template = templates.env.get_template(f"core/{name}.j2")
    macro = templates.macro
    common: dict[str, Any] = {
        "native": False,
        "next": lambda slots: macro("next", slots),
        "jump_fall": lambda slot: macro("jump_fall", slot.offset),
        "indirect": lambda: macro("indirect"),
    }
    gadgets: list[tuple[int, str]] = []
    for label, context in entries:
        if not label:
            continue
        record = ""
        if name in IN_BLOCKS and templates.host.holes():
            record = stencils.of_text(templates, tidy(template.render(
                {**common, **stencils.with_holes(templates, context)})), name in PROBES)
        place = places.of(label) if name == "ea_index" else 1
        text = tidy(template.render({**common, **context}))
        gadgets.append((place, gadget(gadget_prefix + label, text, record, place, shared=True)))
    head = f"# {what}\n# {made_by(__name__, f'templates/{target.host}/core/{name}.j2')}.\n"
    return gadget_file(head, gadgets, refs(table_prefix + table, (
        label and gadget_prefix + label for label, _ in entries), 1))


def ea_numbers(guest: Guest) -> Iterator[tuple[str, int | None, int | None, int]]:
    """Name, base, index and scale of every entry of ea_index, in table order."""
    names = guest.registers(0)
    for base in (*range(len(names)), None):
        for number in range(len(names)):
            for scale in (1, 2, 4, 8):
                index = None if number == NO_INDEX else number
                name = "_".join(["ea", "abs" if base is None else names[base],
                                 f"none{scale.bit_length() - 1}" if index is None
                                 else f"{names[index]}x{scale}"])
                yield name, base, index, scale


def ea_entries(templates: Templates) -> list[tuple[str, dict[str, Any]]]:
    """Name and context of every entry of ea_index, in table order."""
    host, guest = templates.host, templates.target.guest
    registers = {number: host.address(number) for number in range(len(guest.registers(0)))}
    return [(name, {"base": "" if base is None else registers[base],
                    "index": "" if index is None else registers[index], "scale": scale,
                    "disp": host.slot(8)})
            for name, base, index, scale in ea_numbers(guest)]


def probe_entries(templates: Templates) -> list[tuple[str, dict[str, Any]]]:
    """Name and context of every entry of native_probe (core/native/known.c), in table order: by
    each resident register and by one at home in the cpu, with a displacement and without; by the EA
    register, with either scratch register."""
    host, guest = templates.host, templates.target.guest
    names = [*guest.registers(0)[:host.resident], "home"]
    return [(f"native_probe_{name}{'_disp' if disp else ''}",
             {"base": "" if name == "home" else host.address(number),
              "home": host.slot(16) if name == "home" else "",
              "disp": host.slot(8, True) if disp else "", "temp": ""})
            for number, name in enumerate(names) for disp in (True, False)] + [
                (f"native_probe_ea_{temp}", {"base": "", "home": "", "disp": "", "temp": temp})
                for temp in ("addr", "tmp")]


def emit(templates: Templates, places: Places, index: Index) -> None:
    """Write the core family."""
    host, guest = templates.host, templates.target.guest
    addresses = ea_entries(templates)
    addr16 = [("_".join(["ea16", *(guest.registers(16)[n] for n in numbers)]) if numbers
               else "ea16_abs",
               {"registers": [host.address(n) for n in numbers], "disp": host.slot(8)})
              for numbers in (ADDR16 if 2 in guest.addrsizes else ())]
    segs = [(f"ea_seg_{name}", {"number": number})
            for number, name in enumerate(guest.segments) if name]
    files = [("ea_index", "ea_index", "Address base + index * scale + displacement.", addresses),
             ("ea_seg", "ea_seg", "Adds a segment's base.", segs)]
    if 2 in guest.addrsizes:
        files.append(("ea_addr16", "ea_addr16", "16-bit addressing.", addr16))
    if guest.long_mode and host.holes():
        files.append(("native_probe", "native_probe", "Probes of native code.",
                      probe_entries(templates)))
        files.append(("native_lead", "native_lead", "Entry of native code.", [("native_lead", {})]))
    if guest.long_mode:
        files.append(("ea_trunc32", "ea_trunc32", "Address of 32 bits.", [("ea_trunc32", {})]))
        files.append(("wide", "wide", "Operands that may be anywhere.",
                      [(f"wide_{part}", {"part": part}) for part in WIDE]))
    files += [(m, f"core_{m}", f"Fiber code: {m} (core/decode/rows.h).",
               [(f"core_{m}", {name: host.slot(at) for name, at in params.items()})])
              for m, params in MEMBERS.items()]
    for template, table, what, entries in files:
        index.make(f"core/{table}.S", "", partial(one_file, templates, template, table, what,
                                                  entries, places))
