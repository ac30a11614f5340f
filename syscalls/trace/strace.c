/* --strace: system calls and signals of guest tasks, a line each, in strace(1)'s manner. How an
 * argument is shown follows from its kind in syscalls/table. Lines are written whole, so that those
 * of several threads do not mix. */
#include "syscalls/trace/strace.h"

#include "syscalls/task/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>
#include <unistd.h>

#define SHOWN_BYTES   48  /* of a buffer */
#define SHOWN_STRING  160 /* of a path or name */
#define SHOWN_WORDS   16  /* of an argument vector */
#define SHOWN_RESULT  120 /* room kept for it */
#define RESULT_COLUMN 40

bool strace_on;
static int output = STDERR_FILENO;

int strace_start(const char *path) {
    if (path) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0644);
        if (fd < 0) {
            return -errno;
        }
        output = fd;
    } else {
        /* The guest may close or redirect its own descriptor 2 as it likes. */
        int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        output = fd < 0 ? STDERR_FILENO : fd;
    }
    strace_on = true;
    return 0;
}

__attribute__((format(printf, 2, 3))) static void add(struct strace_line *line, const char *format,
                                                      ...) {
    va_list list;
    va_start(list, format);
    size_t room = sizeof line->text - line->length;
    int len = vsnprintf(line->text + line->length, room, format, list);
    va_end(list);
    if (len > 0) {
        line->length += (unsigned)len < room ? (unsigned)len : (unsigned)room - 1;
    }
}

static void emit(struct strace_line *line) {
    if (line->length > sizeof line->text - 2) {
        line->length = sizeof line->text - 2;
    }
    line->text[line->length++] = '\n';
    if (write(output, line->text, line->length) < 0) {
        return; /* nobody to tell */
    }
}

static void start(struct task *task, struct strace_line *line) {
    line->length = 0;
    add(line, "[pid %5d] ", task->tid);
}

/* --- arguments ------------------------------------------------------------------------- */

static void add_quoted(struct strace_line *line, const uint8_t *text, size_t len, bool more) {
    static const char letters[] = "\a\b\t\n\v\f\r", names[] = "abtnvfr";
    add(line, "\"");
    for (size_t i = 0; i < len; i++) {
        const char *letter = text[i] ? strchr(letters, text[i]) : NULL;
        if (letter) {
            add(line, "\\%c", names[letter - letters]);
        } else if (text[i] == '"' || text[i] == '\\') {
            add(line, "\\%c", text[i]);
        } else if (text[i] >= ' ' && text[i] < 127) {
            add(line, "%c", text[i]);
        } else {
            bool digit_follows = i + 1 < len && text[i + 1] >= '0' && text[i + 1] <= '9';
            add(line, digit_follows ? "\\%03o" : "\\%o", text[i]);
        }
    }
    add(line, more ? "\"..." : "\"");
}

static void add_string(struct task *task, struct strace_line *line, gaddr_t addr) {
    uint8_t text[SHOWN_STRING + 1];
    size_t len = 0;
    bool more = false;
    if (!addr) {
        add(line, "NULL");
        return;
    }
    while (len < SHOWN_STRING) {
        if (guest_read(task->cpu->space, &text[len], addr + len, 1)) {
            if (len == 0) {
                add(line, "%#llx", (unsigned long long)addr);
                return;
            }
            break;
        }
        if (!text[len]) {
            break;
        }
        len++;
    }
    more = len == SHOWN_STRING;
    add_quoted(line, text, len, more);
}

static void add_buffer(struct task *task, struct strace_line *line, gaddr_t addr, uint64_t len) {
    uint8_t text[SHOWN_BYTES];
    size_t shown = len < sizeof text ? len : sizeof text;
    if (guest_read(task->cpu->space, text, addr, shown)) {
        add(line, "%#llx", (unsigned long long)addr);
        return;
    }
    add_quoted(line, text, shown, len > shown);
}

/* argv: strings up to a NULL. */
static void add_vector(struct task *task, struct strace_line *line, gaddr_t addr) {
    if (!addr) {
        add(line, "NULL");
        return;
    }
    add(line, "[");
    for (unsigned i = 0;; i++) {
        uint64_t at;
        if (abi_read_pointers(task, addr + (gaddr_t)i * abi_long_bytes(task), &at, 1)) {
            add(line, i ? ", ???" : "???");
            break;
        }
        if (!at) {
            break;
        }
        if (i == SHOWN_WORDS) {
            add(line, ", ...");
            break;
        }
        add(line, i ? ", " : "");
        add_string(task, line, at);
    }
    add(line, "]");
}

