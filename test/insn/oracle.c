/* The oracle: a program that runs test cases on the host's CPU and reports the state after. It is
 * built for each width of cases (CASE_BITS); what is a width's own is oracle_mode32.h and
 * oracle_mode64.h, x87 and vector registers are oracle_fp.h.
 *
 * Freestanding (no C library: a case may set any segment register, and libc needs its own) and
 * alone in its address space: at the start it unmaps everything but itself, so that a case's stray
 * pointer faults here as it does in the engine. A case is entered by loading all registers and
 * jumping; it ends in a trap of some kind (the bytes around it are int3), whose signal frame holds
 * the whole state. Protocol: inherits the batch as file descriptor 3; for each byte on stdin it
 * runs cases next[SIDE_ORACLE]..count-1 and answers one byte on stdout. */
#include "case.h"

enum { SIGILL = 4, SIGTRAP = 5, SIGBUS = 7, SIGFPE = 8, SIGSEGV = 11, SIGVTALRM = 26 };
#define SA_FLAGS 0x4c000004ul /* SA_SIGINFO SA_RESTORER SA_NODEFER SA_ONSTACK */
enum { PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4 };
enum { MAP_SHARED_FIXED = 0x11, MAP_PRIVATE_FIXED = 0x32 };
#define PAGE_MASK ((greg)0xfff)

/* What oracle_enter() loads, in enter_regs by number, and where it came from. */
greg enter_regs[REGS], enter_ip, enter_flags, saved_sp;
static volatile uint32_t in_guest;
static struct batch *const shared = (struct batch *)SHARED_ADDR;
static uint8_t alt_stack[65536] __attribute__((aligned(64)));
static uint8_t start[AREAS][AREA_MAX] __attribute__((aligned(64)));

struct ucontext;
#pragma GCC visibility push(hidden) /* reached without a table: the program is linked high up */
void oracle_enter(void);
_Noreturn void oracle_leave(void);
void on_trap(void);
void on_alarm(void);
void restorer(void);
_Noreturn void oracle_main(void);
void trap_c(int signal, void *info, struct ucontext *context);
void alarm_c(int signal, void *info, struct ucontext *context);
extern char __executable_start, _end;
#pragma GCC visibility pop
void *memcpy(void *to, const void *from, __SIZE_TYPE__ bytes);
void *memset(void *to, int byte, __SIZE_TYPE__ bytes);
static void must(long result, const char *text);

#include "oracle_fp.h"
#if CASE_BITS == 32
#include "oracle_mode32.h"
#else
#include "oracle_mode64.h"
#endif

void *memcpy(void *to, const void *from, __SIZE_TYPE__ bytes) {
    void *first = to;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
    return first;
}

void *memset(void *to, int byte, __SIZE_TYPE__ bytes) {
    void *first = to;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(byte) : "memory");
    return first;
}

static _Noreturn void die(const char *text) {
    unsigned length = 0;
    while (text[length]) {
        length++;
    }
    call(SYS_write, 2, (greg)text, length, 0, 0);
    call(SYS_exit, 99, 0, 0, 0, 0);
    __builtin_unreachable();
}

static void must(long result, const char *text) {
    if (result < 0 && result > -4096) {
        die(text);
    }
}

static void fill_result(struct tresult *result, const struct ucontext *context) {
    const uint8_t *fx = read_frame(result, context);
    read_fx(&result->fp, fx);
    read_upper(result, fx);
}

void trap_c(int signal, void *info, struct ucontext *context) {
    (void)signal;
    (void)info;
    if (!in_guest) {
        die("oracle: fault in the oracle itself\n");
    }
    in_guest = 0;
    struct tresult *result = &shared->results[SIDE_ORACLE][shared->next[SIDE_ORACLE]];
    fill_result(result, context);
    result->status = RESULT_DONE;
    oracle_leave();
}

/* Two ticks in the same case: it runs for ever. */
void alarm_c(int signal, void *info, struct ucontext *context) {
    static uint32_t last_case, last_seen;
    (void)signal;
    (void)info;
    uint32_t now = shared->next[SIDE_ORACLE];
    if (in_guest && last_seen && last_case == now) {
        in_guest = 0;
        last_seen = 0;
        fill_result(&shared->results[SIDE_ORACLE][now], context);
        shared->results[SIDE_ORACLE][now].status = RESULT_TIMEOUT;
        oracle_leave();
    }
    last_case = now;
    last_seen = in_guest;
}

static void install(int signal, void (*handler)(void)) {
    struct {
        void (*handler)(void);
        unsigned long flags;
        void (*restorer)(void);
        uint32_t mask[2];
    } action = {handler, SA_FLAGS, restorer, {0, 0}};
    must(call(SYS_rt_sigaction, (greg)signal, (greg)&action, 0, sizeof action.mask, 0),
         "oracle: sigaction\n");
}

static void map(greg addr, greg bytes, const char *text) {
    must(call(SYS_mmap, addr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE_FIXED, (greg)-1), text);
}

