"""Finds and fetches packages with the machine's own apt configuration, in a state of its own.

Sources, keys and proxies are the machine's; lists, status and downloads stay below one directory of
ours, so that neither the machine's package database nor its architectures change and no root rights
are needed. What to do with the packages is not known here.
"""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path

from roots.say import Progress, RootError

# Hooks that an administrator may have set for the machine's own package system are not for ours.
CONFIGURATION = """\
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Update::Pre-Invoke;
#clear DPkg::Pre-Invoke;
#clear DPkg::Post-Invoke;
#clear DPkg::Pre-Install-Pkgs;
#clear APT::Architectures;
#clear Acquire::IndexTargets;
APT::Architecture "{native}";
APT::Architectures {{ {all} }};
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Sandbox::User "root";
APT::Get::Assume-Yes "true";
Dir::State "{state}";
Dir::State::status "{state}/status";
Dir::State::lists "{state}/lists";
Dir::Cache "{state}";
Dir::Cache::archives "{state}/archives";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Log "{state}/log";
Acquire::Languages "none";
Acquire::IndexTargets::deb::Packages {{
    MetaKey "$(COMPONENT)/binary-$(ARCHITECTURE)/Packages";
    flatMetaKey "Packages";
    ShortDescription "Packages";
    Description "$(RELEASE)/$(COMPONENT) $(ARCHITECTURE) Packages";
}};
"""

LISTS_AGE = 24 * 3600  # seconds after which package lists are fetched anew


@dataclass(frozen=True)
class Deb:
    """A package that was chosen, and the file that holds it."""

    name: str
    version: str
    arch: str
    path: Path

    @property
    def key(self) -> str:
        """What tells it from all others of a root: `libc6:i386`."""
        return f"{self.name}:{self.arch}"


@dataclass(frozen=True)
class Plan:
    """What is to be installed: the packages by name, and apt's steps: ("Inst" or "Conf", key)."""

    debs: list[Deb]
    steps: list[tuple[str, str]]


class Apt:
    """An apt of these architectures, the native one first, with an empty system."""

    def __init__(self, state: Path, archs: list[str], progress: Progress) -> None:
        self.state = state.resolve()
        self.progress = progress
        for directory in ("lists/partial", "archives/partial", "log"):
            (self.state / directory).mkdir(parents=True, exist_ok=True)
        (self.state / "status").write_text("")
        self.conf = self.state / "apt.conf"
        self.conf.write_text(CONFIGURATION.format(
            native=archs[0], all=" ".join(f'"{arch}";' for arch in archs), state=self.state))

    def call(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run apt-get; the caller looks at the result."""
        env = dict(os.environ, LC_ALL="C.UTF-8", DEBIAN_FRONTEND="noninteractive")
        env.pop("APT_CONFIG", None)
        return subprocess.run(["apt-get", "-c", str(self.conf), "-q", *args], env=env, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True)

    def update(self, force: bool = False) -> None:
        """Fetch the package lists unless there are recent ones."""
        stamp = self.state / "updated"
        if not force and stamp.exists() and time.time() - stamp.stat().st_mtime < LISTS_AGE:
            return
        self.progress.step("fetching package lists")
        done = self.call("update")
        if done.returncode:
            # A mirror in the middle of its own update serves some lists only: these may well do,
            # and apt checks what it has; what is missing then shows when packages are chosen.
            if not any((self.state / "lists").glob("*_Packages*")):
                raise RootError("apt-get update failed: " + last_errors(done.stderr))
            self.progress.step("some package lists could not be fetched; going on with the others")
        stamp.touch()

    def choose(self, names: list[str]) -> Plan:
        """The named packages (`NAME`, `NAME:ARCH`, or .deb files by absolute path) and all that
        they depend on."""
        done = self.call("--simulate", "install", *names)
        if done.returncode:
            raise RootError("apt-get cannot resolve the packages: " + last_errors(done.stderr))
        local = {local_key(Path(n)): Path(n) for n in names if n.startswith("/")}
        chosen, steps = [], []
        for line in done.stdout.splitlines():
            # Inst bash (5.2.15-2+b7 Debian:12.11/stable [i386]), of a foreign architecture
            # Inst libc6:i386 (2.36-9+deb12u10 Debian:12.11/stable [i386])
            words = line.split()
            if len(words) < 3 or words[0] not in ("Inst", "Conf"):
                continue
            name, version = words[1].split(":")[0], words[2].lstrip("(")
            arch = words[-1].strip("[])") if words[-1] != "[]" else words[-2].strip("[])")
            file = f"{name}_{version.replace(':', '%3a')}_{arch}.deb"
            deb = Deb(name, version, arch, self.state / "archives" / file)
            steps.append((words[0], deb.key))
            if words[0] == "Inst":
                chosen.append(replace(deb, path=local.get(deb.key, deb.path)))
        return Plan(sorted(chosen, key=lambda deb: (deb.name, deb.arch)), steps)

    def fetch(self, names: list[str], debs: list[Deb]) -> None:
        """Download what is not in the cache; apt checks sizes and hashes."""
        missing = [deb for deb in debs if not deb.path.exists()]
        if not missing:
            return
        self.progress.step(f"fetching {len(missing)} packages")
        done = self.call("--download-only", "install", *names)
        missing = [deb for deb in debs if not deb.path.exists()]
        if done.returncode or missing:
            what = ", ".join(deb.name for deb in missing[:5])
            raise RootError(f"packages could not be fetched ({what}): "
                            + last_errors(done.stderr))


def local_key(deb: Path) -> str:
    """The key of the package in a file."""
    done = subprocess.run(["dpkg-deb", "--show", "--showformat", "${Package}:${Architecture}",
                           str(deb)], capture_output=True, text=True)
    if done.returncode:
        raise RootError(f"{deb} is no Debian package: " + done.stderr.strip())
    return done.stdout.strip()


def last_errors(text: str) -> str:
    """What apt said, in one line."""
    lines = [line for line in text.splitlines() if line.startswith(("E:", "W:"))]
    return "; ".join(lines[-4:]) or (text.strip().splitlines() or ["no reason given"])[-1]
