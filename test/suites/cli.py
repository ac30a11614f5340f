#!/usr/bin/python3
# suite: cli
# time: 240
# order: 20
"""The command line: options, exit statuses, and what happens with bad input."""

from __future__ import annotations

import os
import re
import shutil
import signal
from pathlib import Path

from elf import Elf, Elf64, Segment, compile_c, small_c
from guests import X86_64, need
from harness import (BUILD, FG, ROOT, Result, Suite, check, check_equal, command,
                     fiberglass, need_attributes)

HERE = BUILD / "test/cli"
suite = Suite()

SAY = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
extern char **environ;
int main(int argc, char **argv) {
    char cwd[4096];
    for (int i = 1; i < argc; i++) printf("arg %s\n", argv[i]);
    for (char **e = environ; *e; e++) printf("env %s\n", *e);
    printf("cwd %s\nuid %d gid %d\n", getcwd(cwd, sizeof cwd), getuid(), getgid());
    return argc > 1 && !strcmp(argv[1], "status") ? atoi(argv[2]) : 0;
}
"""


def say() -> Path:
    """A static program that tells its arguments, environment, directory and user."""
    return small_c("say", SAY)


def small_root(name: str) -> Path:
    """A root with the static programs alone."""
    root = HERE / name
    if root.exists():
        shutil.rmtree(root)
    for directory in ("bin", "tmp", "proc", "dev", "etc"):
        (root / directory).mkdir(parents=True)
    shutil.copy2(say(), root / "bin/say")
    return root


def expect_error(done: Result, status: int, *words: str) -> None:
    """One clear sentence on stderr, this status, nothing on stdout."""
    check_equal("exit status (stderr: " + done.errors()[:300] + ")", done.status, status)
    lines = [line for line in done.errors().splitlines() if line.strip()]
    check_equal("lines on stderr", len(lines), 1)
    for word in words:
        check(re.search(word, lines[0], re.I), f"{lines[0]!r} does not speak of {word!r}")
    check_equal("standard output", done.out, b"")


@suite.case("help")
def _() -> None:
    done = fiberglass("--help")
    check_equal("status", done.status, 0)
    for option in ("--root", "--workdir", "--env", "--clear-env", "--mount", "--user",
                   "--network", "--strace", "--dump", "--trace", "--stats", "--check-memory",
                   "--code-limit", "--map-limit", "--help", "--version"):
        check(option in done.text(), f"--help does not name {option}")


@suite.case("version")
def _() -> None:
    done = fiberglass("--version")
    check_equal("status", done.status, 0)
    check(re.match(r"fiberglass \S+", done.text(), re.I), f"odd version text {done.text()!r}")


@suite.case("help and version on a full device")
def _() -> None:
    for option in ("--help", "--version"):
        expect_error(command(["sh", "-c", '"$@" >/dev/full', "sh", *FG, option]), 125, "write")


USAGE: list[list[str | Path]] = [
    ["--nosuch"], ["-r"], ["--user", "x:y:z", "/bin/true"], ["-e", "=", "/bin/true"],
    ["--mount", "nowhere", "/bin/true"], ["--dump=nosuch", "/bin/true"], [],
    ["-e", "=x", "/bin/true"], ["-e", "NAME", "/bin/true"], ["-m", ":/mnt", "/bin/true"],
    ["-m", "/tmp:mnt", "/bin/true"], ["-m", "/tmp:", "/bin/true"],
    ["-m", "/tmp:/a:rx", "/bin/true"], ["-m", "/tmp:/a:", "/bin/true"],
    ["-m", "/tmp:/a:ro:rw", "/bin/true"], ["-u", "", "/bin/true"],
    ["-u", "-1", "/bin/true"], ["-u", "1:", "/bin/true"], ["-u", "1:-1", "/bin/true"],
    ["-u", "4294967295", "/bin/true"], ["-u", "1:4294967295", "/bin/true"],
    ["-u", "1x", "/bin/true"], ["-u", "99999999999999999999", "/bin/true"],
    ["-u", "root", "/bin/true"],
    ["--network", "all", "/bin/true"], ["-n", "", "/bin/true"], ["--code-limit", "0", "/bin/true"],
    ["--code-limit", "1x", "/bin/true"], ["--code-limit", "", "/bin/true"], ["--mount"],
    ["--map-limit=-1", "/bin/true"], ["--map-limit=4294967295", "/bin/true"], ["--help=x"]]

for words in USAGE:
    def usage(words: list[str | Path] = words) -> None:
        """A mistake on the command line is 125 with a sentence."""
        done = fiberglass(*words)
        check_equal("status", done.status, 125)
        check(done.err.strip() and len(done.err) < 600, "no short sentence on stderr")
        check_equal("standard output", done.out, b"")
        wrong = str(words[-1] if len(words) == 1 else words[1] if words and words[0] in
                    ("-e", "-m", "-u", "-n", "--code-limit", "--mount", "--user", "--network")
                    else "").split("=")[-1]
        check(wrong in done.errors(), f"{done.errors()!r} does not show {wrong!r}")
    suite.add("usage " + (" ".join(map(str, words)) or "nothing"), usage)


@suite.case("arguments and environment")
def _() -> None:
    env = {"A": "1", "B": "two words", "PATH": "/bin"}
    done = fiberglass(say(), "x", "-r", "--help", "", env=env)
    check_equal("status", done.status, 0)
    check_equal("arguments", re.findall("^arg (.*)$", done.text(), re.M), ["x", "-r", "--help", ""])
    check_equal("environment", sorted(re.findall("^env (.*)$", done.text(), re.M)),
                ["A=1", "B=two words", "PATH=/bin"])


@suite.case("clear-env and env")
def _() -> None:
    done = fiberglass("--clear-env", "-e", "X=1", "--env", "Y=a=b", "--env=Z=", say())
    check_equal("environment", sorted(re.findall("^env (.*)$", done.text(), re.M)),
                ["X=1", "Y=a=b", "Z="])
    done = fiberglass("-e", "A=new", say(), env={"A": "old", "K": "kept"})
    check_equal("replaced", sorted(re.findall("^env (.*)$", done.text(), re.M)),
                ["A=new", "K=kept"])
    done = fiberglass("-e", "AB=2", "-e", "C=", "-e", "A=3", "-e", "A=4", "-e", "D=x", say(),
                      env={"A": "1", "ABC": "0", "C": "gone"})
    check_equal("in place, else after the others",
                re.findall("^env (.*)$", done.text(), re.M), ["A=4", "ABC=0", "C=", "AB=2", "D=x"])


@suite.case("workdir")
def _() -> None:
    root = small_root("workdir")
    for option in (["-C", "/etc"], ["--workdir", "/etc"], ["--workdir=/etc"]):
        done = fiberglass("-r", root, *option, "/bin/say")
        check("cwd /etc\n" in done.text(), f"{option}: {done.text()!r} {done.errors()}")
    expect_error(fiberglass("-r", root, "-C", "/nosuch", "/bin/say"), 125, "nosuch")
    done = fiberglass(say(), cwd="/usr/share")
    check("cwd /usr/share\n" in done.text(), "with / as root the directory is the caller's")
    done = fiberglass("-r", root, "/bin/say", cwd="/usr/share")
    check("cwd /\n" in done.text(), "in another root the directory is / unless it is given")


@suite.case("user")
def _() -> None:
    root = small_root("user")
    done = fiberglass("-r", root, "/bin/say")
    check("uid 0 gid 0\n" in done.text(), f"the user of a root is 0: {done.text()!r}")
    done = fiberglass("-r", root, "-u", "1000:100", "/bin/say")
    check("uid 1000 gid 100\n" in done.text(), f"--user: {done.text()!r}")
    done = fiberglass("-r", root, "--user", "1000", "/bin/say")
    check("uid 1000 gid 1000\n" in done.text(), f"--user: {done.text()!r}")
    done = fiberglass("-r", root, "--user=4294967294:0", "/bin/say")
    check("uid -2 gid 0\n" in done.text(), f"--user: {done.text()!r}")
    done = fiberglass(say())
    check(f"uid {os.getuid()} gid {os.getgid()}\n" in done.text(), "with / it is the caller")


@suite.case("mount")
def _() -> None:
    root, shared = small_root("mount"), HERE / "shared"
    shutil.rmtree(shared, ignore_errors=True)
    shared.mkdir(parents=True)
    (shared / "f").write_text("from the host\n")
    words = ["-r", str(ROOT), "-m", f"{shared}:/mnt"]
    done = fiberglass(*words, "/bin/sh", "-c", "cat /mnt/f; echo new > /mnt/g; ls /mnt")
    check_equal("output", done.text() + done.errors(), "from the host\nf\ng\n")
    check_equal("written", (shared / "g").read_text(), "new\n")
    done = fiberglass("-r", ROOT, "--mount", f"{shared}:/mnt:ro", "/bin/sh", "-c",
                      "cat /mnt/f; echo no > /mnt/f; rm /mnt/g; mkdir /mnt/d; cat /mnt/f")
    check_equal("read-only", done.text(), "from the host\nfrom the host\n")
    check_equal("refused", done.errors().count("Read-only file system"), 3)
    done = fiberglass("-r", ROOT, "-m", f"{shared}:/mnt:rw", "/bin/sh", "-c", "echo 2 > /mnt/g")
    check_equal("writable by word", ((shared / "g").read_text(), done.err), ("2\n", b""))
    done = fiberglass("-r", ROOT, "-m", f"{shared}:/mnt:ro", "-m", f"{HERE}:/media", "/bin/sh",
                      "-c", "test -e /mnt/f && test -e /media/shared/f && echo both")
    check_equal("two of them", done.text(), "both\n")
    expect_error(fiberglass("-r", root, "-m", "/no/such/dir:/mnt", "/bin/say"), 125, "/no/such/dir")


@suite.case("exit statuses")
def _() -> None:
    for status in (0, 1, 42, 127, 255):
        check_equal(f"exit {status}", fiberglass(say(), "status", str(status)).status, status)


for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGABRT, signal.SIGINT):
    def dies(number: int = number) -> None:
        """Death by signal N is status 128+N."""
        program = small_c("die", "#include <signal.h>\n#include <stdlib.h>\n"
                          "int main(int c, char **v) { raise(atoi(v[1])); return 3; }\n")
        check_equal("status", fiberglass(program, str(int(number))).status, 128 + number)
    suite.add(f"death by {signal.Signals(number).name}", dies)


@suite.case("faults are the guest's")
def _() -> None:
    for name, text, number in (
            ("null", "int main(void) { return *(volatile int *)0; }", signal.SIGSEGV),
            ("text", "int main(void) { *(volatile char *)main = 1; return 0; }", signal.SIGSEGV),
            ("jump", "int main(void) { ((void (*)(void))0x10)(); return 0; }", signal.SIGSEGV),
            ("top", "int main(void) { return *(volatile int *)0xfffffffdu; }", signal.SIGSEGV),
            ("zero", "int main(void) { volatile int z = 0; return 10 / z; }", signal.SIGFPE),
            ("ud2", "int main(void) { __asm__(\"ud2\"); return 0; }", signal.SIGILL),
            ("hlt", "int main(void) { __asm__(\"hlt\"); return 0; }", signal.SIGSEGV),
            ("int3", "int main(void) { __asm__(\"int3\"); return 0; }", signal.SIGTRAP),
            ("stack", "int f(int n) { volatile char b[9999]; b[0] = n; return f(n + 1) + b[0]; }\n"
             "int main(void) { return f(0); }", signal.SIGSEGV)):
        program = small_c("fault-" + name, text + "\n", "-static", "-O0", "-w")
        check_equal(name, fiberglass(program).status, 128 + number)


@suite.case("program search")
def _() -> None:
    root = small_root("search")
    check_equal("name", fiberglass("-r", root, "say", env={"PATH": "/nosuch:/bin"}).status, 0)
    expect_error(fiberglass("-r", root, "nosuch", env={"PATH": "/bin"}), 127, "nosuch")
    expect_error(fiberglass("-r", root, "/bin/nosuch"), 127, "/bin/nosuch")
    expect_error(fiberglass("-r", root, "/bin"), 126, "/bin")


@suite.case("scripts")
def _() -> None:
    root = small_root("script")
    for name, text in (("one", "#!/bin/say opt\n"), ("two", "#! /one\n"),
                       ("lost", "#!/bin/nosuch\n"), ("empty", "#!\n"), ("plain", "echo hi\n"),
                       ("long", "#!/" + "x" * 5000 + "\n"), ("self", "#!/self\n")):
        (root / name).write_text(text)
        (root / name).chmod(0o755)
    done = fiberglass("-r", root, "/one", "a", "b")
    check_equal("arguments", re.findall("^arg (.*)$", done.text(), re.M), ["opt", "/one", "a", "b"])
    done = fiberglass("-r", root, "/two", "c")
    check_equal("nested", re.findall("^arg (.*)$", done.text(), re.M), ["opt", "/one", "/two", "c"])
    expect_error(fiberglass("-r", root, "/lost"), 127, "lost|nosuch")
    (root / "dos").write_text("#!/bin/say\r\n")
    (root / "dos").chmod(0o755)
    expect_error(fiberglass("-r", root, "/dos"), 127, r"/bin/say\\r'")
    expect_error(fiberglass("-r", root, "/a\nb\x1b[1m"), 127, r"/a\\nb\\e\[1m'")
    for name in ("empty", "plain", "long", "self"):
        done = fiberglass("-r", root, "/" + name)
        check(done.status in (126, 127), f"{name}: status {done.status}")
        check(0 < len(done.err) < 6000, f"{name}: no sentence")


@suite.case("missing root")
def _() -> None:
    expect_error(fiberglass("-r", HERE / "nosuch", "/bin/sh"), 125, "nosuch")
    HERE.mkdir(parents=True, exist_ok=True)
    (HERE / "file").write_text("x")
    expect_error(fiberglass("-r", HERE / "file", "/bin/sh"), 125, "file")


@suite.case("root without the program")
def _() -> None:
    root = HERE / "empty"
    root.mkdir(parents=True, exist_ok=True)
    expect_error(fiberglass("-r", root, "/bin/sh"), 127, "/bin/sh")


@suite.case("not executable")
def _() -> None:
    root = small_root("modes")
    (root / "bin/say").chmod(0o644)
    expect_error(fiberglass("-r", root, "/bin/say"), 126, "/bin/say")
    (root / "text").write_text("hello\n")
    (root / "text").chmod(0o755)
    expect_error(fiberglass("-r", root, "/text"), 126, "text")


@suite.case("other machines by name")
def _() -> None:
    here = HERE / "elf"
    here.mkdir(parents=True, exist_ok=True)
    for name, machine, big, wide in (
            ("x86-64", 62, False, True), ("AArch64", 183, False, True), ("ARM", 40, False, False),
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


INHERITED = r"""
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
int main(void) {
    for (int i = 0; i < 16; i++) {
        struct rlimit64 limit;
        getrlimit64(i, &limit);
        printf("%d: %llx %llx\n", i, (long long)limit.rlim_cur, (long long)limit.rlim_max);
    }
    for (int i = 1; i < 32; i++) {
        struct sigaction action;
        sigaction(i, NULL, &action);
        printf("%d", action.sa_handler == SIG_IGN);
    }
    printf("\nnice %d\n", getpriority(PRIO_PROCESS, 0));
}
"""


@suite.case("what the host process has")
def _() -> None:
    program = small_c("inherited", INHERITED)
    script = ('trap "" USR1 HUP PIPE WINCH; ulimit -n 77; ulimit -Sf 4000; ulimit -c 5; '
              'ulimit -Ss 7777; exec nice -n 7 "$@"')
    native = command(["bash", "-c", script, "sh", program])
    guest = command(["bash", "-c", script, "sh", *FG, program])
    check_equal("status", (native.status, guest.status), (0, 0))
    check_equal("limits, ignored signals, nice", guest.text(), native.text())


@suite.case("unreadable file")
def _() -> None:
    directory = HERE / "unreadable"
    directory.mkdir(parents=True, exist_ok=True)
    program = directory / "say"
    if program.exists():
        program.chmod(0o755)
    shutil.copy2(say(), program)
    program.chmod(0)
    words: list[str | Path] = [*FG, program]
    if os.geteuid() == 0:  # root reads everything; someone else does not
        words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *words]
        if not all(p.stat().st_mode & 1 for p in (HERE, *HERE.parents)):
            words = [*FG, "--user", "1000", program]
    done = command(words)
    check_equal("status", done.status, 126)
    check(b"say" in done.err, f"no sentence: {done.errors()}")


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
    native, guest = command(words, env=env), fiberglass(*words, env=env)
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


@suite.case("paths stay in the root")
def _() -> None:
    root = HERE / "escape"
    if root.exists():
        shutil.rmtree(root)
    shutil.copytree(small_root("escape-base"), root)
    secret = HERE / "secret"
    secret.write_text("outside\n")
    os.symlink("../../../../../../../../../../../.." + str(secret), root / "climb")
    os.symlink(str(secret), root / "absolute")
    os.symlink("/proc/self/root/.." + str(secret), root / "proc-climb")
    os.symlink(str(HERE), root / "up")
    shutil.copy2(small_c("cat", "#include <fcntl.h>\n#include <unistd.h>\n#include <stdio.h>\n"
                         "#include <errno.h>\n"
                         "int main(int c, char **v) { char b[99]; for (int i = 1; i < c; i++) {"
                         " int f = open(v[i], O_RDONLY); if (f < 0) { printf(\"%d\\n\", errno);"
                         " continue; } write(1, b, read(f, b, 99)); close(f); } }\n",
                         "-static", "-w"), root / "bin/cat")
    paths = ["/climb", "/absolute", "/proc-climb", "/up/secret", "/../../../../.." + str(secret),
             "/bin/../../.." + str(secret), "/proc/self/root/../.." + str(secret),
             "/proc/self/cwd/../.." + str(secret), "/proc/1/root/../.." + str(secret)]
    done = fiberglass("-r", root, "/bin/cat", *paths)
    check("outside" not in done.text(), f"a path climbed out: {done.text()!r}")
    check_equal("status", done.status, 0)
    expect_error(fiberglass("-r", root, "/climb"), 127)
    os.symlink("/bin/say", root / "inside")
    check_equal("absolute links stay inside", fiberglass("-r", root, "/inside").status, 0)


@suite.case("shell in the default root")
def _() -> None:
    done = fiberglass("-r", ROOT, "/bin/sh", "-c", "echo $((6 * 7)); exit 3")
    check_equal("output", (done.text(), done.errors(), done.status), ("42\n", "", 3))


@suite.case("its own /proc and /dev")
def _() -> None:
    need_attributes()
    script = ("ls /proc | grep -c '^[0-9]*$'; cat /proc/self/comm; ls /dev/pts > /dev/null && "
              "test -c /dev/null && test -c /dev/tty && echo devices; echo x > /dev/null; "
              "readlink /proc/self/exe; stat -c '%U %a %F' /usr/bin/passwd /tmp; id -u")
    done = fiberglass("-r", ROOT, "/bin/bash", "-c", script)
    lines = done.text().splitlines()
    check(lines and int(lines[0]) < 10, f"the guest sees more than itself: {done.text()!r}")
    check_equal("rest", lines[1:], ["cat", "devices", "/usr/bin/readlink", "root 4755 regular file",
                                    "root 1777 directory", "0"])


@suite.case("pid 1 has the limits of the first process")
def _() -> None:
    done = fiberglass("-r", ROOT, "/usr/bin/cmp", "/proc/1/limits", "/proc/self/limits")
    check_equal("output and status", (done.text() + done.errors(), done.status), ("", 0))


@suite.case("the user who logged in")
def _() -> None:
    script = ("cd /proc/self; cat loginuid sessionid; echo; echo 1000 > loginuid; cat loginuid; "
              "echo; sh -c 'cat /proc/self/loginuid /proc/$PPID/sessionid'; echo; "
              "echo x > loginuid || echo refused")
    done = fiberglass("-r", ROOT, "/bin/bash", "-c", script.replace("/self", "/$$"))
    check_equal("output", done.text(), "42949672954294967295\n1000\n10001\nrefused\n")


@suite.case("strace")
def _() -> None:
    log = HERE / "trace.log"
    HERE.mkdir(parents=True, exist_ok=True)
    done = fiberglass("--strace", say())
    check("getcwd" in done.errors() and "exit_group" in done.errors(), "no calls on stderr")
    done = fiberglass(f"--strace={log}", say())
    check_equal("stderr", done.err, b"")
    text = log.read_text()
    check(re.search(r"getcwd\(.*\) += \d+", text), f"no getcwd line in {text[-500:]!r}")


CALLS = r"""
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
int main(void) {
    struct sockaddr_in in = {AF_INET, htons(9), {htonl(0x7f000001)}};
    struct sockaddr_un un = {AF_UNIX, "/no/such"};
    char *argv[20] = {"one", "two\n"}, *longs[20] = {0};
    int fd = open("/none", O_WRONLY | O_CREAT | O_EXCL | O_DIRECTORY, 0640);
    mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | 0x8000000, fd, 0);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    connect(fd, (void *)&un, sizeof un);
    connect(fd, (void *)&in, sizeof in);
    send(fd, "text", 4, MSG_NOSIGNAL);
    execve("/none", argv, NULL);
    for (int i = 0; i < 19; i++) memset(longs[i] = calloc(1, 300), 'x', 299);
    execve("/none", longs, NULL);
    signal(SIGUSR1, SIG_IGN);
    raise(SIGUSR1);
    unlinkat(-1, "gone", AT_REMOVEDIR);
    return 0;
}
"""


@suite.case("strace shows arguments by name")
def _() -> None:
    done = fiberglass("--strace", small_c("calls", CALLS))
    for line in (r'open(at\(AT_FDCWD, |\()"/none", O_WRONLY\|O_CREAT\|O_EXCL.*\|O_DIRECTORY, 0640',
                 r"PROT_READ\|PROT_EXEC, MAP_SHARED\|MAP_ANONYMOUS\|MAP_NORESERVE, -1, 0\)",
                 r"PROT_NONE, MAP_PRIVATE\|0x8000000, -1, 0\)", r"socket\(1, 1, 0\) += 3",
                 r'connect\(3, {AF_UNIX, "/no/such"}, 110\) += -1 ENOENT',
                 r"connect\(3, {AF_INET, 127.0.0.1, 9}, 16\) += -1 E",
                 r'send(to)?\(3, "text", 4, 0x4000(, NULL, 0)?\) += -1 E',
                 r'execve\("/none", \["one", "two\\n"\], NULL\) += -1 ENOENT',
                 r'execve\("/none", \["x.*\.\.\.\) += -1 ENOENT',
                 r'unlinkat\(-1, "gone", AT_REMOVEDIR\) += -1 EBADF'):
        check(re.search(line, done.errors()), f"no line like {line} in {done.errors()[:3000]}")


@suite.case("stats")
def _() -> None:
    done = fiberglass("--stats", say())
    check_equal("status", done.status, 0)
    for word in ("blocks", "link", "cache", "invalidat", "fault", "(system |sys)calls"):
        check(re.search(word, done.errors()), f"--stats says nothing of {word}")


@suite.case("trace and dump")
def _() -> None:
    done = fiberglass("--trace", make_exit(), limit=20)
    check_equal("status", done.status, 42)
    check("08048200" in done.errors() and "eax" in done.errors().lower(), done.errors()[:500])
    check(re.search(r"cd80 INT$", done.errors(), re.M), done.errors()[:500])
    done = fiberglass("--trace", "--dump=blocks", say(), "status", "3")
    check_equal("status of the larger one", done.status, 3)
    for wanted in (r"eflags=.*  75[0-9a-f]{2} JNE$", r"bytes  JNE +branch.x86"):
        check(re.search(wanted, done.errors(), re.M), f"no line like {wanted}")
    for what in ("fibers", "blocks", "gadgets"):
        done = fiberglass(f"--dump={what}", make_exit(), limit=20)
        check_equal(what, done.status, 42)
        check(len(done.err) > 50, f"--dump={what} says nothing")
    done = fiberglass("--dump=gadgets", "-r", ROOT, "/bin/true", limit=20)
    check_equal("a dump of a whole program ends: status", done.status, 0)
    check(" + " in done.errors(), "no n-gram is named by its parts")


@suite.case("profile")
def _() -> None:
    """Each fiber with its gadgets and how often it ran; what --dump=gadgets shows, by numbers."""
    program, profile = HERE / "loop", HERE / "profile"
    program.parent.mkdir(parents=True, exist_ok=True)
    # mov $1000, %ecx; 1: dec %ecx; jnz 1b; mov $42, %ebx; mov $1, %eax; int $0x80
    program.write_bytes(Elf(code=bytes.fromhex(
        "b9e80300004975fdbb2a000000b801000000cd80")).bytes())
    program.chmod(0o755)
    profile.unlink(missing_ok=True)
    wanted = [["1", "mov32_ri", "dec32_r_jcc"], ["1", "mov32_ri", "mov32_ri", "int"],
              ["999", "dec32_r_jcc"]]
    for runs in (1, 2):  # a second one adds its own
        done = fiberglass(f"--profile={profile}", program)
        check_equal(f"status ({done.errors()})", done.status, 42)
        lines = [line.split(" ") for line in profile.read_text().splitlines()]
        check_equal("fibers", sorted([words[0], *(w.split(":")[0] for w in words[1:])]
                                     for words in lines),
                    sorted(wanted * runs))
        entries = {tuple(w for w in words[1:] if w.startswith("mov")) for words in lines}
        check_equal("registers ecx, ebx, eax", sorted(entries),
                    [(), ("mov32_ri:1",), ("mov32_ri:3", "mov32_ri:0")])
    expect_error(fiberglass("--profile=/nosuch/profile", program), 42, "/nosuch/profile")


def make_exit() -> Path:
    """A program of three instructions."""
    program = HERE / "exit42"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_bytes(Elf().bytes())
    program.chmod(0o755)
    return program


@suite.case("unknown system call")
def _() -> None:
    program = small_c("nosys", "#include <errno.h>\n#include <unistd.h>\n"
                      "int main(void) { for (int i = 0; i < 3; i++) if (syscall(9999) != -1 || "
                      "errno != ENOSYS) return 1; return 0; }\n")
    done = fiberglass(program)
    check_equal("status", done.status, 0)
    check_equal("logged once", done.errors().count("9999"), 1)


@suite.case("ordinary user")
def _() -> None:
    if os.geteuid():
        done = fiberglass("-r", ROOT, "/bin/sh", "-c", "id -u; echo works")
    else:
        # The tree may lie where others cannot go: take engine and root to a place of their own.
        place = Path("/tmp") / f"fiberglass-test-{os.getpid()}"
        place.mkdir(mode=0o755)
        try:
            shutil.copy2(FG[0], place / "engine")
            shutil.copytree(small_root("ordinary"), place / "root", symlinks=True)
            command(["chown", "-R", "65534:65534", place])
            done = command(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                            place / "engine", *FG[1:], "-r", place / "root", "/bin/say"], cwd="/")
        finally:
            shutil.rmtree(place)
    check_equal("status (" + done.errors() + ")", done.status, 0)
    check("uid 0 gid 0" in done.text() or done.text() == "0\nworks\n", done.text())


@suite.case("no descriptors leak in")
def _() -> None:
    program = small_c("fds", "#include <fcntl.h>\n#include <stdio.h>\n"
                      "int main(void) { for (int i = 3; i < 256; i++) if (fcntl(i, F_GETFD) != -1)"
                      " printf(\"%d\\n\", i); return 0; }\n")
    done = fiberglass(program)
    check_equal("open descriptors", done.text(), "")


@suite.case("closed standard streams")
def _() -> None:
    for streams in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        done = command(["sh", "-c", f'exec "$@" {streams}', "sh", *FG, say(), "status", "5"])
        check_equal(streams, done.status, 5)


if __name__ == "__main__":
    suite.main()
