"""Output files: written only when their text changes, stale ones removed."""

from __future__ import annotations

from pathlib import Path


def made_by(module: str, source: str = "") -> str:
    """`Made by gen/emit/core.py from SOURCE`, for the top of generated text."""
    return f"Made by {module.replace('.', '/')}.py{' from ' + source if source else ''}"


class Output:
    """Collects what one run wrote; `kept` are the files that belong to it."""

    def __init__(self) -> None:
        self.kept: set[Path] = set()
        self.written = 0

    def write(self, path: Path, text: str) -> bool:
        """Write `text` unless the file holds it already; returns whether it was written."""
        self.kept.add(path)
        data = text.encode()
        if path.exists() and path.stat().st_size == len(data) and path.read_bytes() == data:
            return False
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self.written += 1
        return True

    def remove_stale(self, directory: Path, suffix: str) -> int:
        """Remove files of `suffix` below `directory` that this run did not keep."""
        removed = 0
        if directory.exists():
            for path in directory.rglob(f"*{suffix}"):
                if path not in self.kept:
                    path.unlink()
                    removed += 1
        return removed
