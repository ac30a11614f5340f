/* The command line of Fiberglass: options into struct fg_options, then fg_run(). Nothing else
 * belongs here; embedders call fg_run() themselves. */
#include "core/fiberglass.h"
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

static const char usage[] =
    "usage: fiberglass [OPTIONS] PROGRAM [ARG...]\n"
    "Runs a Linux program for i386 or x86-64, with its system calls, in user space.\n"
    "\n"
    "  -r, --root DIR               directory that is the guest's / (default: the host's /)\n"
    "  -C, --workdir DIR            start in this directory of the guest\n"
    "  -e, --env NAME=VALUE         set an environment variable\n"
    "      --clear-env              do not pass on the environment\n"
    "  -m, --mount HOST:GUEST[:ro]  show a directory of the host in the guest\n"
    "  -u, --user UID[:GID]         run as this user (default: 0 with --root, else the invoking\n"
    "                               user); GID is UID unless given\n"
    "  -n, --network none|host      none: no network but unix sockets among the guest's programs;\n"
    "                               host (the default): the host's, as an ordinary program has it\n"
    "      --cpu NAME[,+FEATURE][,-FEATURE]...\n"
    "                               the guest's processor: i686, v1, v2, v3, ..., max; what of it\n"
    "                               the host lacks C serves, or nothing does. Default: all that\n"
    "                               the host has and Fiberglass knows\n"
    "      --host-features NAME[,+FEATURE][,-FEATURE]...\n"
    "                               act as if the host had no more than this (for tests)\n"
    "      --tier auto|native|threaded\n"
    "                               native: guest code becomes native code; threaded: no\n"
    "                               executable memory is made; auto (the default): native where\n"
    "                               the host allows it\n"
    "      --no-native-opt          native code of each gadget without regard to its neighbours\n"
    "      --code-size MIB          most memory for native code (default: 64)\n"
    "      --strace[=FILE]          show system calls on stderr, or write them to FILE\n"
    "      --dump=fibers|blocks|gadgets|native\n"
    "                               show what guest code is turned into\n"
    "      --perf=map|jitdump       name native code by the guest's symbols for perf(1): in\n"
    "                               /tmp/perf-PID.map, or with the code in ./jit-PID.dump\n"
    "      --gdb                    the same for a gdb that debugs Fiberglass\n"
    "      --trace                  show each guest instruction with the registers\n"
    "      --stats                  show counters at the end\n"
    "      --code-limit KIB         most memory for translated code of all programs together\n"
    "      --map-limit COUNT        most mappings of the host (default: vm.max_map_count)\n"
    "      --check-memory           verify guest memory after each system call (slow)\n"
    "      --profile=FILE           append counts of executed fibers to FILE (make train)\n"
    "  -h, --help                   show this\n"
    "      --version                show the version\n"
    "\n"
    "The exit status is the program's; 128+N when signal N killed it; 127: not found; 126: not\n"
    "executable, or no program for them; 125: an error of Fiberglass itself.\n";

struct command_line {
    struct fg_options options;
    struct fg_mount *mounts;
    char **set; /* -e NAME=VALUE, in order */
    size_t set_count;
    bool clear_env;
};

enum {
    OPT_CLEAR_ENV = 256,
    OPT_CPU,
    OPT_HOST_FEATURES,
    OPT_TIER,
    OPT_CODE_SIZE,
    OPT_STRACE,
    OPT_DUMP,
    OPT_PERF,
    OPT_GDB,
    OPT_TRACE,
    OPT_STATS,
    OPT_CHECK_MEMORY,
    OPT_NO_NATIVE_OPT,
    OPT_CODE_LIMIT,
    OPT_MAP_LIMIT,
    OPT_PROFILE,
    OPT_HELP,
    OPT_VERSION
};

