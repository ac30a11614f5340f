/* Runs a piece of i386 machine code with libfiberglass, and serves its system calls.
 *
 *     cc run_code.c -o run_code $(pkg-config --cflags --libs fiberglass)
 *
 * The code prints a line with write(2), then computes 20! modulo 2^32, reads an address that is not
 * mapped, and leaves with exit(2), if someone has mapped it by then. */
#include <fiberglass.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { CODE = 0x10000, STACK = 0x20000, MISSING = 0x30000, PAGE = 0x1000 };
enum { EAX, ECX, EDX, EBX, ESP };

static const uint8_t code[] = {
    0xb8, 0x04, 0,    0,    0,          /* mov  eax, 4 (write) */
    0xbb, 0x01, 0,    0,    0,          /* mov  ebx, 1 */
    0xb9, 0x30, 0x00, 0x01, 0,          /* mov  ecx, text */
    0xba, 0x06, 0,    0,    0,          /* mov  edx, 6 */
    0xcd, 0x80,                         /* int  0x80 */
    0xb9, 0x14, 0,    0,    0,          /* mov  ecx, 20 */
    0xb8, 0x01, 0,    0,    0,          /* mov  eax, 1 */
    0xf7, 0xe1,                         /* again: mul ecx */
    0xe2, 0xfc,                         /* loop again */
    0x8b, 0x1d, 0x00, 0x00, 0x03, 0x00, /* mov  ebx, [0x30000] */
    0x96,                               /* xchg esi, eax */
    0x6a, 0x01, 0x58,                   /* push 1; pop eax (exit) */
    0xcd, 0x80,                         /* int  0x80 */
    'h',  'e',  'l',  'l',  'o',  '\n', /* text */
};

/* One line for each instruction of the code. */
static void list(void) {
    const char *name;
    for (size_t at = 0; at < sizeof(code) - 6;) {
        int len = fg_decode(FG_MODE_I386, code + at, sizeof(code) - at, &name);
        if (len < 0) {
            return;
        }
        printf("%05zx  %d bytes  %s\n", CODE + at, len, name);
        at += (size_t)len;
    }
}

/* Serves a system call; false: exit. */
static bool serve(struct fg_space *space, struct fg_registers *regs) {
    char text[64];
    size_t len = regs->general[EDX] < sizeof(text) ? regs->general[EDX] : sizeof(text);
    switch (regs->general[EAX]) {
    case 1:
        return false;
    case 4: /* every descriptor is standard output here */
        if (fg_space_read(space, text, regs->general[ECX], len) != 0) {
            regs->general[EAX] = (uint32_t)-14; /* EFAULT of the guest */
        } else {
            regs->general[EAX] = fwrite(text, 1, len, stdout);
        }
        return true;
    default:
        regs->general[EAX] = (uint32_t)-38; /* ENOSYS */
        return true;
    }
}

static int run(struct fg_space *space, struct fg_cpu *cpu) {
    struct fg_registers regs = {.pc = CODE, .general = {[ESP] = STACK + PAGE}};
    fg_cpu_set(cpu, &regs);
    for (;;) {
        struct fg_exit end = fg_cpu_run(cpu, 0);
        fg_cpu_get(cpu, &regs);
        if (end.kind == FG_EXIT_SYSCALL) {
            if (!serve(space, &regs)) {
                printf("exit: esi = %u, ebx = %u\n", (unsigned)regs.general[6],
                       (unsigned)regs.general[EBX]);
                return 0;
            }
            fg_cpu_set(cpu, &regs);
        } else if (end.kind == FG_EXIT_TRAP && end.vector == 14 && end.address == MISSING) {
            printf("page fault at pc %x, address %x: mapped now\n", (unsigned)regs.pc,
                   (unsigned)end.address);
            if (fg_space_map(space, MISSING, PAGE, PROT_READ) != 0) {
                return 1;
            }
        } else {
            printf("kind %d, vector %u at pc %x\n", end.kind, end.vector, (unsigned)regs.pc);
            return 1;
        }
    }
}

int main(void) {
    list();
    struct fg_space *space = fg_space_new(FG_MODE_I386);
    struct fg_cpu *cpu = space ? fg_cpu_new(space) : NULL;
    int status = 1;
    if (!cpu || fg_space_map(space, CODE, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) != 0 ||
        fg_space_map(space, STACK, PAGE, PROT_READ | PROT_WRITE) != 0 ||
        fg_space_write(space, CODE, code, sizeof(code)) != 0) {
        fprintf(stderr, "no memory for a guest\n");
    } else {
        status = run(space, cpu);
    }
    fg_cpu_free(cpu);
    fg_space_free(space);
    return status;
}
