"""Writes the package database (/var/lib/dpkg) of a root, so that dpkg and apt know what is in it.

Reads the control part of packages. See deb(5), deb-control(5) and dpkg's internal layout of
/var/lib/dpkg/info. Files of packages are unpack.py's.
"""

from __future__ import annotations

import hashlib
import io
import re
import stat
import subprocess
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

from roots.say import RootError
from roots.unpack import Tree

STATUS = "var/lib/dpkg/status"


@dataclass
class Package:
    """What the control part of a package says, and what it holds."""

    control: str
    parts: dict[str, bytes]
    names: list[str] = field(default_factory=list)

    def value(self, key: str) -> str:
        """A field of the control file ('' when it has none)."""
        found = re.search(rf"^{key}:[ \t]*(.*)$", self.control, re.M | re.I)
        return found[1] if found else ""

    @property
    def key(self) -> str:
        """The name of its files in /var/lib/dpkg/info."""
        name = self.value("Package")
        same = self.value("Multi-Arch") == "same"
        return f"{name}:{self.value('Architecture')}" if same else name

    @property
    def interests(self) -> list[tuple[str, bool]]:
        """The triggers that it wants to hear of (names, or paths), each with "noawait"."""
        found = []
        for line in self.parts.get("triggers", b"").decode().splitlines():
            words = line.split("#")[0].split()
            if len(words) == 2 and re.fullmatch("interest(-await|-noawait)?", words[0]):
                found.append((words[1], words[0] == "interest-noawait"))
        return found

    @property
    def conffiles(self) -> list[str]:
        """The paths of its configuration files."""
        lines = self.parts.get("conffiles", b"").decode().splitlines()
        return [line for line in lines if line.startswith("/")]


def read_package(deb: Path) -> Package:
    """The control part of a package file."""
    done = subprocess.run(["dpkg-deb", "--ctrl-tarfile", str(deb)], capture_output=True)
    if done.returncode:
        raise RootError(f"{deb.name} is no Debian package: " + done.stderr.decode().strip())
    parts = {}
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        for member in tar:
            stream = tar.extractfile(member) if member.isreg() else None
            if stream:
                parts[member.name.removeprefix("./")] = stream.read()
    if "control" not in parts:
        raise RootError(f"{deb.name} has no control file")
    return Package(parts.pop("control").decode().strip() + "\n", parts)


def stanza(tree: Tree, package: Package, state: str) -> str:
    """The entry of a package in the status file."""
    lines = package.control.splitlines()
    head = [lines[0], f"Status: install ok {state}"]
    conffiles = []
    for name in package.conffiles:
        path = tree.place(name)
        if state == "unpacked":
            # It is beside its place as .dpkg-new, where dpkg --configure takes it from.
            conffiles.append(f" {name} newconffile")
        elif path.is_file():
            digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
            conffiles.append(f" {name} {digest}")
    tail = ["Conffiles:", *conffiles] if conffiles else []
    return "\n".join([*head, *lines[1:], *tail]) + "\n"


def write_database(tree: Tree, packages: list[Package], archs: list[str], state: str) -> None:
    """The whole of /var/lib/dpkg for these packages, each in the given state; the native
    architecture is the first."""
    for name in ("info", "updates", "triggers", "alternatives", "parts"):
        tree.directory("var/lib/dpkg/" + name)
    tree.text("var/lib/dpkg/info/format", "1\n")
    tree.text("var/lib/dpkg/arch", "".join(f"{arch}\n" for arch in archs))
    for name in ("available", "diversions", "statoverride", "triggers/Unincorp", "triggers/File",
                 "lock", "lock-frontend"):
        tree.text("var/lib/dpkg/" + name, "")
    interests: dict[str, list[str]] = {"File": []}
    for package in packages:
        base = f"var/lib/dpkg/info/{package.key}"
        tree.text(base + ".list", "".join(f"{n}\n" for n in package.names))
        for part, content in sorted(package.parts.items()):
            path = tree.place(f"{base}.{part}")
            path.write_bytes(content)
            script = part in ("preinst", "postinst", "prerm", "postrm", "config")
            tree.mark(path, 0, 0, stat.S_IFREG | (0o755 if script else 0o644))
            tree.times[path] = 0.0
        for trigger, noawait in package.interests:
            file, start = ("File", trigger + " ") if trigger.startswith("/") else (trigger, "")
            interests.setdefault(file, []).append(
                f"{start}{package.key}{'/noawait' if noawait else ''}\n")
    for file, lines in interests.items():
        tree.text("var/lib/dpkg/triggers/" + file, "".join(lines))
    tree.text(STATUS, "\n".join(stanza(tree, p, state) for p in packages))


def closure(names: list[str], packages: list[Package]) -> list[Package]:
    """Those of the packages that have the names, and what of the others they depend on."""
    providers: dict[str, list[Package]] = {}
    for package in packages:
        for name in [package.value("Package"), *relations(package.value("Provides"))]:
            providers.setdefault(name, []).append(package)
    found: dict[str, Package] = {}
    todo = list(names)
    while todo:
        for package in providers.get(todo.pop(), ()):
            if package.key not in found:
                found[package.key] = package
                todo += relations(package.value("Depends"))
                todo += relations(package.value("Pre-Depends"))
    return [package for package in packages if package.key in found]


def relations(text: str) -> list[str]:
    """The names in a field such as `libc6 (>= 2.36), perl:any | perl5`."""
    parts = re.split(r"[,|]", text)
    return [re.split(r"[\s(:\[<]", part.strip())[0] for part in parts if part.strip()]


def states(root: Path) -> dict[str, str]:
    """The state of each package (apt.Deb.key) in a root's database: "installed",
    "half-configured", ..."""
    found = {}
    for entry in (root / STATUS).read_text().split("\n\n"):
        name = re.search(r"^Package: (\S+)$", entry, re.M)
        arch = re.search(r"^Architecture: (\S+)$", entry, re.M)
        state = re.search(r"^Status: \S+ \S+ (\S+)$", entry, re.M)
        if name and arch and state:
            found[f"{name[1]}:{arch[1]}"] = state[1]
    return found
