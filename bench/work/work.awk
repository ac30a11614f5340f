# Work for gawk: fields, associative arrays, string functions, arithmetic.
{ n[$1 % 1000] += $2; len += length($0); if ($2 ~ /7.*7/) sevens++; s = substr($0, 2, 5); gsub(/1/, "one", s); t += length(s) }
END { for (i = 0; i < 1000; i++) x += n[i] * sqrt(i); print x, len, sevens, t }
