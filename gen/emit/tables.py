"""C tables of core/decode/rows.h.

Writes <out>/rows.c (rows, variants, steps, guest_shapes, ea_tables, core_gadgets, parts of gadget
names) and <out>/opmap.c (opcode maps).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gen.emit.core import ADDR16, MEMBERS, WIDE, ea_numbers
from gen.emit.files import Output, made_by
from gen.expand.expander import Dim, Library, Step, Table, Variant
from gen.expand.opmap import QUESTIONS, SPLIT, Maps, Split
from gen.language.model import CONDITIONS, Place, Row

PARAM = {"target": "P_TARGET", "fall": "P_FALL", "disp": "P_DISP", "imm": "P_IMM",
         "imm2": "P_IMM2", "pc": "P_PC", "nextpc": "P_NEXT", "raw": "P_RAW", "helper": "P_HELPER"}
PFX = {"": 0, "lock": 1, "rep": 1, "repe": 1, "repne": 2}
IMM = {"iw": "IMM_W", "iz": "IMM_Z", "iv": "IMM_V", "ifar": "IMM_FAR", "moffs": "IMM_MOFFS",
       "cb": "IMM_JB", "cz": "IMM_JZ", "is4": "IMM_B"}
TOP = f"/* {made_by(__name__, 'gen/spec')}. Shapes: core/decode/rows.h. */\n"


def index_class(table: Table, dim: Dim) -> str:
    """enum index_class of a table's index: what its entries are."""
    form = next((o for o in table.key.operands if o.name == dim.what), None)
    if form is None:
        return "OTHER"
    if form.place is Place.REG:
        return "BYTE" if form.size == 8 else "GENERAL"
    return "VECTOR" if form.place in (Place.XMM, Place.YMM) else "OTHER"


def c_string(text: str) -> str:
    """A C string literal."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def imm_kind(row: Row) -> str:
    """enum imm_kind of a row."""
    if row.imms == ("iw", "ib"):
        return "IMM_WB"
    if not row.imms:
        return "IMM_NONE"
    if row.imms == ("ib",):
        return "IMM_BS" if any(o.text == "Ibs" for o in row.operands) else "IMM_B"
    return IMM[row.imms[0]]


def row_flags(row: Row) -> str:
    """ROW_* of a row."""
    names: list[str] = []
    if row.modrm:
        names.append("ROW_MODRM")
    if "lock" in row.words:
        names.append("ROW_LOCK")
    first = next((o for o in row.operands if o.size), None)
    if first is not None and first.size == "b":
        names.append("ROW_BYTE")
    if row.words & {"rep", "repz"}:
        names.append("ROW_REP")
    if "string" in row.words:
        names.append("ROW_STRING")
    if row.modrm and not row.can_reg:
        names.append("ROW_MEMONLY")
    if row.modrm and not row.can_mem:
        names.append("ROW_REGONLY")
    if "def64" in row.words:
        names.append("ROW_DEF64")
    if row.operand_with("HB"):
        names.append("ROW_VVVV")
    names += [f"ROW_{word.upper()}" for word in ("mask4", "mask8", "vsib")
              if word in row.words]
    if "f64" in row.words:
        names.append("ROW_FORCE64")
    return " | ".join(names) or "0"


class Tables:
    """Collects steps and variants, each once."""

    def __init__(self, libraries: list[Library]) -> None:
        self.ids = gadget_ids(libraries)
        self.steps: dict[tuple[Step, ...], int] = {}
        self.step_lines: list[str] = []
        self.step_count = 0
        self.variants: dict[Variant, int] = {}
        self.variant_lines: list[str] = ["    {0},\n"]
        self.externs: dict[str, None] = {}
        self.helpers: dict[str, None] = {}

    def ref(self, table: Table | None, offset: int = 0) -> str:
        """C expression of a table's address."""
        if table is None:
            return "0"
        self.externs[table.symbol] = None
        return table.symbol + (f" + {offset}" if offset else "")

    def id(self, table: Table | None, offset: int = 0) -> int:
        """Number of a table's entry."""
        return self.ids[table.symbol] + offset if table else 0

    def step(self, step: Step) -> str:
        """Initialiser of one step."""
        if step.helper:
            self.helpers[step.helper] = None
        dims = step.table.key.dims[-len(step.index):]  # those of fixed registers come before
        index = ", ".join(f"{{IX_{kind}, IX_{index_class(step.table, dim)}, {radix}}}"
                          for (kind, radix), dim in zip(step.index, dims)) or "{0}"
        params = ", ".join(PARAM[p] for p in step.params) or "0"
        helper = f"helper_{step.helper}" if step.helper else "0"
        dead = self.ref(step.dead, step.offset)
        return (f"    {{{self.ref(step.table, step.offset)}, {dead}, {helper}, "
                f"{self.id(step.table, step.offset)}, {self.id(step.dead, step.offset)}, "
                f"{{{index}}}, {{{params}}}, {step.slots}}},\n")

    def steps_at(self, steps: tuple[Step, ...]) -> int:
        """Position of a sequence in the array of all steps."""
        if not steps:
            return 0
        if steps not in self.steps:
            self.steps[steps] = self.step_count
            self.step_lines += [self.step(s) for s in steps]
            self.step_count += len(steps)
        return self.steps[steps]

    def variant(self, variant: Variant) -> int:
        """Number of a variant."""
        if variant not in self.variants:
            portable = self.variant(variant.portable) if variant.portable else 0
            self.variants[variant] = len(self.variant_lines)
            at = self.steps_at(variant.steps)
            fused, offset = None, 0
            if variant.steps:
                fused, offset = variant.steps[0].fused, variant.steps[0].offset * 16
            end = {"GOES_ON": "BLOCK_GOES_ON", "ENDS": "BLOCK_ENDS",
                   "ENDS_NEXT": "BLOCK_ENDS_NEXT"}[variant.end]
            self.variant_lines.append(
                f"    {{steps + {at}, {len(variant.steps)}, MEM_{variant.mem}, {end}, "
                f"{'true' if variant.stores else 'false'}, "
                f"{'true' if variant.writes else 'false'}, {variant.align}, {variant.bytes}, "
                f"{variant.flags_read:#x}, "
                f"{variant.flags_killed:#x}, {self.ref(fused, offset)}, "
                f"{self.id(fused, offset)}, {portable}}},\n")
        return self.variants[variant]