static void add_address(struct task *task, struct strace_line *line, gaddr_t addr, uint32_t len) {
    union {
        struct sockaddr any;
        struct sockaddr_un un;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } at = {0};
    char text[INET6_ADDRSTRLEN];
    if (!addr) {
        add(line, "NULL");
        return;
    }
    if (len > sizeof at) {
        len = sizeof at;
    }
    if (len < sizeof at.any.sa_family || guest_read(task->cpu->space, &at, addr, len)) {
        add(line, "%#llx", (unsigned long long)addr);
        return;
    }
    switch (at.any.sa_family) {
    case AF_UNIX:
        len -= (uint32_t)offsetof(struct sockaddr_un, sun_path);
        if (at.un.sun_path[0]) {
            len = (uint32_t)strnlen(at.un.sun_path, len);
        }
        add(line, "{AF_UNIX, ");
        add_quoted(line, (const uint8_t *)at.un.sun_path, len, false);
        add(line, "}");
        break;
    case AF_INET:
        add(line, "{AF_INET, %s, %u}", inet_ntop(AF_INET, &at.in.sin_addr, text, sizeof text),
            ntohs(at.in.sin_port));
        break;
    case AF_INET6:
        add(line, "{AF_INET6, %s, %u}", inet_ntop(AF_INET6, &at.in6.sin6_addr, text, sizeof text),
            ntohs(at.in6.sin6_port));
        break;
    default:
        add(line, "{family %u}", at.any.sa_family);
        break;
    }
}

/* Calls whose second argument is a buffer of bytes, filled before (out) or by the call. */
static bool has_buffer(const struct syscall_row *row, bool before) {
    static const char *const out[] = {"write", "pwrite64", "send", "sendto"};
    static const char *const in[] = {"read", "pread64", "recv", "recvfrom", "readlink"};
    for (size_t i = 0; before && i < ARRAY_LEN(out); i++) {
        if (strcmp(row->name, out[i]) == 0) {
            return true;
        }
    }
    for (size_t i = 0; !before && i < ARRAY_LEN(in); i++) {
        if (strcmp(row->name, in[i]) == 0) {
            return true;
        }
    }
    return false;
}

static const char *signal_name(int signo, char text[16]) {
    const char *name = signo > 0 && signo < 32 ? sigabbrev_np(signo) : NULL;
    if (name) {
        snprintf(text, 16, "SIG%s", name);
    } else if (signo >= 32 && signo <= GUEST_SIGNALS) {
        snprintf(text, 16, "SIGRT_%d", signo - 32);
    } else {
        snprintf(text, 16, "%d", signo);
    }
    return text;
}

/* Is an argument of 64 bits in two registers? */
static bool offset_is_split(const struct task *task) {
    return abi_long_bytes(task) == 4;
}

/* How many registers an argument is in. */
static unsigned registers_of(const struct task *task, char kind) {
    return kind == 'h' || (kind == 'o' && offset_is_split(task)) ? 2 : 1;
}

static void add_argument(struct task *task, struct strace_line *line, char kind,
                         const uint64_t *arg) {
    char name[16], flags[200];
    int32_t word = (int32_t)arg[0];
    if (strace_flags(kind, (uint32_t)word, flags, sizeof flags)) {
        add(line, "%s", flags);
        return;
    }
    switch (kind) {
    case 'd':
        if (word == AT_FDCWD) {
            add(line, "AT_FDCWD");
            break;
        }
        /* fall through */
    case 'i':
    case 'P':
        add(line, "%d", word);
        break;
    case 'l':
    case 't':
        add(line, "%lld", (long long)abi_long(task, arg[0]));
        break;
    case 'S':
        add(line, "%s", signal_name(word, name));
        break;
    case 'u':
        add(line, "%u", (uint32_t)word);
        break;
    case 'z':
        add(line, "%llu", (unsigned long long)arg[0]);
        break;
    case 'm':
        add(line, "%#o", (uint32_t)word);
        break;
    case 's':
        add_string(task, line, arg[0]);
        break;
    case 'v':
        add_vector(task, line, arg[0]);
        break;
    case 'a':
        add_address(task, line, arg[0], (uint32_t)arg[1]);
        break;
    case 'o':
    case 'h':
        add(line, "%lld",
            (long long)(offset_is_split(task) ? (uint32_t)arg[0] | arg[1] << 32 : arg[0]));
        break;
    case 'p':
        if (!arg[0]) {
            add(line, "NULL");
            break;
        }
        /* fall through */
    default:
        add(line, "%#llx", (unsigned long long)arg[0]);
        break;
    }
}

