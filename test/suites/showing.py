#!/usr/bin/python3
# suite: what is shown of a run
# time: 120
# order: 20
"""--strace, --stats, --trace, --dump and --profile: what a run shows of itself."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from elf import Elf, small_c
from harness import BUILD, ROOT, Suite, check, check_equal, expect_error, fiberglass

HERE = BUILD / "test/showing"
suite = Suite()


def small() -> Path:
    """A static program that asks for its directory and ends with the status of its argument."""
    return small_c("small", "#include <stdlib.h>\n#include <unistd.h>\nint main(int c, char **v) {"
                   " char d[4096]; getcwd(d, 4096); return c > 1 ? atoi(v[1]) : 0; }\n",
                   "-static", "-w")


@suite.case("strace")
def _() -> None:
    log = HERE / "trace.log"
    HERE.mkdir(parents=True, exist_ok=True)
    done = fiberglass("--strace", small())
    check("getcwd" in done.errors() and "exit_group" in done.errors(), "no calls on stderr")
    done = fiberglass(f"--strace={log}", small())
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
    unlinkat(-1, "a\"b\\c \1d\0012\t\n\177\377", 0);
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
                 r'unlinkat\(-1, "gone", AT_REMOVEDIR\) += -1 EBADF',
                 re.escape(r'"a\"b\\c \1d\0012\t\n\177\377"')):
        check(re.search(line, done.errors()), f"no line like {line} in {done.errors()[:3000]}")


@suite.case("stats")
def _() -> None:
    done = fiberglass("--stats", small())
    check_equal("status", done.status, 0)
    for word in ("blocks", "link", "cache", "invalidat", "fault", "(system |sys)calls"):
        check(re.search(word, done.errors()), f"--stats says nothing of {word}")
    for word in ("blocks built", "guest instructions translated", "direct branches linked"):
        check(re.search(rf"[1-9]\d* +{word}", done.errors()), f"--stats counts no {word}")


@suite.case("trace and dump")
def _() -> None:
    done = fiberglass("--trace", make_exit(), limit=20)
    check_equal("status", done.status, 42)
    check("08048200" in done.errors() and "eax" in done.errors().lower(), done.errors()[:500])
    check(re.search(r"cd80 INT$", done.errors(), re.M), done.errors()[:500])
    done = fiberglass("--trace", "--dump=blocks", small(), "3")
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


@suite.case("absolute addresses")
def _() -> None:
    """Not probed below 2^36 alone: a space with a small window may run the same fiber."""
    source, program = HERE / "absolute.s", HERE / "absolute"
    HERE.mkdir(parents=True, exist_ok=True)
    source.write_text(".globl _start\n_start:\nmovabs 0x1000000000, %al\nmovabs 0xfffffffff, %al\n")
    subprocess.run(["gcc", "-nostdlib", "-static", "-o", program, source], check=True)
    done = fiberglass("--dump=gadgets", program, limit=20)
    check(re.search(r"ea_index\w*\n *\d+ +mov8_rm_al_m_ea\n *[0-9a-f]+\n *\d+ +mov8_rm_al_m_abs\n",
                    done.errors()), f"not with and then without a probe: {done.errors()!r}")


if __name__ == "__main__":
    suite.main()
