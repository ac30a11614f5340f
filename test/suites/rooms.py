#!/usr/bin/env python3
# time: 60
"""rootfs-tools/rooms on small trees: what runs upward, sideways, in a circle or hides is told."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from harness import Suite, check_equal

suite = Suite()

LOW, HIGH, SIDE = "syscalls/file", "syscalls/tty", "syscalls/net"


def told(name: str, files: dict[str, str]) -> list[str]:
    """What the check says of a tree of these sources, compiled."""
    top = Path(os.environ.get("BUILD", "build")).resolve() / "test/rooms" / name
    shutil.rmtree(top, ignore_errors=True)
    for file, text in files.items():
        path = top / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    subprocess.run(["git", "init", "-q"], cwd=top, check=True)
    subprocess.run(["git", "add", "."], cwd=top, check=True)
    for file in files:
        if file.endswith(".c"):
            made = top / "build/obj" / (file[:-2] + ".o")
            made.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["gcc", "-I.", "-c", "-o", str(made), file], cwd=top, check=True)
    done = subprocess.run(["rootfs-tools/rooms", str(top)], capture_output=True, text=True,
                          check=False)
    check_equal("what it writes to stderr", done.stderr, "")
    lines = done.stdout.splitlines()
    check_equal("its status", done.returncode, 1 if lines else 0)
    return lines


@suite.case("what runs downward passes", quick=True)
def _() -> None:
    check_equal("said", told("down", {
        f"{LOW}/low.h": "int low(void);\n",
        f"{LOW}/low.c": '#include "syscalls/file/low.h"\nint low(void) { return 1; }\n',
        f"{HIGH}/high.c": '#include "syscalls/file/low.h"\nint high(void) { return low(); }\n',
    }), [])


@suite.case("an include that runs upward", quick=True)
def _() -> None:
    check_equal("said", told("include", {
        f"{HIGH}/high.h": "enum { HIGH };\n",
        f"{LOW}/low.c": '#include "syscalls/tty/high.h"\nint low = HIGH;\n',
    }), ["syscalls/file/low.c includes syscalls/tty/high.h: syscalls/file is below "
         "syscalls/tty"])


@suite.case("a symbol that runs upward", quick=True)
def _() -> None:
    check_equal("said", told("symbol", {
        f"{HIGH}/high.c": "int high(void) { return 1; }\n",
        f"{LOW}/low.c": "int high(void);\nint low(void) { return high(); }\n",
    }), ["syscalls/file/low.c uses high of syscalls/tty/high.c: syscalls/file is below "
         "syscalls/tty"])


@suite.case("a symbol of a sibling", quick=True)
def _() -> None:
    check_equal("said", told("sibling", {
        f"{HIGH}/high.c": "int high = 1;\n",
        f"{SIDE}/side.c": "extern int high;\nint side(void) { return high; }\n",
    }), ["syscalls/net/side.c uses high of syscalls/tty/high.c: syscalls/net and syscalls/tty "
         "are side by side"])


@suite.case("an inner room is a room of its own", quick=True)
def _() -> None:
    check_equal("said", told("inner", {
        "syscalls/abi/i386/words.c": "int words = 1;\n",
        "syscalls/abi/abi.c": "extern int words;\nint abi(void) { return words; }\n",
    }), ["syscalls/abi/abi.c uses words of syscalls/abi/i386/words.c: syscalls/abi is below "
         "syscalls/abi/i386"])


@suite.case("a circle of includes", quick=True)
def _() -> None:
    check_equal("said", told("circle", {
        f"{LOW}/a.h": '#ifndef A\n#define A\n#include "syscalls/file/b.h"\n#endif\n',
        f"{LOW}/b.h": '#ifndef B\n#define B\n#include "syscalls/file/a.h"\n#endif\n',
    }), ["in a circle: syscalls/file/a.h -> syscalls/file/b.h -> syscalls/file/a.h"])


@suite.case("imports of the generator", quick=True)
def _() -> None:
    check_equal("said", told("imports", {
        "gen/language/model.py": "from gen.emit import files\n",
        "gen/expand/down.py": "import gen.language.model\nfrom gen.language import model\n"
                              "from ..language.model import nothing\n",
        "gen/emit/__init__.py": "",
        "gen/emit/files.py": "def late() -> None:\n    from . import gadgets\n",
        "gen/emit/gadgets.py": "import gen.emit.files\n",
        "gen/train.py": "from gen.__main__ import generate\nimport os.path\n",
        "gen/__main__.py": "import gen.tests.project as project\n",
        "gen/tests/project.py": "",
    }), ["gen/__main__.py imports gen/tests/project.py: gen/__main__.py is below gen/tests",
         "gen/language/model.py imports gen/emit/files.py: gen/language is below gen/emit",
         "in a circle: gen/emit/files.py -> gen/emit/gadgets.py -> gen/emit/files.py"])


@suite.case("a weak symbol", quick=True)
def _() -> None:
    check_equal("said", told("weak", {
        f"{LOW}/low.c": "__attribute__((weak)) void high(void);\n"
                        "void low(void) { if (high) high(); }\n",
    }), ["syscalls/file/low.c: high is weak, which hides who calls whom"])


@suite.case("rooms in architecture.md", quick=True)
def _() -> None:
    """The page lists the rooms of core/ and syscalls/ in the order of the script."""
    script = Path("rootfs-tools/rooms").read_text(encoding="utf-8").partition('ROOMS = """\n')[2]
    page = Path("docs/architecture.md").read_text(encoding="utf-8")
    tables = re.findall(r"(?m)^\| room \| holds \|\n.*\n((?:\|.*\n)+)", page)
    for top, table in zip(("core", "syscalls"), tables, strict=True):
        rooms = [room.removeprefix(f"{top}/") + "/" for line in
                 script.partition('"""')[0].splitlines() for room in line.split()
                 if room.startswith(f"{top}/")]
        heads = " ".join(line.split("|")[1] for line in table.splitlines())
        check_equal(f"rooms of {top}/", re.findall(r"`([a-z0-9_/]+)`", heads), rooms)


if __name__ == "__main__":
    suite.main()
