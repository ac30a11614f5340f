# Hashes, regular expressions, sorting, sprintf, pack, local, closures, sprintf of floats.
use strict; use warnings;
my %n; my $text = join ' ', map { "w" . ($_ * 7919 % 501) } 1 .. 20000;
$n{$_}++ for split / /, $text;
my @top = (sort { $n{$b} <=> $n{$a} || $a cmp $b } keys %n)[0 .. 4];
print join(",", map { "$_=$n{$_}" } @top), "\n";
(my $t = $text) =~ s/w(\d)(\d*)/$2w$1/g; print length($t), " ", substr($t, 0, 30), "\n";
print join("|", "a1b22c333" =~ /([a-z])(\d+)/g), "\n";
printf "%.15g %.3e %5s|%-5s| %x %o %b %s\n", atan2(1, 1) * 4, 1e100 / 3, "ab", "cd", 255, 8, 10, 9**20;
print unpack("H*", pack("NnCa4fd", 1, 2, 3, "abcd", 1.5, -2.5)), "\n";
my @s = map { my $i = $_; sub { $i * shift } } 1 .. 3; print join(" ", map { $_->(10) } @s), "\n";
local $_ = "The cat sat"; print "match $&\n" if /c(?=at)\w+/; tr/a-z/A-Z/; print "$_\n";
print join(" ", sort { $a <=> $b } map { int(sqrt($_) * 1000) } 1 .. 10), "\n";
my $str = "aXbXc"; print join("-", reverse split /X/, $str), " ", ucfirst(lc "HELLO"), "\n";
{ my $x = 0; $x += $_ / 3 for 1 .. 1000; print "$x\n"; print int(1e15 / 7), " ", 2**53 + 1, " ", 10 % 3, " ", -10 % 3, "\n"; }
eval { die { code => 42 } }; print "died $@->{code}\n";
print "heredoc: ", <<"E", "end\n";
@{[ 1 + 2 ]} interpolated
E
my @a = (5, 3, 9); @a[0, 1] = @a[1, 0]; print "@a[0..$#a] ", scalar(@a), "\n";
print join(",", map { sprintf "%.2f", exp($_) + log($_) + sin($_) + cos($_) } 1 .. 5), "\n";
my $re = qr/(\((?:[^()]++|(?1))*\))/; print "nested: $1\n" if "x(a(b)c)y" =~ $re;
binmode STDOUT, ":utf8"; print chr(0x263a), length("\x{1F600}x"), lc("\x{c9}"), "\n";
