# zsh: arrays, maps, globs, modules, coprocesses, floating point.
setopt extendedglob
zmodload zsh/mathfunc zsh/datetime zsh/system
typeset -A m=(one 1 two 2 three 3)
for k in ${(ok)m}; do print -r -- "$k=$m[$k]"; done
a=({1..20}); print ${a[2,5]} ${(j:-:)a[15,-1]} ${#a} ${(Oa)a[1,3]}
print $(( sqrt(2) )) $(( 2**62 )) $(( 7 % 3 )) $(( [#16] 255 ))
print -l s/*.(py|rb)(N:t) | sort | head -n 5
print ${${:-a.b.c}:e} ${(U):-upper} ${(s:,:):-x,y,z}
coproc tr a-z A-Z
print -p hello; exec {out}>&p; coproc exit; read -r line <&p; print $line; exec {out}>&-
f() { local x=$1; (( x > 1 )) && { f $((x - 1)); print -n "$x "; }; return 0 }
f 10; print
trap 'print usr1' USR1; kill -USR1 $$; { print in; exit 3 } | cat; print ${pipestatus[*]}
[[ abcde == (#b)(a*)c(d*) ]] && print $match
