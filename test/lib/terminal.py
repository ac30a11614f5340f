"""A pseudo-terminal with a program on it, driven as a person would: type, look, wait.

Which program, and what it should show, is the suites' business."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Sequence
from pathlib import Path

import pace
from harness import LIMITS, Failure, remaining


# Bash switches bracketed paste on and off around each line: noise between prompt and output.
PASTE = re.compile(rb"\x1b\[\?2004[hl]\r?")


class Terminal:
    """A program that was started on a new terminal, as leader of a session of its own."""

    def __init__(self, words: Sequence[str | Path], rows: int = 24, columns: int = 80,
                 env: dict[str, str] | None = None) -> None:
        self.master, slave = os.openpty()
        self.slave = slave  # kept open: its modes can be read after the program ended
        self.resize(rows, columns)
        self.before = termios.tcgetattr(slave)
        self.seen = b""
        self.new = b""
        environment = dict(os.environ if env is None else env)
        arguments = [str(w) for w in words]
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.setsid()
                fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
                for fd in (0, 1, 2):
                    os.dup2(slave, fd)
                os.closerange(3, 256)
                os.execvpe(arguments[0], arguments, environment)
            finally:
                os._exit(125)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0
        os.close(self.master)
        os.close(self.slave)

    def resize(self, rows: int, columns: int) -> None:
        """Change the window's size, as a terminal emulator does."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def modes(self) -> list[object]:
        """The terminal's modes at this moment."""
        return list(termios.tcgetattr(self.slave))

    def send(self, text: str | bytes) -> None:
        """Type something."""
        os.write(self.master, text.encode() if isinstance(text, str) else text)

    def read(self, limit: float) -> bool:
        """Take what the program shows; False when nothing came within the limit."""
        if not select.select([self.master], [], [], limit)[0]:
            return False
        try:
            got = os.read(self.master, 65536)
        except OSError:
            return False
        self.seen += got
        self.new = PASTE.sub(b"", self.new + got)
        return True

    def expect(self, pattern: str, limit: float = 20) -> re.Match[bytes]:
        """Wait until the screen's new text matches; what came up to there is used up. Limits are
        seconds of a quiet machine (pace.py)."""
        limit = min(limit * LIMITS, remaining())
        end = time.monotonic() + limit
        expression = re.compile(pattern.encode(), re.S)
        while True:
            match = expression.search(self.new)
            if match:
                self.new = self.new[match.end():]
                return match
            left = end - time.monotonic()
            if left <= 0:
                raise Failure(f"the terminal did not show {pattern!r} within {limit:.0f} s; "
                              f"it shows:\n{self.seen[-1500:].decode('utf-8', 'replace')!r}")
            self.read(min(left, 0.2))

    def press(self, text: str, pattern: str) -> None:
        """Type this, again every second, until the screen's new text matches: for a moment that
        nothing on the screen announces."""
        end = time.monotonic() + min(20 * LIMITS, remaining())
        while True:
            self.send(text)
            try:
                self.expect(pattern, 1 / LIMITS)
                return
            except Failure:
                if time.monotonic() > end:
                    raise

    def settle(self, quiet: float = 0.5 * LIMITS / pace.ROOM) -> None:
        """Wait until nothing new is shown for a while. Readline loses a signal that comes between
        its prompt and its wait for a key, so a test that sends one waits here first."""
        while self.read(quiet):
            pass

    def expect_echo(self, on: bool, limit: float = 20) -> None:
        """Wait until the terminal echoes, or no longer does: who changes modes shows nothing."""
        end = time.monotonic() + min(limit * LIMITS, remaining())
        while bool(termios.tcgetattr(self.slave)[3] & termios.ECHO) != on:
            if time.monotonic() > end:
                raise Failure(f"the terminal's echo is not {'on' if on else 'off'}")
            time.sleep(0.01)

    def wait(self, limit: float = 20) -> int:
        """Wait for the program's end; its status, negative for death by a signal."""
        end = time.monotonic() + min(limit * LIMITS, remaining())
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                self.settle(0.05)
                return os.waitstatus_to_exitcode(status)
            self.read(0.05)
        raise Failure(f"the program on the terminal did not end; it shows:\n{self.seen[-1500:]!r}")
