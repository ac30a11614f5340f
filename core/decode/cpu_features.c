/* Which CPUID features guests have: those that the spec has rows of (generated list) and the host
 * has, less what the run was told to leave out (--cpu, --host-features); what the host lacks and C
 * serves, where the run asks for it by name. */
#include "core/decode/cpu_features.h"
#include "core/cpu/xstate.h"
#include "core/decode/cpuid.h"
#include "core/host/host.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* By number; written before guests run. */
static bool left_out[256], host_lacks_it[256], asked_for[256];
static const struct cpuid_model *model;

bool cpuid_host_has(unsigned number) {
    static _Atomic uint8_t known[256]; /* 0: not asked yet, 1: there, 2: not; row.feature's range */
    if (number == 0) {
        return true;
    }
    const struct cpuid_feature *feature = &cpuid_feature_list[number - 1];
    uint8_t state = atomic_load_explicit(&known[number], memory_order_relaxed);
    if (state == 0) {
        state =
            host_has_feature(feature->leaf, feature->subleaf, feature->reg, feature->bit) ? 1 : 2;
        atomic_store_explicit(&known[number], state, memory_order_relaxed);
    }
    return state == 1 && !host_lacks_it[number] && cpuid_host_has(feature->needs);
}

bool cpuid_has(unsigned number) {
    if (number == 0) {
        return true;
    }
    const struct cpuid_feature *feature = &cpuid_feature_list[number - 1];
    return feature->complete && !left_out[number] &&
           (cpuid_host_has(number) || (asked_for[number] && feature->portable)) &&
           cpuid_has(feature->needs);
}

/* The number of a feature by either of its names, given with its length; 0: there is none. */
static unsigned find_feature(const char *name, size_t length) {
    for (unsigned i = 0; i < cpuid_feature_count; i++) {
        const struct cpuid_feature *feature = &cpuid_feature_list[i];
        const char *names[] = {feature->name, feature->also};
        for (unsigned n = 0; n < ARRAY_LEN(names); n++) {
            if (names[n] && strlen(names[n]) == length && !memcmp(names[n], name, length)) {
                return i + 1;
            }
        }
    }
    return 0;
}

bool cpuid_has_named(const char *name) {
    unsigned number = find_feature(name, strlen(name));
    return number && cpuid_has(number);
}

bool cpuid_has_long_mode(void) {
    return !model || model->long_mode;
}

uint32_t cpuid_signature(void) {
    return model ? model->signature : 0;
}

uint64_t cpuid_xcr0(void) {
    const uint64_t found = UINT64_C(1) << 63;
    static _Atomic uint64_t known; /* with `found`: every signal frame asks */
    uint64_t value = atomic_load_explicit(&known, memory_order_relaxed);
    if (!value) {
        value = found;
        if (cpuid_has_named("xsave")) {
            value |= XSTATE_X87 | XSTATE_SSE | (cpuid_has_named("avx") ? XSTATE_AVX : 0);
        }
        atomic_store_explicit(&known, value, memory_order_relaxed);
    }
    return value & ~found;
}

/* --- choosing -------------------------------------------------------------------------- */

struct sentence {
    char *to;
    size_t size, used;
};

static void say(struct sentence *sentence, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int length =
        vsnprintf(sentence->to + sentence->used, sentence->size - sentence->used, format, args);
    va_end(args);
    if (length > 0) {
        sentence->used += (size_t)length;
        if (sentence->used >= sentence->size) {
            sentence->used = sentence->size - 1;
        }
    }
}

/* Could the guest's processor have it, before it is chosen? */
static bool possible(unsigned number) {
    return cpuid_has(number) ||
           (cpuid_feature_list[number - 1].complete && cpuid_feature_list[number - 1].portable);
}

/* What a feature list may name: all that could be there, or with `host` all that is known. */
static int no_feature(struct sentence *why, const char *word, int length, bool host) {
    say(why, "no feature '%.*s' can be there; there are", length, word);
    for (unsigned i = 0; i < cpuid_feature_count; i++) {
        if (host || possible(i + 1)) {
            say(why, " %s", cpuid_feature_list[i].name);
        }
    }
    return -1;
}

static int no_model(struct sentence *why, const char *word, int length) {
    say(why, "no processor is called '%.*s'; there are", length, word);
    for (const struct cpuid_model *m = cpuid_models; m->name; m++) {
        say(why, " %s", m->name);
    }
    say(why, ", each with ,+FEATURE or ,-FEATURE after it");
    return -1;
}

static const struct cpuid_model *find_model(const char *name, size_t length) {
    for (const struct cpuid_model *m = cpuid_models; m->name; m++) {
        if (strlen(m->name) == length && !memcmp(m->name, name, length)) {
            return m;
        }
    }
    return NULL;
}

int cpuid_narrow(const char *text, bool host, char *to, size_t size) {
    struct sentence why = {.to = to, .size = size};
    bool in[256], asked[256] = {false};
    const struct cpuid_model *chosen = find_model("max", 3);
    bool named = *text != '+' && *text != '-';
    size_t length = strcspn(text, ",");
    if (named) {
        chosen = find_model(text, length);
        if (!chosen) {
            return no_model(&why, text, (int)length);
        }
        text += length + (text[length] == ',');
    }
    memset(in, !chosen->features, sizeof in);
    for (const uint8_t *feature = chosen->features; feature && *feature; feature++) {
        in[*feature] = true;
    }
    while (*text) {
        length = strcspn(text, ",");
        unsigned number = length > 1 ? find_feature(text + 1, length - 1) : 0;
        if (*text != '+' && *text != '-') {
            say(&why, "'%.*s' is not +FEATURE or -FEATURE", (int)length, text);
            return -1;
        }
        if (!number || (*text == '+' && !host && !possible(number))) {
            return no_feature(&why, text + 1, (int)length - 1, host);
        }
        in[number] = asked[number] = *text == '+';
        text += length + (text[length] == ',');
    }
    for (unsigned number = 1; number <= cpuid_feature_count; number++) {
        if (host) {
            host_lacks_it[number] |= !in[number];
        } else {
            left_out[number] |= !in[number];
            asked_for[number] |= in[number] && (named || asked[number]);
        }
    }
    for (unsigned number = 1; !host && number <= cpuid_feature_count; number++) {
        const struct cpuid_feature *feature = &cpuid_feature_list[number - 1];
        if (asked[number] && !cpuid_has(number)) {
            say(&why, "%s needs %s, which the processor does not have", feature->name,
                cpuid_feature_list[feature->needs - 1].name);
            return -1;
        }
    }
    if (!host) {
        model = chosen;
    }
    return 0;
}
