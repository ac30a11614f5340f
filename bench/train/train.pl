# Work for the profile: hashes, regular expressions, sorting, strings.
use strict;
my (%count, @list);
for my $i (1 .. 60000) {
    my $key = join '-', $i % 613, ($i * 7) % 11;
    $count{$key} += length $key;
    push @list, $key if $i % 3 == 0;
}
my $text = join ' ', sort { $count{$a} <=> $count{$b} || $a cmp $b } keys %count;
my $hits = () = $text =~ /\b(\d+)-([0-5])\b/g;
(my $other = $text) =~ s/(\d)(\d)/$2$1/g;
my $sum = 0;
for my $word (split / /, $other) {
    my ($x, $y) = split /-/, $word;
    $sum += $x * $y if defined $y and $x =~ /^\d+$/ and $y =~ /^\d+$/;
}
print "$hits $sum ", scalar(@list), " ", substr(uc(reverse $text), 0, 20), "\n";
