"""Reader of the spec language (gen/spec/NOTATION.md): text in, model.Spec out.

Reads gen/spec/*.x86. Every mistake raises SpecError with its line.
"""

from __future__ import annotations

import re
from pathlib import Path

from gen.language.errors import SpecError, Where
from gen.language.model import (ACCESSES, BY_LENGTH, EXCEPTIONS, FIXED_REGS, FLAG_BITS,
                                FLAG_EFFECTS, IMPLICIT, LETTERS, LITERALS, MODES, SIZE_BITS,
                                Effect, HelperCall, Insn, Operand, Row, Spec, Vex)
from gen.language.target import GUESTS
from gen.language.vendors import read_vendors

PREFIXES = ("NP", "66", "F3", "F2")
VEX_PARTS = (("length", ("128", "256", "LIG", "LZ", "L0", "L1")), ("pp", ("NP", "66", "F3", "F2")),
             ("map", ("0F", "0F38", "0F3A")), ("W", ("W0", "W1", "WIG")))
ONLY = {f"{mode}only": mode for mode in MODES}
VEX_WORDS = {"vsib", "w32", "mask4", "mask8", "memonly", "regonly", "a32", "a64", "ends",
             "endsnext", *ONLY}
IMMS = ("ib", "iw", "iz", "iv", "ifar", "moffs", "cb", "cz", "is4")
ENCODINGS = {"MR", "RM", "MI", "M", "M1", "MC", "R", "O", "OI", "I", "D", "ZO", "RMI", "MRI", "MRC",
             "FD", "TD", "II", "NP", "A", "RO", "MO", "RVM", "RVMI", "RVMR", "RMV", "VM", "VMI",
             "MVR"}
WORDS = {"lock", "rep", "repz", "memonly", "regonly", "def64", "f64", "norexb", "norexr", "o16",
         "o32", "o64", "a16", "a32", "a64", "vsib", "w32", "mask4", "mask8", "ends", "endsnext",
         *ONLY}
FIELDS = {"flags", "access", "implicit", "does", "body", "helper", "slow", "faults", "feature",
          "align", "ends", "endsnext", "vendor", "portable"}
SETTINGS = ("body", "helper", "flags", "feature", "access", "implicit", "faults", "bytes", "align",
            "vendor", "portable")
HELPER_PARAMS = ("next", "raw", "imm", "imm2")
HEX = re.compile(r"[0-9A-F]{2}$")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*$")


class Line:
    """One source line: its place, its text without comment, its words."""

    def __init__(self, where: Where, text: str) -> None:
        self.where = where
        found = re.search(r"(^|\s)#(\s|$)", text)  # but not the # of #GP
        self.text = (text[:found.start()] if found else text).rstrip()
        self.comment = text[found.end():].strip() if found else ""
        self.words = self.text.split()


def braces(line: Line, count: int, pick: int) -> str:
    """The line's text with every brace list replaced by its member number `pick`."""

    def member(match: re.Match[str]) -> str:
        items = match.group(1).split(",")
        if len(items) != count:
            raise SpecError(line.where, f"brace list {match.group(0)} has {len(items)} members, "
                                        f"the insn line has {count}")
        return items[pick].strip()

    text = re.sub(r"\{([^{}]*)\}", member, line.text)
    if "{" in text or "}" in text:
        raise SpecError(line.where, "brace without its partner")
    return text


def parse_vex(where: Where, text: str) -> tuple[Vex, str, int]:
    """`VEX.128.66.0F.WIG`: the prefix, what its pp says, the map."""
    found: dict[str, str] = {}
    order = [name for name, _ in VEX_PARTS]
    for part in text.split(".")[1:]:
        name = next((n for n, parts in VEX_PARTS if part in parts), None)
        if part in ("NDS", "NDD", "DDS"):
            raise SpecError(where, f"{part} is no part of a VEX prefix here: an operand H or B "
                                   "says that vvvv is used")
        if name is None:
            raise SpecError(where, f"{part or 'nothing'} is no part of a VEX prefix, which is "
                                   "VEX.length.pp.map.W, such as VEX.128.66.0F.WIG")
        if found and order.index(name) <= max(order.index(n) for n in found):
            raise SpecError(where, f"{part} is in the wrong place of {text}: the order is "
                                   "VEX.length.pp.map.W")
        found[name] = part
    for name, parts in VEX_PARTS:
        if name not in found and name != "pp":
            raise SpecError(where, f"{text} lacks its {name} ({' '.join(parts)})")
    return (Vex(found["length"], found["W"]), found.get("pp", "NP"),
            {"0F": 1, "0F38": 2, "0F3A": 3}[found["map"]])


