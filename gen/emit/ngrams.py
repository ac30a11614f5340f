"""N-grams: gadgets that do what several do in a row, chosen by a recorded profile.

Of the guest's profile (gen/language/profile.py); writes <gadgets>/<host>/<guest>/<memory>/ngrams/
<first table>/<second table>.S and <out>/ngrams.S, the tables by which core/build/ngram.c finds
them. An n-gram is its parts' texts one after the other, dispatch between them left out; the
parameters of a part follow those of the part before (core/build/ngram.c).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Callable

from gen.emit.assembly import END, gadget, gadget_file, label_of, part, ref, section
from gen.emit.core import ea_entries
from gen.emit.files import Output, made_by
from gen.emit.index import Index, stamp_of
from gen.emit.gadgets import Stamps
from gen.emit.places import place_of
from gen.emit.render import Renderer
from gen.expand.bodies import HELPER_BODY, Templates, tidy
from gen.expand.expander import Library, Table
from gen.language.errors import SpecError, Where
from gen.language.profile import Profile
from gen.language.target import GUESTS

GOES_ON = "@goes on@"
EA_SLOTS = 16


@dataclass(frozen=True)
class Part:
    """A plain gadget: its table word, its bytes of slots, its text for parameters `shift` bytes
    further on that ends in the given dispatch (None: falls through), whether it calls a helper."""

    label: str
    table: str
    entry: int
    slots: int
    text: Callable[[int, int | None], str]
    helper: bool = False


class PartRenderer(Renderer):
    """Renders a gadget as a part: next() is what the n-gram wants there."""

    ending: str | None = None
    loops = False  # a taken branch goes to the n-gram's own start

    def next_of(self, table: Table, cc: str, offsets: dict[str, int], slots: int
                ) -> Callable[[], str]:
        if self.ending is not None and not table.key.fused:  # nothing goes on after a branch
            ending = self.ending
            return lambda: ending
        if self.loops and table.key.fused:
            text = self.templates.macro("jcc_self", cc, offsets["fall"])
            return lambda: text
        return super().next_of(table, cc, offsets, slots)


class Parts:
    """All plain gadgets by label, found when asked for."""

    def __init__(self, library: Library, templates: Templates) -> None:
        self.templates = templates
        self.renderer = PartRenderer(templates, library.guest)
        self.tables = {table.name: table for table in library.tables.values()}
        self.found: dict[str, Part | None] = {}
        self.ea = {name: (number, context)
                   for number, (name, context) in enumerate(ea_entries(templates))}

    def known(self, label: str) -> bool:
        """Is there such a gadget?"""
        if label not in self.found:
            self.found[label] = self.ea_part(label) if label in self.ea else self.table_part(label)
        return self.found[label] is not None

    def part(self, label: str, where: Where) -> Part:
        """The gadget of a label."""
        found = self.found[label] if self.known(label) else None
        if found is None:
            raise SpecError(where, f"{label} is no gadget; train the profile again (make train)")
        return found

    def ea_part(self, label: str) -> Part:
        """An address prelude."""
        number, context = self.ea[label]
        template = self.templates.env.get_template("core/ea_index.j2")

        def text(shift: int, total: int | None) -> str:
            ending = GOES_ON if total is None else self.templates.macro("next", total)
            return tidy(template.render({**context, "native": False,
                                         "disp": self.templates.host.slot(8 + shift),
                                         "next": lambda slots: ending}))
        return Part(label, "ea_index", number, EA_SLOTS, text)

    def table_part(self, label: str) -> Part | None:
        """A gadget of a table: the label begins with the table's name, the longest that fits."""
        words = label.split("_")
        for count in range(len(words), 0, -1):
            table = self.tables.get("_".join(words[:count]))
            values = self.renderer.values(table, "_".join(words[count:])) if table else None
            if table and values is not None:
                return self.made_part(label, table, values)
        return None

    def made_part(self, label: str, table: Table, values: dict[str, int]) -> Part:
        """The gadget of a table's entry."""
        def text(shift: int, total: int | None) -> str:
            self.renderer.ending = GOES_ON if total is None else None
            return self.renderer.one(table, values, shift, total)
        entry = 0
        for dim in table.key.dims:
            entry = entry * dim.radix + values[dim.what]
        _, slots = self.renderer.layout(table, values)
        return Part(label, table.name, entry, slots, text, table.key.body == HELPER_BODY)


