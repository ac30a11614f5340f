"""python3 -m gen.train [--guest GUEST] [--hold-out N] [--used PROFILE...] [--keep] PROFILE...
    > gen/spec/default.profile

Reads what `fiberglass --profile` recorded (a line: runs of a fiber, its gadgets as TABLE:ENTRY) and
prints a profile (gen/language/profile.py): the n-grams that save the most dispatches and the
gadgets that several programs use, those of most programs first. `--used`: further recordings for
the latter and the order alone; `--keep`: with the n-grams that the guest's profile has now.
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
from gen.language.model import CONDITIONS
from gen.language.policy import read_policy
from gen.language.profile import read_profile
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


def lines_of(path: Path) -> Iterable[tuple[int, list[tuple[str, int]]]]:
    """The fibers of a recording: how often each ran, and its gadgets by table and entry."""
    for line in path.read_text(encoding="utf-8").splitlines():
        runs, *words = line.split()
        pairs = (word.partition(":") for word in words)
        yield int(runs), [(table, int(entry)) for table, _, entry in pairs]


def names_of(gadgets: list[tuple[str, int]], labels: dict[str, list[str]]) -> Ngram:
    """Their labels; "" for those that are in no n-gram."""
    return tuple(labels[table][entry] if table in labels else "" for table, entry in gadgets)


def read_fibers(paths: list[Path], labels: dict[str, list[str]]) -> Counter[Ngram]:
    """Gadget sequences and their weights: each profile counts the same, however long it ran."""
    fibers: Counter[Ngram] = Counter()
    for path in paths:
        one: Counter[Ngram] = Counter()
        for runs, gadgets in lines_of(path):
            one[names_of(gadgets, labels)] += runs
        total = sum(count * len(sequence) for sequence, count in one.items()) or 1
        rest = total
        for sequence, count in sorted(one.items(), key=lambda item: -item[1] * len(item[0])):
            if rest * 100 < total:  # the last hundredth is most of the fibers of a large program
                break
            rest -= count * len(sequence)
            fibers[sequence] += count * 1_000_000_000 // total
    return fibers


def with_halves(table: str, entry: int, labels: dict[str, list[str]]) -> Iterable[str]:
    """The label of a gadget; of one that is fused with a branch those of both, too: native code is
    made of them."""
    if table in labels:
        yield labels[table][entry]
    plain = table.removesuffix("_jcc")
    if plain != table and plain in labels:
        yield labels[plain][entry // len(CONDITIONS)]
        yield from labels.get("jcc", [""] * len(CONDITIONS))[entry % len(CONDITIONS)].split()


def read_used(paths: list[Path], labels: dict[str, list[str]]) -> list[str]:
    """Gadgets that two recordings or more have: those that most have first, of these the ones in
    most fibers."""
    programs: Counter[str] = Counter()
    fibers: Counter[str] = Counter()
    for path in paths:
        one: Counter[str] = Counter()
        for _, gadgets in lines_of(path):
            one.update({label for table, entry in gadgets
                        for label in with_halves(table, entry, labels)})
        total = sum(one.values())
        for label, count in one.items():
            programs[label] += 1
            fibers[label] += count * 1_000_000_000 // total
    return sorted((label for label, count in programs.items() if label and count > 1),
                  key=lambda label: (-programs[label], -fibers[label], label))


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


def by_programs(ngrams: Iterable[Ngram], paths: list[Path], labels: dict[str, list[str]]
                ) -> list[Ngram]:
    """The n-grams, those that most recordings use first, else in the order in which they are."""
    table = with_prefixes(ngrams)
    programs: Counter[Ngram] = Counter()
    for path in paths:
        fibers = {names_of(gadgets, labels) for _, gadgets in lines_of(path)}
        programs.update({ngram for names in fibers for ngram in lower(names, table)
                         if len(ngram) > 1})
    return sorted(ngrams, key=lambda ngram: -programs[ngram])


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
    parser.add_argument("--used", type=Path, nargs="+", default=[], metavar="PROFILE",
                        help="recordings that n-grams are not chosen by")
    parser.add_argument("--keep", action="store_true", help="choose no n-grams, keep those there")
    parser.add_argument("profile", type=Path, nargs="*")
    args = parser.parse_args()
    spec_dir = ROOT / "gen/spec"
    guest = next(g for g in GUESTS if g.name == args.guest)
    templates = Templates(ROOT / "templates" / args.host, ROOT, Target(args.host, guest, MEMORY))
    library = Expander(read_spec(spec_dir, ROOT), templates,
                       read_policy(spec_dir / guest.policy, ROOT), guest).run()
    labels = labels_of(library, templates)
    every = args.profile + args.used
    used = read_used(every, labels)
    print(f"train: {len(used)} gadgets are used by several programs", file=sys.stderr)
    if args.keep:
        kept = read_profile(spec_dir / guest.profile, ROOT)
        print_profile(by_programs(kept.ngrams, every, labels), used)
        return 0
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
    print_profile(by_programs(chosen, every, labels), used)
    return 0


def print_profile(ngrams: Iterable[Ngram], used: Iterable[str]) -> None:
    """The text of a profile."""
    print("# N-grams by recorded profile (gen/train.py, `make train`); a line is one, those that "
          "most programs use first.")
    for ngram in ngrams:
        print(" ".join(ngram))
    print("# Gadgets that several programs use, those of most programs first; a line is one.")
    for label in used:
        print(label)


if __name__ == "__main__":
    sys.exit(main())
