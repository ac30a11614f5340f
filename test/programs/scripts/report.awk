# Associative arrays, formatted output, string functions, floating point, user functions, pipes.
function gcd(a, b) { return b ? gcd(b, a % b) : a }
BEGIN { OFS = ":" ; print gcd(1071, 462), substr("hello", 2, 3), index("hello", "ll"), toupper("abc") }
{ n[$1 % 10] += $2; len += length($0); if ($2 ~ /^[0-9]*7$/) sevens++ }
END {
    for (i = 0; i < 10; i++) printf "%d %.6f\n", i, n[i] / 3
    print len, sevens, NR, sin(1), exp(1), log(10), sqrt(2), atan2(0, -1), int(-3.7), 2 ^ 31, 1e6, 0.1 + 0.2
    s = "a b c"; gsub(/ /, "_", s); print s, split("x,y,z", parts, ","), parts[3]
    print "sorted" | "cat"; close("cat"); "echo cmd" | getline line; print line
    print match("foobar", /o+/), RSTART, RLENGTH, sprintf("%c%5.1f%-4s|%e", 65, 3.14159, "x", 12345.678)
    print strftime("%Y", 0, 1), and(12, 10), lshift(1, 10), length(parts), 1e300 * 1e300, -log(0)
    srand(1); a = rand(); print (a >= 0 && a < 1), substr("x", 0), 100000 * 100000, 2 ** 53 + 1
}
