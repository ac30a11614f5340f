#!/usr/bin/env python3
# suite: full
# time: 120
# order: 30
"""Native code as people and tools of the host see it: --dump=native, --perf, --gdb."""

from __future__ import annotations

import itertools
import os
import random
import re
import shutil
import signal
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from elf import Elf, small_c
from harness import (BUILD, FG, ROOT, TOP, Skip, Suite, check, check_equal, command,
                     expect_error)

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


@suite.case("what needs a probe", quick=True)
def _() -> None:
    program = HERE / "known"
    program.parent.mkdir(parents=True, exist_ok=True)
    done = command(["gcc", "-D_GNU_SOURCE", "-std=gnu11", f"-I{TOP}", f"-I{BUILD}", "-o", program,
                    TOP / "test/native/known.c", TOP / "core/native/known.c"])
    check_equal(f"status of the compiler ({done.errors()})", done.status, 0)
    done = command([program])
    check_equal("mistakes", done.text(), "")
    check_equal("status", done.status, 0)


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
    """Host code without gaps in each block and its exits, all of it disassembled."""
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
        elif line == "  exits":
            at = 0
        else:
            check(INSN.match(line) or re.fullmatch(r"    \w+(: dispatched)?", line),
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
                          env={**os.environ, "LD_PRELOAD": str(library),
                               # a sanitizer's own library wants to come first
                               "ASAN_OPTIONS": "verify_asan_link_order=0"}, text=True)
    check_equal("status", done.returncode, 42)
    sentences = [line for line in done.stderr.splitlines() if line.startswith("fiberglass: ")]
    check_equal("sentences", len(sentences), 1)
    check("host code is shown as bytes alone: " in sentences[0], sentences[0])
    check(re.search(r"    mov32_ri_ebx\n      [0-9a-f]{12}  bb 2a 00 00 00 *\n", done.stderr),
          done.stderr)


@suite.case("no such dump", quick=True)
def _() -> None:
    expect_error(command([*FG, "--dump=nothing", "/bin/true"]), 125, "--dump=native")


# --- perf and gdb ------------------------------------------------------------------------------

NAMED = r"""
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
__attribute__((noinline)) int first_one(int n) {
    int sum = 0;
    for (int i = 0; i < n; i++) { __asm__ volatile("" : "+r"(sum)); sum += i; }
    return sum;
}
__attribute__((noinline)) int second_one(int n, int *at) { return *at = first_one(n) + n; }
int main(int argc, char **argv) {
    int value;
    second_one(1000, argc > 1 ? NULL : &value);
    if (getenv("WAIT")) { raise(SIGSTOP); }
    return value == 1000 * 999 / 2 + 1000 ? 42 : 1;
}
"""


def named() -> Path:
    """A program with symbols of its own; with an argument it stores to address 0."""
    return small_c("native_named", NAMED, "-static", "-O1")


@dataclass
class Entry:
    """A block of native code in a map or a jitdump."""

    start: int
    size: int
    name: str


def read_map(pid: int) -> list[Entry]:
    """The map that a run wrote; it is removed."""
    path = Path(f"/tmp/perf-{pid}.map")
    lines = path.read_bytes().decode("ascii").splitlines()
    path.unlink()
    entries = []
    for line in lines:
        match = re.fullmatch(r"([0-9a-f]+) ([0-9a-f]+) ([ -~]+)", line)
        assert match, f"a line of no map: {line!r}"
        entries.append(Entry(int(match[1], 16), int(match[2], 16), match[3]))
    return entries


def run(*words: str | Path, status: int = 42, env: dict[str, str] | None = None,
        cwd: Path | None = None) -> int:
    """Run the engine to a status; its pid."""
    with subprocess.Popen([*FG, *map(str, words)], env={**os.environ, **(env or {})}, cwd=cwd,
                          stdout=subprocess.DEVNULL) as process:
        check_equal("status", process.wait(60), status)
    return process.pid


def check_named(entries: list[Entry]) -> None:
    """The program's functions are among them, and no two blocks lie in one place."""
    names = {entry.name for entry in entries}
    for wanted in (r"main \[native_named\]", r"first_one \[native_named\]",
                   r"second_one\+0x[0-9a-f]+ \[native_named\]"):
        check(any(re.fullmatch(wanted, name) for name in names), f"no {wanted} in {names}")
    entries = sorted(entries, key=lambda entry: entry.start)
    for one, next_ in itertools.pairwise(entries):
        check(one.start + one.size <= next_.start, f"{one} and {next_} overlap")


@suite.case("map for perf", quick=True)
def _() -> None:
    check_named(read_map(run("--perf=map", named())))
    stripped = HERE / "stripped"
    HERE.mkdir(parents=True, exist_ok=True)
    subprocess.run(["strip", "-o", stripped, named()], check=True)
    names = {entry.name for entry in read_map(run("--perf=map", stripped))}
    check(all(re.fullmatch(r"0x[0-9a-f]+ \[stripped\]|__kernel_vsyscall.* \[vdso\]", name)
              for name in names), f"names of a program without: {names}")


