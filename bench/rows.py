"""The rows of `make bench`: what is run, and how each way runs it: the host itself, qemu-user,
Fiberglass as it is by default (native code) and as threaded code.

Own programs are compiled for the guest, statically. Programs of the roots are dynamic: natively the
root's own loader starts them, qemu gets the root with -L, Fiberglass with --root. How times are
taken is run's business, what is made of them report.py's.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Guest:
    """A mode of the guest's processor: how programs for it are made and run here."""

    name: str
    flag: str       # of gcc
    suffix: str     # of directories in the build
    triplet: str    # names a root's folder of libraries
    loader: str
    qemu: str


GUESTS = (
    Guest("i386", "-m32", "", "i386-linux-gnu", "ld-linux.so.2", "qemu-i386"),
    Guest("x86-64", "-m64", "-amd64", "x86_64-linux-gnu", "ld-linux-x86-64.so.2", "qemu-x86_64"),
)


@dataclass(frozen=True)
class Row:
    """One measured command; it runs in the directory of the input files. TRIPLET in a word is the
    guest's."""

    name: str
    group: str
    words: list[str] = field(default_factory=list)
    flags: tuple[str, ...] = ()
    source: str = ""
    turns: int = 1  # of each way in a round

    def command(self, way: str, place: Place) -> tuple[list[str], dict[str, str]]:
        """The command line and environment of one way."""
        env = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": "/"}
        engine = [str(place.against if way == "against" else place.engine)]
        if way in ("against", "threaded"):
            engine += ["--tier=threaded"] if way == "threaded" else []
            way = "fiberglass"
        qemu = place.guest.qemu
        if self.source:
            program = [str(place.binary(self)), *self.words]
            if self.group == "fork + exec":
                program += place.child(way)
            cpu = ["-cpu", "max"] if self.group == "simd" else []
            return {"native": program, "qemu": [qemu, *cpu, *program],
                    "fiberglass": [*engine, "--root", str(place.root), "--clear-env", "--mount",
                                   f"{place.bin}:/mnt", f"/mnt/{self.name}", *program[1:]]
                    if self.group == "fork + exec" else [*engine, *program]}[way], env
        words = [word.replace("TRIPLET", place.guest.triplet) for word in self.words]
        root = place.root_of(self)
        if way == "fiberglass":
            return [*engine, "--root", str(root), "--mount", f"{place.data}:/mnt",
                    "--workdir", "/mnt", *words], env
        if way == "qemu":
            return [qemu, "-L", str(root), f"{root}{words[0]}", *words[1:]], env
        env["PYTHONHOME"] = f"{root}/usr"
        return [*place.loader(root), f"{root}{words[0]}", *words[1:]], env


