/* fuzz_cpu.c's instructions and states of i386. */
#ifndef FUZZ_CPU_I386_H
#define FUZZ_CPU_I386_H

enum { CODE = 0x5e000000, STACK = 0x58000000, SNIPPET = 7 };

/* Instructions that lean on what a state may have wrong, zeros (add %al,(%eax)) and a breakpoint.
 */
static const char snippets[][SNIPPET + 1] = {
    "\x50",                         /* push %eax */
    "\x58",                         /* pop %eax */
    "\x60\x61",                     /* pusha; popa */
    "\x9c\x9d",                     /* pushf; popf */
    "\xc3",                         /* ret */
    "\xc2\x04\x00",                 /* ret $4 */
    "\xcf",                         /* iret */
    "\xcb",                         /* lret */
    "\xe8\x00\x00\x00\x00",         /* call */
    "\xff\xd0",                     /* call *%eax */
    "\xff\x20",                     /* jmp *(%eax) */
    "\xff\x18",                     /* lcall *(%eax) */
    "\xff\x28",                     /* ljmp *(%eax) */
    "\xc8\x20\x00\x00",             /* enter $32,$0 */
    "\xc8\x20\x00\x1f",             /* enter $32,$31 */
    "\xc9",                         /* leave */
    "\x8e\xd8\x8b\x00",             /* mov %eax,%ds; mov (%eax),%eax */
    "\x8e\xc0\xaa",                 /* mov %eax,%es; stos */
    "\x8e\xd0\x50",                 /* mov %eax,%ss; push %eax */
    "\x8e\xe0\x64\x8b\x00",         /* mov %eax,%fs; mov %fs:(%eax),%eax */
    "\x8e\xe8\x65\x89\x00",         /* mov %eax,%gs; mov %eax,%gs:(%eax) */
    "\x0f\xb2\x20",                 /* lss (%eax),%esp */
    "\xf3\xa4",                     /* rep movs */
    "\xf3\xab",                     /* rep stos */
    "\xf2\xae",                     /* repne scas */
    "\xf3\xa6",                     /* repe cmps */
    "\xd9\xeb\xd8\xc0\xd9\x18",     /* fldpi; fadd; fstps (%eax) */
    "\xdd\x20\x9b",                 /* frstor (%eax); fwait */
    "\xdd\x30",                     /* fsave (%eax) */
    "\xd9\x20\xd9\xe8\x9b",         /* fldenv (%eax); fld1; fwait */
    "\xdf\x20\xdf\x30",             /* fbld (%eax); fbstp (%eax) */
    "\x0f\xae\x00",                 /* fxsave (%eax) */
    "\x0f\xae\x08\x0f\x58\xc1",     /* fxrstor (%eax); addps */
    "\x0f\xae\x10\xf3\x0f\x51\xc0", /* ldmxcsr (%eax); sqrtss */
    "\x0f\x28\x00",                 /* movaps (%eax),%xmm0 */
    "\xf0\x0f\xc7\x08",             /* lock cmpxchg8b (%eax) */
    "\xf0\x87\x00",                 /* lock xchg */
    "\xf7\xf1",                     /* div %ecx */
    "\xd4\x00",                     /* aam $0 */
    "\x62\x00",                     /* bound */
    "\xce",                         /* into */
    "\xcc",                         /* int3 */
    "\xf1",                         /* int1 */
    "\xcd\x03",                     /* int $3 */
    "\xcd\xff",                     /* int $255 */
    "\xf4",                         /* hlt */
    "\xe4\x60",                     /* in */
    "\x0f\x0b",                     /* ud2 */
    "\xeb\xfe",                     /* jmp . */
    "\xe2\xfe",                     /* loop . */
    "\x67\xe3\xfd",                 /* jcxz */
    "\x67\x8b\x07",                 /* mov (%bx),%eax */
    "\x66\xc3",                     /* retw */
    "\x66\xe9\x00\x00",             /* jmpw */
    "\xc6\x05\x00\x08\x00\x5e\x90", /* movb $0x90,CODE+0x800 */
    "\xb8\x14\x00\x00\x00\xcd\x80", /* getpid */
    "\xb8\x9e\x00\x00\x00\xcd\x80", /* sched_yield */
    "\xb8\xad\x00\x00\x00\xcd\x80", /* rt_sigreturn */
    "\xb8\x77\x00\x00\x00\xcd\x80", /* sigreturn */
};

static word address(void) {
    switch (below(10)) {
    case 0:
        return rnd();
    case 1:
        return 0xffffff00u + below(512);
    case 2:
        return below(64);
    case 3:
        return CODE + below(CODE_BYTES);
    case 4:
        return 0xffffe000u - below(64);
    case 5:
        return STACK + PAGE + below(16);
    case 6:
        return STACK + 2 * PAGE - below(80);
    case 7:
        return STACK + 2 * PAGE;
    default:
        return STACK + PAGE + (below(PAGE) & ~15u);
    }
}

static uint32_t selector(uint32_t usual) {
    static const uint32_t some[] = {0,    3,    0x23, 0x2b, 0x33, 0x63, 0x6b,
                                    0x73, 0x7b, 7,    0xf,  8,    0x10, 0xffff};
    return below(4) ? usual : below(8) ? some[below(ARRAY(some))] : rnd() & 0xffff;
}

/* The next state. */
static void new_state(ucontext_t *uc) {
    greg_t *reg = uc->uc_mcontext.gregs;
    for (int i = REG_EDI; i <= REG_EAX; i++) {
        reg[i] = (greg_t)(below(3) ? address() : rnd());
    }
    reg[REG_ESP] = (greg_t)address();
    reg[REG_UESP] = (greg_t)address();
    reg[REG_EIP] = (greg_t)(below(12) ? new_code() : address());
    reg[REG_ECX] = below(2) ? (greg_t)below(100) : reg[REG_ECX];
    reg[REG_CS] = (greg_t)selector(0x23);
    reg[REG_SS] = (greg_t)selector(0x2b);
    reg[REG_DS] = (greg_t)selector(0x2b);
    reg[REG_ES] = (greg_t)selector(0x2b);
    reg[REG_FS] = (greg_t)selector(0);
    reg[REG_GS] = (greg_t)selector(0x63);
    reg[REG_EFL] = (greg_t)(below(3) ? 0x202 | (rnd() & 0xcd5) : rnd());
    uint32_t *image = (uint32_t *)uc->uc_mcontext.fpregs;
    if (image && below(3) == 0) {
        for (int n = 0; n < 20; n++) {
            image[below((112 + 512) / 4)] = below(2) ? rnd() : 0xffffffffu >> below(32);
        }
    }
    if (below(40) == 0) {
        uc->uc_mcontext.fpregs = (fpregset_t)(uintptr_t)(below(2) ? address() : 0);
    }
    uint32_t *stack = (uint32_t *)(STACK + PAGE); /* frames for iret, lret and loads */
    if (below(4) == 0) {
        for (int i = 0; i < 64; i++) {
            stack[below(PAGE / 4)] = below(2) ? address() : selector(0x23);
        }
    }
}

#endif
