/* The engine's side of a batch: runs the cases through the library as the oracle runs them on the
 * CPU. A process of its own, so that a crash of the engine costs one case and is a result too. */
#include "test/insn/forms.h"
#include "test/insn/runner.h"

#include "core/base/debug.h"
#include "core/run/run.h"
#include "core/cpu/cpu.h"
#include "core/fiberglass.h"
#include "core/host/host.h"
#include "core/space/space.h"
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static struct cpu *cpu;
static struct space *space;
static struct batch *shared;
static _Atomic uint32_t in_guest;
static uint8_t start[AREAS][AREA_MAX];

static _Noreturn void die(const char *what, int result) {
    fprintf(stderr, "engine side: %s: %s\n", what, strerror(-result));
    exit(99);
}

static void must(int result, const char *what) {
    if (result < 0) {
        die(what, result);
    }
}

#if CASE_BITS == 32
#define MODE GUEST_I386
/* A flat 32-bit data descriptor with a base, as set_thread_area would make it. */
static uint64_t descriptor(uint32_t base) {
    uint64_t low = 0xffff | (uint64_t)(base & 0xffffff) << 16;
    return low | UINT64_C(0x00dff3) << 40 | (uint64_t)(base >> 24) << 56;
}
#else
#define MODE GUEST_X86_64
#endif

static void map_fresh(greg addr, uint32_t bytes) {
    must(space_map(space, addr, bytes, PROT_READ | PROT_WRITE, false, -1, 0, NULL), "space_map");
}

