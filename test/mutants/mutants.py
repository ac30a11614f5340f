#!/usr/bin/python3
"""Puts mistakes into lines of core/ and syscalls/ and lists those that no test case notices.

    mutants.py [--count N] [--seed N] [--minutes N] [--cases N] [--survivors] [FILE...]

Lines are drawn at random by the seed, one mistake (operators.py) each. A mutant is built in a place
of its own (places.py) and meets the cases that execute its line (coverage.py), until one fails
twice that passes without it. Results are in build/mutants/results.jsonl: a run that was cut off
goes on there. --survivors tries again those of the last run that survived, wherever their lines are
now. Mutants that change nothing that can be seen are in `equivalent`, with the reason, and are
not drawn."""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from queue import SimpleQueue

import coverage
from operators import Mutation, blank, mutations
from places import LINKING, TOP, WORK, Case, Place

RESULTS = WORK / "results.jsonl"
EQUIVALENT = Path(__file__).parent / "equivalent"
DRAWN_ANEW = ("unbuildable", "same code")


@dataclass(frozen=True)
class Mutant:
    """A mistake at a place, and what became of it (`verdict`; `by` the case that noticed it)."""

    file: str
    line: int
    operator: str
    before: str
    after: str
    verdict: str = ""
    by: str = ""
    cases: int = 0
    seconds: float = 0.0

    @property
    def key(self) -> tuple[str, str, str]:
        """What stays the same when lines move."""
        return self.file, self.before.strip(), self.after.strip()

    def __str__(self) -> str:
        return (f"{self.file}:{self.line}: {self.operator}\n"
                f"    - {self.before.strip()}\n    + {self.after.strip()}")


def read_equivalent(text: str) -> dict[tuple[str, str, str], str]:
    """The marked mutants with their reasons; each is four lines:

        FILE
        - the line
        + the changed line
        why: the reason
    """
    found = {}
    lines = [s for s in text.splitlines() if s.strip() and not s.startswith("#")]
    for at in range(0, len(lines), 4):
        block = lines[at:at + 4]
        if len(block) < 4 or not (block[1].startswith("- ") and block[2].startswith("+ ")
                                  and block[3].startswith("why: ")):
            sys.exit(f"{EQUIVALENT}: FILE, - line, + line and why: belong together, not {block}")
        found[block[0].strip(), block[1][2:].strip(), block[2][2:].strip()] = block[3][5:]
    return found


def statements(text: str, counted: Iterable[int]) -> dict[int, int]:
    """For each line that can be changed the line whose execution gcov counts: its own, or the one
    where its statement begins."""
    known = set(counted)
    owner: dict[int, int] = {}
    last = 0
    for number, code in enumerate(blank(text).splitlines(), 1):
        code = code.strip()
        if number in known:
            last = number
        if last and code:
            owner[number] = last
        if code.endswith((";", "{", "}", ":")):
            last = 0
    return owner


@cache
def lines_of(file: str) -> tuple[list[str], list[str]]:
    """The lines of a file, and the same with comments and strings blanked."""
    text = (TOP / file).read_text()
    return text.splitlines(), blank(text).splitlines()


def candidates(record: coverage.Coverage, files: list[str]) -> list[tuple[str, int]]:
    """Every line that can be changed."""
    found = []
    for file in sorted(record.lines):
        if file.endswith(".c") and (not files or any(file.startswith(f) for f in files)):
            lines, code = lines_of(file)
            for number in statements((TOP / file).read_text(), record.lines[file]):
                if mutations(lines[number - 1], code[number - 1]):
                    found.append((file, number))
    return found


def choose(rng: random.Random, found: list[Mutation]) -> Mutation:
    """One of the mutations of a line, each operator as likely as the others."""
    operator = rng.choice(sorted({m.operator for m in found}))
    return rng.choice([m for m in found if m.operator == operator])


def draw(record: coverage.Coverage, files: list[str], seed: int) -> Iterator[Mutant]:
    """Mutants in random order, at most one a line."""
    rng = random.Random(seed)
    places = candidates(record, files)
    rng.shuffle(places)
    marked = read_equivalent(EQUIVALENT.read_text())
    for file, number in places:
        lines, code = lines_of(file)
        chosen = choose(rng, mutations(lines[number - 1], code[number - 1]))
        mutant = Mutant(file, number, chosen.operator, chosen.before, chosen.after)
        if mutant.key not in marked:
            yield mutant


