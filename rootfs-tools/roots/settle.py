"""Does, without running anything of the root, what its maintainer scripts would do at least.

Users and groups, /etc files, alternatives, byte code of Python: enough that every program of the
root works. install.py runs the real scripts inside Fiberglass, where one is at hand.
"""

from __future__ import annotations

import importlib.util
import os
import py_compile
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from roots.say import Progress
from roots.unpack import Tree

MERGED = ("bin", "sbin", "lib")
LOADERS = {"amd64": "lib64"}  # where programs of an architecture look for theirs, if not in lib

DIRECTORIES = {"dev": 0o755, "proc": 0o555, "sys": 0o555, "run": 0o755, "run/lock": 0o1777,
               "tmp": 0o1777, "var/tmp": 0o1777, "var/log": 0o755, "root": 0o700, "home": 0o755,
               "mnt": 0o755, "etc/alternatives": 0o755}

# link, its name in /etc/alternatives, what to point it at: the first one that is there.
ALTERNATIVES = (
    ("usr/bin/awk", "awk", ("usr/bin/gawk", "usr/bin/mawk")),
    ("usr/bin/nawk", "nawk", ("usr/bin/gawk", "usr/bin/mawk")),
    ("usr/bin/vi", "vi", ("usr/bin/vim.basic", "usr/bin/vim.tiny")),
    ("usr/bin/view", "view", ("usr/bin/vim.basic", "usr/bin/vim.tiny")),
    ("usr/bin/ex", "ex", ("usr/bin/vim.basic", "usr/bin/vim.tiny")),
    ("usr/bin/editor", "editor", ("usr/bin/vim.basic", "usr/bin/nano", "usr/bin/vim.tiny")),
    ("usr/bin/pico", "pico", ("usr/bin/nano",)),
    ("usr/bin/pager", "pager", ("usr/bin/less", "usr/bin/more")),
    ("usr/bin/lua", "lua-interpreter", ("usr/bin/lua5.4",)),
    ("usr/bin/luac", "lua-compiler", ("usr/bin/luac5.4",)),
    ("usr/bin/nc", "nc", ("bin/nc.openbsd", "bin/nc.traditional")),
    ("usr/bin/php", "php", ("usr/bin/php8.2",)),
    ("usr/bin/cc", "cc", ("usr/bin/gcc", "usr/bin/tcc")),
    ("usr/bin/c++", "c++", ("usr/bin/g++",)),
    ("usr/bin/which", "which", ("usr/bin/which.debianutils",)),
    ("usr/sbin/rmt", "rmt", ("usr/sbin/rmt-tar",)),
)

HOSTS = """\
127.0.0.1\tlocalhost
127.0.1.1\tfiberglass
::1\tlocalhost ip6-localhost ip6-loopback
"""


def prepare(tree: Tree, archs: list[str]) -> None:
    """What must be there before the first package: the merged /usr, as Debian 12 has it."""
    for name in (*MERGED, *(LOADERS[arch] for arch in archs if arch in LOADERS)):
        tree.directory("usr/" + name)
        tree.link(name, "usr/" + name)
    for name, mode in DIRECTORIES.items():
        tree.directory(name, mode)


def settle(tree: Tree) -> None:
    """The files that packages make when they are configured."""
    users(tree)
    for name, mode in DIRECTORIES.items():
        tree.directory(name, mode)
    tree.text("etc/hostname", "fiberglass\n")
    tree.text("etc/hosts", HOSTS)
    tree.text("etc/resolv.conf", host_file("/etc/resolv.conf"))
    tree.text("etc/fstab", "# The mounts of a Fiberglass root are given on its command line.\n")
    tree.text("etc/timezone", "Etc/UTC\n")
    if tree.place("usr/share/zoneinfo/Etc/UTC").exists():
        tree.link("etc/localtime", "/usr/share/zoneinfo/Etc/UTC")
    tree.text("etc/shells", "# /etc/shells: valid login shells\n/bin/sh\n/bin/bash\n/usr/bin/bash\n"
              "/bin/dash\n/usr/bin/dash\n")
    base = "usr/share/base-files/"
    for source, target in ((base + "dot.bashrc", "root/.bashrc"),
                           (base + "dot.profile", "root/.profile"),
                           (base + "profile", "etc/profile"), (base + "motd", "etc/motd"),
                           ("usr/share/libc-bin/nsswitch.conf", "etc/nsswitch.conf"),
                           (base + "nsswitch.conf", "etc/nsswitch.conf")):
        path = tree.place(source)
        if path.is_file() and not tree.place(target).exists():
            tree.text(target, path.read_text())
    for link, name, targets in ALTERNATIVES:
        chosen = next((t for t in targets if tree.place(t).exists()), None)
        path = tree.place(link)
        if chosen and (path.is_symlink() or not path.exists()):
            tree.link("etc/alternatives/" + name, "/" + chosen)
            tree.link(link, "/etc/alternatives/" + name)
    if not tree.place("bin/sh").exists() and tree.place("bin/dash").exists():
        tree.link("bin/sh", "dash")


def users(tree: Tree) -> None:
    """The users and groups of base-passwd."""
    masters = {n: tree.place(f"usr/share/base-passwd/{n}.master") for n in ("passwd", "group")}
    fallback = {"passwd": "root:*:0:0:root:/root:/bin/bash\n", "group": "root:*:0:\n"}
    for name, master in masters.items():
        text = master.read_text() if master.is_file() else fallback[name]
        lines = [line.split(":") for line in text.splitlines() if line]
        for fields in lines:
            fields[1] = "x"
        tree.text("etc/" + name, "".join(":".join(f) + "\n" for f in lines))
        shadow = ("etc/shadow", ":*:19000:0:99999:7:::\n") if name == "passwd" else \
            ("etc/gshadow", ":*::\n")
        tree.text(shadow[0], "".join(f[0] + shadow[1] for f in lines), 0o640, gid=42)


def host_file(name: str) -> str:
    """A file of the host's, '' when it has none."""
    try:
        return Path(name).read_text(errors="replace")
    except OSError:
        return ""


def compile_one(paths: tuple[str, str]) -> None:
    """Byte-compile one file; a file that is no valid Python is left as it is."""
    host, guest = paths
    try:
        py_compile.compile(host, dfile=guest, doraise=True,
                           invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP)
    except (py_compile.PyCompileError, OSError, ValueError):
        pass


def compile_python(tree: Tree, progress: Progress) -> None:
    """Byte code of the root's Python library, where the host's Python writes the same format.

    Packages leave this to their scripts; without it every start of python3 compiles what it
    imports. The times of the sources must be final."""
    major, minor = sys.version_info[:2]
    library = tree.place(f"usr/lib/python{major}.{minor}")
    if not library.is_dir():
        return
    progress.step("compiling Python's library")
    works = [(str(p), "/" + str(p.relative_to(tree.top))) for p in sorted(library.rglob("*.py"))
             if "test" not in p.relative_to(library).parts]
    with ProcessPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        list(pool.map(compile_one, works, chunksize=32))
    for cache in library.rglob("__pycache__"):
        tree.mark(cache, 0, 0, 0o40755)
        for file in cache.iterdir():
            tree.mark(file, 0, 0, 0o100644)
            when = importlib.util.source_from_cache(str(file))
            tree.times[file] = os.stat(when).st_mtime
        tree.times[cache] = 0.0
