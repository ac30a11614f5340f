# Work for the profile: fields, arrays, string functions.
{
    for (i = 1; i <= NF; i++) { seen[$i]++; total += length($i) }
    line = line substr($0, 1, 3)
    if (match($0, /[0-9]+/)) numbers += substr($0, RSTART, RLENGTH)
}
END {
    for (word in seen) if (seen[word] > best) { best = seen[word]; which = word }
    gsub(/a/, "b", line)
    printf "%d %d %s %d %.3f\n", NR, total, which, length(line), numbers / (NR + 1)
}
