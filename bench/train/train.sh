# Work for the profile: a shell's own loops, expansions, functions and pipes.
fib() { if [ "$1" -lt 2 ]; then echo "$1"; else echo $(($(fib $(($1 - 1))) + $(fib $(($1 - 2))))); fi; }
fib 7
i=0 text=
while [ $i -lt 1500 ]; do
    i=$((i + 1))
    case $((i % 5)) in 0) text="$text,$i" ;; 1) text=${text#*,} ;; *) : "${text%%,*}" ;; esac
done
echo ${#text}
ls -lR /usr/share/doc | sort -k5n | tail -n 1 | cut -c1-10
find /usr/share -name '*a*' | grep -c e
seq 20000 | sed -n 's/\([0-9]\)\([0-9]\)$/\2\1/p' | tr 0-4 5-9 | sort -u | wc -l
tar cf - /usr/share/doc 2>/dev/null | wc -c | head -c 1
