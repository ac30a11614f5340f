"""Gadget assembly: one file per table.

Writes <gadgets>/<host>/<guest>/<memory>/<family>/<table>.S and <out>/gadgets.mk (`GADGET_SRC
:= ...`).
A file whose inputs (body, dispatch, key, rows) are those of an earlier run is not rendered again
(gen/emit/index.py).
"""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

from gen.emit import stencils
from gen.emit.assembly import gadget, gadget_file, refs
from gen.emit.files import Output, made_by
from gen.emit.index import Index, stamp_of
from gen.emit.places import Places
from gen.emit.render import Renderer
from gen.expand.bodies import Templates, analysed
from gen.expand.expander import Library, Table
from gen.host.host import sources

GEN = Path(__file__).resolve().parent.parent


def tool_hash(templates: Templates) -> str:
    """Hash of everything that every gadget depends on: the generator and the templates' library."""
    digest = hashlib.sha256()
    for path in sources(templates.host):
        digest.update(path.read_bytes())
    for name in ("emit/render.py", "emit/gadgets.py", "emit/stencils.py", "emit/ngrams.py",
                 "emit/assembly.py", "emit/index.py", "expand/bodies.py", "language/target.py",
                 "emit/places.py"):
        digest.update((GEN / name).read_bytes())
    for name in templates.library:
        digest.update((templates.directory / name).read_bytes())
    return digest.hexdigest()


def body_text(templates: Templates, table: Table) -> str:
    """Source of the body and of what it includes."""
    texts = [table.body.source]
    for other in analysed(table.body.source)[1]:
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


def header(table: Table) -> str:
    """Comment on top of a file."""
    key = table.key
    dims = " ".join(f"[{d.what} {d.radix}]" for d in key.dims) or "one gadget"
    params = " ".join(f"{p}@{o}" for p, o in table.offsets.items()) or "none"
    cites = "".join(f"#   {row}\n" for row in table.rows)
    return (f"# {table.name}: {table.body.summary}\n"
            f"# {made_by(__name__, table.body.where.file)} for\n"
            f"{cites}"
            f"# Table: {dims}. Parameters: {params}. Slots: {table.slots} bytes.\n")


def table_text(renderer: Renderer, bodies: stencils.StencilRenderer, table: Table, head: str,
               places: Places) -> str:
    """Text of one file; `bodies` renders stencils."""
    gadgets: list[tuple[int, str]] = []
    names: list[str] = []
    labels: list[str] = []
    for label, values in renderer.entries(table):
        name = f"{renderer.guest.gadget}{label}" if label else ""
        names.append(name)
        labels.append(label)
        if label:
            place = places.of(label)
            text, record = stencils.add(bodies, table, values, name, renderer.one(table, values))
            gadgets.append((place, gadget(name, text, record, place)))
    return gadget_file(head, gadgets, refs(table.symbol, names, places.of_table(labels)))


def emit(library: Library, templates: Templates, stamps: Stamps, places: Places, index: Index
         ) -> None:
    """Write all gadget files of one target."""
    renderer = Renderer(templates, library.guest)
    bodies = stencils.StencilRenderer(templates, library.guest)
    for table in library.tables.values():
        head = header(table)
        index.make(f"{table.family}/{table.name}.S",
                   stamp_of((stamps.of(table), head, places.stamp(table.name))),
                   partial(table_text, renderer, bodies, table, head, places))


def emit_list(paths: list[Path], out: Path, output: Output) -> None:
    """gadgets.mk: the list of all gadget files for the Makefile."""
    body = "".join(f" \\\n    {p}" for p in sorted(str(p) for p in paths))
    output.write(out / "gadgets.mk", f"# {made_by(__name__)}.\nGADGET_SRC :={body}\n")
