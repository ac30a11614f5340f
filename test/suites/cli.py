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

from elf import small_c
from guests import comparable
from harness import (BUILD, FG, ROOT, Suite, check, check_equal, command, expect_error, fiberglass,
                     need_attributes)

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


@suite.case("help")
def _() -> None:
    done = fiberglass("--help")
    check_equal("status", done.status, 0)
    for option in ("--root", "--workdir", "--env", "--clear-env", "--mount", "--user",
                   "--network", "--strace", "--dump", "--perf", "--gdb", "--trace", "--stats",
                   "--check-memory", "--code-limit", "--map-limit", "--help", "--version"):
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
    program = small_c("inherited", INHERITED, guest=comparable())
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
