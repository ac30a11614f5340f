# Traps: signals, EXIT, ERR, DEBUG, in functions and subshells.
trap 'echo usr1' USR1
trap 'echo usr2' USR2
kill -USR1 $$
kill -USR2 $$
( trap 'echo exit of subshell' EXIT; exit 4 )
echo "status $?"
f() { trap 'echo return of f' RETURN; return 5; }
f; echo "f $?"
trap - RETURN
trap 'echo err at line' ERR
false
true
trap - ERR
bash -c 'kill -TERM $$'; echo "death $?"
bash -c 'kill -SEGV $$' 2>/dev/null; echo "death $?"
bash -c 'trap "" TERM; kill -TERM $$; echo survived'
trap 'echo int; trap - INT' INT
kill -INT $$
(sleep 0.2; kill -USR1 $$) &
wait $!; echo "wait $?"
wait
timeout 0.3 sleep 5; echo "timeout $?"
timeout -s KILL 0.3 sleep 5; echo "timeout $?"
ulimit -c 0; ulimit -n 64; ulimit -n
trap 'echo bye' EXIT
exit 9