def can_join(parts: Parts, label: str, where: Where) -> bool:
    """May the gadget be part of an n-gram? Not with a helper (those find their parameters by slot),
    and not a copied one (which copy it is differs from place to place)."""
    if not label or parts.part(label, where).helper:
        return False
    table = parts.tables.get(parts.part(label, where).table)
    return table is None or all(dim.what != "copy" for dim in table.key.dims)


def can_continue(parts: Parts, label: str, where: Where) -> bool:
    """May another gadget follow it in an n-gram?"""
    if not can_join(parts, label, where):
        return False
    text = parts.part(label, where).text(0, None)
    return text.count(GOES_ON) == 1 and text.rstrip().endswith(GOES_ON)


def ngram_text(parts: list[Part], where: Where, place: int) -> str:
    """Text of one n-gram, each further part after a note of where it begins."""
    total = 8 + sum(part.slots - 8 for part in parts)
    lines: list[str] = []
    shift = 0
    for number, one in enumerate(parts):
        last = number == len(parts) - 1
        text = one.text(shift, total if last else None)
        if one.helper:
            raise SpecError(where, f"{one.label} calls a helper, it cannot be part of an n-gram")
        if not last:
            if text.count(GOES_ON) != 1 or not text.rstrip().endswith(GOES_ON):
                raise SpecError(where, f"{one.label} does not end in next(), "
                                "nothing can follow it")
            text = text.rstrip()[:-len(GOES_ON)].rstrip() + "\n"
        if number:
            lines.append(part(place))
        lines.append(text)
        shift += one.slots - 8
    return "".join(lines)


@dataclass(frozen=True)
class Ngram:
    """What core/build/ngram.c must know of one: the ids of its gadgets, its symbols."""

    ids: tuple[int, ...]
    symbol: str
    loop: bool  # there is <symbol>_self, for when its branch leads to its own start


FILTER_BITS = 65536  # as core/build/ngram.h has it


def pair_hash(first: int, second: int) -> int:
    """ngram_hash() of core/build/ngram.h."""
    return ((first * 31 + second) * 0x9e3779b97f4a7c15 & 0xffffffffffffffff) >> 32


