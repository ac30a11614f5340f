"""The index of a target's gadget files: of which inputs each was made. A file whose inputs are
those of an earlier run is neither rendered nor read again.

Reads and writes <gadgets>/<host>/<guest>/<memory>/index; a line is a file: its name below that
folder, the hash of its inputs, its bytes, gadgets, instructions of these, and stencils.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterable

from gen.emit.assembly import without_stencils
from gen.emit.files import Output
from gen.language.target import Target


@dataclass(frozen=True)
class Made:
    """One file. Without a hash it is made in every run."""

    stamp: str
    size: int
    gadgets: int
    insns: int
    stencils: int


def stamp_of(parts: Iterable[str]) -> str:
    """A hash of texts, as 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode())
    return digest.hexdigest()[:16]


class Index:
    """What earlier runs made and, in `files`, what this one did."""

    def __init__(self, directory: Path, target: Target, output: Output) -> None:
        self.base = directory / target.directory
        self.path = self.base / "index"
        self.target = target
        self.output = output
        self.files: dict[str, Made] = {}
        self.old: dict[str, Made] = {}
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                name, stamp, *numbers = line.split(" ")
                if len(numbers) == 4:  # else of an older generator
                    self.old[name] = Made(stamp, *map(int, numbers))

    def make(self, name: str, stamp: str, text: Callable[[], str]) -> Path:
        """The file `name` of inputs whose hash is `stamp`, made by text() if it is not there."""
        path = self.base / name
        old = self.old.get(name)
        if old and stamp and old.stamp == stamp and path.exists() and \
                path.stat().st_size == old.size:
            self.output.kept.add(path)
            self.files[name] = old
            return path
        made = text()
        self.output.write(path, made)
        plain, stencils = without_stencils(made)
        lines = plain.splitlines()
        self.files[name] = Made(
            stamp, len(made.encode()),
            sum(1 for line in lines if line[-1:] == ":" and line[0].isalpha()
                and not line.startswith(self.target.guest.table)),
            sum(1 for line in lines if line.startswith("    ") and line[4].isalpha()), stencils)
        return path

    def paths(self) -> list[Path]:
        """The files of this run."""
        return [self.base / name for name in self.files]

    def save(self) -> None:
        """Write the index, once all files are written."""
        self.output.write(self.path, "".join(
            f"{name} {one.stamp} {one.size} {one.gadgets} {one.insns} {one.stencils}\n"
            for name, one in self.files.items()))
