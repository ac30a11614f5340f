"""Which memory operands and registers the instruction tests choose for a form: every base, indices,
segments, the short addressing of prefix 67, operands that fault. cases.py makes forms of them.
"""

from __future__ import annotations

from random import Random
from typing import Iterator

from gen.cases import hints as hint
from gen.cases.encode import CS, DS, ES, FS, GS, NO_REG, NO_SEG, RIP, RIP_DISP, SS, Mem
from gen.language.model import Form, Row

# As in test/insn/case.h.
DATA32 = 0x20000000
LOW64, DATA64 = 0x20000000, 0x720000000
FS_BASE32, GS_BASE32 = 0x20001000, 0x1FFF8000
FS_BASE64, GS_BASE64 = 0x720001000, 0x6A0000000
SEGMENTS = (ES, CS, SS, DS, FS, GS)


def random_disp(rng: Random) -> int:
    """A displacement of every length."""
    kind = rng.randrange(6)
    if kind < 2:
        return 0
    if kind < 4:
        return rng.choice((1, -1, 4, -8, 127, -128, 16, 0x40))
    return rng.choice((128, -129, 0x1000, -0x1234, 0x7FFFFFFF, -0x80000000, 0x20000000, 0x12345678))


def absolute(rng: Random, size: int, align: int, data: int = DATA32) -> int:
    """An address in the data pages, for operands without registers."""
    at = data + rng.randrange(0x80, 0x3E00 - size)
    if rng.random() < 0.3:
        at = data + 0x1000 * rng.randrange(1, 3) - rng.randrange(0, size + 1)
    return at - at % align


def random_sib(rng: Random) -> Mem:
    """Base, index and scale at random; index and base equal now and then."""
    base = rng.choice((0, 1, 2, 3, 4, 5, 6, 7, NO_REG))
    index = rng.choice((0, 1, 2, 3, 5, 6, 7))
    if base in (0, 1, 2, 3, 5, 6, 7) and rng.random() < 0.15:
        index = base
    return Mem(base=base, index=index, scale=rng.randrange(4), disp=random_disp(rng))


def memory_operands(row: Row, size: int, align: int, rng: Random,
                    every_sib: bool) -> Iterator[tuple[Mem, int, int]]:
    """(operand, cases, extra hints): each base, indices, segments, 16-bit forms, faults."""
    small = "STACK" if hint.hints_of(row) & hint.STACK else ""
    for base in (*range(8), NO_REG):
        disp = random_disp(rng) if not (small and base == 4) else 4 * rng.randrange(-4, 8)
        if base == NO_REG:
            disp = absolute(rng, size, align)
        yield Mem(base=base, disp=disp), 2, 0
    sibs = [random_sib(rng) for _ in range(6)]
    if every_sib:
        sibs = [Mem(base=b, index=i, scale=s, disp=random_disp(rng))
                for b in (*range(8), NO_REG) for i in (0, 1, 2, 3, 5, 6, 7) for s in range(4)]
    for mem in sibs:
        if small and mem.base == 4:
            mem.disp = 4 * rng.randrange(-4, 8)
        yield mem, 2, 0
    for seg in (*SEGMENTS, FS, GS):
        mem = random_sib(rng) if rng.random() < 0.5 else Mem(base=rng.choice((0, 1, 2, 3, 5, 6, 7)))
        if small and mem.base == 4:
            continue
        mem.seg = seg
        yield mem, 2, 0
    fs_absolute = Mem(seg=rng.choice((FS, GS)))
    fs_absolute.disp = absolute(rng, size, align) - (FS_BASE32 if fs_absolute.seg == FS
                                                     else GS_BASE32)
    yield fs_absolute, 2, 0
    for rm in range(9):
        seg = rng.choice((GS, GS, FS))
        disp = rng.choice((0, 0, 1, -1, 100, -128, 0x7FFF, -0x8000, 0x1234))
        if rm == 8:
            disp = 0x8100 + rng.randrange(0x3000) if seg == GS else rng.randrange(0x2000)
            disp -= disp % align
        yield Mem(addr16=True, base=rm, disp=disp, seg=seg), 2, 0
    yield Mem(addr16=True, base=rng.randrange(8)), 1, 0  # flat: the first 64 KiB are not there
    for _ in range(2):
        yield Mem(base=rng.choice((0, 1, 2, 3, 5, 6, 7)), disp=random_disp(rng)), 3, hint.FAULT
    mem = random_sib(rng)
    if not (small and mem.base == 4):
        yield mem, 3, hint.FAULT
    yield Mem(base=rng.choice((0, 1, 2, 3, 5, 6, 7))), 2, hint.READ_ONLY
    yield Mem(addr16=True, base=rng.randrange(8), seg=GS), 1, hint.FAULT


