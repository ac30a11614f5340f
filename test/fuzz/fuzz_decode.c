/* Fuzzer of the decoder and of what comes after it: hostile bytes are decoded at the very end of
 * readable memory, lowered, and run. Nothing may crash, read beyond its bytes or contradict itself.
 *
 *   fuzz_decode [--count N] [--seed N] [--keep FILE] CORPUS...
 *
 * Inputs are the corpus files and mutations of them; the one at work is kept in FILE (default:
 * none), so that a crash can be replayed: fuzz_decode --count 0 FILE. */
#include "core/run/run.h"
#include "core/build/block.h"
#include "core/cpu/cpu.h"
#include "core/host/host.h"
#include "core/decode/insn.h"
#include "core/space/space.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

#define INPUT_MAX  256
#define CODE       0x10000000u
#define DATA       0x20000000u
#define CORPUS_MAX 256

struct input {
    uint8_t bytes[INPUT_MAX];
    size_t size;
};

static uint8_t *guarded; /* a page with nothing behind it */
static struct cpu *cpu;
static struct space *space;
static uint64_t random_state = 1;

static uint64_t random64(void) {
    uint64_t z = (random_state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static void complain(const struct input *input, size_t at, const char *what) {
    fprintf(stderr, "fuzz_decode: %s at %zu of", what, at);
    for (size_t i = 0; i < input->size; i++) {
        fprintf(stderr, " %02x", input->bytes[i]);
    }
    fprintf(stderr, "\n");
    abort();
}

/* One instruction: what is promised of decode() for any bytes. */
static void check_decode(const struct input *input, size_t at) {
    size_t size = input->size - at;
    uint8_t *bytes = guarded + PAGE_BYTES - size;
    memcpy(bytes, input->bytes + at, size);
    struct insn insn, again;
    enum decode_status status = decode(&insn, GUEST_I386, CODE + at, bytes, size);
    if (insn.len > INSN_MAX_BYTES || insn.len > size) {
        complain(input, at, "length");
    }
    if (status == DECODE_OK && (!insn.row || insn.row >= row_count || !insn.variant ||
                                insn.variant >= variant_count || !insn.len)) {
        complain(input, at, "row or variant");
    }
    if (status == DECODE_MORE && size >= INSN_MAX_BYTES) {
        complain(input, at, "wants more than an instruction has");
    }
    if (status != DECODE_OK) {
        return;
    }
    /* the same from just its own bytes, at the end of memory */
    bytes = guarded + PAGE_BYTES - insn.len;
    memcpy(bytes, input->bytes + at, insn.len);
    if (decode(&again, GUEST_I386, CODE + at, bytes, insn.len) != DECODE_OK ||
        memcmp(&insn, &again, sizeof insn) != 0) {
        complain(input, at, "another answer from fewer bytes");
    }
    if (insn.len > 1 &&
        decode(&again, GUEST_I386, CODE + at, input->bytes + at, insn.len - 1u) != DECODE_MORE) {
        complain(input, at, "a part is an instruction");
    }
}

/* The block that begins with the input, lowered in every way. */
static void check_lower(const struct input *input) {
    static struct block block;
    static struct lowered low;
    memset(&block, 0, sizeof block);
    block.pc = CODE;
    size_t at = 0;
    while (at < input->size && block.count < FIBER_MAX_INSNS) {
        struct insn *insn = &block.insn[block.count];
        block.last = decode(insn, GUEST_I386, CODE + at, input->bytes + at, input->size - at);
        if (block.last == DECODE_MORE) {
            break;
        }
        block.count++;
        at += insn->len;
        if (block.last != DECODE_OK || variants[insn->variant].end != BLOCK_GOES_ON) {
            break;
        }
    }
    if (block.count == 0) {
        return;
    }
    if (block.last == DECODE_MORE) {
        block.last = DECODE_OK;
    }
    block.end = CODE + at;
    for (int way = 0; way < 3; way++) {
        block.checked = way == 1;
        if (way == 2) {
            block.count = 1;
        }
        lower_block(&low, &block, way == 2);
        if (low.slots == 0 || low.slots > sizeof low.slot / sizeof low.slot[0]) {
            complain(input, 0, "slots");
        }
        if (!low.slot[0]) {
            complain(input, 0, "no gadget");
        }
    }
}

/* Runs the input as code of a hostile guest: for a while, from each kind of memory. */
static void check_run(const struct input *input) {
    if (guest_write(space, DATA + 0x800, input->bytes, input->size) ||
        guest_write(space, CODE + PAGE_BYTES - input->size / 2, input->bytes, input->size)) {
        complain(input, 0, "guest_write");
    }
    for (int i = 0; i < 8; i++) {
        cpu->regs[i] = random64() % 4 ? DATA + random64() % 0x3000 : (uint32_t)random64();
    }
    cpu->pc = CODE + PAGE_BYTES - input->size / 2;
    cpu_set_eflags(cpu, 0x202 | (uint32_t)(random64() & 0xcd5));
    for (int exits = 0; exits < 4; exits++) {
        cpu->insn_budget = random64() % 2 ? 40 : 0;
        enum exit_reason reason = cpu_run(cpu);
        cpu_kick_clear(cpu);
        if (reason == EXIT_KICKED || cpu->regs[REG_SP] >> 32 || cpu->pc >> 32) {
            break;
        }
        cpu->pc = (uint32_t)(cpu->pc + 1 + random64() % 3); /* on, behind what trapped */
    }
    for (int i = 0; i < 8; i++) {
        if (cpu->regs[i] >> 32) {
            complain(input, 0, "a register of more than 32 bits");
        }
    }
    if (cpu->pc >> 32) {
        complain(input, 0, "a pc of more than 32 bits");
    }
}

/* Kicks a guest that runs for ever. */
static void on_alarm(int signal) {
    (void)signal;
    cpu_kick(cpu);
}

/* Microseconds of real time until on_alarm(), again and again. */
static void limit_time(long after) {
    struct itimerval timer = {{0, after}, {0, after}};
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void mutate(struct input *to, const struct input *from, const struct input *other) {
    *to = *from;
    for (uint64_t n = 1 + random64() % 6; n > 0; n--) {
        size_t at = random64() % to->size;
        static const uint8_t common[] = {0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x0f, 0x64, 0x2e,
                                         0x04, 0x05, 0xff, 0xc0, 0x80, 0x00, 0xd9, 0x8b};
        switch (random64() % 6) {
        case 0:
            to->bytes[at] = (uint8_t)random64();
            break;
        case 1:
            to->bytes[at] ^= (uint8_t)(1u << random64() % 8);
            break;
        case 2:
            to->bytes[at] = common[random64() % sizeof common];
            break;
        case 3: /* insert */
            if (to->size < INPUT_MAX) {
                memmove(to->bytes + at + 1, to->bytes + at, to->size - at);
                to->bytes[at] = common[random64() % sizeof common];
                to->size++;
            }
            break;
        case 4: /* remove */
            if (to->size > 1) {
                memmove(to->bytes + at, to->bytes + at + 1, to->size - at - 1);
                to->size--;
            }
            break;
        default: { /* splice */
            size_t from_at = random64() % other->size, count = random64() % 16 + 1;
            while (count > other->size - from_at || count > to->size - at) {
                count--;
            }
            memcpy(to->bytes + at, other->bytes + from_at, count);
        }
        }
    }
}

static void check(const struct input *input) {
    for (size_t at = 0; at < input->size; at++) {
        check_decode(input, at);
    }
    check_lower(input);
    check_run(input);
}

static void set_up(void) {
    engine_init();
    guarded =
        mmap(NULL, 2 * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cpu = cpu_create(GUEST_I386);
    space = space_create(GUEST_I386, 0);
    if (guarded == MAP_FAILED || munmap(guarded + PAGE_BYTES, PAGE_BYTES) || !cpu || !space ||
        space_map(space, CODE, 2 * PAGE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC, false, -1, 0,
                  NULL) ||
        space_map(space, DATA, 4 * PAGE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC, false, -1, 0,
                  NULL)) {
        perror("fuzz_decode");
        exit(2);
    }
    cpu->space = space;
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
}

int main(int argc, char **argv) {
    static struct input corpus[CORPUS_MAX];
    uint64_t count = 200000;
    const char *keep = NULL;
    size_t inputs = 0;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--count") && i + 1 < argc) {
            count = strtoull(argv[++i], NULL, 0);
        } else if (!strcmp(argv[i], "--seed") && i + 1 < argc) {
            random_state = strtoull(argv[++i], NULL, 0);
        } else if (!strcmp(argv[i], "--keep") && i + 1 < argc) {
            keep = argv[++i];
        } else if (inputs < CORPUS_MAX) {
            FILE *file = fopen(argv[i], "rb");
            struct input *input = &corpus[inputs];
            if (!file) {
                perror(argv[i]);
                return 2;
            }
            input->size = fread(input->bytes, 1, INPUT_MAX, file);
            fclose(file);
            inputs += input->size != 0;
        }
    }
    if (inputs == 0) {
        corpus[0].size = 64;
        for (size_t i = 0; i < 64; i++) {
            corpus[0].bytes[i] = (uint8_t)random64();
        }
        inputs = 1;
    }
    set_up();
    struct input *shared = NULL;
    int fd = keep ? open(keep, O_RDWR | O_CREAT | O_TRUNC, 0644) : -1;
    if (keep && fd < 0) {
        perror(keep);
        return 2;
    }
    if (fd >= 0 && ftruncate(fd, INPUT_MAX) == 0) {
        shared = mmap(NULL, INPUT_MAX, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    for (uint64_t k = 0; k < inputs + count; k++) {
        struct input input = corpus[k % inputs];
        if (k >= inputs) {
            mutate(&input, &corpus[random64() % inputs], &corpus[random64() % inputs]);
        }
        if (shared && shared != MAP_FAILED) /* bytes alone: the file is an input again */
        {
            memcpy(shared, input.bytes, INPUT_MAX);
        }
        limit_time(20000);
        check(&input);
        if (k >= inputs && random64() % 64 == 0) /* wander */
        {
            corpus[random64() % inputs] = input;
        }
    }
    limit_time(0);
    printf("ok fuzz_decode\nnote %zu corpus files and %llu mutations decoded, lowered and run\n",
           inputs, (unsigned long long)count);
    return 0;
}
