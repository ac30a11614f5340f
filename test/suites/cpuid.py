#!/usr/bin/python3
# suite: the guests' processor
# time: 240
# order: 25
"""--cpu and --host-features: what is not shown is an illegal instruction, and CPUID, /proc/cpuinfo,
the auxiliary vector and the guest's dynamic linker say the same."""

from __future__ import annotations

import re
import subprocess
import threading

from elf import compile_c, small_c
from guests import GUESTS, I386, X86_64, Guest, need, need_root
from harness import BUILD, ROOT, TOP, Failure, Suite, check, check_equal, expect_error, fiberglass

suite = Suite()
compiling = threading.Lock()
# What a processor has by the names in test/engine/cpuid_match.c, beside what others above it have.
OWN = {
    "i686": ((), {"fpu", "tsc", "cx8", "cmov", "fcmov"}),
    "pentium3": (("i686",), {"mmx", "fxsr", "sse", "sse on mmx"}),
    "v1": (("pentium3",), {"sse2", "sse2 paddq", "clfsh"}),
    "core2": (("v1",), {"sse3", "fisttp", "ssse3", "lahf_lm"}),
    "v2": (("core2",), {"sse4.1", "sse4.2", "popcnt"}),
    "nehalem": (("v2",), {"rdtscp"}),
    "v3": (("v2",), {"avx", "avx2", "bmi1", "bmi2", "f16c", "movbe", "xsave"}),
    "haswell": (("v3", "nehalem"), {"aes", "pclmul", "rdrand", "fsgsbase"}),
}
# What the test knows by another name than /proc/cpuinfo.
FLAGS = {"clfsh": "clflush", "sse3": "pni", "fisttp": "pni", "sse4.1": "sse4_1",
         "sse4.2": "sse4_2", "pclmul": "pclmulqdq", "sha": "sha_ni", "prefetchw": "3dnowprefetch",
         "fcmov": "cmov", "sse on mmx": "sse", "sse2 paddq": "sse2"}
# The program itself, its C library or the compiler's code need these.
NEEDED = {"fpu", "cmov", "tsc", "fxsr", "sse", "sse2", "lahf_lm"}
# What goes with a hidden feature, as it builds on it (gen/spec/features).
OF_AVX = {"avx", "avx2", "f16c", "fma", "vaes", "vpclmulqdq"}
TOGETHER = {"sse4_1": {"sse4_1", "sse4_2"}, "ssse3": {"ssse3", "sse4_1", "sse4_2"},
            "avx": OF_AVX, "xsave": {"xsave", "osxsave", "xsaveopt", "xsavec"} | OF_AVX}
# What a processor that is asked for has on every host.
IN_C = {"sse3", "fisttp", "pclmul", "ssse3", "sse4.1", "sse4.2", "movbe", "popcnt", "aes", "bmi1",
        "sha", "movdiri", "serialize"}
# As the kernel gave it: the C library has a meaning of its own for AT_HWCAP.
AUXV = r"""
#include <elf.h>
#include <stdio.h>
extern char **environ;
int main(void) {
    unsigned long *at = (unsigned long *)environ, found[64] = {0};
    while (*at) at++;
    for (at++; *at; at += 2) if (*at < 64) found[*at] = at[1];
    printf("%lx %lx %s\n", found[AT_HWCAP], found[AT_HWCAP2], (char *)found[AT_PLATFORM]);
    return 0;
}
"""


def features(name: str) -> set[str]:
    """All that a processor has."""
    others, own = OWN[name]
    return own.union(*(features(other) for other in others))


def probe(guest: Guest, *options: str) -> dict[str, tuple[bool, bool]]:
    """What the guest's CPUID claims and what runs, by feature."""
    need(guest)
    with compiling:  # cases run side by side
        binary = compile_c(TOP / "test/engine/cpuid_match.c",
                           BUILD / f"test/bin{guest.suffix}/cpuid/cpuid_match", "-static",
                           f"-I{TOP}", guest=guest)
    done = fiberglass(*options, binary, "show")
    check_equal(f"status ({done.errors()})", done.status, 0)
    found = re.findall(r"(?m)^(.*) ([01]) ([01])$", done.text())
    check(len(found) > 20, f"odd output: {done.text()}")
    return {name: (claimed == "1", there == "1") for name, claimed, there in found}


def claimed_of(found: dict[str, tuple[bool, bool]]) -> set[str]:
    """What is claimed, which must be what runs."""
    check_equal("claimed and not there, or there and not claimed",
                [name for name, (claimed, there) in found.items() if claimed != there], [])
    return {name for name, (claimed, _) in found.items() if claimed}


