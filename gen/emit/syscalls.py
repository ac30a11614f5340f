"""System calls: syscalls/table -> build/gen/syscall_{table_ABI.c,protos.h}, docs/syscalls.md.

Reads the table (its head explains the columns) and writes the table of calls of each ABI with a
typed thunk for each call, the prototypes that the files of syscalls/ include so that the compiler
compares them with the definitions, and the status page. Mistakes in the table stop with
`file:line: sentence`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from gen.emit.files import Output
from gen.language.errors import SpecError, Where

STATES = ("done", "partial", "missing")
REGISTERS = 6  # that hold arguments, in every ABI
MAX_NUMBER = 1023


@dataclass(frozen=True)
class Abi:
    """An ABI, which has a column of numbers in the table."""

    name: str  # as people write it
    symbol: str  # in C and names of files
    bits: int  # of its long


ABIS = (Abi("i386", "i386", 32), Abi("x86-64", "x86_64", 64))


@dataclass(frozen=True)
class Kind:
    """How one kind of argument is fetched from its register(s), passed to C and shown by strace."""

    letter: str
    ctype: str
    whole: bool = False  # all of the register, of an ABI whose long is as wide as that
    wide: bool = False  # 64 bits in every ABI
    pair: bool = False  # in two registers even where one would do; the second one is unused then

    def registers(self, abi: Abi) -> int:
        """How many it takes."""
        return 2 if self.pair or (self.wide and abi.bits == 32) else 1

    def fetch(self, abi: Abi, at: int) -> str:
        """The C expression of its value, the first of its registers being number `at`."""
        if self.wide and abi.bits == 32:
            return f"({self.ctype})((uint32_t)args[{at}] | args[{at + 1}] << 32)"
        if self.whole or self.wide:
            cast = self.ctype if abi.bits == 64 else NARROW.get(self.ctype, "uint32_t")
            return f"({cast})args[{at}]" if cast != "uint64_t" else f"args[{at}]"
        return f"({self.ctype})args[{at}]"


NARROW = {"int64_t": "int32_t"}  # signed longs of 32 bits are extended by their sign

KINDS: dict[str, Kind] = {
    "fd": Kind("d", "int32_t"),
    "int": Kind("i", "int32_t"),
    "sig": Kind("S", "int32_t"),
    "pid": Kind("P", "int32_t"),
    "uint": Kind("u", "uint32_t"),
    "mode": Kind("m", "uint32_t"),
    "flags": Kind("f", "uint32_t"),
    "hex": Kind("x", "uint32_t"),
    "word": Kind("x", "uint64_t", whole=True),
    "long": Kind("l", "int64_t", whole=True),
    "ptr": Kind("p", "gaddr_t", whole=True),
    "str": Kind("s", "gaddr_t", whole=True),
    "size": Kind("z", "uint64_t", whole=True),
    "off64": Kind("o", "int64_t", wide=True),
    "pos64": Kind("h", "int64_t", wide=True, pair=True),
    "oflags": Kind("O", "uint32_t"),
    "prot": Kind("R", "uint32_t"),
    "mapflags": Kind("M", "uint32_t"),
    "atflags": Kind("A", "uint32_t"),
    "cloneflags": Kind("C", "uint32_t"),
    "futexop": Kind("U", "int32_t"),
    "argv": Kind("v", "gaddr_t", whole=True),
    "addr": Kind("a", "gaddr_t", whole=True),
    "time": Kind("t", "int64_t", whole=True),
}


@dataclass
class Call:
    """One line of the table."""

    line: int
    numbers: dict[Abi, int]  # of the ABIs that have it
    names: dict[Abi, str]
    state: str
    function: str = ""
    kinds: list[str] = field(default_factory=list)
    note: str = ""

    @property
    def name(self) -> str:
        """All its names, as in the table."""
        return "/".join(dict.fromkeys(self.names.values()))


LINE = re.compile(
    r"(?P<numbers>(?:(?:\d+|-)\s+){" + str(len(ABIS)) + r"})(?P<name>\w+(?:/\w+)*)\s+"
    r"(?P<state>\w+)\s+(?:(?P<dash>-)|(?P<function>\w+)\s*\((?P<kinds>[^)]*)\))"
    r"(?:\s+(?P<note>.*))?$"
)


class Table:
    """Reads the lines of a table; each mistake is a SpecError with its line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.line = 0
        self.calls: list[Call] = []
        self.numbers: dict[tuple[Abi, int], int] = {}  # the lines that have them
        self.names: dict[tuple[Abi, str], int] = {}
        self.signatures: dict[str, tuple[int, list[str]]] = {}

    def fail(self, sentence: str) -> SpecError:
        """The mistake to raise about the current line."""
        return SpecError(Where(str(self.path), self.line), sentence)

    def read(self) -> list[Call]:
        """All calls in the order of the file."""
        for self.line, text in enumerate(self.path.read_text().splitlines(), 1):
            text = text.strip()
            if text and not text.startswith("#"):
                self.calls.append(self.call(text))
        return self.calls

    def call(self, text: str) -> Call:
        """One line."""
        match = LINE.match(text)
        if not match:
            raise self.fail(f"a line is: a number or - for each of {len(ABIS)} ABIs, name, state, "
                            "function(kinds) [note], or - for the function.")
        columns = zip(ABIS, match["numbers"].split())
        numbers = {abi: int(number) for abi, number in columns if number != "-"}
        call = Call(self.line, numbers, self.names_of(match["name"], list(numbers)), match["state"],
                    note=(match["note"] or "").strip())
        if call.state not in STATES:
            raise self.fail(f"unknown state {call.state!r}; it is one of {', '.join(STATES)}.")
        self.enter(call)
        if not match["dash"]:
            call.function = re.sub(r"^sys_", "", match["function"])
            call.kinds = match["kinds"].replace(",", " ").split()
            self.check_kinds(call)
        elif call.state != "missing":
            raise self.fail(f"{call.name} is {call.state} but names no function.")
        if call.state == "partial" and not call.note:
            raise self.fail(f"{call.name} is partial: its note has to say what is missing.")
        return call

    def names_of(self, text: str, abis: list[Abi]) -> dict[Abi, str]:
        """The name in each ABI: one for all, or one for each of those that have the call."""
        names = text.split("/")
        if not abis:
            raise self.fail(f"{text} has no number.")
        if len(names) not in (1, len(abis)):
            raise self.fail(f"{text} has {len(names)} names and {len(abis)} numbers.")
        return {abi: names[i if len(names) > 1 else 0] for i, abi in enumerate(abis)}

    def enter(self, call: Call) -> None:
        """Each number and name is in a table once."""
        for abi, number in call.numbers.items():
            if number > MAX_NUMBER:
                raise self.fail(f"number {number} is too large (at most {MAX_NUMBER}).")
            line = self.numbers.setdefault((abi, number), call.line)
            if line != call.line:
                raise self.fail(f"number {number} of {abi.name} is already in line {line}.")
            line = self.names.setdefault((abi, call.names[abi]), call.line)
            if line != call.line:
                raise self.fail(f"name {call.names[abi]} of {abi.name} is already in line {line}.")

    def check_kinds(self, call: Call) -> None:
        """The arguments are known, fit and make one prototype."""
        for kind in call.kinds:
            if kind not in KINDS:
                raise self.fail(f"unknown argument kind {kind!r}; known: {' '.join(KINDS)}.")
        for abi in call.numbers:
            used = sum(KINDS[kind].registers(abi) for kind in call.kinds)
            if used > REGISTERS:
                raise self.fail(f"the arguments of {call.name} need {used} registers of "
                                f"{REGISTERS}.")
        types = [KINDS[kind].ctype for kind in call.kinds]
        line, known = self.signatures.setdefault(call.function, (call.line, types))
        if known != types:
            raise self.fail(f"sys_{call.function} has other argument types in line {line}; "
                            "one function has one prototype.")


