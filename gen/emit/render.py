"""Rendering of a table: one body, every combination of its operands.

Builds the names that a template sees (templates/<host>/README.md) and runs it. What the operands
look like is gen/host/x86_64.py's, dispatch and other macros are templates/<host>/lib/*.j2.
"""

from __future__ import annotations

from itertools import product
from typing import Any, Callable, Iterator

import jinja2

from gen.expand.bodies import EXPLODED, Templates, tidy
from gen.expand.expander import OperandForm, Table
from gen.host import x86_64 as ops
from gen.language.errors import SpecError, Where
from gen.language.model import CONDITIONS, Place
from gen.language.target import Guest


class Renderer:
    """Renders tables of one host for one guest."""

    def __init__(self, templates: Templates, guest: Guest) -> None:
        self.templates = templates
        self.guest = guest

    def next_of(self, table: Table, cc: str) -> Callable[[], str]:
        """next(): plain dispatch, or in a fused gadget the conditional branch."""
        macro = self.templates.macro
        if table.key.fused:
            offsets = table.offsets
            text = macro("jcc", cc, offsets["target"], offsets["fall"])
        else:
            text = macro("next", table.slots)
        return lambda: text

    def operand(self, form: OperandForm, value: int, values: dict[str, int], table: Table
                ) -> ops.Rendered:
        """One operand object; `values` are the register numbers of all operands."""
        forms = table.key.operands
        has_mem = any(o.place is Place.MEM for o in forms)
        has_imm = any(o.place is Place.IMM for o in forms) or "imm" in table.body.names
        if form.scratch:
            return ops.Scratch(form.place.value, form.name, form.size)
        if form.place is Place.REG:
            wide = any(o.place is Place.REG and o.size > 8 and values.get(o.name) == 4
                       for o in forms)
            rex = has_mem or wide or has_imm
            return ops.Reg(value, form.size, rex, rex and form.name != "dst" and (has_mem or wide))
        if form.place is Place.MEM:
            dst = forms[0]
            high = (form.name != "dst" and dst.name == "dst" and dst.place is Place.REG
                    and dst.size == 8 and values["dst"] >= 4)
            offset = table.offsets.get("disp")
            return ops.Mem(self.base(value) if form.by_base else ops.IN_EA, form.size,
                           None if offset is None else ops.Slot(offset), high)
        if form.place is Place.IMM:
            second = "imm2" in table.offsets and form.name != self.first_imm(table)
            return ops.Imm(form.size, ops.Slot(table.offsets["imm2" if second else "imm"]), has_mem)
        return ops.Vector(form.place.value, value, form.size)

    def base(self, entry: int) -> int:
        """What the host calls a memory operand's base, by its entry in a table."""
        return {self.guest.base_none: ops.ABSOLUTE, self.guest.base_ea: ops.IN_EA}.get(entry, entry)

    @staticmethod
    def first_imm(table: Table) -> str:
        """Name of the operand that is the first immediate."""
        return next((o.name for o in table.key.operands if o.place is Place.IMM), "")

    def context(self, table: Table, values: dict[str, int]) -> dict[str, Any]:
        """Names of one rendering. `values`: entry number per dimension."""
        key = table.key
        macro = self.templates.macro
        cc = CONDITIONS[values.get("cc", 0)]
        context: dict[str, Any] = {
            "op": key.op, "size": key.size, "s": ops.SUFFIX.get(key.size, ""),
            "lock": "lock " if key.lock else "", "rep": key.rep, "live": key.live,
            "opsize": key.opsize, "addrsize": key.addrsize,
            "cc": cc, "next": self.next_of(table, cc),
            "jump": lambda slot: macro("jump", slot.offset),
            "jump_fall": lambda slot: macro("jump_fall", slot.offset),
            "indirect": lambda: macro("indirect"),
            "helper_slots": table.slots,
        }
        for name, offset in table.offsets.items():
            context[name] = ops.Slot(offset)
        for name in table.body.names:
            if EXPLODED.match(name) and name != "imm2":
                context[name] = values["imm"]
        for form in key.operands:
            context[form.name] = self.operand(form, values.get(form.name, 0), values, table)
        return context

    def part(self, table: Table, what: str, number: int) -> str:
        """What an entry of a dimension is called in a gadget's name; "" for a hole."""
        if what == "cc":
            return CONDITIONS[number] if not table.key.fused else "j" + CONDITIONS[number]
        if what in ("imm", "copy"):
            return str(number)
        form = next(o for o in table.key.operands if o.name == what)
        return self.guest.entries(form.place.value, form.size)[number]

    def gadgets(self, table: Table) -> Iterator[tuple[str, str]]:
        """(label, text) of every entry in table order; ("", "") for holes."""
        dims = table.key.dims
        for numbers in product(*(range(d.radix) for d in dims)):
            parts = [self.part(table, d.what, n) for d, n in zip(dims, numbers)]
            if not all(parts):
                yield "", ""
                continue
            values = {d.what: n for d, n in zip(dims, numbers)}
            yield "_".join(["g", table.name] + parts), self.one(table, values)

    def one(self, table: Table, values: dict[str, int]) -> str:
        """Text of one gadget."""
        try:
            return tidy(table.body.template.render(self.context(table, values)))
        except (jinja2.UndefinedError, AttributeError, TypeError, KeyError) as error:
            line = 1
            trace = error.__traceback__
            while trace is not None:
                if trace.tb_frame.f_code.co_filename.endswith(".j2"):
                    line = trace.tb_lineno
                trace = trace.tb_next
            where = Where(table.body.where.file, line)
            raise SpecError(where, f"{error} (rendering {table.name} for {table.cites[0]})"
                            ) from None
