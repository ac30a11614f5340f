/* Precise faults: an instruction in the middle of a block faults; the signal's context must hold
 * the registers, flags and EIP of its start and the fault's kind, and what came before must have
 * happened.
 * test: own */
#include "engine_test.h"

#ifdef __x86_64__
#define STATUS  swd
#define CONTROL cwd
#else
#define STATUS  sw
#define CONTROL cw
#endif

/* As the kernel's sigcontext names them; glibc's REG_* are indices into gregs. */
static struct {
    int signal, code, errno_;
    uintptr_t addr;
    greg_t regs[NGREG];
    uint16_t fsw, fcw;
} seen;
static uint8_t *page, *data, *hole;
static uintptr_t return_esp;
static int count;

/* Leaves the generated code: back to run()'s caller with eax = -1. */
static void on_signal(int signal, siginfo_t *info, void *pointer) {
    ucontext_t *context = pointer;
    seen.signal = signal;
    seen.code = info->si_code;
    seen.errno_ = info->si_errno;
    seen.addr = (uintptr_t)info->si_addr;
    memcpy(seen.regs, context->uc_mcontext.gregs, sizeof seen.regs);
    fpregset_t fp = context->uc_mcontext.fpregs;
    if (fp) {
        seen.fsw = (uint16_t)fp->STATUS;
        seen.fcw = (uint16_t)fp->CONTROL;
    }
    count++;
    context->uc_mcontext.gregs[REG_SP] = (greg_t)return_esp;
    context->uc_mcontext.gregs[REG_IP] = *(greg_t *)return_esp;
    context->uc_mcontext.gregs[REG_SP] += sizeof(greg_t);
    context->uc_mcontext.gregs[REG_AX] = -1;
    context->uc_mcontext.gregs[REG_EFL] &= ~0x40400; /* AC, DF */
    if (fp) {
        fp->STATUS &= (uint16_t)~0x80ffu;
        fp->CONTROL |= 0x7f;
#ifdef __x86_64__
        fp->mxcsr = 0x1f80;
#else
        ((uint32_t *)(fp + 1))[6] = 0x1f80; /* MXCSR of the FXSAVE image */
#endif
    }
}

/* A code or data address in terms of our pages, so that runs can be compared. */
static void print_addr(uintptr_t value) {
    static const char *const names[3] = {"page", "data", "hole"};
    static const unsigned pages[3] = {1, 1, 3};
    uint8_t *const starts[3] = {page, data, hole};
    if ((uintptr_t)hole - value < 64) {
        printf("hole-%lx", (unsigned long)((uintptr_t)hole - value));
        return;
    }
    for (int i = 0; i < 3; i++) {
        if (value - (uintptr_t)starts[i] < pages[i] * PAGE) {
            printf("%s+%lx", names[i], (unsigned long)(value - (uintptr_t)starts[i]));
            return;
        }
    }
    if (value - return_esp + 256 < 512) {
        printf("esp%+d", (int)(value - return_esp));
        return;
    }
    printf("%lx", (unsigned long)value);
}

static void show(const char *name) {
    static const int order[] = {REG_AX, REG_CX, REG_DX, REG_BX, REG_BP, REG_SI, REG_DI};
    printf("%-14s signal %d code %d trap %d err %d at ", name, seen.signal, seen.code,
           (int)seen.regs[REG_TRAPNO], (int)seen.regs[REG_ERR] & ~1);
    print_addr((uintptr_t)seen.regs[REG_IP]);
    printf(" addr ");
    print_addr(seen.addr);
    printf("\n   ");
    for (unsigned i = 0; i < 7; i++) {
        putchar(' ');
        print_addr((uintptr_t)seen.regs[order[i]]);
    }
    putchar(' ');
    print_addr((uintptr_t)seen.regs[REG_SP]);
    printf(" flags %x fsw %x\n", (unsigned)seen.regs[REG_EFL] & 0xcd5, seen.fsw);
}

