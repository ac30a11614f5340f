#!/usr/bin/python3
"""Makes docs/session.svg: a real session in the default root, as a picture.

    python3 docs/session.py [--out FILE]

Types some commands into a shell (make run) on a pseudo-terminal and draws what comes out. Run it
again when the shell looks different.
"""

from __future__ import annotations

import argparse
import html
import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / "test/lib"))

from terminal import Terminal  # noqa: E402

COMMANDS = (
    "uname -sm; head -n 1 /etc/os-release",
    "seq 100000 | awk '{ s += $1 } END { print s }'; python3 -c 'print(2**100)'",
    "perl -e 'print 6 * 7, \"\\n\"'; echo 'scale=40; 4*a(1)' | bc -l",
    "sleep 100 & jobs; kill %1; wait",
    "ps -o pid,tty,stat,comm",
    "cat > hi.c <<< 'int puts(char *); int main() { return puts(\"made here\") < 0; }'",
    "tcc -run hi.c; file -b /bin/ls | cut -c1-55",
    "git init -q x; cd x; git commit -q --allow-empty -m first; git log --oneline",
)
WIDTH, HEIGHT, LEFT, TOP_MARGIN = 8.4, 19, 16, 46


def session() -> list[str]:
    """The lines of the terminal."""
    words = [TOP / "rootfs-tools/run"]
    with Terminal(words, rows=50, columns=92) as t:
        t.expect(r"# ", 600)
        t.send("export GIT_AUTHOR_NAME=me GIT_AUTHOR_EMAIL=m@x GIT_COMMITTER_NAME=me "
               "GIT_COMMITTER_EMAIL=m@x\n")
        t.settle(0.8)
        t.send("cd $(mktemp -d)\n")
        t.settle()
        t.send("PS1='root@fiberglass:~# '\n")
        t.settle()
        t.seen = b"root@fiberglass:~# "
        for line in COMMANDS:
            t.send(line + "\n")
            t.expect(r"root@fiberglass:\S*# ", 60)
            t.settle(0.3)
        text = t.seen.decode("utf-8", "replace")
        t.send("exit 0\n")
        t.wait()
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r\n", "\n")
    lines = re.sub(r"[^\n]*\r", "", text).rstrip("\n").split("\n")
    return lines[:-1]  # without the last prompt


def draw(lines: list[str]) -> str:
    """An SVG of a terminal window."""
    width = int(LEFT * 2 + WIDTH * max(92, *map(len, lines)))
    height = TOP_MARGIN + HEIGHT * len(lines) + 10
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
           f'viewBox="0 0 {width} {height}" role="img" aria-label="A shell in Fiberglass">',
           f'<rect width="{width}" height="{height}" rx="9" fill="#16211f"/>',
           f'<rect width="{width}" height="28" rx="9" fill="#24332f"/>',
           f'<text x="{width / 2}" y="19" fill="#9fb3ad" font-family="sans-serif" font-size="13" '
           'text-anchor="middle">make run</text>',
           '<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14" '
           'fill="#d7e3df" xml:space="preserve">']
    for number, line in enumerate(lines):
        y = TOP_MARGIN + HEIGHT * number
        match = re.match(r"(root@fiberglass:\S*# )(.*)", line)
        text = html.escape(line)
        if match:
            text = (f'<tspan fill="#59c3a8">{html.escape(match[1])}</tspan>'
                    f'<tspan fill="#ffffff">{html.escape(match[2])}</tspan>')
        out.append(f'<text x="{LEFT}" y="{y}">{text}</text>')
    return "\n".join([*out, "</g>", "</svg>"]) + "\n"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=TOP / "docs/session.svg", metavar="FILE",
                        help="where the picture goes (default: docs/session.svg)")
    args = parser.parse_args()
    args.out.write_text(draw(session()), encoding="utf-8")


if __name__ == "__main__":
    main()
