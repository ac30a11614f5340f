/* What pidfds refer to: outlives its process, and tells of its end. */
#include "syscalls/task/process.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

void pid_handle_unref(struct pid_handle *handle) {
    if (--handle->refs == 0) {
        if (handle->process) {
            handle->process->handle = NULL;
        }
        close(handle->event_fd);
        close(handle->end_fd);
        free(handle);
    }
}

void pid_handle_ended(struct pid_handle *handle) {
    char byte = 0;
    if (write(handle->end_fd, &byte, 1) < 0) {
        return; /* it was readable already */
    }
}

struct pid_handle *pid_handle_ref(struct process *process) {
    struct pid_handle *handle = process->handle;
    if (!handle) {
        handle = calloc(1, sizeof *handle);
        if (!handle) {
            return NULL;
        }
        int ends[2];
        if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
            free(handle);
            return NULL;
        }
        handle->event_fd = ends[0];
        handle->end_fd = ends[1];
        if (process->zombie) {
            pid_handle_ended(handle);
        }
        handle->process = process;
        handle->pid = process->pid;
        process->handle = handle;
    }
    handle->refs++;
    return handle;
}
