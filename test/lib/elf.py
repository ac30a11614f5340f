"""Makes small ELF files for tests: whole ones from C or assembly, and damaged ones.

The layout is that of elf(5). Which damage is refused how is for the suites to say."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path

from guests import I386, Guest
from harness import BUILD, Failure, command

EHDR = struct.Struct("<16sHHIIIIIHHHHHH")
PHDR = struct.Struct("<IIIIIIII")
EHDR64 = struct.Struct("<16sHHIQQQIHHHHHH")
PHDR64 = struct.Struct("<IIQQQQQQ")

# mov $1, %eax; mov $STATUS, %ebx; int $0x80
EXIT = b"\xb8\x01\x00\x00\x00\xbb%c\x00\x00\x00\xcd\x80"
# mov $60, %eax; mov $STATUS, %edi; syscall
EXIT64 = b"\xb8\x3c\x00\x00\x00\xbf%c\x00\x00\x00\x0f\x05"


Octets = bytes  # in classes that have a method of that name


@dataclass
class Segment:
    """One program header."""

    type: int = 1
    offset: int = 0
    vaddr: int = 0x8048000
    filesz: int = 0x1000
    memsz: int = 0x1000
    flags: int = 5
    align: int = 0x1000


@dataclass
class Elf:
    """An ELF file that ends with status 42, and everything that can be wrong with it."""

    ident: bytes = b"\x7fELF\x01\x01\x01" + bytes(9)
    type: int = 2
    machine: int = 3
    version: int = 1
    entry: int = 0x8048200
    phoff: int = 52
    phentsize: int = 32
    phnum: int | None = None
    segments: list[Segment] = field(default_factory=lambda: [Segment()])
    code: bytes = EXIT.replace(b"%c", b"\x2a")
    size: int = 0x1000

    def bytes(self) -> bytes:
        """The file."""
        count = len(self.segments) if self.phnum is None else self.phnum
        head = EHDR.pack(self.ident, self.type, self.machine, self.version, self.entry, self.phoff,
                         0, 0, 52, self.phentsize, count, 40, 0, 0)
        heads = b"".join(PHDR.pack(s.type, s.offset, s.vaddr, s.vaddr, s.filesz, s.memsz, s.flags,
                                   s.align) for s in self.segments)
        return self.whole(head + heads)

    def whole(self, heads: Octets) -> Octets:
        """The file with these headers."""
        return heads.ljust(0x200, b"\0") + self.code.ljust(max(0, self.size - 0x200), b"\0")


@dataclass
class Elf64(Elf):
    """The same for x86-64."""

    ident: bytes = b"\x7fELF\x02\x01\x01" + bytes(9)
    machine: int = 62
    phoff: int = 64
    phentsize: int = 56
    code: bytes = EXIT64.replace(b"%c", b"\x2a")

    def bytes(self) -> bytes:
        """The file."""
        count = len(self.segments) if self.phnum is None else self.phnum
        head = EHDR64.pack(self.ident, self.type, self.machine, self.version, self.entry,
                           self.phoff, 0, 0, 64, self.phentsize, count, 64, 0, 0)
        return self.whole(head + b"".join(
            PHDR64.pack(s.type, s.flags, s.offset, s.vaddr, s.vaddr, s.filesz, s.memsz, s.align)
            for s in self.segments))


def compile_c(source: Path, program: Path, *flags: str, guest: Guest = I386) -> Path:
    """A guest's program from a C file, unless it is newer than its source."""
    if program.exists() and program.stat().st_mtime > source.stat().st_mtime:
        return program
    program.parent.mkdir(parents=True, exist_ok=True)
    done = command(["gcc", f"-m{guest.bits}", "-O1", "-g", "-std=gnu11", "-D_GNU_SOURCE", "-w",
                    *(f for f in flags if not f.startswith("-l")), "-o", program, source,
                    *(f for f in flags if f.startswith("-l"))])
    if done.status:
        raise Failure(f"{source} does not compile:\n{done.errors()}")
    return program


def small_c(name: str, text: str, *flags: str, guest: Guest = I386) -> Path:
    """A guest's program from C text, below build/test/small."""
    source = BUILD / f"test/small{guest.suffix}" / f"{name}.c"
    source.parent.mkdir(parents=True, exist_ok=True)
    if not source.exists() or source.read_text() != text:
        source.write_text(text)
    return compile_c(source, source.with_suffix(""), *(flags or ("-static",)), guest=guest)
