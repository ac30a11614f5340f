/* /proc/sys and /proc/net: settings that programs read, and the host's network tables where they
 * harm nothing. What is shown as writable takes the write and forgets it only where Linux would let
 * the guest change nothing either; everything else refuses. */
#include "syscalls/proc/proc_internal.h"
#include "syscalls/net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

static int ostype(const struct synth_ref *ref, struct strbuf *out) {
    strbuf_printf(out, "Linux\n");
    return 0;
}

static int osrelease(const struct synth_ref *ref, struct strbuf *out) {
    struct utsname name;
    uname(&name);
    strbuf_printf(out, "%s\n", name.release);
    return 0;
}

static int os_version(const struct synth_ref *ref, struct strbuf *out) {
    struct utsname name;
    uname(&name);
    strbuf_printf(out, "%s\n", name.version);
    return 0;
}

static int hostname(const struct synth_ref *ref, struct strbuf *out) {
    struct utsname name;
    uname(&name);
    strbuf_printf(out, "%s\n", name.nodename);
    return 0;
}

static int domainname(const struct synth_ref *ref, struct strbuf *out) {
    struct utsname name;
    uname(&name);
    strbuf_printf(out, "%s\n", name.domainname);
    return 0;
}

/* Files whose text is fixed: the entry's name tells which. */
static const struct {
    const char *name, *text;
} fixed[] = {
    {"pid_max", "32768\n"},
    {"threads-max", "15000\n"},
    {"ngroups_max", "65536\n"},
    {"cap_last_cap", "40\n"},
    {"overflowuid", "65534\n"},
    {"overflowgid", "65534\n"},
    {"msgmax", "8192\n"},
    {"msgmnb", "16384\n"},
    {"msgmni", "32000\n"},
    {"sem", "32000\t1024000000\t500\t32000\n"},
    {"shmmax", "4294967295\n"},
    {"shmall", "4294967295\n"},
    {"shmmni", "4096\n"},
    {"randomize_va_space", "0\n"},
    {"core_pattern", "core\n"},
    {"core_uses_pid", "0\n"},
    {"dmesg_restrict", "1\n"},
    {"kptr_restrict", "1\n"},
    {"perf_event_paranoid", "4\n"},
    {"printk", "4\t4\t1\t7\n"},
    {"sched_rt_runtime_us", "950000\n"},
    {"tainted", "0\n"},
    {"overcommit_memory", "0\n"},
    {"overcommit_ratio", "50\n"},
    {"max_map_count", "65530\n"},
    {"mmap_min_addr", "65536\n"},
    {"swappiness", "60\n"},
    {"nr_hugepages", "0\n"},
    {"legacy_va_layout", "0\n"},
    {"file-max", "1048576\n"},
    {"nr_open", "1048576\n"},
    {"file-nr", "0\t0\t1048576\n"},
    {"pipe-max-size", "1048576\n"},
    {"pipe-user-pages-soft", "16384\n"},
    {"pipe-user-pages-hard", "0\n"},
    {"lease-break-time", "45\n"},
    {"protected_symlinks", "0\n"},
    {"protected_hardlinks", "0\n"},
    {"suid_dumpable", "0\n"},
    {"aio-max-nr", "65536\n"},
    {"aio-nr", "0\n"},
    {"max_user_watches", "65536\n"},
    {"max_user_instances", "128\n"},
    {"max_queued_events", "16384\n"},
    {"poolsize", "256\n"},
    {"entropy_avail", "256\n"},
    {"max_dgram_qlen", "512\n"},
    {"somaxconn", "4096\n"},
    {"ip_local_port_range", "32768\t60999\n"},
    {"tcp_fin_timeout", "60\n"},
    {"ip_forward", "0\n"},
    {"rmem_max", "212992\n"},
    {"wmem_max", "212992\n"},
};

static int fixed_text(const struct synth_ref *ref, struct strbuf *out) {
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
        if (!strcmp(fixed[i].name, ref->entry->name)) {
            strbuf_printf(out, "%s", fixed[i].text);
            return 0;
        }
    }
    return -ENOENT;
}

