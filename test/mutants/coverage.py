#!/usr/bin/python3
"""Records which lines of core/ and syscalls/ each test case executes, and prints what none does.

    coverage.py [--write FILE] [--again]

Each case runs alone against a build that counts (make COVERAGE=1); gcov says what it executed. The
record, build/mutants/coverage.json, is kept; a case is recorded anew when its suite or a test
program of its name changes, all are when a source does (or with --again). mutants.py chooses its
cases by the record, and takes one of an earlier tree too, the lines moved to where they are now.
--write puts the table into a file.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

from places import TOP, WORK, Case, Place, all_cases, mirror, tracked

RECORD = WORK / "coverage.json"
SOURCES = WORK / "recorded"  # as they were then
LIMIT = 150.0  # seconds for a case; the build that counts is slow
WORKERS = min(2, len(os.sched_getaffinity(0)))  # taskset -c 1: one at a time


@dataclass
class Coverage:
    """The record: for each case its seconds and the lines that it executes, by file."""

    tree: str
    lines: dict[str, list[int]] = field(default_factory=dict)
    digest: dict[Case, str] = field(default_factory=dict)  # of those skipped, too
    seconds: dict[Case, float] = field(default_factory=dict)
    executed: dict[Case, dict[str, set[int]]] = field(default_factory=dict)

    def covered(self, file: str) -> set[int]:
        """The lines of a file that some case executes."""
        found: set[int] = set()
        for files in self.executed.values():
            found |= files.get(file, set())
        return found

    def save(self) -> None:
        """Write the record."""
        cases = [{"suite": case.suite, "case": case.name, "digest": digest,
                  "seconds": round(self.seconds.get(case, 0), 2),
                  "files": {f: sorted(s) for f, s in self.executed.get(case, {}).items()}}
                 for case, digest in self.digest.items()]
        text = json.dumps({"tree": self.tree, "lines": self.lines, "cases": cases})
        RECORD.with_suffix(".new").write_text(text)
        RECORD.with_suffix(".new").rename(RECORD)


def load() -> Coverage | None:
    """The record on disk."""
    if not RECORD.exists():
        return None
    data = json.loads(RECORD.read_text())
    coverage = Coverage(data["tree"], data["lines"])
    for entry in data["cases"]:
        case = Case(entry["suite"], entry["case"])
        coverage.digest[case] = entry["digest"]
        if entry["files"]:
            coverage.seconds[case] = entry["seconds"]
            coverage.executed[case] = {f: set(s) for f, s in entry["files"].items()}
    return coverage


def tree_state() -> str:
    """A digest of what the record depends on."""
    return digest_of(name for name in tracked()
                     if ours(name) or name.startswith(("gen/", "templates/")))


def digest_of(names: Iterable[str]) -> str:
    """A digest of some files of the tree."""
    digest = hashlib.sha256()
    for name in names:
        digest.update(name.encode() + b"\0" + (TOP / name).read_bytes())
    return digest.hexdigest()[:16]


def own_files(case: Case, files: list[str]) -> list[str]:
    """The suite of a case, and the test programs that bear its name."""
    name = re.escape(case.name.rpartition("/")[2])
    own = re.compile(rf"test/suites/{case.suite}\.\w+|test/([a-z]+/)+(\w+_)?{name}\.\w+")
    return [file for file in files if own.fullmatch(file)]


def ours(name: str) -> bool:
    """Is it a file whose lines count?"""
    return name.startswith(("core/", "syscalls/", "cli/"))


def prepare(number: int) -> Place:
    """A place with a build that counts, and counters set to nothing; place 0 comes first."""
    place = Place(number, "cov")
    place.update()
    if number and mirror(Place(0, "cov").build / "obj", place.build / "obj"):
        # What was compiled there is right here too, and is to be linked anew.
        for program in (*place.build.glob("*"), *place.build.glob("test/*")):
            if program.is_file():
                program.unlink()
    done = place.make("-j2", "all", "tests-insn")
    if done.returncode:
        sys.exit(f"the build that counts fails:\n{done.stdout[-2000:]}")
    if not (place.build / "root").is_symlink():
        (place.build / "root").symlink_to("../root")
    shutil.rmtree(place.build / "gcda", ignore_errors=True)
    for note in (place.build / "obj").rglob("*.gcno"):
        here = place.build / "gcda" / note.relative_to(place.build)
        here.parent.mkdir(parents=True, exist_ok=True)
        here.symlink_to(note)
    for directory in (place.build / "gcda").rglob("*/"):
        directory.chmod(0o777)
    (place.build / "gcda").chmod(0o777)
    return place


def counted(place: Place) -> tuple[dict[str, set[int]], dict[str, set[int]]]:
    """What gcov says: the lines with code and those executed, by file. Takes the counters away."""
    parts = [place.build / "gcda/obj" / part for part in ("core", "syscalls", "cli")]
    data = [str(p) for part in parts for p in part.rglob("*.gcda")]
    code: dict[str, set[int]] = defaultdict(set)
    executed: dict[str, set[int]] = defaultdict(set)
    if not data:
        return code, executed
    said = subprocess.run(["gcov", "--json-format", "--stdout", *data], cwd=place.top,
                          capture_output=True, check=False)
    if said.returncode:
        sys.exit(f"gcov fails: {said.stderr.decode()[:400]}")
    for document in said.stdout.splitlines():
        for file in json.loads(document)["files"] if document.strip() else ():
            name = os.path.relpath(os.path.join(place.top, file["file"]), place.top)
            if ours(name):
                for line in file["lines"]:
                    code[name].add(line["line_number"])
                    if line["count"]:
                        executed[name].add(line["line_number"])
    for path in data:
        os.unlink(path)
    return code, executed


def record(coverage: Coverage) -> None:
    """Run every case that is not in the record, or no longer the same, and note what it executes.
    """
    files = tracked()
    digests = {case: digest_of(own_files(case, files)) for case in all_cases()}
    skip = f" skipped by {os.geteuid()}"  # another user may be able to run it
    for case in list(coverage.digest):
        then = coverage.digest[case]
        if digests.get(case) != (then if case in coverage.seconds else then.removesuffix(skip)):
            for known in (coverage.digest, coverage.seconds, coverage.executed):
                known.pop(case, None)  # type: ignore[attr-defined]
    cases = [case for case in digests if case not in coverage.digest]
    if not cases:
        return
    places: SimpleQueue[Place] = SimpleQueue()
    for number in range(WORKERS):
        places.put(prepare(number))
    code = {name: set(numbers) for name, numbers in coverage.lines.items()}
    lock = threading.Lock()
    done = 0

    def one(case: Case) -> None:
        nonlocal done
        place = places.get()
        try:
            outcome = place.run(case, LIMIT)
            lines, executed = counted(place)
        finally:
            places.put(place)
        with lock:
            done += 1
            for name, numbers in lines.items():
                code.setdefault(name, set()).update(numbers)
            if outcome.verdict != "failed":  # what fails is tried again the next time
                suffix = skip if outcome.verdict == "skipped" else ""
                coverage.digest[case] = digests[case] + suffix
            if outcome.verdict == "ok":
                coverage.seconds[case] = outcome.seconds
                coverage.executed[case] = executed
            say = "" if outcome.verdict == "ok" else f" {outcome.verdict}, left out"
            print(f"[{done}/{len(cases)}] {case}{say} ({outcome.seconds:.0f} s)", flush=True)
            if done % 20 == 0 or done == len(cases):
                coverage.lines = {name: sorted(numbers) for name, numbers in code.items()}
                coverage.save()

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(one, cases))


def table(coverage: Coverage) -> str:
    """The files with their executed lines, the least covered first."""
    rows = []
    for name, lines in coverage.lines.items():
        rows.append((len(coverage.covered(name)), len(lines), name))
    rows.sort(key=lambda row: (row[0] / row[1], row[2]))
    have, all_lines = sum(r[0] for r in rows), sum(r[1] for r in rows)
    text = ["| file | lines executed | of | % |", "|---|---:|---:|---:|"]
    text += [f"| `{name}` | {a} | {b} | {100 * a / b:.0f} |" for a, b, name in rows]
    return "\n".join([*text, f"| all | {have} | {all_lines} | {100 * have / all_lines:.1f} |"])


HEAD = """# Coverage

