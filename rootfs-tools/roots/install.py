"""Has the maintainer scripts run: by the root's own dpkg, inside Fiberglass.

The base (Debian's essential packages and what they depend on) was unpacked by unpack.py and is
configured first. Everything else is unpacked and configured by dpkg in the order that apt planned:
diversions, triggers, Pre-Depends and the states of packages are dpkg's. Each step is a run of its
own, for which the host unpresses the packages meanwhile.
"""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import BinaryIO

from roots import dpkg
from roots.apt import Deb, Plan
from roots.say import Progress, RootError

DPKG = "/usr/bin/dpkg --force-unsafe-io --force-confdef --force-confold".split()
SCRIPTS = {"pre-installation": "preinst", "post-installation": "postinst",
           "pre-removal": "prerm", "post-removal": "postrm"}
STEP_BYTES = 48 << 20  # of packages, unpacked by one run of dpkg
LIMIT = 1800.0  # seconds that one run may take

# Scripts that belong before the unpacking of a package; for the base they come after it. Which of
# them divert files is too late then. Some make users.
BASE = """
for script in /var/lib/dpkg/info/*.preinst; do
    [ -e "$script" ] || continue
    grep -q dpkg-divert "$script" && continue
    package=${script##*/} package=${package%.preinst}
    DPKG_MAINTSCRIPT_NAME=preinst DPKG_MAINTSCRIPT_PACKAGE=${package%:*} "$script" install ||
        echo "preinst of $package: status $?"
done
"""

# States from which dpkg --configure -a should lead to "installed".
CONFIGURABLE = ("installed", "unpacked", "half-configured", "triggers-awaited", "triggers-pending")

# Daemons are not started while a root is made.
POLICY = "usr/sbin/policy-rc.d"


class Incomplete(RootError):
    """Some packages could not be installed; the root can be repaired."""


class Installer:
    """One root whose packages are being installed by its own dpkg."""

    def __init__(self, root: Path, engine: str, log: Path, progress: Progress) -> None:
        self.root = root
        self.engine = engine
        self.log = log
        self.progress = progress

    def run(self, words: list[str], mount: Path | None = None) -> None:
        """Run a command in the root. What dpkg made of it is seen in its database, not here."""
        mounts = ["--mount", f"{mount}:/mnt:ro"] if mount else []
        command = [self.engine, "--root", str(self.root), *mounts, "--clear-env",
                   "--env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "--env", "HOME=/root",
                   "--env", "DEBIAN_FRONTEND=noninteractive", "--env", "LC_ALL=C.UTF-8", *words]
        with self.log.open("ab") as file:
            try:
                done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=file,
                                      stderr=subprocess.STDOUT, timeout=LIMIT)
            except subprocess.TimeoutExpired:
                raise Incomplete(f"maintainer scripts did not end within {LIMIT:.0f} s "
                                 f"({self.log} has all that was said)") from None
        if done.returncode >= 125:
            raise Incomplete(f"{self.engine} could not run {words[0]}, status {done.returncode} "
                             f"({self.log} has all that was said)")

    def install(self, plan: Plan) -> None:
        """Configure what is unpacked, install the rest; RootError names the script that failed."""
        self.log.unlink(missing_ok=True)
        policy = self.root / POLICY
        guard = not policy.exists()
        if guard:
            policy.write_text("#!/bin/sh\nexit 101\n")
            policy.chmod(0o755)
        try:
            before = dpkg.states(self.root)
            if "installed" not in before.values():
                self.progress.step(f"configuring {len(before)} packages inside Fiberglass")
                self.run(["/bin/sh", "-c", BASE])
            self.run([*DPKG, "--configure", "-a"])
            self.check([key for key, state in before.items() if state in CONFIGURABLE])
            self.follow(plan, {k for k, s in dpkg.states(self.root).items() if s == "installed"})
            self.run([*DPKG, "--configure", "-a"])
            self.check([deb.key for deb in plan.debs])
        finally:
            if guard:
                policy.unlink()
            for name in ("dpkg.log", "alternatives.log"):  # nothing but the times of these runs
                (self.root / "var/log" / name).unlink(missing_ok=True)
            (self.root / "var/cache/ldconfig/aux-cache").unlink(missing_ok=True)
        self.log.unlink()

    def follow(self, plan: Plan, done: set[str]) -> None:
        """Apt's steps for all packages but those that are there, unpressed one step ahead."""
        todo = list(steps(plan, done))
        count = sum(len(debs) for kind, debs in todo if kind == "Inst")
        if not count:
            return
        self.progress.step(f"installing {count} packages inside Fiberglass")
        with tempfile.TemporaryDirectory(dir=self.root.parent, prefix=".mkroot.") as top, \
                ThreadPoolExecutor(1) as pool:
            ahead: list[Future[list[str]]] = []
            batches = iter([debs for kind, debs in todo if kind == "Inst"])

            def prepare() -> None:
                batch = next(batches, None)
                if batch:
                    place = Path(tempfile.mkdtemp(dir=top))
                    ahead.append(pool.submit(unpress, batch, place))

            prepare()
            for kind, debs in todo:
                if kind == "Conf":
                    self.run([*DPKG, "--configure", *map(qualified, debs)])
                    continue
                files = ahead.pop(0).result()
                prepare()
                place = Path(files[0]).parent
                self.progress.detail(f"{debs[0].name} and {len(debs) - 1} more")
                self.run([*DPKG, "--unpack", *(f"/mnt/{Path(f).name}" for f in files)], place)
                shutil.rmtree(place)

    def check(self, keys: list[str]) -> None:
        """RootError unless all of these packages are installed."""
        states = dpkg.states(self.root)
        missing = [key for key in keys if states.get(key) != "installed"]
        if not missing:
            return
        more = f"; {len(missing)} packages are not configured" if len(missing) > 1 else ""
        raise Incomplete(f"{self.reason(missing[0])}{more} ({self.log} has all that was said); "
                         "mend the cause, then give the same command again, or run "
                         "dpkg --configure -a in the root")

    def reason(self, package: str) -> str:
        """What dpkg gave as the first error; `package` is one that lacks for it."""
        said = self.log.read_text(errors="replace")
        error = re.search(r"^dpkg: error processing (?:package|archive) (\S+) .*\n *(.*)$", said,
                          re.M)
        if not error:
            return f"{package} is not installed"
        script = re.search(r"(\S+) package (\S+) script subprocess (?:returned error )?(.*)",
                           error[2])
        if not script:
            return f"{Path(error[1]).stem}: {error[2]}"
        return f"{SCRIPTS.get(script[2], script[2])} of {script[1]} failed ({script[3]})"


