/* The top of /proc: what the machine says of itself. Numbers come from the host where they harm
 * nothing (memory, load, CPU time); the CPU is the guest's own (CPUID). Processes are proc_pid.c,
 * settings under /proc/sys are proc_sys.c. */
#include "syscalls/proc/proc_internal.h"
#include "core/decode/cpuid.h"
#include "syscalls/abi/abi.h"
#include "syscalls/file/lock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static int cpuinfo(const struct synth_ref *ref, struct strbuf *out) {
    enum guest_mode mode = current->cpu->mode; /* who looks sees its own processor */
    uint32_t id[4], brand[12];
    char vendor[13] = "";
    cpuid(mode, 0, 0, id);
    memcpy(vendor, &id[1], 4);
    memcpy(vendor + 4, &id[3], 4);
    memcpy(vendor + 8, &id[2], 4);
    uint32_t level = id[0];
    cpuid(mode, 1, 0, id);
    uint32_t family = (id[0] >> 8 & 15) + (id[0] >> 20 & 255);
    uint32_t model = (id[0] >> 4 & 15) | (id[0] >> 12 & 0xf0);
    uint32_t stepping = id[0] & 15;
    char name[49] = "Fiberglass";
    bool threads = id[3] >> 28 & 1;
    uint32_t top[4], sizes[4], extended[4];
    cpuid(mode, 0x80000000, 0, top);
    cpuid(mode, 0x80000001, 0, extended);
    cpuid(mode, 0x80000008, 0, sizes);
    if (top[0] >= 0x80000004 && top[0] < 0x80010000) {
        for (uint32_t i = 0; i < 3; i++) {
            cpuid(mode, 0x80000002 + i, 0, brand + 4 * i);
        }
        memcpy(name, brand, 48);
        name[48] = 0;
    }
    bool has_sizes = top[0] >= 0x80000008;
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    long cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
    if (cache <= 0) {
        cache = sysconf(_SC_LEVEL2_CACHE_SIZE);
    }
    for (long i = 0; i < count; i++) {
        strbuf_printf(out,
                      "processor\t: %ld\nvendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\n"
                      "model name\t: %s\nstepping\t: %u\ncpu MHz\t\t: 2000.000\n"
                      "cache size\t: %ld KB\nphysical id\t: 0\nsiblings\t: %ld\ncore id\t\t: "
                      "%ld\ncpu cores\t: %ld\n"
                      "fpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: %u\nwp\t\t: yes\n"
                      "flags\t\t:",
                      i, vendor, family, model, name, stepping, cache > 0 ? cache / 1024 : 256,
                      count, i, count, level);
        for (unsigned f = 0; f < cpuid_feature_count; f++) {
            if (cpuid_has(f + 1)) {
                strbuf_printf(out, " %s", cpuid_feature_list[f].name);
            }
        }
        static const struct {
            uint8_t bit;
            const char *name;
        } of_long_mode[] = {{11, "syscall"}, {20, "nx"}, {29, "lm"}};
        for (size_t b = 0; b < ARRAY_LEN(of_long_mode); b++) {
            if (extended[3] >> of_long_mode[b].bit & 1) {
                strbuf_printf(out, " %s", of_long_mode[b].name);
            }
        }
        strbuf_printf(out,
                      "%s\nbogomips\t: 4000.00\nclflush size\t: 64\ncache_alignment\t: 64\n"
                      "address sizes\t: %u bits physical, %u bits virtual\n\n",
                      threads ? " ht" : "", has_sizes ? sizes[0] & 255 : 32,
                      has_sizes ? sizes[0] >> 8 & 255 : 32);
    }
    return 0;
}

/* A host file as it is. */
static int copy_host(const char *path, struct strbuf *out) {
    char buf[4096];
    FILE *file = fopen(path, "re");
    if (!file) {
        return -ENOENT;
    }
    size_t n;
    while ((n = fread(buf, 1, sizeof buf, file)) > 0) {
        strbuf_add(out, buf, n);
    }
    fclose(file);
    return 0;
}

static int meminfo(const struct synth_ref *ref, struct strbuf *out) {
    return copy_host("/proc/meminfo", out);
}

/* CPU times of the host; the guest's own counts of processes. */
static int stat_text(const struct synth_ref *ref, struct strbuf *out) {
    char line[1024];
    FILE *file = fopen("/proc/stat", "re");
    while (file && fgets(line, sizeof line, file)) {
        if (!strncmp(line, "cpu", 3) || !strncmp(line, "ctxt", 4) || !strncmp(line, "btime", 5)) {
            strbuf_add(out, line, strlen(line));
        }
    }
    if (file) {
        fclose(file);
    }
    int tasks = 0, last = 0;
    proc_counts(&tasks, &last);
    strbuf_printf(out, "processes %d\nprocs_running 1\nprocs_blocked 0\n", last);
    return 0;
}