Lines of the engine that the quick selection of the suites executes, by `make coverage WRITE=1`
({cases} cases). What is executed is not yet checked: `make mutants` asks for that.

"""


def keep_sources() -> None:
    """Remember the sources that the record speaks of."""
    shutil.rmtree(SOURCES, ignore_errors=True)
    for name in filter(ours, tracked()):
        (SOURCES / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(TOP / name, SOURCES / name)


def moved_lines(old: str, new: str) -> dict[int, int]:
    """Where the lines of a text are in a later one; those that changed are left out."""
    matcher = difflib.SequenceMatcher(None, old.splitlines(), new.splitlines(), autojunk=False)
    return {a + n + 1: b + n + 1 for a, b, size in matcher.get_matching_blocks()
            for n in range(size)}


def carry_over(coverage: Coverage) -> None:
    """Move a record of an earlier tree to this one."""
    for name in list(coverage.lines):
        old, new = SOURCES / name, TOP / name
        moved: dict[int, int] = {}
        if old.exists() and new.exists():
            moved = moved_lines(old.read_text(), new.read_text())
        coverage.lines[name] = [moved[n] for n in coverage.lines[name] if n in moved]
        for files in coverage.executed.values():
            if name in files:
                files[name] = {moved[n] for n in files[name] if n in moved}
        if not moved:
            del coverage.lines[name]


def current(again: bool = False, exact: bool = True) -> Coverage:
    """The record of this tree, or at least (not `exact`) one that was moved to it; what it lacks is
    recorded now."""
    coverage = load()
    tree = tree_state()
    if again or not coverage or (exact and coverage.tree != tree):
        coverage = Coverage(tree)
    elif coverage.tree not in (tree, f"{tree} (moved)"):
        print("the record of an earlier tree is taken; --again makes a new one", flush=True)
        carry_over(coverage)
        coverage.tree = f"{tree} (moved)"
    keep_sources()
    record(coverage)
    coverage.save()
    return coverage


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Line coverage of the test suites.")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table there")
    parser.add_argument("--again", action="store_true", help="record anew in any case")
    args = parser.parse_args()
    start = time.monotonic()
    coverage = current(args.again)
    text = table(coverage)
    print(text)
    print(f"{len(coverage.seconds)} cases, {time.monotonic() - start:.0f} s")
    if args.write:
        args.write.write_text(HEAD.format(cases=len(coverage.seconds)) + text + "\n")


if __name__ == "__main__":
    main()
