"""Builds and runs the attack programs of test/fuzz that are guests: random system calls, races.

Each run has a root of its own that is thrown away, limits of memory, file size and time, and, where
the host allows it, namespaces in which the rest of the machine is read-only. A run fails when
Fiberglass dies, says that it is at fault, or does not end. Used by the suites and by make soak."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pace
from elf import compile_c
from guests import I386, X86_64, Guest
from harness import BUILD, FG, TOP, Failure

sys.path[:0] = [str(TOP / "test/mutants"), str(TOP)]
from confine import confined, may_confine  # noqa: E402
from gen.emit.syscalls import ABIS, Abi, live, parse  # noqa: E402

HERE = BUILD / "test/fuzz"
MOST_MEMORY = 6 << 30
building = threading.Lock()  # cases run at the same time
KINDS = ("none", "fd", "int", "uint", "long", "hex", "ptr", "str", "size", "low", "high", "mode",
         "flags", "sig", "pid", "time", "oflags", "prot", "mapflags", "atflags", "cloneflags",
         "futexop", "argv", "addr", "word")
# What the pointers of a call point at; anything else: to a record of random words.
AT = {
    "vectors": r"p?(read|write)v2?|preadv|pwritev|vmsplice|process_vm_\w+",
    "address": r"bind|connect|accept4?|getsockname|getpeername|sendto|recvfrom",
    "message": r"(send|recv)m?msg(_time64)?",
    "time": r"\w*(nanosleep|settime|timer|utime|futimesat)\w*|rt_sigtimed\w+|"
            r"p?select6?\w*|ppoll\w*",
    "memory": r"m(un)?map2?|mremap|mprotect|pkey_mprotect|madvise|msync|mincore|m(un)?lock2?|brk|"
              r"shmat|shmdt|remap_file_pages",
    "futex": r"futex\w*|\w+robust_list|set_tid_address",
    "buffer": r"read|write|pread64|pwrite64|getdents\w*|\w*stat\w*|\w*xattr|readlink\w*|getrandom|"
              r"getcwd|mq_timed\w+",
}
# The watching process would not get through them, or nothing would be left to try.
LEFT_OUT = re.compile(r"exit|exit_group|(rt_)?sigreturn|sync|syncfs|reboot|vhangup|pause|"
                      r"(rt_)?sigsuspend|restart_syscall")
# They take the ground from under the process's feet; the calls that change memory get addresses of
# its playground instead.
DEADLY = re.compile(r"brk|mmap|execve(at)?|vfork|clone3?|set_thread_area|setrlimit|prlimit64|"
                    r"(rt_)?sigaction|signal|(rt_)?sigprocmask|ssetmask|close_range|alarm|"
                    r"setitimer|unshare|chroot|set_robust_list")
# Their first arguments name processes.
SPARES = re.compile(r"kill|tkill|tgkill|rt_(tg)?sigqueueinfo|pidfd_open|process_vm_writev|"
                    r"prlimit64|setpriority|sched_set\w+|fcntl(64)?|ioctl")
RARE = re.compile(r"fork|setpgid|setsid|set(res|re|fs)?[ug]id(32)?|setgroups(32)?|close|shutdown|"
                  r"capset|personality|nanosleep|clock_nanosleep\w*|rename\w*|poll|wait\w+|umask")


def table() -> str:
    """The C header with every call that Fiberglass has, of each ABI, out of syscalls/table."""
    sorts = ", ".join("AT_" + sort.upper() for sort in (*AT, "anything", "sorts"))
    return (f"enum kind {{ {', '.join('KIND_' + k.upper() for k in KINDS)} }};\n"
            f"enum points_at {{ {sorts} }};\n"
            "struct call {\n    int number;\n    const char *name;\n"
            "    enum kind kind[6];\n    enum points_at at;\n    char deadly, spares, rare;\n};\n"
            + "".join(f"static const struct call calls_{abi.symbol}[] = {{\n{rows(abi)}\n}};\n"
                      for abi in ABIS).replace("static", "__attribute__((unused)) static"))


def rows(abi: Abi) -> str:
    """The calls of an ABI, one a line."""
    lines = []
    for call in parse(TOP / "syscalls/table"):
        name = call.names.get(abi)
        if name is None or not live(call) or LEFT_OUT.fullmatch(name):
            continue
        kinds: list[str] = []
        for word in call.kinds:
            if word in ("off64", "pos64"):
                kinds += ["low", "high"] if abi.bits == 32 or word == "pos64" else ["low"]
            else:
                kinds.append(word)
        for kind in kinds:
            if kind not in KINDS:
                raise Failure(f"fuzzing.py does not know the kind {kind!r} of syscalls/table")
        kinds += ["none"] * (6 - len(kinds))
        at = next((k for k, v in AT.items() if re.fullmatch(v, name)), "anything")
        kind = ", ".join("KIND_" + k.upper() for k in kinds)
        bits = [bool(DEADLY.fullmatch(name)), bool(SPARES.fullmatch(name)),
                bool(RARE.fullmatch(name))]
        lines.append(f'    {{{call.numbers[abi]}, "{name}", {{{kind}}}, AT_{at.upper()}, '
                     + ", ".join(str(int(b)) for b in bits) + "},")
    return "\n".join(lines)


def program(name: str, guest: Guest = I386) -> Path:
    """A guest program of test/fuzz."""
    with building:
        return build(name, guest)


def build(name: str, guest: Guest) -> Path:
    """Compile it unless nothing changed; `NAME64` is a program of x86-64."""
    header = HERE / "fuzz_kinds.h"
    HERE.mkdir(parents=True, exist_ok=True)
    text = table()
    if not header.exists() or header.read_text() != text:
        header.write_text(text)
    source = TOP / f"test/fuzz/{name}.c"
    binary = HERE / (name if guest is I386 else f"{name}64")
    newest = max(p.stat().st_mtime for p in (header, *source.parent.glob("*.[ch]")))
    if binary.exists() and binary.stat().st_mtime < newest:
        binary.unlink()
    return compile_c(source, binary, "-static", "-fno-stack-protector", "-pthread",
                     f"-I{HERE}", guest=guest)


def fresh_place(name: str, *programs: Path) -> tuple[Path, list[str | Path]]:
    """A directory for a run, and the options that make its root/ the guest's: an empty one, with
    the programs in a read-only /bin (a program that is running could be cut off otherwise)."""
    place = HERE / name
    shutil.rmtree(place, ignore_errors=True)
    for directory in ("tmp", "dev", "proc", "etc", "bin"):
        (place / "root" / directory).mkdir(parents=True)
    (place / "root/tmp").chmod(0o1777)
    (place / "root/thrown-away").touch()  # without it the programs do nothing
    (place / "bin").mkdir()
    for each in programs:
        shutil.copy(each, place / "bin" / each.name)
    return place, ["--root", place / "root", "--mount", f"{place / 'bin'}:/bin:ro"]


def threads_of(pid: int) -> str:
    """Where the threads of a process that hangs are, as far as the host tells."""
    lines = []
    for task in sorted(Path(f"/proc/{pid}/task").iterdir())[:60]:
        said = []
        for file in ("comm", "wchan", "syscall"):
            try:
                said.append((task / file).read_text().strip())
            except OSError:
                said.append("?")
        lines.append(f"{task.name}: {' '.join(said)}")
    return "\n".join(lines)


def children(pid: int) -> list[int]:
    """A process and what it started."""
    found = [pid]
    for each in found:
        try:
            text = Path(f"/proc/{each}/task/{each}/children").read_text()
        except OSError:
            continue
        found += map(int, text.split())
    return found


def memory_of(pid: int) -> int:
    """Bytes that a process and its children hold."""
    pages = 0
    for each in children(pid):
        try:
            pages += int(Path(f"/proc/{each}/statm").read_text().split()[1])
        except (OSError, IndexError):
            pass
    return pages * 4096


def attack(words: Sequence[str | Path], place: Path, seconds: float,
           engine: Sequence[str] = ()) -> str:
    """Run Fiberglass with these arguments for some seconds; its output. A Failure when it dies,
    reports a fault, or goes on for a minute more (longer on a slow machine, pace.py)."""
    line: list[str] = [*(engine or FG), *map(str, words)]
    # A sanitizer reserves more than a limit allows; a build that counts writes beside itself.
    if may_confine() and "COVERAGE" not in os.environ:
        line = confined(place, line, *([0] if "/san-" in line[0] else []))
    said = place / "output"
    with said.open("wb") as file:
        process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                                   cwd=TOP, start_new_session=True)
    where = ""
    end = time.monotonic() + seconds + 20 * pace.factor()
    while process.poll() is None and not where:
        time.sleep(0.1)
        if time.monotonic() > end:
            where = "it hangs"
        elif memory_of(process.pid) > MOST_MEMORY:
            where = "it takes too much memory"
    if where:
        where += "; its threads (name, place in the host's kernel, call):\n" + "\n".join(
            threads_of(pid) for pid in children(process.pid))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    text = said.read_text(errors="backslashreplace")
    if where:
        raise Failure(f"{where}\n{text[-2000:]}")
    bad = re.search(r"internal fault|Sanitizer|runtime error|Assertion|fiberglass: BUG", text)
    if process.returncode or bad:
        raise Failure(f"status {process.returncode}: {text[-6000:]}")
    return text


def random_calls(seed: int, seconds: float, *more: str, engine: Sequence[str] = (),
                 options: Sequence[str] = (), guest: Guest = I386) -> str:
    """Random system calls; `more`: numbers of processes, threads, calls (fuzz_syscalls.c)."""
    binary = program("fuzz_syscalls", guest)
    place, root = fresh_place(f"calls{seed}-{guest.bits}", binary)
    said = attack([*options, *root, f"/bin/{binary.name}", str(seed), str(seconds), *more], place,
                  seconds, engine)
    shutil.rmtree(place)
    return said


def cpu_states(seed: int, seconds: float, engine: Sequence[str] = (),
               guest: Guest = I386) -> str:
    """Random states of the CPU."""
    binary = program("fuzz_cpu", guest)
    place, options = fresh_place(f"cpu{seed}-{guest.bits}", binary)
    said = attack([*options, f"/bin/{binary.name}", str(seed), str(seconds)], place, seconds,
                  engine)
    shutil.rmtree(place)
    return said


def much_code(seed: int, seconds: float, processes: int, threads: int, engine: Sequence[str] = (),
              guest: Guest = I386) -> str:
    """More code than memory for it, of so many processes and threads, part of it written to."""
    binary = program("fuzz_code", guest)
    place, options = fresh_place(f"code{seed}-{guest.bits}", binary)
    said = attack(["--code-size", "1", *options, f"/bin/{binary.name}", str(seed), str(seconds),
                   str(processes), str(threads)], place, seconds, engine)
    shutil.rmtree(place)
    return said


def addresses(seed: int, batches: int, engine: Sequence[str] = ()) -> str:
    """Accesses that need a probe or not: the same by native code, with and without what it knows
    of addresses, and by threaded code."""
    binary = program("fuzz_addresses", X86_64)
    place, root = fresh_place(f"addresses{seed}", binary)
    said = {option: attack([*([option] if option else []), *root, f"/bin/{binary.name}", str(seed),
                            str(batches)], place, 20 + 2 * batches, engine)
            for option in ("", "--no-native-opt", "--tier=threaded")}
    for option, text in said.items():
        if text != said[""] or len(text.splitlines()) != batches:
            raise Failure(f"batches (seed {seed}):\n{said['']}with {option}:\n{text}")
    shutil.rmtree(place)
    return said[""]


def races(seed: int, seconds: float, user: int, engine: Sequence[str] = (),
          guest: Guest = I386) -> str:
    """Races of names by that user of the guest; what lies outside must be as before."""
    binary = program("fuzz_races", guest)
    place, options = fresh_place(f"races{seed}-{user}-{guest.bits}", binary)
    (place / "ro").mkdir()
    (place / "ro/file").write_text("READ-ONLY")
    (place / "canary").write_text("CANARY")
    canaries = (place / "canary", place / "ro/file", place / "ro", place / "bin")

    def state() -> list[tuple[object, ...]]:
        return [(p.name, s.st_mode, s.st_uid, s.st_size, s.st_nlink, s.st_ino, s.st_ctime_ns)
                for p in canaries for s in [p.lstat()]]

    before, names = state(), sorted(os.listdir(place))
    said = attack([*options, "--mount", f"{place / 'ro'}:/ro:ro", f"/bin/{binary.name}", str(seed),
                   str(int(seconds)), str(user)], place, seconds, engine)
    if state() != before:
        raise Failure(f"a canary outside changed:\n{before}\n{state()}")
    if sorted({*os.listdir(place)} - {"output"}) != names:
        raise Failure(f"new names outside of the root: {os.listdir(place)}")
    if not said.endswith("nothing reached\n"):
        raise Failure(said)
    shutil.rmtree(place)
    return said
