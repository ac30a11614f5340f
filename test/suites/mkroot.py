#!/usr/bin/python3
# suite: roots out of packages
# time: 2400
# order: 41
"""mkroot: the same root twice, mistakes; --configure with packages of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from guests import X86_64, runs
from harness import (BUILD, FG, ROOT, TOP, Failure, Suite, check, check_equal, command, fiberglass,
                     need_attributes)

suite = Suite()
MKROOT = TOP / "rootfs-tools/mkroot"
PLACE = BUILD / "test/mkroot-suite"

# Every script says what it was called for; the test reads that back.
SAY = 'echo "$DPKG_MAINTSCRIPT_PACKAGE $DPKG_MAINTSCRIPT_NAME $1${2:+ $2}" >>/var/log/fg-said\n'


@dataclass
class Package:
    """A package to be built."""

    name: str
    fields: str = ""
    files: dict[str, str] = field(default_factory=dict)
    conffiles: tuple[str, ...] = ()
    parts: dict[str, str] = field(default_factory=dict)

    def build(self, place: Path) -> Path:
        """Make the .deb file."""
        tree = place / self.name
        control = tree / "DEBIAN"
        control.mkdir(parents=True)
        fields = f"{self.fields}\n" if self.fields else ""
        (control / "control").write_text(
            f"Package: {self.name}\nVersion: 1\nArchitecture: all\nMaintainer: Nobody <n@o>\n"
            f"{fields}Description: made by a test\n")
        if self.conffiles:
            (control / "conffiles").write_text("".join(f"{c}\n" for c in self.conffiles))
        for part, text in self.parts.items():
            script = part != "triggers"
            (control / part).write_text(f"#!/bin/sh -e\n{SAY}{text}" if script else text)
            (control / part).chmod(0o755 if script else 0o644)
        for name, text in self.files.items():
            path = tree / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o755 if text.startswith("#!") else 0o644)
        deb = place / f"{self.name}.deb"
        subprocess.run(["dpkg-deb", "-Znone", "--root-owner-group", "--build", tree, deb],
                       check=True, capture_output=True)
        return deb


PACKAGES = (
    # Hears of a named trigger and of files below a directory.
    Package("fg-hear", parts={
        "triggers": "interest fg-named\ninterest-noawait /usr/share/fg-files\n", "postinst": ""}),
    # A package that waits for nothing, one whose script activates, one that only has a file there.
    Package("fg-activate", "Depends: fg-hear", parts={"triggers": "activate fg-named\n"}),
    Package("fg-script", "Depends: fg-hear",
            parts={"postinst": "dpkg-trigger --no-await fg-named\n"}),
    Package("fg-file", "Pre-Depends: fg-hear", {"usr/share/fg-files/one": "1\n"}),
    # Its preinst needs another package configured.
    Package("fg-early", "Pre-Depends: fg-hear",
            parts={"preinst": "grep -q '^fg-hear postinst configure' /var/log/fg-said\n"}),
    # A configuration file shows with the configuration of its package, not with its unpacking: what
    # runs all hooks before that must not meet this one.
    Package("fg-hooks", parts={"postinst": "mkdir -p /etc/fg.d\nrun-parts /etc/fg.d\n"}),
    Package("fg-hook", "Depends: fg-hooks", {"etc/fg.d/hook": "#!/bin/sh\nexit 9\n"},
            ("/etc/fg.d/hook",)),
    # A file that another package diverts.
    Package("fg-tool", files={"usr/bin/fg-tool": "#!/bin/sh\necho tool\n"}),
    Package("fg-divert", "Pre-Depends: fg-tool", {"usr/bin/fg-tool": "#!/bin/sh\necho wrapper\n"},
            parts={"preinst": "dpkg-divert --package fg-divert --add --rename "
                              "--divert /usr/bin/fg-tool.real /usr/bin/fg-tool\n"}),
    # What fails until it is mended, and what depends on it.
    Package("fg-broken", parts={"postinst": "test -e /etc/fg-mended || exit 3\n"}),
    Package("fg-waits", "Depends: fg-broken", parts={"postinst": ""}),
)


def states(root: Path) -> dict[str, str]:
    """What the guest's dpkg says of the packages."""
    done = fiberglass("--root", root, "/usr/bin/dpkg-query", "-W", "-f",
                      "${Package} ${db:Status-Status} ${Conffiles}\n", "fg-*")
    words = [line.split() for line in done.text().splitlines() if line.strip()]
    check(words, done.errors())
    return {w[0]: " ".join(w[1:]) for w in words if w[0].startswith("fg-")}


def make(root: Path, debs: list[Path]) -> tuple[int, str]:
    """Run mkroot; its status and what it said."""
    profile = PLACE / "profile.list"
    profile.write_text("base-files\n")
    done = command([MKROOT, "--quiet", "--profile", profile, "--configure", FG[0],
                    "--with", " ".join(map(str, debs)), root])
    return done.status, done.text() + done.errors()


@suite.case("triggers, Pre-Depends, diversions, configuration files, a failure and its repair",
            limit=780)
