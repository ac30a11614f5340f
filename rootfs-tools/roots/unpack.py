"""Makes files of a package's tar stream below a root directory.

Owner, mode and device type of every file go to the extended attribute user.containers.override_stat
(`uid:gid:0mode[:type]`), because an ordinary user can neither give files away nor make devices;
the file on the host belongs to the user, who may always read and write it. Names are resolved
inside the root: no symbolic link of a package leads out of it. The package database is dpkg.py's.
"""

from __future__ import annotations

import errno
import fnmatch
import os
import shutil
import stat
import subprocess
import tarfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from roots.say import Progress, RootError

ATTRIBUTE = "user.containers.override_stat"
KINDS = {tarfile.CHRTYPE: "char", tarfile.BLKTYPE: "block", tarfile.FIFOTYPE: "fifo"}


class Tree:
    """A root directory that is being filled."""

    def __init__(self, top: Path, exclude: Iterable[str], include: Iterable[str],
                 progress: Progress) -> None:
        self.top = top
        self.exclude = list(exclude)
        self.include = list(include)
        self.progress = progress
        self.attributes = True
        self.directories: dict[str, Path] = {"": top}
        self.times: dict[Path, float] = {}

    def place(self, name: str) -> Path:
        """Where a guest path's last component is on the host; its parent must be a directory."""
        pure = PurePosixPath("/" + name)
        return self.resolve(str(pure.parent)) / pure.name

    def resolve(self, guest: str, depth: int = 0) -> Path:
        """A guest directory on the host, symbolic links followed inside the root."""
        key = guest.strip("/")
        known = self.directories.get(key)
        if known is not None:
            return known
        if depth > 40:
            raise RootError(f"too many symbolic links in /{key}")
        pure = PurePosixPath("/" + key)
        parent = self.resolve(str(pure.parent), depth)
        path = parent / pure.name
        if path.is_symlink():
            target = PurePosixPath(os.readlink(path))
            base = PurePosixPath("/") / parent.relative_to(self.top)
            path = self.resolve(normal(base / target), depth + 1)
        elif not path.exists():
            path.mkdir()
            self.mark(path, 0, 0, 0o40755)
            self.times[path] = 0.0
        elif not path.is_dir():
            raise RootError(f"/{key} is no directory")
        self.directories[key] = path
        return path

    def mark(self, path: Path, uid: int, gid: int, mode: int, kind: str = "") -> None:
        """Keep owner, mode and type of a file in its attribute, host rights beside them."""
        if stat.S_ISLNK(mode):
            return  # Linux keeps no user attributes on links; their owner hardly matters
        safe = (mode & 0o755) | (0o700 if stat.S_ISDIR(mode) else 0o600)
        os.chmod(path, safe)
        if not self.attributes:
            return
        value = f"{uid}:{gid}:0{stat.S_IMODE(mode):o}" + (f":{kind}" if kind else "")
        try:
            os.setxattr(path, ATTRIBUTE, value.encode())
        except OSError as e:
            if e.errno not in (errno.ENOTSUP, errno.EPERM):
                raise
            self.attributes = False
            self.progress.step("this file system keeps no user attributes: owners, set-uid bits "
                               "and devices of the root are lost (the rest works)")

    def directory(self, name: str, mode: int = 0o755, uid: int = 0, gid: int = 0) -> Path:
        """Make a directory, with its parents, unless it is there."""
        path = self.resolve(name)
        self.mark(path, uid, gid, stat.S_IFDIR | mode)
        return path

    def text(self, name: str, content: str, mode: int = 0o644, gid: int = 0) -> None:
        """Write a file of our own."""
        path = self.place(name)
        if path.is_symlink():
            path.unlink()
        path.write_text(content)
        self.mark(path, 0, gid, stat.S_IFREG | mode)
        self.times[path] = 0.0

    def link(self, name: str, target: str) -> None:
        """Make a symbolic link, in place of a file that is there."""
        path = self.place(name)
        if path.is_symlink() or path.is_file():
            path.unlink()
        os.symlink(target, path)
        self.times[path] = 0.0

    def wanted(self, name: str) -> bool:
        """Whether a file of a package is kept (the rules are those of dpkg's path-exclude)."""
        path = "/" + name
        if any(fnmatch.fnmatchcase(path, pattern) for pattern in self.exclude):
            return any(fnmatch.fnmatchcase(path, pattern) for pattern in self.include)
        return True

    def unpack(self, deb: Path, beside: frozenset[str] = frozenset()) -> list[str]:
        """Unpack one package; returns the paths that it holds (as in dpkg's .list files).

        Files whose paths are in `beside` get .dpkg-new at the end of their names."""
        process = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout and process.stderr
        names = ["/."]
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as tar:
                for member in tar:
                    name = member.name.lstrip("./") if member.name != "." else ""
                    if not name:
                        continue
                    names.append("/" + name)
                    if self.wanted(name):
                        new = ".dpkg-new" if "/" + name in beside else ""
                        self.extract(tar, member, name + new)
            process.stdout.read()
        except (tarfile.TarError, OSError) as e:
            process.kill()
            raise RootError(f"{deb.name} cannot be unpacked: {e}") from None
        if process.wait():
            said = process.stderr.read().decode("utf-8", "replace").strip()
            raise RootError(f"{deb.name} cannot be unpacked: {said}")
        return names

    def extract(self, tar: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> None:
        """Make one file, directory, link or device."""
        if member.isdir():
            path = self.resolve(name)
            self.mark(path, member.uid, member.gid, stat.S_IFDIR | member.mode)
            self.times[path] = member.mtime
            return
        path = self.place(name)
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            path.unlink()
        if member.issym():
            os.symlink(member.linkname, path)
        elif member.islnk():
            source = self.place(member.linkname.removeprefix("./"))
            os.link(source, path, follow_symlinks=False)
            return
        elif member.isreg():
            stream = tar.extractfile(member)
            assert stream
            with path.open("wb") as file:
                shutil.copyfileobj(stream, file, 1 << 20)
            self.mark(path, member.uid, member.gid, stat.S_IFREG | member.mode)
        else:
            kind = KINDS.get(member.type)
            if kind is None:
                raise RootError(f"/{name} is of a type that is not known")
            if kind != "fifo":
                kind += f"-{member.devmajor}-{member.devminor}"
            path.touch()
            self.mark(path, member.uid, member.gid, stat.S_IFREG | member.mode, kind)
        self.times[path] = member.mtime

    def finish(self) -> None:
        """Set the times of files and directories, once nothing is written any more."""
        for path in sorted(self.times, key=lambda p: len(p.parts), reverse=True):
            when = self.times[path]
            try:
                os.utime(path, (when, when), follow_symlinks=False)
            except FileNotFoundError:
                pass  # a later package replaced it


def normal(path: PurePosixPath) -> str:
    """A guest path without `.` and `..`; `..` at the top stays there."""
    parts: list[str] = []
    for part in path.parts[1:]:
        if part == "..":
            parts = parts[:-1]
        elif part != ".":
            parts.append(part)
    return "/".join(parts)
