"""Expander: spec rows -> forms -> variants -> steps -> gadget tables.

Pure: takes a model.Spec, the templates and the policy; makes the Library that the emitters write.
A table is the set of gadgets of one body for one (mnemonic, size, operand forms); rows that want
the same thing share it (01 /r and 03 /r).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Iterator

from gen.expand import bodies as bd
from gen.expand.bodies import HELPER_BODY
from gen.host.host import OperandForm, Residence
from gen.language.errors import SpecError
from gen.language.model import (CONDITIONS, FIXED_REGS, FIXED_SEGMENTS, Form, HelperCall, Operand,
                                Place, Row, Spec, forms, may_fault, may_store, memory_access,
                                memory_alignment, memory_width, row_of_guest)
from gen.language.policy import Policy
from gen.language.target import GUESTS, Guest

ORDER = ("target", "fall", "disp", "imm", "imm2", "pc", "nextpc", "raw")
MAX_INDEX, MAX_PARAMS = 3, 5
COPIES = 8  # of each gadget of a table that the mapping wants copied


@dataclass(frozen=True)
class Dim:
    """One index of a table: an operand name, `cc` or `imm`, and how many entries it has."""

    what: str
    radix: int


@dataclass(frozen=True)
class TableKey:
    """All that the text of a table depends on."""

    body: str
    op: str
    size: int
    opsize: int            # bytes, by prefix; 0 unless the body mentions it
    addrsize: int          # bytes, the row's; 0 unless the body mentions it
    operands: tuple[OperandForm, ...]
    lock: bool
    rep: str
    params: tuple[str, ...]
    dims: tuple[Dim, ...]
    live: bool | None      # None: the body does not ask
    fused: bool


@dataclass(eq=False)
class Table:
    """Gadgets of one body for one combination of operand forms: one .S file."""

    key: TableKey
    name: str
    family: str
    body: bd.Body
    main_size: int
    symbol: str                      # of its table of addresses
    offsets: dict[str, int]
    slots: int                       # bytes, slot 0 included
    cites: list[str] = field(default_factory=list)

    @property
    def rows(self) -> list[str]:
        """The rows that it cites, without the numbers of their lines: an edit of the spec shall not
        rewrite the gadgets of all rows after it."""
        return list(dict.fromkeys(re.sub(r":[0-9]+:", ":", cite, count=1) for cite in self.cites))

    @property
    def count(self) -> int:
        """Entries, holes included."""
        count = 1
        for dim in self.key.dims:
            count *= dim.radix
        return count


@dataclass(frozen=True)
class Step:
    """One gadget of an instruction's sequence."""

    table: Table
    dead: Table | None
    fused: Table | None
    offset: int                      # first entry: fixed register operands
    index: tuple[tuple[str, int], ...]  # (index kind, radix)
    params: tuple[str, ...]
    slots: int
    helper: str


@dataclass(frozen=True)
class Variant:
    """How one form of a row runs."""

    steps: tuple[Step, ...]
    mem: str                         # NONE BASE EA LEA
    end: str                         # GOES_ON ENDS ENDS_NEXT
    stores: bool
    writes: bool                     # its explicit memory operand
    align: int                       # bytes to which that must be aligned
    bytes: int                       # its width
    flags_read: int
    flags_killed: int
    portable: Variant | None = None  # takes its place where the host lacks the row's feature


@dataclass
class Library:
    """Everything the emitters of one host and guest need."""

    guest: Guest
    residence: Residence
    policy: Policy
    rows: list[Row]                  # of all guests; those of others have no variants
    tables: dict[TableKey, Table] = field(default_factory=dict)
    names: dict[str, TableKey] = field(default_factory=dict)
    # per row index: (opsize, mem, prefix) -> variant
    variants: list[dict[tuple[int, bool, str], Variant]] = field(default_factory=list)
    # forms that no template serves (Expander.partial), with the reason
    missing: list[tuple[Form, SpecError]] = field(default_factory=list)
    stencils: bool = False           # the host has native code


def layout(guest: Guest, body: str, params: tuple[str, ...]) -> tuple[dict[str, int], int]:
    """Offsets of parameters from slot 0, and the padded size (core/decode/rows.h): C functions get
    all of theirs as words of 8 bytes."""
    offsets: dict[str, int] = {}
    at = 8
    for param in params:
        size = 8 if body == HELPER_BODY else guest.param_bytes(param)
        at = (at + size - 1) & -size
        offsets[param] = at
        at += size
    return offsets, (at + 7) & -8