/* Registers with known values, then the bytes, with more instructions around them. */
static void attempt(const char *name, const char *bytes, unsigned length) {
    struct assembler a = {page};
    EMIT(&a, WIDE "\x89\x25"); /* mov [return_esp], esp */
    emit_addr(&a, &return_esp, 0);
    emit_mov(&a, 0, 0x80000001);
    emit_mov(&a, 1, 5);
    emit_mov(&a, 2, 7);
    emit_mov(&a, 3, (uint32_t)(uintptr_t)hole);     /* ebx: nothing there */
    emit_mov(&a, 5, 0);                             /* ebp: 0 */
    emit_mov(&a, 6, (uint32_t)(uintptr_t)hole - 8); /* esi: 8 bytes before the hole */
    emit_mov(&a, 7, (uint32_t)(uintptr_t)data);     /* edi */
    EMIT(&a, "\x83\xc1\x7f");                       /* add ecx, 127: flags */
    EMIT(&a, "\x89\x0f");                           /* mov [edi], ecx */
    EMIT(&a, "\xff\xc2");                           /* inc edx */
    EMIT(&a, "\x81\xc0\xff\xff\xff\x7f");           /* add eax, 7fffffff: CF ZF PF AF */
    emit_bytes(&a, bytes, length);
    EMIT(&a, "\xff\xc1\x31\xc0\xc3"); /* inc ecx; xor eax, eax; ret */
    memset(data, 0, PAGE);
    memset(hole - 64, 0x5a, 64);
    int before = count;
    uint32_t result = run(page);
    if (count == before) {
        printf("%-14s no fault, returned %x\n", name, result);
        return;
    }
    show(name);
    uint32_t sum = 0;
    for (int i = -64; i < 0; i++) {
        sum = sum * 31 + hole[i];
    }
    printf("    data %x %x, before the hole %x, faults %d\n", *(uint32_t *)data,
           *(uint32_t *)(data + 4), sum, count - before);
}
#define ATTEMPT(name, bytes) attempt(name, bytes, sizeof(bytes) - 1)

static void page_faults(void) {
    ATTEMPT("load", "\x8b\x03");
    ATTEMPT("load disp", "\x8b\x4b\x10");
    ATTEMPT("load 16", "\x66\x8b\x03");
    ATTEMPT("store", "\x89\x0b");
    ATTEMPT("straddle load", "\x8b\x46\x06");
    ATTEMPT("straddle store", "\x89\x4e\x05");
    ATTEMPT("null", "\x8b\x45\x00");
    ATTEMPT("null sib", "\x8b\x04\x8d\x00\x00\x00\x00");
    ATTEMPT("add mem", "\x01\x13");
    ATTEMPT("add reg", "\x03\x13");
    ATTEMPT("adc mem", "\x11\x13");
    ATTEMPT("cmp mem", "\x3b\x13");
    ATTEMPT("inc mem", "\xff\x03");
    ATTEMPT("not mem", "\xf7\x13");
    ATTEMPT("shl mem", "\xd3\x23");
    ATTEMPT("shl imm", "\xc1\x23\x05");
    ATTEMPT("shld mem", "\x0f\xa5\x13");
    ATTEMPT("imul mem", "\x0f\xaf\x03");
    ATTEMPT("mul mem", "\xf7\x23");
    ATTEMPT("div mem", "\xf7\x33");
    ATTEMPT("xchg", "\x87\x03");
    ATTEMPT("xadd", "\x0f\xc1\x03");
    ATTEMPT("cmpxchg", "\x0f\xb1\x13");
    ATTEMPT("cmpxchg8b", "\x0f\xc7\x0b");
    ATTEMPT("bts reg", "\x0f\xab\x13");
    ATTEMPT("bt imm", "\x0f\xba\x23\x05");
    ATTEMPT("bsf", "\x0f\xbc\x03");
    ATTEMPT("setz", "\x0f\x94\x03");
    ATTEMPT("cmovz", "\x0f\x44\x03");
    ATTEMPT("cmovnz", "\x0f\x45\x03");
    ATTEMPT("movzx", "\x0f\xb6\x03");
    ATTEMPT("push mem", "\xff\x33");
    ATTEMPT("pop mem", "\x52\x8f\x03");
    ATTEMPT("call mem", "\xff\x13");
    ATTEMPT("jmp mem", "\xff\x23");
    ATTEMPT("call reg", "\xff\xd3");
    ATTEMPT("jmp null", "\xff\xe5");
    ATTEMPT("movsd", "\x83\xc6\x05\xa5");
    ATTEMPT("rep movsd", "\xb9\x08\0\0\0\xf3\xa5");
    ATTEMPT("rep movsb", "\xb9\x20\0\0\0\xf3\xa4");
    ATTEMPT("rep stosd", "\x8d\x7e\xf8\xb9\x08\0\0\0\xf3\xab");
    ATTEMPT("rep scasb", "\x8d\x7e\xf8\xb0\x5a\xb9\x40\0\0\0\xf3\xae");
    ATTEMPT("rep cmpsb", "\x8d\x7e\xf0\xb9\x40\0\0\0\xf3\xa6");
    ATTEMPT("lodsd", "\x83\xc6\x05\xad");
    ATTEMPT("xlat", "\xd7");
#ifdef __i386__
    ATTEMPT("lds", "\xc5\x03");
    ATTEMPT("bound", "\x62\x03");
    ATTEMPT("pusha", WIDE "\x89\xe7\x89\xdc\x60" WIDE "\x89\xfc");
#endif
    ATTEMPT("lock add", "\xf0\x01\x13");
    ATTEMPT("lock cmpxchg8b", "\xf0\x0f\xc7\x0b");
    ATTEMPT("leave", "\xc9");
    ATTEMPT("enter", WIDE "\x89\xe7\x89\xdc\xc8\x10\x00\x00" WIDE "\x89\xfc");
    ATTEMPT("push", WIDE "\x89\xe7\x8d\x63\x02\x50" WIDE "\x89\xfc");
    ATTEMPT("pop", WIDE "\x89\xe7\x89\xdc\x58" WIDE "\x89\xfc");
    ATTEMPT("ret", WIDE "\x89\xe7\x89\xdc\xc3");
    ATTEMPT("call, bad esp", WIDE "\x89\xe7\x8d\x63\x03\xe8\0\0\0\0" WIDE "\x89\xfc");
    ATTEMPT("popf", WIDE "\x89\xe7\x89\xdc\x9d" WIDE "\x89\xfc");
}

