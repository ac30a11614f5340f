"""python3 -m gen --host x86_64 --out build/gen --gadgets gadgets

Reads gen/spec, templates/<host>, syscalls/table; writes the gadget files, the C tables and pages.
A file is rewritten only when its text changes.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from gen.emit import core, cpuid, dry, gadgets, ngrams, reference, report, syscalls, tables
from gen.emit.dependencies import Recorder
from gen.emit.files import Output
from gen.expand import opmap
from gen.expand.bodies import Templates
from gen.expand.expander import Expander, Library
from gen.language.errors import SpecError, Where
from gen.language.features import read_features
from gen.language.model import Spec
from gen.language.policy import Policy, read_policy
from gen.language.reader import read_spec
from gen.language.target import DEFAULT, GUESTS, Guest, Target

ROOT = Path(__file__).resolve().parent.parent


def dry_run(spec: Spec, templates: Templates, spec_dir: Path, guest: Guest, root: Path
            ) -> tuple[Library, Policy]:
    """What is known of a guest that has no gadgets yet: it is decoded and counted."""
    path = spec_dir / guest.policy
    policy = read_policy(path, root) if path.exists() else Policy(Where(str(path), 1))
    library = Expander(spec, templates, policy, guest, partial=True).run()
    return library, policy


def generate(target: Target, out: Path, directory: Path, spec_dir: Path, templates_dir: Path,
             root: Path, policy_file: Path | None = None, docs: Path | None = None) -> Output:
    """One whole run; see the module's docstring. `directory`: where gadgets go; `docs`: where
    committed pages go, or nowhere."""
    output = Output()
    spec = read_spec(spec_dir, root)
    templates = Templates(templates_dir, root)
    policy = read_policy(policy_file or spec_dir / target.guest.policy, root)
    library = Expander(spec, templates, policy, target.guest).run()
    dry_runs = [dry_run(spec, templates, spec_dir, guest, root)
                for guest in GUESTS if guest.name != target.guest.name]
    libraries = [library] + [other for other, _ in dry_runs]
    maps, splits = opmap.build((one.guest, one.rows) for one in libraries)
    made = gadgets.emit(library, templates, target, directory, output)
    rest = core.emit(templates, target, directory, output)
    joined, _ = ngrams.emit(library, templates, target, directory, out,
                            spec_dir / target.guest.profile, root, output)
    paths = [m.path for m in made] + rest + joined
    output.remove_stale(directory / target.directory.parent, ".S")
    gadgets.emit_list(paths, out, output)
    every = read_features(spec_dir / "features", root)
    features = cpuid.present(spec, every)
    tables.emit_rows(libraries, cpuid.numbers(features), out, output)
    tables.emit_opmap(maps, splits, out, output)
    cpuid.emit(features, every, out, output)
    reference.emit(spec, out, output)
    if docs is not None:
        reference.emit_index(spec, docs, output)
    for other, others_policy in dry_runs:
        dry.emit(replace(target, guest=other.guest), templates, library, other, others_policy,
                 directory, output)
    count, size = report.emit(paths, target, directory, output)
    policy.check_budget(count, size)
    print(f"gen: {len(spec.insns)} instructions, {len(library.rows)} rows, {len(made)} tables, "
          f"{count} gadgets; {output.written} files written")
    return output


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="gen", description=__doc__)
    parser.add_argument("--host", default=DEFAULT.host)
    parser.add_argument("--out", type=Path, default=Path("build/gen"))
    parser.add_argument("--gadgets", type=Path, default=Path("gadgets"))
    args = parser.parse_args()
    target = replace(DEFAULT, host=args.host)
    recorder = Recorder(ROOT)
    try:
        output = generate(target, args.out, args.gadgets, ROOT / "gen/spec",
                          ROOT / "templates" / target.host, ROOT, docs=ROOT / "docs")
        syscalls.emit(ROOT / "syscalls/table", args.out, ROOT / "docs", output)
        recorder.write(f"{args.out}/stamp", args.out / "gen.d", output,
                       ("build", "gadgets", "docs"))
    except SpecError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