def split_slow(row: Row) -> Iterator[Row]:
    """A row with `slow` becomes three of each guest: itself, for the address size that the guest
    has without a prefix, and its helper for the other address size and for FS/GS."""
    if row.slow is None:
        yield row
        return
    call = HelperCall(row.slow, ("next", "raw", "imm"))
    for guest in GUESTS:
        if guest.name not in row.modes:
            continue
        here = replace(row, modes=(guest.name,))
        slow = replace(here, body="", helper=call, synthetic=True)
        for size in guest.addrsizes:
            if row.addrsizes and size not in row.addrsizes:
                continue
            if size == max(guest.addrsizes):
                yield replace(here, addrsizes=(size,), seg=0)
                yield replace(slow, addrsizes=(size,), seg=1)
            else:
                yield replace(slow, addrsizes=(size,))


def declared_helpers() -> frozenset[str]:
    """Names of the C helpers: HELPER(name) in core/helpers/helpers.h and portable.h."""
    directory = Path(__file__).resolve().parent.parent.parent / "core/helpers"
    return frozenset(name for file in ("helpers.h", "portable.h") for name in
                     re.findall(r"^HELPER\((\w+)\)",
                                (directory / file).read_text(encoding="utf-8"), re.M))


def main_size(row: Row, opsize: int) -> int:
    """Operand size of the operation in bits (templates README)."""
    for operand in row.operands:
        if operand.size == "z" and operand.letter in ("I", "J"):  # extended to the operand size
            return opsize * 8
        if operand.varies:
            return operand.bits(opsize)
    for operand in row.operands:
        if operand.bits(opsize):
            return operand.bits(opsize)
    return opsize * 8