def parse_operand(where: Where, text: str, wide: bool = False) -> Operand | None:
    """An operand word, or None when the word is not one; `wide`: of a row with VEX.L = 1."""
    if text in ("STi",):
        return Operand(text, "STi", "t")
    if text in FIXED_REGS:
        return Operand(text, "", FIXED_REGS[text][1])
    if text in LITERALS:
        return Operand(text, "", "")
    if re.match(r"vm(32|64)[xy]$", text):
        return Operand(text, "VM", "")
    if text[0] in LETTERS:
        size = text[1:]
        if size in SIZE_BITS or size in ("v", "z", "y"):
            return Operand(text, text[0], size, wide and size in BY_LENGTH)
        if re.match(r"[a-z]{1,2}$", size):
            raise SpecError(where, f"operand {text} has the unknown size letter {size}")
    return None


class RowParser:
    """Parses the words of one row from left to right."""

    def __init__(self, where: Where, words: list[str]) -> None:
        self.where = where
        self.words = words
        self.text = " ".join(words)
        self.at = 0
        self.vex: Vex | None = None

    def error(self, sentence: str) -> SpecError:
        return SpecError(self.where, sentence)

    def peek(self) -> str:
        return self.words[self.at] if self.at < len(self.words) else ""

    def take(self) -> str:
        word = self.peek()
        self.at += 1
        return word

    def prefix(self) -> str | None:
        if self.peek() == "NP" or (self.peek() in PREFIXES and len(self.words) > 1
                                   and re.match(r"[0-9A-F]{2}", self.words[1])):
            return self.take()
        return None

    def vex_opcode(self) -> tuple[str, int, int]:
        """What pp says, map, opcode of a row with VEX prefix."""
        self.vex, prefix, map_ = parse_vex(self.where, self.take())
        word = self.take()
        if not HEX.match(word):
            raise self.error(f"{word or 'end of line'} where the one opcode byte after VEX "
                             "belongs")
        if HEX.match(self.peek()):
            raise self.error(f"{word} {self.peek()} after a VEX prefix: the prefix names the map, "
                             "one opcode byte follows it")
        return prefix, map_, int(word, 16)

    def opcode(self) -> tuple[int, int, int]:
        """Map, first opcode, span."""
        map_ = 0
        if self.peek() == "0F":
            self.take()
            map_ = 1
            if self.peek() in ("38", "3A") and re.match(r"[0-9A-F]{2}", self.words[self.at + 1]
                                                        if self.at + 1 < len(self.words) else ""):
                map_ = 2 if self.take() == "38" else 3
        word = self.take()
        match = re.match(r"([0-9A-F]{2})(\+[rc])?$", word)
        if not match:
            raise self.error(f"{word or 'end of line'} where an opcode byte belongs")
        span = {None: 1, "+r": 8, "+c": 16}[match.group(2)]
        opcode = int(match.group(1), 16)
        if opcode % span:
            raise self.error(f"opcode {word} does not start a group of {span}")
        return map_, opcode, span

    def modrm(self) -> tuple[bool, int | None, int | None, bool]:
        """Has ModRM, reg, rm, is a fixed byte."""
        word = self.peek()
        if word == "/r":
            self.take()
            return True, None, None, False
        if re.match(r"/[0-7]$", word):
            self.take()
            return True, int(word[1]), None, False
        if word.startswith("/"):
            raise self.error(f"ModRM {word} is none of /r, /0 to /7")
        match = re.match(r"([0-9A-F]{2})(\+i)?$", word)
        if match:
            self.take()
            byte = int(match.group(1), 16)
            if byte < 0xC0:
                raise self.error(f"fixed ModRM byte {word} is a memory form")
            if match.group(2) and byte % 8:
                raise self.error(f"ModRM {word} does not start a group of 8")
            return True, (byte >> 3) & 7, None if match.group(2) else byte & 7, True
        return False, None, None, False

    def imms(self) -> tuple[str, ...]:
        found: list[str] = []
        while self.peek() in IMMS:
            found.append(self.take())
        if len(found) > 1 and tuple(found) != ("iw", "ib"):
            raise self.error(f"immediates {' '.join(found)} do not go together")
        return tuple(found)

    def operands(self) -> tuple[Operand, ...]:
        found: list[Operand] = []
        while self.peek() and self.peek() not in WORDS and "=" not in self.peek():
            operand = parse_operand(self.where, self.peek(), self.vex is not None and self.vex.wide)
            if operand is None:
                raise self.error(f"{self.peek()} is neither an operand nor a row word")
            found.append(operand)
            self.take()
        if len(found) > 4:
            raise self.error("more than four operands")
        return tuple(found)