def row_line(row: Row, feature: int, feature2: int) -> str:
    """Initialiser of one row."""
    cite = row.cite + (" (slow form)" if row.synthetic else "")
    return (f"    {{{c_string(row.mnemonic)}, {c_string(cite)}, {row_flags(row)}, "
            f"{imm_kind(row)}, SEG_DS, {feature}, {feature2}}},\n")


def forms_line(variants: dict[tuple[int, bool, str], Variant], tables: Tables) -> str:
    """Initialiser of a row's forms for one guest."""
    numbers = [[[0, 0, 0], [0, 0, 0]] for _ in range(3)]
    for (opsize, mem, prefix), variant in variants.items():
        number = tables.variant(variant)
        cell = numbers[{2: 0, 4: 1, 8: 2}[opsize]][mem]
        cell[PFX[prefix]] = number
        if prefix == "rep":
            cell[2] = number
    text = ", ".join("{" + ", ".join("{%d, %d, %d}" % tuple(c) for c in size) + "}"
                     for size in numbers)
    return f"    {{{{{text}}}}},\n"


def preludes(library: Library) -> dict[str, int]:
    """Address preludes (gen/emit/core.py) and their numbers of entries."""
    guest = library.guest
    counts = {"ea_index": sum(1 for _ in ea_numbers(guest)),
              "ea_seg": sum(1 for name in guest.segments if name)}
    if 2 in guest.addrsizes:
        counts["ea_addr16"] = len(ADDR16)
    if guest.long_mode:
        counts["ea_trunc32"] = 1
        counts["wide"] = len(WIDE)
    if guest.long_mode and library.stencils:
        counts["native_probe"] = 2 * (library.residence.resident + 1) + 2
        counts["native_lead"] = 1
    return counts