def _() -> None:
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    debs = [package.build(PLACE / "debs") for package in PACKAGES]
    root = PLACE / "root"
    status, said = make(root, debs)
    log = PLACE / "root.configure.log"
    if "fg-broken" not in said:
        raise Failure(said + (log.read_text()[-2000:] if log.exists() else ""))
    check_equal("status and lines", (status, len(said.splitlines())), (1, 1))
    check("postinst of fg-broken failed (exit status 3)" in said and str(root) in said, said)

    # All but what fails is there, and everyone was called in order.
    got = states(root)
    check_equal("states", {n: s.split()[0] for n, s in got.items()},
                {p.name: "installed" for p in PACKAGES}
                | {"fg-broken": "half-configured", "fg-waits": "unpacked"})
    check(got["fg-hook"].startswith("installed /etc/fg.d/hook "), got["fg-hook"])
    calls = (root / "var/log/fg-said").read_text().splitlines()
    check(calls.index("fg-hear postinst configure") < calls.index("fg-early preinst install"),
          f"Pre-Depends: {calls}")
    heard = [c for c in calls if c.startswith("fg-hear postinst triggered")]
    check(any("fg-named" in c for c in heard), f"the named trigger was not heard: {calls}")
    check(any("/usr/share/fg-files" in c for c in heard), f"the file was not noticed: {calls}")
    names = (root / "var/lib/dpkg/triggers/fg-named").read_text()
    check_equal("interest", names, "fg-hear\n")
    check("libc-bin" in (root / "var/lib/dpkg/triggers/ldconfig").read_text(), "no ldconfig")
    check_equal("diverted", fiberglass("--root", root, "/bin/sh", "-c",
                                       "fg-tool; fg-tool.real").text(), "wrapper\ntool\n")
    check(not (root / "usr/sbin/policy-rc.d").exists(), "policy-rc.d was left behind")

    # The same command again finds the same fault; mended, dpkg in the root or mkroot finish it.
    status, said = make(root, debs)
    check(status == 1 and "still incomplete: postinst of fg-broken" in said, said)
    done = fiberglass("--root", root, "/bin/sh", "-c",
                      "touch /etc/fg-mended; exec dpkg --configure -a")
    check_equal("repair (" + done.errors() + ")", done.status, 0)
    check_equal("mkroot", make(root, debs), (0, ""))
    check_equal("states", {s.split()[0] for s in states(root).values()}, {"installed"})
    check(not log.exists(), "the log was left behind")


@suite.case("what is there is left alone", limit=200)
def _() -> None:
    before = (ROOT / "etc/fiberglass-root.json").stat()
    done = command([MKROOT, ROOT], limit=190)
    check_equal("status and output", (done.status, done.text() + done.errors()), (0, ""))
    after = (ROOT / "etc/fiberglass-root.json").stat()
    check_equal("the same root", after.st_ino, before.st_ino)
    check_equal("check", command([MKROOT, "--check", ROOT]).status, 0)


@suite.case("small root, twice the same, then configured", limit=780)
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
        inodes.append((roots[0] / "etc/fiberglass-root.json").stat().st_ino)
    check(inodes[0] != (roots[1] / "etc/fiberglass-root.json").stat().st_ino, "not made anew")
    check_equal("left alone the second time", inodes[1], inodes[0])
    check((roots[0] / "usr/local/bin").is_dir(), "the scripts did not run")


@suite.case("two architectures", limit=780)
def _() -> None:
    root = PLACE.with_name("mkroot-two")
    profile = root.with_suffix(".list")
    profile.parent.mkdir(parents=True, exist_ok=True)
    profile.write_text("base-files\ndash\n")
    words: list[str | Path] = [MKROOT, "--arch", "amd64", "--add-arch", "i386",
                               "--profile", profile]
    for _ in range(2):
        done = command([*words, "--with", "libc6:i386", root])
        check_equal("status (" + done.errors() + ")", done.status, 0)
    check_equal("the second time", done.text() + done.errors(), "")
    check_equal("architectures", (root / "var/lib/dpkg/arch").read_text(), "amd64\ni386\n")
    for loader, kind in (("lib64/ld-linux-x86-64.so.2", 2), ("lib/ld-linux.so.2", 1)):
        # its link is absolute
        file = root / os.path.realpath(root / loader).lstrip("/").replace(str(root)[1:] + "/", "")
        check_equal(f"class of {loader}", file.read_bytes()[4], kind)
    check_equal("native program", (root / "bin/dash").read_bytes()[4], 2)
    entries = (root / "var/lib/dpkg/status").read_text().split("\n\n")
    check_equal("libraries", sorted(line for entry in entries if "Package: libc6\n" in entry
                                    for line in entry.splitlines() if "Architecture:" in line),
                ["Architecture: amd64", "Architecture: i386"])
    check_equal("one architecture is another root",
                command([*words[:3], *words[5:], root]).status, 0)
    check(not (root / "lib/ld-linux.so.2").exists(), "the other architecture is still there")
    if not runs(X86_64):
        done = command([*words, "--configure", FG[0], root])
        check("--configure" in done.errors() and "for amd64" in done.errors(), done.errors())
        check_equal("status", done.status, 1)
        return
    done = command([*words, "--with", "libc6:i386", "--configure", FG[0], root])
    check_equal("status (" + done.errors() + ")", done.status, 0)
    done = fiberglass("--root", root, "/bin/sh", "-c", "dpkg --print-foreign-architectures; "
                      "dpkg --audit; for l in /lib64/ld-linux-x* /lib/ld-linux.so.2; do "
                      "$l --version >/dev/null && echo runs; done")
    check_equal("in the root", done.text(), "i386\nruns\nruns\n")


@suite.case("mistakes")
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


if __name__ == "__main__":
    suite.main()
