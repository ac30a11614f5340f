#!/usr/bin/python3
# suite: make install
# time: 240
# order: 45
"""make install, uninstall and dist: what is put where works from there, and goes again; manual
pages, completion, pkg-config; one version."""

from __future__ import annotations

import functools
import os
import re
import shutil
import threading
import time
from pathlib import Path

from harness import BUILD, ROOT, TOP, Result, Skip, Suite, check, check_equal, command

suite = Suite()
PLACE = BUILD / "test/install"
PREFIX = "/opt/fiber"


def clean() -> dict[str, str]:
    """The environment of a user's shell."""
    return {k: v for k, v in os.environ.items()
            if not k.startswith(("MAKE", "MFLAGS", "FG", "BUILD", "ROOT", "PYTHONPATH"))}


def make(*words: str, cwd: Path = TOP) -> Result:
    """Run make; it must succeed."""
    build = "BUILD=" + os.path.relpath(BUILD, TOP)
    done = command(["make", "-s", build, *words], cwd=cwd, env=clean())
    check_equal(f"status of make {' '.join(words)} ({done.errors()[-500:]})", done.status, 0)
    return done


def files(top: Path) -> list[str]:
    """What is below a directory, but directories."""
    return sorted(str(p.relative_to(top)) for p in top.rglob("*") if p.is_symlink() or p.is_file())


@functools.cache
def install() -> Path:
    """Makes an installation; its prefix."""
    top = PLACE / "all"
    shutil.rmtree(top, ignore_errors=True)
    make("install", f"DESTDIR={top}", f"PREFIX={PREFIX}")
    return top / PREFIX.lstrip("/")


LOCK = threading.Lock()  # cases run side by side


def installed() -> Path:
    """The prefix of an installation; the first case makes it."""
    with LOCK:
        return install()


def version() -> str:
    """The version, from the one place where it is."""
    match = re.search(r'#define FG_VERSION "(.*)"', (TOP / "core/fiberglass.h").read_text())
    assert match
    return match[1]


@suite.case("program and version", limit=120)
def _() -> None:
    program = installed() / "bin/fiberglass"
    check_equal("--version", command([program, "--version"]).text(), f"fiberglass {version()}\n")
    if not (ROOT / "bin/sh").exists():
        raise Skip(f"there is no root in {ROOT}")
    done = command([program, "--root", ROOT, "/bin/sh", "-c", "echo $((6 * 7))"])
    check_equal("output", done.text() + done.errors(), "42\n")


@suite.case("mkroot from where it is installed", limit=120)
def _() -> None:
    mkroot = installed() / "bin/fiberglass-mkroot"
    done = command([mkroot, "--help"], env={"HOME": "/home/me", "PATH": os.environ["PATH"]})
    check_equal("status (" + done.errors() + ")", done.status, 0)
    check("usage: fiberglass-mkroot " in done.text(), done.text())
    check("rootfs-tools" not in done.text(), "it names the source tree")
    check("/home/me/.cache/fiberglass" in done.text(), "the cache is not the user's")
    done = command([mkroot, "--profile", "nosuch", "--cache", PLACE / "cache", PLACE / "root"])
    check_equal("status", done.status, 1)
    check("(there are: default, essential, full, small)" in done.errors(), done.errors())
    check(not list(installed().rglob("__pycache__")), "it left something beside its files")


@suite.case("library through pkg-config", limit=120)
def _() -> None:
    if not shutil.which("pkg-config"):
        raise Skip("there is no pkg-config")
    env = dict(clean(), PKG_CONFIG_PATH=str(installed() / "lib/pkgconfig"),
               PKG_CONFIG_SYSROOT_DIR=str(PLACE / "all"))
    check_equal("version", command(["pkg-config", "--modversion", "fiberglass"], env=env).text(),
                version() + "\n")
    program = PLACE / "run_code"
    source = installed() / "share/doc/fiberglass/run_code.c"
    words = command(["pkg-config", "--cflags", "--libs", "fiberglass"], env=env).text().split()
    # LDFLAGS of a sanitizer build.
    more = [f"-fsanitize={BUILD.name[4:].replace('-', ',')}"] if BUILD.name[:4] == "san-" else []
    done = command(["gcc", "-Wall", "-Werror", source, "-o", program, *words, *more], env=env)
    check_equal(f"status of gcc ({done.errors()[-500:]})", done.status, 0)
    check("hello\n" in command([program]).text(), "the example does not run")


@suite.case("names of the library", limit=120)
def _() -> None:
    """An embedder's own names never clash with it: global are the header's alone."""
    done = command(["nm", "-g", "--defined-only", "--format=posix",
                    installed() / "lib/libfiberglass.a"])
    header = re.findall(r"\b(fg_[a-z_]*)\(", (TOP / "core/fiberglass.h").read_text())
    names = [line.split()[0] for line in done.text().splitlines() if " " in line]
    check_equal("names", sorted(names), sorted(set(header)))


@suite.case("manual pages", limit=120)
def _() -> None:
    if not shutil.which("man"):
        raise Skip("there is no man")
    for name in ("fiberglass", "fiberglass-mkroot"):
        done = command(["man", "--warnings", "-l", installed() / f"share/man/man1/{name}.1"],
                       env=dict(clean(), MANWIDTH="80", LC_ALL="C.UTF-8"))
        check_equal(f"warnings of {name}", done.errors(), "")
        check(f"Fiberglass {version()}" in done.text(), f"{name}: no version")
        for section in ("NAME", "SYNOPSIS", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "FILES",
                        "EXAMPLES", "SEE ALSO"):
            check(f"\n{section}\n" in done.text(), f"{name} has no section {section}")