static const struct option long_options[] = {
    {"root", required_argument, NULL, 'r'},
    {"workdir", required_argument, NULL, 'C'},
    {"env", required_argument, NULL, 'e'},
    {"clear-env", no_argument, NULL, OPT_CLEAR_ENV},
    {"mount", required_argument, NULL, 'm'},
    {"user", required_argument, NULL, 'u'},
    {"network", required_argument, NULL, 'n'},
    {"cpu", required_argument, NULL, OPT_CPU},
    {"host-features", required_argument, NULL, OPT_HOST_FEATURES},
    {"tier", required_argument, NULL, OPT_TIER},
    {"code-size", required_argument, NULL, OPT_CODE_SIZE},
    {"strace", optional_argument, NULL, OPT_STRACE},
    {"dump", required_argument, NULL, OPT_DUMP},
    {"perf", required_argument, NULL, OPT_PERF},
    {"gdb", no_argument, NULL, OPT_GDB},
    {"trace", no_argument, NULL, OPT_TRACE},
    {"stats", no_argument, NULL, OPT_STATS},
    {"check-memory", no_argument, NULL, OPT_CHECK_MEMORY},
    {"no-native-opt", no_argument, NULL, OPT_NO_NATIVE_OPT},
    {"code-limit", required_argument, NULL, OPT_CODE_LIMIT},
    {"map-limit", required_argument, NULL, OPT_MAP_LIMIT},
    {"profile", required_argument, NULL, OPT_PROFILE},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

_Noreturn static void refuse(const char *what, const char *value, const char *advice) {
    fprintf(stderr, "fiberglass: %s '%s'; %s\n", what, value, advice);
    exit(FG_STATUS_ERROR);
}

/* Ends with what was asked for instead of a run. */
_Noreturn static void say(const char *text) {
    if (fputs(text, stdout) < 0 || fflush(stdout)) {
        fprintf(stderr, "fiberglass: cannot write to standard output: %s\n", strerror(errno));
        exit(FG_STATUS_ERROR);
    }
    exit(0);
}

static void *grown(void *array, size_t bytes) {
    array = realloc(array, bytes);
    if (!array) {
        fputs("fiberglass: out of memory\n", stderr);
        exit(FG_STATUS_ERROR);
    }
    return array;
}

/* HOST:GUEST[:ro]; the parts are cut out of `text`. */
static void add_mount(struct command_line *line, char *text) {
    char *copy = strdup(text), *guest = copy ? strchr(copy, ':') : NULL;
    char *mode = guest ? strchr(guest + 1, ':') : NULL;
    if (!guest || guest == copy || guest[1] != '/' ||
        (mode && strcmp(mode, ":ro") != 0 && strcmp(mode, ":rw") != 0)) {
        refuse("bad mount", text, "write HOST:GUEST or HOST:GUEST:ro with an absolute GUEST path");
    }
    *guest++ = 0;
    if (mode) {
        *mode = 0;
    }
    size_t count = line->options.mount_count;
    line->mounts = grown(line->mounts, (count + 1) * sizeof *line->mounts);
    line->mounts[count] = (struct fg_mount){copy, guest, mode && mode[1] == 'r' && mode[2] == 'o'};
    line->options.mount_count++;
}

/* A decimal id; *end is where it stops. False: none, or too large ((uint32_t)-1 means "no change").
 */
static bool parse_id(const char *text, char **end, uint32_t *id) {
    if (*text < '0' || *text > '9') {
        return false;
    }
    unsigned long value = strtoul(text, end, 10);
    *id = (uint32_t)value;
    return value < UINT32_MAX; /* ULONG_MAX when it is beyond a long */
}

static uint32_t parse_limit(const char *text) {
    char *end;
    uint32_t value = 0;
    if (!parse_id(text, &end, &value) || *end || value == 0) {
        refuse("bad limit", text, "write a decimal number above 0");
    }
    return value;
}

static void set_user(struct command_line *line, const char *text) {
    struct fg_options *options = &line->options;
    char *end;
    bool good = parse_id(text, &end, &options->uid);
    options->gid = options->uid;
    if (good && *end == ':') {
        good = parse_id(end + 1, &end, &options->gid);
    }
    if (!good || *end) {
        refuse("bad user", text, "write UID or UID:GID in decimal");
    }
    options->set_user = true;
}

static void set_network(struct fg_options *options, const char *what) {
    if (strcmp(what, "none") != 0 && strcmp(what, "host") != 0) {
        refuse("no such network as", what, "say --network none or --network host");
    }
    options->no_network = what[0] == 'n';
}

static void set_tier(struct fg_options *options, const char *what) {
    if (strcmp(what, "threaded") != 0 && strcmp(what, "native") != 0 && strcmp(what, "auto") != 0) {
        refuse("no such tier as", what, "say --tier threaded, --tier native or --tier auto");
    }
    options->tier = what;
}

static void set_dump(struct fg_options *options, const char *what) {
    if (!strcmp(what, "fibers")) {
        options->dump_fibers = true;
    } else if (!strcmp(what, "blocks")) {
        options->dump_blocks = true;
    } else if (!strcmp(what, "gadgets")) {
        options->dump_gadgets = true;
    } else if (!strcmp(what, "native")) {
        options->dump_native = true;
    } else {
        refuse("cannot dump", what,
               "say --dump=fibers, --dump=blocks, --dump=gadgets or --dump=native");
    }
}

static void set_perf(struct fg_options *options, const char *what) {
    if (strcmp(what, "map") != 0 && strcmp(what, "jitdump") != 0) {
        refuse("perf reads no", what, "say --perf=map or --perf=jitdump");
    }
    options->perf_map |= what[0] == 'm';
    options->jitdump |= what[0] == 'j';
}

static void parse(struct command_line *line, int argc, char **argv) {
    struct fg_options *options = &line->options;
    int c;
    opterr = 0;
    while ((c = getopt_long(argc, argv, "+:r:C:e:m:u:n:h", long_options, NULL)) != -1) {
        switch (c) {
        case 'r':
            options->root = optarg;
            break;
        case 'C':
            options->workdir = optarg;
            break;
        case 'e':
            if (!strchr(optarg, '=') || *optarg == '=') {
                refuse("bad environment variable", optarg, "write NAME=VALUE");
            }
            line->set = grown(line->set, (line->set_count + 1) * sizeof(char *));
            line->set[line->set_count++] = optarg;
            break;
        case OPT_CLEAR_ENV:
            line->clear_env = true;
            break;
        case 'm':
            add_mount(line, optarg);
            break;
        case 'u':
            set_user(line, optarg);
            break;
        case 'n':
            set_network(options, optarg);
            break;
        case OPT_CPU:
            options->cpu = optarg;
            break;
        case OPT_HOST_FEATURES:
            options->host_features = optarg;
            break;
        case OPT_TIER:
            set_tier(options, optarg);
            break;
        case OPT_CODE_SIZE:
            options->code_size = parse_limit(optarg);
            break;
        case OPT_STRACE:
            options->strace = true;
            options->strace_file = optarg;
            break;
        case OPT_DUMP:
            set_dump(options, optarg);
            break;
        case OPT_PERF:
            set_perf(options, optarg);
            break;
        case OPT_GDB:
            options->gdb = true;
            break;
        case OPT_TRACE:
            options->trace = true;
            break;
        case OPT_STATS:
            options->stats = true;
            break;
        case OPT_CODE_LIMIT:
            options->code_kib = parse_limit(optarg);
            break;
        case OPT_MAP_LIMIT:
            options->map_limit = parse_limit(optarg);
            break;
        case OPT_CHECK_MEMORY:
            options->check_memory = true;
            break;
        case OPT_NO_NATIVE_OPT:
            options->no_native_opt = true;
            break;
        case OPT_PROFILE:
            options->profile_file = optarg;
            break;
        case OPT_HELP:
        case 'h':
            say(usage);
        case OPT_VERSION:
            say("fiberglass " FG_VERSION "\n");
        default:
            refuse(c == ':' ? "a value is missing after" : "bad option", argv[optind - 1],
                   "see fiberglass --help");
        }
    }
}

static bool same_name(const char *a, const char *b) {
    size_t len = strcspn(a, "=");
    return !strncmp(a, b, len + 1);
}

/* The guest's environment: the host's unless cleared, with the -e settings in place or after them.
 */
static char **make_env(const struct command_line *line) {
    size_t count = 0;
    while (!line->clear_env && environ[count]) {
        count++;
    }
    char **env = grown(NULL, (count + line->set_count + 1) * sizeof(char *));
    memcpy(env, environ, count * sizeof(char *));
    for (size_t i = 0; i < line->set_count; i++) {
        size_t at = 0;
        while (at < count && !same_name(line->set[i], env[at])) {
            at++;
        }
        env[at] = line->set[i];
        if (at == count) {
            count++;
        }
    }
    env[count] = NULL;
    return env;
}

int main(int argc, char **argv) {
    static struct command_line line; /* what it points at lives as long as the process */
    parse(&line, argc, argv);
    if (optind == argc) {
        fputs(
            "fiberglass: no program given; say fiberglass [OPTIONS] PROGRAM [ARG...], or --help\n",
            stderr);
        return FG_STATUS_ERROR;
    }
    line.options.env = make_env(&line);
    line.options.mounts = line.mounts;
    line.options.program = argv[optind];
    line.options.argv = argv + optind;
    return fg_run(&line.options);
}
