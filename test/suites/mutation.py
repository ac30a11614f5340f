#!/usr/bin/python3
# suite: the tool that tests the tests
# time: 60
# order: 60
"""What `make mutants` does to a line, and how it finds, confines and marks (test/mutants)."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from harness import TOP, Failure, Skip, Suite, check, check_equal, command

sys.path.insert(0, str(TOP / "test/mutants"))

import confine  # noqa: E402
import coverage  # noqa: E402
import mutants  # noqa: E402
import places  # noqa: E402
from operators import OPERATORS, blank, mutations  # noqa: E402

suite = Suite()

# A line, and everything that each operator makes of it.
LINES: dict[str, dict[str, list[str]]] = {
    "if (a < b && !strcmp(c, \"a < 1\")) {": {
        "condition negated": ["if (!(a < b && !strcmp(c, \"a < 1\"))) {"],
        "comparison": ["if (a <= b && !strcmp(c, \"a < 1\")) {"],
        "&& and ||": ["if (a < b || !strcmp(c, \"a < 1\")) {"]},
    "    return -EINVAL;": {"return value": ["    return 0;"]},
    "return 0;": {"return value": ["return -1;"], "constant": ["return 1;"]},
    "return true;": {"return value": ["return false;"]},
    "return x ? 10 : 0x1f;": {
        "return value": ["return 0;"],
        "constant": ["return x ? 11 : 0x1f;", "return x ? 10 : 0x20;"]},
    "fd = open(name, O_RDONLY | O_CLOEXEC);": {
        "flag": ["fd = open(name, O_RDONLY);", "fd = open(name, O_CLOEXEC);"],
        "statement removed": [";"]},
    "flags &= ~FLAG;": {"flag": ["flags |= FLAG;"], "statement removed": [";"]},
    "x = y + 1;  // 2 + 2": {
        "constant": ["x = y + 2;  // 2 + 2"], "sum or shift": ["x = y - 1;  // 2 + 2"],
        "statement removed": [";  // 2 + 2"]},
    "task->done = true;": {
        "true and false": ["task->done = false;"], "statement removed": [";"]},
    "count++;": {"sum or shift": ["count--;"], "statement removed": [";"]},
    "struct a *b = calloc(1, sizeof(*b));": {},
    "struct stat st = {0};": {},
    "    const uint32_t pair[2] = {a, b};": {},
    "static int f(int a, char text[4]) {": {},
    "    old[2] = b;": {"constant": ["    old[3] = b;"], "statement removed": ["    ;"]},
    "int x = y >> 12;": {"constant": ["int x = y >> 13;"], "sum or shift": ["int x = y << 12;"]},
    "free(x);": {},
    "case 12:": {},
    "#define X 12": {},
    "static_assert(sizeof(x) == 12, \"\");": {},
    "continue;": {"statement removed": [";"]},
    "/* if (a == 1) */": {},
}


@suite.case("operators")
def _() -> None:
    for line, wanted in LINES.items():
        got: dict[str, list[str]] = {}
        for mutation in mutations(line, blank(line)):
            check_equal("the line before", mutation.before, line)
            got.setdefault(mutation.operator, []).append(mutation.after)
        check_equal(line, {k: sorted(v) for k, v in got.items()},
                    {k: sorted(v) for k, v in wanted.items()})
    used = {name for wanted in LINES.values() for name in wanted}
    check_equal("operators with an example", used, set(OPERATORS))


TEXT = """\
/* A comment with if (x) y = 1; over
 * two lines. */
static const int table[] = {1, 2};

