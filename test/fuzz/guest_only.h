/* What these programs do to a guest they would do to the machine: they run as the first program of
 * a Fiberglass whose root says that it is thrown away (test/lib/fuzzing.py). */
#ifndef GUEST_ONLY_H
#define GUEST_ONLY_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void in_guest_only(void) {
    if (getpid() != 2 || getppid() != 1 || access("/thrown-away", F_OK)) {
        fputs("this program attacks what it runs on: see test/fuzz/soak.py\n", stderr);
        exit(2);
    }
}

#endif
