#!/usr/bin/python3
# time: 60
# order: 35
"""What pages say about the tree: targets, options, files and links that they name are there."""

from __future__ import annotations

import functools
import os
import re
import shutil
from pathlib import Path

from harness import FG, ROOT, TOP, Skip, Suite, check, check_equal, command, fiberglass

suite = Suite()

# Set by make itself and by the generator's list of gadgets.
BUILT_IN = {"MAKE", "MAKEFLAGS", "MAKECMDGOALS", "CURDIR", "GADGET_SRC"}
# Targets that are parts of others.
PARTS = {"fuzz-elf", "fuzz-decode", "test-abi", "test-api"}


def makefiles() -> str:
    """The text of all makefiles, without comments; continued lines are one."""
    files = [TOP / "Makefile", *sorted(TOP.glob("make/*.mk")),
             *sorted(TOP.glob("core/host/*/*.mk"))]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    return re.sub(r"(?m)^#.*\n", "", text.replace("\\\n", " "))


def help_text() -> str:
    """What `make help` shows."""
    return (TOP / "make/help.txt").read_text(encoding="utf-8")


@suite.case("make help names every target", quick=True)
def _() -> None:
    wanted = {target for line in re.findall(r"(?m)^\.PHONY:(.*)$", makefiles())
              for target in line.split() if "/" not in target}
    named = set(re.findall(r"(?m)^  ([a-z][a-z_.-]*) ", help_text()))
    check_equal("targets", sorted(named), sorted(wanted - PARTS - {"help"}))


@suite.case("make help names every variable", quick=True)
def _() -> None:
    text = makefiles()
    # Capital letters; set with ?= or asked for by ifdef, or used and set nowhere.
    used = set(re.findall(r"\$[({](?:value )?([A-Z][A-Z_]*)[:)}]", text))
    own = set(re.findall(r"(?m)^ *(?:export +)?([A-Z_]+) *:?\+?=", text))
    offered = set(re.findall(r"(?m)^([A-Z_]+) *\?=", text))
    offered |= set(re.findall(r"(?m)^ifdef ([A-Z_]+)", text))
    named = set(re.findall(r"\b([A-Z][A-Z_]*)=", help_text()))
    check_equal("variables", sorted(named), sorted((used - own - BUILT_IN) | offered))


@functools.cache
def tree() -> frozenset[str]:
    """Every file of the tree and what the generator made in build/gen, by path and by each end of
    it: "core/run/run.c", "run/run.c", "run.c"."""
    found: set[str] = set()
    for top, dirs, names in os.walk(TOP):
        if Path(top) == TOP:
            dirs[:] = [d for d in dirs if d not in (".git", ".mypy_cache")]
        elif Path(top) == TOP / "build":
            dirs[:] = ["gen"]
        parts = Path(top).relative_to(TOP).parts
        found |= {"/".join([*parts[i:], name]) for name in names for i in range(len(parts) + 1)}
    return frozenset(found)


def pages() -> list[Path]:
    """The hand-written pages."""
    return [*TOP.glob("*.md"), *TOP.glob("docs/*.md"), *TOP.glob("docs/bench/*.md"),
            *TOP.glob("templates/*/*.md"), TOP / "test/README.md", TOP / "gen/spec/NOTATION.md"]


EXAMPLES = {"alu99.j2"}  # of a mistake


@suite.case("links lead somewhere", quick=True)
def _() -> None:
    linked: set[Path] = set()
    for path in pages():
        for link in re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8")):
            if "://" not in link:
                target = Path(os.path.normpath(path.parent / link))
                check(target.exists(), f"{path.relative_to(TOP)} links to {link}")
                linked.add(target)
    index = TOP / "docs/README.md"
    for path in [*TOP.glob("docs/*.md"), *TOP.glob("docs/*.1"), *TOP.glob("docs/bench/*.md")]:
        check(path in linked or path == index, f"nothing links to {path.relative_to(TOP)}")


for page_of_files in ("README.md", "CONTRIBUTING.md", "test/README.md",
                      "templates/x86_64/README.md", *(f"docs/{name}.md" for name in (
                          "README", "architecture", "files", "generator", "lifetime", "security",
                          "adding-an-instruction"))):
    def names_files(page_of_files: str = page_of_files) -> None:
        """Words that look like a source file are one."""
        text = (TOP / page_of_files).read_text(encoding="utf-8")
        # A name with a pattern (<host>, *, …) or a word in capital letters is none.
        named = set(re.findall(r"(?<![\w/<>*…{}.-])"
                               r"([a-z][\w/.-]*\.(?:c|h|S|py|j2|x86|mk|md|gdb|list))"
                               r"(?![\w<>*{])", text))
        unknown = sorted(name for name in named - EXAMPLES
                         if name not in tree() and not re.search(r"/[A-Z]+\.", name))
        check_equal("files that are not there", unknown, [])
        folders = re.findall(r"`([a-z][a-z0-9_.-]*/[a-z0-9_/.-]+/)`", text)
        check_equal("folders that are not there",
                    [f for f in folders
                     if not (TOP / f).is_dir() and not (TOP / "syscalls" / f).is_dir()], [])
    suite.add(f"files named in {page_of_files}", names_files)


