#!/usr/bin/env python3
"""Both engines: native code and threaded code do the same, and no page of native code is ever
writable where it is executed."""
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
from pathlib import Path

from harness import FG, ROOT, Failure, Suite, check, check_equal, command

suite = Suite()
TOP = Path(__file__).resolve().parent.parent.parent


def stats(*words: str) -> dict[str, int]:
    """Counters of --stats by name."""
    done = command([*FG, "--stats", *words, "--root", ROOT, "/bin/true"])
    check_equal("status", done.status, 0)
    return {name: int(value) for value, name in re.findall(r"(?m)^\s*(\d+)  (.*)$", done.errors())}


@suite.case("which engine runs", quick=True)
def _() -> None:
    for tier, native in (("native", True), ("auto", True), ("threaded", False)):
        check_equal(tier, stats(f"--tier={tier}")["blocks made native"] > 500, native)
    check(stats("--code-size", "1")["blocks made native"] > 500, "nothing was native in 1 MiB")


@suite.case("more code than there is memory for", limit=120)
def _() -> None:
    """What does not fit is threaded."""
    script = "import json, argparse, unittest, asyncio; print(sum(range(1000)))"
    done = command([*FG, "--code-size", "1", "--root", ROOT, "/usr/bin/python3", "-c", script])
    check_equal("output", done.text(), "499500\n")


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
