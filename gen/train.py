"""python3 -m gen.train [--guest GUEST] [--hold-out N] PROFILE... > gen/spec/default.profile

Chooses n-grams: reads what `fiberglass --profile` recorded (a line: runs of a fiber, its gadgets as
TABLE:ENTRY) and prints the n-grams that save the most dispatches, the heaviest first.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import Iterable

from gen.__main__ import ROOT
from gen.emit.core import ea_numbers
from gen.emit.ngrams import Parts, can_continue, can_join
from gen.emit.render import Renderer
from gen.expand.bodies import Templates
from gen.expand.expander import Expander, Library
from gen.host.host import hosts
from gen.language.errors import Where
from gen.language.policy import read_policy
from gen.language.reader import read_spec
from gen.language.target import DEFAULT, GUESTS, MEMORY, Target

Ngram = tuple[str, ...]
ROUNDS = 24


def labels_of(library: Library, templates: Templates) -> dict[str, list[str]]:
    """Table name -> labels of its entries ("" for holes)."""
    renderer = Renderer(templates, library.guest)
    labels: dict[str, list[str]] = {
        "ea_index": [name for name, *_ in ea_numbers(library.guest)]}
    for table in library.tables.values():
        labels[table.name] = [label for label, _ in renderer.entries(table)]
    return labels


def read_fibers(paths: list[Path], labels: dict[str, list[str]]) -> Counter[Ngram]:
    """Gadget sequences and their weights: each profile counts the same, however long it ran."""
    fibers: Counter[Ngram] = Counter()
    for path in paths:
        one: Counter[Ngram] = Counter()
        for line in path.read_text(encoding="utf-8").splitlines():
            runs, *words = line.split()
            names: list[str] = []
            for word in words:
                table, _, entry = word.partition(":")
                known = labels.get(table)
                names.append(known[int(entry)] if known else "")
            one[tuple(names)] += int(runs)
        total = sum(count * len(sequence) for sequence, count in one.items()) or 1
        rest = total
        for sequence, count in sorted(one.items(), key=lambda item: -item[1] * len(item[0])):
            if rest * 100 < total:  # the last hundredth is most of the fibers of a large program
                break
            rest -= count * len(sequence)
            fibers[sequence] += count * 1_000_000_000 // total
    return fibers


def lower(names: Ngram, chosen: dict[Ngram, int]) -> list[Ngram]:
    """What core/build/ngram.c makes of a sequence: from the left, the longest of the chosen.
    `chosen`: n-gram (prefixes included, with 0) -> 1."""
    out: list[Ngram] = []
    at = 0
    while at < len(names):
        best, length = 1, 2
        while at + length <= len(names):
            known = chosen.get(names[at:at + length])
            if known is None:
                break
            best = length if known else best
            length += 1
        out.append(names[at:at + best])
        at += best
    return out


def with_prefixes(ngrams: Iterable[Ngram]) -> dict[Ngram, int]:
    """The n-grams as lower() wants them."""
    table: dict[Ngram, int] = {}
    for ngram in ngrams:
        for length in range(2, len(ngram)):
            table.setdefault(ngram[:length], 0)
        table[ngram] = 1
    return table


class Trainer:
    """Chooses n-grams in rounds: neighbours that often come together are joined, what the joined
    ones made useless is dropped."""

    def __init__(self, fibers: Counter[Ngram], parts: Parts, longest: int) -> None:
        self.fibers = fibers
        self.parts = parts
        self.longest = longest
        self.checked: dict[tuple[str, bool], bool] = {}

    def possible(self, ngram: Ngram) -> bool:
        """Can these gadgets be one?"""
        nowhere = Where("profile", 1)
        for number, label in enumerate(ngram):
            last = number == len(ngram) - 1
            if (label, last) not in self.checked:
                check = can_join if last else can_continue
                self.checked[label, last] = bool(label) and check(self.parts, label, nowhere)
            if not self.checked[label, last]:
                return False
        return True

    def usage(self, chosen: Iterable[Ngram]) -> Counter[Ngram]:
        """Dispatches that each n-gram saves, when all of them are there."""
        table = with_prefixes(chosen)
        saved: Counter[Ngram] = Counter()
        for names, weight in self.fibers.items():
            for token in lower(names, table):
                if len(token) > 1:
                    saved[token] += weight * (len(token) - 1)
        return saved

    def joined(self, chosen: list[Ngram], most: int) -> list[Ngram]:
        """The heaviest `most` unions of neighbours under the chosen ones."""
        table = with_prefixes(chosen)
        gains: Counter[Ngram] = Counter()
        for names, weight in self.fibers.items():
            tokens = lower(names, table)
            for one, two in zip(tokens, tokens[1:]):
                if len(one) + len(two) <= self.longest:
                    gains[one + two] += weight
        out: list[Ngram] = []
        for ngram, _ in gains.most_common(4 * most):
            if len(out) < most and ngram not in table and self.possible(ngram):
                out.append(ngram)
        return out

    def left(self, chosen: list[Ngram]) -> float:
        """Dispatches under the chosen ones, per cent of those without any."""
        before = sum(weight * len(names) for names, weight in self.fibers.items())
        return 100 * (1 - sum(self.usage(chosen).values()) / (before or 1))

    def run(self, budget: int) -> list[Ngram]:
        """The chosen n-grams, the most useful first."""
        chosen: list[Ngram] = []
        for _ in range(ROUNDS):
            chosen += self.joined(chosen, budget // 8)
            chosen = [ngram for ngram, _ in self.usage(chosen).most_common(budget)]
        return chosen


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="gen.train", description=__doc__)
    parser.add_argument("--host", default=DEFAULT.host, choices=hosts())
    parser.add_argument("--guest", default=DEFAULT.guest.name, choices=[g.name for g in GUESTS])
    parser.add_argument("--budget", type=int, default=12288, help="n-grams (12288)")
    parser.add_argument("--longest", type=int, default=24, help="gadgets in one (24)")
    parser.add_argument("--hold-out", type=int, default=0, metavar="N",
                        help="every Nth profile is not trained on; what it gains is reported")
    parser.add_argument("profile", type=Path, nargs="+")
    args = parser.parse_args()
    spec_dir = ROOT / "gen/spec"
    guest = next(g for g in GUESTS if g.name == args.guest)
    templates = Templates(ROOT / "templates" / args.host, ROOT, Target(args.host, guest, MEMORY))
    library = Expander(read_spec(spec_dir, ROOT), templates,
                       read_policy(spec_dir / guest.policy, ROOT), guest).run()
    labels = labels_of(library, templates)
    held = sorted(args.profile)[::args.hold_out] if args.hold_out else []
    fibers = read_fibers([path for path in args.profile if path not in held], labels)
    trainer = Trainer(fibers, Parts(library, templates), args.longest)
    chosen = trainer.run(args.budget)
    print(f"train: {len(chosen)} n-grams, dispatches down to {trainer.left(chosen):.0f} %",
          file=sys.stderr)
    if held:
        others = Trainer(read_fibers(held, labels), trainer.parts, args.longest)
        print(f"train: in programs that were held out, to {others.left(chosen):.0f} % "
              f"({' '.join(path.stem for path in held)})", file=sys.stderr)
    print("# N-grams by recorded profile (gen/train.py, `make train`); a line is one, the heaviest "
          "first.")
    for ngram in chosen:
        print(" ".join(ngram))
    return 0


if __name__ == "__main__":
    sys.exit(main())
