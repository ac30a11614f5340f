#!/usr/bin/python3
# time: 60
# order: 35
"""What pages say about the tree: targets, options, files and links that they name are there."""

from __future__ import annotations

import re

from harness import TOP, Suite, check, check_equal, command

suite = Suite()

# Set by make itself and by the generator's list of gadgets.
BUILT_IN = {"MAKE", "MAKEFLAGS", "MAKECMDGOALS", "CURDIR", "GADGET_SRC"}
# Targets that are parts of others.
PARTS = {"fuzz-elf", "fuzz-decode"}


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
