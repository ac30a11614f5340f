#!/usr/bin/python3
# suite: terminals
# time: 240
# order: 30
"""A shell of the default root on a terminal: prompt, editing, ^C, ^Z, jobs, size, full screen."""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Callable

from elf import small_c
from harness import FG, ROOT, Suite, check, check_equal, remaining
from terminal import Terminal

suite = Suite()
PROMPT = r"fg\$ "
ENV = ["--clear-env", "-e", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "-e", "HOME=/tmp",
       "-e", "TERM=xterm", "-e", "LANG=C.UTF-8"]


def bash(rows: int = 24, columns: int = 80) -> Terminal:
    """An interactive bash at its prompt."""
    terminal = Terminal([*FG, "-r", ROOT, *ENV, "-e", "PS1=fg$ ", "/bin/bash", "--norc",
                         "--noprofile"], rows, columns)
    terminal.expect(PROMPT)
    return terminal


def program(then: str) -> str:
    """A line for the shell: a program that shows "ready" once it has the terminal, then does this.

    A key that comes before is the shell's, and no delay in a test can rule that out."""
    return f"sh -c 'echo rea\"\"dy; {then}'\n"


READY = r"\nready\r\n"


def case(name: str, limit: float = 60) -> Callable[[Callable[[Terminal], None]], None]:
    """A case that gets a bash and must leave it able to end with status 0."""
    def keep(func: Callable[[Terminal], None]) -> None:
        def run() -> None:
            with bash() as t:
                func(t)
                t.send("exit 0\n")
                check_equal("status of the shell", t.wait(), 0)
                check_equal("modes of the terminal afterwards", t.modes(), t.before)
        suite.add(name, run, limit=limit)
    return keep


@case("prompt and command")
def _(t: Terminal) -> None:
    t.send("echo a$((1+1))b\n")
    t.expect(r"\na2b\r\n" + PROMPT)


@case("is a terminal")
def _(t: Terminal) -> None:
    t.send("tty; test -t 0 && test -t 1 && test -t 2 && echo all\n")
    t.expect(r"/dev/(pts/\d+|tty\w*|console)\r\nall\r\n" + PROMPT)
    t.send("ls -l $(tty) | cut -c1; echo hi > /dev/tty; ps -o tty= -p $$\n")
    t.expect(r"\nc\r\nhi\r\n(pts|tty|console)\S*\s*\r\n" + PROMPT)


@case("interrupt a program")
def _(t: Terminal) -> None:
    t.send(program("exec sleep 100"))
    t.expect(READY)
    t.send("\x03")
    t.expect(PROMPT)
    t.send("echo st$?\n")
    t.expect("st130")


@case("interrupt a busy loop")
def _(t: Terminal) -> None:
    t.send("echo rea''dy; while :; do :; done\n")
    t.expect(READY)
    t.send("\x03")
    t.expect(PROMPT)
    t.send("python3 -c 'exec(\"print(42, flush=True)\\nwhile True: pass\")'\n")
    t.expect(r"\n42\r\n")
    t.send("\x03")
    t.expect("KeyboardInterrupt")
    t.expect(PROMPT)


@case("interrupt a line")
def _(t: Terminal) -> None:
    t.send("echo never")
    t.expect("never")
    t.settle()
    t.send("\x03")
    t.expect(PROMPT)
    t.send("echo st$?\n")
    t.expect("st130")


@case("quit")
def _(t: Terminal) -> None:
    t.send("ulimit -c 0; " + program("exec sleep 100"))
    t.expect(READY)
    t.send("\x1c")
    t.expect("Quit")
    t.expect(PROMPT)


@case("stop, background, foreground")
def _(t: Terminal) -> None:
    t.send(program("exec sleep 100"))
    t.expect(READY)
    t.send("\x1a")
    t.expect(r"Stopped\s+sh -c")
    t.expect(PROMPT)
    t.send("jobs\n")
    t.expect(r"\[1\]\+\s+Stopped\s+sh -c")
    t.expect(PROMPT)
    t.send("bg\n")
    t.expect(r"sh -c .* &")
    t.expect(PROMPT)
    t.send("jobs\n")
    t.expect(r"Running\s+sh -c")
    t.expect(PROMPT)
    t.send("fg\n")
    t.expect("sleep 100'\r\n")
    t.press("\x03", PROMPT)
    t.send("jobs; echo none\n")
    t.expect(r"\nnone\r\n" + PROMPT)


