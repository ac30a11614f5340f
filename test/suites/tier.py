#!/usr/bin/env python3
"""Both engines: native code and threaded code do the same, old native code gives way to new, and no
page of it is ever writable where it is executed."""
# suite: full
# time: 240
# order: 30

from __future__ import annotations

import ctypes
import os
import re
import signal
import struct
import subprocess
import time
from pathlib import Path

from elf import compile_c
from guests import GUESTS, Guest, need
from harness import BUILD, FG, ROOT, Failure, Suite, check, check_equal, command

suite = Suite()
TOP = Path(__file__).resolve().parent.parent.parent


def stats(*words: str) -> dict[str, int]:
    """Counters of --stats by name."""
    done = command([*FG, "--stats", *words, "--root", ROOT, "/bin/true"])
    check_equal("status", done.status, 0)
    return counters(done.errors())


@suite.case("which engine runs", quick=True)
def _() -> None:
    for tier, native in (("native", True), ("auto", True), ("threaded", False)):
        check_equal(tier, stats(f"--tier={tier}")["blocks made native"] > 500, native)
    check(stats("--code-size", "1")["blocks made native"] > 500, "nothing was native in 1 MiB")


# Functions of three blocks each, of which a call runs two or three; `once` calls all of them one
# time and the last 500 very often, `around` all in turns, through pointers and directly; `fork`
# calls 500 and then again, five of them in turns with 235 of the others, which a child calls.
# Between the 500 is `stay`: no native code is made of CPUID, so these keep memory of fibers in use;
# what still led to one of the 500 would find it, and other code where its own was.
MUCH_CODE = r"""
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
enum { ALL = 24000, HOT = 500 };
#ifdef __x86_64__
#define TAKE "mov %edi, %eax\n"
#define PASS "mov %eax, %edi\n"
typedef uint32_t function(uint32_t value);
#else
#define TAKE ""
#define PASS ""
typedef uint32_t function(uint32_t value) __attribute__((regparm(1)));
#endif
__asm__(".text\nfunctions: .set n, 0\n.rept 24000\n.balign 32\n" TAKE
        "imul $5, %eax, %eax\nadd $n, %eax\ntest $16, %al\njnz 1f\nxor $0x55aa, %eax\n1: ret\n"
        ".set n, n + 1\n.endr\nchain: .set n, 0\n" TAKE
        ".rept 24000\n" PASS "call functions + 32 * n\n.set n, n + 1\n.endr\nret\n"
        "stay: .rept 500\n.byte 0x53, 0xeb, 0\ncpuid\n.byte 0x5b\nret\nnop\n.endr\n");
extern const char functions[], stay[];
extern function chain;
static uint32_t call(uint32_t number, uint32_t value) {
    return ((function *)(uintptr_t)(functions + 32 * number))(value);
}
int main(int argc, char **argv) {
    uint32_t value = 1;
    if (argc > 1 && !strcmp(argv[1], "once")) {
        for (uint32_t i = 0; i < ALL; i++) {
            value = call(i, value);
        }
        for (uint32_t i = 0; i < 1000 * HOT; i++) {
            value = call(ALL - HOT + i % HOT, value);
        }
    } else if (argc > 1 && !strcmp(argv[1], "fork")) {
        for (uint32_t i = 0; i < HOT; i++) {
            value = call(i, value);
            ((function *)(uintptr_t)(stay + 8 * i))(0);
        }
        int there[2], back[2], status = 0;
        char byte;
        if (pipe(there) || pipe(back)) {
            return 1;
        }
        if (fork() == 0) {
            for (uint32_t i = HOT; i < ALL; i++) {
                value = call(i, value);
                if ((i - HOT) % 235 == 234) {
                    write(there[1], "", 1);
                    read(back[0], &byte, 1);
                }
            }
            _exit(value >> 24);
        }
        for (uint32_t i = 0; i < HOT; i++) {
            if (i % 5 == 0) {
                write(back[1], "", i > 0);
                read(there[0], &byte, 1);
            }
            value = call(i, value);
        }
        write(back[1], "", 1);
        wait(&status);
        value += WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
    } else {
        for (int i = 0; i < 15; i++) {
            value = chain(value);
            for (uint32_t k = 0; k < ALL; k++) {
                value = call(k * 7 % ALL, value);
            }
        }
    }
    printf("%u\n", value);
}
"""
ALL, HOT = 24000, 500


