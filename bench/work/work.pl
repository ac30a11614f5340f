# Work for perl: hashes, regular expressions, sorting, string building.
use strict; use warnings;
my $total = 0;
for my $r (1 .. $ARGV[0]) {
    my $text = join ' ', map { "w" . ($_ * 7919 % 4001) } 1 .. 12000;
    my %n; $n{$_}++ for split / /, $text;
    my @top = (sort { $n{$b} <=> $n{$a} || $a cmp $b } keys %n)[0 .. 9];
    $total += () = $text =~ /w(\d)\d*\1/g;
    (my $t = $text) =~ s/w(\d)(\d+)/$2$1/g;
    $total += length($t) + $n{$top[0]} + $r;
    my $s = 0; $s += $_ * 3 % 7 for 1 .. 60000; $total += $s;
}
print "$total\n";
