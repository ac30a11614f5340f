# Ruby: threads, fibers, processes, sockets, big numbers, GC, regular expressions.
require "socket"; require "json"; require "digest"; require "set"
puts (1..60).reduce(:*), 2**200 % 1000007, 10.0 / 3, Rational(1, 3) + Rational(1, 6), Complex(1, 2)**3
q = Queue.new
ts = 4.times.map { |i| Thread.new { 100.times { |j| q << i * j } } }; ts.each(&:join)
puts q.size, q.size.times.map { q.pop }.sum
f = Fiber.new { 3.times { |i| Fiber.yield i * i }; :done }; p 4.times.map { f.resume }
e = Enumerator.new { |y| a, b = 0, 1; loop { y << a; a, b = b, a + b } }; p e.lazy.select(&:even?).first(8)
r, w = IO.pipe; pid = fork { r.close; w.puts Process.ppid == $$ ? "?" : "child"; exit!(7) }; w.close; puts r.read; Process.wait(pid); p $?.exitstatus
s = TCPServer.new("127.0.0.1", 0); t = Thread.new { c = s.accept; c.puts c.gets.reverse; c.close }
c = TCPSocket.new("127.0.0.1", s.addr[1]); c.puts "hello"; p c.read; t.join
puts JSON.generate({ "a" => [1, 2.5, nil], "b" => "é" }), Digest::SHA256.hexdigest("x" * 1000)
p "the quick brown".scan(/(\w)(\w+)/), "a-b_c".tr("-_", "  ").split, "%08.3f|%-5s|%x" % [3.14159, "ab", 255]
h = Hash.new { |hh, k| hh[k] = k < 2 ? k : hh[k - 1] + hh[k - 2] }; p h[90]
x = 20000.times.map { |i| ("k%d" % i).to_sym.to_s * 3 }; GC.start; p x.size, x.uniq.size
begin; raise ArgumentError, "bad"; rescue => err; p err.class, err.message; ensure; puts "ensured"; end
p catch(:out) { 10.times { |i| throw :out, i if i == 6 }; 0 }, [3, 1, 2].sort_by { -_1 }, (1..10).each_slice(3).to_a
p ObjectSpace.respond_to?(:each_object), `echo sub`.chomp, Struct.new(:a, :b).new(1, 2).to_a, Set[1, 2] | Set[3]