static void set_up(void) {
    be_alone((greg)&__executable_start & ~PAGE_MASK, ((greg)&_end + PAGE_MASK) & ~PAGE_MASK);
    must(call(SYS_mmap, SHARED_ADDR, (sizeof(struct batch) + PAGE_MASK) & ~PAGE_MASK,
              PROT_READ | PROT_WRITE, MAP_SHARED_FIXED, 3),
         "oracle: no batch on descriptor 3\n");
    map(CODE_ADDR, CODE_BYTES, "oracle: code\n");
    map(RO_ADDR, RO_BYTES, "oracle: read-only data\n");
    for (int i = 0; i < AREAS; i++) {
        map(areas[i].addr, areas[i].bytes, "oracle: data\n");
    }
    const greg stack[3] = {(greg)alt_stack, 0, sizeof alt_stack};
    must(call(SYS_sigaltstack, (greg)stack, 0, 0, 0, 0), "oracle: sigaltstack\n");
    static const int traps[] = {SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV};
    for (unsigned i = 0; i < sizeof traps / sizeof traps[0]; i++) {
        install(traps[i], on_trap);
    }
    install(SIGVTALRM, on_alarm);
    static const greg timer[4] = {0, 500000, 0, 500000};
    const int virtual = 1; /* time on the processor: a busy machine makes no case run for ever */
    must(call(SYS_setitimer, virtual, (greg)timer, 0, 0, 0), "oracle: setitimer\n");
}

static void protect(greg addr, greg bytes, greg prot) {
    must(call(SYS_mprotect, addr, bytes, prot, 0, 0), "oracle: mprotect\n");
}

static void load_batch(void) {
    protect(CODE_ADDR, CODE_BYTES, PROT_READ | PROT_WRITE);
    protect(RO_ADDR, RO_BYTES, PROT_READ | PROT_WRITE);
    greg end = CODE_ADDR;
    for (uint32_t i = 0; i < shared->count; i++) {
        greg last = shared->cases[i].code_at + CODE_MAX;
        end = last > end ? last : end;
    }
    memset((void *)CODE_ADDR, 0xcc, end - CODE_ADDR);
    for (uint32_t i = 0; i < shared->count; i++) {
        memcpy((void *)shared->cases[i].code_at, shared->cases[i].code, shared->cases[i].code_len);
    }
    memcpy((void *)RO_ADDR, shared->ro, RO_BYTES);
    for (int i = 0; i < AREAS; i++) {
        memcpy((void *)areas[i].addr, (uint8_t *)shared + areas[i].image, areas[i].bytes);
        memcpy(start[i], (uint8_t *)shared + areas[i].image, areas[i].bytes);
    }
    protect(CODE_ADDR, CODE_BYTES, PROT_READ | PROT_EXEC);
    protect(RO_ADDR, RO_BYTES, PROT_READ);
}

/* Lays the case's patches over memory and the start image, or takes them away again. */
static void patch_image(const struct tcase *test, int undo) {
    for (uint32_t i = 0; i < test->patches; i++) {
        const struct patch *p = &test->patch[i];
        for (uint32_t k = 0; k < p->len; k++) {
            for (int a = 0; a < AREAS; a++) {
                greg addr = p->addr + k, at = addr - areas[a].addr;
                const uint8_t *image = (const uint8_t *)shared + areas[a].image;
                if (at < areas[a].bytes) {
                    start[a][at] = *(uint8_t *)addr = undo ? image[at] : p->bytes[k];
                }
            }
        }
    }
}

static void run_case(void) {
    const struct tcase *test = &shared->cases[shared->next[SIDE_ORACLE]];
    struct tresult *result = &shared->results[SIDE_ORACLE][shared->next[SIDE_ORACLE]];
    memset(result, 0, __builtin_offsetof(struct tresult, change_addr));
    patch_image(test, 0);
    fill_fx(&test->fp);
    memcpy(enter_upper, test->upper, sizeof enter_upper);
    memcpy(enter_regs, test->regs, sizeof enter_regs);
    enter_ip = test->code_at;
    enter_flags = test->eflags | 0x202;
    set_segments();
    in_guest = 1;
    oracle_enter();
    for (int i = 0; i < AREAS; i++) {
        collect_changes(result, (uint8_t *)areas[i].addr, start[i], areas[i].addr, areas[i].bytes);
    }
    patch_image(test, 1);
}

_Noreturn void oracle_main(void) {
    set_up();
    has_upper = find_upper();
    for (;;) {
        char byte;
        long got = call(SYS_read, 0, (greg)&byte, 1, 0, 0);
        if (got == -4) { /* EINTR: the tick */
            continue;
        }
        if (got != 1) {
            call(SYS_exit, got < 0, 0, 0, 0, 0);
        }
        load_batch();
        for (; shared->next[SIDE_ORACLE] < shared->count; shared->next[SIDE_ORACLE]++) {
            run_case();
        }
        while (call(SYS_write, 1, (greg)&byte, 1, 0, 0) == -4) {
        }
    }
}
