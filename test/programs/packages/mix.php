<?php // PHP: objects, closures, generators, regular expressions, sqlite, sockets, big strings.
function fib() { [$a, $b] = [0, 1]; while (true) { yield $a; [$a, $b] = [$b, $a + $b]; } }
foreach (fib() as $i => $v) { if ($i > 10) break; echo $v, " "; }
echo "\n", PHP_INT_MAX, " ", 10 / 3, " ", intdiv(7, 2), " ", 0.1 + 0.2, " ", 2 ** 63, "\n";
abstract class Shape { abstract function area(): float; }
class Circle extends Shape { function __construct(private float $r) {} function area(): float { return M_PI * $this->r ** 2; } }
printf("%.6f\n", (new Circle(2))->area());
echo preg_replace_callback('/\d+/', fn($m) => $m[0] * 2, 'a1b22c333'), "\n", md5(str_repeat("x", 100000)), " ", hash('sha256', 'abc'), " ", crc32('abc'), "\n";
$words = ['pear', 'fig', 'apple']; usort($words, fn($a, $b) => strlen($a) <=> strlen($b)); echo implode(' ', $words), "\n";
echo json_encode(['a' => [1, 2.5, null], 'b' => "é"]), " ", serialize([1, 'x' => true]), "\n";
try { throw new DomainException("bad", 3); } catch (Exception $e) { echo get_class($e), $e->getCode(), "\n"; } finally { echo "finally\n"; }
$db = new SQLite3(':memory:'); $db->exec('create table t(a, b)'); $s = $db->prepare('insert into t values(?, ?)');
for ($i = 0; $i < 500; $i++) { $s->bindValue(1, $i); $s->bindValue(2, $i * 1.5); $s->execute(); }
print_r($db->querySingle('select count(*), sum(a), avg(b) from t where a % 3 = 0', true));
$server = stream_socket_server('tcp://127.0.0.1:0'); $client = stream_socket_client('tcp://' . stream_socket_get_name($server, false));
$peer = stream_socket_accept($server); fwrite($client, "hello\n"); echo strrev(trim(fgets($peer))), "\n";
$sum = 0; for ($i = 0; $i < 300000; $i++) { $sum = ($sum * 31 + $i) & 0xffffff; } echo $sum, "\n";
$a = range(1, 20000); shuffle($a); sort($a); echo array_sum($a), " ", $a[77], "\n", gzcompress('x') === false ? '' : strlen(gzuncompress(gzcompress(str_repeat('ab', 5000)))), "\n";
echo date('Y-m-d', 1e9), " ", number_format(1234567.891, 2), " ", ucwords('the end'), " ", str_pad('x', 5, '-', STR_PAD_BOTH), "\n";