def gadget_ids(libraries: list[Library]) -> dict[str, int]:
    """Number of each table's first entry, by the table's symbol: tables in the order of
    gadget_tables, from 1 on. Of those that are no instruction's, ea_index alone is in n-grams."""
    ids: dict[str, int] = {}
    at = 1
    for library in libraries:
        prefix = library.guest.table
        for table in library.tables.values():
            ids[table.symbol] = at
            at += table.count
        for name, count in preludes(library).items():
            ids[prefix + name] = at
            at += count
        at += len(MEMBERS)
    return ids


def entry_names(library: Library, table: Table, dim: Dim) -> str:
    """C name of the list of what an index's entries are called; 0: they are numbers."""
    if dim.what in ("imm", "copy"):
        return "0"
    if dim.what == "cc":
        return "names_cc"
    form = next(o for o in table.key.operands if o.name == dim.what)
    bits = library.guest.width(form.size) if form.place is Place.REG else ""
    return f"names_{library.guest.mode.lower()}_{form.place.value}{bits}"


def name_parts(libraries: list[Library]) -> list[str]:
    """The lists that name_lines() refers to."""
    lists: dict[str, tuple[str, ...]] = {"names_cc": CONDITIONS}
    for library in libraries:
        for table in library.tables.values():
            for dim in table.key.dims:
                form = next((o for o in table.key.operands if o.name == dim.what), None)
                if form is not None:
                    lists[entry_names(library, table, dim)] = library.residence.entries(
                        form.place.value, form.size)
    return [f"static const char *const {name}[] = {{{', '.join(c_string(n) for n in names)}}};\n"
            for name, names in lists.items()]


def name_lines(library: Library) -> str:
    """Parts from which gadget_name() makes names."""
    lines: list[str] = []
    for table in library.tables.values():
        dims = ", ".join(f"{{{entry_names(library, table, dim)}, {dim.radix}}}"
                         for dim in table.key.dims)
        lines.append(f"    {{{table.symbol}, {table.count}, \"{table.name}\", "
                     f"{{{dims or '{0}'}}}}},\n")
    prefix = library.guest.table
    for name, count in preludes(library).items():
        lines.append(f"    {{{prefix}{name}, {count}, \"{name}\", {{{{0, {count}}}}}}},\n")
    for member in MEMBERS:
        lines.append(f"    {{{prefix}core_{member}, 1, \"{member}\", {{{{0}}}}}},\n")
    return "".join(lines)


def shape_lines(libraries: list[Library]) -> list[str]:
    """guest_shapes: how the indices of each guest are numbered."""
    text = ["\nconst struct guest_shape guest_shapes[GUEST_MODES] = {\n"]
    for library in libraries:
        guest, residence = library.guest, library.residence
        entries = residence.entries("m", 0)
        text.append(f"    [{guest.mode}] = {{{len(guest.registers(0))}, {residence.resident}, "
                    f"{len(entries) - 2}, {len(entries) - 1}}},\n")
    return text + ["};\n"]


def fiber_lines(libraries: list[Library], ids: dict[str, int]) -> list[str]:
    """ea_tables and core_gadgets: zero for guests without gadgets."""
    text: list[str] = []
    tables: list[str] = []
    members: list[str] = []
    for library in libraries:
        guest = library.guest
        found = preludes(library)
        names = ", ".join(
            guest.table + name if name in found else "0"
            for name in ("ea_index", "ea_addr16", "ea_seg", "ea_trunc32", "native_probe",
                         "native_lead", "wide"))
        wide = "helper_wide" if "wide" in found else "0"
        words = [f"{guest.gadget}core_{m}" for m in MEMBERS]
        text.append(f"\nextern char {', '.join(f'{word}[]' for word in words)};\n")
        tables.append(f"    [{guest.mode}] = {{{names}, {wide}, "
                      f"{ids[guest.table + 'ea_index']}}},\n")
        members.append(f"    [{guest.mode}] = {{{', '.join(words)}}},\n")
    return [*text, "const struct ea_tables ea_tables[GUEST_MODES] = {\n", *tables, "};\n",
            "const struct core_gadgets core_gadgets[GUEST_MODES] = {\n", *members, "};\n"]


