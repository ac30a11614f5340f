"""System calls: syscalls/table -> build/gen/syscall_{table.c,protos.h}, docs/syscalls.md.

Reads the table (its head explains the columns) and writes the table of calls of `abi_i386` with a
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
REGISTERS = 6  # ebx ecx edx esi edi ebp
MAX_NUMBER = 1023


@dataclass(frozen=True)
class Kind:
    """How one kind of argument is fetched from its register(s), passed to C and shown by strace."""

    letter: str
    ctype: str
    fetch: str  # C expression; {0} and {1} are the registers' index
    registers: int = 1


KINDS: dict[str, Kind] = {
    "fd": Kind("d", "int32_t", "(int32_t)args[{0}]"),
    "int": Kind("i", "int32_t", "(int32_t)args[{0}]"),
    "sig": Kind("S", "int32_t", "(int32_t)args[{0}]"),
    "pid": Kind("P", "int32_t", "(int32_t)args[{0}]"),
    "uint": Kind("u", "uint32_t", "(uint32_t)args[{0}]"),
    "mode": Kind("m", "uint32_t", "(uint32_t)args[{0}]"),
    "flags": Kind("f", "uint32_t", "(uint32_t)args[{0}]"),
    "hex": Kind("x", "uint32_t", "(uint32_t)args[{0}]"),
    "word": Kind("x", "uint64_t", "(uint32_t)args[{0}]"),
    "long": Kind("l", "int64_t", "(int32_t)args[{0}]"),
    "ptr": Kind("p", "gaddr_t", "(uint32_t)args[{0}]"),
    "str": Kind("s", "gaddr_t", "(uint32_t)args[{0}]"),
    "size": Kind("z", "uint64_t", "(uint32_t)args[{0}]"),
    "off64": Kind("o", "int64_t", "(int64_t)((uint32_t)args[{0}] | args[{1}] << 32)", 2),
    "oflags": Kind("O", "uint32_t", "(uint32_t)args[{0}]"),
    "prot": Kind("R", "uint32_t", "(uint32_t)args[{0}]"),
    "mapflags": Kind("M", "uint32_t", "(uint32_t)args[{0}]"),
    "atflags": Kind("A", "uint32_t", "(uint32_t)args[{0}]"),
    "cloneflags": Kind("C", "uint32_t", "(uint32_t)args[{0}]"),
    "futexop": Kind("U", "int32_t", "(int32_t)args[{0}]"),
    "argv": Kind("v", "gaddr_t", "(uint32_t)args[{0}]"),
    "addr": Kind("a", "gaddr_t", "(uint32_t)args[{0}]"),
    "time": Kind("t", "int64_t", "(int32_t)args[{0}]"),
}


@dataclass
class Call:
    """One line of the table."""

    line: int
    number: int
    name: str
    state: str
    function: str = ""
    kinds: list[str] = field(default_factory=list)
    note: str = ""


LINE = re.compile(
    r"(?P<number>\d+)\s+(?P<name>\w+)\s+(?P<state>\w+)\s+"
    r"(?:(?P<dash>-)|(?P<function>\w+)\s*\((?P<kinds>[^)]*)\))(?:\s+(?P<note>.*))?$"
)


def parse(path: Path) -> list[Call]:
    """The calls of a table in file order; raises SpecError."""
    calls: list[Call] = []
    numbers: dict[int, int] = {}
    names: dict[str, int] = {}
    signatures: dict[str, tuple[int, list[str]]] = {}

    for number, text in enumerate(path.read_text().splitlines(), 1):
        text = text.strip()
        if not text or text.startswith("#"):
            continue

        def fail(sentence: str, line: int = number) -> SpecError:
            return SpecError(Where(str(path), line), sentence)

        match = LINE.match(text)
        if not match:
            raise fail("a line is: number name state function(kinds) [note], "
                       "or - for the function.")
        call = Call(number, int(match["number"]), match["name"], match["state"])
        call.note = (match["note"] or "").strip()
        if call.state not in STATES:
            raise fail(f"unknown state {call.state!r}; it is one of {', '.join(STATES)}.")
        if call.number > MAX_NUMBER:
            raise fail(f"number {call.number} is too large (at most {MAX_NUMBER}).")
        if call.number in numbers:
            raise fail(f"number {call.number} is already in line {numbers[call.number]}.")
        if call.name in names:
            raise fail(f"name {call.name} is already in line {names[call.name]}.")
        numbers[call.number] = names[call.name] = number
        if match["dash"]:
            if call.state != "missing":
                raise fail(f"{call.name} is {call.state} but names no function.")
        else:
            call.function = re.sub(r"^sys_", "", match["function"])
            call.kinds = match["kinds"].replace(",", " ").split()
            for kind in call.kinds:
                if kind not in KINDS:
                    raise fail(f"unknown argument kind {kind!r}; known: {' '.join(KINDS)}.")
            used = sum(KINDS[kind].registers for kind in call.kinds)
            if used > REGISTERS:
                raise fail(f"the arguments of {call.name} need {used} registers of {REGISTERS}.")
            types = [KINDS[kind].ctype for kind in call.kinds]
            known = signatures.setdefault(call.function, (number, types))
            if known[1] != types:
                raise fail(
                    f"sys_{call.function} has other argument types in line {known[0]}; "
                    "one function has one prototype."
                )
        if call.state == "partial" and not call.note:
            raise fail(f"{call.name} is partial: its note has to say what is missing.")
        calls.append(call)
    return calls


def live(call: Call) -> bool:
    """True when the dispatch calls C for it: a `missing` row may name its future function."""
    return bool(call.function) and call.state != "missing"


def c_string(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def functions(calls: list[Call]) -> dict[str, list[str]]:
    """C functions that exist, each with its argument kinds, by name."""
    return {call.function: call.kinds for call in calls if live(call)}


def protos(calls: list[Call], source: str) -> str:
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


def thunk(name: str, kinds: list[str]) -> str:
    at = 0
    fetched: list[str] = []
    for kind in kinds:
        fetched.append(KINDS[kind].fetch.format(at, at + 1))
        at += KINDS[kind].registers
    arguments = "".join(f", {value}" for value in fetched)
    return (
        f"static long i386_{name}(struct task *task, const uint64_t *args) {{\n"
        + ("" if kinds else "    (void)args;\n")
        + f"    return sys_{name}(task{arguments});\n}}"
    )


def table_c(calls: list[Call], source: str) -> str:
    parts = [
        f"/* The i386 system call table. Generated by gen/emit/syscalls.py from {source}. */",
        '#include "gen/syscall_protos.h"',
        '#include "syscalls/abi/i386/i386.h"',
        "",
    ]
    for name, kinds in sorted(functions(calls).items()):
        parts.append(thunk(name, kinds))
        parts.append("")
    parts.append("static const struct syscall_row i386_rows[] = {")
    for call in calls:
        letters = "".join(KINDS[kind].letter for kind in call.kinds)
        note = c_string(call.note) if call.note else "NULL"
        function = f"i386_{call.function}" if live(call) else "NULL"
        state = STATES.index(call.state)
        parts.append(
            f"    [{call.number}] = {{{c_string(call.name)}, {c_string(letters)}, {note},\n"
            f"        {function}, {state}}},"
        )
    parts += [
        "};",
        "",
        "const struct syscall_table abi_i386_calls = {i386_rows, ARRAY_LEN(i386_rows)};",
        "",
    ]
    return "\n".join(parts)


def page(calls: list[Call], source: str) -> str:
    counts = {state: sum(call.state == state for call in calls) for state in STATES}
    lines = [
        "# System calls of the i386 ABI",
        "",
        f"Generated by `gen/emit/syscalls.py` from `{source}`; do not edit.",
        "",
        ", ".join(f"{counts[state]} {state}" for state in STATES) + f" of {len(calls)}. A missing "
        "call returns ENOSYS and is logged once, unless its note begins with `silent:` (programs "
        "are expected to try it).",
        "",
        "| number | name | state | arguments | note |",
        "|---|---|---|---|---|",
    ]
    for call in sorted(calls, key=lambda one: one.number):
        note = call.note.replace("|", "\\|")
        lines.append(
            f"| {call.number} | {call.name} | {call.state} | {' '.join(call.kinds)} | {note} |"
        )
    return "\n".join(lines) + "\n"


def emit(table: Path, out: Path, docs: Path, output: Output) -> None:
    """Writes syscall_table.c and syscall_protos.h into `out`, syscalls.md into `docs`."""
    calls = parse(table)
    source = "/".join(table.parts[-2:])
    output.write(out / "syscall_protos.h", protos(calls, source))
    output.write(out / "syscall_table.c", table_c(calls, source))
    output.write(docs / "syscalls.md", page(calls, source))
