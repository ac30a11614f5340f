/* The instructions and states of x86-64 for fuzz_cpu.c and test/states/cpu_states64.c: registers of
 * 64 bits, frames with extended state, bases of segments, the ends of the address space. */
#ifndef FUZZ_CPU_X86_64_H
#define FUZZ_CPU_X86_64_H

#define CODE  0x15e000000
#define STACK 0x158000000
enum { SNIPPET = 14 };
#ifndef UNWANTED_FLAGS
#define UNWANTED_FLAGS 0u
#endif

/* Those of the instructions whose outcome varies by processor or by what else happens. */
#ifdef COMPARED
#define VARIES(text) "\x0f\x0b"
#define LANDING      ~31u /* where an instruction begins */
#else
#define VARIES(text) text
#define LANDING      ~0u
#endif

/* Instructions that lean on what a state may have wrong, zeros (add %al,(%rax)) and a breakpoint.
 */
static const char snippets[][SNIPPET + 1] = {
    "\x50",                                         /* push %rax */
    "\x58",                                         /* pop %rax */
    "\x66\x50\x66\x58",                             /* push %ax; pop %ax */
    "\x9c\x9d",                                     /* pushf; popf */
    "\xff\x30\x8f\x00",                             /* push (%rax); pop (%rax) */
    "\xc3",                                         /* ret */
    "\xc2\x04\x00",                                 /* ret $4 */
    VARIES("\x48\xcf"),                             /* iretq */
    VARIES("\xcf"),                                 /* iret of 32 bits */
    VARIES("\x48\xcb"),                             /* lretq */
    VARIES("\xcb"),                                 /* lret of 32 bits */
    "\xe8\x00\x00\x00\x00",                         /* call */
    "\xe8\x00\x00\x00\x80",                         /* call, far below */
    "\xff\xd0",                                     /* call *%rax */
    "\xff\xe0",                                     /* jmp *%rax */
    "\xff\x20",                                     /* jmp *(%rax) */
    VARIES("\x48\xff\x18"),                         /* lcall *(%rax) */
    VARIES("\x48\xff\x28"),                         /* ljmp *(%rax) */
    "\xff\x28",                                     /* ljmp of 32 bits */
    "\xc8\x20\x00\x00",                             /* enter $32,$0 */
    "\xc8\x20\x00\x1f",                             /* enter $32,$31 */
    "\xc9",                                         /* leave */
    "\x8e\xd8\x8b\x00",                             /* mov %eax,%ds; mov (%rax),%eax */
    "\x8e\xd0\x50",                                 /* mov %eax,%ss; push %rax */
    "\x8e\xe0\x64\x48\x8b\x00",                     /* mov %eax,%fs; mov %fs:(%rax),%rax */
    "\x8e\xe8\x65\x48\x89\x00",                     /* mov %eax,%gs; mov %rax,%gs:(%rax) */
    "\x64\x67\x48\x8b\x00",                         /* mov %fs:(%eax),%rax */
    "\xf3\x48\x0f\xae\xd0\x64\x8b\x01",             /* wrfsbase %rax; mov %fs:(%rcx),%eax */
    "\xf3\x48\x0f\xae\xd9\x65\x89\x00",             /* wrgsbase %rcx; mov %eax,%gs:(%rax) */
    "\xf3\x0f\xae\xd0\xf3\x48\x0f\xae\xc0",         /* wrfsbase %eax; rdfsbase %rax */
    VARIES("\x48\x0f\xb2\x20"),                     /* lss (%rax),%rsp */
    VARIES("\x48\x0f\xb4\x00\x64\x8b\x00"),         /* lfs (%rax),%rax; mov %fs:(%rax),%eax */
    VARIES("\xf3\xa4"),                             /* rep movsb */
    VARIES("\xf3\x48\xa5"),                         /* rep movsq */
    "\xf3\x48\xab",                                 /* rep stosq */
    "\x67\xf3\xaa",                                 /* rep stosb (%edi) */
    "\xf2\xae",                                     /* repne scasb */
    VARIES("\xf3\x64\xa6"),                         /* repe cmpsb %fs: */
    "\xdd\x20\x9b",                                 /* frstor (%rax); fwait */
    "\xdd\x30",                                     /* fsave (%rax) */
    "\xd9\x20\xd9\xe8\x9b",                         /* fldenv (%rax); fld1; fwait */
    "\x48\x0f\xae\x00",                             /* fxsave64 (%rax) */
    "\x48\x0f\xae\x08\x0f\x58\xc1",                 /* fxrstor64 (%rax); addps */
    VARIES("\x6a\xff\x58\x48\x99\x0f\xae\x21"),     /* xsave (%rcx) of everything */
    VARIES("\x6a\xff\x58\x48\x99\x48\x0f\xae\x21"), /* xsave64 (%rcx) */
    VARIES("\x6a\xff\x58\x48\x99\x0f\xae\x29\xc5\xfc\x58\xc1"), /* xrstor (%rcx); vaddps */
    VARIES("\x6a\xff\x58\x48\x99\x0f\xc7\x21"),                 /* xsavec (%rcx) */
    VARIES("\x6a\xff\x58\x48\x99\x0f\xae\x31"),                 /* xsaveopt (%rcx) */
    VARIES("\x0f\xae\x28"),                                     /* xrstor (%rax), mask at random */
    VARIES("\x31\xc9\x0f\x01\xd0"),                             /* xgetbv */
    VARIES("\x0f\x01\xd0"),                                     /* xgetbv of some register */
    "\x0f\xae\x10\xf3\x0f\x51\xc0",                             /* ldmxcsr (%rax); sqrtss */
    "\x0f\x28\x00",                                             /* movaps (%rax),%xmm0 */
    "\xc5\xfc\x28\x00",                                         /* vmovaps (%rax),%ymm0 */
    "\xc5\xfc\x11\x00",                                         /* vmovups %ymm0,(%rax) */
    "\xc5\xfc\x77",                                             /* vzeroall */
    VARIES("\xc4\xe2\x75\x90\x04\x90"),                 /* vpgatherdd %ymm1,(%rax,%ymm2,4),%ymm0 */
    VARIES("\xc4\xe2\xf5\x91\x04\xd0"),                 /* vpgatherqq %ymm1,(%rax,%ymm2,8),%ymm0 */
    VARIES("\x67\xc4\xe2\xf5\x93\x04\x10"),             /* vgatherqpd (%eax,%ymm2) */
    VARIES("\x64\xc4\xe2\x75\x92\x04\x90"),             /* vgatherdps %fs: */
    "\xc4\xe2\x75\x2c\x00",                             /* vmaskmovps (%rax),%ymm1,%ymm0 */
    "\xc4\xe2\x75\x2e\x00",                             /* vmaskmovps %ymm0,%ymm1,(%rax) */
    "\x66\x0f\xf7\xc1",                                 /* maskmovdqu */
    "\xf0\x48\x0f\xc7\x08",                             /* lock cmpxchg16b (%rax) */
    "\xf0\x48\x87\x00",                                 /* lock xchg */
    "\x48\xf7\xf1",                                     /* div %rcx */
    "\x48\x0f\xab\x08",                                 /* bts %rcx,(%rax) */
    "\xd7",                                             /* xlat */
    "\x48\xa1\xff\xff\xff\xff\xff\x7f\x00\x00",         /* mov 0x7fffffffffff,%rax */
    "\x48\xa3\xf8\xff\xff\xff\xff\x00\x00\x00",         /* mov %rax,0xfffffffff8 */
    "\x48\x8b\x80\xff\xff\xff\x7f",                     /* mov 0x7fffffff(%rax),%rax */
    "\x48\x8b\x84\xc8\x00\x00\x00\x80",                 /* mov -0x80000000(%rax,%rcx,8),%rax */
    "\x67\x48\x8b\x44\xc8\x10",                         /* mov 16(%eax,%ecx,8),%rax */
    "\x48\x8b\x05\xf0\xff\xff\x7f",                     /* mov (far above),%rax */
    "\xc6\x05\x00\x01\x00\x00\x90",                     /* movb $0x90,(a little further) */
    "\x0f\xae\x38",                                     /* clflush (%rax) */
    "\xcc",                                             /* int3 */
    "\xf1",                                             /* int1 */
    "\xcd\xff",                                         /* int $255 */
    "\xf4",                                             /* hlt */
    "\x0f\x01\xf8",                                     /* swapgs */
    "\x48\x0f\x07",                                     /* sysret */
    "\x0f\x34",                                         /* sysenter */
    "\x0f\x0b",                                         /* ud2 */
    VARIES("\xeb\xfe"),                                 /* jmp . */
    VARIES("\xe2\xfe"),                                 /* loop . */
    VARIES("\x67\xe3\xfd"),                             /* jecxz */
    VARIES("\x66\xc3"),                                 /* retw */
    VARIES("\xb8\x27\x00\x00\x00\x0f\x05"),             /* getpid */
    VARIES("\xb8\x0f\x00\x00\x00\x0f\x05"),             /* rt_sigreturn */
    VARIES("\xb8\x14\x00\x00\x00\xcd\x80"),             /* getpid of i386 */
    VARIES("\xb8\x77\x00\x00\x00\xcd\x80"),             /* sigreturn of i386 */
    VARIES("\xb8\xad\x00\x00\x00\xcd\x80"),             /* rt_sigreturn of i386 */
    "\xbf\x01\x10\x00\x00\xb8\x9e\x00\x00\x00\x0f\x05", /* arch_prctl(ARCH_SET_GS, %rsi) */
    "\xbf\x02\x10\x00\x00\xb8\x9e\x00\x00\x00\x0f\x05", /* arch_prctl(ARCH_SET_FS, %rsi) */
    VARIES("\x48\xc7\xc0\x00\x00\x60\xff\xff\xd0"),     /* call the page of vsyscalls */
};

