"""Mistakes to put into a line of C: what `make mutants` changes.

Works on the text alone: a line goes in, changed lines come out. Which lines are taken, and what
becomes of them, is mutants.py's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """One changed line; `operator` says how it was changed."""

    operator: str
    before: str
    after: str


def blank(text: str) -> str:
    """The text with comments, strings and characters blanked, of the same length."""
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\''
    return re.sub(pattern, lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.S)


def closing(code: str, start: int) -> int:
    """Where the parenthesis that opens at `start` closes, or -1."""
    depth = 0
    for at in range(start, len(code)):
        depth += {"(": 1, ")": -1}.get(code[at], 0)
        if not depth:
            return at
    return -1


Edit = tuple[int, int, str]  # from, to, what is there instead


def negations(code: str) -> Iterator[Edit]:
    """`if (x)` becomes `if (!(x))`."""
    for match in re.finditer(r"\b(?:if|while) (\()", code):
        end = closing(code, match.start(1))
        if end > 0:
            yield match.end(1), end, "!(%s)"


SWAPS = {"==": "!=", "!=": "==", "<": "<=", "<=": "<", ">": ">=", ">=": ">"}


def comparisons(code: str) -> Iterator[Edit]:
    """A comparison is off by one, or the other way round."""
    for match in re.finditer(r" (==|!=|<=|>=|<|>) ", code):
        yield match.start(1), match.end(1), SWAPS[match[1]]


def connections(code: str) -> Iterator[Edit]:
    """&& and || change places."""
    for match in re.finditer(r"&&|\|\|", code):
        yield match.start(), match.end(), "||" if match[0] == "&&" else "&&"


def constants(code: str) -> Iterator[Edit]:
    """A number is one more."""
    for match in re.finditer(r"(?<![\w.])(0x[0-9a-fA-F]+|\d+)(?=[uUlL]*\b)(?!\.)", code):
        value = int(match[1], 0 if match[1].startswith("0x") or match[1] == "0" else 8
                    if match[1].startswith("0") else 10)
        yield match.start(1), match.end(1), hex(value + 1) if "x" in match[1] else str(value + 1)


def flags(code: str) -> Iterator[Edit]:
    """One flag of several is left out."""
    for match in re.finditer(r" (?:\||& ?~) ?[A-Z][A-Z0-9_]+\b(?!\()", code):
        yield match.start(), match.end(), ""
    for match in re.finditer(r"\b[A-Z][A-Z0-9_]+ \| (?=[A-Z])", code):
        yield match.start(), match.end(), ""
    for match in re.finditer(r" (\|= |&= ~)(?=[(A-Za-z])", code):
        yield match.start(1), match.end(1), "^= " if match[1] == "|= " else "|= "


def results(code: str) -> Iterator[Edit]:
    """Another value is returned."""
    for match in re.finditer(r"\breturn ([^;]+);", code):
        value = match[1]
        other = {"0": "-1", "true": "false", "false": "true", "NULL": ""}.get(value, "0")
        if other:
            yield match.start(1), match.end(1), other


def truths(code: str) -> Iterator[Edit]:
    """true and false change places (where they are not returned)."""
    for match in re.finditer(r"(?<!return )\b(true|false)\b", code):
        yield match.start(), match.end(), "false" if match[1] == "true" else "true"


def sums(code: str) -> Iterator[Edit]:
    """+ and - change places; a shift goes the other way."""
    for match in re.finditer(r" (\+|-|<<|>>|\+=|-=) |(\+\+|--)", code):
        sign = match[1] or match[2]
        other = sign.translate(str.maketrans("+-<>", "-+><"))
        at = match.start(1) if match[1] else match.start(2)
        yield at, at + len(sign), other


# A whole statement on one line that is no declaration, no return and no jump to a label.
STATEMENT = re.compile(r"^\s*(?!(?:return|goto|case|default|else|static|extern|free)\b)"
                       r"(?:break;|continue;|"
                       r"[\w.>*()\[\]-]+(?:\(.*\)| [-+*/|&^<>]*= .+|\+\+|--);)\s*$")


def removals(code: str) -> Iterator[Edit]:
    """A statement is left out."""
    stripped = code.strip()
    if STATEMENT.match(code) and code.count("(") == code.count(")"):
        start = code.index(stripped)
        yield start, start + len(stripped), ";"


OPERATORS: dict[str, Callable[[str], Iterator[Edit]]] = {
    "condition negated": negations,
    "comparison": comparisons,
    "&& and ||": connections,
    "constant": constants,
    "flag": flags,
    "return value": results,
    "true and false": truths,
    "sum or shift": sums,
    "statement removed": removals,
}
# Not worth a try: what is there for the reader or the compiler, and what costs memory alone.
NEVER = re.compile(r"^\s*(#|static_assert|_Static_assert|assert\b|case .*:$|\w+:$)")
MEMORY = re.compile(r"\bcalloc\(1|\{0\}")
# What stands before the length of an array that is declared.
ARRAY = re.compile(r"(?:^\s*|[(,]\s*)(?:(?:static|const|unsigned|struct|enum)\s+)*(?!return\b)"
                   r"[A-Za-z_]\w*\s+\**\w+\[$")


def mutations(line: str, code: str) -> list[Mutation]:
    """All mutations of a line; `code` is the line as blank() leaves it."""
    if NEVER.match(code) or not code.strip():
        return []
    found: dict[str, Mutation] = {}
    for name, operator in OPERATORS.items():
        for start, end, new in operator(code):
            text = new.replace("%s", line[start:end])
            after = line[:start] + text + line[end:]
            room = name == "constant" and (
                MEMORY.search(code, max(0, start - len("calloc(")), end + 1)
                or (code[end:end + 1] == "]" and ARRAY.search(code[:start])))
            if after != line and not room:
                found.setdefault(after, Mutation(name, line, after))
    return list(found.values())
