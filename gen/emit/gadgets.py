"""Gadget assembly: one file per table.

Writes <gadgets>/<host>/<guest>/<memory>/<family>/<table>.S and <out>/gadgets.mk (`GADGET_SRC
:= ...`).
A file whose inputs (body, dispatch, key, rows) are those of the last run is not rendered again:
its header carries their hash.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from gen.emit.assembly import gadget, gadget_file, words
from gen.emit.files import Output, made_by
from gen.emit.render import Renderer
from gen.expand.bodies import Templates
from gen.expand.expander import Library, Table
from gen.language.target import Target

GEN = Path(__file__).resolve().parent.parent


@dataclass
class Made:
    """What a table became: for the report."""

    table: Table
    path: Path
    gadgets: int
    changed: bool


def tool_hash(templates: Templates) -> str:
    """Hash of everything that every gadget depends on: the generator and the templates' library."""
    digest = hashlib.sha256()
    for name in ("host/x86_64.py", "emit/render.py", "emit/gadgets.py", "emit/assembly.py",
                 "expand/bodies.py", "language/target.py"):
        digest.update((GEN / name).read_bytes())
    for name in templates.library:
        digest.update((templates.directory / name).read_bytes())
    return digest.hexdigest()


def body_text(templates: Templates, table: Table) -> str:
    """Source of the body and of what it includes."""
    from jinja2 import meta
    texts = [table.body.source]
    for other in meta.find_referenced_templates(templates.env.parse(table.body.source)):
        if other:
            texts.append((templates.directory / other).read_text(encoding="utf-8"))
    return "\n".join(texts)


class Stamps:
    """Hashes of all that a table's text depends on, but for the rows that it cites."""

    def __init__(self, templates: Templates) -> None:
        self.templates = templates
        self.tool = tool_hash(templates)
        self.texts: dict[str, str] = {}
        self.found: dict[str, str] = {}  # by table name

    def of(self, table: Table) -> str:
        """The hash of a table, 64 hexadecimal digits."""
        if table.name not in self.found:
            body = table.body.name
            if body not in self.texts:
                self.texts[body] = body_text(self.templates, table)
            digest = hashlib.sha256()
            for part in (self.tool, self.texts[body], repr(table.key), table.name):
                digest.update(part.encode())
            self.found[table.name] = digest.hexdigest()
        return self.found[table.name]


def header(table: Table, stamp: str) -> str:
    """Comment on top of a file."""
    key = table.key
    dims = " ".join(f"[{d.what} {d.radix}]" for d in key.dims) or "one gadget"
    params = " ".join(f"{p}@{o}" for p, o in table.offsets.items()) or "none"
    cites = "".join(f"#   {cite}\n" for cite in table.cites)
    return (f"# {table.name}: {table.body.summary}\n"
            f"# {made_by(__name__, f'{table.body.where.file} ({stamp})')} for\n"
            f"{cites}"
            f"# Table: {dims}. Parameters: {params}. Slots: {table.slots} bytes.\n")


def table_text(renderer: Renderer, table: Table, head: str) -> tuple[str, int]:
    """Text of one file and its number of gadgets."""
    entries = list(renderer.gadgets(table))
    gadgets = [gadget(label, text) for label, text in entries if label]
    return gadget_file(head, gadgets,
                       words(table.symbol, (label for label, _ in entries))), len(gadgets)


def emit(library: Library, templates: Templates, stamps: Stamps, target: Target, directory: Path,
         output: Output) -> list[Made]:
    """Write all gadget files; returns what was made."""
    renderer = Renderer(templates, target.guest)
    base = directory / target.directory
    made: list[Made] = []
    for table in library.tables.values():
        stamp = hashlib.sha256((stamps.of(table) + repr(table.cites)).encode()).hexdigest()[:16]
        path = base / table.family / f"{table.name}.S"
        head = header(table, stamp)
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        if old.startswith(head):
            output.kept.add(path)
            made.append(Made(table, path, old.count(f"\n{target.guest.gadget}"), False))
            continue
        text, count = table_text(renderer, table, head)
        made.append(Made(table, path, count, output.write(path, text)))
    return made


def emit_list(paths: list[Path], out: Path, output: Output) -> None:
    """gadgets.mk: the list of all gadget files for the Makefile."""
    body = "".join(f" \\\n    {p}" for p in sorted(str(p) for p in paths))
    output.write(out / "gadgets.mk", f"# {made_by(__name__)}.\nGADGET_SRC :={body}\n")
