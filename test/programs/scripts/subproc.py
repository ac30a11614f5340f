"""subprocess: pipes, statuses, time limits, environments, descriptors, sessions, signals."""
import os
import signal
import subprocess
import sys

print(subprocess.run(["echo", "hi"], capture_output=True, text=True).stdout)
print(subprocess.run(["sh", "-c", "exit 42"]).returncode)
print(subprocess.run(["sh", "-c", "kill -9 $$"]).returncode)
p = subprocess.Popen(["sort", "-r"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
print(p.communicate(b"a\nc\nb\n"))
try:
    subprocess.run(["sleep", "20"], timeout=0.3)
except subprocess.TimeoutExpired as e:
    print("timeout", round(e.timeout, 1))
a = subprocess.Popen(["seq", "1000"], stdout=subprocess.PIPE)
b = subprocess.Popen(["awk", "{s+=$1} END {print s}"], stdin=a.stdout, stdout=subprocess.PIPE)
a.stdout.close()
print(b.communicate()[0], a.wait())
print(subprocess.check_output("echo $X-$Y", shell=True, env={"X": "1", "Y": "two"}))
try:
    subprocess.run(["/no/such/program"])
except FileNotFoundError as e:
    print(e.errno, e.filename)
try:
    subprocess.check_call(["false"])
except subprocess.CalledProcessError as e:
    print(e.returncode)
r, w = os.pipe()
subprocess.run(["sh", "-c", f"echo over >&{w}"], pass_fds=[w])
os.close(w)
print(os.read(r, 100))
p = subprocess.Popen(["sleep", "20"], start_new_session=True)
print(os.getsid(p.pid) == p.pid, os.getpgid(p.pid) == p.pid)
os.killpg(p.pid, signal.SIGTERM)
print(p.wait())
print(subprocess.run(["pwd"], cwd="/usr/share", capture_output=True).stdout)
big = b"x" * 300000
print(len(subprocess.run(["cat"], input=big, capture_output=True).stdout))
print([subprocess.run([sys.executable, "-c", f"import sys; sys.exit({i})"]).returncode
       for i in (0, 1, 255)])
pid = os.fork()
if pid == 0:
    os._exit(11)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
pid = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 5"], {})
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
print(os.system("exit 3") >> 8, os.popen("echo popen").read())
