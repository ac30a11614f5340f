/* Precise faults: an instruction in the middle of a block faults; the signal's context must hold
 * the registers, flags and EIP of its start and the fault's kind, and what came before must have
 * happened. */
#include "engine_test.h"

/* As the kernel's sigcontext names them; glibc's REG_* are indices into gregs. */
static struct {
    int signal, code, errno_;
    uint32_t addr, regs[19];
    uint16_t fsw, fcw;
} seen;
static uint8_t *page, *data, *hole;
static uint32_t return_esp;
static int count;

/* Leaves the generated code: back to run()'s caller with eax = -1. */
static void on_signal(int signal, siginfo_t *info, void *pointer) {
    ucontext_t *context = pointer;
    seen.signal = signal;
    seen.code = info->si_code;
    seen.errno_ = info->si_errno;
    seen.addr = (uint32_t)(uintptr_t)info->si_addr;
    for (int i = 0; i < 19; i++) {
        seen.regs[i] = (uint32_t)context->uc_mcontext.gregs[i];
    }
    if (context->uc_mcontext.fpregs) {
        seen.fsw = (uint16_t)context->uc_mcontext.fpregs->sw;
        seen.fcw = (uint16_t)context->uc_mcontext.fpregs->cw;
    }
    count++;
    context->uc_mcontext.gregs[REG_ESP] = (greg_t)return_esp;
    context->uc_mcontext.gregs[REG_EIP] = *(greg_t *)(uintptr_t)return_esp;
    context->uc_mcontext.gregs[REG_ESP] += 4;
    context->uc_mcontext.gregs[REG_EAX] = -1;
    context->uc_mcontext.gregs[REG_EFL] &= ~0x40400; /* AC, DF */
    if (context->uc_mcontext.fpregs) {
        context->uc_mcontext.fpregs->sw &= ~0x80ffu;
        context->uc_mcontext.fpregs->cw |= 0x7f;
        ((uint32_t *)(context->uc_mcontext.fpregs + 1))[6] = 0x1f80; /* MXCSR of the FXSAVE image */
    }
}

/* A code or data address in terms of our pages, so that runs can be compared. */
static void print_addr(uint32_t value) {
    static const char *const names[3] = {"page", "data", "hole"};
    uint8_t *const starts[3] = {page, data, hole};
    for (int i = 0; i < 3; i++) {
        if (value - (uint32_t)(uintptr_t)starts[i] < 3 * PAGE) {
            printf("%s+%x", names[i], value - (uint32_t)(uintptr_t)starts[i]);
            return;
        }
    }
    if (value - return_esp + 256 < 512) {
        printf("esp%+d", (int)(value - return_esp));
        return;
    }
    if ((uint32_t)(uintptr_t)hole - value < 64) {
        printf("hole-%x", (uint32_t)(uintptr_t)hole - value);
        return;
    }
    printf("%x", value);
}

static void show(const char *name) {
    static const int order[] = {REG_EAX, REG_ECX, REG_EDX, REG_EBX, REG_EBP, REG_ESI, REG_EDI};
    printf("%-14s signal %d code %d trap %d err %d at ", name, seen.signal, seen.code,
           (int)seen.regs[REG_TRAPNO], (int)seen.regs[REG_ERR] & ~1);
    print_addr(seen.regs[REG_EIP]);
    printf(" addr ");
    print_addr(seen.addr);
    printf("\n   ");
    for (unsigned i = 0; i < 7; i++) {
        putchar(' ');
        print_addr(seen.regs[order[i]]);
    }
    putchar(' ');
    print_addr(seen.regs[REG_ESP]);
    printf(" flags %x fsw %x\n", seen.regs[REG_EFL] & 0xcd5, seen.fsw);
}

/* Registers with known values, then the bytes, with more instructions around them. */
static void attempt(const char *name, const char *bytes, unsigned length) {
    struct assembler a = {page};
    EMIT(&a, "\x89\x25"); /* mov [return_esp], esp */
    emit32(&a, (uint32_t)(uintptr_t)&return_esp);
    emit_mov(&a, 0, 0x80000001);
    emit_mov(&a, 1, 5);
    emit_mov(&a, 2, 7);
    emit_mov(&a, 3, (uint32_t)(uintptr_t)hole);     /* ebx: nothing there */
    emit_mov(&a, 5, 0);                             /* ebp: 0 */
    emit_mov(&a, 6, (uint32_t)(uintptr_t)hole - 8); /* esi: 8 bytes before the hole */
    emit_mov(&a, 7, (uint32_t)(uintptr_t)data);     /* edi */
    EMIT(&a, "\x83\xc1\x7f");                       /* add ecx, 127: flags */
    EMIT(&a, "\x89\x0f");                           /* mov [edi], ecx */
    EMIT(&a, "\x42");                               /* inc edx */
    EMIT(&a, "\x81\xc0\xff\xff\xff\x7f");           /* add eax, 7fffffff: CF ZF PF AF */
    emit_bytes(&a, bytes, length);
    EMIT(&a, "\x41\x31\xc0\xc3"); /* inc ecx; xor eax, eax; ret */
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
    ATTEMPT("lds", "\xc5\x03");
    ATTEMPT("bound", "\x62\x03");
    ATTEMPT("lock add", "\xf0\x01\x13");
    ATTEMPT("lock cmpxchg8b", "\xf0\x0f\xc7\x0b");
    ATTEMPT("leave", "\xc9");
    ATTEMPT("enter", "\x89\xe7\x89\xdc\xc8\x10\x00\x00\x89\xfc");
    ATTEMPT("pusha", "\x89\xe7\x89\xdc\x60\x89\xfc");
    ATTEMPT("push", "\x89\xe7\x8d\x63\x02\x50\x89\xfc");
    ATTEMPT("pop", "\x89\xe7\x89\xdc\x58\x89\xfc");
    ATTEMPT("ret", "\x89\xe7\x89\xdc\xc3");
    ATTEMPT("call, bad esp", "\x89\xe7\x8d\x63\x03\xe8\0\0\0\0\x89\xfc");
    ATTEMPT("popf", "\x89\xe7\x89\xdc\x9d\x89\xfc");
}

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
    ATTEMPT("bound trap", "\xc7\x07\x01\0\0\0\xc7\x47\x04\x02\0\0\0\x62\x07");
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
    ATTEMPT("les reg", "\xc4\xc0");
}

/* The fetch faults: the block runs into a page that is not there. */
static void fetch_faults(void) {
    uint8_t *end = code_pages(2);
    munmap(end + PAGE, PAGE);
    hole = end + PAGE;
    data = page + PAGE;
    for (int i = 0; i < 3; i++) {
        uint8_t code[32];
        struct assembler a = {code};
        EMIT(&a, "\x89\x25");
        emit32(&a, (uint32_t)(uintptr_t)&return_esp);
        EMIT(&a, "\xb8\x01\0\0\0\x40\x90\x05\x05\x05\x05\x05"); /* the last one runs out */
        memcpy(end + PAGE - 16 + i, code, (size_t)(16 - i));
        int before = count;
        run(end + PAGE - 16 + i);
        printf("ran off %d: %d signal %d code %d eip hole%+d addr hole%+d eax %x\n", i,
               count - before, seen.signal, seen.code,
               (int)(seen.regs[REG_EIP] - (uint32_t)(uintptr_t)hole),
               (int)(seen.addr - (uint32_t)(uintptr_t)hole), seen.regs[REG_EAX]);
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
    float_faults();
    other_faults();
    fetch_faults();
    return 0;
}
