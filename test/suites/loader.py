#!/usr/bin/python3
# suite: damaged and foreign programs
# time: 120
# order: 20
"""Programs that are damaged, of another machine or of the other mode: what the loader says of them,
and with which status."""

from __future__ import annotations

import re

from elf import Elf, Elf64, Segment, compile_c, small_c
from guests import I386, X86_64, need, runs_natively, threaded
from harness import BUILD, Suite, check, check_equal, command, expect_error, fiberglass

HERE = BUILD / "test/loader"
suite = Suite()

BROKEN: dict[str, tuple[Elf | bytes, tuple[int, ...]]] = {
    "whole": (Elf(), (42,)),
    "empty file": (b"", (126,)),
    "magic alone": (b"\x7fELF", (126,)),
    "half a header": (Elf().bytes()[:30], (126,)),
    "no program headers": (Elf(segments=[]), (126, 139)),
    "headers cut off": (Elf().bytes()[:60], (126,)),
    "headers far away": (Elf(phoff=0x7fffff00), (126,)),
    "headers at the end of time": (Elf(phoff=0xffffffff), (126,)),
    "small header entries": (Elf(phentsize=8), (126,)),
    "65535 headers": (Elf(phnum=0xffff), (126,)),
    "64-bit class": (Elf(ident=b"\x7fELF\x02\x01\x01" + bytes(9)), (42, 126)),
    "big endian": (Elf(ident=b"\x7fELF\x01\x02\x01" + bytes(9)), (42, 126)),
    "ARM": (Elf(machine=40), (126,)),
    "x86-64": (Elf(machine=62), (126,)),
    "object file": (Elf(type=1), (126,)),
    "core file": (Elf(type=4), (126,)),
    "segment past the file": (Elf(segments=[Segment(filesz=0x100000, memsz=0x100000)]),
                              (42, 126, 135, 139)),
    "segment over 4 GiB": (Elf(segments=[Segment(), Segment(vaddr=0xfffff000, memsz=0x2000)]),
                           (126, 137, 139)),
    "huge memory": (Elf(segments=[Segment(memsz=0xf0000000)]), (42, 126, 137, 139)),
    "segment at the top": (Elf(segments=[Segment(), Segment(vaddr=0xffffe000)]),
                           (42, 126, 137, 139)),
    "segment at zero": (Elf(segments=[Segment(vaddr=0)], entry=0x200), (42, 126, 137, 139)),
    "file size over memory size": (Elf(segments=[Segment(memsz=0x10)]), (42, 126, 137, 139)),
    "overlapping segments": (Elf(segments=[Segment(), Segment(vaddr=0x8048000, flags=6)]),
                             (42, 139)),
    "misaligned": (Elf(segments=[Segment(vaddr=0x8048123)]), (126, 137, 139)),
    "entry outside": (Elf(entry=0x10), (139,)),
    "entry at the top": (Elf(entry=0xffffffff), (126, 139)),
    "no execute": (Elf(segments=[Segment(flags=4)]), (42, 139)),
    "interpreter name of 2 GB": (Elf(segments=[Segment(), Segment(type=3, filesz=0x7fffffff)]),
                                 (126, 137)),
    "interpreter name without end": (
        Elf(segments=[Segment(), Segment(type=3, offset=0x300, filesz=8)],
            code=Elf().code.ljust(0x100, b"\x90") + b"/lib/abcdefgh"), (126, 127)),
    "interpreter missing": (
        Elf(segments=[Segment(), Segment(type=3, offset=0x300, filesz=11)],
            code=Elf().code.ljust(0x100, b"\x90") + b"/no/such/x\0"), (126, 127)),
    "empty interpreter": (Elf(segments=[Segment(), Segment(type=3, offset=0x300, filesz=0)]),
                          (126, 127)),
    "many segments": (Elf(segments=[Segment(vaddr=0x8048000 + 0x2000 * i) for i in range(14)]),
                      (42,)),
    "dynamic PIE without loader": (Elf(type=3, segments=[Segment(vaddr=0)], entry=0x200), (42,)),
}

HOP = r"""
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>
int main(int argc, char **argv) {
    volatile double three = 3;
    printf("%d bits, %d arguments, %s, %.2f\n", (int)sizeof(long) * 8, argc, getenv("WORD"),
           three / 4);
    fflush(stdout);
    return argc > 1 ? execv(argv[1], argv + 1) : 7;
}
"""


@suite.case("exec between i386 and x86-64")
def _() -> None:
    """Programs of both modes call each other, as natively; one that cannot be run leaves the
    caller as it was."""
    need(X86_64)
    narrow = small_c("hop", HOP)
    wide = compile_c(narrow.with_suffix(".c"), HERE / "hop64", "-static", guest=X86_64)
    words = [narrow, wide, wide, narrow, wide, narrow, narrow]
    env = {"WORD": "kept"}
    guest = fiberglass(*words, env=env)
    native = (command(words, env=env) if runs_natively(I386)
              else fiberglass(*threaded(I386), *words, env=env))
    check_equal("status and output", (guest.status, guest.text()), (7, native.text()))
    for first in (narrow, wide):
        done = fiberglass(first, "/dev/null", env=env)
        check_equal("status of a program that cannot exec", done.status, 255)


