"""What the instruction tests must know about instructions beyond their operands: which registers
are used implicitly, which inputs make sense, and what cannot be compared at all.

Everything is keyed by the manual's mnemonic. Used by emit_tests.py; knows nothing of encodings.
"""

from __future__ import annotations

from gen.model import Row

# Names and values as in test/insn/forms.h.
FAULT = 1 << 0
READ_ONLY = 1 << 1
SOURCE = 1 << 2
DEST = 1 << 3
REP = 1 << 4
STACK = 1 << 5
LEAVE = 1 << 6
XLAT = 1 << 7
CMPXCHG = 1 << 8
CMPXCHG8B = 1 << 9
BIT_OFFSET = 1 << 10
DIVIDE = 1 << 11
INDIRECT = 1 << 12
RETURN = 1 << 13
FAR = 1 << 14
FLAGS_TOP = 1 << 15
FPU_ENV = 1 << 16
FPU_LOAD = 1 << 17
MXCSR = 1 << 18
MASKMOV = 1 << 19
ADDR16 = 1 << 20
NO_STREAM = 1 << 21
BRANCH = 1 << 22
FP = 1 << 23
SEGMENT = 1 << 24
X87 = 1 << 25
BOUND = 1 << 26
TLS = 1 << 27
GENERAL = 1 << 28
IGNORED = 1 << 29

# Not compared with the host CPU, and why.
EXCLUDED = {
    "RDTSC": "reads a clock",
    "RDTSCP": "reads a clock",
    "RDPMC": "reads a counter",
    "CPUID": "the guest's CPU is not the host's: test/engine checks it",
    "SYSENTER": "a system call",
    "SYSCALL": "a system call",
    "SGDT": "shows the host kernel's tables",
    "SIDT": "shows the host kernel's tables",
    "SLDT": "shows the host kernel's tables",
    "STR": "shows the host kernel's tables",
    "SMSW": "shows the host kernel's registers",
    "INT1": "virtual machines report another EIP than processors do",
    "RDRAND": "random by design",
    "RDSEED": "random by design",
}

STRINGS = {
    "MOVS": SOURCE | DEST, "CMPS": SOURCE | DEST, "STOS": DEST, "LODS": SOURCE, "SCAS": DEST,
}
HINTS = {
    "PUSH": STACK, "PUSHA": STACK, "PUSHF": STACK, "POP": STACK, "POPA": STACK,
    "POPF": STACK | FLAGS_TOP, "CALL": STACK, "RET": STACK | RETURN, "RETN": STACK | RETURN,
    "RETF": STACK | RETURN | FAR, "IRET": STACK | RETURN | FAR | FLAGS_TOP,
    "ENTER": STACK | LEAVE, "LEAVE": STACK | LEAVE,
    "XLAT": XLAT, "CMPXCHG": CMPXCHG, "CMPXCHG8B": CMPXCHG8B,
    "DIV": DIVIDE, "IDIV": DIVIDE, "BOUND": BOUND,
    "LDMXCSR": MXCSR, "MASKMOVQ": MASKMOV, "MASKMOVDQU": MASKMOV,
    "FLDENV": FPU_LOAD, "FRSTOR": FPU_LOAD, "FLDCW": FPU_LOAD, "FXRSTOR": FPU_LOAD | MXCSR,
    "FNSTENV": FPU_ENV, "FSTENV": FPU_ENV, "FNSAVE": FPU_ENV, "FSAVE": FPU_ENV,
    "FXSAVE": FPU_ENV,
    "LDS": SEGMENT | FAR, "LES": SEGMENT | FAR, "LSS": SEGMENT | FAR, "LFS": SEGMENT | FAR,
    "LGS": SEGMENT | FAR, "LAR": SEGMENT, "LSL": SEGMENT, "VERR": SEGMENT, "VERW": SEGMENT,
    "ARPL": SEGMENT,
}
# Bytes of memory operands whose width the operand letter does not tell, by operand size 2 and 4.
ACCESS = {
    "FXSAVE": (512, 512), "FXRSTOR": (512, 512), "FNSAVE": (94, 108), "FSAVE": (94, 108),
    "FRSTOR": (94, 108), "FNSTENV": (14, 28), "FSTENV": (14, 28), "FLDENV": (14, 28),
    "CMPXCHG8B": (8, 8), "BOUND": (4, 8), "LDMXCSR": (4, 4), "STMXCSR": (4, 4),
    "FLDCW": (2, 2), "FNSTCW": (2, 2), "FNSTSW": (2, 2), "FSTCW": (2, 2), "FSTSW": (2, 2),
    "LEA": (0, 0), "PREFETCH": (0, 0), "CLFLUSH": (1, 1), "INVLPG": (0, 0), "NOP": (0, 0),
}
UNALIGNED = {"MOVUPS", "MOVUPD", "MOVDQU", "LDDQU"}