static word address(void) {
    static const word ends[] = {0,
                                0x100000000,
                                0x1000000000,
#ifndef COMPARED /* which of two faults an access over the last canonical address is varies */
                                0x10000000000,
                                0x7ffffffff000,
                                0x800000000000,
                                0xffff800000000000,
                                0x8000000000000000,
#endif
                                0x10000000000,
                                0xffffffffff600000};
    switch (below(12)) {
    case 0:
        return (word)rnd() << 32 | rnd();
    case 1:
    case 2:
        return ends[below(ARRAY(ends))] + below(80) - 64;
    case 3:
        return rnd();
    case 4:
        return CODE + (below(CODE_BYTES) & LANDING);
    case 5:
        return STACK + PAGE + below(16);
    case 6:
        return STACK + 2 * PAGE - below(80);
    case 7:
        return STACK + 2 * PAGE;
    default:
        return STACK + PAGE + (below(PAGE) & ~63u);
    }
}

static word selector(word usual) {
    static const word some[] = {0,    3,    0x23, 0x2b, 0x33, 0x63, 0x6b,
                                0x73, 0x7b, 7,    0xf,  8,    0x10, 0xffff};
    return below(4) ? usual : below(8) ? some[below(ARRAY(some))] : rnd() & 0xffff;
}

