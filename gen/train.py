"""python3 -m gen.train PROFILE... > gen/spec/default.profile

Chooses n-grams: reads what `fiberglass --profile` recorded (a line: runs of a fiber, its gadgets as
TABLE:ENTRY) and prints the n-grams that save the most dispatches, the heaviest first. Lowering adds one
gadget at a time to what it has (core/lower.c), so training does the same: in every round it
counts which gadget follows which, takes the best of the pairs, and lowers the profile anew.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from itertools import product
from pathlib import Path

from gen.__main__ import MODE, ROOT
from gen.bodies import Templates
from gen.emit_core import ea_entries
from gen.emit_ngrams import Parts, can_continue, can_join
from gen.errors import Where
from gen.expand import Expander, Library
from gen.policy import read_policy
from gen.reader import read_spec
from gen.render import Renderer

Ngram = tuple[str, ...]
ROUNDS = 24


def labels_of(library: Library, templates: Templates) -> dict[str, list[str]]:
    """Table name -> labels of its entries ("" for holes)."""
    renderer = Renderer(templates)
    labels: dict[str, list[str]] = {"ea_index": [name for name, _ in ea_entries()]}
    for table in library.tables.values():
        dims = table.key.dims
        names: list[str] = []
        for numbers in product(*(range(d.radix) for d in dims)):
            parts = [renderer.part(table, d.what, n) for d, n in zip(dims, numbers)]
            names.append("_".join([table.name] + parts) if all(parts) else "")
        labels[table.name] = names
    return labels


def read_fibers(paths: list[Path], labels: dict[str, list[str]]) -> Counter[Ngram]:
    """Gadget sequences and their weights: each profile counts the same in all, however long it ran."""
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
        total = sum(runs * len(names) for names, runs in one.items()) or 1
        for names, runs in one.items():
            fibers[names] += runs * 1_000_000_000 // total
    return fibers


def lower(names: Ngram, chosen: set[Ngram]) -> list[Ngram]:
    """What core/lower.c makes of a sequence."""
    out: list[Ngram] = []
    for name in names:
        if out and out[-1] + (name,) in chosen:
            out[-1] += (name,)
        else:
            out.append((name,))
    return out


def train(fibers: Counter[Ngram], parts: Parts, budget: int, longest: int) -> list[Ngram]:
    """The chosen n-grams, each behind its prefixes."""
    nowhere = Where("profile", 1)
    chosen: list[Ngram] = []
    have: set[Ngram] = set()
    for _ in range(ROUNDS):
        gains: Counter[Ngram] = Counter()
        for names, weight in fibers.items():
            tokens = lower(names, have)
            for token, after in zip(tokens, tokens[1:]):
                gains[token + (after[0],)] += weight
        taken = 0
        for ngram, _ in gains.most_common():
            if taken * ROUNDS >= budget or len(chosen) >= budget:
                break
            if len(ngram) > longest or not all(ngram):
                continue
            if all(can_continue(parts, label, nowhere) for label in ngram[:-1]) and \
                    can_join(parts, ngram[-1], nowhere):
                chosen.append(ngram)
                have.add(ngram)
                taken += 1
    return chosen


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="gen.train", description=__doc__)
    parser.add_argument("--host", default="x86_64")
    parser.add_argument("--budget", type=int, default=4096, help="n-grams (4096)")
    parser.add_argument("--longest", type=int, default=6, help="gadgets in one (6)")
    parser.add_argument("profile", type=Path, nargs="+")
    args = parser.parse_args()
    templates = Templates(ROOT / "templates" / args.host, ROOT)
    spec_dir = ROOT / "gen/spec"
    library = Expander(read_spec(spec_dir, ROOT), templates,
                       read_policy(spec_dir / "default.policy", ROOT), MODE).run()
    fibers = read_fibers(args.profile, labels_of(library, templates))
    chosen = train(fibers, Parts(library, templates), args.budget, args.longest)
    before = sum(weight * len(names) for names, weight in fibers.items())
    after = sum(weight * len(lower(names, set(chosen))) for names, weight in fibers.items())
    print(f"train: {len(chosen)} n-grams, dispatches down to {100 * after / (before or 1):.0f} %",
          file=sys.stderr)
    print("# N-grams by recorded profile (gen/train.py, `make train`); a line is one, the heaviest "
          "first.")
    for ngram in chosen:
        print(" ".join(ngram))
    return 0


if __name__ == "__main__":
    sys.exit(main())
