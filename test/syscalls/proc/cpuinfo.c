/* /proc/cpuinfo says what CPUID says; natively it may be the hypervisor's word against the
 * kernel's. test: self */
#include <cpuid.h>
#include <stdio.h>
#include <string.h>

static unsigned leaf(unsigned number, unsigned reg) {
    unsigned out[4];
    __cpuid(number, out[0], out[1], out[2], out[3]);
    return out[reg];
}

static int wrong;

static void expect(const char *what, int truth) {
    if (!truth) {
        printf("%s differs\n", what);
        wrong = 1;
    }
}

int main(void) {
    char line[4096], vendor[13] = "", name[49] = "", word[64];
    unsigned id = leaf(1, 0), value, family = (id >> 8 & 15) + (id >> 20 & 255),
             model = (id >> 4 & 15) | (id >> 12 & 0xf0), text[12], seen = 0;
    FILE *file = fopen("/proc/cpuinfo", "r");
    text[0] = leaf(0, 1), text[1] = leaf(0, 3), text[2] = leaf(0, 2);
    memcpy(vendor, text, 12);
    for (unsigned i = 0; i < 12; i++) {
        text[i] = leaf(0x80000002 + i / 4, i % 4);
    }
    memcpy(name, text, 48);
    while (fgets(line, sizeof line, file) && line[0] != '\n') {
        char *at = strstr(line, ": ");
        at = at ? at + 2 : line;
        if (sscanf(line, "vendor_id : %63s", word) == 1) {
            expect("vendor", !strcmp(word, vendor));
        } else if (sscanf(line, "cpu family : %u", &value) == 1) {
            expect("family", value == family);
        } else if (sscanf(line, "model : %u", &value) == 1) {
            expect("model", value == model);
        } else if (!strncmp(line, "model name", 10)) {
            line[strcspn(line, "\n")] = 0;
            expect("name", !strncmp(at, name + strspn(name, " "), strlen(at)));
        } else if (sscanf(line, "stepping : %u", &value) == 1) {
            expect("stepping", value == (id & 15));
        } else if (sscanf(line, "cpuid level : %u", &value) == 1) {
            expect("level", value == leaf(0, 0));
        }
        seen++;
    }
    expect("more", seen > 10);
    return wrong;
}
