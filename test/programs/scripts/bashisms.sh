# Arrays, associative arrays, regular expressions, process substitution, arithmetic of bash.
declare -A n=([one]=1 [two]=2 [three]=3)
for k in $(printf '%s\n' "${!n[@]}" | sort); do echo "$k=${n[$k]}"; done
a=({a..e} {1..10..3}); echo "${a[@]:2:3} ${#a[@]} ${a[-1]}"
[[ 2026-11-21 =~ ([0-9]+)-([0-9]+)-([0-9]+) ]] && echo "${BASH_REMATCH[3]}.${BASH_REMATCH[2]}"
diff <(printf '1\n2\n3\n') <(printf '1\n3\n4\n'); echo "diff $?"
printf -v x '%05d|%-8s|%+.3e|%q' 42 left 12345.678 "a b'c"; echo "$x"
echo "$((16#ff)) $((2**62)) $((0x7fffffff * 3)) $((1 ? 2 : 3)) $(( (1<<63)-1 ))"
s=hello; echo "${s^^} ${s/l/L} ${s//l/L} ${s: -3} ${s@Q}"
mapfile -t lines < <(seq 5); echo "${lines[*]}"
f() { local -n ref=$1; ref+=" more"; }; v=some; f v; echo "$v"
for ((i = 0; i < 3; i++)); do echo -n "$i,"; done; echo
select_me=$(compgen -b | wc -l); [ "$select_me" -gt 50 ] && echo builtins
shopt -s extglob nullglob
touch x1.c x2.c y.h; echo !(*.h|*.txt)
echo "$(<y.h)"; time_out=$({ TIMEFORMAT=%0R; time sleep 0; } 2>&1); echo "t=$time_out"
printf '%(%Y-%m-%d)T\n' 86400
exec {fd}<x1.c; [ "$fd" -ge 10 ] && echo fd
read -r -t 0.2 line < <(sleep 3) ; echo "read $?"
sum=0; while read -r v; do ((sum += v)); done < <(seq 1000); echo $sum
str=$(head -c 100000 /dev/zero | tr '\0' x); echo ${#str}