def found_again(old: Mutant) -> Mutant | None:
    """A mutant of an earlier tree in this one."""
    lines = lines_of(old.file)[0] if (TOP / old.file).exists() else []
    where = [n for n, line in enumerate(lines, 1) if line == old.before]
    if not where or old.key in read_equivalent(EQUIVALENT.read_text()):
        return None
    return replace(old, line=min(where, key=lambda n: abs(n - old.line)), verdict="")


class Worker:
    """A place in which one mutant at a time is built and tried."""

    def __init__(self, number: int, record: coverage.Coverage, most: int) -> None:
        self.place = Place(number)
        self.record = record
        self.most = most
        self.place.update()
        done = self.place.make("all", "tests-insn")
        if done.returncode:
            sys.exit(f"the tree does not build:\n{done.stdout[-2000:]}")
        self.unchanged = self.place.build / "unchanged/fiberglass"
        self.unchanged.parent.mkdir(exist_ok=True)
        shutil.copy2(self.place.build / "fiberglass", self.unchanged)

    def cases(self, mutant: Mutant) -> list[Case]:
        """The cases that execute the line; first those that are cheap and know the file well."""
        text = (TOP / mutant.file).read_text()
        counted = statements(text, self.record.lines[mutant.file])[mutant.line]
        known = len(self.record.covered(mutant.file)) or 1
        costs: dict[Case, float] = {}
        for case, files in self.record.executed.items():
            lines = files.get(mutant.file, set())
            if counted in lines:
                dear = 1000 if case.suite in LINKING else 1
                costs[case] = dear * self.record.seconds[case] * (known / len(lines)) ** 2
        if self.most and any(case.suite not in LINKING for case in costs):
            costs = {case: cost for case, cost in costs.items() if case.suite not in LINKING}
        return sorted(costs, key=lambda case: costs[case])[:self.most or None]

    def stripped(self, target: Path) -> bytes:
        """An object's code and data."""
        short = WORK / f"{self.place.top.name}.o"
        subprocess.run(["objcopy", "--strip-debug", target, short], check=True)
        return short.read_bytes()

    def try_one(self, mutant: Mutant) -> Mutant:
        """Build a mutant and show it to the cases."""
        start = time.monotonic()
        source = self.place.top / mutant.file
        target = (self.place.build / "obj" / mutant.file).with_suffix(".o")
        kept = WORK / f"{self.place.top.name}.kept.o"
        shutil.copy2(target, kept)
        try:
            lines = (TOP / mutant.file).read_text().split("\n")
            lines[mutant.line - 1] = mutant.after
            source.write_text("\n".join(lines))
            mutant = self.judge(mutant, target, kept)
        finally:
            shutil.copy2(TOP / mutant.file, source)
            shutil.copy2(kept, target)
        return replace(mutant, seconds=round(time.monotonic() - start, 1))

    def judge(self, mutant: Mutant, target: Path, kept: Path) -> Mutant:
        """The verdict on a mutant whose source is in the place."""
        if self.place.make(str(target.relative_to(self.place.top))).returncode:
            return replace(mutant, verdict="unbuildable")
        if self.stripped(target) == self.stripped(kept):
            return replace(mutant, verdict="same code")
        cases = self.cases(mutant)
        if not cases:
            return replace(mutant, verdict="not covered")
        if self.place.make("all").returncode:
            return replace(mutant, verdict="unbuildable")
        self.place.restore_root()
        engine_alone = False
        for tried, case in enumerate(cases, 1):
            if case.suite in LINKING and not engine_alone:
                engine_alone = True
                self.place.make("tests-insn")
            if self.fails(case):
                return replace(mutant, verdict="noticed", by=str(case), cases=tried)
        return replace(mutant, verdict="survived", cases=len(cases))

    def fails(self, case: Case) -> bool:
        """Does a case fail twice, and pass in between without the mistake? A machine with other
        work makes no verdict: what was late gets more time, and what fails either way is tried
        again later, then left to the other cases."""
        for patience in (1, 3, 9):
            limit = patience * (2 * self.record.seconds[case] + 6)
            first = self.place.run(case, limit).verdict
            if first in ("ok", "skipped"):
                return False
            self.place.restore_root()
            good = None
            if case.suite not in LINKING:
                good = self.place.run(case, limit, self.unchanged)
            if good and good.verdict != "ok":
                continue
            if first == "late":  # a hang, or a machine that was busy just then?
                limit = max(limit, 6 * good.seconds) if good else 4 * limit
            if self.place.run(case, limit).verdict not in ("ok", "skipped"):
                return True
        return False