def cpuinfo(*options: str) -> set[str]:
    """The flags of /proc/cpuinfo."""
    done = fiberglass(*options, "--root", ROOT, "/bin/cat", "/proc/cpuinfo")
    flags = re.search(r"(?m)^flags\s*:(.*)$", done.text())
    if not flags:
        raise Failure(f"no flags: {done.text()}{done.errors()}")
    return set(flags[1].split())


for each in GUESTS.values():
    @suite.case(f"{each.name}: a hidden feature is an illegal instruction", limit=120)
    def _(guest: Guest = each) -> None:
        everything, shown = claimed_of(probe(guest)), cpuinfo()
        for flag in sorted({FLAGS.get(name, name) for name in everything} - NEEDED):
            check(flag in shown, f"/proc/cpuinfo does not show {flag}")
            flags = TOGETHER.get(flag, {flag}) & (shown | {flag})
            hidden = {name for name in everything if FLAGS.get(name, name) in flags}
            found = probe(guest, f"--cpu=-{flag}")
            if flag == "mmx":  # EMMS is part of that piece
                hidden.add("sse on mmx")
                found["sse on mmx"] = (False, False)
            check_equal(f"left with --cpu=-{flag}", sorted(claimed_of(found)),
                        sorted(everything - hidden))

    @suite.case(f"{each.name}: processors by name", limit=90)
    def _(guest: Guest = each) -> None:
        everything = claimed_of(probe(guest))
        check_equal("max", claimed_of(probe(guest, "--cpu=max")), everything | IN_C)
        for name in OWN:
            if guest is I386 or name not in ("i686", "pentium3"):
                check_equal(name, sorted(claimed_of(probe(guest, f"--cpu={name}"))),
                            sorted(features(name) & (everything | IN_C)))


@suite.case("LAHF of 64-bit mode", limit=30)
def _() -> None:
    check_equal("without it", probe(X86_64, "--cpu=-lahf_lm")["lahf_lm"], (False, False))


LEAF = """
#include <cpuid.h>
#include <stdio.h>
int main(void) {
    unsigned a, b, c, d;
    __cpuid(0, a, b, c, d);
    printf("%u", a);
    return 0;
}
"""


@suite.case("the highest leaf is the processor's", limit=30)
def _() -> None:
    program = small_c("leaf", LEAF)
    for name, leaf in (("i686", 2), ("pentium3", 2), ("v1", 2), ("core2", 4), ("nehalem", 11)):
        check_equal(name, fiberglass(f"--cpu={name}", program).text(), str(leaf))


@suite.case("/proc/cpuinfo and the auxiliary vector agree", limit=60)
def _() -> None:
    program = small_c("auxv", AUXV)
    for options, there in (((), True), (("--cpu=-mmx",), False), (("--cpu=i686",), False)):
        words = fiberglass(*options, program).text().split()
        check_equal(f"AT_HWCAP bit 23 with {options}", bool(int(words[0], 16) >> 23 & 1), there)
        check_equal("in /proc/cpuinfo", "mmx" in cpuinfo(*options), there)
        check_equal("platform", words[2], "i686")
    check_equal("v1's flags", cpuinfo("--cpu=v1") - {"ht"},
                {"fpu", "tsc", "cx8", "sep", "cmov", "clflush", "mmx", "fxsr", "sse", "sse2"})


@suite.case("AT_HWCAP2 of 64-bit programs", limit=30)
def _() -> None:
    need(X86_64)
    source = BUILD / "test/small/auxv64.c"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(AUXV)
    program = compile_c(source, source.with_suffix(""), "-static", guest=X86_64)
    for options in ((), ("--cpu=-fsgsbase",), ("--cpu=v3",)):
        words = fiberglass(*options, program).text().split()
        check_equal(f"FSGSBASE with {options}", bool(int(words[1], 16) & 2),
                    not options and "fsgsbase" in cpuinfo())
        check_equal("platform", words[2], "x86_64")