def steps(plan: Plan, done: set[str]) -> Iterator[tuple[str, list[Deb]]]:
    """Apt's steps for what is not done, those of one kind together, in bounded portions."""
    debs = {deb.key: deb for deb in plan.debs}
    left = [(kind, debs[key]) for kind, key in plan.steps if key not in done]
    for kind, group in itertools.groupby(left, lambda step: step[0]):
        portion: list[Deb] = []
        size = 0
        for _, deb in group:
            portion.append(deb)
            size += deb.path.stat().st_size if kind == "Inst" else 0
            if size > STEP_BYTES:
                yield kind, portion
                portion, size = [], 0
        if portion:
            yield kind, portion


def qualified(deb: Deb) -> str:
    """A package as dpkg's command line takes it, even where two architectures have the name."""
    return deb.name if deb.arch == "all" else deb.key


def unpress(debs: list[Deb], place: Path) -> list[str]:
    """The same packages without compression, which costs the guest several times what we pay."""
    names = []
    for deb in debs:
        path = place / deb.path.name
        with path.open("wb") as file:
            file.write(b"!<arch>\n")
            member(file, "debian-binary", [b"2.0\n"])
            for name, option in (("control.tar", "--ctrl-tarfile"), ("data.tar", "--fsys-tarfile")):
                with subprocess.Popen(["dpkg-deb", option, str(deb.path)],
                                      stdout=subprocess.PIPE) as process:
                    assert process.stdout
                    member(file, name, iter(partial(process.stdout.read, 1 << 20), b""))
                if process.returncode:
                    raise RootError(f"{deb.path} cannot be unpacked")
        names.append(str(path))
    return names


def member(file: BinaryIO, name: str, parts: Iterable[bytes]) -> None:
    """Write one member of an ar(5) archive; its size is known at its end."""
    start = file.tell()
    header = "{:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n"
    file.write(header.format(name, 0, 0, 0, "100644", 0).encode())
    size = sum(file.write(part) for part in parts)
    file.write(b"\n" * (size % 2))
    end = file.tell()
    file.seek(start)
    file.write(header.format(name, 0, 0, 0, "100644", size).encode())
    file.seek(end)
