"""The one exception of the generator: a mistake in a spec, template or policy, with its place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Where:
    """A place in an input file; `file` is relative to the project where possible."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class SpecError(Exception):
    """A mistake of the author of an input file. Prints as `file:line: sentence`."""

    def __init__(self, where: Where, sentence: str) -> None:
        super().__init__(f"{where}: {sentence}")
        self.where = where
        self.sentence = sentence
