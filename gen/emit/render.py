"""Rendering of a table: one body, every combination of its operands.

Builds the names that a template sees (templates/<host>/README.md) and runs it. What the operands
look like is the host's (gen/host/), dispatch and other macros are templates/<host>/lib/*.j2.
"""

from __future__ import annotations

from itertools import product
from typing import Any, Callable, Iterator

import jinja2

from gen.expand.bodies import EXPLODED, Templates, tidy
from gen.expand.expander import Table, layout
from gen.language.errors import SpecError, Where
from gen.language.model import CONDITIONS
from gen.language.target import Guest

FUSED = tuple(f"j{cc}" for cc in CONDITIONS)  # conditions in names of fused gadgets


class Renderer:
    """Renders tables of one host for one guest."""

    def __init__(self, templates: Templates, guest: Guest) -> None:
        self.templates = templates
        self.guest = guest
        self.host = templates.host
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

    def context(self, table: Table, values: dict[str, int], shift: int, total: int | None
                ) -> dict[str, Any]:
        """Names of one rendering. `values`: entry number per dimension; `shift`, `total`: one()."""
        key = table.key
        macro = self.templates.macro
        cc = CONDITIONS[values.get("cc", 0)]
        offsets, slots = self.layout(table, values)
        offsets = {param: offset + shift for param, offset in offsets.items()}
        context: dict[str, Any] = {
            "op": key.op, "size": key.size, "s": self.host.suffix(key.size),
            "lock": "lock " if key.lock else "", "rep": key.rep, "live": key.live,
            "opsize": key.opsize, "addrsize": key.addrsize,
            "cc": cc, "next": self.next_of(table, cc, offsets, slots if total is None else total),
            "jump": lambda slot: macro("jump", slot.offset),
            "jump_fall": lambda slot: macro("jump_fall", slot.offset),
            "indirect": lambda: macro("indirect"),
            "helper_slots": table.slots, "native": False,
        }
        for name, offset in offsets.items():
            context[name] = self.host.slot(offset, self.guest.param_bytes(name) == 8)
        for name in table.body.names:
            if EXPLODED.match(name) and name != "imm2":
                context[name] = values["imm"]
        context.update(self.host.operands(self.residence, key.operands, values, offsets,
                                          table.main_size, "imm" in table.body.names))
        return context

    def parts(self, table: Table, what: str, radix: int) -> tuple[str, ...]:
        """What the entries of a dimension are called in a gadget's name; "" for a hole."""
        if what == "cc":
            return FUSED if table.key.fused else CONDITIONS
        if what in ("imm", "copy"):
            return tuple(map(str, range(radix)))
        form = next(o for o in table.key.operands if o.name == what)
        return self.residence.entries(form.place.value, form.size)

    def is_hole(self, table: Table, values: dict[str, int]) -> bool:
        """No instruction has these entries together."""
        forms = {o.name: o for o in table.key.operands}
        return self.residence.impossible(
            [(forms[what].place.value, forms[what].size, n) for what, n in values.items()
             if what in forms])

    def values(self, table: Table, rest: str) -> dict[str, int] | None:
        """The entry number per dimension of the gadget whose label is the table's name and `rest`;
        None: it has none."""
        values: dict[str, int] = {}
        for dim in table.key.dims:
            names = self.parts(table, dim.what, dim.radix)
            number = next((n for n, name in enumerate(names) if name and
                           (rest + "_").startswith(name + "_")), None)
            if number is None:
                return None
            values[dim.what] = number
            rest = rest[len(names[number]) + 1:]
        return None if rest or self.is_hole(table, values) else values

    def entries(self, table: Table) -> Iterator[tuple[str, dict[str, int]]]:
        """(label without prefix, entry number per dimension) of every entry in table order; "" for
        holes."""
        dims = table.key.dims
        names = [self.parts(table, d.what, d.radix) for d in dims]
        for numbers in product(*(range(d.radix) for d in dims)):
            values = {d.what: n for d, n in zip(dims, numbers)}
            parts = [names[at][n] for at, n in enumerate(numbers)]
            hole = not all(parts) or self.is_hole(table, values)
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