@case("stop and go on with a reader")
def _(t: Terminal) -> None:
    t.send(program("exec cat"))
    t.expect(READY)
    t.send("one\n")
    t.expect("one\r\none\r\n")
    t.send("\x1a")
    t.expect("Stopped")
    t.expect(PROMPT)
    t.send("fg\n")
    t.expect("exec cat'\r\n")
    t.send("two\n")
    t.expect("two\r\ntwo\r\n")
    t.send("\x04")
    t.expect(PROMPT)


@case("background reader is stopped")
def _(t: Terminal) -> None:
    t.send("cat &\n")
    t.expect(PROMPT)
    t.press("jobs\n", r"Stopped.*cat.*" + PROMPT)
    t.send("kill %1; fg; echo gone\n")
    t.expect(r"\ngone\r\n")


@case("pipeline in the foreground")
def _(t: Terminal) -> None:
    t.send("sleep 50 | sleep 60 | " + program("exec cat"))
    t.expect(READY)
    t.press("\x1a", "Stopped.*" + PROMPT)
    t.send("kill %1; fg 2>/dev/null; echo st$?\n")
    t.expect(r"\nst(143|1)\r\n")  # 1: gone before fg looked


@case("window size")
def _(t: Terminal) -> None:
    t.send("stty size\n")
    t.expect(r"\n24 80\r\n" + PROMPT)
    t.send("trap 'echo wi''nch' WINCH\n")
    t.expect(PROMPT)
    t.resize(31, 117)
    os.kill(t.pid, signal.SIGWINCH)
    t.settle()
    t.send("stty size; tput cols; echo $COLUMNS\n")
    t.expect(r"\n31 117\r\n117\r\n")
    check(re.search(rb"winch", t.seen), "no SIGWINCH in the guest")
    t.send("stty rows 40 cols 99; stty size\n")
    t.expect(r"\n40 99\r\n")


@case("editing")
def _(t: Terminal) -> None:
    t.send("echo wrogn")
    t.send("\x7f\x7fng\x01\x1b[C\x1b[C\x05 end\n")
    t.expect(r"\nwrong end\r\n" + PROMPT)
    t.send("echo abc\x1bbX\n")
    t.expect(r"\nXabc\r\n" + PROMPT)


@case("history")
def _(t: Terminal) -> None:
    t.send("echo first\n")
    t.expect(r"\nfirst\r\n" + PROMPT)
    t.send("echo second\n")
    t.expect(r"\nsecond\r\n" + PROMPT)
    t.send("\x1b[A\x1b[A\n")
    t.expect(r"\nfirst\r\n" + PROMPT)
    t.send("\x12seco\r")
    t.expect(r"\nsecond\r\n" + PROMPT)
    t.send("!echo:s/second/third/\n")
    t.expect(r"\nthird\r\n" + PROMPT)


@case("completion")
def _(t: Terminal) -> None:
    t.send("ls -d /usr/sha\t\n")
    t.expect(r"\n/usr/share/\r\n" + PROMPT)


@case("modes")
def _(t: Terminal) -> None:
    t.send("stty -echo; echo off; stty -a | grep -o -- '-echo '; stty echo\n")
    t.expect(r"off\r\n-echo \r\n")
    t.expect(PROMPT)
    t.send("s=$(stty -g); stty raw -echo; echo rea''dy; head -c 3 | od -c; stty $s\n")
    t.expect("\nready\n")
    t.send("\x03\ra")
    t.expect(r"003\s+\\r\s+a")
    t.expect(PROMPT)
    t.send("read -p rea''dy -rsn1 k; echo \"<$k>\"\n")
    t.expect("\nready")
    t.send("q")
    t.expect("<q>")
    t.expect(PROMPT)


@case("end of file ends the shell")
def _(t: Terminal) -> None:
    t.send(program("cat; echo after"))
    t.expect(READY)
    t.send("\x04")
    t.expect("after")
    t.expect(PROMPT)


@case("type ahead and long lines")
def _(t: Terminal) -> None:
    t.send("echo " + "x" * 300 + "; sleep 0.3\n")
    t.expect("x" * 20)
    t.send("echo two\necho three\n")
    t.expect(r"\ntwo\r\n")
    t.expect(r"\nthree\r\n" + PROMPT)


@case("nested shells and job control")
def _(t: Terminal) -> None:
    t.send("PS1='in''ner> ' bash --norc --noprofile\n")
    t.expect("inner> ")
    t.send(program("exec sleep 90"))
    t.expect(READY)
    t.send("\x1a")
    t.expect("Stopped")
    t.expect("inner> ")
    t.send("kill %1; fg; exit 3\n")
    t.expect(PROMPT)
    t.send("echo st$?\n")
    t.expect("st3")


