/* What /proc says of a task while it runs, sleeps, is stopped and is a zombie; names written to
 * comm; pages of the process in statm and status. */
#include "test/syscalls/io_test.h"
#include <sys/mman.h>
#include <sys/prctl.h>

static char text[65536];

static long get(const char *path) {
    int fd = open(path, O_RDONLY);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    close(fd);
    text[got > 0 ? got : 0] = 0;
    return got;
}

static const char *line_of(const char *key) {
    static char line[200];
    char *at = strstr(text, key);
    snprintf(line, sizeof line, "%.*s", at ? (int)strcspn(at, "\n") : 0, at ? at : "");
    return line;
}

static char state_of(pid_t pid) {
    char path[64], state = '?';
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    get(path);
    char *end = strrchr(text, ')');
    if (end) {
        sscanf(end + 1, " %c", &state);
    }
    return state;
}

/* Waits until stat, status and a thread's files say that the state is so, and shows them: a child
 * that rests may still run for a moment between two of them. */
static void show_state(pid_t pid, char state) {
    char seen, wanted[16], of_process[200], of_thread[200], path[64];
    snprintf(wanted, sizeof wanted, "State:\t%c", state);
    for (int tries = 0; tries < 400; tries++) {
        seen = state_of(pid);
        snprintf(path, sizeof path, "/proc/%d/status", pid);
        get(path);
        strcpy(of_process, line_of("State:"));
        snprintf(path, sizeof path, "/proc/%d/task/%d/status", pid, pid);
        get(path);
        strcpy(of_thread, line_of("State:"));
        if (seen == state && !strncmp(of_process, wanted, strlen(wanted)) &&
            !strncmp(of_thread, wanted, strlen(wanted))) {
            break;
        }
        sleep_ms(5);
    }
    printf("%c\n%s\nof the thread: %s\n", seen, of_process, of_thread);
}

static void states(void) {
    fflush(stdout);
    int go[2];
    (void)!pipe(go);
    pid_t child = fork();
    if (child == 0) {
        char byte;
        close(go[1]);
        (void)!read(go[0], &byte, 1);
        for (volatile unsigned turns = 0;; turns++) {
        }
    }
    close(go[0]);
    show_state(child, 'S');
    (void)!write(go[1], "x", 1);
    show_state(child, 'R');
    kill(child, SIGSTOP);
    show_state(child, 'T');
    kill(child, SIGCONT);
    show_state(child, 'R');
    kill(child, SIGKILL);
    show_state(child, 'Z');
    SHOW(waitpid(child, NULL, 0) == child);
    printf("%c\n", state_of(child));
    show_state(getpid(), 'R');
}

static void put(const char *path, const char *value) {
    int fd = open(path, O_WRONLY);
    long done = fd < 0 ? -1 : write(fd, value, strlen(value));
    printf("%s to %s: ", value, strrchr(path, '/') + 1);
    SHOW(done);
    close(fd);
}

static void show_name(const char *path) {
    char name[16] = "";
    get(path);
    prctl(PR_GET_NAME, name);
    printf("'%s', prctl: '%s'\n", text, name);
    get("/proc/self/status");
    printf("%s\n", line_of("Name:"));
}

static void *named(void *arg) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/comm", (int)syscall(SYS_gettid));
    put(path, "a thread");
    show_name(path);
    put("/proc/self/comm", "by a thread");
    return NULL;
}

static void names(void) {
    put("/proc/self/comm", "one");
    show_name("/proc/self/comm");
    put("/proc/self/comm", "longer than fifteen");
    show_name("/proc/self/comm");
    put("/proc/self/comm", "a\\b\tc");
    show_name("/proc/self/comm");
    prctl(PR_SET_NAME, "two\nlines");
    get("/proc/self/status");
    printf("%s\n", line_of("Name:"));
    pthread_t thread;
    pthread_create(&thread, NULL, named, NULL);
    pthread_join(thread, NULL);
    show_name("/proc/self/comm");
    char path[64];
    pid_t parent = getpid();
    if (fork() == 0) {
        snprintf(path, sizeof path, "/proc/%d/comm", parent);
        int fd = open(path, O_WRONLY);
        SHOW(fd < 0 ? -1 : write(fd, "child", 5));
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
    show_name("/proc/self/comm");
}

static void pages(void) {
    unsigned long size[2], resident[2], shared[2];
    enum { PAGES = 5000 }; /* more than one look of the host's */
    char *at = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 2; i++) {
        get("/proc/self/statm");
        sscanf(text, "%lu %lu %lu", &size[i], &resident[i], &shared[i]);
        if (i == 0) {
            for (int page = 0; page < PAGES; page++) {
                at[page * 4096L] = 1;
            }
        }
    }
    long more = (long)(resident[1] - resident[0]);
    printf("size %d, resident about %d more: %d, shared the same: %d\n", size[1] == size[0], PAGES,
           more >= PAGES - 20 && more < PAGES + 600, shared[1] - shared[0] < 50);
    munmap(at, PAGES * 4096L);
    get("/proc/self/statm");
    sscanf(text, "%lu", &size[1]);
    printf("then %ld less\n", (long)(size[0] - size[1]));
}

int main(void) {
    states();
    names();
    pages();
    return 0;
}