static int print_uuid(const uint8_t raw[16], struct strbuf *out) {
    for (int i = 0; i < 16; i++) {
        strbuf_printf(out, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", raw[i]);
    }
    strbuf_printf(out, "\n");
    return 0;
}

static int random_uuid(uint8_t raw[16]) {
    if (getrandom(raw, 16, 0) != 16) {
        return -EIO;
    }
    raw[6] = (raw[6] & 0x0f) | 0x40; /* RFC 4122: version 4 */
    raw[8] = (raw[8] & 0x3f) | 0x80;
    return 0;
}

static int uuid(const struct synth_ref *ref, struct strbuf *out) {
    uint8_t raw[16];
    int error = random_uuid(raw);
    return error ? error : print_uuid(raw, out);
}

/* One boot is one run. */
static int boot_id(const struct synth_ref *ref, struct strbuf *out) {
    static uint8_t raw[16];
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static bool made;
    pthread_mutex_lock(&lock);
    int error = made ? 0 : random_uuid(raw);
    made = !error;
    pthread_mutex_unlock(&lock);
    return error ? error : print_uuid(raw, out);
}

#define FILE_(n, fn)                                                                               \
    { .name = n, .mode = S_IFREG | 0444, .text = fn }
#define FIXED(n)                                                                                   \
    { .name = n, .mode = S_IFREG | 0444, .text = fixed_text }
#define DIR_(n, c)                                                                                 \
    { .name = n, .mode = S_IFDIR | 0555, .children = c }

static const struct synth_entry random_files[] = {
    FILE_("uuid", uuid), FILE_("boot_id", boot_id), FIXED("poolsize"), FIXED("entropy_avail"), {0}};
static const struct synth_entry kernel_files[] = {
    FILE_("ostype", ostype),
    FILE_("osrelease", osrelease),
    FILE_("version", os_version),
    FILE_("hostname", hostname),
    FILE_("domainname", domainname),
    DIR_("random", random_files),
    FIXED("pid_max"),
    FIXED("threads-max"),
    FIXED("ngroups_max"),
    FIXED("cap_last_cap"),
    FIXED("overflowuid"),
    FIXED("overflowgid"),
    FIXED("msgmax"),
    FIXED("msgmnb"),
    FIXED("msgmni"),
    FIXED("sem"),
    FIXED("shmmax"),
    FIXED("shmall"),
    FIXED("shmmni"),
    FIXED("randomize_va_space"),
    FIXED("core_pattern"),
    FIXED("core_uses_pid"),
    FIXED("dmesg_restrict"),
    FIXED("kptr_restrict"),
    FIXED("perf_event_paranoid"),
    FIXED("printk"),
    FIXED("sched_rt_runtime_us"),
    FIXED("tainted"),
    {0},
};
static const struct synth_entry vm_files[] = {FIXED("overcommit_memory"), FIXED("overcommit_ratio"),
                                              FIXED("max_map_count"),     FIXED("mmap_min_addr"),
                                              FIXED("swappiness"),        FIXED("nr_hugepages"),
                                              FIXED("legacy_va_layout"),  {0}};
static const struct synth_entry inotify_files[] = {
    FIXED("max_user_watches"), FIXED("max_user_instances"), FIXED("max_queued_events"), {0}};
static const struct synth_entry fs_files[] = {FIXED("file-max"),
                                              FIXED("nr_open"),
                                              FIXED("file-nr"),
                                              FIXED("pipe-max-size"),
                                              FIXED("pipe-user-pages-soft"),
                                              FIXED("pipe-user-pages-hard"),
                                              FIXED("lease-break-time"),
                                              FIXED("protected_symlinks"),
                                              FIXED("protected_hardlinks"),
                                              FIXED("suid_dumpable"),
                                              FIXED("aio-max-nr"),
                                              FIXED("aio-nr"),
                                              DIR_("inotify", inotify_files),
                                              {0}};
static const struct synth_entry unix_files[] = {FIXED("max_dgram_qlen"), {0}};
static const struct synth_entry core_files[] = {
    FIXED("somaxconn"), FIXED("rmem_max"), FIXED("wmem_max"), {0}};
static const struct synth_entry ipv4_files[] = {
    FIXED("ip_local_port_range"), FIXED("tcp_fin_timeout"), FIXED("ip_forward"), {0}};
static const struct synth_entry sys_net[] = {
    DIR_("core", core_files), DIR_("ipv4", ipv4_files), DIR_("unix", unix_files), {0}};
const struct synth_entry proc_sys_children[] = {DIR_("kernel", kernel_files),
                                                DIR_("vm", vm_files),
                                                DIR_("fs", fs_files),
                                                DIR_("net", sys_net),
                                                {0}};

/* --- /proc/net: the host's, since sockets are ------------------------------------------ */

/* Bytes of the lines that name the columns. */
static size_t head_of(const char *table, const char *text, size_t len) {
    static const char *const headless[] = {"if_inet6", "ipv6_route", "sockstat", "snmp", "netstat"};
    for (size_t i = 0; i < ARRAY_LEN(headless); i++) {
        if (!strcmp(table, headless[i])) {
            return 0;
        }
    }
    size_t lines = strcmp(table, "dev") ? 1 : 2, at = 0;
    while (at < len && lines) {
        lines -= text[at++] == '\n';
    }
    return at;
}

static int net_copy(const struct synth_ref *ref, struct strbuf *out) {
    char path[64], buf[4096];
    snprintf(path, sizeof path, "/proc/net/%s", ref->entry->name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    ssize_t n;
    while ((n = read(fd, buf, sizeof buf)) > 0 && socket_network) {
        strbuf_add(out, buf, (size_t)n);
    }
    if (n > 0) /* nothing but the head of the table */
    {
        strbuf_add(out, buf, head_of(ref->entry->name, buf, (size_t)n));
    }
    close(fd);
    return n < 0 ? -errno : 0;
}

const struct synth_entry proc_net_children[] = {
    FILE_("dev", net_copy),        FILE_("route", net_copy),
    FILE_("arp", net_copy),        FILE_("tcp", net_copy),
    FILE_("tcp6", net_copy),       FILE_("udp", net_copy),
    FILE_("udp6", net_copy),       FILE_("raw", net_copy),
    FILE_("unix", net_copy),       FILE_("if_inet6", net_copy),
    FILE_("sockstat", net_copy),   FILE_("snmp", net_copy),
    FILE_("netstat", net_copy),    FILE_("protocols", net_copy),
    FILE_("ipv6_route", net_copy), {0},
};