def parse(path: Path) -> list[Call]:
    """The calls of a table in file order; raises SpecError."""
    return Table(path).read()


def live(call: Call) -> bool:
    """True when the dispatch calls C for it: a `missing` row may name its future function."""
    return bool(call.function) and call.state != "missing"


def c_string(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def functions(calls: list[Call]) -> dict[str, list[str]]:
    """C functions that exist, each with its argument kinds, by name."""
    return {call.function: call.kinds for call in calls if live(call)}


def protos(calls: list[Call], source: str) -> str:
    """The header that declares them."""
    lines = [
        f"/* Prototypes of the system calls. Generated by gen/emit/syscalls.py from {source}. */",
        "#ifndef FG_GEN_SYSCALL_PROTOS_H",
        "#define FG_GEN_SYSCALL_PROTOS_H",
        "",
        '#include "syscalls/task/task.h"',
        "",
    ]
    for name, kinds in sorted(functions(calls).items()):
        types = "".join(f", {KINDS[kind].ctype}" for kind in kinds)
        lines.append(f"long sys_{name}(struct task *task{types});")
    return "\n".join([*lines, "", "#endif", ""])


def thunk(abi: Abi, name: str, kinds: list[str]) -> str:
    """The C function that fetches a call's arguments from their registers."""
    at = 0
    arguments = ""
    for kind in kinds:
        arguments += ", " + KINDS[kind].fetch(abi, at)
        at += KINDS[kind].registers(abi)
    return (
        f"static long {abi.symbol}_{name}(struct task *task, const uint64_t *args) {{\n"
        + ("" if kinds else "    (void)args;\n")
        + f"    return sys_{name}(task{arguments});\n}}"
    )


def table_c(abi: Abi, calls: list[Call], source: str) -> str:
    """The table of one ABI."""
    symbol = abi.symbol
    own = [call for call in calls if abi in call.numbers]
    parts = [
        f"/* The {abi.name} system call table. Generated by gen/emit/syscalls.py from {source}. */",
        '#include "gen/syscall_protos.h"',
        f'#include "syscalls/abi/{symbol}/{symbol}.h"',
        "",
    ]
    for name, kinds in sorted(functions(own).items()):
        parts.append(thunk(abi, name, kinds))
        parts.append("")
    parts.append(f"static const struct syscall_row {symbol}_rows[] = {{")
    for call in own:
        letters = "".join(KINDS[kind].letter for kind in call.kinds)
        note = c_string(call.note) if call.note else "NULL"
        function = f"{symbol}_{call.function}" if live(call) else "NULL"
        state = STATES.index(call.state)
        parts.append(
            f"    [{call.numbers[abi]}] = {{{c_string(call.names[abi])}, {c_string(letters)}, "
            f"{note},\n        {function}, {state}}},"
        )
    parts += [
        "};",
        "",
        f"const struct syscall_table abi_{symbol}_calls = "
        f"{{{symbol}_rows, ARRAY_LEN({symbol}_rows)}};",
        "",
    ]
    return "\n".join(parts)


def page(calls: list[Call], source: str) -> str:
    """The status page: a row a call, with its number in each ABI."""
    lines = [
        "# System calls",
        "",
        f"Generated by `gen/emit/syscalls.py` from `{source}`; do not edit.",
        "",
        "A missing call returns ENOSYS and is logged once, unless its note begins with `silent:` "
        "(programs are expected to try it).",
        "",
        "| ABI | " + " | ".join(STATES) + " | all |",
        "|---" * (len(STATES) + 2) + "|",
    ]
    for abi in ABIS:
        states = [call.state for call in calls if abi in call.numbers]
        counts = [*(states.count(state) for state in STATES), len(states)]
        lines.append(f"| {abi.name} | " + " | ".join(map(str, counts)) + " |")
    lines += [
        "",
        "| " + " | ".join(abi.name for abi in ABIS) + " | name | state | arguments | note |",
        "|---" * (len(ABIS) + 4) + "|",
    ]
    for call in sorted(calls, key=lambda one: [one.numbers.get(abi, MAX_NUMBER) for abi in ABIS]):
        numbers = " | ".join(str(call.numbers.get(abi, "")) for abi in ABIS)
        note = call.note.replace("|", "\\|")
        kinds = " ".join(call.kinds)
        lines.append(f"| {numbers} | {call.name} | {call.state} | {kinds} | {note} |")
    return "\n".join(lines) + "\n"


def emit(table: Path, out: Path, docs: Path, output: Output) -> None:
    """Writes syscall_table_ABI.c and syscall_protos.h into `out`, syscalls.md into `docs`."""
    calls = parse(table)
    source = "/".join(table.parts[-2:])
    output.write(out / "syscall_protos.h", protos(calls, source))
    for abi in ABIS:
        output.write(out / f"syscall_table_{abi.symbol}.c", table_c(abi, calls, source))
    output.write(docs / "syscalls.md", page(calls, source))