/* All arguments, in two parts where the call fills a buffer: that waits until it has. */
static void add_arguments(struct task *task, struct strace_line *line, bool after, long result) {
    unsigned at = 0;
    const char *kinds = line->row->args;
    bool wait = has_buffer(line->row, false);
    for (const char *kind = kinds; *kind; kind++) {
        bool is_buffer = *kind == 'p' && at == 1;
        bool show = !wait || (after ? at >= 1 : at < 1);
        if (show) {
            if (kind != kinds) {
                add(line, ", ");
            }
            if (is_buffer && wait && result > 0) {
                add_buffer(task, line, line->args[at], (uint64_t)result);
            } else if (is_buffer && has_buffer(line->row, true)) {
                add_buffer(task, line, line->args[at], (uint32_t)line->args[at + 1]);
            } else {
                add_argument(task, line, *kind, &line->args[at]);
            }
        }
        at += registers_of(task, *kind);
    }
}

/* --- calls ----------------------------------------------------------------------------- */

static const char *restart_name(long result) {
    switch (-result) {
    case ERESTARTSYS:
        return "ERESTARTSYS (To be restarted if SA_RESTART is set)";
    case ERESTARTNOINTR:
        return "ERESTARTNOINTR (To be restarted)";
    case ERESTARTNOHAND:
        return "ERESTARTNOHAND (To be restarted if no handler)";
    case ERESTART_RESTARTBLOCK:
        return "ERESTART_RESTARTBLOCK (Interrupted by signal)";
    default:
        return NULL;
    }
}

void strace_enter(struct task *task, const struct syscall_row *row, unsigned number,
                  const uint64_t *args, struct strace_line *line) {
    start(task, line);
    line->row = row;
    memcpy(line->args, args, sizeof line->args);
    if (!row) {
        add(line, "syscall_%#x(", number);
        for (unsigned i = 0; i < ARRAY_LEN(line->args); i++) {
            add(line, "%s%#llx", i ? ", " : "", (unsigned long long)args[i]);
        }
        return;
    }
    if (task->abi->unfold) {
        line->row = task->abi->unfold(task, row, line->args);
    }
    add(line, "%s(", line->row->name);
    add_arguments(task, line, false, 0);
    /* These do not come back here. */
    if (strcmp(row->name, "exit") == 0 || strcmp(row->name, "exit_group") == 0) {
        struct strace_line whole = *line;
        add(&whole, ") = ?");
        emit(&whole);
    }
}

void strace_leave(struct task *task, long result, struct strace_line *line) {
    if (line->row && has_buffer(line->row, false)) {
        add_arguments(task, line, true, result);
    }
    if (line->length > sizeof line->text - SHOWN_RESULT) { /* long arguments: the result shows */
        line->length = sizeof line->text - SHOWN_RESULT;
        add(line, "...");
    }
    add(line, ")");
    while (line->length < RESULT_COLUMN + 12) {
        add(line, " ");
    }
    const char *again = restart_name(result);
    if (again) {
        add(line, " = ? %s", again);
    } else if (result < 0 && result > -4096) {
        const char *name = strerrorname_np((int)-result);
        add(line, " = -1 %s (%s)", name ? name : "?", strerror((int)-result));
    } else if (result >= 0 && result < 65536) {
        add(line, " = %ld", result);
    } else {
        add(line, " = %#llx", (unsigned long long)abi_address(task, (uint64_t)result));
    }
    emit(line);
}

void strace_signal(struct task *task, const struct sigqueue_info *info) {
    struct strace_line line;
    char name[16];
    start(task, &line);
    signal_name(info->signo, name);
    add(&line, "--- %s {si_signo=%s, si_code=%d, si_pid=%d, si_addr=%#llx} ---", name, name,
        info->code, info->pid, (unsigned long long)info->addr);
    emit(&line);
}

void strace_exit(struct task *task, int status) {
    struct strace_line line;
    char name[16];
    start(task, &line);
    if (status & 0x7f) {
        add(&line, "+++ killed by %s +++", signal_name(status & 0x7f, name));
    } else {
        add(&line, "+++ exited with %d +++", status >> 8 & 0xff);
    }
    emit(&line);
}