def complete(*words: str, cwd: Path = TOP) -> list[str]:
    """What bash offers for the last word."""
    script = (f"source {installed()}/share/bash-completion/completions/fiberglass\n"
              'COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))\n'
              'if [ "$1" = fiberglass ]; then _fiberglass; else _fiberglass_mkroot; fi\n'
              'printf "%s\\n" "${COMPREPLY[@]}"\n')
    done = command(["bash", "-c", script, "bash", *words], cwd=cwd, env=clean())
    check_equal("errors of the completion", done.errors(), "")
    return sorted(done.text().splitlines())


@suite.case("completion", limit=120)
def _() -> None:
    tree = PLACE / "tree"
    for name in ("guest/bin/sh", "guest/bin/sed", "guest/etc/x", "other/y"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("")
    for words, wanted in (
            (("fiberglass", "--net"), ["--network"]),
            (("fiberglass", "--network", ""), ["host", "none"]),
            (("fiberglass", "-n", "n"), ["none"]),
            (("fiberglass", "--dump", "=", "f"), ["fibers"]),
            (("fiberglass", "--dump", "="), ["blocks", "fibers", "gadgets", "native"]),
            (("fiberglass", "--perf", "="), ["jitdump", "map"]),
            (("fiberglass", "--root", "gu"), ["guest"]),
            (("fiberglass", "-u", "0", "-r", "guest", "/b"), ["/bin/"]),
            (("fiberglass", "--root", "=", "guest", "/bin/s"), ["/bin/sed ", "/bin/sh "]),
            (("fiberglass", "-r", "guest", "-C", "/e"), ["/etc/"]),
            (("fiberglass", "-r", "guest", "/bin/sh", "-"), [""]),
            (("fiberglass", "-r", "guest", "/bin/sh", "/etc/"), ["/etc/x "]),
            (("fiberglass", "other/y", "--tr"), [""]),
            (("fiberglass", "--strace", "oth"), ["other"]),
            (("fiberglass-mkroot", "--profile", "s"), ["small"]),
            (("fiberglass-mkroot", "--with", "x", "o"), ["other"])):
        check_equal(" ".join(words), complete(*words, cwd=tree), wanted)


@suite.case("uninstall removes exactly what install put there", limit=120)
def _() -> None:
    top = PLACE / "twice"
    shutil.rmtree(top, ignore_errors=True)
    kept = ("opt/fiber/bin/other", "opt/fiber/share/fiberglass/mine", "opt/fiber/share/man/man1/x")
    for name in kept:
        (top / name).parent.mkdir(parents=True)
        (top / name).write_text("kept")
    words = (f"DESTDIR={top}", f"PREFIX={PREFIX}", f"LIBDIR={PREFIX}/lib/here")
    for _ in range(2):
        make("install", *words)
    check((top / "opt/fiber/lib/here/libfiberglass.a").exists(), "LIBDIR does not count")
    make("uninstall", *words)
    check_equal("left", files(top), sorted(kept))
    for name in ("roots", "profiles"):
        check(not (top / "opt/fiber/share/fiberglass" / name).exists(), f"{name} is left")


@suite.case("tarball", limit=240)
def _() -> None:
    if command(["git", "rev-parse", "HEAD"], cwd=TOP).status != 0:
        raise Skip("this is no git repository")
    path = TOP / make("dist").text().strip()
    check_equal("name", path.name, f"fiberglass-{version()}.tar.gz")
    shutil.rmtree(PLACE / "dist", ignore_errors=True)
    (PLACE / "dist").mkdir(parents=True)
    check_equal("tar", command(["tar", "xf", path, "-C", PLACE / "dist"]).status, 0)
    tree = PLACE / "dist" / f"fiberglass-{version()}"
    tracked = command(["git", "ls-tree", "-r", "--name-only", "HEAD"], cwd=TOP).text().splitlines()
    check_equal("files", files(tree), sorted(tracked))
    # There is no git for what follows. What this tree has built saves the time of a whole build.
    fake = PLACE / "fake"
    fake.mkdir(exist_ok=True)
    (fake / "git").write_text("#!/bin/sh\necho git was called >&2\nexit 1\n")
    (fake / "git").chmod(0o755)
    env = dict(clean(), PATH=f"{fake}:{os.environ['PATH']}")
    for name in ("gadgets", "build/gadgets", "build/gen", "build/obj"):
        shutil.copytree(TOP / name, tree / name, dirs_exist_ok=True)
    now = time.time()
    for built in [*(tree / "gadgets").rglob("*"), *(tree / "build").rglob("*")]:
        os.utime(built, (now, now))
    for goals in (["install", f"DESTDIR={PLACE}/dist/there"], ["help"],
                  ["uninstall", f"DESTDIR={PLACE}/dist/there"]):
        done = command(["make", "-s", "-j2", *goals], cwd=tree, env=env)
        check_equal(f"make {goals[0]} ({done.errors()[-500:]})", done.status, 0)
        check("git was called" not in done.errors(), f"make {goals[0]} calls git")
    check_equal("--version", command([tree / "build/fiberglass", "--version"]).text(),
                f"fiberglass {version()}\n")
    shutil.rmtree(PLACE / "dist")


if __name__ == "__main__":
    suite.main()