@case("full screen: vim")
def _(t: Terminal) -> None:
    t.send("cd /tmp; rm -f v.txt; vim.tiny -u NONE v.txt\n")
    t.expect(r"\x1b\[\?1049h|~")
    t.settle()
    t.send("ihello\x1b:wq\n")
    t.expect(PROMPT)
    t.send("cat v.txt; rm v.txt\n")
    t.expect(r"\nhello\r\n")


@case("full screen: less")
def _(t: Terminal) -> None:
    t.send("seq 500 | less\n")
    t.expect(r"23\r\n.*:")
    t.send("G")
    t.expect("500")
    t.send("q")
    t.expect(PROMPT)


@case("full screen: top")
def _(t: Terminal) -> None:
    t.send("top -d 1\n")
    t.expect(r"PID.*COMMAND", 20)
    t.send("q")
    t.expect(PROMPT)


@case("python at the prompt")
def _(t: Terminal) -> None:
    t.send("python3 -q\n")
    t.expect(">>> ")
    t.send("6*7\n")
    t.expect(r"42\r\n.*>>> ")
    t.settle()
    t.send("\x03")
    t.expect("KeyboardInterrupt")
    t.send("exit()\n")
    t.expect(PROMPT)


@case("script and a terminal within")
def _(t: Terminal) -> None:
    t.send("cd /tmp; script -q s.log\n")
    t.settle(1)
    t.send("PS1='in''s> '\n")
    t.expect("ins> ")
    t.send("tty; stty size\n")
    t.expect(r"/dev/pts/\d+\r+\n24 80")
    t.send("exit\n")
    t.expect(PROMPT)
    t.send("grep -c 'stty size' s.log; rm s.log\n")
    t.expect(r"\n1\r\n")


@case("tmux", limit=90)
def _(t: Terminal) -> None:
    t.send("tmux -f /dev/null new 'PS1=tm''ux bash --norc --noprofile'\n")
    t.expect("tmux", 30)
    t.send("echo $((6*7))\n")
    t.expect("42")
    t.send("exit\n")
    t.expect(PROMPT)


def host_shell(rows: int = 24, columns: int = 80) -> Terminal:
    """The host's own bash, of which Fiberglass is a job; $FG runs it in the default root."""
    words = " ".join(map(shlex.quote, [*FG, "-r", str(ROOT), *ENV]))
    terminal = Terminal(["/bin/bash", "--norc", "--noprofile"], rows, columns,
                        {"PATH": "/usr/bin:/bin", "PS1": "host$ ", "TERM": "xterm", "LC_ALL": "C",
                         "HISTFILE": ""})
    terminal.expect(HOST)
    terminal.send(f"fg_() {{ {words} \"$@\"; }}; job() {{ exec {words} \"$@\"; }}\n")
    terminal.expect(HOST)
    return terminal


HOST = r"host\$ "


@suite.case("a job of the host's shell")
def _() -> None:
    """^Z stops all of it, fg goes on, ^C and ^\\ end it; meanwhile the modes are the shell's."""
    with host_shell() as t:
        t.send("(job /bin/sh -c 'stty -echo; echo rea\"\"dy; exec cat')\n")
        t.expect(READY)
        t.press("\x1a", r"Stopped.*" + HOST)
        t.send("stty -a | grep -o -- ' -\\?echo '\n")
        t.expect(r"\n echo \r\n" + HOST)
        t.send("fg\n")
        t.expect(r"exec cat' ?\)\r\n")
        t.expect_echo(False)
        t.send("seen once\n")
        t.expect(r"seen once\r\n")
        t.settle()
        check(b"seen once\r\nseen once\r\n" not in t.seen, "its mode without echo is not back")
        t.press("\x03", HOST)
        t.send("echo st$?; stty -a | grep -o -- ' -\\?echo '\n")
        t.expect(r"\nst130\r\n echo \r\n" + HOST)
        t.send("(job /bin/sh -c 'ulimit -c 0; echo rea\"\"dy; exec sleep 100')\n")
        t.expect(READY)
        t.press("\x1c", HOST)
        t.send("echo st$?\n")
        t.expect(r"\nst131\r\n" + HOST)
        t.send("exit 0\n")
        check_equal("status", t.wait(), 0)
        check_equal("modes of the terminal afterwards", t.modes(), t.before)


VFORK = r"""
#define _GNU_SOURCE
#include <signal.h>
#include <unistd.h>
static void again(int signo) { write(1, "again\n", 6); }
int main(void) {
    signal(SIGCONT, again);
    if (vfork() == 0) {
        write(1, "ready\n", 6);
        for (;;)
            pause();
    }
}
"""


