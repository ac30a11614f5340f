# Tcl: events, sockets, coroutines, dictionaries, big numbers.
proc accept {c a p} { fconfigure $c -buffering line; fileevent $c readable [list answer $c] }
proc answer c { if {[gets $c line] < 0} { close $c; return }; puts $c [string reverse $line] }
set s [socket -server accept -myaddr 127.0.0.1 0]; set port [lindex [fconfigure $s -sockname] 2]
proc client {port} { global done; set c [socket 127.0.0.1 $port]; fconfigure $c -buffering line; puts $c hello; fileevent $c readable [list apply {{c} { puts [gets $c]; close $c; set ::done 1 }} $c] }
client $port; vwait done; close $s
proc gen {} { yield; for {set i 0} {$i < 5} {incr i} { yield [expr {$i ** 2}] } }; coroutine g gen; puts [list [g] [g] [g]]
set d [dict create a 1 b 2]; dict incr d a 5; puts $d; puts [expr {2 ** 100}]; puts [lsort -integer {10 9 2 33}]; puts [regsub -all {\d+} a1b22 <&>]
after 20 { set ::t 1 }; vwait t; puts [exec echo child | tr a-z A-Z]; puts [catch { error bad } m]; puts $m; puts [clock format 0 -gmt 1 -format %Y]; puts [binary scan [binary format I 258] H* h]$h
set t 0; for {set i 0} {$i < 100000} {incr i} { incr t [expr {$i % 7}] }; puts $t