def form_tables(libraries: list[Library], made: list[Library], tables: Tables) -> list[str]:
    """row_forms: a guest without gadgets has its forms, but no steps."""
    text: list[str] = []
    for library in libraries:
        text.append(f"\nstatic const struct row_forms {forms_name(library)}[] = {{\n"
                    "    {{{{0}}}},\n")
        for variants in library.variants:
            if library not in made:
                variants = {key: replace(v, steps=(), portable=None)
                            for key, v in variants.items()}
            text.append(forms_line(variants, tables))
        text.append("};\n")
    text.append("\nconst struct row_forms *const row_forms[GUEST_MODES] = {\n")
    text += [f"    [{lib.guest.mode}] = {forms_name(lib)},\n" for lib in libraries]
    return text + ["};\n"]


def forms_name(library: Library) -> str:
    """C name of a guest's forms."""
    return library.guest.mode.lower() + "_forms"


def emit_rows(libraries: list[Library], made: list[Library], features: dict[str, int], out: Path,
              output: Output) -> None:
    """rows.c; `libraries`: of all guests, `made`: those that have gadgets, the others are only
    decoded; `features`: the number of each (emit_cpuid.numbers)"""
    tables = Tables(made)
    rows = ['    {"(none)", "", 0, 0, 0, 0, 0},\n']
    rows += [row_line(row, features[row.feature], features.get(row.second_feature, 0))
             for row in libraries[0].rows]
    forms = form_tables(libraries, made, tables)
    for library in made:
        prefix = library.guest.table
        tables.externs.update(dict.fromkeys(t.symbol for t in library.tables.values()))
        tables.externs.update(dict.fromkeys(prefix + name for name in preludes(library)))
        tables.externs.update(dict.fromkeys(f"{prefix}core_{m}" for m in MEMBERS))
    text = [TOP, '#include "core/cpu/cpu.h"\n#include "core/build/gadget_name.h"\n'
                 '#include "core/helpers/helpers.h"\n#include "core/helpers/portable.h"\n'
                 '#include "core/decode/rows.h"\n\n']
    text += [f"extern const gadget_ref {name}[];\n" for name in sorted(tables.externs)]
    text += ["\nstatic const struct step steps[] = {\n", *tables.step_lines, "};\n",
             "\nconst struct variant variants[] = {\n", *tables.variant_lines, "};\n",
             f"const uint16_t variant_count = {len(tables.variant_lines)};\n",
             "\nconst struct row rows[] = {\n", *rows, "};\n",
             f"const uint16_t row_count = {len(rows)};\n", *forms,
             *shape_lines(libraries), *fiber_lines(made, tables.ids), "\n", *name_parts(made),
             "\nconst struct gadget_table gadget_tables[] = {\n", *map(name_lines, made), "};\n",
             "const unsigned gadget_table_count = ARRAY_LEN(gadget_tables);\n"]
    output.write(out / "rows.c", "".join(text))


def emit_opmap(maps: list[Maps], splits: list[Split], out: Path, output: Output) -> None:
    """opmap.c: the maps of the guests and the splits that they share."""
    text = [TOP, '#include "core/decode/rows.h"\n\nconst struct opsplit opsplits[] = {\n']
    for name, nexts in splits:
        text.append(f"    {{SPLIT_{name}, {{{', '.join(str(n) for n in nexts)}}}}},\n")
    if not splits:
        text.append("    {0},\n")
    text.append("};\n\nconst opnode opmap[GUEST_MODES][MAP_COUNT][256] = {\n")
    for one in maps:
        text.append(f"    [{one.guest.mode}] = {{\n")
        for nodes in one.nodes:
            text.append("        {\n")
            for start in range(0, 256, 16):
                text.append(f"            {', '.join(str(n) for n in nodes[start:start + 16])},\n")
            text.append("        },\n")
        text.append("    },\n")
    text.append("};\n\nconst uint8_t opmap_modrm[GUEST_MODES][MAP_COUNT][32] = {\n")
    for one in maps:
        text.append(f"    [{one.guest.mode}] = {{\n")
        for bits in one.modrm:
            row = [sum(bits[i * 8 + b] << b for b in range(8)) for i in range(32)]
            text.append(f"        {{{', '.join(str(b) for b in row)}}},\n")
        text.append("    },\n")
    text.append("};\n")
    assert SPLIT + len(splits) < 0x10000 and len(QUESTIONS) == 11
    output.write(out / "opmap.c", "".join(text))