@suite.case("a job that waits in vfork")
def _() -> None:
    """^Z stops the child alone, and its parent counts as stopped: the host's shell hears of it."""
    program = small_c("job_in_vfork", VFORK)
    with host_shell() as t:
        for end in ("\x03", "\x1c"):
            t.send(f"(ulimit -c 0; exec {shlex.join([*FG, str(program)])})\n")
            t.expect(READY)
            for _ in range(2):
                t.press("\x1a", r"Stopped.*" + HOST)
                t.send("fg\n")
                t.expect(r"\nagain\r\n")
            t.press(end, HOST)
        t.send("exit 0\n")
        check_equal("status", t.wait(), 0)


@suite.case("a job in the background")
def _() -> None:
    """Reading stops it, and changing the modes; in the foreground it goes on."""
    with host_shell() as t:
        t.send("(job /bin/cat) &\n")
        t.expect(HOST)
        t.press("jobs -l\n", r"Stopped \(tty input\).*" + HOST)
        t.send("fg\n")
        t.expect(r"cat ?\)\r\n")
        t.press("forth\n", r"forth\r\nforth\r\n")
        t.press("\x04", HOST)
        t.send("(job /bin/sh -c 'stty -echo; stty echo; echo do\"\"ne') &\n")
        t.expect(HOST)
        t.press("jobs -l\n", r"Stopped \(tty output\).*" + HOST)
        t.send("fg\n")
        t.expect(r"\ndone\r\n" + HOST)
        t.send("exit 0\n")
        check_equal("status", t.wait(), 0)
        check_equal("modes of the terminal afterwards", t.modes(), t.before)


@suite.case("flags of the terminal's description")
def _() -> None:
    """What the guest makes of them is undone: the shell shares them."""
    with host_shell() as t:
        t.send("fg_ /usr/bin/perl -MFcntl -e 'fcntl(STDIN, F_SETFL, O_RDWR | O_NONBLOCK); "
               "print fcntl(STDIN, F_GETFL, 0) & O_NONBLOCK ? qq(set\\n) : qq(not\\n)'\n")
        t.expect(r"\nset\r\n" + HOST)
        check(not fcntl.fcntl(t.slave, fcntl.F_GETFL) & os.O_NONBLOCK, "they stay set")
        t.send("exit 0\n")
        check_equal("status", t.wait(), 0)


SIGNALS = r"""
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
static void note(int signo, siginfo_t *info, void *context) {
    char text[64];
    int n = snprintf(text, sizeof text, "%d code %d pid %d\n", signo, info->si_code, info->si_pid);
    write(1, text, n);
    if (signo == SIGTERM)
        _exit(7);
}
int main(void) {
    struct sigaction action = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
    for (int i = 1; i < 32; i++)
        sigaction(i, &action, NULL);
    write(1, "ready\n", 6);
    for (;;)
        pause();
}
"""


@suite.case("signals from outside")
def _() -> None:
    """Who sends Fiberglass a signal sends it to the guest's first process; others it keeps."""
    program = small_c("signals_from_outside", SIGNALS)
    with subprocess.Popen([*FG, program], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          start_new_session=True) as process:
        assert process.stdout
        try:
            check_equal("start", process.stdout.readline(), b"ready\n")
            for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTSTP,
                           signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM):
                os.kill(process.pid, signal.SIGWINCH)  # of a terminal alone
                os.kill(process.pid, signal.SIGPIPE)
                os.kill(process.pid, number)
                check_equal("what the guest sees", process.stdout.readline(),
                            f"{int(number)} code 0 pid 0\n".encode())
            check_equal("status", process.wait(remaining()), 7)
        finally:
            process.kill()


def ends_with() -> None:
    """A shell that a signal kills, and one whose terminal hangs up, leave nothing behind."""
    with bash() as t:
        t.send("kill -KILL $$\n")
        check(t.wait() in (137, -9), "status of a killed shell")
    with bash() as t:
        t.send("sleep 1000 & \n")
        t.expect(PROMPT)
        t.settle()
        os.kill(t.pid, signal.SIGHUP)
        check(t.wait() in (129, -1, 1, 0), "status after a hang-up")


suite.add("killed and hung up", ends_with)


def status() -> None:
    """The exit status is the shell's."""
    with bash() as t:
        t.send("exit 37\n")
        check_equal("status", t.wait(), 37)
    with Terminal([*FG, "-r", ROOT, *ENV, "/bin/bash", "-l"]) as t:
        t.expect(r"\$ |# ")
        t.send("\x04")
        check_equal("status after ^D", t.wait(), 0)


suite.add("status of the shell", status)

if __name__ == "__main__":
    suite.main()
