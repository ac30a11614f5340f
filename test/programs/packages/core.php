<?php
function fib($n) { return $n < 2 ? $n : fib($n - 1) + fib($n - 2); }
function count_up() { for ($i = 0; $i < 1000; $i++) { yield $i; } }
function mandelbrot() {
    $n = 0;
    for ($y = 0; $y < 60; $y++) {
        for ($x = 0; $x < 60; $x++) {
            $cr = $x / 30 - 1.5;
            $ci = $y / 30 - 1;
            for ($r = $i = $k = 0; $k < 100 && $r * $r + $i * $i < 4; $k++) {
                [$r, $i] = [$r * $r - $i * $i + $cr, 2 * $r * $i + $ci];
            }
            $n += $k;
        }
    }
    return $n;
}
for ($j = 0; $j < 5; $j++) {
    echo fib(16), " ", mandelbrot(), "\n";
}
preg_match_all('/(\w+)@(\w+)\.com/', str_repeat("joe@x.com, ann@yy.com; ", 1000), $m);
echo count($m[0]), " ", $m[2][1], "\n";
$a = range(1, 20000);
usort($a, fn($x, $y) => ($x * 7919 % 50021) <=> ($y * 7919 % 50021));
echo md5(json_encode($a)), " ", md5(serialize($a)), " ", array_sum(iterator_to_array(count_up())), "\n";
$fiber = new Fiber(function () { echo "got ", Fiber::suspend(1), "\n"; });
echo $fiber->start(), "\n";
$fiber->resume("hi");
echo password_verify("a", password_hash("a", PASSWORD_BCRYPT, ["cost" => 4])) ? "ok" : "no", "\n";
echo intdiv(PHP_INT_MIN, 3), " ", PHP_INT_MAX + 1, " ", 0.1 + 0.2, " ", fdiv(1, 0), "\n";
try { intdiv(1, 0); } catch (DivisionByZeroError $e) { echo get_class($e), "\n"; }
echo hash("sha256", "a"), " ", hash("xxh3", "abc"), " ", crc32("abc"), "\n";
echo (new DateTime("2024-02-29", new DateTimeZone("Europe/Berlin")))->modify("+1 year")->format(DATE_ATOM), "\n";
for ($s = "", $i = 0; $i < 100000; $i++) {
    $s .= chr($i * 31 % 96 + 32);
    if (strlen($s) > 5000) { $s = md5($s); }
}
echo md5($s), "\n";
