/* An interpreter loop: a small stack machine that computes primes and Collatz lengths. */
#include "common.h"

enum op { PUSH, LOAD, STORE, ADD, SUB, MUL, MOD, SHR, LESS, EQUAL, JUMP, BRANCH, HALT };

/* sum = 0; for (i = 2; i < limit; i++) { n = i; while (n != 1) { n = n % 2 ? 3n+1 : n/2; sum++; } }
 */
static const int code[] = {
    PUSH,          0, STORE, 0, PUSH,  2,      STORE, 1,
    /* 8 */ LOAD,  1, LOAD,  3, LESS,  BRANCH, 58,
    /* 15 */ LOAD, 1, STORE, 2,
    /* 19 */ LOAD, 2, PUSH,  1, EQUAL, PUSH,   0,     EQUAL, BRANCH, 49,
    /* 29 */ LOAD, 2, PUSH,  2, MOD,   BRANCH, 59,
    /* 36 */ LOAD, 2, PUSH,  3, MUL,   PUSH,   1,     ADD,   STORE,  2,  JUMP, 66,
    /* 48 */ HALT,
    /* 49 */ LOAD, 1, PUSH,  1, ADD,   STORE,  1,     JUMP,  8,
    /* 58 */ HALT,
    /* 59 */ LOAD, 2, PUSH,  1, SHR,   STORE,  2,
    /* 66 */ LOAD, 0, PUSH,  1, ADD,   STORE,  0,     JUMP,  19,
};

static int run(int limit) {
    int stack[32], vars[4] = {0, 0, 0, limit}, *sp = stack;
    for (const int *pc = code;;) {
        switch ((enum op) * pc++) {
        case PUSH:
            *sp++ = *pc++;
            break;
        case LOAD:
            *sp++ = vars[*pc++];
            break;
        case STORE:
            vars[*pc++] = *--sp;
            break;
        case ADD:
            sp--;
            sp[-1] += sp[0];
            break;
        case SUB:
            sp--;
            sp[-1] -= sp[0];
            break;
        case MUL:
            sp--;
            sp[-1] *= sp[0];
            break;
        case MOD:
            sp--;
            sp[-1] %= sp[0];
            break;
        case SHR:
            sp--;
            sp[-1] = (int)((unsigned)sp[-1] >> sp[0]);
            break;
        case LESS:
            sp--;
            sp[-1] = sp[-1] < sp[0];
            break;
        case EQUAL:
            sp--;
            sp[-1] = sp[-1] == sp[0];
            break;
        case JUMP:
            pc = code + *pc;
            break;
        case BRANCH:
            pc = *--sp ? pc + 1 : code + *pc;
            break;
        case HALT:
            return vars[0];
        }
    }
}

int main(int argc, char **argv) {
    printf("%d\n", run(rounds(argc, argv, 40000)));
}
