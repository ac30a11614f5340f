# fish: lists, functions, string, math, events.
set -l xs (seq 10)
echo $xs[2..4] (count $xs) (math "2 ^ 10 + sqrt(2)")
function fib -a n; if test $n -lt 2; echo $n; else; math (fib (math $n - 1)) + (fib (math $n - 2)); end; end
echo (fib 6)
string replace -r '(\w+) (\w+)' '$2 $1' 'one two'; string split , a,b,c; string upper abc
switch abc; case 'a*'; echo matched; end
for i in (seq 3); echo $i; end | sort -r
echo hi | read -l v; echo $v; false; echo $status; true | false | true; echo $pipestatus
function f --on-event e; echo event $argv; end; emit e 7