def parse_flags(where: Where, text: str) -> dict[str, str]:
    """`OSZAPC = wwwwww  D = r` to a map from flag to effect."""
    flags: dict[str, str] = {}
    words = text.replace("=", " = ").split()
    if len(words) % 3:
        raise SpecError(where, "flags want groups such as OSZAPC = wwwwww")
    for names, equals, effects in zip(words[0::3], words[1::3], words[2::3]):
        if equals != "=":
            raise SpecError(where, "flags want groups such as OSZAPC = wwwwww")
        if len(names) != len(effects):
            raise SpecError(where, f"{len(names)} flags in {names} but {len(effects)} letters in "
                                   f"{effects}")
        for name, effect in zip(names, effects):
            if name not in FLAG_BITS:
                raise SpecError(where, f"there is no flag {name}")
            if effect not in FLAG_EFFECTS:
                raise SpecError(where, f"{effect} is not a flag letter ({FLAG_EFFECTS})")
            if name in flags:
                raise SpecError(where, f"flag {name} is named twice")
            flags[name] = effect
    return flags


def parse_access(where: Where, text: str, operands: tuple[Operand, ...]) -> tuple[str, ...]:
    """`rw r`: one word per operand; rows with fewer operands take the first ones."""
    words = text.replace(",", " ").split()
    for word in words:
        if word not in ACCESSES:
            raise SpecError(where, f"{word} is no access ({' '.join(ACCESSES)})")
    if len(words) < len(operands):
        raise SpecError(where, f"access names {len(words)} operands, the row has {len(operands)}")
    return tuple(words[:len(operands)])


def parse_implicit(where: Where, text: str) -> tuple[Effect, ...]:
    """`rAX=rw [rSP]=w`"""
    effects: list[Effect] = []
    for word in text.replace(",", " ").split():
        what, equals, access = word.partition("=")
        if what not in IMPLICIT:
            raise SpecError(where, f"{what} is no implicit register or memory")
        if not equals or access not in ACCESSES or access in ("-", "a"):
            raise SpecError(where, f"implicit wants words such as rAX=rw, not {word}")
        if any(e.what == what for e in effects):
            raise SpecError(where, f"implicit {what} is there twice")
        effects.append(Effect(what, access))
    return tuple(effects)


def parse_faults(where: Where, text: str) -> tuple[str, ...]:
    """`#GP #NP`, or `none`"""
    words = text.replace(",", " ").split()
    if words == ["none"]:
        return ()
    for word in words:
        if word not in EXCEPTIONS:
            raise SpecError(where, f"{word} is no exception ({' '.join(EXCEPTIONS)})")
    return tuple(words)


def parse_number(where: Where, what: str, text: str) -> int:
    """A decimal number."""
    if not text.isdigit():
        raise SpecError(where, f"{what} wants a number, not {text}")
    return int(text)


def parse_helper(where: Where, text: str) -> HelperCall:
    """`NAME param...`"""
    words = text.split()
    if not words or not NAME.match(words[0]):
        raise SpecError(where, "helper wants the name of a C function")
    for param in words[1:]:
        if param not in HELPER_PARAMS:
            raise SpecError(where, f"helper parameter {param} is none of "
                                   f"{' '.join(HELPER_PARAMS)}")
    if len(words) > 4:
        raise SpecError(where, "a helper has at most three parameters")
    return HelperCall(words[0], tuple(words[1:]))


