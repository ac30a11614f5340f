"""Stencils: bodies as the native tier copies them (core/native/).

A stencil is a gadget's body without its dispatch, with parameters where the text has them: an
immediate, a displacement, the target of a branch. Those are *holes*, to be patched when the body is
copied. The assembler makes the bytes and says where the holes are; this module writes a record for
each beside its gadget (assembly.stencil). A body that mentions no parameter is copied from its
gadget. What leaves to C (helpers, traps) has no stencil: native code dispatches such a gadget where
it is.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Mapping

from gen.emit.assembly import (BODY_END, hole, hole_label, is_section, note, stencil,
                               stencil_in_gadget)
from gen.emit.render import Renderer
from gen.expand.bodies import HELPER_BODY, Templates, tidy
from gen.expand.expander import Table
from gen.host.host import HOLE_FIXUP, HOLE_SHORT
from gen.language.target import Guest

NEXT = "@next@"
MOST_LINES = 60
HOLE_KINDS = HOLE_SHORT - 1
OUT = "fg_"  # what the text names outside of it
FIXUP = re.compile(r"79f, (FIXUP_\w+)")  # lib/fault.j2


class StencilRenderer(Renderer):
    """Renders bodies with holes and without dispatch."""

    def __init__(self, templates: Templates, guest: Guest) -> None:
        super().__init__(templates, guest)
        self.there = templates.host.holes() is not None  # else the host has no stencils
        self.host = templates.host.holes() or templates.host

    def next_of(self, table: Table, cc: str, offsets: dict[str, int], slots: int
                ) -> Callable[[], str]:
        return lambda: NEXT + "\n"

    def context(self, table: Table, values: dict[str, int], shift: int, total: int | None
                ) -> dict[str, Any]:
        made = super().context(table, values, shift, total)
        made.update(dispatch(self.templates))
        return made


def with_holes(templates: Templates, context: Mapping[str, Any]) -> dict[str, Any]:
    """What the template of a core gadget sees, as it is in a stencil."""
    host, guest = templates.host.holes() or templates.host, templates.target.guest
    made = {name: host.slot(value.offset, guest.param_bytes(name) == 8)
            if hasattr(value, "offset") else value for name, value in context.items()}
    return {**made, **dispatch(templates)}


def dispatch(templates: Templates) -> dict[str, Any]:
    """What a template's ways on are in a stencil."""
    known: Mapping[str, Any] = templates.env.globals

    def jump(slot: Any) -> str:
        return str(known["native_jump"](slot.offset))

    return {
        "native": True,
        "next": lambda slots=0: NEXT + "\n",
        "jump": jump,
        "jump_fall": jump,
        "indirect": known["native_indirect"],
    }


def of_text(templates: Templates, text: str, whole: bool = False) -> str:
    """The record of a body's text, as StencilRenderer makes it; "" where it cannot be one. `whole`:
    no probe is taken out."""
    lines = body_lines(text)
    if any(OUT in line for line in lines) or len(lines) > MOST_LINES:
        return ""
    long_mode = templates.target.guest.long_mode and not whole
    lines, notes, changed = templates.host.notes(lines, long_mode)
    straight = not any(jumps(line) for line in lines)
    known: Mapping[str, Any] = templates.env.globals
    body: list[str] = []
    holes: list[str] = []
    fixup = ""
    for line in lines:
        match = FIXUP.search(line)
        if match:
            fixup = match.group(1)
        elif fixup:  # the label that follows
            body.append(hole_label(len(holes)))
            holes.append(hole(len(holes), 0, fixup, HOLE_FIXUP))
            fixup = ""
        elif line == NEXT:
            body.append(tidy(known["native_skip"]()))
        else:
            line, found = templates.host.fill(line)
            body.append(line + "\n")
            for made in found:
                kind = made.kind if straight else made.kind & HOLE_KINDS
                body.append(hole_label(len(holes)))
                holes.append(hole(len(holes), made.back, made.offset, kind))
    holes += [note(one.value, one.offset, one.kind) for one in notes]
    return stencil(body, holes, changed)


def body_lines(text: str) -> list[str]:
    """The instructions of a body, without the way to the next gadget at its end."""
    lines = [line.strip() for line in text.rstrip().splitlines() if not is_section(line)]
    if lines and lines[-1] == NEXT:
        lines.pop()
    return lines


def jumps(line: str) -> bool:
    """It is a jump, a label, or a fixup's."""
    return line == NEXT or bool(re.match(r"j\w+ |\w+:$", line) or FIXUP.search(line))


def has_stencil(table: Table) -> bool:
    """Helpers and pairs of an instruction and a branch have none: the native tier takes both by
    themselves."""
    return table.key.body != HELPER_BODY and not table.key.fused


def add(bodies: StencilRenderer, table: Table, values: dict[str, int], gadget: str, text: str
        ) -> tuple[str, str]:
    """The text of a table's entry and its record, "" where there can be none."""
    if not bodies.there or not has_stencil(table):
        return text, ""
    offsets, slots = bodies.layout(table, values)
    ending = tidy(bodies.templates.macro("next", slots))
    plain = not offsets and OUT not in text and text.count(ending) == 1
    if plain and text.endswith(ending):
        lines = body_lines(text[:-len(ending)])
        same, notes, changed = bodies.host.notes(lines, bodies.guest.long_mode)
        if same == lines and not notes:
            return (text[:-len(ending)] + BODY_END + ending, stencil_in_gadget(gadget, changed))
    return text, of_text(bodies.templates, bodies.one(table, values))
