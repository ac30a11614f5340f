"""Instruction reference pages: <out>/reference/<family>.md, one section per instruction."""

from __future__ import annotations

from pathlib import Path

from gen.emit.files import Output, made_by
from gen.language.model import Insn, Spec
from gen.language.target import DEFAULT
from gen.language.vendors import Vendor

MEANING = {"w": "written", "r": "read", "m": "read and written", "0": "cleared", "1": "set",
           "u": "undefined", "c": "written unless the count is 0",
           "x": "undefined unless the count is 0"}


def flags_text(flags: dict[str, str]) -> str:
    """`CF written, OF undefined`"""
    groups: dict[str, list[str]] = {}
    for flag, effect in flags.items():
        if effect != "-":
            groups.setdefault(effect, []).append(flag + "F")
    text = "; ".join(f"{' '.join(names)} {MEANING[e]}" for e, names in groups.items())
    return text or "untouched"


def section(insn: Insn, vendors: dict[str, Vendor]) -> str:
    """Text of one instruction."""
    row = insn.rows[0]
    lines = [f"## {insn.name}\n\n", f"{insn.comment}\n\n" if insn.comment else "",
             "| opcode | operands | modes | notes |\n|---|---|---|---|\n"]
    for r in insn.rows:
        words = r.text.split()
        cut = words.index(r.encoding)
        code = " ".join(words[:cut])
        args = ", ".join(o.text for o in r.operands)
        notes = " ".join(sorted(r.words))
        lines.append(f"| `{code}` | {args} | {' '.join(r.modes)} | {notes} |\n")
    lines.append(f"\n* does: `{row.does}`\n* flags: {flags_text(row.flags)}\n")
    for name, value in (("access", ", ".join(row.access)),
                        ("implicit", " ".join(str(e) for e in row.implicit)),
                        ("faults", " ".join(row.faults)), ("feature", row.feature)):
        if value:
            lines.append(f"* {name}: {value}\n")
    for name in sorted({name for r in insn.rows for name in r.vendor}):
        rule = vendors[name]
        lines.append(f"* processors differ ({', '.join(rule.sources)}): "
                     f"{'; or: '.join(rule.answers)}\n")
    how = "C helper " + row.helper.name if row.helper else f"body {row.body}"
    lines.append(f"* {how}; `{row.where}`\n\n")
    return "".join(lines)


def emit(spec: Spec, out: Path, output: Output) -> None:
    """All pages."""
    families: dict[str, list[Insn]] = {}
    for insn in spec.insns:
        families.setdefault(insn.rows[0].family, []).append(insn)
    for family, insns in families.items():
        text = f"# Instructions: {family}\n\n{made_by(__name__)}.\n\n"
        text += "".join(section(insn, spec.vendors) for insn in sorted(insns, key=lambda i: i.name))
        output.write(out / "reference" / f"{family}.md", text)


def emit_index(spec: Spec, docs: Path, output: Output) -> None:
    """docs/instructions.md: one line per instruction (committed)."""
    lines = [f"# Instructions\n\n{made_by(__name__, 'gen/spec')}: what is there, one "
             "line per instruction. All rows with\noperands, flags and faults: "
             "`build/gen/reference/` after a build. Anything else is #UD,\n"
             "and absent from CPUID.\n"]
    families: dict[str, list[Insn]] = {}
    for insn in spec.insns:
        families.setdefault(insn.rows[0].family, []).append(insn)
    for family, insns in sorted(families.items()):
        lines.append(f"\n## {family}\n\n| instruction | rows | does | feature | how |\n"
                     "|---|---|---|---|---|\n")
        for insn in sorted(insns, key=lambda i: i.name):
            row = insn.rows[0]
            how = f"helper {row.helper.name}" if row.helper else row.body
            only = "" if DEFAULT.guest.name in row.modes else f" ({' '.join(row.modes)} only)"
            does = row.does.replace("|", "\\|")
            cells = (insn.name + only, str(len(insn.rows)), f"`{does}`", row.feature, how)
            lines.append(f"| {' | '.join(cells)} |\n")
    output.write(docs / "instructions.md", "".join(lines))
