"""python3 -m gen --host x86_64 [--guests i386,x86-64] --out build/gen --gadgets gadgets

Reads gen/spec, templates/<host>, syscalls/table; writes the gadget files, the C tables and pages.
A file is rewritten only when its text changes.
"""

from __future__ import annotations

import argparse
import gc
import sys
from dataclasses import replace
from pathlib import Path

from gen.emit import core, cpuid, gadgets, ngrams, reference, report, syscalls, tables
from gen.emit.dependencies import Recorder
from gen.emit.files import Output
from gen.emit.index import Index
from gen.emit.places import Places
from gen.expand import opmap
from gen.expand.bodies import Templates
from gen.expand.expander import Expander, Library
from gen.host.host import hosts
from gen.language.cpus import read_cpus
from gen.language.errors import SpecError, Where
from gen.language.features import read_features
from gen.language.policy import Policy, read_policy
from gen.language.profile import read_profile
from gen.language.reader import read_spec
from gen.language.target import DEFAULT, GUESTS, MEMORY, Target

ROOT = Path(__file__).resolve().parent.parent


def generate(targets: list[Target], out: Path, directory: Path, spec_dir: Path,
             templates_dir: Path, root: Path, policy_file: Path | None = None,
             docs: Path | None = None) -> Output:
    """One whole run; see the module's docstring. `targets`: of one host; their guests get gadgets,
    others are decoded alone. `directory`: where gadgets go; `docs`: where committed pages go, or
    nowhere; `policy_file`: instead of the guests' own."""
    output = Output()
    own = {target.guest.name: target for target in targets}
    spec = read_spec(spec_dir, root)
    every = read_features(spec_dir / "features", root)
    libraries: list[Library] = []
    made: list[tuple[Target, Templates, Library]] = []
    for guest in GUESTS:
        target = own.get(guest.name)
        guest = target.guest if target else guest
        templates = Templates(templates_dir, root, target or replace(targets[0], guest=guest))
        path = policy_file or spec_dir / guest.policy
        policy = read_policy(path, root) if target else Policy(Where(str(path), 1))
        library = Expander(spec, templates, policy, guest, partial=target is None).run()
        libraries.append(library)
        if target:
            made.append((target, templates, library))
    ids = tables.gadget_ids([library for _, _, library in made])
    paths: list[Path] = []
    joined: dict[str, list[ngrams.Ngram]] = {}
    count = 0
    for target, templates, library in made:
        stamps = gadgets.Stamps(templates)
        index = Index(directory, target, output)
        profile = read_profile(spec_dir / target.guest.profile, root)
        places = Places(profile)
        gadgets.emit(library, templates, stamps, places, index)
        core.emit(templates, places, index)
        joined[target.guest.name] = ngrams.emit(library, templates, stamps, ids, profile, index)
        output.remove_stale(directory / target.directory.parent, ".S")
        gadget_count, size = report.emit(index, directory, output)
        library.policy.check_budget(gadget_count, size)
        index.save()
        count += gadget_count
        paths += index.paths()
    ngrams.emit_tables(joined, out, output)
    gadgets.emit_list(paths, out, output)
    maps, splits = opmap.build((one.guest, one.rows) for one in libraries)
    features = cpuid.present(spec, every)
    tables.emit_rows(libraries, [library for _, _, library in made], cpuid.numbers(features), out,
                     output)
    tables.emit_opmap(maps, splits, out, output)
    cpuid.emit(features, every, read_cpus(spec_dir / "cpus", root, every),
               cpuid.portable(spec, features), out, output)
    reference.emit(spec, out, output)
    if docs is not None:
        reference.emit_index(spec, docs, output)
    print(f"gen: {len(spec.insns)} instructions, {len(libraries[0].rows)} rows, "
          f"{sum(len(library.tables) for _, _, library in made)} tables, {count} gadgets; "
          f"{output.written} files written")
    return output


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="gen", description=__doc__)
    parser.add_argument("--host", default=DEFAULT.host, choices=hosts())
    parser.add_argument("--out", type=Path, default=Path("build/gen"))
    parser.add_argument("--gadgets", type=Path, default=Path("gadgets"))
    parser.add_argument("--guests", default=",".join(guest.name for guest in GUESTS),
                        help="guests that get gadgets, by commas; default: %(default)s")
    args = parser.parse_args()
    known = {guest.name: guest for guest in GUESTS}
    unknown = [name for name in args.guests.split(",") if name not in known]
    if unknown:
        parser.error(f"{unknown[0]} is no guest ({' '.join(known)})")
    targets = [Target(args.host, guest, MEMORY) for guest in GUESTS
               if guest.name in args.guests.split(",")]
    recorder = Recorder(ROOT)
    gc.disable()  # next to nothing becomes garbage; to look for it takes a seventh of the time
    try:
        output = generate(targets, args.out, args.gadgets, ROOT / "gen/spec",
                          ROOT / "templates" / args.host, ROOT, docs=ROOT / "docs")
        syscalls.emit(ROOT / "syscalls/table", args.out, ROOT / "docs", output)
        recorder.write(f"{args.out}/stamp", args.out / "gen.d", output,
                       ("build", "gadgets", "docs"))
    except SpecError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