static int uptime(const struct synth_ref *ref, struct strbuf *out) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    strbuf_printf(out, "%lld.%02ld %lld.%02ld\n", (long long)now.tv_sec, now.tv_nsec / 10000000,
                  (long long)now.tv_sec, now.tv_nsec / 10000000);
    return 0;
}

static int loadavg(const struct synth_ref *ref, struct strbuf *out) {
    double load[3] = {0};
    int tasks = 0, last = 0;
    if (getloadavg(load, 3) < 3) {
        load[0] = load[1] = load[2] = 0;
    }
    proc_counts(&tasks, &last);
    strbuf_printf(out, "%.2f %.2f %.2f 1/%d %d\n", load[0], load[1], load[2], tasks, last);
    return 0;
}

static int version(const struct synth_ref *ref, struct strbuf *out) {
    struct utsname name;
    uname(&name);
    strbuf_printf(out, "Linux version %s (fiberglass) %s\n", name.release, name.version);
    return 0;
}

static int cmdline(const struct synth_ref *ref, struct strbuf *out) {
    strbuf_printf(out, "fiberglass\n");
    return 0;
}

static int devices(const struct synth_ref *ref, struct strbuf *out) {
    strbuf_printf(out, "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n"
                       "  5 /dev/ptmx\n136 pts\n\nBlock devices:\n");
    return 0;
}

static int empty(const struct synth_ref *ref, struct strbuf *out) {
    return 0;
}

static int partitions(const struct synth_ref *ref, struct strbuf *out) {
    strbuf_printf(out, "major minor  #blocks  name\n\n");
    return 0;
}

static int swaps(const struct synth_ref *ref, struct strbuf *out) {
    strbuf_printf(out, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
    return 0;
}

static int locks(const struct synth_ref *ref, struct strbuf *out) {
    lock_list(out);
    return 0;
}

static int tty_drivers(const struct synth_ref *ref, struct strbuf *out) {
    strbuf_printf(out, "/dev/tty             /dev/tty        5       0 system:/dev/tty\n"
                       "/dev/console         /dev/console    5       1 system:console\n"
                       "/dev/ptmx            /dev/ptmx       5       2 system\n"
                       "pty_slave            /dev/pts      136 0-1048575 pty:slave\n"
                       "pty_master           /dev/ptm      128 0-1048575 pty:master\n");
    return 0;
}

static int tty_disciplines(const struct synth_ref *ref, struct strbuf *out) {
    strbuf_printf(out, "n_tty       0\n");
    return 0;
}

static int interrupts(const struct synth_ref *ref, struct strbuf *out) {
    strbuf_printf(out, "           CPU0       \n");
    return 0;
}

static int vmstat(const struct synth_ref *ref, struct strbuf *out) {
    return copy_host("/proc/vmstat", out);
}

/* /proc/self, /proc/thread-self, and the links into it */
static int self_text(const struct synth_ref *ref, struct strbuf *out) {
    strbuf_printf(out, "%d", current ? current->process->pid : 1);
    return 0;
}

static int thread_self_text(const struct synth_ref *ref, struct strbuf *out) {
    if (!current) {
        return -ENOENT;
    }
    strbuf_printf(out, "%d/task/%d", current->process->pid, current->tid);
    return 0;
}

static int mounts_text(const struct synth_ref *ref, struct strbuf *out) {
    strbuf_printf(out, "self/mounts");
    return 0;
}

static int net_text(const struct synth_ref *ref, struct strbuf *out) {
    strbuf_printf(out, "self/net");
    return 0;
}

#define FILE_(n, fn)                                                                               \
    { .name = n, .mode = S_IFREG | 0444, .text = fn }
#define LINK_(n, fn)                                                                               \
    { .name = n, .mode = S_IFLNK | 0777, .text = fn }

static const struct synth_entry tty_children[] = {
    FILE_("drivers", tty_drivers), FILE_("ldiscs", tty_disciplines), {0}};

static const struct synth_entry root_children[] = {
    LINK_("self", self_text),
    LINK_("thread-self", thread_self_text),
    LINK_("mounts", mounts_text),
    LINK_("net", net_text),
    FILE_("cpuinfo", cpuinfo),
    FILE_("meminfo", meminfo),
    FILE_("stat", stat_text),
    FILE_("uptime", uptime),
    FILE_("loadavg", loadavg),
    FILE_("version", version),
    FILE_("filesystems", proc_filesystems),
    FILE_("cmdline", cmdline),
    FILE_("devices", devices),
    FILE_("diskstats", empty),
    FILE_("modules", empty),
    FILE_("partitions", partitions),
    FILE_("swaps", swaps),
    FILE_("interrupts", interrupts),
    FILE_("vmstat", vmstat),
    FILE_("locks", locks),
    {.name = "tty", .mode = S_IFDIR | 0555, .children = tty_children},
    {.name = "sys", .mode = S_IFDIR | 0555, .children = proc_sys_children},
    {0},
};

const struct synth_entry proc_root = {
    .name = "proc",
    .mode = S_IFDIR | 0555,
    .children = root_children,
    .lookup = proc_lookup_pid,
    .list = proc_list_pids,
};