def excluded(row: Row) -> str | None:
    """Why a row is not compared, or None."""
    return EXCLUDED.get(row.mnemonic)


def string_name(mnemonic: str) -> str | None:
    """MOVS of MOVS, MOVSB, MOVSD ...; None when it is no string instruction."""
    for name in STRINGS:
        if mnemonic in (name, name + "B", name + "W", name + "D"):
            return name
    return None


def is_string(row: Row) -> bool:
    """True for the integer string instructions (SSE2's MOVSD and CMPSD have a ModRM byte)."""
    return string_name(row.mnemonic) is not None and not row.modrm


def hints_of(row: Row) -> int:
    """The hints of every form of a row."""
    name = row.mnemonic
    hints = HINTS.get(name, 0)
    if is_string(row):
        hints |= STRINGS[string_name(name) or ""]
    for suffix in ("A", "AD", "AW", "F", "FD", "FW"):
        if name in ("PUSH" + suffix, "POP" + suffix):
            hints |= HINTS[name[:-len(suffix)] + suffix[0]]
    if name in ("RET", "RETF") and row.opcode in (0xCA, 0xCB):
        hints |= STACK | RETURN | FAR
    if name in ("BT", "BTS", "BTR", "BTC") and any(o.letter == "G" for o in row.operands):
        hints |= BIT_OFFSET
    letters = {o.letter for o in row.operands}
    if "J" in letters:
        hints |= BRANCH
    elif name in ("JMP", "CALL"):
        hints |= INDIRECT | (FAR if any(o.size == "p" for o in row.operands) else 0)
        if "A" in letters:
            hints = (hints & ~INDIRECT) | BRANCH
    if "S" in letters or any(o.text in ("ES", "SS", "DS", "FS", "GS") for o in row.operands):
        hints |= SEGMENT if _loads_segment(row) else 0
    if row.feature == "FPU" or 0xD8 <= row.opcode <= 0xDF and row.map == 0:
        hints |= X87 | FP
    elif letters & set("VWUPQN"):
        hints |= FP | (GENERAL if letters & set("GER") else 0)
    if hints & (INDIRECT | RETURN | FAR | FPU_ENV | FPU_LOAD | MXCSR | SEGMENT | BRANCH):
        hints |= NO_STREAM
    if row.family == "system" or row.map == 1 and 0x20 <= row.opcode <= 0x23:
        hints |= NO_STREAM
    if name.startswith(("IN", "OUT")) and name not in ("INC",) or name in NOT_IN_STREAMS:
        hints |= NO_STREAM
    return hints


# Privileged, trapping or otherwise the end of a stream.
NOT_IN_STREAMS = {
    "HLT", "CLI", "STI", "INT", "INT3", "INTO", "INT1", "UD", "UD0", "UD1", "UD2", "IRET", "ENTER",
    "LEAVE", "BOUND", "POPF", "POPFD", "POPA", "POPAD", "CLTS", "LGDT", "LIDT", "LLDT", "LTR",
    "LMSW", "WBINVD", "INVD", "INVLPG", "RDMSR", "WRMSR", "ARPL", "LAR", "LSL", "VERR", "VERW",
    "MASKMOVQ", "MASKMOVDQU", "XLAT", "RSM", "MONITOR", "MWAIT", "CLAC", "STAC",
}


def _loads_segment(row: Row) -> bool:
    """True when a segment register is written: MOV Sw,Ew and POP."""
    first = row.operands[0]
    return first.letter == "S" or row.mnemonic == "POP"
