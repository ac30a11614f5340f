# fork, pipe, exec, wait, signals, sockets, file tests, directory handles.
use strict; use warnings; use Socket; use POSIX ":sys_wait_h"; $| = 1;
pipe(my $r, my $w) or die; my $pid = fork;
if (!$pid) { close $r; print $w "from child\n"; exit 3 }
close $w; print "got: ", scalar <$r>; waitpid $pid, 0; print "status ", $? >> 8, "\n";
print "backticks: ", `echo a b | tr a-z A-Z`; system "exit 5"; print $? >> 8, "\n";
$SIG{USR1} = sub { print "usr1\n" }; kill USR1 => $$;
$SIG{ALRM} = sub { die "alarm\n" }; eval { alarm 1; select undef, undef, undef, 10 }; print $@;
my @kids = map { my $i = $_; my $p = fork; if (!$p) { exit $i } $p } 1 .. 5;
my $sum = 0; for (@kids) { waitpid $_, 0; $sum += $? >> 8 } print "sum $sum\n";
socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die; syswrite $a, "pair"; sysread $b, my $buf, 10; print "$buf\n";
open my $f, ">", "file" or die; print $f "line $_\n" for 1 .. 100; close $f;
open $f, "<", "file" or die; my @l = <$f>; close $f; print scalar(@l), " ", -s "file", " ", (-d "." ? "dir" : "no"), "\n";
open my $p, "-|", "sort", "-rn", "-k2", "file" or die; print scalar <$p>; close $p;
opendir my $d, "/usr" or die; print join(" ", grep { /^(bin|lib|share)$/ } sort readdir $d), "\n";
rename "file", "file2"; unlink "file2"; print -e "file2" ? "there" : "gone", "\n"; open my $n, "<", "/nope" or print "err: ", $! + 0, " $!\n";
my $k = fork; if (!$k) { kill KILL => $$ } waitpid $k, 0; print "signal ", $? & 127, "\n";
print waitpid(-1, WNOHANG), "\n"; my @t = gmtime 1e9; print "@t[0..5]\n"; printf "%s\n", POSIX::strftime("%F %T", @t);
