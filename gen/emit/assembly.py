"""Assembly files: their sections, labels and tables of addresses, for all emitters that write some.

What is between them is the templates'; this is gas for ELF, the same on every host.
"""

from __future__ import annotations

import re
from typing import Iterable

START = '    .include "offsets.inc"\n'
END = '    .section .note.GNU-stack, "", @progbits\n'


def label_of(symbol: str, shared: bool = False) -> str:
    """A label; `shared`: other files know it."""
    return (f"    .globl {symbol}\n" if shared else "") + f"{symbol}:\n"


def placed(section_name: str, place: int) -> str:
    """The section of this name for a place (gen/emit/places.py), 0: for what has none."""
    return f"{section_name}_{place}" if place else section_name


def part(place: int) -> str:
    """In front of a further part of an n-gram: where it is goes into the table of parts, which is
    in the order of gadgets."""
    return (f'    .pushsection {placed("fg_parts", place)}, "a", @progbits\n    .long 78f - .\n'
            "    .popsection\n78:\n")


def gadget(label: str, text: str, record: str = "", place: int = 0, shared: bool = False) -> str:
    """One gadget, and its stencil's record if it has one. In front of the label is a word: how far
    the record is from there, 0: it has none (core/native/stencil.c)."""
    word = "88f - ." if record else "0"
    if record:
        name = placed("fg_stencils", place)
        record = (f'    .pushsection {name}, "a", @progbits\n    .balign 2\n88:\n{record}'
                  "    .popsection\n")
    return f"    .long {word}\n{label_of(label, shared)}{text}{record}"


def section(name: str, flags: str, align: int) -> str:
    """The beginning of a section of data."""
    return f'    .section {name}, "{flags}", @progbits\n    .balign {align}\n'


def ref(gadget_label: str) -> str:
    """A gadget_ref (core/decode/rows.h): how far a gadget is from here; of "" 0."""
    return f"{gadget_label} - ." if gadget_label else "0"


def refs(symbol: str, gadgets: Iterable[str], place: int = 0) -> str:
    """A table of gadgets, "" for none."""
    return (section(placed("fg_tables", place), "a", 4) + label_of(symbol, shared=True) +
            "".join(f"    .long {ref(label)}\n" for label in gadgets))


def gadget_file(head: str, gadgets: Iterable[tuple[int, str]], table: str = "") -> str:
    """A file of gadgets: comment on top, gadgets with their places, perhaps refs()."""
    by_place: dict[int, list[str]] = {}
    for place, text in gadgets:
        by_place.setdefault(place, []).append(text)
    lines = [head, START]
    for place, texts in sorted(by_place.items()):
        name = placed("fg_gadgets", place)
        lines += [f'    .section {name}, "ax", @progbits\n', *texts]
    return "".join([*lines, "\n" + table if table else "", END])


def is_section(line: str) -> bool:
    """A line that goes into a section or comes back from one."""
    return re.match(r"\s*\.(push|pop)section\b", line) is not None


# The end of a stencil's body, which a jump within it may name.
BODY_END = "87:\n"
# Number of holes of a stencil whose body is the gadget's, up to BODY_END.
IN_GADGET = 255


def stencil(body: list[str], holes: list[str], changed: int) -> str:
    """The record of a gadget's stencil (core/native/stencil.h). `holes`: hole(), note(); `changed`:
    guest registers, by bits."""
    return "".join([_head("87f - 89f", len(holes), changed), *holes, "89:\n", *body, BODY_END])


def stencil_in_gadget(label: str, changed: int) -> str:
    """The same of one whose body is the gadget's."""
    return _head(f"87b - {label}", IN_GADGET, changed)


def _head(size: str, holes: int, changed: int) -> str:
    return f"    .short {size}\n    .byte {holes}, {changed}\n"


def hole(number: int, back: int, what: str | int, kind: int) -> str:
    """A hole of a stencil, `back` bytes before hole_label(number)."""
    return f"    .short {90 + number}f - 89f - {back}\n    .byte {what}, {kind}\n"


def note(value: int, what: str | int, kind: int) -> str:
    """A note of a stencil (gen/host/host.py)."""
    return f"    .short {value}\n    .byte {what}, {kind}\n"


def hole_label(number: int) -> str:
    """What follows the instruction with a hole, or comes before one with a fixup."""
    return f"{90 + number}:\n"


STENCIL = re.compile(r"^    \.pushsection fg_stencils(?:_\d+)?,.*?^    \.popsection\n", re.M | re.S)


def without_stencils(text: str) -> tuple[str, int]:
    """A file without its stencils, and how many they are."""
    return STENCIL.subn("", text)
