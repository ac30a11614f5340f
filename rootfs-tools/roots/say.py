"""Words to the user: progress on stderr, and the one exception for mistakes that are theirs."""

from __future__ import annotations

import sys


class RootError(Exception):
    """Something that stops mkroot; the text is the one sentence that the user reads."""


class Progress:
    """One line on stderr: redrawn in place on a terminal, one line per step elsewhere."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.live = sys.stderr.isatty()
        self.drawn = False

    def step(self, text: str) -> None:
        """A new step begins."""
        if self.quiet:
            return
        self.clear()
        print(f"mkroot: {text}", file=sys.stderr, flush=True)

    def detail(self, text: str) -> None:
        """How far the step is; shown on a terminal only."""
        if self.quiet or not self.live:
            return
        print(f"\r\x1b[K  {text[:76]}", end="", file=sys.stderr, flush=True)
        self.drawn = True

    def clear(self) -> None:
        """Take the last detail off the screen."""
        if self.drawn:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
            self.drawn = False
