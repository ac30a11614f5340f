# What ksh93 and mksh have in common.
typeset -i i=0
while ((i < 5)); do ((i += 1)); done; print $i
set -A a x y z; print ${a[1]} ${#a[*]}
f() { typeset v=local; print $v $1; }; f arg
print $((0x7fffffff + 1)) $((5 / 2)) $((16#ff))
case abc in a*(b|c)) print matched ;; esac
x=hello; print ${x#he} ${x%lo} ${#x} ${x:1:3}
print one two | while read -r p q; do print $q $p; done
trap 'print bye' EXIT; (exit 4); print $?
print -- "$(print nested $(print deeper))"
let "k = 3 * 7"; print $k
for w in *; do [[ -d $w ]] && print dir; done; sleep 0.05 & wait $!; print $?