def much_code(way: str) -> int:
    """What MUCH_CODE prints."""
    def call(number: int, value: int) -> int:
        value = (value * 5 + number) & 0xffffffff
        return value if value & 16 else value ^ 0x55aa
    value = 1
    if way == "once":
        for i in (*range(ALL), *(ALL - HOT + i % HOT for i in range(1000 * HOT))):
            value = call(i, value)
    elif way == "fork":
        for i in range(HOT):
            value = call(i, value)
        child = value
        for i in range(HOT, ALL):
            child = call(i, child)
        for i in range(HOT):
            value = call(i, value)
        value = (value + (child >> 24)) & 0xffffffff
    else:
        for _ in range(15):
            for i in (*range(ALL), *(k * 7 % ALL for k in range(ALL))):
                value = call(i, value)
    return value


def counters(text: str) -> dict[str, int]:
    """Those of --stats by name."""
    return {name: int(value) for value, name in re.findall(r"(?m)^\s*(\d+)  (.*)$", text)}


def with_little_memory(way: str, guest: Guest) -> dict[str, int]:
    """MUCH_CODE in 1 MiB: its result is right; the counters."""
    need(guest)
    source = BUILD / f"test/tier/{way}{guest.suffix}.c"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(MUCH_CODE)
    binary = compile_c(source, source.with_suffix(""), "-static", guest=guest)
    time.sleep(max(0.0, binary.stat().st_ctime + 4 - time.time()))  # not shared before
    done = command([*FG, "--tier=native", "--code-size=1", "--stats", binary, way], limit=100)
    check_equal("status", done.status, 0)
    check_equal("result", done.text(), f"{much_code(way)}\n")
    return counters(done.errors())


for each in GUESTS.values():
    @suite.case(f"old code gives way to new, {each.name}", quick=True, limit=100)
    def _(guest: Guest = each) -> None:
        """Code that ran once does not keep what is hot from being native."""
        seen = with_little_memory("once", guest)
        check(seen["chunks of native code evicted"] > 100, f"evicted: {seen}")
        check(seen["blocks made native"] > 2 * ALL, f"not native: {seen}")
        check(seen["blocks threaded for want of memory"] < 300, f"threaded: {seen}")

    @suite.case(f"more hot code than memory, {each.name}", limit=100)
    def _(guest: Guest = each) -> None:
        """What does not fit is made again no oftener than is worth while, and else threaded."""
        seen = with_little_memory("around", guest)
        check(seen["blocks made native again after that"] > 1000, f"none came again: {seen}")
        check(seen["blocks threaded for want of memory"] > ALL, f"made again for ever: {seen}")
        check(seen["blocks built"] < 8 * 3 * ALL, f"built again and again: {seen}")

    @suite.case(f"shared code gives way to new, {each.name}", limit=100)
    def _(guest: Guest = each) -> None:
        """It has left the jump caches of all processes when its memory is used again."""
        seen = with_little_memory("fork", guest)
        check(seen["chunks of native code evicted"] > 100, f"evicted: {seen}")


@suite.case("imports in little memory", limit=120)
def _() -> None:
    """What does not fit is evicted or threaded."""
    script = "import json, argparse, unittest, asyncio; print(sum(range(1000)))"
    done = command([*FG, "--code-size", "1", "--root", ROOT, "/usr/bin/python3", "-c", script])
    check_equal("output", done.text(), "499500\n")


@suite.case("code of gadgets without regard to their neighbours", quick=True)
def _() -> None:
    """It is longer."""
    plain = stats("--no-native-opt")["bytes of native code"]
    code = stats()["bytes of native code"]
    check(plain > code * 1.02, f"{plain} bytes, and with regard to them {code}")


