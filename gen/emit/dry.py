"""gadgets/REPORT-<guest>.txt: the dry run of a guest that is decoded, but has no gadgets yet.

Reads the guest's expansion beside that of the guest whose gadgets are made, and the templates'
text; writes what there is to do: rows, forms, tables and gadgets, and what cannot be rendered as
the host's templates and registers are today (committed).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from jinja2 import nodes

from gen.emit.files import Output
from gen.expand.bodies import HELPER_BODY, Body, Templates
from gen.expand.expander import Library, Table
from gen.host import x86_64 as ops
from gen.language.model import forms
from gen.language.policy import Policy
from gen.language.target import Target


@dataclass
class Kind:
    """Tables of bodies that are alike in what they spell."""

    what: str
    tables: int = 0
    gadgets: int = 0
    bodies: set[str] = field(default_factory=set)


def plain_rows(library: Library) -> int:
    """Rows of the spec that the guest has (not those made from `slow`)."""
    return sum(1 for row in library.rows
               if library.guest.name in row.modes and not row.synthetic)


def count_lines(libraries: list[Library]) -> list[str]:
    """The sums of each guest, side by side."""
    def line(what: str, values: list[int]) -> str:
        return f"{what:<34}" + "".join(f"{value:>10}" for value in values) + "\n"

    sizes = [Counter(form.opsize for row in one.rows for form in forms(row, one.guest))
             for one in libraries]
    names = [one.guest.name for one in libraries]
    lines = [f"{'':<34}" + "".join(f"{name:>10}" for name in names) + "\n",
             line("rows of the spec", [plain_rows(one) for one in libraries]),
             line("  of this guest alone", [sum(1 for row in one.rows if not row.synthetic
                                                and row.modes == (one.guest.name,))
                                            for one in libraries]),
             line("forms", [sum(count.values()) for count in sizes])]
    lines += [line(f"  of {size * 8} bits", [count[size] for count in sizes])
              for size in (2, 4, 8)]
    lines += [line("sequences of gadgets", [len({v for row in one.variants for v in row.values()})
                                            for one in libraries]),
              line("tables", [len(one.tables) for one in libraries]),
              line("gadgets", [sum(t.count for t in one.tables.values()) for one in libraries])]
    families = sorted({t.family for one in libraries for t in one.tables.values()})
    for family in families:
        lines.append(line(f"  {family}", [sum(t.count for t in one.tables.values()
                                              if t.family == family) for one in libraries]))
    return lines


def at_home(table: Table, library: Library) -> int:
    """Gadgets of a table whose operands all have a place in the host's registers."""
    count = table.count
    for dim in table.key.dims:
        form = next((o for o in table.key.operands if o.name == dim.what), None)
        if form is not None:
            count = count // dim.radix * ops.homes(library.guest, form.place.value, form.size)
    return count


def kinds(library: Library, templates: Templates) -> list[Kind]:
    """Tables by what their bodies spell of the guest that they were written for."""
    found = [Kind("are made of operands and scratch registers alone"),
             Kind("use its stack, implicit memory, exits or width of addresses (macros)"),
             Kind("name guest registers by their 32-bit names")]

    @lru_cache(maxsize=None)
    def kind(body: Body) -> Kind:
        if ops.spells_registers(body.source):
            return found[2]
        names = {node.name for node in templates.env.parse(body.source).find_all(nodes.Name)}
        files = {templates.macro_files.get(name, "") for name in names}
        apart = names & ops.OF_A_GUEST or files - {"", "lib/fault.j2"}
        return found[1 if apart or body.name == HELPER_BODY else 0]

    for table in library.tables.values():
        one = kind(table.body)
        one.tables += 1
        one.gadgets += table.count
        one.bodies.add(table.body.name)
    return found


def wrapped(words: list[str]) -> str:
    """Words in lines of a page."""
    lines = ["   "]
    for word in words:
        if len(lines[-1]) + len(word) > 99:
            lines.append("   ")
        lines[-1] += " " + word
    return "\n".join(lines) + "\n"


def left_over(library: Library, templates: Templates) -> list[str]:
    """What cannot be rendered as templates and host are."""
    gadgets = sum(t.count for t in library.tables.values())
    homes = sum(at_home(t, library) for t in library.tables.values())
    own = [row for row in library.rows if library.guest.name in row.modes]
    reasons = Counter(f"{form.row.mnemonic} ({form.row.text}): {error.sentence}"
                      for form, error in library.missing)
    page = ["Forms without a body:\n",
            *(f"{count:>6} of {reason}\n" for reason, count in sorted(reasons.items())),
            "\nGadgets with an operand that has no register of the host yet: "
            f"{gadgets - homes} of {gadgets}.\n\nBodies, by what their text says of the guest "
            "they were written for (one of the first kind may\nstill be wrong for 64 bits, none "
            "was tried):\n"]
    for number, kind in enumerate(kinds(library, templates)):
        page.append(f"{kind.tables:>6} tables, {kind.gadgets:>7} gadgets, {len(kind.bodies):>3} "
                    f"bodies {kind.what}\n")
        if number:
            page.append(wrapped(sorted(kind.bodies)))
    narrow = {row.mnemonic for row in own if row.map and row.vex is None and row.prefix
              and any(o.letter in ("E", "G") and o.size == "d" for o in row.operands)}
    page.append("\nSSE rows with a general register of 32 bits, which has 64 with REX.W (those\n"
                "that only write it zero-extend and are right; others run as the 32-bit row):\n" +
                wrapped(sorted(narrow)))
    page.append("\nRows with an operand of 8 bytes, for which gadgets have no parameter yet (as "
                "RIP-relative\nones, whose address is one):\n")
    page += [f"    {row.mnemonic} {row.text}\n" for row in own if {"iv", "moffs"} & set(row.imms)]
    page.append("\nForms are not told apart by address size: string instructions, loops and "
                "implicit operands\nwith a 67 prefix (32-bit registers) need bodies or helpers of "
                "their own.\n")
    return page


def emit(target: Target, templates: Templates, made: Library, library: Library, policy: Policy,
         directory: Path, output: Output) -> None:
    """Write the page of `library`, whose gadgets are not made, beside `made`."""
    gadgets = sum(t.count for t in library.tables.values())
    page = [f"Dry run: {target}. Made by gen/emit/dry.py.\n"
            "The spec is expanded for this guest and decoded (core/decode/); nothing is rendered\n"
            f"or assembled. Gadgets are table entries under gen/spec/{library.guest.policy};\n"
            "n-grams and address preludes are not counted.\n\n", *count_lines([made, library]),
            f"\nbudget: {policy.budget_gadgets} gadgets; the product of all registers has "
            f"{gadgets}.\n\nWhat cannot be rendered today\n\n", *left_over(library, templates),
            "\nlargest tables\n"]
    for table in sorted(library.tables.values(), key=lambda t: (-t.count, t.name))[:25]:
        page.append(f"{table.count:>9}  {table.name}\n")
    output.write(directory / f"REPORT-{library.guest.name}.txt", "".join(page))