@suite.case("map of several programs", quick=True)
def _() -> None:
    """A fork and what it executes are in the one process of the host."""
    names = {entry.name for entry in read_map(run(
        "--perf=map", "--root", ROOT, "/bin/sh", "-c", "(exit 3); /bin/echo; exit 42"))}
    for program in ("dash", "echo", r"libc\.so\.6"):
        check(any(re.search(rf"\[{program}\]$", name) for name in names), f"nothing of {program}")
    check(any(re.match(r"malloc(\+0x[0-9a-f]+)? \[libc", name) for name in names),
          "no dynamic symbol")


@suite.case("no file unless asked for", quick=True)
def _() -> None:
    (HERE / "empty").mkdir(parents=True, exist_ok=True)
    pid = run(named(), cwd=HERE / "empty")
    check(not Path(f"/tmp/perf-{pid}.map").exists(), "there is a map")
    check_equal("files", list((HERE / "empty").iterdir()), [])


@suite.case("map where something is already", quick=True)
def _() -> None:
    """A link is not followed, a directory not used."""
    HERE.mkdir(parents=True, exist_ok=True)
    victim = HERE / "victim"
    victim.write_text("mine")
    shell = 'pid=$$; ln -s "$0" /tmp/perf-$pid.map; exec "$@"'
    with subprocess.Popen(["sh", "-c", shell, victim, *FG, "--perf=map", named()]) as process:
        check_equal("status", process.wait(60), 42)
    path = Path(f"/tmp/perf-{process.pid}.map")
    check(not path.is_symlink() and path.stat().st_mode == 0o100600, "the link is still there")
    check_named(read_map(process.pid))
    check_equal("what the link led to", victim.read_text(), "mine")
    shell = 'mkdir /tmp/perf-$$.map; exec "$@"'
    with subprocess.Popen(["sh", "-c", shell, "sh", *FG, "--perf=map", named()],
                          stderr=subprocess.PIPE) as process:
        said = process.communicate(timeout=60)[1].decode()
    Path(f"/tmp/perf-{process.pid}.map").rmdir()
    check_equal("status", process.returncode, 125)
    check(re.fullmatch(r"fiberglass: cannot make '/tmp/perf-\d+.map' for perf: .*\n", said), said)


HEAD = struct.Struct("<IIIIIIQQ")
RECORD = struct.Struct("<IIQ")
LOAD = struct.Struct("<IIQQQQ")


def read_dump(path: Path, pid: int) -> list[Entry]:
    """The blocks of a jitdump file, each with as many bytes of code as it says."""
    data = path.read_bytes()
    magic, version, head, machine, _, owner, before, flags = HEAD.unpack_from(data)
    check_equal("head", (magic, version, head, machine, owner, flags),
                (0x4A695444, 1, HEAD.size, 62, pid, 0))
    entries: list[Entry] = []
    at = head
    while at < len(data):
        kind, size, time = RECORD.unpack_from(data, at)
        check(before <= time, "time goes back")
        owner, _, address, code, length, index = LOAD.unpack_from(data, at + RECORD.size)
        name, _, _ = data[at + RECORD.size + LOAD.size:at + size].partition(b"\0")
        check_equal("record", (kind, owner, address, index, size),
                    (0, pid, code, len(entries) + 1,
                     RECORD.size + LOAD.size + len(name) + 1 + length))
        entries.append(Entry(code, length, name.decode("ascii")))
        at, before = at + size, time
    check_equal("end of the last record", at, len(data))
    return entries


@suite.case("jitdump for perf", quick=True)
def _() -> None:
    HERE.mkdir(parents=True, exist_ok=True)
    with subprocess.Popen([*FG, "--perf=jitdump", "--perf=map", named()], cwd=HERE,
                          env={**os.environ, "WAIT": "1"}) as process:
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        maps = Path(f"/proc/{process.pid}/maps").read_text(encoding="utf-8")
        os.kill(process.pid, signal.SIGCONT)
        check_equal("status", process.wait(60), 42)
    path = HERE / f"jit-{process.pid}.dump"
    check(re.search(rf"r-xp .* {path}\n", maps), "perf would not see the file")
    entries = read_dump(path, process.pid)
    check_named(entries)
    check_equal("map and jitdump", read_map(process.pid), entries)
    path.unlink()
    refused = command([*FG, "--perf=jitdump", named()], cwd="/proc")
    check_equal("status", refused.status, 125)
    check("cannot make 'jit-" in refused.errors(), refused.errors())


@suite.case("perf itself", limit=120)
def _() -> None:
    """perf of the host names guest functions, by the map and by the jitdump."""
    HERE.mkdir(parents=True, exist_ok=True)
    program = small_c("native_busy", NAMED.replace("1000", "100000000"), "-static", "-O1")
    record = ["perf", "record", "-q", "-k", "mono", "-e", "cpu-clock", "-o"]
    if not shutil.which("perf") or command([*record, HERE / "probe", "true"]).status:
        raise Skip("there is no perf that may record")
    shell = 'echo $$ >pid; exec "$@"'
    for kind in ("map", "jitdump"):
        data = HERE / f"perf.{kind}"
        command([*record, data, "sh", "-c", shell, "sh", *FG, f"--perf={kind}", program], cwd=HERE)
        pid = (HERE / "pid").read_text().strip()
        if kind == "jitdump":
            command(["perf", "inject", "--jit", "-i", data, "-o", HERE / "perf.injected"])
            data = HERE / "perf.injected"
        report = command(["perf", "report", "--stdio", "-i", data]).text()
        check(re.search(r"\d\d\.\d\d%.*first_one(\+0x[0-9a-f]+)? \[native_busy\]", report),
              report[:2000])
        Path(f"/tmp/perf-{pid}.map").unlink(missing_ok=True)
        for path in HERE.glob(f"jit*-{pid}*"):
            path.unlink()