int f(int a, int b) {
    if (a == b ||
        a < 2) {
        return 1;
    }
    return call(a,
                b + 1);
}
"""


@suite.case("statements and their lines")
def _() -> None:
    check_equal("same length", [len(s) for s in blank(TEXT).splitlines()],
                [len(s) for s in TEXT.splitlines()])
    owners = mutants.statements(TEXT, [5, 6, 8, 10])
    check_equal("owners", owners, {5: 5, 6: 6, 7: 6, 8: 8, 10: 10, 11: 10})


@suite.case("marks")
def _() -> None:
    marked = mutants.read_equivalent("# a comment\ncore/x.c\n- a < b\n+ a <= b\nwhy: never equal\n")
    check_equal("marks", marked, {("core/x.c", "a < b", "a <= b"): "never equal"})
    for text in ("core/x.c\n- a\n+ b\n", "core/x.c\n- a\n+ b\n+ c\n"):
        try:
            mutants.read_equivalent(text)
        except SystemExit:
            continue
        raise Failure(f"{text!r} was accepted")
    for file, before, _ in mutants.read_equivalent(mutants.EQUIVALENT.read_text()):
        lines = [line.strip() for line in (TOP / file).read_text().splitlines()]
        check(before in lines, f"{mutants.EQUIVALENT} speaks of a line that {file} does not have "
              f"(any more): {before}")


@suite.case("mutants found again")
def _() -> None:
    file = "syscalls/futex/futex.c"
    lines = (TOP / file).read_text().splitlines()
    at = next(n for n, line in enumerate(lines, 1) if lines.count(line) == 1 and "return" in line)
    moved = mutants.Mutant(file, at + 3, "constant", lines[at - 1], "x", "survived")
    found = mutants.found_again(moved)
    check(found and found.line == at and not found.verdict, f"found {found}, not line {at}")
    check(not mutants.found_again(mutants.Mutant(file, 3, "constant", "not there", "x")),
          "a line that is gone was found")


@suite.case("lines that moved")
def _() -> None:
    moved = coverage.moved_lines("a\nb\nc\nd\n", "new\na\nB\nc\n")
    check_equal("lines", moved, {1: 2, 3: 4})


@suite.case("files of a case")
def _() -> None:
    files = ["test/suites/native.py", "test/suites/fs.py", "test/syscalls/fs/open.c",
             "test/engine/open.c", "test/programs/x_open.c", "test/syscalls/fs/reopen.c",
             "core/open.c"]
    check_equal("files", coverage.own_files(places.Case("native", "syscalls/fs/open"), files),
                ["test/suites/native.py", "test/syscalls/fs/open.c", "test/engine/open.c",
                 "test/programs/x_open.c"])


@suite.case("verdicts")
def _() -> None:
    # What the engine with the mistake and the one without say in turn, and whether that counts.
    for mistaken, without, counts in (
            ("ok", "", False), ("skipped", "", False), ("failed failed", "ok", True),
            ("failed ok failed failed", "ok ok", True), ("failed ok failed ok ok", "ok ok", False),
            ("late late", "ok", True), ("late late late", "late late late", False),
            ("late late ok", "late late", False), ("failed failed failed", "late ok", True)):
        said = {True: iter(without.split()), False: iter(mistaken.split())}
        limits: list[float] = []

        class Said:
            """Stands where the place does."""

            def run(self, _: places.Case, limit: float, engine: object = None,
                    said: dict[bool, Iterator[str]] = said,
                    limits: list[float] = limits) -> places.Outcome:
                """The next verdict."""
                limits.append(limit)
                return places.Outcome(next(said[engine is not None]), 0, "")

            def restore_root(self) -> None:
                """Nothing was damaged."""

        case = places.Case("native", "a")
        worker = mutants.Worker.__new__(mutants.Worker)
        worker.place = Said()  # type: ignore[assignment]
        worker.unchanged = Path("unchanged")
        worker.record = coverage.Coverage("", seconds={case: 1.0})
        check_equal(f"{mistaken}, {without}", worker.fails(case), counts)
        check(limits == sorted(limits), f"limits fell: {limits}")


@suite.case("copies of trees")
def _() -> None:
    with tempfile.TemporaryDirectory(dir=os.environ.get("BUILD")) as name:
        source, target = Path(name, "a"), Path(name, "b")
        (source / "d").mkdir(parents=True)
        (source / "d/f").write_text("one")
        (source / "l").symlink_to("d/f")
        check_equal("first copy", places.mirror(source, target), 3)
        check_equal("nothing to do", places.mirror(source, target), 0)
        (target / "d/f").write_text("damaged")
        (target / "more").mkdir()
        (target / "l").unlink()
        check_equal("mended", places.mirror(source, target), 2)
        check_equal("content", (target / "l").read_text(), "one")
        check_equal("names", sorted(os.listdir(target)), ["d", "l"])


@suite.case("confinement")
def _() -> None:
    if not confine.may_confine():
        raise Skip("the host allows no namespaces")
    with tempfile.TemporaryDirectory(dir=os.environ.get("BUILD")) as name:
        outside = Path(name, "outside")
        outside.write_text("safe")
        place = Path(name, "place")
        place.mkdir()
        script = f"cd {place}; " \
                 f"echo x > made && echo x 2>/dev/null > {outside}; rm -f {outside} 2>/dev/null; " \
                 "id -u; ls /tmp | wc -l; echo x > /tmp/x && echo x > /dev/shm/x && " \
                 "cat /proc/self/stat | cut -d' ' -f1"
        done = command(confine.confined(place, ["sh", "-c", script]))
        words = done.text().split()
        check_equal("user", words[0], str(os.geteuid()))
        check(len(words) == 3 and int(words[2]) < 20, f"said {done.text()!r} {done.errors()!r}")
        check_equal("outside", outside.read_text(), "safe")
        check_equal("inside", (place / "made").read_text(), "x\n")


@suite.case("table")
def _() -> None:
    case = places.Case("native", "a")
    record = coverage.Coverage("", {"core/a.c": [1, 2, 3, 4], "core/b.c": [1]}, {}, {case: 1.0},
                               {case: {"core/a.c": {1, 2, 3}, "core/b.c": {1}}})
    check_equal("rows", coverage.table(record).splitlines()[2:],
                ["| `core/a.c` | 3 | 4 | 75 |", "| `core/b.c` | 1 | 1 | 100 |",
                 "| all | 4 | 5 | 80.0 |"])


if __name__ == "__main__":
    suite.main()