class Run:
    """The results so far, and what is printed on the way."""

    def __init__(self, head: dict[str, object], goal: int) -> None:
        self.goal = goal
        self.results: list[Mutant] = []
        self.lock = threading.Lock()
        self.start = time.monotonic()
        text = RESULTS.read_text().splitlines() if RESULTS.exists() else []
        if text and json.loads(text[0]) == head:
            self.results = [Mutant(**json.loads(line)) for line in text[1:]]
            print(f"going on after {self.judged()} mutants of {RESULTS}")
        else:
            RESULTS.write_text(json.dumps(head) + "\n")

    def judged(self) -> int:
        """How many count."""
        return sum(m.verdict not in DRAWN_ANEW for m in self.results)

    def add(self, mutant: Mutant) -> None:
        """Keep and print one result."""
        with self.lock:
            self.results.append(mutant)
            with RESULTS.open("a") as file:
                file.write(json.dumps(mutant.__dict__) + "\n")
            if mutant.verdict in DRAWN_ANEW:
                return
            by = f" by {mutant.by}" if mutant.by else f", {mutant.cases} cases"
            print(f"[{self.judged()}/{self.goal}, {time.monotonic() - self.start:.0f} s] "
                  f"{mutant.verdict}{by} ({mutant.seconds:.0f} s)\n  {mutant}", flush=True)

    def summary(self) -> str:
        """What survived, and the figure."""
        counts = Counter(m.verdict for m in self.results)
        judged = self.judged()
        left = sorted((m for m in self.results if m.verdict in ("survived", "not covered")),
                      key=lambda m: (m.file, m.line))
        text = ["", "Survivors:" if left else "No survivors."]
        text += [f"{m}\n    {m.verdict}{f' by {m.cases} cases' if m.cases else ''}" for m in left]
        text.append(f"{judged} mutants: {counts['noticed']} noticed "
                    f"({100 * counts['noticed'] / max(1, judged):.0f} %), {counts['survived']} "
                    f"survived, {counts['not covered']} not covered; drawn anew: "
                    + ", ".join(f"{counts[v]} {v}" for v in DRAWN_ANEW))
        return "\n".join(text)


def work(run: Run, record: coverage.Coverage, source: Iterator[Mutant], minutes: float,
         most: int) -> None:
    """Try mutants until there are enough, or the time is over."""
    seen = {m.key + (m.line,) for m in run.results}
    end = time.monotonic() + 60 * minutes
    workers: SimpleQueue[Worker] = SimpleQueue()
    for number in range(coverage.WORKERS):
        workers.put(Worker(number, record, most))
    running = 0

    def loop(_: int) -> None:
        nonlocal running
        worker = workers.get()
        while time.monotonic() < end:
            with run.lock:
                if run.judged() + running >= run.goal:
                    return
                mutant = next((m for m in source if m.key + (m.line,) not in seen), None)
                if mutant is None:
                    return
                running += 1
            try:
                result = worker.try_one(mutant)
            finally:
                with run.lock:
                    running -= 1
            run.add(result)

    with ThreadPoolExecutor(coverage.WORKERS) as pool:
        list(pool.map(loop, range(coverage.WORKERS)))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Do the test suites notice broken lines?")
    parser.add_argument("--count", type=int, default=200, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--minutes", type=float, default=60, metavar="N")
    parser.add_argument("--cases", type=int, default=0, metavar="N",
                        help="show a mutant to its N best cases at most (0: to all)")
    parser.add_argument("--survivors", action="store_true", help="those of the last run again")
    parser.add_argument("files", nargs="*", help="files, or beginnings of their names")
    args = parser.parse_args()
    again: list[Mutant] = []
    if args.survivors and RESULTS.exists():
        old = [Mutant(**json.loads(s)) for s in RESULTS.read_text().splitlines()[1:]]
        again = [m for o in old if o.verdict in ("survived", "not covered")
                 and (m := found_again(o))]
        args.count = len(again)
    record = coverage.current(exact=False)
    head = {"tree": record.tree.split()[0], "seed": args.seed, "files": args.files,
            "again": args.survivors}
    run = Run(head, args.count)
    source = iter(again) if args.survivors else draw(record, args.files, args.seed)
    work(run, record, source, args.minutes, args.cases)
    print(run.summary())


if __name__ == "__main__":
    main()
