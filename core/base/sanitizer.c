/* Options of sanitizer builds (make SAN=...), so that they need none in the environment; that of a
 * run still comes first (sanitizers' common flags). An empty file otherwise.
 *
 * Faults are the engine's: a guest makes them all the time (handle_segv). LeakSanitizer stops all
 * threads by ptrace, which those of a guest that has changed its user do not allow. A report of
 * UndefinedBehaviorSanitizer ends the run, as AddressSanitizer's does: a line on stderr alone is
 * lost where a test looks at the output, or where the guest has closed or redirected it. */
typedef int empty_otherwise;

#ifdef __SANITIZE_ADDRESS__
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

const char *__asan_default_options(void) {
    return "detect_leaks=0:handle_segv=0:abort_on_error=1:disable_coredump=0";
}

const char *__ubsan_default_options(void) {
    return "print_stacktrace=1:halt_on_error=1:abort_on_error=1";
}
#endif

#ifdef __SANITIZE_THREAD__
const char *__tsan_default_options(void);
const char *__tsan_default_suppressions(void);

const char *__tsan_default_options(void) {
    return "handle_segv=0:second_deadlock_stack=1";
}

/* What ThreadSanitizer can't know. Gadgets (assembly) read a fiber through a link or the jump
 * cache; it is complete when these name it. The bytes of pages are set one at a time under the
 * mapping lock; who reads them without it copes with either value (a fault is looked at again under
 * the lock): memset, since there may be a million. */
const char *__tsan_default_suppressions(void) {
    return "race:entry_pc\nrace:on_fault\nrace:set_pages\n";
}
#endif