# The same of x86-64: what is in the headers, and addresses that 32 bits do not hold.
BROKEN64: dict[str, tuple[Elf | bytes, tuple[int, ...]]] = {
    "whole": (Elf64(), (42,)),
    "half a header": (Elf64().bytes()[:60], (126,)),
    "no program headers": (Elf64(segments=[]), (126, 139)),
    "headers far away": (Elf64(phoff=0x7fffffffffffff00), (126,)),
    "headers at the end of time": (Elf64(phoff=0xffffffffffffffff), (126,)),
    "small header entries": (Elf64(phentsize=32), (126,)),
    "65535 headers": (Elf64(phnum=0xffff), (126,)),
    "of 32 bits": (Elf64(ident=b"\x7fELF\x01\x01\x01" + bytes(9)), (126,)),
    "segment of 2^63 bytes": (Elf64(segments=[Segment(memsz=1 << 63)]), (126, 137, 139)),
    "segment of 2^64 - 1 bytes": (Elf64(segments=[Segment(filesz=(1 << 64) - 1,
                                                          memsz=(1 << 64) - 1)]), (126, 139)),
    "segment that wraps": (Elf64(segments=[Segment(), Segment(vaddr=(1 << 64) - 0x1000,
                                                              memsz=0x2000)]), (126, 137, 139)),
    "segment beyond 2^47": (Elf64(segments=[Segment(), Segment(vaddr=1 << 47)]), (126, 137, 139)),
    "segment beyond the window": (Elf64(segments=[Segment(), Segment(vaddr=1 << 40)]),
                                  (42, 126, 137, 139)),
    "segment above 4 GiB": (Elf64(segments=[Segment(vaddr=0x123400000)], entry=0x123400200),
                            (42,)),
    "entry that cannot be": (Elf64(entry=1 << 63), (126, 139)),
    "entry beyond the window": (Elf64(entry=1 << 40), (126, 139)),
    "aligned to 2^62": (Elf64(type=3, segments=[Segment(vaddr=0, align=1 << 62)], entry=0x200),
                        (42, 125, 126, 137, 139)),  # 125: there is not as much memory
    "aligned to 1 GiB": (Elf64(type=3, segments=[Segment(vaddr=0, align=1 << 30)], entry=0x200),
                         (42,)),
    "overlapping segments": (Elf64(segments=[Segment(), Segment(flags=6)]), (42, 139)),
    "interpreter of 2^63 bytes": (Elf64(segments=[Segment(), Segment(type=3, filesz=1 << 63)]),
                                  (126, 137)),
    "many segments": (Elf64(segments=[Segment(vaddr=0x8048000 + 0x2000 * i) for i in range(7)]),
                      (42,)),
    "dynamic PIE without loader": (Elf64(type=3, segments=[Segment(vaddr=0)], entry=0x200), (42,)),
}
ELFS = [*((name, *case) for name, case in BROKEN.items()),
        *((f"x86-64, {name}", *case) for name, case in BROKEN64.items())]

for name, broken, statuses in ELFS:
    def load(name: str = name, broken: Elf | bytes = broken,
             statuses: tuple[int, ...] = statuses) -> None:
        """One of the documented statuses, and a sentence when it is the loader's."""
        if name.startswith("x86-64,"):
            need(X86_64)
        program = HERE / "elf" / re.sub(r"\W", "-", name)
        program.parent.mkdir(parents=True, exist_ok=True)
        program.unlink(missing_ok=True)
        program.write_bytes(broken if isinstance(broken, bytes) else broken.bytes())
        program.chmod(0o755)
        done = fiberglass(program, limit=20)
        check(done.status in statuses, f"status {done.status}, not one of {statuses}: "
              f"{done.errors()[:400]}")
        if done.status in (126, 127):
            expect_error(done, done.status)
    suite.add("ELF: " + name, load)


@suite.case("other machines by name")
def _() -> None:
    here = HERE / "elf"
    here.mkdir(parents=True, exist_ok=True)
    for name, machine, big, wide in (
            ("AArch64", 183, False, True), ("ARM", 40, False, False),
            ("ARM", 40, True, False), ("RISC-V", 243, False, True), ("PowerPC64", 21, True, True),
            ("PowerPC64", 21, False, True), ("PowerPC", 20, True, False), ("MIPS", 8, True, False),
            ("s390", 22, True, True), ("SPARC", 2, True, False), ("SPARC64", 43, True, True),
            ("IA-64", 50, False, True), ("68000", 4, True, False), ("PA-RISC", 15, True, False),
            ("SuperH", 42, False, False), ("LoongArch", 258, False, True),
            ("BPF", 247, False, True),
            ("Alpha", 0x9026, False, True), ("i386", 3, False, True),
            ("an unknown machine", 0x1234, False, False)):
        ident = b"\x7fELF" + bytes([2 if wide else 1, 2 if big else 1, 1]) + bytes(9)
        number = machine >> 8 | (machine & 255) << 8 if big else machine
        program = here / "foreign"
        program.unlink(missing_ok=True)
        program.write_bytes(Elf(ident=ident, machine=number).bytes())
        program.chmod(0o755)
        expect_error(fiberglass(program), 126, rf"\bfor {name}\b", "64.bit" if wide else "32.bit")


if __name__ == "__main__":
    suite.main()
