#!/usr/bin/env python3
# suite: full
# time: 120
# order: 30
"""Native code as it is shown to people and tools of the host: --dump=native."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from elf import Elf
from harness import BUILD, FG, ROOT, Skip, Suite, check, check_equal, command, expect_error

HERE = BUILD / "test/native_code"
HEADER = Path("/usr/include/Zydis/Zydis.h")
suite = Suite()

# mov $3, %ecx; 1: dec %ecx; jnz 1b; mov $42, %ebx; mov $1, %eax; int $0x80
LOOP = "b903000000 49 75fd bb2a000000 b801000000 cd80"
BLOCK = re.compile(r"block ([0-9a-f]+)\.\.([0-9a-f]+): (\d+) instructions, (native|threaded)$")
INSN = re.compile(r"  ([0-9a-f]{8,})  ((?:[0-9a-f]{2} )+) +(\S+)$")
HOST = re.compile(r"      ([0-9a-f]{12})  ((?:[0-9a-f]{2} )+) *(.*)$")


def loop() -> Path:
    """A program of a loop, its end and its exit."""
    program = HERE / "loop"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_bytes(Elf(code=bytes.fromhex(LOOP)).bytes())
    program.chmod(0o755)
    return program


def need_zydis() -> None:
    """A Skip where the program was built without."""
    if not HEADER.exists():
        raise Skip("there is no libzydis-dev")


def bytes_of(text: str) -> bytes:
    """What a column of bytes holds."""
    return bytes.fromhex(text)


@suite.case("dump of native code", quick=True)
def _() -> None:
    need_zydis()
    done = command([*FG, "--dump=native", loop()])
    check_equal("status", done.status, 42)
    lines = done.errors().splitlines()
    check_equal("blocks", [line for line in lines if line.startswith("block")],
                ["block 08048200..08048208: 3 instructions, native",
                 "block 08048205..08048208: 2 instructions, native",
                 "block 08048208..08048214: 3 instructions, native"])
    guest = [match.groups() for line in lines if (match := INSN.match(line))]
    check_equal("instructions", [name for _, _, name in guest],
                ["MOV", "DEC", "JNE", "DEC", "JNE", "MOV", "MOV", "INT"])
    code = bytes.fromhex(LOOP)
    for at, text, name in guest:
        offset = int(at, 16) - 0x08048200
        check_equal(f"bytes of {name}", bytes_of(text), code[offset:offset + len(bytes_of(text))])
    gadgets = [line.strip() for line in lines if re.match(r"    \w", line)]
    check_equal("gadgets", gadgets, ["mov32_ri_ecx", "dec32_r_ecx", "jcc_nz", "dec32_r_ecx",
                                     "jcc_nz", "mov32_ri_ebx", "mov32_ri_eax",
                                     "int_128: dispatched"])
    check(re.search(r"    mov32_ri_ebx\n      [0-9a-f]{12}  bb 2a 00 00 00 +mov ebx, 0x2A\n",
                    done.errors()), done.errors())


@suite.case("dump of a whole program", quick=True)
def _() -> None:
    """Host code without gaps in each block, all of it disassembled."""
    need_zydis()
    done = command([*FG, "--dump=native", "--root", ROOT, "/bin/true"])
    check_equal("status", done.status, 0)
    at, native = 0, 0
    for line in done.errors().splitlines():
        if block := BLOCK.match(line):
            at, native = 0, native + (block[4] == "native")
        elif host := HOST.match(line):
            check(at in (0, int(host[1], 16)), f"a gap before {line!r}")
            check(host[3], f"not disassembled: {line!r}")
            at = int(host[1], 16) + len(bytes_of(host[2]))
        else:
            check(INSN.match(line) or re.fullmatch(r"    \w+(: dispatched)?|  exits", line),
                  f"a line of no kind: {line!r}")
    check(native > 500, f"{native} native blocks")


@suite.case("dump without Zydis", quick=True)
def _() -> None:
    """One sentence, and the code as bytes."""
    HERE.mkdir(parents=True, exist_ok=True)
    library = HERE / "no_libraries.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", library], check=True,
                   input=b"void *dlopen(const char *n, int f) { return (void *)0; }\n")
    done = subprocess.run([*FG, "--dump=native", loop()], check=False, stderr=subprocess.PIPE,
                          env={**os.environ, "LD_PRELOAD": str(library)}, text=True)
    check_equal("status", done.returncode, 42)
    sentences = [line for line in done.stderr.splitlines() if line.startswith("fiberglass: ")]
    check_equal("sentences", len(sentences), 1)
    check("host code is shown as bytes alone: " in sentences[0], sentences[0])
    check(re.search(r"    mov32_ri_ebx\n      [0-9a-f]{12}  bb 2a 00 00 00 *\n", done.stderr),
          done.stderr)


@suite.case("no such dump", quick=True)
def _() -> None:
    expect_error(command([*FG, "--dump=nothing", "/bin/true"]), 125, "--dump=native")


if __name__ == "__main__":
    suite.main()