#ifdef __x86_64__
#define FAR_RBX "\x48\xbb\0\0\0\0\0\0\xff\x7f" /* mov rbx, where no address may be */
#define BACK    WIDE "\x89\xfc"                /* mov rsp, rdi */

/* Addresses that are none, wide operands, registers that only REX names. (A jump to an address that
 * is none faults at its target here: docs/plan.md, known faults.) */
static void wide_faults(void) {
    ATTEMPT("no address", FAR_RBX "\x8b\x03");
    ATTEMPT("no address, store", FAR_RBX "\x89\x03");
    ATTEMPT("no address, sum", FAR_RBX "\x48\xff\xcb\x8b\x44\x1b\x10");
    ATTEMPT("no address, by rbp", FAR_RBX "\x48\x89\xdd\x8b\x45\x08");
    ATTEMPT("no address, by r13", FAR_RBX "\x49\x89\xd8\x41\x8b\x40\x08");
    ATTEMPT("no address, push", FAR_RBX "\x48\x89\xe7\x48\x89\xdc\x50" BACK);
    ATTEMPT("no address, call", FAR_RBX "\x48\x89\xe7\x48\x89\xdc\xe8\0\0\0\0" BACK);
    ATTEMPT("no address, ret", FAR_RBX "\x48\x89\xe7\x48\x89\xdc\xc3" BACK);
    ATTEMPT("no address, rsp", FAR_RBX "\x48\x89\xe7\x48\x89\xdc\x8b\x04\x24" BACK);
    ATTEMPT("no address, movsb", FAR_RBX "\x48\x89\xde\xa4");
    ATTEMPT("no address, stosb", FAR_RBX "\x48\x89\xdf\xaa");
    ATTEMPT("no address, movups", FAR_RBX "\x0f\x10\x03");
    ATTEMPT("no address, fld", FAR_RBX "\xd9\x03");
    ATTEMPT("the kernel's", "\x48\xc7\xc3\0\xf0\xff\xff\x8b\x03"); /* rbx = -4096 */
    ATTEMPT("the kernel's, jmp", "\x48\xc7\xc3\0\xf0\xff\xff\xff\xe3");
    ATTEMPT("past the end of 2^36", "\x48\xbb\0\0\0\0\x10\0\0\0\x8b\x03");
    ATTEMPT("past it, store", "\x48\xbb\0\0\0\0\x10\0\0\0\x89\x4b\xfc");
    ATTEMPT("past it, jmp", "\x48\xbb\0\0\0\0\x10\0\0\0\xff\xe3");
    ATTEMPT("cut to 32 bits", "\x48\xc7\xc3\0\x10\0\0\x67\x8b\x83\0\xf0\xff\xff");
    ATTEMPT("load64", "\x48\x8b\x43\x10");
    ATTEMPT("load r9", "\x4c\x8b\x0b");
    ATTEMPT("load by r9", "\x49\x89\xd9\x41\x8b\x01");
    ATTEMPT("load by r12 + r9", "\x49\x89\xd8\x45\x31\xc9\x4b\x8b\x04\x08");
    ATTEMPT("straddle store64", "\x48\x89\x46\x01");
    ATTEMPT("add64", "\x48\x01\x03");
    ATTEMPT("movsxd", "\x48\x63\x03");
    ATTEMPT("cmpxchg16b", "\x48\x0f\xc7\x0b");
    ATTEMPT("cmpxchg16b unal.", "\x48\x0f\xc7\x4f\x08");
    ATTEMPT("rep movsq", "\xb9\x08\0\0\0\xf3\x48\xa5");
    ATTEMPT("rep stosq", "\x8d\x7e\xf8\xb9\x08\0\0\0\xf3\x48\xab");
    ATTEMPT("div64", "\x48\x99\x48\xf7\xf5");
    ATTEMPT("idiv64 overflow", "\x48\xb8\0\0\0\0\0\0\0\x80\x48\x99\x48\xc7\xc1\xff\xff\xff\xff"
                               "\x48\xf7\xf9");
    ATTEMPT("movaps xmm9", "\x44\x0f\x28\x4f\x08");
    ATTEMPT("movups xmm9", "\x44\x0f\x10\x0b");
    ATTEMPT("push es", "\x06");
    ATTEMPT("aas", "\x3f");
    ATTEMPT("far call", "\x9a\0\0\0\0\x33\0");
    ATTEMPT("salc", "\xd6");
}
#endif

