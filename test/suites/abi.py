#!/usr/bin/python3
# suite: system calls of the x86-64 ABI, whose structures are the host's
# time: 60
# order: 45
"""test/abi calls the kernel layer by the x86-64 ABI: whatever does not reach a structure through
`struct abi` sees another layout than the host's, and its case fails. One case a subject."""

from __future__ import annotations

import shutil

from harness import BUILD, TOP, Suite, check, check_equal, command
from make_target import make

CASES = ("registers", "times", "files", "locks", "messages", "sockets", "ipc", "queues", "signals",
         "words", "process", "x86_64", "vectors", "table", "layouts")
PROGRAM = TOP / "test/fuzz/corpus/elf/static"  # any that can be loaded: none of its code runs
suite = Suite()


def add(name: str) -> None:
    """One case of the test program, in a root of its own."""
    def run() -> None:
        make("test-abi")
        root = BUILD / "test/abi_roots" / name
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        shutil.copy(PROGRAM, root / "program")
        (root / "program").chmod(0o755)
        done = command([BUILD / "test/abi", root, "/program", name], limit=20)
        check_equal(f"{done.errors()}status and output", (done.status, done.text()),
                    (0, f"ok {name}\n"))
    suite.add(name, run)


@suite.case("list")
def _() -> None:
    """The cases here are those of the program."""
    make("test-abi")
    check_equal("cases", tuple(command([BUILD / "test/abi", "--list"]).text().split()), CASES)


@suite.case("width")
def _() -> None:
    """Nothing but the ABI's room knows how wide an address is."""
    files = (path.relative_to(TOP) for path in sorted((TOP / "syscalls").rglob("*.[ch]")))
    knows = [str(file) for file in files
             if file.parts[1] != "abi" and "pointer_bytes" in (TOP / file).read_text()]
    check(not knows, f"{', '.join(knows)}: pointer_bytes is the ABI's; abi/abi.h has functions "
          "for what depends on it")


for case in CASES:
    add(case)

if __name__ == "__main__":
    suite.main()
