"""Rendering of a table: one body, every combination of its operands.

Builds the names that a template sees (templates/<host>/README.md) and runs it. What the operands
look like is gen/host/x86_64.py's, dispatch and other macros are templates/<host>/lib/*.j2.
"""

from __future__ import annotations

from itertools import product
from typing import Any, Callable, Iterator

import jinja2

from gen.expand.bodies import EXPLODED, Templates, tidy
from gen.expand.expander import OperandForm, Table, layout
from gen.host import x86_64 as ops
from gen.language.errors import SpecError, Where
from gen.language.model import CONDITIONS, Place
from gen.language.target import Guest


class Renderer:
    """Renders tables of one host for one guest."""

    def __init__(self, templates: Templates, guest: Guest) -> None:
        self.templates = templates
        self.guest = guest
        self.residence = templates.residence

    def next_of(self, table: Table, cc: str, offsets: dict[str, int], slots: int
                ) -> Callable[[], str]:
        """next(): plain dispatch, or in a fused gadget the conditional branch."""
        macro = self.templates.macro
        if table.key.fused:
            text = macro("jcc", cc, offsets["target"], offsets["fall"])
        else:
            text = macro("next", slots)
        return lambda: text

    def homes(self, table: Table, values: dict[str, int]) -> tuple[str, ...]:
        """Parameters of an entry that its table does not have: where registers at home in the cpu
        are, by the names of their operands, in the order of the table's indices."""
        forms = {o.name: o for o in table.key.operands}
        return tuple(f"home_{dim.what}" for dim in table.key.dims if dim.what in forms
                     and self.residence.is_home(forms[dim.what].place.value, values[dim.what]))

    def layout(self, table: Table, values: dict[str, int]) -> tuple[dict[str, int], int]:
        """Offsets of an entry's parameters and its bytes of slots."""
        homes = self.homes(table, values)
        if not homes:
            return table.offsets, table.slots
        return layout(self.guest, table.key.body, table.key.params + homes)

    def operands(self, table: Table, values: dict[str, int], offsets: dict[str, int]
                 ) -> dict[str, ops.Rendered]:
        """The operand objects; `values` are the entries of all operands."""
        forms = table.key.operands
        memory = next((o for o in forms if o.place is Place.MEM), None)
        in_ea = memory is not None and (
            not memory.by_base or self.residence.base(values[memory.name]) == ops.IN_EA)
        temp = ops.ADDR if in_ea else ops.EA
        free = [r for r in (ops.TMP, ops.ADDR, ops.EA)
                if not (memory and r is not ops.TMP)
                and not any(o.scratch and o.place is Place.REG and ops.SCRATCH[o.name] is r
                            for o in forms)]
        found: dict[str, ops.Rendered] = {}
        # What is only written may share the register of what was read before.
        for form in sorted(forms, key=lambda o: o.access == "w"):
            home = offsets.get(f"home_{form.name}")
            if home is None or form.place is Place.MEM:
                found[form.name] = self.operand(form, values, table, offsets)
            elif form.place in (Place.XMM, Place.YMM):
                # Where no memory is, EA may have the address for a later gadget of the sequence.
                found[form.name] = ops.HomeVector(form.place.value, form.name, form.size,
                                                  ops.Slot(home), temp if memory else ops.ADDR,
                                                  form.access, form.vex)
            else:
                value = free.pop(0) if form.access != "w" or len(free) > 1 else \
                    (free or [ops.TMP])[0]
                found[form.name] = ops.Home(form.size, ops.Slot(home), value,
                                            temp if temp is not value else ops.TMP, form.access)
        return found

    def operand(self, form: OperandForm, values: dict[str, int], table: Table,
                offsets: dict[str, int]) -> ops.Rendered:
        """One operand that is not at home in the cpu (or memory by such a base)."""
        forms = table.key.operands
        value = values.get(form.name, 0)
        has_mem = any(o.place is Place.MEM for o in forms)
        has_imm = any(o.place is Place.IMM for o in forms) or "imm" in table.body.names
        if form.scratch:
            return ops.Scratch(form.place.value, form.name, form.size)
        if form.place is Place.REG:
            wide = any(o.place is Place.REG and o.size > 8 and values.get(o.name) == 4
                       for o in forms)
            rex = has_mem or wide or has_imm
            high = self.residence.high_byte(value) if form.size == 8 else None
            return ops.Reg(value if high is None else 4 + high, form.size, self.residence.bits,
                           high is not None, rex, rex and form.name != "dst" and (has_mem or wide))
        if form.place is Place.MEM:
            dst = forms[0]
            high_dst = (form.name != "dst" and dst.name == "dst" and dst.place is Place.REG
                        and dst.size == 8 and self.residence.high_byte(values["dst"]) is not None)
            base = self.residence.base(value) if form.by_base else ops.IN_EA
            disp, home = ((ops.Slot(offsets[name]) if name in offsets else None)
                          for name in ("disp", f"home_{form.name}"))
            if self.guest.long_mode:
                taken = any(o.scratch and o.place is Place.REG and ops.SCRATCH[o.name] is ops.ADDR
                            for o in forms)
                return ops.ProbedMem(base, form.size, disp, home, high_dst,
                                     ops.TMP if taken else ops.ADDR)
            return ops.Mem(base, form.size, disp, high_dst)
        if form.place is Place.IMM:
            second = "imm2" in offsets and form.name != self.first_imm(table)
            size = table.main_size if form.size == 32 else form.size  # Iz of a 64-bit operation
            return ops.Imm(size, ops.Slot(offsets["imm2" if second else "imm"]), has_mem)
        return ops.Vector(form.place.value, value, form.size)

    @staticmethod
    def first_imm(table: Table) -> str:
        """Name of the operand that is the first immediate."""
        return next((o.name for o in table.key.operands if o.place is Place.IMM), "")

    def context(self, table: Table, values: dict[str, int], shift: int, total: int | None
                ) -> dict[str, Any]:
        """Names of one rendering. `values`: entry number per dimension; `shift`, `total`: one()."""
        key = table.key
        macro = self.templates.macro
        cc = CONDITIONS[values.get("cc", 0)]
        offsets, slots = self.layout(table, values)
        offsets = {param: offset + shift for param, offset in offsets.items()}
        context: dict[str, Any] = {
            "op": key.op, "size": key.size, "s": ops.SUFFIX.get(key.size, ""),
            "lock": "lock " if key.lock else "", "rep": key.rep, "live": key.live,
            "opsize": key.opsize, "addrsize": key.addrsize,
            "cc": cc, "next": self.next_of(table, cc, offsets, slots if total is None else total),
            "jump": lambda slot: macro("jump", slot.offset),
            "jump_fall": lambda slot: macro("jump_fall", slot.offset),
            "indirect": lambda: macro("indirect"),
            "helper_slots": table.slots,
        }
        for name, offset in offsets.items():
            context[name] = ops.Slot(offset)
        for name in table.body.names:
            if EXPLODED.match(name) and name != "imm2":
                context[name] = values["imm"]
        context.update(self.operands(table, values, offsets))
        return context

    def part(self, table: Table, what: str, number: int) -> str:
        """What an entry of a dimension is called in a gadget's name; "" for a hole."""
        if what == "cc":
            return CONDITIONS[number] if not table.key.fused else "j" + CONDITIONS[number]
        if what in ("imm", "copy"):
            return str(number)
        form = next(o for o in table.key.operands if o.name == what)
        return self.residence.entries(form.place.value, form.size)[number]

    def entries(self, table: Table) -> Iterator[tuple[str, dict[str, int]]]:
        """(label without prefix, entry number per dimension) of every entry in table order; "" for
        holes."""
        dims = table.key.dims
        forms = {o.name: o for o in table.key.operands}
        for numbers in product(*(range(d.radix) for d in dims)):
            values = {d.what: n for d, n in zip(dims, numbers)}
            parts = [self.part(table, d.what, n) for d, n in zip(dims, numbers)]
            hole = not all(parts) or self.residence.impossible(
                [(forms[what].place.value, forms[what].size, n) for what, n in values.items()
                 if what in forms])
            yield "" if hole else "_".join([table.name] + parts), values

    def gadgets(self, table: Table) -> Iterator[tuple[str, str]]:
        """(label, text) of every entry in table order; ("", "") for holes."""
        for label, values in self.entries(table):
            if label:
                yield f"{self.guest.gadget}{label}", self.one(table, values)
            else:
                yield "", ""

    def one(self, table: Table, values: dict[str, int], shift: int = 0, total: int | None = None
            ) -> str:
        """Text of one gadget; `shift`: bytes that its parameters are further on, `total`: slots in
        all (n-grams)."""
        try:
            return tidy(table.body.template.render(self.context(table, values, shift, total)))
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
