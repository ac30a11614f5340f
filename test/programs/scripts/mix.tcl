# Lists, dictionaries, expressions, procedures, regular expressions, files, bignums, coroutines.
proc fib n { expr {$n < 2 ? $n : [fib [expr {$n - 1}]] + [fib [expr {$n - 2}]]} }
puts [fib 16]
puts [lsort -integer [lmap x {5 3 9 1} {expr {$x * 7}}]]
puts [expr {2 ** 100}] ; puts [expr {sin(1.0) + sqrt(2)}] ; puts [expr {7 / 2}] ; puts [expr {-7 / 2}] ; puts [format %.17g [expr {1 / 3.0}]]
set d [dict create a 1 b 2] ; dict incr d a 10 ; puts $d
puts [regsub -all {(\w)(\w*)} "hello big world" {\2\1}]
puts [string toupper abc][string range abcdef 1 3][string map {a 1 b 2} aabb]
coroutine c apply {{} { yield ; foreach x {1 2 3} { yield $x } }} ; puts [c][c][c]
puts [catch {error boom} msg]$msg
set f [open out.txt w] ; puts $f "line one\nline two" ; close $f ; set f [open out.txt] ; puts [lindex [split [read $f] \n] 1] ; close $f
puts [exec echo from exec | tr a-z A-Z] ; puts [clock format 86400 -gmt 1 -format %Y-%m-%d]
after 50 {set done 1} ; vwait done ; puts "event $done" ; puts [string length [encoding convertto utf-8 \u20ac]]
for {set i 0; set s 0} {$i < 20000} {incr i} {incr s $i} ; puts $s
