/* Part of the programs of `make COVERAGE=1` alone: each leaves its counters below gcda/ of the
 * build directory that it was started from, so that copies of a build keep theirs apart, and
 * whoever runs it may add to them. Not by an environment variable from outside: guests would see
 * it. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Destructors of default priority run before libgcov writes. */
__attribute__((destructor)) static void choose_place(void) {
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - sizeof "/gcda");
    if (length <= 0) {
        return;
    }
    path[length] = '\0';
    char *build = strstr(path, "/" COVER_BUILD "/");
    if (!build) {
        return;
    }
    strcpy(build + strlen("/" COVER_BUILD), "/gcda");
    setenv("GCOV_PREFIX", path, 1);
    setenv("GCOV_PREFIX_STRIP", COVER_STRIP, 1);
    umask(0);
}