def maps_of(pid: int) -> list[tuple[str, str]]:
    """Rights and names of a process' mappings."""
    text = Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")
    return [(line.split()[1], line.split()[5] if len(line.split()) > 5 else "")
            for line in text.splitlines()]


@suite.case("no page is written and executed", quick=True)
def _() -> None:
    """At every stop of a guest that makes code all the time."""
    script = "import time\nfor n in range(40):\n exec(f'x{n} = {n} ** 2')\n print(n, flush=True)\n"
    for tier, executable in (("native", True), ("threaded", False)):
        with subprocess.Popen([*FG, f"--tier={tier}", "--root", str(ROOT), "/usr/bin/python3", "-c",
                               script], stdout=subprocess.PIPE) as run:
            assert run.stdout
            shared = False
            for _ in run.stdout:
                os.kill(run.pid, signal.SIGSTOP)
                for rights, name in maps_of(run.pid):
                    check("w" not in rights or "x" not in rights, f"{rights} {name}")
                    shared |= rights == "r-xs"
                os.kill(run.pid, signal.SIGCONT)
        check_equal("status", run.returncode, 0)
        check_equal(f"memory of native code, {tier}", shared, executable)


def no_executable_memory() -> None:
    """From now on mprotect(2) with PROT_EXEC is EACCES, as where SELinux says so."""
    def op(code: int, jt: int, jf: int, k: int) -> bytes:
        return struct.pack("HBBI", code, jt, jf, k)
    load, equal, bits, give = 0x20, 0x15, 0x45, 0x06
    mprotect, exec_bit, allow, refuse = 10, 4, 0x7fff0000, 0x00050000 | 13
    text = b"".join([op(load, 0, 0, 0), op(equal, 0, 3, mprotect), op(load, 0, 0, 16 + 2 * 8),
                     op(bits, 0, 1, exec_bit), op(give, 0, 0, refuse), op(give, 0, 0, allow)])
    buffer = ctypes.create_string_buffer(text)
    program = struct.pack("HxxxxxxQ", len(text) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    no_new_privs, seccomp, filter_mode = 38, 22, 2
    libc.prctl(no_new_privs, 1, 0, 0, 0)
    if libc.prctl(seccomp, filter_mode, ctypes.create_string_buffer(program), 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


@suite.case("a host without executable memory", quick=True)
def _() -> None:
    def run(*words: str) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run([*FG, *words, "--root", str(ROOT), "/bin/echo", "there"],
                              preexec_fn=no_executable_memory, capture_output=True, check=False)
    for tier in ("auto", "threaded"):
        done = run(f"--tier={tier}")
        check_equal(tier, (done.returncode, done.stdout), (0, b"there\n"))
    refused = run("--tier=native")
    check_equal("status", refused.returncode, 125)
    check_equal("sentence", refused.stderr.decode(),
                "fiberglass: the host allows no executable memory: Permission denied; "
                "say --tier threaded\n")


@suite.case("no such tier", quick=True)
def _() -> None:
    done = command([*FG, "--tier=fast", "/bin/true"])
    check_equal("status", done.status, 125)
    check("say --tier threaded, --tier native or --tier auto" in done.errors(), done.errors())


def in_tier(name: str, tier: str) -> None:
    """Cases of a suite of programs, all of whose runs are of one tier."""
    env = {**os.environ, "FG": " ".join([*FG, f"--tier={tier}"])}
    done = subprocess.run([TOP / "test/suites" / f"{name}.py", "--jobs", "1", "engine/"], env=env,
                          stdout=subprocess.PIPE, text=True, check=False, cwd=TOP)
    bad = [line for line in done.stdout.splitlines() if line.startswith("not ok")]
    if bad or done.returncode or "\nok " not in "\n" + done.stdout:
        raise Failure("\n".join(bad) or done.stdout[-1000:])


for tier in ("native", "threaded"):
    for bits, name in (("32", "native"), ("64", "native64")):
        @suite.case(f"engine programs of {bits} bits, {tier}", limit=240)
        def _(name: str = name, tier: str = tier) -> None:
            in_tier(name, tier)


if __name__ == "__main__":
    suite.main()
