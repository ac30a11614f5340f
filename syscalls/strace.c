/* --strace: system calls and signals of guest tasks, a line each, in strace(1)'s manner. How an
 * argument is shown follows from its kind in syscalls/table. Lines are written whole, so that those
 * of several threads do not mix. */
#include "syscalls/strace.h"

#include "syscalls/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SHOWN_BYTES   48  /* of a buffer */
#define SHOWN_STRING  160 /* of a path or name */
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

static void add_argument(struct task *task, struct strace_line *line, char kind,
                         const uint64_t *arg) {
    char name[16];
    int32_t word = (int32_t)arg[0];
    switch (kind) {
    case 'd':
        if (word == AT_FDCWD) {
            add(line, "AT_FDCWD");
            break;
        }
        /* fall through */
    case 'i':
    case 'P':
    case 'l':
    case 't':
        add(line, "%d", word);
        break;
    case 'S':
        add(line, "%s", signal_name(word, name));
        break;
    case 'u':
    case 'z':
        add(line, "%u", (uint32_t)word);
        break;
    case 'm':
        add(line, "%#o", (uint32_t)word);
        break;
    case 's':
        add_string(task, line, arg[0]);
        break;
    case 'o':
        add(line, "%lld", (long long)((uint32_t)arg[0] | arg[1] << 32));
        break;
    case 'p':
        if (!arg[0]) {
            add(line, "NULL");
            break;
        }
        /* fall through */
    default:
        add(line, "%#x", (uint32_t)word);
        break;
    }
}

/* Arguments from the letter at `from` on; a buffer that the call fills waits until it has. */
static void add_arguments(struct task *task, struct strace_line *line,
                          const struct syscall_row *row, const uint64_t *args, bool after,
                          long result) {
    unsigned at = 0;
    bool wait = has_buffer(row, false);
    for (const char *kind = row->args; *kind; kind++) {
        bool is_buffer = *kind == 'p' && at == 1;
        bool show = !wait || (after ? at >= 1 : at < 1);
        if (show) {
            if (kind != row->args) {
                add(line, ", ");
            }
            if (is_buffer && wait && result > 0) {
                add_buffer(task, line, args[at], (uint64_t)result);
            } else if (is_buffer && has_buffer(row, true)) {
                add_buffer(task, line, args[at], (uint32_t)args[at + 1]);
            } else {
                add_argument(task, line, *kind, &args[at]);
            }
        }
        at += *kind == 'o' ? 2 : 1;
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
    if (!row) {
        add(line, "syscall_%#x(%#x, %#x, %#x, %#x, %#x, %#x", number, (uint32_t)args[0],
            (uint32_t)args[1], (uint32_t)args[2], (uint32_t)args[3], (uint32_t)args[4],
            (uint32_t)args[5]);
        return;
    }
    add(line, "%s(", row->name);
    add_arguments(task, line, row, args, false, 0);
    /* These do not come back here. */
    if (strcmp(row->name, "exit") == 0 || strcmp(row->name, "exit_group") == 0) {
        struct strace_line whole = *line;
        add(&whole, ") = ?");
        emit(&whole);
    }
}

void strace_leave(struct task *task, const struct syscall_row *row, const uint64_t *args,
                  long result, struct strace_line *line) {
    if (row && has_buffer(row, false)) {
        add_arguments(task, line, row, args, true, result);
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
        add(line, " = %#x", (uint32_t)result);
    }
    emit(line);
}

void strace_signal(struct task *task, const struct sigqueue_info *info) {
    struct strace_line line;
    char name[16];
    start(task, &line);
    add(&line, "--- %s {si_signo=%d, si_code=%d, si_pid=%d, si_addr=%#llx} ---",
        signal_name(info->signo, name), info->signo, info->code, info->pid,
        (unsigned long long)info->addr);
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
