"""Where gadgets lie: those that programs use together and first, what most of them use in front.

A program uses some thousand of a hundred thousand gadgets. Spread over all of them they would be on
as many pages, which each start has to find and each program keeps in memory. So a gadget of the
profile, its stencil and its table are in sections of a class by the gadget's rank, which the link
puts in front of the others (core/host/<host>/gadgets.ld). N-grams are ranked by themselves.
"""

from __future__ import annotations

from gen.language.profile import Profile

REST = 0     # the place of what the profile does not name
FIRST = 512  # gadgets of class 1
LAST = 6     # each other class has as many as all before it; the last one has the rest


def place_of(rank: int) -> int:
    """The class of a gadget or n-gram by its rank in the profile, from 0 on."""
    return min((rank // FIRST).bit_length() + 1, LAST)


class Places:
    """The places of one guest's gadgets."""

    def __init__(self, profile: Profile) -> None:
        self.found = {label: place_of(rank) for label, rank in profile.used.items()}
        self.by_start: dict[str, list[str]] = {}
        for label in self.found:
            at = label.find("_")
            while at >= 0:
                self.by_start.setdefault(label[:at], []).append(label)
                at = label.find("_", at + 1)
            self.by_start.setdefault(label, []).append(label)

    def of(self, label: str) -> int:
        """The place of a gadget by its label, without the guest's prefix."""
        return self.found.get(label, REST)

    def of_table(self, labels: list[str]) -> int:
        """The place of a table: that of its gadget that most programs use."""
        return min((place for place in map(self.of, labels) if place), default=REST)

    def stamp(self, table: str) -> str:
        """All that it says of a table's gadgets, and perhaps of those of tables whose names begin
        with that table's: what a file depends on."""
        return " ".join(f"{label}:{self.found[label]}" for label in self.by_start.get(table, ()))
