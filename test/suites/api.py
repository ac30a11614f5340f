#!/usr/bin/python3
# suite: the library
# time: 120
# order: 30
"""libfiberglass for embedders: test/api against the public header, the example of the docs, and
fg_run() called by a program of one's own."""

from __future__ import annotations

import functools
import os
import re
import subprocess
from pathlib import Path

from harness import BUILD, ROOT, TOP, Skip, Suite, check_equal, command
from make_target import make

suite = Suite()
PLACE = BUILD / "test/api-suite"
LINK = ["-L", str(BUILD), "-Wl,--whole-archive", "-lfiberglass", "-Wl,--no-whole-archive",
        "-no-pie", "-pthread"]
if BUILD.name.startswith("san-"):
    LINK.append("-fsanitize=" + BUILD.name.removeprefix("san-").replace("-", ","))
if BUILD.name == "cov":
    LINK.append("--coverage")

RUN = r"""
#include <fiberglass.h>
#include <stdio.h>
int main(int argc, char **argv) {
    char *const env[] = {"A=from the embedder", NULL};
    struct fg_mount mount = {.host = argv[2], .guest = "/here", .read_only = true};
    struct fg_options options = {.root = argv[1], .env = env, .mounts = &mount, .mount_count = 1,
                                 .no_network = true, .program = argv[3], .argv = argv + 3};
    int status = fg_run(&options);
    printf("status %d of %d arguments\n", status, argc);
    return 0;
}
"""


@functools.cache
def build(source: Path) -> Path:
    """A program against the header and the library of the build."""
    make("test-api")  # and with it the library
    PLACE.mkdir(parents=True, exist_ok=True)
    program = PLACE / source.stem
    subprocess.run(["gcc", "-Wall", "-Wextra", "-Werror", "-I", TOP / "core", source, "-o", program,
                    *LINK], check=True)
    return program


def own(name: str, tier: str) -> None:
    """One case of test/api/main.c."""
    make("test-api")
    done = command([BUILD / "test/api", name], env={**os.environ, "FG_TIER": tier})
    check_equal(f"status ({done.text()}{done.errors()})", done.status, 0)
    check_equal("lines", done.text(), f"ok {name}\n")


for found in re.findall(r'^    \{"([^"]+)", \w+\},$',
                        (TOP / "test/api/main.c").read_text(encoding="utf-8"), re.M):
    for tier in ("threaded", "native"):
        suite.add(f"{found}, {tier}", functools.partial(own, found, tier), quick=True)


@suite.case("example", quick=True)
def _() -> None:
    done = command([build(TOP / "docs/examples/run_code.c")])
    check_equal(f"status ({done.errors()})", done.status, 0)
    lines = done.text().splitlines()
    check_equal("listing", lines[:2], ["10000  5 bytes  MOV", "10005  5 bytes  MOV"])
    check_equal("run", lines[-3:], ["hello", "page fault at pc 10024, address 30000: mapped now",
                                    "exit: esi = 2192834560, ebx = 0"])


@suite.case("a whole program")
def _() -> None:
    if not (ROOT / "bin/sh").exists():
        raise Skip(f"there is no root in {ROOT}")
    PLACE.mkdir(parents=True, exist_ok=True)
    source = PLACE / "whole.c"
    source.write_text(RUN, encoding="utf-8")
    program = build(source)
    for words, said in ((("/bin/sh", "-c", "echo $A; test -e /here/whole.c && exit 42"),
                         "from the embedder\nstatus 42 of 6 arguments\n"),
                        (("/bin/sh", "-c", "kill -9 $$"), "status 137 of 6 arguments\n"),
                        (("/bin/nosuch",), "status 127 of 4 arguments\n")):
        done = command([program, ROOT, PLACE, *words])
        check_equal(f"output ({done.errors()})", done.text(), said)


if __name__ == "__main__":
    suite.main()
