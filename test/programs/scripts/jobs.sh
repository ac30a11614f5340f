# Background jobs, wait, kill, job control, process groups.
set -m
sleep 30 & a=$!
sleep 31 & b=$!
jobs -l | sed "s/ $a / A /; s/ $b / B /"
kill -STOP %1
sleep 0.2
jobs | sed 's/ *$//'
kill -CONT %1
sleep 0.2
kill %1
wait $a; echo "a: $?"
kill -KILL $b
wait $b; echo "b: $?"
(exit 7) & wait $!; echo "c: $?"
for i in 1 2 3; do (sleep 0.$i; echo "job $i") & done
wait
echo "all done"
x=$(sleep 0.1 & echo sub)
echo "$x"
coproc CAT { cat; }
echo through >&"${CAT[1]}"
read -r line <&"${CAT[0]}"
echo "coproc: $line"
eval "exec ${CAT[1]}>&-"
wait
(trap 'echo child got TERM; exit 3' TERM; kill -TERM $BASHPID; sleep 5)
echo "sub: $?"
set +m
yes | head -n 3
echo "${PIPESTATUS[@]}"