def parse_portable(where: Where, name: str, imms: tuple[str, ...]) -> HelperCall | None:
    """What serves the row where the host lacks its feature: a C function, "body" for the body
    itself, None for nothing."""
    if not name:
        return None
    if not NAME.match(name):
        raise SpecError(where, f"{name} where the name of a C function belongs, or body")
    if name == "body":
        return HelperCall("", ())
    return HelperCall(f"portable_{name}", ("raw", "imm") if imms else ("raw",))


def parse_body(where: Where, name: str) -> str:
    """One name: what a host makes of it is the host's (gen/expand/mapping.py)."""
    if not NAME.match(name):
        raise SpecError(where, f"{name or 'nothing'} where the name of a body belongs")
    return name


class Block:
    """The lines of one insn block, before brace lists are resolved."""

    def __init__(self, head: Line) -> None:
        self.head = head
        self.rows: list[Line] = []
        self.fields: dict[str, Line] = {}

    def names(self) -> list[str]:
        text = self.head.text.split(None, 1)
        if len(text) < 2:
            raise SpecError(self.head.where, "insn wants a name")
        match = re.match(r"\{([^{}]*)\}$", text[1].strip())
        names = [n.strip() for n in match.group(1).split(",")] if match else [text[1].strip()]
        for name in names:
            if not re.match(r"[A-Z][A-Z0-9_]*$", name):
                raise SpecError(self.head.where, f"{name or 'nothing'} is not an instruction name "
                                                 "(capitals and digits)")
        if len(set(names)) != len(names):
            raise SpecError(self.head.where, "the same name twice in a brace list")
        return names

    def value(self, name: str, count: int, pick: int) -> tuple[Where, str] | None:
        line = self.fields.get(name)
        if line is None:
            return None
        words = braces(line, count, pick).split(None, 1)
        return line.where, words[1].strip() if len(words) > 1 else ""

    def build(self, name: str, count: int, pick: int) -> Insn:
        """The block as instruction `name`, member `pick` of every brace list."""
        values = {f: v for f in self.fields if (v := self.value(f, count, pick)) is not None}
        if "flags" not in values:
            raise SpecError(self.head.where, f"{name} has no flags field")
        if "does" not in values:
            raise SpecError(self.head.where, f"{name} does not say what it does")
        if not self.rows:
            raise SpecError(self.head.where, f"{name} has no rows")
        for field, (where, text) in values.items():
            if not text and field not in ("ends", "endsnext"):
                raise SpecError(where, f"field {field} is empty")
        rows = tuple(self.row(name, line, braces(line, count, pick), values) for line in self.rows)
        return Insn(name, self.head.where, rows, self.head.comment)

    def row(self, name: str, line: Line, text: str, values: dict[str, tuple[Where, str]]) -> Row:
        parser = RowParser(line.where, text.split())
        prefix: str | None
        if parser.peek().startswith("VEX"):
            prefix, map_, opcode = parser.vex_opcode()
            span = 1
        else:
            prefix = parser.prefix()
            map_, opcode, span = parser.opcode()
        modrm, reg, rm, fixed = parser.modrm()
        imms = parser.imms()
        encoding = parser.take()
        if encoding not in ENCODINGS:
            raise parser.error(f"{encoding or 'end of line'} where the encoding column (MR, RM, "
                               "ZO ...) belongs")
        operands = parser.operands()
        words, settings = self.words(parser)
        body = ""
        helper: HelperCall | None = None
        if "body" in settings:
            body = parse_body(line.where, settings["body"])
        elif "helper" in settings:
            helper = parse_helper(line.where, settings["helper"].replace(",", " "))
        elif "body" in values:
            body = parse_body(*values["body"])
        elif "helper" in values:
            helper = parse_helper(*values["helper"])
        else:
            raise SpecError(line.where, f"{name} has neither body nor helper")
        portable = values.get("portable", (line.where, ""))
        if "portable" in settings:
            portable = line.where, settings["portable"]
        flags = parse_flags(*values["flags"])
        if "flags" in settings:
            flags.update(parse_flags(line.where, f"OSZAPC = {settings['flags']}"))
        for end in ("ends", "endsnext"):
            if end in values:
                words.add(end)
        modes = tuple(ONLY[word] for word in sorted(words) if word in ONLY) or MODES
        addrsizes = tuple(s for s in (2, 4, 8) if f"a{s * 8}" in words)
        modes = tuple(guest.name for guest in GUESTS if guest.name in modes
                      and (not addrsizes or set(addrsizes) & set(guest.addrsizes)))
        self.check_operands(line.where, operands, modrm, reg, span, imms)
        self.check_vex(line.where, parser.vex, operands, words, modes)
        slow = values["slow"][1] if "slow" in values else None
        if slow is not None:
            words.add("string")
        texts = {f: values[f][1] if f in values else "" for f in ("does", "feature")}

        def setting(field: str) -> tuple[Where, str] | None:
            """The row's own words of a list field, or the block's."""
            return (line.where, settings[field]) if field in settings else values.get(field)

        access = setting("access")
        if operands and access is None:
            raise SpecError(line.where, f"{name} has operands but no access field")
        implicit, faults, align = setting("implicit"), setting("faults"), setting("align")
        return Row(line.where, parser.text, name, prefix, map_, opcode, span, modrm, reg, rm, fixed,
                   imms, encoding, operands, frozenset(words), modes,
                   tuple(s for s in (2, 4, 8) if f"o{s * 8}" in words),
                   addrsizes,
                   flags, body, helper, slow, texts["does"],
                   settings.get("feature", texts["feature"]),
                   parse_access(*access, operands) if access else (),
                   parse_implicit(*implicit) if implicit else (),
                   parse_faults(*faults) if faults else (),
                   parse_number(align[0], "align", align[1]) if align else None,
                   parse_number(line.where, "bytes", settings.get("bytes", "0")),
                   self.vendor_rules(line.where, settings, values), vex=parser.vex,
                   portable=parse_portable(*portable, imms))

    @staticmethod
    def vendor_rules(where: Where, settings: dict[str, str],
                     values: dict[str, tuple[Where, str]]) -> tuple[str, ...]:
        """The rules that a row's word names, or else the block's field."""
        if "vendor" in settings:
            names = settings["vendor"].split(",")
        else:
            where, text = values.get("vendor", (where, ""))
            names = text.split()
        for name in names:
            if not NAME.match(name):
                raise SpecError(where, f"{name or 'nothing'} where the name of a vendor rule "
                                       "belongs")
        if len(set(names)) != len(names):
            raise SpecError(where, "the same vendor rule twice")
        return tuple(names)

    @staticmethod
    def words(parser: RowParser) -> tuple[set[str], dict[str, str]]:
        words: set[str] = set()
        settings: dict[str, str] = {}
        while parser.peek():
            word = parser.take()
            key, equals, value = word.partition("=")
            if equals and key in SETTINGS and value:
                settings[key] = value
            elif word in WORDS:
                if word in words:
                    raise parser.error(f"row word {word} is there twice")
                words.add(word)
            else:
                raise parser.error(f"{word} is not a row word")
        if {"memonly", "regonly"} <= words:
            raise parser.error("a row cannot be both memonly and regonly")
        return words, settings

    @staticmethod
    def check_operands(where: Where, operands: tuple[Operand, ...], modrm: bool, reg: int | None,
                       span: int, imms: tuple[str, ...]) -> None:
        """Every operand has its place in the encoding."""
        letters = [o.letter for o in operands if o.letter]
        for operand in operands:
            if operand.letter in ("E", "M", "R", "W", "U", "Q", "N", "STi", "VM") and not modrm:
                raise SpecError(where, f"operand {operand.text} needs a ModRM byte (/r or /digit)")
            if operand.letter in ("G", "V", "P", "S") and (not modrm or reg is not None):
                raise SpecError(where, f"operand {operand.text} needs /r")
            if operand.letter == "Z" and span != 8:
                raise SpecError(where, f"operand {operand.text} needs an opcode with +r")
            if operand.letter == "I" and not set(imms) & {"ib", "iw", "iz", "iv"}:
                raise SpecError(where, f"operand {operand.text} needs an immediate in the encoding")
            if operand.letter == "J" and not set(imms) & {"cb", "cz"}:
                raise SpecError(where, f"operand {operand.text} needs cb or cz")
            if operand.letter == "O" and "moffs" not in imms:
                raise SpecError(where, f"operand {operand.text} needs moffs")
            if operand.letter == "L" and "is4" not in imms:
                raise SpecError(where, f"operand {operand.text} needs is4")
        groups = (("E", "M", "R", "W", "U", "Q", "N", "VM"), tuple("GVPS"), ("Z",), tuple("HB"),
                  ("L",))
        for group in groups:
            if sum(letter in group for letter in letters) > 1:
                raise SpecError(where, "two operands want the same field of the encoding")
        if imms == ("is4",) and "L" not in letters:
            raise SpecError(where, "immediate is4 is no operand (L)")
        if imms and imms[0] in ("ib", "iw", "iz", "iv") and "I" not in letters:
            raise SpecError(where, f"immediate {imms[0]} is no operand")
        if span == 8 and "Z" not in letters:
            raise SpecError(where, "opcode with +r but no operand Z")

    @staticmethod
    def check_vex(where: Where, vex: Vex | None, operands: tuple[Operand, ...],
                  words: set[str], modes: tuple[str, ...]) -> None:
        """What a VEX prefix allows, and what only it does."""
        if vex is None:
            odd = next((o for o in operands if o.letter in ("H", "B", "L", "VM")), None)
            if odd:
                raise SpecError(where, f"operand {odd.text} needs a VEX prefix")
            return
        for word in sorted(words - VEX_WORDS):
            raise SpecError(where, f"row word {word} does not go with a VEX prefix")
        for operand in operands:
            if operand.size in BY_LENGTH and vex.length in ("LIG", "LZ"):
                raise SpecError(where, f"the width of operand {operand.text} follows the vector "
                                       f"length, but the row has {vex.length}")
        general = any(o.letter in ("E", "G", "R", "B") for o in operands)
        if general and vex.w == "W1" and any(g.name in modes for g in GUESTS if not g.long_mode):
            raise SpecError(where, "W1 with a general register needs x86-64only: outside of 64-bit "
                                   "mode VEX.W is ignored")


