"""Templates: loading, static analysis (which names a body mentions), rendering.

Reads templates/<host>/<room>/*.j2 and mapping; a body goes by its file's name, whatever its room.
What a template mentions decides the indices and parameters of its gadgets
(templates/<host>/README.md), so the analysis here is the contract of the expander.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any, Callable

import jinja2
from jinja2 import meta

from gen.expand.mapping import read_mapping
from gen.host.host import load
from gen.language.errors import SpecError, Where
from gen.language.target import DEFAULT, Target

OPERANDS = ("dst", "src", "src2", "src3")
PARAMS = ("target", "fall", "disp", "imm", "imm2", "pc", "nextpc", "raw")
PLAIN = {"op", "size", "s", "live", "lock", "rep", "cc", "next", "jump", "jump_fall", "indirect",
         "opsize", "addrsize", "helper_slots", "native"}
LIBRARY = "lib"
DISPATCH = "lib/dispatch.j2"
HELPER_BODY = "helper"
EXPLODED = re.compile(r"(imm|sat)(\d+|size)$")


# How templates are read; what they may mention is a host's and guest's.
OPTIONS: dict[str, Any] = {
    "trim_blocks": True, "lstrip_blocks": True, "keep_trailing_newline": True, "autoescape": False,
    "undefined": jinja2.StrictUndefined}
SYNTAX = jinja2.Environment(**OPTIONS)


@lru_cache(maxsize=None)
def analysed(source: str) -> tuple[frozenset[str], tuple[str, ...]]:
    """Undeclared names of a template's text, and the templates that it refers to. The same for all
    guests."""
    tree = SYNTAX.parse(source)
    names = set(meta.find_undeclared_variables(tree))
    names -= {n.name for n in tree.find_all(jinja2.nodes.Name) if n.ctx == "store"}
    return frozenset(names), tuple(other for other in meta.find_referenced_templates(tree) if other)


@dataclass(frozen=True)
class Body:
    """One template and what it mentions."""

    name: str
    where: Where
    load: Callable[[], jinja2.Template]
    names: frozenset[str]
    source: str
    summary: str

    @cached_property
    def template(self) -> jinja2.Template:
        """Compiled when the first gadget is rendered."""
        return self.load()

    def exploded(self, size: int) -> int:
        """Radix of the exploded immediate (imm256, sat17; immsize: the operand size in bits), 0
        without."""
        for name in self.names:
            match = EXPLODED.match(name)
            if match and name != "imm2":
                return size if match.group(2) == "size" else int(match.group(2))
        return 0

    @property
    def saturates(self) -> bool:
        """The exploded immediate is cut to the largest value, not taken modulo the radix."""
        return any(name.startswith("sat") for name in self.names if EXPLODED.match(name))

    @property
    def ea_only(self) -> bool:
        """Its head comment says that memory is reached through the EA register alone."""
        return "EA only" in self.summary

    @property
    def operands(self) -> tuple[str, ...]:
        """Operand names it mentions, in order."""
        return tuple(o for o in OPERANDS if o in self.names)


class Templates:
    """The templates of a target's host, as they are for its guest."""

    def __init__(self, directory: Path, root: Path | None = None, target: Target = DEFAULT
                 ) -> None:
        self.directory = directory
        self.root = root
        self.env = jinja2.Environment(
            loader=jinja2.FileSystemLoader(str(directory)), auto_reload=False, **OPTIONS)
        self.files: dict[str, str] = {}  # body -> file below the directory
        for path in sorted(directory.glob("*/*.j2")):
            name = path.relative_to(directory).as_posix()
            if path.stem in self.files:
                raise SpecError(self.where(name), f"{self.files[path.stem]} has that name too")
            self.files[path.stem] = name
        self.mapping = read_mapping(directory / "mapping", self.where("mapping"))
        self.bodies: dict[str, Body] = {}
        self.target = target
        self.host = load(target.host)
        self.residence = self.host.residence(target.guest)
        self.env.globals.update(self.host.names(target.guest), long_mode=target.guest.long_mode,
                                address_bits=self.residence.bits)
        self.library = sorted(path.relative_to(directory).as_posix()
                              for path in directory.glob(f"{LIBRARY}/*.j2"))
        self.dispatch = self.macros(DISPATCH)
        self.macro_files: dict[str, str] = {}  # macro -> file of the library
        for name in self.library:
            if name != DISPATCH:
                macros = vars(self.macros(name))
                self.env.globals.update(macros)
                self.macro_files.update(dict.fromkeys(macros, name))

    def where(self, name: str, line: int = 1) -> Where:
        """Place of a template, relative to the project."""
        path = self.directory / name
        if self.root and path.is_relative_to(self.root):
            path = path.relative_to(self.root)
        return Where(str(path), line)

    def macros(self, name: str) -> Any:
        """The macros of a file of the library, as attributes."""
        try:
            return self.env.get_template(name).module
        except jinja2.TemplateSyntaxError as error:
            raise SpecError(self.where(name, error.lineno),
                            f"template syntax: {error.message}") from None
        except jinja2.TemplateNotFound as error:
            raise SpecError(self.where(name), f"{error.name} is not there") from None

    @lru_cache(maxsize=None)
    def macro(self, name: str, *args: object) -> str:
        """Text of a dispatch macro."""
        macro: Callable[..., object] = getattr(self.dispatch, name)
        return str(macro(*args))

    def mentioned(self, name: str, seen: set[str]) -> set[str]:
        """Undeclared names of a template and of what it includes."""
        seen.add(name)
        assert self.env.loader is not None
        source, _, _ = self.env.loader.get_source(self.env, name)
        own, others = analysed(source)
        names = set(own)
        for other in others:
            if other not in seen and other != DISPATCH:
                names |= self.mentioned(other, seen)
        return names

    def body(self, name: str, asker: Where) -> Body:
        """Body by name; `asker` is the row that wants it, for the error."""
        if name in self.bodies:
            return self.bodies[name]
        if name not in self.files:
            folder = self.where("").file
            raise SpecError(asker, f"body {name} is missing for this host "
                                   f"({name}.j2 in a folder of {folder})")
        file = self.files[name]
        try:
            names = self.mentioned(file, set())
        except jinja2.TemplateNotFound as error:
            raise SpecError(self.where(file), f"includes {error.name}, which is not there"
                            ) from None
        except jinja2.TemplateSyntaxError as error:
            raise SpecError(self.where(file, error.lineno),
                            f"template syntax: {error.message}") from None
        source = (self.directory / file).read_text(encoding="utf-8")
        for mentioned in sorted(names):
            if not (mentioned in PLAIN or mentioned in OPERANDS or mentioned in PARAMS
                    or mentioned in self.env.globals or EXPLODED.match(mentioned)):
                line = next((i for i, text in enumerate(source.splitlines(), 1)
                             if re.search(rf"\b{re.escape(mentioned)}\b", text)), 1)
                raise SpecError(self.where(file, line),
                                f"{mentioned} is no name that a body may mention")
        match = re.match(r"\{#-?\s*(.*?)\s*-?#\}", source, re.S)
        if not match:
            raise SpecError(self.where(file), "a body starts with a comment that says what it does")
        body = Body(name, self.where(file), partial(self.env.get_template, file), frozenset(names),
                    source, " ".join(match.group(1).split()))
        self.bodies[name] = body
        return body


def tidy(text: str) -> str:
    """Rendered text with one indent and no blank lines; labels are at the margin."""
    lines: list[str] = []
    for line in text.splitlines():
        line = line.strip()
        if line:
            lines.append(line if re.match(r"[\w.$]+:$", line) else "    " + line)
    return "\n".join(lines) + "\n"