BUT_SP: tuple[int, ...] = (0, 1, 2, 3, 5, 6, 7, *range(8, 16))


def register_but_sp(rng: Random) -> int:
    """A base or index of 64-bit mode; RSP is no index."""
    return rng.choice(BUT_SP)


def random_sib64(rng: Random) -> Mem:
    """The same as random_sib() for 64-bit mode."""
    base = rng.choice((*range(16), NO_REG))
    index = register_but_sp(rng)
    if base not in (4, NO_REG) and rng.random() < 0.15:
        index = base
    return Mem(base=base, index=index, scale=rng.randrange(4), disp=random_disp(rng))


def short_operands(size: int, align: int, rng: Random) -> Iterator[tuple[Mem, int, int]]:
    """Operands with prefix 67 in 64-bit mode: 32-bit addresses; RIP becomes EIP."""
    for base in (rng.randrange(8), rng.randrange(8, 16)):
        yield Mem(base=base, disp=random_disp(rng), short=True), 2, 0
    for seg in (NO_SEG, GS):
        mem = random_sib64(rng)
        mem.short, mem.seg = True, seg
        yield mem, 2, 0
    yield Mem(base=RIP, disp=RIP_DISP, short=True), 2, 0
    yield Mem(disp=absolute(rng, size, align, LOW64), short=True), 1, 0
    yield Mem(base=register_but_sp(rng), short=True), 2, hint.FAULT


def moffs_operands64(size: int, rng: Random) -> Iterator[tuple[Mem, int, int]]:
    """Absolute addresses of 64 and 32 bits, with every segment."""
    for _ in range(6):
        yield Mem(disp=absolute(rng, size, 1, DATA64)), 2, 0
    for seg in SEGMENTS:
        base = FS_BASE64 if seg == FS else GS_BASE64 if seg == GS else 0
        yield Mem(disp=absolute(rng, size, 1, DATA64) - base, seg=seg), 2, 0
    for _ in range(3):
        yield Mem(disp=absolute(rng, size, 1, LOW64), short=True), 2, 0
    for at in (1 << 47, (1 << 47) - size, 1 << 36, (1 << 36) - 1, 1 << 40, (1 << 40) - 1,
               -1 << 47, -size, 0x123 << 48, RIP_DISP << 24, DATA64 - 1):
        yield Mem(disp=at), 1, 0