@dataclass
class Place:
    """Where things are."""

    build: Path
    guest: Guest
    against: Path | None = None  # another build of Fiberglass, measured in the same run
    native: bool = True          # does the host run the guest's programs?

    def ways(self) -> list[str]:
        """The ways of running a row, in the order of their turns."""
        host = ["native"] if self.native else []
        return [*host, "qemu", "threaded", "fiberglass", *(["against"] if self.against else [])]

    @property
    def engine(self) -> Path:
        """The binary that is measured."""
        return Path(os.environ.get("FG", self.build / "fiberglass"))

    @property
    def root(self) -> Path:
        """The default root."""
        return self.build / f"root{self.guest.suffix}"

    @property
    def data(self) -> Path:
        """Input files of the programs of the root."""
        return self.build / "bench/data"

    @property
    def bin(self) -> Path:
        """The compiled programs."""
        return self.build / f"bench/bin{self.guest.suffix}"

    def root_of(self, row: Row) -> Path:
        """The root with a row's program: the default one, or the larger one of `make train`."""
        word = row.words[0].replace("TRIPLET", self.guest.triplet)
        larger = self.build / f"train-root{self.guest.suffix}"
        return next((root for root in (self.root, larger) if Path(f"{root}{word}").exists()),
                    self.root)

    def missing(self, row: Row) -> str:
        """Why a row cannot be run here; "" when it can."""
        needed = "/usr/bin/true" if row.source else row.words[0]
        if row.source and row.group != "fork + exec":
            return ""
        needed = needed.replace("TRIPLET", self.guest.triplet)
        root = self.root if row.source else self.root_of(row)
        return "" if Path(f"{root}{needed}").exists() else f"no {needed} in {root}"

    def loader(self, root: Path) -> list[str]:
        """A root's dynamic loader with its libraries, for native runs."""
        libs = f"{root}/usr/lib/{self.guest.triplet}"
        return [f"{libs}/{self.guest.loader}", "--library-path", libs]

    def child(self, way: str) -> list[str]:
        """A dynamic program as a program of that way starts it."""
        true = f"{self.root}/usr/bin/true"
        return {"native": [*self.loader(self.root), true],
                "qemu": [f"/usr/bin/{self.guest.qemu}", "-L", str(self.root), true],
                "fiberglass": ["/usr/bin/true"]}[way]

    def binary(self, row: Row) -> Path:
        """The compiled program of a row."""
        return self.bin / row.name.replace(" ", "-")

    def prepare(self, rows: list[Row]) -> None:
        """Compile what is to be compiled, make the input files."""
        self.bin.mkdir(parents=True, exist_ok=True)
        self.data.mkdir(parents=True, exist_ok=True)
        for row in rows:
            if row.source:
                subprocess.run(["gcc", self.guest.flag, "-O2", "-std=gnu11", "-static", *row.flags,
                                "-o", str(self.binary(row)), str(HERE / "programs" / row.source),
                                "-lm"], check=True)
        for path in (HERE / "work").iterdir():
            (self.data / path.name).write_bytes(path.read_bytes())
        lines = "".join(f"{i} {i * 7919 % 100003} line\n" for i in range(120000))
        (self.data / "lines.txt").write_text(lines)
        state, noise = 1, bytearray()
        for _ in range(300000):
            state = (state * 1103515245 + 12345) & 0x7fffffff
            noise.append(97 + (state >> 16) % 26 if state & 0x300000 else 32)
        (self.data / "text").write_bytes(bytes(noise) + lines[:700000].encode())
        (self.data / "large").write_bytes(bytes(noise) * 100)
        for name, count in (("unit.i", 150), ("unit.ii", 100)):  # C, which is C++ as well
            (self.data / name).write_text("".join(map(function, range(count))))


def function(number: int) -> str:
    """One of the functions that the row cc1 compiles."""
    return f"""\
struct node{number} {{ struct node{number} *next; unsigned key[{number % 7 + 2}]; double weight; }};
static unsigned mix{number}(unsigned a, unsigned b) {{
    for (unsigned i = 0; i < {number % 11 + 3}; i++)
        a = a % 3 ? (a << {number % 5 + 1} | a >> {31 - number % 5}) ^ b * i : a + (b ^ {number}u);
    return a;
}}
unsigned walk{number}(struct node{number} *at, unsigned wanted, double *sum) {{
    unsigned found = 0;
    for (; at; at = at->next) {{
        switch (mix{number}(at->key[0], wanted) % 5) {{
        case 0: found += at->key[1]; break;
        case 1: *sum += at->weight * {number}.5; break;
        case 2: at->key[0] = mix{number}(found, {number * 77}); break;
        default: found ^= (unsigned)*sum;
        }}
    }}
    return found;
}}
"""


INTEGER = {"sort": 30, "hash": 600, "sieve": 80, "matrix": 240, "strings": 600, "calls": 240,
           "indirect": 6000000, "interpreter": 80000, "lists": 300, "bits": 4000000}