static void float_faults(void) {
    ATTEMPT("fld", "\xd9\x03");
    ATTEMPT("fld80", "\xdb\x2b");
    ATTEMPT("fst", "\xd9\xe8\xd9\x13\xdd\xd8");
    ATTEMPT("fstp", "\xd9\xe8\xdd\x5e\x04\xdd\xd8");
    ATTEMPT("fistp", "\xd9\xe8\xdb\x1b\xdd\xd8");
    ATTEMPT("fadd mem", "\xd9\xe8\xd8\x03\xdd\xd8");
    ATTEMPT("movups", "\x0f\x10\x46\xfc");
    ATTEMPT("movaps", "\x0f\x28\x46\x04");
    ATTEMPT("movaps unal.", "\x0f\x28\x47\x04");
    ATTEMPT("addps unal.", "\x0f\x58\x47\x08");
    ATTEMPT("movss", "\xf3\x0f\x10\x03");
    ATTEMPT("movq mmx", "\x0f\x6f\x03");
    ATTEMPT("movntq", "\x0f\xe7\x03");
    ATTEMPT("x87 zero div", "\xd9\xee\xd9\xe8\xc7\x07\x7b\x03\0\0\xd9\x2f\xde\xf1\x90\x9b");
    ATTEMPT("x87 invalid", "\xd9\xe8\xd9\xe0\xc7\x07\x7e\x03\0\0\xd9\x2f\xd9\xfa\x90\xd9\xe8");
    ATTEMPT("sse zero div",
            "\xc7\x07\x80\x1d\0\0\x0f\xae\x17\x0f\x57\xc9\xb8\x01\0\0\0\xf3\x0f\x2a\xc0"
            "\xf3\x0f\x5e\xc1");
    ATTEMPT("sse inexact",
            "\xc7\x07\x80\x0f\0\0\x0f\xae\x17\xb8\x03\0\0\0\xf3\x0f\x2a\xc8\xf3\x0f\x2a\xc0"
            "\xf3\x0f\x53\xc0\xf3\x0f\x51\xc1");
    ATTEMPT("mxcsr bits", "\xc7\x07\x80\x1f\xff\x7f\x0f\xae\x17");
}