#ifndef COMPARED
/* An image of extended state, anywhere: numbers where the kernel and XRSTOR look. */
static void damage(uint8_t *image) {
    static const uint16_t fields[] = {0,   2,   4,   24,  28,  464, 468, 472, 476,
                                      480, 512, 516, 520, 524, 528, 536, 568, 832};
    for (uint32_t n = below(6); n > 0; n--) {
        uint32_t *at = (uint32_t *)(image + fields[below(ARRAY(fields))]);
        switch (below(5)) {
        case 0:
            *at = rnd();
            break;
        case 1:
            *at ^= 1u << below(32);
            break;
        case 2:
            *at = below(4096);
            break;
        case 3:
            *at = below(8);
            break;
        default:
            *at = 0xffffffff >> below(32);
        }
    }
    for (uint32_t n = below(20); n > 0; n--) {
        *(uint32_t *)(image + 4 * below(832 / 4)) = below(2) ? rnd() : 0xffffffffu >> below(32);
    }
}

#endif

/* The next state. */
static void new_state(ucontext_t *uc) {
    greg_t *reg = uc->uc_mcontext.gregs;
    for (int i = REG_R8; i <= REG_RSP; i++) {
        reg[i] = (greg_t)(below(3) ? address() : rnd());
    }
    reg[REG_RSP] = (greg_t)address();
    reg[REG_RIP] = (greg_t)(below(12) ? new_code() : address());
    reg[REG_RCX] = below(2) ? (greg_t)below(100) : reg[REG_RCX];
    reg[REG_CSGSFS] =
        (greg_t)(selector(0x33) | selector(0) << 16 | selector(0) << 32 | selector(0x2b) << 48);
    reg[REG_EFL] = (greg_t)(below(3) ? 0x202 | (rnd() & 0xcd5) : rnd() & ~UNWANTED_FLAGS);
    if (below(8) == 0) {
        uc->uc_flags ^= 1u << below(4);
    }
    if (uc->uc_mcontext.fpregs && below(3) == 0) {
        damage((uint8_t *)uc->uc_mcontext.fpregs);
    }
    if (below(40) == 0) {
        uc->uc_mcontext.fpregs = (fpregset_t)(below(2) ? address() : 0);
    }
    word *stack = (word *)(STACK + PAGE); /* frames for iret, lret and loads, extended state */
    if (below(4) == 0) {
        for (int i = 0; i < 64; i++) {
            stack[below(PAGE / 8)] = below(2) ? address() : selector(0x33);
        }
    }
    if (below(4) == 0) {
        damage((uint8_t *)stack + 64 * below(40));
    }
}

#endif