def memory_operands64(row: Row, size: int, align: int, rng: Random,
                      every_sib: bool) -> Iterator[tuple[Mem, int, int]]:
    """The same as memory_operands() for 64-bit mode."""
    if "moffs" in row.imms:
        yield from moffs_operands64(size, rng)
        return
    small = bool(hint.hints_of(row) & hint.STACK)

    def settle(mem: Mem) -> Mem:
        """An operand of a stack instruction at RSP stays in the stack."""
        if small and mem.base == 4:
            mem.disp = 8 * rng.randrange(-4, 8)
        return mem

    for base in range(16):
        yield settle(Mem(base=base, disp=random_disp(rng))), 2, 0
    yield Mem(base=RIP, disp=RIP_DISP), 3, 0
    yield Mem(disp=absolute(rng, size, align, LOW64)), 2, 0
    sibs = [random_sib64(rng) for _ in range(8)]
    if every_sib:
        sibs = [Mem(base=b, index=i, scale=rng.randrange(4), disp=random_disp(rng))
                for b in (*range(16), NO_REG) for i in range(16) if i != 4]
    for mem in sibs:
        yield settle(mem), 2, 0
    for seg in (*SEGMENTS, FS, GS, FS, GS):
        mem = random_sib64(rng) if rng.random() < 0.5 else Mem(base=register_but_sp(rng))
        if not (small and mem.base == 4):
            mem.seg = seg
            yield mem, 2 if seg in (FS, GS) else 1, 0
    yield Mem(base=RIP, disp=RIP_DISP, seg=rng.choice((FS, GS))), 1, 0
    yield Mem(disp=absolute(rng, size, align, 0), seg=FS), 2, 0
    for mem, count, extra in short_operands(size, align, rng):
        if not (small and mem.base == 4):
            yield mem, count, extra
    for _ in range(3):
        yield Mem(base=register_but_sp(rng), disp=random_disp(rng)), 4, hint.FAULT
    for mem in (random_sib64(rng), random_sib64(rng)):
        if not (small and mem.base == 4):
            yield mem, 4, hint.FAULT
    yield Mem(base=5, disp=random_disp(rng)), 2, hint.FAULT  # the stack segment's: #SS
    yield Mem(base=register_but_sp(rng), seg=rng.choice((FS, GS))), 2, hint.FAULT
    yield Mem(base=RIP, disp=RIP_DISP), 2, hint.FAULT
    yield Mem(base=register_but_sp(rng)), 2, hint.READ_ONLY


def has_reg_operand(row: Row) -> bool:
    """ModRM.reg names a register (and is not an opcode extension)."""
    return row.modrm and row.reg is None


def reg_numbers(row: Row, registers: int = 8) -> tuple[int, ...]:
    """Values of ModRM.reg worth a form; `registers`: how many the guest has."""
    if row.reg is not None:
        return (row.reg,)
    if any(o.letter in ("S", "P") for o in row.operands):
        return (0, 1, 2, 3, 4, 5, 6, 7)  # CS, 6 and 7 are #UD where the decoder says so
    return tuple(range(registers))


def rm_numbers(row: Row, registers: int) -> tuple[int, ...]:
    """Values of ModRM.rm that name registers."""
    if row.rm is not None:
        return (row.rm,)
    few = any(o.letter in ("Q", "N", "STi") for o in row.operands) or row.fixed_modrm
    return tuple(range(8 if few else registers))


def register_pairs(form: Form, rng: Random) -> list[tuple[int, int]]:
    """ModRM.reg and rm of register forms in 64-bit mode: all pairs of the first eight, and each of
    the others in both places; fewer for operand sizes that are not the row's main one, and where
    VEX names vectors, which are loaded and stored by steps of their own."""
    row = form.row
    regs, rms = reg_numbers(row, 16), rm_numbers(row, 16)
    pairs = [(reg, rm) for reg in regs for rm in rms]
    if len(pairs) <= 64:
        return pairs
    low = [pair for pair in pairs if max(pair) < 8]
    high = [(reg, rng.choice(rms)) for reg in regs if reg > 7 for _ in range(2)]
    high += [(rng.choice(regs), rm) for rm in rms if rm > 7 for _ in range(2)]
    main = 8 if row.opsize_matters or row.words & {"f64", "def64"} else 4
    if row.vex and not row.general:
        return rng.sample(low, 24) + rng.sample(high, min(16, len(high)))
    if form.opsize == main or row.vex:
        return low + high
    return rng.sample(low, 16) + rng.sample(high, min(16, len(high)))
