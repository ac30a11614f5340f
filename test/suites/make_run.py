#!/usr/bin/python3
# suite: what a user types
# time: 240
# order: 40
"""`make run`: a command and its status, without a terminal, on one; another root; mkroot."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from harness import BUILD, FG, ROOT, TOP, Suite, check, check_equal, command, need_attributes
from terminal import Terminal

suite = Suite()
MKROOT = TOP / "rootfs-tools/mkroot"


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


@suite.case("mkroot: what is there is left alone")
def _() -> None:
    before = (ROOT / "etc/fiberglass-root.json").stat()
    done = command([MKROOT, ROOT], limit=30)
    check_equal("status and output", (done.status, done.text() + done.errors()), (0, ""))
    after = (ROOT / "etc/fiberglass-root.json").stat()
    check_equal("the same root", after.st_ino, before.st_ino)
    check_equal("check", command([MKROOT, "--check", ROOT]).status, 0)


@suite.case("mkroot: small root, twice the same, then configured", limit=150)
def _() -> None:
    need_attributes()
    roots = [BUILD / "test/mkroot/a", BUILD / "test/mkroot/b"]
    for root in roots:
        done = command([MKROOT, "--profile", "small", "--force", root])
        check_equal("status (" + done.errors() + ")", done.status, 0)
    trees = [sorted((str(p.relative_to(root)), p.lstat().st_mode, p.lstat().st_mtime_ns,
                     os.getxattr(p, "user.containers.override_stat")
                     if not p.is_symlink() and "user.containers.override_stat" in
                     os.listxattr(p) else b"",
                     b"" if p.is_symlink() or p.is_dir() else p.read_bytes())
                    for p in root.rglob("*")) for root in roots]
    check(trees[0] == trees[1], "two roots of the same packages differ")
    check((roots[0] / "usr/share/info").is_dir(), "a directory is gone with what is left out of it")
    passwd = roots[0] / "usr/bin/newgrp"
    check_equal("set-uid bit", os.getxattr(passwd, "user.containers.override_stat"),
                b"0:0:04755")
    check(not passwd.stat().st_mode & 0o6000, "a set-uid bit on the host")
    # Its maintainer scripts have not run: asked for, the root is made anew, but once.
    inodes = []
    for _ in range(2):
        done = command([MKROOT, "--profile", "small", "--configure", FG[0], roots[0]])
        check_equal("status (" + done.errors() + ")", done.status, 0)
        check("did not all run" not in done.text(), done.text())
        inodes.append((roots[0] / "etc/fiberglass-root.json").stat().st_ino)
    check(inodes[0] != (roots[1] / "etc/fiberglass-root.json").stat().st_ino, "not made anew")
    check_equal("left alone the second time", inodes[1], inodes[0])
    check((roots[0] / "usr/local/bin").is_dir(), "the scripts did not run")


@suite.case("mkroot: mistakes")
def _() -> None:
    mistakes: list[tuple[list[str | Path], str]] = [
        (["--profile", "nosuch", BUILD / "x"], "nosuch"), ([TOP], "mkroot"),
        (["--check", TOP / "docs"], "docs"),
        (["--with", "no-such-package-at-all", BUILD / "test/x"], "no-such")]
    for words, word in mistakes:
        done = command([MKROOT, *words])
        check_equal(f"status of {words}", done.status, 1)
        check(word in done.errors() and len(done.errors().splitlines()) <= 3, done.errors())
    check(not Path(BUILD / "test/x").exists(), "a failed root was left behind")


@suite.case("setup says nothing when all is there")
def _() -> None:
    done = command([TOP / "rootfs-tools/setup"])
    check_equal("output", (done.status, done.text(), done.errors()), (0, "", ""))


if __name__ == "__main__":
    suite.main()
