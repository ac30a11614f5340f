"""Assembly files: their sections, labels and tables of addresses, for all emitters that write some.

What is between them is the templates'; this is gas for ELF, the same on every host.
"""

from __future__ import annotations

from typing import Iterable

START = '    .include "offsets.inc"\n    .section fg_gadgets, "ax", @progbits\n'
END = '    .section .note.GNU-stack, "", @progbits\n'
# In front of a further part of an n-gram: its address goes into the table of parts.
PART = '    .pushsection fg_parts, "a", @progbits\n    .quad 78f\n    .popsection\n78:\n'


def gadget(label: str, text: str, shared: bool = False) -> str:
    """One gadget; `shared`: other files know its label."""
    return (f"    .globl {label}\n" if shared else "") + f"{label}:\n{text}"


def section(name: str, flags: str, align: int) -> str:
    """The beginning of a section of data."""
    return f'    .section {name}, "{flags}", @progbits\n    .balign {align}\n'


def words(symbol: str, addresses: Iterable[str]) -> str:
    """A table of addresses ("" for none), in memory that is read-only once they are known."""
    return (section(".data.rel.ro", "aw", 8) + gadget(symbol, "", shared=True) +
            "".join(f"    .quad {address or 0}\n" for address in addresses))


def gadget_file(head: str, gadgets: Iterable[str], table: str = "") -> str:
    """A file of gadgets: comment on top, gadgets, perhaps words()."""
    return "".join([head, START, *gadgets, "\n" + table if table else "", END])