def guest_text(guest: str, ngrams: list[Ngram]) -> str:
    """The tables of one guest; `guest` is in the names of their labels."""
    by_pair: dict[tuple[int, int], list[Ngram]] = {}
    for ngram in sorted(ngrams, key=lambda n: (n.ids[:2], -len(n.ids), n.ids)):
        by_pair.setdefault((ngram.ids[0], ngram.ids[1]), []).append(ngram)
    room = 2
    while room < 2 * len(by_pair):
        room *= 2
    pairs: list[tuple[int, int, int]] = [(0, 0, 0)] * room
    bits = [0] * (FILTER_BITS // 64)
    lists: list[str] = []
    word = 0
    for (first, second), same in by_pair.items():
        value = pair_hash(first, second)
        bits[value % FILTER_BITS // 64] |= 1 << value % 64
        at = value % room
        while pairs[at][0]:
            at = (at + 1) % room
        pairs[at] = (first, second, word)
        for ngram in same:
            own = f"{ngram.symbol}_self" if ngram.loop else ""
            ids = ", ".join(str(number) for number in ngram.ids)
            lists.append(f"    .long {ref(ngram.symbol)}\n    .long {ref(own)}\n"
                         f"    .long {len(ngram.ids)}, {ids}\n")
            word += 3 + len(ngram.ids)
        lists.append("    .long 0\n")
        word += 1
    return "".join([
        section(".rodata", "a", 64), f"lists_{guest}:\n", *lists,
        f"    .balign 64\npairs_{guest}:\n",
        *(f"    .long {one}, {two}, {at}\n" for one, two, at in pairs),
        f"    .balign 64\nfilter_{guest}:\n", *(f"    .quad {bit:#x}\n" for bit in bits),
        f"    .set last_{guest}, {room - 1}\n    .set count_{guest}, {len(ngrams)}\n"])


def tables_text(ngrams: dict[str, list[Ngram]]) -> str:
    """ngrams.S: what core/build/ngram.h declares, for guests by name; a guest that is not there has
    no n-grams. Assembly: C arrays have items of one size."""
    names = {guest.name: guest.mode.lower() for guest in GUESTS}
    text = [f"# {made_by(__name__)}. Shapes: core/build/ngram.h.\n",
            *(guest_text(names[guest], found) for guest, found in ngrams.items()),
            section(".data.rel.ro", "aw", 8), label_of("ngram_tables", shared=True)]
    for guest, name in names.items():
        text.append(f"    .quad filter_{name}, pairs_{name}, lists_{name}\n"
                    f"    .long last_{name}, count_{name}\n" if guest in ngrams else
                    "    .quad 0, 0, 0, 0\n")
    return "".join(text + [END])


def header(first: str, second: str, tables: list[Table], profile: str) -> str:
    """Comment on top of a file."""
    cites = "".join(f"#   {table.name}: {row}\n" for table in tables for row in table.rows)
    return (f"# N-grams that begin with {first} and {second}.\n"
            f"# {made_by(__name__, profile)}, of gadgets for\n{cites}")


@dataclass(frozen=True)
class Found:
    """An n-gram of a profile: its place there, its gadgets, its symbol."""

    where: Where
    parts: list[Part]
    symbol: str
    loop: bool  # it can be all of a loop
    place: int  # gen/emit/places.py

    @property
    def title(self) -> str:
        """Its line of the profile."""
        return " ".join(part.label for part in self.parts)


def file_text(parts: Parts, entries: list[Found], head: str) -> str:
    """Text of one file."""
    lines: list[tuple[int, str]] = []
    for one in entries:
        place = one.place
        text = gadget(one.symbol, ngram_text(one.parts, one.where, place), shared=True)
        lines.append((place, f"# {one.title}\n{text}"))
        if one.loop:
            parts.renderer.loops = True
            text = ngram_text(one.parts, one.where, place)
            lines.append((place, gadget(f"{one.symbol}_self", text, shared=True)))
            parts.renderer.loops = False
    return gadget_file(head, lines)


def by_file(parts: Parts, profile: Profile, prefix: str) -> dict[tuple[str, str], list[Found]]:
    """The n-grams of a profile, sorted, by the tables of their first two gadgets; `prefix`: of
    symbols."""
    files: dict[tuple[str, str], list[Found]] = {}
    stale = 0
    ranks = {labels: rank for rank, labels in enumerate(profile.ngrams)}
    for labels, where in sorted(profile.ngrams.items(), key=lambda item: item[0]):
        if not all(parts.known(label) for label in labels):
            stale += 1  # an edit of spec or policy must not wait for the next training
            continue
        found = [parts.part(label, where) for label in labels]
        symbol = prefix + hashlib.sha256(" ".join(labels).encode()).hexdigest()[:12]
        last = parts.tables.get(found[-1].table)
        files.setdefault((found[0].table, found[1].table), []).append(
            Found(where, found, symbol, last is not None and last.key.fused,
                  place_of(ranks[labels])))
    if stale:
        print(f"gen: {stale} n-grams of the profile name gadgets that are no more (make train)")
    return files


def emit(library: Library, templates: Templates, stamps: Stamps, ids: dict[str, int],
         profile: Profile, index: Index) -> list[Ngram]:
    """Write the n-gram files of one guest; returns the n-grams. `ids`: tables.gadget_ids()."""
    prelude = (templates.directory / "core/ea_index.j2").read_text(encoding="utf-8")
    guest = library.guest
    parts = Parts(library, templates)
    made: list[Ngram] = []
    files = by_file(parts, profile, guest.gadget.replace("g", "n"))
    for (first, second), entries in files.items():
        made += [Ngram(tuple(ids[guest.table + part.table] + part.entry for part in one.parts),
                       one.symbol, one.loop) for one in entries]
        used = sorted({part.table for one in entries for part in one.parts} & set(parts.tables))
        tables = [parts.tables[name] for name in used]
        head = header(first, second, tables, profile.name)
        stamp = stamp_of([stamps.tool, prelude, head, *map(stamps.of, tables),
                          *(f"{one.title} {one.place}" for one in entries)])
        index.make(f"ngrams/{first}/{second}.S", stamp, partial(file_text, parts, entries, head))
    return made


def emit_tables(ngrams: dict[str, list[Ngram]], out: Path, output: Output) -> None:
    """Write ngrams.S, by which the engine finds the n-grams of guests (by name)."""
    output.write(out / "ngrams.S", tables_text(ngrams))