class Expander:
    """Builds a Library. `partial`: forms that no template serves are noted, not refused."""

    def __init__(self, spec: Spec, templates: bd.Templates, policy: Policy, guest: Guest,
                 partial: bool = False) -> None:
        self.partial = partial
        self.templates = templates
        self.policy = policy
        self.guest = guest
        self.helpers = declared_helpers()
        rows = [row_of_guest(part, guest) for row in spec.rows for part in split_slow(row)]
        self.library = Library(guest, templates.residence, policy, rows)
        self.library.stencils = templates.host.holes() is not None

    def run(self) -> Library:
        """Expand every row of the guest."""
        for row in self.library.rows:
            variants: dict[tuple[int, bool, str], Variant] = {}
            for form in forms(row, self.guest):
                variants[form.opsize, form.mem, form.prefix] = self.variant(form)
            if not variants and self.guest.name in row.modes:
                raise SpecError(row.where, f"{row.mnemonic} has no form in mode "
                                           f"{self.guest.name}")
            self.library.variants.append(variants)
        self.policy.check_used()
        return self.library

    def variant(self, form: Form) -> Variant:
        """Steps and block facts of one form."""
        row = form.row
        steps: tuple[Step, ...] = ()
        try:
            steps = self.steps(form)
        except SpecError as error:
            if not self.partial:
                raise
            self.library.missing.append((form, error))
        end = "GOES_ON"
        if "ends" in row.words:
            end = "ENDS"
        elif "endsnext" in row.words:
            end = "ENDS_NEXT"
        mask = 0xFFFF
        stores = may_store(form)
        by_helper = "ENDS_NEXT" if end == "GOES_ON" and stores else end  # C may write what follows
        if row.helper is not None:
            end = by_helper
        access = memory_access(form)
        writes = "w" in access or "c" in access and bool(row.words & {"mask4", "mask8"})
        made = Variant(steps, self.memory(form, steps), end, stores, writes,
                       memory_alignment(form), memory_width(form),
                       mask if may_fault(form) else row.flags_read & mask,
                       row.flags_killed & mask)
        if row.portable is None or not row.portable.name or not steps:
            return made
        helper = (self.helper_step(form, row.portable),)
        return replace(made, portable=replace(made, steps=helper, end=by_helper,
                                              mem=self.memory(form, helper)))

    def steps(self, form: Form) -> tuple[Step, ...]:
        """The gadgets of one form."""
        row = form.row
        if row.helper is not None:
            return (self.helper_step(form, row.helper),)
        parts = self.templates.mapping.parts(row.body, row.mnemonic, row.where)
        found: list[Step] = []
        for name, where in parts:
            body = self.templates.body(name, where)
            scratch = self.scratch(form, body)
            for operand in scratch:
                load = f"scratch_{operand.name}_{operand.place.value}"
                found.append(self.step(form, self.templates.body(load, row.where), not found,
                                       False, []))
            found.append(self.step(form, body, not found, len(parts) == 1 and not scratch,
                                   scratch))
        return tuple(found)

    def scratch(self, form: Form, body: bd.Body) -> list[OperandForm]:
        """The operands that the policy has in scratch registers: registers only read."""
        operands = self.operand_forms(form, body)
        if not self.policy.wants("unexploded", self.stem_of(form, body, operands)):
            return []
        access = dict(zip(bd.OPERANDS, form.row.access))
        return [o for o in operands if access[o.name] == "r" and
                (o.place in (Place.XMM, Place.YMM) or o.place is Place.REG and o.size > 8)]

    def stem_of(self, form: Form, body: bd.Body, operands: list[OperandForm]) -> str:
        """What policy patterns call the table."""
        return self.stem(body, self.templates.mapping.mnemonic(form.row.mnemonic)
                         if "op" in body.names else "",
                         main_size(form.row, form.opsize), operands,
                         "size" in body.names or "s" in body.names, form.prefix == "lock",
                         form.prefix if form.prefix.startswith("rep") else "")

    @staticmethod
    def memory(form: Form, steps: tuple[Step, ...]) -> str:
        """How the steps reach the memory operand (enum mem_use of core/decode/rows.h)."""
        access = memory_access(form)
        if access in ("", "-"):
            return "NONE"
        if access == "a":
            return "LEA"
        if "w" in access and form.row.touches("[rSP]") == "r":
            return "POP"  # an ESP base counts as after the pop
        return "BASE" if steps and any(kind == "BASE" for kind, _ in steps[0].index) else "EA"

    def helper_step(self, form: Form, call: HelperCall) -> Step:
        """The step that calls a C function."""
        row = form.row
        if call.name not in self.helpers:
            raise SpecError(row.where, f"helper_{call.name} is not declared in "
                                       "core/helpers/helpers.h")
        body = self.templates.body(HELPER_BODY, row.where)
        names = {"next": "nextpc"}
        params = ("helper", "pc") + tuple(names.get(p, p) for p in call.params)
        key = TableKey(HELPER_BODY, "", 0, 0, 0, (), False, "", params, (), True, False)
        cite = call is row.helper  # not where it only takes a gadget's place
        live = self.table(key, body, form, 0, cite)
        dead = None
        if not row.flags_read:
            dead = self.table(replace(key, live=False), body, form, 0, cite)
        return Step(live, dead, None, 0, (), params, live.slots, call.name)

    def operand_forms(self, form: Form, body: bd.Body) -> list[OperandForm]:
        """The operands that a body mentions, as this form has them."""
        row = form.row
        found: list[OperandForm] = []
        for number, name in enumerate(bd.OPERANDS):
            if name not in body.names:
                continue
            if number >= len(row.operands):
                raise SpecError(row.where, f"body {body.name} mentions {name}, but {row.mnemonic} "
                                           f"has {len(row.operands)} operands here")
            operand = row.operands[number]
            place = operand.place(form.mem)
            if place in (Place.LITERAL, Place.TARGET):
                raise SpecError(row.where, f"body {body.name} mentions {name}, but operand "
                                           f"{operand.text} can only be spelled by the body")
            if operand.letter == "VM":
                raise SpecError(row.where, f"body {body.name} mentions {name}, but operand "
                                           f"{operand.text} has one address for each element: no "
                                           "body can reach it yet")
            size = operand.bits(form.opsize)
            if place in (Place.XMM, Place.YMM, Place.MMX, Place.ST, Place.SREG):
                size = 0
            access = row.access[number] if self.guest.long_mode else ""
            vex = self.guest.long_mode and row.vex is not None and (
                place is Place.YMM or place is Place.XMM and access != "r")
            found.append(OperandForm(name, place, size, access=access, vex=vex))
        return found

    def step(self, form: Form, body: bd.Body, first: bool, alone: bool,
             scratch: list[OperandForm]) -> Step:
        """One body of a form's sequence; `scratch`: operands that earlier steps have loaded."""
        row = form.row
        size = main_size(row, form.opsize)
        operands = self.operand_forms(form, body)
        sized = "size" in body.names or "s" in body.names
        op = self.templates.mapping.mnemonic(row.mnemonic) if "op" in body.names else ""
        lock = form.prefix == "lock"
        rep = form.prefix if form.prefix.startswith("rep") else ""
        if lock and "lock" not in body.names:
            raise SpecError(row.where, f"row has LOCK but body {body.name} does not mention lock")
        if rep and alone and "rep" not in body.names:
            raise SpecError(row.where, f"row has REP but body {body.name} does not mention rep")
        stem = self.stem_of(form, body, operands)
        operands = [replace(o, scratch=o in scratch) for o in operands]
        if first and not lock and not body.ea_only and self.policy.wants("by_base", stem):
            operands = [replace(o, by_base=True) if o.place is Place.MEM else o for o in operands]
        dims, index, offset = self.dims(form, body, operands,
                                        self.templates.mapping.copies(stem))
        params = self.params(row, body, operands)
        asks = "live" in body.names
        opsize = form.opsize if "opsize" in body.names else 0
        addrsize = self.addrsize(row, body) if "addrsize" in body.names else 0
        key = TableKey(body.name, op, size if sized else 0, opsize, addrsize, tuple(operands), lock,
                       rep, params, dims, True if asks else None, False)
        table = self.table(key, body, form, size)
        dead = self.table(replace(key, live=False), body, form, size) if asks else None
        fused = None
        if alone and not asks and self.policy.wants("fuse", table.name):
            fused = self.table(replace(key, fused=True, dims=dims + (Dim("cc", 16),),
                                       params=params + ("target", "fall")), body, form, size)
        return Step(table, dead, fused, offset, index, params, table.slots, "")

    def addrsize(self, row: Row, body: bd.Body) -> int:
        """The address size of a row, for a body that mentions it."""
        sizes = [size for size in self.guest.addrsizes
                 if not row.addrsizes or size in row.addrsizes]
        if len(sizes) != 1:
            raise SpecError(row.where, f"body {body.name} mentions addrsize, so the row must be of "
                                       "one (a16, a32 or a64)")
        return sizes[0]

    def dims(self, form: Form, body: bd.Body, operands: list[OperandForm], copied: bool
             ) -> tuple[tuple[Dim, ...], tuple[tuple[str, int], ...], int]:
        """Table dimensions (registers, then memory base, condition, immediate), the step's index
        specs, and the offset that fixed registers make."""
        row = form.row
        parts: list[tuple[Dim, str, int]] = []  # dim, index kind ("" fixed), fixed number
        by_name = dict(zip(bd.OPERANDS, row.operands))
        for o in operands:
            if o.scratch:
                continue
            if o.place in (Place.REG, Place.XMM, Place.YMM, Place.MMX, Place.ST, Place.SREG):
                kind, fixed = self.field(by_name[o.name])
                parts.append((self.index(o), kind, fixed))
        for o in operands:
            if o.place is Place.MEM and o.by_base:
                parts.append((self.index(o), "BASE", 0))
        if "cc" in body.names:
            if row.span != 16:
                raise SpecError(row.where, f"body {body.name} mentions cc, but the opcode "
                                           "has no +c")
            parts.append((Dim("cc", 16), "COND", 0))
        exploded = body.exploded(main_size(row, form.opsize))
        if exploded:
            if not any(o.letter == "I" for o in row.operands):
                raise SpecError(row.where, f"body {body.name} explodes an immediate that "
                                           f"{row.mnemonic} does not have here")
            parts.append((Dim("imm", exploded), "IMM_SAT" if body.saturates else "IMM", 0))
        if copied:
            parts.append((Dim("copy", COPIES), "COPY", 0))
        offset = 0
        indexed = False
        for dim, kind, fixed in parts:
            offset = offset * dim.radix + fixed
            if kind:
                indexed = True
            elif indexed:
                raise SpecError(row.where, "a fixed register operand must come before the others")
        index = tuple((kind, dim.radix) for dim, kind, _ in parts if kind)
        if len(index) > MAX_INDEX:
            raise SpecError(row.where, f"body {body.name} would need {len(index)} table indices, "
                                       f"at most {MAX_INDEX} are possible")
        return tuple(p[0] for p in parts), index, offset

    def index(self, operand: OperandForm) -> Dim:
        """The index that chooses an operand's register."""
        return Dim(operand.name, self.radix(operand.place.value, operand.size))

    def radix(self, kind: str, bits: int) -> int:
        """Entries of an index by a register operand."""
        return len(self.templates.residence.entries(kind, bits))

    @staticmethod
    def field(operand: Operand) -> tuple[str, int]:
        """Index kind of a register operand, or its fixed number."""
        if operand.text in FIXED_REGS:
            return "", FIXED_REGS[operand.text][0]
        if operand.text in FIXED_SEGMENTS:
            return "", FIXED_SEGMENTS.index(operand.text)
        if operand.letter == "Z":
            return "OPREG", 0
        if operand.letter in ("H", "B"):
            return "VVVV", 0
        if operand.letter == "L":
            return "IS4", 0
        return ("REG" if operand.letter in "GVPS" else "RM"), 0

    def params(self, row: Row, body: bd.Body, operands: list[OperandForm]) -> tuple[str, ...]:
        """Parameters in layout order."""
        wanted = {name for name in bd.PARAMS if name in body.names}
        imms = [n for n, o in zip(bd.OPERANDS, row.operands) if o.place(False) is Place.IMM]
        for o in operands:
            if o.place is Place.IMM:
                wanted.add("imm2" if imms.index(o.name) else "imm")
            if o.place is Place.MEM and o.by_base:
                wanted.add("disp")
        second = row.imms in (("iw", "ib"), ("ifar",))
        if ("imm" in wanted and not row.imms) or ("imm2" in wanted and not second):
            raise SpecError(row.where, f"body {body.name} wants an immediate that {row.mnemonic} "
                                       "does not have here")
        if "target" in wanted and not any(o.letter == "J" for o in row.operands):
            raise SpecError(row.where, f"body {body.name} wants a branch target, but no operand is "
                                       "one")
        found = tuple(p for p in ORDER if p in wanted)
        if len(found) > MAX_PARAMS:
            raise SpecError(row.where, f"body {body.name} would need {len(found)} parameters, "
                                       f"at most {MAX_PARAMS} are possible")
        return found

    @staticmethod
    def stem(body: bd.Body, op: str, size: int, operands: list[OperandForm], sized: bool,
             lock: bool, rep: str, final: bool = False) -> str:
        """Table name; memory operands are `m`, in the final name `e` where not by base."""
        name = op or body.name
        general = [o for o in operands if o.place in (Place.REG, Place.MEM, Place.IMM)]
        if sized or general:
            name += str(size)
        letters = ""
        for o in operands:
            if o.scratch:
                continue
            ea = final and o.place is Place.MEM and not o.by_base
            letters += "e" if ea else o.place.value
            if o in general and o.size not in (size, 0):
                letters += str(o.size)
        prefix = "lock_" if lock else f"{rep}_" if rep else ""
        return prefix + name + (f"_{letters}" if letters else "")

    def table(self, key: TableKey, body: bd.Body, form: Form, size: int,
              cites: bool = True) -> Table:
        """The table of a key, made at its first use; cites the row, unless told not to."""
        library = self.library
        table = library.tables.get(key)
        if table is None:
            name = self.name(key, body, size)
            if name in library.names and key.opsize:
                name += f"_o{key.opsize * 8}"
            if name in library.names and key.addrsize:
                name += f"_a{key.addrsize * 8}"
            if name in library.names and body.name not in name:
                name += f"_{body.name}"
            if name in library.names:
                number = 2
                while f"{name}_{number}" in library.names:
                    number += 1
                name = f"{name}_{number}"
            offsets, slots = layout(self.guest, key.body, key.params)
            family = "core" if key.body == HELPER_BODY else form.row.family
            table = Table(key, name, family, body, size, self.guest.table + name, offsets,
                          slots)
            library.tables[key] = table
            library.names[name] = key
        cite = form.row.cite
        full = key.body == HELPER_BODY and len(table.cites) >= 200
        if cites and cite not in table.cites and not full:
            table.cites.append(cite)
        return table

    def name(self, key: TableKey, body: bd.Body, size: int) -> str:
        """Name of a new table."""
        if key.body == HELPER_BODY:
            name = "_".join(("helper",) + tuple(p for p in key.params if p not in ("helper", "pc")))
        else:
            name = self.stem(body, key.op, size, list(key.operands), key.size != 0, key.lock,
                             key.rep, True)
        if key.live is False:
            name += "_dead"
        if key.fused:
            name += "_jcc"
        return name


def condition(number: int) -> str:
    """Name of a condition code."""
    return CONDITIONS[number]
