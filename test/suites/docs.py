#!/usr/bin/python3
# time: 60
# order: 35
"""What pages say about the tree: targets, options, files and links that they name are there."""

from __future__ import annotations

import re

from harness import TOP, Suite, check, check_equal, command, fiberglass

suite = Suite()

# Set by make itself and by the generator's list of gadgets.
BUILT_IN = {"MAKE", "MAKEFLAGS", "MAKECMDGOALS", "CURDIR", "GADGET_SRC"}
# Targets that are parts of others.
PARTS = {"fuzz-elf", "fuzz-decode", "test-abi"}


def makefiles() -> str:
    """The text of all makefiles, without comments; continued lines are one."""
    files = [TOP / "Makefile", *sorted((TOP / "make").glob("*.mk"))]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    return re.sub(r"(?m)^#.*\n", "", text.replace("\\\n", " "))


def help_text() -> str:
    """What `make help` shows."""
    return (TOP / "make/help.txt").read_text(encoding="utf-8")


@suite.case("make help names every target", quick=True)
def _() -> None:
    wanted = {target for line in re.findall(r"(?m)^\.PHONY:(.*)$", makefiles())
              for target in line.split()}
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
    """The options that stand at the head of lines of --help."""
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