# Family: what simd.c is told, rounds, compiler flags.
SIMD = {
    "sse2 int": ("SSE2INT", 30000, ("-msse2",)),
    "ssse3 sse4": ("SSE41", 50000, ("-msse4.1",)),
    "avx2 int": ("AVX2INT", 80000, ("-mavx2",)),
    "avx fp": ("AVXFP", 50000, ("-mavx2", "-O3")),
    "fma": ("FMAFP", 60000, ("-mavx2", "-mfma", "-O3")),
    "aes": ("AESNI", 20000, ("-maes", "-mpclmul", "-msse4.1")),
    "sha": ("SHANI", 8000, ("-msha", "-msse4.1")),
    "crc32 popcnt": ("CRC", 30000, ("-msse4.2", "-mpopcnt")),
    "bmi2": ("BMI2", 30000, ("-mbmi", "-mbmi2")),
    "x87": ("X87", 4000, ("-mfpmath=387",)),
    "mmx": ("MMX", 30000, ("-mmmx",)),
}
FLOAT = {"fp_matrix": 30, "fp_bodies": 60000, "fp_fractal": 200, "fp_series": 1500000}
KEY = "00112233445566778899aabbccddeeff"


def all_rows() -> list[Row]:
    """Every row, in the order of the page."""
    rows = [Row(name, "integer", [str(n)], source=f"{name}.c") for name, n in INTEGER.items()]
    for unit, more, flags in (("x87", 1, ("-mfpmath=387",)),
                              ("sse2", 5, ("-msse2", "-mfpmath=sse"))):
        rows += [Row(f"{name[3:]} {unit}", "floating point", [str(n * more)], flags, f"{name}.c")
                 for name, n in FLOAT.items()]
    rows += [Row(f"{family} loop", "simd", [str(turns)], (f"-D{what}", *flags), "simd.c")
             for family, (what, turns, flags) in SIMD.items()]
    rows += [
        Row("python3", "programs", ["/usr/bin/python3", "work.py", "12"]),
        Row("perl", "programs", ["/usr/bin/perl", "work.pl", "12"]),
        Row("gawk", "programs", ["/usr/bin/gawk", "-f", "work.awk", "lines.txt"]),
        Row("lua", "programs", ["/usr/bin/lua5.4", "work.lua", "24"]),
        Row("bc", "programs", ["/usr/bin/bc", "-q", "work.bc"]),
        Row("xz", "programs", ["/usr/bin/xz", "-6", "-T1", "-c", "text"]),
        Row("gzip", "programs", ["/usr/bin/gzip", "-9", "-n", "-c", "text"]),
        Row("bzip2", "programs", ["/usr/bin/bzip2", "-9", "-c", "text"]),
        Row("sha256sum", "programs", ["/usr/bin/sha256sum", "large"]),
        Row("sqlite3", "programs", ["/usr/bin/sqlite3", ":memory:", ".read work.sql"]),
        Row("openssl", "programs", ["/usr/bin/openssl", "enc", "-aes-128-cbc", "-K", KEY, "-iv",
                                    KEY, "-in", "large", "-out", "/dev/null"]),
        Row("cc1", "programs", ["/usr/lib/gcc/TRIPLET/12/cc1", "-fpreprocessed", "-quiet", "-O2",
                                "unit.i", "-o", "-"]),
        Row("cc1plus", "programs", ["/usr/lib/gcc/TRIPLET/12/cc1plus", "-fpreprocessed", "-quiet",
                                    "-O2", "unit.ii", "-o", "-"]),
        Row("true", "start", ["/usr/bin/true"], turns=5),
        Row("python3 pass", "start", ["/usr/bin/python3", "-c", "pass"], turns=5),
        Row("node 0", "start", ["/usr/bin/node", "-e", "0"]),
        Row("jit", "code made at run time", ["120"], source="jit.c"),
        Row("fork-exec", "fork + exec", ["200"], source="forkexec.c"),
    ]
    return rows