def read_file(path: Path, name: str) -> list[Insn]:
    """The blocks of one file; `name` is what errors call it."""
    blocks: list[Block] = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        line = Line(Where(name, number), text)
        if not line.words:
            continue
        if line.words[0] == "insn":
            blocks.append(Block(line))
        elif not blocks:
            raise SpecError(line.where, "a line before the first insn")
        elif re.match(r"NP$|VEX|[0-9A-F{]", line.words[0]) and line.words[0] not in FIELDS:
            blocks[-1].rows.append(line)
        elif line.words[0] in FIELDS:
            if line.words[0] in blocks[-1].fields:
                raise SpecError(line.where, f"field {line.words[0]} is there twice")
            blocks[-1].fields[line.words[0]] = line
        else:
            raise SpecError(line.where, f"{line.words[0]} is neither an opcode nor a field")
    insns: list[Insn] = []
    for block in blocks:
        names = block.names()
        insns += [block.build(n, len(names), i) for i, n in enumerate(names)]
    return insns


def read_spec(directory: Path, root: Path | None = None) -> Spec:
    """All *.x86 files of a directory, in name order; errors print paths relative to `root`."""
    spec = Spec()
    seen: dict[str, Where] = {}
    for path in sorted(directory.glob("*.x86")):
        name = str(path.relative_to(root)) if root and path.is_relative_to(root) else str(path)
        for insn in read_file(path, name):
            if insn.name in seen:
                raise SpecError(insn.where, f"{insn.name} is there already, at {seen[insn.name]}")
            seen[insn.name] = insn.where
            spec.insns.append(insn)
    spec.vendors = read_vendors(directory / "vendors", root)
    check_vendors(spec)
    return spec


def check_vendors(spec: Spec) -> None:
    """Every rule that a row names exists, every rule is named by a row."""
    used: set[str] = set()
    for row in spec.rows:
        for name in row.vendor:
            if name not in spec.vendors:
                raise SpecError(row.where, f"vendor rule {name} is not in gen/spec/vendors")
            used.add(name)
    for rule in spec.vendors.values():
        if rule.name not in used:
            raise SpecError(rule.where, f"no row names the vendor rule {rule.name}")
