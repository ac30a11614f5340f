#!/usr/bin/python3
# suite: what a user types
# time: 240
# order: 40
"""`make run`: a command and its status, without a terminal, on one; another root; setup."""

from __future__ import annotations

import os
import shutil

from harness import BUILD, ROOT, TOP, Suite, check, check_equal, command
from terminal import Terminal

suite = Suite()


def clean() -> dict[str, str]:
    """The environment of a user's shell."""
    return {k: v for k, v in os.environ.items()
            if not k.startswith(("MAKE", "MFLAGS", "FG", "BUILD", "ROOT", "PYTHONPATH"))}


@suite.case("command and its output", limit=120)
def _() -> None:
    line = ("uname -m && bash --version | head -1 && python3 -c \"print(2**100)\" && "
            "perl -e \"print 6*7\"")
    done = command(["make", "-s", "run", f"CMD={line}"], env=clean())
    lines = done.text().splitlines()
    check_equal("status (" + done.errors()[-500:] + ")", done.status, 0)
    check_equal("lines", [lines[0], lines[1][:8], *lines[2:]],
                ["i686", "GNU bash", "1267650600228229401496703205376", "42"])


@suite.case("quoting of the command", limit=120)
def _() -> None:
    done = command(["make", "-s", "run", "CMD=x='a  b'; echo \"$x\" $HOME $((1+1)) 'c' \\#"],
                   env=clean())
    check_equal("output", done.text() + done.errors(), "a  b /root 2 c #\n")


@suite.case("status of the command", limit=120)
def _() -> None:
    done = command(["make", "-s", "run", "CMD=exit 37"], env=clean())
    check_equal("status of make", done.status, 2)
    check("37" in done.errors(), "make does not say the status")
    check_equal("status of rootfs-tools/run",
                command([TOP / "rootfs-tools/run", "exit 37"], env=clean()).status, 37)
    check_equal("death by a signal",
                command([TOP / "rootfs-tools/run", "kill -TERM $$"], env=clean()).status, 143)


@suite.case("shell without a terminal", limit=120)
def _() -> None:
    done = command(["make", "-s", "run"], stdin=b"echo from stdin\nid -u\nexit 0\n", env=clean())
    check_equal("output", done.text(), "from stdin\n0\n")


@suite.case("another root", limit=120)
def _() -> None:
    other = BUILD / "test/other-root"
    shutil.rmtree(other, ignore_errors=True)
    (other / "bin").mkdir(parents=True)
    shutil.copy2(ROOT / "usr/bin/busybox", other / "bin/busybox")
    os.symlink("busybox", other / "bin/sh")
    done = command(["make", "-s", "run", f"ROOT={other}", "CMD=echo in $0; /bin/busybox ls /"],
                   env=clean())
    check("in /bin/sh\n" in done.text() and "bin\n" in done.text(), done.text() + done.errors())
    done = command(["make", "-s", "run", f"ROOT={other}/nosuch", "CMD=true"], env=clean())
    check(done.status != 0 and "nosuch" in done.errors(), done.errors())


@suite.case("shell on a terminal", limit=120)
def _() -> None:
    with Terminal(["make", "-s", "-C", str(TOP), "run"], env=clean()) as t:
        t.expect(r"root@\S+:~# ", 60)
        t.send("tty > /dev/null && echo on a ter'minal'; stty size\n")
        t.expect(r"on a terminal\r\n24 80\r\n")
        t.expect("# ")
        # Its own output shows that it has the terminal: a ^C before that would be the shell's. And
        # exec, since dash loses a ^C that comes while it starts a child (on a real kernel too).
        t.send("sh -c 'echo st\"\"arted; exec sleep 50'\n")
        t.expect(r"started\r\n")
        t.send("\x03")
        t.expect(r"\^C[^#]*# ")
        t.send("exit 0\n")
        check_equal("status", t.wait(), 0)
        check_equal("modes of the terminal", t.modes(), t.before)


@suite.case("setup says nothing when all is there")
def _() -> None:
    done = command([TOP / "rootfs-tools/setup"])
    check_equal("output", (done.status, done.text(), done.errors()), (0, "", ""))


if __name__ == "__main__":
    suite.main()