@suite.case("one version", quick=True)
def _() -> None:
    version = fiberglass("--version").text().split()[1]
    for path, wanted in (("CHANGELOG.md", rf"(?m)^## \[{re.escape(version)}\] - "),
                         ("debian/changelog", rf"\Afiberglass \({re.escape(version)}-\d+\) ")):
        check(re.search(wanted, (TOP / path).read_text(encoding="utf-8")),
              f"{path} does not begin with version {version} of core/fiberglass.h")


@suite.case("what building takes", quick=True)
def _() -> None:
    groups = (TOP / "rootfs-tools/packages.build").read_text(encoding="utf-8").split("\n\n")
    essential = {"gcc", "libc6-dev", "binutils", "make"}  # every Debian build has these
    optional = {"libzydis-dev"}  # its header, for --dump=native
    control = (TOP / "debian/control").read_text(encoding="utf-8")
    match = re.search(r"(?m)^Build-Depends:((?:.|\n )*)$", control)
    check(match, "debian/control has no Build-Depends")
    words = re.findall(r"[a-z][a-z0-9.+-]+", match[1]) if match else []
    check_equal("debian/control", sorted({*words} - {"debhelper-compat", "any"}),
                sorted(({*groups[1].split()} - essential) | optional))


@suite.case("commands for gdb", limit=120)
def _() -> None:
    if not shutil.which("gdb"):
        raise Skip("there is no gdb")
    words: list[str | Path] = ["-batch", "-x", TOP / "core/host/x86_64/fiberglass.gdb"]
    for line in ("break task_run", "run", "delete", "fg-break xor32_rr_eax_eax", "continue",
                 "fg-where", "fg-bytes $r8", "kill"):
        words += ["-ex", line]
    done = command(["gdb", *words, "--args", *FG, "--tier=threaded", "--root", ROOT, "/bin/true"])
    check(re.search(r"guest pc [0-9a-f]{8}, in the fiber of [0-9a-f]{8}: xor32_rr_eax_eax\nax ",
                    done.text()), done.text()[-1500:] + done.errors()[-500:])


def options(text: str) -> list[str]:
    """The options that a text names: -r, --root, ..."""
    return sorted(set(re.findall(r"(?<![\w-])(--?[a-zA-Z](?:[a-z-]*[a-z])?)\b", text)))


def page(name: str) -> list[str]:
    """The options that a manual page explains, each in the head of a paragraph of its own."""
    text = (TOP / "docs" / name).read_text(encoding="utf-8").replace("\\-", "-")
    return options(" ".join(re.findall(r"(?m)^\.TP\n(\\fB-.*)$", text)).replace("\\fB", " ")
                   .replace("\\fR", " ").replace("\\fI", " "))


def completed(function: str) -> list[str]:
    """The options that the completion of bash offers."""
    text = (TOP / "cli/completion.bash").read_text(encoding="utf-8")
    body = text.partition(f"\n{function}() {{")[2].partition("\n}\n")[0]
    return options(re.findall(r"_fiberglass_words '(-[^']*)'", body)[0])


def explained(text: str) -> list[str]:
    """The options at the head of lines of --help."""
    return options(" ".join(re.findall(r"(?m)^ +(-[^ ]*(?:,? [A-Z:]*,? ?-[^ ]*)?)", text)))


@suite.case("options in manual page and completion", quick=True)
def _() -> None:
    known = explained(fiberglass("--help").text())
    check("--root" in known and "-r" in known and "--version" in known, f"odd options {known}")
    check_equal("docs/fiberglass.1", page("fiberglass.1"), known)
    check_equal("completion", completed("_fiberglass"), known)
    known = explained(command([TOP / "rootfs-tools/mkroot", "--help"]).text())
    check("--profile" in known and "--quiet" in known, f"odd options {known}")
    check_equal("docs/fiberglass-mkroot.1", page("fiberglass-mkroot.1"), known)
    check_equal("completion of mkroot", completed("_fiberglass_mkroot"), known)


@suite.case("programs of the tree explain themselves", quick=True)
def _() -> None:
    for program in ("docs/session.py", "bench/run", "rootfs-tools/mkroot", "rootfs-tools/run",
                    "test/run", "test/mutants/mutants.py", "test/fuzz/soak.py"):
        words = ["/usr/bin/python3"] if program.endswith(".py") else []
        done = command([*words, TOP / program, "--help"])
        check_equal(f"status of {program} --help ({done.errors()[-300:]})", done.status, 0)
        check(program.rpartition("/")[2].removesuffix(".py") in done.text(),
              f"{program} --help does not name it")


if __name__ == "__main__":
    suite.main()