def hostile_names(data: bytes) -> set[str]:
    """What the one block of a program is called."""
    program = HERE / "hostile"
    HERE.mkdir(parents=True, exist_ok=True)
    program.write_bytes(data)
    program.chmod(0o755)
    return {entry.name for entry in read_map(run("--perf=map", program))}


def damaged(whole: bytes, sections: int, seed: int) -> bytes:
    """The file with words of its section headers and of what follows its code changed."""
    rng, data = random.Random(seed), bytearray(whole)
    for _ in range(rng.randint(1, 3)):
        at = rng.choice((rng.randrange(0x90, len(data) - 4),
                         rng.randrange(sections, len(data) - 4, 4)))
        value = rng.choice((0, 1, 0x7fffffff, 0xffffffff, 0xfffffff0, rng.getrandbits(32)))
        data[at:at + 4] = value.to_bytes(4, "little")
    return bytes(data)


# Where a class has e_shoff, sh_offset and sh_size, and how long a section header is.
for file_, shoff, each, offset_at, size_at in (("symbols", 32, 40, 16, 20),
                                               ("symbols64", 40, 64, 24, 32)):
    @suite.case(f"{file_} of hostile files", limit=120)
    def _(file_: str = file_, shoff: int = shoff, each: int = each, offset_at: int = offset_at,
          size_at: int = size_at) -> None:
        """Sections and names are the guest's; a damaged one costs names and nothing else."""
        whole = (TOP / "test/fuzz/corpus/elf" / file_).read_bytes()
        check_equal("undamaged", hostile_names(whole), {"_start [hostile]"})
        check_equal("characters", hostile_names(whole.replace(b"_start", b"_\n\x1b\xffrt")),
                    {"_???rt [hostile]"})
        without, = hostile_names(whole[:shoff] + bytes(4) + whole[shoff + 4:])
        check(re.fullmatch(r"0x[0-9a-f]+ \[hostile\]", without), without)
        sections = int.from_bytes(whole[shoff:shoff + 4], "little")
        names = sections + 3 * each  # the header of .strtab
        where = int.from_bytes(whole[names + offset_at:][:4], "little")
        cut = whole.index(b"_start", where) + len("_sta") - where
        check_equal("the table ends in a name", hostile_names(
            whole[:names + size_at] + cut.to_bytes(4, "little") + whole[names + size_at + 4:]),
            {"_sta [hostile]"})
        for seed in range(40):
            check(len(hostile_names(damaged(whole, sections, seed))) == 1, f"seed {seed}")


@suite.case("names for gdb", limit=120)
def _() -> None:
    """A fault in native code has a place, and a way back to the engine."""
    if not shutil.which("gdb"):
        raise Skip("there is no gdb")
    words: list[str | Path] = ["-batch", "-x", TOP / "core/host/x86_64/fiberglass.gdb"]
    for line in ("handle SIGSEGV stop", "run", "fg-symbols", "info symbol $pc", "backtrace",
                 "kill"):
        words += ["-ex", line]
    done = command(["gdb", *words, "--args", *FG, "--gdb", named(), "fault"])
    for wanted in (r"^second_one\+0x[0-9a-f]+ \[native_named\] .*in section \.text",
                   r"^#0 .* in second_one\+0x[0-9a-f]+ \[native_named\]", r"^#[1-4] .* task_run "):
        check(re.search(wanted, done.text(), re.M),
              f"no {wanted} in {done.text()[-1500:]}{done.errors()[-500:]}")


@suite.case("names for gdb come and go", quick=True)
def _() -> None:
    """Code that is made, given up or evicted for want of memory, and made again, whoever looks."""
    script = ("for i in 1 2 3; do ls / >/dev/null; date >/dev/null; echo x | sed s/x/y/; "
              "echo 5 | awk '{print $1}'; sort /etc/passwd | grep -c ^root; done")
    for option, counted in (("--code-limit=4096", "times code was given up"),
                            ("--code-size=1", "chunks of native code evicted")):
        done = command([*FG, "--gdb", "--stats", option, "--root", ROOT, "/bin/sh", "-c", script])
        check_equal(option, (done.status, done.text().split()), (0, ["y", "5", "1"] * 3))
        check(re.search(rf" [1-9]\d*  {counted}", done.errors()), done.errors())


@suite.case("no such file for perf", quick=True)
def _() -> None:
    expect_error(command([*FG, "--perf=nothing", "/bin/true"]), 125, "--perf=map")


if __name__ == "__main__":
    suite.main()
