// HotSpot: threads, locks, streams, exceptions, big numbers, sockets, hot loops, a null check by SIGSEGV.
import java.math.BigInteger;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import java.util.stream.*;

public class Mix {
    interface Shape { double area(); }
    record Square(double side) implements Shape { public double area() { return side * side; } }
    record Circle(double r) implements Shape { public double area() { return Math.PI * r * r; } }
    static int field;
    int value;

    static long hot(int n) { long s = 0; for (int i = 0; i < n; i++) { s = s * 31 + (i ^ (s >>> 7)); } return s; }
    static int depth(int n) { return depth(n + 1) + 1; }
    static int nothing(Mix m) { return m.value; }

    public static void main(String[] args) throws Exception {
        System.out.println(BigInteger.TWO.pow(200).mod(BigInteger.valueOf(1000007)) + " " + hot(2_000_000));
        double d = 0; for (int i = 1; i < 200000; i++) { d += Math.sqrt(i) / (i + 0.5); } System.out.println(d);
        System.out.println(Stream.of(new Square(2), new Circle(1)).mapToDouble(Shape::area).sum());
        System.out.println(IntStream.rangeClosed(1, 100000).parallel().filter(i -> i % 7 == 0).asLongStream().sum());
        var pool = Executors.newFixedThreadPool(4); var count = new AtomicLong(); var map = new ConcurrentHashMap<Integer, Integer>();
        var futures = new ArrayList<Future<Integer>>();
        for (int t = 0; t < 16; t++) { int me = t; futures.add(pool.submit(() -> { for (int i = 0; i < 1000; i++) { count.addAndGet(i); map.merge(i % 100, 1, Integer::sum); synchronized (Mix.class) { field++; } } return me * me; })); }
        int squares = 0; for (var f : futures) { squares += f.get(); } pool.shutdown(); pool.awaitTermination(60, TimeUnit.SECONDS);
        System.out.println(squares + " " + count + " " + map.values().stream().mapToInt(i -> i).sum() + " " + field);
        int caught = 0; for (int i = 0; i < 30000; i++) { try { nothing(i % 3 == 0 ? null : new Mix()); } catch (NullPointerException e) { caught++; } } System.out.println(caught);
        try { depth(0); } catch (StackOverflowError e) { System.out.println("overflow"); }
        try { System.out.println(1 / (args.length)); } catch (ArithmeticException e) { System.out.println(e.getMessage()); }
        try { int[] a = new int[3]; a[args.length + 3] = 1; } catch (ArrayIndexOutOfBoundsException e) { System.out.println(e.getMessage()); }
        try (var server = new ServerSocket(0)) {
            var t = new Thread(() -> { try (var s = server.accept()) { s.getOutputStream().write(s.getInputStream().readNBytes(5)); } catch (Exception e) { System.out.println(e); } }); t.start();
            try (var s = new Socket("127.0.0.1", server.getLocalPort())) { s.getOutputStream().write("hello".getBytes()); System.out.println(new String(s.getInputStream().readAllBytes())); } t.join();
        }
        var garbage = new ArrayList<byte[]>(); long total = 0; for (int i = 0; i < 20000; i++) { garbage.add(new byte[4000]); if (garbage.size() > 500) { garbage.clear(); } total += garbage.size(); } System.out.println(total);
        System.out.println(new TreeMap<>(Arrays.stream("the quick the lazy the dog".split(" ")).collect(Collectors.groupingBy(w -> w, Collectors.counting()))) + " " + String.format("%08.3f %x", 3.14159, 255) + " " + "a1b22".replaceAll("[0-9]+", "<$0>"));
        char[] c = new char[100000]; Arrays.fill(c, 'x'); System.out.println(new String(c).hashCode() + " " + Arrays.hashCode(new int[]{1, 2, 3}) + " " + Long.bitCount(0x123456789abcdefL) + " " + Long.numberOfTrailingZeros(4096) + " " + Math.fma(1.5, 2.5, 3.5) + " " + Math.sin(1e6) + " " + StrictMath.exp(1));
        var md = java.security.MessageDigest.getInstance("SHA-256"); md.update(new byte[500000]); System.out.println(HexFormat.of().formatHex(md.digest()) + " " + new java.util.zip.CRC32() {{ update(new byte[100000]); }}.getValue());
    }
}
