"""python3 -m gen --host x86_64 --out build/gen --gadgets gadgets

Reads gen/spec, templates/<host>, syscalls/table; writes the gadget files, the C tables and pages.
A file is rewritten only when its text changes.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
from pathlib import Path

from gen import (emit_core, emit_cpuid, emit_gadgets, emit_ngrams, emit_reference, emit_report,
                 emit_tables, opmap)
from gen.bodies import Templates
from gen.dependencies import Recorder
from gen.errors import SpecError
from gen.expand import Expander
from gen.files import Output
from gen.model import MODES
from gen.policy import read_policy
from gen.reader import read_spec

ROOT = Path(__file__).resolve().parent.parent
MODE = "i386"


def optional(name: str) -> object | None:
    """An emitter that may not be there."""
    return importlib.import_module(name) if importlib.util.find_spec(name) else None


def generate(host: str, out: Path, gadgets: Path, spec_dir: Path, templates_dir: Path, root: Path,
             policy_file: Path | None = None, docs: Path | None = None) -> Output:
    """One whole run; see the module's docstring. `docs`: where committed pages go, or nowhere."""
    output = Output()
    spec = read_spec(spec_dir, root)
    templates = Templates(templates_dir, root)
    policy = read_policy(policy_file or spec_dir / "default.policy", root)
    library = Expander(spec, templates, policy, MODE).run()
    for mode in MODES:
        if mode != MODE:
            opmap.build([row for row in spec.rows if mode in row.modes])  # overlap check
    maps = opmap.build(library.rows)
    made = emit_gadgets.emit(library, templates, host, gadgets, out, output)
    core = emit_core.emit(templates, host, MODE, gadgets, output)
    ngrams, _ = emit_ngrams.emit(library, templates, host, MODE, gadgets, out,
                                 spec_dir / "default.profile", root, output)
    core += ngrams
    output.remove_stale(gadgets / host / MODE, ".S")
    emit_gadgets.emit_list([m.path for m in made] + core, out, output)
    every = emit_cpuid.read_features(spec_dir / "features", root)
    features = emit_cpuid.present(spec, every)
    emit_tables.emit_rows(library, emit_cpuid.numbers(features), out, output)
    emit_tables.emit_opmap(maps, out, output)
    emit_cpuid.emit(features, every, out, output)
    emit_reference.emit(spec, out, output)
    if docs is not None:
        emit_reference.emit_index(spec, docs, output)
    count, size = emit_report.emit([m.path for m in made] + core, host, MODE, gadgets, output)
    policy.check_budget(count, size)
    print(f"gen: {len(spec.insns)} instructions, {len(library.rows)} rows, {len(made)} tables, "
          f"{count} gadgets; {output.written} files written")
    return output


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="gen", description=__doc__)
    parser.add_argument("--host", default="x86_64")
    parser.add_argument("--out", type=Path, default=Path("build/gen"))
    parser.add_argument("--gadgets", type=Path, default=Path("gadgets"))
    args = parser.parse_args()
    recorder = Recorder(ROOT)
    try:
        output = generate(args.host, args.out, args.gadgets, ROOT / "gen/spec",
                          ROOT / "templates" / args.host, ROOT, docs=ROOT / "docs")
        syscalls = optional("gen.emit_syscalls")
        if syscalls is not None:
            getattr(syscalls, "emit")(ROOT / "syscalls/table", args.out, ROOT / "docs")
        recorder.write(f"{args.out}/stamp", args.out / "gen.d", output,
                       ("build", "gadgets", "docs"))
    except SpecError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
