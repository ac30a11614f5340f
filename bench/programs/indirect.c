/* Indirect calls and jumps: tables of functions, a switch, objects with methods. */
#include "common.h"

typedef uint32_t step(uint32_t);
#define STEP(n, e)                                                                                 \
    static __attribute__((noinline)) uint32_t step##n(uint32_t x) {                                \
        return e;                                                                                  \
    }
STEP(0, x + 1)
STEP(1, x ^ 0x55555555u)
STEP(2, x * 5)
STEP(3, x >> 1 | x << 31)
STEP(4, ~x)
STEP(5, x - 77)
STEP(6, x + (x >> 3))
STEP(7, x ^ (x << 7))
static step *const steps[] = {step0, step1, step2, step3, step4, step5, step6, step7};

struct object {
    const struct methods *methods;
    uint32_t value;
};
struct methods {
    void (*turn)(struct object *, uint32_t);
    uint32_t (*read)(const struct object *);
};
static void add(struct object *o, uint32_t v) {
    o->value += v;
}
static void mix(struct object *o, uint32_t v) {
    o->value = (o->value ^ v) * 3;
}
static uint32_t plain(const struct object *o) {
    return o->value;
}
static uint32_t turned(const struct object *o) {
    return o->value << 5 | o->value >> 27;
}
static const struct methods kinds[] = {{add, plain}, {mix, turned}, {add, turned}, {mix, plain}};

static __attribute__((noinline)) uint32_t choose(uint32_t x) {
    switch (x % 13) {
    case 0:
        return x + 3;
    case 1:
        return x * 7;
    case 2:
        return x ^ 99;
    case 3:
        return x - 1000;
    case 4:
        return x >> 2;
    case 5:
        return x << 1;
    case 6:
        return ~x;
    case 7:
        return x + x / 5;
    case 8:
        return x * x;
    case 9:
        return x ^ x >> 9;
    case 10:
        return x + 17;
    case 11:
        return x - 5;
    default:
        return x * 11 + 1;
    }
}

int main(int argc, char **argv) {
    struct object objects[64];
    uint32_t x = 1, state = 9;
    for (int i = 0; i < 64; i++)
        objects[i] = (struct object){&kinds[next_random(&state) % 4], (uint32_t)i};
    for (int r = rounds(argc, argv, 3000000); r > 0; r--) {
        x = steps[x & 7](x);
        x = steps[(uint32_t)r & 7](x);
        struct object *o = &objects[(x >> 4) & 63];
        o->methods->turn(o, x);
        x += o->methods->read(o);
        x = choose(x);
    }
    printf("%u\n", x);
}
