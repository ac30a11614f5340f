/* /proc while processes and threads come and go: every file of every process is read for two
 * seconds, nothing may crash or hang; what is read of a process that ends is empty or an error. */
#include "fs_test.h"
#include <pthread.h>

static volatile int stop;

static void *short_thread(void *arg) {
    return arg;
}

static void churn(void) {
    while (!stop) {
        pid_t child = fork();
        if (child == 0) {
            pthread_t t[3];
            for (int i = 0; i < 3; i++) {
                pthread_create(&t[i], NULL, short_thread, NULL);
            }
            for (int i = 0; i < 3; i++) {
                pthread_join(t[i], NULL);
            }
            int fd = open("/proc/self/status", O_RDONLY);
            close(fd);
            _exit(0);
        }
        if (child > 0) {
            waitpid(child, NULL, 0);
        }
    }
}

static long files;

static void walk(const char *dir, int depth) {
    DIR *d = opendir(dir);
    struct dirent *entry;
    if (!d) {
        return;
    }
    while ((entry = readdir(d))) {
        char path[PATH_MAX], buf[4096];
        if (entry->d_name[0] == '.' || !strcmp(entry->d_name, "mem") ||
            (depth == 0 && (entry->d_name[0] < '0' || entry->d_name[0] > '9'))) {
            continue;
        }
        if (!strcmp(entry->d_name, "net") || !strcmp(entry->d_name, "ns") ||
            !strcmp(entry->d_name, "attr") || !strcmp(entry->d_name, "map_files")) {
            continue;
        }
        snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        struct stat st;
        lstat(path, &st);
        if (entry->d_type == DT_LNK) {
            readlink(path, buf, sizeof buf);
            stat(path, &st);
        } else if (entry->d_type == DT_DIR && depth < 3) {
            walk(path, depth + 1);
        } else if (entry->d_type == DT_REG) {
            int fd = open(path, O_RDONLY | O_NONBLOCK);
            if (fd >= 0) {
                while (read(fd, buf, sizeof buf) == sizeof buf) {
                }
                close(fd);
                files++;
            }
        }
    }
    closedir(d);
}

static void on_alarm(int sig) {
    (void)sig;
    stop = 1;
}

int main(void) {
    /* natively the machine's own processes are none of our business: look at the group's only */
    int native = access("/proc/1/exe", F_OK) == 0 || getpid() > 50;
    pid_t child[2];
    signal(SIGALRM, on_alarm);
    for (int i = 0; i < 2; i++) {
        child[i] = fork();
        if (!child[i]) {
            alarm(native ? 1 : 3);
            churn();
            _exit(0);
        }
    }
    alarm(native ? 1 : 2);
    while (!stop) {
        if (native) {
            char path[64];
            for (int i = 0; i < 2; i++) {
                snprintf(path, sizeof path, "/proc/%d", child[i]);
                walk(path, 1);
            }
        } else {
            walk("/proc", 0);
        }
    }
    int status, bad = 0;
    for (int i = 0; i < 2; i++) {
        waitpid(child[i], &status, 0);
        bad += status != 0;
    }
    printf("%s, %d bad\n", files > 100 ? "read many" : "read few", bad);
    return bad;
}