@suite.case("the dynamic linker chooses by the processor", limit=60)
def _() -> None:
    need(X86_64)
    need_root(X86_64)

    def levels(*options: str) -> list[str]:
        done = fiberglass(*options, "--root", X86_64.root, "/lib64/ld-linux-x86-64.so.2", "--help")
        check_equal(f"status ({done.errors()})", done.status, 0)
        return re.findall(r"(?m)^  x86-64-(v\d) \(supported", done.text())

    v2 = {"pni", "ssse3", "sse4_1", "sse4_2", "popcnt", "cx16", "lahf_lm"} <= cpuinfo()
    check_equal("of v1", levels("--cpu=v1"), [])
    check_equal("of v2", levels("--cpu=v2"), ["v2"] if v2 else [])
    check_equal("of v2 without SSSE3", levels("--cpu=v2,-ssse3"), [])
    check_equal("of v2 on a host of v1", levels("--cpu=v2", "--host-features=v1"), [])
    check_equal("of v2 on a host that has of v2 only what no C serves",
                levels("--cpu=v2", "--host-features=v1,+cx16,+lahf_lm"), ["v2"])


@suite.case("a host with less", limit=60)
def _() -> None:
    everything = cpuinfo()
    check_equal("flags", cpuinfo("--host-features=v1"), cpuinfo("--cpu=v1"))
    check_equal("both", cpuinfo("--host-features=v3,-avx2", "--cpu=v3,-fma"),
                cpuinfo("--cpu=v3,-fma,-avx2"))
    check_equal("in C", cpuinfo("--host-features=v2,-popcnt", "--cpu=v2,-cx16"),
                cpuinfo("--cpu=v2,-cx16"))
    check_equal("without --cpu", cpuinfo("--host-features=v2,-popcnt"), cpuinfo("--cpu=v2,-popcnt"))
    if "popcnt" in everything:
        check_equal("alone", everything - cpuinfo("--cpu=-popcnt"), {"popcnt"})
        check_equal("added", cpuinfo("--cpu=v1,+popcnt") - cpuinfo("--cpu=v1"), {"popcnt"})
    if "abm" in everything:
        check_equal("by another name", everything - cpuinfo("--cpu=-lzcnt"), {"abm"})
    expect_error(fiberglass("--host-features=v1", "--cpu=v1,+avx", "/bin/true"), 125,
                 "no feature 'avx' can be there; there are fpu tsc")


for each in GUESTS.values():
    @suite.case(f"{each.name}: what no host had yet, in C", limit=60)
    def _(guest: Guest = each) -> None:
        need(guest)
        with compiling:
            program = compile_c(TOP / "test/engine/unseen.c",
                                BUILD / f"test/bin{guest.suffix}/cpuid/unseen", "-static",
                                f"-I{TOP}", guest=guest)
        lines = fiberglass("--cpu=max", program).text().splitlines()
        without_avx2 = {"avx_vnni", "avx_ifma"} if "avx2" not in cpuinfo() else set()
        check_equal("lines", lines, [
            f"{name}: {'not there' if name in without_avx2 else 'as the model'}"
            for name in ("gfni", "avx_vnni", "avx_ifma", "movdiri", "movdir64b", "cldemote",
                         "serialize")])


@suite.case("mistakes")
def _() -> None:
    for text, says in (("v9", "no processor is called 'v9'; there are max i686 pentium3 v1 v2"),
                       ("", "no processor is called ''"),
                       ("v1,+nosuch", "no feature 'nosuch' can be there; there are fpu"),
                       ("v1,-nosuch", "no feature 'nosuch'"), ("+", "no feature ''"),
                       ("v1,sse", "'sse' is not +feature or -feature"),
                       ("v1,,", "'' is not +feature")):
        for option in ("--cpu", "--host-features"):
            expect_error(fiberglass(f"{option}={text}", "/bin/true"), 125,
                         re.escape(f"{option}: {says}"))
    if "avx2" in cpuinfo():
        expect_error(fiberglass("--cpu=max,-avx,+avx2", "/bin/true"), 125,
                     "--cpu: avx2 needs avx, which the processor does not have")


@suite.case("a processor without 64-bit mode runs no x86-64 programs", limit=30)
def _() -> None:
    need(X86_64)
    program = BUILD / "test/small/end64"
    expect_error(fiberglass("--cpu=pentium3", program), 126, "which the processor that --cpu names")
    check_equal("status of v1", fiberglass("--cpu=v1", program).status, 0)


@suite.case("completion knows the processors")
def _() -> None:
    names = re.search(r"there are (.*), each", fiberglass("--cpu=?", "/bin/true").errors())
    assert names
    script = f"source {TOP / 'cli/completion.bash'}; COMP_WORDS=(fiberglass --cpu ''); " \
             "COMP_CWORD=2; _fiberglass; echo ${COMPREPLY[@]}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    check_equal("names", sorted(done.stdout.split()), sorted(names[1].split()))


if __name__ == "__main__":
    suite.main()
