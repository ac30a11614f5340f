/* Argument and environment strings on their way into a new program, within the limits of execve(2)
 * ("Limits on size of arguments and environment"). Used by exec.c and start.c. */
#include "syscalls/exec/exec_args.h"
#include "syscalls/abi/abi.h"
#include "syscalls/task/process.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STRING_MAX  ((size_t)128 << 10) /* one string with its NUL */
#define TOTAL_FLOOR ((size_t)128 << 10)
#define TOTAL_CEIL  ((size_t)6 << 20)
#define POINTER     8 /* what Linux counts for each, whatever the program's own size */

void exec_args_init(struct exec_args *args, uint64_t stack_limit) {
    *args = (struct exec_args){.limit = TOTAL_CEIL};
    if (stack_limit / 4 < TOTAL_CEIL) {
        args->limit = stack_limit / 4;
    }
    if (args->limit < TOTAL_FLOOR) {
        args->limit = TOTAL_FLOOR;
    }
}

void exec_args_free(struct exec_args *args) {
    free(args->data);
    *args = (struct exec_args){0};
}

static int reserve(struct exec_args *args, size_t more) {
    if (args->room - args->used >= more) {
        return 0;
    }
    size_t room = args->room * 2 > args->used + more ? args->room * 2 : args->used + more;
    char *data = realloc(args->data, room);
    if (!data) {
        return -ENOMEM;
    }
    args->data = data;
    args->room = room;
    return 0;
}

/* Counts a string that was put after `used`. */
static int count(struct exec_args *args, size_t len, bool env) {
    args->used += len;
    if (env) {
        args->envc++;
    } else {
        args->argc++;
    }
    size_t pointers = ((size_t)args->argc + args->envc) * POINTER;
    return args->used + pointers > args->limit ? -E2BIG : 0;
}

int exec_args_add(struct exec_args *args, const char *string, bool env) {
    size_t len = strlen(string) + 1;
    if (len > STRING_MAX) {
        return -E2BIG;
    }
    int err = reserve(args, len);
    if (err) {
        return err;
    }
    memcpy(args->data + args->used, string, len);
    return count(args, len, env);
}

static int read_array(struct task *task, struct exec_args *args, gaddr_t array, bool env) {
    struct space *space = task->process->mm->space;
    for (; array; array += abi_long_bytes(task)) {
        uint64_t string;
        if (abi_read_pointers(task, array, &string, 1)) {
            return -EFAULT;
        }
        if (!string) {
            break;
        }
        size_t size = 1024;
        ssize_t n;
        for (;;) {
            int err = reserve(args, size);
            if (err) {
                return err;
            }
            n = guest_read_string(space, args->data + args->used, string, size);
            if (n != -ENAMETOOLONG) {
                break;
            }
            if (size >= STRING_MAX) {
                return -E2BIG;
            }
            size = STRING_MAX;
        }
        if (n < 0) {
            return (int)n;
        }
        int err = count(args, (size_t)n + 1, env);
        if (err) {
            return err;
        }
    }
    return 0;
}

int exec_args_read(struct task *task, struct exec_args *args, gaddr_t argv, gaddr_t envp) {
    int err = read_array(task, args, argv, false);
    if (!err && args->argc == 0) {
        err = exec_args_add(args, "", false); /* Linux since 5.18: argv[0] always exists */
    }
    if (!err) {
        err = read_array(task, args, envp, true);
    }
    return err;
}

int exec_args_script(struct exec_args *args, const char *interpreter, const char *argument,
                     const char *script) {
    const char *first[3] = {interpreter, argument ? argument : script, script};
    int firsts = argument ? 3 : 2;
    size_t old = args->argc ? strlen(args->data) + 1 : 0, more = 0;
    for (int i = 0; i < firsts; i++) {
        more += strlen(first[i]) + 1;
    }
    int err = reserve(args, more);
    if (err) {
        return err;
    }
    memmove(args->data + more, args->data + old, args->used - old);
    args->used = args->used - old + more;
    char *to = args->data;
    for (int i = 0; i < firsts; i++) {
        to = stpcpy(to, first[i]) + 1;
    }
    args->argc += (uint32_t)firsts - (args->argc ? 1 : 0);
    return args->used + ((size_t)args->argc + args->envc) * POINTER > args->limit ? -E2BIG : 0;
}
