"""What the instruction tests must know of a row beside its operands: which registers and memory
need sensible values, and what cannot be compared at all.

Most follows from the row's effects; the rest is keyed by the manual's mnemonic. Used by
cases.py; knows nothing of encodings.
"""

from __future__ import annotations

from gen.language.model import Row

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
    **dict.fromkeys(("XGETBV", "XSAVE", "XSAVEOPT", "XSAVEC", "XRSTOR"),
                    "components that the guest's CPU has, and which are in use: "
                    "test/programs/avx_state.c"),
    **dict.fromkeys(("VGATHERDPS", "VPGATHERDD", "VGATHERDPD", "VPGATHERDQ", "VGATHERQPS",
                     "VPGATHERQD", "VGATHERQPD", "VPGATHERQQ"),
                    "an address for each element: test/programs/avx_state.c"),
    "MOVDIR64B": "a register is the address: test/engine/unseen.c",
    "SYSENTER": "a system call",
    "SYSCALL": "a system call",
    "SGDT": "shows the host kernel's tables",
    "SIDT": "shows the host kernel's tables",
    "SLDT": "shows the host kernel's tables",
    "STR": "shows the host kernel's tables",
    "SMSW": "shows the host kernel's registers",
    "INT1": "virtual machines report another EIP than processors do",
    "RDPID": "says on which processor it runs",
    "RDRAND": "random by design",
    "RDSEED": "random by design",
}

# What no effect tells: how the operands' values are interpreted.
VALUES = {
    "CMPXCHG": CMPXCHG, "CMPXCHG8B": CMPXCHG8B,
    "CMPXCHG16B": CMPXCHG8B, "LAR": SEGMENT, "LSL": SEGMENT, "VERR": SEGMENT,
    "VERW": SEGMENT, "ARPL": SEGMENT,
}
SEGMENTS = ("ES", "CS", "SS", "DS", "FS", "GS")


def excluded(row: Row) -> str | None:
    """Why a row is not compared, or None."""
    return EXCLUDED.get(row.mnemonic)


def is_string(row: Row) -> bool:
    """True for the integer string instructions."""
    return any(o.letter in ("X", "Y") for o in row.operands)


def effect_hints(row: Row) -> int:
    """What follows from the effects: registers that need sensible values, memory beside the
    operand."""
    letters = {o.letter for o in row.operands}
    hints = (SOURCE if "X" in letters else 0) | (DEST if "Y" in letters else 0)
    stack = row.touches("[rSP]")
    hints |= STACK if stack or row.touches("[rBP]") else 0
    hints |= LEAVE if row.touches("[rBP]") else 0
    hints |= RETURN if stack == "r" and "ends" in row.words else 0
    hints |= FLAGS_TOP if "N" in row.flags else 0
    hints |= XLAT if row.touches("[rBX+AL]") else 0
    hints |= MASKMOV if row.touches("[rDI]") else 0
    hints |= DIVIDE if "#DE" in row.faults and row.touches("rDX") else 0
    hints |= BOUND if "#BR" in row.faults else 0
    hints |= MXCSR if "w" in row.touches("MXCSR") else 0
    if row.can_mem and "w" in row.touches("FPU") and row.access[0] == "r":
        hints |= FPU_LOAD
    if row.can_mem and "r" in row.touches("FPU") and row.memory_bytes:
        hints |= FPU_ENV if row.access[0] == "w" else 0
    if row.touches("CS") or any(o.size == "p" for o in row.operands):
        hints |= FAR
    loads = any(row.touches(name) for name in SEGMENTS if name != "CS")
    operand = any((o.letter == "S" or o.text in SEGMENTS) and access == "w"
                  for o, access in zip(row.operands, row.access))
    return hints | (SEGMENT if loads or operand else 0)


def hints_of(row: Row) -> int:
    """The hints of every form of a row."""
    name = row.mnemonic
    hints = VALUES.get(name, 0) | effect_hints(row)
    if name in ("BT", "BTS", "BTR", "BTC") and any(o.letter == "G" for o in row.operands):
        hints |= BIT_OFFSET
    letters = {o.letter for o in row.operands}
    if "J" in letters:
        hints |= BRANCH
    elif name.startswith(("JMP", "CALL")):
        hints |= BRANCH if "A" in letters else INDIRECT
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
