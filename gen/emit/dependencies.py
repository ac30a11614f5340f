"""The files that a run read, as make's dependencies: what the generator reads, it depends on.

An audit hook notes every file below the project that is opened for reading, so that no list has to
be kept by hand. New files that a run would read if they were there (another spec file, another
template) are the Makefile's to name.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from gen.emit.files import Output


class Recorder:
    """Notes what is read from its creation on. One a process: hooks cannot be taken back."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.read: set[Path] = set()
        sys.addaudithook(self.hook)

    def hook(self, event: str, args: tuple[object, ...]) -> None:
        """sys.addaudithook(): open(path, mode, flags)."""
        if event != "open" or not isinstance(args[0], (str, os.PathLike)):
            return
        flags = args[2] if isinstance(args[2], int) else 0
        if flags & (os.O_WRONLY | os.O_RDWR) == 0:
            self.note(Path(args[0]))

    def note(self, path: Path) -> None:
        """One file, if it is the project's."""
        path = path if path.is_absolute() else Path.cwd() / path
        if path.is_relative_to(self.root) and "__pycache__" not in path.parts:
            self.read.add(path.relative_to(self.root))

    def write(self, target: str, path: Path, output: Output, generated: tuple[str, ...]) -> None:
        """Makefile lines that make `target` (a path of make's) depend on all that was read, but
        for what is below the directories `generated`. A file that is gone is no mistake."""
        for module in list(sys.modules.values()):
            source = getattr(module, "__file__", None)
            if source:
                self.note(Path(source))
        names = sorted(str(p) for p in self.read
                       if p.is_relative_to("gen") or p.parts[0] not in generated)
        lines = [f"{target}:"] + [f" \\\n    {name}" for name in names]
        output.write(path, "".join(lines) + "\n" + "".join(f"{name}:\n" for name in names))
