/* /sys: the few files that programs read there (number of CPUs, huge page settings), nothing of the
 * host's devices. */
#include "syscalls/fs/vfs_synthetic.h"
#include "syscalls/proc/proc_internal.h"

#include <string.h>
#include <unistd.h>

static int cpus(const struct synth_ref *ref, struct strbuf *out) {
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    if (n > 1) {
        strbuf_printf(out, "0-%ld\n", n - 1);
    } else {
        strbuf_printf(out, "0\n");
    }
    return 0;
}

static int kernel_max(const struct synth_ref *ref, struct strbuf *out) {
    strbuf_printf(out, "63\n");
    return 0;
}

static int no_cpus(const struct synth_ref *ref, struct strbuf *out) {
    strbuf_printf(out, "\n");
    return 0;
}

static int thp(const struct synth_ref *ref, struct strbuf *out) {
    strbuf_printf(out, "always madvise [never]\n");
    return 0;
}

static int zero(const struct synth_ref *ref, struct strbuf *out) {
    strbuf_printf(out, "0\n");
    return 0;
}

#define FILE_(n, fn)                                                                               \
    { .name = n, .mode = S_IFREG | 0444, .text = fn }
#define DIR_(n, c)                                                                                 \
    { .name = n, .mode = S_IFDIR | 0555, .children = c }

static const struct synth_entry cpu_files[] = {FILE_("online", cpus),
                                               FILE_("possible", cpus),
                                               FILE_("present", cpus),
                                               FILE_("offline", no_cpus),
                                               FILE_("isolated", no_cpus),
                                               FILE_("kernel_max", kernel_max),
                                               {0}};
static const struct synth_entry node_files[] = {
    FILE_("online", zero), FILE_("possible", zero), FILE_("has_cpu", zero), {0}};
static const struct synth_entry system_dirs[] = {
    DIR_("cpu", cpu_files), DIR_("node", node_files), {0}};
static const struct synth_entry devices_dirs[] = {DIR_("system", system_dirs), {0}};
static const struct synth_entry thp_files[] = {
    FILE_("enabled", thp), FILE_("defrag", thp), FILE_("hpage_pmd_size", zero), {0}};
static const struct synth_entry nothing[] = {{0}};
static const struct synth_entry mm_dirs[] = {
    DIR_("transparent_hugepage", thp_files), DIR_("hugepages", nothing), {0}};
static const struct synth_entry kernel_dirs[] = {DIR_("mm", mm_dirs), {0}};
static const struct synth_entry fs_dirs[] = {DIR_("cgroup", nothing), {0}};
static const struct synth_entry dev_dirs[] = {DIR_("block", nothing), DIR_("char", nothing), {0}};
static const struct synth_entry root_dirs[] = {
    DIR_("block", nothing),      DIR_("bus", nothing),          DIR_("class", nothing),
    DIR_("dev", dev_dirs),       DIR_("devices", devices_dirs), DIR_("fs", fs_dirs),
    DIR_("kernel", kernel_dirs), DIR_("module", nothing),       {0}};

const struct synth_entry sys_root = DIR_("sys", root_dirs);