static double busy_seconds(clockid_t clock) {
    struct timespec t = {0};
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Ends a case that has run for a second: of its thread's time on a processor, as the oracle counts,
 * so that a busy machine makes no case run for ever. */
static void *tick(void *clock) {
    uint32_t last_case = UINT32_MAX;
    double since = 0;
    for (;;) {
        usleep(250000);
        double busy = busy_seconds(*(clockid_t *)clock);
        uint32_t now = shared->next[SIDE_ENGINE];
        if (!in_guest || now != last_case) {
            last_case = now;
            since = busy;
        } else if (busy - since > 1) {
            cpu_kick(cpu);
        }
    }
    return NULL;
}

static _Atomic bool kick_stop;

/* Kicks again when the last kick was taken: signals sent without end would queue up until the cpu
 * does nothing but take them. */
static void *kicker(void *unused) {
    while (!kick_stop) {
        if (in_guest && !atomic_load(&cpu->kicked)) {
            cpu_kick(cpu);
        }
    }
    return unused;
}

#if CASE_BITS == 64
/* Memory of this process at random places, as other libraries' would be; a page of it is never
 * written by a guest. A read is seen by the case, which does not fault then. */
static void make_canaries(void) {
    struct random r = {(uint64_t)time(NULL)};
    shared->window = (uint64_t)(uintptr_t)space_ptr(space, 0);
    shared->window_bits = space->bits;
    for (int i = 0; i < CANARIES; i++) {
        void *hint = i ? (void *)(uintptr_t)((random64(&r) >> 17) & ~UINT64_C(0xffff)) : NULL;
        uint8_t *at = mmap(hint, CANARY_BYTES, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (at == MAP_FAILED) {
            die("canary", -errno);
        }
        memset(at, 0xa5, CANARY_BYTES);
        shared->canary[i] = (uint64_t)(uintptr_t)at;
    }
}

static void check_canaries(void) {
    for (int i = 0; i < CANARIES; i++) {
        const uint8_t *at = (const uint8_t *)(uintptr_t)shared->canary[i];
        for (uint32_t k = 0; k < CANARY_BYTES; k++) {
            if (at[k] != 0xa5) {
                fprintf(stderr, "engine side: a guest wrote to the emulator's memory at %p\n",
                        at + k);
                exit(98);
            }
        }
    }
}
#endif

/* A space with a large window, or one of 64 GiB: where the host gives no more. */
static struct space *make_space(void) {
    struct rlimit old, little = {(rlim_t)512 << 30, RLIM_INFINITY};
    getrlimit(RLIMIT_AS, &old);
    little.rlim_max = old.rlim_max;
    if (getenv("INSN_SMALL_WINDOW")) {
        setrlimit(RLIMIT_AS, &little);
    }
    struct space *made = space_create(MODE, 0);
    setrlimit(RLIMIT_AS, &old);
    return made;
}

static void set_up(void) {
    engine_init();
    const char *tier = getenv("FG_TIER");
    int refused = tier ? fg_set_tier(tier, 0) : 0;
    if (refused) {
        die("fg_set_tier", refused);
    }
    cpu = cpu_create(MODE);
    space = make_space();
    if (!cpu || !space) {
        die("cpu_create or space_create", -errno);
    }
    cpu->space = space;
    fg_debug.wide = getenv("INSN_WIDE") != NULL; /* as if each operand were beyond the window */
    if (fg_debug.wide &&
        space_map(space, (gaddr_t)1 << 46, PAGE_BYTES, PROT_NONE, false, -1, 0, NULL)) {
        die("space_map beyond the window", -errno);
    }
    map_fresh(RO_ADDR, RO_BYTES);
    for (int i = 0; i < AREAS; i++) {
        map_fresh(areas[i].addr, areas[i].bytes);
    }
#if CASE_BITS == 32
    cpu->tls_desc[0] = descriptor(FS_BASE);
    cpu->tls_desc[1] = descriptor(GS_BASE);
#endif
#if CASE_BITS == 64
    make_canaries();
#endif
    pthread_t thread;
    static clockid_t clock;
    pthread_getcpuclockid(pthread_self(), &clock);
    pthread_create(&thread, NULL, tick, &clock);
}

static void load_batch(void) {
    /* New pages: whatever was compiled from the old ones goes. */
    must(space_map(space, CODE_ADDR, CODE_BYTES, PROT_READ | PROT_WRITE,
                   shared->mode == MODE_CHECKED, -1, 0, NULL),
         "space_map");
    greg end = CODE_ADDR;
    for (uint32_t i = 0; i < shared->count; i++) {
        greg last = shared->cases[i].code_at + CODE_MAX;
        end = last > end ? last : end;
    }
    memset(space_ptr(space, CODE_ADDR), 0xcc, end - CODE_ADDR);
    for (uint32_t i = 0; i < shared->count; i++) {
        memcpy(space_ptr(space, shared->cases[i].code_at), shared->cases[i].code,
               shared->cases[i].code_len);
    }
    must(space_protect(space, CODE_ADDR, CODE_BYTES, PROT_READ | PROT_EXEC), "space_protect");
    must(space_protect(space, RO_ADDR, RO_BYTES, PROT_READ | PROT_WRITE), "space_protect");
    memcpy(space_ptr(space, RO_ADDR), shared->ro, RO_BYTES);
    for (int i = 0; i < AREAS; i++) {
        const uint8_t *image = (const uint8_t *)shared + areas[i].image;
        memcpy(space_ptr(space, areas[i].addr), image, areas[i].bytes);
        memcpy(start[i], image, areas[i].bytes);
    }
    must(space_protect(space, RO_ADDR, RO_BYTES, PROT_READ), "space_protect");
}

static void patch_image(const struct tcase *test, bool undo) {
    for (uint32_t i = 0; i < test->patches; i++) {
        const struct patch *p = &test->patch[i];
        for (uint32_t k = 0; k < p->len; k++) {
            for (int a = 0; a < AREAS; a++) {
                greg addr = p->addr + k, at = addr - areas[a].addr;
                const uint8_t *image = (const uint8_t *)shared + areas[a].image;
                if (at < areas[a].bytes) {
                    uint8_t *live = space_ptr(space, addr);
                    start[a][at] = *live = undo ? image[at] : p->bytes[k];
                }
            }
        }
    }
}

static void load_state(const struct tcase *test) {
    static const uint16_t selectors[SEG_COUNT] = {SEL_FLAT, SEL_CODE, SEL_DATA,
                                                  SEL_FLAT, SEL_FS,   SEL_GS};
    for (int i = 0; i < SEG_COUNT; i++) {
        if (cpu->seg[i].selector != selectors[i] && cpu_load_segment(cpu, i, selectors[i])) {
            die("cpu_load_segment refuses a selector", -EINVAL);
        }
    }
#if CASE_BITS == 64
    cpu->seg[SEG_FS].base = FS_BASE;
    cpu->seg[SEG_GS].base = GS_BASE;
#endif
    for (int i = 0; i < REGS; i++) {
        cpu->regs[i] = test->regs[i];
    }
    cpu->pc = test->code_at;
    cpu_set_eflags(cpu, test->eflags | 0x202);
    const struct fp_state *fp = &test->fp;
    memset(cpu->fx, 0, sizeof cpu->fx);
    memcpy(cpu->fx, &fp->fcw, 2);
    memcpy(cpu->fx + 2, &fp->fsw, 2);
    memcpy(cpu->fx + 4, &fp->ftw, 1);
    memcpy(cpu->fx + 24, &fp->mxcsr, 4);
    memcpy(cpu->fx + 32, fp->st, sizeof fp->st);
    memcpy(cpu->fx + 160, fp->xmm, sizeof fp->xmm);
    cpu_fpu_dirty(cpu);
    uint8_t upper[16][16] = {0};
    memcpy(upper, test->upper, sizeof test->upper);
    cpu_upper_load(cpu, upper);
}

static void save_state(struct tresult *result) {
    uint8_t upper[16][16];
    cpu_upper_save(cpu, upper);
    memcpy(result->upper, upper, sizeof result->upper);
    cpu_fpu_save(cpu);
    struct fp_state *fp = &result->fp;
    memcpy(&fp->fcw, cpu->fx, 2);
    memcpy(&fp->fsw, cpu->fx + 2, 2);
    fp->ftw = cpu->fx[4];
    memcpy(&fp->mxcsr, cpu->fx + 24, 4);
    memcpy(fp->st, cpu->fx + 32, sizeof fp->st);
    memcpy(fp->xmm, cpu->fx + 160, sizeof fp->xmm);
    for (int i = 0; i < 8; i++) {
        memset(fp->st[i] + 10, 0, 6);
    }
    for (int i = 0; i < REGS; i++) {
        result->regs[i] = (greg)cpu->regs[i];
    }
    for (int i = 0; i < SEG_COUNT; i++) {
        result->seg[i] = cpu->seg[i].selector;
    }
#if CASE_BITS == 64
    for (int i = 0; i < SEG_COUNT; i++) { /* as oracle_mode64.h reads null selectors */
        result->seg[i] = result->seg[i] & ~3 ? result->seg[i] : 0;
    }
    result->base[0] = cpu->seg[SEG_FS].base;
    result->base[1] = cpu->seg[SEG_GS].base;
#endif
    result->eip = (greg)cpu->pc;
    result->eflags = cpu_eflags(cpu);
}

static void run_case(uint32_t number) {
    const struct tcase *test = &shared->cases[number];
    struct tresult *result = &shared->results[SIDE_ENGINE][number];
    memset(result, 0, offsetof(struct tresult, change_addr));
    result->status = RESULT_CRASHED; /* what remains if we do not come back */
    patch_image(test, false);
    load_state(test);
    cpu->insn_budget = shared->mode == MODE_STEPS ? 100000 : 0;
    in_guest = 1;
    enum exit_reason reason = cpu_run(cpu);
    for (int kicks = 0; shared->mode == MODE_KICKS && reason == EXIT_KICKED && kicks < 5000;
         kicks++) {
        cpu_kick_clear(cpu);
        reason = cpu_run(cpu);
    }
    in_guest = 0;
    cpu_kick_clear(cpu);
    save_state(result);
    result->status = reason == EXIT_KICKED ? RESULT_TIMEOUT : RESULT_DONE;
    result->trap = reason == EXIT_TRAP ? cpu->trap : 0x80; /* cases make no system calls */
    result->error = cpu->trap_error;
    result->addr = result->trap == TRAP_PF ? (greg)cpu->trap_addr : 0;
    for (int i = 0; i < AREAS; i++) {
        collect_changes(result, space_ptr(space, areas[i].addr), start[i], areas[i].addr,
                        areas[i].bytes);
    }
    patch_image(test, true);
}

void engine_side(struct batch *batch, int in, int out) {
    shared = batch;
    set_up();
    char byte;
    while (read(in, &byte, 1) == 1) {
        load_batch();
        pthread_t thread;
        bool kicks = shared->mode == MODE_KICKS;
        kick_stop = false;
        if (kicks) {
            pthread_create(&thread, NULL, kicker, NULL);
        }
        for (; shared->next[SIDE_ENGINE] < shared->count; shared->next[SIDE_ENGINE]++) {
            run_case(shared->next[SIDE_ENGINE]);
        }
#if CASE_BITS == 64
        check_canaries();
#endif
        kick_stop = true;
        if (kicks) {
            pthread_join(thread, NULL);
        }
        if (write(out, &byte, 1) != 1) {
            break;
        }
    }
    _exit(0);
}