static void other_faults(void) {
    ATTEMPT("div by zero", "\xf7\xf5");
    ATTEMPT("div overflow", "\xba\xff\0\0\0\xb9\x02\0\0\0\xf7\xf1");
    ATTEMPT("idiv overflow", "\xb8\0\0\0\x80\x99\xb9\xff\xff\xff\xff\xf7\xf9");
    ATTEMPT("div byte", "\xb8\xff\xff\0\0\xb1\x01\xf6\xf1");
    ATTEMPT("aam 0", "\xd4\x00");
    ATTEMPT("ud2", "\x0f\x0b");
    ATTEMPT("lock mov", "\xf0\x89\x07");
    ATTEMPT("lock reg", "\xf0\x01\xc0");
    ATTEMPT("int3", "\xcc");
    ATTEMPT("int 3", "\xcd\x03");
    ATTEMPT("int 5", "\xcd\x05");
    ATTEMPT("int 40", "\xcd\x40");
    ATTEMPT("into", "\xb8\0\0\0\x80\x48\xce");
#ifdef __i386__
    ATTEMPT("bound trap", "\xc7\x07\x01\0\0\0\xc7\x47\x04\x02\0\0\0\x62\x07");
    ATTEMPT("les reg", "\xc4\xc0");
#endif
    ATTEMPT("hlt", "\xf4");
    ATTEMPT("cli", "\xfa");
    ATTEMPT("in", "\xec");
    ATTEMPT("out", "\xe6\x80");
    ATTEMPT("insb", "\x6c");
    ATTEMPT("mov cr0", "\x0f\x20\xc0");
    ATTEMPT("lgdt", "\x0f\x01\x17");
    ATTEMPT("wrmsr", "\x0f\x30");
    ATTEMPT("bad segment", "\xb8\xf0\xff\0\0\x8e\xc0");
    ATTEMPT("mov cs", "\x8e\xc8");
    ATTEMPT("mov seg 6", "\x8e\xf0");
    ATTEMPT("null ss", "\x31\xc0\x8e\xd0");
    ATTEMPT("far jump", "\xea\0\0\0\0\xf8\xff");
    ATTEMPT("long prefix", "\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x90");
    ATTEMPT("undefined", "\x0f\xff");
}

/* The fetch faults: the block runs into a page that is not there. */
static void fetch_faults(void) {
    uint8_t *end = code_pages(2);
    munmap(end + PAGE, PAGE);
    hole = end + PAGE;
    data = page + PAGE;
    for (int i = 0; i < 3; i++) {
        uint8_t code[32];
        uint8_t *start = end + PAGE - 16 + i;
        struct assembler a = {code, start - code};
        EMIT(&a, WIDE "\x89\x25");
        emit_addr(&a, &return_esp, 0);
        EMIT(&a, "\xb8\x01\0\0\0");
        while (a.at < code + 13) {
            emit8(&a, 0x90);
        }
        EMIT(&a, "\x05\x05\x05\x05\x05"); /* the last one runs out */
        memcpy(start, code, (size_t)(16 - i));
        int before = count;
        run(start);
        printf("ran off %d: %d signal %d code %d eip hole%+d addr hole%+d eax %x\n", i,
               count - before, seen.signal, seen.code,
               (int)((uintptr_t)seen.regs[REG_IP] - (uintptr_t)hole),
               (int)(seen.addr - (uintptr_t)hole), (unsigned)seen.regs[REG_AX]);
    }
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    static char stack[65536];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&alternate, NULL);
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    for (unsigned i = 0; i < 5; i++) {
        sigaction(signals[i], &action, NULL);
    }
    page = code_pages(1);
    data = code_pages(1);
    uint8_t *guarded = code_pages(3);
    munmap(guarded + PAGE, 2 * PAGE);
    hole = guarded + PAGE;
    page_faults();
#ifdef __x86_64__
    wide_faults();
#endif
    float_faults();
    other_faults();
    fetch_faults();
    return 0;
}
